"""Posting files: one a day and set, numbered, balanced, the same bytes again."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.figures.postings import (
    Made,
    acknowledge,
    find,
    load_templates,
    make_posting,
    write_posting,
)
from nontax.gateway.settlement.acting import Acting, SettlementRefused
from nontax.gateway.store import postings
from nontax.gateway.store.protocol import StoreError
from nontax.reconcile.figures.postings import TemplateSet

from ..settlement.clearing_site import LAND_FEE, RECLAIM, TUITION
from ..settlement.remit_site import SCHOOL
from .office import DAY, NEXT, THIRD, Office

FOURTH = "20260305"


async def make(office: Office, day: str, templates: TemplateSet | None = None) -> Made:
    work = partial(
        make_posting,
        date=day,
        templates=templates or load_templates(None),
        node_name="示例市财政局",
        acting=office.acting(),
    )
    return await office.store.transact(work)


def entries(made: Made) -> list[dict[str, Any]]:
    found = json.loads(made.file.document)["Entries"]
    assert isinstance(found, list)
    return found


async def two_days(office: Office) -> None:
    """A payment with a duplicate, confirmed and refunded; closed, with a late payment."""
    payment = await office.pay((LAND_FEE, 6000), (RECLAIM, 4000), cfm_date=DAY)
    twice = await office.again(payment, DAY)
    await office.pay((TUITION, 900), unit=SCHOOL, cfm_date=DAY)
    office.at(NEXT)
    await office.close(DAY)
    await office.paid_back(twice, 10000, NEXT, kind=1)
    await office.confirm(payment.pay_code)
    await office.pay((LAND_FEE, 50), cfm_date=DAY, channel="repair")
    office.at(THIRD)
    await office.close(NEXT)


async def test_every_movement_is_posted_once_and_balances(office: Office) -> None:
    await two_days(office)
    first, second = await make(office, DAY), await make(office, NEXT)
    assert (first.file.no, second.file.no) == (1, 2)
    assert (first.file.debit, first.file.credit) == (20900, 20900)
    assert second.file.debit == 10000 + 10000 + 50
    late = entries(second)[-1]
    assert (late["Correction"], late["Date"], late["Amt"]) == (1, DAY, "0.50")
    assert "更正1号" in late["Summary"]
    income = next(one for one in entries(second) if one["Measure"] == "confirmed")
    assert income["Credit"] == {
        "Account": "4001",
        "Auxiliary": {
            "unit": "0104901",
            "item": LAND_FEE,
            "fund_nature": "一般公共预算",
            "income_subject": LAND_FEE,
            "budget_subject": "1030432",
        },
    }
    bank = next(one for one in entries(first) if one["Measure"] == "collected")["Debit"]
    assert bank["Auxiliary"]["bank"] == "0105"


async def test_the_sheet_says_the_same(office: Office) -> None:
    await two_days(office)
    made = await make(office, NEXT)
    rows = list(csv.DictReader(io.StringIO(made.file.sheet, newline="")))
    *lines, total = rows
    assert len(lines) == made.file.lines == 2 * len(entries(made))
    for side in ("借方金额", "贷方金额"):
        cents = sum(int(row[side].replace(".", "")) for row in lines if row[side])
        assert cents == made.file.debit == int(total[side].replace(".", ""))
    assert total["摘要"] == made.file.digest


async def test_a_file_made_again_is_the_file_there_is(office: Office, tmp_path: Path) -> None:
    await two_days(office)
    made = await make(office, DAY)
    sheet, document = write_posting(tmp_path / "postings", made.file)
    before = sheet.read_bytes(), document.read_bytes()
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbf")
    office.run_sql("UPDATE items SET budget_subject = '9', name = '别的'")
    again = await make(office, DAY)
    assert (again.new, again.file) == (False, made.file)
    sheet.write_text("torn")
    document.unlink()
    found = await office.store.read(partial(find, no=1))
    write_posting(tmp_path / "postings", found)
    assert (sheet.read_bytes(), document.read_bytes()) == before
    assert sorted(path.name for path in (tmp_path / "postings").iterdir()) == [
        "posting-00000001.csv",
        "posting-00000001.json",
    ]


async def test_only_closed_days_are_posted(office: Office) -> None:
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    with pytest.raises(SettlementRefused, match="not closed"):
        await make(office, DAY)
    assert await office.store.read(postings.next_no) == 1


async def test_money_that_no_template_fits_is_refused(office: Office, tmp_path: Path) -> None:
    await two_days(office)
    file = tmp_path / "own.toml"
    file.write_text(
        'name = "own"\n[[templates]]\nmeasure = "collected"\ncategories = ["settling"]\n'
        'summary = "x"\ndebit = { account = "1" }\ncredit = { account = "2" }\n'
    )
    with pytest.raises(SettlementRefused, match="no template fits collected of returning money"):
        await make(office, DAY, load_templates(file))
    file.write_text("name = 1")
    with pytest.raises(SettlementRefused, match=r"own\.toml: name must be"):
        load_templates(file)


async def test_a_file_is_acknowledged_once(office: Office) -> None:
    await two_days(office)
    await make(office, DAY)
    acting = office.acting()
    done = await office.store.transact(partial(acknowledge, no=1, note="记-0012", acting=acting))
    assert (done.acked_by, done.ack_note) == ("maker1", "记-0012")
    with pytest.raises(SettlementRefused, match="acknowledged by maker1"):
        await office.store.transact(partial(acknowledge, no=1, note="", acting=acting))
    with pytest.raises(SettlementRefused, match="no such posting"):
        await office.store.transact(partial(acknowledge, no=2, note="", acting=acting))
    assert await office.store.read(partial(postings.page, open_only=True)) == []
    assert office.kinds("posting:1") == ["posting.made", "posting.acknowledged"]


async def test_an_operator_of_some_units_makes_none(office: Office) -> None:
    await two_days(office)
    acting = Acting("maker1", frozenset({SCHOOL}), 1, THIRD)
    with pytest.raises(SettlementRefused, match="some units only"):
        await office.store.transact(
            partial(
                make_posting,
                date=DAY,
                templates=load_templates(None),
                node_name="x",
                acting=acting,
            )
        )


async def test_a_quiet_day_has_an_empty_file(office: Office) -> None:
    await two_days(office)
    office.at(FOURTH)
    await office.close(THIRD)
    made = await make(office, THIRD)
    assert (made.file.lines, made.file.debit, entries(made)) == (0, 0, [])


ANOTHER = (
    "INSERT INTO posting_files SELECT {no}, 'other', {day}, 1, 'x', 2, 5, {credit}, digest, '', '',"
    " 0, '', '' FROM posting_files"
)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE posting_files SET document = 'x'",
        "UPDATE posting_files SET sheet = 'x'",
        "UPDATE posting_files SET acked_at = 0, acked_by = '', ack_note = ''",
        "DELETE FROM posting_files",
        ANOTHER.format(no=7, day="day", credit=5),
        ANOTHER.format(no=2, day="'20260309'", credit=5),
        ANOTHER.format(no=2, day="day", credit=6),
    ],
    ids=["document", "sheet", "acknowledgement", "deletion", "gap", "open day", "unbalanced"],
)
async def test_the_schema_keeps_posting_files(office: Office, sql: str) -> None:
    await two_days(office)
    await make(office, DAY)
    await office.store.transact(partial(acknowledge, no=1, note="", acting=office.acting()))
    with pytest.raises(StoreError):
        await office.store.transact(lambda tx: tx.run(sql))


async def test_the_file_that_the_schema_refuses_would_do_otherwise(office: Office) -> None:
    """The refusals above are not slips of the pen."""
    await two_days(office)
    await make(office, DAY)
    sql = ANOTHER.format(no=2, day="day", credit=5)
    assert await office.store.transact(lambda tx: tx.run(sql)) == 1
