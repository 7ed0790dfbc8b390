"""Files for the voucher library (电子凭证库) that are decided and not yet written to the spool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from .protocol import Transaction
from .sql import insert_into, select_from, values

VoucherKind = Literal["receipt", "remittance"]


@dataclass(frozen=True, slots=True)
class SpoolVoucher:
    """A file for the spool; ``document`` is its JSON. ``id`` 0: not yet written."""

    id: int
    kind: VoucherKind
    number: str
    document: str = field(repr=False)
    created_at: int
    spooled_at: int | None = None


_NEW: Final = ("id",)
_INSERT: Final = insert_into(
    SpoolVoucher, "vouchers", "ON CONFLICT (kind, number) DO NOTHING", without=_NEW
)
_VALUES: Final = values(SpoolVoucher, without=_NEW)
_WAITING: Final = select_from(
    SpoolVoucher, "vouchers", "WHERE spooled_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2"
)
_GET: Final = select_from(SpoolVoucher, "vouchers", "WHERE kind = ?1 AND number = ?2")


async def put(tx: Transaction, voucher: SpoolVoucher) -> bool:
    """Write a voucher to be spooled; False when there is one of that kind and number."""
    return await tx.run(_INSERT, *_VALUES(voucher)) == 1


async def get(tx: Transaction, kind: VoucherKind, number: str) -> SpoolVoucher | None:
    """A voucher by kind and number."""
    row = await tx.one(_GET, kind, number)
    return SpoolVoucher(*row) if row else None


async def waiting(tx: Transaction, *, after: int = 0, limit: int = 100) -> list[SpoolVoucher]:
    """Vouchers whose files were not seen written, oldest first."""
    return [SpoolVoucher(*row) for row in await tx.all(_WAITING, after, limit)]


async def spooled(tx: Transaction, ids: Sequence[int], *, at: int) -> None:
    """Note that the files of these vouchers are in the spool."""
    await tx.many(
        "UPDATE vouchers SET spooled_at = ?2 WHERE id = ?1 AND spooled_at IS NULL",
        ((number, at) for number in ids),
    )
