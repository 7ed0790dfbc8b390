"""The demo's cast over real sockets: a gateway, banks, a clearing bank, the platform, a unit."""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .accounts import Interbank, interbank
from .bank import Bank
from .clearing import ClearingBank
from .executing import Executor
from .identity import Clock, Habits, civil_now
from .link import Address
from .peer import Log, Node, Patience, no_log
from .people import LAND
from .platform import Platform
from .process import GatewayProcess, Installation
from .scenario import Script
from .unit import UnitSystem

BANKS: Final = ("D3206820105", "D3206820301")
PLATFORM: Final = "G000001"
UNIT: Final = "K3206820002"
CLEARING: Final = "Q3200000105"
OTHER_HABITS: Final = Habits(attributes=False, trailing=b"\r\n", declared="UTF-8")
"""The second bank's software: what banks have been seen to do."""
NODES: Final = (*BANKS, PLATFORM, CLEARING, UNIT)

# A day in seconds: what fails is tried again soon, and a lease ends soon after a kill.
QUICK_OUTBOX: Final[Mapping[str, float]] = {
    "first_retry_seconds": 0.2,
    "backoff_factor": 1.5,
    "max_retry_seconds": 1.0,
    "connect_timeout_seconds": 1.0,
    "answer_timeout_seconds": 2.0,
    "lease_seconds": 3.5,
    "poll_seconds": 0.2,
}


@dataclass(slots=True)
class County:
    """Everybody of the day. The gateway's address may change; `moved` tells all nodes."""

    installation: Installation
    gateway: GatewayProcess
    banks: tuple[Bank, Bank]
    platform: Platform
    clearing: ClearingBank
    unit: UnitSystem
    money: Interbank
    """All accounts, in the banks' own double-entry books."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the counterparties."""
        banks = (bank.node for bank in self.banks)
        return (*banks, self.platform.node, self.clearing.node, self.unit.node)

    @property
    def collectors(self) -> tuple[Bank | Platform, ...]:
        """Who takes money."""
        return (*self.banks, self.platform)

    @property
    def executors(self) -> tuple[Executor, ...]:
        """Who carries out orders."""
        return (*(collector.executor for collector in self.collectors), self.clearing.executor)

    async def open(self) -> Address:
        """Start the gateway and tell everybody where it is. Raises CommandFailedError."""
        address = await self.gateway.start()
        for node in self.nodes:
            node.gateway = address
        return address


@contextlib.asynccontextmanager
async def county(
    directory: Path,
    *,
    patience: Patience | None = None,
    clock: Clock = civil_now,
    log: Log = no_log,
    outbox: Mapping[str, float] = QUICK_OUTBOX,
    template: Path | None = None,
    prepare: Callable[[Installation], None] | None = None,
) -> AsyncIterator[County]:
    """A fresh sample in `directory` with everybody listening; the gateway is not started yet.

    template: a sample that is copied instead of making a new one.
    prepare: changes the configuration before anything runs. At the end all is stopped.
    """
    if template is None:
        installation = await Installation.sample(directory)
    else:
        installation = Installation.copied(template, directory)
    nodes = {
        code: Node(
            installation.identity(code, clock=clock),
            patience=patience,
            script=Script(),
            log=log,
        )
        for code in NODES
    }
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes.values():
            await stack.enter_async_context(node)
        installation.configure(
            {"listen": {"port": 0}, "outbox": outbox},
            {code: {"address": str(node.address)} for code, node in nodes.items()},
        )
        if prepare is not None:
            prepare(installation)
        gateway = GatewayProcess(installation)
        stack.push_async_callback(_end, gateway)
        catalogue = tomllib.loads((directory / "catalogue.toml").read_text("utf-8"))
        money = interbank(catalogue, lambda: clock().strftime("%Y%m%d"))
        banks = (Bank(nodes[BANKS[0]], money), Bank(nodes[BANKS[1]], money))
        banks[1].node.identity.habits = OTHER_HABITS
        banks[1].outlet, banks[1].serial_prefix = "320682101", "J"
        platform = Platform(nodes[PLATFORM], money)
        clearing = ClearingBank(nodes[CLEARING], money)
        unit = UnitSystem(nodes[UNIT], LAND.code, LAND.name)
        everybody = County(installation, gateway, banks, platform, clearing, unit, money)
        results = [asyncio.create_task(executor.keep_sending()) for executor in everybody.executors]
        stack.push_async_callback(_cancel, results)
        yield everybody


async def _end(gateway: GatewayProcess) -> None:
    if gateway.running:
        await gateway.kill()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
