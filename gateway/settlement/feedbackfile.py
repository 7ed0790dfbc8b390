"""Reading CSV files of what treasuries booked, UTF-8 or GBK; what is wrong is said with its line.

Every cell that is kept has a narrow form (codes, dates, amounts), so that nothing that a
spreadsheet would take for a formula ever gets into the books.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from ...codecs import RuleError, is_date, parse_yuan, shown
from ..collection.billfiles import FileRefused, detect_encoding
from ..store import MAX_FEN
from ..store.feedback import FeedbackKind

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MOST_FAULTS: Final = 100

NAMES: Final[Mapping[str, str]] = {
    "TreCode": "国库代码",
    "Date": "日期",
    "BgtLevel": "预算级次",
    "IncomeSortCode": "科目代码",
    "Amt": "金额",
    "TraNo": "流水号",
    "RemitNo": "缴库单号",
}
"""Columns by tag and by Chinese name; a file may use either, further columns are passed over."""
REQUIRED: Final[Mapping[FeedbackKind, tuple[str, ...]]] = {
    "flow": ("TreCode", "Date", "BgtLevel", "IncomeSortCode", "Amt", "TraNo"),
    "daily": ("TreCode", "Date", "BgtLevel", "IncomeSortCode", "Amt"),
}
_FORMS: Final = {
    "TreCode": (re.compile(r"[0-9A-Za-z]{1,10}"), "1 to 10 letters or digits"),
    "BgtLevel": (re.compile(r"[0-5]"), "one digit, 0 to 5"),
    "IncomeSortCode": (re.compile(r"[0-9A-Za-z]{1,30}"), "1 to 30 letters or digits"),
    "TraNo": (re.compile(r"[0-9A-Za-z_-]{0,50}"), "at most 50 letters, digits, - or _"),
    "RemitNo": (re.compile(r"[0-9A-Za-z_-]{0,20}"), "at most 20 letters, digits, - or _"),
}
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """One row of a file; fen."""

    line: int
    tre_code: str
    day: str
    level: str
    subject: str
    amt: int
    tra_no: str = ""
    remit_no: str = ""


class RowsRefused(Exception):
    """What is wrong with the rows of a file: line and fault; at most so many are kept."""

    def __init__(self, faults: list[tuple[int, str]], total: int) -> None:
        super().__init__(f"{total} faults")
        self.faults = faults
        self.total = total


def read_feedback(path: Path, kind: FeedbackKind) -> list[FeedbackRow]:
    """The rows of a file. Raises FileRefused, RowsRefused, OSError."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FileRefused(f"the file has more than {MAX_FILE_BYTES} bytes", do="split it")
    with path.open("rb") as file:
        return list(_read(file, kind))


def _read(file: BinaryIO, kind: FeedbackKind) -> Iterator[FeedbackRow]:
    encoding = detect_encoding(file)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    rows = csv.reader(text, strict=True)
    faults: list[tuple[int, str]] = []
    total = 0
    seen: dict[tuple[str, ...], int] = {}
    try:
        columns = _header(next(rows, []), kind)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            line = rows.line_num
            try:
                found = _row(row, columns, line)
                _once(found, kind, seen)
            except ValueError as fault:
                total += 1
                if len(faults) < MOST_FAULTS:
                    faults.append((line, str(fault)))
            else:
                yield found
    except csv.Error as error:
        raise FileRefused(f"not CSV: {error}", rows.line_num) from None
    finally:
        text.detach()
    if faults:
        raise RowsRefused(faults, total)
    if not seen:
        raise FileRefused("the file has no rows", 1)


def _header(row: list[str], kind: FeedbackKind) -> list[str]:
    """The tag of each column, '' for what is passed over."""
    tags = {name: tag for tag, chinese in NAMES.items() for name in (tag, chinese)}
    columns = [tags.get(name.strip(), "") for name in row]
    for tag in filter(None, columns):
        if columns.count(tag) > 1:
            raise FileRefused(f"column {tag} ({NAMES[tag]}) stands twice", 1)
    missing = [f"{tag} ({NAMES[tag]})" for tag in REQUIRED[kind] if tag not in columns]
    if missing:
        raise FileRefused(f"columns are missing: {', '.join(missing)}", 1)
    return columns


def _row(row: list[str], columns: list[str], line: int) -> FeedbackRow:
    if len(row) != len(columns):
        raise ValueError(f"{len(row)} cells under {len(columns)} columns")
    cells = {tag: cell.strip() for tag, cell in zip(columns, row, strict=True) if tag}
    for tag, (form, rule) in _FORMS.items():
        if tag in cells and form.fullmatch(cells[tag]) is None:
            raise ValueError(f"{tag}: {shown(cells[tag])!r} is not {rule}")
    day = cells["Date"]
    if _ISO.fullmatch(day):
        day = day.replace("-", "")
    if not is_date(day):
        raise ValueError(f"Date: {shown(cells['Date'])!r} is no date yyyymmdd or YYYY-MM-DD")
    try:
        amt = parse_yuan(cells["Amt"], negative=True)
    except RuleError as error:
        raise ValueError(f"Amt: {shown(cells['Amt'])!r} {error.english}") from None
    if not 0 < abs(amt) <= MAX_FEN:
        raise ValueError(f"Amt: {shown(cells['Amt'])!r} is nothing, or too much")
    return FeedbackRow(
        line,
        cells["TreCode"],
        day,
        cells["BgtLevel"],
        cells["IncomeSortCode"],
        amt,
        cells.get("TraNo", ""),
        cells.get("RemitNo", ""),
    )


def _once(row: FeedbackRow, kind: FeedbackKind, seen: dict[tuple[str, ...], int]) -> None:
    """Each booking, and each sum of a day, stands in a file once."""
    if kind == "flow" and not row.tra_no:
        raise ValueError("TraNo: is empty")
    own = (row.tra_no,) if kind == "flow" else (row.subject, row.level)
    key = (row.tre_code, row.day, *own)
    if key in seen:
        raise ValueError(
            f"{'TraNo' if kind == 'flow' else 'the sum'} stands in line {seen[key]} too"
        )
    seen[key] = row.line
