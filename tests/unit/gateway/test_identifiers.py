"""MsgIDs are unique over threads, processes, restarts and clocks that are set back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from nontax.gateway.clock import ManualClock
from nontax.gateway.identifiers import MessageIds

NOW = 1_795_363_199_999


def test_an_identifier_is_20_characters_of_time_process_and_counter() -> None:
    ids = MessageIds(ManualClock(NOW), 0xABCDE)
    assert ids.next() == f"{NOW:011X}ABCDE0000"
    assert ids.next() == f"{NOW:011X}ABCDE0001"
    assert len(ids.next()) == 20


def test_two_processes_never_meet() -> None:
    clock = ManualClock(NOW)
    first, second = MessageIds(clock, 1), MessageIds(clock, 2)
    assert {first.next() for _ in range(100)}.isdisjoint({second.next() for _ in range(100)})


def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    clock = ManualClock(NOW)
    ids = MessageIds(clock, 7)
    made = [ids.next() for _ in range(3)]
    clock.set(NOW - 5)
    made += [ids.next() for _ in range(10)]
    clock.set(NOW)
    made += [ids.next() for _ in range(3)]
    clock.set(NOW + 1)
    made += [ids.next()]
    assert len(set(made)) == len(made)


def test_more_than_the_counter_holds_in_one_millisecond() -> None:
    ids = MessageIds(ManualClock(NOW), 7)
    made = [ids.next() for _ in range(70_000)]
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {20}
    assert made == sorted(made)


def test_several_threads_share_one_generator() -> None:
    ids = MessageIds(ManualClock(NOW), 7)
    with ThreadPoolExecutor(max_workers=8) as pool:
        made = list(pool.map(lambda _: ids.next(), range(5_000)))
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("process", [-1, 1 << 20])
def test_the_process_part_has_20_bits(process: int) -> None:
    with pytest.raises(ValueError, match="20 bits"):
        MessageIds(ManualClock(NOW), process)
