"""Files of treasuries: both encodings, both kinds of heading, and everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from nontax.gateway.collection.billfiles import FileRefused
from nontax.gateway.settlement.feedbackfile import (
    FeedbackRow,
    RowsRefused,
    read_feedback,
)

CHINESE = "国库代码,日期,预算级次,科目代码,金额,流水号,缴库单号\n"
TAGS = "TreCode,Date,BgtLevel,IncomeSortCode,Amt,TraNo,RemitNo\n"
ROW = "3206820000,20260303,4,103043211,56.00,L1,JK2026030300000001\n"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("head", [CHINESE, TAGS])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_both_headings_and_encodings_are_read(tmp_path: Path, head: str, encoding: str) -> None:
    file = write(tmp_path / "f.csv", head + ROW, encoding)
    assert read_feedback(file, "flow") == [
        FeedbackRow(2, "3206820000", "20260303", "4", "103043211", 5600, "L1", "JK2026030300000001")
    ]


def test_dates_spaces_further_columns_and_reversals(tmp_path: Path) -> None:
    head = "备注,国库代码,日期,预算级次,科目代码,金额\n"
    text = '"=1+1",3206820000, 2026-03-03 ,4,A1,-0.5\n\n,,,,,\n'
    file = write(tmp_path / "f.csv", head + text, "gbk")
    assert read_feedback(file, "daily") == [
        FeedbackRow(2, "3206820000", "20260303", "4", "A1", -50)
    ]


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (0, "", "TreCode"),
        (0, "=HYPERLINK(1)", "TreCode"),
        (0, "12345678901", "TreCode"),
        (1, "20260230", "no date"),
        (1, "2026-3-3", "no date"),
        (2, "6", "BgtLevel"),
        (2, "县级", "BgtLevel"),
        (3, "@SUM(A1)", "IncomeSortCode"),
        (3, "A" * 31, "IncomeSortCode"),
        (4, "", "Amt"),
        (4, "0.00", "is nothing"),
        (4, "1.234", "Amt"),
        (4, "=1+2", "Amt"),
        (4, "10000000000000.01", "too much"),
        (4, "1,000.00", "8 cells under 7 columns"),
        (5, "", "TraNo: is empty"),
        (5, "+cmd|x", "TraNo"),
        (6, "../etc", "RemitNo"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, column: int, value: str, text: str) -> None:
    cells = ROW.strip().split(",")
    cells[column] = value
    file = write(tmp_path / "f.csv", TAGS + ROW.replace("L1", "L0") + ",".join(cells) + "\n")
    with pytest.raises(RowsRefused) as caught:
        read_feedback(file, "flow")
    [(line, fault)] = caught.value.faults
    assert line == 3
    assert text in fault


def test_every_wrong_row_is_counted_and_the_first_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "f.csv", TAGS + ROW + "x\n" * 250)
    with pytest.raises(RowsRefused) as caught:
        read_feedback(file, "flow")
    assert (caught.value.total, len(caught.value.faults)) == (250, 100)


def test_a_booking_stands_in_a_file_once(tmp_path: Path) -> None:
    with pytest.raises(RowsRefused) as caught:
        read_feedback(write(tmp_path / "f.csv", TAGS + ROW + ROW), "flow")
    assert caught.value.faults == [(3, "TraNo stands in line 2 too")]
    with pytest.raises(RowsRefused) as caught:
        read_feedback(write(tmp_path / "d.csv", TAGS + ROW + ROW.replace("L1", "L2")), "daily")
    assert caught.value.faults == [(3, "the sum stands in line 2 too")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "columns are missing"),
        ("TreCode,Date\n", "columns are missing: BgtLevel (预算级次)"),
        (TAGS, "no rows"),
        (TAGS.replace("TraNo", "国库代码") + ROW, "stands twice"),
        (TAGS + '"3206820000,2\n', "not CSV"),
        (TAGS + '"a"b,1\n', "not CSV"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read_feedback(write(tmp_path / "f.csv", text), "flow")
    assert problem in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(FileRefused, match="neither UTF-8 nor GBK"):
        read_feedback(tmp_path / "f.csv", "flow")
    with pytest.raises(FileNotFoundError):
        read_feedback(tmp_path / "none.csv", "flow")
