"""Direct debits as operators ask for them at an office, and banks that report on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from nontax.gateway.collection.booking import Booking, NoticeTexts
from nontax.gateway.outbox import Terms, operate
from nontax.gateway.settlement.acting import Acting, SettlementRefused
from nontax.gateway.settlement.debitends import Found, settle
from nontax.gateway.settlement.debits import Debits, Wish
from nontax.gateway.store.debits import Debit, DebitProtocol
from nontax.simulators.identity import Received

from ..flows.conftest import BANK, TODAY, Office, code

PAYER_NO, PROTOCOL = "88001234", "XY20260001"
TABLES = ("debit_protocols", "debits")
TAKEN = {
    "Result": "00000", "Information": "", "TraNo": "K1", "TraDate": TODAY, "TraTime": "111500",
}  # fmt: skip
NOT_TAKEN = {
    "Result": "99999", "Information": "余额不足", "PaidAmt": "0.00", "TraNo": "", "TraDate": "",
    "TraTime": "",
}  # fmt: skip


def acting(office: Office, name: str = "maker1", *units: str) -> Acting:
    return Acting(name, frozenset(units), office.clock.now_ms(), office.clock.today())


def desk(office: Office) -> Debits:
    return Debits(office.gateway.enqueuer, office.gateway.peers)


def counts(office: Office) -> dict[str, int]:
    return office.books.counts() | {name: len(office.books.rows(name)) for name in TABLES}


async def sign(office: Office, **changes: Any) -> bool:
    """A payer has signed a protocol with the bank."""
    facts: dict[str, Any] = {
        "node": BANK,
        "payer_no": PAYER_NO,
        "protocol_no": PROTOCOL,
        "payer_name": "赵六",
        "payer_acct": "6227000012345678",
        "payer_op_bk": "建行示例支行",
        "start_date": "20260101",
        "stop_date": "",
        "created_at": office.clock.now_ms(),
        "created_by": "maker1",
    }
    entry = DebitProtocol(**(facts | changes))
    return await office.transact(lambda tx: desk(office).add_protocol(tx, entry, acting(office)))


async def ask(office: Office, pay_code: str, **changes: Any) -> Debit:
    """The maker has the bank debit a bill; the outbox begins to deliver it."""
    who = changes.pop("who", None) or acting(office)
    names = {"payer_no": PAYER_NO, "protocol_no": PROTOCOL, "bank": BANK} | changes
    wish = Wish(pay_code, **names)
    debit = await office.transact(lambda tx: desk(office).request(tx, wish, who))
    office.gateway.wakeup.wake([debit.node])
    return debit


async def debited(office: Office, **bill: Any) -> Debit:
    """A bill that the bank is to debit."""
    if not office.books.rows("debit_protocols"):
        await sign(office)
    return await ask(office, await office.bill(**bill))


async def report(office: Office, debit: Debit, src: str = BANK, **changes: str) -> Received:
    """2607 of a bank; `msg_id` names the message."""
    yuan = f"{debit.amt / 100:.2f}"
    fields = {"PayCode": debit.pay_code, "PayerNo": debit.payer_no, "Amt": yuan, "PaidAmt": yuan}
    fields |= {"ProtocolNo": debit.protocol_no} | TAKEN
    head = {"msg_id": changes.pop("msg_id")} if "msg_id" in changes else {}
    return await office.send(src, "2607", fields | changes, **head)


async def reported(office: Office, debit: Debit, src: str = BANK, **changes: str) -> str:
    """The code that answers a 2607."""
    return code(await report(office, debit, src, **changes))


async def end(office: Office, number: str, **found: str) -> Debit:
    """A checker says what became of a debit."""
    config = office.config.collection
    booking = Booking(
        office.gateway.enqueuer,
        NoticeTexts(config.notify_outlet, config.notify_operator),
        office.gateway.peers.told_of_bills,
    )
    what = Found(found.pop("reason", "电话核实"), **found)
    return await office.transact(
        lambda tx: settle(tx, booking, number, what, acting(office, "checker1"))
    )


def state(office: Office, debit: Debit) -> tuple[str, str]:
    """States of a debit and of its message."""
    row = office.books.one("debits", debit_no=debit.debit_no)
    return row["state"], office.books.one("outbox", id=row["outbox_id"])["state"]


async def outbox_act(office: Office, debit: Debit, act: str, **more: Any) -> Any:
    """What an operator does with the message of a debit."""
    if act == "requeue":
        more["terms"] = Terms.from_config(office.config.outbox)
    work = {"requeue": operate.requeue, "drop": operate.drop, "settle": operate.settle}[act]
    at = office.clock.now_ms()
    return await office.transact(
        lambda tx: work(tx, debit.outbox_id, operator="checker1", reason="x", at=at, **more)
    )


@contextlib.contextmanager
def refused(office: Office, text: str) -> Iterator[None]:
    """What happens inside is refused with this text, and leaves nothing behind."""
    before = counts(office)
    with pytest.raises(SettlementRefused, match=text):
        yield
    assert counts(office) == before
