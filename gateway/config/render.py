"""The configuration described from its models: the commented file, and the reference page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import east_asian_width

from pydantic.fields import FieldInfo

from .einvoice import (
    CentreConfig,
    EInvoiceConfig,
    EInvoiceFinanceConfig,
    EInvoiceUnitConfig,
    ServiceConfig,
)
from .fields import Section
from .peer import MacConfig, PeerConfig
from .sections import SECTIONS, ControlLimits, ControlsConfig, ListenConfig, ListenTlsConfig

_COLUMN = 40
_WIDTH = 120
# Tables within a section, written behind its keys; as comments where nothing is given for them.
_TABLES: dict[str, dict[str, type[Section]]] = {
    "listen": {"listen.tls": ListenTlsConfig},
    "controls": {'controls.units."0104901"': ControlLimits},
    "einvoice": {
        "einvoice.finance": EInvoiceFinanceConfig,
        'einvoice.units."0104901"': EInvoiceUnitConfig,
        "einvoice.centre": CentreConfig,
    },
}
# The keys that these tables stand for.
_TABLED: dict[type[Section], tuple[str, ...]] = {
    ListenConfig: ("tls",),
    ControlsConfig: ("units",),
    EInvoiceConfig: ("finance", "units", "centre"),
}
# Described in the reference alone: each stands on one line of its table.
_INLINE: dict[str, dict[str, type[Section]]] = {
    "einvoice": {"[einvoice.finance] service": ServiceConfig},
}

_HEAD = """\
# Configuration of the gateway. `nontax check` says what is wrong with it.
# Lines that begin with `#` show defaults and examples: to set a key, take the `#` away, also before
# the [section] above it.
"""

Values = Mapping[str, object]


def toml_value(value: object) -> str:
    """Write a text, number, truth value, list or table on one line of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {toml_value(part)}" for name, part in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml_value(part) for part in value) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare and not name.isdigit() else json.dumps(name)


def _extra(info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _default(info: FieldInfo) -> object:
    """What a comment shows: the default, else the example of a key that may be left out."""
    if info.is_required() or info.default is None or info.default == ():
        return _extra(info).get("example") or info.default
    return info.default


def _line(text: str, comment: str) -> list[str]:
    """One key a line; its meaning beside it, or above where the line would be too long."""
    beside = f"{text}{' ' * max(0, _COLUMN - _columns(text))} # {comment}"
    return [beside] if _columns(beside) <= _WIDTH else [f"# {comment}", text]


def _columns(text: str) -> int:
    """Columns on a terminal, where Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _keys(model: type[Section], values: Values | None) -> list[str]:
    """The keys of one table; `values` None writes all of them as comments."""
    lines: list[str] = []
    for name, info in model.model_fields.items():
        if name in _TABLED.get(model, ()):
            continue
        given = values is not None and (name in values or bool(_extra(info).get("shown")))
        value = values[name] if values is not None and name in values else _default(info)
        text = f"{name} = {toml_value(value)}"
        lines += _line(text if given else f"# {text}", info.description or "")
    return lines


def render_config(
    values: Mapping[str, Values], peers: Sequence[Values], comments: Mapping[str, str]
) -> str:
    """Return the text of a nontax.toml, with the meaning of every key beside it.

    `values` are the keys of each section that differ from the default, and of tables within one by
    their whole names; `peers` the keys of each
    peer in the order to be written, `comments` a remark on a peer's key by `CODE.key`.
    """
    parts = [_HEAD]
    for title, model in SECTIONS.items():
        keys = _keys(model, values.get(title, {}))
        # a section of nothing but comments is one too: uncomment its header with the first key
        empty = all(line.startswith("#") for line in keys)
        lines = [f"# [{title}]" if empty else f"[{title}]", *keys]
        for name, table in _TABLES.get(title, {}).items():
            given = values.get(name)
            lines += [f"# [{name}]" if given is None else f"[{name}]", *_keys(table, given)]
        parts.append("\n".join(lines) + "\n")
    parts.append("\n".join(_legend()) + "\n")
    parts += ["\n".join(_peer(peer, comments)) + "\n" for peer in peers]
    return "\n".join(parts)


def _legend() -> list[str]:
    lines = ["# Peers: one [[peers]] table for each node that may talk to this one. The keys:"]
    for name, info in PeerConfig.model_fields.items():
        lines += _line(f"#   {name}", info.description or "")
    return lines


def _peer(peer: Values, comments: Mapping[str, str]) -> list[str]:
    lines = ["[[peers]]"]
    for name, value in peer.items():
        text = f"{name} = {toml_value(value)}"
        comment = comments.get(f"{peer['code']}.{name}")
        lines += [text] if comment is None else _line(text, comment)
    return lines


def reference() -> str:
    """Return the reference of all settings as Markdown, a table per section."""
    parts = []
    tables: list[tuple[str, type[Section]]] = []
    for title, model in SECTIONS.items():
        tables.append((f"[{title}]", model))
        tables += [(f"[{name}]", table) for name, table in _TABLES.get(title, {}).items()]
        tables += _INLINE.get(title, {}).items()
    tables += [("[[peers]]", PeerConfig), ("[[peers]] mac", MacConfig)]
    for heading, model in tables:
        lines = [f"## `{heading}`", "", (model.__doc__ or "").strip(), ""]
        lines += ["| key | default | meaning |", "|---|---|---|"]
        for name, info in model.model_fields.items():
            if name in _TABLED.get(model, ()):
                continue
            meaning = (info.description or "").replace("|", "\\|")
            lines.append(f"| `{name}` | {_shown_default(info)} | {meaning} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _shown_default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    return "unset" if info.default is None else f"`{toml_value(info.default)}`"
