"""Several closings at once, and closings that are killed: everything is entered once."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from asyncio.subprocess import DEVNULL, Process
from contextlib import closing
from pathlib import Path

import pytest

from nontax.gateway.figures.files import write_daily
from nontax.simulators.process import Finished, Installation, nontax_command, run_nontax

from ..settlement.clearing_site import LAND_FEE, RECLAIM
from .office import DAY, NEXT, Office

PAYMENTS = 1503


@pytest.fixture
async def busy(office: Office) -> Office:
    """An office with a day of payments."""
    await office.pay_many(PAYMENTS, (LAND_FEE, 8000), (RECLAIM, 100))
    return office


def command(office: Office, *words: str) -> tuple[str, ...]:
    return Installation(office.file.parent).command(
        "report", "daily", "--date", f"{DAY[:4]}-{DAY[4:6]}-{DAY[6:]}", "--close", "--json", *words
    )


def check(office: Office) -> None:
    rows = {row["item_code"]: row for row in office.rows("figure_rows")}
    assert {code: row["collected"] for code, row in rows.items()} == {
        LAND_FEE: 8000 * PAYMENTS,
        RECLAIM: 100 * PAYMENTS,
    }
    assert {row["movements"] for row in rows.values()} == {PAYMENTS}
    assert len(office.rows("figure_sources")) == PAYMENTS
    assert office.rows("figure_corrections") == []
    [day] = office.rows("figure_days")
    assert (day["state"], day["deposit_amt"]) == ("closed", 8100 * PAYMENTS)


async def test_two_closings_at_once_enter_everything_once(busy: Office) -> None:
    words = command(busy)
    done: list[Finished] = await asyncio.gather(*(run_nontax(*words) for _ in range(2)))
    assert [one.code for one in done] == [0, 0], [one.stderr for one in done]
    closed = [day for one in done for day in one.json()["closing"]["days"]]
    assert closed == [DAY]
    check(busy)


async def _begun(words: tuple[str, ...], file: Path) -> Process:
    """A closing that has entered something."""
    process = await asyncio.create_subprocess_exec(
        *nontax_command(), *words, stdout=DEVNULL, stderr=DEVNULL
    )
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as books:
        while process.returncode is None:
            [entered] = books.execute("SELECT count(*) FROM figure_sources").fetchone()
            if entered:
                return process
            await asyncio.sleep(0)
    return process


@pytest.mark.crash
async def test_a_killed_closing_is_finished_by_the_next(busy: Office) -> None:
    process = await _begun(command(busy), busy.file)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()
    # What is read in between is what will be closed.
    busy.at(NEXT)
    seen = await busy.daily(DAY)
    finished = await run_nontax(*command(busy))
    assert finished.code == 0, finished.stderr
    check(busy)
    assert (await busy.daily(DAY)).rows == seen.rows


async def test_a_file_is_whole_or_not_there(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full while a file is written leaves the file that was there."""
    await office.pay((LAND_FEE, 100), cfm_date=DAY)
    first = await office.daily(DAY)
    written = write_daily(tmp_path / "out", first, ("csv", "json", "html"))
    before = {path: path.read_bytes() for path in written}
    await office.pay((RECLAIM, 5), cfm_date=DAY)
    second = await office.daily(DAY)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_daily(tmp_path / "out", second, ("csv", "json", "html"))
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    write_daily(tmp_path / "out", second, ("csv", "json", "html"))
    assert all(path.read_bytes() != before[path] for path in before if path.name[0] == "d")
