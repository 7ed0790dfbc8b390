"""Books on a real store with the sample's catalogue; the clock stands still."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import ManualClock, midnight_ms
from nontax.gateway.collection.billrules import BillRules
from nontax.gateway.collection.bills import Making
from nontax.gateway.collection.catalogue_import import import_catalogue
from nontax.gateway.collection.drafts import BillDraft
from nontax.gateway.config import Config, load_config
from nontax.gateway.sample import init_directory
from nontax.gateway.sample.stock import fill_stock
from nontax.gateway.store import Store, open_store
from nontax.messages import PayInfoEntry

TODAY = "20261122"
NOW = midnight_ms(TODAY) + 9 * 3_600_000


def not_random(count: int) -> bytes:
    """Bytes that are the same in every run."""
    blocks = (sha256(bytes([n % 256, n // 256])).digest() for n in range(count // 32 + 1))
    return b"".join(blocks)[:count]


@dataclass(frozen=True)
class Books:
    """A sample installation without bills and operators."""

    config: Config
    store: Store
    clock: ManualClock

    @property
    def rules(self) -> BillRules:
        return BillRules(self.config)

    @property
    def making(self) -> Making:
        return Making("import", "maker1", NOW, TODAY)

    def configured(self, changes: str) -> BillRules:
        """The rules of a configuration with other lines at its end."""
        file = self.config.directory / "changed.toml"
        text = (self.config.directory / "nontax.toml").read_text("utf-8")
        section, _, lines = changes.partition("\n")
        if f"\n{section}\n" in text:
            text = text.replace(f"\n{section}\n", f"\n{section}\n{lines}\n", 1)
        else:
            text += f"\n{changes}\n"
        file.write_text(text, "utf-8")
        return BillRules(load_config(file))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("collection") / "sample"
    init_directory(directory, sample=True, random=not_random, today=TODAY)
    return directory


@pytest.fixture
async def books(template: Path, tmp_path: Path) -> AsyncIterator[Books]:
    directory = tmp_path / "books"
    shutil.copytree(template, directory)
    config = load_config(directory / "nontax.toml")
    store = await open_store(config.store.url, config.directory, create=True)
    clock = ManualClock(NOW)
    await import_catalogue(store, [directory / "catalogue.toml"], actor="test", clock=clock)
    await store.transact(lambda tx: fill_stock(tx, at=NOW, today=TODAY))
    yield Books(config, store, clock)
    await store.close()


@pytest.fixture
def draft() -> Callable[..., BillDraft]:
    """Makes a bill of 80.00 yuan that breaks no rule; keyword arguments replace its fields."""
    return _draft


def _draft(**changes: Any) -> BillDraft:
    values: dict[str, Any] = {
        "region": "320682",
        "bill_date": TODAY,
        "unit_code": "0104901",
        "payer_name": "张三",
        "amt": 8000,
        "ori_amt": 8000,
        "delay_amt": 0,
        "items": (PayInfoEntry("103043211", "不动产登记费", 8000, "次"),),
        "mobile": "13000000000",
    }
    return BillDraft(**(values | changes))
