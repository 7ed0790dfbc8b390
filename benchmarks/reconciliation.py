"""Rows 8 and 9: a day's payments against a bank's list of them, against SQLite's own full join.

Both work on the same file, made by the gateway's own migrations: the day is looked at as a run
looks at it, pages, look-ups and all. Each is measured in a process of its own, by turns.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.bureau import ACCOUNT, Bureau
from benchmarks.load import ENVIRONMENT
from benchmarks.rows import Row, row, seconds_of
from nontax.gateway.clock import SystemClock
from nontax.gateway.collection.lookups import Lookups
from nontax.gateway.config import load_config
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.reconciliation.repair import Moment
from nontax.gateway.reconciliation.snapshot import find, read_inputs
from nontax.gateway.store import Transaction, open_store
from nontax.reconcile.sides import Matched

BANK = "D3206820901"
DAY = "20261122"
CHANNELS = ("11", "12", "13")
EACH = 400  # one row in so many differs in each of four ways: 1 % in all
MEMORY_MB = 300.0
MODULE = "benchmarks.reconciliation"

_FULL_JOIN = """
SELECT count(*), sum(p.id IS NULL), sum(s.tra_no IS NULL), sum(p.pay_code <> s.pay_code
    OR p.amt <> s.amt OR p.pay_mode <> s.pay_mode OR p.rec_acct <> s.rec_acct
    OR p.cfm_date <> s.cfm_date)
FROM payments AS p FULL JOIN statement_payments AS s
    ON s.src = p.src AND s.check_date = p.cfm_date AND s.tra_no = p.tra_no_bus
"""


def _number(at: int) -> str:
    return f"{DAY}{at:012d}"


def _payments(rows: int) -> Iterator[tuple[str | int, ...]]:
    for at in range(rows):
        yield (
            at + 1, BANK, DAY, _number(at), f"{32068226000:011d}{at:09d}", 1000 + at % 9973,
            CHANNELS[at % 3], "1", ACCOUNT, "2612", 0, "101530", "320682001", "柜员01", "张三",
            "6217000010001234567", "中国建设银行示例支行", "", 0, 0, 0,
        )  # fmt: skip


def _lines(rows: int, unpaid: list[str]) -> Iterator[tuple[str | int, ...]]:
    for at in range(rows):
        number, code, amt = _number(at), f"{32068226000:011d}{at:09d}", 1000 + at % 9973
        match at % EACH:
            case 0:  # the list does not have it, but one that we do not have
                number, code, amt = f"{number}X", unpaid[at // EACH], 8000
            case 1:
                amt += 1
            case 2:
                number += "N"
        channel = at % 3
        place = (channel + 1, 1 + at // 1500, 1 + at // 3 % 500)
        yield (
            BANK, DAY, number, *place, code, DAY, "101530", amt, CHANNELS[channel], "张三",
            "6217000010001234567", "1", ACCOUNT, "320682001", "", "",
        )  # fmt: skip


def _fill(folder: Path, rows: int) -> None:
    """Write the day into the books."""
    bureau = Bureau.make(folder)
    unpaid = bureau.bills(rows // EACH + 1)
    with closing(sqlite3.connect(folder / "nontax.db")) as books:
        _insert(books, "payments", _payments(rows))
        _insert(books, "statement_payments", _lines(rows, unpaid))
        for at, channel in enumerate(CHANNELS, 1):
            books.execute(
                "INSERT INTO statement_batches (id, kind, src, check_date, scope, acct_type,"
                " batch_no, pack_count, total_count, total_amt, state, origin, digest, received_at,"
                " changed_at, lines, lines_amt)"
                " VALUES (?, '2555', ?, ?, ?, '', 'B', 1, 0, 0, 'complete', 'message', 'x', 0, 0,"
                " 0, 0)",
                (at, BANK, DAY, channel),
            )
        books.commit()
        books.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(books: sqlite3.Connection, table: str, rows: Iterator[tuple[str | int, ...]]) -> None:
    width = len(books.execute(f"SELECT * FROM {table} LIMIT 0").description)  # noqa: S608 - ours
    books.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * width)})", rows)  # noqa: S608


def _join(folder: Path) -> tuple[float, int]:
    """CPU seconds of the full join, and how many rows differ in it."""
    with closing(sqlite3.connect(folder / "nontax.db")) as books:
        found: list[tuple[int, ...]] = []
        took = seconds_of(lambda: found.append(books.execute(_FULL_JOIN).fetchone()))
    return took, sum(found[0][1:])


def _match(folder: Path) -> tuple[float, int]:
    """CPU seconds of looking at the day as a run does, and how many rows differ."""
    config = load_config(folder / "nontax.toml")
    peers = PeerDirectory.from_config(config)
    peer = peers.get(BANK)
    assert peer is not None
    moment = Moment(at=SystemClock().now_ms(), today=SystemClock().today())

    async def look(tx: Transaction) -> Matched:
        inputs = await read_inputs(tx, peers, peer, DAY)
        found = await find(
            tx, inputs, peers=peers, lookups=Lookups(), rules=config.reconciliation, now=moment
        )
        assert found.payments is not None
        return found.payments

    async def scan() -> Matched:
        store = await open_store("sqlite:///nontax.db", folder)
        matched = await store.scan(look)
        await store.close()
        return matched

    found: list[Matched] = []
    gc.collect()
    took = seconds_of(lambda: found.append(asyncio.run(scan())))
    return took, len(found[0].differences)


def _alone(what: str, folder: Path) -> dict[str, float]:
    """One measurement in a process of its own: seconds, rows that differ, peak memory in MB."""
    command = [sys.executable, "-m", MODULE, what, str(folder)]
    output = subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(output)
    return found


def _child(what: str, folder: Path) -> None:
    took, differ = {"join": _join, "match": _match}[what](folder)
    # Not getrusage: its peak begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"s": took, "differ": differ, "mb": int(peak) / 1024}))


def measure(*, rounds: int, rows: int) -> list[Row]:
    """Rows 8 and 9: a day of `rows` payments, and how much less a tenth of it costs per line."""
    with tempfile.TemporaryDirectory(prefix="nontax-bench-") as name:
        large, small = Path(name) / "large", Path(name) / "small"
        _fill(large, rows)
        _fill(small, rows // 10)
        ours, unit, tenth = [], [], []
        for _ in range(rounds):
            unit.append(_alone("join", large))
            ours.append(_alone("match", large))
            # A tenth takes so short a time that the machine's moods show: the mean of three.
            tenth.append(sum(_alone("match", small)["s"] for _ in range(3)) / 3)
    memory = max(one["mb"] for one in ours)
    against = row(
        8, f"{rows:,} payments with as many lines / full join", [
            one["s"] / join["s"] for one, join in zip(ours, unit, strict=True)
        ], must=3.0, aim=2.0, details={
            "s": min(one["s"] for one in ours),
            "join s": min(one["s"] for one in unit),
            "rows that differ": ours[0]["differ"],
            "peak MB (at most 300)": memory,
        },
    )  # fmt: skip
    if memory > MEMORY_MB:
        against = replace(against, ok=False)
    growth = [one["s"] / few / 10 for one, few in zip(ours, tenth, strict=True)]
    return [
        against,
        row(9, f"cost per line: {rows:,} lines / a tenth", growth, must=1.2, aim=1.0,
            details={"us per line": min(one["s"] for one in ours) / rows * 1e6}),
    ]  # fmt: skip


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
