"""Who owes which list of a day (应送未送): a channel that the books have payments of."""

from __future__ import annotations

from collections.abc import Sequence

from ...codecs import format_yuan
from ...reconcile.kinds import Kind
from ...reconcile.sides import Difference
from ..store.protocol import Transaction
from .books import NodeDay, channel_totals
from .parts import Owed

KEY = "delivery"


async def owed(tx: Transaction, day: NodeDay) -> list[Owed]:
    """The channels of a node's day that it has not delivered, by channel.

    A node that owes lists but has no payment in the books is named once, with a count of 0, unless
    it delivered something.
    """
    peer = day.peer
    if not peer.owes_2555 or not peer.enabled:
        return []
    totals = await channel_totals(tx, day, (peer.code, *day.carried))
    missing = [
        Owed(peer.code, mode, count, amt)
        for mode, (count, amt) in sorted(totals.items())
        if mode not in day.channels
    ]
    if not totals and not day.channels:
        missing.append(Owed(peer.code, "", 0, 0))
    return missing


def undelivered(missing: Sequence[Owed]) -> list[Difference]:
    """A row for each channel that has payments and no list."""
    return [
        Difference(
            Kind.NOT_DELIVERED,
            "2555",
            one.scope,
            KEY,
            ours_amt=one.amt,
            reason=f"对账单未送达,财政有{one.count}笔共{format_yuan(one.amt)}元",
        )
        for one in missing
        if one.count
    ]
