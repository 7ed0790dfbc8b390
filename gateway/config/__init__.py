"""The configuration: one TOML file, read whole, refused with all its faults at once."""

from .check import check
from .einvoice import (
    CentreConfig,
    EInvoiceConfig,
    EInvoiceFinanceConfig,
    EInvoiceUnitConfig,
    ServiceConfig,
    SigningConfig,
)
from .faults import ConfigError, Fault
from .fields import split_address
from .load import find_config, load_config, parse_config
from .model import Config
from .peer import Charset, Kind, MacConfig, PeerConfig
from .sections import (
    CheckDigitPolicy,
    CollectionConfig,
    ControlLimits,
    ControlsConfig,
    ListenConfig,
    ListenTlsConfig,
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

__all__ = [
    "CentreConfig",
    "Charset",
    "CheckDigitPolicy",
    "CollectionConfig",
    "Config",
    "ConfigError",
    "ControlLimits",
    "ControlsConfig",
    "EInvoiceConfig",
    "EInvoiceFinanceConfig",
    "EInvoiceUnitConfig",
    "Fault",
    "Kind",
    "ListenConfig",
    "ListenTlsConfig",
    "LogConfig",
    "MacConfig",
    "NodeConfig",
    "OperatorsConfig",
    "OutboxConfig",
    "PeerConfig",
    "ReconciliationConfig",
    "SecretsConfig",
    "ServiceConfig",
    "SettlementConfig",
    "SigningConfig",
    "SpoolConfig",
    "StoreConfig",
    "check",
    "find_config",
    "load_config",
    "parse_config",
    "split_address",
]
