"""Judged confirmations (2612) and the answers they got: the idempotency of business.md §3.

An accepted identity (SRC, CfmDate, TraNoBus) exists once; refusals are kept per content, so that the
same content gets the same answer for ever.
"""

from __future__ import annotations

from typing import Final

from .protocol import Transaction
from .records import Confirmation
from .sql import insert, select, values

_NEW: Final = ("id",)
_INSERT: Final = insert(
    Confirmation, "confirmations", "ON CONFLICT DO NOTHING RETURNING id", without=_NEW
)
_VALUES: Final = values(Confirmation, without=_NEW)
_SAME: Final = select(
    Confirmation,
    "confirmations",
    "WHERE src = ?1 AND tra_no_bus = ?2 AND pay_code = ?3 AND amt = ?4 ORDER BY id",
)
_ACCEPTED: Final = select(
    Confirmation,
    "confirmations",
    "WHERE src = ?1 AND cfm_date = ?2 AND tra_no_bus = ?3 AND accepted = 1",
)
_OF_NUMBER: Final = select(
    Confirmation, "confirmations", "WHERE src = ?1 AND tra_no_bus = ?2 ORDER BY id DESC LIMIT ?3"
)


async def insert_confirmation(tx: Transaction, confirmation: Confirmation) -> int | None:
    """Write a judged confirmation and return its id; None when its content or, accepted, its
    identity is there already."""
    row = await tx.one(_INSERT, *_VALUES(confirmation))
    return int(row[0]) if row else None


async def accepted(
    tx: Transaction, src: str, cfm_date: str, tra_no_bus: str
) -> Confirmation | None:
    """The accepted confirmation of an identity."""
    row = await tx.one(_ACCEPTED, src, cfm_date, tra_no_bus)
    return Confirmation(*row) if row else None


async def repetitions(
    tx: Transaction, src: str, tra_no_bus: str, pay_code: str, amt: int
) -> list[Confirmation]:
    """All confirmations of one node with this number, pay code and amount, whatever their date,
    channel and account, oldest first: the same content is among them when it is known."""
    return [Confirmation(*row) for row in await tx.all(_SAME, src, tra_no_bus, pay_code, amt)]


async def of_number(
    tx: Transaction, src: str, tra_no_bus: str, *, limit: int = 10
) -> list[Confirmation]:
    """The newest confirmations of a node under a number (banks reuse them across days)."""
    return [Confirmation(*row) for row in await tx.all(_OF_NUMBER, src, tra_no_bus, limit)]


async def refused(tx: Transaction, src: str, cfm_date: str, tra_no_bus: str) -> bool:
    """Whether an identity was ever refused: such a line is never repaired by machine."""
    row = await tx.one(
        "SELECT 1 FROM confirmations"
        " WHERE src = ?1 AND tra_no_bus = ?3 AND cfm_date = ?2 AND accepted = 0 LIMIT 1",
        src,
        cfm_date,
        tra_no_bus,
    )
    return row is not None
