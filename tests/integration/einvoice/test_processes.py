"""Several processes issue side by side, and one is killed at every step of the way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from nontax.gateway.store.einvoices import verify_archive

from ..flows.conftest import LAND, Office
from .issuing import CODE, document, fates_of, issued, judged, paid, reserved

WORKER = Path(__file__).with_name("issue_worker.py")


async def worker(office: Office, point: str, *pay_codes: str) -> Process:
    """A process that is ready and waits for a line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        str(office.config.file),
        point,
        str(office.clock.now_ms()),
        *pay_codes,
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def killed(office: Office, point: str, pay_code: str) -> None:
    """A process began to issue and was killed."""
    process = await worker(office, point, pay_code)
    out, _ = await process.communicate(b"go\n")
    assert (process.returncode, out) == (-signal.SIGKILL, b"")


POINTS = {
    "signing": "built",
    "countersigning": "built",
    "signed": "built",
    "archived": "archived",
    "remote:signing": "built",
    "remote:countersigning": "countersigning",
    "remote:signed": "countersigning",
    "remote:archived": "archived",
}


@pytest.mark.parametrize("point", POINTS)
async def test_whoever_asks_again_finishes_what_a_killed_process_began(
    office: Office, point: str
) -> None:
    pay_code = await paid(office)
    await killed(office, point, pay_code)
    left = office.books.one("einvoices")
    assert left["state"] == POINTS[point]
    office.clock.advance(seconds=3)
    done = await issued(office, pay_code)
    assert done.repeated == (point.endswith("archived"))
    data = await document(office, CODE, "0000000001")
    assert judged(office, data).is_fine
    assert office.books.one("einvoices")["signed"] == left["signed"]
    assert office.books.one("einvoice_numbers")["state"] == "issued"
    assert len(office.books.rows("einvoice_archive")) == 1


@pytest.mark.parametrize("point", ["signing", "signed", "remote:countersigning"])
async def test_the_service_finishes_what_a_killed_process_began(office: Office, point: str) -> None:
    pay_code = await paid(office)
    await killed(office, point, pay_code)
    await office.gateway.einvoices.once()
    assert office.books.rows("einvoice_archive") == []  # its process might live
    office.clock.advance(seconds=61)
    await office.gateway.einvoices.once()
    assert judged(office, await document(office, CODE, "0000000001")).is_fine


async def test_what_stays_unsigned_for_a_week_is_given_up(office: Office) -> None:
    pay_code = await paid(office)
    await killed(office, "signing", pay_code)
    office.tomorrow(8)
    await office.gateway.einvoices.once()
    row = office.books.one("einvoices")
    assert (row["state"], row["why"]) == (
        "abandoned", "it was not signed within 7 days after its issue",
    )  # fmt: skip
    number = office.books.one("einvoice_numbers")
    assert (number["state"], number["why"]) == ("voided", row["why"])
    again = await issued(office, pay_code)
    assert again.invoice.number == "0000000002"


async def test_eight_issuers_in_two_processes_leave_no_gap(office: Office) -> None:
    pay_codes = [await paid(office) for _ in range(60)]
    first = await worker(office, "never", *pay_codes)
    second = await worker(office, "never", *reversed(pay_codes))
    reserving = asyncio.gather(*(reserved(office, LAND) for _ in range(10)))
    said = await asyncio.gather(first.communicate(b"go\n"), second.communicate(b"go\n"))
    kept = await reserving
    answers = [dict(line.split() for line in out.decode().splitlines()) for out, _ in said]
    assert answers[0] == answers[1]  # one invoice a bill, whoever was faster
    assert set(answers[0]) == set(pay_codes)
    numbers = sorted([*answers[0].values(), *(one.number for one in kept)])
    assert numbers == [f"{at:010d}" for at in range(1, 71)]
    report = await office.gateway.store.scan(verify_archive)
    assert (report.ok, report.rows) == (True, 60)
    counts = {"issued": 0, "reserved": 0, "stock": 0}
    for fate in await fates_of(office):
        counts[fate.state] += fate.count
    assert counts == {"issued": 60, "reserved": 10, "stock": 99_930}


async def test_a_process_that_is_killed_amid_many_leaves_every_number_explained(
    office: Office,
) -> None:
    pay_codes = [await paid(office) for _ in range(40)]
    process = await worker(office, "never", *pay_codes)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"go\n")
    await process.stdin.drain()
    for _ in range(5):
        assert await process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    other = await worker(office, "never", *pay_codes)
    out, _ = await other.communicate(b"go\n")
    answers = dict(line.split() for line in out.decode().splitlines())
    assert sorted(answers.values()) == [f"{at:010d}" for at in range(1, 41)]
    assert {row["state"] for row in office.books.rows("einvoices")} == {"archived"}
