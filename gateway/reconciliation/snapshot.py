"""One look at a node's day: what is to be reconciled, under which digest, and what matching finds.

All of it is read in one transaction, so that matching sees one state of the books.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...reconcile.accounts import match_account
from ...reconcile.funds import match_funds
from ...reconcile.payments import match_payments
from ...reconcile.ports import Pages
from ...reconcile.sides import Difference, Expected, Matched, ScopeTotals
from ..collection.lookups import Lookups
from ..config.sections import ReconciliationConfig
from ..peers import Peer, PeerDirectory
from ..store import reconciliation, statements
from ..store.protocol import Transaction
from ..store.reconciliation import Run
from ..store.statements import StatementBatch
from .books import (
    BookLookups,
    NodeDay,
    TheirLines,
    accounts_held,
    carriers_of,
    collectors,
    our_payments,
)
from .delivery import owed, undelivered
from .expecting import FundsDay, expected_funds, fund_lines
from .moving import balances_of, expected_movements, movement_lines
from .otherlists import Without, listed_again
from .parts import Owed
from .repair import Moment

_PAID: Final = (
    "SELECT count(*), coalesce(sum(amt), 0), coalesce(max(id), 0) FROM payments"
    " WHERE src = ?1 AND cfm_date = ?2 AND channel <> 'repair'"
)
_MOVED: Final = "SELECT count(*), coalesce(sum(amt), 0) FROM transfers WHERE tra_date = ?1"
_ARRIVED: Final = (
    "SELECT count(*), coalesce(sum(amt), 0) FROM arrivals WHERE arr_date = ?1 AND kind <> '2557'"
)
# What had been executed on the day is often told only after its run (2614, 2617, 2618).
_EXECUTED: Final = tuple(
    f"SELECT count(*), coalesce(sum({amt}), 0) FROM {table}"  # noqa: S608 - names of ours
    " WHERE tra_date = ?1 AND state = 'succeeded'"
    for table, amt in (("refunds", "amt"), ("clearing_lines", "amt"), ("remittances", "total"))
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run works on. `known`: the run over the same inputs, done or under way.

    `current`: no run over other inputs came to its end since.
    """

    peer: Peer
    check_date: str
    batches: tuple[StatementBatch, ...]
    sources: tuple[str, ...]
    digest: str
    max_payment_id: int
    known: Run | None
    current: bool = True

    @property
    def ended(self) -> bool:
        """Whether every statement has had its result."""
        return all(batch.state in {"failed", "reconciled"} for batch in self.batches)


@dataclass(frozen=True, slots=True)
class Funds:
    """What matching an account's funds found; `expected` beside the day's own payments."""

    day: FundsDay
    matched: Matched
    expected: dict[str, Expected]


@dataclass(slots=True)
class Found:
    """What matching found. `payment_ids`: the payments that the node's lists must have."""

    payments: Matched | None = None
    payment_ids: list[int] = field(default_factory=list)
    funds: list[Funds] = field(default_factory=list)
    accounts: list[Matched] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)

    @property
    def of_payments(self) -> list[Difference]:
        """The rows of 2555, and lists that were not delivered."""
        found = undelivered(self.owed)
        if self.payments is not None:
            found += self.payments.differences
        return found

    @property
    def of_money(self) -> list[Difference]:
        """The rows of 2557 and 2556."""
        matched = (*(one.matched for one in self.funds), *self.accounts)
        return [difference for one in matched for difference in one.differences]

    @property
    def differences(self) -> list[Difference]:
        """All rows, statement by statement."""
        return self.of_payments + self.of_money

    def every(self) -> list[Matched]:
        """What was matched, statement by statement."""
        payments = [self.payments] if self.payments is not None else []
        return [*payments, *(one.matched for one in self.funds), *self.accounts]

    def totals(self) -> dict[str, tuple[ScopeTotals, ...]]:
        """Both sides' sums by statement."""
        sums: dict[str, tuple[ScopeTotals, ...]] = {}
        for matched in self.every():
            sums[matched.statement] = (*sums.get(matched.statement, ()), *matched.totals)
        return sums


async def read_inputs(tx: Transaction, peers: PeerDirectory, peer: Peer, check_date: str) -> Inputs:
    """What there is to reconcile, and the digest that stands for it."""
    living = await statements.of_day(tx, peer.code, check_date)
    batches = tuple(batch for batch in living if batch.state in statements.USABLE)
    sources = tuple(await collectors(tx, peers))
    listed = [[batch.kind, batch.scope, batch.acct_type, batch.digest] for batch in batches]
    paid: list[list[object]] = []
    of_funds = any(batch.kind != "2555" for batch in batches)
    for src in sources if of_funds else (peer.code, *carriers_of(peers, peer)):
        row = await tx.one(_PAID, src, check_date)
        if row and row[0]:
            paid.append([src, *row])
    others: list[object] = []
    if of_funds:
        for sql in (_MOVED, _ARRIVED, *_EXECUTED):
            others.append(await tx.one(sql, check_date))  # noqa: PERF401 - one after the other
    text = json.dumps([listed, sorted(paid, key=str), others], ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = await reconciliation.run_of_digest(tx, peer.code, check_date, digest)
    last = await reconciliation.last_run(tx, peer.code, check_date)
    current = known is not None and last is not None and known.id == last.id
    row = await tx.one("SELECT coalesce(max(id), 0) FROM payments")
    newest = int(row[0]) if row else 0
    bound = known.max_payment_id if known is not None else newest
    return Inputs(peer, check_date, batches, sources, digest, bound, known, current)


async def find(
    tx: Transaction,
    inputs: Inputs,
    *,
    peers: PeerDirectory,
    lookups: Lookups,
    rules: ReconciliationConfig,
    now: Moment,
) -> Found:
    """Match everything that was delivered. Raises TooManyDifferences."""
    found = Found()
    day = await _node_day(tx, inputs, peers, rules)
    found.owed = await owed(tx, day)
    if day.channels:
        living = Without(our_payments(tx, day), await listed_again(tx, day))
        ours = _Ids(living, found.payment_ids)
        found.payments = await match_payments(
            ours,
            TheirLines(tx, day.peer.code, day.check_date),
            BookLookups(tx, day, lookups, today=now.today, now_ms=now.at),
            node=day.peer.code,
            check_date=day.check_date,
            limit=rules.max_differences,
        )
    await find_money(tx, inputs, found, rules)
    return found


async def find_money(
    tx: Transaction, inputs: Inputs, found: Found, rules: ReconciliationConfig
) -> None:
    """Match arrived funds and accounts; again where payments were made of lines since."""
    found.funds, found.accounts = [], []
    for batch in inputs.batches:
        if batch.kind == "2557":
            found.funds.append(await _funds(tx, inputs, batch, rules.max_differences))
        elif batch.kind == "2556":
            expected = await expected_movements(
                tx, batch, sources=inputs.sources, max_payment_id=inputs.max_payment_id
            )
            matched = await match_account(
                expected,
                await movement_lines(tx, batch),
                await balances_of(tx, batch),
                account=batch.scope,
                check_date=batch.check_date,
                limit=rules.max_differences,
            )
            found.accounts.append(matched)


async def _node_day(
    tx: Transaction, inputs: Inputs, peers: PeerDirectory, rules: ReconciliationConfig
) -> NodeDay:
    carried = carriers_of(peers, inputs.peer)
    return NodeDay(
        peer=inputs.peer,
        check_date=inputs.check_date,
        carried=carried,
        accounts=await accounts_held(tx, inputs.peer, inputs.check_date),
        channels=frozenset(batch.scope for batch in inputs.batches if batch.kind == "2555"),
        max_payment_id=inputs.max_payment_id,
        window_days=rules.window_days,
    )


async def _funds(tx: Transaction, inputs: Inputs, batch: StatementBatch, limit: int) -> Funds:
    day = FundsDay(batch, inputs.sources, inputs.max_payment_id)
    others: dict[str, Expected] = {}
    matched = await match_funds(
        _Others(await expected_funds(tx, day), batch.check_date, others),
        await fund_lines(tx, day),
        account=batch.scope,
        check_date=batch.check_date,
        limit=limit,
    )
    return Funds(day, matched, others)


class _Ids:
    """Pages of payments that remember which payments went by."""

    def __init__(self, pages: Pages[Any], ids: list[int]) -> None:
        self._pages = pages
        self._ids = ids

    async def next(self) -> Sequence[Any]:
        """The next page, [] at the end."""
        page = await self._pages.next()
        self._ids += [row[1] for row in page]
        return page


class _Others:
    """Pages of expected money that remember what is no payment of the day itself."""

    def __init__(self, pages: Pages[Expected], date: str, others: dict[str, Expected]) -> None:
        self._pages = pages
        self._date = date
        self._others = others

    async def next(self) -> Sequence[Expected]:
        """The next page, [] at the end."""
        page = await self._pages.next()
        for one in page:
            if one.due != self._date or not one.expected.startswith("payment:"):
                self._others[one.expected] = one
        return page
