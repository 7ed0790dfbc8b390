"""Inspection (查验): right or not, one answer for all that is wrong, and not too often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import ManualClock
from nontax.gateway.einvoicing.inspection import (
    Inspection,
    Question,
    RateLimit,
    TooManyQuestions,
    asker_key,
)

from .archive_desk import AT, CODE, RANDOM, Desk, desk_at

RIGHT = Question(CODE, "0000000017", RANDOM, "20261122", 8000)
WRONG: list[dict[str, Any]] = [
    {"code": "32010127"},
    {"number": "0000000018"},
    {"random": "a1B2c4"},
    {"random": ""},
    {"random": "校验码"},
    {"date": "20261123"},
    {"amt": 8001},
    {"amt": -8000},
    {"random": "------", "date": "--------", "number": "0000000099"},
]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path / "nontax.db") as desk:
        await desk.bill()
        await desk.invoice()
        yield desk


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


async def test_a_right_question_is_answered_masked(desk: Desk, clock: ManualClock) -> None:
    found = await Inspection(desk.store, clock).ask("192.0.2.1", RIGHT)
    assert found is not None
    assert found.standing == "valid"
    shown = str(found.content)
    assert "示例市自然资源局" in shown
    assert "80.00" in shown
    for personal in ("张三", "李四", RANDOM):
        assert personal not in shown
        assert personal not in repr(found)


@pytest.mark.parametrize("change", WRONG, ids=str)
async def test_whatever_is_wrong_the_answer_is_one(
    desk: Desk, clock: ManualClock, change: dict[str, Any]
) -> None:
    assert await Inspection(desk.store, clock).ask("a", replace(RIGHT, **change)) is None


async def test_what_became_of_it_is_told(desk: Desk, clock: ManualClock) -> None:
    await desk.red(18, 17)
    inspection = Inspection(desk.store, clock)
    found = await inspection.ask("a", RIGHT)
    assert found is not None
    assert found.standing == "reversed"
    assert found.reversed_by == (CODE, "0000000018")
    red = await inspection.ask("a", replace(RIGHT, number="0000000018", amt=-8000))
    assert red is not None
    assert red.standing == "red"


async def test_askers_are_slowed_down_one_by_one(desk: Desk, clock: ManualClock) -> None:
    inspection = Inspection(desk.store, clock, per_asker=3)
    for _ in range(3):
        assert await inspection.ask("192.0.2.1", RIGHT) is not None
    with pytest.raises(TooManyQuestions) as refused:
        await inspection.ask("192.0.2.1", RIGHT)
    assert refused.value.seconds == 20
    assert await inspection.ask("192.0.2.2", RIGHT) is not None
    clock.advance(seconds=20)
    assert await inspection.ask("192.0.2.1", RIGHT) is not None


@pytest.mark.parametrize("number", ["0000000017", "0000000099"], ids=["exists", "does not"])
async def test_guessing_from_many_addresses_is_slowed_down(
    desk: Desk, clock: ManualClock, number: str
) -> None:
    inspection = Inspection(desk.store, clock, wrong_per_invoice=5)
    wrong = replace(RIGHT, number=number, random="zzzzzz")
    for guess in range(5):
        assert await inspection.ask(f"192.0.2.{guess}", wrong) is None
    with pytest.raises(TooManyQuestions):
        await inspection.ask("192.0.2.99", wrong)


async def test_right_questions_do_not_close_an_invoice(desk: Desk, clock: ManualClock) -> None:
    inspection = Inspection(desk.store, clock, wrong_per_invoice=2)
    for asker in range(10):
        assert await inspection.ask(f"192.0.2.{asker}", RIGHT) is not None


def test_memory_is_bounded() -> None:
    limit = RateLimit(10, most=100)
    for key in range(1000):
        limit.take(key, 0)
    assert len(limit) == 100


def test_a_clock_set_back_takes_nothing() -> None:
    limit = RateLimit(2)
    limit.take("a", 100_000)
    assert limit.wait("a", 0) == 0
    limit.take("a", 0)
    assert limit.wait("a", 0) == 30


@pytest.mark.parametrize(
    ("asker", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("command line", "command line"),
    ],
)
def test_an_address_counts_by_its_network(asker: str, key: str) -> None:
    assert asker_key(asker) == key
