"""`nontax init`: a folder with configuration and secrets, and with a sample to try things on.

Only files are written here; what the sample puts into the books (operators, catalogue, bills) is
returned as the names of the files to import, for the command that opens the store.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from ...einvoice.algorithms import SignatureAlgorithm
from ..config.render import Values, render_config
from .hierarchy import write_hierarchy
from .secrets import des_key, master_key, password, token

Random = Callable[[int], bytes]
Role = Literal["maker", "checker", "auditor"]

CONFIG_NAME: Final = "nontax.toml"
SECRET_FOLDER: Final = "secret"  # noqa: S105 - the name of a folder

# The token of the published test vectors (tests/vectors/vectors.json): frames captured there
# verify against the sample. Everybody knows it: a real unit gets one of its own.
VECTOR_TOKEN: Final = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"  # noqa: S105 - published on purpose
VECTOR_NODE: Final = "K3206820002"

OPERATORS: Final[tuple[tuple[str, Role], ...]] = (
    ("maker1", "maker"),
    ("checker1", "checker"),
    ("auditor1", "auditor"),
)


class InitError(Exception):
    """The folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SampleOperator:
    """An operator to be entered into the store; its password lies in a file."""

    name: str
    role: Role
    password_file: Path


@dataclass(frozen=True, slots=True)
class Initialised:
    """What was written. Without a sample, `catalogue` and `bills` are None, `operators` empty.

    algorithm: of the keys of the sample's test hierarchy.
    """

    directory: Path
    config: Path
    catalogue: Path | None = None
    bills: Path | None = None
    operators: tuple[SampleOperator, ...] = ()
    algorithm: SignatureAlgorithm | None = None


def init_directory(path: Path, *, sample: bool, random: Random, today: str) -> Initialised:
    """Write nontax.toml and secrets into a new or empty folder, and the sample if wanted.

    `random(n)` gives n random bytes, `today` is the civil date `yyyymmdd` that sample bills carry.
    Raises `InitError` when the folder is not empty or no folder, `OSError` when it cannot be
    written.
    """
    _make_empty(path)
    secret = path / SECRET_FOLDER
    secret.mkdir(mode=0o700)
    _write_secret(secret / "master.key", master_key(random))
    config = path / CONFIG_NAME
    if not sample:
        _write(config, render_config({"node": _UNNAMED_NODE}, (), {}))
        return Initialised(path, config)
    for peer in _PEERS:
        _write_peer_secrets(path, peer, random)
    comments = {
        f"{peer['code']}.accept_replayable_mac": "a sample on one machine: never on a network"
        for peer in _PEERS
    }
    hierarchy = write_hierarchy(path, random=random, today=today)
    sections = {
        "node": _SAMPLE_NODE,
        "operators": _SAMPLE_OPERATORS,
        "settlement": _SAMPLE_SETTLEMENT,
        **hierarchy.sections,
    }
    _write(config, render_config(sections, _PEERS, comments))
    operators = []
    for name, role in OPERATORS:
        file = secret / f"{name}.password"
        _write_secret(file, password(random))
        operators.append(SampleOperator(name, role, file))
    catalogue, bills = path / "catalogue.toml", path / "bills.jsonl"
    _write(catalogue, _data("catalogue.toml"))
    _write(bills, _data("bills.jsonl").replace("@TODAY", today))
    return Initialised(path, config, catalogue, bills, tuple(operators), hierarchy.algorithm)


def _make_empty(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InitError(f"{path} is no folder: name another")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise InitError(f"{path} is not empty: name a new or an empty folder")


def _data(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_secret(path: Path, value: str) -> None:
    """Write a new file that nobody else could ever read, not even while it is made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
        file.write(value + "\n")


def _write_peer_secrets(path: Path, peer: Values, random: Random) -> None:
    own = VECTOR_TOKEN if peer["code"] == VECTOR_NODE else token(random)
    _write_secret(_referenced(path, peer["token"]), own)
    if "des_key" in peer:
        _write_secret(_referenced(path, peer["des_key"]), des_key(random))


def _referenced(path: Path, reference: object) -> Path:
    return path / str(reference).removeprefix("file:")


def _peer(
    code: str, kind: str, name: str, port: int, mac: tuple[str, int], **other: object
) -> Values:
    """The keys of one sample peer in the order of the file."""
    algorithm, width = mac
    peer: dict[str, object] = {
        "code": code,
        "kind": kind,
        "name": name,
        "regions": ["320682"],
        "units": other.pop("units", []),
        "address": f"127.0.0.1:{port}",
        "mac": {"algorithm": algorithm, "width": width},
        "token": f"file:{SECRET_FOLDER}/{code}.token",
    }
    if algorithm.startswith("3des"):
        peer["des_key"] = f"file:{SECRET_FOLDER}/{code}.des"
    peer |= {
        "charset": "GBK",
        "keep_alive": False,
        "allow_from": ["127.0.0.0/8"],
        "enabled": True,
    }
    return peer | other


_UNNAMED_NODE: Values = {"code": "F000000", "name": "财政局", "regions": ["000000"]}
_SAMPLE_NODE: Values = {"code": "F320682", "name": "示例市财政局", "regions": ["320682"]}
# So that bills can be imported without a prompt; a real site names its operators.
_SAMPLE_OPERATORS: Values = {
    "unattended": "maker1",
    "unattended_password": f"file:{SECRET_FOLDER}/maker1.password",
}
# So that a first day can be cleared and remitted without a bank's statements.
_SAMPLE_SETTLEMENT: Values = {"wait_for": "confirmation"}
_PEERS: tuple[Values, ...] = (
    _peer("D3206820105", "bank", "示例建行", 9301, ("sha256-token", 64)),
    _peer("D3206820301", "bank", "示例交行", 9302, ("3des-digest", 128)),
    _peer("G000001", "platform", "统一公共支付平台", 9303, ("hmac-sm3", 128), sync_bills=True),
    _peer(
        "Q3200000105",
        "clearing",
        "示例建行省分行(清分)",
        9304,
        ("3des-token", 64),
        accept_replayable_mac=True,
    ),
    _peer(
        VECTOR_NODE,
        "unit",
        "示例市自然资源局收费系统",
        9305,
        ("sha256-token", 64),
        units=["0104901", "0105204"],
    ),
)
