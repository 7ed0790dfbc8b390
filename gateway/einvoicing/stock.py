"""Stock upward: applications (申领), ranges received (领入) and confirmed (入库), authorisations.

Every function is a unit of work's part and raises StockError (OperatorRefused where two operators
are due) when a step is not possible.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...einvoice.numbering import Range
from ...einvoice.stock import Step, StockError, delivered, move
from ..clock import parse_date
from ..collection.operators import require_other
from ..settlement.acting import Acting
from ..store import serials, stock, stockledger
from ..store.protocol import Transaction
from ..store.stock import FINANCE, Medium, StockRange
from ..store.stockledger import Application, Authorisation
from .stockbooks import (
    agent_of,
    check_code,
    check_may,
    check_reason,
    known_kind,
    known_unit,
    numbers_of,
    piece_of,
    put,
    record,
)

_MOST_APPLIED = 10**9


@dataclass(frozen=True, slots=True)
class Need:
    """What is applied for; applicant '' is finance itself, to the body above it."""

    medium: Medium
    kind: str
    count: int
    applicant: str = FINANCE
    reason: str = ""


async def apply(tx: Transaction, need: Need, acting: Acting) -> Application:
    """Submit an application; a unit may have it submitted by one that draws for it (代领)."""
    if not 0 < need.count < _MOST_APPLIED:
        raise StockError("an application is for 1 to 999,999,999 numbers", wrong_input=True)
    reason = check_reason(need.reason) if need.reason else ""
    kind = await known_kind(tx, need.kind, acting.today)
    agent = ""
    if need.applicant == FINANCE:
        check_may(acting, FINANCE)
    else:
        await known_unit(tx, need.applicant, acting.today)
        agent = await agent_of(tx, acting, need.applicant, kind)
    number = await serials.next_number(tx, f"stock-application:{acting.today}")
    made = Application(
        no=f"SL{acting.today}{number:06d}",
        medium=need.medium,
        kind=kind,
        count=need.count,
        applicant=need.applicant,
        state="submitted",
        delivered=0,
        made_by=acting.name,
        made_at=acting.at,
        changed_by=acting.name,
        changed_at=acting.at,
        reason=reason,
    )
    await stockledger.apply(tx, made)
    await _record_application(tx, Step.APPLY, made, acting, agent)
    return made


async def cancel(tx: Transaction, no: str, reason: str, acting: Acting) -> Application:
    """Withdraw an application (取消) that nothing was delivered for in full."""
    found = await _open_application(tx, no)
    if found.applicant == FINANCE:
        check_may(acting, FINANCE)
    else:
        await agent_of(tx, acting, found.applicant, found.kind)
    return await _end_application(tx, Step.CANCEL, found, reason, acting)


async def refuse(tx: Transaction, no: str, reason: str, acting: Acting) -> Application:
    """Refuse an application (拒绝): finance a unit's; of finance's own, note the refusal."""
    found = await _open_application(tx, no)
    check_may(acting, FINANCE)
    if found.applicant != FINANCE:
        require_other(found.made_by, acting.name)
    return await _end_application(tx, Step.REFUSE, found, reason, acting)


async def _open_application(tx: Transaction, no: str) -> Application:
    found = await stockledger.application(tx, no, lock=True)
    if found is None:
        raise StockError(
            f"there is no application {no}",
            "see `nontax einvoice stock list --applications`",
            wrong_input=True,
        )
    if found.state != "submitted":
        raise StockError(f"application {no} is {found.state} already")
    return found


async def _end_application(
    tx: Transaction, step: Step, found: Application, reason: str, acting: Acting
) -> Application:
    text = check_reason(reason)
    ended = replace(
        found,
        state="cancelled" if step is Step.CANCEL else "refused",
        changed_by=acting.name,
        changed_at=acting.at,
        reason=text,
    )
    await stockledger.change_application(tx, ended)
    await _record_application(tx, step, ended, acting)
    return ended


async def _record_application(
    tx: Transaction, step: Step, made: Application, acting: Acting, agent: str = ""
) -> None:
    medium: Medium = "paper" if made.medium == "paper" else "electronic"
    await record(
        tx,
        step,
        acting,
        medium=medium,
        kind=made.kind,
        holder=made.applicant,
        other=agent,
        reference=made.no,
        reason=made.reason,
    )


async def deliver(tx: Transaction, held: StockRange, no: str, to: str, acting: Acting) -> None:
    """Count numbers as delivered for the application that they were asked for with."""
    found = await _open_application(tx, no)
    if (found.medium, found.kind, found.applicant) != (held.medium, held.kind, to):
        raise StockError(f"application {no} is for other numbers, or somebody else's")
    count = numbers_of(held).count
    changed = replace(
        found,
        state=delivered(found.count, found.delivered, count),
        delivered=found.delivered + count,
        changed_by=acting.name,
        changed_at=acting.at,
    )
    await stockledger.change_application(tx, changed)


# -- received ranges ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipt:
    """A range that came from above; `application`: the one that it answers, '' for none."""

    medium: Medium
    kind: str
    numbers: Range
    application: str = ""


async def receive(tx: Transaction, receipt: Receipt, acting: Acting) -> StockRange:
    """Enter a received range (领入); it is no stock before another operator confirms it."""
    check_may(acting, FINANCE)
    kind = await known_kind(tx, receipt.kind, acting.today)
    numbers = receipt.numbers
    check_code(receipt.medium, kind, numbers.code)
    for other in await stock.overlapping(tx, receipt.medium, kind, numbers):
        raise StockError(f"{numbers} overlaps {numbers_of(other)}, which was received before")
    held = StockRange(
        id=0,
        medium=receipt.medium,
        kind=kind,
        code=numbers.code,
        first=numbers.first,
        last=numbers.last,
        next=numbers.first,
        holder=FINANCE,
        path="",
        state="received",
        offered_to="",
        received_by=acting.name,
        changed_at=acting.at,
    )
    held = replace(held, id=await stock.insert(tx, held))
    if receipt.application:
        await deliver(tx, held, receipt.application, FINANCE, acting)
    await record(
        tx,
        Step.RECEIVE,
        acting,
        medium=held.medium,
        kind=kind,
        numbers=numbers,
        reference=receipt.application,
    )
    return held


async def drop(tx: Transaction, range_id: int, reason: str, acting: Acting) -> StockRange:
    """Take out a range that was entered in error and not confirmed yet."""
    text = check_reason(reason)
    held = await get_range(tx, range_id)
    check_may(acting, FINANCE)
    move(piece_of(held), Step.DROP)
    await stock.remove(tx, held.id)
    await record(
        tx,
        Step.DROP,
        acting,
        medium=held.medium,
        kind=held.kind,
        numbers=numbers_of(held),
        reason=text,
    )
    return held


async def confirm(tx: Transaction, range_id: int, acting: Acting) -> StockRange:
    """Confirm a received range into stock (入库); never by the operator who entered it."""
    held = await get_range(tx, range_id)
    check_may(acting, FINANCE)
    piece = move(piece_of(held), Step.CONFIRM)
    require_other(held.received_by, acting.name)
    numbers = numbers_of(held)
    confirmed = await put(tx, held, piece, acting.at)
    await stock.count(tx, held, "received", numbers.count, acting.today)
    await record(tx, Step.CONFIRM, acting, medium=held.medium, kind=held.kind, numbers=numbers)
    return confirmed


async def get_range(tx: Transaction, range_id: int) -> StockRange:
    """A range by its id, for a change. Raises StockError."""
    held = await stock.get(tx, range_id, lock=True)
    if held is None:
        raise StockError(
            f"there is no range {range_id}", "see `nontax einvoice stock list`", wrong_input=True
        )
    return held


# -- authorisations -------------------------------------------------------------------------------


async def authorise(tx: Transaction, wish: Authorisation, acting: Acting) -> Authorisation:
    """Let one unit draw (代领) or issue (代开) for another; `no` and who granted are filled in."""
    check_may(acting, FINANCE)
    reason = check_reason(wish.reason)
    for code in (wish.unit_code, wish.agent):
        await known_unit(tx, code, acting.today)
    if wish.unit_code == wish.agent:
        raise StockError("a unit needs no authorisation for itself", wrong_input=True)
    kind = await known_kind(tx, wish.kind, acting.today) if wish.kind else ""
    start = wish.start_date or acting.today
    if wish.stop_date and parse_date(wish.stop_date) < parse_date(start):
        raise StockError("the last day is before the first", "correct it", wrong_input=True)
    number = await serials.next_number(tx, f"stock-authorisation:{acting.today}")
    granted = replace(
        wish,
        no=f"SQ{acting.today}{number:06d}",
        kind=kind,
        start_date=start,
        granted_by=acting.name,
        granted_at=acting.at,
        reason=reason,
    )
    await stockledger.authorise(tx, granted)
    await _record_authorisation(tx, Step.AUTHORISE, granted, reason, acting)
    return granted


async def end_authorisation(tx: Transaction, no: str, reason: str, acting: Acting) -> Authorisation:
    """End an authorisation at once."""
    check_may(acting, FINANCE)
    text = check_reason(reason)
    for granted in await stockledger.authorisations(tx, no=no):
        if not await stockledger.end_authorisation(tx, no, by=acting.name, at=acting.at):
            raise StockError(f"authorisation {no} has ended already")
        await _record_authorisation(tx, Step.END_AUTHORISATION, granted, text, acting)
        return granted
    raise StockError(
        f"there is no authorisation {no}",
        "see `nontax einvoice stock authorise --list`",
        wrong_input=True,
    )


async def _record_authorisation(
    tx: Transaction, step: Step, granted: Authorisation, reason: str, acting: Acting
) -> None:
    await record(
        tx,
        step,
        acting,
        medium="electronic",
        kind=granted.kind,
        holder=granted.agent,
        other=granted.unit_code,
        reference=granted.no,
        reason=f"{granted.scope}: {reason}",
    )
