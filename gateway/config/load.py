"""Reading nontax.toml: every fault of the file at once, each with its place."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .check import Settings, contradictions
from .faults import ConfigError, Fault
from .fields import Reading, Section
from .locate import Path as KeyPath
from .locate import line_of, locate, spell
from .model import Config
from .peer import PeerConfig
from .sections import SECTIONS, ListenConfig, NodeConfig, StoreConfig

ENVIRONMENT_NAME = "NONTAX_CONFIG"
DEFAULT_NAME = "nontax.toml"
S = TypeVar("S", bound=Section)


def find_config(argument: str | None, environment: Mapping[str, str] | None = None) -> Path:
    """Return the file to read: the argument, else NONTAX_CONFIG, else ./nontax.toml."""
    if argument:
        return Path(argument)
    named = (os.environ if environment is None else environment).get(ENVIRONMENT_NAME)
    return Path(named or DEFAULT_NAME)


def load_config(path: Path | str) -> Config:
    """Return the configuration that a file holds.

    Raises `ConfigError` with every fault: syntax, unknown keys, wrong types, missing files and
    secrets, contradictions. Warnings are in `Config.warnings`.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError((Fault(str(file), None, "", _no_file(error)),)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError((Fault(str(file), line, "", "is not UTF-8 text"),)) from None
    return parse_config(text, file)


def _no_file(error: OSError) -> str:
    return f"cannot be read: {error.strerror} (name it with -c FILE or {ENVIRONMENT_NAME})"


def parse_config(text: str, file: Path) -> Config:
    """Return the configuration that `text` holds; `file` is where relative names start."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(place[1]) if place is not None and place[1] else None
        problem = str(error)[: place.start()] if place is not None else str(error)
        raise ConfigError((Fault(str(file), line, "", f"is no TOML: {problem}"),)) from None
    return _Loader(file, locate(text)).load(raw)


@dataclass(slots=True)
class _Loader:
    """Reads section after section and keeps the faults."""

    file: Path
    lines: dict[KeyPath, int]
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def load(self, raw: dict[str, Any]) -> Config:
        sections: dict[str, Any] = {}
        for name in raw:
            if name not in SECTIONS and name != "peers":
                known = [*SECTIONS, "peers"]
                self.add((name,), f"unknown section{_meant(name, known)}")
        for name, model in SECTIONS.items():
            section = self.section(model, raw.get(name, {}), (name,), missing=name not in raw)
            if section is not None:
                sections[name] = section
        peers = self.peers(raw.get("peers", []))
        self.contradict(sections, peers)
        if self.faults:
            raise ConfigError(tuple(sorted(self.faults, key=lambda fault: fault.line or 0)))
        config = Config.model_construct(**sections, peers=tuple(peers))
        return config.with_origin(self.file, self.lines, tuple(self.warnings))

    def peers(self, tables: object) -> list[PeerConfig]:
        """Read [[peers]]; those with faults come back partial, for the contradictions."""
        if not isinstance(tables, list):
            self.add(("peers",), "must be written as [[peers]], one for each peer")
            return []
        peers = []
        for index, table in enumerate(tables):
            reading = Reading(self.file.parent)
            peer = self.section(PeerConfig, table, ("peers", index), reading=reading)
            peers.append(peer if peer is not None else _partial(reading))
        return peers

    def section(
        self,
        model: type[S],
        table: object,
        path: KeyPath,
        *,
        missing: bool = False,
        reading: Reading | None = None,
    ) -> S | None:
        if not isinstance(table, dict):
            self.add(path, "must be a table")
            return None
        reading = reading or Reading(self.file.parent)
        try:
            section = model.model_validate(table, context=reading)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            if missing:
                needed = ", ".join(str(detail["loc"][0]) for detail in details)
                self.add(path, f"the section is missing (it needs {needed})")
            else:
                for detail in details:
                    self.invalid(model, path, detail)
            section = None
        for key, warning in reading.warnings:
            self.add((*path, key), warning, severity=self.warnings)
        return section

    def invalid(self, model: type[Section], path: KeyPath, detail: ErrorDetails) -> None:
        location = _real_path(detail["loc"])
        if detail["type"] == "extra_forbidden":
            owner = _owner(model, location[:-1])
            known = list(owner.model_fields) if owner is not None else []
            problem = f"unknown key{_meant(str(location[-1]), known)}"
        else:
            problem = _problem(detail)
        self.add((*path, *location), problem)

    def contradict(self, sections: dict[str, Section], peers: list[PeerConfig]) -> None:
        node, store = sections.get("node"), sections.get("store")
        listen = sections.get("listen")
        settings = Settings(
            node if isinstance(node, NodeConfig) else None,
            store if isinstance(store, StoreConfig) else None,
            listen if isinstance(listen, ListenConfig) else None,
            peers,
        )
        for finding in contradictions(settings):
            severity = self.warnings if finding.warning else self.faults
            self.add(finding.path, finding.problem, severity=severity)

    def add(self, path: KeyPath, problem: str, *, severity: list[Fault] | None = None) -> None:
        target = self.faults if severity is None else severity
        kind = "warning" if target is self.warnings else "fault"
        line = line_of(self.lines, path)
        if kind == "warning":
            target.append(Fault(str(self.file), line, spell(path), problem, "warning"))
        else:
            target.append(Fault(str(self.file), line, spell(path), problem))


def _partial(reading: Reading) -> PeerConfig:
    """A peer of the fields that were valid; the others are empty."""
    empty: dict[str, Any] = {"code": "", "regions": (), "allow_from": ()}
    noted = {name: value for (model, name), value in reading.noted.items() if model is PeerConfig}
    return PeerConfig.model_construct(**(empty | noted))


def _real_path(location: tuple[int | str, ...]) -> KeyPath:
    """Leave out what pydantic adds for its own unions and function schemas."""
    return tuple(part for part in location if isinstance(part, int) or "[" not in part)


def _owner(model: type[Section], path: KeyPath) -> type[Section] | None:
    """The section that a nested key belongs to."""
    owner: type[Section] | None = model
    for name in path:
        if owner is None or not isinstance(name, str):
            return None
        info = owner.model_fields.get(name)
        candidates = [] if info is None else _sections_in(info.annotation)
        owner = candidates[0] if candidates else None
    return owner


def _sections_in(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, Section) else []
    found: list[type[Section]] = []
    for argument in getattr(annotation, "__args__", ()):
        found += _sections_in(argument)
    return found


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _problem(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if detail["type"] == "value_error":
        return text
    return f"must be {text[0].lower()}{text[1:]}"
