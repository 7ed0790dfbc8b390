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
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .app import Gateway, Surroundings
from .clock import SystemClock
from .config import Config
from .net.server import run_in_loop
from .observe.log import Log, innermost
from .store import SqliteOptions, open_store

_FLUSH_SECONDS = 0.05
_LAST_LINES_SECONDS = 5.0
_BACKLOG = 1024
# A worker that died is replaced after this pause, so that a broken one does not spin.
_RESTART_SECONDS = 1.0
_POLL_SECONDS = 0.1
_CANNOT_SERVE = 2


def serve(config: Config, *, inherited: int | None = None, ready: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    `inherited` is the file descriptor of a listening socket, `ready` that of a socket to the
    supervisor: it gets a byte when serving has begun, and its end means that the supervisor is
    gone. A supervisor hands both to its workers. Raises OSError when the address cannot be bound,
    StoreError when the store cannot be opened.
    """
    run_in_loop(_serve(config, inherited, ready))


async def _serve(config: Config, inherited: int | None, ready: int | None) -> None:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    writer = _LogWriter(loop)
    log = Log(sys.stderr, clock.now_ms, level=config.log.level, schedule=writer.schedule)
    loop.set_exception_handler(partial(log_loop_error, log))
    stopping = asyncio.Event()
    # A worker may be told to stop by its supervisor and by whoever told that: it drains all the
    # same, and the supervisor is the one to force it.
    asked = _asked_to_stop if ready is None else asyncio.Event.set
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, stopping)
    options = SqliteOptions(queue_limit=config.listen.max_pending_writes)
    store = await open_store(config.store.url, config.directory, sqlite=options)
    gateway = Gateway(config, store, Surroundings(clock, secrets.token_bytes, log))
    await gateway.start(socket.socket(fileno=inherited) if inherited is not None else None)
    host, port = gateway.server.address
    log.event("info", "listening", host=host, port=port, node=config.node.code, pid=os.getpid())
    if ready is None:
        _announce(host, port)
    else:
        _report_to_supervisor(loop, ready, stopping)
    # What was made so far lives as long as the process: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    # Exchanges leave little that only the collector can free; with its usual 700 it would look for
    # that several times in each of them. A look at so many takes half a millisecond.
    gc.set_threshold(10_000, 20, 50)
    await stopping.wait()
    log.event("info", "stopping")
    await gateway.stop()
    await writer.end(log)


class _LogWriter:
    """Writes the log in a thread: a slow reader of it must never hold the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._ended = False

    def schedule(self, flush: Callable[[], None]) -> None:
        """Flush soon, together with what is said until then."""
        self._loop.call_soon_threadsafe(self._loop.call_later, _FLUSH_SECONDS, self._submit, flush)

    def _submit(self, flush: Callable[[], None]) -> None:
        if not self._ended:
            self._thread.submit(flush)

    async def end(self, log: Log) -> None:
        """Write what waits; what is said later is lost.

        A reader of the log that takes nothing any more must not keep the process: everything else
        has ended by now, and the books are closed.
        """
        last = self._loop.run_in_executor(self._thread, log.flush)
        self._ended = True
        try:
            await asyncio.wait_for(last, _LAST_LINES_SECONDS)
        except TimeoutError:
            os._exit(0)
        self._thread.shutdown()


def log_loop_error(log: Log, loop: object, context: Mapping[str, Any]) -> None:
    """Log what the event loop could hand to nobody, without its text: it may hold personal data."""
    del loop
    error = context.get("exception")
    name = None if error is None else type(error).__name__
    where = None if error is None else innermost(error)
    log.event("error", "internal_error", error=name, where=where)


def _announce(host: str, port: int) -> None:
    sys.stdout.write(f"listening {host}:{port}\n")
    sys.stdout.flush()


def _report_to_supervisor(
    loop: asyncio.AbstractEventLoop, ready: int, stopping: asyncio.Event
) -> None:
    """Say that serving has begun, and stop when the supervisor is gone: nobody else would."""
    line = socket.socket(fileno=ready)
    line.setblocking(False)

    def gone() -> None:
        loop.remove_reader(line)
        line.close()
        stopping.set()

    loop.add_reader(line, gone)
    with contextlib.suppress(OSError):  # it is gone already, as the reader will notice
        line.send(b"1")


def _asked_to_stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(1)  # asked twice: not even the grace is waited for
    stopping.set()


class _Worker(NamedTuple):
    """A worker process, and the socket to it: it ends when either side does."""

    process: subprocess.Popen[bytes]
    line: socket.socket


class Supervisor:
    """Runs `[listen] workers` processes on one listening socket and replaces those that die."""

    def __init__(self, config: Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._workers: list[_Worker] = []
        self._stopping = False
        self._forced = False
        self._log = Log(sys.stderr, SystemClock().now_ms, level=config.log.level)

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; 0 when every worker ended cleanly.

        2 when a worker could not start; it has said why. Raises OSError when the address cannot be
        bound.
        """
        listen = self._config.listen
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        with socket.create_server(
            (listen.host, listen.port), family=family, backlog=_BACKLOG
        ) as listening:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._asked_to_stop)
            serves = all(self._start(listening).line.recv(1) for _ in range(listen.workers))
            if serves:
                host, port = listening.getsockname()[:2]
                _announce(host, port)
                self._replace_the_dead(listening)
        # Closed first: who connects now is refused at once instead of waiting for nobody.
        worst = self._end()
        if self._forced:
            return 1
        return worst if serves or self._stopping else self._not_started(worst)

    def _replace_the_dead(self, listening: socket.socket) -> None:
        due: list[float] = []
        while not self._stopping:
            time.sleep(_POLL_SECONDS)
            for worker in [w for w in self._workers if w.process.poll() is not None]:
                self._workers.remove(worker)
                worker.line.close()
                process = worker.process
                self._log.event("error", "worker_ended", pid=process.pid, code=process.returncode)
                due.append(time.monotonic() + _RESTART_SECONDS)
            while due and due[0] <= time.monotonic() and not self._stopping:
                due.pop(0)
                self._start(listening)

    def _start(self, listening: socket.socket) -> _Worker:
        """Start a worker; a byte comes on its line when it serves, and the end when it cannot."""
        ours, its = socket.socketpair()
        command = [sys.executable, "-P", "-m", "nontax.gateway.cli", "serve"]
        command += ["-c", str(self._path), "--inherited-socket", str(listening.fileno())]
        command += ["--ready", str(its.fileno())]
        with its:
            process = subprocess.Popen(  # noqa: S603 - ourselves
                command, pass_fds=(listening.fileno(), its.fileno())
            )
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _end(self) -> int:
        """Tell every worker to stop and wait for it; the worst exit code."""
        for worker in self._workers:
            worker.process.terminate()
        codes = [worker.process.wait() for worker in self._workers]
        # Killed by our SIGTERM is who did not serve yet or any more: nothing was under way there.
        return max((abs(code) for code in codes if code != -signal.SIGTERM), default=0)

    def _not_started(self, worst: int) -> int:
        """What to end with when a worker could not start."""
        if any(worker.process.returncode < 0 for worker in self._workers):
            sys.stderr.write("error: workers: one was killed before it served - see [listen]\n")
            return _CANNOT_SERVE
        return worst or _CANNOT_SERVE

    def _asked_to_stop(self, number: int, frame: object) -> None:
        del number, frame
        if self._stopping:  # asked twice: not even the grace is waited for
            self._forced = True
            for worker in self._workers:
                worker.process.kill()
        self._stopping = True
