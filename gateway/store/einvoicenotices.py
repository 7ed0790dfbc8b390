"""Notices of archived e-invoices (通知): which wait, who writes them, which are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .protocol import Transaction

_DUE: Final = (
    "SELECT n.seq, e.code, e.number, e.kind, e.unit_code, b.unit_name, e.issue_date, e.random,"
    " a.archived_at, b.mobile, e.telephone, e.email FROM einvoice_notices AS n"
    " JOIN einvoice_archive AS a ON a.seq = n.seq"
    " JOIN einvoices AS e ON e.code = n.code AND e.number = n.number"
    " JOIN bills AS b ON b.pay_code = e.pay_code"
    " WHERE n.done_at IS NULL AND n.claimed_by = ?1 ORDER BY n.seq LIMIT ?2"
)


@dataclass(frozen=True, slots=True)
class DueNotice:
    """What is told of an invoice, and to whom: the bill's mobile, and what 8981 named."""

    seq: int
    code: str
    number: str
    kind: str
    unit_code: str
    unit_name: str
    issue_date: str
    random: str = field(repr=False)
    archived_at: int
    mobile: str = field(repr=False)
    telephone: str = field(repr=False)
    email: str = field(repr=False)


async def claim(
    tx: Transaction, owner: str, *, at: int, before: int, limit: int
) -> list[DueNotice]:
    """Take waiting notices, oldest first: nobody's, and those whose owner took them `before`.

    What the owner took earlier and has not written is taken again.
    """
    await tx.run(
        "UPDATE einvoice_notices SET claimed_by = ?1, claimed_at = ?2 WHERE seq IN"
        " (SELECT seq FROM einvoice_notices WHERE done_at IS NULL"
        " AND (claimed_by IN ('', ?1) OR claimed_at < ?3) ORDER BY seq LIMIT ?4)",
        owner,
        at,
        before,
        limit,
    )
    return [DueNotice(*row) for row in await tx.all(_DUE, owner, limit)]


async def done(tx: Transaction, owner: str, written: Sequence[tuple[int, int]], *, at: int) -> None:
    """Note that the files of these notices (sequence, number of files) are in the spool."""
    await tx.many(
        "UPDATE einvoice_notices SET done_at = ?3, files = ?4"
        " WHERE seq = ?1 AND claimed_by = ?2 AND done_at IS NULL",
        ((seq, owner, at, files) for seq, files in written),
    )


async def waiting(tx: Transaction) -> int:
    """How many invoices nobody was told of yet."""
    row = await tx.one("SELECT count(*) FROM einvoice_notices WHERE done_at IS NULL")
    return int(row[0]) if row else 0
