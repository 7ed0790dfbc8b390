"""Pairing rows by value: what is most alike first, each row once, whatever the order they came in.

Keys are compared, never rows with rows: n rows of one flow number cost n, not n².
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from .ports import Pages, TooManyDifferences

A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R", bound=tuple[Any, ...])

Alike = tuple[Callable[[A], Hashable], Callable[[B], Hashable]]
"""How alike two rows must be: the same key on both sides. A row whose key is None is left out."""


def pair(
    ours: Sequence[A], theirs: Sequence[B], passes: Iterable[Alike[A, B]]
) -> tuple[list[tuple[A, B]], list[A], list[B]]:
    """Pair rows of equal keys, pass after pass; the pairs, then what is left of either side.

    Among rows of one key the first of ours meets the first of theirs, so the caller's order decides
    between rows that the key does not tell apart.
    """
    pairs: list[tuple[A, B]] = []
    left, right = list(ours), list(theirs)
    for our_key, their_key in passes:
        if not left or not right:
            break
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for at, row in enumerate(left):
            waiting[our_key(row)].append(at)
        waiting.pop(None, None)
        used: set[int] = set()
        rest: list[B] = []
        for line in right:
            found = waiting.get(their_key(line))
            if found:
                at = found.popleft()
                used.add(at)
                pairs.append((left[at], line))
            else:
                rest.append(line)
        left = [row for at, row in enumerate(left) if at not in used]
        right = rest
    return pairs, left, right


class Side(Generic[R]):
    """One side of a merge by flow number: its page, and where the merge stands in it."""

    __slots__ = ("_pages", "at", "page")

    def __init__(self, pages: Pages[R]) -> None:
        """Stand before the first row."""
        self._pages = pages
        self.page: Sequence[R] = ()
        self.at = 0

    async def more(self) -> bool:
        """Whether a row is left; it is then ``page[at]``. ValueError for pages out of order."""
        if self.at < len(self.page):
            return True
        ends = [*self.page[-1:]]
        self.page = await self._pages.next()
        self.at = 0
        if not self.page:
            return False
        numbers = [row[0] for row in (*ends, self.page[0], self.page[-1])]
        if numbers != sorted(numbers):
            raise ValueError("pages are not in the order of their flow numbers")
        return True

    async def group(self, number: str) -> list[R]:
        """All rows of a flow number from where the merge stands, which passes them."""
        found: list[R] = []
        while await self.more() and self.page[self.at][0] == number:
            found.append(self.page[self.at])
            self.at += 1
        return found


def within(limit: int, *, ours: int, theirs: int, paired: int, ended: bool) -> None:
    """Raise TooManyDifferences when more than `limit` rows differ.

    Unless `ended`, what is left of one side may still find partners in the other: only what even
    the best pairing would leave is counted.
    """
    rest = ours + theirs if ended else max(ours, theirs)
    if paired + rest > limit:
        raise TooManyDifferences(limit, ours=ours, theirs=theirs, paired=paired)
