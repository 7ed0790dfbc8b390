"""Load: short connections against a server in another process, and that server's CPU."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvloop

IN_FLIGHT = 64
# As installed: compiled modules are kept, whatever this shell says.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def cpu_seconds(pid: int) -> float:
    """CPU time that all threads of a process have used, in seconds (Linux)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


class _Caller(asyncio.Protocol):
    """One short connection after another: send a frame, read to the end of the stream."""

    def __init__(self, frame: bytes, done: asyncio.Future[bytes]) -> None:
        self.frame = frame
        self.done = done
        self.received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.frame)  # type: ignore[attr-defined]  # uvloop's TCP transport

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(bytes(self.received))


def _itself(caller: _Caller) -> _Caller:
    return caller


async def _drive(host: str, port: int, frames: Sequence[bytes], accept: bytes) -> int:
    loop = asyncio.get_running_loop()
    source = iter(frames)
    good = 0

    async def worker() -> None:
        nonlocal good
        while True:
            try:
                frame = next(source)
            except StopIteration:
                return
            caller = _Caller(frame, loop.create_future())
            await loop.create_connection(partial(_itself, caller), host, port)
            answer = await caller.done
            good += accept in answer

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return good


def drive(host: str, port: int, frames: Sequence[bytes], accept: bytes) -> None:
    """Send every frame over its own connection, 64 in flight; all answers must hold ACCEPT."""
    good = uvloop.run(_drive(host, port, frames, accept))
    if good != len(frames):
        raise RuntimeError(f"only {good} of {len(frames)} exchanges were answered as expected")


def cpu_per_exchange(
    pid: int, host: str, port: int, frames: Sequence[bytes], accept: bytes
) -> float:
    """CPU seconds of process PID for one of these exchanges."""
    before = cpu_seconds(pid)
    drive(host, port, frames, accept)
    return (cpu_seconds(pid) - before) / len(frames)


@contextmanager
def server(command: Sequence[str]) -> Iterator[tuple[int, str, int]]:
    """Run a server that prints `listening HOST:PORT`; gives its pid, host and port."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=ENVIRONMENT
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening "):
                process.wait()
                log.seek(0)
                raise RuntimeError(f"{command[0]} did not start: {log.read()[-500:]!r}")
            host, _, port = line.split()[1].rpartition(":")
            yield process.pid, host, int(port)
        finally:
            process.terminate()


@contextmanager
def echo_server() -> Iterator[tuple[int, str, int]]:
    """A bare uvloop echo in its own process."""
    with server([sys.executable, str(Path(__file__).parent / "echo.py")]) as running:
        yield running
