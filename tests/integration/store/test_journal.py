"""The journal: what was written stays written, and whoever changes it is found out."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from nontax.gateway.store import Store, StoreError, journal

ROWS = 5


async def append(store: Store, number: int) -> int:
    return await store.transact(
        lambda tx: journal.append(
            tx,
            at=number,
            kind="payment.booked",
            subject=f"bill-{number}",
            actor="D3206820105",
            facts={"b": number, "a": ["退付", None, True]},
        )
    )


@pytest.fixture
async def filled(store: Store) -> Store:
    for number in range(1, ROWS + 1):
        assert await append(store, number) == number
    return store


async def test_rows_are_chained_and_canonical(filled: Store) -> None:
    report = await filled.scan(journal.verify)
    last, digest = await filled.read(journal.head)
    assert (report.ok, report.rows, report.head) == (True, ROWS, digest)
    assert last == ROWS
    rows = await filled.read(lambda tx: journal.page(tx, after=2, limit=2))
    assert [row.seq for row in rows] == [3, 4]
    assert rows[1].prev_hash == rows[0].hash
    assert rows[0].facts == '{"a":["退付",null,true],"b":3}'
    (row,) = await filled.read(lambda tx: journal.of_subject(tx, "bill-3"))
    assert row == rows[0]


async def test_an_empty_journal_is_sound(store: Store) -> None:
    report = await store.scan(journal.verify)
    assert (report.ok, report.rows, report.head) == (True, 0, journal.GENESIS)


async def test_export_streams_all_rows_over_pages(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(journal, "_PAGE_ROWS", 2)
    for number in range(1, ROWS + 1):
        await append(store, number)

    async def collect(tx):
        return [entry.seq async for entry in journal.export(tx, after=1)]

    assert await store.scan(collect) == [2, 3, 4, 5]
    assert (await store.scan(journal.verify)).rows == ROWS


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET facts = '{}' WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 5",
        "DELETE FROM journal_head",
        "INSERT INTO journal SELECT 9, 1, 'k', 's', 'a', '{}', hash, hash FROM journal_head",
        "INSERT INTO journal VALUES (6, 1, 'k', 's', 'a', '{}', 'x', 'y')",
        "INSERT OR REPLACE INTO journal VALUES (5, 1, 'k', 's', 'a', '{}', 'x', 'y')",
    ],
)
async def test_the_database_itself_refuses_changes(filled: Store, statement: str) -> None:
    with pytest.raises(StoreError, match="journal"):
        await filled.transact(lambda tx: tx.run(statement))
    assert (await filled.scan(journal.verify)).ok


async def tampered(store: Store, tmp_path: Path, change: Callable[[sqlite3.Connection], object]):
    """Change the file behind the gateway's back, with the triggers out of the way."""
    with contextlib.closing(sqlite3.connect(tmp_path / "books.db", isolation_level=None)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
            raw.execute(f"DROP TRIGGER {name}")
        change(raw)
    return await store.scan(journal.verify)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", 99),
        ("kind", "payment.booke"),
        ("subject", "bill-4"),
        ("actor", "D3206820301"),
        ("facts", json.dumps({"b": 4})),
        ("prev_hash", "f" * 64),
        ("hash", "f" * 64),
        ("seq", 77),
    ],
)
@pytest.mark.parametrize("row", [1, 3, ROWS])
async def test_a_changed_column_is_found(
    filled: Store, tmp_path: Path, column: str, value: object, row: int
) -> None:
    report = await tampered(
        filled,
        tmp_path,
        lambda raw: raw.execute(
            f"UPDATE journal SET {column} = ? WHERE seq = ?",  # noqa: S608 - the test's own
            (value, row),
        ),
    )
    assert not report.ok
    assert report.first_bad == row
    assert report.fault


async def test_a_character_moved_between_columns_is_found(filled: Store, tmp_path: Path) -> None:
    report = await tampered(
        filled,
        tmp_path,
        lambda raw: raw.execute(
            "UPDATE journal SET kind = kind || 'b', subject = substr(subject, 2) WHERE seq = 2"
        ),
    )
    assert (report.ok, report.first_bad) == (False, 2)


@pytest.mark.parametrize(("where", "first_bad"), [("seq = 1", 1), ("seq = 3", 3), ("seq > 3", 4)])
async def test_missing_rows_are_found(
    filled: Store, tmp_path: Path, where: str, first_bad: int
) -> None:
    report = await tampered(
        filled,
        tmp_path,
        lambda raw: raw.execute(f"DELETE FROM journal WHERE {where}"),  # noqa: S608 - the test's
    )
    assert (report.ok, report.first_bad) == (False, first_bad)


async def test_an_emptied_journal_is_found(filled: Store, tmp_path: Path) -> None:
    report = await tampered(filled, tmp_path, lambda raw: raw.execute("DELETE FROM journal"))
    assert (report.ok, report.rows, report.first_bad) == (False, 0, 1)


async def test_a_row_added_behind_the_head_is_found(filled: Store, tmp_path: Path) -> None:
    _, digest = await filled.read(journal.head)
    forged = journal.chain_hash(digest, ROWS + 1, 1, kind="k", subject="s", actor="a", facts="{}")
    report = await tampered(
        filled,
        tmp_path,
        lambda raw: raw.execute(
            "INSERT INTO journal VALUES (?, 1, 'k', 's', 'a', '{}', ?, ?)",
            (ROWS + 1, digest, forged),
        ),
    )
    assert not report.ok


async def test_a_rewritten_journal_has_another_head(filled: Store, tmp_path: Path) -> None:
    """All rows and the head made anew are consistent: only a head kept elsewhere tells."""
    noted = (await filled.scan(journal.verify)).head

    def rewrite(raw: sqlite3.Connection) -> None:
        previous = journal.GENESIS
        rows = raw.execute("SELECT seq, at, kind, subject, actor FROM journal").fetchall()
        for seq, at, kind, subject, actor in rows:
            digest = journal.chain_hash(
                previous, seq, at, kind=kind, subject=subject, actor=actor, facts="{}"
            )
            raw.execute(
                "UPDATE journal SET facts = '{}', prev_hash = ?, hash = ? WHERE seq = ?",
                (previous, digest, seq),
            )
            previous = digest
        raw.execute("UPDATE journal_head SET hash = ?", (previous,))

    report = await tampered(filled, tmp_path, rewrite)
    assert report.ok
    assert report.head != noted
