"""CSV for spreadsheets: no formulas, nothing lost."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.reconcile.csvcells import plain_cell, safe_cell, write_csv

# The beginnings are those of OWASP's page "CSV Injection".
FORMULAS = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "-",
    "--1",
    "+1e3",
)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-12.00", "+86130", "80.00", -5, 0, "0105", "张三", "a=b", ""])
def test_numbers_and_other_texts_stay(value: object) -> None:
    assert safe_cell(value) == str(value)


def test_nothing_is_an_empty_cell() -> None:
    assert safe_cell(None) == ""


@given(st.text())
def test_what_was_made_safe_comes_back(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2)))
def test_every_cell_comes_back_from_a_file(rows: list[list[str]]) -> None:
    written = write_csv(("one", "two"), rows)

    head, *read = csv.reader(io.StringIO(written, newline=""), strict=True)

    assert head == ["one", "two"]
    assert [[plain_cell(cell) for cell in row] for row in read] == rows
    for row in read:
        for cell in row:
            assert cell[:1] not in set("=@\t\r\n")


def test_rows_have_the_headings_cells() -> None:
    with pytest.raises(ValueError, match="row 2 has 1 cells under 2 headings"):
        write_csv(("one", "two"), [("1", "2"), ("1",)])


def test_lines_and_quotes_are_those_of_rfc_4180() -> None:
    assert write_csv(("a", "b"), [('x"y', "1,2")]) == 'a,b\r\n"x""y","1,2"\r\n'
