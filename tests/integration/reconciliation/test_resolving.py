"""What people decide about differences: each decision, who may take it, what stays behind."""

from __future__ import annotations

import json

import pytest

from nontax.gateway.collection.operators import OperatorRefused
from nontax.gateway.reconciliation.decisions import DecisionName
from nontax.gateway.settlement.acting import SettlementRefused

from ..flows.conftest import BANK, ESTATE, LAND, TODAY, Office, code, office, offices
from ..settlement.money import journal_holds
from .desk import REASON, Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    """A desk whose policy repairs nothing."""
    return Desk(office, repair_missing_payment=False, repair_duplicate_payment=False)


async def bank_only(desk: Desk, amt: int = 8000, number: str = "X1") -> tuple[int, str]:
    """A line of an unpaid bill that nobody confirmed: its row and its bill."""
    pay_code = await desk.office.bill(amt=amt)
    await desk.lists(desk.line(pay_code, number, amt))
    await desk.run()
    return int(desk.row(kind="bank_only")["id"]), pay_code


async def ours_only(desk: Desk) -> tuple[int, str]:
    """A payment that the list does not have, beside one that it has."""
    listed = await desk.paid("T1")
    missing = await desk.paid("T2")
    await desk.lists(desk.line(listed, "T1"))
    await desk.run()
    return int(desk.row(kind="ours_only")["id"]), missing


# -- one operator -----------------------------------------------------------------------------


async def test_accepting_keeps_the_books_and_closes_the_list(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    assert (desk.batch_states(), desk.results()) == (["failed"], ["2"])

    done = await desk.decide(row, "accept")

    assert desk.state(row) == done.row.state == "resolved"
    assert desk.reconciled_on(desk.payment("T2")["id"]) == TODAY
    assert (desk.batch_states(), desk.results()) == (["reconciled"], ["2", "1"])
    assert "<SuccCount>1</SuccCount>" in desk.office.books.queued("5555")[-1]["voucher"]
    assert await journal_holds(desk.office)


async def test_what_was_decided_is_kept_with_who_when_why_before_and_after(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    await desk.decide(row, "comment", reason="已电话联系银行")
    await desk.decide(row, "accept")

    comment, accept = desk.actions(row)

    assert (comment["action"], comment["reason"]) == ("comment", "已电话联系银行")
    assert comment["before"] == comment["after"]
    assert (accept["actor"], accept["reason"], accept["at"]) == (
        "maker1", REASON, desk.office.clock.now_ms(),
    )  # fmt: skip
    assert json.loads(accept["before"])["state"] == "open"
    assert json.loads(accept["after"])["state"] == "resolved"
    [entry] = desk.office.books.rows("journal", kind="difference.accept")
    assert (entry["subject"], entry["actor"]) == (f"difference:{row}", "maker1")


async def test_only_comments_are_possible_after_the_end(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    await desk.decide(row, "accept")
    later: tuple[DecisionName, ...] = ("accept", "write_off", "rerun", "approve", "reject", "link")

    for name in later:
        more = {"payment": 1} if name == "link" else {}
        with pytest.raises(SettlementRefused, match="resolved already"):
            await desk.decide(row, name, "checker1", **more)
    await desk.decide(row, "comment", reason="存档")

    assert [name for name, _ in desk.did(row)] == ["accept", "comment"]


async def test_a_list_with_another_open_row_stays_open(desk: Desk) -> None:
    for number in ("T1", "T2"):
        await desk.paid(number)
    await desk.lists(desk.line(await desk.paid("T3"), "T3"))
    await desk.run()
    first, second = [row["id"] for row in desk.rows(kind="ours_only")]

    await desk.decide(first, "accept")
    assert (desk.batch_states(), desk.results()) == (["failed"], ["2"])
    await desk.decide(second, "accept")
    assert (desk.batch_states(), desk.results()) == (["reconciled"], ["2", "1"])


@pytest.mark.parametrize("reason", ["", "  ", "两\n行", "长" * 101])
async def test_a_decision_has_a_reason(desk: Desk, reason: str) -> None:
    row, _ = await ours_only(desk)
    for name in ("accept", "comment", "write_off"):
        with pytest.raises(SettlementRefused, match="reason"):
            await desk.decide(row, name, reason=reason)
    assert desk.did(row) == []


async def test_an_operator_of_other_units_decides_nothing(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    with pytest.raises(SettlementRefused, match=LAND):
        await desk.decide(row, "accept", units=[ESTATE])
    await desk.decide(row, "accept", units=[LAND])


async def test_there_must_be_such_a_row(desk: Desk) -> None:
    with pytest.raises(SettlementRefused, match="no difference 77"):
        await desk.decide(77, "accept")


# -- two operators ----------------------------------------------------------------------------


async def test_writing_off_needs_two_operators(desk: Desk) -> None:
    row, _ = await ours_only(desk)

    await desk.decide(row, "write_off")
    assert desk.state(row) == "open"
    with pytest.raises(OperatorRefused, match="maker1 cannot approve"):
        await desk.decide(row, "approve", "maker1")
    with pytest.raises(OperatorRefused):
        await desk.decide(row, "approve", "MAKER1")
    await desk.decide(row, "approve", "checker1", "")

    assert desk.state(row) == "resolved"
    assert desk.did(row) == [("propose", "maker1"), ("write_off", "checker1")]
    assert desk.actions(row)[-1]["reason"] == REASON  # the proposal's own
    assert json.loads(desk.actions(row)[-1]["after"])["proposed_by"] == "maker1"
    assert desk.reconciled_on(desk.payment("T2")["id"]) == ""  # its money will not come
    assert desk.batch_states() == ["reconciled"]


async def test_a_proposal_is_rejected_and_made_anew(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    await desk.decide(row, "write_off")
    for name in ("accept", "write_off", "force", "rerun"):
        with pytest.raises(SettlementRefused, match="maker1 has proposed to write-off"):
            await desk.decide(row, name, "checker1")
    with pytest.raises(OperatorRefused):
        await desk.decide(row, "reject", "maker1")

    await desk.decide(row, "reject", "checker1", "再等一天")
    with pytest.raises(SettlementRefused, match="nothing is proposed"):
        await desk.decide(row, "approve", "checker1")
    await desk.decide(row, "accept")

    assert [name for name, _ in desk.did(row)] == ["propose", "reject", "accept"]


async def test_a_comment_leaves_a_proposal_as_it_is(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    await desk.decide(row, "write_off")
    await desk.decide(row, "comment", "checker1")
    await desk.decide(row, "approve", "checker1")
    assert desk.state(row) == "resolved"


# -- force ------------------------------------------------------------------------------------


async def test_forcing_makes_the_payment_that_policy_did_not(desk: Desk) -> None:
    row, pay_code = await bank_only(desk)

    await desk.decide(row, "force")
    assert desk.office.books.state(pay_code) == "unpaid"
    await desk.decide(row, "approve", "checker1")

    payment = desk.payment("X1")
    assert (payment["pay_code"], payment["channel"], payment["duplicate"]) == (
        pay_code, "repair", 0,
    )  # fmt: skip
    assert desk.office.books.state(pay_code) == "paid"
    assert desk.row(id=row)["payment_id"] == payment["id"]
    assert desk.actions(row)[-1]["reference"] == f"payment:{payment['id']}"
    assert desk.reconciled_on(payment["id"]) == TODAY
    assert desk.batch_states() == ["reconciled"]


async def test_a_refused_identity_is_forced_by_two_people(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    refused = await desk.office.confirm(BANK, pay_code, Amt="79.00", TraNoBus="X1")
    assert code(refused) == "12004"
    await desk.lists(desk.line(pay_code, "X1"))
    await desk.run()
    row = int(desk.row(kind="refused")["id"])

    await desk.twice(row, "force")

    assert desk.office.books.state(pay_code) == "paid"


async def test_a_paid_bills_line_becomes_a_duplicate_with_refund(desk: Desk) -> None:
    pay_code = await desk.paid("T1")
    await desk.lists(desk.line(pay_code, "T1"), desk.line(pay_code, "X1"))
    await desk.run()
    row = int(desk.row(kind="bill_paid")["id"])

    await desk.twice(row, "force")

    assert desk.payment("X1")["duplicate"] == 1
    refund = desk.office.books.one("refunds")
    assert (refund["kind"], refund["state"]) == (1, "queued")
    assert refund["refund_no"] in desk.actions(row)[-1]["reference"]


@pytest.mark.parametrize(
    ("what", "kind"),
    [("void", "bill_void"), ("unknown", "bill_unknown"), ("amount", "bill_amount")],
)
async def test_a_void_or_unknown_bill_and_another_amount_are_never_forced(
    desk: Desk, what: str, kind: str
) -> None:
    pay_code = await desk.office.bill()
    amt = 7900 if what == "amount" else 8000
    listed = "32068226000000099999" if what == "unknown" else pay_code
    if what == "void":
        await desk.office.void(pay_code)
    await desk.lists(desk.line(listed, "X1", amt))
    await desk.run()
    row = int(desk.row(kind=kind)["id"])

    with pytest.raises(SettlementRefused, match="cannot become a payment"):
        await desk.decide(row, "force")
    assert desk.did(row) == []


async def test_what_was_refused_and_is_void_is_not_forced_either(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    await desk.office.void(pay_code)
    assert code(await desk.office.confirm(BANK, pay_code, TraNoBus="X1")) != "00000"
    await desk.lists(desk.line(pay_code, "X1"))
    await desk.run()
    row = int(desk.rows(state="open")[0]["id"])

    with pytest.raises(SettlementRefused, match="void"):
        await desk.decide(row, "force")


async def test_what_changes_before_the_approval_is_judged_again(desk: Desk) -> None:
    row, pay_code = await bank_only(desk)
    await desk.decide(row, "force")
    await desk.office.void(pay_code)

    with pytest.raises(SettlementRefused, match="void"):
        await desk.decide(row, "approve", "checker1")

    assert desk.state(row) == "open"
    assert desk.office.books.rows("payments") == []


async def test_a_payment_that_came_meanwhile_is_not_made_twice(desk: Desk) -> None:
    row, pay_code = await bank_only(desk)
    await desk.decide(row, "force")
    late = await desk.office.confirm(BANK, pay_code, TraNoBus="X1")
    assert code(late) == "00000"

    with pytest.raises(SettlementRefused, match="have it as payment 1"):
        await desk.decide(row, "approve", "checker1")
    assert len(desk.office.books.rows("payments")) == 1


# -- refund -----------------------------------------------------------------------------------


async def amount_differs(desk: Desk) -> int:
    """A payment of 80.00 that the list has with 90.00."""
    pay_code = await desk.paid("T1")
    await desk.lists(desk.line(pay_code, "T1", 9000))
    await desk.run()
    return int(desk.row(kind="amount")["id"])


async def test_a_refund_is_ordered_by_two_operators(desk: Desk) -> None:
    row = await amount_differs(desk)

    await desk.decide(row, "refund")
    [asked] = desk.office.books.rows("refunds")
    assert (asked["state"], asked["amt"], asked["requested_by"]) == ("requested", 8000, "maker1")
    await desk.decide(row, "approve", "checker1")

    [ordered] = desk.office.books.rows("refunds")
    assert (ordered["state"], ordered["approved_by"], ordered["kind"]) == ("queued", "checker1", 1)
    assert len(desk.office.books.queued("5617")) == 1
    assert desk.state(row) == "resolved"
    assert desk.actions(row)[-1]["reference"] == ordered["refund_no"]


async def test_a_part_is_paid_back(desk: Desk) -> None:
    row = await amount_differs(desk)
    with pytest.raises(SettlementRefused, match=r"at most 80\.00"):
        await desk.decide(row, "refund", amt=9000)
    await desk.twice(row, "refund", amt=1000)
    assert [one["amt"] for one in desk.office.books.rows("refunds")] == [1000]


async def test_a_rejected_proposal_rejects_its_refund(desk: Desk) -> None:
    row = await amount_differs(desk)
    await desk.decide(row, "refund")
    await desk.decide(row, "reject", "checker1", "不应退款")

    assert [one["state"] for one in desk.office.books.rows("refunds")] == ["rejected"]
    assert desk.state(row) == "open"
    await desk.twice(row, "refund")
    assert [one["state"] for one in desk.office.books.rows("refunds")] == ["rejected", "queued"]


async def test_money_that_never_came_is_not_paid_back(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    with pytest.raises(SettlementRefused, match="nothing to pay back"):
        await desk.decide(row, "refund")


async def test_a_line_of_the_bank_alone_has_no_payment_to_pay_back(desk: Desk) -> None:
    row, _ = await bank_only(desk)
    with pytest.raises(SettlementRefused, match="no payment of ours"):
        await desk.decide(row, "refund")


# -- rerun ------------------------------------------------------------------------------------


async def test_an_entry_is_judged_again_after_its_bill_was_made(office: Office) -> None:
    desk = Desk(office)
    pay_code = "32068226300000000012"
    await desk.lists(desk.line(pay_code, "X1"))
    await desk.run()
    row = int(desk.row(kind="bill_unknown")["id"])

    assert "nothing has changed" in (await desk.decide(row, "rerun")).what
    assert code(await office.bill_of_unit(BillDate=TODAY)) == "00000"
    await desk.decide(row, "rerun")

    assert desk.state(row) == "repaired"
    assert desk.payment("X1")["pay_code"] == pay_code
    assert desk.did(row) == [("rerun", "maker1"), ("rerun", "maker1")]
    assert (desk.batch_states(), desk.results()) == (["reconciled"], ["2", "1"])


async def test_policy_decides_what_becomes_of_an_entry_judged_again(desk: Desk) -> None:
    pay_code = "32068226300000000012"
    await desk.lists(desk.line(pay_code, "X1"))
    await desk.run()
    row = int(desk.row(kind="bill_unknown")["id"])
    assert code(await desk.office.bill_of_unit(BillDate=TODAY)) == "00000"

    done = await desk.decide(row, "rerun")

    assert (done.row.state, done.row.kind) == ("open", "bank_only")
    assert desk.row(id=row)["kind"] == "bank_only"
    assert desk.office.books.rows("payments") == []


async def test_an_entry_whose_payment_came_is_settled(desk: Desk) -> None:
    row, pay_code = await bank_only(desk)
    assert code(await desk.office.confirm(BANK, pay_code, TraNoBus="X1")) == "00000"

    await desk.decide(row, "rerun")

    assert desk.state(row) == "settled"
    assert desk.reconciled_on(desk.payment("X1")["id"]) == TODAY


async def test_rows_of_ours_are_not_judged_by_themselves(desk: Desk) -> None:
    row, _ = await ours_only(desk)
    with pytest.raises(SettlementRefused, match="judged by itself"):
        await desk.decide(row, "rerun")
