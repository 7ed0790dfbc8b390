"""Digests that do not see order or packs, and the arithmetic of packs."""

from __future__ import annotations

import hashlib

import pytest

from nontax.reconcile.digest import EMPTY, combined, lines_digest
from nontax.reconcile.packs import PackCounts, completeness, pack_count, split

LINES = [("T1", "A", 100), ("T2", "A", 100), ("T1", "A", 100), ("T3", "张三", 5)]


def test_a_digest_sees_neither_order_nor_packs() -> None:
    whole = lines_digest(LINES)
    assert lines_digest(reversed(LINES)) == whole
    assert combined([lines_digest(LINES[:1]), lines_digest(LINES[1:]), EMPTY]) == whole
    assert combined([]) == lines_digest([]) == EMPTY
    assert len(whole) == 64


def test_a_digest_of_one_line_is_the_sha_256_of_what_it_says() -> None:
    said = "('T3', '\\u5f20\\u4e09', 5)"
    assert lines_digest([("T3", "张三", 5)]) == hashlib.sha256(said.encode()).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        LINES[:3],
        [*LINES, LINES[0]],
        [*LINES[:3], ("T3", "张三", 6)],
        [*LINES[:3], ("T3", "张三", "5")],
        [*LINES[:3], ("T3张", "三", 5)],
    ],
)
def test_a_digest_sees_every_value_and_every_repetition(
    other: list[tuple[str | int, ...]],
) -> None:
    assert lines_digest(other) != lines_digest(LINES)


def test_a_batch_is_complete_when_all_packs_are_there_and_add_up() -> None:
    packs = [PackCounts(2, 3, 300), PackCounts(1, 2, 200)]
    found = completeness(packs, pack_count=2, total_count=5, total_amt=500)
    assert (found.state, found.count, found.amt) == ("complete", 5, 500)
    waiting = completeness(packs, pack_count=4, total_count=5, total_amt=500)
    assert (waiting.state, waiting.missing) == ("receiving", 2)


@pytest.mark.parametrize(
    ("count", "amt", "told"),
    [
        (6, 500, ("TotalCount", 6, 5)),
        (5, 501, ("TotalAmt", 501, 500)),
        (4, 9, ("TotalCount", 4, 5)),
    ],
)
def test_a_batch_that_does_not_add_up_names_the_total(
    count: int, amt: int, told: tuple[str, int, int]
) -> None:
    packs = [PackCounts(1, 5, 500)]
    found = completeness(packs, pack_count=1, total_count=count, total_amt=amt)
    assert (found.state, (found.tag, found.announced, found.found)) == ("wrong", told)


def test_an_empty_day_is_complete() -> None:
    found = completeness([PackCounts(1, 0, 0)], pack_count=1, total_count=0, total_amt=0)
    assert found.state == "complete"


@pytest.mark.parametrize("number", [0, 3])
def test_packs_that_cannot_be_counted_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"pack {number} of 2"):
        completeness([PackCounts(number, 0, 0)], pack_count=2, total_count=0, total_amt=0)
    twice = [PackCounts(1, 1, 1), PackCounts(1, 1, 1)]
    with pytest.raises(ValueError, match="pack 1 of 2"):
        completeness(twice, pack_count=2, total_count=2, total_amt=2)


def test_results_are_split_into_packs() -> None:
    assert list(split("abcde", 2)) == [(1, "ab"), (2, "cd"), (3, "e")]
    assert list(split("abcd", 2)) == [(1, "ab"), (2, "cd")]
    assert list(split((), 2)) == [(1, ())]
    assert [pack_count(rows, 500) for rows in (0, 1, 500, 501)] == [1, 1, 1, 2]
    with pytest.raises(ValueError, match="at least one row"):
        pack_count(1, 0)
