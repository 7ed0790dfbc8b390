"""Dues net of refunds, and the lines that they become; by examples worked by hand."""

from __future__ import annotations

import pytest

from nontax.gateway.settlement.dues import net
from nontax.gateway.settlement.remitlines import CONSOLIDATED, DIRECT, NetDue, make_lines
from nontax.gateway.settlement.remittance import treasury_of
from nontax.gateway.store.entries import Item, Treasury
from nontax.gateway.store.income import Due, Mode, Part

ITEMS = {
    code: Item(code, f"项目{code}", "20200101", income_subject=subject, income_subject_name=subject)
    for code, subject in (("A", "S1"), ("B", "S1"), ("C", "S2"))
}
UNITS = {"U1": "单位一", "U2": "单位二"}


def due(
    payment: int, item: str, amt: int, *, level: str = "4", unit: str = "U1", mode: Mode = "direct"
) -> NetDue:
    entry = Due(
        payment_id=payment,
        item_code=item,
        level=level,
        target="county",
        region="320682",
        acct_no="1",
        bank_code="0105",
        mode=mode,
        remit_type="1",
        unit_code=unit,
        amt=amt,
    )
    return NetDue(entry, f"PAY{payment}", amt)


def test_direct_lines_are_of_one_item_of_one_bill() -> None:
    made = make_lines([due(2, "A", 5), due(1, "C", 7), due(1, "A", 3)], DIRECT, ITEMS, UNITS)
    assert [(x.line_no, x.pay_code, x.item_code, x.subject, x.amt) for x in made.lines] == [
        (1, "PAY1", "A", "S1", 3),
        (2, "PAY1", "C", "S2", 7),
        (3, "PAY2", "A", "S1", 5),
    ]
    assert made.total == 15
    assert [(x.line_no, x.payment_id, x.item_code, x.amt) for x in made.parts] == [
        (1, 1, "A", 3),
        (2, 1, "C", 7),
        (3, 2, "A", 5),
    ]


def test_consolidated_lines_are_of_one_subject_level_and_unit() -> None:
    made = make_lines(
        [
            due(1, "A", 3),
            due(1, "B", 4),
            due(2, "C", 5),
            due(3, "A", 6, unit="U2"),
            due(4, "B", 2),
            due(5, "A", 1, level="2"),
        ],
        CONSOLIDATED,
        ITEMS,
        UNITS,
    )
    assert [(x.subject, x.level, x.unit_code, x.unit_name, x.amt) for x in made.lines] == [
        ("S1", "2", "U1", "单位一", 1),
        ("S1", "4", "U1", "单位一", 9),
        ("S1", "4", "U2", "单位二", 6),
        ("S2", "4", "U1", "单位一", 5),
    ]
    # B has 6 of the 9; where two have the same, the first by code.
    assert [x.item_code for x in made.lines] == ["A", "B", "A", "C"]
    assert {x.pay_code for x in made.lines} == {""}
    assert sum(x.amt for x in made.parts) == made.total == 21


def part(line: int, position: int, weight: int, amt: int, level: str, item: str = "A") -> Part:
    return Part(1, line, position, item, level, f"T{level}", weight, amt)


def test_nothing_paid_back_leaves_what_was_given() -> None:
    parts = [part(1, 1, 3000, 30, "1"), part(1, 2, 7000, 70, "4"), part(2, 1, 10_000, 5, "4")]
    assert net(parts, 0) == {(1, "A", "1"): 30, (1, "A", "4"): 75}


def test_a_refund_takes_from_each_part_by_the_rule() -> None:
    parts = [part(1, 1, 3000, 30, "1"), part(1, 2, 7000, 70, "4")]
    assert net(parts, 10) == {(1, "A", "1"): 27, (1, "A", "4"): 63}
    assert net(parts, 100) == {(1, "A", "1"): 0, (1, "A", "4"): 0}


def test_no_part_falls_below_nothing() -> None:
    # 2 fen by 6/10, 2/10, 2/10 are 1, 1 and 0; but 1 fen of refund is wholly the first's.
    parts = [part(1, 1, 4500, 0, "1"), part(1, 2, 4500, 1, "2"), part(1, 3, 1000, 0, "4")]
    left = net(parts, 1)
    assert sum(left.values()) == 0
    assert min(left.values()) == 0


def test_a_treasury_is_that_of_the_region_and_level_on_the_day() -> None:
    entries = [
        Treasury("T9", "乙", "320682", "4", "20200101"),
        Treasury("T1", "甲", "320682", "4", "20210101", "20211231"),
        Treasury("T2", "丙", "320699", "4", "20200101"),
        Treasury("T3", "丁", "320682", "1", "20200101"),
    ]

    def code(region: str, level: str, date: str) -> str:
        found = treasury_of(entries, region, level, date)
        return found.code if found else ""

    assert code("320682", "4", "20200101") == "T9"
    assert code("320682", "4", "20211231") == "T1"
    assert code("320682", "4", "20220101") == "T9"
    assert code("320682", "1", "20220101") == "T3"
    assert code("320682", "2", "20220101") == ""
    assert code("320682", "4", "20191231") == ""


@pytest.mark.parametrize("mode", [DIRECT, CONSOLIDATED])
def test_an_empty_list_has_no_lines(mode: str) -> None:
    made = make_lines([], mode, ITEMS, UNITS)
    assert (made.lines, made.parts, made.total) == ((), (), 0)
