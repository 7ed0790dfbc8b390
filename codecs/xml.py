"""Hardened XML: strict decoding, no DOCTYPE, no entities, no recovery, limits of our own.

libxml2 sees a document only after its bytes were checked: size, declared encoding (GBK, GB2312,
GB18030, UTF-8 only), strict decoding, no ``<!`` but CDATA, no ``<?`` but the declaration at the
very start, number of elements. libxml2's own limit of 10 MB a text node is below the largest frame,
so huge_tree is on and our limits stand in front of it.
"""

from __future__ import annotations

import re
import threading
from typing import Final, NamedTuple

from lxml import etree

from .errors import LocalProtocolError, RemoteProtocolError, Rule


class Limits(NamedTuple):
    """What a document may need: bytes as received, nesting (root = 1), number of elements."""

    max_bytes: int = 99_999_999  # the frame decoder's limit, a setting, comes first
    max_depth: int = 6
    max_elements: int = 3_000_000


VOUCHER_LIMITS: Final = Limits()
"""Six levels: Voucher, DetailList, Detail, LineList, Line and its fields is the deepest message."""

_CODECS: Final = {"GBK": "gbk", "GB2312": "gbk", "GB18030": "gb18030", "UTF-8": "utf-8"}
_QUOTED: Final = r"[ \t\r\n]*=[ \t\r\n]*(?:\"{0}\"|'{0}')"
_DECLARATION = re.compile(
    (
        r"<\?xml[ \t\r\n]+version" + _QUOTED.format(r"1\.[0-9]+") +
        r"(?:[ \t\r\n]+encoding" + _QUOTED.format(r"([A-Za-z][A-Za-z0-9._-]*)") + ")?"
        r"(?:[ \t\r\n]+standalone" + _QUOTED.format("(?:yes|no)") + ")?"
        r"[ \t\r\n]*\?>"
    ).encode()
)  # fmt: skip
_BOM: Final = b"\xef\xbb\xbf"
_MARKUP = re.compile(rb"<[!?]")
_CDATA: Final = b"<![CDATA["
_SHORTEST_ELEMENT: Final = len(b"<a/>")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[&<>\r]")


class _Local(threading.local):
    """A parser and depth tests per thread: in lxml, threads that share one wait for each other."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            no_network=True,
            recover=False,
            huge_tree=True,
            collect_ids=False,
        )
        self.deeper: dict[int, etree.XPath] = {}

    def is_deeper(self, root: etree._Element, depth: int) -> bool:
        """Tell whether any element is nested deeper than `depth`."""
        test = self.deeper.get(depth)
        if test is None:
            test = self.deeper[depth] = etree.XPath(f"boolean({'/*' * (depth + 1)})")
        return bool(test(root))


_LOCAL = _Local()


def _transcode(data: bytes, default_encoding: str) -> bytes:
    """Return the document in UTF-8 without BOM and XML declaration."""
    start = len(_BOM) if data.startswith(_BOM) else 0
    encoding = "UTF-8" if start else default_encoding.upper()
    end = start
    if data.startswith(b"<?xml", start):
        match = _DECLARATION.match(data, start)
        if match is None:
            raise RemoteProtocolError(Rule.DECLARATION)
        end = match.end()
        declared = match[1] or match[2]
        if declared:
            encoding = declared.decode("ascii").upper()
            if start and encoding != "UTF-8":
                raise RemoteProtocolError(Rule.ENCODING_NAME)
    codec = _CODECS.get(encoding)
    if codec is None:
        raise RemoteProtocolError(Rule.ENCODING_NAME)
    body = data[end:]
    if body.isascii():
        return body
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        offset = end + error.start
    else:
        return body if codec == "utf-8" else text.encode()
    raise RemoteProtocolError(Rule.ENCODING, offset=offset, encoding=encoding)


def _check_markup(body: bytes) -> None:
    """Refuse every ``<!`` and ``<?`` that does not open or stand in a CDATA section."""
    position = 0
    while (found := _MARKUP.search(body, position)) is not None:
        if not body.startswith(_CDATA, found.start()):
            instruction = found[0] == b"<?"
            raise RemoteProtocolError(Rule.INSTRUCTION if instruction else Rule.MARKUP)
        position = body.find(b"]]>", found.end())
        if position < 0:
            return  # not well-formed, as the parser will say


def parse(
    data: bytes, *, default_encoding: str = "GBK", limits: Limits = VOUCHER_LIMITS
) -> etree._Element:
    """Return the root of the document `data`.

    default_encoding: holds where the document declares none. Raises RemoteProtocolError (10002,
    no tag); its text never quotes the document.
    """
    if len(data) > limits.max_bytes:
        raise RemoteProtocolError(Rule.TOO_BIG, limit=limits.max_bytes)
    body = _transcode(data, default_encoding)
    if b"<!" in body or b"<?" in body:
        _check_markup(body)
    most = limits.max_elements
    if len(body) > most * _SHORTEST_ELEMENT and body.count(b"<") - body.count(b"</") > most:
        raise RemoteProtocolError(Rule.TOO_MANY_ELEMENTS, limit=most)
    local = _LOCAL
    try:
        root = etree.fromstring(body, local.parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        code: int = error.code  # type: ignore[attr-defined]  # missing in lxml-stubs
        reason = etree.ErrorTypes._getName(code, "ERR")  # noqa: SLF001 (its only table of names)
        broken = RemoteProtocolError(Rule.MALFORMED, reason=reason, line=line, column=column)
    else:
        if local.is_deeper(root, limits.max_depth):
            raise RemoteProtocolError(Rule.TOO_DEEP, limit=limits.max_depth)
        return root
    raise broken


def escape(text: str) -> str:
    """Return `text` as character data of an element.

    CR is written as a character reference, else the reader would see LF. Raises LocalProtocolError
    for characters that XML cannot carry.
    """
    if not text.isprintable():
        found = _NOT_XML.search(text)
        if found is not None:
            raise LocalProtocolError(
                f"XML cannot carry the character U+{ord(found[0]):04X}", character=found[0]
            )
    if _SPECIAL.search(text) is None:
        return text
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    )
