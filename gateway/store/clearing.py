"""Clearing (清分): what has entered it, and the parts that wait or were instructed.

A payment enters once, each of its succeeded refunds once, negative. An entry has parts by line of
the bill and of the sharing rule; a part waits in its group until it goes into one line of one
instruction. While a refund of a payment lives, what waits of that payment is held back.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .clearing_records import Bound, Entry, Group, Part
from .protocol import Transaction
from .records import Payment, Refund
from .sql import insert_into, select_from, values

_NEW: Final = ("id",)
# What waits of a payment is held back while one of its refunds lives. Few do: they are looked up
# once, not for each part.
_HELD: Final = (
    "(e.payment_id IN (SELECT r.payment_id FROM refunds AS r WHERE r.state IN"
    " ('requested', 'approved', 'queued', 'sent', 'acknowledged', 'unknown'))"
    " AND EXISTS (SELECT 1 FROM clearing_entries AS o JOIN clearing_parts AS q ON q.entry_id = o.id"
    " WHERE o.payment_id = e.payment_id AND o.refund_no = '' AND q.instr_no = '' AND q.amt <> 0))"
)

_PUT_GROUP: Final = insert_into(
    Group,
    "clearing_groups",
    "ON CONFLICT (node, region, peer, acct_type, acct_no)"
    " DO UPDATE SET acct_name = excluded.acct_name RETURNING id",
    without=_NEW,
)
_GROUP_VALUES: Final = values(Group, without=_NEW)
_GROUP: Final = select_from(Group, "clearing_groups", "WHERE id = ?1")
_WAITING_GROUPS: Final = select_from(
    Group,
    "clearing_groups",
    "WHERE node = ?1 AND EXISTS (SELECT 1 FROM clearing_parts AS p"
    " WHERE p.group_id = clearing_groups.id AND p.instr_no = '') ORDER BY id",
)
_ENTER: Final = insert_into(
    Entry, "clearing_entries", "ON CONFLICT DO NOTHING RETURNING id", without=_NEW
)
_ENTRY_VALUES: Final = values(Entry, without=_NEW)
_ENTRY: Final = select_from(Entry, "clearing_entries", "WHERE payment_id = ?1 AND refund_no = ''")
_INSERT_PART: Final = insert_into(Part, "clearing_parts")
_PART_VALUES: Final = values(Part)
_PARTS: Final = select_from(Part, "clearing_parts", "WHERE entry_id = ?1 ORDER BY seq")
_UNCLEARED: Final = select_from(
    Payment,
    "payments",
    "WHERE src = ?1 AND cfm_date = ?2 AND tra_no_bus > ?3 AND duplicate = 0 AND NOT EXISTS"
    " (SELECT 1 FROM clearing_entries AS e WHERE e.payment_id = payments.id AND e.refund_no = '')"
    " ORDER BY tra_no_bus LIMIT ?4",
)
_UNNETTED: Final = select_from(
    Refund,
    "refunds",
    "WHERE state = 'succeeded' AND refund_no > ?2 AND src = ?1 AND paid_from <> 'treasury'"
    " AND EXISTS (SELECT 1 FROM clearing_entries AS e"
    " WHERE e.payment_id = refunds.payment_id AND e.refund_no = '')"
    " AND NOT EXISTS (SELECT 1 FROM clearing_entries AS n"
    " WHERE n.refund_no = refunds.refund_no AND n.refund_no <> '') ORDER BY refund_no LIMIT ?3",
)
_OF_WAITING: Final = (
    "FROM clearing_parts AS p JOIN clearing_entries AS e ON e.id = p.entry_id"
    " WHERE p.group_id = ?1 AND p.instr_no = ''"
)
_SUMS: Final = (
    f"SELECT p.target, sum(p.amt) {_OF_WAITING} AND NOT {_HELD} GROUP BY p.target ORDER BY p.target"
)
_BIND: Final = (
    "UPDATE clearing_parts SET instr_no = ?3, line_no = ?4"
    " WHERE group_id = ?1 AND instr_no = '' AND target = ?2"
    f" AND entry_id NOT IN (SELECT e.id {_OF_WAITING} AND p.target = ?2 AND {_HELD})"
)
_BOUND: Final = (
    "SELECT count(DISTINCT CASE WHEN e.refund_no = '' THEN e.id END),"
    " count(DISTINCT CASE WHEN e.refund_no <> '' THEN e.id END), coalesce(sum(p.amt), 0)"
    " FROM clearing_parts AS p JOIN clearing_entries AS e ON e.id = p.entry_id"
    " WHERE p.instr_no = ?1 AND p.instr_no <> ''"
)
_HELD_CODES: Final = (
    "SELECT DISTINCT pay_code FROM payments WHERE id IN"
    f" (SELECT e.payment_id {_OF_WAITING} AND {_HELD}) ORDER BY pay_code"
)


# -- what enters --------------------------------------------------------------------------------


async def put_group(tx: Transaction, group: Group) -> int:
    """The id of a group, which is written when it is new; ``group.id`` is ignored."""
    row = await tx.one(_PUT_GROUP, *_GROUP_VALUES(group))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def group(tx: Transaction, group_id: int, *, lock: bool = False) -> Group | None:
    """A group; ``lock`` serialises whoever instructs what waits in it."""
    row = await tx.one(_GROUP + tx.for_update if lock else _GROUP, group_id)
    return Group(*row) if row else None


async def waiting_groups(tx: Transaction, node: str) -> list[Group]:
    """The groups of a collecting node in which something waits."""
    return [Group(*row) for row in await tx.all(_WAITING_GROUPS, node)]


async def enter(tx: Transaction, entry: Entry, parts: Sequence[Part]) -> bool:
    """Write an entry with its parts, whose ``entry_id`` is ignored; ``entry.id``, too.

    False, and nothing is written, when the payment or refund has entered already.
    ConstraintViolated for a duplicate payment, a refund that did not succeed or whose payment has
    not entered.
    """
    row = await tx.one(_ENTER, *_ENTRY_VALUES(entry))
    if row is None:
        return False
    await tx.many(_INSERT_PART, [(row[0], *_PART_VALUES(part)[1:]) for part in parts])
    return True


async def entry_of_payment(tx: Transaction, payment_id: int, *, lock: bool = False) -> Entry | None:
    """The entry of a payment itself; None while it has not entered clearing.

    ``lock`` serialises whoever nets refunds of it, which go by what was netted before.
    """
    row = await tx.one(_ENTRY + tx.for_update if lock else _ENTRY, payment_id)
    return Entry(*row) if row else None


async def parts_of(tx: Transaction, entry_id: int) -> list[Part]:
    """The parts of an entry in order."""
    return [Part(*row) for row in await tx.all(_PARTS, entry_id)]


async def netted(tx: Transaction, payment_id: int) -> int:
    """Fen of a payment's refunds that have entered clearing."""
    row = await tx.one(
        "SELECT coalesce(sum(amt), 0) FROM clearing_entries"
        " WHERE payment_id = ?1 AND refund_no <> ''",
        payment_id,
    )
    return -int(row[0]) if row else 0


async def has_left(tx: Transaction, payment_id: int) -> bool:
    """Whether money of a payment was instructed to leave the account that it was collected on."""
    return (
        await tx.one(
            "SELECT 1 FROM clearing_entries AS e JOIN clearing_parts AS p ON p.entry_id = e.id"
            " WHERE e.payment_id = ?1 AND e.refund_no = '' AND p.instr_no <> '' LIMIT 1",
            payment_id,
        )
        is not None
    )


async def uncleared(
    tx: Transaction,
    node: str,
    cfm_date: str,
    *,
    after: str = "",
    limit: int = 500,
    lock: bool = False,
) -> list[Payment]:
    """A node's effective payments of a day that have not entered, by TraNoBus.

    ``lock``: nobody asks for a refund of them meanwhile.
    """
    sql = _UNCLEARED + tx.for_update if lock else _UNCLEARED
    rows = await tx.all(sql, node, cfm_date, after, limit)
    return [Payment(*row) for row in rows]


async def unnetted(
    tx: Transaction, node: str, *, after: str = "", limit: int = 500
) -> list[Refund]:
    """Succeeded refunds of a node's cleared payments that have not entered, by number.

    What a treasury paid back itself is none of them.
    """
    return [Refund(*row) for row in await tx.all(_UNNETTED, node, after, limit)]


async def nodes(tx: Transaction) -> list[str]:
    """All nodes that ever collected, by skipping along the index of payments."""
    found: list[str] = []
    while row := await tx.one(
        "SELECT src FROM payments WHERE src > ?1 ORDER BY src LIMIT 1", found[-1] if found else ""
    ):
        found.append(row[0])
    return found


# -- what waits -----------------------------------------------------------------------------------


async def sums(tx: Transaction, group_id: int) -> list[tuple[str, int]]:
    """What waits in a group and is not held back, by target: code and fen of either sign."""
    return [(row[0], int(row[1])) for row in await tx.all(_SUMS, group_id)]


async def held(tx: Transaction, group_id: int) -> list[str]:
    """Pay codes of the payments of which something is held back by a living refund."""
    return [row[0] for row in await tx.all(_HELD_CODES, group_id)]


async def bind(tx: Transaction, group_id: int, target: str, *, instr_no: str, line_no: int) -> None:
    """Put what waits for a target, and is not held back, into a line, for ever."""
    await tx.run(_BIND, group_id, target, instr_no, line_no)


async def bound(tx: Transaction, instr_no: str) -> Bound:
    """What has gone into an instruction; nothing into one that sends lines again."""
    row = await tx.one(_BOUND, instr_no)
    return Bound(int(row[0]), int(row[1]), int(row[2])) if row else Bound(0, 0, 0)
