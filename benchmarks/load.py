"""Load: short connections against a server in another process, and that server's CPU."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

IN_FLIGHT = 64


def cpu_seconds(pid: int) -> float:
    """CPU time that all threads of a process have used, in seconds (Linux)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e9


class _Caller(asyncio.Protocol):
    """One short connection after another: send a frame, read to the end of the stream."""

    def __init__(self, frames: Iterator[bytes], done: asyncio.Future[bytes]) -> None:
        self.frame = next(frames)
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


async def _drive(host: str, port: int, frames: Sequence[bytes], accept: bytes) -> int:
    loop = asyncio.get_running_loop()
    source = iter(frames)
    good = 0

    async def worker() -> None:
        nonlocal good
        while True:
            done: asyncio.Future[bytes] = loop.create_future()
            try:
                await loop.create_connection(lambda: _Caller(source, done), host, port)
            except StopIteration:
                return
            except RuntimeError as error:  # a StopIteration inside uvloop's factory call
                if isinstance(error.__cause__, StopIteration):
                    return
                raise
            answer = await done
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
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening "):
                raise RuntimeError(f"{command[0]} did not start: {line!r}")
            host, _, port = line.split()[1].rpartition(":")
            yield process.pid, host, int(port)
        finally:
            process.terminate()


@contextmanager
def echo_server() -> Iterator[tuple[int, str, int]]:
    """A bare uvloop echo in its own process."""
    with server([sys.executable, str(Path(__file__).parent / "echo.py")]) as running:
        yield running
