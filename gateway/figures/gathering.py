"""Movements of money that daily figures have not entered yet, from the books.

A payment is spread over its items once, when it is entered; what follows from it (confirmation,
refunds) takes the same shares, whatever the catalogue says by then. An effect never has a day
before its cause.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...messages.codes import RecAcctType
from ...reconcile.figures.model import Category, Cause, Key, Measure, Movement, Names
from ..clock import date_from_ms
from ..settlement.sharing import apportion, settled
from ..store import catalogue, figuresources
from ..store.figures import SourceKind
from ..store.figuresources import ArrivedMoney, ConfirmedMoney, PaidMoney, RefundedMoney
from ..store.protocol import Transaction

Kind = SourceKind
KINDS: Final[tuple[Kind, ...]] = ("payment", "income", "refund", "arrival")
"""What is looked through, in order; the ends of arrivals come with them."""

_CAUSES: Final = {
    "2612": Cause.PAYMENT,
    "2607": Cause.DEBIT,
    "2616": Cause.ARRIVAL_PAID,
    "claim": Cause.CLAIM,
    "repair": Cause.REPAIR,
}
_TECHNICAL: Final = 1


class Share(NamedTuple):
    """What of a payment stands under an item, in fen."""

    item_code: str
    fund_nature: str
    amt: int


class Source(NamedTuple):
    """Something to be entered once, with its movements; `detail` is kept with it."""

    kind: SourceKind
    source: str
    day: str
    movements: tuple[Movement, ...]
    detail: str = ""


class Page(NamedTuple):
    """Sources whose day has come; `after` goes on behind them, None at the end."""

    sources: list[Source]
    after: int | str | None


class _Place(NamedTuple):
    """An account as figures name it."""

    account: str
    name: str
    region: str


@dataclass(slots=True)
class Gatherer:
    """Reads the books; what it has looked up in the catalogue it keeps, so use it shortly."""

    _items: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)
    _places: dict[str, _Place] = field(default_factory=dict)

    async def page(
        self, tx: Transaction, kind: Kind, until: str, after: int | str | None, limit: int
    ) -> Page:
        """Up to LIMIT sources of a kind whose day is not after UNTIL."""
        found: list[Source] = []
        keys: list[int | str]
        if kind == "refund":
            refunds = await figuresources.refunded(tx, str(after or ""), until, limit)
            names = await self._names(tx, [refund.paid for refund in refunds])
            found += [await self._refund(tx, refund, names) for refund in refunds]
            keys = [refund.refund_no for refund in refunds]
        elif kind == "income":
            incomes = await figuresources.confirmed(tx, int(after or 0), until, limit)
            names = await self._names(tx, [income.paid for income in incomes])
            found += [await self._income(tx, income, names) for income in incomes]
            keys = [income.paid.payment_id for income in incomes]
        elif kind == "payment":
            payments = await figuresources.payments(tx, int(after or 0), until, limit)
            names = await self._names(tx, payments)
            found += [await self._payment(tx, payment, names) for payment in payments]
            keys = [payment.payment_id for payment in payments]
        else:
            arrivals = await figuresources.arrived(tx, int(after or 0), until, limit)
            for arrival in arrivals:
                found += await self._arrival(tx, arrival)
            keys = [arrival.arrival_id for arrival in arrivals]
        due = [source for source in found if source.day <= until]
        return Page(due, keys[-1] if len(keys) == limit else None)

    # -- payments and what follows from them ----------------------------------------------------

    async def _names(
        self, tx: Transaction, payments: Sequence[PaidMoney]
    ) -> dict[str, list[tuple[str, str, int]]]:
        """The items of the bills of payments."""
        return await figuresources.items(tx, sorted({one.pay_code for one in payments}))

    async def _payment(
        self, tx: Transaction, paid: PaidMoney, bills: dict[str, list[tuple[str, str, int]]]
    ) -> Source:
        shares = await self._shares(tx, paid, bills[paid.pay_code])
        cause = Cause.DUPLICATE if paid.duplicate else _CAUSES[paid.channel]
        moved = await self._moved(
            tx,
            paid,
            bills[paid.pay_code],
            [(share, share.amt) for share in shares],
            (paid.cfm_date, Measure.COLLECTED, cause, paid.pay_code),
        )
        return Source("payment", str(paid.payment_id), paid.cfm_date, moved, _detail(shares))

    async def _income(
        self, tx: Transaction, income: ConfirmedMoney, bills: dict[str, list[tuple[str, str, int]]]
    ) -> Source:
        paid = income.paid
        shares = await self._shares(tx, paid, bills[paid.pay_code])
        back = _spread(shares, income.refunded)
        day = max(income.confirmed_on, paid.cfm_date)
        moved = await self._moved(
            tx,
            paid,
            bills[paid.pay_code],
            [(share, share.amt - less) for share, less in zip(shares, back, strict=True)],
            (day, Measure.CONFIRMED, Cause.CONFIRMATION, paid.pay_code),
        )
        return Source("income", str(paid.payment_id), day, moved)

    async def _refund(
        self, tx: Transaction, refund: RefundedMoney, bills: dict[str, list[tuple[str, str, int]]]
    ) -> Source:
        paid = refund.paid
        shares = await self._shares(tx, paid, bills[paid.pay_code])
        now = _spread(shares, refund.before + refund.amt)
        then = _spread(shares, refund.before)
        paid_back = refund.tra_date or date_from_ms(refund.changed_at)
        day = max(paid_back, paid.cfm_date, refund.confirmed_on)
        measure = Measure.INCOME_REFUNDED if refund.confirmed_on else Measure.REFUNDED
        cause = Cause.TECHNICAL_REFUND if refund.kind == _TECHNICAL else Cause.REFUND
        moved = await self._moved(
            tx,
            paid,
            bills[paid.pay_code],
            [
                (share, later - earlier)
                for share, later, earlier in zip(shares, now, then, strict=True)
            ],
            (day, measure, cause, refund.refund_no),
        )
        return Source("refund", refund.refund_no, day, moved)

    async def _shares(
        self, tx: Transaction, paid: PaidMoney, lines: list[tuple[str, str, int]]
    ) -> list[Share]:
        """How a payment is spread over items: as it was entered, else by the bill."""
        if paid.detail:
            return [Share(*share) for share in json.loads(paid.detail)]
        if paid.duplicate:
            return [Share("", "", paid.amt)]  # 待退付: it pays no item
        delay_item = await catalogue.delay_item(tx) if paid.delay_amt else ""
        owed = settled([(code, amt) for code, _, amt in lines], paid.delay_amt, delay_item)
        amounts = apportion(paid.amt, [amt for _, amt in owed])
        found = []
        for (code, _), amt in zip(owed, amounts, strict=True):
            item = await self._item(tx, code)
            found.append(Share(code, item[1] if item else "", amt))
        return found

    async def _moved(
        self,
        tx: Transaction,
        paid: PaidMoney,
        lines: list[tuple[str, str, int]],
        amounts: list[tuple[Share, int]],
        what: tuple[str, Measure, Cause, str],
    ) -> tuple[Movement, ...]:
        day, measure, cause, reference = what
        category = Category.RETURNING if paid.duplicate else Category.SETTLING
        place = await self._place(tx, paid.src, paid.rec_acct_type, paid.account, paid.cfm_date)
        unit = await self._unit(tx, paid.unit_code) or paid.unit_name
        printed = {code: name for code, name, _ in lines}
        found = []
        for share, amt in amounts:
            if amt:
                item = await self._item(tx, share.item_code)
                name = item[0] if item else printed.get(share.item_code, "")
                key = Key(
                    category.value,
                    paid.region,
                    paid.unit_code,
                    share.item_code,
                    share.fund_nature,
                    place.account,
                )
                names = Names(unit, name, place.name)
                found.append(Movement(day, key, names, measure, amt, cause, reference))
        return tuple(found)

    # -- unidentified money ---------------------------------------------------------------------

    async def _arrival(self, tx: Transaction, money: ArrivedMoney) -> list[Source]:
        place = await self._place(tx, money.src, money.rec_acct_type, money.account, money.arr_date)
        key = Key(Category.UNIDENTIFIED.value, place.region, "", "", "", place.account)
        names = Names("", "", place.name)
        reference = f"arrival:{money.arrival_id}"
        found = []
        if not money.entered:
            come = Movement(
                money.arr_date,
                key,
                names,
                Measure.COLLECTED,
                money.amt,
                Cause.UNIDENTIFIED,
                reference,
            )
            found.append(Source("arrival", str(money.arrival_id), money.arr_date, (come,)))
        if money.state != "unidentified":
            returned = money.state == "returned"
            end = date_from_ms(money.ended_at) if returned else money.cfm_date
            day = max(money.arr_date, end)
            gone = Movement(
                day,
                key,
                names,
                Measure.REFUNDED if returned else Measure.CLAIMED,
                money.amt,
                Cause.RETURNED if returned else Cause.IDENTIFIED,
                reference,
            )
            found.append(Source("arrival-end", str(money.arrival_id), day, (gone,)))
        return found

    # -- the catalogue --------------------------------------------------------------------------

    async def _item(self, tx: Transaction, code: str) -> tuple[str, str] | None:
        """Name and fund nature of an item."""
        if not code:
            return None
        if code not in self._items:
            found = await catalogue.item(tx, code)
            self._items[code] = (found.name, found.fund_nature) if found else None
        return self._items[code]

    async def _unit(self, tx: Transaction, code: str) -> str:
        if code not in self._units:
            found = await catalogue.unit(tx, code)
            self._units[code] = found.name if found else ""
        return self._units[code]

    async def _place(
        self, tx: Transaction, src: str, acct_type: str, account: str, date: str
    ) -> _Place:
        """Where money was collected: an account, or the 科目 at its node."""
        if not account or acct_type == RecAcctType.SUBJECT.value:
            return _Place(f"{src}:subject", f"{src} 科目", "")
        if account not in self._places:
            entries = await catalogue.account(tx, account, date)
            name = next((entry.name for entry in entries if entry.name), "")
            region = entries[0].region if entries else ""
            self._places[account] = _Place(account, name, region)
        return self._places[account]


def _detail(shares: Sequence[Share]) -> str:
    return json.dumps([list(share) for share in shares], ensure_ascii=False, separators=(",", ":"))


def _spread(shares: Sequence[Share], refunded: int) -> tuple[int, ...]:
    """What refunds of so many fen together take from each share."""
    return apportion(refunded, [share.amt for share in shares])
