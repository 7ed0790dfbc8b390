"""No order of steps loses or doubles a number: what all holders have is what was received.

A model in plain Python says of every number where it is; the books say the same after every step.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nontax.einvoice.numbering import Range
from nontax.einvoice.stock import StockError
from nontax.gateway.clock import ManualClock, midnight_ms
from nontax.gateway.collection.catalogue_import import import_catalogue
from nontax.gateway.collection.operators import OperatorRefused
from nontax.gateway.einvoicing import paper
from nontax.gateway.einvoicing import stock as upward
from nontax.gateway.einvoicing import stockmoves as downward
from nontax.gateway.einvoicing.stock import Receipt
from nontax.gateway.einvoicing.stockmoves import Delivery, Rest
from nontax.gateway.einvoicing.stockstatistics import statistics
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.store import Store, open_store, stock, stockuses
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.stock import Medium

DAY = "20260302"
AT = midnight_ms(DAY)
KIND = "0101"
HOLDERS = ("", "0104901", "0105204", "0206301")
MOST = 40
CODES: dict[Medium, str] = {"electronic": "32010126", "paper": "2020"}
MAKER, CHECKER = Acting("maker1", frozenset(), AT, DAY), Acting("checker1", frozenset(), AT, DAY)

ACTIONS = (
    "receive", "confirm", "confirm", "drop", "distribute", "give", "undo", "accept", "accept",
    "take-back", "give-back", "return", "use", "use", "use", "void", "void", "turn-in",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.sampled_from(("", *HOLDERS[1:], *HOLDERS[1:])),
        st.sampled_from(HOLDERS[1:]),
        st.integers(1, MOST),
        st.integers(1, MOST),
    ),
    min_size=8,
    max_size=60,
)
OPENING: tuple[tuple[Any, ...], ...] = (
    ("receive", "", HOLDERS[1], 5, 30),
    ("confirm", "", HOLDERS[1], 1, 1),
    ("distribute", "", HOLDERS[1], 15, 1),
    ("accept", "", HOLDERS[1], 1, 1),
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books with the sample's catalogue."""
    directory = tmp_path_factory.mktemp("stock")
    catalogue = files("nontax.gateway.sample").joinpath("catalogue.toml")

    async def fill() -> None:
        store = await open_store("sqlite:///nontax.db", directory, create=True)
        with as_file(catalogue) as file:
            await import_catalogue(store, [file], actor="test", clock=ManualClock(AT))
        await store.close()

    asyncio.run(fill())
    return directory / "nontax.db"


@settings(max_examples=settings().max_examples // 2)
@given(medium=st.sampled_from(["electronic", "paper"]), steps=STEPS)
def test_no_order_of_steps_loses_or_doubles_a_number(
    filled: Path, medium: Medium, steps: list[Any]
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(filled, Path(directory) / "books.db")
            store = await open_store("sqlite:///books.db", Path(directory))
            try:
                desk = Desk(store, medium)
                for step, *values in OPENING:
                    await desk.step(step, *values)
                for step, *values in steps:
                    await desk.step(step, *values)
                    await desk.check()
            finally:
                await store.close()

    asyncio.run(run())


STATES = {
    "confirm": {"received"},
    "drop": {"received", "stock"},
    "undo": {"offered"},
    "accept": {"offered"},
}
"""States of the ranges that a step is tried on, where there are any."""


class Desk:
    """Steps on the books, and what is known of every number."""

    def __init__(self, store: Store, medium: Medium) -> None:
        self.store = store
        self.medium = medium
        self.code = CODES[medium]
        self.received: set[int] = set()
        self.used: dict[str, list[int]] = {holder: [] for holder in HOLDERS}
        self.void: set[int] = set()

    async def tried(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        """What the work gives; None when it was refused."""
        try:
            return await self.store.transact(work)
        except (StockError, OperatorRefused):
            return None

    def range(self, *ends: int) -> Range:
        return Range(self.code, min(ends), max(ends))

    async def step(self, step: str, holder: str, unit: str, one: int, two: int) -> None:
        """Do a step with as many of the values as it takes."""
        work = getattr(self, "_" + step.replace("-", "_"))
        if step == "receive":
            await work(one, two)
        elif step in {"confirm", "drop", "undo", "accept"}:
            ranges = await self.store.scan(stock.page)
            fitting = [held.id for held in ranges if held.state in STATES[step]] or [one]
            await work(fitting[two % len(fitting)])
        elif step == "distribute":
            await work(holder, unit, one)
        elif step == "give":
            await work(holder, unit, one, two)
        elif step == "return":
            await work(unit, one, two)
        elif step in {"take-back", "give-back"}:
            await work(unit)
        else:
            await work(unit, one)

    async def _receive(self, *ends: int) -> None:
        receipt = Receipt(self.medium, KIND, self.range(*ends))
        new = set(range(receipt.numbers.first, receipt.numbers.last + 1))
        done = await self.tried(lambda tx: upward.receive(tx, receipt, MAKER))
        assert (done is None) == bool(new & self.received)
        if done is not None:
            self.received |= new

    async def _distribute(self, holder: str, to: str, count: int) -> None:
        delivery = Delivery(self.medium, KIND, to, None, count, holder)
        await self.tried(lambda tx: downward.distribute(tx, delivery, MAKER))

    async def _give(self, holder: str, to: str, *ends: int) -> None:
        delivery = Delivery(self.medium, KIND, to, self.range(*ends), 0, holder)
        await self.tried(lambda tx: downward.distribute(tx, delivery, MAKER))

    async def _confirm(self, range_id: int) -> None:
        assert await self.tried(lambda tx: upward.confirm(tx, range_id, MAKER)) is None
        await self.tried(lambda tx: upward.confirm(tx, range_id, CHECKER))

    async def _drop(self, range_id: int) -> None:
        done = await self.tried(lambda tx: upward.drop(tx, range_id, "误录", MAKER))
        if done is not None:
            self.received -= set(range(done.first, done.last + 1))

    async def _undo(self, range_id: int) -> None:
        await self.tried(lambda tx: downward.undo(tx, range_id, "误发", MAKER))

    async def _accept(self, range_id: int) -> None:
        await self.tried(lambda tx: downward.accept(tx, range_id, MAKER))

    async def _take_back(self, holder: str) -> None:
        rest = Rest(self.medium, KIND, holder)
        await self.tried(lambda tx: downward.take_back(tx, rest, "收回", MAKER))

    async def _give_back(self, holder: str) -> None:
        rest = Rest(self.medium, KIND, holder, self.code)
        await self.tried(lambda tx: downward.give_back(tx, rest, "缴回", MAKER))

    async def _return(self, holder: str, *ends: int) -> None:
        rest = Rest(self.medium, KIND, holder, "", self.range(*ends))
        await self.tried(lambda tx: downward.give_back(tx, rest, "缴回", MAKER))

    async def _use(self, holder: str, wanted: int) -> None:
        if self.medium == "electronic":
            taken = await self.tried(lambda tx: stock.take_next(tx, holder, "electronic", KIND, AT))
            found = taken.number if taken else 0
        else:
            named = paper.PaperNumber(KIND, self.code, f"{wanted:010d}")

            async def work(tx: Transaction) -> int:
                numbers = await paper.unused_in_stock(tx, holder, named, DAY)
                if numbers is None:
                    return 0
                used_by = paper.UsedBy("bill", holder, f"B{wanted}")
                await paper.use(tx, numbers, KIND, used_by, MAKER)
                return numbers.first

            found = await self.tried(work)
        if found:
            assert all(found not in used for used in self.used.values())
            self.used[holder].append(found)

    async def _void(self, holder: str, wanted: int) -> None:
        if self.medium == "electronic":
            return
        numbers = self.range(wanted)
        done = await self.tried(lambda tx: paper.void(tx, KIND, numbers, "污损", MAKER))
        assert done is None or wanted not in self.void
        if done is not None:
            self.void.add(wanted)

    async def _turn_in(self, holder: str, wanted: int) -> None:
        numbers = self.range(wanted)
        if self.medium == "paper":
            await self.tried(lambda tx: paper.turn_in(tx, KIND, numbers, "缴回", MAKER))

    async def check(self) -> None:
        """The books have every received number once, and their sums are right."""
        ranges = await self.store.scan(stock.page)
        numbers = Counter(found for one in ranges for found in range(one.first, one.last + 1))
        assert set(numbers) == self.received
        assert set(numbers.values()) <= {1}
        left: Counter[str] = Counter()
        for one in ranges:
            whole = Range(one.code, one.first, one.last)
            gone = await self.store.scan(lambda tx, whole=whole: stockuses.among(tx, KIND, whole))
            if one.state != "received":
                left[one.holder] += one.left - len(gone)
            assert one.state == "stock" or (one.next == one.first and not gone)
        figures = await self.store.scan(
            lambda tx: statistics(tx, "00000000", DAY, medium=cast("Any", self.medium))
        )
        assert {row.holder: row.closing for row in figures if row.closing} == {
            holder: count for holder, count in left.items() if count
        }
        assert all(row.used >= 0 and row.closing >= 0 for row in figures)
        for holder, used in self.used.items():
            assert sum(row.used for row in figures if row.holder == holder) == len(used)
