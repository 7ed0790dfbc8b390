"""Processes: several workers on one port, a dead one replaced, draining, starts that fail."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from nontax.mac import Secret
from nontax.simulators.identity import Identity
from nontax.simulators.process import Finished, GatewayProcess, Installation

from .conftest import BANK, Line, change_token, events, read_frame, request, take_apart

NEW = "N" * 32


@dataclass
class Site:
    """A running `nontax serve`."""

    process: GatewayProcess
    installation: Installation

    @property
    def line(self) -> Line:
        return Line(self.process.address)

    async def exit_code(self) -> int:
        """Wait for the end of a process that was told to stop by somebody else."""
        assert self.process._process is not None
        return await self.process._process.wait()

    def logged(self, name: str) -> list[dict[str, object]]:
        """The log's whole lines of one event; a line that is being written is left out."""
        text = self.process.log_file.read_text("utf-8")
        return events(text[: text.rfind("\n") + 1], name)

    async def workers(self, count: int) -> list[int]:
        """Every process that ever began to serve, the supervisor of several not among them."""
        await self.until(lambda: len(self.logged("listening")) >= count)
        return [int(str(line["pid"])) for line in self.logged("listening")]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what only the log tells."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(installation: Installation, **listen: int | float) -> AsyncIterator[Site]:
    installation.configure({"listen": listen})
    async with GatewayProcess(installation) as process:
        yield Site(process, installation)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does not run (SIGSTOP): what is answered meanwhile, others answered."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "T":
            pass  # the signal is on its way
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def locked(installation: Installation) -> Iterator[sqlite3.Connection]:
    """The store's write lock, held by somebody else: writing requests wait."""
    with closing(sqlite3.connect(installation.store_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def assert_refused(line: Line) -> None:
    """Nobody listens any more."""
    with pytest.raises(ConnectionRefusedError):
        async with line.connected():
            pass


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# -- several workers -----------------------------------------------------------------------


async def test_two_workers_share_one_port_and_both_serve(site: Installation) -> None:
    async with serving(site, workers=2) as town:
        who = site.identity(BANK)
        one, other = await town.workers(2)
        assert town.process.pid not in (one, other)
        for pid in (one, other):
            with stopped(pid):
                assert await town.line.link_test(who) == "00000"
        assert await town.process.stop() == 0
        assert not alive(one)
        assert not alive(other)
        assert len(town.logged("stopped")) == 2


async def test_a_killed_worker_is_replaced_and_the_other_serves_meanwhile(
    site: Installation,
) -> None:
    async with serving(site, workers=2) as town:
        who = site.identity(BANK)
        one, other = await town.workers(2)
        os.kill(one, signal.SIGKILL)
        assert await town.line.link_test(who) == "00000"
        new = (await town.workers(3))[-1]
        with stopped(other):
            assert await town.line.link_test(who) == "00000"
        assert [line["pid"] for line in town.logged("worker_ended")] == [one]
        assert alive(new)
        assert await town.process.stop() == 0
        assert not alive(new)


async def test_workers_do_not_outlive_their_supervisor(site: Installation) -> None:
    """Else the port would stay taken, by processes that nobody supervises."""
    async with serving(site, workers=2) as town:
        address = town.process.address
        await town.process.kill()
        await town.until(lambda: len(town.logged("stopped")) == 2)
        await assert_refused(Line(address))


async def test_a_token_that_one_worker_accepted_is_good_at_the_other(site: Installation) -> None:
    async with serving(site, workers=2) as town:
        who = site.identity(BANK)
        one, other = await town.workers(2)
        with stopped(other):
            assert (await town.line.ask(change_token(who, NEW))).under(who, NEW)
        who.token = Secret(NEW)
        with stopped(one):
            assert await town.line.link_test(who) == "00000"


# -- stopping ------------------------------------------------------------------------------


@asynccontextmanager
async def under_way(town: Site, workers: int = 1) -> AsyncIterator[asyncio.StreamReader]:
    """A 2003 that the gateway has read and that waits for the store."""
    who = town.installation.identity(BANK)
    async with town.line.connected() as (reader, writer):
        writer.write(change_token(who, NEW))
        # It has been read when what was sent later is answered, by each of the workers.
        for pid in await town.workers(workers):
            with stopped(pid) if workers > 1 else nullcontext():
                assert await town.line.link_test(who) == "00000"
        yield reader


def assert_answered(data: bytes, who: Identity) -> None:
    """The answer to `under_way`, and nothing else."""
    [answer] = take_apart(data)
    assert (answer.result, answer.under(who, NEW)) == ("00000", True)


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_answers_what_is_under_way_and_ends_the_idle(
    site: Installation, workers: int
) -> None:
    who = site.identity(BANK)
    async with serving(site, workers=workers) as town:
        with locked(site) as lock:
            async with under_way(town, workers) as reader, town.line.connected() as (idle, _):
                stopping = asyncio.create_task(town.process.stop())
                assert await idle.read() == b""
                await town.until(lambda: len(town.logged("stopping")) == workers)
                await assert_refused(town.line)
                assert not stopping.done()
                lock.execute("ROLLBACK")
                assert_answered(await reader.read(), who)
        assert await stopping == 0
    who.token = Secret(NEW)
    async with GatewayProcess(site) as again:
        assert await Line(again.address).link_test(who) == "00000"


async def test_an_idle_keep_alive_connection_is_ended_too(site: Installation) -> None:
    site.configure(peers={BANK: {"keep_alive": True}})
    async with serving(site) as town, town.line.connected() as (reader, writer):
        writer.write(request(site.identity(BANK)))
        assert (await read_frame(reader)).result == "00000"
        stopping = asyncio.create_task(town.process.stop())
        assert await reader.read() == b""
        assert await stopping == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_to_every_process_drains_as_well(
    site: Installation, number: signal.Signals
) -> None:
    """Ctrl-C and systemd tell the whole group: a worker must not take that for the second time."""
    async with serving(site, workers=2) as town:
        with locked(site) as lock:
            async with under_way(town, 2) as reader:
                for pid in (*await town.workers(2), town.process.pid):
                    os.kill(pid, number)
                await town.until(lambda: len(town.logged("stopping")) == 2)
                lock.execute("ROLLBACK")
                assert_answered(await reader.read(), site.identity(BANK))
        assert await town.exit_code() == 0


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_second_sigterm_does_not_wait(site: Installation, workers: int) -> None:
    async with serving(site, workers=workers, shutdown_grace_seconds=600) as town:
        pids = await town.workers(workers)
        with locked(site):
            async with under_way(town, workers) as reader:
                os.kill(town.process.pid, signal.SIGTERM)
                await town.until(lambda: len(town.logged("stopping")) == workers)
                assert await town.process.stop() == 1
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
        assert not any(alive(pid) for pid in pids)


async def test_the_grace_is_finite(site: Installation) -> None:
    async with serving(site, shutdown_grace_seconds=0.1) as town:
        with locked(site) as lock:
            async with under_way(town) as reader:
                stopping = asyncio.create_task(town.process.stop())
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
                lock.execute("ROLLBACK")
        assert await stopping == 0
        assert town.logged("stopped")[0]["cut_connections"] == 1


# -- starts that fail ----------------------------------------------------------------------


def assert_one_line(finished: Finished, *named: str) -> None:
    """Exit code 2, and one line on stderr that says what and where."""
    assert finished.code == 2
    assert finished.stdout == ""
    [line] = finished.stderr.splitlines()
    assert line.startswith("error: ")
    for text in named:
        assert text in line


@pytest.mark.parametrize("workers", [1, 2])
async def test_an_address_that_is_in_use(site: Installation, workers: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site.configure({"listen": {"port": port, "workers": workers}})
        assert_one_line(await site.run("serve"), f"127.0.0.1:{port}", "in use")


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_store_that_cannot_be_opened(site: Installation, workers: int) -> None:
    """With workers it is a worker that cannot start, and it is said once."""
    site.store_file.write_bytes(b"this is no database" * 100)
    site.configure({"listen": {"workers": workers}})
    assert_one_line(await site.run("serve"), "nontax.db")


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_configuration_with_a_fault(site: Installation, workers: int) -> None:
    site.configure({"listen": {"workers": workers, "portt": 1}})
    assert_one_line(await site.run("serve"), "portt")


def test_a_log_that_nobody_reads_does_not_keep_the_process(
    sample_template: Path, tmp_path: Path
) -> None:
    """stderr is a full pipe: SIGTERM still ends the process, and with 0."""
    folder = tmp_path / "office"
    shutil.copytree(sample_template, folder)
    config = folder / "nontax.toml"
    config.write_text(config.read_text("utf-8").replace("port = 9201", "port = 0"), "utf-8")
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    program = str(Path(sys.executable).with_name("nontax"))
    command = [program, "serve", "-c", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writing) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening ")
        process.terminate()
        assert process.wait(60) == 0
    os.close(reading)
    os.close(writing)
