"""Contract: transfers, arrivals, supervised balances, virtual accounts that run out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nontax.gateway.store import (
    ConstraintViolated,
    Store,
    arrivals,
    bills,
    funds,
    payments,
    supervised,
    transfers,
    virtual_accounts,
)
from nontax.gateway.store.arrivals import Arrival, ArrivalFilter, ArrivalTotal
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import VirtualAccount, VirtualPool
from nontax.gateway.store.supervised import Balance, Movement
from nontax.gateway.store.transfers import Transfer

BANK, OTHER = "D3206820105", "D3206820301"
CODE = "32068226000000000019"


def batch(batch_no: str = "B1", **changes: Any) -> Transfer:
    made = Transfer(
        id=0, src=BANK, batch_no=batch_no, tra_date="20261124", tra_no="M" + batch_no,
        payer_name="建行", payer_acct="1", rec_acct_type="1", rec_name="财政", rec_acct="A",
        rec_op_bk="交行", rec_op_bk_no="", amt=8000, count=1, state="sent", received_at=7,
        changed_at=7,
    )  # fmt: skip
    return replace(made, **changes)


def money(tra_no: str = "A1", **changes: Any) -> Arrival:
    made = Arrival(0, "2615", OTHER, tra_no, "20261125", "101500", "1", "A", 8000, 9, 9)
    return replace(made, **changes)


async def put(store: Store, arrival: Arrival) -> int:
    return await store.transact(lambda tx: arrivals.insert(tx, arrival))


async def moved(store: Store, transfer: Transfer, *payment_ids: int) -> int:
    return await store.transact(lambda tx: transfers.insert(tx, transfer, payment_ids))


async def more_payments(store: Store, make: Any, count: int) -> list[int]:
    """Payments of bills of their own."""

    async def work(tx: Transaction) -> list[int]:
        ids = []
        for n in range(count):
            code = f"P{n}"
            assert await bills.insert(tx, make.bill(code), [make.item(code)])
            ids.append(await payments.insert(tx, make.payment(f"N{n}", pay_code=code)))
        return ids

    return await store.transact(work)


# -- transfers ------------------------------------------------------------------------------------


async def test_a_batch_with_its_payments(with_payment: Store, make: Any) -> None:
    store = with_payment
    ids = [1, *await more_payments(store, make, 2)]
    assert await moved(store, batch(count=3), *ids[::-1]) == 1
    kept = await store.read(lambda tx: transfers.get(tx, 1))
    assert kept == batch(id=1, count=3)
    found = await store.read(lambda tx: transfers.payments_of(tx, 1))
    assert [payment.id for payment in found] == ids[::-1]
    assert await store.read(lambda tx: transfers.batch_of(tx, 1)) == "B1"
    assert await store.read(lambda tx: transfers.get(tx, 2)) is None


async def test_the_numbers_of_a_batch_are_unique_per_node(with_payment: Store, make: Any) -> None:
    store = with_payment
    ids = await more_payments(store, make, 3)
    await moved(store, batch(), 1)
    for twin in (batch(tra_no="M9"), batch("B9", tra_no="MB1")):
        with pytest.raises(ConstraintViolated):
            await moved(store, twin, ids[0])
    assert await moved(store, batch(src=OTHER), ids[0]) == 2

    async def look(batch_no: str, tra_no: str) -> list[int]:
        found = await store.read(lambda tx: transfers.named(tx, BANK, batch_no, tra_no))
        return [transfer.id for transfer in found]

    await moved(store, batch("B2"), ids[1])
    assert await look("B1", "MB1") == [1]
    assert await look("B2", "MB1") == [3, 1]
    assert await look("B1", "MB2") == [1, 3]
    assert await look("B9", "M9") == []


async def test_a_payment_is_in_one_living_batch(with_payment: Store) -> None:
    store = with_payment
    await moved(store, batch(), 1)
    with pytest.raises(ConstraintViolated):
        await moved(store, batch("B2"), 1)
    assert await store.read(lambda tx: transfers.named(tx, BANK, "B2", "")) == []
    assert await store.transact(lambda tx: transfers.cancel(tx, 1, at=11))
    assert not await store.transact(lambda tx: transfers.cancel(tx, 1, at=12))
    assert await store.read(lambda tx: transfers.batch_of(tx, 1)) is None
    assert await moved(store, batch("B2"), 1) == 2


async def test_a_batch_arrives_with_its_payments_once(with_payment: Store, make: Any) -> None:
    store = with_payment
    [other] = await more_payments(store, make, 1)
    await moved(store, batch(count=2), 1, other)
    arrival = await put(store, money())
    assert await store.transact(lambda tx: funds.arrived(tx, other, "20261124", 99))
    [transfer] = await store.read(lambda tx: transfers.under_way(tx, "B1"))

    async def arrive(tx: Transaction) -> int:
        return await transfers.arrived(tx, transfer, "20261125", arrival, at=12)

    assert await store.transact(arrive) == 1
    first = await store.read(lambda tx: funds.of_payment(tx, 1))
    assert (first.arrived_on, first.arrival_id) == ("20261125", arrival)
    before = await store.read(lambda tx: funds.of_payment(tx, other))
    assert (before.arrived_on, before.arrival_id) == ("20261124", 99)
    assert await store.read(lambda tx: transfers.under_way(tx, "B1")) == []
    with pytest.raises(RuntimeError, match="not under way"):
        await store.transact(arrive)
    assert not await store.transact(lambda tx: transfers.cancel(tx, 1, at=13))


async def test_reconciled_funds_stay_so_when_they_arrive(with_payment: Store) -> None:
    store = with_payment
    assert await store.transact(lambda tx: funds.reconciled(tx, 1, "20261124"))
    await moved(store, batch(), 1)
    await store.transact(lambda tx: transfers.arrived(tx, batch(id=1), "20261125", 5, at=12))
    state = await store.read(lambda tx: funds.of_payment(tx, 1))
    assert (state.arrived_on, state.reconciled_on) == ("20261125", "20261124")


async def test_batches_by_page(with_payment: Store, make: Any) -> None:
    store = with_payment
    ids = [1, *await more_payments(store, make, 2)]
    for n, payment_id in enumerate(ids):
        await moved(store, batch(f"B{n}", src=BANK if n else OTHER), payment_id)
    await store.transact(lambda tx: transfers.cancel(tx, 3, at=1))

    async def look(**narrowed: Any) -> list[int]:
        return [row.id for row in await store.scan(lambda tx: transfers.page(tx, **narrowed))]

    assert await look() == [1, 2, 3]
    assert await look(after=1, limit=1) == [2]
    assert await look(src=BANK, state="sent") == [2]


async def test_payments_under_a_number(with_payment: Store, make: Any) -> None:
    store = with_payment
    twin = make.payment("T1", cfm_date="20261124", duplicate=1)
    await store.transact(lambda tx: payments.insert(tx, twin))
    found = await store.transact(lambda tx: transfers.confirmed(tx, CODE, BANK, "T1"))
    assert [payment.duplicate for payment in found] == [0, 1]
    assert await store.transact(lambda tx: transfers.confirmed(tx, CODE, OTHER, "T1")) == []


# -- arrivals --------------------------------------------------------------------------------------


async def test_an_arrival_is_read_as_written(store: Store) -> None:
    full = money(
        batch_no="B1", pay_code=CODE, rec_name="财政", payer_name="王五", payer_acct="6222",
        payer_op_bk="行", add_word="款", why="no batch is named",
    )  # fmt: skip
    arrival_id = await put(store, full)
    expected = replace(full, id=arrival_id)
    assert await store.read(lambda tx: arrivals.get(tx, arrival_id)) == expected
    assert await store.read(lambda tx: arrivals.by_number(tx, OTHER, "A1")) == expected
    assert await store.read(lambda tx: arrivals.by_number(tx, BANK, "A1")) is None
    assert "王五" not in repr(expected)
    assert "6222" not in repr(expected)


async def test_a_number_is_used_once_whatever_the_message(store: Store) -> None:
    await put(store, money())
    for kind in ("2615", "2616", "2619", "2557"):
        with pytest.raises(ConstraintViolated):
            await put(store, money(kind=kind))
    assert await put(store, money(src=BANK)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "identified"},
        {"state": "claimed"},
        {"payment_id": 1},
        {"state": "returned", "payment_id": 1},
        {"state": "claimed", "transfer_id": 1},
        {"state": "identified", "transfer_id": 1, "payment_id": 1},
        {"state": "identified", "instr_no": "Q1"},
        {"state": "identified", "instr_line": 1},
        {"state": "identified", "payment_id": 77},
        {"state": "lost"},
        {"kind": "2612"},
        {"amt": 0},
        {"amt": 10**15 + 1},
        {"arr_date": "2026112"},
    ],
)
async def test_the_schema_refuses(with_payment: Store, changes: dict[str, Any]) -> None:
    await moved(with_payment, batch(), 1)
    with pytest.raises(ConstraintViolated):
        await put(with_payment, money(**changes))


@pytest.mark.parametrize(
    "end",
    [
        {"payment_id": 1},
        {"transfer_id": 1},
        {"instr_no": "Q1", "instr_line": 1},
    ],
)
async def test_what_has_arrived_arrives_once(with_payment: Store, end: dict[str, Any]) -> None:
    store = with_payment
    await moved(store, batch(), 1)
    await put(store, money(state="identified", **end))
    with pytest.raises(ConstraintViolated):
        await put(store, money("A2", state="identified", **end))
    assert await put(store, money("A2")) == 2
    assert await store.read(lambda tx: arrivals.instruction_line_arrived(tx, "Q1", 1)) == (
        "instr_no" in end
    )
    shown = await store.read(lambda tx: arrivals.of_payment(tx, 1))
    assert (shown is not None) == ("payment_id" in end)


async def test_unidentified_money_has_one_end_and_a_trace(with_payment: Store) -> None:
    store = with_payment
    await put(store, money(why="no batch is named"))
    await put(store, money("A2"))

    async def end(arrival: int, action: Any, **more: Any) -> bool:
        return await store.transact(
            lambda tx: arrivals.end(
                tx, arrival, action, actor="maker1", reason="因为", at=20, **more
            )
        )

    assert await end(1, "claimed", payment_id=1, pay_code=CODE)
    assert not await end(1, "returned")
    assert await end(2, "returned")
    claimed = await store.read(lambda tx: arrivals.get(tx, 1))
    assert claimed is not None
    assert (claimed.state, claimed.why, claimed.changed_at) == ("claimed", "", 20)
    [act] = await store.read(lambda tx: arrivals.actions(tx, 1))
    assert (act.action, act.actor, act.reason, act.pay_code) == ("claimed", "maker1", "因为", CODE)
    with pytest.raises(ConstraintViolated, match="never changed"):
        await store.transact(lambda tx: tx.run("UPDATE arrival_actions SET actor = 'x'"))
    with pytest.raises(ConstraintViolated, match="never deleted"):
        await store.transact(lambda tx: tx.run("DELETE FROM arrival_actions"))


async def test_unidentified_money_by_what_it_named(store: Store) -> None:
    await put(store, money(batch_no="B1"))
    await put(store, money("A2", pay_code=CODE))
    await put(store, money("A3"))

    async def of(look: Any, name: str) -> list[str]:
        return [row.tra_no for row in await store.read(lambda tx: look(tx, name))]

    assert await of(arrivals.unidentified_of_batch, "B1") == ["A1"]
    assert await of(arrivals.unidentified_of_bill, CODE) == ["A2"]
    assert await of(arrivals.unidentified_of_batch, "") == []
    assert await of(arrivals.unidentified_of_bill, "") == []


async def test_a_list_of_arrivals(store: Store) -> None:
    days = ("20261125", "20261124", "20261124", "20261126")
    for n, day in enumerate(days):
        src = BANK if n == 3 else OTHER
        await put(store, money(f"A{n}", arr_date=day, src=src, kind="2616" if n else "2615"))
    await store.transact(lambda tx: arrivals.end(tx, 2, "returned", actor="m", reason="r", at=1))

    async def look(after: tuple[str, int] | None = None, **narrowed: Any) -> list[int]:
        wanted = ArrivalFilter(**narrowed)
        rows = await store.scan(lambda tx: arrivals.page(tx, wanted, after=after, limit=2))
        return [row.id for row in rows]

    assert await look() == [2, 3]
    assert await look(("20261124", 3)) == [1, 4]
    assert await look(state="unidentified") == [3, 1]
    assert await look(src=BANK) == [4]
    assert await look(kind="2615") == [1]
    assert await look(arr_date_from="20261125", arr_date_to="20261125") == [1]
    open_ones = ArrivalFilter(state="unidentified")
    total = await store.scan(lambda tx: arrivals.total(tx, open_ones))
    assert total == ArrivalTotal(3, 24_000, "20261124")
    none = ArrivalFilter(src="D")
    assert await store.scan(lambda tx: arrivals.total(tx, none)) == ArrivalTotal(0, 0, "")


# -- supervised accounts ---------------------------------------------------------------------------


def day(check_date: str = "20261124", **changes: Any) -> Balance:
    made = Balance(0, BANK, check_date, "S1", "320682", "0206301", 100, 50, 30, 120, 5)
    return replace(made, **changes)


async def test_a_day_of_an_account(store: Store) -> None:
    lines = [Movement(1, 1, "L1", "1", 50, "甲", "学费"), Movement(1, 2, "L2", "2", 30)]

    async def work(tx: Transaction) -> int:
        balance_id = await supervised.insert(tx, day())
        await supervised.insert_movements(tx, lines)
        return balance_id

    assert await store.transact(work) == 1
    kept = await store.read(lambda tx: supervised.get(tx, BANK, "S1", "20261124"))
    assert kept == day(id=1)
    assert await store.read(lambda tx: supervised.movements(tx, 1)) == lines
    assert await store.read(lambda tx: supervised.get(tx, OTHER, "S1", "20261124")) is None
    assert "甲" not in repr(lines)


@pytest.mark.parametrize(
    "changes", [{}, {"check_date": "20261125", "end_bal": 121}, {"check_date": "1"}]
)
async def test_days_that_are_refused(store: Store, changes: dict[str, Any]) -> None:
    await store.transact(lambda tx: supervised.insert(tx, day()))
    with pytest.raises(ConstraintViolated):
        await store.transact(lambda tx: supervised.insert(tx, day(**changes)))


async def test_the_days_of_a_unit(store: Store) -> None:
    for date in ("20261126", "20261124", "20261125"):
        await store.transact(lambda tx, d=date: supervised.insert(tx, day(d)))
    other = day("20261125", acct_no="S0", unit_code="9")
    await store.transact(lambda tx: supervised.insert(tx, other))

    async def before(date: str) -> str | None:
        found = await store.read(lambda tx: supervised.before(tx, BANK, "S1", date))
        return found.check_date if found else None

    assert await before("20261126") == "20261125"
    assert await before("20261124") is None

    async def of(*dates: str) -> list[str]:
        found = await store.scan(lambda tx: supervised.of_unit(tx, "0206301", *dates))
        return [row.check_date for row in found]

    assert await of() == ["20261124", "20261125", "20261126"]
    assert await of("20261125", "20261125") == ["20261125"]


# -- virtual accounts ------------------------------------------------------------------------------


async def test_numbers_run_out_with_their_bills(store: Store) -> None:
    pool = VirtualPool("901", "904", "0105", "A", release_days=5)

    async def work(tx: Transaction) -> None:
        await virtual_accounts.put_pool(tx, pool, actor="m", at=1)
        assert await virtual_accounts.allocate(tx, "0105", "a", at=2) == "901"
        assert (
            await virtual_accounts.allocate(tx, "0105", "b", at=2, free_after="20261130") == "902"
        )
        assert await virtual_accounts.take(tx, "903", "c", at=2, free_after="20261201")
        assert not await virtual_accounts.take(tx, "903", "d", at=2)
        assert await virtual_accounts.end(tx, "a", free_after="20261130")

    await store.transact(work)

    async def free(today: str) -> int:
        return await store.transact(lambda tx: virtual_accounts.free_ended(tx, today))

    assert await free("20261130") == 0
    assert await free("20261201") == 2
    counts = await store.read(lambda tx: virtual_accounts.counts(tx, "0105"))
    assert counts == {"allocated": 1, "free": 3}
    again = await store.read(lambda tx: virtual_accounts.get(tx, "902"))
    assert again == VirtualAccount("902", "901", "0105", "free", "", 0, "")


@pytest.mark.parametrize(
    ("state", "free_after", "expected"),
    [
        ("free", "", ""),
        ("allocated", "", "p"),
        ("allocated", "20261201", "p"),
        ("allocated", "20261130", ""),
        ("ended", "20261201", "p"),
        ("ended", "20261130", ""),
    ],
)
def test_whose_a_number_is(state: Any, free_after: str, expected: str) -> None:
    account = VirtualAccount("901", "901", "0105", state, "p", 1, free_after)
    assert virtual_accounts.owner(account, "20261201") == expected
