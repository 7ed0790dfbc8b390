"""Remittances, refunds and transfers over sockets: every account agrees, whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

from nontax.codecs import parse_yuan
from nontax.simulators.accounts import OUTSIDE
from nontax.simulators.bank import Bank
from nontax.simulators.county import County
from nontax.simulators.moving import Account, Mover
from nontax.simulators.scenario import Behaviour, Rule

from .story_town import (
    CENTRAL,
    FISCAL,
    PROVINCE,
    TREASURY,
    differing,
    make_bill,
    moved,
    pay,
    read,
    run,
)

REASON = ("--reason", "多缴退付")


async def told(bank: Bank, remittances: int) -> None:
    """Wait until so many remittances were ordered, and the results of all are told."""
    await bank.node.wait_until(lambda: len(bank.executor.orders("5618")) == remittances)
    await bank.executor.all_told()


async def test_a_remittance_fails_and_goes_out_again_under_a_new_number(town: County) -> None:
    await town.open()
    bank = town.banks[0]
    refused = Behaviour(result="99999", information="国库系统未开放")
    bank.node.script.add(Rule(side="execute", number="5618", nth=1, do=refused))
    bank.node.script.add(Rule(number="5618", nth=2, do=Behaviour(ending="close")))
    bank.node.script.add(Rule(side="call", number="2618", nth=2, do=Behaviour(again=1)))
    await pay(bank, await make_bill(town, 10001))

    made = (await run(town, "remit", "run"))["remittances"]
    assert sum(row["Count"] for row in made) == 3
    assert sorted(row["TotalAmt"] for row in made) == ["10.00", "20.00", "70.01"]
    await told(bank, 3)
    states = {
        row["RemitNo"]: row["state"] for row in (await read(town, "remit", "list"))["remittances"]
    }
    assert sorted(states.values()) == ["failed", "succeeded", "succeeded"]
    failed = next(number for number, state in states.items() if state == "failed")
    assert town.money.balances()[CENTRAL] == 0
    assert town.money.balances()[FISCAL] == 1000
    assert await differing(town) == {}

    again = (await run(town, "remit", "run"))["remittances"]
    assert [row["TotalAmt"] for row in again] == ["10.00"]
    assert again[0]["RemitNo"] != failed
    await told(bank, 4)
    balances = town.money.balances()
    assert [balances[account] for account in (CENTRAL, PROVINCE, TREASURY)] == [1000, 2000, 7001]
    assert len(moved(town, FISCAL, "remitted")) == 3
    assert town.money.balances()[FISCAL] == 0
    assert await differing(town) == {}
    assert (await run(town, "remit", "run"))["remittances"] == []


async def test_a_refund_whose_outcome_is_unknown(town: County) -> None:
    """The bank pays and nobody hears of it: nothing is paid twice, and its result ends it."""
    town.installation.configure({"outbox": {"expiry_hours": 0.0003}})
    await town.open()
    bank = town.banks[0]
    bank.node.script.add(Rule(number="5617", do=Behaviour(ending="close")))
    bank.node.script.add(Rule(side="call", number="2617", nth=1, do=Behaviour(after="found")))
    bill = await make_bill(town, 8000)
    await pay(bank, bill)
    asked = await run(town, "refund", "request", bill, "--amount", "80.00", *REASON)
    await run(town, "refund", "approve", asked["RefundNo"], operator="checker1")
    while (shown := await read(town, "refund", "show", asked["RefundNo"]))["state"] != "unknown":
        assert shown["state"] in {"queued", "sent"}
    # The bank's book says that the money has gone; the gateway does not know.
    assert await differing(town) == {FISCAL: -8000}
    more = await town.installation.run(
        "refund", "request", bill, "--amount", "0.01", *REASON, operator="maker1"
    )
    assert more.code == 1
    left = await run(town, "remit", "run")
    assert left["remittances"] == []

    bank.node.script.event("found").set()
    await bank.executor.all_told()
    shown = await read(town, "refund", "show", asked["RefundNo"])
    assert shown["state"] == "succeeded"
    assert set(bank.refund_orders) == {asked["RefundNo"]}
    assert moved(town, FISCAL, "refund") == [(asked["RefundNo"], -8000)]
    assert await differing(town) == {}


async def test_money_between_two_banks_is_under_way_and_arrives(town: County) -> None:
    await town.open()
    first, platform = town.banks[0], town.platform
    pay_code = await make_bill(town, 8000)
    await pay(platform, pay_code)
    await pay(platform, await make_bill(town, 5000))
    assert town.money.balances()["G000001:in-transit"] == 13000
    assert await differing(town) == {}
    mover = Mover(platform)
    batch = await mover.move(Account(FISCAL))
    assert batch is not None
    assert (batch.result, batch.amt) == ("00000", 13000)
    assert town.money.balances()["G000001:under-way"] == 13000
    assert await differing(town) == {}
    assert await first.receiver.batch_arrived(batch, platform.till) == "00000"
    assert town.money.balances()[FISCAL] == 13000
    assert await differing(town) == {}
    assert await mover.move(Account(FISCAL)) is None
    # The platform pays a refund back before it is made good: its own money, for the time being.
    asked = await run(town, "refund", "request", pay_code, "--amount", "10.00", *REASON)
    await run(town, "refund", "approve", asked["RefundNo"], operator="checker1")
    await platform.node.wait_for("5617")
    await platform.executor.all_told()
    assert town.money.balances()["G000001:in-transit"] == -1000
    assert await differing(town) == {}


async def test_a_refund_of_what_lies_in_the_treasury(town: County) -> None:
    """The treasuries pay their shares back on a voucher; the books say so when it is settled."""
    await town.open()
    bank = town.banks[0]
    pay_code = await make_bill(town, 10001)
    await pay(bank, pay_code)
    await run(town, "remit", "run")
    await told(bank, 3)
    asked = await run(town, "refund", "request", pay_code, "--amount", "33.35", *REASON)
    number = asked["RefundNo"]
    approved = await run(town, "refund", "approve", number, operator="checker1")
    assert approved["paid_from"] == "treasury"
    voucher = next(Path(name) for name in approved["files"] if name.endswith(".json"))
    levels = {"1": CENTRAL, "2": PROVINCE, "4": TREASURY}
    for line in json.loads(voucher.read_text("utf-8"))["Details"]:
        account, amt = levels[line["BgtLevel"]], parse_yuan(line["Amt"])
        town.money.book("treasury").move(account, OUTSIDE, amt, "refund", number)
    assert sum(-amt for amt in (await differing(town)).values()) == 3335
    settled = ("--number", "TK1", "--reason", "国库已退")
    await run(town, "refund", "settle", number, "succeeded", *settled, operator="checker1")
    assert await differing(town) == {}


async def test_money_that_nobody_told_of_is_found(town: County) -> None:
    await town.open()
    bank = town.banks[0]
    tra_no = await bank.receiver.unnamed(Account(FISCAL), 12345, "某人")
    assert tra_no in bank.receiver.arrivals
    assert await differing(town) == {}
    town.money.book("0105").move(OUTSIDE, FISCAL, 1, "interest", "Q1")
    assert await differing(town) == {FISCAL: 1}
