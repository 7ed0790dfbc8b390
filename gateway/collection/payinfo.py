"""PayInfo (摘要): a bill's items as text, `code|name|amount|unit|quantity|type|standard#…`.

Entries are separated and optionally ended by `#`. The field has 500 bytes of GBK: what does not fit
is left out in whole entries, never cut inside one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ...codecs import RuleError, format_yuan, gbk_length, parse_yuan

MAX_BYTES: Final = 500

UNLIMITED: Final = frozenset({"", "不限制", "无限制"})
RANGE: Final = "金额上下限"

_SEPARATORS: Final = re.compile(r"[|#]")
_QUANTITY: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,8})?")
_RANGE: Final = re.compile(r"([0-9]+(?:\.[0-9]{1,2})?)-([0-9]+(?:\.[0-9]{1,2})?)")
_PARTS: Final = 7
_CODE_BYTES: Final = 30
_NAME_BYTES: Final = 100


class Entry(NamedTuple):
    """One item (收入项目); `amt` in fen, `quantity` a decimal as text, `standard` as written."""

    code: str
    name: str
    amt: int
    unit: str = ""
    quantity: str = ""
    standard_type: str = ""
    standard: str = ""


class EntryError(ValueError):
    """An entry breaks a rule; both texts are without the field's tag and without values."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese
        self.english = english


def parse(text: str) -> tuple[Entry, ...]:
    """The entries of a PayInfo. Raises EntryError, also for an empty one."""
    text = text.strip().removesuffix("#")
    if not text:
        raise EntryError("不能为空", "is empty")
    return tuple(_entry(number, entry) for number, entry in enumerate(text.split("#"), 1))


def _entry(number: int, text: str) -> Entry:
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != _PARTS:
        raise EntryError(
            f"第{number}项应有{_PARTS}段,以|分隔", f"entry {number} must have {_PARTS} parts"
        )
    try:
        amount = parse_yuan(parts[2])
    except RuleError as error:
        raise EntryError(
            f"第{number}项{error.chinese}", f"the amount of entry {number} {error.english}"
        ) from None
    entry = Entry(parts[0], parts[1], amount, *parts[3:])
    check(entry, number)
    return entry


def check(entry: Entry, number: int) -> None:
    """Raise EntryError when an entry (the NUMBER-th) cannot stand in a PayInfo."""
    if not entry.code or not entry.name:
        raise EntryError(f"第{number}项缺少编码或名称", f"entry {number} has no code or no name")
    if gbk_length(entry.code) > _CODE_BYTES or gbk_length(entry.name) > _NAME_BYTES:
        raise EntryError(
            f"第{number}项编码或名称过长", f"entry {number} has too long a code or name"
        )
    if entry.quantity and _QUANTITY.fullmatch(entry.quantity) is None:
        raise EntryError(
            f"第{number}项数量不是数值", f"the quantity of entry {number} is no number"
        )
    texts = (entry.code, entry.name, entry.unit, entry.standard_type, entry.standard)
    if _SEPARATORS.search("".join(texts)):
        raise EntryError(f"第{number}项含有|或#", f"entry {number} has | or # inside")
    if entry.standard_type not in UNLIMITED and entry.standard_type != RANGE:
        raise EntryError(
            f"第{number}项标准类型未知", f"the standard type of entry {number} is unknown"
        )
    limits = bounds(entry)
    if limits is not None and not limits[0] <= entry.amt <= limits[1]:
        raise out_of_range(number, *limits)


def bounds(entry: Entry) -> tuple[int, int] | None:
    """The range (fen) that an entry states for itself; None when it is not limited."""
    if entry.standard_type != RANGE or not entry.standard:
        return None
    match = _RANGE.fullmatch(entry.standard)
    if match is None:
        raise EntryError("收缴标准应为下限-上限", "a standard must be written LOW-HIGH")
    return parse_yuan(match[1]), parse_yuan(match[2])


def out_of_range(number: int, low: int, high: int | None) -> EntryError:
    """The error for an amount outside its standard (金额上下限)."""
    top = "" if high is None else format_yuan(high)
    return EntryError(
        f"第{number}项金额超出收缴标准{format_yuan(low)}-{top}",
        f"the amount of entry {number} is outside its standard {format_yuan(low)} to {top or '…'}",
    )


def write(entries: Iterable[Entry], limit: int = MAX_BYTES) -> str:
    """The entries as PayInfo, each ended by `#`: as many whole ones as LIMIT bytes of GBK carry."""
    text = ""
    room = limit
    for entry in entries:
        piece = (
            f"{entry.code}|{entry.name}|{format_yuan(entry.amt)}|{entry.unit}|{entry.quantity}"
            f"|{entry.standard_type}|{entry.standard}#"
        )
        room -= gbk_length(piece)
        if room < 0:
            break
        text += piece
    return text


def total(entries: Sequence[Entry]) -> int:
    """The sum of the entries' amounts in fen."""
    return sum(entry.amt for entry in entries)
