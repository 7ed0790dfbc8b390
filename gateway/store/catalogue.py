"""The catalogue (基础信息): who may charge what, where money goes; every change is journaled.

An entry holds from its start date up to and including its stop date ('' while open).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from . import journal, meta
from .entries import (
    Account,
    Bank,
    BillKind,
    ClearingBank,
    Item,
    Outlet,
    Region,
    Share,
    Target,
    Treasury,
    Unit,
    UnitItem,
    VirtualPool,
)
from .protocol import SqlValue, Transaction
from .sql import columns, insert_into, key_is, select_from, values

Entry = (
    Region
    | Unit
    | BillKind
    | Item
    | UnitItem
    | Account
    | Bank
    | Outlet
    | ClearingBank
    | Treasury
    | Target
    | VirtualPool
)
E = TypeVar("E", bound=Entry)

WHOLE: Final = 10_000
"""Parts of a sharing rule add up to this."""


class _Table:
    """Statements for one kind of entry."""

    def __init__(self, kind: type[Any], name: str, *key: str) -> None:
        rest = [column for column in columns(kind) if column not in key]
        updates = ", ".join(f"{column} = excluded.{column}" for column in rest)
        self.name = name
        self.key = values(kind, only=key)
        self.values: Callable[[Any], tuple[SqlValue, ...]] = values(kind)
        self.get = select_from(kind, name, key_is(key))
        self.all = select_from(kind, name, "ORDER BY " + ", ".join(key))
        self.upsert = insert_into(
            kind, name, f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}"
        )


_TABLES: Final[dict[type[Any], _Table]] = {
    Region: _Table(Region, "regions", "code"),
    Unit: _Table(Unit, "units", "code"),
    BillKind: _Table(BillKind, "bill_kinds", "code"),
    Item: _Table(Item, "items", "code"),
    UnitItem: _Table(UnitItem, "unit_items", "unit_code", "item_code", "start_date"),
    Account: _Table(Account, "accounts", "acct_no", "region", "purpose", "start_date"),
    Bank: _Table(Bank, "banks", "code"),
    Outlet: _Table(Outlet, "outlets", "code"),
    ClearingBank: _Table(ClearingBank, "clearing_banks", "node"),
    Treasury: _Table(Treasury, "treasuries", "code"),
    Target: _Table(Target, "targets", "code"),
    VirtualPool: _Table(VirtualPool, "virtual_pools", "first"),
}

_UNIT: Final = select_from(Unit, "units", "WHERE code = ?1")
_ITEM: Final = select_from(Item, "items", "WHERE code = ?1")
_HOLDS: Final = (
    "SELECT 1 FROM unit_items WHERE unit_code = ?1 AND item_code = ?2"
    " AND start_date <= ?3 AND (stop_date = '' OR stop_date >= ?3) LIMIT 1"
)
_ITEMS_OF: Final = (
    "SELECT item_code FROM unit_items WHERE unit_code = ?1"
    " AND start_date <= ?2 AND (stop_date = '' OR stop_date >= ?2) ORDER BY item_code"
)
_RIGHTS: Final = select_from(
    UnitItem, "unit_items", "WHERE unit_code = ?1 ORDER BY item_code, start_date"
)
_ACCOUNTS: Final = select_from(
    Account,
    "accounts",
    "WHERE region = ?1 AND purpose = ?2"
    " AND start_date <= ?3 AND (stop_date = '' OR stop_date >= ?3) ORDER BY acct_no",
)
_ACCOUNT: Final = select_from(
    Account,
    "accounts",
    "WHERE acct_no = ?1 AND start_date <= ?2 AND (stop_date = '' OR stop_date >= ?2)"
    " ORDER BY region, purpose, start_date",
)
_CLEARING_BANK: Final = select_from(ClearingBank, "clearing_banks", "WHERE node = ?1")
_TARGET: Final = select_from(Target, "targets", "WHERE code = ?1")
_RULE: Final = select_from(
    Share, "shares", "WHERE item_code = ?1 AND start_date = ?2 ORDER BY line"
)
_RULE_ON: Final = select_from(
    Share,
    "shares",
    "WHERE item_code = ?1 AND start_date = (SELECT max(start_date) FROM shares"
    " WHERE item_code = ?1 AND start_date <= ?2) AND (stop_date = '' OR stop_date >= ?2)"
    " ORDER BY line",
)
_RULES: Final = select_from(Share, "shares", "ORDER BY item_code, start_date, line")
_INSERT_SHARE: Final = insert_into(Share, "shares")
_SHARE_VALUES: Final = values(Share)


@dataclass(frozen=True, slots=True)
class SharePart:
    """One part of a sharing rule with the account that it goes to."""

    parts: int
    target: Target


async def put(tx: Transaction, entry: Entry, *, actor: str, at: int) -> bool:
    """Write an entry and journal what it changes; False when it is there just so already."""
    table = _TABLES[type(entry)]
    key, new = table.key(entry), table.values(entry)
    old = await tx.one(table.get, *key)
    if old == new:
        return False
    await tx.run(table.upsert, *new)
    await journal.append(
        tx,
        at=at,
        kind="catalogue.changed" if old else "catalogue.added",
        subject=":".join((table.name, *(str(part) for part in key))),
        actor=actor,
        facts=_difference(columns(type(entry)), old, new),
    )
    return True


def _difference(
    names: tuple[str, ...], old: tuple[SqlValue, ...] | None, new: tuple[SqlValue, ...]
) -> dict[str, journal.Fact]:
    """Field → new value, or field → [old, new] for a change."""
    if old is None:
        return {name: _fact(value) for name, value in zip(names, new, strict=True) if value}
    pairs = zip(names, old, new, strict=True)
    return {name: [_fact(was), _fact(now)] for name, was, now in pairs if was != now}


def _fact(value: SqlValue) -> journal.Fact:
    return value.hex() if isinstance(value, bytes) else value


async def entries(tx: Transaction, kind: type[E]) -> list[E]:
    """All entries of a kind, by key."""
    return [kind(*row) for row in await tx.all(_TABLES[kind].all)]


async def put_rule(tx: Transaction, shares: Sequence[Share], *, actor: str, at: int) -> bool:
    """Write one sharing rule (the shares of one item and start date) in place of the one there.

    False when nothing changed. ValueError when the shares belong to several rules, their parts do
    not add up to 10,000 or their lines do not count from 1.
    """
    item_code, start_date = shares[0].item_code, shares[0].start_date
    if len({(share.item_code, share.start_date, share.stop_date) for share in shares}) != 1:
        raise ValueError("the shares belong to several rules")
    if sum(share.parts for share in shares) != WHOLE:
        raise ValueError(f"item {item_code}: the parts do not add up to {WHOLE}")
    if [share.line for share in shares] != list(range(1, len(shares) + 1)):
        raise ValueError(f"item {item_code}: the lines do not count from 1")
    old = [Share(*row) for row in await tx.all(_RULE, item_code, start_date)]
    if old == list(shares):
        return False
    await tx.run(
        "DELETE FROM shares WHERE item_code = ?1 AND start_date = ?2", item_code, start_date
    )
    await tx.many(_INSERT_SHARE, map(_SHARE_VALUES, shares))
    await journal.append(
        tx,
        at=at,
        kind="catalogue.changed" if old else "catalogue.added",
        subject=f"shares:{item_code}:{start_date}",
        actor=actor,
        facts={"old": _parts(old), "new": _parts(shares), "stop_date": shares[0].stop_date},
    )
    return True


def _parts(shares: Sequence[Share]) -> list[str]:
    return [f"{share.target}={share.parts}" for share in shares]


async def rules(tx: Transaction) -> list[Share]:
    """The shares of all rules, by item and start date."""
    return [Share(*row) for row in await tx.all(_RULES)]


async def sharing_rule(tx: Transaction, item_code: str, date: str) -> list[SharePart]:
    """The rule that holds for an item on a date, in line order; empty when there is none."""
    found = []
    for row in await tx.all(_RULE_ON, item_code, date):
        share = Share(*row)
        target = await tx.one(_TARGET, share.target)
        if target is not None:
            found.append(SharePart(share.parts, Target(*target)))
    return found


async def set_delay_item(tx: Transaction, item_code: str, *, actor: str, at: int) -> bool:
    """Name the item that late fees (滞纳金) are settled under, '' for none; False: no change."""
    old = await delay_item(tx)
    if old == item_code:
        return False
    await meta.put(tx, "delay_item", item_code)
    await journal.append(
        tx,
        at=at,
        kind="catalogue.changed",
        subject="delay_item",
        actor=actor,
        facts={"code": [old, item_code]},
    )
    return True


async def delay_item(tx: Transaction) -> str:
    """The item that late fees are settled under, '' when they are spread over the items."""
    return await meta.get(tx, "delay_item") or ""


async def unit(tx: Transaction, code: str) -> Unit | None:
    """A unit (执收单位), whether it holds today or not."""
    row = await tx.one(_UNIT, code)
    return Unit(*row) if row else None


async def item(tx: Transaction, code: str) -> Item | None:
    """An income item (执收项目), whether it holds today or not."""
    row = await tx.one(_ITEM, code)
    return Item(*row) if row else None


async def unit_holds(tx: Transaction, unit_code: str, item_code: str, date: str) -> bool:
    """Whether a unit may charge an item on a date (16003); the item's own dates are not asked."""
    return await tx.one(_HOLDS, unit_code, item_code, date) is not None


async def items_of_unit(tx: Transaction, unit_code: str, date: str) -> list[str]:
    """Codes of the items that a unit may charge on a date."""
    return [row[0] for row in await tx.all(_ITEMS_OF, unit_code, date)]


async def rights_of(tx: Transaction, unit_code: str) -> list[UnitItem]:
    """All rights that a unit ever had to charge items, whether they hold today or not."""
    return [UnitItem(*row) for row in await tx.all(_RIGHTS, unit_code)]


async def bank_may_collect(tx: Transaction, unit_code: str, bank_code: str) -> bool:
    """Whether a bank may collect a unit's bills (11006): all may when the unit names none."""
    row = await tx.one("SELECT banks FROM units WHERE code = ?1", unit_code)
    return row is None or not row[0] or bank_code in row[0].split(",")


async def accounts_of(tx: Transaction, region: str, purpose: str, date: str) -> list[Account]:
    """A region's accounts of one purpose on a date, by number."""
    return [Account(*row) for row in await tx.all(_ACCOUNTS, region, purpose, date)]


async def collection_accounts(tx: Transaction, region: str, date: str) -> list[Account]:
    """The accounts that a region's payments may arrive on."""
    return await accounts_of(tx, region, "collection", date)


async def account(tx: Transaction, acct_no: str, date: str) -> list[Account]:
    """What an account number stands for on a date: one entry per region and purpose."""
    return [Account(*row) for row in await tx.all(_ACCOUNT, acct_no, date)]


async def clearing_bank(tx: Transaction, node: str) -> ClearingBank | None:
    """A clearing bank (清分银行) by its node."""
    row = await tx.one(_CLEARING_BANK, node)
    return ClearingBank(*row) if row else None


async def target(tx: Transaction, code: str) -> Target | None:
    """An account that shares go to."""
    row = await tx.one(_TARGET, code)
    return Target(*row) if row else None


def holds(
    entry: Unit | BillKind | Item | UnitItem | Region | Bank | Account | ClearingBank | Target,
    date: str,
) -> bool:
    """Whether an entry holds on a date."""
    return entry.start_date <= date and (not entry.stop_date or date <= entry.stop_date)
