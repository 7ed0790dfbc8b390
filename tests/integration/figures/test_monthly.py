"""The monthly statement of a bank: its money by day, what is open at the month's end."""

from __future__ import annotations

import csv
import io
from functools import partial

from nontax.gateway.clock import midnight_ms
from nontax.gateway.figures.monthly import statement
from nontax.reconcile.figures.monthly import KINDS, Statement, open_csv, statement_csv

from ..settlement.clearing_site import BANK, LAND_FEE, OTHER
from .office import DAY, NEXT, Office


async def made(office: Office, node: str = BANK, month: str = "202603") -> Statement:
    peer = office.peers.get(node)
    assert peer is not None
    return await office.store.scan(
        partial(statement, month=month, bank=peer, finance_name="示例市财政局")
    )


def on(found: Statement, day: str) -> dict[str, tuple[int, int]]:
    [row] = [each for each in found.days if each.day == day]
    return {
        kind: (one.count, one.amt) for kind, one in zip(KINDS, row.moved, strict=True) if one.count
    }


async def test_days_have_the_money_of_their_bank(office: Office) -> None:
    payment = await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    await office.pay((LAND_FEE, 5), cfm_date=DAY, src=OTHER)
    await office.pay((LAND_FEE, 7), cfm_date="20260401")
    twice = await office.again(payment, DAY)
    await office.paid_back(twice, 6000, NEXT)
    await office.paid_back(payment, 1, NEXT, state="failed")
    await office.unknown_money(30, NEXT)
    found = await made(office)
    assert len(found.days) == 31
    assert on(found, DAY) == {"payments": (1, 6000), "duplicates": (1, 6000)}
    assert on(found, NEXT) == {"refunds": (1, 6000), "arrivals": (1, 30)}
    assert [one.amt for one in found.totals] == [6000, 6000, 6000, 30, 0, 0]
    assert (found.control.count, found.control.amt) == (31, 12000)
    assert on(await made(office, month="202604"), "20260401") == {"payments": (1, 7)}
    rows = list(csv.reader(io.StringIO(statement_csv(found), newline="")))
    assert rows[2][:5] == [DAY, "1", "60.00", "1", "60.00"]
    assert rows[-1][:4] == ["控制总数", "31天", "120.00", found.control.digest]


async def test_remittances_are_in_the_statement_of_the_bank_that_paid_them(office: Office) -> None:
    await office.pay((LAND_FEE, 6000), cfm_date=DAY)
    report = await office.remit()
    for one in report.made:
        await office.told(one.remit_no, one.total)
    found = await made(office)
    assert on(found, office.clock.today()) == {"remittances": (3, 6000)}


async def test_open_differences_are_those_of_the_months_end(office: Office) -> None:
    async def difference(key: str, date: str, state: str, changed: str) -> None:
        await office.store.transact(
            lambda tx: tx.run(
                "INSERT INTO recon_differences (node, check_date, statement, scope, kind, key,"
                " code, state, first_run, last_run, pay_code, tra_no, ours_amt, theirs_amt,"
                " fields, reason, expected, held, found_at, changed_at) VALUES (?1, ?2, '2555',"
                " '1', 'amount', ?3, '15001', ?4, 1, 1, '', ?3, 100, 90, '[]', '=1+1', '', 0, 1,"
                " ?5)",
                *(BANK, date, key, state, midnight_ms(changed)),
            )
        )

    await office.store.transact(
        lambda tx: tx.run(
            "INSERT INTO recon_runs (id, node, check_date, revision, inputs_digest, state,"
            " started_at, finished_at, max_payment_id, summary)"
            " VALUES (1, ?1, ?2, 1, 'x', 'done', 1, 1, 0, '{}')",
            *(BANK, DAY),
        )
    )
    await difference("OPEN", DAY, "open", DAY)
    await difference("LATER", NEXT, "resolved", "20260401")
    await difference("BEFORE", NEXT, "resolved", "20260331")
    await difference("REPAIRED", NEXT, "repaired", "20260401")
    await difference("APRIL", "20260401", "open", "20260402")
    found = await made(office)
    assert [(one.tra_no, one.text) for one in found.open] == [
        ("OPEN", "金额不一致"),
        ("LATER", "金额不一致"),
    ]
    cells = list(csv.reader(io.StringIO(open_csv(found), newline="")))[1]
    assert cells[-3:] == ["1.00", "0.90", "'=1+1"]
