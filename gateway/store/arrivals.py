"""Money that was reported as arrived (到账), by whatever message, and what was done about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values

ArrivalKind = Literal["2615", "2616", "2619", "2557"]
ArrivalState = Literal["unidentified", "identified", "claimed", "returned"]
Action = Literal["identified", "claimed", "returned"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One transfer of money; identity (src, tra_no). ``id`` 0: not yet written.

    ``batch_no`` and ``pay_code`` are what the message named. ``why`` says of unidentified money why
    it is. One of ``transfer_id``, (``instr_no``, ``instr_line``) and ``payment_id`` is set when it
    is identified or claimed.
    """

    id: int
    kind: ArrivalKind
    src: str
    tra_no: str
    arr_date: str
    arr_time: str
    rec_acct_type: str
    rec_acct: str = field(repr=False)
    amt: int
    received_at: int
    changed_at: int
    batch_no: str = ""
    pay_code: str = ""
    rec_name: str = field(default="", repr=False)
    payer_name: str = field(default="", repr=False)
    payer_acct: str = field(default="", repr=False)
    payer_op_bk: str = ""
    add_word: str = field(default="", repr=False)
    state: ArrivalState = "unidentified"
    why: str = ""
    transfer_id: int | None = None
    instr_no: str = ""
    instr_line: int | None = None
    payment_id: int | None = None


@dataclass(frozen=True, slots=True)
class ArrivalAction:
    """What was done about unidentified money, by whom (an operator, or the gateway) and why."""

    id: int
    arrival_id: int
    action: Action
    actor: str
    reason: str = field(repr=False)
    pay_code: str
    at: int


_NEW: Final = ("id",)
_INSERT: Final = insert_into(Arrival, "arrivals", "RETURNING id", without=_NEW)
_VALUES: Final = values(Arrival, without=_NEW)
_GET: Final = select_from(Arrival, "arrivals", "WHERE id = ?1")
_BY_NUMBER: Final = select_from(Arrival, "arrivals", "WHERE src = ?1 AND tra_no = ?2")
_OF_PAYMENT: Final = select_from(Arrival, "arrivals", "WHERE payment_id = ?1")
_UNIDENTIFIED_OF: Final = select_from(
    Arrival, "arrivals", "WHERE state = 'unidentified' AND {0} = ?1 AND {0} <> '' ORDER BY id"
)
_OF_BATCH: Final = _UNIDENTIFIED_OF.format("batch_no")
_OF_BILL: Final = _UNIDENTIFIED_OF.format("pay_code")
_ACTION: Final = insert_into(ArrivalAction, "arrival_actions", without=_NEW)
_ACTION_VALUES: Final = values(ArrivalAction, without=_NEW)
_ACTIONS: Final = select_from(ArrivalAction, "arrival_actions", "WHERE arrival_id = ?1 ORDER BY id")
_END: Final = (
    "UPDATE arrivals SET state = ?2, changed_at = ?3, why = '', transfer_id = ?4, payment_id = ?5"
    " WHERE id = ?1 AND state = 'unidentified'"
)


@dataclass(frozen=True, slots=True)
class ArrivalFilter:
    """What a list of arrivals is narrowed to; '' and None mean any. Dates are inclusive."""

    state: ArrivalState | None = None
    src: str = ""
    kind: str = ""
    arr_date_from: str = ""
    arr_date_to: str = ""

    def conditions(self) -> Conditions:
        """The conditions as SQL."""
        found = Conditions()
        if self.state == "unidentified":
            found.add("state = 'unidentified'")  # written out, so that its index serves
        else:
            found.equal("state", self.state)
        found.equal("src", self.src)
        found.equal("kind", self.kind)
        if self.arr_date_from:
            found.add("arr_date >= {}", self.arr_date_from)
        if self.arr_date_to:
            found.add("arr_date <= {}", self.arr_date_to)
        return found


@dataclass(frozen=True, slots=True)
class ArrivalTotal:
    """Number and sum (fen) of arrivals, and the date of the oldest, '' for none."""

    count: int
    amt: int
    oldest: str


async def insert(tx: Transaction, arrival: Arrival) -> int:
    """Write an arrival and return its id; ``arrival.id`` is ignored.

    ConstraintViolated when (src, tra_no) is there, or what it is identified by has arrived already.
    """
    row = await tx.one(_INSERT, *_VALUES(arrival))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def get(tx: Transaction, arrival_id: int, *, lock: bool = False) -> Arrival | None:
    """An arrival by its id."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, arrival_id)
    return Arrival(*row) if row else None


async def by_number(tx: Transaction, src: str, tra_no: str) -> Arrival | None:
    """What a node reported under a number, by whatever message."""
    row = await tx.one(_BY_NUMBER, src, tra_no)
    return Arrival(*row) if row else None


async def of_payment(tx: Transaction, payment_id: int) -> Arrival | None:
    """The arrival that was a payment's own money."""
    row = await tx.one(_OF_PAYMENT, payment_id)
    return Arrival(*row) if row else None


async def unidentified_of_batch(tx: Transaction, batch_no: str) -> list[Arrival]:
    """Unidentified money that named a batch, the oldest first."""
    return [Arrival(*row) for row in await tx.all(_OF_BATCH, batch_no)]


async def unidentified_of_bill(tx: Transaction, pay_code: str) -> list[Arrival]:
    """Unidentified money that named a bill, the oldest first."""
    return [Arrival(*row) for row in await tx.all(_OF_BILL, pay_code)]


async def instruction_line_arrived(tx: Transaction, instr_no: str, line: int) -> bool:
    """Whether the money of one line of a clearing instruction was reported."""
    row = await tx.one(
        "SELECT 1 FROM arrivals WHERE instr_no = ?1 AND instr_line = ?2 AND instr_no <> ''",
        instr_no,
        line,
    )
    return row is not None


async def end(
    tx: Transaction,
    arrival_id: int,
    action: Action,
    *,
    actor: str,
    reason: str,
    at: int,
    transfer_id: int | None = None,
    payment_id: int | None = None,
    pay_code: str = "",
) -> bool:
    """Unidentified money has found its end; False, and nothing written, when it had one before."""
    if await tx.run(_END, arrival_id, action, at, transfer_id, payment_id) != 1:
        return False
    done = ArrivalAction(0, arrival_id, action, actor, reason, pay_code, at)
    await tx.run(_ACTION, *_ACTION_VALUES(done))
    return True


async def actions(tx: Transaction, arrival_id: int) -> list[ArrivalAction]:
    """What was done about an arrival, in order."""
    return [ArrivalAction(*row) for row in await tx.all(_ACTIONS, arrival_id)]


async def page(
    tx: Transaction,
    narrowed: ArrivalFilter,
    *,
    after: tuple[str, int] | None = None,
    limit: int = 100,
) -> list[Arrival]:
    """Arrivals by (arr_date, id), the oldest first, following the key of the last one seen."""
    conditions = narrowed.conditions()
    if after is not None:
        conditions.add("(arr_date, id) > ({}, {})", *after)
    order = "ORDER BY arr_date, id LIMIT " + conditions.mark(limit)
    sql = select_from(Arrival, "arrivals", f"{conditions.where()} {order}")
    return [Arrival(*row) for row in await tx.all(sql, *conditions.args)]


async def total(tx: Transaction, narrowed: ArrivalFilter) -> ArrivalTotal:
    """Number, sum and oldest date."""
    conditions = narrowed.conditions()
    row = await tx.one(
        "SELECT count(*), coalesce(sum(amt), 0), coalesce(min(arr_date), '')"  # noqa: S608 - ours
        f" FROM arrivals {conditions.where()}",
        *conditions.args,
    )
    return ArrivalTotal(int(row[0]), int(row[1]), str(row[2])) if row else ArrivalTotal(0, 0, "")
