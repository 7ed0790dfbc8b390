"""Statements as CSV: what a bank that cannot send 2555, 2557 or 2556 gives as a file.

    #PayMode=11
    #TotalCount=2
    PayCode,CfmDate,CfmTime,Amt,TraNoBus,RecAcctType,RecAcct
    32068226000000000019,20260301,101530,80.00,T1,1,32001000000000000018

Columns have the names of the wire (or their Chinese meaning), in any order; optional ones may be
missing. Lines before them that begin with # say of the batch what the message's first rows say,
and of 2556 a channel each: ``#Channel=11,80.00,0.00`` (PayMode, InAmt, OutAmt). Each row is held
against the rules of the message. One that breaks them is kept with its line and what is wrong: a
list with a bad line is reconciled, and the line reported. A file that cannot be understood as a
whole is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..codecs import RemoteProtocolError, RuleError, parse_yuan, shown
from ..messages import Need, Record, Scalar
from ..messages.statements import (
    AccountStatement,
    ChannelTotal,
    FundsLine,
    FundsStatement,
    Movement,
    PaymentLine,
    PaymentStatement,
)
from .csvcells import plain_cell
from .kinds import Statement

MOST_LINES: Final = 5_000_000
LONGEST_KEPT: Final = 100
"""Characters that are kept of a text that breaks the rules."""

_MESSAGES: Final[Mapping[Statement, tuple[type[Record], type[Record]]]] = {
    "2555": (PaymentStatement, PaymentLine),
    "2557": (FundsStatement, FundsLine),
    "2556": (AccountStatement, Movement),
}
_NOT_OF_A_FILE: Final = frozenset({"PackCount", "PackNo", "Hold1", "Hold2"})
_CHANNEL: Final = "Channel"
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}")


class CsvRefused(Exception):
    """A file that cannot be read as a statement at all: what is wrong, and in which line."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


@dataclass(frozen=True, slots=True)
class CsvLine:
    """One line of a file: its record, or what is wrong with it and the texts that it has."""

    number: int
    record: Record | None
    fault: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def amt(self) -> int:
        """The amount in fen, 0 where none can be read."""
        if self.record is not None:
            return int(vars(self.record)["Amt"])
        try:
            return parse_yuan(self.texts.get("Amt", ""))
        except RuleError:
            return 0

    def text(self, tag: str) -> str:
        """A text of the line, as far as it is kept."""
        if self.record is not None:
            return str(vars(self.record)[tag])
        return self.texts.get(tag, "")[:LONGEST_KEPT]


@dataclass(slots=True)
class CsvStatement:
    """A file that is being read: what it says of the batch by tag, and its lines, to be read once.

    Values of `head` are text or fen; `channels` are (PayMode, InAmt, OutAmt).
    """

    head: dict[str, str | int]
    channels: list[tuple[str, int, int]]
    lines: Iterator[CsvLine] = field(repr=False)


def head_tags(kind: Statement) -> dict[str, Scalar]:
    """What a file may say of its batch, by the wire's tags."""
    scalars = _MESSAGES[kind][0].plan.scalars
    return {tag: scalar for tag, scalar in scalars.items() if tag not in _NOT_OF_A_FILE}


def head_value(kind: Statement, tag: str, text: str) -> str | int:
    """The value that a text says of a batch. ValueError says what is wrong with it."""
    scalar = head_tags(kind)[tag]
    model = _MESSAGES[kind][0]
    cell = _plainer(tag, text.strip())
    if not cell:
        raise ValueError(f"{tag} is empty")
    read = model.plan.parse
    try:
        value = read(tag, cell)
    except RuleError as error:
        shown_text = "" if scalar.sensitive else f" ({shown(cell)!r})"
        raise ValueError(f"{tag} {error.english}{shown_text}") from None
    return value if isinstance(value, (str, int)) else str(value)


def read_statement(text: Iterable[str], kind: Statement) -> CsvStatement:
    """Read a file's text, line by line. Raises CsvRefused, also while its lines are read."""
    reader = _Reader(text, kind)
    reader.read_head()
    return CsvStatement(reader.head, reader.channels, reader.lines())


class _Reader:
    """One pass over one file."""

    def __init__(self, text: Iterable[str], kind: Statement) -> None:
        self.head: dict[str, str | int] = {}
        self.channels: list[tuple[str, int, int]] = []
        self._kind = kind
        self._model = _MESSAGES[kind][1]
        self._rows = csv.reader(text, strict=True)
        self._columns: list[str] = []

    def read_head(self) -> None:
        """Read up to the names of the columns."""
        while True:
            row = self._next()
            if row is None:
                raise CsvRefused("the file has no columns", max(1, self._rows.line_num))
            if not any(cell.strip() for cell in row):
                continue
            if not row[0].lstrip().startswith("#"):
                break
            self._say(",".join(row).strip().rstrip(",")[1:])
        self._columns = self._named(row)

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise CsvRefused(f"not CSV: {error}", self._rows.line_num) from None

    def _say(self, text: str) -> None:
        """A line before the columns: ``Tag=value``."""
        line = self._rows.line_num
        tag, sign, value = (part.strip() for part in text.partition("="))
        known = head_tags(self._kind)
        if not sign or (tag not in known and (tag, self._kind) != (_CHANNEL, "2556")):
            expected = ", ".join(known) + (", Channel" if self._kind == "2556" else "")
            raise CsvRefused(f"#{shown(tag)} is none of {expected}", line)
        if tag == _CHANNEL:
            try:
                total = ChannelTotal.read_texts(_three(value))
            except RemoteProtocolError as error:
                raise CsvRefused(f"#Channel: {error}", line) from None
            self.channels.append((total.PayMode, total.InAmt, total.OutAmt))
        elif tag in self.head:
            raise CsvRefused(f"#{tag} stands twice", line)
        else:
            try:
                self.head[tag] = head_value(self._kind, tag, value)
            except ValueError as error:
                raise CsvRefused(f"#{error}", line) from None

    def _named(self, row: list[str]) -> list[str]:
        """The tag of every column."""
        line = self._rows.line_num
        scalars = self._model.plan.scalars
        tags = {name: tag for tag, one in scalars.items() for name in (tag, one.meaning)}
        columns = []
        for name in row:
            tag = tags.get(name.strip())
            if tag is None:
                raise CsvRefused(f"{shown(name.strip())!r} is no column of {self._kind}", line)
            if tag in columns:
                raise CsvRefused(f"column {tag} stands twice", line)
            columns.append(tag)
        missing = [tag for tag, one in scalars.items() if one.need is Need.M and tag not in columns]
        if missing:
            raise CsvRefused(f"columns are missing: {', '.join(missing)}", line)
        return columns

    def lines(self) -> Iterator[CsvLine]:
        """The lines after the columns; empty ones are passed over."""
        count, before = 0, self._rows.line_num
        while True:
            number = before + 1
            try:
                row = next(self._rows, None)
            except csv.Error as error:
                if "end of data" in str(error):
                    raise CsvRefused("a quote is never closed", number) from None
                row, found = [str(error)], CsvLine(number, None, "CSV格式错误")
            else:
                if row is None:
                    return
                found = self._line(number, row)
            before = self._rows.line_num
            if any(cell.strip() for cell in row):
                count += 1
                if count > MOST_LINES:
                    raise CsvRefused(f"a file has at most {MOST_LINES} lines: split it", number)
                yield found

    def _line(self, number: int, row: list[str]) -> CsvLine:
        texts = {
            tag: _plainer(tag, plain_cell(cell).strip())
            for tag, cell in zip(self._columns, row, strict=False)
        }
        if len(row) != len(self._columns):
            fault = f"有{len(row)}个单元格,应为{len(self._columns)}个"
            return CsvLine(number, None, fault, _printable(texts))
        try:
            record = self._model.read_texts([texts.get(tag) for tag in self._model.plan.scalars])
        except RemoteProtocolError as error:
            fault = error.information.removeprefix("报文字段 ")
            return CsvLine(number, None, fault, _printable(texts))
        return CsvLine(number, record)


def _printable(texts: Mapping[str, str]) -> dict[str, str]:
    """What is kept of a line that breaks the rules: it is shown on terminals and in reports."""
    return {
        tag: "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
        for tag, text in texts.items()
    }


def _plainer(tag: str, text: str) -> str:
    """A date or time as the wire writes it, where a spreadsheet has put marks between."""
    if tag.endswith("Date") and _ISO_DATE.fullmatch(text):
        return text.replace("-", "")
    if tag.endswith("Time") and _CLOCK.fullmatch(text):
        return text.replace(":", "")
    return text


def _three(value: str) -> list[str | None]:
    """The three texts of a channel."""
    parts: list[str | None] = [part.strip() for part in value.split(",")]
    return (parts + [None] * 3)[:3]
