"""`nontax serve`: run the gateway, one process or several on one socket."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..app import Gateway, Surroundings
from ..clock import SystemClock
from ..config import Config, load_config
from ..net.server import run_in_loop
from ..observe.log import Log
from ..store import open_store

_FLUSH_SECONDS = 0.05
_BACKLOG = 1024
_RESTART_SECONDS = 1.0


def serve(path: Path, *, inherited: int | None, ready: int | None) -> int:
    """Serve until SIGTERM or SIGINT; 0 after a clean end.

    `inherited` is the file descriptor of a listening socket and `ready` one to write a byte to when
    serving has begun: that is how a supervisor starts its workers.
    """
    config = load_config(path)
    if inherited is None and config.listen.workers > 1:
        return Supervisor(path, config).run()
    run_in_loop(_serve(config, inherited, ready))
    return 0


async def _serve(config: Config, inherited: int | None, ready: int | None) -> None:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    writer = ThreadPoolExecutor(1, thread_name_prefix="log")
    log = Log(
        sys.stderr,
        clock.now_ms,
        level=config.log.level,
        # A slow reader of the log must never hold the loop.
        schedule=lambda flush: _later(loop, writer, flush),
    )
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _asked_to_stop, stopping)
    store = await open_store(config.store_url, config.directory)
    gateway = Gateway(config, store, Surroundings(clock, secrets.token_bytes, log))
    listening = socket.socket(fileno=inherited) if inherited is not None else None
    await gateway.start(listening)
    host, port = gateway.server.address
    log.event("info", "listening", host=host, port=port, node=config.node.code, pid=os.getpid())
    if ready is not None:
        os.write(ready, b"1")
        os.close(ready)
    else:
        print(f"listening {host}:{port}", flush=True)
    await stopping.wait()
    log.event("info", "stopping")
    await gateway.stop()
    writer.shutdown()


def _later(loop: asyncio.AbstractEventLoop, writer: ThreadPoolExecutor, flush: object) -> None:
    assert callable(flush)  # noqa: S101 - the log hands in its own method
    loop.call_soon_threadsafe(
        lambda: loop.call_later(_FLUSH_SECONDS, lambda: writer.submit(flush))
    )


def _asked_to_stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        # Asked twice: whoever asks knows that something is under way.
        os._exit(1)
    stopping.set()
