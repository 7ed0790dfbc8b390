"""Number and sum of both sides, channel by channel or account by account."""

from __future__ import annotations

from collections import defaultdict

from .sides import ScopeTotals, Totals


class Sums:
    """Counts and amounts (fen) by scope."""

    __slots__ = ("amt", "count")

    def __init__(self) -> None:
        """Nothing counted."""
        self.count: defaultdict[str, int] = defaultdict(int)
        self.amt: defaultdict[str, int] = defaultdict(int)

    def add(self, scope: str, amt: int) -> None:
        """One more row."""
        self.count[scope] += 1
        self.amt[scope] += amt

    def of(self, scope: str, *others: Sums) -> Totals:
        """Of one scope, together with other sums."""
        every = (self, *others)
        return Totals(
            sum(one.count.get(scope, 0) for one in every),
            sum(one.amt.get(scope, 0) for one in every),
        )


class Tally:
    """Sums of a statement: `agreed` rows count on both sides and as matched."""

    __slots__ = ("agreed", "matched", "ours", "theirs")

    def __init__(self) -> None:
        """Nothing counted."""
        self.agreed = Sums()
        self.matched = Sums()
        self.ours = Sums()
        self.theirs = Sums()

    def totals(self) -> tuple[ScopeTotals, ...]:
        """What was counted, ordered by scope."""
        scopes = {*self.agreed.count, *self.ours.count, *self.theirs.count}
        return tuple(
            ScopeTotals(
                scope,
                self.ours.of(scope, self.agreed),
                self.theirs.of(scope, self.agreed),
                self.matched.of(scope, self.agreed),
            )
            for scope in sorted(scopes)
        )
