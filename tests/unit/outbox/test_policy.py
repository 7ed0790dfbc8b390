"""Back-off, classification of answers, terms."""

from __future__ import annotations

import pytest

from nontax.gateway.outbox import LATER_RESULTS, MONEY, Backoff, Meaning, Terms, meaning
from nontax.messages import CATALOGUE, Result

BACKOFF = Backoff(first_seconds=5, factor=2, longest_seconds=600, jitter=0.2)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("00000", Meaning.ACCEPTED),
        ("10004", Meaning.AGAIN),
        ("10006", Meaning.AGAIN),
        ("99999", Meaning.UNKNOWN),
    ],
)
def test_the_results_that_are_not_final(result: str, expected: Meaning) -> None:
    assert meaning(result) is expected


def test_every_other_result_is_final() -> None:
    others = {str(result) for result in Result} - {"00000", "10004", "10006", "99999"}
    assert {meaning(result) for result in others} == {Meaning.FINAL}
    assert len(others) > 25
    assert meaning("77777") is Meaning.FINAL


def test_waits_double_up_to_the_longest() -> None:
    waits = [BACKOFF.delay_ms(attempt, 0.0) / 1000 for attempt in range(1, 10)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]


def test_very_many_attempts_cost_nothing() -> None:
    assert BACKOFF.delay_ms(10**9, 0.0) == 600_000
    steady = Backoff(first_seconds=3, factor=1, longest_seconds=3, jitter=0)
    assert steady.delay_ms(10**9, 0.5) == 3000


def test_jitter_shortens_by_at_most_its_share() -> None:
    assert BACKOFF.delay_ms(1, 0.5) == 4500
    assert BACKOFF.delay_ms(1, 0.999_999) == 4000
    every = Backoff(first_seconds=1, factor=2, longest_seconds=1, jitter=1)
    assert every.delay_ms(1, 0.999_999_999) == 1


def test_later_results_are_those_of_the_catalogue() -> None:
    outgoing = {spec.number: spec for spec in CATALOGUE if "finance" in spec.senders}
    expected = {
        number: spec.answers[1] for number, spec in outgoing.items() if len(spec.answers) == 2
    }
    assert dict(LATER_RESULTS) == expected
    assert set(LATER_RESULTS) > MONEY


def test_terms() -> None:
    terms = Terms(expiry_ms=1000, result_ms=500)
    assert terms.expires_at(7) == 1007
    assert terms.result_deadline("5617", 7) == 507
    assert terms.result_deadline("5996", 7) is None
