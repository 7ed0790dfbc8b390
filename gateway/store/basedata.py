"""Base data (基础数据) that nodes were told: batches, their packs, what each entry said.

A batch is the whole list of one kind, or changes to it. Its state follows from its packs, which are
messages of the outbox, until a receipt (2952) says how each account fared. A batch that lost a pack
has told nothing: its entries are told again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values

BatchState = Literal["queued", "sent", "acknowledged", "succeeded", "partly", "failed"]
PackState = Literal["queued", "sent", "acknowledged", "succeeded", "failed"]
Mode = Literal["full", "changes"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a node was told of one kind; ``digest`` is over all its entries.

    ``receipt_at``, ``succeeded`` and ``failed`` are the receipt's (2952), 0 until it came.
    """

    id: int
    batch_no: str
    peer: str
    kind: str
    number: str
    mode: Mode
    entries: int
    packs: int
    digest: str
    made_by: str
    created_at: int
    changed_at: int
    state: BatchState = "queued"
    information: str = ""
    receipt_at: int = 0
    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Pack:
    """One message of a batch."""

    batch_id: int
    pack_no: int
    outbox_id: int
    state: PackState = "queued"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as a batch told it; ``code`` and ``message`` are the receipt's, '' for none."""

    batch_id: int
    entry: str
    digest: str
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a node was told last of one entry; ``failed``: it has not taken it."""

    digest: str
    failed: bool


_ADD: Final = insert_into(Batch, "base_data_batches", "RETURNING id", without=("id",))
_VALUES: Final = values(Batch, without=("id",))
_ADD_PACK: Final = insert_into(Pack, "base_data_packs")
_PACK_VALUES: Final = values(Pack)
_ADD_LINE: Final = insert_into(Line, "base_data_lines")
_LINE_VALUES: Final = values(Line)
_GET: Final = select_from(Batch, "base_data_batches", "WHERE batch_no = ?1")
_BY_ID: Final = select_from(Batch, "base_data_batches", "WHERE id = ?1")
_PACKS: Final = select_from(Pack, "base_data_packs", "WHERE batch_id = ?1 ORDER BY pack_no")
_LINES: Final = select_from(Line, "base_data_lines", "WHERE batch_id = ?1 ORDER BY entry")
_REFUSED: Final = select_from(
    Line,
    "base_data_lines",
    "WHERE batch_id = ?1 AND code NOT IN ('', '00000') ORDER BY entry",
)
_LATEST: Final = select_from(
    Batch, "base_data_batches", "WHERE peer = ?1 AND kind = ?2 ORDER BY id DESC LIMIT 1"
)
_LATEST_FULL: Final = select_from(
    Batch,
    "base_data_batches",
    "WHERE peer = ?1 AND kind = ?2 AND mode = 'full' ORDER BY id DESC LIMIT 1",
)
_SINCE: Final = (
    "SELECT l.entry, l.digest, b.state, l.code FROM base_data_batches AS b"
    " JOIN base_data_lines AS l ON l.batch_id = b.id"
    " WHERE b.peer = ?1 AND b.kind = ?2 AND b.id >= ?3 ORDER BY b.id, l.entry"
)
_FOLLOW: Final = (
    "UPDATE base_data_batches SET state = ?2, information = ?3, changed_at = ?4 WHERE id = ?1"
)
_RECEIVE: Final = (
    "UPDATE base_data_batches SET state = ?2, succeeded = ?3, failed = ?4, receipt_at = ?5,"
    " changed_at = ?5, information = '' WHERE id = ?1 AND receipt_at = 0"
)
_SAY: Final = (
    "UPDATE base_data_lines SET code = ?3, message = ?4 WHERE batch_id = ?1 AND entry = ?2"
)


async def add(
    tx: Transaction, batch: Batch, outbox_ids: Sequence[int], lines: Mapping[str, str]
) -> int:
    """Write a batch with its packs (by the outbox's ids) and entries (with digests); its id."""
    row = await tx.one(_ADD, *_VALUES(batch))
    if row is None:
        raise RuntimeError("the database returned no id")
    batch_id = int(row[0])
    packs = (Pack(batch_id, number, made) for number, made in enumerate(outbox_ids, start=1))
    await tx.many(_ADD_PACK, map(_PACK_VALUES, packs))
    entries = (Line(batch_id, entry, digest) for entry, digest in lines.items())
    await tx.many(_ADD_LINE, map(_LINE_VALUES, entries))
    return batch_id


async def get(tx: Transaction, batch_no: str, *, lock: bool = False) -> Batch | None:
    """A batch by its BatchNo (批次号)."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, batch_no)
    return Batch(*row) if row else None


async def latest(tx: Transaction, peer: str, kind: str, *, lock: bool = False) -> Batch | None:
    """The batch that a node was given last of a kind, whatever became of it."""
    row = await tx.one(_LATEST + tx.for_update if lock else _LATEST, peer, kind)
    return Batch(*row) if row else None


async def latest_full(tx: Transaction, peer: str, kind: str) -> Batch | None:
    """The whole list that a node was given last of a kind, whatever became of it."""
    row = await tx.one(_LATEST_FULL, peer, kind)
    return Batch(*row) if row else None


async def told_since(tx: Transaction, batch: Batch) -> dict[str, Told]:
    """What a node was told by a batch and those of its kind after it: the last of each entry."""
    rows = await tx.all(_SINCE, batch.peer, batch.kind, batch.id)
    return {
        entry: Told(digest, state == "failed" or code not in {"", "00000"})
        for entry, digest, state, code in rows
    }


async def packs(tx: Transaction, batch_id: int) -> list[Pack]:
    """The packs of a batch, in order."""
    return [Pack(*row) for row in await tx.all(_PACKS, batch_id)]


async def lines(tx: Transaction, batch_id: int) -> list[Line]:
    """The entries of a batch, by key."""
    return [Line(*row) for row in await tx.all(_LINES, batch_id)]


async def refused_lines(tx: Transaction, batch_id: int) -> list[Line]:
    """The entries that a receipt refused, by key."""
    return [Line(*row) for row in await tx.all(_REFUSED, batch_id)]


async def move_pack(
    tx: Transaction, outbox_id: int, state: PackState, *, at: int, information: str = ""
) -> Batch | None:
    """A pack has reached a state; its batch as it stands now, None when it is no pack.

    A batch whose receipt is here has come to its end and stays as it is.
    """
    row = await tx.one(
        "UPDATE base_data_packs SET state = ?2 WHERE outbox_id = ?1 RETURNING batch_id",
        outbox_id,
        state,
    )
    found = await tx.one(_BY_ID + tx.for_update, row[0]) if row else None
    if row is None or found is None:
        return None
    batch = Batch(*found)
    if batch.receipt_at:
        return batch
    following = state_of([pack.state for pack in await packs(tx, batch.id)])
    kept = batch.information if following == "failed" else ""
    await tx.run(_FOLLOW, batch.id, following, information or kept, at)
    moved = await tx.one(_BY_ID, batch.id)
    return Batch(*moved) if moved else None


def state_of(states: Sequence[PackState]) -> BatchState:
    """The state of a batch whose packs have these states: it needs every one of them."""
    found = set(states)
    if "failed" in found:
        return "failed"
    if found == {"succeeded"}:
        return "succeeded"
    if found <= {"acknowledged", "succeeded"}:
        return "acknowledged"
    return "queued" if found == {"queued"} else "sent"


async def receive(
    tx: Transaction,
    batch: Batch,
    *,
    succeeded: int,
    failed: int,
    said: Sequence[Line],
    at: int,
) -> Literal["succeeded", "partly", "failed"]:
    """Note the receipt (2952) of a batch: the counts, and what it SAID of its entries."""
    state: Literal["succeeded", "partly", "failed"] = (
        "partly" if succeeded and failed else "failed" if failed else "succeeded"
    )
    await tx.run(_RECEIVE, batch.id, state, succeeded, failed, at)
    await tx.many(_SAY, ((batch.id, line.entry, line.code, line.message) for line in said))
    return state


async def page(
    tx: Transaction, *, peer: str = "", kind: str = "", latest_only: bool = True, limit: int = 1000
) -> list[Batch]:
    """The batches of every node and kind, by node and kind: the last one of each, or all."""
    conditions = Conditions()
    conditions.equal("peer", peer)
    conditions.equal("kind", kind)
    if latest_only:
        conditions.add("id IN (SELECT max(id) FROM base_data_batches GROUP BY peer, kind)")
    order = "ORDER BY peer, kind, id DESC LIMIT " + conditions.mark(limit)
    sql = select_from(Batch, "base_data_batches", f"{conditions.where()} {order}")
    return [Batch(*row) for row in await tx.all(sql, *conditions.args)]


async def catalogue_changed(tx: Transaction, after: int) -> tuple[int, bool]:
    """The journal's last row, and whether a row after number AFTER changed the catalogue."""
    row = await tx.one(
        "SELECT coalesce(max(seq), ?1),"
        " coalesce(max(CASE WHEN kind IN ('catalogue.added', 'catalogue.changed')"
        " THEN 1 ELSE 0 END), 0)"
        " FROM journal WHERE seq > ?1",
        after,
    )
    return (int(row[0]), bool(row[1])) if row else (after, False)
