"""The journal: append-only, each row's hash made over the row before it.

Facts are a flat JSON object without unmasked personal data and without secrets: masking is the
caller's duty. ``verify`` finds every changed, inserted or missing row; the number and hash of the
last row are kept beside the journal (``journal_head``), so that a cut tail is seen too.
Whoever may write the whole file can still make a new, consistent journal: keep the head that
``verify`` reports somewhere else to notice that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .protocol import Transaction
from .records import JournalEntry
from .sql import insert_into, select_from

Fact = str | int | None | Sequence["Fact"] | Mapping[str, "Fact"]

GENESIS: Final = "0" * 64

_INSERT: Final = insert_into(JournalEntry, "journal")
_PAGE: Final = select_from(JournalEntry, "journal", "WHERE seq > ?1 ORDER BY seq LIMIT ?2")
_OF_SUBJECT: Final = select_from(
    JournalEntry, "journal", "WHERE subject = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
)
_HEAD: Final = "SELECT seq, hash FROM journal_head WHERE only = 1"
_PAGE_ROWS: Final = 1000
_canonical: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
).encode


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What ``verify`` found; ``first_bad`` is the first wrong seq, ``fault`` says what is wrong."""

    ok: bool
    rows: int
    head: str
    first_bad: int | None = None
    fault: str = ""


def chain_hash(
    prev_hash: str, seq: int, at: int, *, kind: str, subject: str, actor: str, facts: str
) -> str:
    """SHA-256 over the previous hash and every column; lengths keep the columns apart."""
    text = (
        f"{prev_hash}|{seq}|{at}|{len(kind)}:{kind}|{len(subject)}:{subject}"
        f"|{len(actor)}:{actor}|{facts}"
    )
    return hashlib.sha256(text.encode()).hexdigest()


async def append(
    tx: Transaction,
    *,
    at: int,
    kind: str,
    subject: str,
    actor: str,
    facts: Mapping[str, Fact],
) -> int:
    """Append a row in this transaction and return its number.

    ``kind`` names what happened (``payment.accepted``), ``subject`` the thing it happened to (a pay
    code, a refund number), ``actor`` the node or operator.
    """
    head = await tx.one(_HEAD + tx.for_update)
    if head is None:
        raise RuntimeError("the journal has no head row")
    seq, previous = head[0] + 1, head[1]
    text = _canonical(facts)
    digest = chain_hash(previous, seq, at, kind=kind, subject=subject, actor=actor, facts=text)
    await tx.run(_INSERT, seq, at, kind, subject, actor, text, previous, digest)
    return int(seq)


async def page(tx: Transaction, *, after: int = 0, limit: int = 100) -> list[JournalEntry]:
    """Rows following a number."""
    return [JournalEntry(*row) for row in await tx.all(_PAGE, after, limit)]


async def of_subject(
    tx: Transaction, subject: str, *, after: int = 0, limit: int = 1000
) -> list[JournalEntry]:
    """The rows about one thing, in order."""
    return [JournalEntry(*row) for row in await tx.all(_OF_SUBJECT, subject, after, limit)]


async def export(tx: Transaction, *, after: int = 0) -> AsyncIterator[JournalEntry]:
    """All rows following a number, read page by page; use it inside ``Store.scan``."""
    while rows := await page(tx, after=after, limit=_PAGE_ROWS):
        for entry in rows:
            yield entry
        after = rows[-1].seq


async def head(tx: Transaction) -> tuple[int, str]:
    """Number and hash of the last row; (0, GENESIS) for an empty journal."""
    row = await tx.one(_HEAD)
    if row is None:
        return 0, ""
    return int(row[0]), str(row[1])


async def has_hash(tx: Transaction, digest: str) -> bool:
    """Whether a row (or the empty journal) has this hash; reads the whole journal."""
    if digest == GENESIS:
        return True
    return await tx.one("SELECT 1 FROM journal WHERE hash = ?1 LIMIT 1", digest) is not None


async def verify(tx: Transaction) -> VerifyReport:
    """Walk the whole chain in constant memory; use it inside ``Store.scan``."""
    rows, previous = 0, GENESIS
    async for entry in export(tx):
        fault = _fault(entry, rows + 1, previous)
        if fault:
            return VerifyReport(False, rows, previous, min(entry.seq, rows + 1), fault)
        rows, previous = rows + 1, entry.hash
    last, digest = await head(tx)
    if (last, digest) != (rows, previous):
        fault = f"the journal ends at row {rows}, its head says row {last}"
        return VerifyReport(False, rows, previous, rows + 1, fault)
    return VerifyReport(True, rows, previous)


def _fault(entry: JournalEntry, expected: int, previous: str) -> str:
    if entry.seq != expected:
        return f"row {expected} is missing, row {entry.seq} follows"
    if entry.prev_hash != previous:
        return f"row {entry.seq} does not continue the row before it"
    computed = chain_hash(
        entry.prev_hash,
        entry.seq,
        entry.at,
        kind=entry.kind,
        subject=entry.subject,
        actor=entry.actor,
        facts=entry.facts,
    )
    return "" if computed == entry.hash else f"row {entry.seq} was changed"
