"""Money that was reported before the payment that it belongs to was confirmed (spec: business, 5).

It stood in the list of unidentified money (未明资金); with the confirmation of the same transfer it
is identified, so that nobody can claim or return it besides.
"""

from __future__ import annotations

from typing import Final

from ..store import arrivals, funds, journal
from ..store.arrivals import Arrival
from ..store.protocol import Transaction

_GATEWAY: Final = "gateway"


async def recognise(
    tx: Transaction,
    payment_id: int,
    *,
    pay_code: str,
    src: str,
    amt: int,
    at: int,
    early: Arrival | None,
    effective: bool,
) -> None:
    """Join a new payment with its money, where that was reported before.

    EARLY is what `find` found under the payment's identity. In-transit money (2619) names the bill
    instead: it belongs to the EFFECTIVE payment.
    """
    found = early
    if (found is None or found.state != "unidentified") and effective:
        found = await _named(tx, pay_code, src, amt)
    if found is None or found.state != "unidentified":
        return
    await arrivals.end(
        tx,
        found.id,
        "identified",
        actor=_GATEWAY,
        reason="the payment was confirmed after its money",
        at=at,
        payment_id=payment_id,
        pay_code=pay_code,
    )
    await funds.arrived(tx, payment_id, found.arr_date, found.id)
    await journal.append(
        tx,
        at=at,
        kind="arrival.identified",
        subject=f"arrival:{found.id}",
        actor=_GATEWAY,
        facts={"payment": payment_id, "PayCode": pay_code, "TraNo": found.tra_no},
    )


async def _named(tx: Transaction, pay_code: str, src: str, amt: int) -> Arrival | None:
    for arrival in await arrivals.unidentified_of_bill(tx, pay_code):
        if (arrival.src, arrival.amt) == (src, amt):
            return arrival
    return None


async def find(
    tx: Transaction, identity: tuple[str, str, str], pay_code: str, amt: int
) -> Arrival | None:
    """The very money of a payment, if it was reported: its number, date and amount, no other bill.

    IDENTITY is (SRC, CfmDate, TraNoBus), in one name space with the numbers of arrivals. Money in
    the state `returned` was given back by an operator: nothing may be booked for it.
    """
    src, date, number = identity
    found = await arrivals.by_number(tx, src, number)
    if found is None or (found.arr_date, found.amt) != (date, amt):
        return None
    return found if found.pay_code in {"", pay_code} else None
