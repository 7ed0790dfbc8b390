"""Posting files (机制凭证) for the general ledger: kept as they were written, numbered gap-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values


@dataclass(frozen=True, slots=True)
class PostingFile:
    """A file; `document` is its JSON, `sheet` its CSV. Fen; `acked_at` 0: not acknowledged."""

    no: int
    template_set: str
    day: str
    made_at: int
    made_by: str
    lines: int
    debit: int
    credit: int
    digest: str
    document: str = field(repr=False)
    sheet: str = field(repr=False)
    acked_at: int = 0
    acked_by: str = ""
    ack_note: str = ""


_INSERT: Final = insert_into(PostingFile, "posting_files")
_VALUES: Final = values(PostingFile)
_GET: Final = select_from(PostingFile, "posting_files", "WHERE no = ?1")
_OF_DAY: Final = select_from(PostingFile, "posting_files", "WHERE template_set = ?1 AND day = ?2")
_ACK: Final = (
    "UPDATE posting_files SET acked_at = ?2, acked_by = ?3, ack_note = ?4"
    " WHERE no = ?1 AND acked_at = 0"
)


async def next_no(tx: Transaction) -> int:
    """The number of the next file: they are counted without gaps from 1."""
    row = await tx.one("SELECT coalesce(max(no), 0) + 1 FROM posting_files")
    return int(row[0]) if row else 1


async def insert(tx: Transaction, file: PostingFile) -> None:
    """Write a new file; ConstraintViolated for another number than the next one."""
    await tx.run(_INSERT, *_VALUES(file))


async def get(tx: Transaction, no: int) -> PostingFile | None:
    """A file by its number."""
    row = await tx.one(_GET, no)
    return PostingFile(*row) if row else None


async def of_day(tx: Transaction, template_set: str, day: str) -> PostingFile | None:
    """The file of a day by a set of templates."""
    row = await tx.one(_OF_DAY, template_set, day)
    return PostingFile(*row) if row else None


async def acknowledge(tx: Transaction, no: int, *, at: int, by: str, note: str) -> bool:
    """Note that the ledger has a file; False when that was noted before."""
    return await tx.run(_ACK, no, at, by, note) == 1


async def page(
    tx: Transaction,
    *,
    day: str = "",
    open_only: bool = False,
    after: int = 0,
    limit: int = 100,
) -> list[PostingFile]:
    """Files by number, following the last one already seen; `open_only`: not acknowledged."""
    conditions = Conditions()
    conditions.add("no > {}", after)
    conditions.equal("day", day)
    if open_only:
        conditions.add("acked_at = 0")
    order = "ORDER BY no LIMIT " + conditions.mark(limit)
    sql = select_from(PostingFile, "posting_files", f"{conditions.where()} {order}")
    return [PostingFile(*row) for row in await tx.all(sql, *conditions.args)]
