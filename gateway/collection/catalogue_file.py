"""Reading catalogue files: TOML with all tables, or CSV with one (its name says which).

A CSV file is named after its table (`units.csv`, `rights.csv`, …) and has the keys as columns.
Nested keys are flat there: `standard_type`, `standard_low`, `standard_high` of items; one row per
right (`unit`, `items`), per share (`item`, `start`, `stop`, `target`, `share`) and per outlet.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ...codecs import shown
from ..config.locate import line_of, locate
from ..store.catalogue import Entry
from ..store.entries import Share, UnitItem
from .catalogue_fields import RIGHT_KEYS, RULE_KEYS, SHARE_KEYS, TABLES, Key

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
DELAY_ITEM: Final = "delay_item"
_APART: Final = ("rights", "sharing_rules")


@dataclass(frozen=True, slots=True)
class CatalogueFault:
    """One thing that is wrong: `place` is file and line, `key` the table and key."""

    place: str
    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.problem}" if self.key else self._bare()

    def _bare(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(slots=True)
class Read:
    """What was read: entries and sharing rules with their places, and what is wrong."""

    entries: list[tuple[str, str, Entry]] = field(default_factory=list)
    """(place, table, entry)"""
    rules: list[tuple[str, tuple[Share, ...]]] = field(default_factory=list)
    delay_item: tuple[str, str] | None = None
    """(place, code)"""
    faults: list[CatalogueFault] = field(default_factory=list)

    def wrong(self, place: str, key: str, problem: str) -> None:
        """Note a fault."""
        self.faults.append(CatalogueFault(place, key, problem))


def read_files(paths: list[Path]) -> Read:
    """Everything that the files hold. Faults are in the result. Raises OSError."""
    read = Read()
    for path in paths:
        kind = path.suffix.lower()
        if path.stat().st_size > MAX_FILE_BYTES:
            read.wrong(str(path), "", f"the file has more than {MAX_FILE_BYTES} bytes")
        elif kind == ".toml":
            _read_toml(path, read)
        elif kind == ".csv":
            _read_csv(path, read)
        else:
            read.wrong(str(path), "", "is neither .toml nor .csv")
    return read


# -- TOML -----------------------------------------------------------------------------------------


def _read_toml(path: Path, read: Read) -> None:
    try:
        text = path.read_bytes().decode("utf-8")
        raw = tomllib.loads(text)
    except UnicodeDecodeError:
        read.wrong(str(path), "", "is not UTF-8 text")
        return
    except tomllib.TOMLDecodeError as error:
        read.wrong(str(path), "", f"is no TOML: {error}")
        return
    lines = locate(text)
    for name, tables in raw.items():
        place = f"{path}:{line_of(lines, (name,))}"
        if name == DELAY_ITEM:
            _delay_item(tables, place, read)
        elif name not in TABLES and name not in _APART:
            read.wrong(place, shown(name, 40), "is no table of a catalogue")
        elif not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
            read.wrong(place, name, f"must be written as [[{name}]]")
        else:
            for index, table in enumerate(tables):
                place = f"{path}:{line_of(lines, (name, index))}"
                _add(name, _flattened(name, table, place, read), place, read)


def _delay_item(value: object, place: str, read: Read) -> None:
    if isinstance(value, str):
        read.delay_item = (place, value)
    else:
        read.wrong(place, DELAY_ITEM, "must be an item's code in quotes")


def _flattened(name: str, table: dict[str, Any], place: str, read: Read) -> dict[str, Any]:
    """The table with its nested ones taken apart: outlets of a bank, the standard of an item."""
    flat = dict(table)
    if name == "banks":
        outlets = flat.pop("outlets", [])
        if not isinstance(outlets, list) or not all(isinstance(o, dict) for o in outlets):
            read.wrong(place, "banks.outlets", "must be a list of tables")
            outlets = []
        for outlet in outlets:
            _add("outlets", {"bank": flat.get("code"), **outlet}, place, read)
    if name == "items" and "standard" in flat:
        standard = flat.pop("standard")
        if not isinstance(standard, dict):
            read.wrong(place, "items.standard", "must be a table: { type = … }")
        else:
            flat.update({f"standard_{key}": value for key, value in standard.items()})
    return flat


# -- CSV ------------------------------------------------------------------------------------------


def _read_csv(path: Path, read: Read) -> None:
    name = path.stem.lower()
    if name not in TABLES and name not in _APART:
        tables = ", ".join([*TABLES, *_APART])
        read.wrong(str(path), "", f"the name says no table: name it after one of {tables}")
        return
    text = _decoded(path.read_bytes())
    if text is None:
        read.wrong(str(path), "", "is neither UTF-8 nor GBK")
        return
    rows = csv.DictReader(text.splitlines(keepends=True), strict=True)
    shares: list[tuple[str, dict[str, Any]]] = []
    try:
        for row in rows:
            place = f"{path}:{rows.line_num}"
            if None in row or None in row.values():
                read.wrong(place, name, "the row has not as many cells as there are columns")
                continue
            filled = {
                key.strip(): value.strip() for key, value in row.items() if value and value.strip()
            }
            if name == "sharing_rules":
                shares.append((place, filled))
            elif filled:
                _add(name, filled, place, read)
    except csv.Error as error:
        read.wrong(f"{path}:{rows.line_num}", name, f"not CSV: {error}")
    for place, rule in _rules_of_rows(shares):
        _add(name, rule, place, read)


def _decoded(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gbk"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _rules_of_rows(rows: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of shares as the rules that they make: same item and start."""
    rules: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    for place, row in rows:
        share = {key: row.pop(key) for key in SHARE_KEYS if key in row}
        key = (row.get("item", ""), row.get("start", ""))
        rules.setdefault(key, (place, {**row, "shares": []}))[1]["shares"].append(share)
    yield from rules.values()


# -- entries --------------------------------------------------------------------------------------


def _add(name: str, raw: Mapping[str, Any], place: str, read: Read) -> None:
    """Add what one table or row says."""
    if name == "rights":
        values = _values(name, raw, RIGHT_KEYS, place, read)
        if values is not None:
            stop = values.get("stop_date", "")
            for code in values["items"].split(","):
                right = UnitItem(values["unit"], code, values["start_date"], stop)
                read.entries.append((place, name, right))
    elif name == "sharing_rules":
        _add_rule(dict(raw), place, read)
    else:
        table = TABLES[name]
        values = _values(name, raw, table.keys, place, read)
        if values is None:
            return
        if name == "supervised_accounts":
            values.update(purpose="supervised", acct_type="4")
            values.setdefault("region", "")
        read.entries.append((place, name, table.kind(**values)))


def _add_rule(raw: dict[str, Any], place: str, read: Read) -> None:
    shares = raw.pop("shares", None)
    values = _values("sharing_rules", raw, RULE_KEYS, place, read)
    if not isinstance(shares, list) or not shares or not all(isinstance(s, dict) for s in shares):
        read.wrong(place, "sharing_rules.shares", "must be a list of { target = …, share = … }")
        return
    parts = [_values("sharing_rules.shares", share, SHARE_KEYS, place, read) for share in shares]
    if values is None or None in parts:
        return
    stop = values.get("stop_date", "")
    rule = tuple(
        Share(values["item"], values["start_date"], line, stop, part["target"], part["parts"])
        for line, part in enumerate(filter(None, parts), 1)
    )
    whole = sum(share.parts for share in rule)
    if whole != 10_000:
        read.wrong(place, "sharing_rules.shares", f"the shares add up to {whole}, not to 10000")
        return
    read.rules.append((place, rule))


def _values(
    name: str, raw: Mapping[str, Any], keys: Mapping[str, Key], place: str, read: Read
) -> dict[str, Any] | None:
    """Attribute → value; None when something is wrong."""
    before = len(read.faults)
    found: dict[str, Any] = {}
    for key, value in raw.items():
        spec = keys.get(key)
        if spec is None:
            read.wrong(place, f"{name}.{shown(key, 40)}", "is no key of this table")
            continue
        try:
            found[spec.attribute] = spec.read(value)
        except ValueError as error:
            read.wrong(place, f"{name}.{key}", str(error))
    for key, spec in keys.items():
        if spec.required and key not in raw:
            read.wrong(place, f"{name}.{key}", "is missing")
    start, stop = found.get("start_date", ""), found.get("stop_date", "")
    if stop and start and stop < start:
        read.wrong(place, f"{name}.stop", "is earlier than start")
    return found if len(read.faults) == before else None
