"""One node's part of the report of a reconciled day, read from the books."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...codecs import Sensitive, mask
from ...messages import PayMode
from ...reconcile.kinds import Kind, Statement
from ...reconcile.report import UNKNOWN_HOUR, InTransit, LastAction, NodeHead, Row, ScopeLine
from ...reconcile.report.words import STATEMENTS
from ...reconcile.sides import FieldDifference, Totals
from ..clock import add_days, civil_from_ms, parse_date
from ..peers import PeerDirectory
from ..store import reconciliation, reconreports, statements, transfers
from ..store.protocol import Transaction
from ..store.reconciliation import Action, DifferenceFilter, DifferenceRow, Run
from ..store.statements import StatementBatch
from .books import accounts_held, carriers_of
from .revisions import Summary

_PAGE: Final = 1000
_KINDS: Final[Mapping[str, Kind]] = {kind.value: kind for kind in Kind}
_ACCOUNT_NUMBER: Final = re.compile("[0-9A-Za-z-]+")


@dataclass(slots=True)
class Gathered:
    """What the nodes have come to so far; hours by number, UNKNOWN_HOUR among them."""

    heads: list[NodeHead] = field(default_factory=list)
    scopes: list[ScopeLine] = field(default_factory=list)
    hours: dict[int, Totals] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    carried: list[Row] = field(default_factory=list)
    transit: list[InTransit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReportDay:
    """The day that is reported on (yyyymmdd), the date ages count to, and who delivers."""

    peers: PeerDirectory
    check_date: str
    as_of: str

    def name(self, node: str) -> str:
        """A node's name; its code when it is no peer any more."""
        peer = self.peers.get(node)
        return peer.name if peer else node

    def owes(self, node: str) -> bool:
        """Whether a node has to deliver lists of its own."""
        peer = self.peers.get(node)
        return peer is not None and peer.enabled and peer.owes_2555

    def age(self, date: str) -> int:
        """Whole days from a date on."""
        return (parse_date(self.as_of) - parse_date(date)).days


async def add_node(
    tx: Transaction, day: ReportDay, node: str, found: Gathered, *, alone: bool
) -> None:
    """Add one node's part."""
    rows = await _differences(tx, DifferenceFilter(node, day.check_date, day.check_date))
    before = add_days(day.check_date, -1)
    carried = await _differences(tx, DifferenceFilter(node, date_to=before, states=("open",)))
    runs = await reconciliation.runs(tx, node, day.check_date)
    batches = await statements.of_day(tx, node, day.check_date)
    books = _NodeBooks(node, runs, batches, rows)
    scopes = await _scopes(tx, day, books)
    await _hours(tx, day, node, found.hours, alone=alone)
    found.heads.append(_head(day, books, scopes))
    found.scopes += scopes
    found.rows += await _shown(tx, day, rows)
    found.carried += await _shown(tx, day, carried)
    found.transit += await _transit(tx, day, node, [*carried, *rows])


async def _differences(tx: Transaction, narrowed: DifferenceFilter) -> list[DifferenceRow]:
    found: list[DifferenceRow] = []
    while True:
        after = found[-1].id if found else 0
        page = await reconciliation.differences(tx, narrowed, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


_Sums = tuple[Totals, Totals, Totals]


# -- a node's head and totals ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _NodeBooks:
    """What the books have of one node's day: runs, living batches, differences."""

    node: str
    runs: Sequence[Run]
    batches: Sequence[StatementBatch]
    rows: Sequence[DifferenceRow]

    def missing(self) -> list[DifferenceRow]:
        """The lists that somebody waits for."""
        return [row for row in self.rows if row.kind == Kind.NOT_DELIVERED and row.state == "open"]


def _head(day: ReportDay, books: _NodeBooks, scopes: Sequence[ScopeLine]) -> NodeHead:
    last = books.runs[-1] if books.runs else None
    missing = [label(row.statement, row.scope) for row in books.missing()]
    owes = day.owes(books.node)
    listed = any(batch.kind == "2555" for batch in books.batches)
    return NodeHead(
        code=books.node,
        name=day.name(books.node),
        state=last.state if last else "",
        revision=last.revision if last else 0,
        finished_at=instant(last.finished_at) if last and last.finished_at is not None else "",
        missing=tuple(missing),
        silent=owes and not listed and not missing and not scopes,
        merged=not owes and not scopes,
    )


async def _scopes(tx: Transaction, day: ReportDay, books: _NodeBooks) -> list[ScopeLine]:
    """Both sides as the last finished run found them; before the first, as they stand.

    A channel whose list has not come is in no run: what the books have of it is added.
    """
    node = books.node
    missing = {row.scope for row in books.missing()}
    done = [run for run in books.runs if run.state == "done"]
    if done:
        totals = Summary.read(done[-1].summary).totals
        lines = [
            _line(
                node,
                statement,
                one.scope,
                (one.ours, one.theirs, one.matched),
                delivered=one.scope not in missing,
            )
            for statement in STATEMENTS
            for one in totals.get(statement, ())
        ]
        absent = missing - {line.scope for line in lines if line.statement == "2555"}
        ours = await _channels(tx, day, node) if absent else {}
        none = Totals()
        lines += [
            _line(node, "2555", scope, (ours.get(scope, none), none, none), delivered=False)
            for scope in sorted(absent)
        ]
        return lines
    if not day.owes(node):
        return []
    ours = await _channels(tx, day, node)
    theirs = {
        batch.scope: Totals(batch.lines, batch.lines_amt)
        for batch in books.batches
        if batch.kind == "2555"
    }
    return [
        _line(
            node,
            "2555",
            scope,
            (ours.get(scope, Totals()), theirs.get(scope, Totals()), Totals()),
            delivered=scope in theirs,
        )
        for scope in sorted({*ours, *theirs})
    ]


async def _channels(tx: Transaction, day: ReportDay, node: str) -> dict[str, Totals]:
    """What the books expect in a node's lists, by channel: its own payments and the carried."""
    found: dict[str, Totals] = {}
    for src, accounts in await _sources(tx, day, node):
        for one in await reconreports.by_channel(tx, src, day.check_date, accounts):
            before = found.get(one.pay_mode, Totals())
            found[one.pay_mode] = Totals(before.count + one.number, before.amt + one.amt)
    return found


async def _sources(tx: Transaction, day: ReportDay, node: str) -> list[tuple[str, frozenset[str]]]:
    """Whose payments stand in a node's lists, and on which accounts (none: on any)."""
    found: list[tuple[str, frozenset[str]]] = [(node, frozenset())]
    peer = day.peers.get(node)
    accounts = await accounts_held(tx, peer, day.check_date) if peer is not None else frozenset()
    if peer is not None and accounts:
        found += [(other, accounts) for other in carriers_of(day.peers, peer)]
    return found


def _line(
    node: str, statement: Statement, scope: str, sums: _Sums, *, delivered: bool
) -> ScopeLine:
    ours, theirs, matched = sums
    return ScopeLine(
        node, statement, scope, label(statement, scope), ours, theirs, matched, delivered
    )


async def _hours(
    tx: Transaction, day: ReportDay, node: str, hours: dict[int, Totals], *, alone: bool
) -> None:
    """Add the node's payments; alone, it answers for those that its lists carry, too."""
    sources = await _sources(tx, day, node) if alone else [(node, frozenset[str]())]
    sums = [
        one
        for src, accounts in sources
        for one in await reconreports.by_hour(tx, src, day.check_date, accounts)
    ]
    for one in sums:
        hour = int(one.hour) if one.hour.isdigit() and int(one.hour) < 24 else UNKNOWN_HOUR
        before = hours.get(hour, Totals())
        hours[hour] = Totals(before.count + one.number, before.amt + one.amt)


# -- rows -----------------------------------------------------------------------------------------


async def _shown(tx: Transaction, day: ReportDay, rows: Sequence[DifferenceRow]) -> list[Row]:
    last = await reconreports.last_actions(tx, [row.id for row in rows])
    return [_row(day, row, last.get(row.id)) for row in rows]


def _row(day: ReportDay, row: DifferenceRow, last: Action | None) -> Row:
    fields: list[list[str]] = json.loads(row.fields) if row.fields else []
    return Row(
        id=row.id,
        node=row.node,
        check_date=row.check_date,
        statement=row.statement,
        scope=label(row.statement, row.scope),
        kind=_KINDS[row.kind],
        code=row.code,
        state=row.state,
        age=day.age(row.check_date),
        pay_code=row.pay_code,
        tra_no=row.tra_no,
        ours_amt=row.ours_amt,
        theirs_amt=row.theirs_amt,
        fields=tuple(_field(*one) for one in fields),
        reason=_reason(row.reason),
        last=None
        if last is None
        else LastAction(
            last.action, last.actor, _reason(last.reason), instant(last.at), last.reference
        ),
    )


def _field(tag: str, ours: str, theirs: str) -> FieldDifference:
    if tag == "RecAcct":
        ours, theirs = mask(Sensitive.ACCOUNT, ours), mask(Sensitive.ACCOUNT, theirs)
    return FieldDifference(tag, ours, theirs)


def _reason(text: str) -> str:
    return ";".join(map(_clause, text.split(";")))


def _clause(text: str) -> str:
    """One field's part of a reason, with its accounts masked; see `judging`."""
    if not text.startswith(("收款账号:", "缴款书不收款至账号")):
        return text
    return _ACCOUNT_NUMBER.sub(lambda found: mask(Sensitive.ACCOUNT, found.group()), text)


async def _transit(
    tx: Transaction, day: ReportDay, node: str, rows: Iterable[DifferenceRow]
) -> list[InTransit]:
    """Batches under way (2613), and other money that open rows miss, each once."""
    found = await _under_way(tx, day, node)
    named = set(found)
    for row in rows:
        if row.kind != Kind.FUNDS_MISSING or row.state != "open" or row.expected in named:
            continue
        name = row.expected or f"difference:{row.id}"
        found[name] = InTransit(
            node,
            "funds",
            row.pay_code or row.tra_no or _expected_label(row.expected),
            label(row.statement, row.scope),
            row.check_date,
            day.age(row.check_date),
            row.ours_amt or 0,
        )
        named.add(name)
    return list(found.values())


async def _under_way(tx: Transaction, day: ReportDay, node: str) -> dict[str, InTransit]:
    """A node's batches that had left by the day and have not arrived, under `transfer:ID`."""
    found: dict[str, InTransit] = {}
    after = 0
    while True:
        page = await transfers.page(tx, src=node, state="sent", after=after, limit=_PAGE)
        for one in page:
            if one.tra_date <= day.check_date:
                found[f"transfer:{one.id}"] = InTransit(
                    node,
                    "transfer",
                    one.batch_no,
                    mask(Sensitive.ACCOUNT, one.rec_acct),
                    one.tra_date,
                    day.age(one.tra_date),
                    one.amt,
                    one.count,
                )
        if len(page) < _PAGE:
            return found
        after = page[-1].id


# -- words ----------------------------------------------------------------------------------------

_CHANNELS: Final[Mapping[str, str]] = {str(mode): mode.meaning for mode in PayMode}


def label(statement: Statement, scope: str) -> str:
    """A channel with its name, or an account masked."""
    if statement != "2555":
        return mask(Sensitive.ACCOUNT, scope) or "(未列账号)"
    return f"{scope} {_CHANNELS.get(scope, '')}".strip()


def _expected_label(expected: str) -> str:
    """What the books expect without a number of its own: the day's sum of a channel."""
    kind, _, rest = expected.partition(":")
    mode = rest.partition(":")[0]
    return label("2555", mode) if kind == "channel" else expected


def instant(ms: int) -> str:
    """An instant as the report shows it: civil time to the second."""
    return f"{civil_from_ms(ms):%F %T}"
