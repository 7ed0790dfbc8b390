"""2614 and what follows: lines end once, contradictions are refused, failed lines go out again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.followers import moved
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.settlement.instructions import Refused
from nontax.gateway.store import ConstraintViolated, catalogue, instructions, outbox
from nontax.gateway.store.clearing_records import LineResult
from nontax.gateway.store.entries import Target
from nontax.gateway.store.outbox import Outcome
from nontax.gateway.store.protocol import Transaction

from .clearing_site import LAND_FEE, OTHER, Site, opened_site

# 80.00 yuan by 10, 20 and 70 %: the three lines of every instruction here.
LINES = ((1, 800), (2, 1600), (3, 5600))
GOOD, BAD = "00000", "12003"
ALL_GOOD = tuple((number, amt, GOOD) for number, amt in LINES)
SECOND_FAILS = ((1, 800, GOOD), (2, 1600, BAD), (3, 5600, GOOD))


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        yield opened
        opened.check_books()


@pytest.fixture
async def number(site: Site) -> str:
    """An instruction of three lines that the bank has acknowledged."""
    await site.pay((LAND_FEE, 8000))
    await site.run()
    [order] = site.orders()
    await delivered(site, order.InstrNo, "acknowledged")
    return order.InstrNo


async def delivered(site: Site, instr_no: str, *outcomes: Outcome) -> None:
    """The message of an instruction is sent, and its delivery ends in these outcomes."""

    async def work(tx: Transaction) -> None:
        [row] = await outbox.of_subject(tx, instr_no, number="5614")
        now = site.clock.now_ms()
        assert await outbox.lease(tx, row.id, "me", now=now, until=now + 1)
        assert await outbox.mark_sending(tx, row.id, "me", at=now)
        await moved(tx, row, "sent", now, "")
        for outcome in outcomes:
            deadline = now + 1000 if outcome == "acknowledged" else None
            written = await outbox.finish(
                tx, row.id, "me", outcome, at=now, result_deadline=deadline
            )
            assert written is not None
            await moved(tx, row, written, now, "")

    await site.store.transact(work)


async def never_sent(site: Site, instr_no: str) -> None:
    """The message of an instruction expires before anybody could be reached."""
    site.clock.advance(seconds=100 * 3600)

    async def work(tx: Transaction) -> None:
        for row in await outbox.expire(tx, now=site.clock.now_ms()):
            assert row.subject == instr_no
            await moved(tx, row, row.state, site.clock.now_ms(), "expired")

    await site.store.transact(work)


def message_state(site: Site, instr_no: str) -> str:
    [row] = site.rows("outbox", f"subject = '{instr_no}'")
    return str(row["state"])


def answered(decision: object) -> str:
    return str(decision.answer.message.Result)  # type: ignore[attr-defined]


# -- states ---------------------------------------------------------------------------------------


async def test_instruction_and_lines_follow_their_message(site: Site) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.run()
    [order] = site.orders()
    assert site.states(order.InstrNo) == ["queued"] * 4
    await delivered(site, order.InstrNo)
    assert site.states(order.InstrNo) == ["sent"] * 4


async def test_an_acknowledged_one_is_overdue_after_its_deadline(site: Site, number: str) -> None:
    assert site.states(number) == ["acknowledged"] * 4

    async def late(tx: Transaction) -> list[str]:
        now = site.clock.now_ms()
        return [one.instr_no for one in await instructions.page(tx, overdue_at=now)]

    assert await site.store.read(late) == []
    site.clock.advance(seconds=1)
    assert await site.store.read(late) == [number]
    assert answered(await site.result(number, *ALL_GOOD)) == GOOD
    assert await site.store.read(late) == []


@pytest.mark.parametrize(
    ("told", "states", "message"),
    [
        (ALL_GOOD, ["succeeded"] * 4, "succeeded"),
        (SECOND_FAILS, ["partly", "succeeded", "failed", "succeeded"], "partly"),
        (tuple((line, amt, BAD) for line, amt in LINES), ["failed"] * 4, "failed"),
    ],
)
async def test_a_result_ends_lines_instruction_and_message(
    site: Site, number: str, told: tuple[tuple[int, int, str], ...], states: list[str], message: str
) -> None:
    decision = await site.result(number, *told)
    assert answered(decision) == GOOD
    assert (decision.archived, decision.subject, decision.notes) == (True, number, ())
    assert site.states(number) == states
    assert message_state(site, number) == message
    [row] = site.rows("journal", "kind LIKE 'clearing.%' AND kind <> 'clearing.entered' "
                                 "AND kind <> 'clearing.queued'")  # fmt: skip
    assert row["kind"] == f"clearing.{message}"


async def test_what_the_bank_told_is_kept_by_line(site: Site, number: str) -> None:
    await site.result(number, *SECOND_FAILS)
    first, second, _ = site.rows("clearing_lines")
    assert (first["result"], first["tra_no"], first["tra_date"]) == (GOOD, "B1", "20260303")
    assert (second["result"], second["information"]) == (BAD, "账户已销户")


async def test_results_may_come_line_by_line(site: Site, number: str) -> None:
    assert answered(await site.result(number, (2, 1600, BAD))) == GOOD
    assert site.states(number) == ["acknowledged", "acknowledged", "failed", "acknowledged"]
    assert message_state(site, number) == "acknowledged"
    # A line that stands already and one that is new.
    assert answered(await site.result(number, (2, 1600, BAD), (3, 5600, GOOD))) == GOOD
    assert site.states(number) == ["acknowledged", "acknowledged", "failed", "succeeded"]
    assert answered(await site.result(number, (1, 800, GOOD))) == GOOD
    assert site.states(number) == ["partly", "succeeded", "failed", "succeeded"]
    assert message_state(site, number) == "partly"


async def test_a_result_before_the_acknowledgement_stands(site: Site) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.run()
    [order] = site.orders()
    decision = await site.result(order.InstrNo, *ALL_GOOD)
    assert decision.notes == ("was queued",)
    assert site.states(order.InstrNo) == ["succeeded"] * 4
    assert message_state(site, order.InstrNo) == "succeeded"


# -- repetitions and contradictions ---------------------------------------------------------------


async def test_a_repeated_result_is_answered_again_and_changes_nothing(
    site: Site, number: str
) -> None:
    await site.result(number, *SECOND_FAILS)
    before = [site.rows(table) for table in ("clearing_lines", "journal", "outbox")]
    again = await site.result(number, *SECOND_FAILS)
    assert (answered(again), again.replayed, again.archived) == (GOOD, True, False)
    assert answered(await site.result(number, (2, 1600, BAD))) == GOOD
    assert before == [site.rows(table) for table in ("clearing_lines", "journal", "outbox")]


@pytest.mark.parametrize(
    ("told", "changes", "tag"),
    [
        (((1, 800, BAD), (2, 1600, BAD), (3, 5600, GOOD)), {}, "Result"),
        (((1, 800, GOOD), (2, 1600, GOOD), (3, 5600, GOOD)), {}, "Result"),
        (((1, 801, GOOD),), {}, "Amt"),
        (((4, 800, GOOD),), {}, "LineNo"),
        (SECOND_FAILS, {"TotalAmt": "80.01"}, "TotalAmt"),
    ],
)
async def test_a_contradiction_is_refused_whole_and_journaled(
    site: Site,
    number: str,
    told: tuple[tuple[int, int, str], ...],
    changes: dict[str, str],
    tag: str,
) -> None:
    await site.result(number, *SECOND_FAILS)
    before = site.rows("clearing_lines")
    decision = await site.result(number, *told, **changes)
    assert answered(decision) == "10005"
    assert decision.answer.message.Information.startswith(f"{tag}: ")  # type: ignore[attr-defined]
    assert decision.archived
    assert site.rows("clearing_lines") == before
    assert site.states(number)[0] == "partly"
    assert site.rows("journal")[-1]["kind"] == "clearing.contradicted"


async def test_one_wrong_line_keeps_the_good_ones_out(site: Site, number: str) -> None:
    decision = await site.result(number, (1, 800, GOOD), (2, 1601, GOOD))
    assert answered(decision) == "10005"
    assert site.states(number) == ["acknowledged"] * 4


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"SuccAmt": "64.01"}, "SuccAmt"),
        ({"SuccCount": "3"}, "SuccCount"),
        ({"FailCount": "0"}, "FailCount"),
    ],
)
async def test_totals_that_do_not_fit_the_lines_are_bad_input(
    site: Site, number: str, changes: dict[str, str], tag: str
) -> None:
    decision = await site.result(number, *SECOND_FAILS, **changes)
    assert answered(decision) == "10002"
    assert decision.answer.message.Information.startswith(f"{tag}: ")  # type: ignore[attr-defined]
    assert site.states(number) == ["acknowledged"] * 4


async def test_a_line_twice_in_one_result_is_bad_input(site: Site, number: str) -> None:
    assert answered(await site.result(number, (1, 800, GOOD), (1, 800, GOOD))) == "10002"


async def test_others_instructions_are_unknown_to_a_sender(site: Site, number: str) -> None:
    theirs = await site.result(number, *ALL_GOOD, sender=OTHER)
    none = await site.result("QF2026030300000009", *ALL_GOOD)
    assert answered(theirs) == answered(none) == "99999"
    assert theirs.answer == none.answer
    assert site.states(number) == ["acknowledged"] * 4


# -- sending again --------------------------------------------------------------------------------


async def test_failed_lines_only_go_out_again_under_a_new_number(site: Site, number: str) -> None:
    await site.result(number, *SECOND_FAILS)
    province = await site.store.read(partial(catalogue.target, code="province"))
    assert isinstance(province, Target)
    await site.catalogue(replace(province, acct_no="270000000320000099"))
    again = await site.resend(number)
    assert (again.instr_no, again.resend_of) == ("QF2026030300000002", number)
    _, order = site.orders()
    [line] = order.DetailList
    assert (order.TotalAmt, order.Count) == (1600, 1)
    assert (line.LineNo, line.Amt, line.RecAcct) == (1, 1600, "270000000320000099")
    with pytest.raises(Refused, match=f"sent again as {again.instr_no}"):
        await site.resend(number)
    with pytest.raises(Refused, match="no line of it has failed; it is queued"):
        await site.resend(again.instr_no)
    # The successor may fail, too, and is sent again in turn.
    await delivered(site, again.instr_no, "acknowledged")
    await site.result(again.instr_no, (1, 1600, BAD))
    third = await site.resend(again.instr_no)
    await delivered(site, third.instr_no, "acknowledged")
    await site.result(third.instr_no, (1, 1600, GOOD))
    assert site.states(third.instr_no) == ["succeeded", "succeeded"]
    with pytest.raises(Refused, match="no line of it has failed"):
        await site.resend(third.instr_no)
    # What was said of the old line still stands, whatever its successor came to.
    assert answered(await site.result(number, *SECOND_FAILS)) == GOOD
    assert answered(await site.result(number, *ALL_GOOD)) == "10005"


async def test_nothing_is_issued_again_from_unknown(site: Site) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.run()
    [order] = site.orders()
    await delivered(site, order.InstrNo, "expired")
    assert site.states(order.InstrNo) == ["unknown"] * 4
    with pytest.raises(Refused, match="nothing is issued again from unknown"):
        await site.resend(order.InstrNo)
    # Only a result ends it …
    assert answered(await site.result(order.InstrNo, *SECOND_FAILS)) == GOOD
    assert (await site.resend(order.InstrNo)).total == 1600


@pytest.mark.parametrize("state", ["succeeded", "failed"])
async def test_an_operator_ends_what_is_unknown(site: Site, state: str) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.run()
    [order] = site.orders()
    await delivered(site, order.InstrNo)
    await site.result(order.InstrNo, (1, 800, GOOD))

    async def give_up_and_settle(tx: Transaction) -> None:
        [row] = await outbox.of_subject(tx, order.InstrNo)
        await operate.drop(tx, row.id, operator="maker1", reason="silent", at=5)
        assert (await instructions.get(tx, order.InstrNo)).state == "unknown"  # type: ignore[union-attr]
        await operate.settle(
            tx,
            row.id,
            state,
            operator="checker1",
            reason="asked by phone",
            at=6,  # type: ignore[arg-type]
        )

    await site.store.transact(give_up_and_settle)
    whole = "succeeded" if state == "succeeded" else "partly"
    assert site.states(order.InstrNo) == [whole, "succeeded", state, state]
    [row] = site.rows("clearing_instructions")
    assert row["information"] == "settled by checker1: asked by phone"
    other = BAD if state == "succeeded" else GOOD
    if state == "succeeded":
        assert answered(await site.result(order.InstrNo, (2, 1600, other))) == "10005"
        with pytest.raises(Refused, match="no line"):
            await site.resend(order.InstrNo)
    else:
        assert (await site.resend(order.InstrNo)).total == 7200
        # The bank says now that the money went after all: it must not stand twice unnoticed.
        assert answered(await site.result(order.InstrNo, (2, 1600, other))) == "10005"


async def test_what_never_left_can_go_again_by_either_way_but_not_by_both(site: Site) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.run()
    [order] = site.orders()
    await never_sent(site, order.InstrNo)
    assert site.states(order.InstrNo) == ["failed"] * 4
    [message] = site.rows("outbox", f"subject = '{order.InstrNo}'")
    requeue = partial(
        operate.requeue,
        message_id=message["id"],
        operator="maker1",
        reason="the line is back",
        at=site.clock.now_ms(),
        terms=Terms(1000, 1000),
    )
    await site.store.transact(requeue)
    assert site.states(order.InstrNo) == ["queued"] * 4
    with pytest.raises(Refused, match="it is queued"):
        await site.resend(order.InstrNo)
    await never_sent(site, order.InstrNo)
    again = await site.resend(order.InstrNo)
    assert again.total == 8000
    with pytest.raises(NotPossible, match="sent again under another number"):
        await site.store.transact(requeue)
    assert message_state(site, order.InstrNo) == "expired"


async def test_the_database_itself_keeps_lines_from_being_sent_twice(
    site: Site, number: str
) -> None:
    await site.result(number, *SECOND_FAILS)
    await site.resend(number)

    async def again(tx: Transaction, line_no: int) -> None:
        old = await instructions.get(tx, number)
        assert old is not None
        lines = {line.line_no: line for line in await instructions.lines(tx, number)}
        new = replace(old, instr_no="QF9", resend_of=number, count=1, total=lines[line_no].amt)
        line = replace(
            lines[line_no], instr_no="QF9", line_no=1, origin_instr=number, origin_line=line_no
        )
        await instructions.insert(tx, new, [line])

    for line_no in (1, 2, 3):  # succeeded, sent again, succeeded
        with pytest.raises(ConstraintViolated):
            await site.store.transact(partial(again, line_no=line_no))

    async def unsay(tx: Transaction) -> None:
        await instructions.set_line(tx, number, 1, LineResult("failed", BAD))

    with pytest.raises(ConstraintViolated):
        await site.store.transact(unsay)


async def test_a_target_that_ended_is_not_sent_to_again(site: Site, number: str) -> None:
    await site.result(number, *SECOND_FAILS)
    province = await site.store.read(partial(catalogue.target, code="province"))
    assert isinstance(province, Target)
    await site.catalogue(replace(province, stop_date="20260302"))
    with pytest.raises(Refused, match="target province of line 2 is not in force"):
        await site.resend(number)
    with pytest.raises(Refused, match="no such instruction"):
        await site.resend("QF1")
