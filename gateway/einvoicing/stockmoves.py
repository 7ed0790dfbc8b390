"""Stock downward and back: distributed (发放), accepted, taken back (收回), given back (缴回).

Finance distributes to supervising units and units, a supervising unit to the units below it.
Numbers that were used never move. Every function raises StockError when a step is not possible.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...einvoice.numbering import Range
from ...einvoice.stock import Step, StockError, move, select, unused
from ..settlement.acting import Acting
from ..store import stock, stockuses
from ..store.entries import Unit
from ..store.protocol import Transaction
from ..store.stock import FINANCE, Medium, StockRange
from .stock import deliver, get_range
from .stockbooks import (
    agent_of,
    check_may,
    check_reason,
    cut_out,
    known_kind,
    known_unit,
    numbers_of,
    piece_of,
    put,
    record,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Numbers for a unit: those that are named, or the first `count` of the holder's stock."""

    medium: Medium
    kind: str
    to: str
    numbers: Range | None = None
    count: int = 0
    holder: str = FINANCE
    application: str = ""
    reason: str = ""


async def distribute(tx: Transaction, delivery: Delivery, acting: Acting) -> list[StockRange]:
    """Offer numbers to a unit; they stay the holder's until the unit accepts them."""
    kind = await known_kind(tx, delivery.kind, acting.today)
    check_may(acting, delivery.holder)
    unit = await known_unit(tx, delivery.to, acting.today)
    _check_below(unit, delivery.holder)
    reason = check_reason(delivery.reason) if delivery.reason else ""
    held = await stock.available(tx, delivery.holder, delivery.medium, kind)
    if delivery.numbers is not None:
        wanted: tuple[Range, ...] = (delivery.numbers,)
    elif delivery.count > 0:
        pieces = [(piece_of(one), await _used(tx, one)) for one in held]
        wanted = select(pieces, delivery.count)
    else:
        raise StockError("name the numbers, or how many", wrong_input=True)
    made = []
    for numbers in wanted:
        piece = await _cut(tx, held, numbers, acting.at)
        offered = await put(tx, piece, move(piece_of(piece), Step.DISTRIBUTE, unit.code), acting.at)
        if delivery.application:
            await deliver(tx, offered, delivery.application, unit.code, acting)
        await _record(
            tx,
            Step.DISTRIBUTE,
            offered,
            acting,
            other=unit.code,
            reference=delivery.application,
            reason=reason,
        )
        made.append(offered)
    return made


def _check_below(unit: Unit, holder: str) -> None:
    if holder not in {FINANCE, unit.parent}:
        raise StockError(
            f"unit {unit.code} is not supervised by {holder}",
            "a supervising unit distributes to the units directly below it",
            wrong_input=True,
        )


async def _used(tx: Transaction, held: StockRange) -> list[int]:
    """The paper numbers of a range that are used."""
    if held.medium == "electronic":
        return []
    return [use.number for use in await stockuses.among(tx, held.kind, numbers_of(held))]


async def _cut(tx: Transaction, held: list[StockRange], wanted: Range, at: int) -> StockRange:
    """Numbers of a holder's stock as a range of their own."""
    for one in held:
        if numbers_of(one).contains(wanted):
            fresh = await stock.range_of(tx, one.medium, one.code, wanted.first, kind=one.kind)
            if fresh is not None:
                return await cut_out(tx, fresh, wanted, at)
    raise StockError(
        f"{wanted} does not lie in one range of the holder's stock", "see the list of the stock"
    )


async def undo(tx: Transaction, range_id: int, reason: str, acting: Acting) -> StockRange:
    """Undo a distribution that the unit has not accepted yet (撤销发放)."""
    text = check_reason(reason)
    held = await get_range(tx, range_id)
    check_may(acting, held.holder)
    back = await put(tx, held, move(piece_of(held), Step.UNDO), acting.at)
    await _record(tx, Step.UNDO, held, acting, other=held.offered_to, reason=text)
    return back


async def accept(tx: Transaction, range_id: int, acting: Acting) -> StockRange:
    """Accept distributed numbers for the unit, or by authorisation for it (代领)."""
    held = await get_range(tx, range_id)
    piece = move(piece_of(held), Step.ACCEPT)
    agent = await agent_of(tx, acting, held.offered_to, held.kind)
    count = numbers_of(held).count
    await stock.count(tx, held, "distributed", count, acting.today)
    taken = replace(held, holder=held.offered_to)
    await stock.count(tx, taken, "received", count, acting.today)
    accepted = await put(tx, held, piece, acting.at)
    await _record(
        tx, Step.ACCEPT, held, acting, other=held.offered_to, reference=agent and f"by {agent}"
    )
    return accepted


@dataclass(frozen=True, slots=True)
class Rest:
    """Unused numbers of a unit: all of a kind (of a code), or those that are named."""

    medium: Medium
    kind: str
    unit: str
    code: str = ""
    numbers: Range | None = None


async def take_back(tx: Transaction, rest: Rest, reason: str, acting: Acting) -> list[Range]:
    """Take the unused rest back from a unit (收回), to where it came from."""
    return await _return(tx, Step.TAKE_BACK, rest, reason, acting)


async def give_back(tx: Transaction, rest: Rest, reason: str, acting: Acting) -> list[Range]:
    """Give the unused rest back (缴回), to where it came from."""
    return await _return(tx, Step.GIVE_BACK, rest, reason, acting)


async def _return(
    tx: Transaction, step: Step, rest: Rest, reason: str, acting: Acting
) -> list[Range]:
    text = check_reason(reason)
    kind = rest.kind  # also one that the catalogue has no more
    held = await stock.available(tx, rest.unit, rest.medium, kind)
    wanted: list[Range] = []
    if rest.numbers is not None:
        wanted.append(rest.numbers)
    else:
        for one in held:
            if rest.code in {"", one.code}:
                wanted += unused(piece_of(one), await _used(tx, one))
    if not rest.unit or not wanted:
        raise StockError(f"unit {rest.unit} has no unused numbers of kind {kind}")
    for numbers in wanted:
        piece = await _cut(tx, held, numbers, acting.at)
        upper = piece_of(piece).giver
        check_may(acting, upper if step is Step.TAKE_BACK else rest.unit)
        await stock.count(tx, piece, "returned", numbers.count, acting.today)
        await put(tx, piece, move(piece_of(piece), step), acting.at)
        back = replace(piece, holder=upper)
        await stock.count(tx, back, "recovered", numbers.count, acting.today)
        await _record(tx, step, piece, acting, other=upper, reason=text)
    return wanted


async def _record(
    tx: Transaction,
    step: Step,
    held: StockRange,
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
        medium=held.medium,
        kind=held.kind,
        numbers=numbers_of(held),
        holder=held.holder,
        other=other,
        reference=reference,
        reason=reason,
    )
