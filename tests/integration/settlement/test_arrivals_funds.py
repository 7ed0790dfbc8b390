"""2615: money from another bank or from clearing, identified or not (spec: business, 5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nontax.codecs import parse_yuan
from nontax.gateway.store import arrivals, instructions
from nontax.gateway.store.arrivals import Arrival
from nontax.gateway.store.clearing_records import Instruction, InstructionLine
from nontax.simulators.identity import Identity
from nontax.simulators.peer import Node

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    Office,
    Offices,
    code,
)
from .money import (
    CLEARING,
    CLEARING_ACCOUNT,
    arrival,
    arrived_on,
    counts,
    funds,
    journal_holds,
    kept,
    on_virtual,
    paid,
    state,
    transfer,
)

COUNTY = "270000000320682003"
"""The account that the county's shares go to, in the sample."""


@pytest.fixture
def clearing(office: Office) -> Node:
    """The clearing bank; it only sends."""
    return clearing_node(office)


def clearing_node(office: Office) -> Node:
    identity: Identity = office.installation.identity(CLEARING, clock=office.clock.civil)
    office.nodes[CLEARING] = Node(identity)
    return office.nodes[CLEARING]


# -- money of a batch -----------------------------------------------------------------------------


async def test_money_of_a_batch_is_that_of_its_payments(office: Office) -> None:
    details = [await paid(office), await paid(office, amt=12_345)]
    assert code(await transfer(office, details)) == "00000"
    answer = await funds(office, BatchNo="B1", Amt="203.45", ArrDate=TOMORROW)
    assert (code(answer), office.answered_region) == ("00000", "320682")
    row = arrival(office, "A1")
    assert (row["kind"], row["src"], row["amt"], row["state"]) == (
        "2615",
        OTHER,
        20_345,
        "identified",
    )
    assert (row["transfer_id"], row["payment_id"], row["why"]) == (1, None, "")
    assert office.books.one("transfers")["state"] == "arrived"
    assert [arrived_on(office, detail[0]) for detail in details] == [TOMORROW] * 2
    assert {fund["arrival_id"] for fund in office.books.rows("payment_funds")} == {row["id"]}
    assert office.books.kinds(f"arrival:{row['id']}") == ["arrival.identified"]
    assert office.books.kinds("B1") == ["transfer.received", "transfer.arrived"]
    assert office.books.archived("2615") == [("2615", "A1", "00000")]
    assert await journal_holds(office)


async def test_money_that_came_before_its_batch(office: Office) -> None:
    detail = await paid(office)
    assert code(await funds(office, BatchNo="B1")) == "00000"
    assert state(office, "A1") == ("unidentified", "no such batch is under way")
    assert code(await transfer(office, [detail])) == "00000"
    assert state(office, "A1") == ("identified", "")
    assert arrived_on(office, detail[0]) == TODAY
    assert office.books.one("transfers")["state"] == "arrived"
    [act] = office.books.rows("arrival_actions")
    assert (act["action"], act["actor"]) == ("identified", "gateway")


async def test_only_fitting_money_is_that_of_a_batch(office: Office) -> None:
    detail = await paid(office)
    assert code(await transfer(office, [detail])) == "00000"
    cases = {
        "A2": ({"BatchNo": "B1", "Amt": "79.99"}, "the batch has another amount"),
        "A3": ({"BatchNo": "B9"}, "no such batch is under way"),
        "A4": ({"BatchNo": ""}, "no batch is named"),
    }
    for number, (changes, why) in cases.items():
        assert code(await funds(office, TraNo=number, **changes)) == "00000"
        assert state(office, number) == ("unidentified", why)
    elsewhere = await funds(office, src=BANK, TraNo="A5", BatchNo="B1", RecAcct=ACCOUNT)
    assert code(elsewhere) == "00000"
    assert state(office, "A5") == ("unidentified", "the batch went to another account")
    assert arrived_on(office, detail[0]) == ""
    assert code(await funds(office, BatchNo="B1")) == "00000"
    assert arrived_on(office, detail[0]) == TODAY


async def test_the_money_of_a_batch_comes_once(office: Office) -> None:
    detail = await paid(office)
    assert code(await transfer(office, [detail])) == "00000"
    assert code(await funds(office, BatchNo="B1")) == "00000"
    assert code(await funds(office, BatchNo="B1", TraNo="A2", ArrDate=TOMORROW)) == "00000"
    assert state(office, "A2") == ("unidentified", "no such batch is under way")
    assert arrived_on(office, detail[0]) == TODAY


async def test_two_nodes_may_use_one_batch_number(office: Office) -> None:
    """The account and the amount say whose it is; when even they agree, a person does."""
    one, other = await paid(office), await paid(office, PLATFORM, amt=9000, PayMode="51")
    assert code(await transfer(office, [one])) == "00000"
    assert code(await transfer(office, [other], src=PLATFORM)) == "00000"
    assert code(await funds(office, BatchNo="B1", Amt="90.00")) == "00000"
    assert (arrived_on(office, one[0]), arrived_on(office, other[0])) == ("", TODAY)
    twin = await paid(office, PLATFORM, PayMode="51")
    two = await paid(office)
    for src, detail in ((BANK, two), (PLATFORM, twin)):
        batch = await transfer(office, [detail], src=src, BatchNo="B2", TraNo="M2")
        assert code(batch) == "00000"
    assert code(await funds(office, BatchNo="B2", TraNo="A2")) == "00000"
    assert state(office, "A2") == ("unidentified", "several batches have the number and amount")


# -- the same money again -------------------------------------------------------------------------


async def test_the_same_money_again(office: Office) -> None:
    assert code(await funds(office)) == "00000"
    before = counts(office)
    assert code(await funds(office)) == "00000"
    assert code(await funds(office, Hold1="再报")) == "00000"
    assert counts(office) == before


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("Amt", "80.01"),
        ("ArrDate", TOMORROW),
        ("ArrTime", "101501"),
        ("BatchNo", "B1"),
        ("RecAcctType", "2"),
        ("RecAcct", "1"),
        ("RecName", ""),
        ("PayerName", "赵六"),
        ("PayerAcct", "6222"),
        ("PayerOpBk", ""),
        ("AddWord", ""),
    ],
)
async def test_other_content_is_13001(office: Office, tag: str, value: str) -> None:
    assert code(await funds(office)) == "00000"
    before = kept(office)
    answer = await funds(office, **{tag: value})
    assert (code(answer), answer.information) == ("13001", f"{tag}: 与已登记的到账不一致")
    assert kept(office) == before
    assert office.books.kinds()[-1] == "arrival.contradicted"


async def test_numbers_belong_to_their_sender_and_to_all_messages(office: Office) -> None:
    assert code(await funds(office)) == "00000"
    assert code(await funds(office, src=BANK, RecAcct=ACCOUNT)) == "00000"
    other = await on_virtual(office, TraNo="A1")
    assert code(other) == "13001"
    assert other.information == "TraNo: 该流水号的到账已由报文2615登记"
    assert len(office.books.rows("arrivals")) == 2


async def test_a_line_of_a_day_list_and_the_message_are_one(office: Office) -> None:
    """A 2557 line knows only date, account and amount of the transfer."""
    listed = Arrival(0, "2557", OTHER, "A1", TODAY, "", "1", OTHER_ACCOUNT, 8000, 1, 1)
    await office.transact(lambda tx: arrivals.insert(tx, listed))
    assert code(await funds(office)) == "00000"
    assert code(await funds(office, Amt="81.00")) == "13001"
    assert len(office.books.rows("arrivals")) == 1


async def test_money_told_by_both_gateways_at_once_is_one(office: Office) -> None:
    await office.start()
    answers = await asyncio.gather(*(funds(office, at=n % 2) for n in range(6)))
    assert {code(answer) for answer in answers} == {"00000"}
    assert len(office.books.rows("arrivals")) == 1


# -- money of a payment that was confirmed under the same number ---------------------------------


async def test_money_of_a_confirmed_transfer_is_that_payments(office: Office) -> None:
    pay_code, number, _ = await paid(office, OTHER, RecAcct=OTHER_ACCOUNT)
    assert code(await funds(office, TraNo=number)) == "00000"
    assert state(office, number) == ("identified", "")
    assert arrived_on(office, pay_code) == TODAY
    unlike, number, _ = await paid(office, OTHER, RecAcct=OTHER_ACCOUNT)
    assert code(await funds(office, TraNo=number, Amt="70.00")) == "00000"
    assert state(office, number)[1] == "its number is that of a payment of another amount"
    assert arrived_on(office, unlike) == ""


async def test_the_confirmation_may_come_after_the_money(office: Office) -> None:
    assert code(await funds(office)) == "00000"
    pay_code = await office.bill()
    answer = await office.confirm(OTHER, pay_code, TraNoBus="A1", RecAcct=OTHER_ACCOUNT)
    assert code(answer) == "00000"
    assert state(office, "A1") == ("identified", "")
    assert arrived_on(office, pay_code) == TODAY
    # Other numbers, dates, amounts and nodes are other money.
    assert code(await funds(office, TraNo="A2")) == "00000"
    for src, changes in (
        (OTHER, {"TraNoBus": "A3"}),
        (OTHER, {"TraNoBus": "A2", "CfmDate": TOMORROW}),
        (BANK, {"TraNoBus": "A2"}),
    ):
        assert code(await office.confirm(src, await office.bill(), **changes)) == "00000"
    assert state(office, "A2") == ("unidentified", "no batch is named")


async def test_the_money_of_a_duplicate_payment_is_not_unidentified(office: Office) -> None:
    pay_code = await office.bill()
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    assert code(await funds(office)) == "00000"
    again = await office.confirm(OTHER, pay_code, TraNoBus="A1", PayMode="51")
    assert code(again) == "00000"
    assert "TF" in again.information
    duplicate = office.books.one("payments", duplicate=1)
    assert arrival(office, "A1")["payment_id"] == duplicate["id"]
    assert arrived_on(office, pay_code) == ""


# -- whose account it is --------------------------------------------------------------------------


async def test_a_bank_reports_its_own_accounts_only(office: Office) -> None:
    for changes in (
        {"RecAcct": ACCOUNT},
        {"RecAcct": "1"},
        {"RecAcct": OTHER_ACCOUNT, "ArrDate": "20191231"},
        {"RecAcct": COUNTY},
        {"RecAcct": CLEARING_ACCOUNT},
    ):
        before = counts(office)
        answer = await funds(office, **changes)
        assert code(answer) == "13002", changes
        assert answer.information == "RecAcct: 不是该节点可报送的财政账户"
        assert counts(office) == before
    # Nothing is remembered of it.
    assert code(await funds(office)) == "00000"


async def test_a_bank_of_another_region(offices: Offices) -> None:
    office = await offices(
        {"node": {"regions": ["320682", ELSEWHERE]}}, {OTHER: {"regions": [ELSEWHERE]}}
    )
    assert code(await funds(office)) == "13002"


async def test_the_platform_reports_no_2615(office: Office) -> None:
    answer = await funds(office, src=PLATFORM)
    assert code(answer) == "10002"
    assert answer.information.startswith("MsgNo")


async def test_money_on_a_subject_has_no_account_of_ours(office: Office) -> None:
    assert code(await funds(office, RecAcctType="3", RecAcct="2241")) == "00000"
    assert state(office, "A1") == ("unidentified", "no batch is named")


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("Amt", "0.00"),
        ("Amt", "-80.00"),
        ("Amt", "10000000000000.01"),
        ("Amt", "80.005"),
        ("Amt", ""),
        ("TraNo", ""),
        ("TraNo", "A" * 51),
        ("ArrDate", "20260230"),
        ("ArrDate", ""),
        ("ArrTime", "246000"),
        ("BatchNo", "B" * 31),
        ("RecAcct", ""),
        ("RecAcctType", "X"),
        ("PayerName", "名" * 51),
    ],
)
async def test_what_is_malformed_is_10002(office: Office, tag: str, value: str) -> None:
    before = counts(office)
    answer = await funds(office, **{tag: value})
    assert code(answer) == "10002"
    assert f"{tag}: " in answer.information
    assert counts(office) == before


# -- clearing -------------------------------------------------------------------------------------


def instruction(office: Office, **changes: Any) -> Instruction:
    now = office.clock.now_ms()
    facts: dict[str, Any] = {
        "instr_no": "QF1", "instr_date": TODAY, "run_date": TODAY, "node": BANK,
        "region": "320682", "peer": CLEARING, "acct_type": "9", "acct_name": "待清分",
        "acct_no": CLEARING_ACCOUNT, "total": 16_000, "count": 2, "state": "acknowledged",
        "resend_of": "", "made_by": "maker1", "created_at": now, "changed_at": now,
    }  # fmt: skip
    return Instruction(**(facts | changes))


def line(number: int, amt: str, **changes: Any) -> InstructionLine:
    facts: dict[str, Any] = {
        "instr_no": "QF1", "line_no": number, "target": "county", "level": "4", "acct_type": "5",
        "acct_no": COUNTY, "acct_name": "国库", "bank_name": "国库", "bank_no": "011306500012",
        "amt": parse_yuan(amt), "state": "acknowledged",
    }  # fmt: skip
    return InstructionLine(**(facts | changes))


async def instructed(office: Office, *lines: InstructionLine) -> None:
    await office.transact(lambda tx: instructions.insert(tx, instruction(office), lines))


async def from_clearing(office: Office, number: str, **changes: str) -> Any:
    fields = {"TraNo": number, "BatchNo": "QF1", "RecAcctType": "5", "RecAcct": COUNTY} | changes
    return await funds(office, src=CLEARING, **fields)


@pytest.mark.usefixtures("clearing")
async def test_cleared_money_is_a_line_of_its_instruction(office: Office) -> None:
    await instructed(office, line(1, "80.00"), line(2, "80.00"))
    for number, expected in (("Q1", 1), ("Q2", 2)):
        assert code(await from_clearing(office, number)) == "00000"
        row = arrival(office, number)
        assert (row["state"], row["instr_no"], row["instr_line"]) == ("identified", "QF1", expected)
    assert code(await from_clearing(office, "Q3")) == "00000"
    assert state(office, "Q3") == ("unidentified", "the instruction has no such line under way")


@pytest.mark.usefixtures("clearing")
async def test_only_a_line_that_moved_money_has_arrived(office: Office) -> None:
    await instructed(
        office,
        line(1, "10.00", state="queued"),
        line(2, "20.00", state="failed"),
        line(3, "30.00", acct_no="1"),
        line(4, "40.00", state="unknown"),
    )
    for amt, expected in (("10", None), ("20", None), ("30", None), ("40", 4), ("50", None)):
        assert code(await from_clearing(office, f"Q{amt}", Amt=f"{amt}.00")) == "00000"
        assert arrival(office, f"Q{amt}")["instr_line"] == expected, amt


@pytest.mark.usefixtures("clearing")
async def test_the_clearing_bank_reports_its_account_and_shares(office: Office) -> None:
    for number, account, expected in (
        ("Q1", CLEARING_ACCOUNT, "00000"),
        ("Q2", COUNTY, "00000"),
        ("Q3", OTHER_ACCOUNT, "13002"),
        ("Q4", "1", "13002"),
    ):
        answer = await from_clearing(office, number, RecAcct=account, BatchNo="")
        assert code(answer) == expected, account
