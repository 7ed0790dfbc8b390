"""Whatever happens, in whatever order: the figures are the books, and closed days stay.

A story is told to a real store: payments, duplicates, refunds, confirmations, unknown money and
closings on days that go by. Then the figures are compared with the balances of all accounts, which
know nothing of them.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nontax.gateway.clock import add_days
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.store.records import Payment
from nontax.reconcile.figures.daily import Daily
from nontax.reconcile.figures.model import Row

from ..settlement.clearing_site import LAND_FEE, RECLAIM, TUITION
from .office import DAY, Office, opened_office

EXAMPLES = 400 if os.environ.get("NONTAX_FUZZ") == "1" else 30
ITEMS = (LAND_FEE, RECLAIM, TUITION)
DAYS = 5
LAST = add_days(DAY, DAYS)

amounts = st.integers(1, 1000)
steps = st.one_of(
    st.tuples(
        st.just("pay"),
        st.lists(st.tuples(st.sampled_from(ITEMS), amounts), min_size=1, max_size=3),
        st.integers(0, 50),
        st.integers(-2, 1),
    ),
    st.tuples(st.just("twice"), st.integers(0, 9), st.integers(-1, 0)),
    st.tuples(st.just("back"), st.integers(0, 9), st.integers(1, 1000), st.integers(-2, 1)),
    st.tuples(st.just("confirm"), st.integers(0, 9)),
    st.tuples(st.just("arrive"), amounts, st.integers(-2, 0)),
    st.tuples(st.just("return"), st.integers(0, 9)),
    st.tuples(st.just("claim"), st.integers(0, 9)),
    st.tuples(st.just("night")),
    st.tuples(st.just("close"), st.integers(1, 3)),
)


@dataclass
class Story:
    """What has happened so far."""

    office: Office
    today: str = DAY
    payments: list[Payment] = field(default_factory=list)
    left: dict[int, int] = field(default_factory=dict)
    arrivals: dict[int, tuple[int, str]] = field(default_factory=dict)
    closed: dict[str, Daily] = field(default_factory=dict)
    income: int = 0
    confirmed: set[int] = field(default_factory=set)

    def day(self, offset: int) -> str:
        return add_days(self.today, offset)

    async def tell(self, step: tuple[Any, ...]) -> None:
        """One step; what is impossible just now does not happen."""
        kind, *facts = step
        if kind in {"twice", "back", "confirm"} and not self.payments:
            return
        if kind in {"return", "claim"} and not self.arrivals:
            return
        await getattr(self, f"_{kind}")(*facts)

    async def _pay(self, items: list[tuple[str, int]], delay: int, offset: int) -> None:
        payment = await self.office.pay(*items, delay=delay, cfm_date=self.day(offset))
        self._add(payment)

    def _add(self, payment: Payment) -> None:
        self.payments.append(payment)
        self.left[payment.id] = payment.amt

    def _one(self, index: int) -> Payment:
        return self.payments[index % len(self.payments)]

    async def _twice(self, index: int, offset: int) -> None:
        self._add(await self.office.again(self._one(index), self.day(offset)))

    async def _back(self, index: int, amt: int, offset: int) -> None:
        payment = self._one(index)
        amt = min(amt, self.left[payment.id])
        if amt:
            self.left[payment.id] -= amt
            await self.office.paid_back(payment, amt, self.day(offset))
            if payment.id in self.confirmed:
                self.income -= amt

    async def _confirm(self, index: int) -> None:
        payment = self._one(index)
        if payment.duplicate or payment.id in self.confirmed:
            return
        with suppress(SettlementRefused):  # paid back in full
            await self.office.confirm(payment.pay_code)
            self.confirmed.add(payment.id)
            self.income += self.left[payment.id]
        self.office.clock.advance(ms=1)

    async def _arrive(self, amt: int, offset: int) -> None:
        day = self.day(offset)
        self.arrivals[await self.office.unknown_money(amt, day)] = (amt, day)

    def _taken(self, index: int) -> tuple[int, int, str]:
        number = sorted(self.arrivals)[index % len(self.arrivals)]
        return number, *self.arrivals.pop(number)

    async def _return(self, index: int) -> None:
        await self.office.ended(self._taken(index)[0], "returned")

    async def _claim(self, index: int) -> None:
        number, amt, day = self._taken(index)
        payment = await self.office.pay((LAND_FEE, amt), cfm_date=day, channel="claim")
        await self.office.ended(number, "claimed", payment_id=payment.id, pay_code=payment.pay_code)
        self._add(payment)

    async def _night(self) -> None:
        if self.today < LAST:
            self.today = self.day(1)
            self.office.at(self.today)

    async def _close(self, before: int) -> None:
        day = self.day(-before)
        seen = await self.office.daily(day)
        done = await self.office.close(day)
        for each in done.days:
            self.closed[each] = await self.office.daily(each)
        if day in done.days:
            assert (seen.rows, seen.state) == (self.closed[day].rows, "open")


def deposits(rows: tuple[Row, ...]) -> int:
    return sum(row.closing for row in rows)


async def check(story: Story) -> None:
    """Close everything, then compare."""
    office = story.office
    end = add_days(LAST, 3)
    office.at(add_days(end, 1))
    story.today = add_days(end, 1)
    await story._close(1)
    before = carried = 0
    income = corrected = 0
    for day, closed in sorted(story.closed.items()):
        now = await office.daily(day)
        assert (now.rows, now.closed_at) == (closed.rows, closed.closed_at)
        assert now.pending == ()
        carried = sum(one.deposit for one in now.carried)
        assert sum(row.opening for row in now.rows) == before + carried
        before = deposits(now.rows)
        income += now.income.amt
        corrected += sum(one.income for one in now.corrections)
    numbers = [row["no"] for row in office.rows("figure_corrections")]
    assert numbers == list(range(1, len(numbers) + 1))
    quiet = {row["day"] for row in office.rows("figure_corrections")} - set(story.closed)
    for day in quiet:
        found = await office.daily(day)
        assert found.income_rows == []
        corrected += sum(one.income for one in found.corrections)
    assert income + corrected == story.income
    assert before + story.income == await office.expected(end)
    last = await office.daily(end)
    assert all(row.closing >= 0 for row in last.rows if row.category != "settling")
    assert sum(story.left.values()) + sum(amt for amt, _ in story.arrivals.values()) == (
        before + story.income
    )


@given(st.lists(steps, min_size=4, max_size=24))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 100,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_the_figures_are_the_books(sample_template: Path, told: list[tuple[Any, ...]]) -> None:
    async def run(directory: Path) -> None:
        async with opened_office(sample_template, directory) as office:
            office.at(DAY)
            story = Story(office)
            for step in told:
                await story.tell(step)
            await check(story)

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory) / "office"))
