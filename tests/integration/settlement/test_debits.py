"""Direct debits over real sockets: 5604 of a signed protocol, 2607 to the bill's payment."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.collection.voiding import void
from nontax.gateway.outbox.operate import NotPossible

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    ESTATE,
    LAND,
    OTHER,
    PLATFORM,
    SCHOOL,
    TODAY,
    TOMORROW,
    TUITION,
    UNIT,
    Office,
    Offices,
    code,
)
from .debiting import (
    NOT_TAKEN,
    PAYER_NO,
    PROTOCOL,
    acting,
    ask,
    counts,
    debited,
    desk,
    end,
    outbox_act,
    refused,
    report,
    reported,
    sign,
    state,
)
from .paying_back import write


async def sent(office: Office, debit: Any, to: str = "acknowledged") -> None:
    """The message of a debit has reached the bank, or nobody knows."""
    deadline = office.clock.now_ms() + 1 if to == "acknowledged" else None
    write(office, "UPDATE debits SET state = ? WHERE debit_no = ?", to, debit.debit_no)
    write(
        office,
        "UPDATE outbox SET state = ?, ever_sent = 1, result_deadline = ? WHERE id = ?",
        to,
        deadline,
        debit.outbox_id,
    )


# -- the way of a debit ---------------------------------------------------------------------------


async def test_a_debit_makes_its_bill_paid(offices: Offices) -> None:
    office = await offices(delivering=True)
    bank = office.nodes[BANK]
    bank.handlers["5604"] = lambda got: bank.identity.general(got.head.msg_no, "00000")
    debit = await debited(office, notify=1, notify_node=UNIT, expiry_date="20260310")
    assert debit.debit_no == f"HK{TODAY}00000001"
    [told] = await bank.wait_for("5604")
    assert told.message is not None
    got = {tag: value for tag, value in vars(told.message).items() if value not in ("", None)}
    assert got == {
        "PayCode": debit.pay_code, "PayerNo": PAYER_NO, "ProtocolNo": PROTOCOL, "PayerName": "赵六",
        "PayerAcct": "6227000012345678", "PayerOpBk": "建行示例支行", "RecAcctType": "1",
        "RecName": "示例市财政局", "RecAcct": ACCOUNT, "RecOpBk": "中国建设银行示例支行",
        "Amt": 8000, "LastDate": "20260310", "Hold1": debit.debit_no,
    }  # fmt: skip
    assert await reported(office, debit) == "00000"
    assert state(office, debit) == ("succeeded", "succeeded")
    payment = office.books.one("payments", pay_code=debit.pay_code)
    assert (payment["src"], payment["cfm_date"], payment["tra_no_bus"]) == (BANK, TODAY, "K1")
    assert (payment["pay_mode"], payment["channel"], payment["duplicate"]) == ("3", "2607", 0)
    assert (payment["payer_name"], payment["rec_acct"]) == ("赵六", ACCOUNT)
    assert office.books.state(debit.pay_code) == "paid"
    [notice] = await office.nodes[UNIT].wait_for("5996")
    assert notice.message is not None
    assert (notice.message.PayCode, notice.message.PayMode) == (debit.pay_code, "3")
    kinds = office.books.kinds(debit.pay_code)
    assert [kind for kind in kinds if kind.split(".")[0] in {"debit", "payment"}] == [
        "debit.requested", "payment.booked", "debit.succeeded",
    ]  # fmt: skip
    assert office.books.archived("2607") == [("2607", debit.pay_code, "00000")]
    # The result is overdue only after the last date.
    assert office.books.one("debits")["payment_id"] == payment["id"]


async def test_the_acknowledged_request_is_due_until_its_last_date(offices: Offices) -> None:
    office = await offices(delivering=True)
    bank = office.nodes[BANK]
    bank.handlers["5604"] = lambda got: bank.identity.general(got.head.msg_no, "00000")
    await sign(office)
    office.gateway.deliverer._poll_seconds = 0.01
    debit = await ask(office, await office.bill(), last_date="20260305")
    await bank.wait_for("5604")
    await office.gateway.deliverer.stop()  # and so has finished what was under way
    assert state(office, debit) == ("acknowledged", "acknowledged")
    row = office.books.one("outbox", number="5604")
    midnight = office.clock.now_ms() - 10 * 3_600_000 + 4 * 86_400_000
    assert row["result_deadline"] == midnight
    assert row["expires_at"] == min(midnight, office.clock.now_ms() + 72 * 3_600_000)


@pytest.mark.parametrize(
    ("result", "debit_state"),
    [("00000", "acknowledged"), ("11001", "failed"), ("10005", "unknown")],
)
async def test_the_debit_follows_its_request(
    offices: Offices, result: str, debit_state: str
) -> None:
    office = await offices(delivering=True)
    bank = office.nodes[BANK]
    bank.handlers["5604"] = lambda got: bank.identity.general(got.head.msg_no, result)
    debit = await debited(office)
    await bank.wait_for("5604")
    await office.gateway.deliverer.stop()
    assert state(office, debit) == (debit_state, debit_state)
    row = office.books.one("debits")
    assert (row["result"], result in row["information"]) == ("", result != "00000")
    # Whatever the bank said first, its result counts.
    assert await reported(office, debit) == "00000"
    assert office.books.one("debits")["state"] == "succeeded"
    assert office.books.state(debit.pay_code) == "paid"


@pytest.mark.parametrize(
    ("expiry_date", "stop_date", "last_date", "expected"),
    [
        ("20260310", "", "", "20260310"),
        ("", "", "", "20260312"),  # ten days
        ("", "20260306", "", "20260306"),
        ("20260310", "20260306", "", "20260306"),
        ("20260310", "", "20260304", "20260304"),
        ("", "", "20260401", "20260401"),
        ("", "", TODAY, TODAY),
    ],
)
async def test_the_last_date(
    office: Office, expiry_date: str, stop_date: str, last_date: str, expected: str
) -> None:
    await sign(office, stop_date=stop_date)
    bill = await office.bill(expiry_date=expiry_date)
    debit = await ask(office, bill, last_date=last_date)
    assert debit.last_date == expected
    row = office.books.one("outbox", number="5604")
    assert f"<LastDate>{expected}</LastDate>" in row["voucher"]


async def test_a_bank_is_named_by_its_four_digits_too(office: Office) -> None:
    await sign(office)
    assert (await ask(office, await office.bill(), bank="0105")).node == BANK
    for name in ("0999", PLATFORM, UNIT, "D9999990105"):
        pay_code = await office.bill()
        with refused(office, f"no bank has the code {name}"):
            await ask(office, pay_code, bank=name)


# -- one at a time --------------------------------------------------------------------------------


@pytest.mark.parametrize("living", ["queued", "acknowledged", "unknown"])
async def test_a_living_debit_blocks_voiding_and_another(office: Office, living: str) -> None:
    answer = await office.bill_of_unit(PayCode="U1", CrcCode="")
    assert code(answer) == "00000"
    await sign(office)
    debit = await ask(office, "U1")
    if living != "queued":
        await sent(office, debit, living)
    answer = await office.bill_of_unit(PayCode="U1", PayStats="2")
    assert code(answer) == "99999"
    assert answer.message is not None
    assert answer.message.Information == "划缴(代扣)处理中,不能作废"

    async def voiding(tx: Any) -> Any:
        at, today = office.clock.now_ms(), TODAY
        return await void(tx, "U1", office.rules, actor="maker1", at=at, today=today)

    assert (await office.transact(voiding)).refusal == "a direct debit (5604) is under way"
    await sign(office, protocol_no="XY2")
    for protocol in (PROTOCOL, "XY2"):
        with refused(office, f"debit {debit.debit_no} of it is {living}"):
            await ask(office, "U1", protocol_no=protocol)
    assert await reported(office, debit, **NOT_TAKEN) == "00000"
    answer = await office.bill_of_unit(PayCode="U1", PayStats="2")
    assert code(answer) == "00000"
    assert office.books.state("U1") == "void"


async def test_a_bill_can_be_debited_again_after_a_failure(office: Office) -> None:
    first = await debited(office)
    assert await reported(office, first, msg_id="M1", **NOT_TAKEN) == "00000"
    assert state(office, first) == ("failed", "failed")
    assert office.books.state(first.pay_code) == "unpaid"
    second = await ask(office, first.pay_code)
    assert second.debit_no != first.debit_no
    # The same message again is the first one's result, another one the second one's.
    assert await reported(office, first, msg_id="M1", **NOT_TAKEN) == "00000"
    assert state(office, second) == ("queued", "queued")
    assert await reported(office, first, msg_id="M2", **NOT_TAKEN) == "00000"
    assert state(office, second) == ("failed", "failed")
    third = await ask(office, first.pay_code)
    # A result that gives the number back is that one's, whatever else lives.
    late = await report(office, first, Hold1=second.debit_no, **(NOT_TAKEN | {"Result": "12003"}))
    assert code(late) == "10005"
    assert state(office, third) == ("queued", "queued")
    assert await reported(office, third, Hold1=third.debit_no) == "00000"
    assert office.books.state(first.pay_code) == "paid"


# -- results --------------------------------------------------------------------------------------


async def test_a_repeated_result_is_answered_again(office: Office) -> None:
    debit = await debited(office)
    assert await reported(office, debit) == "00000"
    before = counts(office)
    again = await report(office, debit, Information="另一说明")
    assert code(again) == "00000"
    assert counts(office) == before


@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        ("Result", NOT_TAKEN),
        ("TraNo", {"TraNo": "K2"}),
        ("TraDate", {"TraDate": "20260301"}),
        ("TraTime", {"TraTime": "111501"}),
        ("Amt", {"Amt": "79.99", "PaidAmt": "79.99"}),
    ],
)
async def test_a_contradicting_result_is_refused_and_kept(
    office: Office, tag: str, changes: dict[str, str]
) -> None:
    debit = await debited(office)
    assert await reported(office, debit) == "00000"
    kept = office.books.rows("debits"), office.books.rows("payments")
    answer = await report(office, debit, **changes)
    assert code(answer) == "10005"
    assert answer.message is not None
    assert answer.message.Information.startswith(f"{tag}:")
    assert (office.books.rows("debits"), office.books.rows("payments")) == kept
    assert office.books.kinds(debit.pay_code)[-1] == "debit.contradicted"
    assert office.books.archived("2607")[-1] == ("2607", debit.pay_code, "10005")


async def test_a_failure_is_not_undone_by_a_success(office: Office) -> None:
    debit = await debited(office)
    assert await reported(office, debit, **NOT_TAKEN) == "00000"
    assert await reported(office, debit) == "10005"
    assert office.books.state(debit.pay_code) == "unpaid"
    assert office.books.rows("payments") == []


@pytest.mark.parametrize("paid", ["79.99", "80.01", "0.00", ""])
async def test_what_was_taken_must_be_the_whole_amount(office: Office, paid: str) -> None:
    debit = await debited(office)
    answer = await report(office, debit, PaidAmt=paid)
    assert code(answer) == "12004"
    # Money may have been taken: the debit lives until somebody says what is true.
    assert state(office, debit) == ("queued", "queued")
    assert office.books.state(debit.pay_code) == "unpaid"
    assert office.books.kinds(debit.pay_code)[-1] == "debit.contradicted"
    assert await reported(office, debit) == "00000"


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"TraNo": ""}, "TraNo"),
        ({"TraDate": ""}, "TraDate"),
        ({"TraTime": ""}, "TraTime"),
        ({"Amt": "80.001"}, "Amt"),
        ({"PayerNo": ""}, "PayerNo"),
        ({"ProtocolNo": ""}, "ProtocolNo"),
        ({"TraDate": "20260230"}, "TraDate"),
        (NOT_TAKEN | {"PaidAmt": "1.00"}, "PaidAmt"),
    ],
)
async def test_malformed_results(office: Office, changes: dict[str, str], tag: str) -> None:
    debit = await debited(office)
    before = counts(office)
    answer = await report(office, debit, **changes)
    assert code(answer) == "10002"
    assert answer.message is not None
    assert f"{tag}:" in answer.message.Information
    assert counts(office) == before


async def test_results_of_others_and_of_unknown_debits_look_alike(office: Office) -> None:
    debit = await debited(office)
    before = counts(office)
    answers = [
        await report(office, debit, OTHER),
        await report(office, debit, PayerNo="1"),
        await report(office, debit, ProtocolNo="1"),
        await report(office, debit, PayCode=await office.bill()),
        await report(office, debit, PayCode="X"),
    ]
    assert {(code(a), a.message.Information if a.message else "") for a in answers} == {
        ("99999", "划缴申请不存在")
    }
    assert counts(office)["debits"] == before["debits"]
    assert state(office, debit) == ("queued", "queued")


# -- other money for the same bill ----------------------------------------------------------------


async def test_a_bill_that_was_paid_meanwhile_gets_a_technical_refund(offices: Offices) -> None:
    office = await offices(delivering=True)
    bank = office.nodes[BANK]
    bank.handlers["5604"] = lambda got: bank.identity.general(got.head.msg_no, "00000")
    debit = await debited(office)
    assert code(await office.confirm(OTHER, debit.pay_code)) == "00000"
    answer = await report(office, debit)
    assert code(answer) == "00000"
    [refund] = office.books.rows("refunds")
    assert answer.message is not None
    assert answer.message.Information == f"重复缴款,已登记技术性退付 {refund['refund_no']}"
    assert (refund["kind"], refund["src"], refund["amt"]) == (1, BANK, 8000)
    assert (refund["rec_name"], refund["rec_acct"]) == ("赵六", "6227000012345678")
    await bank.wait_for("5617")
    assert office.books.one("debits")["state"] == "succeeded"
    again = await report(office, debit)
    assert code(again) == "00000"
    assert len(office.books.rows("refunds")) == 1


@pytest.mark.parametrize("date", [TODAY, "20260301"])
async def test_a_confirmation_of_the_same_transfer_is_the_same_money(
    office: Office, date: str
) -> None:
    first = await debited(office)
    assert code(await office.confirm(BANK, first.pay_code, TraNoBus="K1", CfmDate=date)) == "00000"
    assert await reported(office, first) == "00000"
    second = await debited(office)
    assert await reported(office, second, TraNo="K2") == "00000"
    assert code(await office.confirm(BANK, second.pay_code, TraNoBus="K2", CfmDate=date)) == "00000"
    assert len(office.books.rows("payments")) == 2
    assert office.books.rows("refunds") == []
    assert "linked to a payment" in office.notes()
    links = {row["payment_id"] for row in office.books.rows("debits")}
    assert links == {row["id"] for row in office.books.rows("payments")}


async def test_a_number_that_paid_something_else_is_refused(office: Office) -> None:
    pay_code = await office.bill()
    assert code(await office.confirm(BANK, pay_code, TraNoBus="K1")) == "00000"
    debit = await debited(office)
    answer = await report(office, debit)
    assert code(answer) == "10005"
    assert answer.message is not None
    assert answer.message.Information.startswith("TraNo:")
    assert state(office, debit) == ("queued", "queued")
    assert await reported(office, debit, TraNo="K2") == "00000"


# -- messages that went astray --------------------------------------------------------------------


async def test_a_request_that_never_left_fails_and_can_be_sent_again(office: Office) -> None:
    debit = await debited(office)
    assert await outbox_act(office, debit, "drop") == "dropped"
    assert state(office, debit) == ("failed", "dropped")
    await outbox_act(office, debit, "requeue")
    assert state(office, debit) == ("queued", "queued")
    await outbox_act(office, debit, "drop")
    # Not while another one lives, or when the bill is paid, or too late.
    other = await ask(office, debit.pay_code)
    with pytest.raises(NotPossible, match=f"debit {other.debit_no} of it is queued"):
        await outbox_act(office, debit, "requeue")
    await outbox_act(office, other, "drop")
    write(office, "UPDATE debit_protocols SET stop_date = '20260301'")
    with pytest.raises(NotPossible, match="does not hold any more"):
        await outbox_act(office, debit, "requeue")
    write(office, "UPDATE debit_protocols SET stop_date = ''")
    office.tomorrow(20)
    with pytest.raises(NotPossible, match="last date has passed"):
        await outbox_act(office, debit, "requeue")
    assert code(await office.confirm(OTHER, debit.pay_code, TraNoBus="Z")) == "00000"
    with pytest.raises(NotPossible, match="the bill is paid"):
        await outbox_act(office, debit, "requeue")
    assert state(office, debit) == ("failed", "dropped")


async def test_a_result_of_a_request_that_was_taken_for_failed_counts(office: Office) -> None:
    debit = await debited(office)
    await outbox_act(office, debit, "drop")
    assert await reported(office, debit) == "00000"
    assert state(office, debit) == ("succeeded", "succeeded")
    assert office.books.state(debit.pay_code) == "paid"
    with pytest.raises(NotPossible):
        await outbox_act(office, debit, "requeue")


async def test_money_for_a_bill_that_is_void_by_then_is_not_booked(office: Office) -> None:
    debit = await debited(office)
    await outbox_act(office, debit, "drop")
    await office.void(debit.pay_code)
    for _ in range(2):
        assert await reported(office, debit) == "11004"
    assert office.books.rows("payments") == []
    assert office.books.one("debits")["state"] == "failed"


async def test_an_unknown_debit_is_never_issued_again(office: Office) -> None:
    debit = await debited(office)
    await sent(office, debit, "sent")
    assert await outbox_act(office, debit, "drop") == "unknown"
    assert state(office, debit) == ("unknown", "unknown")
    with pytest.raises(NotPossible, match="nothing is issued again from unknown"):
        await outbox_act(office, debit, "requeue")
    with refused(office, "of it is unknown"):
        await ask(office, debit.pay_code)
    assert await reported(office, debit) == "00000"
    assert state(office, debit) == ("succeeded", "succeeded")


async def test_a_person_books_what_an_unknown_debit_took(office: Office) -> None:
    debit = await debited(office, notify=1, notify_node=UNIT)
    await sent(office, debit, "unknown")
    with pytest.raises(NotPossible, match=f"debit settle {debit.debit_no}"):
        await outbox_act(office, debit, "settle", state="succeeded")
    found = {"tra_no": "K1", "tra_date": TODAY, "tra_time": "111500"}
    with refused(office, "has not come yet"):
        await end(office, debit.debit_no, **(found | {"tra_date": TOMORROW}))
    assert (await end(office, debit.debit_no, **found)).state == "succeeded"
    assert state(office, debit) == ("succeeded", "succeeded")
    assert office.books.state(debit.pay_code) == "paid"
    assert len(office.books.queued("5996")) == 1
    assert office.books.kinds(debit.pay_code)[-1] == "debit.settled"
    with refused(office, "it is succeeded"):
        await end(office, debit.debit_no)
    # The bank's own word completes the record, or contradicts it.
    assert await reported(office, debit, **NOT_TAKEN) == "10005"
    assert await reported(office, debit, TraNo="K2") == "10005"
    assert await reported(office, debit) == "00000"
    assert office.books.one("debits")["result"] == "00000"
    assert len(office.books.rows("payments")) == 1


async def test_a_person_says_that_nothing_was_taken(office: Office) -> None:
    first, second = await debited(office), await debited(office)
    for debit in (first, second):
        await sent(office, debit, "unknown")
    assert (await end(office, first.debit_no)).state == "failed"
    await outbox_act(office, second, "settle", state="failed")
    for debit in (first, second):
        assert state(office, debit) == ("failed", "failed")
        assert (await ask(office, debit.pay_code)).living


async def test_a_debit_is_overdue_after_its_last_date(office: Office) -> None:
    debit = await debited(office, expiry_date=TOMORROW)
    await sent(office, debit)
    office.tomorrow()
    assert not debit.overdue(office.clock.today())
    with refused(office, "it is acknowledged"):
        await end(office, debit.debit_no)
    office.tomorrow()
    assert debit.overdue(office.clock.today())
    # Until somebody ends it, it may still take the money.
    answer = await office.transact(
        lambda tx: void(
            tx, debit.pay_code, office.rules, actor="m", at=1, today=office.clock.today()
        )
    )
    assert answer.refusal
    assert (await end(office, debit.debit_no)).state == "failed"


async def test_a_debit_that_took_the_money_twice_cannot_be_entered(office: Office) -> None:
    other = await office.bill()
    assert code(await office.confirm(BANK, other, TraNoBus="K1")) == "00000"
    debit = await debited(office)
    await sent(office, debit, "unknown")
    with refused(office, "cannot be booked: 10005"):
        await end(office, debit.debit_no, tra_no="K1", tra_date=TODAY, tra_time="111500")
    with refused(office, "there is no such debit"):
        await end(office, "HK1")


# -- what cannot be asked for ---------------------------------------------------------------------


async def test_bills_that_cannot_be_debited(office: Office) -> None:
    await sign(office)
    paid, void_bill = await office.bill(), await office.bill()
    assert code(await office.confirm(BANK, paid)) == "00000"
    await office.void(void_bill)
    old = await office.bill(expiry_date=TODAY, bill_date=TODAY)
    school = await office.bill(amt=20000, item=TUITION, unit_code=SCHOOL)
    office.tomorrow()
    for pay_code, text in (
        (paid, "the bill is paid"),
        (void_bill, "the bill is void"),
        (old, "the bill has expired"),
        ("32068226000000099999", "there is no such bill"),
    ):
        with refused(office, text):
            await ask(office, pay_code)
    with refused(office, f"may not act for unit {SCHOOL}"):
        await ask(office, school, who=acting(office, "maker1", LAND, ESTATE))
    write(office, "UPDATE units SET banks = '0301' WHERE code = ?", SCHOOL)
    with refused(office, f"may not collect for unit {SCHOOL}"):
        await ask(office, school)
    write(office, "UPDATE units SET banks = '' WHERE code = ?", SCHOOL)
    write(office, "UPDATE accounts SET stop_date = '20260302' WHERE purpose = 'collection'")
    with refused(office, "has no account to receive it"):
        await ask(office, school)


@pytest.mark.parametrize(
    ("signed", "wish", "text"),
    [
        ({}, {"payer_no": "1"}, "no protocol with these numbers"),
        ({}, {"protocol_no": "1"}, "no protocol with these numbers"),
        ({}, {"bank": OTHER}, "no protocol with these numbers"),
        ({"start_date": TOMORROW}, {}, "does not hold today"),
        ({"stop_date": "20260301"}, {}, "does not hold today"),
        ({"stop_date": TODAY}, {"last_date": TOMORROW}, "ends before the last date"),
        ({}, {"last_date": "20260301"}, "the last date has passed"),
        ({}, {"last_date": "20260311"}, "ends before the last date"),
    ],
)
async def test_protocols_and_dates_that_do_not_hold(
    office: Office, signed: dict[str, str], wish: dict[str, str], text: str
) -> None:
    await sign(office, **signed)
    pay_code = await office.bill(expiry_date="20260310")
    with refused(office, text):
        await ask(office, pay_code, **wish)


async def test_a_bank_that_does_not_take_part(offices: Offices) -> None:
    office = await offices(peers={BANK: {"enabled": False}})
    await sign(office)
    pay_code = await office.bill()
    with refused(office, "does not act for the bill's region"):
        await ask(office, pay_code)


# -- protocols ------------------------------------------------------------------------------------


async def test_a_protocol_is_registered_once(office: Office) -> None:
    assert await sign(office)
    before = counts(office)
    assert not await sign(office, created_at=7, created_by="maker2")
    assert counts(office) == before
    with refused(office, "another protocol with these numbers"):
        await sign(office, payer_acct="6227000012349999")
    assert await sign(office, node=OTHER)
    entry = office.books.rows("journal", kind="protocol.added")[0]
    for secret in (PAYER_NO, PROTOCOL, "赵六", "6227000012345678"):
        assert secret not in entry["subject"] + entry["facts"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"payer_no": ""}, "PayerNo"),
        ({"payer_no": "1" * 31}, "PayerNo"),
        ({"payer_no": "编号"}, "PayerNo"),
        ({"protocol_no": ""}, "ProtocolNo"),
        ({"protocol_no": "1" * 31}, "ProtocolNo"),
        ({"payer_name": ""}, "PayerName"),
        ({"payer_name": "名" * 51}, "PayerName"),
        ({"payer_name": "\U00020000"}, "cannot carry"),
        ({"payer_acct": "1" * 51}, "PayerAcct"),
        ({"payer_op_bk": "行" * 51}, "PayerOpBk"),
        ({"stop_date": "20251231"}, "ends before it begins"),
        ({"node": PLATFORM}, "no bank has the code"),
    ],
)
async def test_protocols_that_cannot_be(office: Office, changes: dict[str, str], text: str) -> None:
    with refused(office, text):
        await sign(office, **changes)


async def test_a_protocol_ends(office: Office) -> None:
    debit = await debited(office)
    from nontax.gateway.settlement.debits import Wish

    async def stop(wish: Wish, last: str) -> None:
        await office.transact(lambda tx: desk(office).end_protocol(tx, wish, last, acting(office)))

    mine = Wish("", PAYER_NO, PROTOCOL, "0105")
    with refused(office, "would end before it begins"):
        await stop(mine, "20251231")
    with refused(office, "no protocol with these numbers"):
        await stop(Wish("", PAYER_NO, "1", "0105"), TODAY)
    await stop(mine, "20260301")
    assert office.books.one("debit_protocols")["stop_date"] == "20260301"
    pay_code = await office.bill()
    with refused(office, "does not hold today"):
        await ask(office, pay_code)
    # What was asked for before is not touched.
    assert await reported(office, debit) == "00000"
