"""Bills (缴款书) and their items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from .protocol import Transaction
from .records import Bill, BillFace, BillItem, BillState
from .sql import Conditions, insert_into, placeholders, select_from, values

_GET: Final = select_from(Bill, "bills", "WHERE pay_code = ?1")
_FACE: Final = f"SELECT {', '.join(BillFace._fields)} FROM bills WHERE pay_code = ?1"  # noqa: S608 - ours
_INSERT: Final = insert_into(Bill, "bills", "ON CONFLICT DO NOTHING")
_INSERT_ALL: Final = insert_into(Bill, "bills")
_VALUES: Final = values(Bill)
_ITEMS: Final = select_from(BillItem, "bill_items", "WHERE pay_code = ?1 ORDER BY line")
_INSERT_ITEM: Final = insert_into(BillItem, "bill_items")
_ITEM_VALUES: Final = values(BillItem)
_SCHOOL: Final = "AND education = 1 AND state = 'unpaid' ORDER BY bill_date, pay_code LIMIT ?2"
_BY_MOBILE: Final = select_from(Bill, "bills", "WHERE mobile = ?1 AND mobile <> '' " + _SCHOOL)
_BY_IDENTITY: Final = select_from(
    Bill, "bills", "WHERE id_number = ?1 AND id_number <> '' " + _SCHOOL
)
_BY_VIRTUAL: Final = select_from(
    Bill,
    "bills",
    "WHERE virtual_acct = ?1 AND virtual_acct <> '' AND state = 'unpaid' ORDER BY pay_code LIMIT 1",
)
_KNOWN: Final = "SELECT pay_code FROM bills WHERE pay_code IN ({})"
_TOTALS: Final = "SELECT state, count(*), sum(amt) FROM bills {} GROUP BY state ORDER BY state"
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class BillFilter:
    """What a list of bills is narrowed to; '' and None mean any. Dates are inclusive."""

    region: str = ""
    unit_code: str = ""
    state: BillState | None = None
    source: str = ""
    maker: str = ""
    bill_date_from: str = ""
    bill_date_to: str = ""
    education: int | None = None

    def conditions(self) -> Conditions:
        """The conditions as SQL."""
        found = Conditions()
        found.equal("region", self.region)
        found.equal("unit_code", self.unit_code)
        found.equal("state", self.state)
        found.equal("source", self.source)
        found.equal("maker", self.maker)
        found.equal("education", self.education)
        if self.bill_date_from:
            found.add("bill_date >= {}", self.bill_date_from)
        if self.bill_date_to:
            found.add("bill_date <= {}", self.bill_date_to)
        return found


@dataclass(frozen=True, slots=True)
class BillTotal:
    """Number and sum (fen) of the bills in one state."""

    state: BillState
    count: int
    amt: int


async def insert(tx: Transaction, bill: Bill, items: Iterable[BillItem]) -> bool:
    """Write a bill with its items; False when the pay code exists (nothing is written then)."""
    if not await tx.run(_INSERT, *_VALUES(bill)):
        return False
    for item in items:
        await tx.run(_INSERT_ITEM, *_ITEM_VALUES(item))
    return True


async def insert_many(tx: Transaction, bills: Iterable[Bill], items: Iterable[BillItem]) -> None:
    """Write many new bills and their items; ConstraintViolated when a pay code exists."""
    await tx.many(_INSERT_ALL, map(_VALUES, bills))
    await tx.many(_INSERT_ITEM, map(_ITEM_VALUES, items))


async def existing(tx: Transaction, pay_codes: Sequence[str]) -> set[str]:
    """Those of the pay codes that are in the books."""
    found: set[str] = set()
    for start in range(0, len(pay_codes), _CHUNK):
        chunk = pay_codes[start : start + _CHUNK]
        rows = await tx.all(_KNOWN.format(placeholders(len(chunk))), *chunk)
        found.update(row[0] for row in rows)
    return found


async def get(tx: Transaction, pay_code: str, *, lock: bool = False) -> Bill | None:
    """The bill of a pay code; ``lock`` keeps other transactions from changing it meanwhile."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, pay_code)
    return Bill(*row) if row else None


async def face(tx: Transaction, pay_code: str, *, lock: bool = False) -> BillFace | None:
    """The printed side and the state of a bill: for queries and confirmations."""
    row = await tx.one(_FACE + tx.for_update if lock else _FACE, pay_code)
    return BillFace._make(row) if row else None


async def items(tx: Transaction, pay_code: str) -> list[BillItem]:
    """The bill's items in line order."""
    return [BillItem(*row) for row in await tx.all(_ITEMS, pay_code)]


async def set_state(
    tx: Transaction, pay_code: str, *, expected: BillState, state: BillState, changed_at: int
) -> bool:
    """Move a bill from one state to another; False when it is not in the expected one."""
    changed = await tx.run(
        "UPDATE bills SET state = ?3, changed_at = ?4 WHERE pay_code = ?1 AND state = ?2",
        pay_code,
        expected,
        state,
        changed_at,
    )
    return changed == 1


async def set_virtual_account(tx: Transaction, pay_code: str, acct_no: str, at: int) -> bool:
    """Give an unpaid bill a virtual account (虚拟账号), or take it away with ''."""
    changed = await tx.run(
        "UPDATE bills SET virtual_acct = ?2, changed_at = ?3"
        " WHERE pay_code = ?1 AND state = 'unpaid'",
        pay_code,
        acct_no,
        at,
    )
    return changed == 1


async def page(
    tx: Transaction,
    narrowed: BillFilter,
    *,
    after: tuple[str, str] | None = None,
    limit: int = 100,
) -> list[Bill]:
    """Bills by (bill_date, pay_code), following the key of the last one already seen."""
    conditions = narrowed.conditions()
    if after is not None:
        conditions.add("(bill_date, pay_code) > ({}, {})", *after)
    order = "ORDER BY bill_date, pay_code LIMIT " + conditions.mark(limit)
    sql = select_from(Bill, "bills", conditions.where() + " " + order)
    return [Bill(*row) for row in await tx.all(sql, *conditions.args)]


async def totals(tx: Transaction, narrowed: BillFilter) -> list[BillTotal]:
    """Number and sum per state, states in alphabetical order."""
    conditions = narrowed.conditions()
    sql = _TOTALS.format(conditions.where())
    rows = await tx.all(sql, *conditions.args)
    return [BillTotal(row[0], int(row[1]), int(row[2])) for row in rows]


async def unpaid_before(tx: Transaction, unit_code: str, bill_date: str) -> int:
    """How many unpaid bills of a unit are dated before ``bill_date`` (control 16006)."""
    row = await tx.one(
        "SELECT count(*) FROM bills WHERE unit_code = ?1 AND state = 'unpaid' AND bill_date < ?2",
        unit_code,
        bill_date,
    )
    return int(row[0]) if row else 0


async def school_bills(
    tx: Transaction, *, mobile: str = "", id_number: str = "", limit: int = 500
) -> list[Bill]:
    """Unpaid education bills by exact mobile number or identity number; both given: both match."""
    if mobile and id_number:
        found = await school_bills(tx, id_number=id_number, limit=limit)
        return [bill for bill in found if bill.mobile == mobile]
    sql, key = (_BY_MOBILE, mobile) if mobile else (_BY_IDENTITY, id_number)
    if not key:
        return []
    return [Bill(*row) for row in await tx.all(sql, key, limit)]


async def of_virtual_account(tx: Transaction, acct_no: str) -> Bill | None:
    """The unpaid bill that owns a virtual account."""
    row = await tx.one(_BY_VIRTUAL, acct_no)
    return Bill(*row) if row else None
