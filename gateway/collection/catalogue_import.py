"""Importing a catalogue: all of it or nothing, every change journaled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..store import catalogue, virtual_accounts
from ..store.entries import (
    Account,
    Bank,
    BillKind,
    ClearingBank,
    Item,
    Outlet,
    Region,
    Target,
    Treasury,
    Unit,
    UnitItem,
    VirtualPool,
)
from ..store.protocol import Store, Transaction
from .catalogue_fields import TABLES
from .catalogue_file import CatalogueFault, Read, read_files
from .standards import RANGE


class CatalogueRefused(Exception):
    """Files that were not imported, with everything that is wrong."""

    def __init__(self, faults: list[CatalogueFault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class CatalogueImported:
    """How many entries the files hold and how many of them changed something."""

    entries: int
    changed: int


async def import_catalogue(
    store: Store, paths: list[Path], *, actor: str, clock: Clock
) -> CatalogueImported:
    """Import files. Raises CatalogueRefused, OSError, StoreError; then nothing is kept."""
    read = read_files(paths)
    if read.faults:
        raise CatalogueRefused(read.faults)
    at = clock.now_ms()

    async def work(tx: Transaction) -> CatalogueImported:
        return await _write(tx, read, actor, at)

    return await store.transact(work)


async def _write(tx: Transaction, read: Read, actor: str, at: int) -> CatalogueImported:
    known = await _known(tx, read)
    faults = [fault for entry in read.entries for fault in _judge(*entry, known)]
    faults += _judge_rules(read, known)
    if faults:
        raise CatalogueRefused(faults)
    order = [*TABLES, "rights"]
    changed = 0
    for place, name, entry in sorted(read.entries, key=lambda found: order.index(found[1])):
        if isinstance(entry, VirtualPool):
            try:
                changed += await virtual_accounts.put_pool(tx, entry, actor=actor, at=at)
            except ValueError as error:
                raise CatalogueRefused([CatalogueFault(place, name, str(error))]) from None
            continue
        if isinstance(entry, Account) and entry.purpose == "supervised" and not entry.region:
            entry = replace(entry, region=known.units[entry.unit_code])  # noqa: PLW2901
        changed += await catalogue.put(tx, entry, actor=actor, at=at)
    for _, rule in read.rules:
        changed += await catalogue.put_rule(tx, rule, actor=actor, at=at)
    if read.delay_item is not None:
        changed += await catalogue.set_delay_item(tx, read.delay_item[1], actor=actor, at=at)
    await _one_default(tx, read)
    return CatalogueImported(len(read.entries) + len(read.rules), changed)


@dataclass(slots=True)
class _Known:
    """Codes that the books and the files have together; of units their regions."""

    codes: dict[type[Any], set[str]]
    units: dict[str, str]


async def _known(tx: Transaction, read: Read) -> _Known:
    codes: dict[type[Any], set[str]] = defaultdict(set)
    units: dict[str, str] = {}
    kinds: tuple[tuple[type[Any], Callable[[Any], str]], ...] = (
        (Region, lambda entry: entry.code),
        (Bank, lambda entry: entry.code),
        (Item, lambda entry: entry.code),
        (Unit, lambda entry: entry.code),
        (Target, lambda entry: entry.code),
        (BillKind, lambda entry: entry.code),
        (Account, lambda entry: entry.acct_no),
    )
    for kind, key in kinds:
        in_file = [entry for _, _, entry in read.entries if isinstance(entry, kind)]
        for entry in [*await catalogue.entries(tx, kind), *in_file]:
            codes[kind].add(key(entry))
            if isinstance(entry, Unit):
                units[entry.code] = entry.region
    return _Known(codes, units)


_REFERENCES: dict[type[Any], tuple[tuple[str, str, type[Any]], ...]] = {
    Unit: (("region", "region", Region), ("parent", "parent", Unit)),
    Account: (
        ("region", "region", Region),
        ("bank", "bank_code", Bank),
        ("unit", "unit_code", Unit),
    ),
    Outlet: (("bank", "bank_code", Bank),),
    Treasury: (("region", "region", Region),),
    UnitItem: (("unit", "unit_code", Unit), ("items", "item_code", Item)),
    VirtualPool: (("bank", "bank_code", Bank), ("account", "acct_no", Account)),
    ClearingBank: (),
}


def _judge(place: str, name: str, entry: Any, known: _Known) -> list[CatalogueFault]:
    """What refers to nothing, and what contradicts itself."""
    faults = []
    for key, attribute, kind in _REFERENCES.get(type(entry), ()):
        code = getattr(entry, attribute)
        if code and code not in known.codes[kind]:
            problem = f"{code} is no {kind.__name__.lower()} of the catalogue"
            faults.append(CatalogueFault(place, f"{name}.{key}", problem))
    if isinstance(entry, Unit):
        lists: tuple[tuple[str, str, type[Any]], ...] = (
            ("bill_kinds", entry.bill_kinds, BillKind),
            ("banks", entry.banks, Bank),
        )
        for key, joined, kind in lists:
            unknown = set(filter(None, joined.split(","))) - known.codes[kind]
            faults += [
                CatalogueFault(place, f"{name}.{key}", f"{code} is not in the catalogue")
                for code in sorted(unknown)
            ]
    if isinstance(entry, Item):
        problem = _standard(entry)
        if problem:
            faults.append(CatalogueFault(place, f"{name}.standard", problem))
    return faults


def _standard(item: Item) -> str:
    low, high = item.standard_low, item.standard_high
    if item.standard_type != RANGE:
        return "only 金额上下限 has low and high" if (low, high) != (None, None) else ""
    if low is None or high is None:
        return "金额上下限 needs low and high"
    return "low is above high" if low > high else ""


def _judge_rules(read: Read, known: _Known) -> list[CatalogueFault]:
    faults = []
    for place, rule in read.rules:
        if rule[0].item_code not in known.codes[Item]:
            problem = f"{rule[0].item_code} is no item of the catalogue"
            faults.append(CatalogueFault(place, "sharing_rules.item", problem))
        for share in rule:
            if share.target not in known.codes[Target]:
                problem = f"{share.target} is no target of the catalogue"
                faults.append(CatalogueFault(place, "sharing_rules.shares", problem))
    if read.delay_item is not None:
        place, code = read.delay_item
        if code and code not in known.codes[Item]:
            problem = f"{code} is no item of the catalogue"
            faults.append(CatalogueFault(place, "delay_item", problem))
    return faults


async def _one_default(tx: Transaction, read: Read) -> None:
    """A region has at most one default collection account at a time."""
    defaults: dict[str, list[Account]] = defaultdict(list)
    for account in await catalogue.entries(tx, Account):
        if account.is_default and account.purpose == "collection":
            defaults[account.region].append(account)
    for region, accounts in defaults.items():
        accounts.sort(key=lambda account: account.start_date)
        for earlier, later in pairwise(accounts):
            if not earlier.stop_date or earlier.stop_date >= later.start_date:
                place = next((p for p, n, _ in read.entries if n == "accounts"), "catalogue")
                problem = f"region {region} would have two default collection accounts at once"
                raise CatalogueRefused([CatalogueFault(place, "accounts.default", problem)])
