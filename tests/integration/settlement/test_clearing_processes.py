"""Several runs at once, and runs that are killed: every payment is cleared once, whole."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.settlement.entering import PAGE
from nontax.simulators.process import Finished, Installation, nontax_command, run_nontax

from .clearing_site import LAND_FEE, RECLAIM, Site, opened_site

PAYMENTS = 3 * PAGE + 7
EACH = 8000 + 100
RUN = ("clearing", "run", "--date", "2026-03-02", "--json")


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[Site]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        await opened.pay_many(PAYMENTS, (LAND_FEE, 8000), (RECLAIM, 100))
        yield opened
        opened.check_books()


def command(site: Site) -> tuple[str, ...]:
    return Installation(site.file.parent).command(*RUN)


def totals(site: Site) -> int:
    return sum(row["total"] for row in site.rows("clearing_instructions"))


async def test_two_runs_at_once_clear_every_payment_once(site: Site) -> None:
    words = command(site)
    done: list[Finished] = await asyncio.gather(*(run_nontax(*words) for _ in range(2)))
    assert [one.code for one in done] == [0, 0], [one.stderr for one in done]
    reports: list[dict[str, Any]] = [one.json() for one in done]
    assert sum(report["entered"] for report in reports) == PAYMENTS
    # Whoever was last has instructed what the other left waiting.
    told = [one["InstrNo"] for report in reports for one in report["instructions"]]
    assert sorted(told) == [row["instr_no"] for row in site.rows("clearing_instructions")]
    assert len(site.rows("clearing_entries")) == PAYMENTS
    assert totals(site) == PAYMENTS * EACH
    assert site.waiting() == {}


async def begun(words: tuple[str, ...], file: Path) -> Process:
    """A run that has written its first page."""
    process = await asyncio.create_subprocess_exec(
        *nontax_command(), *words, stdout=DEVNULL, stderr=DEVNULL
    )
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as books:
        while process.returncode is None:
            [entered] = books.execute("SELECT count(*) FROM clearing_entries").fetchone()
            if entered:
                return process
            await asyncio.sleep(0)
    return process


@pytest.mark.crash
async def test_a_killed_run_leaves_whole_steps_and_the_next_goes_on(site: Site) -> None:
    process = await begun(command(site), site.file)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()
    site.check_books()
    entered = len(site.rows("clearing_entries"))
    assert entered % PAGE == 0 or entered == PAYMENTS
    waiting = sum(site.waiting().values())
    assert totals(site) + waiting == entered * EACH
    finished = await run_nontax(*command(site))
    assert finished.code == 0, finished.stderr
    assert finished.json()["entered"] == PAYMENTS - entered
    assert len(site.rows("clearing_entries")) == PAYMENTS
    assert totals(site) == PAYMENTS * EACH
    assert site.waiting() == {}
