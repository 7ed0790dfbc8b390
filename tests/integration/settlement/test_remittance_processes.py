"""Several runs at once, and runs that are killed: nothing is remitted twice, nothing in half."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from nontax.simulators.process import Finished, Installation, nontax_command, run_nontax

from .clearing_site import LAND_FEE, RECLAIM
from .remit_site import RemitSite, opened_site

# Five remittances: three targets of the one item, two of the other.
PAYMENTS = 203
EACH = 8000 + 100


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[RemitSite]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        await opened.pay_many(PAYMENTS, (LAND_FEE, 8000), (RECLAIM, 100))
        yield opened
        opened.vouchers = opened.config.spool.vouchers


def command(site: RemitSite) -> tuple[str, ...]:
    return Installation(site.file.parent).command("remit", "run", "--json")


def check(site: RemitSite) -> None:
    """Totals and parts agree, and no due is in two living remittances (in SQL: there are many)."""
    with closing(sqlite3.connect(f"file:{site.file}?mode=ro", uri=True)) as books:

        def rows(sql: str) -> list[tuple[int, ...]]:
            return books.execute(sql).fetchall()

        assert rows(
            "SELECT id FROM remittances r WHERE total <> (SELECT sum(amt) FROM remittance_lines l"
            " WHERE l.remit_id = r.id) OR total <> (SELECT sum(amt) FROM remittance_parts p"
            " WHERE p.remit_id = r.id)"
        ) == []  # fmt: skip
        assert rows(
            "SELECT 1 FROM remittance_parts WHERE living = 1"
            " GROUP BY payment_id, item_code, level HAVING count(*) > 1"
        ) == []  # fmt: skip
        # Each has its message.
        assert rows("SELECT count(*) FROM remittances") == rows(
            "SELECT count(*) FROM outbox WHERE number = '5618'"
        )


def total(site: RemitSite) -> int:
    return sum(row["total"] for row in site.rows("remittances"))


async def test_two_runs_at_once_remit_everything_once(site: RemitSite) -> None:
    words = command(site)
    done: list[Finished] = await asyncio.gather(*(run_nontax(*words) for _ in range(2)))
    assert [one.code for one in done] == [0, 0], [one.stderr for one in done]
    reports = [one.json() for one in done]
    check(site)
    assert total(site) == PAYMENTS * EACH
    assert len(site.rows("income")) == PAYMENTS
    assert sum(report["confirmed"] for report in reports) == PAYMENTS
    told = [one["RemitNo"] for report in reports for one in report["remittances"]]
    assert sorted(told) == [row["remit_no"] for row in site.rows("remittances")]
    numbers = [int(number[10:]) for number in sorted(told)]
    assert numbers == list(range(1, len(numbers) + 1))
    # Every receipt is there with both files, whoever wrote it.
    assert len(list(site.config.spool.vouchers.iterdir())) == 2 * PAYMENTS
    assert site.rows("vouchers", "spooled_at IS NULL") == []


async def begun(words: tuple[str, ...], file: Path) -> Process:
    """A run that has made its first remittance."""
    process = await asyncio.create_subprocess_exec(
        *nontax_command(), *words, stdout=DEVNULL, stderr=DEVNULL
    )
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as books:
        while process.returncode is None:
            [made] = books.execute("SELECT count(*) FROM remittances").fetchone()
            if made:
                return process
            await asyncio.sleep(0)
    return process


@pytest.mark.crash
async def test_a_killed_run_leaves_whole_remittances_and_the_next_goes_on(site: RemitSite) -> None:
    process = await begun(command(site), site.file)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()
    check(site)
    before = total(site)
    finished = await run_nontax(*command(site))
    assert finished.code == 0, finished.stderr
    check(site)
    assert total(site) == PAYMENTS * EACH
    made = sum(round(float(one["TotalAmt"]) * 100) for one in finished.json()["remittances"])
    assert before + made == PAYMENTS * EACH
    assert len(list(site.config.spool.vouchers.glob("receipt-*.json"))) == PAYMENTS
