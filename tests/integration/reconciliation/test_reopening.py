"""A closed list is freed by two operators, and the bank sends it again."""

from __future__ import annotations

import pytest

from nontax.gateway.collection.operators import OperatorRefused
from nontax.gateway.reconciliation.parts import DayOutcome
from nontax.gateway.reconciliation.revisions import Summary
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.store import reconciliation

from ..flows.conftest import BANK, TODAY, Office, code, office, offices
from ..flows.test_statements import batch
from .desk import REASON, Desk

__all__ = ["office", "offices"]


@pytest.fixture
async def desk(office: Office) -> Desk:
    """A desk whose day is closed."""
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    assert (await desk.run()).exit_code == 0
    assert desk.batch_states() == ["reconciled"]
    return desk


async def sent_again(desk: Desk, *lines: dict[str, str]) -> str:
    [fields] = batch([lines], CheckDate=TODAY, BatchNo="B2")
    return code(await desk.office.call(BANK, "2555", fields))


async def test_two_operators_free_a_closed_list(desk: Desk) -> None:
    missed = await desk.office.bill()
    lines = (desk.line(desk.payment("T1")["pay_code"], "T1"), desk.line(missed, "T2"))
    assert await sent_again(desk, *lines) == "15010"

    await desk.reopen("propose", "maker1")
    assert await sent_again(desk, *lines) == "15010"
    await desk.reopen("approve", "checker1", reason="")
    assert await sent_again(desk, *lines) == "00000"

    assert desk.batch_states() == ["reopened", "complete"]
    outcome = await desk.run()
    assert outcome.nodes[0].revision == 2
    assert outcome.nodes[0].repaired == 1
    runs = desk.office.books.rows("recon_runs")
    assert [run["state"] for run in runs] == ["done", "done"]  # the old result stays
    assert desk.results() == ["1", "1"]


async def test_who_reopened_it_and_why_is_kept(desk: Desk) -> None:
    await desk.reopen("propose", "maker1")
    await desk.reopen("approve", "checker1", reason="")

    proposed, done = desk.office.books.rows("recon_actions")

    assert (proposed["action"], proposed["actor"], proposed["reason"]) == (
        "propose", "maker1", REASON,
    )  # fmt: skip
    assert (done["action"], done["actor"], done["reason"]) == ("reopen", "checker1", REASON)
    kinds = desk.office.books.kinds(f"statement:{done['batch_id']}")
    assert kinds[-2:] == ["statement.reopen_proposed", "statement.reopened"]


async def test_one_person_alone_reopens_nothing(desk: Desk) -> None:
    with pytest.raises(SettlementRefused, match="nobody has proposed"):
        await desk.reopen("approve", "checker1")
    await desk.reopen("propose", "maker1")
    with pytest.raises(SettlementRefused, match="proposed already"):
        await desk.reopen("propose", "maker1")
    with pytest.raises(OperatorRefused):
        await desk.reopen("approve", "maker1")
    assert desk.batch_states() == ["reconciled"]


async def test_a_proposal_is_rejected(desk: Desk) -> None:
    await desk.reopen("propose", "maker1")
    await desk.reopen("reject", "checker1", reason="不需要")
    with pytest.raises(SettlementRefused, match="nobody has proposed"):
        await desk.reopen("approve", "checker1")
    assert desk.batch_states() == ["reconciled"]


async def test_only_a_closed_list_is_reopened(desk: Desk) -> None:
    with pytest.raises(SettlementRefused, match="no such statement"):
        await desk.reopen("propose", "maker1", kind="2557")
    await desk.reopen("propose", "maker1")
    await desk.reopen("approve", "checker1")
    with pytest.raises(SettlementRefused, match="no such statement"):
        await desk.reopen("propose", "maker1")


@pytest.mark.parametrize("reason", ["", "x" * 201])
async def test_a_reason_is_needed(desk: Desk, reason: str) -> None:
    with pytest.raises(SettlementRefused, match="reason"):
        await desk.reopen("propose", "maker1", reason=reason)


async def test_the_same_list_again_is_reconciled_again(desk: Desk) -> None:
    await desk.reopen("propose", "maker1")
    await desk.reopen("approve", "checker1")
    line = desk.line(desk.payment("T1")["pay_code"], "T1")
    assert await sent_again(desk, line) == "00000"

    assert (await desk.run()).exit_code == 0
    assert desk.batch_states() == ["reopened", "reconciled"]


async def test_the_run_that_came_last_counts(desk: Desk) -> None:
    line = desk.line(desk.payment("T1")["pay_code"], "T1")
    for _ in range(2):  # the second time all inputs are known
        await desk.reopen("propose", "maker1")
        await desk.reopen("approve", "checker1")
        assert (await later(desk)).exit_code == 1
        assert desk.row(kind="not_delivered")["state"] == "open"
        assert await sent_again(desk, line) == "00000"
        assert (await later(desk)).exit_code == 0
        assert desk.row(kind="not_delivered")["state"] == "settled"
        last = await desk.office.transact(lambda tx: reconciliation.last_run(tx, BANK, TODAY))
        assert last is not None
        assert Summary.read(last.summary).matched("2555", "11") == 1
    assert (await later(desk)).nodes[0].replayed


async def later(desk: Desk) -> DayOutcome:
    """Another run, some time after the one before."""
    desk.office.clock.advance(seconds=60)
    return await desk.run()
