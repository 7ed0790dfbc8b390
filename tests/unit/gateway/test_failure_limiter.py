"""Failed authentications: how many are answered, per address and code."""

from __future__ import annotations

import itertools

from nontax.gateway.access import FailureLimiter

NOW = 1_772_415_000_000
MINUTE = 60_000
HOME, AWAY = "10.0.0.1", "10.0.0.2"
BANK, OTHER = "D3206820105", "D3206820301"


def allowed(
    limiter: FailureLimiter, count: int, at: int = NOW, key: tuple[str, str] = (HOME, BANK)
) -> int:
    """How many of so many failures at one instant are answered."""
    return sum(limiter.failed(*key, at) for _ in range(count))


def test_so_many_a_minute_are_answered() -> None:
    limiter = FailureLimiter(30)
    assert [limiter.failed(HOME, BANK, NOW) for _ in range(32)] == [True] * 30 + [False] * 2


def test_the_bucket_fills_again_evenly_and_never_above_its_size() -> None:
    limiter = FailureLimiter(30)
    assert allowed(limiter, 100) == 30
    assert allowed(limiter, 5, NOW + 1_999) == 0
    assert allowed(limiter, 5, NOW + 2_000) == 1
    assert allowed(limiter, 100, NOW + 32_000) == 15
    assert allowed(limiter, 100, NOW + 100 * MINUTE) == 30


def test_asking_over_the_limit_costs_nothing_of_the_future() -> None:
    """Or a guesser would keep the true owner's mistakes unanswered for ever."""
    limiter = FailureLimiter(6)
    assert allowed(limiter, 6) == 6
    late = sum(limiter.failed(HOME, BANK, NOW + step) for step in range(0, MINUTE, 100))
    assert late == 5  # one every ten seconds, none of them at the start
    assert limiter.failed(HOME, BANK, NOW + MINUTE)


def test_addresses_and_codes_are_counted_apart() -> None:
    limiter = FailureLimiter(2)
    keys = list(itertools.product((HOME, AWAY), (BANK, OTHER, "")))
    assert [allowed(limiter, 5, key=key) for key in keys] == [2] * 6


def test_one_a_minute_is_a_limit() -> None:
    limiter = FailureLimiter(1)
    assert allowed(limiter, 3) == 1
    assert allowed(limiter, 3, NOW + MINUTE - 1) == 0
    assert allowed(limiter, 3, NOW + MINUTE) == 1


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    limiter = FailureLimiter(30)
    assert allowed(limiter, 10) == 10
    assert allowed(limiter, 100, NOW - 3600 * 1000) == 20
    assert allowed(limiter, 100, NOW - 3600 * 1000 + MINUTE) == 30


def test_invented_codes_cost_bounded_memory() -> None:
    limiter = FailureLimiter(30)
    for number in range(20_000):
        assert limiter.failed(HOME, f"D{number:011d}", NOW)
    assert len(limiter._buckets) == 4096


def test_who_is_active_is_remembered_while_a_stranger_invents_codes() -> None:
    limiter = FailureLimiter(3)
    assert allowed(limiter, 3) == 3
    for number in range(20_000):
        limiter.failed(AWAY, f"D{number:011d}", NOW)
        if number % 1000 == 0:
            assert not limiter.failed(HOME, BANK, NOW)
