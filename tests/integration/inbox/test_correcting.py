"""One operator proposes, another accepts; what is accepted is what the bank would have done."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import sqlite3

import pytest

from nontax.gateway.collection.operators import Operators

from ..flows.conftest import (
    BANK,
    CONFIRMATION,
    LAND,
    REGION,
    SCHOOL,
    TUITION,
    UNIT,
    UNIT_BILL,
    Offices,
    Row,
    code,
)
from .conftest import Desk, corrected, restarted, xml

PAYER, CARD = "欧阳测试甲", "6222021001122334455"
PERSONAL = {"PayerName": PAYER, "PayerAcct": CARD}
# Columns of a payment that say when it was entered, not what it is.
_OF_ENTRY = {"id", "pay_code", "tra_no_bus", "received_at"}


def facts(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _OF_ENTRY}


# -- the whole way --------------------------------------------------------------------------------


async def test_a_payment_that_was_sent_wrongly(desk: Desk) -> None:
    office = desk.office
    usual, pay_code = await office.bill(), await office.bill(notify=1)
    await office.confirm(BANK, usual, TraNoBus="T0")
    row = await desk.malformed(pay_code, Amt="80,00", CfmTime="093000")
    number = row["id"]

    listed = await desk.nontax("list")
    assert (listed.code, "Amt" in listed.out, "new" in listed.out) == (0, True, True)
    shown = (await desk.nontax("show", number, "--json")).json
    assert ["Amt", "80,00"] in shown["fields"]
    assert ["PayerName", "张*"] in shown["fields"]

    exported = await desk.nontax("export", number, by="maker1")
    assert "<PayerName>张三</PayerName>" in exported.out
    done = await desk.propose(number, exported.out.replace("80,00", "80.00"), "--json")
    assert done.code == 0
    assert done.json["differences"] == [{"field": "Amt", "received": "80,00", "proposed": "80.00"}]
    assert office.books.state(pay_code) == "unpaid"

    done = await desk.accept(number, "--proposal", str(done.json["proposal"]))
    assert (done.code, done.out.splitlines()[0]) == (0, f"message {number} is accepted")
    assert "00000" in done.out
    assert office.books.state(pay_code) == "paid"
    [first, second] = office.books.rows("payments")
    assert second["pay_code"] == pay_code
    assert facts(second) == facts(first)
    [sent] = office.books.queued("5996")
    assert sent["subject"] == pay_code
    assert office.books.archived("2612") == [("2612", usual, "00000"), ("2612", pay_code, "00000")]

    row = await desk.one()
    assert (row["state"], row["proposer"], row["accepter"]) == ("accepted", "maker1", "checker1")
    assert (row["outcome"], row["replayed"]) == ("00000", 0)
    assert desk.trace() == [
        ("export", "maker1", ""), ("propose", "maker1", ""), ("accept", "checker1", "00000"),
    ]  # fmt: skip
    assert office.books.kinds(f"inbox:{number}") == [
        "inbox.exported", "inbox.proposed", "inbox.accepted",
    ]  # fmt: skip
    shown = await desk.nontax("show", number)
    assert all(text in shown.out for text in ("accepted by", "checker1", "银行来电更正"))


async def test_a_bill_of_a_unit(desk: Desk) -> None:
    fields = UNIT_BILL | {"BillDate": "2026-03-02"}
    await desk.voucher(xml(fields).encode("gbk"), "8994", src=UNIT)
    number = (await desk.one())["id"]
    assert (await desk.propose(number, xml(UNIT_BILL))).code == 0
    done = await desk.accept(number, "--json")
    assert done.json["Result"] == "00000"
    assert UNIT_BILL["PayCode"] in done.json["Information"]  # the address to pay at
    bill = desk.office.books.one("bills", pay_code=UNIT_BILL["PayCode"])
    assert (bill["unit_code"], bill["region"], bill["maker"]) == (LAND, REGION, UNIT)


# -- identity -------------------------------------------------------------------------------------


async def test_what_the_bank_sent_right_meanwhile_is_not_done_twice(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    number = (await desk.malformed(pay_code))["id"]
    assert (await desk.propose(number, corrected(pay_code))).code == 0
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    done = await desk.accept(number)
    assert done.code == 0
    assert "it had been done before, nothing was done now" in done.out
    assert len(office.books.rows("payments")) == 1
    row = await desk.one()
    assert (row["state"], row["replayed"]) == ("accepted", 1)


async def test_what_the_bank_sends_right_later_is_not_done_twice(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    number = (await desk.malformed(pay_code))["id"]
    await desk.propose(number, corrected(pay_code))
    assert (await desk.accept(number)).code == 0
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    assert len(office.books.rows("payments")) == 1
    # And with another amount it contradicts, as it would contradict the bank's own.
    assert code(await office.confirm(BANK, pay_code, Amt="79.00")) == "10005"


async def test_a_refusal_leaves_it_proposed(desk: Desk) -> None:
    office = desk.office
    void, good = await office.bill(), await office.bill()
    await office.void(void)
    number = (await desk.malformed(void))["id"]
    await desk.propose(number, corrected(void))
    done = await desk.accept(number, "--json")
    assert done.code == 1
    assert (done.json["Result"], done.json["state"]) == ("11004", "proposed")
    row = await desk.one()
    assert (row["outcome"], row["accepter"]) == ("11004", "")
    assert office.books.kinds(f"inbox:{number}")[-1] == "inbox.refused"
    # A better proposal takes its place; the trace keeps both.
    done = await desk.propose(number, corrected(good), "--json")
    assert [each["field"] for each in done.json["differences"]] == ["PayCode", "CfmTime"]
    assert (await desk.one())["outcome"] == ""
    assert (await desk.accept(number)).code == 0
    assert [entry[0] for entry in desk.trace()] == ["propose", "accept", "propose", "accept"]
    assert office.books.state(good) == "paid"


# -- two people -----------------------------------------------------------------------------------


async def test_nobody_accepts_what_he_proposed(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    number = (await desk.malformed(pay_code))["id"]
    await operator(desk, "li", "maker", "checker")
    proposal = desk.file(corrected(pay_code))
    done = await desk.nontax("propose", number, proposal, "--reason", "更正", by="li")
    assert done.code == 0, done.err
    done = await desk.accept(number, by="li")
    assert (done.code, "li cannot approve what li asked for" in done.err) == (2, True)
    assert office.books.state(pay_code) == "unpaid"
    assert (await desk.accept(number, by="maker1")).code == 2
    assert (await desk.accept(number, by="auditor1")).code == 2
    assert (await desk.nontax("accept", number)).code == 2
    assert (await desk.accept(number)).code == 0


async def test_an_operator_of_some_units(desk: Desk) -> None:
    mine, other = (
        await desk.office.bill(),
        await desk.office.bill(unit_code=SCHOOL, item=TUITION, amt=85000),
    )
    await operator(desk, "wang", "maker", units=(LAND,))
    number = (await desk.malformed(mine))["id"]
    for pay_code, expected in ((other, 2), ("9" * 20, 2), (mine, 0)):
        file = desk.file(corrected(pay_code))
        done = await desk.nontax("propose", number, file, "--reason", "更正", by="wang")
        assert done.code == expected, done.err
    for words in (("drop", number, "--reason", "x"), ("export", number)):
        done = await desk.nontax(*words, by="wang")
        assert (done.code, "some units only" in done.err) == (2, True)


async def operator(desk: Desk, name: str, *roles: str, units: tuple[str, ...] = ()) -> None:
    """An operator with a password of its own."""
    gateway, password = desk.office.gateway, "Sample-2026-ok"
    known = Operators(gateway.store, desk.office.clock, secrets.token_bytes)
    await known.add(name, password, roles, units, actor="checker1", must_change=False)
    desk.file(password, f"secret/{name}.password")


async def test_the_proposal_that_was_looked_at(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    number = (await desk.malformed(pay_code))["id"]
    first = (await desk.propose(number, corrected(pay_code, TraNoBus="T7"), "--json")).json
    await desk.propose(number, corrected(pay_code, TraNoBus="T8"))
    done = await desk.accept(number, "--proposal", str(first["proposal"]))
    assert (done.code, "stands in the place of" in done.err) == (1, True)
    assert desk.office.books.state(pay_code) == "unpaid"
    assert b"<TraNoBus>T8<" in (await desk.nontax("export", number, "--proposed", by="maker1")).raw


async def test_only_one_of_two_accepts(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    number = (await desk.malformed(pay_code))["id"]
    await desk.propose(number, corrected(pay_code))
    run = office.installation.run
    both = await asyncio.gather(
        *(run("inbox", "accept", str(number), operator="checker1") for _ in range(2))
    )
    assert sorted(done.code for done in both) == [0, 1]
    assert [done.stderr for done in both if done.code] == [
        f"error: message {number}: it is accepted - only what is proposed can be accepted\n"
    ]
    assert len(office.books.rows("payments")) == 1
    assert [entry[0] for entry in desk.trace()] == ["propose", "accept"]


# -- what cannot be done --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no XML at all", "not well-formed"),
        ("<Voucher></Voucher>", "PayCode"),
        (corrected("1" * 20, Amt="八十"), "Amt"),
        (corrected("1" * 20, Amt="0.00"), "Amt: 金额应大于0"),
        (corrected("1" * 20, Amt="-1.00"), "Amt"),
        (corrected("1" * 20, PayerName="é"), "does not declare its encoding"),
        ('<?xml version="1.0" encoding="UTF-8"?>' + corrected("1" * 20, PayerName="😀"), "outside"),
        ("<!DOCTYPE Voucher>" + corrected("1" * 20), "DOCTYPE"),
    ],
)
async def test_a_proposal_that_is_no_better(desk: Desk, content: str, complaint: str) -> None:
    number = (await desk.malformed("1" * 20))["id"]
    done = await desk.propose(number, content)
    assert (done.code, done.raw) == (2, b"")
    assert complaint in done.err
    assert done.err.count("\n") == 1
    assert (await desk.one())["state"] == "new"
    assert desk.trace() == []


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
async def test_a_proposal_in_whatever_encoding(desk: Desk, encoding: str) -> None:
    pay_code = await desk.office.bill()
    number = (await desk.malformed(pay_code))["id"]
    text = corrected(pay_code, PayerName="赵钱孙李", Unheard="x").encode(encoding)
    done = await desk.propose(number, text, "--json")
    assert done.json["unknown"] == ["Unheard"]
    assert (await desk.accept(number)).code == 0
    assert desk.office.books.one("payments")["payer_name"] == "赵钱孙李"


async def test_what_is_not_there_or_over(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    number = (await desk.malformed(pay_code))["id"]
    for words in (("show", 99), ("accept", 99), ("drop", 99, "--reason", "x"), ("export", 99)):
        done = await desk.nontax(*words, by="" if words[0] == "show" else "checker1")
        assert (done.code, "there is no such message" in done.err) == (2, True)
    assert (await desk.accept(number)).code == 1  # nothing is proposed
    assert (await desk.nontax("export", number, "--proposed", by="maker1")).code == 1
    assert (await desk.nontax("propose", number, "nowhere.xml", "--reason", "x", by="maker1")).code
    assert (await desk.nontax("drop", number, "--reason", " ", by="maker1")).code == 2
    assert (await desk.nontax("drop", number, by="maker1")).code == 2
    assert (await desk.nontax("list", "--state", "none")).code == 2


async def test_a_dropped_one_is_over(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    number = (await desk.malformed(pay_code))["id"]
    await desk.propose(number, corrected(pay_code))
    done = await desk.nontax("drop", number, "--reason", "银行已重发", "--json", by="checker1")
    assert (done.code, done.json) == (0, {"id": number, "state": "dropped"})
    assert (await desk.accept(number)).code == 1
    assert (await desk.propose(number, corrected(pay_code))).code == 1
    assert (await desk.nontax("drop", number, "--reason", "x", by="maker1")).code == 1
    assert (await desk.nontax("list", "--json")).json == {"messages": []}
    [row] = (await desk.nontax("list", "--state", "dropped", "--json")).json["messages"]
    assert (row["id"], row["reason"], row["proposer"]) == (number, "银行已重发", "maker1")
    assert (await desk.nontax("list", "--state", "dropped", "--peer", UNIT, "--json")).json == {
        "messages": []
    }
    again = await desk.malformed(pay_code)
    assert (again["id"], again["copies"], again["state"]) == (number, 2, "dropped")
    assert desk.office.books.kinds(f"inbox:{number}") == ["inbox.proposed", "inbox.dropped"]


async def test_what_a_node_that_is_gone_had_sent(
    offices: Offices, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    desk = Desk(await offices(), capfdbinary)
    pay_code = await desk.office.bill()
    number = (await desk.malformed(pay_code))["id"]
    await desk.propose(number, corrected(pay_code))
    desk.office.installation.configure(peers={BANK: {"enabled": False}})
    done = await desk.accept(number)
    assert (done.code, "disabled" in done.err) == (1, True)
    assert (await desk.one())["state"] == "proposed"


async def test_the_trace_stays(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    number = (await desk.malformed(pay_code))["id"]
    await desk.propose(number, corrected(pay_code))
    await restarted(desk)
    assert (await desk.one())["state"] == "proposed"
    file = desk.office.installation.store_file
    with contextlib.closing(sqlite3.connect(file)) as books:
        for act in (
            "UPDATE inbox_actions SET actor = 'x'",
            "DELETE FROM inbox_actions",
            "UPDATE inbox SET state = 'accepted', accepter = 'MAKER1', outcome = '00000'",
            "UPDATE inbox SET state = 'accepted', accepter = 'zhang', outcome = '11001'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                books.execute(act)
    assert (await desk.accept(number)).code == 0


# -- personal data --------------------------------------------------------------------------------


async def test_personal_data_stays_inside(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    number = (await desk.malformed(pay_code, **PERSONAL))["id"]
    await desk.voucher(corrected(pay_code, **PERSONAL).encode("gbk") + b"<")
    for words in (("list",), ("list", "--json"), ("show", number), ("show", 2, "--json")):
        assert (await desk.nontax(*words)).code == 0
    other = corrected(pay_code, PayerName="欧阳测试乙", PayerAcct=CARD)
    done = await desk.propose(number, other)
    assert "PayerName" in done.out  # it differs, and is masked alike
    await desk.propose(number, corrected(pay_code, PayerName=PAYER * 100))
    await desk.nontax("show", number)
    await desk.accept(number, "--json")
    seen = desk.printed.decode() + office.stream.getvalue()
    seen += json.dumps(office.books.rows("journal"), ensure_ascii=False)
    seen += json.dumps(office.books.rows("inbox_actions") + await desk.rows(), ensure_ascii=False)
    # A broken voucher in which the tag of a name was lost, and one whose fields are out of place.
    await desk.voucher(corrected(pay_code, CfmTime=PAYER, Amt=CARD).encode("gbk"))
    cut = base64.b64encode(f"<Voucher><PayCode>{PAYER}{CARD}".encode("gbk")).decode()
    await desk.voucher(cut + "-")
    for shown in ("3", "4"):
        done = await desk.nontax("show", shown)
        assert "characters>" in done.out
        assert PAYER not in done.out
        assert CARD not in done.out
    for canary in (PAYER, "测试甲", "测试乙", CARD, CONFIRMATION["PayerName"] + "三"):
        assert canary not in seen
    assert "欧***" in seen
    assert "****4455" in seen
    assert office.books.one("payments")["payer_name"] == "欧阳测试乙"
