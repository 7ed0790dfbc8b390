"""Packs (子包) of a batch: whether all are there and add up, and splitting results into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T")


class PackCounts(NamedTuple):
    """One pack that came: its number (from 1), how many rows it has and their sum in fen."""

    pack_no: int
    rows: int
    amt: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """How far a batch has come.

    `receiving`: `missing` packs are still to come. `wrong`: all have come and the total `tag`
    ("TotalCount" or "TotalAmt") was announced as `announced`, but is `found`. `count` and `amt` are
    what has come.
    """

    state: Literal["receiving", "complete", "wrong"]
    count: int
    amt: int
    missing: int = 0
    tag: str = ""
    announced: int = 0
    found: int = 0


def completeness(
    packs: Iterable[PackCounts], *, pack_count: int, total_count: int, total_amt: int
) -> Completeness:
    """Compare what has come with what every pack of the batch announces.

    ValueError for a pack number that is there twice or outside 1…pack_count: the caller refuses
    such packs before they count.
    """
    seen: set[int] = set()
    count = amt = 0
    for pack in packs:
        if not 1 <= pack.pack_no <= pack_count or pack.pack_no in seen:
            raise ValueError(f"pack {pack.pack_no} of {pack_count} cannot be counted")
        seen.add(pack.pack_no)
        count += pack.rows
        amt += pack.amt
    if len(seen) < pack_count:
        return Completeness("receiving", count, amt, missing=pack_count - len(seen))
    if count != total_count:
        return Completeness(
            "wrong", count, amt, tag="TotalCount", announced=total_count, found=count
        )
    if amt != total_amt:
        return Completeness("wrong", count, amt, tag="TotalAmt", announced=total_amt, found=amt)
    return Completeness("complete", count, amt)


def pack_count(rows: int, size: int) -> int:
    """How many packs of at most `size` rows; an empty result is one pack without details."""
    if size < 1:
        raise ValueError("a pack has at least one row")
    return max(1, -(-rows // size))


def split(rows: Sequence[T], size: int) -> Iterator[tuple[int, Sequence[T]]]:
    """The packs of a result: their numbers from 1 and the rows of each, in order."""
    for number in range(pack_count(len(rows), size)):
        yield number + 1, rows[number * size : (number + 1) * size]
