"""Batches of payments that were moved to another bank (行间划转, 2613)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from . import payments
from .protocol import Transaction
from .records import Payment
from .sql import Conditions, columns, insert_into, select_from, values

TransferState = Literal["sent", "arrived", "cancelled"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One batch; identity (src, batch_no), and (src, tra_no) too. ``id`` 0: not yet written."""

    id: int
    src: str
    batch_no: str
    tra_date: str
    tra_no: str
    payer_name: str = field(repr=False)
    payer_acct: str = field(repr=False)
    rec_acct_type: str
    rec_name: str = field(repr=False)
    rec_acct: str = field(repr=False)
    rec_op_bk: str
    rec_op_bk_no: str
    amt: int
    count: int
    state: TransferState
    received_at: int
    changed_at: int


@dataclass(frozen=True, slots=True)
class TransferDetail:
    """One payment of a batch; ``living`` 0 when the batch was cancelled."""

    transfer_id: int
    line: int
    payment_id: int
    living: int = 1


_NEW: Final = ("id",)
_INSERT: Final = insert_into(Transfer, "transfers", "RETURNING id", without=_NEW)
_VALUES: Final = values(Transfer, without=_NEW)
_INSERT_DETAIL: Final = insert_into(TransferDetail, "transfer_details")
_DETAIL_VALUES: Final = values(TransferDetail)
_GET: Final = select_from(Transfer, "transfers", "WHERE id = ?1")
_NAMED: Final = select_from(
    Transfer, "transfers", "WHERE src = ?1 AND (batch_no = ?2 OR tra_no = ?3)"
)
_UNDER_WAY: Final = select_from(
    Transfer, "transfers", "WHERE batch_no = ?1 AND state = 'sent' ORDER BY id"
)
_PAID: Final = ", ".join(f"p.{name}" for name in columns(Payment))
_PAYMENTS: Final = (
    f"SELECT {_PAID} FROM transfer_details d JOIN payments p ON p.id = d.payment_id"  # noqa: S608
    " WHERE d.transfer_id = ?1 ORDER BY d.line"
)
_BATCH_OF: Final = (
    "SELECT t.batch_no FROM transfer_details d JOIN transfers t ON t.id = d.transfer_id"
    " WHERE d.payment_id = ?1 AND d.living = 1"
)
# Those of a batch whose money is not known to have come another way before.
_ARRIVED: Final = (
    "INSERT INTO payment_funds (payment_id, arrived_on, arrival_id)"
    " SELECT payment_id, ?2, ?3 FROM transfer_details WHERE transfer_id = ?1"
    " ON CONFLICT (payment_id) DO UPDATE SET arrived_on = excluded.arrived_on,"
    " arrival_id = excluded.arrival_id WHERE payment_funds.arrived_on = ''"
)


async def insert(tx: Transaction, transfer: Transfer, payment_ids: Sequence[int]) -> int:
    """Write a batch with its payments, in the order given, and return its id.

    ConstraintViolated when its numbers are there already or a payment is in another living batch:
    ask `named` and `batch_of` before.
    """
    row = await tx.one(_INSERT, *_VALUES(transfer))
    if row is None:
        raise RuntimeError("the database returned no id")
    transfer_id = int(row[0])
    details = (
        _DETAIL_VALUES(TransferDetail(transfer_id, line, payment_id))
        for line, payment_id in enumerate(payment_ids, 1)
    )
    await tx.many(_INSERT_DETAIL, details)
    return transfer_id


async def get(tx: Transaction, transfer_id: int, *, lock: bool = False) -> Transfer | None:
    """A batch by its id."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, transfer_id)
    return Transfer(*row) if row else None


async def named(tx: Transaction, src: str, batch_no: str, tra_no: str) -> list[Transfer]:
    """A node's batches with this BatchNo or this TraNo (at most one each), the BatchNo's first."""
    found = [Transfer(*row) for row in await tx.all(_NAMED, src, batch_no, tra_no)]
    return sorted(found, key=lambda transfer: transfer.batch_no != batch_no)


async def payments_of(tx: Transaction, transfer_id: int) -> list[Payment]:
    """The payments of a batch, in its order."""
    return [Payment(*row) for row in await tx.all(_PAYMENTS, transfer_id)]


async def confirmed(tx: Transaction, pay_code: str, src: str, tra_no_bus: str) -> list[Payment]:
    """A node's payments of a bill under a number, locked; the effective one first."""
    of_bill = await payments.of_bill(tx, pay_code)
    wanted = [p.id for p in of_bill if (p.src, p.tra_no_bus) == (src, tra_no_bus)]
    found = [await payments.get(tx, payment_id, lock=True) for payment_id in wanted]
    return [payment for payment in found if payment is not None]


async def batch_of(tx: Transaction, payment_id: int) -> str | None:
    """BatchNo of the living batch that a payment is in."""
    row = await tx.one(_BATCH_OF, payment_id)
    return str(row[0]) if row else None


async def under_way(tx: Transaction, batch_no: str) -> list[Transfer]:
    """Every node's batches of this number whose money has not arrived."""
    return [Transfer(*row) for row in await tx.all(_UNDER_WAY, batch_no)]


async def arrived(
    tx: Transaction, transfer: Transfer, date: str, arrival_id: int, *, at: int
) -> int:
    """The money of a batch has arrived, and with it that of its payments; how many of them.

    A payment whose money is known to have arrived before keeps that and is not counted.
    """
    changed = await tx.run(
        "UPDATE transfers SET state = 'arrived', changed_at = ?2 WHERE id = ?1 AND state = 'sent'",
        transfer.id,
        at,
    )
    if changed != 1:
        raise RuntimeError("the batch is not under way")
    return await tx.run(_ARRIVED, transfer.id, date, arrival_id)


async def cancel(tx: Transaction, transfer_id: int, *, at: int) -> bool:
    """The batch came to nothing: its payments may be in another one; False: it is not under way."""
    changed = await tx.run(
        "UPDATE transfers SET state = 'cancelled', changed_at = ?2"
        " WHERE id = ?1 AND state = 'sent'",
        transfer_id,
        at,
    )
    if changed == 1:
        await tx.run("UPDATE transfer_details SET living = 0 WHERE transfer_id = ?1", transfer_id)
    return changed == 1


async def page(
    tx: Transaction,
    *,
    src: str = "",
    state: TransferState | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Transfer]:
    """Batches by id, following the last one already seen."""
    conditions = Conditions()
    conditions.add("id > {}", after)
    conditions.equal("src", src)
    conditions.equal("state", state)
    order = "ORDER BY id LIMIT " + conditions.mark(limit)
    sql = select_from(Transfer, "transfers", f"{conditions.where()} {order}")
    return [Transfer(*row) for row in await tx.all(sql, *conditions.args)]
