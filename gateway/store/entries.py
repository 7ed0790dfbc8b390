"""Entries of the catalogue (基础信息) as frozen records; fields in the order of the columns.

An entry holds from ``start_date`` up to and including ``stop_date`` ('' while open).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Region:
    """An administrative region (行政区划)."""

    code: str
    name: str
    start_date: str
    stop_date: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A collecting unit (执收单位).

    ``bill_kinds`` (paper bills it may draw on) and ``banks`` (those that may collect for it, '' for
    all) are lists joined by commas.
    """

    code: str
    name: str
    region: str
    start_date: str
    stop_date: str = ""
    parent: str = ""
    credit_code: str = ""
    income_confirmation: Literal["automatic", "operator"] = "automatic"
    bill_kinds: str = ""
    banks: str = ""


@dataclass(frozen=True, slots=True)
class BillKind:
    """A kind of paper bill or receipt (BillTypeCode)."""

    code: str
    name: str
    version: str
    start_date: str
    stop_date: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An income item (执收项目): ``code`` 项目识别码, ``project_code`` 项目编码; fen."""

    code: str
    name: str
    start_date: str
    stop_date: str = ""
    project_code: str = ""
    income_subject: str = ""
    income_subject_name: str = ""
    budget_subject: str = ""
    fund_nature: str = ""
    unit_of_measure: str = ""
    standard_type: str = ""
    standard_low: int | None = None
    standard_high: int | None = None
    remit_mode: Literal["direct", "consolidated", "bank"] = "direct"
    remit_type: str = ""
    entrusted: int = 0
    coordinated: int = 0


@dataclass(frozen=True, slots=True)
class UnitItem:
    """A unit's right to charge an item (收费权限)."""

    unit_code: str
    item_code: str
    start_date: str
    stop_date: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An account (财政账户, 单位监管账户); ``balance`` of a reserve at its start, fen."""

    acct_no: str
    region: str
    purpose: Literal["collection", "clearing", "reserve", "supervised"]
    start_date: str
    stop_date: str = ""
    acct_type: str = "1"
    name: str = ""
    bank_code: str = ""
    bank_no: str = ""
    bank_name: str = ""
    is_default: int = 0
    unit_code: str = ""
    balance: int = 0


@dataclass(frozen=True, slots=True)
class Bank:
    """An agent bank (代理银行) by its 4 digits; ``bank_no`` is the line number (联行号)."""

    code: str
    name: str
    bank_no: str
    start_date: str
    stop_date: str = ""


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet (网点) of a bank."""

    code: str
    bank_code: str
    name: str


@dataclass(frozen=True, slots=True)
class ClearingBank:
    """A clearing bank (清分银行) by its node; ``acct_no`` is its internal account (内部账户)."""

    node: str
    bank_code: str
    name: str
    acct_no: str
    start_date: str
    stop_date: str = ""


@dataclass(frozen=True, slots=True)
class Treasury:
    """A treasury (国库)."""

    code: str
    name: str
    region: str
    level: str
    start_date: str
    stop_date: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An account of one budget level (预算级次) that shares go to."""

    code: str
    level: str
    acct_type: str
    acct_no: str
    name: str
    bank_name: str
    bank_no: str
    start_date: str
    stop_date: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One line of a sharing rule (分成规则): ``parts`` of 10,000 go to a target."""

    item_code: str
    start_date: str
    line: int
    stop_date: str
    target: str
    parts: int


@dataclass(frozen=True, slots=True)
class VirtualPool:
    """Numbers ``first`` to ``last`` of a bank's virtual accounts; money arrives on ``acct_no``."""

    first: str
    last: str
    bank_code: str
    acct_no: str
    allocate: Literal["on_request", "always"] = "on_request"
    release_days: int = 30


@dataclass(frozen=True, slots=True)
class VirtualAccount:
    """One number of a pool and the bill that has it; free again after the date ``free_after``."""

    acct_no: str
    pool: str
    bank_code: str
    state: Literal["free", "allocated", "ended"]
    pay_code: str
    allocated_at: int
    free_after: str
