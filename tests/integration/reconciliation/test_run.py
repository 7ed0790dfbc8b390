"""Runs over real lists, sent over real sockets, and real books: every kind of difference once."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.reconciliation.parts import CannotRunError, NodeOutcome
from nontax.gateway.reconciliation.run import reconcile_day

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    Office,
    Row,
    code,
    office,
    offices,
)
from ..flows.test_statements import batch
from ..settlement.money import journal_holds
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


async def run(desk: Desk, node: str = BANK) -> NodeOutcome:
    """The run of the one node, which must come to an end."""
    outcome = await desk.run(node)
    assert not outcome.failed, outcome.failed
    [one] = outcome.nodes
    return one


def shape(desk: Desk) -> list[tuple[object, ...]]:
    """What was found, without ids and instants."""
    rows = desk.rows()
    names = ("statement", "scope", "kind", "code", "state", "pay_code", "tra_no", "ours_amt",
             "theirs_amt", "fields", "reason")  # fmt: skip
    return sorted(tuple(row[name] for name in names) for row in rows)


# -- agreement ------------------------------------------------------------------------------------


async def test_what_agrees_is_reconciled_and_the_bank_is_told(desk: Desk) -> None:
    one, two = await desk.paid("T1"), await desk.paid("T2", 1250)
    await desk.lists(desk.line(two, "T2", 1250), desk.line(one, "T1"))

    outcome = await run(desk)

    assert (outcome.state, outcome.open, outcome.revision) == ("reconciled", 0, 1)
    [totals] = outcome.totals["2555"]
    assert totals.ours == totals.theirs == totals.matched
    assert (totals.matched.count, totals.matched.amt) == (2, 9250)
    for number in ("T1", "T2"):
        assert desk.reconciled_on(desk.payment(number)["id"]) == TODAY
    assert (desk.batch_states(), desk.results(), desk.rows()) == (["reconciled"], ["1"], [])
    [entry] = desk.office.books.rows("journal", kind="reconciliation.done")
    assert entry["subject"] == f"{BANK}:{TODAY}"
    assert await journal_holds(desk.office)


async def test_the_same_inputs_give_the_stored_result(desk: Desk) -> None:
    paid = await desk.paid("T1")
    missing = await desk.office.bill()
    await desk.lists(desk.line(paid, "T1"), desk.line(missing, "X1"))
    first = await run(desk)
    before = (desk.office.books.counts(), shape(desk), len(desk.office.books.rows("recon_actions")))

    again = await run(desk)

    assert again.replayed
    assert not first.replayed
    assert (again.totals, again.counts, again.run_id) == (first.totals, first.counts, first.run_id)
    after = (desk.office.books.counts(), shape(desk), len(desk.office.books.rows("recon_actions")))
    assert after == before


async def test_a_list_of_another_bank_is_not_looked_at(desk: Desk) -> None:
    paid = await desk.paid("T1")
    await desk.lists(desk.line(paid, "T1"))
    await desk.office.confirm(OTHER, await desk.office.bill(), TraNoBus="O1")
    outcome = await run(desk)
    assert outcome.state == "reconciled"
    other = await run(desk, OTHER)
    assert (other.state, other.open) == ("open", 1)
    assert desk.row(node=OTHER)["kind"] == "not_delivered"


# -- repairs --------------------------------------------------------------------------------------


async def test_a_line_of_an_unpaid_bill_becomes_a_payment(desk: Desk) -> None:
    pay_code = await desk.office.bill(notify=1)
    line = desk.line(pay_code, "X1", PayerName="", PayerAcct="")
    await desk.lists(line)

    outcome = await run(desk)

    row = desk.row()
    assert (row["kind"], row["state"], row["code"]) == ("bank_only", "repaired", "15003")
    assert (outcome.state, outcome.repaired) == ("reconciled", 1)
    payment = desk.payment("X1")
    assert (payment["channel"], payment["pay_code"], payment["payer_name"]) == (
        "repair", pay_code, "张三",
    )  # fmt: skip
    assert desk.office.books.state(pay_code) == "paid"
    assert desk.reconciled_on(payment["id"]) == TODAY
    assert desk.did(row["id"]) == [("repair", "gateway")]
    [notice] = desk.office.books.queued("5996")
    assert "<PayerName>张三</PayerName>" in notice["voucher"]
    [result] = desk.office.books.queued("5555")
    assert (
        "<CheckStatus>1</CheckStatus><SuccCount>0</SuccCount><FailCount>1</FailCount>"
        in (result["voucher"])
    )
    assert "<Code>15003</Code><Msg>已补单</Msg>" in result["voucher"]


async def test_a_late_confirmation_of_a_repaired_payment_is_accepted(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    await desk.lists(desk.line(pay_code, "X1"))
    await run(desk)
    answer = await desk.office.confirm(BANK, pay_code, TraNoBus="X1", CfmDate=TODAY)
    assert code(answer) == "00000"
    assert len(desk.office.books.rows("payments")) == 1
    assert desk.office.books.rows("refunds") == []
    assert (await run(desk)).replayed


async def test_a_line_of_a_paid_bill_is_paid_back(desk: Desk) -> None:
    pay_code = await desk.paid("T1")
    await desk.lists(desk.line(pay_code, "T1"), desk.line(pay_code, "X1"))
    outcome = await run(desk)
    assert (outcome.state, outcome.repaired) == ("reconciled", 1)
    row = desk.row()
    [refund] = desk.office.books.rows("refunds")
    assert (row["kind"], row["state"]) == ("bill_paid", "repaired")
    assert (refund["kind"], refund["amt"], refund["ori_tra_no_bus"]) == (1, 8000, "X1")
    assert refund["refund_no"] in row["reason"]
    assert len(desk.office.books.queued("5617")) == 1
    assert desk.payment("X1")["duplicate"] == 1


async def test_a_refused_identity_is_never_repaired(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    refused = await desk.office.confirm(BANK, pay_code, TraNoBus="X1", Amt="79.00")
    assert code(refused) == "12004"
    await desk.lists(desk.line(pay_code, "X1"))
    outcome = await run(desk)
    assert (outcome.state, outcome.repaired) == ("open", 0)
    assert (desk.row()["kind"], desk.row()["state"]) == ("refused", "open")
    assert desk.office.books.state(pay_code) == "unpaid"
    assert (desk.batch_states(), desk.results()) == (["failed"], ["2"])


@pytest.mark.parametrize("switch", ["repair_missing_payment", "repair_duplicate_payment"])
async def test_each_repair_can_be_switched_off(office: Office, switch: str) -> None:
    desk = Desk(office, **{switch: False})
    paid, unpaid = await desk.paid("T1"), await desk.office.bill()
    await desk.lists(desk.line(paid, "T1"), desk.line(paid, "X1"), desk.line(unpaid, "X2"))
    await run(desk)
    states = {row["kind"]: row["state"] for row in desk.rows()}
    off, on = "bank_only", "bill_paid"
    if switch == "repair_duplicate_payment":
        off, on = on, off
    assert states == {off: "open", on: "repaired"}


# -- what waits for a person ----------------------------------------------------------------------


async def test_every_other_kind_waits_with_its_reason(desk: Desk) -> None:
    office = desk.office
    amount, account = await desk.paid("A1"), await desk.paid("A2")
    pay_code, missing = await desk.paid("A3"), await desk.paid("A4")
    another = await office.bill()
    void, other_amount, other_account = [await office.bill() for _ in range(3)]
    await office.void(void)
    channel = await desk.paid("A5", PayMode="13")
    number = await desk.paid("A6")
    twice = await desk.paid("A7")
    await desk.lists(
        desk.line(amount, "A1", 8001),
        desk.line(account, "A2", RecAcct=OTHER_ACCOUNT),
        desk.line(another, "A3"),
        desk.line(void, "B1"),
        desk.line("32068226300000099999", "B2"),
        desk.line(other_amount, "B3", 7999),
        desk.line(other_account, "B4", RecAcct="999"),
        desk.line(channel, "A5"),
        desk.line(number, "A6B"),
        desk.line(twice, "A7"),
        desk.line(twice, "A7"),
    )

    outcome = await run(desk)

    kinds = {row["kind"]: row for row in desk.rows()}
    assert set(kinds) == {
        "amount", "account", "pay_code", "ours_only", "bill_void", "bill_unknown", "bill_amount",
        "bill_account", "channel", "number", "duplicate",
    }  # fmt: skip
    assert {kind for kind, row in kinds.items() if row["state"] == "noted"} == {"channel", "number"}
    assert all(row["state"] == "open" for kind, row in kinds.items() if kind not in {
        "channel", "number",
    })  # fmt: skip
    assert all(row["reason"] for row in kinds.values())
    assert (kinds["amount"]["ours_amt"], kinds["amount"]["theirs_amt"]) == (8000, 8001)
    assert kinds["ours_only"]["pay_code"] == missing
    assert outcome.open == 9
    reconciled = {number for number in ("A1", "A2", "A3", "A4", "A5", "A6", "A7")
                  if desk.reconciled_on(desk.payment(number)["id"])}  # fmt: skip
    assert reconciled == {"A5", "A6", "A7"}
    assert pay_code


async def test_a_line_that_cannot_be_read_is_kept_apart(desk: Desk) -> None:
    paid = await desk.paid("T1")
    await desk.lists(desk.line(paid, "T1"), desk.line(await desk.office.bill(), "X1", 0))
    outcome = await run(desk)
    assert (outcome.open, desk.row()["kind"], desk.row()["code"]) == (1, "malformed", "15003")
    assert desk.reconciled_on(desk.payment("T1")["id"]) == TODAY
    assert "<Code>15003</Code>" in desk.office.books.queued("5555")[0]["voucher"]


async def test_a_payment_on_the_neighbouring_day_is_carried(desk: Desk) -> None:
    late = await desk.paid("T1")
    on_time = await desk.paid("T2")
    await desk.lists(desk.line(on_time, "T2"))
    assert (await run(desk)).open == 1
    [fields] = batch([[desk.line(late, "T1")]], CheckDate=TOMORROW, BatchNo="B2")
    assert code(await desk.office.call(BANK, "2555", fields)) == "00000"

    outcome = await reconcile_day(desk.parts, TOMORROW, BANK)

    assert outcome.open == 0
    states = {row["check_date"]: (row["kind"], row["state"]) for row in desk.rows()}
    assert states == {TODAY: ("ours_only", "settled"), TOMORROW: ("date", "repaired")}
    assert desk.reconciled_on(desk.payment("T1")["id"]) == TOMORROW
    assert desk.batch_states() == ["reconciled", "reconciled"]
    assert desk.results() == ["2", "1", "1"]


async def test_a_channel_without_a_list_waits_where_there_are_payments(desk: Desk) -> None:
    one = await desk.paid("T1")
    await desk.paid("T2", PayMode="13")
    await desk.lists(desk.line(one, "T1"))
    outcome = await run(desk)
    row = desk.row()
    assert (row["kind"], row["scope"], row["state"], row["code"]) == (
        "not_delivered", "13", "open", "",
    )  # fmt: skip
    assert [(owed.scope, owed.count, owed.amt) for owed in outcome.owed] == [("13", 1, 8000)]
    assert desk.reconciled_on(desk.payment("T2")["id"]) == ""
    assert desk.batch_states() == ["reconciled"]
    await desk.lists(desk.line(row["pay_code"] or await last_bill(desk), "T2"), PayMode="13")
    assert (await run(desk)).revision == 2
    assert desk.state(row["id"]) == "settled"


async def last_bill(desk: Desk) -> str:
    return str(desk.payment("T2")["pay_code"])


async def test_a_day_without_anything_is_nothing(desk: Desk) -> None:
    outcome = await desk.run(None)
    assert outcome.exit_code == 2
    assert {node.state for node in outcome.nodes} == {"nothing"}
    assert desk.office.books.rows("recon_runs") == []


async def test_what_cannot_be_run_is_refused(desk: Desk) -> None:
    with pytest.raises(CannotRunError, match="future"):
        await reconcile_day(desk.parts, "20990101", BANK)
    with pytest.raises(CannotRunError, match="no node"):
        await reconcile_day(desk.parts, TODAY, "D9999990105")


# -- the platform's payments ----------------------------------------------------------------------


async def test_the_platforms_payments_are_in_the_banks_lists(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    answer = await office.confirm(PLATFORM, pay_code, TraNoBus="G1", PayMode="51")
    assert code(answer) == "00000"
    repaired = await office.bill()
    await desk.lists(desk.line(pay_code, "G1"), desk.line(repaired, "G2"), PayMode="51", src=BANK)

    outcome = await run(desk)

    assert outcome.state == "reconciled"
    assert desk.reconciled_on(desk.payment("G1")["id"]) == TODAY
    assert desk.payment("G2")["src"] == PLATFORM
    late = await office.confirm(PLATFORM, repaired, TraNoBus="G2", PayMode="51", CfmDate=TODAY)
    assert code(late) == "00000"
    assert office.books.rows("refunds") == []
    assert (await run(desk, PLATFORM)).state == "nothing"


# -- order, packs, deliveries ---------------------------------------------------------------------


async def make_day(desk: Desk) -> list[dict[str, str]]:
    names = [f"T{number}" for number in range(6)]
    lines = [desk.line(await desk.paid(name), name) for name in names]
    await desk.paid("T9")
    lines[0]["Amt"] = "80.01"
    lines.append(desk.line("32068226300000099999", "X1"))
    lines.append(desk.line(lines[1]["PayCode"], "T1"))
    return lines


async def test_order_packs_and_repeated_delivery_change_nothing(office: Office) -> None:
    desk = Desk(office)
    lines = await make_day(desk)
    await desk.lists(*lines)
    await run(desk)
    first = shape(desk)
    assert len(first) == 4  # amount, unknown bill, duplicate line, ours only
    total = {"CheckDate": TODAY, "BatchNo": "B2"}
    shuffled = [lines[at] for at in (5, 2, 7, 0, 6, 1, 4, 3)]
    packs = batch([shuffled[:3], shuffled[3:4], shuffled[4:]], **total)
    for pack in (packs[2], packs[0], packs[0], packs[1], packs[2]):
        answer = await office.call(BANK, "2555", pack)
        assert code(answer) in {"00000", "15010"}, answer.message

    outcome = await run(desk)

    assert shape(desk) == first
    assert outcome.open == 4


async def test_a_replaced_list_settles_what_it_corrects(desk: Desk) -> None:
    paid, missing = await desk.paid("T1"), await desk.paid("T2")
    await desk.lists(desk.line(paid, "T1", 8001))
    assert (await run(desk)).open == 2
    await desk.lists(desk.line(paid, "T1"), desk.line(missing, "T2"), BatchNo="B2")
    outcome = await run(desk)
    assert (outcome.state, outcome.revision) == ("reconciled", 2)
    assert {row["state"] for row in desk.rows()} == {"settled"}
    assert desk.results() == ["2", "1"]
    refused = await desk.office.call(BANK, "2555", batch([[desk.line(paid, "T1")]])[0] | {
        "CheckDate": TODAY, "BatchNo": "B3",
    })  # fmt: skip
    assert code(refused) == "15010"


async def test_a_late_payment_makes_a_new_revision(desk: Desk) -> None:
    paid = await desk.paid("T1")
    await desk.lists(desk.line(paid, "T1"))
    await run(desk)
    bill = await desk.office.bill()
    assert code(await desk.office.confirm(BANK, bill, TraNoBus="T2", CfmDate=TODAY)) == "00000"
    outcome = await run(desk)
    assert (outcome.revision, outcome.open) == (2, 1)
    assert desk.row()["kind"] == "ours_only"


async def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    paid = await desk.paid("T1")
    await desk.lists(desk.line(paid, "T1", 8001), desk.line(await desk.office.bill(), "X1"))
    before = desk.office.books.counts()
    desk.office.tomorrow()
    outcome = await reconcile_day(desk.parts, TODAY, BANK, dry_run=True)
    [node] = outcome.nodes
    assert ([one.kind.value for one in node.found], node.would_repair, node.open) == (
        ["bank_only", "amount"], 1, 1,
    )  # fmt: skip
    assert outcome.exit_code == 1
    assert desk.office.books.counts() == before
    assert desk.office.books.rows("recon_runs") == desk.rows() == []
    assert desk.batch_states() == ["complete"]


async def test_too_many_differences_end_the_run_before_it_writes(office: Office) -> None:
    desk = Desk(office, max_differences=2)
    await desk.lists(*(desk.line("32068226300000099999", f"X{n}") for n in range(3)))
    outcome = await desk.run(BANK)
    assert outcome.exit_code == 2
    assert "differences" in outcome.failed[BANK].what
    assert desk.office.books.rows("recon_runs") == []


def amounts(rows: list[Row]) -> list[Any]:
    return [row["ours_amt"] for row in rows]


async def test_results_are_split_into_packs(office: Office) -> None:
    desk = Desk(office, result_pack_size=2)
    for number in range(5):
        await desk.paid(f"T{number}")
    await desk.lists(desk.line(await desk.paid("T5"), "T5"))
    await run(desk)
    vouchers = [row["voucher"] for row in office.books.queued("5555")]
    assert len(vouchers) == 3
    assert all("<PackCount>3</PackCount>" in voucher for voucher in vouchers)
    assert [voucher.count("<Detail>") for voucher in vouchers] == [2, 2, 1]
    assert all("<FailCount>5</FailCount>" in voucher for voucher in vouchers)
    assert amounts(desk.rows()) == [8000] * 5
    assert ACCOUNT not in "".join(vouchers)
