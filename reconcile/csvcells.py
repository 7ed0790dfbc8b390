"""CSV that people open in a spreadsheet: no cell of it is ever taken for a formula.

What a bank or a payer wrote stands in our files, and a spreadsheet runs a text that begins with
one of a few characters (CSV injection). Such a cell gets a leading apostrophe, which spreadsheets
show as text; numbers stay numbers. `plain_cell` takes the apostrophe off where a file comes back.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

ENCODING: Final = "utf-8-sig"
"""How CSV files are written: with the mark by which spreadsheets know UTF-8."""

# The full-width forms are taken for the plain ones by spreadsheets in East Asian locales.
_BEGINNINGS: Final = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def safe_cell(value: object) -> str:
    """A value as text that a spreadsheet takes for no formula; None is an empty cell.

    A text that begins with an apostrophe before such a character gets one, too, so that
    `plain_cell` gives back what went in.
    """
    text = "" if value is None else str(value)
    if _begins_formula(text.lstrip("'")) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def plain_cell(text: str) -> str:
    """The text that `safe_cell` was given."""
    if text.startswith("'") and safe_cell(text[1:]) == text:
        return text[1:]
    return text


def _begins_formula(text: str) -> bool:
    return text[:1] in _BEGINNINGS


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Headings and rows as CSV (RFC 4180, lines end in CR LF), every cell made safe.

    Raises ValueError for a row with another number of cells than there are headings.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_cell(heading) for heading in headings])
    for number, row in enumerate(rows, 1):
        if len(row) != len(headings):
            raise ValueError(f"row {number} has {len(row)} cells under {len(headings)} headings")
        writer.writerow([safe_cell(cell) for cell in row])
    return text.getvalue()
