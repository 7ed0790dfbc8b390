"""An office for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .office import Office, opened_office


@pytest.fixture
async def office(sample_template: Path, tmp_path: Path) -> AsyncIterator[Office]:
    async with opened_office(sample_template, tmp_path / "office") as opened:
        yield opened
