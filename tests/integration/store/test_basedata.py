"""Contract: base data that nodes were told. Batches, their packs and entries, receipts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nontax.gateway.store import ConstraintViolated, Store, basedata, journal
from nontax.gateway.store.basedata import Batch, Line, PackState, Told, state_of

BANK = "D3206820105"
FIRST = Batch(
    id=0,
    batch_no="JC20261122000001",
    peer=BANK,
    kind="accounts",
    number="5952",
    mode="full",
    entries=3,
    packs=2,
    digest="a" * 64,
    made_by="maker1",
    created_at=1,
    changed_at=1,
)
LINES = {"1001": "d1", "1002": "d2", "1003": "d3"}


async def add(
    store: Store,
    number: int = 1,
    lines: dict[str, str] | None = None,
    outbox: tuple[int, ...] = (11, 12),
    **changes: Any,
) -> Batch:
    batch = replace(FIRST, batch_no=f"JC{number:06d}", **changes)
    told = LINES if lines is None else lines
    batch_id = await store.transact(lambda tx: basedata.add(tx, batch, outbox, told))
    return replace(batch, id=batch_id)


async def move(store: Store, outbox_id: int, state: PackState, **more: Any) -> Batch | None:
    return await store.transact(lambda tx: basedata.move_pack(tx, outbox_id, state, at=9, **more))


async def test_a_batch_comes_back_as_it_was_written(store: Store) -> None:
    batch = await add(store)
    assert await store.read(lambda tx: basedata.get(tx, "JC000001")) == batch
    assert await store.read(lambda tx: basedata.get(tx, "JC000001", lock=True)) == batch
    assert await store.read(lambda tx: basedata.get(tx, "JC000002")) is None
    packs = await store.read(lambda tx: basedata.packs(tx, batch.id))
    assert [(pack.pack_no, pack.outbox_id, pack.state) for pack in packs] == [
        (1, 11, "queued"),
        (2, 12, "queued"),
    ]
    lines = await store.read(lambda tx: basedata.lines(tx, batch.id))
    assert {line.entry: line.digest for line in lines} == LINES
    with pytest.raises(ConstraintViolated):
        await add(store, outbox=(21, 22))
    with pytest.raises(ConstraintViolated):
        await add(store, 2)  # a message belongs to one batch


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (("queued", "queued"), "queued"),
        (("sent", "queued"), "sent"),
        (("acknowledged", "queued"), "sent"),
        (("acknowledged", "acknowledged"), "acknowledged"),
        (("succeeded", "acknowledged"), "acknowledged"),
        (("succeeded", "succeeded"), "succeeded"),
        (("succeeded", "failed"), "failed"),
        (("failed", "queued"), "failed"),
    ],
)
async def test_a_batch_needs_every_pack(
    store: Store, states: tuple[PackState, PackState], whole: str
) -> None:
    assert state_of(states) == whole
    await add(store)
    batch = None
    for outbox_id, state in zip((11, 12), states, strict=True):
        batch = await move(store, outbox_id, state, information=f"{state}!")
    assert batch is not None
    assert (batch.state, batch.changed_at) == (whole, 9)
    assert await move(store, 99, "sent") is None


async def test_why_a_batch_failed_stays_until_it_is_mended(store: Store) -> None:
    await add(store)
    await move(store, 11, "failed", information="failed: 10002")
    batch = await move(store, 12, "acknowledged")
    assert batch is not None
    assert (batch.state, batch.information) == ("failed", "failed: 10002")
    batch = await move(store, 11, "queued")
    assert batch is not None
    assert (batch.state, batch.information) == ("sent", "")


async def test_a_receipt_ends_a_batch(store: Store) -> None:
    batch = await add(store)
    said = [Line(batch.id, "1002", "", "16004", "户名不符"), Line(batch.id, "1001", "", "00000")]
    state = await store.transact(
        lambda tx: basedata.receive(tx, batch, succeeded=2, failed=1, said=said, at=7)
    )
    assert state == "partly"
    now = await store.read(lambda tx: basedata.get(tx, batch.batch_no))
    assert now is not None
    assert (now.state, now.succeeded, now.failed, now.receipt_at) == ("partly", 2, 1, 7)
    refused = await store.read(lambda tx: basedata.refused_lines(tx, batch.id))
    assert refused == [Line(batch.id, "1002", "d2", "16004", "户名不符")]
    # What the outbox says afterwards moves it no more, and a second receipt is not taken.
    assert await move(store, 11, "failed") == now
    await store.transact(
        lambda tx: basedata.receive(tx, batch, succeeded=3, failed=0, said=[], at=8)
    )
    assert await store.read(lambda tx: basedata.get(tx, batch.batch_no)) == now
    other = await add(store, 2, outbox=(21, 22))
    with pytest.raises(ConstraintViolated):
        await store.transact(
            lambda tx: basedata.receive(tx, other, succeeded=3, failed=1, said=[], at=8)
        )


async def test_what_was_told_is_the_last_of_each_entry(store: Store) -> None:
    await add(store, 1, {"old": "x"}, (1,))
    base = await add(store, 2, outbox=(2,))
    await add(store, 3, {"1001": "e1", "1004": "d4"}, (3,), mode="changes")
    await add(store, 4, {"1002": "e2"}, (4,), mode="changes")
    await add(store, 5, {"1003": "other kind"}, (5,), kind="units")
    await move(store, 4, "failed")
    assert await store.read(lambda tx: basedata.latest_full(tx, BANK, "accounts")) == base
    latest = await store.read(lambda tx: basedata.latest(tx, BANK, "accounts"))
    assert latest is not None
    assert latest.batch_no == "JC000004"
    assert await store.read(lambda tx: basedata.told_since(tx, base)) == {
        "1001": Told("e1", failed=False),
        "1002": Told("e2", failed=True),
        "1003": Told("d3", failed=False),
        "1004": Told("d4", failed=False),
    }
    # What came later stands, whatever becomes of the earlier one.
    await move(store, 2, "failed")
    told = await store.read(lambda tx: basedata.told_since(tx, base))
    assert [entry for entry, one in told.items() if one.failed] == ["1002", "1003"]
    assert await store.read(lambda tx: basedata.latest(tx, BANK, "regions")) is None


async def test_the_last_batches_are_listed(store: Store) -> None:
    await add(store, 1, {}, (1,))
    await add(store, 2, {}, (2,))
    await add(store, 3, {}, (3,), peer="G000001", kind="units")

    async def numbers(**wanted: Any) -> list[str]:
        return [b.batch_no for b in await store.scan(lambda tx: basedata.page(tx, **wanted))]

    assert await numbers() == ["JC000002", "JC000003"]
    assert await numbers(latest_only=False) == ["JC000002", "JC000001", "JC000003"]
    assert await numbers(peer="G000001") == ["JC000003"]
    assert await numbers(kind="accounts", latest_only=False, limit=1) == ["JC000002"]


async def test_changes_of_the_catalogue_are_seen_in_the_journal(store: Store) -> None:
    async def note(kind: str) -> None:
        await store.transact(
            lambda tx: journal.append(tx, at=1, kind=kind, subject="s", actor="a", facts={})
        )

    async def changed(after: int) -> tuple[int, bool]:
        return await store.scan(lambda tx: basedata.catalogue_changed(tx, after))

    assert await changed(0) == (0, False)
    await note("bill.made")
    assert await changed(0) == (1, False)
    await note("catalogue.changed")
    await note("bill.made")
    assert await changed(0) == (3, True)
    assert await changed(1) == (3, True)
    assert await changed(2) == (3, False)
    await note("catalogue.added")
    assert await changed(3) == (4, True)


@pytest.mark.parametrize(
    "changes",
    [{"kind": "bills"}, {"mode": "half"}, {"state": "unknown"}, {"entries": 0}, {"digest": "a"}],
)
async def test_what_the_schema_refuses(store: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(ConstraintViolated):
        await add(store, **changes)
