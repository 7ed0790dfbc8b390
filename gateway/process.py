"""Gateway processes: one that serves, and a supervisor of several on one listening socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .app import Gateway, Surroundings
from .clock import SystemClock
from .config import Config
from .net.server import run_in_loop
from .observe.log import Log
from .store import SqliteOptions, open_store

_FLUSH_SECONDS = 0.05
_BACKLOG = 1024
# A worker that died is replaced after this pause, so that a broken one does not spin.
_RESTART_SECONDS = 1.0
_POLL_SECONDS = 0.1


def serve(config: Config, *, inherited: int | None = None, ready: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    `inherited` is the file descriptor of a listening socket, `ready` one that gets a byte when
    serving has begun; a supervisor hands both to its workers. Raises OSError when the address
    cannot be bound, StoreError when the store cannot be opened.
    """
    run_in_loop(_serve(config, inherited, ready))


async def _serve(config: Config, inherited: int | None, ready: int | None) -> None:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    writer = ThreadPoolExecutor(1, thread_name_prefix="log")

    def schedule(flush: Callable[[], None]) -> None:
        # In a thread: a slow reader of the log must never hold the loop.
        loop.call_soon_threadsafe(_flush_later, flush)

    def _flush_later(flush: Callable[[], None]) -> None:
        loop.call_later(_FLUSH_SECONDS, lambda: writer.submit(flush))

    log = Log(sys.stderr, clock.now_ms, level=config.log.level, schedule=schedule)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _asked_to_stop, stopping)
    options = SqliteOptions(queue_limit=config.listen.max_pending_writes)
    store = await open_store(config.store.url, config.directory, sqlite=options)
    gateway = Gateway(config, store, Surroundings(clock, secrets.token_bytes, log))
    await gateway.start(socket.socket(fileno=inherited) if inherited is not None else None)
    host, port = gateway.server.address
    log.event("info", "listening", host=host, port=port, node=config.node.code, pid=os.getpid())
    _announce(host, port, ready)
    # What was made so far lives as long as the process: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    await stopping.wait()
    log.event("info", "stopping")
    await gateway.stop()
    await loop.run_in_executor(writer, log.flush)
    writer.shutdown()


def _announce(host: str, port: int, ready: int | None) -> None:
    if ready is None:
        sys.stdout.write(f"listening {host}:{port}\n")
        sys.stdout.flush()
    else:
        os.write(ready, b"1")
        os.close(ready)


def _asked_to_stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(1)  # asked twice: not even the grace is waited for
    stopping.set()


class Supervisor:
    """Runs `[listen] workers` processes on one listening socket and replaces those that die."""

    def __init__(self, config: Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._workers: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; 0 when every worker ended cleanly."""
        listen = self._config.listen
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        with socket.create_server(
            (listen.host, listen.port), family=family, backlog=_BACKLOG
        ) as listening:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
            if not all(self._start(listening, wait=True) for _ in range(listen.workers)):
                self._stop(0, None)
                return max(worker.wait() for worker in self._workers) or 1
            host, port = listening.getsockname()[:2]
            _announce(host, port, None)
            while not self._stopping:
                time.sleep(_POLL_SECONDS)
                for worker in [w for w in self._workers if w.poll() is not None]:
                    self._workers.remove(worker)
                    time.sleep(_RESTART_SECONDS)
                    if not self._stopping:
                        self._start(listening, wait=False)
        return max((abs(worker.wait()) for worker in self._workers), default=0)

    def _start(self, listening: socket.socket, *, wait: bool) -> bool:
        """Start a worker; when waited for, whether it serves (a dead one has said why)."""
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "nontax.gateway.cli", "serve", "-c", str(self._path)]
        command += ["--inherited-socket", str(listening.fileno()), "--ready", str(writing)]
        self._workers.append(
            subprocess.Popen(command, pass_fds=(listening.fileno(), writing))  # noqa: S603 - ourselves
        )
        os.close(writing)
        serves = not wait or os.read(reading, 1) == b"1"
        os.close(reading)
        return serves

    def _stop(self, number: int, frame: object) -> None:
        del number, frame
        self._stopping = True
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()
