"""Of 200 days with faults planted from a seed exactly the planted differences are found."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest

from nontax.gateway.collection.booking import Booking, NoticeTexts
from nontax.gateway.reconciliation.parts import DayOutcome, ReconcileParts
from nontax.gateway.reconciliation.run import reconcile_day
from nontax.gateway.store import reconciliation
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.reconciliation import DifferenceFilter, DifferenceRow
from nontax.reconcile.kinds import Kind
from nontax.simulators.faults import KINDS, plant
from nontax.simulators.planted import Planted, Policy
from nontax.simulators.statements import Result, Statement

from .planted_town import DAYS, Bureau, Played, morning_on_the_wire, next_morning, play

SEEDS = 200
TOWNS = 10
OK = "00000"


@pytest.fixture(scope="session")
def towns(sample_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Played]:
    """Days of some towns, each to be copied."""
    directory = tmp_path_factory.mktemp("towns")
    return [
        asyncio.run(play(sample_template, directory / f"town{number}", number))
        for number in range(TOWNS)
    ]


def parts_of(town: Bureau, policy: Policy) -> ReconcileParts:
    gateway = town.gateway
    return ReconcileParts(
        store=gateway.store,
        clock=town.clock,
        peers=gateway.peers,
        enqueuer=gateway.enqueuer,
        booking=Booking(
            gateway.enqueuer, NoticeTexts("00000", "系统"), gateway.peers.told_of_bills
        ),
        rules=town.config.reconciliation.model_copy(
            update={
                "repair_missing_payment": policy.missing,
                "repair_duplicate_payment": policy.duplicate,
            }
        ),
        owner="test",
        wake=gateway.wakeup.wake,
    )


async def deliver(town: Bureau, statements: Iterable[Statement], size: int) -> None:
    """Everybody sends what it has; every pack must be taken."""
    for statement in statements:
        desk = next(c.desk for c in town.collectors if c.node.code == statement.src)
        answers = await desk.send([statement], size)
        assert set(answers[statement.key]) == {OK}, statement.key


async def run(town: Bureau, policy: Policy) -> list[DayOutcome]:
    return [await reconcile_day(parts_of(town, policy), day) for day in DAYS]


async def rows(town: Bureau) -> list[DifferenceRow]:
    async def read(tx: Transaction) -> list[DifferenceRow]:
        return await reconciliation.differences(tx, DifferenceFilter(), limit=10_000)

    return await town.gateway.store.scan(read)


def as_planted(row: DifferenceRow) -> Planted:
    return Planted(
        row.kind,
        row.node,
        row.check_date,
        row.statement,
        row.scope,
        row.tra_no,
        row.pay_code,
        row.ours_amt,
        row.theirs_amt,
        row.state,
    )


def drawn(seed: int) -> list[Kind]:
    """The kinds that a seed plants, some of them twice."""
    random = Random(f"kinds/{seed}")  # noqa: S311 - cases, not secrets
    kinds = random.sample(KINDS, random.randint(2, 7))
    return kinds + random.sample(kinds, random.randint(0, 2))


def policy_of(seed: int) -> Policy:
    """Every fifth seed has no repair, and every seventh none of duplicates."""
    return Policy(missing=bool(seed % 5), duplicate=bool(seed % 7))


def planted_day(
    towns: Sequence[Played], seed: int
) -> tuple[Played, list[Statement], list[Planted]]:
    town = towns[seed % TOWNS]
    statements, planted = plant(
        town.statements, seed, drawn(seed), spare=town.spare, policy=policy_of(seed)
    )
    return town, statements, [*planted, *town.unidentified]


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_what_was_planted_is_found(
    towns: Sequence[Played], tmp_path: Path, seed: int
) -> None:
    played, statements, planted = planted_day(towns, seed)
    async with next_morning(played, tmp_path / "day") as town:
        await deliver(town, statements, Random(seed).choice((1, 3, 100)))  # noqa: S311 - a case
        outcomes = await run(town, policy_of(seed))
        found = Counter(as_planted(row) for row in await rows(town))
    assert found - Counter(planted) == Counter(), "found, but never planted"
    assert Counter(planted) - found == Counter(), "planted, but not found"
    waiting = Counter(row.check_date for row in planted if row.state == "open")
    for outcome in outcomes:
        assert outcome.open == waiting[outcome.date]
        assert outcome.exit_code == (1 if waiting[outcome.date] else 0)


@pytest.mark.parametrize("town", range(TOWNS))
async def test_nothing_is_found_where_nothing_was_planted(
    towns: Sequence[Played], tmp_path: Path, town: int
) -> None:
    async with next_morning(towns[town], tmp_path / "day") as bureau:
        await deliver(bureau, towns[town].statements, 100)
        outcomes = await run(bureau, Policy())
        found = [as_planted(row) for row in await rows(bureau)]
    assert found == list(towns[town].unidentified)
    assert [outcome.exit_code for outcome in outcomes] == ([1, 1] if found else [0, 0])


def test_every_kind_is_planted_often(towns: Sequence[Played]) -> None:
    count = Counter(
        planted.kind for seed in range(SEEDS) for planted in planted_day(towns, seed)[2]
    )
    assert set(count) == {kind.value for kind in Kind}
    assert min(count.values()) >= 10, count


@pytest.mark.parametrize("seed", range(0, SEEDS, 10))
async def test_neither_order_nor_packs_nor_repetition_matter(
    towns: Sequence[Played], tmp_path: Path, seed: int
) -> None:
    played, statements, _ = planted_day(towns, seed)
    random = Random(f"shuffled/{seed}")  # noqa: S311 - cases, not secrets
    results = []
    for number, size in enumerate((100, random.randint(1, 5))):
        async with next_morning(played, tmp_path / f"day{number}") as town:
            for _ in range(number + 1):  # the second time everything is delivered twice
                await deliver(town, statements, size)
            await run(town, policy_of(seed))
            found = [as_planted(row) for row in await rows(town)]
            keys = sorted((row.statement, row.scope, row.key) for row in await rows(town))
            results.append((Counter(found), keys))
        statements = [
            replace(s, lines=tuple(random.sample(s.lines, len(s.lines)))) for s in statements
        ]
        random.shuffle(statements)
    assert results[0] == results[1]


def result_of(town: Bureau, statement: Statement) -> Result | None:
    """The latest result that came for a statement, None when none came."""
    number = {"2555": "5555", "2557": "5557", "2556": "5556"}[statement.number]
    desk = next(c.desk for c in town.collectors if c.node.code == statement.src)
    found = desk.results(number, statement.check_date, statement.scope)
    return found[-1] if found else None


def about(statement: Statement, planted: Iterable[Planted]) -> list[Planted]:
    """What was planted into a statement."""
    return [
        row
        for row in planted
        if (row.statement, row.node, row.check_date, row.scope) == statement.key
    ]


@pytest.mark.parametrize("seed", [2, 35, 71, 108, 174])
async def test_over_sockets_the_results_tell_what_was_planted(
    towns: Sequence[Played], tmp_path: Path, seed: int
) -> None:
    played, statements, planted = planted_day(towns, seed)
    async with morning_on_the_wire(played, tmp_path / "day") as town:
        await deliver(town, statements, 3)
        await run(town, policy_of(seed))
        for statement in statements:
            await town.node(statement.src).wait_until(
                partial(result_of, town, statement)  # type: ignore[arg-type]  # truth is enough
            )
            result = result_of(town, statement)
            assert result is not None
            rows = about(statement, planted)
            told = Counter(
                (Kind(row.kind).code, row.tra_no, row.ours_amt, row.theirs_amt)
                for row in rows
                if row.state in {"open", "repaired"}
            )
            details = result.DetailList
            assert Counter((d.Code, d.TraNo, d.FinAmt, d.Amt) for d in details) == told
            assert result.FailCount == len(details)
            waiting = any(row.state == "open" for row in rows)
            assert result.CheckStatus == ("2" if waiting else "1")
