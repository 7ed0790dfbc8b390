"""PayInfo (摘要): the items of a bill in one field.

Entries ``项目识别码|名称|金额|计量单位|数量|标准类型|收缴标准`` are separated by
``#`` and may be ended by one. Observed:
``103043211|不动产登记费|80.0|次|1|不限制|0.0-0.0#``. Item codes have no fixed form on the
wire (business.md 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ..codecs.errors import LocalProtocolError, RemoteProtocolError, Rule, RuleError
from ..codecs.masking import shown
from ..codecs.money import format_yuan, parse_yuan
from ..codecs.types import WireType, gbk_length, reader

TAG: Final = "PayInfo"
PARTS: Final = ("项目识别码", "名称", "金额", "计量单位", "数量", "标准类型", "收缴标准")
"""The parts of an entry, in their order."""
PAY_INFO_BYTES: Final = 500
"""Longest PayInfo, in bytes of GBK."""

_SEPARATORS = re.compile(r"[|#]")
_read_decimal = reader(WireType.DECIMAL)


@dataclass(frozen=True, slots=True)
class PayInfoEntry:
    """One item: amount in fen; quantity None and texts empty where the sender left them out."""

    code: str
    name: str
    amount: int
    unit: str = ""
    quantity: Decimal | None = None
    standard_type: str = ""
    standard: str = ""


def parse_pay_info(text: str) -> tuple[PayInfoEntry, ...]:
    """The entries of a PayInfo, at least one.

    Raises RemoteProtocolError 10002 whose tag names the entry, counted from 1, and the part:
    ``PayInfo[2]/金额``.
    """
    entries = text.strip().removesuffix("#").split("#")
    if entries == [""]:
        raise RemoteProtocolError(Rule.EMPTY, tag=TAG)
    return tuple(_entry(index, entry) for index, entry in enumerate(entries, 1))


def format_pay_info(entries: Iterable[PayInfoEntry], limit: int | None = None) -> str:
    """PayInfo of ``entries``, each ended by ``#``, amounts with two decimals.

    ``limit`` is a number of GBK bytes: entries that do not fit any more are left out whole (the
    field is a summary). Raises LocalProtocolError for a part that holds a separator.
    """
    written: list[str] = []
    room = limit
    for index, entry in enumerate(entries, 1):
        text = _written(index, entry)
        if room is not None:
            room -= gbk_length(text)
            if room < 0:
                break
        written.append(text)
    return "".join(written)


def _entry(index: int, text: str) -> PayInfoEntry:
    place = f"{TAG}[{index}]"
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != len(PARTS):
        count = len(PARTS)
        raise RemoteProtocolError(
            Rule.COUNT_RANGE, tag=place, value=shown(text), minimum=count, maximum=count
        )
    code, name, amount, unit, quantity, standard_type, standard = parts
    for required, part in ((code, PARTS[0]), (amount, PARTS[2])):
        if not required:
            raise RemoteProtocolError(Rule.EMPTY, tag=f"{place}/{part}")
    part, value = PARTS[2], amount
    try:
        fen = parse_yuan(amount)
        part, value = PARTS[4], quantity
        number = Decimal(_read_decimal(quantity)) if quantity else None
    except RuleError as rule:
        raise RemoteProtocolError(rule, tag=f"{place}/{part}", value=shown(value)) from None
    return PayInfoEntry(code, name, fen, unit, number, standard_type, standard)


def _written(index: int, entry: PayInfoEntry) -> str:
    quantity = "" if entry.quantity is None else format(entry.quantity, "f")
    parts = (
        entry.code,
        entry.name,
        format_yuan(entry.amount),
        entry.unit,
        quantity,
        entry.standard_type,
        entry.standard,
    )
    for name, part in zip(PARTS, parts, strict=True):
        if _SEPARATORS.search(part):
            raise LocalProtocolError("holds a separator | or #", tag=f"{TAG}[{index}]/{name}")
    return "|".join(parts) + "#"
