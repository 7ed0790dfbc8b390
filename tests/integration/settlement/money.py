"""Messages of money that moves or arrives, as they stand on the wire; what the books say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nontax.gateway.collection.booking import Booking, NoticeTexts
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.settlement.claims import Claim, claim, give_back
from nontax.gateway.store import journal
from nontax.simulators.identity import Received

from ..flows.conftest import ACCOUNT, BANK, OTHER, OTHER_ACCOUNT, TODAY, Office, Row, code

CLEARING = "Q3200000105"
CLEARING_ACCOUNT = "32009000000000000034"
SCHOOL_ACCOUNT = "32001000000000000067"
VIRTUAL = "6217000000100000"
"""The lowest number of the sample's pool, at BANK."""

EFFECTS = ("arrivals", "arrival_actions", "transfers", "transfer_details", "payment_funds",
           "supervised_balances", "supervised_lines", "payments", "refunds", "outbox", "journal",
           "archive")  # fmt: skip

TRANSFER = {
    "BatchNo": "B1", "TraDate": TODAY, "TraNo": "M1", "PayerName": "建行示例支行待划转款项",
    "PayerAcct": "32001000000000009999", "RecAcctType": "1", "RecName": "示例市财政局",
    "RecAcct": OTHER_ACCOUNT, "RecOpBk": "交通银行示例支行", "RecOpBkNo": "301306500026",
    "Amt": "", "Count": "", "Hold1": "", "Hold2": "",
}  # fmt: skip
FUNDS = {
    "TraNo": "A1", "ArrDate": TODAY, "ArrTime": "101500", "BatchNo": "", "RecAcctType": "1",
    "RecName": "示例市财政局", "RecAcct": OTHER_ACCOUNT, "PayerName": "王五",
    "PayerAcct": "6222000011112222", "PayerOpBk": "某银行", "Amt": "80.00", "AddWord": "土地款",
    "Hold1": "", "Hold2": "",
}  # fmt: skip
ON_VIRTUAL = {
    "TraNo": "V1", "ArrDate": TODAY, "ArrTime": "101500", "RecAcctType": "1", "RecAcct": VIRTUAL,
    "Amt": "80.00", "PayerName": "王五", "PayerAcct": "6222000011112222", "PayerOpBk": "某银行",
    "AddWord": "", "Hold1": "", "Hold2": "",
}  # fmt: skip
IN_TRANSIT = {
    "TraNo": "Z1", "PayCode": "", "ArrDate": TODAY, "ArrTime": "101500", "RecAcctType": "1",
    "RecAcct": ACCOUNT, "Amt": "80.00", "Hold1": "", "Hold2": "",
}  # fmt: skip

Detail = tuple[str, str, str]
"""PayCode, TraNoBus, Amt of a batch's detail."""


def counts(office: Office) -> dict[str, int]:
    """Rows of every table in which money leaves a trace."""
    return {table: len(office.books.rows(table)) for table in EFFECTS}


def kept(office: Office) -> dict[str, int]:
    """The same without what is kept of a contradiction: archive and journal."""
    return {k: v for k, v in counts(office).items() if k not in {"archive", "journal"}}


async def paid(office: Office, src: str = BANK, amt: int = 8000, **changes: str) -> Detail:
    """A bill that a node has confirmed, as the detail of a batch."""
    number = changes.setdefault("TraNoBus", f"T{len(office.books.rows('payments')) + 1}")
    pay_code = await office.bill(amt=amt)
    yuan = f"{amt / 100:.2f}"
    assert code(await office.confirm(src, pay_code, Amt=yuan, **changes)) == "00000"
    return pay_code, number, yuan


async def transfer(
    office: Office, details: Sequence[Detail], *, src: str = BANK, at: int = 0, **changes: str
) -> Received:
    """2613 of these details; sum and Count are theirs unless given."""
    total = sum(round(float(amt) * 100) for _, _, amt in details)
    fields = TRANSFER | {"Amt": f"{total / 100:.2f}", "Count": str(len(details))} | changes
    listed = "".join(
        f"<Detail><PayCode>{pay_code}</PayCode><TraNoBus>{number}</TraNoBus><Amt>{amt}</Amt>"
        "</Detail>"
        for pay_code, number, amt in details
    )
    return await office.call(src, "2613", fields | {"DetailList": listed}, at=at)


async def funds(office: Office, *, src: str = OTHER, at: int = 0, **changes: str) -> Received:
    """2615 of the bank that holds OTHER_ACCOUNT."""
    return await office.call(src, "2615", FUNDS | changes, at=at)


async def on_virtual(office: Office, *, src: str = BANK, at: int = 0, **changes: str) -> Received:
    """2616 of the bank that holds the pool."""
    return await office.call(src, "2616", ON_VIRTUAL | changes, at=at)


async def in_transit(
    office: Office, pay_code: str, *, src: str = BANK, at: int = 0, **changes: str
) -> Received:
    """2619."""
    return await office.call(src, "2619", IN_TRANSIT | {"PayCode": pay_code} | changes, at=at)


# -- what operators do ----------------------------------------------------------------------------


def acting(office: Office, name: str = "maker1", *units: str) -> Acting:
    return Acting(name, frozenset(units), office.clock.now_ms(), office.clock.today())


def booking(office: Office) -> Booking:
    """As the command has it."""
    gateway = office.gateway
    texts = NoticeTexts("00000", "系统")
    return Booking(gateway.enqueuer, texts, gateway.peers.told_of_bills)


async def claimed(
    office: Office,
    arrival_id: int,
    pay_code: str,
    *,
    despite_refusal: bool = False,
    units: Any = (),
) -> Any:
    """Claim in maker1's name. Raises SettlementRefused."""
    wanted = Claim(arrival_id, pay_code, "来款说明是该单位的", despite_refusal)
    who = acting(office, "maker1", *units)
    return await office.transact(lambda tx: claim(tx, wanted, who, booking(office)))


async def returned(office: Office, arrival_id: int, *units: str) -> Any:
    """Return in maker1's name. Raises SettlementRefused."""
    who = acting(office, "maker1", *units)
    return await office.transact(lambda tx: give_back(tx, arrival_id, "付款人汇错", who))


# -- what the books say ---------------------------------------------------------------------------


def arrival(office: Office, tra_no: str) -> Row:
    return office.books.one("arrivals", tra_no=tra_no)


def state(office: Office, tra_no: str) -> tuple[str, str]:
    """State of an arrival, and why it is unidentified."""
    row = arrival(office, tra_no)
    return row["state"], row["why"]


def arrived_on(office: Office, pay_code: str) -> str:
    """When the money of the bill's effective payment arrived, '' when it has not."""
    payment = office.books.one("payments", pay_code=pay_code, duplicate=0)
    rows = office.books.rows("payment_funds", payment_id=payment["id"])
    return str(rows[0]["arrived_on"]) if rows else ""


async def journal_holds(office: Office) -> bool:
    report = await office.gateway.store.scan(journal.verify)
    return bool(report.ok)
