"""What a person may decide about a difference, which kinds it fits, and who must agree.

One operator may accept, link, comment and have an entry judged again. What makes or pays back
money, or gives it up, is proposed by one operator and approved by another (spec: business, 9).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from ...reconcile.kinds import Kind
from ..settlement.acting import SettlementRefused
from ..store.reconciliation import DifferenceRow

Deed = Literal["accept", "write_off", "link", "force", "refund"]
"""What ends a difference. accept: the books stay and the money counts as seen; write_off: the books
stay, the money will not come; link: a line and a payment (or arrival) of ours are one; force: a
line becomes a payment (补单); refund: the payment's money is ordered back."""
DecisionName = Literal[
    "accept", "write_off", "link", "force", "refund", "comment", "rerun", "approve", "reject"
]

PROPOSED: Final[frozenset[str]] = frozenset({"write_off", "force", "refund"})
"""What needs two operators."""
NAMES: Final[tuple[str, ...]] = tuple(name.replace("_", "-") for name in get_args(DecisionName))
"""As the command line and files write them."""

LISTED: Final = frozenset(
    {
        Kind.BANK_ONLY,
        Kind.BILL_PAID,
        Kind.BILL_VOID,
        Kind.BILL_UNKNOWN,
        Kind.BILL_AMOUNT,
        Kind.BILL_ACCOUNT,
        Kind.REFUSED,
        Kind.DUPLICATE,
        Kind.MALFORMED,
    }
)
"""Lines of 2555 that no payment of ours was found for."""
FORCIBLE: Final = frozenset({Kind.BANK_ONLY, Kind.REFUSED, Kind.BILL_PAID, Kind.BILL_ACCOUNT})
"""Lines that a person may make a payment of, where policy did not."""
_NEVER_FORCED: Final = {
    Kind.BILL_VOID: "its bill is void",
    Kind.BILL_UNKNOWN: "there is no such bill",
    Kind.BILL_AMOUNT: "its amount is not the bill's",
    Kind.DUPLICATE: "the list has it twice, and the number of a payment is used once",
    Kind.MALFORMED: "the line cannot be read",
}
ARRIVED: Final = frozenset({Kind.FUNDS_UNKNOWN, Kind.FUNDS_DUPLICATE})
MOVED: Final = frozenset({Kind.MOVEMENT_UNKNOWN, Kind.MOVEMENT_DUPLICATE})
LINKED: Final = LISTED | ARRIVED | MOVED
"""Lines of the bank alone; they can be joined with something of ours."""
EXPECTED: Final = {
    "2555": frozenset({Kind.OURS_ONLY}),
    "2557": frozenset({Kind.FUNDS_MISSING}),
    "2556": frozenset({Kind.MOVEMENT_MISSING}),
}
"""By statement, the rows of ours alone that a line can be joined with."""
_KINDS: Final = {kind.value: kind for kind in Kind}
_NO_MONEY: Final = frozenset({Kind.OURS_ONLY, Kind.FUNDS_MISSING})


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about the difference `row`. Amounts in fen.

    link names exactly one of `payment`, `arrival` (ids) and `other` (another difference); `amt` is
    how much a refund pays back, None: all that is left of the payment.
    """

    row: int
    name: DecisionName
    reason: str = field(repr=False)
    payment: int | None = None
    arrival: int | None = None
    other: int | None = None
    amt: int | None = None

    def targets(self) -> tuple[int, ...]:
        """What a link names."""
        named = (self.payment, self.arrival, self.other)
        return tuple(one for one in named if one is not None)


def decision_name(text: str) -> DecisionName:
    """A decision as it is written, `write-off` or `write_off`. Raises ValueError."""
    for name in get_args(DecisionName):
        if name == text.strip().lower().replace("-", "_"):
            found: DecisionName = name
            return found
    raise ValueError(f"is none of {', '.join(NAMES)}")


def check_form(decision: Decision) -> None:
    """Whether a decision is complete in itself. Raises SettlementRefused."""
    targets = len(decision.targets())
    if decision.name == "link" and targets != 1:
        raise _wrong("a link names one payment, one arrival or one other row", "name one of them")
    if decision.name != "link" and targets:
        raise _wrong("only a link names a payment, an arrival or another row", "leave it out")
    if decision.amt is not None and decision.name != "refund":
        raise _wrong("only a refund has an amount", "leave it out")


def check_fits(row: DifferenceRow, name: str) -> None:
    """Whether this deed can end this kind of difference. Raises SettlementRefused."""
    kind = _KINDS[row.kind]
    if name == "force":
        if kind in _NEVER_FORCED:
            raise SettlementRefused(
                f"it cannot become a payment: {_NEVER_FORCED[kind]}",
                "correct what is wrong and have it judged again (rerun), or accept it",
            )
        if kind not in FORCIBLE:
            raise _wrong(f"{kind.value} is no line of the bank alone", "see `reconcile show`")
    elif name == "refund":
        if row.payment_id is None:
            raise _wrong("no payment of ours stands behind it", "see `reconcile show`")
        if kind in _NO_MONEY:
            raise SettlementRefused(
                "its money has not come: there is nothing to pay back", "write it off, or wait"
            )
    elif name == "link" and kind not in LINKED:
        raise _wrong(f"{kind.value} is no line of the bank alone", "name the bank's row")
    elif name == "rerun" and (row.statement != "2555" or row.line_no is None):
        raise _wrong(
            "only a line of a list of payments (2555) is judged by itself",
            "run `nontax reconcile run` for its day",
        )


def _wrong(what: str, do: str) -> SettlementRefused:
    return SettlementRefused(what, do, wrong_input=True)
