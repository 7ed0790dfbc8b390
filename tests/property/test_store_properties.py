"""Properties of the store: batches are like a loop, lanes keep order, no tampering goes unseen."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nontax.gateway.store import Store, journal, meta, open_store, outbox, serials
from nontax.gateway.store.records import OutboxMessage

URL = "sqlite:///books.db"
FEWER = settings.get_profile(settings.get_current_profile_name()).max_examples // 2


def with_store(test: Callable[[Store, Path], Awaitable[None]]) -> None:
    """Run a coroutine over a new store."""

    async def run(directory: Path) -> None:
        store = await open_store(URL, directory, create=True)
        try:
            await test(store, directory)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


# -- batches ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A unit: takes COUNT serials, adds them to a name's value, then perhaps fails."""

    name: str
    count: int
    fails: bool
    writes: bool


STEPS = st.lists(
    st.builds(
        Step,
        name=st.sampled_from("abc"),
        count=st.integers(1, 3),
        fails=st.booleans(),
        writes=st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=FEWER)
@given(STEPS)
def test_a_batch_is_like_its_units_one_after_the_other(steps: list[Step]) -> None:
    """Whatever units share a commit and whichever fail: results and books are those of a loop."""

    def unit(one: Step):
        async def work(tx):
            if one.writes:
                taken = await serials.next_block(tx, "s", one.count)
                before = await meta.get(tx, one.name) or ""
                await meta.put(tx, one.name, f"{before}+{taken[-1]}")
                if one.fails:
                    raise LookupError
                return taken[-1]
            if one.fails:
                raise LookupError
            return await meta.get(tx, one.name)

        return work

    model: dict[str, str] = {}
    last, expected = 0, []
    for one in steps:
        if one.fails:
            expected.append(None)
        elif one.writes:
            last += one.count
            model[one.name] = f"{model.get(one.name, '')}+{last}"
            expected.append(last)
        else:
            expected.append(model.get(one.name))

    async def run(store: Store, _: Path) -> None:
        go_on = threading.Event()
        holding = asyncio.ensure_future(store.transact(lambda tx: _wait(go_on)))
        waiting = [asyncio.ensure_future(store.transact(unit(one))) for one in steps]
        await asyncio.sleep(0)
        go_on.set()
        await holding
        results = await asyncio.gather(*waiting, return_exceptions=True)
        failed = [isinstance(result, LookupError) for result in results]
        assert failed == [one.fails for one in steps]
        assert [None if f else r for f, r in zip(failed, results, strict=True)] == expected
        for name in "abc":
            assert await store.read(lambda tx, n=name: meta.get(tx, n)) == model.get(name)
        assert await store.read(lambda tx: serials.last_number(tx, "s")) == last

    with_store(run)


async def _wait(event: threading.Event) -> None:
    assert event.wait(30)


# -- lanes --------------------------------------------------------------------------------


@dataclass
class Model:
    """What an outbox with two peers and two lanes each should do, in plain Python."""

    rows: dict[int, tuple[str, str]] = field(default_factory=dict)  # id → peer, lane; living
    due: dict[int, int] = field(default_factory=dict)
    leases: dict[int, tuple[str, int]] = field(default_factory=dict)

    def heads(self) -> set[int]:
        lanes: dict[tuple[str, str], int] = {}
        for number in sorted(self.rows):
            lanes.setdefault(self.rows[number], number)
        return set(lanes.values())

    def claimable(self, now: int) -> set[int]:
        return {
            number
            for number in self.heads()
            if self.due[number] <= now and self.leases.get(number, ("", 0))[1] <= now
        }


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("enqueue"), st.sampled_from("PQ"), st.sampled_from("xy")),
        st.tuples(st.just("claim"), st.sampled_from("vw"), st.integers(1, 3)),
        st.tuples(st.just("finish"), st.sampled_from("vw"), st.integers(0, 9)),
        st.tuples(st.just("retry"), st.sampled_from("vw"), st.integers(0, 9)),
        st.tuples(st.just("pass"), st.just(""), st.integers(1, 30)),
    ),
    max_size=40,
)


@settings(max_examples=FEWER)
@given(ACTIONS)
def test_lanes_deliver_in_order_to_one_owner_at_a_time(actions: list[tuple]) -> None:
    async def run(store: Store, _: Path) -> None:
        model, now = Model(), 0
        for action, who, what in actions:
            if action == "pass":
                now += what
            elif action == "enqueue":
                await _enqueue(store, model, who, what, now)
            elif action == "claim":
                await _claim(store, model, who, what, now)
            else:
                await _end(store, model, action, who, what, now)
            due = [
                max(model.due[number], model.leases.get(number, ("", 0))[1])
                for number in model.heads()
            ]
            assert await store.read(outbox.next_due) == min(due, default=None)

    with_store(run)


async def _enqueue(store: Store, model: Model, peer: str, lane: str, now: int) -> None:
    new = OutboxMessage(
        0, peer, lane, "5996", "unit", "", f"M{len(model.due)}", "", "", now, 10**6, now, now
    )
    number = await store.transact(lambda tx: outbox.enqueue(tx, new))
    model.rows[number], model.due[number] = (peer, lane), now


async def _claim(store: Store, model: Model, who: str, limit: int, now: int) -> None:
    found = await store.transact(
        lambda tx: outbox.claim(tx, who, now=now, lease_ms=20, limit=limit)
    )
    possible = model.claimable(now)
    assert {message.id for message in found} <= possible
    assert len(found) == min(limit, len(possible))
    for message in found:
        model.leases[message.id] = (who, now + 20)


async def _end(store: Store, model: Model, action: str, who: str, which: int, now: int) -> None:
    if which not in model.due:
        return
    if action == "finish":
        done = await store.transact(lambda tx: outbox.finish(tx, which, who, "succeeded", at=now))
    else:
        done = await store.transact(
            lambda tx: outbox.retry(tx, which, who, next_at=now + 15, at=now)
        )
    mine = which in model.rows and model.leases.get(which, ("", 0))[0] == who
    assert bool(done) is mine
    if mine:
        del model.leases[which]
        model.due[which] = now + 15
        if action == "finish":
            del model.rows[which]


# -- the journal --------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
FACTS = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.none(), st.lists(TEXT)), max_size=3)
ENTRIES = st.lists(st.tuples(TEXT, TEXT, TEXT, FACTS), min_size=1, max_size=4)
COLUMNS = ("at", "kind", "subject", "actor", "facts", "prev_hash", "hash")


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[sqlite3.Connection]:
    raw = sqlite3.connect(directory / "books.db", isolation_level=None)
    try:
        yield raw
    finally:
        raw.close()


@settings(max_examples=FEWER)
@given(ENTRIES, st.data())
def test_no_change_of_a_row_goes_unseen(entries: list[tuple], data: st.DataObject) -> None:
    async def run(store: Store, directory: Path) -> None:
        for kind, subject, actor, facts in entries:
            await store.transact(
                lambda tx, k=kind, s=subject, a=actor, f=facts: journal.append(
                    tx, at=1, kind=k, subject=s, actor=a, facts=f
                )
            )
        report = await store.scan(journal.verify)
        assert (report.ok, report.rows) == (True, len(entries))
        row = data.draw(st.integers(1, len(entries)), "row")
        column = data.draw(st.sampled_from(COLUMNS), "column")
        with _opened(directory) as raw:
            raw.execute("DROP TRIGGER journal_keeps_rows")
            (old,) = raw.execute(
                f"SELECT {column} FROM journal WHERE seq = ?",  # noqa: S608 - a column's name
                (row,),
            ).fetchone()
            kinds = st.integers(-5, 5) if isinstance(old, int) else TEXT
            new = data.draw(kinds.filter(lambda value: value != old), "new")
            raw.execute(
                f"UPDATE journal SET {column} = ? WHERE seq = ?",  # noqa: S608 - a column's name
                (new, row),
            )
        report = await store.scan(journal.verify)
        assert (report.ok, report.first_bad) == (False, row)

    with_store(run)
