"""What every step of the stock needs: pieces in the books, who may do it, and its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...einvoice.numbering import NumberingError, Range, bill_type_of, parse_code
from ...einvoice.stock import Cut, Piece, Step, StockError, carve, joined
from ..settlement.acting import Acting
from ..store import catalogue, journal, stock, stockledger, stockuses
from ..store.entries import BillKind, Unit
from ..store.protocol import Transaction
from ..store.stock import FINANCE, Medium, StockRange
from ..store.stockledger import StockStep

REASON_CHARACTERS: Final = 200
_CODE_CHARACTERS: Final = 30
MEDIA: Final[tuple[Medium, ...]] = ("electronic", "paper")


def piece_of(held: StockRange) -> Piece:
    """A range of the books for the rules of the stock."""
    return Piece(
        Range(held.code, held.first, held.last),
        held.next,
        tuple(held.path.split(",")) if held.path else (),
        held.state,
        held.offered_to,
    )


def _with(held: StockRange, piece: Piece, at: int) -> StockRange:
    """The range as a piece says."""
    return replace(
        held,
        first=piece.numbers.first,
        last=piece.numbers.last,
        next=piece.next,
        holder=piece.holder,
        path=",".join(piece.path),
        state=piece.state,
        offered_to=piece.offered_to,
        changed_at=at,
    )


def numbers_of(held: StockRange) -> Range:
    """The numbers of a range of the books."""
    return Range(held.code, held.first, held.last)


# -- cutting and joining --------------------------------------------------------------------------


async def cut_out(tx: Transaction, held: StockRange, wanted: Range, at: int) -> StockRange:
    """Make unused numbers of a range a range of their own, and return that. Raises StockError."""
    if held.medium == "paper" and await stockuses.among(tx, held.kind, wanted):
        raise StockError(f"{wanted} has numbers that are used", "name unused numbers only")
    cut: Cut = carve(piece_of(held), wanted)
    if cut.before is not None:
        await stock.change(tx, _with(held, cut.before, at))
        middle = _with(held, cut.middle, at)
        middle = replace(middle, id=await stock.insert(tx, middle))
    else:
        middle = _with(held, cut.middle, at)
        await stock.change(tx, middle)
    if cut.after is not None:
        await stock.insert(tx, _with(held, cut.after, at))
    return middle


async def put(tx: Transaction, held: StockRange, piece: Piece, at: int) -> StockRange:
    """Write a range anew and join it with its neighbours in the same hands; the range then."""
    changed = _with(held, piece, at)
    await stock.change(tx, changed)
    if changed.state != "stock":
        return changed
    below = await stock.range_of(
        tx, held.medium, held.code, max(changed.first - 1, 1), kind=held.kind
    )
    if below is not None and below.id != changed.id:
        changed = await _join(tx, below, changed, at) or changed
    above = await stock.range_of(tx, held.medium, held.code, changed.last + 1, kind=held.kind)
    if above is not None:
        changed = await _join(tx, changed, above, at) or changed
    return changed


async def _join(
    tx: Transaction, first: StockRange, second: StockRange, at: int
) -> StockRange | None:
    piece = joined(piece_of(first), piece_of(second))
    if piece is None:
        return None
    await stock.remove(tx, second.id)
    whole = _with(first, piece, at)
    await stock.change(tx, whole)
    return whole


# -- who and what ---------------------------------------------------------------------------------


async def known_unit(tx: Transaction, code: str, day: str) -> Unit:
    """A unit that holds on a day. Raises StockError."""
    unit = await catalogue.unit(tx, code)
    if unit is None or not catalogue.holds(unit, day):
        raise StockError(
            f"{code} is no unit of the catalogue today", "check the code", wrong_input=True
        )
    return unit


async def known_kind(tx: Transaction, kind: str, day: str) -> str:
    """BillTypeCode of a kind that the catalogue has on a day. Raises StockError."""
    try:
        wanted = bill_type_of(kind)
    except NumberingError:
        wanted = kind
    for entry in await catalogue.entries(tx, BillKind):
        if entry.code == wanted and catalogue.holds(entry, day):
            return wanted
    raise StockError(
        f"{kind} is no kind of bill (票据种类) of the catalogue today",
        "see `nontax einvoice stock kinds`",
        wrong_input=True,
    )


def check_code(medium: Medium, kind: str, code: str) -> None:
    """Refuse a code that numbers of a kind cannot have. Raises StockError."""
    if medium == "paper":
        if not 1 <= len(code) <= _CODE_CHARACTERS or not code.isascii() or not code.isalnum():
            raise StockError(
                f"a version of paper bills has 1 to {_CODE_CHARACTERS} letters or digits",
                "give the BillVerCode",
                wrong_input=True,
            )
        return
    try:
        parsed = parse_code(code)
    except NumberingError as error:
        raise StockError(str(error), "correct it", wrong_input=True) from None
    if parsed.bill_type != kind:
        raise StockError(
            f"{code} is a code of kind {parsed.bill_type}, not of {kind}",
            "correct code or kind",
            wrong_input=True,
        )


def check_reason(reason: str) -> str:
    """The reason as it is kept. Raises StockError."""
    text = reason.strip()
    if not 0 < len(text) <= REASON_CHARACTERS or not text.isprintable():
        raise StockError(
            f"the reason must have 1 to {REASON_CHARACTERS} printable characters",
            "give a reason",
            wrong_input=True,
        )
    return text


def check_may(acting: Acting, holder: str) -> None:
    """Refuse an operator who may not act for a holder of stock. Raises StockError."""
    if holder == FINANCE:
        if acting.units:
            raise StockError(
                f"{acting.name} acts for units only, not for finance",
                "name an operator of finance (without units)",
                wrong_input=True,
            )
    elif not acting.may_act_for(holder):
        raise StockError(
            f"{acting.name} may not act for unit {holder}",
            "name an operator of that unit",
            wrong_input=True,
        )


async def agent_of(tx: Transaction, acting: Acting, unit: str, kind: str) -> str:
    """'' where an operator may act for a unit, else the unit by whose authorisation (代领) it may.

    Raises StockError where it may not at all.
    """
    if acting.may_act_for(unit):
        return ""
    for agent in await stock.agents(tx, unit, "draw", kind, acting.today):
        if acting.may_act_for(agent):
            return agent
    raise StockError(
        f"{acting.name} may neither act for unit {unit} nor draw for it",
        "name an operator of that unit, or authorise the drawing",
        wrong_input=True,
    )


# -- records --------------------------------------------------------------------------------------


async def record(
    tx: Transaction,
    step: Step,
    acting: Acting,
    *,
    medium: Medium,
    kind: str,
    numbers: Range | None = None,
    holder: str = FINANCE,
    other: str = "",
    reference: str = "",
    reason: str = "",
) -> None:
    """Keep a step for ever, in the steps of the stock and in the journal."""
    await stockledger.append(
        tx,
        StockStep(
            seq=0,
            at=acting.at,
            day=acting.today,
            step=step.value,
            medium=medium,
            kind=kind,
            code=numbers.code if numbers else "",
            first=numbers.first if numbers else 0,
            last=numbers.last if numbers else 0,
            holder=holder,
            other=other,
            reference=reference,
            operator=acting.name,
            reason=reason,
        ),
    )
    facts: dict[str, journal.Fact] = {
        name: value
        for name, value in (
            ("medium", medium),
            ("BillTypeCode", kind),
            ("holder", holder or "finance"),
            ("other", other),
            ("reference", reference),
            ("reason", reason),
        )
        if value
    }
    if numbers is not None:
        facts["numbers"] = numbers.count
    await journal.append(
        tx,
        at=acting.at,
        kind=f"stock.{step.value}",
        subject=str(numbers) if numbers else reference,
        actor=acting.name,
        facts=facts,
    )
