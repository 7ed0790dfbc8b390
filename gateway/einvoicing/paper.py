"""Paper bills: numbers used by bills (8995) and as receipts (8998), void, returned, written off.

What became of a number is final: nothing leads back to unused. A bill and its number change in one
transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...einvoice.numbering import MOST_NUMBER, Range
from ...einvoice.stock import NumberState, Step, StockError, number_after
from ..collection.operators import require_other
from ..settlement.acting import Acting
from ..store import serials, stock, stockuses
from ..store.protocol import Transaction
from ..store.stock import FINANCE, Measure, StockRange
from ..store.stockuses import Purpose, StockUse, UseState, WriteOff
from .stockbooks import check_may, check_reason, record

MOST_AT_ONCE: Final = 10_000
"""So many paper numbers change in one step at most."""
_BILL_NO = re.compile(r"[0-9]{1,10}|[0-9]{18}")


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """A paper number as a message names it: kind, version (BillVerCode) and number (BillNo).

    A number has up to 10 digits; 18 are the code (8) and the number (10).
    """

    kind: str
    version: str
    bill_no: str


async def unused_in_stock(
    tx: Transaction, unit: str, wanted: PaperNumber, day: str
) -> Range | None:
    """The number where it lies unused in the stock that the unit draws on, else None (16002).

    That is its own, then that of units that may issue for it (代开). The version decides between
    several; where only one has the number it is not judged.
    """
    if _BILL_NO.fullmatch(wanted.bill_no) is None:
        return None
    code, number = wanted.bill_no[:-10], int(wanted.bill_no[-10:])
    for holder in (unit, *await stock.agents(tx, unit, "issue", wanted.kind, day)):
        held = [
            one
            for one in await stock.available(tx, holder, "paper", wanted.kind)
            if one.first <= number <= one.last and code in {"", one.code}
        ]
        exact = [one for one in held if one.code == wanted.version] or held
        if len(exact) == 1:
            taken = await stockuses.get(tx, wanted.kind, exact[0].code, number)
            return None if taken else Range(exact[0].code, number, number)
    return None


def is_number(wanted: PaperNumber, used: StockUse) -> bool:
    """Whether a message names just this number; the version is not judged."""
    if wanted.kind != used.kind or _BILL_NO.fullmatch(wanted.bill_no) is None:
        return False
    code, number = wanted.bill_no[:-10], int(wanted.bill_no[-10:])
    return number == used.number and code in {"", used.code}


@dataclass(frozen=True, slots=True)
class UsedBy:
    """The bill that uses a number, and the unit whose bill it is."""

    purpose: Purpose
    unit: str
    pay_code: str


async def use(tx: Transaction, numbers: Range, kind: str, used_by: UsedBy, acting: Acting) -> None:
    """Note that a number that lies unused in stock (`unused_in_stock`) is used by a bill."""
    held = await _held(tx, kind, numbers)
    fresh = await stockuses.insert(
        tx,
        StockUse(
            kind=kind,
            code=held.code,
            number=numbers.first,
            holder=held.holder,
            unit_code=used_by.unit,
            state="used",
            use=used_by.purpose,
            pay_code=used_by.pay_code,
            used_at=acting.at,
            void_day="",
            changed_at=acting.at,
            changed_by=acting.name,
        ),
    )
    if not fresh:  # looked at in this transaction: cannot be
        raise RuntimeError("a paper number was used twice")
    await stock.count(tx, held, "used", 1, acting.today)
    other = "" if used_by.unit == held.holder else used_by.unit
    await _record(tx, Step.USE, held, numbers, acting, reference=used_by.pay_code, other=other)


async def void_with_bill(tx: Transaction, pay_code: str, reason: str, acting: Acting) -> None:
    """The paper number of a bill that is made void becomes void with it."""
    used = await stockuses.living(tx, pay_code, "bill")
    if used is not None:
        numbers = Range(used.code, used.number, used.number)
        held = await _held(tx, used.kind, numbers)
        await _change(tx, held, [used], Step.VOID, acting, reason=reason, reference=pay_code)


async def void(tx: Transaction, kind: str, numbers: Range, reason: str, acting: Acting) -> int:
    """Make spoilt or lost paper void (作废): unused numbers, and receipts of paid bills.

    The number of a bill becomes void with its bill only. Returns how many there were.
    Raises StockError.
    """
    text = check_reason(reason)
    held, used = await _numbers(tx, kind, numbers, acting)
    for one in used:
        if one.use == "bill" and one.state == "used":
            raise StockError(
                f"{one.number:010d} is the paper of bill {one.pay_code}", "make the bill void"
            )
        number_after(one.state, Step.VOID, one.number)
    known = {one.number for one in used}
    fresh = [number for number in range(numbers.first, numbers.last + 1) if number not in known]
    for number in fresh:
        await stockuses.insert(
            tx,
            StockUse(
                kind=kind,
                code=held.code,
                number=number,
                holder=held.holder,
                unit_code=held.holder,
                state="void",
                use="",
                pay_code="",
                used_at=acting.at,
                void_day=acting.today,
                changed_at=acting.at,
                changed_by=acting.name,
                reason=text,
            ),
        )
    await stock.count(tx, held, "void", len(fresh), acting.today)
    for one in used:
        await _set(tx, one, "void", text, acting)
    await _count_void(tx, held, used, acting)
    await _record(tx, Step.VOID, held, numbers, acting, reason=text)
    return numbers.count


async def turn_in(tx: Transaction, kind: str, numbers: Range, reason: str, acting: Acting) -> int:
    """Return void paper to finance (缴回). Raises StockError."""
    text = check_reason(reason)
    held, used = await _numbers(tx, kind, numbers, acting, all_used=True)
    for one in used:
        number_after(one.state, Step.RETURN, one.number)
    await _change(tx, held, used, Step.RETURN, acting, reason=text)
    return numbers.count


# -- writing off ----------------------------------------------------------------------------------


async def propose_write_off(
    tx: Transaction, kind: str, numbers: Range, reason: str, acting: Acting
) -> WriteOff:
    """Propose to write numbers off (核销) that are used, void or returned. Raises StockError."""
    text = check_reason(reason)
    held, used = await _numbers(tx, kind, numbers, acting, all_used=True)
    for one in used:
        number_after(one.state, Step.WRITE_OFF, one.number)
    number = await serials.next_number(tx, f"stock-write-off:{acting.today}")
    proposed = WriteOff(
        no=f"HX{acting.today}{number:06d}",
        kind=kind,
        code=numbers.code,
        first=numbers.first,
        last=numbers.last,
        holder=held.holder,
        state="proposed",
        reason=text,
        proposed_by=acting.name,
        proposed_at=acting.at,
    )
    await stockuses.propose(tx, proposed)
    await _record(
        tx, Step.PROPOSE_WRITE_OFF, held, numbers, acting, reference=proposed.no, reason=text
    )
    return proposed


async def decide_write_off(tx: Transaction, no: str, *, approve: bool, acting: Acting) -> WriteOff:
    """Approve or reject a writing off; never by who proposed it.

    Raises StockError, OperatorRefused.
    """
    found = await stockuses.write_off(tx, no, lock=True)
    if found is None:
        raise StockError(
            f"there is no writing off {no}",
            "see `nontax paperbill list --write-offs`",
            wrong_input=True,
        )
    check_may(acting, found.holder)
    if found.state != "proposed":
        raise StockError(f"writing off {no} is {found.state} already")
    require_other(found.proposed_by, acting.name)
    numbers = Range(found.code, found.first, found.last)
    held, used = await _numbers(tx, found.kind, numbers, acting, all_used=True)
    if approve:
        for one in used:
            number_after(one.state, Step.WRITE_OFF, one.number)
        await _change(tx, held, used, Step.WRITE_OFF, acting, reason=found.reason, reference=no)
    else:
        await _record(tx, Step.REJECT_WRITE_OFF, held, numbers, acting, reference=no)
    state = "approved" if approve else "rejected"
    await stockuses.decide(tx, no, state, by=acting.name, at=acting.at)
    decided = await stockuses.write_off(tx, no)
    return decided or found


# -- helpers --------------------------------------------------------------------------------------


async def _held(tx: Transaction, kind: str, numbers: Range) -> StockRange:
    """The one range of paper that numbers lie in. Raises StockError."""
    held = await stock.range_of(tx, "paper", numbers.code, numbers.first, kind=kind)
    if held is None or held.last < numbers.last:
        raise StockError(f"{numbers} does not lie in one range of the paper stock")
    return held


async def _numbers(
    tx: Transaction, kind: str, numbers: Range, acting: Acting, *, all_used: bool = False
) -> tuple[StockRange, list[StockUse]]:
    """The range of paper numbers that a step is about, and what became of them until now."""
    if numbers.count > MOST_AT_ONCE or numbers.last > MOST_NUMBER:
        raise StockError(
            f"at most {MOST_AT_ONCE:,} numbers change at once", "take fewer", wrong_input=True
        )
    held = await _held(tx, kind, numbers)
    if held.holder == FINANCE and held.state != "stock":
        raise StockError(f"{numbers} is {held.state}, not in stock")
    if held.state != "stock":
        raise StockError(f"{numbers} is distributed and not accepted yet")
    check_may(acting, held.holder)
    used = await stockuses.among(tx, kind, numbers)
    if all_used and len(used) < numbers.count:
        known = {one.number for one in used}
        first = next(n for n in range(numbers.first, numbers.last + 1) if n not in known)
        raise StockError(f"{first:010d} is unused", "give unused numbers back instead")
    return held, used


_MEASURES: Final[dict[UseState, Measure]] = {
    "returned": "turned_in",
    "written_off": "written_off",
}


async def _change(
    tx: Transaction,
    held: StockRange,
    used: Sequence[StockUse],
    step: Step,
    acting: Acting,
    *,
    reason: str,
    reference: str = "",
) -> None:
    """Do one step with numbers that follow each other."""
    after: NumberState = number_after(used[0].state, step, used[0].number)
    if after == "unused":  # no step leads there
        raise RuntimeError("a used number cannot become unused")
    for one in used:
        await _set(tx, one, after, reason, acting)
    if after in _MEASURES:
        await stock.count(tx, held, _MEASURES[after], len(used), acting.today)
    else:
        await _count_void(tx, held, used, acting)
    numbers = Range(held.code, used[0].number, used[-1].number)
    await _record(tx, step, held, numbers, acting, reference=reference, reason=reason)


async def _set(
    tx: Transaction, one: StockUse, state: UseState, reason: str, acting: Acting
) -> None:
    await stockuses.change(
        tx, one, state, at=acting.at, by=acting.name, reason=reason, day=acting.today
    )


async def _count_void(
    tx: Transaction, held: StockRange, used: Sequence[StockUse], acting: Acting
) -> None:
    """Numbers that were used and are void now."""
    await stock.count(tx, held, "used", -len(used), acting.today)
    await stock.count(tx, held, "void", len(used), acting.today)


async def _record(
    tx: Transaction,
    step: Step,
    held: StockRange,
    numbers: Range,
    acting: Acting,
    *,
    other: str = "",
    reference: str = "",
    reason: str = "",
) -> None:
    await record(
        tx,
        step,
        acting,
        medium="paper",
        kind=held.kind,
        numbers=numbers,
        holder=held.holder,
        other=other,
        reference=reference,
        reason=reason,
    )
