"""What comes after a list was reconciled: it stays closed, and its sender is told what is new."""

from __future__ import annotations

import pytest

from ..flows.conftest import BANK, TODAY, Office, code, office, offices
from ..flows.test_statements import batch
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
async def desk(office: Office) -> Desk:
    """A day whose list was closed, and a payment that came after that."""
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    assert (await desk.run()).exit_code == 0
    bill = await office.bill()
    late = await office.confirm(BANK, bill, TraNoBus="T2", CfmDate=TODAY)
    assert code(late) == "00000"
    return desk


async def answer_to_another(desk: Desk) -> str:
    [fields] = batch([[desk.line("32068226300000099999", "X1")]], CheckDate=TODAY, BatchNo="B2")
    return code(await desk.office.call(BANK, "2555", fields))


async def test_a_late_payment_does_not_open_the_list_again(desk: Desk) -> None:
    outcome = await desk.run()
    assert outcome.exit_code == 1
    assert (desk.row()["kind"], desk.row()["state"]) == ("ours_only", "open")
    assert desk.batch_states() == ["reconciled"]
    assert await answer_to_another(desk) == "15010"
    assert (await desk.run()).exit_code == 1
    assert desk.batch_states() == ["reconciled"]


async def test_its_sender_is_told_of_the_row_and_of_its_end(desk: Desk) -> None:
    await desk.run()
    assert desk.results() == ["1", "2"]
    await desk.decide(desk.row()["id"], "accept")
    assert desk.results() == ["1", "2", "1"]
    assert desk.batch_states() == ["reconciled"]
    assert (await desk.run()).exit_code == 0


async def test_two_operators_free_it(desk: Desk) -> None:
    await desk.run()
    await desk.reopen("propose", "maker1")
    assert await answer_to_another(desk) == "15010"
    await desk.reopen("approve", "checker1")
    [fields] = batch(
        [[desk.line(desk.payment(n)["pay_code"], n) for n in ("T1", "T2")]],
        CheckDate=TODAY,
        BatchNo="B3",
    )
    assert code(await desk.office.call(BANK, "2555", fields)) == "00000"
    assert (await desk.run()).exit_code == 0
    assert desk.row()["state"] == "settled"
    assert desk.batch_states() == ["reopened", "reconciled"]


# -- told once ------------------------------------------------------------------------------------


async def test_a_result_that_says_the_same_is_not_sent_again(office: Office) -> None:
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1", 8001))
    await desk.run()
    # A second channel makes a new revision; what the first list came to is as it was.
    await desk.lists(desk.line(await desk.paid("T2", PayMode="13"), "T2"), PayMode="13")
    assert (await desk.run()).nodes[0].revision == 2
    assert sorted(desk.results()) == ["1", "2"]
    await desk.decide(desk.row(kind="amount")["id"], "accept")
    assert sorted(desk.results()) == ["1", "1", "2"]


async def test_another_list_is_told_of_though_it_came_to_the_same(office: Office) -> None:
    desk = Desk(office)
    paid, second = await desk.paid("T1"), await desk.paid("T2")
    await desk.lists(desk.line(paid, "T1", 8001))
    await desk.run()
    told = len(desk.results())
    changed = desk.line(paid, "T1", 8001, PayerName="李四")
    await desk.lists(changed)  # the same BatchNo
    await desk.run()
    assert desk.batch_states() == ["replaced", "failed"]
    first, last = (row["voucher"] for row in desk.office.books.queued("5555"))
    assert (len(desk.results()), first) == (told + 1, last)
    assert second
