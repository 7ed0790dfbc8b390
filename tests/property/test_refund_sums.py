"""Refunds of a payment never come to more than it, whatever is asked, decided and reported.

A model in plain Python says what must be possible; the books do just that.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nontax.codecs import Head
from nontax.gateway.clock import ManualClock, midnight_ms
from nontax.gateway.collection.operators import OperatorRefused
from nontax.gateway.config import Config, load_config
from nontax.gateway.flows.base import Request
from nontax.gateway.flows.results import ReceiveRefundResult
from nontax.gateway.identifiers import MessageIds
from nontax.gateway.outbox import Enqueuer, Terms, operate
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.sample import init_directory
from nontax.gateway.settlement.acting import Acting, SettlementRefused
from nontax.gateway.settlement.refunds import Ending, Refunds, reject, settle
from nontax.gateway.settlement.wishes import Wish
from nontax.gateway.store import Store, bills, open_store, outbox, payments, refunds
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Bill, Payment
from nontax.mac import Secret
from nontax.messages.refund import RefundResult

PAID = 1000
CODE, BANK, DAY = "32068226000000000019", "D3206820105", "20260302"
COUNTED = {"requested", "queued", "succeeded", "unknown"}

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(-1, PAID + 1) | st.integers(1, 400)),
        st.tuples(
            st.sampled_from(
                ["approve", "own", "reject", "paid", "unpaid", "drop", "requeue", "lose", "settle"]
            ),
            st.integers(0, 5),
        ),
    ),
    max_size=30,
)


@dataclass
class Model:
    """Amount and state of every refund by number, and which have the bank's word."""

    amounts: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def held(self) -> int:
        return sum(self.amounts[n] for n, state in self.states.items() if state in COUNTED)

    def fits(self, amt: int) -> bool:
        return 0 < amt <= PAID - self.held


class Desk:
    """Operators and a bank at one payment."""

    def __init__(self, config: Config, store: Store) -> None:
        self.store = store
        self.terms = Terms.from_config(config.outbox)
        self.clock = ManualClock(midnight_ms(DAY))
        self.peers = PeerDirectory.from_config(config)
        ids = MessageIds(self.clock, 3)
        self.refunds = Refunds(Enqueuer(config.outbox, self.peers, ids.next), self.peers)

    def acting(self, name: str) -> Acting:
        self.clock.advance(ms=1)
        return Acting(name, frozenset(), self.clock.now_ms(), DAY)

    async def tried(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        """What the work gives; None when it was refused."""
        try:
            return await self.store.transact(work)
        except (SettlementRefused, OperatorRefused, NotPossible):
            return None

    async def reported(self, number: str, amt: int, *, paid: bool) -> bool:
        """Whether the bank's 2617 is accepted."""
        peer = self.peers.get(BANK)
        assert peer is not None
        transfer = {"TraNo": f"R{number}", "TraDate": DAY, "TraTime": "101500"} if paid else {}
        result = "00000" if paid else "99999"
        message = RefundResult(RefundNo=number, PayCode=CODE, Amt=amt, Result=result, **transfer)
        head = Head(BANK, "F320682", "2617", "R1", "R1", DAY)
        request = Request(peer, head, self.clock.now_ms(), DAY, Secret("x"))
        flow = ReceiveRefundResult()
        decision = await self.store.transact(lambda tx: flow.decide(tx, request, message))
        return decision.answer.message.Result == "00000"

    async def message(self, number: str) -> int:
        """The order's id in the outbox, 0 when there is none."""
        rows = await self.store.read(lambda tx: outbox.of_subject(tx, number, number="5617"))
        return rows[0].id if rows else 0


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    directory = tmp_path_factory.mktemp("refunds") / "sample"

    def same(count: int) -> bytes:
        return (sha256(b"refunds").digest() * (count // 32 + 1))[:count]

    init_directory(directory, sample=True, random=same, today=DAY)
    return load_config(directory / "nontax.toml")


async def pay(tx: Transaction) -> None:
    bill = Bill(
        pay_code=CODE, region="320682", bill_date=DAY, unit_code="0104901", unit_name="局",
        payer_name="张三", amt=PAID, ori_amt=PAID, delay_amt=0, source="cli", maker="maker1",
        created_at=1, changed_at=1, state="paid",
    )  # fmt: skip
    await bills.insert(tx, bill, [])
    payment = Payment(0, BANK, DAY, "T1", CODE, PAID, "11", "1", "", "2612", 1, payer_name="王五")
    await payments.insert(tx, payment)


@settings(max_examples=settings().max_examples // 4)
@given(steps=STEPS)
def test_no_order_of_acts_pays_back_more_than_was_paid(config: Config, steps: list[Any]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            store = await open_store("sqlite:///books.db", Path(directory), create=True)
            try:
                await store.transact(pay)
                await play(Desk(config, store), steps)
            finally:
                await store.close()

    asyncio.run(run())


async def play(desk: Desk, steps: list[tuple[str, int]]) -> None:
    model = Model()
    for action, value in steps:
        if action == "ask":
            wish = Wish(CODE, value, "多缴")
            made = await desk.tried(
                lambda tx, wish=wish: desk.refunds.request(tx, wish, desk.acting("maker1"))
            )
            assert (made is not None) == model.fits(value)
            if made is not None:
                model.amounts[made.refund_no], model.states[made.refund_no] = value, "requested"
        elif model.states:
            numbers = sorted(model.states)
            await act(desk, model, action, numbers[value % len(numbers)])
        rows = await desk.store.scan(refunds.page)
        assert {row.refund_no: row.state for row in rows} == model.states
        assert await desk.store.read(lambda tx: refunds.held(tx, 1)) == model.held <= PAID


async def act(desk: Desk, model: Model, action: str, number: str) -> None:
    """One act on one refund, on the books and on the model."""
    was, amt = model.states[number], model.amounts[number]
    if action in {"approve", "own", "reject"}:
        await decide(desk, model, action, number)
    elif action in {"paid", "unpaid"}:
        outcome = "succeeded" if action == "paid" else "failed"
        if number in model.told:
            possible = was == outcome
        elif was == "failed" and outcome == "succeeded":
            possible = number in ordered(model) and model.fits(amt)
        else:
            possible = was in {"queued", "unknown", outcome} and number in ordered(model)
        assert await desk.reported(number, amt, paid=action == "paid") == possible
        if possible:
            model.states[number] = outcome
            model.told.add(number)
    elif action == "settle":
        ending = Ending("succeeded", "电话核实", f"R{number}", DAY, "101500")
        done = await desk.tried(lambda tx: settle(tx, number, ending, desk.acting("checker1")))
        assert (done is not None) == (was == "unknown")
        if done is not None:
            model.states[number] = "succeeded"
    else:
        await deliver(desk, model, action, number)


def ordered(model: Model) -> set[str]:
    """Refunds that were given to the bank's node."""
    return {number for number, state in model.states.items()
            if state not in {"requested", "rejected"}}  # fmt: skip


async def decide(desk: Desk, model: Model, action: str, number: str) -> None:
    name = "maker1" if action == "own" else "checker1"
    if action == "reject":
        work = lambda tx: reject(tx, number, "依据不足", desk.acting(name))  # noqa: E731
    else:
        work = lambda tx: desk.refunds.approve(tx, number, desk.acting(name))  # noqa: E731
    done = await desk.tried(work)
    assert (done is not None) == (model.states[number] == "requested" and action != "own")
    if done is not None:
        model.states[number] = "rejected" if action == "reject" else "queued"


async def deliver(desk: Desk, model: Model, action: str, number: str) -> None:
    """What becomes of the order in the outbox."""
    message = await desk.message(number)
    if not message:
        return
    was = model.states[number]
    facts = {"operator": "checker1", "reason": "x", "at": desk.clock.now_ms()}
    if action == "requeue":
        done = await desk.tried(lambda tx: operate.requeue(tx, message, terms=desk.terms, **facts))
        dropped = was == "failed" and number not in model.told
        assert (done is not None) == (dropped and model.fits(model.amounts[number]))
        if done is not None:
            model.states[number] = "queued"
        return
    if action == "lose" and was == "queued":  # it leaves, and nobody answers

        async def leave(tx: Transaction) -> None:
            await tx.run("UPDATE outbox SET ever_sent = 1, state = 'sent' WHERE id = ?1", message)

        await desk.store.transact(leave)
    done = await desk.tried(lambda tx: operate.drop(tx, message, **facts))
    assert (done is not None) == (was == "queued")
    if done is not None:
        model.states[number] = "unknown" if action == "lose" else "failed"
