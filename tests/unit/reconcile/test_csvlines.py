"""Statements as CSV: heads, columns, lines that break the rules."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.messages.statements import FundsLine
from nontax.reconcile import csvlines
from nontax.reconcile.csvlines import CsvRefused, head_value, read_statement

COLUMNS = "TraNo,PayMode,Amt,AddWord\n"


def read(text: str) -> csvlines.CsvStatement:
    return read_statement(io.StringIO(text, newline=""), "2557")


def test_heads_lines_and_numbers() -> None:
    found = read(
        "#CheckDate=2026-03-01\r\n#TotalAmt=1.5,,,\r\n\r\n"
        + COLUMNS
        + 'Z1,11,80,"多行\r\n附言"\r\n,,,\r\nZ2,52,0.5,\'=1+1\r\n'
    )
    assert found.head == {"CheckDate": "20260301", "TotalAmt": 150}
    first, second = found.lines
    assert (first.number, first.amt, first.text("AddWord")) == (5, 8000, "多行\r\n附言")
    assert (second.number, second.amt) == (8, 50)
    assert second.text("AddWord") == "=1+1"  # as a spreadsheet's mark says: no formula
    assert isinstance(second.record, FundsLine)


@pytest.mark.parametrize(
    ("row", "fault", "amt"),
    [
        ("Z1,11,8,a,b", "有5个单元格,应为4个", 800),
        ("Z1,11", "有2个单元格,应为4个", 0),
        ("Z1,11,x,a", "Amt: ", 0),
        ("Z1,11,-8.00,a", "Amt: ", 0),
        (",11,8,a", "TraNo: ", 800),
        ("Z1,77,8,a", "PayMode: ", 800),
        ("Z1,11,8," + "长" * 101, "AddWord: ", 800),
        ('Z1,11,8,"a"b', "CSV格式错误", 0),
    ],
)
def test_a_bad_line_stands_between_good_ones(row: str, fault: str, amt: int) -> None:
    found = list(read(f"{COLUMNS}A,11,1,\n{row}\nB,11,2,\n").lines)
    assert [line.number for line in found] == [2, 3, 4]
    assert [line.record is None for line in found] == [False, True, False]
    assert found[1].fault.startswith(fault)
    assert found[1].amt == amt
    assert len(found[1].text("AddWord")) <= csvlines.LONGEST_KEPT


@pytest.mark.parametrize("number", ["Z\x001", "Z\x1b[31m1", "Z\u202e1", "Z\x851"])
def test_what_is_kept_of_a_bad_line_can_be_shown(number: str) -> None:
    [line] = read(f"{COLUMNS}{number},11,8,\n").lines
    assert line.record is None
    kept = line.text("TraNo")
    assert (kept.isprintable(), kept[0], kept[-1], kept[1]) == (True, "Z", "1", "\ufffd")
    assert line.fault.isprintable()


def test_faults_show_no_remark_of_a_payer() -> None:
    [line] = read(f"{COLUMNS}Z1,11,8,{'张三还款' * 60}\n").lines
    assert "AddWord" in line.fault
    assert "张三" not in line.fault + repr(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("#TotalAmt=1.00\n", 1),
        ("#Amt=1.00\n" + COLUMNS, 1),
        ("#TotalAmt\n" + COLUMNS, 1),
        ("#TotalAmt=one\n" + COLUMNS, 1),
        ("#TotalAmt=\n" + COLUMNS, 1),
        ("#PackNo=1\n" + COLUMNS, 1),
        ("#Channel=11,1.00,1.00\n" + COLUMNS, 1),
        ("\nTraNo,PayMode\n", 2),
        ("TraNo,PayMode,Amt,Payee\n", 1),
        (COLUMNS + 'Z1,11,8,a\nZ2,11,8,"a\n', 3),
    ],
)
def test_a_file_that_is_no_statement_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(CsvRefused) as refused:
        list(read(text).lines)
    assert refused.value.line == line


def test_a_file_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvlines, "MOST_LINES", 2)
    assert len(list(read(COLUMNS + "Z1,11,8,\n" * 2).lines)) == 2
    with pytest.raises(CsvRefused, match="at most 2 lines"):
        list(read(COLUMNS + "Z1,11,8,\n" * 3).lines)


def test_options_follow_the_same_rules() -> None:
    assert head_value("2555", "PayMode", " 11 ") == "11"
    assert head_value("2556", "BeginBal", "1.5") == 150
    for tag, text in (("RecAcct", "1" * 51), ("RecAcct", ""), ("CheckDate", "20260231")):
        with pytest.raises(ValueError, match=tag):
            head_value("2557", tag, text)


@given(st.text(max_size=200))
def test_whatever_a_file_holds_is_a_line_or_a_refusal(text: str) -> None:
    try:
        for line in read(COLUMNS + text).lines:
            assert line.amt >= 0
            assert (line.record is None) == bool(line.fault)
    except CsvRefused:
        return
