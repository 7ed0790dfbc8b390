"""A node's lists, made from the catalogue: which entries it is told of, and what is said of them.

Banks are told of the regions that this node serves (5953), all fiscal accounts of the bank's own
regions (5952), and the units' supervised accounts that the bank keeps (5981): nobody else can
supervise them. The platform is told of units and accounts of its regions, of all items and of the
clearing banks (5955). Entries that ended, or have not begun, are told with their dates.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

from ...codecs import LocalProtocolError, format_yuan, mask
from ...messages.basedata import BaseDatum, FiscalAccount, ServedRegion, SupervisedAccount
from ...messages.record import Record
from ..clock import add_days
from ..config import Config
from ..peers import Peer
from ..store import catalogue
from ..store.entries import Account, ClearingBank, Item, Region, Unit
from ..store.protocol import Transaction


class Kind(StrEnum):
    """What base data is about."""

    REGIONS = "regions"
    ACCOUNTS = "accounts"
    UNIT_ACCOUNTS = "unit-accounts"
    UNITS = "units"
    ITEMS = "items"
    CLEARING_BANKS = "clearing-banks"


KINDS_OF: Final[Mapping[str, Mapping[Kind, str]]] = {
    "bank": {Kind.REGIONS: "5953", Kind.ACCOUNTS: "5952", Kind.UNIT_ACCOUNTS: "5981"},
    "platform": {
        Kind.UNITS: "5955",
        Kind.ITEMS: "5955",
        Kind.ACCOUNTS: "5955",
        Kind.CLEARING_BANKS: "5955",
    },
}
"""By the kind of a peer: what it is told of, in this order, and the message for it."""

_PURPOSES: Final = {"collection": "收款", "clearing": "清分", "reserve": "退付备用金"}
_ACCOUNT_KINDS: Final = frozenset({Kind.ACCOUNTS, Kind.UNIT_ACCOUNTS})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list: what the message says, and a digest of it."""

    key: str
    record: Record
    digest: str


@dataclass(frozen=True, slots=True)
class EntryFault:
    """Why an entry cannot be told; the text has no account number in full."""

    peer: str
    kind: Kind
    entry: str
    problem: str

    def __str__(self) -> str:
        return f"{self.peer}: {self.kind} {self.entry}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A node's list of one kind, by key, and what cannot be told."""

    entries: tuple[Entry, ...]
    faults: tuple[EntryFault, ...]

    @property
    def digest(self) -> str:
        """A digest of the whole list."""
        return digest_of(self.entries)


class _Asked(NamedTuple):
    """Whose list it is, and the day on which it is made."""

    peer: Peer
    config: Config
    today: str


Facts = dict[str, str]
Rows = Iterable[tuple[str, Callable[[], Record]]]


def digest_of(entries: Iterable[Entry]) -> str:
    """One digest of several entries, in their order."""
    text = "".join(f"{entry.digest}\n" for entry in entries)
    return hashlib.sha256(text.encode()).hexdigest()


async def list_of(tx: Transaction, peer: Peer, kind: Kind, config: Config, today: str) -> Listed:
    """The list of a kind for a node, as the catalogue has it on the date TODAY (yyyymmdd)."""
    asked = _Asked(peer, config, today)
    # What is said once above the entries counts as a part of each: they are told again with it.
    heading = f"{config.node.code}\n{config.node.name}" if kind is Kind.REGIONS else ""
    entries: list[Entry] = []
    faults: list[EntryFault] = []
    for key, make in sorted(await _ROWS[peer.kind, kind](tx, asked), key=lambda row: row[0]):
        try:
            record = make()
            _check(record, peer, heading)
        except (LocalProtocolError, ValueError) as error:
            faults.append(_fault(peer, kind, key, str(error)))
        else:
            entries.append(Entry(key, record, _digest(record, heading)))
    return Listed(tuple(entries), tuple(faults))


def _fault(peer: Peer, kind: Kind, key: str, problem: str) -> EntryFault:
    if kind in _ACCOUNT_KINDS:
        # Messages that take any code do not know that this one is an account.
        number = key.rpartition(":")[2]
        key, problem = (text.replace(number, mask("account", number)) for text in (key, problem))
    return EntryFault(peer.code, kind, key, problem)


def _check(record: Record, peer: Peer, heading: str) -> None:
    """Refuse what the node's charset cannot carry."""
    for tag, value in (*vars(record).items(), ("NodeName", heading)):
        try:
            str(value).encode(peer.charset)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise LocalProtocolError(
                f"{peer.charset} of {peer.code} cannot carry {character!r}"
                f" (U+{ord(character):04X})",
                tag=tag,
                character=character,
            ) from None


def _digest(record: Record, heading: str) -> str:
    lines = [heading, *(f"{tag}={value}" for tag, value in vars(record).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# -- what banks are told ---------------------------------------------------------------------------


async def _regions(tx: Transaction, asked: _Asked) -> Rows:
    known = {region.code: region for region in await catalogue.entries(tx, Region)}

    def make(code: str) -> Record:
        region = known.get(code)
        if region is None:
            raise ValueError("[node] serves it and the catalogue has no such region")
        return ServedRegion(
            AdmDivCode=region.code,
            AdmDivName=region.name,
            StartDate=region.start_date,
            StopDate=region.stop_date,
        )

    return [(code, partial(make, code)) for code in asked.config.node.regions]


async def _fiscal_accounts(tx: Transaction, asked: _Asked) -> Rows:
    def make(entries: list[Account]) -> Record:
        account = standing(entries, asked.today)
        return FiscalAccount(
            AcctType=account.acct_type,
            AcctNo=account.acct_no,
            AcctName=account.name,
            BankCode=account.bank_code,
            BankNo=account.bank_no,
            BankName=account.bank_name,
            StartDate=account.start_date,
            StopDate=account.stop_date,
        )

    grouped = await _accounts_by_number(tx, asked.peer)
    return [(number, partial(make, found)) for number, found in grouped.items()]


async def _supervised(tx: Transaction, asked: _Asked) -> Rows:
    units = {unit.code: unit for unit in await catalogue.entries(tx, Unit)}
    grouped: dict[tuple[str, str], list[Account]] = defaultdict(list)
    for account in await catalogue.entries(tx, Account):
        kept_here = account.bank_code == asked.peer.bank_code
        if account.purpose == "supervised" and kept_here and account.region in asked.peer.regions:
            grouped[account.unit_code, account.acct_no].append(account)

    def make(unit_code: str, entries: list[Account]) -> Record:
        account = standing(entries, asked.today)
        unit = units.get(unit_code)
        if unit is None:
            raise ValueError(f"its unit {unit_code} is not in the catalogue")
        return SupervisedAccount(
            ChgAgenCode=unit.code,
            ChgAgenName=unit.name,
            AcctNo=account.acct_no,
            AcctName=account.name,
            BankName=account.bank_name,
            StartDate=account.start_date,
            StopDate=account.stop_date,
        )

    return [
        (f"{unit}:{number}", partial(make, unit, found))
        for (unit, number), found in grouped.items()
    ]


async def _accounts_by_number(tx: Transaction, peer: Peer) -> dict[str, list[Account]]:
    """The fiscal accounts (财政账户) of a node's regions, all entries of each number."""
    grouped: dict[str, list[Account]] = defaultdict(list)
    for account in await catalogue.entries(tx, Account):
        if account.purpose != "supervised" and account.region in peer.regions:
            grouped[account.acct_no].append(account)
    return grouped


def standing(entries: Sequence[Account], today: str) -> Account:
    """One entry for all those of one account: as it stands on a day, or will, or did last.

    An account may have an entry for each region and purpose, and a new one after each change.
    Entries that follow each other without a day between them are one period; the period that TODAY
    lies in counts, else the next, else the last. ``start_date`` and ``stop_date`` are the period's.
    """
    periods: list[list[Account]] = []
    for entry in sorted(entries, key=lambda entry: entry.start_date):
        if periods and _follows(entry, _end(periods[-1])):
            periods[-1].append(entry)
        else:
            periods.append([entry])
    not_over = (period for period in periods if not _end(period) or _end(period) >= today)
    period = next(not_over, periods[-1])
    begun = [entry for entry in period if entry.start_date <= today] or [period[0]]
    in_force = [entry for entry in begun if catalogue.holds(entry, today)] or begun
    chosen = max(in_force, key=_precedence)
    return replace(chosen, start_date=period[0].start_date, stop_date=_end(period))


def _precedence(account: Account) -> tuple[str, bool, str, str]:
    """The newest entry says how an account is called; among equals the collection's."""
    return account.start_date, account.purpose == "collection", account.region, account.purpose


def _end(period: Sequence[Account]) -> str:
    """The last day of a period, '' while it is open."""
    stops = [entry.stop_date for entry in period]
    return "" if "" in stops else max(stops)


def _follows(entry: Account, end: str) -> bool:
    """Whether an entry begins within a period that ends so, or on the day after it."""
    return not end or entry.start_date <= end or entry.start_date == add_days(end, 1)


# -- what the platform is told ---------------------------------------------------------------------


async def _units(tx: Transaction, asked: _Asked) -> Rows:
    def make(unit: Unit) -> Record:
        return _datum(
            unit,
            unit.code,
            parent=unit.parent,
            extra={
                "区划": unit.region,
                "统一社会信用代码": unit.credit_code,
                "代收银行": unit.banks,
            },
        )

    found = [u for u in await catalogue.entries(tx, Unit) if u.region in asked.peer.regions]
    return [(unit.code, partial(make, unit)) for unit in found]


async def _items(tx: Transaction, asked: _Asked) -> Rows:
    del asked  # items are common to all regions

    def make(item: Item) -> Record:
        return _datum(
            item,
            item.code,
            extra={
                "项目编码": item.project_code,
                "收入分类科目": item.income_subject,
                "收入分类科目名称": item.income_subject_name,
                "预算科目": item.budget_subject,
                "资金性质": item.fund_nature,
                "计量单位": item.unit_of_measure,
                "标准类型": item.standard_type,
                "标准下限": _yuan(item.standard_low),
                "标准上限": _yuan(item.standard_high),
            },
        )

    return [(i.code, partial(make, i)) for i in await catalogue.entries(tx, Item)]


async def _platform_accounts(tx: Transaction, asked: _Asked) -> Rows:
    def make(entries: list[Account]) -> Record:
        account = standing(entries, asked.today)
        purposes = sorted({_PURPOSES[entry.purpose] for entry in entries})
        return _datum(
            account,
            account.acct_no,
            parent=account.bank_code,
            bank_name=account.bank_name,
            extra={
                "账户类型": account.acct_type,
                "用途": ",".join(purposes),
                "联行号": account.bank_no,
                "区划": ",".join(sorted({entry.region for entry in entries})),
                "默认账户": str(account.is_default),
            },
        )

    grouped = await _accounts_by_number(tx, asked.peer)
    return [(number, partial(make, found)) for number, found in grouped.items()]


async def _clearing_banks(tx: Transaction, asked: _Asked) -> Rows:
    del asked

    def make(bank: ClearingBank) -> Record:
        extra = {"内部账户": bank.acct_no}
        return _datum(bank, bank.node, parent=bank.bank_code, extra=extra)

    return [(b.node, partial(make, b)) for b in await catalogue.entries(tx, ClearingBank)]


def _datum(
    entry: Unit | Item | Account | ClearingBank,
    code: str,
    *,
    parent: str = "",
    bank_name: str = "",
    extra: Facts,
) -> BaseDatum:
    for name, value in extra.items():
        if "|" in value:
            raise LocalProtocolError(f"{name} has a '|', which separates the facts", tag="Extra")
    return BaseDatum(
        Code=code,
        Name=entry.name,
        ParentCode=parent,
        BankName=bank_name,
        Extra="|".join(f"{name}={value}" for name, value in extra.items() if value),
        StartDate=entry.start_date,
        StopDate=entry.stop_date,
    )


def _yuan(amount: int | None) -> str:
    return "" if amount is None else format_yuan(amount)


_ROWS: Final[Mapping[tuple[str, Kind], Callable[[Transaction, _Asked], Awaitable[Rows]]]] = {
    ("bank", Kind.REGIONS): _regions,
    ("bank", Kind.ACCOUNTS): _fiscal_accounts,
    ("bank", Kind.UNIT_ACCOUNTS): _supervised,
    ("platform", Kind.UNITS): _units,
    ("platform", Kind.ITEMS): _items,
    ("platform", Kind.ACCOUNTS): _platform_accounts,
    ("platform", Kind.CLEARING_BANKS): _clearing_banks,
}
