"""Elements <-> records, by the declarations alone; made ready once per record.

Elements may come in any order within their parent, because units differ there and no order makes a
document ambiguous. One that the table does not name is refused, except where the table leaves room
for extensions: what finance countersigns has to be understood. Blank optional ones are taken as
missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

from ..codecs.xml import escape
from .rules import DocumentRule, broken
from .scan import Node, is_name
from .table import (
    CONTROL,
    MOST_ENTRIES,
    Declaration,
    Entries,
    Extension,
    Open,
    Part,
    Record,
    Row,
    declarations,
)

MAX_EXTENSION_DEPTH: Final = 3
"""Levels of elements in an extension that we write; read are as many as the document may have."""

R = TypeVar("R", bound=Record)
Read = Callable[[Node], object]
Write = Callable[[Record, list[str]], None]


class _Plan:
    """How one record is read and written."""

    __slots__ = ("reads", "required", "rest", "writes")

    def __init__(self, record: type[Record]) -> None:
        self.reads: dict[str, tuple[str, Read]] = {}
        self.writes: list[Write] = []
        self.required: list[tuple[str, str]] = []
        self.rest = ""
        declared = declarations(record)
        tags = frozenset(tag for name, one in declared.items() if (tag := _tag_of(name, one)))
        for attribute, declaration in declared.items():
            if isinstance(declaration, Open) and not declaration.tag:
                self.rest = attribute
                self.writes.append(_rest_writer(attribute, tags))
                continue
            tag = _tag_of(attribute, declaration)
            self.reads[tag] = (attribute, _reader(tag, declaration))
            self.writes.append(_writer(attribute, tag, declaration))
            if not isinstance(declaration, Open) and not declaration.optional:
                self.required.append((attribute, tag))


_PLANS: Final[dict[type[Record], _Plan]] = {}


def _plan(record: type[Record]) -> _Plan:
    plan = _PLANS.get(record)
    if plan is None:
        plan = _PLANS[record] = _Plan(record)
    return plan


def read_record(record: type[R], children: Sequence[Node]) -> R:
    """The record that an element's children say. Raises DocumentError."""
    plan = _plan(record)
    values: dict[str, Any] = {}
    rest: list[Extension] = []
    for child in children:
        step = plan.reads.get(child.name)
        if step is None:
            if not plan.rest:
                raise broken(child.name, DocumentRule.UNKNOWN)
            rest.append(_extension(child))
            continue
        attribute, read = step
        if attribute in values:
            raise broken(child.name, DocumentRule.DUPLICATE)
        values[attribute] = read(child)
    for attribute, tag in plan.required:
        if attribute not in values:
            raise broken(tag, DocumentRule.MISSING)
    if rest:
        values[plan.rest] = tuple(rest)
    return record(**values)


def write_record(record: Record, out: list[str]) -> None:
    """Add the record's elements to `out`, in the order of the table. Raises DocumentError."""
    for write in _plan(type(record)).writes:
        write(record, out)


def _tag_of(attribute: str, declaration: Declaration) -> str:
    return attribute if isinstance(declaration, Row) else declaration.tag


# -- reading --------------------------------------------------------------------------------------


def _reader(tag: str, declaration: Declaration) -> Read:
    if isinstance(declaration, Row):
        return _row_reader(tag, declaration)
    if isinstance(declaration, Part):
        return _part_reader(declaration)
    if isinstance(declaration, Entries):
        return _entries_reader(declaration)
    return lambda node: tuple(_extension(child) for child in inside(node))


def _row_reader(tag: str, row: Row) -> Read:
    missing = None if row.is_number else ""
    may_be_blank = row.optional or row.traits.get("blank_is_read", False)

    def read(node: Node) -> object:
        text = node.text
        if text is None:
            raise broken(tag, DocumentRule.NESTED)
        if text and not text.isspace():
            return row.read(tag, text)
        if may_be_blank:
            return missing
        raise broken(tag, DocumentRule.EMPTY)

    return read


def _part_reader(part: Part) -> Read:
    def read(node: Node) -> object:
        children = inside(node)
        if children or not part.optional:
            return read_record(part.record, children)
        return part.absent

    return read


def _entries_reader(entries: Entries) -> Read:
    def read(node: Node) -> object:
        children = inside(node)
        if entries.optional and not children:
            return ()
        if not 1 <= len(children) <= MOST_ENTRIES:
            raise broken(entries.tag, DocumentRule.COUNT, actual=len(children), limit=MOST_ENTRIES)
        for child in children:
            if child.name != entries.item:
                raise broken(child.name, DocumentRule.UNKNOWN)
        return tuple(read_record(entries.record, inside(child)) for child in children)

    return read


def inside(node: Node) -> Sequence[Node]:
    """The elements inside; a blank element has none, text is refused."""
    if node.text is None or node.is_blank:
        return node.children
    raise broken(node.name, DocumentRule.VALUE)


def _extension(node: Node) -> Extension:
    text = node.text
    if text is None:
        return Extension(node.name, "", tuple(_extension(child) for child in node.children))
    if CONTROL.search(text) is not None:
        raise broken(node.name, DocumentRule.CHARACTER)
    return Extension(node.name, "" if text.isspace() else text)


# -- writing --------------------------------------------------------------------------------------


def _writer(attribute: str, tag: str, declaration: Declaration) -> Write:
    if isinstance(declaration, Row):
        return _row_writer(tag, declaration)
    if isinstance(declaration, Part):
        return _part_writer(attribute, declaration)
    if isinstance(declaration, Entries):
        return _entries_writer(attribute, declaration)

    def write(record: Record, out: list[str]) -> None:
        _write_extensions(tag, getattr(record, attribute), out)

    return write


def _row_writer(tag: str, row: Row) -> Write:
    is_number, is_plain, is_optional = row.is_number, row.is_plain, row.optional
    minimum, maximum = row.minimum, row.maximum
    opening, closing = f"<{tag}>", f"</{tag}>"
    value_of = attrgetter(tag)

    def write(record: Record, out: list[str]) -> None:
        value = value_of(record)
        # Most values are missing, or letters, digits and characters whose number alone counts.
        if not value and is_optional and value != 0:
            return
        if is_plain and type(value) is str and value.isalnum() and minimum <= len(value) <= maximum:
            out.append(opening + value + closing)
        elif is_number and value is not None:
            out.append(opening + row.write(tag, value) + closing)
        else:
            write_any(record, out)

    def write_any(record: Record, out: list[str]) -> None:
        value = value_of(record)
        if value is None or (isinstance(value, str) and not value.strip()):
            if is_optional:
                return
            raise broken(tag, DocumentRule.EMPTY)
        out.append(opening + escape(row.write(tag, value)) + closing)

    return write


def _part_writer(attribute: str, part: Part) -> Write:
    opening, closing = f"<{part.tag}>", f"</{part.tag}>"

    def write(record: Record, out: list[str]) -> None:
        value = getattr(record, attribute)
        if value is None and part.optional:
            return
        if not isinstance(value, part.record):
            raise broken(part.tag, DocumentRule.MISSING)
        before = len(out)
        out.append(opening)
        write_record(value, out)
        if part.optional and len(out) == before + 1:
            out.pop()
        else:
            out.append(closing)

    return write


def _entries_writer(attribute: str, entries: Entries) -> Write:
    opening, closing = f"<{entries.item}>", f"</{entries.item}>"

    def write(record: Record, out: list[str]) -> None:
        values = getattr(record, attribute)
        if entries.optional and not values:
            return
        if not 1 <= len(values) <= MOST_ENTRIES:
            raise broken(entries.tag, DocumentRule.COUNT, actual=len(values), limit=MOST_ENTRIES)
        out.append(f"<{entries.tag}>")
        for value in values:
            out.append(opening)
            write_record(value, out)
            out.append(closing)
        out.append(f"</{entries.tag}>")

    return write


def _rest_writer(attribute: str, reserved: frozenset[str]) -> Write:
    def write(record: Record, out: list[str]) -> None:
        for extension in getattr(record, attribute):
            if extension.name in reserved:
                raise broken(extension.name, DocumentRule.DUPLICATE)
            _write_extension(extension, out, 1)

    return write


def _write_extensions(tag: str, extensions: Sequence[Extension], out: list[str]) -> None:
    if not extensions:
        out.append(f"<{tag}/>")
        return
    out.append(f"<{tag}>")
    for extension in extensions:
        _write_extension(extension, out, 1)
    out.append(f"</{tag}>")


def _write_extension(extension: Extension, out: list[str], depth: int) -> None:
    name, text = extension.name, extension.text
    if not is_name(name):
        raise broken("", DocumentRule.NAME, value=name)
    if depth > MAX_EXTENSION_DEPTH:
        raise broken(name, DocumentRule.DEPTH, limit=MAX_EXTENSION_DEPTH)
    if extension.children:
        if text:
            raise broken(name, DocumentRule.NESTED)
        out.append(f"<{name}>")
        for child in extension.children:
            _write_extension(child, out, depth + 1)
        out.append(f"</{name}>")
    elif not text or text.isspace():
        out.append(f"<{name}/>")
    elif CONTROL.search(text) is not None:
        raise broken(name, DocumentRule.CHARACTER)
    else:
        out.append(f"<{name}>{escape(text)}</{name}>")
