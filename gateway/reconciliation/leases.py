"""One process at a time has a node's day in its hands; what a dead process had can be taken."""

from __future__ import annotations

import os
from typing import Final

from ..store import reconleases
from ..store.protocol import Transaction
from .parts import LeaseLostError

LEASE_MS: Final = 120_000


def lease_name(node: str, check_date: str) -> str:
    """The name of a node's day."""
    return f"reconcile:{node}:{check_date}"


async def hold(tx: Transaction, name: str, owner: str, *, now: int) -> None:
    """Take the lease, or prolong it, in a transaction that works under it.

    Raises LeaseLostError when another living process has it.
    """
    until = now + LEASE_MS
    if await reconleases.take_lease(tx, name, owner, now=now, until=until):
        return
    other = await reconleases.lease_owner(tx, name)
    if other and not _lives(other, owner):
        await reconleases.release_lease(tx, name, other)
        if await reconleases.take_lease(tx, name, owner, now=now, until=until):
            return
    raise LeaseLostError("another process reconciles it", "wait until that one has ended")


def _lives(other: str, owner: str) -> bool:
    """Whether the process of a lease may live; of another machine nobody can tell."""
    host, _, rest = other.partition("/")
    process = rest.partition("/")[0]
    if host != owner.partition("/")[0] or not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
