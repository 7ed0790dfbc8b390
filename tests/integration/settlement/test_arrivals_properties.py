"""Whatever comes in whatever order, money has one end and a bill one payment."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from nontax.gateway.collection.bills import AUTO
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.simulators.identity import Received

from ..flows.conftest import ACCOUNT, BANK, OTHER, OTHER_ACCOUNT, TODAY, TOMORROW, Office, code
from .money import claimed, funds, in_transit, journal_holds, on_virtual, returned, transfer

ANSWERS = {
    "2612": {"00000", "10005", "12001", "12003", "12004"},
    "2613": {"00000", "10002", "10005", "12001", "12004", "99999"},
    "2615": {"00000", "13001"},
    "2616": {"00000", "13001"},
    "2619": {"00000", "14001", "14002"},
}
STEPS = 120


class Day:
    """A day of messages and acts drawn by chance, from few numbers so that they meet."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.bills: list[str] = []
        self.done: Counter[str] = Counter()

    async def step(self) -> None:
        kinds = ("bill", "2612", "2612", "2613", "2615", "2615", "2616", "2619", "claim", "return")
        kind = self.chance.choice(kinds)
        if kind == "bill" or not self.bills:
            self.bills.append(await self.office.bill(virtual_acct=AUTO, amt=self.amount()))
        elif kind in ANSWERS:
            answer = await self.message(kind)
            assert code(answer) in ANSWERS[kind], (kind, answer.information)
            self.done[f"{kind} {code(answer)}"] += 1
        else:
            await self.act(kind)

    def amount(self) -> int:
        return self.chance.choice((8000, 9000))

    def yuan(self) -> str:
        return f"{self.amount() / 100:.2f}"

    def number(self) -> str:
        return f"N{self.chance.randrange(40)}"

    def date(self) -> str:
        return self.chance.choice((TODAY, TODAY, TOMORROW))

    def bill(self) -> str:
        return self.chance.choice(self.bills)

    async def message(self, kind: str) -> Received:
        office, number, date, amt = self.office, self.number(), self.date(), self.yuan()
        src = self.chance.choice((BANK, OTHER))
        account = ACCOUNT if src == BANK else OTHER_ACCOUNT
        if kind == "2612":
            mode = self.chance.choice(("11", "51"))
            facts = {"TraNoBus": number, "CfmDate": date, "Amt": amt, "RecAcct": account}
            return await office.confirm(src, self.bill(), PayMode=mode, **facts)
        if kind == "2613":
            rows = office.books.rows("payments")
            picked = self.chance.sample(rows, min(len(rows), self.chance.randint(1, 2)))
            details = [
                (row["pay_code"], row["tra_no_bus"], f"{row['amt'] / 100:.2f}") for row in picked
            ] or [(self.bill(), number, amt)]
            batch = f"B{self.chance.randrange(12)}"
            names = {"BatchNo": batch, "TraNo": f"M{batch}", "RecAcct": account}
            return await transfer(office, details, src=src, **names)
        if kind == "2615":
            batch = self.chance.choice(("", f"B{self.chance.randrange(12)}"))
            facts = {"BatchNo": batch, "Amt": amt, "ArrDate": date, "RecAcct": account}
            return await funds(office, src=src, TraNo=number, **facts)
        if kind == "2616":
            acct = f"62170000001000{self.chance.randrange(20):02d}"
            facts = {"RecAcct": acct, "Amt": amt, "ArrDate": date}
            return await on_virtual(office, TraNo=number, **facts)
        facts = {"Amt": amt, "ArrDate": date, "RecAcct": account}
        return await in_transit(office, self.bill(), src=src, TraNo=number, **facts)

    async def act(self, kind: str) -> None:
        rows = self.office.books.rows("arrivals")
        if not rows:
            return
        money = self.chance.choice(rows)
        try:
            if kind == "claim":
                fitting = [code for code in self.bills if self.amount_of(code) == money["amt"]]
                await claimed(self.office, money["id"], self.chance.choice(fitting or self.bills))
            else:
                await returned(self.office, money["id"])
            self.done[kind] += 1
        except SettlementRefused:
            assert kind == "claim" or money["state"] != "unidentified"

    def amount_of(self, pay_code: str) -> int:
        return int(self.office.books.one("bills", pay_code=pay_code)["amt"])


@pytest.mark.parametrize("seed", range(3))
async def test_money_has_one_end(office: Office, seed: int) -> None:
    day = Day(office, seed)
    for _ in range(STEPS):
        await day.step()
    books = office.books
    paid = {row["id"]: row for row in books.rows("payments")}
    per_bill = Counter(row["pay_code"] for row in paid.values() if not row["duplicate"])
    for pay_code in day.bills:
        assert per_bill[pay_code] == (books.state(pay_code) == "paid")
    refunded = {row["payment_id"] for row in books.rows("refunds")}
    assert refunded == {row["id"] for row in paid.values() if row["duplicate"]}
    money_of: dict[int, int] = {}
    for row in books.rows("arrivals"):
        ends = [row["transfer_id"], row["instr_line"], row["payment_id"]]
        joined = sum(end is not None for end in ends)
        assert joined == (row["state"] in {"identified", "claimed"}), row
        acts = books.rows("arrival_actions", arrival_id=row["id"])
        assert len(acts) <= 1
        if row["payment_id"] is not None:
            assert row["payment_id"] not in money_of
            money_of[row["payment_id"]] = row["id"]
            assert paid[row["payment_id"]]["amt"] == row["amt"]
        elif row["transfer_id"] is not None:
            batch = books.one("transfers", id=row["transfer_id"])
            assert (batch["state"], batch["amt"]) == ("arrived", row["amt"])
            assert batch["rec_acct"] == row["rec_acct"]
    # Every fund that arrived has the arrival that shows it.
    for fund in books.rows("payment_funds"):
        shown = books.one("arrivals", id=fund["arrival_id"])
        assert shown["payment_id"] == fund["payment_id"] or shown["transfer_id"] is not None
    # What was given back pays nothing; only a second arrival of a payment's money is returned.
    has_money = {row["payment_id"] for row in books.rows("payment_funds")}
    waiting = {
        (row["src"], row["tra_no_bus"], row["cfm_date"], row["amt"])
        for row in paid.values()
        if row["id"] not in has_money
    }
    for row in books.rows("arrivals", state="returned", pay_code=""):
        assert (row["src"], row["tra_no"], row["arr_date"], row["amt"]) not in waiting
    living = [row["payment_id"] for row in books.rows("transfer_details", living=1)]
    assert len(living) == len(set(living))
    assert await journal_holds(office)
    assert len(day.done) > 10, day.done
