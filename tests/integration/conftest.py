"""A gateway as a subprocess on a fresh sample, with its counterparties, for integration tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nontax.simulators.bank import Bank
from nontax.simulators.county import County, county
from nontax.simulators.platform import Platform
from nontax.simulators.process import GatewayProcess, Installation
from nontax.simulators.unit import UnitSystem


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample installation (`nontax init --sample`) to be copied; nobody starts it."""
    directory = tmp_path_factory.mktemp("template") / "sample"
    asyncio.run(Installation.sample(directory))
    return directory


@pytest.fixture
async def town(sample_template: Path, tmp_path: Path) -> AsyncIterator[County]:
    """Banks, platform and unit that listen, and a gateway that knows them and is not started."""
    async with county(tmp_path / "gateway", template=sample_template) as everybody:
        yield everybody


@pytest.fixture
async def gateway(town: County) -> GatewayProcess:
    """The running gateway of `town`."""
    await town.open()
    return town.gateway


@pytest.fixture
def bank(town: County) -> Bank:
    """The agent bank D3206820105 (sha256-token)."""
    return town.banks[0]


@pytest.fixture
def other_bank(town: County) -> Bank:
    """The agent bank D3206820301 (3des-digest)."""
    return town.banks[1]


@pytest.fixture
def platform(town: County) -> Platform:
    """The public payment platform (hmac-sm3)."""
    return town.platform


@pytest.fixture
def unit(town: County) -> UnitSystem:
    """The billing system K3206820002 of unit 0104901 (sha256-token)."""
    return town.unit
