"""Writing the CFX document in its one exact form: values -> HEAD and the vouchers in base64."""

from __future__ import annotations

import binascii
import re
from typing import Final

from .envelope import HEAD_READERS, LONGEST_MSG_ID, PLAIN, REGION, YEAR, Head
from .errors import LocalProtocolError, RuleError
from .frame import APPLICATION
from .masking import shown
from .types import WireType, is_date, text_reader
from .xml import escape

_STRICT_MSG_ID = text_reader(WireType.STRING, 1, 20)
_CHARSETS: Final = {"GBK": "gbk", "GB18030": "gb18030"}
_PLAIN_START = re.compile(
    rf'<\?xml version="1\.0" encoding="(?:GBK|GB18030)"\?><CFX><HEAD><APP>{APPLICATION}</APP>'
    rf"<VER>{PLAIN}{{3}}</VER><SRC>{PLAIN}{{1,12}}</SRC><DES>{PLAIN}{{1,12}}</DES>"
    rf"<MsgNo>[0-9]{{4}}</MsgNo><MsgID>{PLAIN}{{1,20}}</MsgID>"
    rf"<MsgRef>{PLAIN}{{1,{LONGEST_MSG_ID}}}</MsgRef><WorkDate>[0-9]{{8}}</WorkDate><Reserve/></HEAD>"
    rf'<MSG><MOF><VoucherCount>1</VoucherCount><VoucherBody AdmDivCode="[0-9]{{6}}" '
    rf'StYear="[0-9]{{4}}" VtCode="[0-9]{{4}}" VoucherNo="{PLAIN}{{1,20}}"><Voucher>'
)
_BETWEEN: Final = b"</Voucher></VoucherBody>"
_END: Final = b"</Voucher></VoucherBody></MOF></MSG></CFX>"
_TAG = re.compile(r"<(/?)([A-Za-z_][A-Za-z0-9_.-]*)[^<>]*?(/?)>")


def write_envelope(
    head: Head,
    voucher_xml: str,
    *more: str,
    adm_div_code: str,
    st_year: str,
    charset: str = "GBK",
) -> bytes:
    """Return the document with one VoucherBody per voucher, in the exact written form.

    voucher_xml: the text ``<Voucher>…</Voucher>``, escaped. adm_div_code: region, six digits;
    st_year: year of WorkDate; VtCode is MsgNo and VoucherNo is MsgID. charset: GBK or GB18030 (the
    node's). Raises LocalProtocolError naming field and character.
    """
    codec = _CHARSETS.get(charset)
    if codec is None:
        raise LocalProtocolError(f"documents are not written in {charset!r}")
    src, des, number, msg_id, msg_ref, work_date, reserve, ver, app = head
    start = (
        f'<?xml version="1.0" encoding="{charset}"?><CFX><HEAD><APP>{app}</APP><VER>{ver}</VER>'
        f"<SRC>{src}</SRC><DES>{des}</DES><MsgNo>{number}</MsgNo><MsgID>{msg_id}</MsgID>"
        f"<MsgRef>{msg_ref}</MsgRef><WorkDate>{work_date}</WorkDate>"
        f"{f'<Reserve>{reserve}</Reserve>' if reserve else '<Reserve/>'}</HEAD>"
        f"<MSG><MOF><VoucherCount>1</VoucherCount>"
        f'<VoucherBody AdmDivCode="{adm_div_code}" StYear="{st_year}" VtCode="{number}" '
        f'VoucherNo="{msg_id}"><Voucher>'
    )
    if more or _PLAIN_START.fullmatch(start) is None or not is_date(work_date):
        return _write_slowly(head, (voucher_xml, *more), charset, adm_div_code, st_year)
    try:
        data = voucher_xml.encode(codec)
    except UnicodeEncodeError as error:
        raise _cannot_carry(voucher_xml, error.start, charset) from None
    return b"%b%b%b" % (start.encode("ascii"), binascii.b2a_base64(data, newline=False), _END)


def _write_slowly(
    head: Head, vouchers: tuple[str, ...], charset: str, adm_div_code: str, st_year: str
) -> bytes:
    """Write what the common form does not cover, checking field by field."""
    for tag, value, form in (("AdmDivCode", adm_div_code, REGION), ("StYear", st_year, YEAR)):
        if form.fullmatch(value) is None:
            raise LocalProtocolError(f"{value!r} is not allowed", tag=tag)
    texts = dict(
        zip(
            ("SRC", "DES", "MsgNo", "MsgID", "MsgRef", "WorkDate", "Reserve", "VER", "APP"),
            head,
            strict=True,
        )
    )
    parts = [f'<?xml version="1.0" encoding="{charset}"?><CFX><HEAD>']
    for tag, read in HEAD_READERS:
        text = texts[tag]
        try:
            if text or tag != "Reserve":
                (_STRICT_MSG_ID if tag == "MsgID" else read)(text)
        except RuleError as error:
            raise LocalProtocolError(f"{error} ({shown(text)!r})", tag=tag) from None
        if tag == "APP" and text != APPLICATION:
            raise LocalProtocolError(f"must be {APPLICATION}", tag=tag)
        parts.append(f"<{tag}>{escape(text)}</{tag}>" if text else f"<{tag}/>")
    parts.append(f"</HEAD><MSG><MOF><VoucherCount>{len(vouchers)}</VoucherCount>")
    number = escape(head.msg_id).replace('"', "&quot;")
    opening = (
        f'<VoucherBody AdmDivCode="{adm_div_code}" StYear="{st_year}" VtCode="{head.msg_no}" '
        f'VoucherNo="{number}"><Voucher>'
    )
    codec = _CHARSETS[charset]
    pieces = [_encode("".join(parts), codec, charset)]
    for xml in vouchers:
        data = binascii.b2a_base64(_encode(xml, codec, charset), newline=False)
        pieces += [opening.encode("ascii"), data, _BETWEEN]
    return b"".join(pieces) + b"</MOF></MSG></CFX>"


def _encode(xml: str, codec: str, charset: str) -> bytes:
    try:
        return xml.encode(codec)
    except UnicodeEncodeError as error:
        raise _cannot_carry(xml, error.start, charset) from None


def _cannot_carry(xml: str, position: int, charset: str) -> LocalProtocolError:
    """Name the element that encloses the character at `position` of `xml`."""
    stack: list[str] = []
    for closing, tag, empty in _TAG.findall(xml, 0, position):
        if closing:
            del stack[-1:]
        elif not empty:
            stack.append(tag)
    character = xml[position]
    return LocalProtocolError(
        f"{charset} cannot carry the character {character!r} (U+{ord(character):04X})",
        tag=stack[-1] if stack else None,
        character=character,
    )
