"""`[settlement] wait_for = "reconciliation"`: money is cleared once its day is reconciled.

Payments over the wire, lists over the wire, runs at the command line.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nontax.gateway.cli import main

from ..flows.conftest import BANK, TODAY, Office, Offices, code, offices
from .desk import Desk

__all__ = ["offices"]

DAY = f"{TODAY[:4]}-{TODAY[4:6]}-{TODAY[6:]}"
CLEARING = {
    "rec_acct_type": "9",
    "rec_name": "待清分非税收入款项",
    "rec_acct": "32009000000000000034",
    "rec_op_bk": "中国建设银行示例省分行",
    "rec_bank_no": "105300000014",
}


class Counter:
    """The commands of one office."""

    def __init__(self, office: Office, captured: pytest.CaptureFixture[bytes]) -> None:
        self._office = office
        self._captured = captured

    async def nontax(self, *words: str, exits: int = 0, by: str = "") -> Any:
        self._captured.readouterr()
        command = self._office.installation.command(*words, "--json", operator=by)
        status = await asyncio.to_thread(main, command)
        out, err = self._captured.readouterr()
        assert status == exits, err.decode()
        return json.loads(out)

    async def cleared(self) -> int:
        """How many payments of the day a clearing run takes in."""
        report = await self.nontax("clearing", "run", "--date", DAY, by="maker1")
        return int(report["entered"])

    async def reconciled(self, *, exits: int = 0) -> None:
        await self.nontax("reconcile", "run", "--date", DAY, "--node", BANK, exits=exits)


async def waiting(offices: Offices, wait_for: str) -> Office:
    return await offices({"settlement": {"wait_for": wait_for}})


async def paid(office: Office, number: str) -> tuple[str, dict[str, str]]:
    """A bill on the clearing account that the bank has confirmed, and the bank's line of it."""
    bill = await office.bill(**CLEARING)
    onto = {"RecAcctType": "9", "RecAcct": CLEARING["rec_acct"]}
    assert code(await office.confirm(BANK, bill, TraNoBus=number, **onto)) == "00000"
    return bill, Desk(office).line(bill, number, RecAcct=onto["RecAcct"], RecAcctType="9")


async def test_money_on_the_clearing_account_waits_for_its_day(
    offices: Offices, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    office = await waiting(offices, "reconciliation")
    desk, counter = Desk(office), Counter(office, capfdbinary)
    _, line = await paid(office, "T1")
    assert await counter.cleared() == 0
    await desk.lists(line)
    assert await counter.cleared() == 0

    await counter.reconciled()

    assert await counter.cleared() == 1
    [order] = office.books.queued("5614")
    assert f"<PayAcct>{CLEARING['rec_acct']}</PayAcct>" in order["voucher"]
    assert await counter.cleared() == 0


async def test_what_the_list_lacks_waits_for_a_person(
    offices: Offices, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    office = await waiting(offices, "reconciliation")
    desk, counter = Desk(office), Counter(office, capfdbinary)
    _, line = await paid(office, "T1")
    await paid(office, "T2")
    await desk.lists(line)
    await counter.reconciled(exits=1)
    assert await counter.cleared() == 1
    row = desk.row(kind="ours_only")
    await desk.decide(row["id"], "accept")
    assert await counter.cleared() == 1
    assert len(office.books.queued("5614")) == 2


async def test_without_a_list_nothing_goes_on(
    offices: Offices, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    office = await waiting(offices, "reconciliation")
    desk, counter = Desk(office), Counter(office, capfdbinary)
    _, line = await paid(office, "T1")
    await counter.reconciled(exits=1)
    # Accepting that there is no list says nothing of its payments.
    await desk.decide(desk.row(kind="not_delivered")["id"], "accept")
    assert await counter.cleared() == 0
    await counter.reconciled()
    await desk.lists(line)
    await counter.reconciled()
    assert await counter.cleared() == 1


async def test_it_goes_on_at_once_where_the_site_says_so(
    offices: Offices, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    office = await waiting(offices, "confirmation")
    counter = Counter(office, capfdbinary)
    await paid(office, "T1")
    assert await counter.cleared() == 1
