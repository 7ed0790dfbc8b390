"""What one record class needs at run time, compiled once when the class is made.

Reading, checking and writing all follow from the declarations of `fields`; nothing here knows a
single message. The three loops run for every voucher of the hot path, so that they hold closures
and look nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING

from lxml import etree

from ..codecs.errors import Rule, RuleError
from ..codecs.xml import escape
from .fields import Declaration, Group, M, Need, Scalar, Single
from .lists import PLAIN_TEXT, Lines, ListForm, Values, trusted
from .refusals import FieldError, refused
from .rows import SLOW, blank_of, formatter, left_out, other_checker, parser, text_checker

if TYPE_CHECKING:
    from .record import Record


@dataclass(frozen=True, slots=True)
class Nested:
    """A group or single record of a class: tag, declaration, the class of its items."""

    tag: str
    declared: Group | Single
    model: type[Record]

    @property
    def need(self) -> Need:
        """Whether the group must be there."""
        return self.declared.need

    def blank(self) -> object:
        """The value of a group that is not there; refuses a mandatory one."""
        if isinstance(self.declared, Group):
            if self.need is M and not self.declared.may_be_empty:
                raise FieldError(self.tag, Rule.MISSING)
            return ()
        if self.need is M:
            raise FieldError(self.tag, Rule.MISSING)
        return None


# Fewer records are written faster one by one.
_MANY = 8


class Plan:
    """The compiled table of one record class."""

    def __init__(self, model: type[Record], declared: dict[str, Declaration]) -> None:
        self.model = model
        self.scalars = {t: d for t, d in declared.items() if isinstance(d, Scalar)}
        self.nested = tuple(
            Nested(tag, d, model.nested_model(tag))
            for tag, d in declared.items()
            if not isinstance(d, Scalar)
        )
        self.tags = frozenset(declared)
        self.field_names = set(declared)
        parsers = {tag: parser(field) for tag, field in self.scalars.items()}
        self._read_rows = tuple((t, parsers[t], blank_of(f)) for t, f in self.scalars.items())
        self._check_rows = tuple(
            (t, text_checker(f, parsers[t]), other_checker(f), blank_of(f))
            for t, f in self.scalars.items()
        )
        cases = [(tag, field.case) for tag, field in self.scalars.items() if field.case]
        self._cases = tuple((tag, case) for tag, case in cases if not case.in_parent)
        self._parent_cases = tuple((tag, case) for tag, case in cases if case.in_parent)
        self._account_cases = tuple(
            (tag, case) for tag, case in self._cases if self.scalars[tag].need is M
        )
        self._pieces = tuple(
            (t, formatter(f), f"<{t}>", f"</{t}>", f"<{t}/>") for t, f in self.scalars.items()
        )
        texts = [tag for tag, field in self.scalars.items() if field.is_text]
        self._texts: Callable[[Values], Iterable[str]] = itemgetter(*texts) if texts else tuple

    # -- reading ---------------------------------------------------------------------------

    def read(self, element: etree._Element, unknown: list[str], strict: bool) -> Record:
        """A record from its element; tags that the table lacks go to ``unknown``.

        ``strict`` also insists on ``*M`` fields whose case holds. Raises FieldError.
        """
        values = None if self.nested else self._read_in_order(element)
        if values is None:
            values = self._read_any(element, unknown, strict)
        for tag, case in self._cases if strict else self._account_cases:
            if values[tag] == "" and case.applies(values):
                raise FieldError(tag, Rule.EMPTY)
        if strict and self.nested:
            self._check_parent_cases(values)
        return trusted(self.model, values, self.field_names)

    def read_usual(self, document: str) -> Record | None:
        """A record from a document that is written as we write: no parser, no tree.

        None for every other form (another order, attributes, references, declarations), which
        `read` understands. What both understand they understand alike.
        """
        if self.nested:
            return None if self._lists is None else self._lists.read(document)
        if (match := self._usual_form.fullmatch(document)) is None:
            return None
        values = self.read_texts(match.groups())
        for tag, case in self._account_cases:
            if values[tag] == "" and case.applies(values):
                raise FieldError(tag, Rule.EMPTY)
        return trusted(self.model, values, self.field_names)

    @cached_property
    def _usual_form(self) -> re.Pattern[str]:
        """The form that we write, a group a row; compiled when the first such voucher comes."""
        rows = (f"<{tag}(?:/>|>({PLAIN_TEXT})</{tag}>)" for tag in self.scalars)
        return re.compile(f"<Voucher>{''.join(rows)}</Voucher>")

    @cached_property
    def _lists(self) -> ListForm | None:
        """The form of a voucher with lists; None where a group is no list of plain records."""
        if any(isinstance(g.declared, Single) or g.model.plan.nested for g in self.nested):
            return None
        return ListForm(self)

    @cached_property
    def lines(self) -> Lines:
        """Records of this class by the thousand; only where it has no groups."""
        parsers = {tag: parse for tag, parse, _ in self._read_rows}
        return Lines(self.model, self.scalars, parsers)

    @property
    def has_accounts(self) -> bool:
        """Whether `lacks` has anything to look at."""
        return bool(self._account_cases)

    def lacks(self, values: Values) -> bool:
        """Whether an account that must be there on receipt is missing."""
        return any(values[tag] == "" and case.applies(values) for tag, case in self._account_cases)

    def _read_in_order(self, element: etree._Element) -> Values | None:
        """The values of a record whose elements are those of the table, in its order.

        This is what nearly everybody sends, and it needs no look-up by tag; None if it is not so.
        """
        if len(element) != len(self._read_rows):
            return None
        texts: list[str | None] = []
        for child, (tag, _, _) in zip(element, self._read_rows, strict=True):
            if child.tag != tag or len(child):
                return None
            texts.append(child.text)
        return self.read_texts(texts)

    def read_texts(self, texts: Iterable[str | None]) -> Values:
        """The values of all rows from their texts, in the order of the table."""
        values: Values = {}
        tag = ""
        text: str | None = None
        try:
            for text, (tag, parse, blank) in zip(texts, self._read_rows, strict=True):
                if text and (text := text.strip()):
                    values[tag] = parse(text)
                elif blank is not SLOW:
                    values[tag] = blank
                else:
                    values[tag] = self._mandatory(tag, "")
        except RuleError as rule:
            raise refused(tag, self.scalars[tag], text, rule) from None
        return values

    def _read_any(self, element: etree._Element, unknown: list[str], strict: bool) -> Values:
        """The values of a record whose elements come in any order."""
        texts: dict[str, str] = {}
        containers: dict[str, etree._Element] = {}
        for child in element:
            tag = child.tag
            if tag in texts or len(child):
                self._irregular(child, texts, containers, unknown)
            else:
                texts[tag] = child.text or ""
        values = self._read_scalars(texts)
        for group in self.nested:
            values[group.tag] = self._read_group(group, texts, containers, unknown, strict)
        if texts:
            unknown.extend(map(str, texts))
        return values

    def _read_scalars(self, texts: dict[str, str]) -> Values:
        """The values of all rows; takes what it knows out of ``texts``."""
        values: Values = {}
        tag = ""
        text: str | None = None
        take = texts.pop
        try:
            for tag, parse, blank in self._read_rows:
                text = take(tag, None)
                if text and (text := text.strip()):
                    values[tag] = parse(text)
                elif blank is not SLOW:
                    values[tag] = blank
                else:
                    values[tag] = self._mandatory(tag, text)
        except RuleError as rule:
            raise refused(tag, self.scalars[tag], text, rule) from None
        return values

    def _irregular(
        self,
        child: etree._Element,
        texts: dict[str, str],
        containers: dict[str, etree._Element],
        unknown: list[str],
    ) -> None:
        """A child that is there twice, or that holds elements."""
        tag = child.tag
        if tag in self.scalars:
            rule = Rule.DUPLICATE if tag in texts else Rule.NESTED
            raise FieldError(tag, rule)
        if tag in self.tags:
            if tag in texts or tag in containers:
                raise FieldError(tag, Rule.DUPLICATE)
            containers[tag] = child
        elif tag in texts:
            unknown.append(str(tag))
        else:
            texts[tag] = ""

    def parse(self, tag: str, text: str) -> object:
        """The value that a trimmed, non-empty text of a row says. Raises RuleError."""
        return next(parse for name, parse, _ in self._read_rows if name == tag)(text)

    def _mandatory(self, tag: str, text: str | None) -> object:
        """The value of a mandatory field that is missing (None) or empty."""
        if text is None:
            raise RuleError(Rule.MISSING)
        if self.scalars[tag].traits.get("blank_is_zero"):
            return 0
        raise RuleError(Rule.EMPTY)

    def _read_group(
        self,
        group: Nested,
        texts: dict[str, str],
        containers: dict[str, etree._Element],
        unknown: list[str],
        strict: bool,
    ) -> object:
        container = containers.get(group.tag)
        text = texts.pop(group.tag, None)
        if text and text.strip():
            raise FieldError(group.tag, Rule.STRAY_TEXT)
        if container is None:
            return group.blank()
        if text is not None:
            raise FieldError(group.tag, Rule.DUPLICATE)
        read = group.model.plan.read
        if isinstance(group.declared, Single):
            try:
                return read(container, unknown, strict)
            except FieldError as refusal:
                raise refusal.inside(group.tag) from None
        item = group.declared.item
        items: list[Record] = []
        try:
            for child in container:
                if child.tag == item:
                    items.append(read(child, unknown, strict))
                else:
                    unknown.append(str(child.tag))
        except FieldError as refusal:
            raise refusal.inside(f"{group.tag}/{item}[{len(items) + 1}]") from None
        return tuple(items) or group.blank()

    # -- checking what Python code made ----------------------------------------------------

    def check(self, given: Values) -> Values:
        """The values of a record that our own code makes. Raises FieldError, TypeError."""
        values = self._check_scalars(given)
        for group in self.nested:
            values[group.tag] = _check_group(group, given.pop(group.tag, None))
        if given:
            raise TypeError(f"{self.model.__name__} has no field {', '.join(sorted(given))}")
        for tag, case in self._cases:
            if values[tag] == "" and case.applies(values):
                raise FieldError(tag, Rule.EMPTY)
        self._check_parent_cases(values)
        return values

    def _check_scalars(self, given: Values) -> Values:
        """The checked values of all rows; takes what it knows out of ``given``."""
        values: Values = {}
        tag = ""
        value: object = None
        take = given.pop
        try:
            for tag, check_text, check_other, blank in self._check_rows:
                value = take(tag, None)
                if isinstance(value, str):
                    # str's own strip also makes plain text of a member of a code table.
                    if value := str.strip(value):
                        values[tag] = check_text(value)
                        continue
                elif value is not None:
                    values[tag] = check_other(value)
                    continue
                values[tag] = left_out(value) if blank is SLOW else blank
        except RuleError as rule:
            raise refused(tag, self.scalars[tag], value, rule) from None
        return values

    def _check_parent_cases(self, values: Values) -> None:
        """The cases of items of a list that this record tells."""
        for group in self.nested:
            items = values[group.tag]
            if not isinstance(items, tuple) or not isinstance(group.declared, Group):
                continue
            for tag in group.model.plan.called_for(values):
                for index, item in enumerate(items, 1):
                    if getattr(item, tag) == "":
                        place = f"{group.tag}/{group.declared.item}[{index}]"
                        raise FieldError(tag, Rule.EMPTY).inside(place)

    def called_for(self, parent: Mapping[str, object]) -> list[str]:
        """Tags of this record that may not be empty, by the values of the record around it."""
        return [tag for tag, case in self._parent_cases if case.applies(parent)]

    def unfilled(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """The ``*M`` tags of this record whose case holds and that are empty."""
        return tuple(t for t, case in self._cases if values[t] == "" and case.applies(values))

    # -- writing ---------------------------------------------------------------------------

    def write(self, values: Values) -> str:
        """The record's elements, without the element around them."""
        texts = "".join(self._texts(values))
        plain = not ("&" in texts or "<" in texts or ">" in texts or "\r" in texts)
        parts = []
        for tag, form, opening, closing, empty in self._pieces:
            value = values[tag]
            if value == "" or value is None:
                parts.append(empty)
            elif form is not None:
                parts.append(f"{opening}{form(value)}{closing}")
            else:
                parts.append(f"{opening}{value if plain else escape(value)}{closing}")
        parts.extend(_write_group(group, values[group.tag]) for group in self.nested)
        return "".join(parts)


def _check_group(group: Nested, given: object) -> object:
    if isinstance(group.declared, Single):
        if given is None:
            return group.blank()
        if not isinstance(given, group.model):
            raise TypeError(f"{group.tag} takes a {group.model.__name__}")
        return given
    items = tuple(given) if isinstance(given, (list, tuple)) else given
    if not items:
        return group.blank()
    if not isinstance(items, tuple) or not all(isinstance(i, group.model) for i in items):
        raise TypeError(f"{group.tag} takes a tuple of {group.model.__name__}")
    return items


def _write_group(group: Nested, value: object) -> str:
    if not value:
        return f"<{group.tag}/>"
    write = group.model.plan.write
    if isinstance(group.declared, Single) or not isinstance(value, tuple):
        return f"<{group.tag}>{write(vars(value))}</{group.tag}>"
    item, plan = group.declared.item, group.model.plan
    if not plan.nested and len(value) >= _MANY:
        return f"<{group.tag}>{plan.lines.write(item, value)}</{group.tag}>"
    between = f"</{item}><{item}>"
    inner = between.join([write(record.__dict__) for record in value])
    return f"<{group.tag}><{item}>{inner}</{item}></{group.tag}>"
