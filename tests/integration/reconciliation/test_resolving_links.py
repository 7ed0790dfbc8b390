"""Lines of the bank alone that a person joins with what the books have of them."""

from __future__ import annotations

import pytest

from nontax.gateway.settlement.acting import SettlementRefused

from ..flows.conftest import ACCOUNT, BANK, TODAY, Office, code, office, offices
from ..flows.test_statements import MOVED, batch
from ..settlement.money import FUNDS as REPORTED
from ..settlement.money import claimed, journal_holds
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    """A desk whose policy repairs nothing."""
    return Desk(office, repair_missing_payment=False, repair_duplicate_payment=False)


# -- payments ---------------------------------------------------------------------------------


async def two_halves(desk: Desk, amt: int = 8000) -> tuple[int, int]:
    """One payment that the bank lists under another number and a bill that nobody knows."""
    await desk.paid("T1")
    await desk.lists(desk.line("32068226000000099999", "X1", amt))
    await desk.run()
    return int(desk.row(kind="bill_unknown")["id"]), int(desk.row(kind="ours_only")["id"])


async def test_a_line_and_a_payment_are_joined_and_both_rows_close(desk: Desk) -> None:
    theirs, ours = await two_halves(desk)
    payment = desk.payment("T1")["id"]

    await desk.decide(theirs, "link", payment=payment)

    assert (desk.state(theirs), desk.state(ours)) == ("resolved", "resolved")
    assert desk.actions(theirs)[0]["reference"] == f"payment:{payment}"
    assert desk.actions(ours)[0]["reference"] == f"difference:{theirs}"
    assert desk.reconciled_on(payment) == TODAY
    assert (desk.batch_states(), desk.results()) == (["reconciled"], ["2", "1"])
    assert len(desk.office.books.rows("payments")) == 1
    assert await journal_holds(desk.office)


async def test_the_other_row_names_the_payment_as_well(desk: Desk) -> None:
    theirs, ours = await two_halves(desk)
    await desk.decide(theirs, "link", other=ours)
    assert (desk.state(theirs), desk.state(ours)) == ("resolved", "resolved")


async def test_only_the_same_amount_is_joined(desk: Desk) -> None:
    theirs, ours = await two_halves(desk, 7900)
    for more in ({"other": ours}, {"payment": desk.payment("T1")["id"]}):
        with pytest.raises(SettlementRefused, match=r"the line says 79\.00, ours 80\.00"):
            await desk.decide(theirs, "link", **more)
    assert (desk.state(theirs), desk.state(ours)) == ("open", "open")


async def test_a_payment_is_joined_once(desk: Desk) -> None:
    await desk.paid("T1")
    unknown = "32068226000000099999"
    await desk.lists(desk.line(unknown, "X1"), desk.line(unknown, "X2"))
    await desk.run()
    first, second = [int(row["id"]) for row in desk.rows(kind="bill_unknown")]
    payment = desk.payment("T1")["id"]
    await desk.decide(first, "link", payment=payment)

    with pytest.raises(SettlementRefused, match="reconciled already"):
        await desk.decide(second, "link", payment=payment)


async def test_a_payment_with_a_line_of_its_own_is_not_joined(desk: Desk) -> None:
    pay_code = await desk.paid("T1")
    await desk.lists(desk.line(pay_code, "T1", 9000), desk.line("32068226000000099999", "X1"))
    await desk.run()
    with pytest.raises(SettlementRefused, match="has another line"):
        await desk.decide(
            int(desk.row(kind="bill_unknown")["id"]), "link", payment=desk.payment("T1")["id"]
        )


async def test_another_nodes_payment_is_not_in_this_list(desk: Desk) -> None:
    pay_code = await desk.office.bill()
    await desk.office.confirm(
        "D3206820301", pay_code, TraNoBus="J1", RecAcct="32003000000000000026"
    )
    await desk.lists(desk.line("32068226000000099999", "X1"))
    await desk.run()
    with pytest.raises(SettlementRefused, match="collected by D3206820301"):
        await desk.decide(
            int(desk.row(kind="bill_unknown")["id"]), "link", payment=desk.payment("J1")["id"]
        )


async def test_a_link_names_one_thing_and_starts_at_the_bank(desk: Desk) -> None:
    theirs, ours = await two_halves(desk)
    for more in ({}, {"payment": 1, "other": ours}):
        with pytest.raises(SettlementRefused, match="one payment"):
            await desk.decide(theirs, "link", **more)
    with pytest.raises(SettlementRefused, match="no line of the bank alone"):
        await desk.decide(ours, "link", other=theirs)
    with pytest.raises(SettlementRefused, match="is bill_unknown of 2555"):
        await desk.decide(theirs, "link", other=theirs)
    with pytest.raises(SettlementRefused, match="no payment 99"):
        await desk.decide(theirs, "link", payment=99)
    with pytest.raises(SettlementRefused, match="only a link"):
        await desk.decide(theirs, "accept", payment=1)


async def test_the_same_result_again_after_people_have_decided(desk: Desk) -> None:
    theirs, _ = await two_halves(desk)
    await desk.decide(theirs, "link", payment=desk.payment("T1")["id"])

    outcome = await desk.run()

    [node] = outcome.nodes
    assert (node.replayed, node.open, outcome.exit_code) == (True, 0, 0)


# -- arrived funds ----------------------------------------------------------------------------


async def funds_halves(desk: Desk) -> tuple[int, int]:
    """Money of a payment that the bank shows under another number, without its bill."""
    await desk.paid("T1")
    await desk.lists_funds(desk.funds_line("Z9", PayMode="13"))
    await desk.run()
    return int(desk.row(kind="funds_unknown")["id"]), int(desk.row(kind="funds_missing")["id"])


def arrived_on(desk: Desk, payment: int) -> str:
    rows = desk.office.books.rows("payment_funds", payment_id=payment)
    return str(rows[0]["arrived_on"]) if rows else ""


async def test_money_is_joined_with_its_payment(desk: Desk) -> None:
    theirs, ours = await funds_halves(desk)
    payment = desk.payment("T1")["id"]
    assert desk.office.books.one("arrivals", tra_no="Z9")["state"] == "unidentified"

    await desk.decide(theirs, "link", other=ours)

    assert (desk.state(theirs), desk.state(ours)) == ("resolved", "resolved")
    assert arrived_on(desk, payment) == TODAY
    arrival = desk.office.books.one("arrivals", tra_no="Z9")
    assert (arrival["state"], arrival["payment_id"]) == ("identified", payment)
    assert desk.batch_states("2557") == ["reconciled"]
    assert desk.results("5557") == ["2", "1"]


async def test_money_that_has_arrived_is_joined_once(desk: Desk) -> None:
    await desk.paid("T1")
    await desk.lists_funds(desk.funds_line("Z8", PayMode="13"), desk.funds_line("Z9", PayMode="13"))
    await desk.run()
    first, second = [int(row["id"]) for row in desk.rows(kind="funds_unknown")]
    payment = desk.payment("T1")["id"]
    await desk.decide(first, "link", payment=payment)

    with pytest.raises(SettlementRefused, match="arrived already"):
        await desk.decide(second, "link", payment=payment)


async def test_money_that_was_reported_under_another_number(desk: Desk) -> None:
    reported = REPORTED | {"TraNo": "A1", "RecAcct": ACCOUNT}
    await desk.office.call(BANK, "2615", reported)
    await desk.lists_funds(desk.funds_line("Z9"))
    await desk.run()
    theirs = int(desk.row(kind="funds_unknown")["id"])
    arrival = desk.office.books.one("arrivals", tra_no="A1")

    await desk.decide(theirs, "link", arrival=arrival["id"])

    assert desk.rows(state="open") == []
    states = {row["tra_no"]: row["state"] for row in desk.office.books.rows("arrivals")}
    assert states == {"A1": "unidentified", "Z9": "returned"}  # the money stands there once
    [ended] = desk.office.books.rows("arrival_actions")
    assert ended["reason"] == f"the same money as arrival {arrival['id']}"


async def test_claimed_money_is_not_joined_besides(desk: Desk) -> None:
    theirs, ours = await funds_halves(desk)
    own = desk.office.books.one("arrivals", tra_no="Z9")["id"]
    await claimed(desk.office, own, await desk.office.bill())
    with pytest.raises(SettlementRefused, match="claimed already"):
        await desk.decide(theirs, "link", other=ours)


# -- movements of an account ------------------------------------------------------------------


async def test_a_movement_is_joined_with_the_one_that_was_expected(desk: Desk) -> None:
    """The account's list names money otherwise than the list of what arrived."""
    await desk.paid("T1")
    await desk.lists_funds(desk.funds_line("T1"))
    moved = MOVED | {"TraNo": "Z9", "DcFlag": "1", "Amt": "80.00"}
    [fields] = batch([[moved]], "2556", CheckDate=TODAY)
    assert code(await desk.office.call(BANK, "2556", fields)) == "00000"
    await desk.run()
    theirs = int(desk.row(kind="movement_unknown")["id"])
    ours = int(desk.row(kind="movement_missing")["id"])
    payment = desk.payment("T1")["id"]
    with pytest.raises(SettlementRefused, match="an arrival or another row"):
        await desk.decide(theirs, "link", payment=payment)

    await desk.decide(theirs, "link", other=ours)

    assert (desk.state(theirs), desk.state(ours)) == ("resolved", "resolved")
    assert desk.results("5556") == ["2", "1"]
    assert await journal_holds(desk.office)
