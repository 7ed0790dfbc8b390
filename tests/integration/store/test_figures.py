"""Contract: daily figures, corrections, posting files, and what their constraints refuse."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from nontax.gateway.store import (
    ConstraintViolated,
    Store,
    figures,
    figuresources,
    funds,
    income,
    postings,
    refunds,
)
from nontax.gateway.store.figures import FigureDay
from nontax.gateway.store.income import Income
from nontax.gateway.store.postings import PostingFile
from nontax.gateway.store.protocol import StoreError
from nontax.reconcile.figures.model import Cause, Correction, Measure, Row

from .conftest import Make

DAY, NEXT = "20261123", "20261124"
ROW = Row(DAY, "settling", "320682", "U", "I", "N", "A", "unit", "item", "account", collected=5)
FIRST = Correction(
    1, DAY, "settling", "320682", "U", "I", "N", "A", "unit", "item", "account",
    Measure.COLLECTED, 7, Cause.REPAIR, "P", NEXT, 9, "maker1",
)  # fmt: skip
FILE = PostingFile(1, "sample", DAY, 9, "maker1", 2, 5, 5, "0" * 64, "{}", "x")


async def closed(store: Store, day: str = DAY) -> None:
    await store.transact(partial(figures.begin, date=day, at=1))
    assert await store.transact(
        partial(
            figures.close, closed=FigureDay(day, "closed", 1, 2, "maker1", 1, 2, "a", 3, 4, "b")
        )
    )


async def test_rows_add_up_while_a_day_is_closing(store: Store) -> None:
    await store.transact(partial(figures.begin, date=DAY, at=1))
    await store.transact(partial(figures.begin, date=DAY, at=2))
    other = replace(ROW, unit_name="renamed", collected=3, movements=2)
    await store.transact(partial(figures.add, rows=[ROW, replace(ROW, item_code="J")]))
    await store.transact(partial(figures.add, rows=[other]))
    found = await store.read(partial(figures.rows, date=DAY))
    assert found == [replace(ROW, collected=8, movements=2), replace(ROW, item_code="J")]
    day = await store.read(partial(figures.day, date=DAY))
    assert day is not None
    assert (day.state, day.started_at) == ("closing", 1)
    assert await store.read(partial(figures.closing_days, until=DAY)) == [DAY]


async def test_a_day_is_closed_once_and_none_before_it(store: Store) -> None:
    await closed(store)
    again = FigureDay(DAY, "closed", 1)
    assert not await store.transact(partial(figures.close, closed=again))
    last = await store.read(figures.last_closed)
    assert last is not None
    assert (last.day, last.income.amt, last.deposits.digest) == (DAY, 2, "b")
    before = await store.read(partial(figures.closed_before, date=NEXT))
    after = await store.read(partial(figures.closed_after, date="20261101"))
    assert before == after == last
    with pytest.raises(StoreError):
        await store.transact(partial(figures.begin, date="20261122", at=3))
    with pytest.raises(StoreError):
        await store.transact(partial(figures.add, rows=[ROW]))


async def test_corrections_are_numbered_and_only_of_closed_days(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.transact(partial(figures.correct, corrections=[FIRST]))
    await closed(store)
    second = replace(FIRST, no=2, day="20261101")
    await store.transact(partial(figures.correct, corrections=[FIRST, second]))
    for wrong in (second, replace(FIRST, no=4), replace(FIRST, no=3, day=NEXT)):
        with pytest.raises(StoreError):
            await store.transact(partial(figures.correct, corrections=[wrong]))
    assert await store.read(figures.last_correction) == 2
    assert await store.read(partial(figures.corrections_of, date=DAY)) == [FIRST]
    assert await store.read(partial(figures.corrections_between, after=1, until=2)) == [second]


async def test_a_source_is_entered_once(with_payment: Store) -> None:
    store = with_payment
    [paid] = await store.read(partial(figuresources.payments, after=0, until=DAY, limit=9))
    assert (paid.payment_id, paid.amt, paid.unit_code, paid.detail) == (1, 8000, "0104901", "")
    assert await store.read(partial(figures.first_unentered, since=0)) == 0
    work = partial(figures.enter, kind="payment", source="1", date=DAY, detail="[]")
    await store.transact(work)
    with pytest.raises(ConstraintViolated):
        await store.transact(work)
    assert not await store.read(partial(figuresources.payments, after=0, until=DAY, limit=9))


async def test_what_follows_from_a_payment_is_found_until_it_is_entered(
    with_payment: Store, make: Make
) -> None:
    store = with_payment
    done = replace(make.refund(), state="succeeded", changed_at=5, tra_date=DAY, amt=3000)
    await store.transact(partial(refunds.insert, refund=done))
    confirmed = Income(1, done.pay_code, "SJ1", NEXT, 9, "maker1")
    await store.transact(partial(income.insert, income=confirmed))
    later = replace(done, refund_no="TF2", changed_at=10, amt=100, tra_date="")
    await store.transact(partial(refunds.insert, refund=later))
    await store.transact(
        partial(refunds.insert, refund=replace(done, refund_no="TF3", state="sent"))
    )
    one, two = await store.read(partial(figuresources.refunded, after="", until=NEXT, limit=9))
    assert (one.refund_no, one.before, one.confirmed_on) == ("TF1", 0, "")
    assert (two.refund_no, two.before, two.confirmed_on) == ("TF2", 3000, NEXT)
    confirming = partial(figuresources.confirmed, after=0, limit=9)
    assert await store.read(partial(confirming, until=DAY)) == []
    [found] = await store.read(partial(confirming, until=NEXT))
    assert (found.refunded, found.confirmed_on) == (3000, NEXT)
    await store.transact(partial(figures.enter, kind="income", source="1", date=NEXT))
    assert await store.read(partial(confirming, until=NEXT)) == []
    await store.transact(partial(figures.enter, kind="refund", source="TF1", date=DAY))
    left = await store.read(partial(figuresources.refunded, after="", until=NEXT, limit=9))
    assert [refund.refund_no for refund in left] == ["TF2"]
    assert (await store.read(partial(funds.of_payment, payment_id=1))).arrived_on == ""


async def test_posting_files_are_numbered_and_acknowledged_once(store: Store) -> None:
    await closed(store)
    assert await store.read(postings.next_no) == 1
    await store.transact(partial(postings.insert, file=FILE))
    assert await store.read(postings.next_no) == 2
    for wrong in (replace(FILE, no=3, template_set="x"), replace(FILE, no=2)):
        with pytest.raises(StoreError):
            await store.transact(partial(postings.insert, file=wrong))
    assert await store.read(partial(postings.get, no=1)) == FILE
    found = await store.read(partial(postings.of_day, template_set="sample", day=DAY))
    assert found == FILE
    ack = partial(postings.acknowledge, no=1, at=20, by="maker1", note="ok")
    assert await store.transact(ack)
    assert not await store.transact(ack)
    assert await store.read(partial(postings.page, open_only=True)) == []
    [listed] = await store.read(partial(postings.page, day=DAY))
    assert (listed.acked_at, listed.acked_by, listed.ack_note) == (20, "maker1", "ok")
