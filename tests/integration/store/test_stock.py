"""Contract: numbers of a stock are taken once each, without gaps, and ranges never overlap."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import midnight_ms
from nontax.gateway.store import ConstraintViolated, Store, stock, stockledger, stockuses
from nontax.gateway.store.stock import StockRange
from nontax.gateway.store.stockledger import Authorisation, StockStep
from nontax.gateway.store.stockuses import StockUse

UNIT, OTHER, KIND, CODE = "0104901", "0105204", "0101", "32010126"
DAY = "20260302"
AT = midnight_ms(DAY)
WORKER = Path(__file__).with_name("stock_worker.py")


def held(first: int = 1, last: int = 100, **changes: Any) -> StockRange:
    whole = StockRange(
        id=0, medium="electronic", kind=KIND, code=CODE, first=first, last=last, next=first,
        holder=UNIT, path=UNIT, state="stock", offered_to="", received_by="maker1", changed_at=AT,
    )  # fmt: skip
    return replace(whole, **changes)


def paper(first: int = 1, last: int = 100, **changes: Any) -> StockRange:
    return held(first, last, medium="paper", code="2020", **changes)


def used(number: int = 5, **changes: Any) -> StockUse:
    use = StockUse(
        kind=KIND, code="2020", number=number, holder=UNIT, unit_code=UNIT, state="used",
        use="bill", pay_code=f"B{number}", used_at=AT, void_day="", changed_at=AT,
        changed_by="K3206820002",
    )  # fmt: skip
    return replace(use, **changes)


async def put(store: Store, *ranges: StockRange) -> list[int]:
    return [await store.transact(lambda tx, one=one: stock.insert(tx, one)) for one in ranges]


async def take(store: Store, unit: str = UNIT, at: int = AT) -> tuple[str, int] | None:
    taken = await store.transact(lambda tx: stock.take_next(tx, unit, "electronic", KIND, at))
    return (taken.code, taken.number) if taken else None


async def test_numbers_follow_each_other_to_the_end_of_the_stock(store: Store) -> None:
    await put(store, held(8, 9), held(1, 2))
    assert [await take(store) for _ in range(5)] == [
        (CODE, 1), (CODE, 2), (CODE, 8), (CODE, 9), None,
    ]  # fmt: skip
    assert await store.read(lambda tx: stock.available(tx, UNIT, "electronic", KIND)) == []


async def test_a_number_that_was_not_kept_is_the_next_one_again(store: Store) -> None:
    await put(store, held())

    async def gives_up(tx: Any) -> None:
        await stock.take_next(tx, UNIT, "electronic", KIND, AT)
        raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            await store.transact(gives_up)
    assert await take(store) == (CODE, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"state": "received", "holder": "", "path": ""},
        {"state": "offered", "offered_to": OTHER},
        {"holder": OTHER, "path": OTHER},
        {"kind": "0102", "code": "32010226"},
    ],
)
async def test_only_the_unit_s_own_confirmed_stock_of_the_kind(
    store: Store, other: dict[str, Any]
) -> None:
    await put(store, held(**other))
    assert await take(store) is None


async def test_codes_of_the_year_come_first_then_earlier_then_later_ones(store: Store) -> None:
    await put(store, *(held(1, 1, code=f"320101{year}") for year in (24, 25, 26, 27)))
    years = [await take(store) for _ in range(4)]
    assert [found[0][-2:] for found in years if found] == ["26", "25", "24", "27"]


async def test_an_agent_s_stock_is_drawn_on_while_the_authorisation_holds(store: Store) -> None:
    await put(store, held(1, 3, holder=OTHER, path=OTHER))
    granted = Authorisation("SQ1", "issue", UNIT, OTHER, KIND, DAY, DAY, "c", AT, "", 0, "代开")
    await store.transact(lambda tx: stockledger.authorise(tx, granted))
    taken = await store.transact(lambda tx: stock.take_next(tx, UNIT, "electronic", KIND, AT))
    assert taken is not None
    assert (taken.holder, taken.number) == (OTHER, 1)
    assert await take(store, at=AT + 86_400_000) is None
    assert await store.transact(
        lambda tx: stockledger.end_authorisation(tx, "SQ1", by="c", at=AT + 1)
    )
    assert await take(store) is None
    assert await take(store, OTHER) == (CODE, 2)


async def test_taken_and_void_numbers_are_counted_by_day(store: Store) -> None:
    await put(store, held())
    for _ in range(3):
        await take(store)
    await store.transact(lambda tx: stock.note_void(tx, CODE, 2, AT + 86_400_000))
    rows = await store.scan(lambda tx: stockledger.counted(tx, "20260303", "20260303"))
    assert {row.measure: (row.before, row.within) for row in rows} == {
        "used": (3, -1),
        "void": (0, 1),
    }


@pytest.mark.parametrize("numbers", [(1, 100), (100, 200), (50, 60), (1, 1000)])
async def test_ranges_of_a_code_never_overlap(store: Store, numbers: tuple[int, int]) -> None:
    await put(store, held(10, 100))
    with pytest.raises(ConstraintViolated):
        await put(store, held(*numbers, holder="", path="", state="received"))
    [far] = await put(store, held(2000, 2100))
    with pytest.raises(ConstraintViolated):
        await store.transact(lambda tx: stock.change(tx, held(*numbers, id=far)))


async def test_paper_of_two_kinds_may_have_the_same_version_and_numbers(store: Store) -> None:
    await put(store, paper(), paper(kind="0102"))
    found = await store.read(lambda tx: stock.range_of(tx, "paper", "2020", 7, kind="0102"))
    assert found is not None
    assert found.kind == "0102"


async def test_what_was_taken_neither_moves_nor_goes_away(store: Store) -> None:
    [one] = await put(store, held())
    await take(store)
    whole = held(id=one, next=2)
    for change in (
        replace(whole, holder=OTHER, path=OTHER),
        replace(whole, state="offered", offered_to=OTHER),
        replace(whole, next=1),
        replace(whole, next=4),
        replace(whole, first=2),
    ):
        with pytest.raises(ConstraintViolated):
            await store.transact(lambda tx, change=change: stock.change(tx, change))
    with pytest.raises(ConstraintViolated):
        await store.transact(lambda tx: stock.remove(tx, one))
    await store.transact(lambda tx: stock.change(tx, replace(whole, last=1)))
    assert await take(store) is None


async def test_used_paper_does_not_move(store: Store) -> None:
    [one] = await put(store, paper())
    assert await store.transact(lambda tx: stockuses.insert(tx, used()))
    with pytest.raises(ConstraintViolated):
        await store.transact(lambda tx: stock.change(tx, paper(id=one, holder="", path="")))


async def test_only_a_number_in_the_holder_s_stock_is_used_and_once(store: Store) -> None:
    await put(store, paper())
    for wrong in (used(101), used(holder=OTHER), used(code="2021")):
        with pytest.raises(ConstraintViolated):
            await store.transact(lambda tx, wrong=wrong: stockuses.insert(tx, wrong))
    assert await store.transact(lambda tx: stockuses.insert(tx, used()))
    assert not await store.transact(lambda tx: stockuses.insert(tx, used(pay_code="B6")))
    assert not await store.transact(lambda tx: stockuses.insert(tx, used(6, pay_code="B5")))


async def test_no_state_of_a_number_leads_back(store: Store) -> None:
    await put(store, paper())
    await store.transact(lambda tx: stockuses.insert(tx, used()))

    async def becomes(state: Any) -> None:
        async def work(tx: Any) -> None:
            use = await stockuses.get(tx, KIND, "2020", 5)
            assert use is not None
            await stockuses.change(tx, use, state, at=AT, by="m", reason="r", day=DAY)

        await store.transact(work)

    with pytest.raises(ConstraintViolated):
        await becomes("returned")
    for state, wrong in (("void", "used"), ("returned", "void"), ("written_off", "returned")):
        await becomes(state)
        with pytest.raises(ConstraintViolated):
            await becomes(wrong)
    for sql in (
        "DELETE FROM stock_uses",
        "UPDATE stock_uses SET pay_code = 'B9'",
        "UPDATE stock_uses SET state = 'used'",
    ):
        with pytest.raises(ConstraintViolated):
            await store.transact(lambda tx, sql=sql: tx.run(sql))


async def test_void_paper_is_found_by_its_age(store: Store) -> None:
    await put(store, paper())
    await store.transact(
        lambda tx: stockuses.insert(tx, used(use="", pay_code="", state="void", void_day=DAY))
    )
    assert await store.read(lambda tx: stockuses.void_before(tx, UNIT, DAY)) == 0
    assert await store.read(lambda tx: stockuses.void_before(tx, UNIT, "20260303")) == 1
    assert await store.read(lambda tx: stockuses.void_before(tx, OTHER, "20260303")) == 0


async def test_steps_are_numbered_and_stay(store: Store) -> None:
    step = StockStep(
        0, AT, DAY, "receive", "paper", KIND, "2020", 1, 9, "", "", "", "maker1", "领入",
    )  # fmt: skip
    for expected in (1, 2):
        assert await store.transact(lambda tx: stockledger.append(tx, step)) == expected
    found = await store.scan(lambda tx: stockledger.steps(tx, number=9))
    assert found == [replace(step, seq=1), replace(step, seq=2)]
    assert await store.scan(lambda tx: stockledger.steps(tx, number=10)) == []
    for sql in ("DELETE FROM stock_steps", "UPDATE stock_steps SET reason = ''"):
        with pytest.raises(ConstraintViolated):
            await store.transact(lambda tx, sql=sql: tx.run(sql))


async def test_two_processes_take_every_number_once_and_leave_no_gap(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    await put(store, held(1, 60), held(61, 100_000))
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), store_url, str(tmp_path), UNIT, "80",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    assert [worker.returncode for worker in workers] == [0, 0]
    numbers = [[int(line) for line in out.split()] for out, _ in told]
    assert all(len(own) == 64 for own in numbers)
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 129))
    assert await take(store) == (CODE, 129)
