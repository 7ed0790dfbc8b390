"""The inbox's rows: counted, limited by node, moved by people, never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nontax.gateway.store import ConstraintViolated, Store, StoreError, inbox
from nontax.gateway.store.inbox import InboxEntry, InboxMessage

BANK, OTHER = "D3206820105", "D3206820301"


def message(digest: str = "a", **changes: Any) -> InboxMessage:
    row = InboxMessage(
        id=0,
        peer=BANK,
        number="2612",
        msg_id="M1",
        msg_ref="M1",
        work_date="20261123",
        received_at=5,
        last_at=5,
        result="10002",
        information="报文字段 Amt",
        form="voucher",
        size=3,
        digest=digest * 64,
        content="v1:",
        changed_at=5,
    )
    return replace(row, **changes)


async def keep(store: Store, row: InboxMessage, limit: int = 10) -> str:
    return await store.transact(lambda tx: inbox.keep(tx, row, limit))


async def act(store: Store, **facts: Any) -> int:
    entry = InboxEntry(**({"id": 0, "inbox_id": 1, "actor": "li", "reason": "", "at": 6} | facts))
    return await store.transact(lambda tx: inbox.act(tx, entry))


async def propose(store: Store) -> int:
    proposal = await act(store, action="propose", voucher="v1:", digest="b" * 64)
    await store.transact(
        lambda tx: inbox.proposed(tx, 1, proposal, proposer="li", reason="更正", at=6)
    )
    return proposal


async def test_a_message_comes_back_as_it_was_kept(store: Store) -> None:
    assert await keep(store, message()) == "kept"
    row = await store.read(lambda tx: inbox.get(tx, 1))
    assert row == message(id=1)
    assert "Amt" not in repr(row)
    assert await store.read(lambda tx: inbox.get(tx, 2)) is None


async def test_copies_are_counted_and_time_does_not_run_back(store: Store) -> None:
    await keep(store, message())
    for at in (9, 7):
        assert await keep(store, message(received_at=at, last_at=at)) == "again"
    row = await store.read(lambda tx: inbox.get(tx, 1))
    assert row is not None
    assert (row.copies, row.received_at, row.last_at) == (3, 5, 9)
    assert await keep(store, message(number="2613")) == "kept"
    assert await keep(store, message(peer=OTHER)) == "kept"


async def test_the_limit_is_of_one_node_and_of_those_that_wait(store: Store) -> None:
    assert await keep(store, message("a"), 2) == "kept"
    assert await keep(store, message("b"), 2) == "kept"
    assert await keep(store, message("c"), 2) == "full"
    assert await keep(store, message("a"), 2) == "again"
    assert await keep(store, message("c", peer=OTHER), 2) == "kept"
    await store.transact(lambda tx: inbox.dropped(tx, 1, reason="x", at=6))
    assert await keep(store, message("c"), 2) == "kept"


async def test_pages(store: Store) -> None:
    for digest in "abc":
        await keep(store, message(digest))
    await keep(store, message("a", peer=OTHER))
    await store.transact(lambda tx: inbox.dropped(tx, 2, reason="x", at=6))

    async def ids(**narrowed: Any) -> list[int]:
        return [row.id for row in await store.scan(lambda tx: inbox.page(tx, **narrowed))]

    assert await ids() == [1, 2, 3, 4]
    assert await ids(states=("new", "proposed")) == [1, 3, 4]
    assert await ids(states=("dropped",)) == [2]
    assert await ids(peer=BANK, after=1, limit=1) == [2]
    assert await ids(number="2613") == []


async def test_a_proposal_and_its_end(store: Store) -> None:
    await keep(store, message())
    proposal = await propose(store)
    entry = await store.read(lambda tx: inbox.action(tx, proposal))
    assert entry is not None
    assert (entry.action, entry.actor, entry.voucher) == ("propose", "li", "v1:")

    async def processed(accepter: str, outcome: str) -> InboxMessage | None:
        await store.transact(
            lambda tx: inbox.processed(
                tx,
                1,
                accepter=accepter,
                outcome=outcome,
                outcome_text="",
                replayed=False,
                at=7,
            )
        )
        return await store.read(lambda tx: inbox.get(tx, 1))

    for accepter, outcome in (("li", "00000"), ("LI", "00000"), ("zhang", "11001")):
        with pytest.raises(ConstraintViolated):
            await processed(accepter, outcome)
    refused = await processed("", "11001")
    assert refused is not None
    assert (refused.state, refused.outcome) == ("proposed", "11001")
    accepted = await processed("zhang", "00000")
    assert accepted is not None
    assert (accepted.state, accepted.accepter) == ("accepted", "zhang")


async def test_what_came_and_what_was_done_stay(store: Store) -> None:
    await keep(store, message())
    await propose(store)
    for sql in (
        "UPDATE inbox SET content = ''",
        "UPDATE inbox SET digest = 'c'",
        "DELETE FROM inbox",
        "UPDATE inbox_actions SET actor = 'x'",
        "DELETE FROM inbox_actions",
    ):
        with pytest.raises(StoreError):
            await store.transact(lambda tx, sql=sql: tx.run(sql))


async def test_no_token_is_ever_kept(store: Store) -> None:
    with pytest.raises(ConstraintViolated):
        await keep(store, message(number="2003"))
