"""E-invoices (财政电子票据): numbers and their fate, invoices on their way, the chained archive."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from .einvoice_records import (
    Archived,
    Invoice,
    InvoiceBytes,
    InvoiceEvent,
    InvoiceNumber,
    InvoiceState,
    NumberState,
)
from .journal import GENESIS, VerifyReport
from .protocol import Transaction
from .sql import Conditions, columns, insert_into, placeholders, select_from, values

_NUMBER: Final = select_from(InvoiceNumber, "einvoice_numbers", "WHERE code = ?1 AND number = ?2")
_INSERT_NUMBER: Final = insert_into(InvoiceNumber, "einvoice_numbers")
_NUMBER_VALUES: Final = values(InvoiceNumber)
_NUMBERS: Final = select_from(
    InvoiceNumber,
    "einvoice_numbers",
    "WHERE code = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
)
# Reserved and not used: what an invoice on its way needs is not free to be voided.
_EXPIRED: Final = select_from(
    InvoiceNumber,
    "einvoice_numbers",
    "WHERE state = 'reserved' AND reserved_at < ?1 AND pay_code = ''"
    " ORDER BY reserved_at, code, number LIMIT ?2",
)
_COUNTS: Final = (
    "SELECT code, state, count(*), min(number), max(number) FROM einvoice_numbers"
    " GROUP BY code, state ORDER BY code, state"
)

_INVOICE_COLUMNS: Final = columns(Invoice)
_BYTES: Final = ("seal_picture", "signed", "unit_element")
_INSERT: Final = (
    f"INSERT INTO einvoices ({', '.join((*_INVOICE_COLUMNS, *_BYTES))})"  # noqa: S608 - ours
    f" VALUES ({placeholders(len(_INVOICE_COLUMNS) + len(_BYTES))}) ON CONFLICT DO NOTHING"
)
_VALUES: Final = values(Invoice)
_GET: Final = select_from(Invoice, "einvoices", "WHERE code = ?1 AND number = ?2")
_OF_BILL: Final = select_from(
    Invoice, "einvoices", "WHERE pay_code = ?1 ORDER BY created_at, code, number"
)
_LIVING: Final = select_from(
    Invoice,
    "einvoices",
    "WHERE pay_code = ?1 AND kind = 'blue' AND state NOT IN ('reversed', 'abandoned')",
)
_RED_OF: Final = select_from(
    Invoice,
    "einvoices",
    "WHERE related_code = ?1 AND related_number = ?2 AND kind = 'red' AND state <> 'abandoned'",
)
_BY_NUMBER: Final = select_from(
    Invoice, "einvoices", "WHERE number = ?1 AND state <> 'abandoned' ORDER BY code DESC"
)
_UNDER_WAY: Final = select_from(
    Invoice,
    "einvoices",
    "WHERE state IN ('built', 'unit_signed', 'countersigning') AND created_at < ?1"
    " AND (code, number) > (?2, ?3) ORDER BY code, number LIMIT ?4",
)
_ARCHIVED: Final = select_from(Archived, "einvoice_archive", "WHERE code = ?1 AND number = ?2")
_INSERT_ARCHIVED: Final = insert_into(Archived, "einvoice_archive")
_ARCHIVE_PAGE: Final = select_from(
    Archived, "einvoice_archive", "WHERE seq > ?1 ORDER BY seq LIMIT ?2"
)
_HEAD: Final = "SELECT seq, hash FROM einvoice_archive_head WHERE only = 1"
_PAGE_ROWS: Final = 200
_EVENT: Final = insert_into(InvoiceEvent, "einvoice_events", without=("id",))
_EVENTS: Final = select_from(
    InvoiceEvent, "einvoice_events", "WHERE code = ?1 AND number = ?2 ORDER BY id"
)

# -- numbers ---------------------------------------------------------------------------------------


async def insert_number(tx: Transaction, taken: InvoiceNumber) -> None:
    """Keep a number that was taken from stock; ConstraintViolated when it was taken before."""
    await tx.run(_INSERT_NUMBER, *_NUMBER_VALUES(taken))


async def number(
    tx: Transaction, code: str, number: str, *, lock: bool = False
) -> InvoiceNumber | None:
    """A number that was taken, and its fate; None for one that nobody took."""
    row = await tx.one(_NUMBER + tx.for_update if lock else _NUMBER, code, number)
    return InvoiceNumber(*row) if row else None


async def numbers(
    tx: Transaction, code: str, *, after: str = "", limit: int = 1000
) -> list[InvoiceNumber]:
    """Numbers of a code that were taken, in order, following the one seen last."""
    return [InvoiceNumber(*row) for row in await tx.all(_NUMBERS, code, after, limit)]


@dataclass(frozen=True, slots=True)
class NumberCount:
    """How many numbers of a code are in a state; the first and the last of them."""

    code: str
    state: NumberState
    count: int
    first: str
    last: str


async def number_counts(tx: Transaction) -> list[NumberCount]:
    """Counts by code and state."""
    return [NumberCount(*row) for row in await tx.all(_COUNTS)]


async def settle_number(
    tx: Transaction,
    code: str,
    number: str,
    state: NumberState,
    *,
    at: int,
    pay_code: str = "",
    why: str = "",
) -> bool:
    """Bind a reserved number to a bill (state `reserved`), or decide its fate.

    False, and nothing is changed, when its fate was decided before.
    """
    changed = await tx.run(
        "UPDATE einvoice_numbers SET state = ?3, changed_at = ?4, why = ?5,"
        " pay_code = CASE WHEN ?6 = '' THEN pay_code ELSE ?6 END"
        " WHERE code = ?1 AND number = ?2 AND state = 'reserved'",
        code,
        number,
        state,
        at,
        why,
        pay_code,
    )
    return changed == 1


async def expired_numbers(
    tx: Transaction, before: int, *, limit: int = 1000
) -> list[InvoiceNumber]:
    """Numbers that were reserved before an instant and that no invoice uses, oldest first."""
    return [InvoiceNumber(*row) for row in await tx.all(_EXPIRED, before, limit)]


# -- invoices --------------------------------------------------------------------------------------


async def insert(tx: Transaction, invoice: Invoice, data: InvoiceBytes) -> bool:
    """Write an invoice; False when the bill has a living one (of the original: a red one)."""
    args = (*_VALUES(invoice), data.seal_picture, data.signed, data.unit_element)
    return await tx.run(_INSERT, *args) == 1


async def get(tx: Transaction, code: str, number: str, *, lock: bool = False) -> Invoice | None:
    """The invoice of a code and number."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, code, number)
    return Invoice(*row) if row else None


async def of_bill(tx: Transaction, pay_code: str) -> list[Invoice]:
    """All invoices of a bill, blue and red, oldest first."""
    return [Invoice(*row) for row in await tx.all(_OF_BILL, pay_code)]


async def living(tx: Transaction, pay_code: str) -> Invoice | None:
    """The blue invoice of a bill that is not reversed, archived or on its way."""
    row = await tx.one(_LIVING, pay_code)
    return Invoice(*row) if row else None


async def red_of(tx: Transaction, code: str, number: str) -> Invoice | None:
    """The red invoice of an original, archived or on its way."""
    row = await tx.one(_RED_OF, code, number)
    return Invoice(*row) if row else None


async def by_number(tx: Transaction, number: str) -> list[Invoice]:
    """The invoices with a number, whatever their code, newest code first."""
    return [Invoice(*row) for row in await tx.all(_BY_NUMBER, number)]


async def under_way(
    tx: Transaction, before: int, *, after: tuple[str, str] = ("", ""), limit: int = 100
) -> list[Invoice]:
    """Invoices that were begun before an instant and are neither archived nor abandoned."""
    rows = await tx.all(_UNDER_WAY, before, *after, limit)
    return [Invoice(*row) for row in rows]


async def data(tx: Transaction, code: str, number: str) -> InvoiceBytes | None:
    """The bytes of an invoice."""
    row = await tx.one(
        "SELECT signed, unit_element, seal_picture FROM einvoices WHERE code = ?1 AND number = ?2",
        code,
        number,
    )
    return InvoiceBytes(*row) if row else None


async def unit_signed(
    tx: Transaction, code: str, number: str, unit_element: bytes, *, at: int
) -> bool:
    """Keep the unit's Signature element; False when the invoice is not `built` any more."""
    changed = await tx.run(
        "UPDATE einvoices SET state = 'unit_signed', unit_element = ?3, changed_at = ?4"
        " WHERE code = ?1 AND number = ?2 AND state = 'built'",
        code,
        number,
        unit_element,
        at,
    )
    return changed == 1


async def finish(
    tx: Transaction, code: str, number: str, unit_element: bytes, trade_id: str, *, at: int
) -> bool:
    """Move an invoice on its way to `archived`; False when it is not on its way any more."""
    changed = await tx.run(
        "UPDATE einvoices SET state = 'archived', unit_element = ?3, trade_id = ?4,"
        " changed_at = ?5 WHERE code = ?1 AND number = ?2"
        " AND state IN ('built', 'unit_signed', 'countersigning')",
        code,
        number,
        unit_element,
        trade_id,
        at,
    )
    return changed == 1


async def set_state(
    tx: Transaction,
    code: str,
    number: str,
    *,
    expected: tuple[InvoiceState, ...],
    state: InvoiceState,
    at: int,
    trade_id: str | None = None,
    why: str = "",
) -> bool:
    """Move an invoice on; False when it is in none of the expected states."""
    sets = Conditions()
    sets.equal_always("state", state)
    sets.equal_always("changed_at", at)
    if trade_id is not None:
        sets.equal_always("trade_id", trade_id)
    if why:
        sets.equal_always("why", why)
    which = f"code = {sets.mark(code)} AND number = {sets.mark(number)}"
    states = ", ".join(sets.mark(name) for name in expected)
    sql = f"UPDATE einvoices SET {sets.listed()} WHERE {which} AND state IN ({states})"  # noqa: S608
    return await tx.run(sql, *sets.args) == 1


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """What a list of invoices is narrowed to; '' means any. Dates are inclusive."""

    state: str = ""
    kind: str = ""
    units: tuple[str, ...] = ()
    date_from: str = ""
    date_to: str = ""


async def page(
    tx: Transaction,
    narrowed: InvoiceFilter,
    *,
    after: tuple[str, str, str] = ("", "", ""),
    limit: int = 100,
) -> list[Invoice]:
    """Invoices by (issue_date, code, number), following the key of the one seen last."""
    conditions = Conditions()
    conditions.add("(issue_date, code, number) > ({}, {}, {})", *after)
    conditions.equal("state", narrowed.state)
    conditions.equal("kind", narrowed.kind)
    if narrowed.units:
        conditions.one_of("unit_code", narrowed.units)
    if narrowed.date_from:
        conditions.add("issue_date >= {}", narrowed.date_from)
    if narrowed.date_to:
        conditions.add("issue_date <= {}", narrowed.date_to)
    order = "ORDER BY issue_date, code, number LIMIT " + conditions.mark(limit)
    sql = select_from(Invoice, "einvoices", f"{conditions.where()} {order}")
    return [Invoice(*row) for row in await tx.all(sql, *conditions.args)]


# -- archive ---------------------------------------------------------------------------------------


def chain_hash(
    prev_hash: str, seq: int, archived_at: int, *, code: str, number: str, sha256: str
) -> str:
    """SHA-256 over the previous hash and every column of a row but the document, for its hash."""
    text = f"{prev_hash}|{seq}|{archived_at}|{code}-{number}|{sha256}"
    return hashlib.sha256(text.encode()).hexdigest()


async def archive(
    tx: Transaction, code: str, number: str, document: bytes, *, sha256: str, at: int
) -> Archived:
    """Append a document to the archive; ConstraintViolated when it has one of that number."""
    head = await tx.one(_HEAD + tx.for_update)
    if head is None:
        raise RuntimeError("the archive of e-invoices has no head row")
    seq, previous = int(head[0]) + 1, str(head[1])
    digest = chain_hash(previous, seq, at, code=code, number=number, sha256=sha256)
    row = Archived(seq, code, number, at, document, sha256, previous, digest)
    await tx.run(_INSERT_ARCHIVED, seq, code, number, at, document, sha256, previous, digest)
    return row


async def archived(tx: Transaction, code: str, number: str) -> Archived | None:
    """The archived document of a code and number."""
    row = await tx.one(_ARCHIVED, code, number)
    return Archived(*row) if row else None


async def export(tx: Transaction, *, after: int = 0) -> AsyncIterator[Archived]:
    """All documents following a number, page by page; use it inside ``Store.scan``."""
    while rows := await tx.all(_ARCHIVE_PAGE, after, _PAGE_ROWS):
        for row in rows:
            yield Archived(*row)
        after = rows[-1][0]


async def verify_archive(tx: Transaction) -> VerifyReport:
    """Walk the chain and hash every document; use it inside ``Store.scan``."""
    rows, previous = 0, GENESIS
    async for entry in export(tx):
        fault = _fault(entry, rows + 1, previous)
        if fault:
            return VerifyReport(False, rows, previous, min(entry.seq, rows + 1), fault)
        rows, previous = rows + 1, entry.hash
    row = await tx.one(_HEAD)
    if row is None or (row[0], row[1]) != (rows, previous):
        fault = f"the archive ends at row {rows}, its head says row {row[0] if row else 0}"
        return VerifyReport(False, rows, previous, rows + 1, fault)
    return VerifyReport(True, rows, previous)


def _fault(entry: Archived, expected: int, previous: str) -> str:
    if entry.seq != expected:
        return f"document {expected} is missing, document {entry.seq} follows"
    if entry.prev_hash != previous:
        return f"document {entry.seq} does not continue the one before it"
    if hashlib.sha256(entry.document).hexdigest() != entry.sha256:
        return f"document {entry.seq} was changed"
    computed = chain_hash(
        entry.prev_hash,
        entry.seq,
        entry.archived_at,
        code=entry.code,
        number=entry.number,
        sha256=entry.sha256,
    )
    return "" if computed == entry.hash else f"the row of document {entry.seq} was changed"


# -- events ----------------------------------------------------------------------------------------


async def add_event(
    tx: Transaction, code: str, number: str, event: str, *, at: int, actor: str, detail: str = ""
) -> None:
    """Keep what happened; `detail` has no personal data."""
    await tx.run(_EVENT, code, number, at, event, actor, detail)


async def events(tx: Transaction, code: str, number: str) -> list[InvoiceEvent]:
    """What happened to a number, oldest first."""
    return [InvoiceEvent(*row) for row in await tx.all(_EVENTS, code, number)]
