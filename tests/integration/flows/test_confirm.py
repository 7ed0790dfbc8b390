"""A payment is confirmed: 2612 → 5001 (spec: business, section 3), one message at a time.

Identity, replay, order of checks, accounts, expiry, and what must never be stored. Duplicates and
everything that follows from a payment stand in `test_confirm_effects`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable

import pytest

from nontax.gateway.collection.bills import AUTO
from nontax.gateway.store import SqliteOptions
from nontax.mac import Secret
from nontax.messages.codes import Result

from .conftest import (
    ACCOUNT,
    BANK,
    CONFIRMATION,
    ELSEWHERE,
    FINANCE,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    REGION,
    TODAY,
    TOMORROW,
    UNIT_BILL,
    Office,
    Offices,
    code,
    untouched,
)
from .test_query import account, stopped

UNKNOWN_CODE = "32068226000999999990"
YESTERDAY = "20260301"


async def confirmed(office: Office, src: str, pay_code: str, **changes: str) -> str:
    return code(await office.confirm(src, pay_code, **changes))


# -- the first one ----------------------------------------------------------------------------


async def test_a_confirmed_bill_is_paid_before_the_answer_leaves(office: Office) -> None:
    """Read by another connection as soon as the answer is here: everything is committed."""
    pay_code = await office.bill()
    answer = await office.confirm(
        BANK, pay_code, PayerName="王五", PayerAcct="6222000000000001", PayerOpBk="示例银行",
        PayerOpBkNo="105306500018", Amt="80",
    )  # fmt: skip
    assert (answer.result, answer.information) == ("00000", "成功或收妥应答")
    books = office.books
    assert books.state(pay_code) == "paid"
    payment = books.one("payments")
    assert {name: payment[name] for name in ("src", "cfm_date", "tra_no_bus", "pay_code")} == {
        "src": BANK, "cfm_date": TODAY, "tra_no_bus": "T1", "pay_code": pay_code,
    }  # fmt: skip
    assert (payment["amt"], payment["pay_mode"], payment["channel"]) == (8000, "11", "2612")
    assert (payment["rec_acct_type"], payment["rec_acct"]) == ("1", ACCOUNT)
    assert (payment["cfm_time"], payment["bank_outlet"]) == ("093000", "320682001")
    assert (payment["operator"], payment["payer_name"]) == ("柜员01", "王五")
    assert (payment["payer_acct"], payment["payer_op_bk"]) == ("6222000000000001", "示例银行")
    flags = ("duplicate", "after_expiry", "before_bill")
    assert [payment[flag] for flag in flags] == [0, 0, 0]
    verdict = books.one("confirmations")
    assert (verdict["accepted"], verdict["result"]) == (1, "00000")
    assert verdict["payment_id"] == payment["id"]
    assert books.kinds(pay_code) == ["bill.made", "payment.booked"]
    assert books.archived() == [("2612", pay_code, "00000")]
    assert books.queued("5617") == books.queued("5996") == []


async def test_the_journal_names_the_payment_and_nobody(office: Office) -> None:
    pay_code = await office.bill()
    await office.confirm(BANK, pay_code, PayerName="王五", PayerAcct="6222000000000001")
    row = office.books.one("journal", kind="payment.booked")
    assert (row["actor"], row["subject"]) == (BANK, pay_code)
    assert '"Amt":8000' in row["facts"]
    assert '"TraNoBus":"T1"' in row["facts"]
    assert not any(word in row["facts"] for word in ("王五", "6222", ACCOUNT))


# -- the order of the checks ------------------------------------------------------------------


async def test_one_fault_after_the_other_is_seen_in_order(office: Office) -> None:
    void, paid, unpaid = [await office.bill() for _ in range(3)]
    await office.void(void)
    assert await confirmed(office, BANK, paid) == "00000"
    wrong = {"RecAcct": "1", "Amt": "1.00", "TraNoBus": "T2"}
    assert await confirmed(office, BANK, UNKNOWN_CODE, **wrong) == "11001"
    assert await confirmed(office, BANK, void, **wrong) == "11004"
    assert await confirmed(office, BANK, paid, **wrong) == "12001"
    assert await confirmed(office, BANK, unpaid, **wrong) == "12003"
    assert await confirmed(office, BANK, unpaid, **wrong | {"RecAcct": ACCOUNT}) == "12004"
    wrong["Amt"] = "80.00"
    assert await confirmed(office, BANK, unpaid, **wrong | {"RecAcct": ACCOUNT}) == "00000"


@pytest.mark.parametrize("amount", ["79.99", "80.01", "0.01", "8000", "10000000000000.00"])
async def test_another_amount_is_refused(office: Office, amount: str) -> None:
    pay_code = await office.bill()
    assert await confirmed(office, BANK, pay_code, Amt=amount) == "12004"
    assert office.books.state(pay_code) == "unpaid"


@pytest.mark.parametrize("amount", ["0.00", "0", "10000000000000.01", "999999999999999.99"])
@pytest.mark.parametrize("mode", ["11", "51"])
async def test_a_payment_has_an_amount(office: Office, amount: str, mode: str) -> None:
    """Also as a duplicate, whose amount is compared with nothing."""
    paid, unpaid = await office.bill(), await office.bill()
    assert await confirmed(office, BANK, paid) == "00000"
    with untouched(office):
        for pay_code in (paid, unpaid, UNKNOWN_CODE):
            answer = await office.confirm(BANK, pay_code, Amt=amount, PayMode=mode, TraNoBus="T2")
            assert answer.result == "10002"
            assert answer.information.startswith("Amt")
    assert office.errors() == []


async def test_a_bill_of_another_region_does_not_exist(offices: Offices) -> None:
    office = await offices(
        {"node": {"regions": [REGION, ELSEWHERE]}}, {OTHER: {"regions": [ELSEWHERE]}}
    )
    pay_code = await office.bill()
    there = await office.confirm(OTHER, pay_code, RecAcct=OTHER_ACCOUNT)
    unknown = await office.confirm(OTHER, UNKNOWN_CODE, RecAcct=OTHER_ACCOUNT)
    assert code(there) == code(unknown) == "11001"
    assert there.information == unknown.information
    assert await confirmed(office, BANK, pay_code) == "00000"


# -- the account ------------------------------------------------------------------------------


async def test_accounts_of_a_bill_without_its_own(office: Office) -> None:
    """What 5603 gives this SRC, and the region's default."""
    cases = {
        BANK: {ACCOUNT: "00000", OTHER_ACCOUNT: "12003"},
        OTHER: {ACCOUNT: "00000", OTHER_ACCOUNT: "00000"},
        PLATFORM: {ACCOUNT: "00000", OTHER_ACCOUNT: "12003"},
    }
    for src, accounts in cases.items():
        for number, expected in accounts.items():
            pay_code = await office.bill()
            assert (await office.due(src, pay_code)).RecAcct in accounts
            result = await confirmed(office, src, pay_code, RecAcct=number, TraNoBus=pay_code)
            assert result == expected, (src, number)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("99990000", "00000"),  # printed on the bill
        (OTHER_ACCOUNT, "00000"),  # the real one behind it
        (ACCOUNT, "00000"),  # the region's default
        ("32009000000000000034", "12003"),  # the region's clearing account
        ("32001000000000000042", "12003"),  # the reserve for refunds
        ("9999000", "12003"),
    ],
)
async def test_accounts_of_a_bill_with_its_own(office: Office, number: str, expected: str) -> None:
    own = {"RecAcct": "99990000", "RecAcctReal": OTHER_ACCOUNT}
    assert code(await office.bill_of_unit(**own)) == "00000"
    assert await confirmed(office, BANK, UNIT_BILL["PayCode"], RecAcct=number) == expected


async def test_virtual_and_real_account_at_its_bank(office: Office) -> None:
    for number in ("virtual", ACCOUNT):
        pay_code = await office.bill(virtual_acct=AUTO)
        bill = office.books.one("bills", pay_code=pay_code)
        given = bill["virtual_acct"] if number == "virtual" else number
        other = await confirmed(
            office, OTHER, pay_code, RecAcct=bill["virtual_acct"], TraNoBus=pay_code
        )
        assert other == "12003"
        assert await confirmed(office, BANK, pay_code, RecAcct=given, TraNoBus=pay_code) == "00000"
        assert office.books.one("virtual_accounts", pay_code=pay_code)["state"] == "ended"


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("1", "", "12003"),
        ("2", "", "12003"),
        ("9", "", "12003"),
        ("3", "", "00000"),
        ("3", ACCOUNT, "00000"),
        ("3", "12345", "12003"),
        ("03", "", "00000"),
    ],
)
async def test_the_account_is_blank_on_a_subject_only(
    office: Office, kind: str, number: str, expected: str
) -> None:
    pay_code = await office.bill()
    result = await confirmed(office, BANK, pay_code, RecAcctType=kind, RecAcct=number)
    assert result == expected


async def test_an_account_that_has_ended_is_no_more_accepted(office: Office) -> None:
    pay_code = await office.bill()
    await office.catalogue(stopped(OTHER_ACCOUNT))
    assert await confirmed(office, OTHER, pay_code, RecAcct=OTHER_ACCOUNT) == "12003"
    assert await confirmed(office, OTHER, pay_code, RecAcct=ACCOUNT) == "00000"


# -- dates ------------------------------------------------------------------------------------


async def test_a_payment_after_expiry_is_accepted_and_flagged(office: Office) -> None:
    """By the day of payment: what was paid in time and told late is in time."""
    late, in_time = [await office.bill(expiry_date=TODAY) for _ in range(2)]
    office.tomorrow()
    assert code(await office.query(BANK, late)) == "11003"
    assert await confirmed(office, BANK, late, CfmDate=TOMORROW) == "00000"
    assert await confirmed(office, BANK, in_time, CfmDate=TODAY, TraNoBus="T2") == "00000"
    flags = {row["pay_code"]: row["after_expiry"] for row in office.books.rows("payments")}
    assert flags == {late: 1, in_time: 0}
    assert office.notes() == ["paid after expiry"]


async def test_a_payment_before_the_bill_is_accepted_and_flagged(office: Office) -> None:
    pay_code = await office.bill()
    assert await confirmed(office, BANK, pay_code, CfmDate="20260101") == "00000"
    assert office.books.one("payments")["before_bill"] == 1


# -- the same message again -------------------------------------------------------------------

Change = Callable[[Office, str], Awaitable[object]]


async def _confirmed_income(office: Office, pay_code: str) -> None:
    sql = "UPDATE bills SET state = 'confirmed' WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, pay_code))


async def _other_catalogue(office: Office, pay_code: str) -> None:
    del pay_code
    await office.catalogue(stopped(ACCOUNT), stopped(OTHER_ACCOUNT))


async def _next_day(office: Office, pay_code: str) -> None:
    del pay_code
    office.tomorrow(40)


async def _restarted(office: Office, pay_code: str) -> None:
    del pay_code
    await office.stop()
    await office.start()


async def _refunded(office: Office, pay_code: str) -> None:
    answer = await office.confirm(PLATFORM, pay_code, PayMode="51", TraNoBus="X1")
    assert answer.result == "00000"


ACCEPTED: list[Change] = [_confirmed_income, _other_catalogue, _next_day, _restarted, _refunded]


@pytest.mark.parametrize("change", ACCEPTED)
async def test_an_accepted_one_gets_its_answer_again_whatever_happened(
    office: Office, change: Change
) -> None:
    pay_code = await office.bill(expiry_date=TODAY)
    first = await office.confirm(BANK, pay_code)
    await change(office, pay_code)
    with untouched(office):
        again = await office.confirm(BANK, pay_code)
    assert (again.result, again.information) == (first.result, first.information)


async def _made(office: Office, pay_code: str) -> None:
    assert code(await office.bill_of_unit(PayCode=pay_code)) == "00000"


async def _revived(office: Office, pay_code: str) -> None:
    sql = "UPDATE bills SET state = 'unpaid' WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, pay_code))


async def _accepting(office: Office, pay_code: str) -> None:
    del pay_code
    await office.catalogue(account("777", bank_code="0105", is_default=1, start_date="20260101"))


async def _cheaper(office: Office, pay_code: str) -> None:
    sql = "UPDATE bills SET amt = 100, ori_amt = 100 WHERE pay_code = ?1"
    await office.transact(lambda tx: tx.run(sql, pay_code))


async def _unpaid_again(office: Office, pay_code: str) -> None:
    await office.transact(lambda tx: tx.run("DELETE FROM confirmations WHERE accepted = 1"))
    await office.transact(lambda tx: tx.run("DELETE FROM payments"))
    await _revived(office, pay_code)


@pytest.mark.parametrize(
    ("expected", "changes", "mend"),
    [
        ("11001", {}, _made),
        ("11004", {}, _revived),
        ("12003", {"RecAcct": "777"}, _accepting),
        ("12004", {"Amt": "1.00"}, _cheaper),
        ("12001", {}, _unpaid_again),
    ],
)
async def test_a_refusal_is_replayed_for_ever(
    office: Office, expected: str, changes: dict[str, str], mend: Change
) -> None:
    """The teller gave the money back: a late copy must not become a payment, even if it could."""
    pay_code = UNIT_BILL["PayCode"] if expected == "11001" else await office.bill()
    if expected == "11004":
        await office.void(pay_code)
    if expected == "12001":
        assert await confirmed(office, OTHER, pay_code) == "00000"
    first = await office.confirm(BANK, pay_code, **changes)
    assert (first.result, first.information) == (expected, Result(expected).meaning)
    row = office.books.one("confirmations", accepted=0)
    assert (row["result"], row["payment_id"]) == (expected, None)
    assert office.books.archived("2612")[-1] == ("2612", pay_code, expected)
    await mend(office, pay_code)
    for _ in range(2):
        with untouched(office):
            again = await office.confirm(BANK, pay_code, **changes)
            assert (again.result, again.information) == (first.result, first.information)
            # Under another date it is the same one.
            other = await office.confirm(BANK, pay_code, CfmDate=YESTERDAY, **changes)
            assert other.result == expected
        await _restarted(office, pay_code)
    # The bill itself can be paid: another number is another payment.
    assert await confirmed(office, BANK, pay_code, **changes, TraNoBus="T9") == "00000"
    assert await confirmed(office, BANK, pay_code, **changes) == expected


async def test_a_replay_is_framed_anew(office: Office) -> None:
    pay_code = await office.bill()
    answers = [await office.confirm(BANK, pay_code) for _ in range(3)]
    assert len({answer.head.msg_id for answer in answers}) == 3
    # `call` has compared each MsgRef with its own request.
    assert len({answer.head.msg_ref for answer in answers}) == 3
    assert {answer.head.work_date for answer in answers} == {TODAY}
    office.tomorrow()
    assert (await office.confirm(BANK, pay_code)).head.work_date == TOMORROW


async def test_a_replay_has_the_token_of_its_own_request(office: Office) -> None:
    pay_code = await office.bill()
    identity = office.nodes[BANK].identity
    old, new = identity.token, Secret("b2" * 16)
    first = await office.confirm(BANK, pay_code)
    answer = await office.send(BANK, "2003", {"Token": new.expose()})
    assert answer.result == "00000"
    for token in (new, old, new):  # `call` holds the answer's MAC against it
        again = await office.confirm(BANK, pay_code, token=token)
        assert (again.result, again.information) == (first.result, first.information)


@pytest.mark.parametrize(
    "written",
    [
        {"Amt": "80"},
        {"Amt": "80.0"},
        {"Amt": "0080.00"},
        {"TraNoBus": " T1 "},
        {"RecAcct": f"\n {ACCOUNT}\t", "PayMode": " 11 "},
        {"RecAcctType": "01"},
    ],
)
async def test_content_is_compared_by_value(office: Office, written: dict[str, str]) -> None:
    pay_code = await office.bill()
    assert await confirmed(office, BANK, pay_code) == "00000"
    with untouched(office):
        assert await confirmed(office, BANK, pay_code, **written) == "00000"


async def test_other_fields_may_differ_and_are_logged(office: Office) -> None:
    pay_code = await office.bill()
    assert await confirmed(office, BANK, pay_code, PayerName="王五") == "00000"
    more = {"CfmTime": "101500", "Operator": "柜员02", "BankOutlet": "2", "Hold1": "x"}
    with untouched(office):
        assert await confirmed(office, BANK, pay_code, PayerName="赵六", **more) == "00000"
    assert office.notes() == ["repeated with another CfmTime, BankOutlet, Operator, PayerName"]
    assert office.books.one("payments")["payer_name"] == "王五"
    assert "赵六" not in office.stream.getvalue()


# -- contradictions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("PayCode", ""),
        ("PayCode", UNKNOWN_CODE),
        ("Amt", "80.01"),
        ("PayMode", "51"),
        ("RecAcctType", "2"),
        ("RecAcct", OTHER_ACCOUNT),
        ("RecAcct", ""),
    ],
)
async def test_a_contradiction_names_its_field(office: Office, field: str, value: str) -> None:
    pay_code, other = await office.bill(), await office.bill()
    assert await confirmed(office, BANK, pay_code) == "00000"
    changed = {"PayCode": pay_code} | {field: value}
    if not changed["PayCode"]:
        changed["PayCode"] = other
    with untouched(office):
        for _ in range(2):
            answer = await office.call(BANK, "2612", CONFIRMATION | changed)
            assert answer.result == "10005"
            assert answer.information.startswith(f"{field}:")
    # The stored one stands.
    assert await confirmed(office, BANK, pay_code) == "00000"
    assert office.books.state(other) == "unpaid"


async def test_an_identity_is_of_one_node(office: Office) -> None:
    """The same number at another node has nothing to do with it."""
    one, two = await office.bill(), await office.bill()
    assert await confirmed(office, BANK, one) == "00000"
    assert await confirmed(office, OTHER, two) == "00000"
    assert len(office.books.rows("payments", tra_no_bus="T1", cfm_date=TODAY)) == 2


async def test_a_refused_number_can_be_used_for_something_else(office: Office) -> None:
    """Other content under an identity without an accepted payment is judged anew."""
    pay_code, other = await office.bill(), await office.bill()
    assert await confirmed(office, BANK, pay_code, Amt="8.00") == "12004"
    assert await confirmed(office, BANK, pay_code, RecAcct="1") == "12003"
    assert await confirmed(office, BANK, pay_code) == "00000"
    assert await confirmed(office, BANK, pay_code, Amt="8.00") == "12004"
    assert await confirmed(office, BANK, pay_code, RecAcct="1") == "12003"
    assert await confirmed(office, BANK, other) == "10005"
    assert len(office.books.rows("confirmations")) == 3


# -- the same number on another day -----------------------------------------------------------


async def test_the_same_bill_and_amount_under_another_date_is_a_repetition(
    office: Office,
) -> None:
    pay_code = await office.bill()
    first = await office.confirm(BANK, pay_code)
    office.tomorrow()
    with untouched(office):
        again = await office.confirm(BANK, pay_code, CfmDate=TOMORROW)
        assert (again.result, again.information) == (first.result, first.information)
    assert office.notes() == ["repeated with another CfmDate"]


async def test_another_bill_under_another_date_is_new(office: Office) -> None:
    """Banks may start their numbers anew each day."""
    one, two = await office.bill(), await office.bill()
    assert await confirmed(office, BANK, one) == "00000"
    assert await confirmed(office, BANK, two) == "10005"
    assert await confirmed(office, BANK, two, CfmDate=TOMORROW) == "00000"
    assert office.notes() == ["number used before for something else"]
    # Each is still its own.
    with untouched(office):
        assert await confirmed(office, BANK, one) == "00000"
        assert await confirmed(office, BANK, two, CfmDate=TOMORROW) == "00000"
        assert await confirmed(office, BANK, one, CfmDate=TOMORROW) == "00000"
        assert await confirmed(office, BANK, two) == "00000"
        assert await confirmed(office, BANK, two, CfmDate=TOMORROW, Amt="1.00") == "10005"
    assert len(office.books.rows("payments")) == 2


async def test_a_repetition_under_another_date_and_channel_contradicts(office: Office) -> None:
    """Bill and amount make it the same payment; then its content must be the same."""
    pay_code = await office.bill()
    assert await confirmed(office, BANK, pay_code) == "00000"
    with untouched(office):
        answer = await office.confirm(BANK, pay_code, CfmDate=TOMORROW, PayMode="51")
    assert (answer.result, answer.information[:8]) == ("10005", "PayMode:")
    # Where that day's number is another bill's, it is this one that is contradicted.
    assert await confirmed(office, BANK, await office.bill(), CfmDate=TOMORROW) == "00000"
    answer = await office.confirm(BANK, pay_code, CfmDate=TOMORROW, PayMode="51")
    assert (answer.result, answer.information[:8]) == ("10005", "PayCode:")


# -- what is never stored ---------------------------------------------------------------------


async def test_form_version_receiver_and_authentication_are_never_stored(office: Office) -> None:
    pay_code = await office.bill()
    fields = {"PayCode": pay_code, "CfmDate": TODAY}
    whole = CONFIRMATION | {"PayCode": pay_code}
    with untouched(office):
        assert (await office.send(BANK, "2612", fields)).result == "10002"
        assert (await office.send(BANK, "2612", whole | {"PayMode": "99"})).result == "10002"
        assert (await office.send(BANK, "2612", whole | {"CfmDate": "20260230"})).result == "10002"
        assert (await office.send(BANK, "2612", whole, ver="2.0")).result == "10003"
        assert (await office.send(BANK, "2612", whole, des="F000000")).result == "10007"
        stranger = Secret("0" * 32)
        refused = await office.send(BANK, "2612", whole, token=stranger)
        assert (refused.result, refused.blank_mac) == ("10004", True)
    assert (await office.send(BANK, "2612", whole, des=FINANCE)).result == "00000"


async def test_busy_means_that_nothing_happened(office: Office) -> None:
    """Another process holds the write lock for too long; the same message is then accepted."""
    pay_code = await office.bill()
    await office.start(SqliteOptions(busy_seconds=0.05))
    whole = CONFIRMATION | {"PayCode": pay_code}
    lock = sqlite3.connect(office.installation.store_file, isolation_level=None)
    with contextlib.closing(lock), untouched(office):
        lock.execute("BEGIN IMMEDIATE")
        answer = await office.call(BANK, "2612", whole, at=1)
        lock.execute("ROLLBACK")
        assert answer.result == "10006"
    assert (await office.call(BANK, "2612", whole, at=1)).result == "00000"


# -- the checks of a site ---------------------------------------------------------------------


async def test_a_site_may_want_a_query_first(offices: Offices) -> None:
    office = await offices({"collection": {"check_query_before_confirm": True}})
    pay_code, other = await office.bill(), await office.bill()
    assert await confirmed(office, BANK, pay_code, Amt="1.00") == "12004"
    assert await confirmed(office, BANK, pay_code) == "12005"
    assert code(await office.query(OTHER, pay_code)) == "5603"  # somebody else's query
    assert await confirmed(office, BANK, pay_code, TraNoBus="T2") == "12005"
    assert code(await office.query(BANK, pay_code)) == "5603"
    assert await confirmed(office, BANK, pay_code) == "12005"  # stored
    assert await confirmed(office, BANK, pay_code, TraNoBus="T3") == "00000"
    # A query that was refused has told nothing.
    await office.catalogue(stopped(ACCOUNT))
    assert code(await office.query(BANK, other)) == "11005"
    await office.catalogue(account(ACCOUNT))
    assert await confirmed(office, BANK, other, TraNoBus="T4") == "12005"


async def test_a_site_may_hold_dates_against_queries(offices: Offices) -> None:
    office = await offices({"collection": {"check_query_date": True}})
    codes = [await office.bill() for _ in range(4)]
    office.tomorrow()
    for pay_code in codes:
        assert code(await office.query(BANK, pay_code)) == "5603"
    office.tomorrow()
    dates = {"20260302": "12006", "20260303": "00000", "20260304": "00000", "20260305": "12006"}
    for pay_code, (date, expected) in zip(codes, dates.items(), strict=True):
        result = await confirmed(office, BANK, pay_code, CfmDate=date, TraNoBus=pay_code)
        assert result == expected, date
    # No date lies between queries that nobody made.
    assert await confirmed(office, BANK, await office.bill()) == "12006"


async def test_by_default_nobody_needs_to_ask(office: Office) -> None:
    with untouched(office):
        await office.query(BANK, UNKNOWN_CODE)
    assert await confirmed(office, BANK, await office.bill(), CfmDate="20270101") == "00000"
    assert office.books.rows("queried") == []
