"""Remittances (缴库单), their lines, and the dues that lines are made of.

A due is in at most one living remittance: the database refuses a second one. A failed remittance is
released: its dues are open again.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values

RemittanceState = Literal[
    "queued", "sent", "acknowledged", "succeeded", "failed", "unknown", "unmatched"
]


@dataclass(frozen=True, slots=True)
class Remittance:
    """A remittance; ``id`` 0: not yet written. ``origin`` bank: the bank started it itself.

    ``mode`` 1 direct (直接缴库), 2 consolidated (集中汇缴); ``remit_type`` 1 to a treasury (缴库),
    2 to an account (缴户); '' of a bank's own.
    """

    id: int
    remit_no: str
    node: str
    origin: Literal["run", "bank"]
    remit_date: str
    remit_type: str
    mode: str
    region: str
    target: str
    level: str
    tre_code: str
    tre_name: str
    pay_acct: str
    pay_acct_name: str
    rec_acct: str
    rec_name: str
    rec_op_bk: str
    total: int
    count: int
    state: RemittanceState
    made_by: str
    created_at: int
    changed_at: int
    result: str = ""
    information: str = ""
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


@dataclass(frozen=True, slots=True)
class RemittanceLine:
    """A line; ``line_no`` counts from 1, fen."""

    remit_id: int
    line_no: int
    subject: str
    subject_name: str
    level: str
    item_code: str
    item_name: str
    pay_code: str
    unit_code: str
    unit_name: str
    amt: int


@dataclass(frozen=True, slots=True)
class RemittancePart:
    """What a due gives to a line, net of refunds; ``living`` 0: the remittance failed."""

    remit_id: int
    line_no: int
    payment_id: int
    item_code: str
    level: str
    amt: int
    living: int = 1


@dataclass(frozen=True, slots=True)
class RemitOutcome:
    """What 2618 or an operator said of a remittance."""

    result: str
    information: str = ""
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


_NEW: Final = ("id",)
_INSERT: Final = insert_into(Remittance, "remittances", "RETURNING id", without=_NEW)
_VALUES: Final = values(Remittance, without=_NEW)
_GET: Final = select_from(Remittance, "remittances", "WHERE id = ?1")
_BY_NUMBER: Final = select_from(Remittance, "remittances", "WHERE node = ?1 AND remit_no = ?2")
_NAMED: Final = select_from(Remittance, "remittances", "WHERE remit_no = ?1 ORDER BY origin, id")
_INSERT_LINE: Final = insert_into(RemittanceLine, "remittance_lines")
_LINE_VALUES: Final = values(RemittanceLine)
_LINES: Final = select_from(
    RemittanceLine, "remittance_lines", "WHERE remit_id = ?1 ORDER BY line_no"
)
_INSERT_PART: Final = insert_into(RemittancePart, "remittance_parts")
_PART_VALUES: Final = values(RemittancePart)
_PARTS: Final = select_from(
    RemittancePart,
    "remittance_parts",
    "WHERE remit_id = ?1 ORDER BY line_no, payment_id, item_code, level",
)
_KEY: Final = "(payment_id, item_code, level)"
_KEYS_OF: Final = "SELECT payment_id, item_code, level FROM remittance_parts WHERE remit_id = ?1"
_UPDATE: Final = "UPDATE remittances SET {sets} WHERE id = {target} AND state IN ({states})"
# Somebody else has the money by now, or has ordered it back since the remittance failed.
_TAKEN: Final = (
    "SELECT 1 FROM remittance_parts AS m JOIN remittances AS f ON f.id = m.remit_id"
    " WHERE m.remit_id = ?1 AND (EXISTS (SELECT 1 FROM remittance_parts AS o"
    " WHERE o.payment_id = m.payment_id AND o.item_code = m.item_code AND o.level = m.level"
    " AND o.living = 1) OR EXISTS (SELECT 1 FROM refunds AS r WHERE r.payment_id = m.payment_id"
    " AND r.state NOT IN ('failed', 'rejected') AND r.changed_at >= f.changed_at)) LIMIT 1"
)


async def insert(
    tx: Transaction,
    remittance: Remittance,
    lines: Sequence[RemittanceLine] = (),
    parts: Sequence[RemittancePart] = (),
) -> int:
    """Write a remittance with its lines and parts, and return its id; their ids are ignored.

    ConstraintViolated when the number exists, or when a part is in a living remittance already.
    ValueError when total or count are not those of the lines.
    """
    if remittance.origin == "run" or lines or parts:  # a bank's own gets its lines later, or none
        _check_sums(remittance.total, remittance.count, lines, parts)
    row = await tx.one(_INSERT, *_VALUES(remittance))
    if row is None:
        raise RuntimeError("the database returned no id")
    await _add(tx, int(row[0]), lines, parts)
    return int(row[0])


async def match(
    tx: Transaction,
    remittance: Remittance,
    lines: Sequence[RemittanceLine],
    parts: Sequence[RemittancePart],
    *,
    at: int,
) -> bool:
    """Give a bank's own remittance its lines; False when it has them already."""
    _check_sums(remittance.total, len(lines), lines, parts)
    changed = await tx.run(
        "UPDATE remittances SET state = 'succeeded', count = ?2, region = ?3, mode = ?4,"
        " remit_type = ?5, pay_acct = ?6, changed_at = ?7"
        " WHERE id = ?1 AND origin = 'bank' AND state = 'unmatched'",
        remittance.id,
        len(lines),
        remittance.region,
        remittance.mode,
        remittance.remit_type,
        remittance.pay_acct,
        at,
    )
    if changed:
        await _add(tx, remittance.id, lines, parts)
    return changed == 1


def _check_sums(
    total: int,
    count: int,
    lines: Sequence[RemittanceLine],
    parts: Sequence[RemittancePart],
) -> None:
    by_line = dict.fromkeys((line.line_no for line in lines), 0)
    for part in parts:
        by_line[part.line_no] += part.amt
    if count != len(lines) or total != sum(line.amt for line in lines):
        raise ValueError("the remittance's total or count is not that of its lines")
    if any(by_line[line.line_no] != line.amt for line in lines):
        raise ValueError("a line of the remittance is not the sum of its parts")


async def _add(
    tx: Transaction,
    remit_id: int,
    lines: Iterable[RemittanceLine],
    parts: Iterable[RemittancePart],
) -> None:
    await tx.many(_INSERT_LINE, ((remit_id, *_LINE_VALUES(line)[1:]) for line in lines))
    await tx.many(_INSERT_PART, ((remit_id, *_PART_VALUES(part)[1:]) for part in parts))
    await _open(tx, remit_id, 0)


async def _open(tx: Transaction, remit_id: int, value: int) -> None:
    await tx.run(f"UPDATE income_dues SET open = ?2 WHERE {_KEY} IN ({_KEYS_OF})", remit_id, value)


async def get(tx: Transaction, remit_id: int, *, lock: bool = False) -> Remittance | None:
    """A remittance by its id."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, remit_id)
    return Remittance(*row) if row else None


async def by_number(
    tx: Transaction, node: str, remit_no: str, *, lock: bool = False
) -> Remittance | None:
    """A node's remittance by its number (RemitNo)."""
    row = await tx.one(_BY_NUMBER + tx.for_update if lock else _BY_NUMBER, node, remit_no)
    return Remittance(*row) if row else None


async def named(tx: Transaction, remit_no: str) -> list[Remittance]:
    """Remittances of this number; several only when a bank numbered its own alike."""
    found = [Remittance(*row) for row in await tx.all(_NAMED, remit_no)]
    return [entry for entry in found if entry.origin == "run"] or found


async def lines(tx: Transaction, remit_id: int) -> list[RemittanceLine]:
    """The lines of a remittance."""
    return [RemittanceLine(*row) for row in await tx.all(_LINES, remit_id)]


async def parts(tx: Transaction, remit_id: int) -> list[RemittancePart]:
    """What the lines of a remittance are made of."""
    return [RemittancePart(*row) for row in await tx.all(_PARTS, remit_id)]


async def set_state(
    tx: Transaction,
    remit_id: int,
    *,
    expected: tuple[RemittanceState, ...],
    state: RemittanceState,
    changed_at: int,
    outcome: RemitOutcome | None = None,
) -> bool:
    """Move a remittance to another state; False when it is in none of the expected ones."""
    sets = Conditions()
    sets.equal_always("state", state)
    sets.equal_always("changed_at", changed_at)
    if outcome is not None:
        for name in ("result", "information", "tra_no", "tra_date", "tra_time"):
            sets.equal_always(name, getattr(outcome, name))
    target = sets.mark(remit_id)
    states = ", ".join(sets.mark(name) for name in expected)
    sql = _UPDATE.format(sets=sets.listed(), target=target, states=states)
    return await tx.run(sql, *sets.args) == 1


async def release(tx: Transaction, remit_id: int) -> int:
    """Open the dues of a remittance again; how many there are."""
    released = await tx.run(
        "UPDATE remittance_parts SET living = 0 WHERE remit_id = ?1 AND living = 1", remit_id
    )
    if released:
        await _open(tx, remit_id, 1)
    return released


async def hold(tx: Transaction, remit_id: int) -> bool:
    """Take the dues of a released remittance back, because its money has moved after all.

    False, and nothing is written, when a part is in another living remittance, or when money of it
    was ordered back since.
    """
    if await tx.one(_TAKEN, remit_id) is not None:
        return False
    await tx.run("UPDATE remittance_parts SET living = 1 WHERE remit_id = ?1", remit_id)
    await _open(tx, remit_id, 0)
    return True


async def without_voucher(tx: Transaction) -> list[int]:
    """Succeeded remittances, by id, whose voucher (缴库凭证) was not decided yet."""
    rows = await tx.all(
        "SELECT r.id FROM remittances AS r WHERE r.state = 'succeeded' AND NOT EXISTS"
        " (SELECT 1 FROM vouchers AS v WHERE v.kind = 'remittance' AND v.number ="
        " CASE WHEN r.origin = 'run' THEN r.remit_no ELSE r.node || '-' || r.id END) ORDER BY r.id"
    )
    return [int(row[0]) for row in rows]


async def page(
    tx: Transaction,
    *,
    state: RemittanceState | None = None,
    node: str = "",
    remit_date: str = "",
    after: int = 0,
    limit: int = 100,
) -> list[Remittance]:
    """Remittances by id, following the last one already seen."""
    conditions = Conditions()
    conditions.add("id > {}", after)
    conditions.equal("state", state)
    conditions.equal("node", node)
    conditions.equal("remit_date", remit_date)
    order = "ORDER BY id LIMIT " + conditions.mark(limit)
    sql = select_from(Remittance, "remittances", f"{conditions.where()} {order}")
    return [Remittance(*row) for row in await tx.all(sql, *conditions.args)]
