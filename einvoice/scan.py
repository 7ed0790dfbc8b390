"""The one reader of an e-invoice's bytes: elements with their exact places.

Which bytes were signed and what they say must come from the same reading, so the document is not
parsed a second time by a library that might see it otherwise. The grammar is the part of XML that
such documents need: elements without attributes (hence without namespaces), text, the five named
references and those by number. Comments, CDATA, DOCTYPE and processing instructions are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .rules import DocumentRule, broken

MAX_SIGNED_BYTES: Final = 4_500_000
"""What Invoice_Data of message 8981 can carry."""
MAX_DOCUMENT_BYTES: Final = MAX_SIGNED_BYTES + 100_000
MAX_DEPTH: Final = 9
"""EInvoice, EInvoiceData, Details, Item, ItemExt, and four of the extension's own."""
MAX_ELEMENTS: Final = 100_000

_NAME: Final = rb"[A-Za-z_\x80-\xff][A-Za-z0-9_.\x80-\xff-]*+"
_SPACE: Final = rb"[ \t\r\n]*+"
_TOKEN = re.compile(
    b"<(%b)%b>([^<]*+)</\\1%b>|<(%b)%b>|</(%b)%b>|<(%b)%b/>|([ \\t\\r\\n]+)|([\\s\\S]++)"
    % (_NAME, _SPACE, _SPACE, _NAME, _SPACE, _NAME, _SPACE, _NAME, _SPACE)
)
# The last group of each alternative.
_LEAF, _OPENED, _CLOSED, _EMPTY, _BLANK = 2, 3, 4, 5, 6
_IDENTIFIER = re.compile(r"[A-Za-z_\u4e00-\u9fa5][A-Za-z0-9_.\u4e00-\u9fa5-]*")
_REFERENCE = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_CONTROL: Final = bytes(code for code in range(32) if code not in b"\t\r\n")
_NO_CHARACTER = re.compile(rb"\xef\xbf[\xbe\xbf]")
_CHARACTER = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Node:
    """An element; `start` and `end` are its bytes in the document.

    text: of an element without elements inside, references resolved; None where there are some.
    """

    __slots__ = ("children", "end", "name", "start", "text")

    def __init__(
        self, name: str, text: str | None, children: list[Node], start: int, end: int
    ) -> None:
        self.name = name
        self.text = text
        self.children = children
        self.start = start
        self.end = end

    @property
    def is_blank(self) -> bool:
        """Whether nothing, or white space alone, is inside."""
        return self.text is not None and (not self.text or self.text.isspace())


def is_name(text: str) -> bool:
    """Whether an element may be called so: ASCII or Chinese, without a colon."""
    return _IDENTIFIER.fullmatch(text) is not None


def scan(
    data: bytes, start: int = 0, *, max_bytes: int, max_depth: int = MAX_DEPTH
) -> Sequence[Node]:
    """The elements that follow each other in `data` from `start` on, with what is inside.

    White space may stand between elements. Raises DocumentError.
    """
    if len(data) > max_bytes:
        raise broken("", DocumentRule.SIZE, limit=max_bytes)
    _check_characters(data)
    plain = b"&" not in data and b"\r" not in data
    top: list[Node] = []
    siblings = top
    open_nodes: list[tuple[Node, list[Node]]] = []
    elements = 0
    for match in _TOKEN.finditer(data, start):
        kind = match.lastindex
        if kind == _BLANK:
            continue
        if kind == _CLOSED:
            siblings = _close(match, open_nodes)
            continue
        node = _node(match, kind, plain=plain)
        elements += 1
        if len(open_nodes) >= max_depth:
            raise broken(node.name, DocumentRule.DEPTH, limit=max_depth)
        siblings.append(node)
        if kind == _OPENED:
            open_nodes.append((node, siblings))
            siblings = node.children
    if open_nodes:
        raise broken(open_nodes[-1][0].name, DocumentRule.UNCLOSED)
    if elements > MAX_ELEMENTS:
        raise broken("", DocumentRule.ELEMENTS, limit=MAX_ELEMENTS)
    if b"]]>" in data:  # XML does not allow it in text, and there is nothing but text and tags
        raise broken("", DocumentRule.CONTROL, offset=data.index(b"]]>") + 1)
    return top


def _node(match: re.Match[bytes], kind: int | None, *, plain: bool) -> Node:
    """The element that a token makes or begins. plain: the document has nothing to resolve."""
    start, end = match.span()
    if kind == _LEAF:
        tag, data = match.group(1, 2)
        text = data.decode() if plain else _text(data, tag)
        return Node(_name(tag), text, [], start, end)
    if kind == _OPENED:
        return Node(_name(match[3]), None, [], start, 0)
    if kind == _EMPTY:
        return Node(_name(match[5]), "", [], start, end)
    raise broken("", _unread(match[0]), offset=start + 1)


def _close(match: re.Match[bytes], open_nodes: list[tuple[Node, list[Node]]]) -> list[Node]:
    """End the innermost element; what follows are its siblings."""
    name = match[4].decode()
    if not open_nodes or open_nodes[-1][0].name != name:
        raise broken(name, DocumentRule.UNOPENED)
    node, siblings = open_nodes.pop()
    node.end = match.end()
    return siblings


def _check_characters(data: bytes) -> None:
    """Refuse what is no UTF-8 or no character of XML."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise broken("", DocumentRule.ENCODING, offset=error.start + 1) from None
    if len(data.translate(None, _CONTROL)) != len(data):
        offset = next(place for place, byte in enumerate(data) if byte in _CONTROL)
        raise broken("", DocumentRule.CONTROL, offset=offset + 1)
    if b"\xef\xbf" in data:
        found = _NO_CHARACTER.search(data)
        if found is not None:
            raise broken("", DocumentRule.CONTROL, offset=found.start() + 1)


def _name(data: bytes) -> str:
    name = data.decode()
    if not name.isascii() and not is_name(name):
        raise broken("", DocumentRule.NAME, value=name)
    return name


def _text(data: bytes, tag: bytes) -> str:
    text = data.decode()
    if "\r" in text:  # a reader of XML sees one line end for all three
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "&" not in text:
        return text

    def resolve(match: re.Match[str]) -> str:
        named, decimal, hexadecimal = match.groups()
        if named:
            return _NAMED[named]
        if decimal or hexadecimal:
            code = int(decimal) if decimal else int(hexadecimal, 16)
            if code <= 0x10FFFF and _CHARACTER.match(chr(code)):
                return chr(code)
            raise broken(tag.decode(), DocumentRule.CHARACTER)
        raise broken(tag.decode(), DocumentRule.REFERENCE)

    return _REFERENCE.sub(resolve, text)


def _unread(rest: bytes) -> DocumentRule:
    """Why no token begins here."""
    if rest.startswith((b"<!", b"<?")):
        return DocumentRule.MARKUP
    return DocumentRule.TAG if rest.startswith(b"<") else DocumentRule.STRAY
