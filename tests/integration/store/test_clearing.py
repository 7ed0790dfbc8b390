"""Clearing in the books: entries once each, parts bound once, instructions by number and state."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from nontax.gateway.store import (
    ConstraintViolated,
    Store,
    catalogue,
    clearing,
    instructions,
    outbox,
    payments,
    refunds,
)
from nontax.gateway.store.clearing_records import (
    Bound,
    Entry,
    Group,
    Instruction,
    InstructionLine,
    LineResult,
    Part,
)
from nontax.gateway.store.entries import Target
from nontax.gateway.store.protocol import Transaction

from .conftest import Make

BANK = "D3206820105"
DAY = "20261123"
GROUP = Group(0, BANK, "320682", BANK, "3", "", "")
INSTRUCTION = Instruction(
    "QF1", "20261124", DAY, BANK, "320682", BANK, "3", "", "", 8000, 1, "queued", "", "maker1", 5, 5
)
LINE = InstructionLine("QF1", 1, "county", "4", "5", "27000", "国库", "国库", "011", 8000, "queued")


@pytest.fixture
async def cleared(with_payment: Store) -> Store:
    """A store in which payment 1 (80.00 yuan, 30 and 70 %) has entered, as entry 1 of group 1."""

    async def work(tx: Transaction) -> None:
        for code in ("county", "province"):
            target = Target(code, "4", "5", "27000", "国库", "国库", "011", "20200101")
            await catalogue.put(tx, target, actor="maker1", at=1)
        assert await clearing.put_group(tx, GROUP) == 1
        assert await clearing.enter(tx, Entry(0, 1, 1, "", 8000, 5), parts(2400, 5600))

    await with_payment.transact(work)
    return with_payment


def parts(*amts: int) -> list[Part]:
    return [
        Part(0, seq, 1, 1, "103043211", target, share, amt)
        for seq, (target, share, amt) in enumerate(
            zip(("province", "county"), (3000, 7000), amts, strict=True), start=1
        )
    ]


async def enter(store: Store, entry: Entry, given: list[Part]) -> bool:
    return await store.transact(partial(clearing.enter, entry=entry, parts=given))


async def run(store: Store, sql: str, *args: Any) -> int:
    return await store.transact(lambda tx: tx.run(sql, *args))


async def test_a_group_is_written_once_and_keeps_its_newest_name(store: Store) -> None:
    put = partial(clearing.put_group, group=replace(GROUP, acct_name="旧"))
    assert await store.transact(put) == 1
    assert await store.transact(partial(clearing.put_group, group=GROUP)) == 1
    assert await store.transact(partial(clearing.put_group, group=replace(GROUP, acct_no="1"))) == 2
    assert await store.read(partial(clearing.group, group_id=1)) == replace(GROUP, id=1)
    assert await store.read(partial(clearing.group, group_id=9)) is None
    assert await store.read(partial(clearing.waiting_groups, node=BANK)) == []


async def test_an_entry_comes_back_with_its_parts(cleared: Store) -> None:
    entry = await cleared.read(partial(clearing.entry_of_payment, payment_id=1))
    assert entry == Entry(1, 1, 1, "", 8000, 5)
    found = await cleared.read(partial(clearing.parts_of, entry_id=1))
    assert found == [replace(part, entry_id=1) for part in parts(2400, 5600)]
    assert [
        group.id for group in await cleared.read(partial(clearing.waiting_groups, node=BANK))
    ] == [1]
    assert await cleared.read(partial(clearing.sums, group_id=1)) == [
        ("county", 5600),
        ("province", 2400),
    ]
    assert not await cleared.read(partial(clearing.has_left, payment_id=1))


async def test_a_payment_and_a_refund_enter_once(cleared: Store, make: Make) -> None:
    assert not await enter(cleared, Entry(0, 1, 1, "", 8000, 6), parts(2400, 5600))
    refund = make.refund(state="succeeded", amt=100)
    await cleared.transact(partial(refunds.insert, refund=refund))
    entry = Entry(0, 1, 1, "TF1", -100, 6)
    assert await enter(cleared, entry, parts(-30, -70))
    assert not await enter(cleared, entry, parts(-30, -70))
    assert await cleared.read(partial(clearing.netted, payment_id=1)) == 100
    assert await cleared.read(partial(clearing.unnetted, node=BANK)) == []


@pytest.mark.parametrize(
    ("state", "amt", "entry"),
    [
        ("sent", 100, Entry(0, 1, 1, "TF1", -100, 6)),  # still under way
        ("succeeded", 101, Entry(0, 1, 1, "TF1", -100, 6)),  # of another amount
        ("succeeded", 100, Entry(0, 1, 1, "TF9", -100, 6)),  # unknown
        ("succeeded", 100, Entry(0, 1, 1, "TF1", 100, 6)),  # the wrong sign
    ],
)
async def test_only_what_was_paid_back_is_netted(
    cleared: Store, make: Make, state: Any, amt: int, entry: Entry
) -> None:
    await cleared.transact(partial(refunds.insert, refund=make.refund(state=state, amt=amt)))
    with pytest.raises(ConstraintViolated):
        await enter(cleared, entry, [])


async def test_no_refund_is_netted_before_its_payment(with_payment: Store, make: Make) -> None:
    await with_payment.transact(partial(refunds.insert, refund=make.refund(state="succeeded")))
    await with_payment.transact(partial(clearing.put_group, group=GROUP))
    assert await with_payment.read(partial(clearing.unnetted, node=BANK)) == []
    with pytest.raises(ConstraintViolated):
        await enter(with_payment, Entry(0, 1, 1, "TF1", -8000, 6), [])


async def test_what_has_entered_is_never_changed(cleared: Store) -> None:
    with pytest.raises(ConstraintViolated):
        await run(cleared, "UPDATE clearing_entries SET amt = 1")


async def test_uncleared_payments_by_page(with_payment: Store, make: Make) -> None:
    second = make.payment("T2", duplicate=1)
    await with_payment.transact(partial(payments.insert, payment=second))
    look = partial(clearing.uncleared, node=BANK, cfm_date=DAY)
    assert [one.tra_no_bus for one in await with_payment.read(look)] == ["T1"]
    assert await with_payment.transact(partial(look, after="T1", lock=True)) == []
    assert (
        await with_payment.read(partial(clearing.uncleared, node=BANK, cfm_date="20261124")) == []
    )
    other = make.payment("T3", src="G000001", duplicate=1)
    await with_payment.transact(partial(payments.insert, payment=other))
    assert await with_payment.read(clearing.nodes) == [BANK, "G000001"]


# -- binding --------------------------------------------------------------------------------------


async def bind(store: Store, target: str = "county") -> None:
    await store.transact(
        partial(clearing.bind, group_id=1, target=target, instr_no="QF1", line_no=1)
    )


async def test_parts_are_bound_by_target_for_ever(cleared: Store) -> None:
    await bind(cleared)
    assert await cleared.read(partial(clearing.sums, group_id=1)) == [("province", 2400)]
    assert await cleared.read(partial(clearing.bound, instr_no="QF1")) == Bound(1, 0, 5600)
    assert await cleared.read(partial(clearing.bound, instr_no="")) == Bound(0, 0, 0)
    assert await cleared.read(partial(clearing.has_left, payment_id=1))
    with pytest.raises(ConstraintViolated):
        await run(cleared, "UPDATE clearing_parts SET instr_no = 'QF2' WHERE target = 'county'")


@pytest.mark.parametrize("state", ["requested", "approved", "queued", "sent", "unknown"])
async def test_a_living_refund_holds_what_waits(cleared: Store, make: Make, state: Any) -> None:
    await cleared.transact(partial(refunds.insert, refund=make.refund(state=state, amt=1)))
    assert await cleared.read(partial(clearing.sums, group_id=1)) == []
    assert await cleared.read(partial(clearing.held, group_id=1)) == [make.payment().pay_code]
    await bind(cleared)
    assert await cleared.read(partial(clearing.bound, instr_no="QF1")) == Bound(0, 0, 0)


@pytest.mark.parametrize("state", ["failed", "rejected", "succeeded"])
async def test_an_ended_refund_holds_nothing(cleared: Store, make: Make, state: Any) -> None:
    await cleared.transact(partial(refunds.insert, refund=make.refund(state=state, amt=1)))
    assert len(await cleared.read(partial(clearing.sums, group_id=1))) == 2
    assert await cleared.read(partial(clearing.held, group_id=1)) == []


async def test_only_what_has_not_left_yet_is_held(cleared: Store, make: Make) -> None:
    for target in ("county", "province"):
        await bind(cleared, target)
    await cleared.transact(partial(refunds.insert, refund=make.refund(state="succeeded", amt=100)))
    assert await enter(cleared, Entry(0, 1, 1, "TF1", -100, 6), parts(-30, -70))
    second = make.refund("TF2", state="sent", amt=100)
    await cleared.transact(partial(refunds.insert, refund=second))
    # What is taken back of money that has left does not wait for another refund.
    assert await cleared.read(partial(clearing.sums, group_id=1)) == [
        ("county", -70),
        ("province", -30),
    ]


# -- instructions ---------------------------------------------------------------------------------


async def insert(store: Store, *numbers: str, **changes: Any) -> None:
    for number in numbers:
        instruction = replace(INSTRUCTION, instr_no=number, **changes)
        line = replace(LINE, instr_no=number)
        await store.transact(partial(instructions.insert, instruction=instruction, lines=[line]))


async def test_instructions_come_back_as_written(store: Store) -> None:
    await insert(store, "QF1")
    assert await store.read(partial(instructions.get, instr_no="QF1")) == INSTRUCTION
    assert await store.read(partial(instructions.lines, instr_no="QF1")) == [LINE]
    assert await store.read(partial(instructions.get, instr_no="QF2")) is None
    with pytest.raises(ConstraintViolated):
        await insert(store, "QF1")


async def test_instructions_by_page(store: Store) -> None:
    await insert(store, "QF1", "QF2")
    await insert(
        store, "QF3", state="failed", node="D3206820301", peer="Q3200000105", run_date="20261124"
    )

    async def numbers(**narrowed: Any) -> list[str]:
        found = await store.read(partial(instructions.page, **narrowed))
        return [one.instr_no for one in found]

    assert await numbers() == ["QF1", "QF2", "QF3"]
    assert await numbers(after="QF1", limit=1) == ["QF2"]
    assert await numbers(states=("failed", "partly")) == ["QF3"]
    assert await numbers(node="D3206820301") == ["QF3"]
    assert await numbers(peer=BANK, run_date=DAY) == ["QF1", "QF2"]


async def test_when_results_are_due(store: Store, make: Make) -> None:
    await insert(store, "QF1", "QF2")
    message = make.message(
        number="5614", subject="QF1", money=1, state="acknowledged", result_deadline=900
    )
    await store.transact(partial(outbox.enqueue, message=message))
    assert await store.read(partial(instructions.due_results, instr_nos=["QF1", "QF2"])) == {
        "QF1": 900
    }
    assert await store.read(partial(instructions.due_results, instr_nos=[])) == {}
    late = partial(instructions.page, overdue_at=899)
    assert await store.read(late) == []
    [one] = await store.read(partial(instructions.page, overdue_at=900))
    assert one.instr_no == "QF1"


async def test_lines_without_a_result_move_with_their_instruction(store: Store) -> None:
    two = [LINE, replace(LINE, line_no=2)]
    await store.transact(
        partial(instructions.insert, instruction=replace(INSTRUCTION, count=2), lines=two)
    )
    await store.transact(
        partial(
            instructions.set_line,
            instr_no="QF1",
            line_no=2,
            told=LineResult("succeeded", "00000", "", "B2", DAY, "101500"),
        )
    )
    move = partial(instructions.move, instr_no="QF1", expected=("queued",), state="sent", at=9)
    assert await store.transact(move)
    assert not await store.transact(move)
    first, second = await store.read(partial(instructions.lines, instr_no="QF1"))
    assert (first.state, second.state, second.tra_no) == ("sent", "succeeded", "B2")
    assert await store.transact(partial(instructions.close, instr_no="QF1", at=10)) is None
    await store.transact(
        partial(instructions.set_line, instr_no="QF1", line_no=1, told=LineResult("failed", "1"))
    )
    assert await store.transact(partial(instructions.close, instr_no="QF1", at=10)) == "partly"
    found = await store.read(partial(instructions.get, instr_no="QF1"))
    assert found is not None
    assert (found.state, found.changed_at) == ("partly", 10)


async def test_only_a_failed_line_is_sent_again_and_once(store: Store) -> None:
    await insert(store, "QF1")
    again = replace(LINE, instr_no="QF2", origin_instr="QF1", origin_line=1)

    async def resend(number: str, **changes: Any) -> None:
        new = replace(INSTRUCTION, instr_no=number, resend_of="QF1")
        line = replace(again, instr_no=number, **changes)
        await store.transact(partial(instructions.insert, instruction=new, lines=[line]))

    with pytest.raises(ConstraintViolated):
        await resend("QF2")  # it may still succeed
    told = LineResult("failed", "12003")
    await store.transact(partial(instructions.set_line, instr_no="QF1", line_no=1, told=told))
    with pytest.raises(ConstraintViolated):
        await resend("QF2", amt=7999)
    await resend("QF2")
    assert await store.read(partial(instructions.sent_again, instr_no="QF1")) == {1: "QF2"}
    with pytest.raises(ConstraintViolated):
        await resend("QF3")


async def test_a_succeeded_line_stays_so(store: Store) -> None:
    await insert(store, "QF1")
    told = LineResult("succeeded", "00000")
    await store.transact(partial(instructions.set_line, instr_no="QF1", line_no=1, told=told))
    failed = LineResult("failed", "12003")
    with pytest.raises(ConstraintViolated):
        await store.transact(partial(instructions.set_line, instr_no="QF1", line_no=1, told=failed))
    with pytest.raises(ConstraintViolated):
        await run(store, "UPDATE clearing_lines SET amt = 1")
