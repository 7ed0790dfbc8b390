"""A valid voucher of every message, derived from its own table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nontax.codecs import WireType
from nontax.messages import Group, Record, Scalar
from nontax.messages.record import declarations

SAMPLES: dict[WireType, str] = {
    WireType.STRING: "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6",
    WireType.NSTRING: "10245678901234567890",
    WireType.GBSTRING: "示例市",
    WireType.CURRENCY: "80.00",
    WireType.INTEGER: "3",
    WireType.DATE: "20261122",
    WireType.TIME: "150305",
    WireType.DATETIME: "20261122150305",
    WireType.UTCDATETIME: "20261122150305+0800",
}


def sample_text(field: Scalar) -> str:
    """Wire text that obeys the row."""
    if field.codes:
        return next(iter(field.codes))
    text = SAMPLES[field.wire]
    if field.wire in {WireType.STRING, WireType.NSTRING}:
        return text[: field.maximum]
    return text


def sample_xml(model: type[Record], changed: dict[str, str | None] | None = None) -> str:
    """All elements of a record; ``changed`` replaces the text of a tag, None leaves it out."""
    changed = changed or {}
    parts = []
    for tag, declared in declarations(model).items():
        if tag in changed and changed[tag] is None:
            continue
        if tag in changed:
            text = changed[tag] or ""
        elif isinstance(declared, Scalar):
            text = sample_text(declared)
        else:
            text = sample_xml(model.nested_model(tag))
            if isinstance(declared, Group):
                text = f"<{declared.item}>{text}</{declared.item}>" * 2
        parts.append(f"<{tag}>{text}</{tag}>")
    return "".join(parts)


def sample_values(model: type[Record]) -> dict[str, Any]:
    """Arguments of the record's constructor."""
    values: dict[str, Any] = {}
    for tag, declared in declarations(model).items():
        if isinstance(declared, Scalar):
            text = sample_text(declared)
            if declared.wire is WireType.CURRENCY:
                values[tag] = 8000
            else:
                values[tag] = int(text) if declared.wire is WireType.INTEGER else text
        else:
            inner = model.nested_model(tag)
            item = inner(**sample_values(inner))
            values[tag] = (item, item) if isinstance(declared, Group) else item
    return values


@pytest.fixture(scope="session")
def voucher() -> Callable[..., bytes]:
    """``voucher(model, changed)``: the bytes of a valid voucher with some texts replaced."""

    def make(model: type[Record], changed: dict[str, str | None] | None = None) -> bytes:
        return f"<Voucher>{sample_xml(model, changed)}</Voucher>".encode("gbk")

    return make


@pytest.fixture(scope="session")
def values() -> Callable[[type[Record]], dict[str, Any]]:
    """``values(model)``: arguments of the constructor of a valid record."""
    return sample_values
