"""One gateway for all cases of bad input, and the proof that none of them leaves a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from nontax.messages import Result
from nontax.simulators.books import count_rows
from nontax.simulators.forge import RawLine, frame
from nontax.simulators.process import GatewayProcess, Installation

BANK, PLATFORM, CLEARING = "D3206820105", "G000001", "Q3200000105"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict_gateway(
    sample_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayProcess]:
    """A running gateway with a disabled peer, one from elsewhere, and short time-outs."""
    directory = tmp_path_factory.mktemp("bad-input") / "gateway"
    installation = Installation.copied(sample_template, directory)
    installation.configure(
        {
            "listen": {
                "port": 0,
                "first_frame_timeout_seconds": 1,
                "max_frame_bytes": 2_000_000,
                "auth_failures_per_minute": 1000,
            }
        },
        {
            CLEARING: {"enabled": False},
            PLATFORM: {"allow_from": ["10.0.0.0/8"], "sync_bills": False},
        },
    )
    async with GatewayProcess(installation) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def line(strict_gateway: GatewayProcess) -> AsyncIterator[RawLine]:
    """A line to it. After every case it still serves, and its books are what they were."""
    installation = strict_gateway.installation
    url, directory = installation.config().store.url, installation.directory
    before = await count_rows(url, directory)
    line = RawLine(strict_gateway.address, installation.identity)
    yield line
    answer = await line.one(frame(line.identity(BANK)))
    assert answer.voucher.Result == Result.NO_SUCH_BILL
    assert strict_gateway.running
    assert await count_rows(url, directory) == before
