"""Steps (领用 发放 缴回 作废 核销) of stocks of numbers, for electronic invoices and for paper.

Pure: a piece is a range and who has it, a step gives the pieces that follow. Nothing here loses or
doubles a number: `carve` cuts a piece into pieces that hold the same numbers, `join` puts them
together again, `move` changes hands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from .errors import EInvoiceError
from .numbering import Range, merged

FINANCE: Final = ""
"""Holder of what finance itself has."""

PieceState = Literal["received", "stock", "offered"]
ApplicationState = Literal["submitted", "cancelled", "refused", "fulfilled"]
NumberState = Literal["unused", "used", "void", "returned", "written_off"]


class StockError(EInvoiceError):
    """A step that the state of the stock does not allow; `do` says what would help.

    wrong_input: what was asked for is wrong in itself, whatever the stock is.
    """

    def __init__(self, what: str, do: str = "", *, wrong_input: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.do = do
        self.wrong_input = wrong_input


class Step(StrEnum):
    """What can be done to a stock; the values stand in the books."""

    APPLY = "apply"  # 申领
    CANCEL = "cancel"  # 取消申领
    REFUSE = "refuse"  # 拒绝
    RECEIVE = "receive"  # 领入号段
    DROP = "drop"  # 领入更正
    CONFIRM = "confirm"  # 确认入库
    DISTRIBUTE = "distribute"  # 发放
    UNDO = "undo"  # 撤销发放
    ACCEPT = "accept"  # 接收
    TAKE_BACK = "take-back"  # 收回
    GIVE_BACK = "give-back"  # 缴回 (unused)
    AUTHORISE = "authorise"  # 代领, 代开
    END_AUTHORISATION = "end-authorisation"
    USE = "use"  # 开具
    VOID = "void"  # 作废
    RETURN = "return"  # 缴回 (void paper)
    PROPOSE_WRITE_OFF = "propose-write-off"
    WRITE_OFF = "write-off"  # 核销
    REJECT_WRITE_OFF = "reject-write-off"


@dataclass(frozen=True, slots=True)
class Piece:
    """Numbers with one holder. `path`: the units through whose hands they came, the holder last.

    `next`: the first number that was not taken. `offered_to`: a unit while it is distributed.
    """

    numbers: Range
    next: int
    path: tuple[str, ...] = ()
    state: PieceState = "stock"
    offered_to: str = ""

    @property
    def holder(self) -> str:
        """A unit's code, or FINANCE."""
        return self.path[-1] if self.path else FINANCE

    @property
    def giver(self) -> str:
        """From whom the holder has them, and to whom they go back."""
        return self.path[-2] if len(self.path) > 1 else FINANCE

    @property
    def untouched(self) -> bool:
        """Whether nothing of it was taken."""
        return self.next == self.numbers.first


class Cut(NamedTuple):
    """A piece cut in up to three; `before` has what was taken and the numbers below."""

    before: Piece | None
    middle: Piece
    after: Piece | None


def carve(piece: Piece, wanted: Range) -> Cut:
    """Cut the wanted numbers out. Raises StockError where the piece has not all of them unused."""
    numbers = piece.numbers
    if not numbers.contains(wanted):
        raise StockError(f"{wanted} does not lie in one range of the stock")
    if wanted.first < piece.next:
        raise StockError(
            f"{wanted} has numbers that are used: {piece.next:010d} is the first unused one",
            "name unused numbers only",
        )
    before = after = None
    if numbers.first < wanted.first:
        before = replace(piece, numbers=Range(numbers.code, numbers.first, wanted.first - 1))
        before = replace(before, next=min(piece.next, wanted.first))
    if wanted.last < numbers.last:
        rest = Range(numbers.code, wanted.last + 1, numbers.last)
        after = replace(piece, numbers=rest, next=rest.first)
    return Cut(before, replace(piece, numbers=wanted, next=wanted.first), after)


def joined(first: Piece, second: Piece) -> Piece | None:
    """One piece of two that follow each other in the same hands; None where they do not.

    Nothing of the second may have been taken.
    """
    alike = (first.path, first.state, first.offered_to) == (
        second.path,
        second.state,
        second.offered_to,
    )
    follows = (
        first.numbers.code == second.numbers.code
        and first.numbers.last + 1 == second.numbers.first
        and second.untouched
    )
    return replace(first, numbers=first.numbers.join(second.numbers)) if alike and follows else None


def unused(piece: Piece, used: Iterable[int] = ()) -> tuple[Range, ...]:
    """The numbers of a piece that were neither taken nor, of paper, used; ascending."""
    if piece.next > piece.numbers.last:
        return ()
    code = piece.numbers.code
    rest = Range(code, piece.next, piece.numbers.last)
    return rest.subtract(*merged(Range(code, number, number) for number in used))


_FROM: Final[Mapping[Step, PieceState]] = MappingProxyType(
    {
        Step.CONFIRM: "received",
        Step.DROP: "received",
        Step.DISTRIBUTE: "stock",
        Step.UNDO: "offered",
        Step.ACCEPT: "offered",
        Step.TAKE_BACK: "stock",
        Step.GIVE_BACK: "stock",
    }
)
_NOT_IN: Final[Mapping[PieceState, str]] = MappingProxyType(
    {
        "received": "is not confirmed into stock yet",
        "stock": "is in stock",
        "offered": "is distributed and not accepted yet",
    }
)


def move(piece: Piece, step: Step, to: str = "") -> Piece:
    """The piece after a step that changes hands or confirms; `to`: who is to get it.

    Raises StockError where the piece is in another state, or not all of it is unused.
    """
    if piece.state != _FROM[step]:
        raise StockError(f"{piece.numbers} {_NOT_IN[piece.state]}", "see the list of the stock")
    if not piece.untouched:
        raise StockError(f"{piece.numbers} has numbers that are used")
    if step is Step.DISTRIBUTE:
        if not to or to in piece.path:
            raise StockError("numbers are distributed to a unit that had them not before")
        return replace(piece, state="offered", offered_to=to)
    if step is Step.ACCEPT:
        path = (*piece.path, piece.offered_to)
        return replace(piece, state="stock", offered_to="", path=path)
    if step in {Step.TAKE_BACK, Step.GIVE_BACK}:
        if not piece.path:
            raise StockError("finance has nobody to give numbers back to")
        return replace(piece, path=piece.path[:-1])
    return replace(piece, state="stock", offered_to="")


def select(pieces: Iterable[tuple[Piece, Iterable[int]]], count: int) -> tuple[Range, ...]:
    """The first `count` unused numbers of pieces (each with its used paper numbers), ascending.

    Raises StockError when there are fewer.
    """
    found: list[Range] = []
    left = count
    for piece, used in pieces:
        for numbers in unused(piece, used):
            head, _ = numbers.split(min(left, numbers.count))
            found.append(head)
            left -= head.count
            if not left:
                return tuple(found)
    raise StockError(f"the stock has {count - left} of {count} numbers", "apply for more")


def delivered(count: int, before: int, now: int) -> ApplicationState:
    """State of an application of `count` numbers when `now` more than `before` were delivered.

    Raises StockError when that is more than was applied for.
    """
    if before + now > count:
        raise StockError(
            f"the application is for {count} numbers, {before} of them delivered: not {now} more"
        )
    return "fulfilled" if before + now == count else "submitted"


NUMBER_STEPS: Final[Mapping[Step, Mapping[NumberState, NumberState]]] = MappingProxyType(
    {
        Step.USE: {"unused": "used"},
        Step.VOID: {"unused": "void", "used": "void"},
        Step.RETURN: {"void": "returned"},
        Step.WRITE_OFF: {
            "used": "written_off",
            "void": "written_off",
            "returned": "written_off",
        },
    }
)
"""What a step makes of a single paper number; nothing leads back to unused."""


def number_after(state: NumberState, step: Step, number: int) -> NumberState:
    """State of a paper number after a step. Raises StockError."""
    after = NUMBER_STEPS[step].get(state)
    if after is None:
        raise StockError(f"{number:010d} is {state.replace('_', ' ')}")
    return after
