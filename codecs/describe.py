"""A captured frame for people: header, HEAD and voucher fields, masked, as far as it can be read.

The problems come from the strict parsers; the fields from a tolerant scan for tags, so that a frame
cut short, with a wrong length, bad base64 or junk behind it still shows what it holds.
"""

from __future__ import annotations

import binascii
import html
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from .envelope import ENVELOPE_LIMITS, decode_voucher, open_envelope
from .errors import ProtocolError
from .frame import (
    APPLICATION,
    HEADER_BYTES,
    MAX_FRAME_BYTES,
    FrameDecoder,
    RawFrame,
    probe_mac_width,
    split_mac,
)
from .masking import shown
from .xml import VOUCHER_LIMITS, parse

Mask = Callable[[str, str, str], str]
"""(message number, tag, value) -> the value as it may be shown."""

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"
_TAG = re.compile(rf"<(/?)({_NAME})([^<>]*?)(/?)>([^<]*)")
_ATTRIBUTE = re.compile(rf"({_NAME})\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_VOUCHER_BODY = re.compile(r"<VoucherBody\b([^<>]*)>")
_VOUCHER = re.compile(r"<Voucher>([^<]*)")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_ENCODING = re.compile(
    rb"\s*<\?xml[^<>]{0,100}encoding\s*=\s*[\"'](GBK|GB2312|GB18030|UTF-8)", re.IGNORECASE
)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]*")
_CLOSING: Final = b"</CFX>"
_MOST_FIELDS: Final = 2000
"""Fields of a voucher that are shown; the rest is counted."""
_MOST_VOUCHERS: Final = 100
_PATH_TAGS: Final = 8


@dataclass(frozen=True, slots=True)
class DescribedVoucher:
    """attributes: as written; fields: (path of tags, masked value) in the order of the text."""

    attributes: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Description:
    """What a captured frame holds. problems: English, none when the frame is in order."""

    size: int
    header: tuple[tuple[str, str], ...]
    head: tuple[tuple[str, str], ...]
    vouchers: tuple[DescribedVoucher, ...]
    mac: str
    mac_width: int | None
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the text to print, one entry a line."""
        out = [f"frame: {self.size} bytes"]
        out += [f"  {name}: {value}" for name, value in self.header]
        out += ["HEAD:"] + [f"  {tag}: {value}" for tag, value in self.head]
        for position, voucher in enumerate(self.vouchers, 1):
            out.append(f"VoucherBody {position}:")
            out += [f"  @{name}: {value}" for name, value in voucher.attributes]
            out += [f"  {path}: {value}" for path, value in voucher.fields]
            if voucher.left_out:
                out.append(f"  … {voucher.left_out} more fields")
        width = "unknown width" if self.mac_width is None else f"{self.mac_width} bytes"
        out.append(f"MAC ({width}): {self.mac}")
        out += [f"problem: {problem}" for problem in self.problems] or ["no problem found"]
        return out

    def as_dict(self) -> dict[str, Any]:
        """Return the same as values for JSON."""
        return {
            "size": self.size,
            "header": dict(self.header),
            "head": dict(self.head),
            "vouchers": [
                {
                    "attributes": dict(voucher.attributes),
                    "fields": [list(pair) for pair in voucher.fields],
                    "left_out": voucher.left_out,
                }
                for voucher in self.vouchers
            ],
            "mac": self.mac,
            "mac_width": self.mac_width,
            "problems": list(self.problems),
        }


@dataclass(slots=True)
class _Problems:
    """Problems in the order found, each once."""

    found: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        if text not in self.found:
            self.found.append(text)


def describe(data: bytes, *, mask: Mask, encoding: str = "GBK") -> Description:
    """Return what can be read of the captured frame `data`; never raises.

    mask: called for every value of HEAD and voucher; encoding: of a voucher without a declaration.
    A value whose tag was lost is never shown.
    """
    problems = _Problems()
    header, document = _frame(data, problems)
    body, mac, width = _part(document, problems)
    text = _loose_text(body, "GBK")
    masked = _Masked(mask)
    head = masked.head(text)
    number = dict(header).get("message number", "")
    if masked.number and number and masked.number != number:
        problems.add(f"the header says message {number}, HEAD/MsgNo says {masked.number}")
    masked.number = masked.number or number
    try:
        limits = ENVELOPE_LIMITS._replace(max_bytes=len(body))
        for warning in open_envelope(body, limits=limits).warnings:
            problems.add(warning)
    except ProtocolError as error:
        problems.add(str(error))
    vouchers = _vouchers(text, masked, encoding, problems)
    return Description(len(data), header, head, vouchers, mac, width, tuple(problems.found))


def describe_voucher(
    data: bytes, number: str, *, mask: Mask, encoding: str = "GBK"
) -> tuple[tuple[str, str], ...]:
    """Return (path of tags, masked value) of a voucher of message `number`; never raises.

    data: its document, or the base64 of one, as far as either can be read. mask and encoding as in
    `describe`; at most the first 2000 fields.
    """
    masked = _Masked(mask)
    masked.number = number
    text = _loose_text(data, encoding)
    if "<" not in text:
        text = _loose_text(_loose_base64(text), encoding)
    return _fields(_leaves(text)[:_MOST_FIELDS], masked)


def _frame(data: bytes, problems: _Problems) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Return the header's fields and what follows the header (body and MAC field)."""
    decoder = FrameDecoder(MAX_FRAME_BYTES)
    decoder.receive_data(data)
    decoder.receive_eof()
    payload: bytes | None = None
    try:
        event = decoder.next_event()
        if isinstance(event, RawFrame):
            payload = event.payload
            if decoder.pending:
                problems.add("more bytes follow the frame")
        else:
            problems.add("there is no frame")
    except ProtocolError as error:
        problems.add(str(error))
    start = data.find(APPLICATION.encode(), 0, 100) - 8
    if start < 0 or b"<" in data[:start]:  # HEAD/APP has the same text
        return (), data if payload is None else payload
    fields = data[start : start + HEADER_BYTES].decode("latin-1")
    cuts = (
        ("length", 0, 8),
        ("application", 8, 16),
        ("version", 16, 19),
        ("message number", 19, 23),
    )
    header = tuple((name, shown(fields[low:high].strip())) for name, low, high in cuts)
    if payload is None or probe_mac_width(payload) is None:
        payload = data[start + HEADER_BYTES :]  # the declared length is not to be trusted
        problems.add("the declared length does not lead to a MAC field; read to the end instead")
    return header, payload


def _part(document: bytes, problems: _Problems) -> tuple[bytes, str, int | None]:
    """Return the body, the MAC field shortened, and the field's width."""
    width = probe_mac_width(document)
    if width is not None:
        body, field_ = split_mac(document, width)
    else:
        problems.add("no MAC field of 64 or 128 bytes follows </CFX>")
        end = document.rfind(_CLOSING)
        end = len(document) if end < 0 else end + len(_CLOSING)
        body, field_ = document[:end], document[end:]
    mac = field_.decode("latin-1").strip()
    if not mac:
        return body, "(blank)" if field_ else "(none)", width
    if _HEXADECIMAL.fullmatch(mac) is None:
        problems.add("the MAC field is not hexadecimal")
        return body, f"<{len(mac)} characters>", width
    return body, f"{mac[:8]}…{mac[-4:]} ({len(mac)} digits)", width


def _loose_text(data: bytes, encoding: str) -> str:
    """Return the text of a document with what cannot be decoded replaced; CDATA as plain text."""
    declared = _ENCODING.match(data)
    if declared is not None:
        encoding = declared[1].decode("ascii")
    codec = {"UTF-8": "utf-8", "GB18030": "gb18030"}.get(encoding.upper(), "gbk")
    text = data.decode(codec, "replace")
    return _CDATA.sub(lambda match: html.escape(match[1]), text)


class _Masked:
    """The caller's mask and the number of the message that it is asked about."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self.number = ""

    def value(self, tag: str, text: str) -> str:
        value = html.unescape(text).strip()
        if not value:
            return ""
        try:
            return shown(self._mask(self.number, tag, value))
        except Exception:  # noqa: BLE001 (a mask that fails must not show the value or stop us)
            return "***"

    def head(self, text: str) -> tuple[tuple[str, str], ...]:
        """Return HEAD's fields and learn the message number from them."""
        part = text.partition("<MSG")[0]
        found = [(path.rpartition("/")[2], value) for path, value in _leaves(part)]
        self.number = next((v.strip() for tag, v in found if tag == "MsgNo"), "")[:4]
        return tuple((tag, self.value(tag, value)) for tag, value in found)


def _path(stack: list[str]) -> str:
    """Return the innermost tags without the root, as long as that is not the only one."""
    return "/".join(stack[max(1, len(stack) - _PATH_TAGS) :]) or stack[0]


def _leaves(text: str) -> list[tuple[str, str]]:
    """Return (path, text) of every element without children; the last one may be cut short.

    The path leaves out the root and numbers what repeats: ``DetailList/Detail[2]/Amt``.
    """
    leaves: list[tuple[str, str]] = []
    stack: list[str] = []
    seen: Counter[str] = Counter()
    open_text: str | None = None  # text of the element that was opened last, if nothing came since
    for match in _TAG.finditer(text):
        closing, tag, _, empty, behind = match.groups()
        if closing:
            if open_text is not None and stack:
                leaves.append((_path(stack), open_text))
            del stack[-1:]
            open_text = None
            continue
        path = "/".join([*stack[-_PATH_TAGS:], tag])
        seen[path] += 1
        stack.append(tag if seen[path] == 1 else f"{tag}[{seen[path]}]")
        open_text = behind
        if empty:
            leaves.append((_path(stack), ""))
            del stack[-1:]
            open_text = None
    if open_text is not None and open_text.strip() and len(stack) > 1:
        leaves.append((_path(stack), open_text))
    return leaves


def _vouchers(
    text: str, masked: _Masked, encoding: str, problems: _Problems
) -> tuple[DescribedVoucher, ...]:
    described: list[DescribedVoucher] = []
    bodies = [(m.start(), m[1]) for m in _VOUCHER_BODY.finditer(text)]
    previous = 0
    for position, match in enumerate(_VOUCHER.finditer(text), 1):
        written = [rest for start, rest in bodies if previous <= start < match.start()][-1:]
        previous = match.end()
        attributes = tuple(
            (name, masked.value(name, double or single))
            for rest in written
            for name, double, single in _ATTRIBUTE.findall(rest)
        )
        try:
            data = decode_voucher(match[1])
            parse(data, default_encoding=encoding, limits=VOUCHER_LIMITS)
        except ProtocolError as error:
            problems.add(f"voucher {position}: {error}")
            data = _loose_base64(match[1])
        leaves = _leaves(_loose_text(data, encoding))
        fields = _fields(leaves[:_MOST_FIELDS], masked)
        left_out = max(0, len(leaves) - _MOST_FIELDS)
        described.append(DescribedVoucher(attributes, fields, left_out))
        if position == _MOST_VOUCHERS:
            break
    return tuple(described)


def _fields(leaves: list[tuple[str, str]], masked: _Masked) -> tuple[tuple[str, str], ...]:
    return tuple(
        (path, masked.value(path.rpartition("/")[2].partition("[")[0], value))
        for path, value in leaves
    )


def _loose_base64(text: str) -> bytes:
    """Return the bytes of as much base64 as there is.

    Junk that stands in the place of a digit is read as one, so that what follows keeps its place;
    where the digits do not come out even, junk is left out.
    """
    digits = "".join(text.split()).rstrip("=")
    digits = _NOT_BASE64.sub("A" if (len(digits) + 1) % 4 else "", digits)
    whole = digits[: len(digits) // 4 * 4]
    rest = digits[len(whole) :]
    padded = f"{rest}{'=' * (4 - len(rest))}" if len(rest) > 1 else ""
    return binascii.a2b_base64(whole + padded)
