"""2618, releasing, and what becomes of the money of a remittance that failed or is unknown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.settlement.releasing import release
from nontax.messages.remittance import Remittance

from .clearing_site import BANK, DAY, LAND_FEE, NEXT_DAY, OTHER, RECLAIM, TUITION
from .remit_site import RemitSite, opened_site


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[RemitSite]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        yield opened
        opened.check_books()


@pytest.fixture
async def order(site: RemitSite) -> Remittance:
    """A remittance of 50.00 that was acknowledged."""
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "acknowledged")
    return order


def code(decision: object) -> str:
    return decision.answer.message.Result  # type: ignore[attr-defined, no-any-return]


# -- success --------------------------------------------------------------------------------------


async def test_a_success_ends_the_remittance_and_gives_a_voucher(
    site: RemitSite, order: Remittance
) -> None:
    decision = await site.told(order.RemitNo, 5000)
    assert (code(decision), decision.archived, decision.replayed) == ("00000", True, False)
    assert site.state(order.RemitNo) == "succeeded"
    [row] = site.rows("outbox", "number = '5618'")
    assert row["state"] == "succeeded"
    assert await site.spool() == 2
    voucher = json.loads((site.vouchers / f"remittance-{order.RemitNo}.json").read_text("utf-8"))
    assert (voucher["TotalAmt"], voucher["TraNo"], voucher["TreCode"]) == (
        "50.00",
        "B001",
        "3206820000",
    )
    assert voucher["TotalAmtInWords"] == "伍拾元整"
    assert voucher["DetailList"][0]["Amt"] == "50.00"
    page = (site.vouchers / f"remittance-{order.RemitNo}.html").read_text("utf-8")
    assert "非税收入缴库凭证" in page
    assert (await site.remit()).made == []


async def test_a_result_is_idempotent(site: RemitSite, order: Remittance) -> None:
    await site.told(order.RemitNo, 5000)
    before = len(site.rows("journal"))
    again = await site.told(order.RemitNo, 5000, Information="别的说明")
    assert (code(again), again.replayed, again.archived) == ("00000", True, False)
    assert len(site.rows("journal")) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"Result": "99999"},
        {"TraNo": "OTHER"},
        {"TraDate": "20260304"},
        {"TraTime": "101501"},
        {"TotalAmt": "49.99"},
    ],
)
async def test_a_contradiction_is_refused_and_kept(
    site: RemitSite, order: Remittance, changes: dict[str, str]
) -> None:
    await site.told(order.RemitNo, 5000)
    decision = await site.told(order.RemitNo, 5000, **changes)
    assert (code(decision), decision.archived) == ("10005", True)
    assert next(iter(changes)) in decision.answer.message.Information  # type: ignore[attr-defined]
    assert site.state(order.RemitNo) == "succeeded"
    assert site.kinds(order.RemitNo)[-1] == "remittance.contradicted"


async def test_another_amount_is_refused_from_the_start(site: RemitSite, order: Remittance) -> None:
    assert code(await site.told(order.RemitNo, 5001)) == "10005"
    assert site.state(order.RemitNo) == "acknowledged"
    assert code(await site.told(order.RemitNo, 5000)) == "00000"


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"TraNo": ""}, "10002"),
        ({"TraDate": ""}, "10002"),
        ({"TotalAmt": "0.00"}, "10002"),
        ({"TotalAmt": "10000000000000.01"}, "10002"),
        ({"RemitNo": "JK9"}, "99999"),
        ({"sender": OTHER}, "99999"),
    ],
)
async def test_what_is_wrong_changes_nothing(
    site: RemitSite, order: Remittance, changes: dict[str, str], result: str
) -> None:
    decision = await site.told(order.RemitNo, 5000, **changes)
    assert (code(decision), decision.archived) == (result, False)
    assert site.state(order.RemitNo) == "acknowledged"


@pytest.mark.parametrize("state", ["queued", "sent", "unknown"])
async def test_a_result_may_come_in_any_state(site: RemitSite, state: str) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    if state != "queued":
        await site.delivered(order.RemitNo, state)  # type: ignore[arg-type]
    decision = await site.told(order.RemitNo, 5000)
    assert code(decision) == "00000"
    assert site.state(order.RemitNo) == "succeeded"
    if state != "sent":
        assert decision.notes == (f"was {state}",)
    # What is said of the delivery afterwards moves nothing any more.
    [row] = site.rows("outbox", "number = '5618'")
    assert row["state"] == "succeeded"


# -- failure --------------------------------------------------------------------------------------


async def test_a_failed_one_is_released_and_remitted_under_a_new_number(
    site: RemitSite, order: Remittance
) -> None:
    failed = {"Result": "12003", "TraNo": "", "TraDate": "", "TraTime": ""}
    assert code(await site.told(order.RemitNo, 5000, **failed)) == "00000"
    assert (site.state(order.RemitNo), site.remitted()) == ("failed", 0)
    [row] = site.rows("outbox", "number = '5618'")
    assert row["state"] == "failed"
    again = (await site.remit()).made
    assert [one.remit_no for one in again] == ["JK2026030300000002"]
    assert again[0].total == 5000
    # A repetition of the failure is one; a success after it is a contradiction.
    assert (await site.told(order.RemitNo, 5000, **failed)).replayed
    assert code(await site.told(order.RemitNo, 5000)) == "10005"
    assert site.remitted() == 5000


@pytest.mark.parametrize("state", ["expired", "dead", "dropped"])
async def test_what_was_never_sent_is_released(site: RemitSite, state: str) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, state, "no way")  # type: ignore[arg-type]
    assert site.state(order.RemitNo) == "failed"
    assert (await site.remit()).total == 5000


async def test_a_refusal_of_the_message_releases(site: RemitSite) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "sent")
    await site.delivered(order.RemitNo, "failed", "10002 bad")
    assert site.state(order.RemitNo) == "failed"
    assert (await site.remit()).total == 5000


async def test_nothing_is_issued_again_from_unknown(site: RemitSite, order: Remittance) -> None:
    await site.delivered(order.RemitNo, "unknown")
    assert site.state(order.RemitNo) == "unknown"
    assert (await site.remit()).made == []
    assert site.remitted() == 5000


async def test_a_late_success_takes_its_money_back_if_it_is_there(site: RemitSite) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "expired")
    assert site.remitted() == 0
    assert code(await site.told(order.RemitNo, 5000)) == "00000"
    assert (site.state(order.RemitNo), site.remitted()) == ("succeeded", 5000)
    assert (await site.remit()).made == []


async def test_a_late_success_of_money_that_went_otherwise_is_a_contradiction(
    site: RemitSite,
) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "expired")
    await site.remit()
    assert code(await site.told(order.RemitNo, 5000)) == "10005"
    assert site.state(order.RemitNo) == "failed"
    assert site.remitted() == 5000


async def test_a_late_success_of_money_that_is_being_paid_back_is_a_contradiction(
    site: RemitSite,
) -> None:
    payment = await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "expired")
    await site.refund(payment, 5000, state="sent", changed_at=site.clock.now_ms())
    assert code(await site.told(order.RemitNo, 5000)) == "10005"


# -- operators ------------------------------------------------------------------------------------


async def released(site: RemitSite, remit_no: str) -> str:
    acting = site.acting("checker1")
    done = await site.store.transact(lambda tx: release(tx, remit_no, "银行查无", acting))
    return done.state


async def test_an_unknown_one_is_released_by_a_person(site: RemitSite, order: Remittance) -> None:
    await site.delivered(order.RemitNo, "unknown")
    assert await released(site, order.RemitNo) == "failed"
    [row] = site.rows("outbox", "number = '5618'")
    assert row["state"] == "failed"
    assert site.kinds(order.RemitNo)[-1] == "remittance.released"
    assert (await site.remit()).total == 5000


async def test_an_overdue_one_is_released_and_no_other_acknowledged_one(
    site: RemitSite, order: Remittance
) -> None:
    with pytest.raises(SettlementRefused, match="about to report"):
        await released(site, order.RemitNo)
    site.clock.advance(seconds=2)
    assert await released(site, order.RemitNo) == "failed"


async def test_a_queued_one_is_not_sent_any_more(site: RemitSite) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    assert await released(site, order.RemitNo) == "failed"
    [row] = site.rows("outbox", "number = '5618'")
    assert row["state"] == "dropped"
    assert site.remitted() == 0


@pytest.mark.parametrize(
    ("state", "text"),
    [("sent", "may have it"), ("succeeded", "has succeeded"), ("failed", "released already")],
)
async def test_what_cannot_be_released(site: RemitSite, state: str, text: str) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "sent")
    if state != "sent":
        await site.told(order.RemitNo, 5000, Result="00000" if state == "succeeded" else "99999")
    with pytest.raises(SettlementRefused, match=text):
        await released(site, order.RemitNo)
    with pytest.raises(SettlementRefused, match="no such remittance"):
        await released(site, "JK1")


async def settled(site: RemitSite, state: str) -> None:
    [row] = site.rows("outbox", "number = '5618'")
    await site.store.transact(
        lambda tx: operate.settle(
            tx,
            row["id"],
            state,  # type: ignore[arg-type]
            operator="checker1",
            reason="电话核实",
            at=site.clock.now_ms(),
        )
    )


@pytest.mark.parametrize(("state", "left"), [("succeeded", 0), ("failed", 5000)])
async def test_settling_the_message_ends_the_remittance(
    site: RemitSite, order: Remittance, state: str, left: int
) -> None:
    await site.delivered(order.RemitNo, "unknown")
    await settled(site, state)
    assert site.state(order.RemitNo) == state
    assert (await site.remit()).total == left
    vouchers = {row["number"] for row in site.rows("vouchers", "kind = 'remittance'")}
    assert vouchers == ({order.RemitNo} if state == "succeeded" else set())


async def requeue(site: RemitSite) -> None:
    row = site.rows("outbox", "number = '5618'")[0]
    await site.store.transact(
        lambda tx: operate.requeue(
            tx,
            row["id"],
            operator="maker1",
            reason="again",
            at=site.clock.now_ms(),
            terms=Terms.from_config(site.config.outbox),
        )
    )


async def test_a_dead_message_is_queued_again_while_its_money_is_there(site: RemitSite) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    [order] = site.orders()
    await site.delivered(order.RemitNo, "dead")
    await requeue(site)
    assert (site.state(order.RemitNo), site.remitted()) == ("queued", 5000)
    assert (await site.remit()).made == []


async def test_a_dead_message_of_money_that_went_otherwise_stays_dead(site: RemitSite) -> None:
    await site.pay((TUITION, 5000))
    await site.remit()
    await site.delivered(site.orders()[0].RemitNo, "dead")
    await site.remit()
    with pytest.raises(NotPossible, match="remitted or ordered back otherwise"):
        await requeue(site)
    assert site.rows("outbox", "number = '5618'")[0]["state"] == "dead"


# -- banks that remit by themselves ---------------------------------------------------------------


async def test_a_bank_that_remits_itself_is_left_alone_and_matched(site: RemitSite) -> None:
    site.bank_remits_itself()
    await site.pay((LAND_FEE, 1000))
    await site.pay((RECLAIM, 234))
    await site.pay((TUITION, 1), cfm_date=NEXT_DAY)
    report = await site.remit()
    assert (report.made, report.left_to_banks, report.faults) == ([], 6, [])
    decision = await site.told("../x", 1234, TraDate=DAY)
    assert code(decision) == "00000"
    assert decision.notes == ("started by the bank, matched",)
    [row] = site.rows("remittances")
    assert (row["origin"], row["state"], row["total"], row["count"]) == (
        "bank",
        "succeeded",
        1234,
        5,
    )
    assert site.kinds("../x") == ["remittance.matched"]
    assert (await site.told("../x", 1234, TraDate=DAY)).replayed
    assert code(await site.told("../x", 1233, TraDate=DAY)) == "10005"
    # Its number is no name for a file.
    await site.spool()
    names = {path.name for path in site.vouchers.iterdir()}
    assert f"remittance-{BANK}-{row['id']}.json" in names
    assert site.open_dues() == {(TUITION, "4"): 1}


async def test_a_total_may_be_of_everything_or_of_one_earlier_day(site: RemitSite) -> None:
    site.bank_remits_itself()
    for amt, day in ((100, "20260301"), (20, DAY), (3, NEXT_DAY)):
        await site.pay((TUITION, amt), cfm_date=day)
    await site.remit()
    assert (await site.told("A1", 100)).notes == ("started by the bank, matched",)
    assert (await site.told("A2", 23)).notes == ("started by the bank, matched",)
    assert site.open_dues() == {}


async def test_what_fits_nothing_waits_for_more_income(site: RemitSite) -> None:
    site.bank_remits_itself()
    await site.pay((TUITION, 100))
    assert (await site.told("A1", 120)).notes == ("started by the bank, unmatched",)
    assert (await site.remit()).matched == 0
    assert site.state("A1") == "unmatched"
    await site.pay((TUITION, 20))
    assert (await site.remit()).matched == 1
    assert site.state("A1") == "succeeded"
    assert site.kinds("A1") == ["remittance.unmatched", "remittance.matched"]


async def test_one_that_fits_nothing_can_be_ended_by_a_person(site: RemitSite) -> None:
    site.bank_remits_itself()
    await site.told("A1", 120)
    assert await released(site, "A1") == "failed"
    await site.pay((TUITION, 120))
    assert (await site.remit()).matched == 0
    assert site.kinds("A1")[-1] == "remittance.released"
    # The bank's word is kept: it may say it again, and nothing else.
    assert (await site.told("A1", 120)).replayed


async def test_two_days_of_one_sum_are_not_guessed_at(site: RemitSite) -> None:
    site.bank_remits_itself()
    for day in ("20260228", "20260301"):
        await site.pay((TUITION, 100), cfm_date=day)
    await site.remit()
    assert (await site.told("A1", 100)).notes == ("started by the bank, unmatched",)


async def test_a_failure_that_a_bank_started_moves_nothing(site: RemitSite) -> None:
    site.bank_remits_itself()
    await site.pay((TUITION, 100))
    await site.remit()
    decision = await site.told("A1", 100, Result="99999", TraNo="")
    assert (code(decision), site.state("A1")) == ("00000", "failed")
    assert site.open_dues() == {(TUITION, "4"): 100}


async def test_two_banks_may_use_one_number(site: RemitSite) -> None:
    site.bank_remits_itself()
    await site.told("A1", 100)
    site.bank_remits_itself(OTHER)
    await site.told("A1", 200, sender=OTHER)
    assert [row["total"] for row in site.rows("remittances")] == [100, 200]


async def test_other_banks_cannot_start_one(site: RemitSite) -> None:
    assert code(await site.told("A1", 100)) == "99999"
    assert site.rows("remittances") == []
