"""Sharing rules (分成规则): splitting amounts exactly, to the fen (spec: business, section 6).

Pure arithmetic in whole fen: no I/O, no rounding, no floating point. A payment is a list of
`Line`s, one for each item; a refund is spread over the lines in proportion and then shared as they
are. What the n-th refund takes from a part is the difference of two cumulative refunds, so that
the refunds of a whole payment take exactly what the payment gave, whatever their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WHOLE: Final = 10_000
"""The parts of a sharing rule add up to this."""

Shared = tuple[tuple[int, ...], ...]
"""Fen by line and, within a line, by part of its rule."""


class Inconsistent(ValueError):
    """Amounts or parts that do not fit together; the text says which, without personal data."""


def apportion(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split AMOUNT (fen, of either sign) in proportion to WEIGHTS, none of them negative.

    Largest remainder; among equal remainders the earlier one gets the fen. The result adds up to
    AMOUNT, a weight of 0 gets nothing, and the negative amount is split into the negative parts.
    Raises Inconsistent when there is something to split and nobody to get it.
    """
    if amount < 0:
        return tuple(-part for part in apportion(-amount, weights))
    whole = sum(weights)
    if whole <= 0:
        if amount == 0:
            return (0,) * len(weights)
        raise Inconsistent("there is nothing to spread the amount over")
    shares = [amount * weight // whole for weight in weights]
    missing = amount - sum(shares)
    if missing:
        rests = [amount * weight % whole for weight in weights]
        # A sort keeps the order of equals: among them the earlier line is the first.
        for index in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:missing]:
            shares[index] += 1
    return tuple(shares)


def check_parts(parts: Sequence[int]) -> None:
    """Refuse a rule whose parts are not all above 0 or do not add up to 10,000.

    Raises Inconsistent.
    """
    if any(part <= 0 for part in parts):
        raise Inconsistent("a part of the sharing rule is not above 0")
    if sum(parts) != WHOLE:
        raise Inconsistent(f"the parts of the sharing rule add up to {sum(parts)}, not {WHOLE}")


def split(amount: int, parts: Sequence[int]) -> tuple[int, ...]:
    """Split AMOUNT (fen) by a rule's PARTS of 10,000, in the order of its lines.

    split(-x) = -split(x). Raises Inconsistent for parts that are no rule.
    """
    check_parts(parts)
    return apportion(amount, parts)


@dataclass(frozen=True, slots=True)
class Line:
    """What is settled under one item: fen, not negative, and the parts of the item's rule."""

    amt: int
    parts: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be split."""
        if self.amt < 0:
            raise Inconsistent("the amount of an item is negative")
        check_parts(self.parts)


def shares(lines: Sequence[Line]) -> Shared:
    """The parts of a whole payment."""
    return tuple(apportion(line.amt, line.parts) for line in lines)


def refunded(lines: Sequence[Line], total: int) -> Shared:
    """The parts of refunds that come to TOTAL fen together: what they take from each part.

    The total is spread over the lines in proportion, and each line's portion is split by its rule.
    Raises Inconsistent when more is paid back than was paid.
    """
    if not 0 <= total <= sum(line.amt for line in lines):
        raise Inconsistent("the refunds are more than the payment")
    portions = apportion(total, [line.amt for line in lines])
    return tuple(
        apportion(portion, line.parts) for portion, line in zip(portions, lines, strict=True)
    )


def refund(lines: Sequence[Line], before: int, amt: int) -> Shared:
    """The parts of a refund of AMT fen, after earlier refunds of BEFORE fen together.

    A single part may be a fen below 0 (a larger total may give one line less): only the sums count.
    """
    pairs = zip(refunded(lines, before + amt), refunded(lines, before), strict=True)
    return tuple(
        tuple(later - earlier for later, earlier in zip(now, then, strict=True))
        for now, then in pairs
    )


def settled(
    items: Sequence[tuple[str, int]], delay: int, delay_item: str
) -> tuple[tuple[str, int], ...]:
    """What is settled under which item: (item code, fen), in the order of the bill's lines.

    The late fee (滞纳金, DELAY fen) is a line of its own under DELAY_ITEM; without such an item it
    is spread over the items in proportion.
    """
    if not delay:
        return tuple(items)
    if delay_item:
        return (*items, (delay_item, delay))
    extra = apportion(delay, [amt for _, amt in items])
    return tuple((code, amt + more) for (code, amt), more in zip(items, extra, strict=True))
