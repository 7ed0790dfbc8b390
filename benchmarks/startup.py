"""Rows 12 and 13: start to `listening`, and the import of 100,000 bills."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bureau import Bureau, bill_lines, run
from benchmarks.load import ENVIRONMENT, server
from benchmarks.rows import Row, row, seconds_of

IMPORTS = "import asyncio, lxml.etree, pydantic"


def start(*, rounds: int) -> Row:
    """Row 12: wall time from the command to its first line against bare imports."""
    program = str(Path(sys.executable).with_name("nontax"))
    ratios, ours_ms = [], []
    with tempfile.TemporaryDirectory(prefix="nontax-bench-") as folder:
        bureau = Bureau.make(Path(folder) / "bureau")
        config = bureau.config
        for number in range(rounds + 1):
            unit = _wall(
                lambda: subprocess.run([sys.executable, "-c", IMPORTS], check=True, env=ENVIRONMENT)
            )
            before = time.perf_counter()
            with server([program, "serve", "-c", str(config)]):
                took = time.perf_counter() - before
            if number:
                ratios.append(took / unit)
                ours_ms.append(took * 1000)
    details = {"ms": min(ours_ms)}
    return row(12, "start to listening / bare imports", ratios, must=5.0, aim=2.5, details=details)


def imports(*, rounds: int, bills: int) -> Row:
    """Row 13: CPU of `nontax bill import` against SQLite's insert of the same rows."""
    ratios, seconds = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="nontax-bench-") as folder:
            bureau = Bureau.make(Path(folder) / "bureau")
            file = Path(folder) / "bills.jsonl"
            file.write_text("".join(bill_lines(bills, bureau.today)), encoding="utf-8")
            ours = seconds_of(
                lambda bureau=bureau, file=file: run(
                    "bill", "import", str(file), "-c", str(bureau.config)
                )
            )
            unit = _bare_insert(bureau.directory / "nontax.db", Path(folder) / "bare.db")
            ratios.append(ours / unit)
            seconds.append(ours)
    details = {"bills": float(bills), "s": min(seconds)}
    return row(
        13, "import of bills / bare SQLite insert", ratios, must=6.0, aim=3.0, details=details
    )


def _bare_insert(books: Path, target: Path) -> float:
    """CPU seconds of inserting the rows that the import made, in one transaction."""
    with sqlite3.connect(books) as source:
        tables = {
            name: (sql, source.execute(f"SELECT * FROM {name}").fetchall())  # noqa: S608 - ours
            for name, sql in source.execute(
                "SELECT name, sql FROM sqlite_master WHERE name IN ('bills', 'bill_items')"
            ).fetchall()
        }
        indexes = [
            sql
            for (sql,) in source.execute(
                "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
                " AND tbl_name IN ('bills', 'bill_items')"
            )
        ]
    bare = sqlite3.connect(target, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    for sql, _ in tables.values():
        bare.execute(sql)
    for sql in indexes:
        bare.execute(sql)

    def insert() -> None:
        bare.execute("BEGIN IMMEDIATE")
        for name, (_, rows) in tables.items():
            marks = ",".join("?" * len(rows[0]))
            bare.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608 - ours
        bare.execute("COMMIT")

    took = seconds_of(insert)
    bare.close()
    return took


def _wall(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
