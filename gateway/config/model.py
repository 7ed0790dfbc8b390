"""The whole configuration, as read from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import PrivateAttr, Strict

from ...mac import MasterKey
from .einvoice import EInvoiceConfig
from .faults import Fault
from .fields import Section, setting
from .figures import FiguresConfig
from .locate import Path as KeyPath
from .locate import line_of, spell
from .peer import PeerConfig
from .sections import (
    BaseDataConfig,
    CollectionConfig,
    ControlsConfig,
    ListenConfig,
    LogConfig,
    NodeConfig,
    OperatorsConfig,
    OutboxConfig,
    ReconciliationConfig,
    SecretsConfig,
    SettlementConfig,
    SpoolConfig,
    StoreConfig,
)


class Config(Section):
    """What one nontax.toml says. Frozen; secrets are wrapped and never shown."""

    node: NodeConfig = setting("this node")
    store: StoreConfig = setting("the books", default_factory=StoreConfig)
    listen: ListenConfig = setting("the listening service", default_factory=ListenConfig)
    log: LogConfig = setting("the service's log", default_factory=LogConfig)
    secrets: SecretsConfig = setting("secrets of the installation")
    collection: CollectionConfig = setting("bills and payments", default_factory=CollectionConfig)
    outbox: OutboxConfig = setting("delivery to peers", default_factory=OutboxConfig)
    controls: ControlsConfig = setting("controls on units", default_factory=ControlsConfig)
    operators: OperatorsConfig = setting("operators", default_factory=OperatorsConfig)
    settlement: SettlementConfig = setting("clearing and remittance", SettlementConfig())
    base_data: BaseDataConfig = setting("base data", default_factory=BaseDataConfig)
    reconciliation: ReconciliationConfig = setting("repairs", default_factory=ReconciliationConfig)
    figures: FiguresConfig = setting("general ledger", default_factory=FiguresConfig)
    einvoice: EInvoiceConfig = setting("e-invoices", default_factory=EInvoiceConfig)
    spool: SpoolConfig = setting("folders for other programs", default_factory=SpoolConfig)
    peers: Annotated[tuple[PeerConfig, ...], Strict(strict=False)] = setting("peers", ())

    _file: Path = PrivateAttr(default=Path("nontax.toml"))
    _lines: dict[KeyPath, int] = PrivateAttr(default_factory=dict)
    _warnings: tuple[Fault, ...] = PrivateAttr(default=())

    @property
    def file(self) -> Path:
        """The file that this was read from."""
        return self._file

    @property
    def directory(self) -> Path:
        """The folder of the file; relative names start here."""
        return self._file.parent

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What is unwise but no fault, such as a secret that others can read."""
        return self._warnings

    @property
    def store_file(self) -> Path | None:
        """The file of an SQLite store; None for PostgreSQL."""
        name = self.store.sqlite_file
        return None if name is None else self.directory / name

    @property
    def master_key(self) -> MasterKey:
        """The key that seals secrets in the store."""
        return self.secrets.master_key

    def peer(self, code: str) -> PeerConfig | None:
        """Return the peer with this code."""
        return next((peer for peer in self.peers if peer.code == code), None)

    def fault(self, path: KeyPath, problem: str) -> Fault:
        """Return a fault at the place of a key of this file."""
        return Fault(str(self._file), line_of(self._lines, path), spell(path), problem)

    def with_origin(
        self, file: Path, lines: dict[KeyPath, int], warnings: tuple[Fault, ...]
    ) -> Config:
        """Remember where this was read from; returns itself. For the loader."""
        self._file, self._lines, self._warnings = file, lines, warnings
        return self
