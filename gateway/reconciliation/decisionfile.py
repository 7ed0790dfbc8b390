"""Files of decisions about differences: CSV, one a row; what is wrong is said with its line.

The file that `nontax reconcile export` writes can be filled in and given back: further columns are
passed over, and so is a row whose `action` is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from ...codecs import RuleError, parse_yuan, shown
from ...reconcile.csvcells import plain_cell
from ..collection.billfiles import FileRefused, detect_encoding
from ..settlement.acting import SettlementRefused
from ..settlement.feedbackfile import MOST_FAULTS, RowsRefused
from ..settlement.wishes import check_reason
from .decisions import Decision, check_form, decision_name

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MOST_ROWS: Final = 2000
"""Decisions in one file: they are one transaction, behind which payments wait."""
_CELL_CHARACTERS: Final = 4000
_HIGHEST_ID: Final = 2**63 - 1

NAMES: Final[Mapping[str, str]] = {
    "id": "编号",
    "action": "处理方式",
    "why": "处理理由",
    "payment": "缴款记录",
    "arrival": "到账记录",
    "row": "对方编号",
    "amount": "处理金额",
}
"""Columns by name and by Chinese name; a file may use either. `reason` means `why` where there is
no such column."""
_REQUIRED: Final = ("id", "action", "why")


class FileDecision(NamedTuple):
    """A decision and the line of the file that it ends in."""

    line: int
    decision: Decision


def read_decisions(path: Path) -> list[FileDecision]:
    """The decisions of a file. Raises FileRefused, RowsRefused, OSError."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FileRefused(f"the file has more than {MAX_FILE_BYTES} bytes", do="split it")
    with path.open("rb") as file:
        return _read(file)


def _read(file: BinaryIO) -> list[FileDecision]:
    encoding = detect_encoding(file)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    rows = csv.reader(text, strict=True)
    try:
        return _decisions(rows, _header(next(rows, [])))
    except csv.Error as error:
        raise FileRefused(f"not CSV: {error}", rows.line_num) from None
    finally:
        text.detach()


class _Reader(Protocol):
    """What csv.reader makes."""

    @property
    def line_num(self) -> int:
        """Lines read so far."""

    def __iter__(self) -> Iterator[list[str]]:
        """The rows."""


def _decisions(rows: _Reader, columns: list[str]) -> list[FileDecision]:
    found: list[FileDecision] = []
    seen: dict[int, int] = {}
    faults: list[tuple[int, str]] = []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        line = rows.line_num
        try:
            decision = _decision(row, columns)
            if decision is None:
                continue
            _once(decision.row, line, seen)
        except ValueError as fault:
            faults.append((line, str(fault)))
            continue
        found.append(FileDecision(line, decision))
        if len(found) > MOST_ROWS:
            raise FileRefused(f"the file has more than {MOST_ROWS} decisions", line, "split it")
    if faults:
        raise RowsRefused(faults[:MOST_FAULTS], len(faults))
    if not found:
        raise FileRefused("the file has no decisions", 1, "fill in the column action")
    return found


def _once(row: int, line: int, seen: dict[int, int]) -> None:
    if row in seen:
        raise ValueError(f"id {row} stands in line {seen[row]} too")
    seen[row] = line


def _header(row: list[str]) -> list[str]:
    """The name of each column, '' for what is passed over."""
    known = {name: tag for tag, chinese in NAMES.items() for name in (tag, chinese)}
    named = [plain_cell(name.strip()) for name in row]
    columns = [known.get(name, "") for name in named]
    if "why" not in columns and "reason" in named:
        columns[named.index("reason")] = "why"
    for tag in filter(None, columns):
        if columns.count(tag) > 1:
            raise FileRefused(f"column {tag} ({NAMES[tag]}) stands twice", 1)
    missing = [f"{tag} ({NAMES[tag]})" for tag in _REQUIRED if tag not in columns]
    if missing:
        raise FileRefused(f"columns are missing: {', '.join(missing)}", 1)
    return columns


def _decision(row: list[str], columns: list[str]) -> Decision | None:
    """The decision of a row; None where there is none. Raises ValueError."""
    if len(row) != len(columns):
        raise ValueError(f"{len(row)} cells under {len(columns)} columns")
    cells = {tag: plain_cell(cell).strip() for tag, cell in zip(columns, row, strict=True) if tag}
    if not cells["action"]:
        return None
    for tag, cell in cells.items():
        if len(cell) > _CELL_CHARACTERS:
            raise ValueError(f"{tag}: has more than {_CELL_CHARACTERS} characters")
    try:
        name = decision_name(cells["action"])
    except ValueError as error:
        raise ValueError(f"action: {shown(cells['action'])!r} {error}") from None
    number = _number("id", cells["id"])
    if number is None:
        raise ValueError("id: is empty")
    decision = Decision(
        row=number,
        name=name,
        reason=cells["why"],
        payment=_number("payment", cells.get("payment", "")),
        arrival=_number("arrival", cells.get("arrival", "")),
        other=_number("row", cells.get("row", "")),
        amt=_amount(cells.get("amount", "")),
    )
    try:
        check_form(decision)
        if name != "approve" or decision.reason:
            check_reason(decision.reason)
    except SettlementRefused as error:
        raise ValueError(error.what) from None
    return decision


def _number(tag: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _HIGHEST_ID):
        raise ValueError(f"{tag}: {shown(text)!r} is no number above 0")
    return int(text)


def _amount(text: str) -> int | None:
    if not text:
        return None
    try:
        return parse_yuan(text)
    except RuleError as error:
        raise ValueError(f"amount: {shown(text)!r} {error.english}") from None
