"""Long lists of plain records (statements have ten thousand lines), column by column.

What most nodes send is written as we write it, but for white space and for optional elements that
are left out. Such a list is read without a parser: one pattern finds the texts of each record, and
then every column is checked as a whole. Whatever is not of this form, or not right, is left to the
careful way (`Plan.read`), which says what is wrong with it: both understand the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from ..codecs.errors import RuleError
from ..codecs.types import Value, WireType
from ..codecs.xml import VOUCHER_LIMITS, escape
from .fields import Group, Scalar
from .refusals import FieldError
from .rows import SLOW, Parse, blank_of, formatter

if TYPE_CHECKING:
    from .plan import Nested, Plan
    from .record import Record

Values = dict[str, Any]
Column = Sequence[Any]

# Text that needs no XML parser: no markup, no references, no controls (a parser folds CR and LF).
PLAIN_TEXT: Final = r"[^<>&\x00-\x1f\ud800-\udfff\ufffe\uffff]*"
WHITE: Final = r"[ \t\r\n]*"
_AMOUNTS: Final = re.compile(r"(?:[0-9]{1,15}\.[0-9]{2}\n)+")
_MARKUP: Final = ("&", "<", ">", "\r")
# An element has at least four characters: below, no parser can meet its limit of elements.
_MOST_CHARACTERS: Final = 4 * VOUCHER_LIMITS.max_elements


class Careful(Exception):
    """Something is not of the usual form or not right."""


def trusted(model: type[Record], values: Values, names: set[str]) -> Record:
    """A record of values that are checked, past pydantic's frozen ``__setattr__``."""
    record = _NEW(model)
    _PUT(record, "__dict__", values)
    _PUT(record, "__pydantic_fields_set__", names)
    _PUT(record, "__pydantic_extra__", None)
    _PUT(record, "__pydantic_private__", None)
    return record


_NEW = object.__new__
_PUT = object.__setattr__


def pattern_of(scalars: Mapping[str, Scalar]) -> str:
    """A pattern for the rows of a table, a group each; what may be left out may be missing."""
    rows = []
    for tag, field in scalars.items():
        row = f"<{tag}(?:/>|>({PLAIN_TEXT})</{tag}>){WHITE}"
        rows.append(row if blank_of(field) is SLOW else f"(?:{row})?")
    return "".join(rows)


class Lines:
    """The records of one class without groups, read and written many at a time."""

    def __init__(
        self, model: type[Record], scalars: Mapping[str, Scalar], parsers: Mapping[str, Parse]
    ) -> None:
        self._model = model
        self._scalars = scalars
        self._parsers = parsers
        self._names = set(scalars)

    @cached_property
    def _readers(self) -> tuple[Callable[[list[str]], Column], ...]:
        return tuple(_column(field, self._parsers[tag]) for tag, field in self._scalars.items())

    def find(self, item: str, document: str, start: int) -> tuple[list[tuple[str, ...]], int]:
        """The texts of the records that stand one after another, and where they end."""
        pattern = self._pattern(item)
        match, found = pattern.match, list[tuple[str, ...]]()
        while (record := match(document, start)) is not None:
            found.append(record.groups(""))
            start = record.end()
        return found, start

    def _pattern(self, item: str) -> re.Pattern[str]:
        pattern = self._patterns.get(item)
        if pattern is None:
            text = f"<{item}>{WHITE}{pattern_of(self._scalars)}</{item}>{WHITE}"
            pattern = self._patterns[item] = re.compile(text)
        return pattern

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {}

    def read(self, texts: Sequence[tuple[str, ...]]) -> list[Record]:
        """The records of these texts. Raises Careful, RuleError."""
        columns = [
            read(list(map(str.strip, column)))
            for read, column in zip(self._readers, zip(*texts, strict=True), strict=True)
        ]
        model, names, tags = self._model, self._names, tuple(self._scalars)
        return [
            trusted(model, dict(zip(tags, row, strict=True)), names)
            for row in zip(*columns, strict=True)
        ]

    @cached_property
    def _writers(self) -> tuple[tuple[str, Callable[[Any], str] | None], ...]:
        return tuple((tag, formatter(field)) for tag, field in self._scalars.items())

    def write(self, item: str, records: Sequence[Record]) -> str:
        """The elements of records, one after another."""
        tags = tuple(self._scalars)
        if len(tags) < 2:
            rows = [tuple(vars(record).values()) for record in records]
        else:
            rows = list(map(itemgetter(*tags), map(vars, records)))
        columns: list[Column] = []
        emptied: list[str] = []
        for (tag, form), column in zip(self._writers, zip(*rows, strict=True), strict=True):
            texts = _texts(column) if form is None else _numbers(column, form)
            columns.append(texts)
            if "" in texts:
                emptied.append(tag)
        template = "".join(f"<{tag}>%s</{tag}>" for tag in tags)
        form_row = f"<{item}>{template}</{item}>".__mod__
        written = "".join(map(form_row, zip(*columns, strict=True)))
        for tag in emptied:
            # Texts are escaped, so that this can be nothing but an empty element.
            written = written.replace(f"<{tag}></{tag}>", f"<{tag}/>")
        return written


class ListForm:
    """The usual form of a voucher whose groups are lists of plain records."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._head = re.compile(f"<Voucher>{WHITE}{pattern_of(plan.scalars)}")
        # What opens each list (a group of the pattern when it is not empty), and what closes it.
        self._lists = [
            (
                group,
                re.compile(f"<{group.tag}(?:/>|(>)){WHITE}"),
                re.compile(f"</{group.tag}>{WHITE}"),
            )
            for group in plan.nested
        ]

    def read(self, document: str) -> Record | None:
        """The voucher; None where it is of another form or not right."""
        plan = self._plan
        if len(document) > _MOST_CHARACTERS or (match := self._head.match(document)) is None:
            return None
        try:
            values = plan.read_texts(match.groups())
            at = match.end()
            for group, opening, closing in self._lists:
                values[group.tag], at = _read_list(group, opening, closing, document, at)
        except (Careful, FieldError, RuleError):
            return None  # the careful way says which of all faults is the first
        if document[at:] != "</Voucher>" or plan.lacks(values):
            return None
        return trusted(plan.model, values, plan.field_names)


def _read_list(
    group: Nested, opening: re.Pattern[str], closing: re.Pattern[str], document: str, at: int
) -> tuple[object, int]:
    """The records of a list that begins at a place, and where it ends.

    Raises Careful, FieldError, RuleError.
    """
    match = opening.match(document, at)
    if match is None or match[1] is None:
        return group.blank(), match.end() if match else at
    assert isinstance(group.declared, Group)  # noqa: S101 - such plans alone have a form
    plan = group.model.plan
    texts, at = plan.lines.find(group.declared.item, document, match.end())
    match = closing.match(document, at)
    if match is None:
        raise Careful
    if not texts:
        return group.blank(), match.end()
    records = plan.lines.read(texts)
    if plan.has_accounts and any(plan.lacks(vars(record)) for record in records):
        raise Careful
    return tuple(records), match.end()


# -- columns -------------------------------------------------------------------------------------


def _texts(column: Column) -> Column:
    joined = "".join(column)
    if any(mark in joined for mark in _MARKUP):
        return [escape(text) for text in column]
    return column


def _numbers(column: Column, form: Callable[[Any], str]) -> Column:
    if None in column:
        return ["" if value is None else form(value) for value in column]
    return list(map(form, column))


def _column(field: Scalar, parse: Parse) -> Callable[[list[str]], Column]:
    """From the trimmed texts of a column to its values. Raises Careful, RuleError."""
    blank = blank_of(field)
    each = _each(parse, blank)
    if field.wire is WireType.CURRENCY:
        return _amounts(each)
    if field.codes or field.traits.get("account_type") or not field.is_text:
        return each
    if field.minimum > 1:
        return each
    if field.wire is WireType.STRING and not field.allows_gbk:
        return _plain(field.maximum, blank, each)
    if field.wire in {WireType.STRING, WireType.GBSTRING}:
        return _chinese(field.maximum, blank, each)
    return each


def _each(parse: Parse, blank: object) -> Callable[[list[str]], Column]:
    """Every different text once: codes, dates and times repeat."""

    def read(texts: list[str]) -> Column:
        known: dict[str, object] = {}
        for text in set(texts):
            if text:
                known[text] = parse(text)
            elif blank is SLOW:
                raise Careful
            else:
                known[text] = blank
        return list(map(known.__getitem__, texts))

    return read


def _amounts(each: Callable[[list[str]], Column]) -> Callable[[list[str]], Column]:
    def read(texts: list[str]) -> Column:
        joined = "\n".join((*texts, ""))
        if _AMOUNTS.fullmatch(joined) is None:
            return each(texts)
        fen: list[Value] = list(map(int, joined.replace(".", "").split()))
        return fen

    return read


def _plain(
    maximum: int, blank: object, each: Callable[[list[str]], Column]
) -> Callable[[list[str]], Column]:
    def read(texts: list[str]) -> Column:
        if blank is SLOW and "" in texts:
            raise Careful
        joined = "".join(texts)
        if joined.isascii() and joined.isprintable() and max(map(len, texts)) <= maximum:
            return texts
        return each(texts)

    return read


def _chinese(
    maximum: int, blank: object, each: Callable[[list[str]], Column]
) -> Callable[[list[str]], Column]:
    def read(texts: list[str]) -> Column:
        if blank is SLOW and "" in texts:
            raise Careful
        joined = "".join(texts)
        # A character is at most 4 bytes.
        bytes_each = 1 if joined.isascii() else 4
        if joined.isprintable() and bytes_each * max(map(len, texts)) <= maximum:
            return texts
        return each(texts)

    return read
