"""Business refunds over real sockets: two operators, 5617 and 2617, never more than was paid."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

import pytest

from nontax.gateway.collection.operators import OperatorRefused
from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.operate import NotPossible

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    LAND,
    OTHER,
    PLATFORM,
    SCHOOL,
    TODAY,
    TUITION,
    Offices,
    code,
    untouched,
)
from ..flows.conftest import Office as AnOffice
from .paying_back import (
    NOT_DONE,
    PAYER,
    acting,
    approve,
    approved,
    ask,
    end,
    paid,
    refused,
    reported,
    state,
    turn_down,
    write,
)

WORKER = Path(__file__).with_name("refunds_worker.py")


@pytest.fixture
async def delivering(offices: Offices) -> AnOffice:
    """An office whose messages reach the nodes."""
    return await offices(delivering=True)


# -- the way of a refund --------------------------------------------------------------------------


async def test_a_refund_goes_back_the_way_the_money_came(delivering: AnOffice) -> None:
    office = delivering
    pay_code = await paid(office)
    asked = await ask(office, pay_code, 3000, reason="多缴土地登记费")
    assert asked.refund_no == f"YW{TODAY}00000001"
    assert state(office, asked.refund_no) == "requested"
    assert office.books.queued("5617") == []
    whole = await approve(office, asked.refund_no)
    assert (whole.refund.state, whole.refund.approved_by) == ("queued", "checker1")
    [told] = await office.nodes[BANK].wait_for("5617")
    assert told.message is not None
    got = {tag: value for tag, value in vars(told.message).items() if value not in ("", None)}
    assert got == {
        "RefundNo": asked.refund_no, "RefundDate": TODAY, "RefundType": "2", "PayCode": pay_code,
        "OriTraNoBus": "T1", "OriCfmDate": TODAY, "OriAmt": 8000, "Amt": 3000,
        "RecName": "王五", "RecAcct": PAYER["PayerAcct"], "RecOpBk": PAYER["PayerOpBk"],
        "Reason": "多缴土地登记费",
    }  # fmt: skip
    assert await reported(office, asked.refund_no) == "00000"
    row = office.books.one("refunds", refund_no=asked.refund_no)
    assert (row["state"], row["tra_no"], row["paid_from"]) == ("succeeded", "R1", "collection")
    assert office.books.archived("2617") == [("2617", asked.refund_no, "00000")]
    kinds = office.books.kinds(asked.refund_no)
    assert [kind for kind in kinds if kind.startswith("refund.")] == [
        "refund.requested", "refund.approved", "refund.succeeded",
    ]  # fmt: skip
    # The bill was paid, and stays so for whoever asks.
    assert office.books.state(pay_code) == "paid"
    assert (await office.due(BANK, pay_code)).PayStats == "1"
    assert code(await office.confirm(OTHER, pay_code, TraNoBus="X")) == "12001"


@pytest.mark.parametrize("src", [OTHER, PLATFORM])
async def test_the_node_that_collected_pays_back(delivering: AnOffice, src: str) -> None:
    office = delivering
    pay_code = await paid(office, src, PayMode="51")
    refund = await approved(office, pay_code, 8000)
    [told] = await office.nodes[src].wait_for("5617")
    assert told.message is not None
    assert told.message.RefundNo == refund.refund_no
    assert await reported(office, refund.refund_no, BANK) == "99999"
    assert await reported(office, refund.refund_no, src) == "00000"


async def test_money_that_a_clearing_bank_reported_is_paid_back_by_the_accounts_bank(
    delivering: AnOffice,
) -> None:
    office = delivering
    pay_code = await paid(office, OTHER)
    write(office, "UPDATE payments SET src = 'Q3200000105' WHERE pay_code = ?", pay_code)
    refund = await approved(office, pay_code, 100)
    assert refund.src == BANK  # where the account 32001… lies
    await office.nodes[BANK].wait_for("5617")


async def test_a_failed_refund_can_be_asked_for_again(office: AnOffice) -> None:
    pay_code = await paid(office)
    first = await approved(office, pay_code, 8000)
    with refused(office, "at most 0.00 of the 80.00 paid"):
        await ask(office, pay_code, 1)
    assert await reported(office, first.refund_no, **NOT_DONE) == "00000"
    assert state(office, first.refund_no) == "failed"
    again = await approved(office, pay_code, 8000)
    assert await reported(office, again.refund_no) == "00000"
    # The first one cannot have been paid after all: there is no room for it any more.
    assert await reported(office, first.refund_no) == "10005"


async def test_a_rejected_refund_frees_its_sum(office: AnOffice) -> None:
    pay_code = await paid(office)
    asked = await ask(office, pay_code, 8000)
    rejected = await turn_down(office, asked.refund_no)
    assert (rejected.state, rejected.approved_by) == ("rejected", "checker1")
    assert office.books.kinds(asked.refund_no)[-1] == "refund.rejected"
    assert await reported(office, asked.refund_no) == "99999"
    with refused(office, "it is rejected"):
        await approve(office, asked.refund_no)
    assert (await ask(office, pay_code, 8000)).state == "requested"
    assert office.books.queued("5617") == []


async def test_partial_refunds_come_to_the_payment_and_no_further(office: AnOffice) -> None:
    pay_code = await paid(office)
    first = await approved(office, pay_code, 3000)
    assert await reported(office, first.refund_no) == "00000"
    second = await ask(office, pay_code, 4999)  # only asked for, and counted
    with refused(office, "at most 0.01 of the 80.00 paid"):
        await ask(office, pay_code, 2)
    third = await approved(office, pay_code, 1)
    await approve(office, second.refund_no)
    for refund in (second, third):
        changes = {"TraNo": refund.refund_no}
        assert await reported(office, refund.refund_no, **changes) == "00000"
    with refused(office, "at most 0.00"):
        await ask(office, pay_code, 1)
    amounts = Counter(row["state"] for row in office.books.rows("refunds"))
    assert amounts == {"succeeded": 3}


async def test_a_duplicates_failed_refund_is_asked_for_by_its_number(office: AnOffice) -> None:
    pay_code = await paid(office)
    again = await office.confirm(OTHER, pay_code, TraNoBus="D1", PayMode="51", **PAYER)
    assert code(again) == "00000"
    [technical] = office.books.rows("refunds")
    assert technical["kind"] == 1
    with refused(office, "at most 0.00"):
        await ask(office, pay_code, 100, tra_no="D1", technical=True)
    assert await reported(office, technical["refund_no"], OTHER, **NOT_DONE) == "00000"
    repeated = await approved(office, pay_code, 8000, tra_no="D1", technical=True)
    assert (repeated.kind, repeated.src, repeated.ori_tra_no_bus) == (1, OTHER, "D1")
    # The bill's own payment is untouched by it.
    assert (await ask(office, pay_code, 8000)).ori_tra_no_bus == "T1"


# -- who decides ----------------------------------------------------------------------------------


async def test_nobody_decides_on_his_own_request(office: AnOffice) -> None:
    asked = await ask(office, await paid(office), 100)
    for name in ("maker1", "MAKER1"):
        with untouched(office), pytest.raises(OperatorRefused, match="cannot approve"):
            await approve(office, asked.refund_no, name)
        with untouched(office), pytest.raises(OperatorRefused, match="cannot approve"):
            await turn_down(office, asked.refund_no, name)
    assert state(office, asked.refund_no) == "requested"


async def test_operators_keep_to_their_units(office: AnOffice) -> None:
    pay_code = await paid(office)
    with refused(office, f"may not act for unit {LAND}"):
        await ask(office, pay_code, 100, who=acting(office, "maker1", SCHOOL))
    asked = await ask(office, pay_code, 100, who=acting(office, "maker1", LAND))
    with refused(office, f"may not act for unit {LAND}"):
        await approve(office, asked.refund_no, "checker1", SCHOOL)
    await approve(office, asked.refund_no, "checker1", LAND, SCHOOL)


async def test_a_refund_is_decided_once(office: AnOffice) -> None:
    asked = await ask(office, await paid(office), 100)
    await approve(office, asked.refund_no)
    with refused(office, "it is (queued|sent|acknowledged)"):
        await approve(office, asked.refund_no)
    with refused(office, "it is (queued|sent|acknowledged)"):
        await turn_down(office, asked.refund_no)
    with refused(office, "there is no such refund"):
        await approve(office, "YW2026030299999999")
    assert len(office.books.queued("5617")) == 1


# -- who gets the money ---------------------------------------------------------------------------


async def test_the_unit_gets_it_on_its_own_account(delivering: AnOffice) -> None:
    office = delivering
    pay_code = await office.bill(amt=20000, item=TUITION, unit_code=SCHOOL)
    assert code(await office.confirm(BANK, pay_code, Amt="200.00")) == "00000"
    refund = await approved(office, pay_code, 20000, receiver="unit")
    assert (refund.rec_acct, refund.rec_name) == ("32001000000000000067", "示例市第一高级中学")
    [told] = await office.nodes[BANK].wait_for("5617")
    assert told.message is not None
    assert told.message.RecAcct == "32001000000000000067"


async def test_a_unit_without_an_account_gets_nothing(office: AnOffice) -> None:
    pay_code = await paid(office)
    with refused(office, f"unit {LAND} has no such accounts"):
        await ask(office, pay_code, 100, receiver="unit")
    # An account of somebody else does not help.
    with refused(office, f"unit {LAND} has no such accounts"):
        await ask(office, pay_code, 100, receiver="unit", account="32001000000000000067")
    with refused(office, "for the unit only"):
        await ask(office, pay_code, 100, account="6222000099998888")


# -- what cannot be asked for ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amt", "text"),
    [(0, "above 0"), (-1, "above 0"), (8001, "at most 80.00"), (10**18, "at most 80.00")],
)
async def test_amounts_that_cannot_be(office: AnOffice, amt: int, text: str) -> None:
    pay_code = await paid(office)
    with refused(office, text):
        await ask(office, pay_code, amt)


@pytest.mark.parametrize("reason", ["", "  ", "多" * 101, "a\nb", "a\x00b", "退\U0001f600款"])
async def test_reasons_that_cannot_be(office: AnOffice, reason: str) -> None:
    pay_code = await paid(office)
    with refused(office, "reason|5617 cannot be written"):
        await ask(office, pay_code, 100, reason=reason)


async def test_bills_that_were_not_paid(office: AnOffice) -> None:
    unpaid, void = await office.bill(), await office.bill()
    await office.void(void)
    for pay_code, text in (
        (unpaid, "the bill is unpaid"),
        (void, "the bill is void"),
        ("32068226000000099999", "there is no such bill"),
    ):
        with refused(office, text):
            await ask(office, pay_code, 100)
    pay_code = await paid(office)
    with refused(office, "no payment with the number T9"):
        await ask(office, pay_code, 100, tra_no="T9")


async def test_a_node_that_is_gone_cannot_pay_back(offices: Offices) -> None:
    office = await offices()
    pay_code = await paid(office)
    asked = await ask(office, pay_code, 100)
    await office.stop()
    office.installation.configure({}, {BANK: {"enabled": False}})
    office.config = office.installation.config()
    await office.start()
    with refused(office, f"{BANK}, which collected it, cannot be told"):
        await ask(office, pay_code, 100)
    with refused(office, f"{BANK}, which collected it, cannot be told"):
        await approve(office, asked.refund_no)


# -- unknown outcomes -----------------------------------------------------------------------------


async def lost(office: AnOffice) -> str:
    """A refund whose order was sent and never answered, and has expired."""
    await office.nodes[BANK].stop()
    refund = await approved(office, await paid(office), 5000)
    number = refund.refund_no
    [row] = office.books.queued("5617")
    write(office, "UPDATE outbox SET ever_sent = 1, state = 'sent' WHERE id = ?", row["id"])
    write(office, "UPDATE refunds SET state = 'sent' WHERE refund_no = ?", number)
    office.clock.set(row["expires_at"])
    await office.gateway.deliverer.deliver_due()
    assert state(office, number) == "unknown"
    return number


async def test_an_unknown_refund_is_never_issued_again(delivering: AnOffice) -> None:
    office = delivering
    number = await lost(office)
    pay_code = office.books.one("refunds", refund_no=number)["pay_code"]
    await office.nodes[BANK].listen_again()
    terms = Terms.from_config(office.config.outbox)
    [row] = office.books.queued("5617")
    with pytest.raises(NotPossible, match="nothing is issued again from unknown"):
        await office.transact(
            lambda tx: operate.requeue(
                tx, row["id"], operator="maker1", reason="x", at=office.clock.now_ms(), terms=terms
            )
        )
    with refused(office, "at most 30.00 of the 80.00 paid"):
        await ask(office, pay_code, 3001)
    office.clock.advance(seconds=864_000)
    await office.gateway.deliverer.deliver_due()
    assert office.nodes[BANK].of("5617") == []


@pytest.mark.parametrize("found", ["succeeded", "failed"])
async def test_a_person_ends_what_is_unknown(office: AnOffice, found: str) -> None:
    number = await lost(office)
    refund = await end(office, number, found, tra_no="R1" if found == "succeeded" else "")
    assert refund.state == found
    assert office.books.one("outbox", number="5617")["state"] == found
    assert office.books.kinds(number)[-1] == "refund.settled"
    with refused(office, f"it is {found}"):
        await end(office, number, "failed")
    # The bank's own word completes the record, or contradicts it.
    same = {} if found == "succeeded" else NOT_DONE
    assert await reported(office, number, **same) == "00000"


async def test_an_overdue_refund_is_ended_by_a_person_too(office: AnOffice) -> None:
    refund = await approved(office, await paid(office), 5000)
    number, due = refund.refund_no, office.clock.now_ms() + 1000
    write(office, "UPDATE outbox SET state = 'acknowledged', result_deadline = ?", due)
    write(office, "UPDATE refunds SET state = 'acknowledged' WHERE refund_no = ?", number)
    with refused(office, "it is acknowledged"):
        await end(office, number, "failed")
    office.tomorrow(2)
    with refused(office, "has not come yet"):
        await end(office, number, "succeeded", tra_date="20260305")
    with refused(office, "the reason must"):
        await end(office, number, "succeeded", reason=" ")
    assert (await end(office, number, "succeeded")).tra_date == "20260304"
    assert office.books.one("outbox", number="5617")["state"] == "succeeded"


# -- several processes ----------------------------------------------------------------------------


async def test_processes_that_ask_at_once_never_exceed_the_payment(office: AnOffice) -> None:
    pay_code = await paid(office, amt=8000)
    config = office.installation.config_file
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), str(config), pay_code, "700", "10", stdin=PIPE, stdout=PIPE
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n"
    outs = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    said = Counter(line for out, _ in outs for line in out.decode().split())
    assert said == {"asked": 11, "refused": 9}
    rows = office.books.rows("refunds")
    assert sum(row["amt"] for row in rows) == 7700
    assert len({row["refund_no"] for row in rows}) == 11
    assert office.books.one("payments", rec_acct=ACCOUNT)["amt"] == 8000
