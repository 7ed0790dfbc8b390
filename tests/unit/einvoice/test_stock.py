"""The steps of a stock: nothing is lost, doubled or brought back."""

from __future__ import annotations

import pytest

from nontax.einvoice.numbering import Range
from nontax.einvoice.stock import (
    NUMBER_STEPS,
    Piece,
    Step,
    StockError,
    carve,
    delivered,
    joined,
    move,
    number_after,
    select,
    unused,
)

CODE = "32010126"


def piece(first: int, last: int, following: int = 0, **more: object) -> Piece:
    return Piece(Range(CODE, first, last), following or first, **more)


def test_a_cut_in_the_middle_gives_three_pieces() -> None:
    whole = piece(1, 100, 11, path=("A", "B"))
    cut = carve(whole, Range(CODE, 41, 60))
    assert cut.before == piece(1, 40, 11, path=("A", "B"))
    assert cut.middle == piece(41, 60, path=("A", "B"))
    assert cut.after == piece(61, 100, path=("A", "B"))


def test_a_cut_at_the_first_unused_number_leaves_what_was_taken() -> None:
    cut = carve(piece(1, 100, 11), Range(CODE, 11, 100))
    assert cut.before == piece(1, 10, 11)
    assert cut.before is not None
    assert unused(cut.before) == ()
    assert cut.after is None


def test_a_cut_of_everything_is_the_piece() -> None:
    assert carve(piece(5, 9), Range(CODE, 5, 9)) == (None, piece(5, 9), None)


@pytest.mark.parametrize("wanted", [Range(CODE, 10, 20), Range("32010127", 20, 30)])
def test_what_is_used_or_of_another_code_cannot_be_cut_out(wanted: Range) -> None:
    with pytest.raises(StockError):
        carve(piece(1, 100, 11), wanted)


def test_pieces_in_the_same_hands_are_joined() -> None:
    assert joined(piece(1, 10, 4), piece(11, 20)) == piece(1, 20, 4)
    assert joined(piece(1, 10, 11), piece(11, 20)) == piece(1, 20, 11)


@pytest.mark.parametrize(
    "second",
    [
        piece(12, 20),
        piece(11, 20, 12),
        piece(11, 20, path=("A",)),
        piece(11, 20, state="received"),
    ],
)
def test_other_pieces_stay_apart(second: Piece) -> None:
    assert joined(piece(1, 10), second) is None


def test_a_range_on_its_way_down_and_back() -> None:
    held = move(piece(1, 10, state="received"), Step.CONFIRM)
    assert (held.holder, held.state) == ("", "stock")
    held = move(held, Step.DISTRIBUTE, "A")
    assert (held.holder, held.state, held.offered_to) == ("", "offered", "A")
    assert move(held, Step.UNDO) == piece(1, 10)
    held = move(move(move(held, Step.ACCEPT), Step.DISTRIBUTE, "B"), Step.ACCEPT)
    assert (held.holder, held.giver, held.path) == ("B", "A", ("A", "B"))
    held = move(held, Step.GIVE_BACK)
    assert (held.holder, held.giver) == ("A", "")
    assert move(held, Step.TAKE_BACK) == piece(1, 10)


@pytest.mark.parametrize(
    ("held", "step"),
    [
        (piece(1, 10), Step.CONFIRM),
        (piece(1, 10), Step.ACCEPT),
        (piece(1, 10), Step.UNDO),
        (piece(1, 10), Step.DROP),
        (piece(1, 10, state="received"), Step.DISTRIBUTE),
        (piece(1, 10, state="offered", offered_to="A"), Step.DISTRIBUTE),
        (piece(1, 10, 2, path=("A",)), Step.GIVE_BACK),
        (piece(1, 10), Step.TAKE_BACK),
    ],
)
def test_steps_that_the_state_does_not_allow(held: Piece, step: Step) -> None:
    with pytest.raises(StockError):
        move(held, step, "A")


def test_nobody_gets_numbers_twice_on_one_path() -> None:
    with pytest.raises(StockError):
        move(piece(1, 10, path=("A", "B")), Step.DISTRIBUTE, "A")


def test_used_paper_lies_between_what_is_unused() -> None:
    assert unused(piece(1, 10), [3, 4, 10]) == (
        Range(CODE, 1, 2),
        Range(CODE, 5, 9),
    )


def test_the_lowest_unused_numbers_are_selected() -> None:
    pieces = [(piece(1, 10, 9), []), (piece(21, 30), [22])]
    assert select(pieces, 5) == (
        Range(CODE, 9, 10),
        Range(CODE, 21, 21),
        Range(CODE, 23, 24),
    )
    assert sum(numbers.count for numbers in select(pieces, 11)) == 11
    with pytest.raises(StockError, match="11 of 12"):
        select(pieces, 12)


def test_an_application_is_fulfilled_in_parts_and_never_exceeded() -> None:
    assert delivered(10, 0, 4) == "submitted"
    assert delivered(10, 4, 6) == "fulfilled"
    with pytest.raises(StockError):
        delivered(10, 4, 7)


def test_no_step_leads_back_to_unused() -> None:
    assert all("unused" not in after.values() for after in NUMBER_STEPS.values())
    assert all("written_off" not in after for after in NUMBER_STEPS.values())


def test_the_life_of_a_paper_number() -> None:
    assert number_after("unused", Step.USE, 1) == "used"
    assert number_after("used", Step.VOID, 1) == "void"
    assert number_after("void", Step.RETURN, 1) == "returned"
    assert number_after("returned", Step.WRITE_OFF, 1) == "written_off"
    for state, step in (("used", Step.USE), ("used", Step.RETURN), ("unused", Step.WRITE_OFF)):
        with pytest.raises(StockError, match="0000000007"):
            number_after(state, step, 7)
