"""Statements (对账单) that collecting nodes sent or an operator imported: 2555, 2557, 2556.

A batch stands for a channel's or account's day; only one is living, and while it has failed at most
one other is on its way to take its place. Amounts are fen, dates yyyymmdd.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, Literal

from ...reconcile.kinds import Statement
from ...reconcile.sides import LineRef, PaymentLine
from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values
from .statement_records import (
    BESIDE,
    LIVING,
    USABLE,
    BatchState,
    ChannelTotal,
    FundsRow,
    Line,
    MovementRow,
    Origin,
    PaymentRow,
    StatementBatch,
    StatementPack,
)

__all__ = [
    "BESIDE",
    "LIVING",
    "USABLE",
    "BatchState",
    "ChannelTotal",
    "FundsRow",
    "Line",
    "MovementRow",
    "Origin",
    "PaymentRow",
    "StatementBatch",
    "StatementPack",
]
"""The records beside the functions below."""

_NEW: Final = ("id",)
_INSERT: Final = insert_into(
    StatementBatch, "statement_batches", "ON CONFLICT DO NOTHING RETURNING id", without=_NEW
)
_VALUES: Final = values(StatementBatch, without=_NEW)
_BATCH: Final = "statement_batches"
_GET: Final = select_from(StatementBatch, _BATCH, "WHERE id = ?1")
_KEY: Final = "src = ?1 AND check_date = ?2 AND kind = ?3 AND scope = ?4"
_IS_LIVING: Final = "state IN ('receiving', 'complete', 'failed', 'reconciled')"
_IS_USABLE: Final = "state IN ('complete', 'failed', 'reconciled')"
_LIVING: Final = select_from(StatementBatch, _BATCH, f"WHERE {_KEY} AND {_IS_LIVING}")
_REPLACING: Final = select_from(StatementBatch, _BATCH, f"WHERE {_KEY} AND state = 'replacing'")
_OF_DAY: Final = select_from(
    StatementBatch,
    _BATCH,
    f"WHERE src = ?1 AND check_date = ?2 AND {_IS_LIVING} ORDER BY kind, scope",
)
_HISTORY: Final = select_from(StatementBatch, _BATCH, f"WHERE {_KEY} ORDER BY id")
_PREVIOUS: Final = select_from(
    StatementBatch,
    _BATCH,
    "WHERE src = ?1 AND kind = '2556' AND scope = ?2 AND check_date < ?3"
    f" AND {_IS_USABLE} ORDER BY check_date DESC LIMIT 1",
)
_INSERT_PACK: Final = insert_into(StatementPack, "statement_packs")
_PACK_VALUES: Final = values(StatementPack)
_PACK: Final = select_from(StatementPack, "statement_packs", "WHERE batch_id = ?1 AND pack_no = ?2")
_PACKS: Final = select_from(
    StatementPack, "statement_packs", "WHERE batch_id = ?1 ORDER BY pack_no"
)
_INSERT_CHANNEL: Final = insert_into(ChannelTotal, "statement_channels", "ON CONFLICT DO NOTHING")
_CHANNEL_VALUES: Final = values(ChannelTotal)
_CHANNELS: Final = select_from(
    ChannelTotal, "statement_channels", "WHERE batch_id = ?1 ORDER BY pay_mode"
)
_TABLES: Final = {
    "2555": "statement_payments",
    "2557": "statement_funds",
    "2556": "statement_movements",
}
_PLACE: Final = "WHERE batch_id = ?1 AND pack_no = ?2 AND line_no = ?3"
_AFTER: Final = (
    "WHERE batch_id = ?1 AND (pack_no, line_no) > (?2, ?3) ORDER BY pack_no, line_no LIMIT ?4"
)
_INSERT_PAYMENT: Final = insert_into(PaymentRow, "statement_payments")
_INSERT_FUNDS: Final = insert_into(FundsRow, "statement_funds")
_INSERT_MOVEMENT: Final = insert_into(MovementRow, "statement_movements")
_PAYMENT: Final = select_from(PaymentRow, "statement_payments", _PLACE)
_PAYMENTS: Final = select_from(PaymentRow, "statement_payments", _AFTER)
_FUNDS_LINE: Final = select_from(FundsRow, "statement_funds", _PLACE)
_FUNDS: Final = select_from(FundsRow, "statement_funds", _AFTER)
_MOVEMENT: Final = select_from(MovementRow, "statement_movements", _PLACE)
_MOVEMENTS: Final = select_from(MovementRow, "statement_movements", _AFTER)
# The sign keeps the primary key's order: with the index over batch_id the lines would be sorted.
_LISTED: Final = (
    "+batch_id IN (SELECT id FROM statement_batches WHERE src = ?1 AND check_date = ?2"  # noqa: S608 - ours
    " AND kind = '2555' AND " + _IS_USABLE + ")"
)
_LIST_COLUMNS: Final = (
    "tra_no, batch_id, pack_no, line_no, cfm_date, pay_code, amt, pay_mode, rec_acct, fault"
)
_LIST: Final = (
    f"SELECT {_LIST_COLUMNS} FROM statement_payments WHERE src = ?1 AND check_date = ?2"  # noqa: S608
    f" AND (tra_no, batch_id, pack_no, line_no) > (?3, ?4, ?5, ?6) AND {_LISTED}"
    " ORDER BY tra_no, batch_id, pack_no, line_no LIMIT ?7"
)
_LISTED_UNDER: Final = (
    f"SELECT {_LIST_COLUMNS} FROM statement_payments WHERE src = ?1 AND check_date = ?2"  # noqa: S608
    f" AND tra_no = ?3 AND {_LISTED} ORDER BY batch_id, pack_no, line_no"
)


# -- batches --------------------------------------------------------------------------------------


async def living(
    tx: Transaction, kind: Statement, src: str, check_date: str, scope: str
) -> StatementBatch | None:
    """The batch that stands for a channel's or account's day, locked."""
    row = await tx.one(_LIVING + tx.for_update, src, check_date, kind, scope)
    return StatementBatch(*row) if row else None


async def replacing(
    tx: Transaction, kind: Statement, src: str, check_date: str, scope: str
) -> StatementBatch | None:
    """The batch that is on its way to take the place of what stands, locked."""
    row = await tx.one(_REPLACING + tx.for_update, src, check_date, kind, scope)
    return StatementBatch(*row) if row else None


async def get(tx: Transaction, batch_id: int) -> StatementBatch | None:
    """A batch by its id."""
    row = await tx.one(_GET, batch_id)
    return StatementBatch(*row) if row else None


async def insert_batch(tx: Transaction, batch: StatementBatch) -> int | None:
    """Write a batch and return its id; None when another has its place. ``batch.id`` is ignored."""
    row = await tx.one(_INSERT, *_VALUES(batch))
    return int(row[0]) if row else None


async def of_day(tx: Transaction, src: str, check_date: str) -> list[StatementBatch]:
    """The living batches of a node's day, by kind and scope."""
    return [StatementBatch(*row) for row in await tx.all(_OF_DAY, src, check_date)]


async def history(
    tx: Transaction, kind: Statement, src: str, check_date: str, scope: str
) -> list[StatementBatch]:
    """All batches that a channel's or account's day ever had, the oldest first."""
    rows = await tx.all(_HISTORY, src, check_date, kind, scope)
    return [StatementBatch(*row) for row in rows]


async def page(
    tx: Transaction,
    *,
    src: str = "",
    check_date: str = "",
    among: Collection[BatchState] = LIVING,
    after: int = 0,
    limit: int = 100,
) -> list[StatementBatch]:
    """Batches by id, following the last one already seen."""
    conditions = Conditions()
    conditions.add("id > {}", after)
    conditions.equal("src", src)
    conditions.equal("check_date", check_date)
    conditions.one_of("state", sorted(among))
    order = "ORDER BY id LIMIT " + conditions.mark(limit)
    sql = select_from(StatementBatch, _BATCH, f"{conditions.where()} {order}")
    return [StatementBatch(*row) for row in await tx.all(sql, *conditions.args)]


async def set_state(
    tx: Transaction,
    batch_id: int,
    state: BatchState,
    *,
    at: int,
    among: Collection[BatchState] = LIVING,
) -> bool:
    """Give a batch another state; False, and nothing written, when it is in none of ``among``.

    Packs and lines stay: `drop` ends a batch with them. What was on its way to replace a batch that
    is now reconciled is dropped.
    """
    marks = ", ".join(f"?{number}" for number in range(4, 4 + len(among)))
    changed = await tx.run(
        f"UPDATE statement_batches SET state = ?2, changed_at = ?3"  # noqa: S608 - marks alone
        f" WHERE id = ?1 AND state IN ({marks})",
        batch_id,
        state,
        at,
        *sorted(among),
    )
    if changed == 1 and state == "reconciled":
        batch = await get(tx, batch_id)
        beside = batch and await replacing(tx, batch.kind, batch.src, batch.check_date, batch.scope)
        if beside is not None:
            await drop(tx, beside.id, state="dropped", at=at)
    return changed == 1


async def completed(tx: Transaction, batch_id: int, digest: str, *, at: int) -> None:
    """All packs of a batch are there and add up: it stands, with this digest."""
    await tx.run(
        "UPDATE statement_batches SET state = 'complete', digest = ?2, changed_at = ?3"
        " WHERE id = ?1",
        batch_id,
        digest,
        at,
    )


async def set_told(tx: Transaction, batch_id: int, digest: str) -> None:
    """Note which result of a batch was told last."""
    await tx.run("UPDATE statement_batches SET told = ?2 WHERE id = ?1", batch_id, digest)


async def drop(
    tx: Transaction, batch_id: int, *, state: Literal["dropped", "replaced"], at: int
) -> None:
    """End a batch: its packs go at once, their lines little by little with `purge`."""
    await tx.run(
        "UPDATE statement_batches SET state = ?2, changed_at = ?3 WHERE id = ?1",
        batch_id,
        state,
        at,
    )
    await tx.run(
        "INSERT INTO statement_waste (batch_id, pack_no)"
        " SELECT batch_id, pack_no FROM statement_packs WHERE batch_id = ?1",
        batch_id,
    )
    await tx.run("DELETE FROM statement_channels WHERE batch_id = ?1", batch_id)
    await tx.run("DELETE FROM statement_packs WHERE batch_id = ?1", batch_id)


async def purge(tx: Transaction) -> int:
    """Delete the lines of one pack that ended; how many, 0 when none is left."""
    row = await tx.one(
        "SELECT w.batch_id, w.pack_no, b.kind FROM statement_waste w"
        " JOIN statement_batches b ON b.id = w.batch_id ORDER BY w.batch_id, w.pack_no LIMIT 1"
    )
    if row is None:
        return 0
    batch_id, pack_no, kind = int(row[0]), int(row[1]), str(row[2])
    await tx.run(
        "DELETE FROM statement_waste WHERE batch_id = ?1 AND pack_no = ?2", batch_id, pack_no
    )
    return await _delete_lines(tx, kind, batch_id, pack_no)


# -- packs ----------------------------------------------------------------------------------------


async def insert_pack(
    tx: Transaction,
    batch: StatementBatch,
    pack: StatementPack,
    lines: Iterable[Line],
    channels: Iterable[tuple[str, int, int]] = (),
) -> None:
    """Write a pack of a written batch with its lines (see `Line`), and count it.

    ``channels`` are (PayMode, in, out); those that another pack has told are not written again.

    ConstraintViolated when the batch has a pack of this number.
    """
    await tx.run(_INSERT_PACK, *_PACK_VALUES(pack))
    place = (pack.batch_id, pack.pack_no)
    if batch.kind == "2555":
        day = (batch.src, batch.check_date)
        rows = ((*day, line[0], *place, *line[1:]) for line in lines)
        await tx.many(_INSERT_PAYMENT, rows)
    else:
        insert = _INSERT_FUNDS if batch.kind == "2557" else _INSERT_MOVEMENT
        await tx.many(insert, ((*place, *line) for line in lines))
    await insert_channels(tx, pack.batch_id, channels, pack.pack_no)
    await _count(tx, pack, 1)


async def insert_channels(
    tx: Transaction, batch_id: int, channels: Iterable[tuple[str, int, int]], pack_no: int = 1
) -> None:
    """Write totals by channel that are not there yet."""
    rows = (ChannelTotal(batch_id, pack_no, *total) for total in channels)
    await tx.many(_INSERT_CHANNEL, map(_CHANNEL_VALUES, rows))


async def delete_pack(tx: Transaction, batch: StatementBatch, pack: StatementPack) -> None:
    """Take a pack back out of a batch, with its lines."""
    place = (pack.batch_id, pack.pack_no)
    await tx.run("DELETE FROM statement_packs WHERE batch_id = ?1 AND pack_no = ?2", *place)
    await tx.run("DELETE FROM statement_channels WHERE batch_id = ?1 AND pack_no = ?2", *place)
    await _delete_lines(tx, batch.kind, *place)
    await _count(tx, pack, -1)


async def _count(tx: Transaction, pack: StatementPack, sign: int) -> None:
    await tx.run(
        "UPDATE statement_batches SET lines = lines + ?2, lines_amt = lines_amt + ?3 WHERE id = ?1",
        pack.batch_id,
        sign * pack.count,
        sign * pack.amt,
    )


async def _delete_lines(tx: Transaction, kind: str, batch_id: int, pack_no: int) -> int:
    return await tx.run(
        f"DELETE FROM {_TABLES[kind]} WHERE batch_id = ?1 AND pack_no = ?2",  # noqa: S608 - ours
        batch_id,
        pack_no,
    )


async def pack(tx: Transaction, batch_id: int, pack_no: int) -> StatementPack | None:
    """A pack by its number."""
    row = await tx.one(_PACK, batch_id, pack_no)
    return StatementPack(*row) if row else None


async def packs(tx: Transaction, batch_id: int) -> list[StatementPack]:
    """The packs of a batch that have come, by number."""
    return [StatementPack(*row) for row in await tx.all(_PACKS, batch_id)]


async def channels(tx: Transaction, batch_id: int) -> list[ChannelTotal]:
    """A batch's totals by channel, each once, by PayMode."""
    return [ChannelTotal(*row) for row in await tx.all(_CHANNELS, batch_id)]


# -- lines ----------------------------------------------------------------------------------------

FIRST: Final = ("", 0, 0, 0)
"""Before every line of `payment_lines_page`."""


async def payment_lines_page(
    tx: Transaction,
    src: str,
    check_date: str,
    after: tuple[str, int, int, int] = FIRST,
    limit: int = 2000,
) -> list[PaymentLine]:
    """The lines of a node's day in all channels that are usable, ordered by tra_no and place.

    ``after`` is (tra_no, batch_id, pack_no, line_no) of the last line seen.
    """
    rows = await tx.all(_LIST, src, check_date, *after, limit)
    return [PaymentLine(*row) for row in rows]


async def payment_lines_under(
    tx: Transaction, src: str, check_date: str, tra_no: str
) -> list[PaymentLine]:
    """The usable lines of a node's day with this TraNoBus."""
    return [PaymentLine(*row) for row in await tx.all(_LISTED_UNDER, src, check_date, tra_no)]


async def payment_line(tx: Transaction, ref: LineRef) -> PaymentRow | None:
    """A whole line of 2555, with its payer; None when its batch ended and it was deleted."""
    row = await tx.one(_PAYMENT, *ref)
    return PaymentRow(*row) if row else None


async def payment_rows(
    tx: Transaction, batch_id: int, after: tuple[int, int] = (0, 0), limit: int = 2000
) -> list[PaymentRow]:
    """Whole lines of one batch of 2555 by place, following (pack_no, line_no)."""
    return [PaymentRow(*row) for row in await tx.all(_PAYMENTS, batch_id, *after, limit)]


async def fund_line(tx: Transaction, ref: LineRef) -> FundsRow | None:
    """A line of 2557; None when its batch ended and it was deleted."""
    row = await tx.one(_FUNDS_LINE, *ref)
    return FundsRow(*row) if row else None


async def fund_lines(
    tx: Transaction, batch_id: int, after: tuple[int, int] = (0, 0), limit: int = 2000
) -> list[FundsRow]:
    """Lines of one batch of 2557 by place, following (pack_no, line_no)."""
    return [FundsRow(*row) for row in await tx.all(_FUNDS, batch_id, *after, limit)]


async def movement(tx: Transaction, ref: LineRef) -> MovementRow | None:
    """A line of 2556; None when its batch ended and it was deleted."""
    row = await tx.one(_MOVEMENT, *ref)
    return MovementRow(*row) if row else None


async def movements(
    tx: Transaction, batch_id: int, after: tuple[int, int] = (0, 0), limit: int = 2000
) -> list[MovementRow]:
    """Lines of one batch of 2556 by place, following (pack_no, line_no)."""
    return [MovementRow(*row) for row in await tx.all(_MOVEMENTS, batch_id, *after, limit)]


async def previous_balance(
    tx: Transaction, src: str, acct: str, check_date: str
) -> tuple[str, int] | None:
    """Date and EndBal of the last usable 2556 of an account before a date."""
    row = await tx.one(_PREVIOUS, src, acct, check_date)
    if row is None:
        return None
    batch = StatementBatch(*row)
    return batch.check_date, batch.end_bal or 0
