"""Single values: what is written is read again, what is read can be written."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nontax.codecs import (
    MAX_FEN,
    PayCodePolicy,
    RuleError,
    Sensitive,
    WireType,
    check_pay_code,
    fit_gbk,
    format_yuan,
    gbk_length,
    is_date,
    make_pay_code,
    mask,
    parse_pay_code,
    parse_yuan,
    reader,
    shown,
    writer,
)

noise = st.one_of(
    st.text(max_size=25),
    st.text("0123456789+-. ", max_size=20),
    st.text("0123456789", min_size=6, max_size=19),
)


@given(st.integers(-MAX_FEN, MAX_FEN))
def test_amounts_round_trip(fen: int) -> None:
    text = format_yuan(fen)
    assert parse_yuan(text, negative=True) == fen
    assert Decimal(text) * 100 == fen
    assert text[-3] == "."


@given(st.decimals(0, 10**15 - 1, places=2, allow_nan=False))
def test_amounts_are_exact(amount: Decimal) -> None:
    assert parse_yuan(format(amount, "f")) == int(amount * 100)


@given(st.sampled_from(WireType), noise, st.integers(0, 5), st.integers(0, 30))
def test_only_rule_errors_leave_a_reader(wire: WireType, text: str, low: int, more: int) -> None:
    read = reader(wire, low, low + more, negative=True)
    try:
        value = read(text)
    except RuleError:
        return
    written = writer(wire, low, low + more, negative=True)(value)
    assert read(written) == value


@given(st.text(st.characters(codec="gb18030"), max_size=40))
def test_gb_strings_count_bytes(text: str) -> None:
    size = len(text.encode("gb18030"))
    assert gbk_length(text) == size
    try:
        assert reader(WireType.GBSTRING, 0, 20)(text) == text
    except RuleError:
        accepted = False
    else:
        accepted = True
    control = re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]", text)
    assert accepted == (size <= 20 and control is None)


@given(st.dates())
def test_every_real_date_is_one(day: date) -> None:
    assert is_date(f"{day.year:04d}{day.month:02d}{day.day:02d}")


@given(
    st.from_regex(r"[0-9]{6}", fullmatch=True),
    st.from_regex(r"[0-9]{2}", fullmatch=True),
    st.from_regex(r"[0-9]{3}", fullmatch=True),
    st.integers(1, 99_999_999),
    st.integers(0, 19),
    st.integers(1, 8),
)
def test_pay_codes_carry_a_digit_that_finds_one_wrong_digit(
    region: str, year: str, assigner: str, serial: int, place: int, step: int
) -> None:
    code = make_pay_code(region, year, assigner, serial)
    parts = parse_pay_code(code)
    assert parts is not None
    assert parts[:4] == (region, year, assigner, serial)
    assert check_pay_code(code, lambda _: PayCodePolicy.REQUIRE) is None
    wrong = code[:place] + str((int(code[place]) + step) % 10) + code[place + 1 :]
    if (int(wrong[place]) - int(code[place])) % 9:  # 0 and 9 are one to the scheme
        assert check_pay_code(wrong, lambda _: PayCodePolicy.WARN) is not None


@given(st.sampled_from(Sensitive), st.text(min_size=1, max_size=40))
def test_masks_are_one_line_and_never_fail(kind: Sensitive, value: str) -> None:
    assert mask(kind, value).isprintable()
    assert shown(value).isprintable()
    assert mask(kind, value)


@given(st.text(max_size=60), st.integers(0, 50))
def test_texts_for_the_wire_fit(text: str, limit: int) -> None:
    fitted = fit_gbk(text, limit)
    assert len(fitted.encode("gbk")) <= limit
    assert fitted.isprintable()
