"""What holds for one item of a bill by itself: its texts, its quantity, its standard (收缴标准).

The form of PayInfo is the interface's (`messages.payinfo`); what its standards mean is said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ...codecs import RuleError, format_yuan, gbk_length, parse_yuan
from ...messages import PayInfoEntry

UNLIMITED: Final = frozenset({"", "不限制", "无限制"})
RANGE: Final = "金额上下限"

_SEPARATORS: Final = re.compile(r"[|#]")
_RANGE: Final = re.compile(r"([0-9.]+)-([0-9.]+)")
_CODE_CHARACTERS: Final = 30
_NAME_BYTES: Final = 100


class EntryError(ValueError):
    """An item breaks a rule; both texts are without the field's tag and without values."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese
        self.english = english


def check(entry: PayInfoEntry, number: int) -> None:
    """Raise EntryError when an item (the NUMBER-th) contradicts itself or cannot be written."""
    if len(entry.code) > _CODE_CHARACTERS or gbk_length(entry.name) > _NAME_BYTES:
        raise EntryError(
            f"第{number}项编码或名称过长", f"entry {number} has too long a code or name"
        )
    if entry.quantity is not None and entry.quantity < 0:
        raise EntryError(
            f"第{number}项数量不能为负数", f"the quantity of entry {number} is negative"
        )
    texts = (entry.code, entry.name, entry.unit, entry.standard_type, entry.standard)
    if _SEPARATORS.search("".join(texts)):
        raise EntryError(f"第{number}项含有|或#", f"entry {number} has | or # inside")
    if entry.standard_type in UNLIMITED:
        return
    if entry.standard_type != RANGE:
        raise EntryError(
            f"第{number}项标准类型未知", f"the standard type of entry {number} is unknown"
        )
    limits = bounds(entry, number)
    if limits is not None and not limits[0] <= entry.amount <= limits[1]:
        raise outside(number, *limits)


def bounds(entry: PayInfoEntry, number: int) -> tuple[int, int] | None:
    """The range (fen) that an item states for itself, LOW-HIGH; None when it states none."""
    if not entry.standard:
        return None
    match = _RANGE.fullmatch(entry.standard)
    try:
        if match is not None:
            return parse_yuan(match[1]), parse_yuan(match[2])
    except RuleError:
        pass  # said below
    raise EntryError(
        f"第{number}项收缴标准应为下限-上限", f"the standard of entry {number} must be LOW-HIGH"
    )


def outside(number: int, low: int, high: int | None) -> EntryError:
    """The error for an amount outside its standard (金额上下限)."""
    top = "" if high is None else format_yuan(high)
    return EntryError(
        f"第{number}项金额超出收缴标准{format_yuan(low)}-{top}",
        f"the amount of entry {number} is outside its standard {format_yuan(low)} to {top or '…'}",
    )


def total(entries: Iterable[PayInfoEntry]) -> int:
    """The sum of the items' amounts in fen."""
    return sum(entry.amount for entry in entries)
