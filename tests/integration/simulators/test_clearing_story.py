"""Clearing over sockets with everything going wrong that may: money moves once."""

from __future__ import annotations

from nontax.messages.clearing import ClearingInstruction, ClearingResult
from nontax.simulators.county import County
from nontax.simulators.scenario import Behaviour, Rule

from .story_town import (
    CENTRAL,
    CLEARING,
    PROVINCE,
    TO_CLEAR,
    TREASURY,
    differing,
    make_bill,
    moved,
    now,
    pay,
    read,
    run,
)

# 12,345.67 yuan by 1,000 : 2,000 : 7,000; the fen that is left goes to the largest remainder.
SHARES = {CENTRAL: 123457, PROVINCE: 246913, TREASURY: 864197}
LOST = Behaviour(ending="reset")
TWICE = Behaviour(again=1, after="instructed again")
SECOND_FAILS = Behaviour(result="12003", information="收款户名不符", lines=(2,))


def instructions(town: County) -> list[ClearingInstruction]:
    orders = [request.message for request in town.clearing.node.of("5614")]
    assert all(isinstance(order, ClearingInstruction) for order in orders)
    return [order for order in orders if isinstance(order, ClearingInstruction)]


async def test_lost_answer_repeated_result_and_a_failed_line(town: County) -> None:
    await town.open()
    script = town.clearing.node.script
    script.add(Rule(number="5614", nth=1, do=LOST))
    script.add(Rule(side="execute", number="5614", nth=1, do=SECOND_FAILS))
    script.add(Rule(side="call", number="2614", nth=1, do=TWICE))
    bill = await make_bill(town, 1234567, TO_CLEAR)
    await pay(town.banks[0], bill)
    today = now(town).strftime("%Y-%m-%d")

    ran = await run(town, "clearing", "run", "--date", today)
    assert [row["TotalAmt"] for row in ran["instructions"]] == ["12345.67"]
    await town.clearing.node.wait_for("5614", 2)
    script.event("instructed again").set()
    await town.clearing.executor.all_told()

    # The same instruction came twice, for its answer was lost; it was carried out once.
    first, again = instructions(town)
    assert first == again
    number = first.InstrNo
    assert [line.Amt for line in first.DetailList] == list(SHARES.values())
    assert moved(town, CENTRAL, "cleared") == [(f"{number}/1", SHARES[CENTRAL])]
    assert moved(town, PROVINCE, "cleared") == []
    assert moved(town, TREASURY, "cleared") == [(f"{number}/3", SHARES[TREASURY])]
    # The result was told twice, and taken twice.
    assert [sent for sent, _ in script.played].count("2614") == 1
    archived = await read(town, "message", "list", "--number", "2614")
    assert len(archived["messages"]) == 1
    result = town.clearing.executor.result("5614", number)
    assert isinstance(result, ClearingResult)
    assert (result.SuccCount, result.FailCount) == (2, 1)
    shown = await read(town, "clearing", "show", number)
    assert shown["state"] == "partly"
    assert [line["state"] for line in shown["lines"]] == ["succeeded", "failed", "succeeded"]
    assert await differing(town) == {}
    assert town.money.balances()[CLEARING] == SHARES[PROVINCE]

    # Clearing again has nothing to do: what failed goes out only when an operator says so.
    assert (await run(town, "clearing", "run", "--date", today))["instructions"] == []
    resent = await run(town, "clearing", "resend", number)
    await town.clearing.node.wait_for("5614", 3)
    await town.clearing.executor.all_told()
    third = instructions(town)[2]
    assert third.InstrNo == resent["InstrNo"] != number
    assert [(line.RecAcct, line.Amt) for line in third.DetailList] == [(PROVINCE, SHARES[PROVINCE])]
    assert moved(town, PROVINCE, "cleared") == [(f"{third.InstrNo}/1", SHARES[PROVINCE])]
    assert moved(town, CENTRAL, "cleared") == [(f"{number}/1", SHARES[CENTRAL])]
    assert town.money.balances()[CLEARING] == 0
    assert await differing(town) == {}
    repeated = await town.installation.run("clearing", "resend", number, operator="maker1")
    assert repeated.code == 1
    assert len(instructions(town)) == 3


async def test_money_on_a_subject_of_the_bank_is_instructed_to_the_bank(town: County) -> None:
    await town.open()
    bank = town.banks[1]
    bill = await make_bill(town, 10001, {"RecAcctType": "3"})
    await pay(bank, bill)
    assert town.money.balances()["D3206820301:subject"] == 10001
    assert await differing(town) == {}
    await run(town, "clearing", "run", "--date", now(town).strftime("%Y-%m-%d"))
    await bank.node.wait_for("5614")
    await bank.executor.all_told()
    balances = town.money.balances()
    assert [balances[account] for account in SHARES] == [1000, 2000, 7001]
    assert balances["D3206820301:subject"] == 0
    assert await differing(town) == {}


async def test_a_bank_cannot_pay_what_is_not_there(town: County) -> None:
    """Collected elsewhere and not moved yet: the account lacks the money, all lines fail."""
    await town.open()
    bill = await make_bill(town, 10000, TO_CLEAR)
    await pay(town.banks[1], bill)
    await run(town, "clearing", "run", "--date", now(town).strftime("%Y-%m-%d"))
    await town.clearing.node.wait_for("5614")
    await town.clearing.executor.all_told()
    listed = await read(town, "clearing", "list")
    assert [row["state"] for row in listed["instructions"]] == ["failed"]
    shown = await read(town, "clearing", "show", listed["instructions"][0]["InstrNo"])
    assert {line["Information"] for line in shown["lines"]} == {"账户余额不足"}
    assert town.money.balances()["D3206820301:in-transit"] == 10000
    assert await differing(town) == {}
