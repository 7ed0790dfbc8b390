"""2952, the receipt for a batch of fiscal accounts: in any order, once, and account by account."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from nontax.gateway.basedata.entries import Kind
from nontax.gateway.store.basedata import Batch
from nontax.simulators.scenario import Behaviour, Rule

from ..flows.conftest import BANK, OTHER, PLATFORM, Offices
from .telling import ACCOUNTS, Telling, account, telling

GOOD, BAD, CONFLICT, FAILURE, FORMAT = "00000", "16004", "10005", "99999", "10002"
REFUSED = (ACCOUNTS[1], BAD)


@pytest.fixture
async def site(offices: Offices) -> AsyncIterator[Telling]:
    async with telling(offices) as made:
        yield made


async def told(site: Telling) -> Batch:
    """A batch that the bank has and that waits for its receipt."""
    batch = await site.batch()
    await site.deliver()
    assert (await site.now(batch)).state == "acknowledged"
    return batch


def lines(site: Telling, batch: Batch) -> dict[str, tuple[str, str]]:
    rows = site.office.books.rows("base_data_lines", batch_id=batch.id)
    return {row["entry"]: (row["code"], row["message"]) for row in rows if row["code"]}


def outbox_states(site: Telling, batch: Batch) -> list[str]:
    return [row["state"] for row in site.office.books.rows("outbox", subject=batch.batch_no)]


async def test_all_accounts_are_taken(site: Telling) -> None:
    batch = await told(site)
    assert await site.receipt(batch, 5, 0) == GOOD
    now = await site.now(batch)
    assert (now.state, now.succeeded, now.failed) == ("succeeded", 5, 0)
    assert now.receipt_at == site.office.clock.now_ms()
    assert outbox_states(site, batch) == ["succeeded"] * 3
    assert site.office.books.kinds(batch.batch_no) == ["basedata.queued", "basedata.succeeded"]
    assert site.office.books.archived("2952") == [("2952", batch.batch_no, GOOD)]
    [outcome] = await site.push()
    assert outcome.batch is None


async def test_single_accounts_are_refused_and_kept(site: Telling) -> None:
    batch = await told(site)
    assert await site.receipt(batch, 4, 1, (ACCOUNTS[0], GOOD), REFUSED) == GOOD
    now = await site.now(batch)
    assert (now.state, now.succeeded, now.failed) == ("partly", 4, 1)
    assert lines(site, batch) == {
        ACCOUNTS[0]: (GOOD, "户名不符"),
        ACCOUNTS[1]: (BAD, "户名不符"),
    }
    assert outbox_states(site, batch) == ["partly"] * 3
    # 5952 is a whole list: the next push tells all of it again.
    again = await site.batch()
    assert (again.mode, again.entries) == ("full", 5)
    await site.deliver()
    assert await site.receipt(again, 5, 0) == GOOD
    assert (await site.now(batch)).state == "partly"


async def test_a_batch_that_was_refused_goes_again_under_a_new_number(site: Telling) -> None:
    batch = await told(site)
    # That every one failed says all by itself.
    assert await site.receipt(batch, 0, 5) == GOOD
    assert (await site.now(batch)).state == "failed"
    again = await site.resend(batch.batch_no)
    assert again.batch_no != batch.batch_no
    assert again.digest == batch.digest


async def test_a_repeated_receipt_changes_nothing(site: Telling) -> None:
    batch = await told(site)
    assert await site.receipt(batch, 4, 1, REFUSED) == GOOD
    before = site.office.books.counts()
    # Taken accounts may be listed or not, in any order.
    assert await site.receipt(batch, 4, 1, REFUSED) == GOOD
    assert await site.receipt(batch, 4, 1, REFUSED, (ACCOUNTS[0], GOOD)) == GOOD
    assert site.office.books.counts() == before


@pytest.mark.parametrize(
    ("counts", "details", "tag"),
    [
        ((5, 0), [], "SuccCount"),
        ((4, 2), [REFUSED], "FailCount"),
        ((4, 1), [(ACCOUNTS[1], "99999")], "DetailList"),
        ((4, 1), [(ACCOUNTS[2], BAD)], "DetailList"),
    ],
)
async def test_a_contradicting_receipt_is_refused(
    site: Telling, counts: tuple[int, int], details: list[tuple[str, str]], tag: str
) -> None:
    batch = await told(site)
    assert await site.receipt(batch, 4, 1, REFUSED) == GOOD
    assert await site.receipt(batch, *counts, *details) == CONFLICT
    assert site.information == f"{tag}: 与已登记的回执不一致"
    now = await site.now(batch)
    assert (now.state, now.succeeded, now.failed) == ("partly", 4, 1)
    assert lines(site, batch) == {ACCOUNTS[1]: (BAD, "户名不符")}
    assert site.office.books.kinds(batch.batch_no)[-1] == "basedata.contradicted"


async def test_the_receipt_comes_before_the_acknowledgement(site: Telling) -> None:
    """The bank has everything; its answers to the last pack are lost."""
    script = site.office.nodes[BANK].script
    script.add(Rule(number="5952", nth=3, do=Behaviour(ending="close")))
    batch = await site.batch()
    await site.deliver()
    assert (await site.now(batch)).state == "sent"
    assert await site.receipt(batch, 5, 0) == GOOD
    assert (await site.now(batch)).state == "succeeded"
    # Nothing is sent any more, and nothing moves the batch.
    site.office.clock.advance(seconds=10)
    await site.deliver()
    assert len(site.told(BANK, "5952")) == 3
    assert (await site.now(batch)).state == "succeeded"


async def test_a_receipt_for_what_was_not_sent_is_refused(site: Telling) -> None:
    script = site.office.nodes[BANK].script
    script.add(Rule(number="5952", nth=2, do=Behaviour(ending="close")))
    batch = await site.batch()
    await site.deliver()
    assert await site.receipt(batch, 5, 0) == FAILURE
    assert site.information == "该批次尚有子包未发送"
    assert (await site.now(batch)).receipt_at == 0
    site.office.clock.advance(seconds=10)
    await site.deliver()
    assert await site.receipt(batch, 5, 0) == GOOD


async def test_the_receipt_comes_after_the_deadline(site: Telling) -> None:
    batch = await told(site)
    site.office.clock.advance(seconds=3600)
    await site.deliver()
    assert await site.receipt(batch, 5, 0) == GOOD
    assert (await site.now(batch)).state == "succeeded"


async def test_an_overdue_batch_is_told_under_a_new_number(site: Telling) -> None:
    batch = await told(site)
    site.office.clock.advance(seconds=3600)
    again = await site.resend(batch.batch_no)
    assert again.batch_no != batch.batch_no
    await site.deliver()
    # Both receipts come after all.
    assert await site.receipt(again, 5, 0) == GOOD
    assert await site.receipt(batch, 4, 1, REFUSED) == GOOD
    assert (await site.now(again)).state == "succeeded"
    assert (await site.now(batch)).state == "partly"
    [outcome] = await site.push()
    assert outcome.batch is None


async def test_the_receipt_of_a_failed_batch_counts(site: Telling) -> None:
    """Given up although the bank had all of it."""
    site.answers[BANK] = ["00000", "00000", "10002"]
    batch = await site.batch()
    await site.deliver()
    assert (await site.now(batch)).state == "failed"
    assert await site.receipt(batch, 5, 0) == GOOD
    assert (await site.now(batch)).state == "succeeded"
    assert "was failed" in site.office.notes()


@pytest.mark.parametrize(
    ("good", "bad", "details", "information"),
    [
        (4, 0, [], "SuccCount,FailCount: 合计与批次总笔数5不一致"),
        (5, 1, [REFUSED], "SuccCount,FailCount: 合计与批次总笔数5不一致"),
        (-1, 6, [], "SuccCount: 不能小于0"),
        (6, -1, [], "FailCount: 不能小于0"),
        (4, 1, [], "DetailList: 失败明细数与FailCount不一致"),
        (5, 0, [REFUSED], "DetailList: 失败明细数与FailCount不一致"),
        (3, 2, [REFUSED, (ACCOUNTS[0], GOOD)], "DetailList: 失败明细数与FailCount不一致"),
        (4, 1, [("32001000000000000067", BAD)], "AcctNo: ****0067 不在该批次中"),
        (3, 2, [REFUSED, REFUSED], "AcctNo: ****0042 重复"),
    ],
)
async def test_wrong_receipts(
    site: Telling, good: int, bad: int, details: list[tuple[str, str]], information: str
) -> None:
    batch = await told(site)
    assert await site.receipt(batch, good, bad, *details) == FORMAT
    assert site.information == information
    assert (await site.now(batch)).state == "acknowledged"
    assert await site.receipt(batch, 5, 0) == GOOD


async def test_strangers_and_other_batches(site: Telling) -> None:
    batch = await told(site)
    regions = await site.batch(BANK, Kind.REGIONS)
    platform = await site.batch(PLATFORM, Kind.ACCOUNTS)
    await site.deliver()
    for number in ("JC20260101000001", regions.batch_no, platform.batch_no):
        assert await site.receipt(number, 5, 0) == FAILURE
        assert site.information == "批次号不存在"
    assert await site.receipt(batch, 5, 0, src=OTHER) == FAILURE
    assert site.information == "批次号不存在"
    assert (await site.now(batch)).state == "acknowledged"
    assert site.office.books.archived("2952") == []


async def test_a_receipt_that_is_late_by_a_list(site: Telling) -> None:
    """The older batch's receipt says nothing of what was told after it."""
    old = await told(site)
    await site.change(account("1000"))
    new = await told(site)
    assert await site.receipt(new, 6, 0) == GOOD
    assert await site.receipt(old, 4, 1, REFUSED) == GOOD
    [outcome] = await site.push()
    assert outcome.batch is None
