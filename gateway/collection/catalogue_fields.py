"""The tables of a catalogue file: keys, rules of their values, and the entries they become.

The same tables serve TOML and CSV. A value arrives as what TOML has (text, date, number, truth
value) or, from CSV, as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from ...codecs import RuleError, gbk_length, parse_yuan
from ...messages import RecAcctType
from ..store.entries import (
    Account,
    Bank,
    BillKind,
    ClearingBank,
    Item,
    Outlet,
    Region,
    Target,
    Treasury,
    Unit,
    VirtualPool,
)
from .standards import RANGE

Reader = Callable[[object], Any]

LEVELS: Final = ("0", "1", "2", "3", "4", "5")
"""预算级次: 共享, 中央, 省, 市, 县, 乡."""
STANDARD_TYPES: Final = ("不限制", "无限制", RANGE)


class Key(NamedTuple):
    """One key of a table: the entry's attribute, its rule, whether it must be there."""

    attribute: str
    read: Reader
    required: bool = False


class Table(NamedTuple):
    """One kind of entry."""

    kind: type[Any]
    keys: Mapping[str, Key]


def code(most: int = 30) -> Reader:
    """Printable ASCII without spaces."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("must be a text in quotes")  # noqa: TRY004 - a wrong value
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise ValueError("must be ASCII without spaces")
        if not 1 <= len(value) <= most:
            raise ValueError(f"must have 1 to {most} characters")
        return value

    return read


def digits(low: int, high: int) -> Reader:
    """So many digits."""

    def read(value: object) -> str:
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            raise ValueError("must be digits in quotes")
        if not low <= len(value) <= high:
            number = str(low) if low == high else f"{low} to {high}"
            raise ValueError(f"must have {number} digits")
        return value

    return read


def text(most: int = 100) -> Reader:
    """Text in GBK."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("must be a text in quotes")  # noqa: TRY004 - a wrong value
        if not value.isprintable():
            raise ValueError("has a control character")
        try:
            value.encode("gbk")
        except UnicodeEncodeError as error:
            character = value[error.start]
            raise ValueError(
                f"has a character that GBK does not know: U+{ord(character):04X}"
            ) from None
        if not 1 <= gbk_length(value) <= most:
            raise ValueError(f"must have 1 to {most} bytes of GBK")
        return value

    return read


def day(value: object) -> str:
    """A date YYYY-MM-DD."""
    if isinstance(value, datetime):
        raise ValueError("must be a date without a time")  # noqa: TRY004 - a wrong value
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date YYYY-MM-DD") from None
    if not isinstance(value, date):
        raise ValueError("must be a date YYYY-MM-DD")  # noqa: TRY004 - a wrong value
    return value.strftime("%Y%m%d")


def flag(value: object) -> int:
    """true or false."""
    if value is True or value == "true":
        return 1
    if value is False or value == "false":
        return 0
    raise ValueError("must be true or false")


def number(low: int, high: int) -> Reader:
    """A whole number."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return read


def level(value: object) -> str:
    """A budget level."""
    shown = str(value) if not isinstance(value, bool) else ""
    if shown not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return shown


def one_of(*choices: str) -> Reader:
    """One of some texts."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return read


def yuan(value: object) -> int:
    """An amount in yuan as text; fen inside."""
    if not isinstance(value, str):
        raise ValueError("must be an amount in quotes")  # noqa: TRY004 - a wrong value
    try:
        return parse_yuan(value)
    except RuleError as error:
        raise ValueError(error.english) from None


def codes(value: object) -> str:
    """A list of codes; in CSV they are separated by `;`. Joined by commas inside."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(";") if part.strip()]
    if not isinstance(value, list):
        raise ValueError("must be a list of codes")  # noqa: TRY004 - a wrong value
    read = code()
    found = [read(part) for part in value]
    if any("," in part for part in found):
        raise ValueError("must be codes without commas")
    if len(set(found)) != len(found):
        raise ValueError("names a code twice")
    return ",".join(found)


_DATES: Final = {"start": Key("start_date", day, True), "stop": Key("stop_date", day)}
_ACCOUNT_TYPE: Final = one_of(*map(str, RecAcctType))

TABLES: Final[Mapping[str, Table]] = {
    "regions": Table(
        Region,
        {
            "code": Key("code", digits(6, 6), True),
            "name": Key("name", text(), True),
            "level": Key("level", level),
            **_DATES,
        },
    ),
    "banks": Table(
        Bank,
        {
            "code": Key("code", digits(4, 4), True),
            "name": Key("name", text(), True),
            "line_number": Key("bank_no", digits(1, 20), True),
            **_DATES,
        },
    ),
    "outlets": Table(
        Outlet,
        {
            "code": Key("code", code(), True),
            "bank": Key("bank_code", digits(4, 4), True),
            "name": Key("name", text(), True),
        },
    ),
    "clearing_banks": Table(
        ClearingBank,
        {
            "node": Key("node", code(12), True),
            "code": Key("bank_code", digits(4, 4), True),
            "name": Key("name", text(), True),
            "account": Key("acct_no", code(50), True),
            **_DATES,
        },
    ),
    "accounts": Table(
        Account,
        {
            "number": Key("acct_no", code(50), True),
            "name": Key("name", text(), True),
            "type": Key("acct_type", _ACCOUNT_TYPE, True),
            "purpose": Key("purpose", one_of("collection", "clearing", "reserve"), True),
            "region": Key("region", digits(6, 6), True),
            "bank": Key("bank_code", digits(4, 4), True),
            "bank_name": Key("bank_name", text(), True),
            "line_number": Key("bank_no", digits(1, 20), True),
            "default": Key("is_default", flag),
            "unit": Key("unit_code", code()),
            "balance": Key("balance", yuan),
            **_DATES,
        },
    ),
    "supervised_accounts": Table(
        Account,
        {
            "unit": Key("unit_code", code(), True),
            "number": Key("acct_no", code(50), True),
            "name": Key("name", text(), True),
            "bank": Key("bank_code", digits(4, 4), True),
            "bank_name": Key("bank_name", text(), True),
            "line_number": Key("bank_no", digits(1, 20)),
            "region": Key("region", digits(6, 6)),
            **_DATES,
        },
    ),
    "treasuries": Table(
        Treasury,
        {
            "code": Key("code", code(), True),
            "name": Key("name", text(), True),
            "region": Key("region", digits(6, 6), True),
            "level": Key("level", level, True),
            **_DATES,
        },
    ),
    "targets": Table(
        Target,
        {
            "code": Key("code", code(), True),
            "level": Key("level", level, True),
            "type": Key("acct_type", _ACCOUNT_TYPE, True),
            "account": Key("acct_no", code(50), True),
            "name": Key("name", text(), True),
            "bank_name": Key("bank_name", text(), True),
            "line_number": Key("bank_no", digits(1, 20), True),
            **_DATES,
        },
    ),
    "bill_kinds": Table(
        BillKind,
        {
            "code": Key("code", code(), True),
            "name": Key("name", text(), True),
            "version": Key("version", code(), True),
            **_DATES,
        },
    ),
    "items": Table(
        Item,
        {
            "code": Key("code", code(), True),
            "project": Key("project_code", code()),
            "name": Key("name", text(), True),
            "income_subject": Key("income_subject", code(), True),
            "income_subject_name": Key("income_subject_name", text()),
            "budget_subject": Key("budget_subject", code()),
            "fund_nature": Key("fund_nature", text()),
            "unit_of_measure": Key("unit_of_measure", text(20)),
            "standard_type": Key("standard_type", one_of(*STANDARD_TYPES)),
            "standard_low": Key("standard_low", yuan),
            "standard_high": Key("standard_high", yuan),
            "remittance": Key("remit_mode", one_of("direct", "consolidated", "bank")),
            "remit_type": Key("remit_type", code(10)),
            "entrusted": Key("entrusted", flag),
            "coordinated": Key("coordinated", flag),
            **_DATES,
        },
    ),
    "units": Table(
        Unit,
        {
            "code": Key("code", code(), True),
            "name": Key("name", text(), True),
            "region": Key("region", digits(6, 6), True),
            "credit_code": Key("credit_code", code()),
            "parent": Key("parent", code()),
            "income_confirmation": Key("income_confirmation", one_of("automatic", "operator")),
            "bill_kinds": Key("bill_kinds", codes),
            "banks": Key("banks", codes),
            **_DATES,
        },
    ),
    "virtual_accounts": Table(
        VirtualPool,
        {
            "bank": Key("bank_code", digits(4, 4), True),
            "account": Key("acct_no", code(50), True),
            "first": Key("first", digits(1, 50), True),
            "last": Key("last", digits(1, 50), True),
            "allocate": Key("allocate", one_of("on_request", "always")),
            "release_days": Key("release_days", number(0, 3660)),
        },
    ),
}
"""Tables whose rows become one entry each; their order is the order of writing."""

RIGHT_KEYS: Final[Mapping[str, Key]] = {
    "unit": Key("unit", code(), True),
    "items": Key("items", codes, True),
    **_DATES,
}
RULE_KEYS: Final[Mapping[str, Key]] = {
    "item": Key("item", code(), True),
    **_DATES,
}
SHARE_KEYS: Final[Mapping[str, Key]] = {
    "target": Key("target", code(), True),
    "share": Key("parts", number(1, 10_000), True),
}
