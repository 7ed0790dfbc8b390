"""Direct debits (划缴, 代扣): the protocols that payers signed, and the requests 5604 of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values

DebitState = Literal["queued", "sent", "acknowledged", "succeeded", "failed", "unknown"]
LIVING: Final[tuple[DebitState, ...]] = ("queued", "sent", "acknowledged", "unknown")
"""States of a request that may still take the payer's money."""


@dataclass(frozen=True, slots=True)
class DebitProtocol:
    """A protocol (划缴协议) between a payer and a bank (its node); account and its name.

    It holds from ``start_date`` up to and including ``stop_date`` ('' while open).
    """

    node: str
    payer_no: str = field(repr=False)
    protocol_no: str = field(repr=False)
    payer_name: str = field(repr=False)
    payer_acct: str = field(repr=False)
    payer_op_bk: str = field(repr=False)
    start_date: str
    stop_date: str
    created_at: int
    created_by: str

    def holds(self, date: str) -> bool:
        """Whether the protocol holds on a date."""
        return self.start_date <= date and (not self.stop_date or date <= self.stop_date)


@dataclass(frozen=True, slots=True)
class Debit:
    """A request to debit one bill, with payer and receiving account as they were sent.

    ``outbox_id`` is the 5604; ``result`` to ``tra_time`` are the 2607's and ``msg_id`` is its
    MsgID, '' until it came; ``payment_id`` of a success.
    """

    debit_no: str
    pay_code: str
    node: str
    payer_no: str = field(repr=False)
    protocol_no: str = field(repr=False)
    payer_name: str = field(repr=False)
    payer_acct: str = field(repr=False)
    payer_op_bk: str = field(repr=False)
    rec_acct_type: str
    rec_acct: str = field(repr=False)
    amt: int
    last_date: str
    outbox_id: int
    requested_by: str
    created_at: int
    changed_at: int
    state: DebitState = "queued"
    result: str = ""
    information: str = field(default="", repr=False)
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""
    msg_id: str = ""
    payment_id: int | None = None

    @property
    def living(self) -> bool:
        """Whether it may still take the payer's money."""
        return self.state in LIVING

    def overdue(self, today: str) -> bool:
        """Whether its result should have come: the last date of debiting has passed."""
        return self.living and self.last_date < today


@dataclass(frozen=True, slots=True)
class DebitEnd:
    """How a debit ended, as 2607 or an operator says."""

    result: str
    information: str = ""
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""
    msg_id: str = ""


_PROTOCOL: Final = select_from(
    DebitProtocol, "debit_protocols", "WHERE node = ?1 AND payer_no = ?2 AND protocol_no = ?3"
)
_ADD_PROTOCOL: Final = insert_into(DebitProtocol, "debit_protocols", "ON CONFLICT DO NOTHING")
_PROTOCOL_VALUES: Final = values(DebitProtocol)
_INSERT: Final = insert_into(Debit, "debits")
_VALUES: Final = values(Debit)
_GET: Final = select_from(Debit, "debits", "WHERE debit_no = ?1")
_BY_OUTBOX: Final = select_from(Debit, "debits", "WHERE outbox_id = ?1")
_OF_BILL: Final = select_from(Debit, "debits", "WHERE pay_code = ?1 ORDER BY debit_no")
_UNIT: Final = "(SELECT unit_code FROM bills AS b WHERE b.pay_code = debits.pay_code)"
_UPDATE: Final = "UPDATE debits SET {sets} WHERE debit_no = {target} AND state IN ({states})"


# -- protocols ------------------------------------------------------------------------------------


async def add_protocol(tx: Transaction, protocol: DebitProtocol) -> bool:
    """Write a protocol; False, and nothing written, when the bank has one of these numbers."""
    return await tx.run(_ADD_PROTOCOL, *_PROTOCOL_VALUES(protocol)) == 1


async def protocol(
    tx: Transaction, node: str, payer_no: str, protocol_no: str, *, lock: bool = False
) -> DebitProtocol | None:
    """A protocol by its bank's node and its two numbers, whether it holds today or not."""
    sql = _PROTOCOL + tx.for_update if lock else _PROTOCOL
    row = await tx.one(sql, node, payer_no, protocol_no)
    return DebitProtocol(*row) if row else None


async def stop_protocol(
    tx: Transaction, node: str, payer_no: str, protocol_no: str, stop_date: str
) -> bool:
    """Let a protocol end; False when there is no such protocol."""
    changed = await tx.run(
        "UPDATE debit_protocols SET stop_date = ?4"
        " WHERE node = ?1 AND payer_no = ?2 AND protocol_no = ?3",
        node,
        payer_no,
        protocol_no,
        stop_date,
    )
    return changed == 1


async def protocols(
    tx: Transaction, *, node: str = "", payer_no: str = "", limit: int = 100
) -> list[DebitProtocol]:
    """Protocols by bank and numbers."""
    conditions = Conditions()
    conditions.equal("node", node)
    conditions.equal("payer_no", payer_no)
    order = "ORDER BY node, payer_no, protocol_no LIMIT " + conditions.mark(limit)
    sql = select_from(DebitProtocol, "debit_protocols", f"{conditions.where()} {order}")
    return [DebitProtocol(*row) for row in await tx.all(sql, *conditions.args)]


# -- debits ---------------------------------------------------------------------------------------


async def insert(tx: Transaction, debit: Debit) -> None:
    """Write a request; ConstraintViolated when another one of this bill lives."""
    await tx.run(_INSERT, *_VALUES(debit))


async def get(tx: Transaction, debit_no: str, *, lock: bool = False) -> Debit | None:
    """A debit by its number."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, debit_no)
    return Debit(*row) if row else None


async def by_outbox(tx: Transaction, outbox_id: int, *, lock: bool = False) -> Debit | None:
    """The debit whose request is this message of the outbox."""
    row = await tx.one(_BY_OUTBOX + tx.for_update if lock else _BY_OUTBOX, outbox_id)
    return Debit(*row) if row else None


async def of_bill(tx: Transaction, pay_code: str) -> list[Debit]:
    """All debits of a bill, oldest first; at most one of them lives."""
    return [Debit(*row) for row in await tx.all(_OF_BILL, pay_code)]


async def living(tx: Transaction, pay_code: str) -> Debit | None:
    """The debit of a bill that may still take the payer's money."""
    return next((debit for debit in await of_bill(tx, pay_code) if debit.living), None)


async def set_state(
    tx: Transaction,
    debit_no: str,
    *,
    expected: tuple[DebitState, ...],
    state: DebitState,
    changed_at: int,
    end: DebitEnd | None = None,
    payment_id: int | None = None,
) -> bool:
    """Move a debit to another state; False when it is in none of the expected ones.

    ``end`` is kept where given; ``succeeded`` needs the payment.
    """
    sets = Conditions()
    sets.equal_always("state", state)
    sets.equal_always("changed_at", changed_at)
    if end is not None:
        sets.equal_always("result", end.result)
        sets.equal_always("information", end.information)
        sets.equal_always("tra_no", end.tra_no)
        sets.equal_always("tra_date", end.tra_date)
        sets.equal_always("tra_time", end.tra_time)
        sets.equal_always("msg_id", end.msg_id)
    if payment_id is not None:
        sets.equal_always("payment_id", payment_id)
    target = sets.mark(debit_no)
    states = ", ".join(sets.mark(name) for name in expected)
    sql = _UPDATE.format(sets=sets.listed(), target=target, states=states)
    return await tx.run(sql, *sets.args) == 1


async def page(
    tx: Transaction,
    *,
    states: tuple[DebitState, ...] = (),
    node: str = "",
    last_before: str = "",
    units: tuple[str, ...] = (),
    after: str = "",
    limit: int = 100,
) -> list[Debit]:
    """Debits by number, following the last one already seen.

    ``last_before`` narrows to those whose last date is earlier, ``units`` to bills of units.
    """
    conditions = Conditions()
    conditions.add("debit_no > {}", after)
    conditions.equal("node", node)
    if states:
        conditions.one_of("state", states)
    if last_before:
        conditions.add("last_date < {}", last_before)
    if units:
        conditions.one_of(_UNIT, units)
    order = "ORDER BY debit_no LIMIT " + conditions.mark(limit)
    sql = select_from(Debit, "debits", f"{conditions.where()} {order}")
    return [Debit(*row) for row in await tx.all(sql, *conditions.args)]
