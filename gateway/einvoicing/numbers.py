"""Numbers of e-invoices: reserved in order from a unit's stock, and the fate of every one.

A number is taken in the transaction that needs it and never goes back. One that was reserved (8999)
and is not used within the days that the configuration gives is voided and reported.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from ...einvoice.numbering import NumberingError, bill_type_of, number_text, parse_number
from ...messages.codes import Result
from ..clock import Clock, date_from_ms
from ..store import Store, catalogue, einvoices, journal, stock
from ..store.einvoice_records import InvoiceNumber
from ..store.entries import Unit
from ..store.protocol import Transaction
from ..store.stock import StockRange
from .refusals import IssueRefused

DAY_MS: Final = 86_400_000
_AT_ONCE: Final = 100


async def reserve(
    tx: Transaction,
    *,
    unit_code: str,
    bill_type: str,
    by: str,
    at: int,
    pay_code: str = "",
    is_red: bool = False,
) -> InvoiceNumber:
    """Reserve the next number of a unit's stock for a kind of invoice (8999).

    bill_type: BillTypeCode, 4, 6 or 8 digits. pay_code: the bill that it is used for at once.
    is_red: for the red invoice of one that was issued, which the unit may have reversed whatever
    rights it has today. Raises IssueRefused: 16001 without the right, 16002 without stock.
    """
    kind = kind_of(bill_type)
    unit = await catalogue.unit(tx, unit_code)
    if unit is None or not (is_red or _may_issue(unit, kind, date_from_ms(at))):
        raise IssueRefused(
            f"unit {unit_code} has no right to invoices of kind {kind}",
            result=Result.NO_BILL_KIND_RIGHT,
            do="enter the kind into the unit's bill_kinds in the catalogue",
        )
    taken = await stock.take_next(tx, unit_code, "electronic", kind, at)
    if taken is None:
        raise IssueRefused(
            f"unit {unit_code} has no numbers of kind {kind} left",
            result=Result.NO_BILL_STOCK,
            do="distribute a range to it: see `nontax einvoice stock`",
        )
    number = InvoiceNumber(
        code=taken.code,
        number=number_text(taken.number),
        range_id=taken.range_id,
        unit_code=unit_code,
        region=unit.region,
        state="reserved",
        pay_code=pay_code,
        reserved_by=by,
        reserved_at=at,
        changed_at=at,
    )
    await einvoices.insert_number(tx, number)
    await einvoices.add_event(tx, number.code, number.number, "reserved", at=at, actor=by)
    if not pay_code:
        await journal.append(
            tx,
            at=at,
            kind="einvoice.number_reserved",
            subject=name_of(number),
            actor=by,
            facts={"unit": unit_code},
        )
    return number


def _may_issue(unit: Unit, kind: str, day: str) -> bool:
    holds = unit.start_date <= day <= (unit.stop_date or day)
    return holds and kind in unit.bill_kinds.split(",")


def kind_of(bill_type: str) -> str:
    """BillTypeCode as 4 digits. Raises IssueRefused."""
    try:
        return bill_type_of(bill_type)
    except NumberingError as error:
        raise IssueRefused(
            str(error),
            result=Result.BAD_PARAMETER,
            information="票据类型代码应为4位、6位或8位数字",
            wrong_input=True,
        ) from None


def name_of(number: InvoiceNumber) -> str:
    """``code-number``, the subject of the journal."""
    return f"{number.code}-{number.number}"


async def void(tx: Transaction, number: InvoiceNumber, *, why: str, by: str, at: int) -> bool:
    """Void a reserved number for good; False when its fate was decided before."""
    code, text = number.code, number.number
    if not await einvoices.settle_number(tx, code, text, "voided", at=at, why=why):
        return False
    await stock.note_void(tx, code, parse_number(text), at)
    await einvoices.add_event(tx, code, text, "voided", at=at, actor=by, detail=why)
    facts: dict[str, journal.Fact] = {"unit": number.unit_code, "why": why}
    if number.pay_code:
        facts["PayCode"] = number.pay_code
    await journal.append(
        tx, at=at, kind="einvoice.number_voided", subject=name_of(number), actor=by, facts=facts
    )
    return True


async def void_expired(
    store: Store,
    clock: Clock,
    days: int,
    *,
    by: str,
    progress: Callable[[int], None] = lambda count: None,
) -> list[InvoiceNumber]:
    """Void what was reserved more than `days` ago and not used; may run several times at once."""
    found: list[InvoiceNumber] = []
    why = f"reserved and not used within {days} days"

    async def some(tx: Transaction, at: int) -> list[InvoiceNumber]:
        due = await einvoices.expired_numbers(tx, at - days * DAY_MS, limit=_AT_ONCE)
        return [number for number in due if await void(tx, number, why=why, by=by, at=at)]

    while voided := await store.transact(partial(some, at=clock.now_ms())):
        found += voided
        progress(len(found))
    return found


# -- fates -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a number, or of a run of numbers with one fate. state: ``reserved``,
    ``issued``, ``voided``; ``stock``: not taken yet; ``unexplained``: taken, and nobody knows why.

    holder: the unit, '' finance.
    """

    code: str
    first: str
    last: str
    state: str
    holder: str
    why: str = ""

    @property
    def count(self) -> int:
        """How many numbers."""
        return int(self.last) - int(self.first) + 1


async def fates(tx: Transaction, code: str) -> list[Fate]:
    """The fate of every number of a code that ever was in stock, in runs; use `Store.scan`."""
    found: list[Fate] = []
    ranges = await stock.page(tx, medium="electronic", code=code)
    for held in sorted(ranges, key=lambda one: one.first):
        taken = {int(number.number): number async for number in _taken(tx, held)}
        found += _runs(held, taken)
    return found


async def unexplained(tx: Transaction) -> list[Fate]:
    """Numbers of any code that were taken, and nobody knows why; use `Store.scan`."""
    codes = sorted({held.code for held in await stock.page(tx, medium="electronic")})
    return [fate for code in codes for fate in await fates(tx, code) if fate.state == "unexplained"]


async def _taken(tx: Transaction, held: StockRange) -> AsyncIterator[InvoiceNumber]:
    after = f"{held.first - 1:010d}"
    while page := await einvoices.numbers(tx, held.code, after=after):
        for number in page:
            if int(number.number) > held.last:
                return
            yield number
        after = page[-1].number


def _runs(held: StockRange, taken: dict[int, InvoiceNumber]) -> Iterator[Fate]:
    run: Fate | None = None
    for at in range(held.first, held.next):
        number = taken.get(at)
        text = f"{at:010d}"
        one = (
            Fate(held.code, text, text, "unexplained", held.holder)
            if number is None
            else Fate(held.code, text, text, number.state, number.unit_code, number.why)
        )
        if run is not None and (run.state, run.holder, run.why) == (one.state, one.holder, one.why):
            run = Fate(run.code, run.first, one.last, run.state, run.holder, run.why)
            continue
        if run is not None:
            yield run
        run = one
    if run is not None:
        yield run
    if held.next <= held.last:
        yield Fate(held.code, f"{held.next:010d}", f"{held.last:010d}", "stock", held.holder)
