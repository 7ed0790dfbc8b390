"""Refunds as operators ask for them at an office, and money that has left the account before."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from nontax.gateway.settlement.acting import Acting, SettlementRefused
from nontax.gateway.settlement.refunds import Ending, Refunds, Whole, reject, settle
from nontax.gateway.settlement.wishes import Wish
from nontax.gateway.store.records import Refund

from ..flows.conftest import BANK, Office, code

PAYER = {"PayerName": "王五", "PayerAcct": "6222000011112222", "PayerOpBk": "某银行某支行"}
RESERVE, OTHER_RESERVE = "32001000000000000042", "32003000000000000059"
DONE = {"Result": "00000", "TraNo": "R1", "TraDate": "20260302", "TraTime": "101500"}
NOT_DONE = {
    "Result": "99999", "Information": "账户已销户", "TraNo": "", "TraDate": "", "TraTime": "",
}  # fmt: skip


def acting(office: Office, name: str = "maker1", *units: str) -> Acting:
    return Acting(name, frozenset(units), office.clock.now_ms(), office.clock.today())


def desk(office: Office) -> Refunds:
    return Refunds(office.gateway.enqueuer, office.gateway.peers)


async def paid(office: Office, src: str = BANK, amt: int = 8000, **changes: str) -> str:
    """A bill that a node has confirmed; its pay code."""
    number = f"T{len(office.books.rows('payments')) + 1}"
    pay_code = await office.bill(amt=amt)
    fields = {"Amt": f"{amt / 100:.2f}", "TraNoBus": number, **PAYER} | changes
    assert code(await office.confirm(src, pay_code, **fields)) == "00000"
    return pay_code


async def ask(office: Office, pay_code: str, amt: int, **more: Any) -> Refund:
    """The maker asks for a refund."""
    who = more.pop("who", None) or acting(office)
    wish = Wish(pay_code, amt, more.pop("reason", "多缴"), **more)
    return await office.transact(lambda tx: desk(office).request(tx, wish, who))


async def approve(office: Office, number: str, name: str = "checker1", *units: str) -> Whole:
    """The checker approves a refund; the outbox begins to deliver it."""
    who = acting(office, name, *units)
    whole = await office.transact(lambda tx: desk(office).approve(tx, number, who))
    office.gateway.wakeup.wake([whole.refund.src])
    return whole


async def turn_down(office: Office, number: str, name: str = "checker1") -> Refund:
    return await office.transact(lambda tx: reject(tx, number, "依据不足", acting(office, name)))


async def end(office: Office, number: str, state: Any, **more: str) -> Refund:
    """A checker says what became of a refund."""
    ending = Ending(state, more.pop("reason", "电话核实"), **more)
    return await office.transact(lambda tx: settle(tx, number, ending, acting(office, "checker1")))


async def approved(office: Office, pay_code: str, amt: int, **more: Any) -> Refund:
    """A refund that was asked for and approved."""
    asked = await ask(office, pay_code, amt, **more)
    return (await approve(office, asked.refund_no)).refund


async def reported(office: Office, number: str, src: str = BANK, **changes: str) -> str:
    """2617 of a node; the code that answers it."""
    row = office.books.one("refunds", refund_no=number)
    fields = {"RefundNo": number, "PayCode": row["pay_code"], "Amt": f"{row['amt'] / 100:.2f}"}
    return code(await office.call(src, "2617", fields | DONE | changes))


def state(office: Office, number: str) -> str:
    return str(office.books.one("refunds", refund_no=number)["state"])


@contextlib.contextmanager
def refused(office: Office, text: str) -> Iterator[None]:
    """What happens inside is refused with this text, and leaves nothing behind."""
    before = office.books.counts()
    with pytest.raises(SettlementRefused, match=text):
        yield
    assert office.books.counts() == before


def write(office: Office, sql: str, *arguments: object) -> None:
    """Write into the books past the gateway."""
    with contextlib.closing(sqlite3.connect(office.installation.store_file)) as books, books:
        books.execute(sql, arguments)


def insert(office: Office, table: str, **values: object) -> None:
    """Write a row past the gateway; what is not given is '', or 0 where only that fits."""
    with contextlib.closing(sqlite3.connect(office.installation.store_file)) as books, books:
        columns = books.execute(f"PRAGMA table_info({table})").fetchall()
        row = {column[1]: 0 if column[2] == "INTEGER" else "" for column in columns} | values
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
        books.execute(sql, tuple(row.values()))


def cleared(office: Office, pay_code: str) -> None:
    """The bill's payment was shared out: an instruction has taken its money."""
    payment = office.books.one("payments", pay_code=pay_code)
    key, amt = payment["id"], payment["amt"]
    insert(office, "clearing_groups", id=key, node=payment["src"], region="320682", peer=str(key))
    insert(office, "clearing_entries", id=key, group_id=key, payment_id=key, amt=amt)
    insert(
        office,
        "clearing_parts",
        entry_id=key,
        seq=1,
        group_id=key,
        line=1,
        item_code="103043211",
        target="county",
        parts=10000,
        amt=amt,
        instr_no="QF1",
        line_no=1,
    )


def remitted(
    office: Office, pay_code: str, state: str = "succeeded", remit_type: str = "1", rest: int = 0
) -> None:
    """A remittance has the bill's money, but for REST fen that wait for the next one."""
    payment = office.books.one("payments", pay_code=pay_code)
    key, amt = payment["id"], payment["amt"] - rest
    date = payment["cfm_date"]
    insert(
        office,
        "income",
        payment_id=key,
        pay_code=pay_code,
        receipt_no=f"SJ{key}",
        confirmed_on=date,
        judged=1,
    )
    insert(
        office,
        "remittances",
        id=key,
        remit_no=f"JK{key}",
        node=BANK,
        origin="run",
        remit_date=date,
        remit_type=remit_type,
        mode="1",
        tre_code="3206820001",
        tre_name="示例市国库",
        total=amt,
        count=1,
        state=state,
    )
    insert(office, "remittance_lines", remit_id=key, line_no=1, amt=amt)
    for level, due, is_open in (("4", amt, 0), ("2", rest, 1)):
        if due:
            insert(
                office,
                "income_dues",
                payment_id=key,
                item_code="103043211",
                level=level,
                target="county",
                mode="direct",
                remit_type=remit_type,
                amt=due,
                open=is_open,
            )
    insert(
        office,
        "remittance_parts",
        remit_id=key,
        line_no=1,
        payment_id=key,
        item_code="103043211",
        level="4",
        amt=amt,
        living=1,
    )
