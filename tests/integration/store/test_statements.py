"""Contract: one living batch, packs with their lines, pages of lines, what ends and is deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nontax.gateway.store import ConstraintViolated, Store, statements
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.statements import (
    FIRST,
    LIVING,
    BatchState,
    Line,
    StatementBatch,
    StatementPack,
)
from nontax.reconcile.sides import LineRef

BANK, DAY = "D3206820105", "20260301"


def batch(**changes: Any) -> StatementBatch:
    made = StatementBatch(
        id=0, kind="2555", src=BANK, check_date=DAY, scope="11", acct_type="", batch_no="B1",
        pack_count=2, total_count=3, total_amt=300, begin_bal=None, in_amt=None, out_amt=None,
        end_bal=None, state="receiving", origin="message", digest="", received_at=1, changed_at=1,
    )  # fmt: skip
    return replace(made, **changes)


BALANCES = {"kind": "2556", "scope": "A", "acct_type": "1"} | dict.fromkeys(
    ("begin_bal", "in_amt", "out_amt", "end_bal"), 0
)


def payment(number: str, line: int, fault: str = "") -> Line:
    return (number, line, "P1", DAY, "101530", 100, "11", "张三", "62220", "1", "A", "", "", fault)


async def put(store: Store, made: StatementBatch) -> int | None:
    return await store.transact(lambda tx: statements.insert_batch(tx, made))


async def add(
    store: Store, batch_id: int, number: int, *lines: Line, channels: Any = (), amt: int = 100
) -> None:
    async def work(tx: Transaction) -> None:
        found = await statements.get(tx, batch_id)
        assert found is not None
        pack = StatementPack(batch_id, number, f"d{number}", len(lines), amt * len(lines), 0, 1)
        await statements.insert_pack(tx, found, pack, lines, channels)

    await store.transact(work)


async def stands(store: Store, **changes: Any) -> int:
    """A batch with a digest."""
    made = await put(store, batch(**changes))
    assert made is not None
    await store.transact(lambda tx: statements.completed(tx, made, f"digest{made}", at=2))
    return made


async def test_one_lives_and_one_replaces(store: Store) -> None:
    first = await stands(store)
    assert await put(store, batch(batch_no="B2")) is None
    assert await put(store, batch(state="complete", digest="d")) is None
    beside = await put(store, batch(batch_no="B2", state="replacing"))
    assert beside is not None
    assert await put(store, batch(state="replacing")) is None
    for changes in ({"scope": "12"}, {"check_date": "20260302"}, {"src": "X"}, BALANCES):
        assert await put(store, batch(**changes)) is not None

    async def look(tx: Transaction) -> tuple[Any, ...]:
        living = await statements.living(tx, "2555", BANK, DAY, "11")
        other = await statements.replacing(tx, "2555", BANK, DAY, "11")
        day = await statements.of_day(tx, BANK, DAY)
        return living and living.id, other and other.id, [(b.kind, b.scope) for b in day]

    expected = (first, beside, [("2555", "11"), ("2555", "12"), ("2556", "A")])
    assert await store.scan(look) == expected


async def test_a_batch_stands_with_its_digest_only(store: Store) -> None:
    with pytest.raises(ConstraintViolated):
        await put(store, batch(state="complete"))
    with pytest.raises(ConstraintViolated):
        await put(store, batch(begin_bal=1))
    with pytest.raises(ConstraintViolated):
        await put(store, batch(kind="2556"))


async def test_states_change_from_what_is_expected(store: Store) -> None:
    made = await stands(store)

    async def change(state: BatchState, *among: BatchState) -> bool:
        return await store.transact(
            lambda tx: statements.set_state(tx, made, state, at=5, among=among or LIVING)
        )

    assert not await change("reconciled", "failed")
    assert await change("failed")
    beside = await put(store, batch(state="replacing"))
    assert await change("reconciled", "failed")
    ended = await store.read(lambda tx: statements.get(tx, beside or 0))
    assert ended is not None
    assert ended.state == "dropped"
    assert await change("reopened")
    assert not await change("failed")


async def test_lines_are_paged_by_number_from_usable_batches_only(store: Store) -> None:
    first = await stands(store)
    second = await stands(store, scope="12")
    unfinished = await put(store, batch(scope="13"))
    assert unfinished is not None
    await add(store, first, 2, payment("T2", 1), payment("T1", 2))
    await add(store, first, 1, payment("T2", 1, "bad"))
    await add(store, second, 1, payment("T2", 1), payment("T10", 2))
    await add(store, unfinished, 1, payment("T0", 1))

    async def pages(tx: Transaction) -> list[tuple[str, int, int, int]]:
        found: list[tuple[str, int, int, int]] = []
        after: tuple[str, int, int, int] = FIRST
        while rows := await statements.payment_lines_page(tx, BANK, DAY, after, 2):
            found += [(row.tra_no, *row.ref) for row in rows]
            after = found[-1]
        return found

    assert await store.scan(pages) == [
        ("T1", first, 2, 2), ("T10", second, 1, 2), ("T2", first, 1, 1), ("T2", first, 2, 1),
        ("T2", second, 1, 1),
    ]  # fmt: skip
    under = await store.scan(lambda tx: statements.payment_lines_under(tx, BANK, DAY, "T2"))
    assert [(line.batch_id, line.fault) for line in under] == [
        (first, "bad"), (first, ""), (second, ""),
    ]  # fmt: skip
    whole = await store.read(lambda tx: statements.payment_line(tx, LineRef(first, 1, 1)))
    assert whole is not None
    assert (whole.payer_name, whole.pay_mode, whole.fault) == ("张三", "11", "bad")
    assert "张三" not in repr(whole)
    rows = await store.scan(lambda tx: statements.payment_rows(tx, first, (1, 1)))
    assert [(row.pack_no, row.line_no) for row in rows] == [(2, 1), (2, 2)]


async def test_packs_are_counted_and_taken_back(store: Store) -> None:
    made = await stands(store, **BALANCES)
    move: Line = (1, "Z1", "1", "11", 100, "李四", "", "", "", "")
    await add(store, made, 1, move, channels=[("11", 100, 0)])
    await add(store, made, 2, move, channels=[("11", 100, 0), ("12", 0, 0)])
    with pytest.raises(ConstraintViolated):
        await add(store, made, 2, move)

    async def look(tx: Transaction) -> Any:
        found = await statements.get(tx, made)
        assert found is not None
        told = [(c.pay_mode, c.pack_no) for c in await statements.channels(tx, made)]
        moved = await statements.movements(tx, made)
        return (found.lines, found.lines_amt), told, [(m.pack_no, m.line_no) for m in moved]

    assert await store.scan(look) == ((2, 200), [("11", 1), ("12", 2)], [(1, 1), (2, 1)])

    async def take_back(tx: Transaction) -> None:
        found, pack = await statements.get(tx, made), await statements.pack(tx, made, 1)
        assert found is not None
        assert pack is not None
        await statements.delete_pack(tx, found, pack)

    await store.transact(take_back)
    assert await store.scan(look) == ((1, 100), [("12", 2)], [(2, 1)])


async def test_what_ended_is_deleted_pack_by_pack(store: Store) -> None:
    made = await stands(store, kind="2557", scope="A", acct_type="1")
    line: Line = (1, "Z1", "11", "", "", "", 100, "", "")
    await add(store, made, 1, line)
    await add(store, made, 2, line, (2, *line[1:]))
    await store.transact(lambda tx: statements.drop(tx, made, state="dropped", at=9))
    assert await store.scan(lambda tx: statements.packs(tx, made)) == []
    deleted = [await store.transact(statements.purge) for _ in range(3)]
    assert deleted == [1, 2, 0]
    assert await store.scan(lambda tx: statements.fund_lines(tx, made)) == []
    assert await put(store, batch(kind="2557", scope="A", acct_type="1")) is not None
    history = await store.scan(lambda tx: statements.history(tx, "2557", BANK, DAY, "A"))
    assert [one.state for one in history] == ["dropped", "receiving"]


async def test_the_balance_before_a_day(store: Store) -> None:
    for day, end in (("20260227", 5), ("20260228", 7), ("20260301", 9)):
        await stands(store, **BALANCES | {"check_date": day, "end_bal": end, "begin_bal": end})
    unfinished = BALANCES | {"check_date": "20260302", "end_bal": 11, "begin_bal": 11}
    await put(store, batch(**unfinished))

    async def before(day: str) -> Any:
        return await store.read(lambda tx: statements.previous_balance(tx, BANK, "A", day))

    assert await before("20260227") is None
    assert await before("20260301") == ("20260228", 7)
    assert await before("20260303") == ("20260301", 9)
