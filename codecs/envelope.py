"""Reading the CFX document: HEAD, VoucherCount and the vouchers in base64 -> values.

Opening goes in two steps, because the MAC is verified before any voucher is decoded:
`open_envelope` reads HEAD and keeps each voucher's base64 text, `VoucherPart.decode` decodes it.

    <CFX><HEAD>…</HEAD><MSG><MOF>
      <VoucherCount>1</VoucherCount>
      <VoucherBody AdmDivCode= StYear= VtCode= VoucherNo=><Voucher>base64</Voucher></VoucherBody>
    </MOF></MSG></CFX>
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from lxml import etree

from .errors import RemoteProtocolError, Rule, RuleError
from .frame import APPLICATION, VERSION
from .masking import shown
from .types import WireType, is_date, text_reader
from .xml import Limits, parse

_WHITE: Final = " \t\r\n"


class Head(NamedTuple):
    """HEAD of a message; the comment names the tag."""

    src: str  # SRC 发送方节点代码
    des: str  # DES 接收方节点代码
    msg_no: str  # MsgNo 报文编号
    msg_id: str  # MsgID 报文标识号
    msg_ref: str  # MsgRef 报文参考号
    work_date: str  # WorkDate 发送日期, yyyymmdd
    reserve: str = ""  # Reserve 预留
    ver: str = VERSION  # VER 版本号
    app: str = APPLICATION  # APP 应用名称


class VoucherPart(NamedTuple):
    """One VoucherBody. Attributes that the peer left out have the defaults of `open_envelope`."""

    adm_div_code: str
    st_year: str
    vt_code: str
    voucher_no: str
    text: str  # base64 as received, not yet decoded

    def decode(self) -> bytes:
        """Return the voucher's bytes. Raises RemoteProtocolError on Voucher: no strict base64."""
        return decode_voucher(self.text)

    def __repr__(self) -> str:
        """Return a text without the voucher: it holds personal data."""
        return f"VoucherPart({self.vt_code}, {self.voucher_no}, {len(self.text)} characters)"


class Envelope(NamedTuple):
    """An opened message. warnings: English, for the log; unknown_elements: ignored ones."""

    head: Head
    vouchers: tuple[VoucherPart, ...]
    warnings: tuple[str, ...]
    unknown_elements: int


ENVELOPE_LIMITS: Final = Limits(max_depth=5, max_elements=20_000)
"""Opened before the sender is authenticated, so much less than a voucher may hold."""
LONGEST_MSG_ID: Final = 32
"""The documents' own sample has 23 characters where the table says 20."""

HEAD_READERS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    # in the order in which they are written
    ("APP", text_reader(WireType.STRING, 1, 80)),
    ("VER", text_reader(WireType.STRING, 3, 3)),
    ("SRC", text_reader(WireType.STRING, 1, 12)),
    ("DES", text_reader(WireType.STRING, 1, 12)),
    ("MsgNo", text_reader(WireType.NSTRING, 4, 4)),
    ("MsgID", text_reader(WireType.STRING, 1, LONGEST_MSG_ID)),
    ("MsgRef", text_reader(WireType.STRING, 1, LONGEST_MSG_ID)),
    ("WorkDate", text_reader(WireType.DATE, 8, 8)),
    ("Reserve", text_reader(WireType.GBSTRING, 0, 20)),
)
_CFX_TAGS: Final = frozenset(("HEAD", "MSG"))
_HEAD_TAGS: Final = frozenset(tag for tag, _ in HEAD_READERS)
_MSG_TAGS: Final = frozenset(("MOF",))
_MOF_TAGS: Final = frozenset(("VoucherCount", "VoucherBody"))
_BODY_TAGS: Final = frozenset(("Voucher",))
_COUNT = re.compile(r"[0-9]{1,8}")
REGION = re.compile(r"[0-9]{6}")
YEAR = re.compile(r"[0-9]{4}")
_BLANKS: Final = str.maketrans("", "", _WHITE)


def decode_voucher(text: str) -> bytes:
    """Return the bytes of a Voucher's base64 text; XML white space inside it is allowed.

    Raises RemoteProtocolError (10002) on Voucher.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass  # white space is rare: looked for only when the plain way fails
    try:
        return binascii.a2b_base64(text.translate(_BLANKS), strict_mode=True)
    except ValueError:
        raise RemoteProtocolError(Rule.BASE64, tag="Voucher") from None


def open_envelope(
    body: bytes,
    *,
    default_encoding: str = "GBK",
    default_year: str = "",
    limits: Limits = ENVELOPE_LIMITS,
) -> Envelope:
    """Return the message in a frame's `body`; its vouchers stay base64.

    default_encoding: where the document declares none. default_year: StYear of a VoucherBody
    without it; AdmDivCode is 000000 then. Raises RemoteProtocolError (10002), whose `head` has what
    could be read of HEAD, for an answer.
    """
    if len(body) <= limits.max_bytes and limits.max_elements >= 20 and limits.max_depth >= 5:
        usual = _open_usual(body, default_year)
        if usual is not None:
            return usual
    return _Opener(default_year).open(parse(body, default_encoding=default_encoding, limits=limits))


PLAIN: Final = "[!#-%'-;=?-~]"  # printable ASCII that needs neither escape nor trimming
_USUAL_START = re.compile(
    rf'<\?xml version="1\.0" encoding="(?:GBK|GB2312|GB18030|UTF-8)"\?><CFX><HEAD>'
    rf"<APP>{APPLICATION}</APP><VER>({PLAIN}{{3}})</VER><SRC>({PLAIN}{{1,12}})</SRC>"
    rf"<DES>({PLAIN}{{1,12}})</DES><MsgNo>([0-9]{{4}})</MsgNo><MsgID>({PLAIN}{{1,20}})</MsgID>"
    rf"<MsgRef>({PLAIN}{{1,20}})</MsgRef><WorkDate>([0-9]{{8}})</WorkDate>"
    rf"<Reserve(?:/>|></Reserve>)</HEAD><MSG><MOF><VoucherCount>1</VoucherCount><VoucherBody"
    rf'(?: AdmDivCode="([0-9]{{6}})" StYear="([0-9]{{4}})" VtCode="([0-9]{{4}})"'
    rf' VoucherNo="({PLAIN}{{1,32}})")?><Voucher>'
)
_USUAL_END: Final = "</Voucher></VoucherBody></MOF></MSG></CFX>"


def _open_usual(body: bytes, default_year: str) -> Envelope | None:
    """Return the message of a document in the written form, or None: parse it then.

    Most documents are in that form, and matching it costs a quarter of parsing. It is well-formed
    by construction, and a property test holds that the parser says the same.
    """
    if not body.isascii():
        return None
    text = body.decode("ascii")
    match = _USUAL_START.match(text)
    if match is None or not text.endswith(_USUAL_END):
        return None
    voucher = text[match.end() : -len(_USUAL_END)]
    ver, src, des, number, msg_id, msg_ref, work_date, region, year, kind, no = match.groups()
    if (
        not voucher
        or "<" in voucher
        or "&" in voucher
        or ">" in voucher
        or " " in voucher
        or not voucher.isprintable()
        or not is_date(work_date)
    ):
        return None
    head = Head(src, des, number, msg_id, msg_ref, work_date, "", ver)
    if region is None:
        part = VoucherPart("000000", default_year, number, "", voucher)
    elif kind == number:
        part = VoucherPart(region, year, kind, no, voucher)
    else:
        return None
    return Envelope(head, (part,), (), 0)


class _Opener:
    """Walk one document, collecting what is only noted."""

    __slots__ = ("_default_year", "_unknown", "_warnings")

    def __init__(self, default_year: str) -> None:
        self._default_year = default_year
        self._warnings: list[str] = []
        self._unknown = 0

    def open(self, root: etree._Element) -> Envelope:
        if root.tag != "CFX":
            raise RemoteProtocolError(Rule.ROOT, expected="CFX")
        parts = self._children(root, _CFX_TAGS)
        if "HEAD" not in parts:
            raise RemoteProtocolError(Rule.MISSING, tag="HEAD")
        head = self._head(parts["HEAD"])
        try:
            vouchers = self._vouchers(parts.get("MSG"), head)
        except RemoteProtocolError as error:
            error.head = head
            raise
        return Envelope(head, vouchers, tuple(self._warnings), self._unknown)

    def _children(
        self,
        parent: etree._Element,
        known: frozenset[str],
        repeated: list[etree._Element] | None = None,
    ) -> dict[str, etree._Element]:
        """Return the known children by tag; all VoucherBody go to `repeated` where it is given."""
        text = parent.text
        if text and text.strip(_WHITE):
            raise RemoteProtocolError(Rule.STRAY_TEXT, tag=parent.tag)
        found: dict[str, etree._Element] = {}
        for child in parent:
            tag = child.tag
            if tag not in known:
                self._unknown += 1
            elif repeated is not None and tag == "VoucherBody":
                repeated.append(child)
            elif tag in found:
                raise RemoteProtocolError(Rule.DUPLICATE, tag=tag)
            else:
                found[tag] = child
            text = child.tail
            if text and text.strip(_WHITE):
                raise RemoteProtocolError(Rule.STRAY_TEXT, tag=parent.tag)
        return found

    def _head(self, element: etree._Element) -> Head:
        """Return HEAD; on the first error go on, so that the error carries what can be read."""
        found = self._children(element, _HEAD_TAGS)
        values: dict[str, str] = {}
        first: RemoteProtocolError | None = None
        for tag, read in HEAD_READERS:
            text = ""
            try:
                text = _scalar(found.get(tag), tag)
                values[tag] = read(text) if text or tag != "Reserve" else ""
            except RuleError as error:
                first = first or RemoteProtocolError(
                    error if text else Rule.EMPTY, tag=tag, value=shown(text) if text else None
                )
            except RemoteProtocolError as error:
                if tag != "Reserve" or error.rule is not Rule.MISSING:
                    first = first or error
        get = values.get
        head = Head(
            get("SRC", ""),
            get("DES", ""),
            get("MsgNo", ""),
            get("MsgID", ""),
            get("MsgRef", ""),
            get("WorkDate", ""),
            get("Reserve", ""),
            get("VER", ""),
            get("APP", ""),
        )
        if first is None and head.app != APPLICATION:
            first = RemoteProtocolError(Rule.APPLICATION, tag="APP", value=shown(head.app))
        if first is not None:
            first.head = head
            raise first
        for tag, value in (("MsgID", head.msg_id), ("MsgRef", head.msg_ref)):
            if len(value) > 20:
                self._warnings.append(f"{tag} has {len(value)} characters instead of at most 20")
        return head

    def _vouchers(self, msg: etree._Element | None, head: Head) -> tuple[VoucherPart, ...]:
        if msg is None:
            raise RemoteProtocolError(Rule.MISSING, tag="MSG")
        mof = self._children(msg, _MSG_TAGS).get("MOF")
        if mof is None:
            raise RemoteProtocolError(Rule.MISSING, tag="MOF")
        bodies: list[etree._Element] = []
        found = self._children(mof, _MOF_TAGS, bodies)
        text = _scalar(found.get("VoucherCount"), "VoucherCount")
        if _COUNT.fullmatch(text) is None:
            raise RemoteProtocolError(Rule.INTEGER, tag="VoucherCount", value=shown(text))
        if int(text) != len(bodies) or not bodies:
            raise RemoteProtocolError(
                Rule.COUNT_DIFFERS, tag="VoucherCount", declared=int(text), counted=len(bodies)
            )
        return tuple([self._voucher(body, head) for body in bodies])

    def _voucher(self, body: etree._Element, head: Head) -> VoucherPart:
        text = _scalar(self._children(body, _BODY_TAGS).get("Voucher"), "Voucher")
        if not text:
            raise RemoteProtocolError(Rule.EMPTY, tag="Voucher")
        get = body.get
        region = get("AdmDivCode", "000000").strip(_WHITE)
        year = get("StYear", self._default_year).strip(_WHITE)
        number = get("VtCode", head.msg_no).strip(_WHITE)
        if not REGION.fullmatch(region):
            self._warnings.append(f"AdmDivCode {shown(region)!r} is not six digits")
            region = "000000"
        if year and not YEAR.fullmatch(year):
            self._warnings.append(f"StYear {shown(year)!r} is not four digits")
            year = self._default_year
        if number != head.msg_no:
            self._warnings.append(f"VtCode {shown(number)!r} differs from MsgNo {head.msg_no}")
        return VoucherPart(region, year, number, get("VoucherNo", "").strip(_WHITE), text)


def _scalar(element: etree._Element | None, tag: str) -> str:
    """Return the trimmed text of an element that must be there and hold nothing but text."""
    if element is None:
        raise RemoteProtocolError(Rule.MISSING, tag=tag)
    if len(element):
        raise RemoteProtocolError(Rule.NESTED, tag=tag)
    text = element.text
    return text.strip(_WHITE) if text else ""
