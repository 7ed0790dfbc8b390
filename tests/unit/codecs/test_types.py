"""Every data type: what is accepted and what is refused (spec: wire, section 5)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nontax.codecs import (
    Rule,
    RuleError,
    Value,
    WireType,
    gbk_length,
    is_date,
    is_time,
    reader,
    text_reader,
    writer,
)

T = WireType


@pytest.mark.parametrize(
    ("wire", "low", "high", "text", "value"),
    [
        (T.STRING, 1, 20, "K3206820002", "K3206820002"),
        (T.STRING, 0, 60, "http://a.cn/x?b=1&c=%20_~{}", "http://a.cn/x?b=1&c=%20_~{}"),
        (T.STRING, 1, 5, "a\r\nb", "a\r\nb"),
        (T.STRING, 3, 3, "1.0", "1.0"),
        (T.NSTRING, 4, 4, "0105", "0105"),
        (T.NSTRING, 1, 2, "5", "5"),
        (T.GBSTRING, 0, 16, "示例市财政局(a)", "示例市财政局(a)"),
        (T.GBSTRING, 0, 4, "中文", "中文"),
        (T.GBSTRING, 0, 4, "𠮷", "𠮷"),  # four bytes of GB18030
        (T.GBSTRING, 0, 9, "一\n二\r三", "一\n二\r三"),
        (T.GBSTRING, 0, 9, "全\u3000角", "全\u3000角"),
        (T.CURRENCY, 0, 18, "80.0", 8000),
        (T.INTEGER, 0, 9, "+12", 12),
        (T.INTEGER, 0, 9, "-99999999", -99999999),
        (T.INTEGER, 0, 9, "00000001", 1),
        (T.DECIMAL, None, None, "1234567.123456", Decimal("1234567.123456")),
        (T.DECIMAL, None, None, "-3", Decimal(-3)),
        (T.DATE, 8, 8, "20240229", "20240229"),
        (T.DATE, 0, 8, "00010101", "00010101"),
        (T.TIME, 6, 6, "000000", "000000"),
        (T.TIME, 6, 6, "235959", "235959"),
        (T.DATETIME, 14, 14, "20261122093015", "20261122093015"),
        (T.UTCDATETIME, 14, 19, "20261122093015", "20261122093015"),
        (T.UTCDATETIME, 14, 19, "20261122093015+0800", "20261122093015+0800"),
        (T.UTCDATETIME, 14, 19, "20261122093015-1459", "20261122093015-1459"),
    ],
)
def test_valid_values_are_read(
    wire: WireType, low: int | None, high: int | None, text: str, value: Value
) -> None:
    read = reader(wire, low, high)
    assert read(text) == value
    assert type(read(text)) is type(value)


@pytest.mark.parametrize(
    ("wire", "low", "high", "text", "rule"),
    [
        (T.STRING, 1, 20, "中", Rule.CHARACTERS),
        (T.STRING, 1, 20, "a\tb", Rule.CHARACTERS),
        (T.STRING, 1, 20, "a\x7fb", Rule.CHARACTERS),
        (T.STRING, 1, 20, "é", Rule.CHARACTERS),
        (T.STRING, 1, 4, "abcde", Rule.LENGTH_RANGE),
        (T.STRING, 3, 3, "1.00", Rule.LENGTH),
        (T.STRING, 32, 64, "abc", Rule.LENGTH_RANGE),
        (T.NSTRING, 4, 4, "01a5", Rule.DIGITS),
        (T.NSTRING, 4, 4, "٠١٢٣", Rule.DIGITS),
        (T.NSTRING, 4, 4, "０１０５", Rule.DIGITS),
        (T.NSTRING, 4, 4, "-105", Rule.DIGITS),
        (T.NSTRING, 4, 4, "105", Rule.LENGTH),
        (T.NSTRING, 1, 2, "105", Rule.LENGTH_RANGE),
        (T.GBSTRING, 0, 3, "中文", Rule.LENGTH_RANGE),
        (T.GBSTRING, 0, 3, "𠮷", Rule.LENGTH_RANGE),
        (T.GBSTRING, 0, 20, "a\tb", Rule.CONTROL),
        (T.GBSTRING, 0, 20, "a\x00b", Rule.CONTROL),
        (T.GBSTRING, 0, 20, "中\x85文", Rule.CONTROL),
        (T.GBSTRING, 0, 20, "\ud800", Rule.CONTROL),
        (T.CURRENCY, 0, 18, "8o.00", Rule.AMOUNT),
        (T.CURRENCY, 0, 18, "-1.00", Rule.NEGATIVE),
        (T.INTEGER, 0, 9, "123456789", Rule.INTEGER),
        (T.INTEGER, 0, 9, "1.0", Rule.INTEGER),
        (T.INTEGER, 0, 9, "١", Rule.INTEGER),
        (T.INTEGER, 0, 9, "1_0", Rule.INTEGER),
        (T.DECIMAL, None, None, "1e5", Rule.DECIMAL),
        (T.DECIMAL, None, None, "NaN", Rule.DECIMAL),
        (T.DECIMAL, None, None, "Infinity", Rule.DECIMAL),
        (T.DECIMAL, None, None, "1.", Rule.DECIMAL),
        (T.DATE, 8, 8, "20230229", Rule.DATE),
        (T.DATE, 8, 8, "20231301", Rule.DATE),
        (T.DATE, 8, 8, "00000101", Rule.DATE),
        (T.DATE, 8, 8, "2023010", Rule.DATE),
        (T.DATE, 8, 8, "2023-1-1", Rule.DATE),
        (T.DATE, 8, 8, "２０２３０１０１", Rule.DATE),
        (T.DATE, 8, 8, "202301 1", Rule.DATE),
        (T.TIME, 6, 6, "240000", Rule.TIME),
        (T.TIME, 6, 6, "126000", Rule.TIME),
        (T.TIME, 6, 6, "125960", Rule.TIME),
        (T.TIME, 6, 6, "1259", Rule.TIME),
        (T.DATETIME, 14, 14, "20230229000000", Rule.DATETIME),
        (T.DATETIME, 14, 14, "20230228250000", Rule.DATETIME),
        (T.DATETIME, 14, 14, "20230228", Rule.DATETIME),
        (T.DATETIME, 14, 14, "202302280000000", Rule.DATETIME),
        (T.UTCDATETIME, 14, 19, "20230229000000+0800", Rule.UTC_DATETIME),
        (T.UTCDATETIME, 14, 19, "20230228000000+1500", Rule.UTC_DATETIME),
        (T.UTCDATETIME, 14, 19, "20230228000000+0860", Rule.UTC_DATETIME),
        (T.UTCDATETIME, 14, 19, "20230228000000Z", Rule.UTC_DATETIME),
        (T.UTCDATETIME, 14, 19, "20230228000000 0800", Rule.UTC_DATETIME),
        (T.UTCDATETIME, 14, 19, "202302280000", Rule.UTC_DATETIME),
    ],
)
def test_invalid_values_are_refused(
    wire: WireType, low: int | None, high: int | None, text: str, rule: Rule
) -> None:
    with pytest.raises(RuleError) as caught:
        reader(wire, low, high)(text)
    assert caught.value.rule is rule


def test_a_string_may_hold_gbk_text_where_the_field_says_so() -> None:
    read = reader(T.STRING, 1, 6, allow_gbk=True)
    assert read("王小明") == "王小明"
    with pytest.raises(RuleError) as caught:
        read("王小小明")
    assert caught.value.rule is Rule.LENGTH_RANGE
    assert writer(T.STRING, 1, 6, allow_gbk=True)("王小明") == "王小明"


def test_negative_amounts_where_the_field_says_so() -> None:
    assert reader(T.CURRENCY, negative=True)("-0.5") == -50
    assert writer(T.CURRENCY, negative=True)(-50) == "-0.50"
    with pytest.raises(RuleError) as caught:
        writer(T.CURRENCY)(-50)
    assert caught.value.rule is Rule.NEGATIVE


@pytest.mark.parametrize(
    ("wire", "value", "text"),
    [
        (T.STRING, "a=b&c", "a=b&c"),
        (T.NSTRING, "0105", "0105"),
        (T.GBSTRING, "李四", "李四"),
        (T.CURRENCY, 8000, "80.00"),
        (T.INTEGER, -12, "-12"),
        (T.DECIMAL, Decimal("1E+2"), "100"),
        (T.DECIMAL, Decimal("0.5"), "0.5"),
        (T.DATE, "20240229", "20240229"),
        (T.TIME, "150305", "150305"),
        (T.DATETIME, "20240229150305", "20240229150305"),
        (T.UTCDATETIME, "20240229150305+0800", "20240229150305+0800"),
    ],
)
def test_values_are_written(wire: WireType, value: Value, text: str) -> None:
    assert writer(wire, 0, 100)(value) == text


@pytest.mark.parametrize(
    ("wire", "value", "rule"),
    [
        (T.STRING, 5, Rule.VALUE_TYPE),
        (T.GBSTRING, Decimal(1), Rule.VALUE_TYPE),
        (T.CURRENCY, "80.00", Rule.VALUE_TYPE),
        (T.CURRENCY, True, Rule.VALUE_TYPE),
        (T.CURRENCY, Decimal(80), Rule.VALUE_TYPE),
        (T.CURRENCY, 10**17, Rule.AMOUNT_SIZE),
        (T.INTEGER, "5", Rule.VALUE_TYPE),
        (T.INTEGER, 100_000_000, Rule.INTEGER),
        (T.DECIMAL, 5, Rule.VALUE_TYPE),
        (T.DECIMAL, Decimal("NaN"), Rule.DECIMAL),
        (T.DECIMAL, Decimal("1e-9"), Rule.DECIMAL),
        (T.STRING, "中", Rule.CHARACTERS),
        (T.GBSTRING, "中" * 51, Rule.LENGTH_RANGE),
        (T.DATE, "20230229", Rule.DATE),
    ],
)
def test_what_cannot_be_written_is_refused(wire: WireType, value: Value, rule: Rule) -> None:
    with pytest.raises(RuleError) as caught:
        writer(wire, 0, 100)(value)
    assert caught.value.rule is rule


def test_lengths_are_bytes_of_gbk() -> None:
    assert gbk_length("") == 0
    assert gbk_length("abc") == 3
    assert gbk_length("中a文") == 5
    assert gbk_length("𠮷") == 4


def test_errors_say_where_and_how_much() -> None:
    with pytest.raises(RuleError, match="position 3"):
        reader(T.STRING, 1, 20)("ab中")
    with pytest.raises(RuleError, match="0 to 3 bytes of GBK, has 4") as caught:
        reader(T.GBSTRING, 0, 3)("中文")
    assert caught.value.chinese == "长度应为0至3,实际为4"


def test_text_types_have_a_reader_of_their_own() -> None:
    assert text_reader(T.STRING)("x" * 100_000) == "x" * 100_000
    assert is_date("20240229")
    assert not is_date("20230229")
    assert is_time("235959")
    assert not is_time("235960")
