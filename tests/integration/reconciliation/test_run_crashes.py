"""A run that is killed at any of its steps, and simply run again, comes to the same."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nontax.gateway.store import reconleases

from ..flows.conftest import (
    BANK,
    OTHER,
    OTHER_ACCOUNT,
    TODAY,
    Books,
    Office,
    code,
    office,
    offices,
)
from ..flows.test_statements import batch
from ..settlement.money import paid, transfer
from .desk import Desk

__all__ = ["office", "offices"]

WORKER = Path(__file__).with_name("crash_worker.py")
# What a run leaves, but for ids that were given up and the instants at which it was done.
LEFT = {
    "payments": ("src", "cfm_date", "tra_no_bus", "pay_code", "amt", "channel", "duplicate"),
    "bills": ("pay_code", "state"),
    "refunds": ("pay_code", "amt", "state", "ori_tra_no_bus"),
    "payment_funds": ("payment_id", "arrived_on", "reconciled_on"),
    "arrivals": ("kind", "tra_no", "state", "payment_id", "transfer_id"),
    "transfers": ("batch_no", "state"),
    "outbox": ("peer", "number", "subject"),
    "statement_batches": ("kind", "scope", "state"),
    "recon_runs": ("revision", "inputs_digest", "state", "max_payment_id", "summary"),
    "recon_differences": ("statement", "scope", "kind", "key", "state", "pay_code", "reason"),
    "recon_actions": ("difference_id", "action", "reference", "before", "after"),
}


def left(directory: Path) -> dict[str, list[tuple[object, ...]]]:
    books = Books(directory / "nontax.db")
    return {
        table: sorted((tuple(row[name] for name in names) for row in books.rows(table)), key=str)
        for table, names in LEFT.items()
    }


def work(directory: Path, node: str, step: int = 0, when: str = "after") -> tuple[int, int]:
    """Exit status of a run in its own process, and how many transactions it had."""
    command = [
        sys.executable, str(WORKER), str(directory / "nontax.toml"), TODAY, node, str(step), when,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1, -signal.SIGKILL}, done.stderr
    return done.returncode, int(done.stdout or 0)


async def a_day(office: Office) -> str:
    """A list with something of everything; the node that sent it."""
    desk = Desk(office)
    one, two, late = [await desk.paid(f"T{number}") for number in range(3)]
    unpaid = await office.bill()
    await desk.lists(
        desk.line(one, "T0"),
        desk.line(two, "T1", 8001),
        desk.line(unpaid, "X1"),
        desk.line(one, "X2"),
        desk.line("32068226300000099999", "X3"),
    )
    await desk.lists_funds(desk.funds_line("T0"), desk.funds_line("Z9", 700))
    assert late
    return BANK


async def a_day_of_batches(office: Office) -> str:
    """Money of a batch and money that nobody expects."""
    desk = Desk(office)
    assert code(await transfer(office, [await paid(office), await paid(office)])) == "00000"
    lines = [desk.funds_line("Z1", 16000, BatchNo="B1"), desk.funds_line("Z2", 900)]
    [fields] = batch([lines], "2557", CheckDate=TODAY, RecAcct=OTHER_ACCOUNT)
    assert code(await office.call(OTHER, "2557", fields)) == "00000"
    return OTHER


@pytest.mark.crash
@pytest.mark.parametrize("day", [a_day, a_day_of_batches])
async def test_a_killed_run_is_finished_by_the_next(
    office: Office, tmp_path: Path, day: object
) -> None:
    assert callable(day)
    node = await day(office)
    await office.stop()
    source = office.installation.directory
    whole = tmp_path / "whole"
    shutil.copytree(source, whole)
    status, steps = work(whole, node)
    expected = left(whole)
    assert expected["recon_runs"][0][2] == "done"
    assert steps >= 6
    for step in range(1, steps + 1):
        when = "inside" if step % 2 else "after"
        copy = tmp_path / f"{step}"
        shutil.copytree(source, copy)
        assert work(copy, node, step, when)[0] == -signal.SIGKILL, step
        assert work(copy, node)[0] == status
        assert left(copy) == expected, (step, when)
        shutil.rmtree(copy)


async def test_two_processes_do_not_run_one_day_together(office: Office) -> None:
    desk = Desk(office)
    await desk.lists(desk.line(await desk.paid("T1"), "T1"))
    office.tomorrow()

    async def somebody(owner: str, until: int) -> None:
        now = office.clock.now_ms()
        name = f"reconcile:{BANK}:{TODAY}"
        assert await office.transact(
            lambda tx: reconleases.take_lease(tx, name, owner, now=now, until=now + until)
        )

    await somebody("elsewhere/7/a", 60_000)
    outcome = await desk.run()
    assert (outcome.exit_code, outcome.nodes) == (2, ())
    assert "another process" in outcome.failed[BANK].what
    office.clock.advance(seconds=61)
    assert (await desk.run()).exit_code == 0
