"""How values are shown to people: personal data masked, the rest made safe to print.

One place for the rules, used by logs, reprs, errors, `describe` and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

SHOWN_CHARACTERS: Final = 60
"""Longest value that `shown` prints in full."""


class Sensitive(StrEnum):
    """Kind of data that is masked."""

    NAME = "name"  # 姓名, 户名: 张*
    ACCOUNT = "account"  # 账号: ****0018
    PHONE = "phone"  # 手机号: 130****0000
    IDENTITY = "identity"  # 证件号: 320****0000
    SECRET = "secret"  # noqa: S105 (a kind, no secret): token, key, password: ***
    TEXT = "text"  # free text that may hold any of these: <12 characters>


def _name(value: str) -> str:
    return value[0] + "*" * min(len(value) - 1, 3) if len(value) > 1 else "*"


def _account(value: str) -> str:
    return "****" + value[-4:] if len(value) >= 8 else "****"


def _phone(value: str) -> str:
    return value[:3] + "****" + value[-4:] if len(value) >= 11 else _account(value)


def _identity(value: str) -> str:
    return value[:3] + "****" + value[-4:] if len(value) >= 15 else "****"


def _secret(_value: str) -> str:
    return "***"


def _text(value: str) -> str:
    return f"<{len(value)} characters>"


_MASKS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        Sensitive.NAME: _name,
        Sensitive.ACCOUNT: _account,
        Sensitive.PHONE: _phone,
        Sensitive.IDENTITY: _identity,
        Sensitive.SECRET: _secret,
        Sensitive.TEXT: _text,
    }
)


def shown(value: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Return `value` safe to print on one line: what is unprintable is a space, the rest is cut."""
    if len(value) > limit:
        value = f"{value[: limit - 1]}…"
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else " " for c in value)


def mask(kind: str, value: str) -> str:
    """Return `value` masked as `kind` (one of `Sensitive`) says; an empty value stays empty.

    An unknown kind is masked as a secret, so that a misspelt kind never shows anything.
    """
    if not value:
        return ""
    return shown(_MASKS.get(kind, _secret)(value))
