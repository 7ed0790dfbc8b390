"""The books as matching sees them: pages of both sides of 2555, and look-ups for what is left.

Everything is read in one transaction over one snapshot. Of a node's payments the run knows those
up to `max_payment_id`, so that a run that was killed and is run again finds what it found before.
"""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from ...reconcile.ports import BillView
from ...reconcile.sides import OurPayment, PaymentLine, PaymentLineRow, PaymentRow
from ..clock import add_days, parse_date
from ..collection.accounts import acceptable
from ..collection.lookups import Lookups
from ..peers import Peer, PeerDirectory
from ..store import bills, clearing, confirmations, funds, inbox, payments, statements
from ..store.protocol import SqlValue, Transaction
from ..store.records import Payment

PAGE: Final = 2000
THIRD_PARTY: Final = frozenset({"5", "51", "52"})
"""Channels whose money comes in one sum a day: third-party payment, Alipay, WeChat."""

SELF_REPORTED: Final = frozenset({"2616", "claim"})
"""Channels of payments that no bank has confirmed: they were made of money that had come."""

_COLUMNS: Final = "tra_no_bus, id, src, cfm_date, pay_code, amt, pay_mode, rec_acct"
# What was reported as arrived money (2616) or claimed by an operator was never confirmed by a node:
# its bank knows of no payment that it would have to list, but may.
_CONFIRMED: Final = "channel NOT IN ('2616', 'claim')"
# A payment of a channel that was not delivered is still one that the lists may have elsewhere.
_LISTED: Final = (
    "EXISTS (SELECT 1 FROM statement_payments AS s JOIN statement_batches AS b ON b.id = s.batch_id"
    " WHERE s.src = {node} AND s.check_date = ?2 AND s.tra_no = payments.tra_no_bus"
    " AND b.state IN ('complete', 'failed', 'reconciled'))"
)

R = TypeVar("R", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class NodeDay:
    """Whose list of which day is looked at. `carried`: the nodes whose payments its lists carry."""

    peer: Peer
    check_date: str
    carried: tuple[str, ...]
    accounts: frozenset[str]
    channels: frozenset[str]
    max_payment_id: int
    window_days: int


class Merged(Generic[R]):
    """Pages of several sources, each ordered by its rows' first column, as one ordered source."""

    def __init__(self, sources: Sequence[Callable[[], Awaitable[Sequence[R]]]]) -> None:
        """Each source gives its next rows, [] at its end."""
        self._sources = list(sources)
        self._waiting: list[list[R]] = [[] for _ in sources]
        self._ended = [False] * len(self._sources)

    async def next(self) -> Sequence[R]:
        """The next rows, [] at the end."""
        for at, source in enumerate(self._sources):
            if not self._waiting[at] and not self._ended[at]:
                self._waiting[at] = list(await source())
                self._ended[at] = not self._waiting[at]
        living = [rows for rows in self._waiting if rows]
        if len(living) <= 1:
            self._waiting = [[] for _ in self._sources]
            return living[0] if living else []
        # What is not after the last row of any source can be followed by nothing smaller.
        bound = min(rows[-1][0] for rows in living)
        page: list[R] = []
        for at, rows in enumerate(self._waiting):
            cut = len(rows)
            while cut and rows[cut - 1][0] > bound:
                cut -= 1
            page += rows[:cut]
            self._waiting[at] = rows[cut:]
        page.sort(key=lambda row: row[0])
        return page


def our_payments(tx: Transaction, day: NodeDay) -> Merged[PaymentRow]:
    """What the books expect in the node's lists: its own payments, and those that it carries."""
    sources = [_source(tx, day, day.peer.code, ())]
    if day.accounts:
        held = tuple(sorted(day.accounts))
        sources += [_source(tx, day, src, held) for src in day.carried]
    return Merged(sources)


def _source(
    tx: Transaction, day: NodeDay, src: str, held: tuple[str, ...]
) -> Callable[[], Awaitable[Sequence[PaymentRow]]]:
    channels = sorted(day.channels)
    args: tuple[SqlValue, ...] = (*channels, *held)
    delivered = _marks(6, len(channels))
    on_account = f" AND rec_acct IN ({_marks(6 + len(channels), len(held))})" if held else ""
    sql = (
        f"SELECT {_COLUMNS} FROM payments WHERE src = ?1 AND cfm_date = ?2"
        f" AND tra_no_bus > ?3 AND id <= ?4{on_account} AND (pay_mode IN ({delivered})"
        f" AND {_CONFIRMED} OR {_LISTED.format(node='?5')}) ORDER BY tra_no_bus LIMIT {PAGE}"
    )
    after = ""
    ended = False

    async def following() -> Sequence[PaymentRow]:
        nonlocal after, ended
        if ended:
            return []
        day_args = (src, day.check_date, after, day.max_payment_id, day.peer.code)
        rows = await tx.all(sql, *day_args, *args)
        ended = len(rows) < PAGE
        if rows:
            after = rows[-1][0]
        return rows

    return following


def _marks(first: int, count: int) -> str:
    return ", ".join(f"?{at}" for at in range(first, first + count))


class TheirLines:
    """The lines of a node's usable lists of a day, in all channels."""

    def __init__(self, tx: Transaction, src: str, check_date: str) -> None:
        self._tx = tx
        self._day = (src, check_date)
        self._after = statements.FIRST
        self._ended = False

    async def next(self) -> Sequence[PaymentLineRow]:
        """The next page, [] at the end."""
        if self._ended:
            return []
        page = await statements.payment_lines_page(self._tx, *self._day, self._after, PAGE)
        self._ended = len(page) < PAGE
        if page:
            last = page[-1]
            self._after = (last.tra_no, last.batch_id, last.pack_no, last.line_no)
        return page


class BookLookups:
    """What matching asks about lines and payments that found no partner."""

    def __init__(
        self, tx: Transaction, day: NodeDay, lookups: Lookups, *, today: str, now_ms: int
    ) -> None:
        self._tx = tx
        self._day = day
        self._lookups = lookups
        self._today = today
        self._now_ms = now_ms

    async def bill(self, line: PaymentLine) -> BillView | None:
        """The bill of the line's pay code, unless it is none of the node's regions."""
        face = await bills.face(self._tx, line.pay_code)
        if face is None or face.region not in self._day.peer.regions:
            return None
        accounts = await self._lookups.accounts(self._tx, face.region, self._today, self._now_ms)
        names = await acceptable(self._tx, face, self._day.peer.bank_code or "", accounts)
        # Blank for a 科目; whether the type fits is decided where the line is booked.
        accepted = not line.rec_acct or line.rec_acct in names
        return BillView(face.state, face.amt, accepted)

    async def elsewhere(self, line: PaymentLine) -> OurPayment | None:
        """Our payment on a neighbouring day that the line tells of, not listed on its own day."""
        sources = {self._day.peer.code, *self._day.carried}
        for payment in await payments.of_bill(self._tx, line.pay_code):
            if (payment.tra_no_bus, payment.amt) != (line.tra_no, line.amt):
                continue
            if payment.src not in sources or payment.cfm_date == self._day.check_date:
                continue
            if payment.cfm_date not in self._neighbours():
                continue
            if await self._counted_elsewhere(payment):
                continue
            if not await self._listed(payment.cfm_date, as_ours(payment)):
                return as_ours(payment)
        return None

    async def listed_elsewhere(self, payment: OurPayment) -> str:
        """CheckDate of the neighbouring day's list that has the payment, '' for none."""
        for date in self._neighbours():
            if await self._listed(date, payment):
                return date
        return ""

    async def refused(self, line: PaymentLine) -> bool:
        """Whether a confirmation of the line's identity was ever refused."""
        for src in (self._day.peer.code, *self._day.carried):
            if await was_refused(self._tx, src, line.cfm_date, line.tra_no, line.pay_code):
                return True
        return False

    async def awaited(self, line: PaymentLine) -> bool:
        """Whether a payment of the line's bill may be in a list of the day that has not come."""
        day = self._day
        sources = (day.peer.code, *day.carried)
        return await awaits_list(
            self._tx, day.peer, sources, line.pay_code, dates=(day.check_date,)
        )

    async def _counted_elsewhere(self, payment: Payment) -> bool:
        """Whether the list of a third day has it. That of money that came by a report says no."""
        if payment.channel in SELF_REPORTED:
            return False
        told = (await funds.of_payment(self._tx, payment.id)).reconciled_on
        return told not in {"", self._day.check_date, payment.cfm_date}

    def _neighbours(self) -> list[str]:
        days = range(1, self._day.window_days + 1)
        date = self._day.check_date
        return [add_days(date, sign * number) for number in days for sign in (1, -1)]

    async def _listed(self, date: str, payment: OurPayment) -> bool:
        return await is_listed(
            self._tx,
            self._day.peer.code,
            date,
            tra_no=payment.tra_no,
            pay_code=payment.pay_code,
            amt=payment.amt,
        )


async def is_listed(
    tx: Transaction, src: str, date: str, *, tra_no: str, pay_code: str, amt: int
) -> bool:
    """Whether a node's lists of a day have a payment under its number."""
    lines = await statements.payment_lines_under(tx, src, date, tra_no)
    wanted = (pay_code, amt)
    return any((line.pay_code, line.amt) == wanted for line in lines if not line.fault)


async def awaits_list(
    tx: Transaction, peer: Peer, sources: Collection[str], pay_code: str, *, dates: Collection[str]
) -> bool:
    """Whether a bill has a payment of SOURCES that PEER's lists of DATES are still to tell of.

    Its channel's list has not come, and no other one has it.
    """
    if not peer.owes_2555:
        return False
    for payment in await payments.of_bill(tx, pay_code):
        if payment.src not in sources or payment.cfm_date not in dates:
            continue
        if payment.channel in SELF_REPORTED:
            continue
        if payment.src != peer.code and await held_by_another(tx, peer, payment.rec_acct):
            continue
        if (await funds.of_payment(tx, payment.id)).reconciled_on:
            continue
        if await is_listed(
            tx,
            peer.code,
            payment.cfm_date,
            tra_no=payment.tra_no_bus,
            pay_code=pay_code,
            amt=payment.amt,
        ):
            continue
        if payment.pay_mode not in await _delivered(tx, peer.code, payment.cfm_date):
            return True
    return False


async def _delivered(tx: Transaction, src: str, date: str) -> set[str]:
    """The channels of which a node's list of a day has come."""
    living = await statements.of_day(tx, src, date)
    usable = (batch for batch in living if batch.state in statements.USABLE)
    return {batch.scope for batch in usable if batch.kind == "2555"}


async def was_refused(tx: Transaction, src: str, cfm_date: str, tra_no: str, pay_code: str) -> bool:
    """Whether a 2612 of an identity was ever refused, for what it said or as malformed (10002)."""
    identity = (src, cfm_date, tra_no, pay_code)
    return await confirmations.refused(tx, *identity) or await inbox.refused(tx, *identity)


def as_ours(payment: Payment) -> OurPayment:
    """A payment as matching knows it."""
    return OurPayment(
        payment.tra_no_bus,
        payment.id,
        payment.src,
        payment.cfm_date,
        payment.pay_code,
        payment.amt,
        payment.pay_mode,
        payment.rec_acct,
    )


# -- whose money a node's lists have --------------------------------------------------------------


def carriers_of(peers: PeerDirectory, bank: Peer) -> tuple[str, ...]:
    """The nodes whose payments a bank's lists carry, because they deliver no list of their own."""
    if bank.bank_code is None:
        return ()
    return tuple(
        peer.code
        for peer in peers
        if peer.collects and not peer.owes_2555 and peer.code != bank.code
    )


async def accounts_held(tx: Transaction, bank: Peer, date: str) -> frozenset[str]:
    """The account numbers that a bank holds on a date, virtual ones of its pools left out."""
    if bank.bank_code is None:
        return frozenset()
    rows = await tx.all(
        "SELECT DISTINCT acct_no FROM accounts WHERE bank_code = ?1 AND start_date <= ?2"
        " AND (stop_date = '' OR stop_date >= ?2)",
        bank.bank_code,
        date,
    )
    return frozenset(str(row[0]) for row in rows)


async def held_by_another(tx: Transaction, bank: Peer, acct_no: str) -> bool:
    """Whether an account of the catalogue is not a bank's."""
    rows = await tx.all("SELECT bank_code FROM accounts WHERE acct_no = ?1", acct_no)
    return bool(rows) and all(row[0] != bank.bank_code for row in rows)


async def collectors(tx: Transaction, peers: PeerDirectory) -> list[str]:
    """Every node that ever collected, and every node that may."""
    known = {peer.code for peer in peers if peer.collects}
    return sorted(known | set(await clearing.nodes(tx)))


async def channel_totals(
    tx: Transaction, day: NodeDay, sources: Collection[str]
) -> dict[str, tuple[int, int]]:
    """Number and sum of the payments that the node's lists must have, by channel.

    Of a channel that was not delivered only those count that no other channel's list has.
    """
    found: dict[str, tuple[int, int]] = {}
    channels, held = sorted(day.channels), sorted(day.accounts)
    for src in sources:
        own = src == day.peer.code
        if not own and not held:
            continue
        args: list[SqlValue] = [src, day.check_date, day.max_payment_id]
        conditions = ""
        if not own:
            conditions = f" AND rec_acct IN ({_marks(4, len(held))})"
            args += held
        if channels:
            node = len(args) + 1
            delivered = _marks(node + 1, len(channels))
            listed = _LISTED.format(node=f"?{node}")
            conditions += f" AND (pay_mode IN ({delivered}) OR NOT {listed})"
            args += [day.peer.code, *channels]
        rows = await tx.all(
            "SELECT pay_mode, count(*), sum(amt) FROM payments WHERE src = ?1 AND cfm_date = ?2"
            f" AND id <= ?3 AND {_CONFIRMED}{conditions} GROUP BY pay_mode",
            *args,
        )
        for mode, count, amt in rows:
            before = found.get(mode, (0, 0))
            found[mode] = (before[0] + int(count), before[1] + int(amt))
    return found


def around(date: str, days: int) -> frozenset[str]:
    """A date and so many days before and after it."""
    return frozenset(add_days(date, number) for number in range(-days, days + 1))


def within(date: str, check_date: str, days: int) -> bool:
    """Whether a date is at most so many days away from the day that is reconciled."""
    return abs((parse_date(date) - parse_date(check_date)).days) <= days
