"""Daily figures: sums, openings, control totals, documents."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from nontax.reconcile.figures.daily import (
    CORRECTION_HEADINGS,
    Daily,
    as_json,
    corrections_csv,
    daily_document,
    deposit_csv,
    income_csv,
)
from nontax.reconcile.figures.model import (
    Category,
    Cause,
    Correction,
    Key,
    Measure,
    Movement,
    Names,
    Row,
    carried,
    deposit_control,
    income_control,
    opened,
    sum_up,
)
from nontax.reconcile.figures.page import daily_page

DAY, NEXT = "20260302", "20260303"
KEY = Key("settling", "320682", "U1", "I1", "一般公共预算", "A1")
OTHER = KEY._replace(unit_code="U2")
NAMES = Names("单位", "项目", "账户")


def moved(measure: Measure, amt: int, key: Key = KEY, day: str = DAY) -> Movement:
    return Movement(day, key, NAMES, measure, amt, Cause.PAYMENT, "P1")


def corrected(no: int, measure: Measure, amt: int, key: Key = KEY, day: str = DAY) -> Correction:
    return Correction(no, day, *key, *NAMES, measure, amt, Cause.REPAIR, "P9", NEXT, 5, "maker1")


def test_a_movement_counts_for_the_reports_that_it_belongs_to() -> None:
    effects = {measure: (measure.deposit, measure.income) for measure in Measure}
    assert effects == {
        Measure.COLLECTED: (1, 0),
        Measure.CONFIRMED: (-1, 1),
        Measure.REFUNDED: (-1, 0),
        Measure.CLAIMED: (-1, 0),
        Measure.INCOME_REFUNDED: (0, -1),
    }


def test_movements_are_summed_by_day_and_key() -> None:
    rows = sum_up(
        [
            moved(Measure.COLLECTED, 100),
            moved(Measure.COLLECTED, 20, OTHER),
            moved(Measure.CONFIRMED, 70),
            moved(Measure.COLLECTED, 1, day=NEXT),
            moved(Measure.INCOME_REFUNDED, 30),
            moved(Measure.REFUNDED, 5),
        ]
    )
    assert [(row.day, row.unit_code) for row in rows] == [(DAY, "U1"), (DAY, "U2"), (NEXT, "U1")]
    first = rows[0]
    assert (first.collected, first.confirmed, first.refunded, first.income_refunded) == (
        *(100, 70, 5),
        30,
    )
    assert (first.closing, first.income) == (25, 40)
    assert (first.movements, first.income_movements) == (3, 2)


def test_a_rows_effects_are_those_of_its_movements() -> None:
    for measure in Measure:
        [row] = sum_up([moved(measure, 11)])
        assert (row.closing, row.income) == (11 * measure.deposit, 11 * measure.income)
        assert (row.has_deposit, row.has_income) == (bool(measure.deposit), bool(measure.income))


def test_the_first_name_of_a_key_stays() -> None:
    renamed = moved(Measure.COLLECTED, 1)._replace(names=Names("新名", "", ""))
    [row] = sum_up([moved(Measure.COLLECTED, 1), renamed])
    assert row.names == NAMES


def test_a_day_begins_with_what_the_last_one_ended_with_and_its_corrections() -> None:
    before = sum_up([moved(Measure.COLLECTED, 100), moved(Measure.COLLECTED, 7, OTHER)])
    found = carried(
        NEXT,
        before,
        [corrected(1, Measure.CONFIRMED, 40), corrected(2, Measure.REFUNDED, 7, OTHER)],
    )
    assert found == {KEY: (NAMES, 60)}
    rows = opened(NEXT, sum_up([moved(Measure.COLLECTED, 5, OTHER, NEXT)]), found)
    assert [(row.unit_code, row.opening, row.closing) for row in rows] == [
        ("U1", 60, 60),
        ("U2", 0, 5),
    ]
    assert {row.day for row in rows} == {NEXT}


def test_income_corrections_change_no_deposit() -> None:
    assert carried(NEXT, [], [corrected(1, Measure.INCOME_REFUNDED, 40)]) == {}


def test_control_totals_see_every_change() -> None:
    [row] = sum_up([moved(Measure.COLLECTED, 100), moved(Measure.CONFIRMED, 60)])
    income, deposits = income_control([row]), deposit_control([row])
    assert (income.count, income.amt, deposits.count, deposits.amt) == (1, 60, 1, 40)
    for changed in (
        replace(row, collected=101),
        replace(row, unit_name="别的"),
        replace(row, opening=1),
        replace(row, account="A2"),
        replace(row, refunded=1, collected=101),
    ):
        assert deposit_control([changed]).digest != deposits.digest
    assert income_control([replace(row, income_refunded=1, confirmed=61)]).digest != income.digest
    assert income_control([replace(row, opening=1)]) == income


def test_control_totals_of_nothing() -> None:
    assert (income_control([]).count, income_control([]).amt) == (0, 0)
    assert deposit_control([]).digest == income_control([]).digest


def a_day(**changes: Any) -> Daily:
    rows = sum_up([moved(Measure.COLLECTED, 100), moved(Measure.CONFIRMED, 60)])
    day = Daily(
        DAY,
        "示例市财政局",
        "closed",
        tuple(rows),
        corrections=(corrected(3, Measure.CONFIRMED, 40),),
        pending=(corrected(0, Measure.INCOME_REFUNDED, 1),),
        carried=(corrected(1, Measure.COLLECTED, 9, day="20260301"),),
        closed_by="maker1",
        closed_at=1,
    )
    return replace(day, **changes)


def test_corrections_stand_beside_the_closed_figures() -> None:
    daily = a_day()
    assert (daily.income.amt, daily.corrected_income) == (60, 99)
    assert (daily.deposits.amt, daily.corrected_deposits) == (40, 0)


def test_the_sheets_end_with_their_control_totals() -> None:
    daily = a_day()
    income = list(csv.reader(io.StringIO(income_csv(daily), newline="")))
    assert income[1][-4:] == ["0.60", "0.00", "0.60", "1"]
    assert income[-1] == [
        *("合计", "1行", "", "", "", "", "摘要", daily.income.digest),
        *("0.60", "0.00", "0.60", "1"),
    ]
    deposits = list(csv.reader(io.StringIO(deposit_csv(daily), newline="")))
    assert deposits[1][0] == "待结算"
    assert deposits[-1][-7:] == ["0.00", "1.00", "0.60", "0.00", "0.00", "0.40", "2"]
    assert daily.deposits.digest in deposits[-1]
    corrections = list(csv.reader(io.StringIO(corrections_csv(daily), newline="")))
    assert tuple(corrections[0]) == CORRECTION_HEADINGS
    assert [row[0] for row in corrections[1:]] == ["3", "未登记", "1"]


def test_the_document_says_everything_in_yuan() -> None:
    document = daily_document(a_day(), "2026-03-03 09:00:00")
    assert json.loads(as_json(document)) == document
    assert document["income"]["rows"][0]["Income"] == "0.60"
    assert document["deposits"]["rows"][0]["Closing"] == "0.40"
    assert document["deposits"]["corrected"] == "0.00"
    assert [one["No"] for one in document["corrections"]] == [3]
    assert [one["Cause"] for one in document["pending"]] == ["repair"]
    assert [one["Date"] for one in document["carried"]] == ["20260301"]


@pytest.mark.parametrize("state", ["open", "closed"])
def test_the_page_is_chinese_and_escapes_what_it_is_given(state: str) -> None:
    rows = [replace(row, unit_name="<script>") for row in a_day().rows]
    page = daily_page(a_day(rows=tuple(rows), state=state), "2026-03-03 09:00:00")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert ("未结账" in page) == (state == "open")
    for text in ("非税收入日报", "非税暂存日报", "结账后的更正", "期初余额中包含的以前日期更正"):
        assert text in page


def test_an_empty_day_has_reports_too() -> None:
    empty = Daily(DAY, "示例市财政局", "open", ())
    assert empty.income.count == 0
    assert "合计" in income_csv(empty)
    assert "合计" in daily_page(empty, "")


def test_every_name_is_said_in_chinese() -> None:
    for kind in (Category, Measure, Cause):
        assert all(member.text and not member.text.isascii() for member in kind)


def test_rows_merge_by_adding() -> None:
    one = Row.empty(DAY, KEY, NAMES).plus(moved(Measure.COLLECTED, 5)).opened(3)
    both = one.merged(one)
    assert (both.opening, both.collected, both.movements, both.closing) == (6, 10, 2, 16)
