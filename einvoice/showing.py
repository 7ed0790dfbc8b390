"""What an invoice says, masked, for people and programs that are not entitled to all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from ..codecs.masking import Sensitive, mask
from ..codecs.money import format_yuan
from ..codecs.types import WireType
from .table import Entries, Extension, Open, Part, Record, Row, declarations

Shown: TypeAlias = "str | int | Mapping[str, Shown] | Sequence[Shown]"

_SEVERAL: Final = "more"


def masked(record: Record) -> dict[str, Shown]:
    """Element to value, empty ones left out; amounts in yuan, personal data masked.

    Elements that the table does not name are shown by their length only: they may say anything.
    """
    shown: dict[str, Shown] = {}
    for name, declared in declarations(type(record)).items():
        value = getattr(record, name)
        if value in ("", None, ()):
            continue
        if isinstance(declared, Row):
            shown[name] = _value(declared, value)
        elif isinstance(declared, Part):
            shown[declared.tag] = masked(value)
        elif isinstance(declared, Entries):
            shown[declared.tag] = [masked(entry) for entry in value]
        elif isinstance(declared, Open):
            shown[declared.tag or _SEVERAL] = [_extension(extension) for extension in value]
    return shown


def _value(row: Row, value: object) -> Shown:
    if row.wire is WireType.CURRENCY and isinstance(value, int):
        return format_yuan(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    safe = row.shown(value)
    return safe if isinstance(safe, int) else str(safe)


def _extension(extension: Extension) -> dict[str, Shown]:
    if extension.children:
        return {extension.name: [_extension(child) for child in extension.children]}
    return {extension.name: mask(Sensitive.TEXT, extension.text)}
