"""Codes, numbers and ranges."""

from __future__ import annotations

import pytest

from nontax.einvoice.numbering import (
    CLASSES,
    MOST_NUMBER,
    InvoiceCode,
    NumberingError,
    Range,
    bill_type_of,
    code_of,
    invoice_id,
    invoice_tag,
    merged,
    number_text,
    parse_code,
    parse_invoice_id,
    parse_number,
    split_bill_no,
)

CODE = "32010126"


def test_a_code_has_its_parts() -> None:
    code = parse_code(CODE)
    assert code == InvoiceCode("32", "01", "01", "26")
    assert str(code) == CODE
    assert code.bill_type == "0101"
    assert code.class_name == "非税收入通用票据"
    assert parse_code("32770126").class_name == ""
    assert sorted(CLASSES) == ["01", "02", "04", "05", "06", "07", "08", "09", "99"]


@pytest.mark.parametrize("text", ["", "3201012", "320101260", "3201012x", "３2010126", " 2010126"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(NumberingError):
        parse_code(text)


@pytest.mark.parametrize(
    ("region", "kind", "year", "code"),
    [
        ("32", "0101", 26, CODE),
        ("320682", "0101", 2026, CODE),
        ("320682", "320101", "2026", CODE),
        ("32", "32010199", "26", CODE),
        ("00", "0604", 2005, "00060405"),
        ("660000", "9901", 7, "66990107"),
    ],
)
def test_a_code_is_made(region: str, kind: str, year: int | str, code: str) -> None:
    assert code_of(region, kind, year) == code


@pytest.mark.parametrize(
    ("region", "kind", "year"),
    [
        ("3", "0101", 26),
        ("3206", "0101", 26),
        ("xx", "0101", 26),
        ("32", "01", 26),
        ("32", "0101", 1999),
        ("32", "0101", -1),
        ("32", "0101", 226),
        ("32", "0101", "2"),
    ],
)
def test_what_makes_no_code_is_refused(region: str, kind: str, year: int | str) -> None:
    with pytest.raises(NumberingError):
        code_of(region, kind, year)


@pytest.mark.parametrize("text", ["0101", "320101", "32010126"])
def test_a_kind_is_read_in_three_forms(text: str) -> None:
    assert bill_type_of(text) == "0101"


@pytest.mark.parametrize(
    "text", ["", "01", "101", "01011", "3201012", "320101261", "abcd", "０101"]
)
def test_what_is_no_kind_is_refused(text: str) -> None:
    with pytest.raises(NumberingError):
        bill_type_of(text)


def test_numbers_have_ten_digits() -> None:
    assert number_text(1) == "0000000001"
    assert number_text(MOST_NUMBER) == "9999999999"
    assert parse_number("0000000017") == 17
    for wrong in (0, -1, MOST_NUMBER + 1):
        with pytest.raises(NumberingError):
            number_text(wrong)
    for text in ("", "17", "0000000000", "00000000017", "000000001x"):
        with pytest.raises(NumberingError):
            parse_number(text)


def test_a_bill_number_may_have_its_code() -> None:
    assert split_bill_no("0000000017") == ("", "0000000017")
    assert split_bill_no(CODE + "0000000017") == (CODE, "0000000017")
    for text in ("", "17", "10000000017", "3201012x0000000017", CODE + "0000000000"):
        with pytest.raises(NumberingError):
            split_bill_no(text)


def test_tag_and_identity() -> None:
    assert invoice_tag(CODE) == "CZ-EI-32"
    assert invoice_tag("00010126") == "CZ-EI-00"
    assert invoice_id(CODE, "0123456789") == "9876543210-62101023"
    assert parse_invoice_id("9876543210-62101023") == (CODE, "0123456789")
    for text in ("", "9876543210", "9876543210-6210102x", "62101023-9876543210"):
        with pytest.raises(NumberingError):
            parse_invoice_id(text)


# -- ranges ---------------------------------------------------------------------------------------


def span(first: int, last: int, code: str = CODE) -> Range:
    return Range(code, first, last)


def test_a_range_goes_upwards_from_one() -> None:
    assert span(1, 100).count == 100
    assert span(5, 5).count == 1
    assert str(span(1, 100)) == "32010126 0000000001-0000000100"
    for first, last in ((0, 1), (2, 1), (1, MOST_NUMBER + 1)):
        with pytest.raises(NumberingError):
            span(first, last)


def test_containing_overlapping_touching() -> None:
    one = span(10, 20)
    assert one.contains(10)
    assert one.contains(20)
    assert not one.contains(9)
    assert not one.contains(21)
    assert one.contains(span(10, 20))
    assert one.contains(span(12, 13))
    assert not one.contains(span(9, 10))
    assert not one.contains(span(12, 13, "32010127"))
    assert one.overlaps(span(20, 21))
    assert not one.overlaps(span(21, 22))
    assert not one.overlaps(span(20, 21, "32010127"))
    assert one.touches(span(21, 22))
    assert one.touches(span(1, 9))
    assert not one.touches(span(22, 23))
    assert not one.touches(span(21, 22, "32010127"))


def test_splitting() -> None:
    assert span(1, 100).split(40) == (span(1, 40), span(41, 100))
    assert span(1, 100).split(100) == (span(1, 100), None)
    for count in (0, -1, 101):
        with pytest.raises(NumberingError):
            span(1, 100).split(count)


def test_joining() -> None:
    assert span(1, 10).join(span(11, 20)) == span(1, 20)
    assert span(11, 20).join(span(1, 10)) == span(1, 20)
    for other in (span(12, 20), span(10, 20), span(1, 10), span(11, 20, "32010127")):
        with pytest.raises(NumberingError):
            span(1, 10).join(other)


def test_subtracting() -> None:
    whole = span(10, 20)
    assert whole.subtract() == (whole,)
    assert whole.subtract(span(12, 13), span(20, 30), span(1, 10)) == (span(11, 11), span(14, 19))
    assert whole.subtract(span(11, 15), span(12, 13)) == (span(10, 10), span(16, 20))
    assert whole.subtract(whole) == ()
    assert whole.subtract(span(10, 20, "32010127")) == (whole,)


def test_merging() -> None:
    assert merged([]) == ()
    assert merged([span(11, 20), span(1, 10), span(30, 40), span(35, 36)]) == (
        span(1, 20),
        span(30, 40),
    )
    assert merged([span(1, 10), span(11, 20, "32010127")]) == (
        span(1, 10),
        span(11, 20, "32010127"),
    )
