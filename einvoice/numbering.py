"""Codes (票据代码) and numbers (票据号码) of fiscal invoices, and arithmetic of ranges (号段).

A code has 8 digits: region of the supervising body 2, class (票据大类) 2, kind (票据种类) 2,
year 2; a number has 10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from .errors import EInvoiceError

CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "01": "非税收入通用票据",
        "02": "非税收入专用票据",
        "04": "资金往来结算票据",
        "05": "公益事业捐赠票据",
        "06": "医疗收费票据",
        "07": "社会团体会费票据",
        "08": "社会保险基金专用票据",
        "09": "工会经费收入专用票据",
        "99": "其他财政票据",
    }
)
"""Class (票据大类) to its name."""
CENTRAL: Final = "00"
"""Region of what the central ministry supervises."""
XPCC: Final = "66"
"""Region of the Xinjiang corps (兵团)."""
MOST_NUMBER: Final = 9_999_999_999

_CODE = re.compile(r"[0-9]{8}")
_NUMBER = re.compile(r"[0-9]{10}")
_REGION = re.compile(r"[0-9]{2}(?:[0-9]{4})?")
_BILL_TYPE = re.compile(r"(?:[0-9]{2})?([0-9]{4})|[0-9]{2}([0-9]{4})[0-9]{2}")
_YEAR = re.compile(r"(?:20)?([0-9]{2})")
_IDENTITY = re.compile(r"[0-9]{10}-[0-9]{8}")


class NumberingError(EInvoiceError):
    """A code, number or range that cannot be one."""


class InvoiceCode(NamedTuple):
    """The parts of a code; ``str()`` puts them together."""

    region: str
    bill_class: str
    kind: str
    year: str

    @property
    def bill_type(self) -> str:
        """BillTypeCode: class and kind."""
        return self.bill_class + self.kind

    @property
    def class_name(self) -> str:
        """Name of the class, ``""`` for one that the table does not have."""
        return CLASSES.get(self.bill_class, "")

    def __str__(self) -> str:
        return "".join(self)


def parse_code(text: str) -> InvoiceCode:
    """The parts of a code. Raises NumberingError."""
    if _CODE.fullmatch(text) is None:
        raise NumberingError("an invoice code (票据代码) has 8 digits")
    return InvoiceCode(text[:2], text[2:4], text[4:6], text[6:])


def code_of(region: str, bill_type_code: str, year: int | str) -> str:
    """The code for a region, a kind of bill and a year.

    region: 2 digits or the 6 of an administrative division; bill_type_code: as `bill_type_of` reads
    it; year: 2 or 4 digits. Raises NumberingError.
    """
    if _REGION.fullmatch(region) is None:
        raise NumberingError("a region (行政区划) has 2 or 6 digits")
    short = _YEAR.fullmatch(f"{year:02d}" if isinstance(year, int) else year)
    if short is None:
        raise NumberingError("a year has 2 digits, or 4 that begin with 20")
    return f"{region[:2]}{bill_type_of(bill_type_code)}{short[1]}"


def bill_type_of(text: str) -> str:
    """BillTypeCode (class and kind, 4 digits) of a kind of bill as peers write it.

    Understood are 4 digits, 6 (region and type) and the 8 of a code. Raises NumberingError.
    """
    match = _BILL_TYPE.fullmatch(text)
    if match is None:
        raise NumberingError(
            "a kind of invoice (票据类型代码) has 4 digits, 6 with the region, or the 8 of a code"
        )
    return match[1] or match[2]


def number_text(number: int) -> str:
    """A number as documents carry it, 10 digits. Raises NumberingError."""
    if not 1 <= number <= MOST_NUMBER:
        raise NumberingError(f"an invoice number (票据号码) is 1 to {MOST_NUMBER}")
    return f"{number:010d}"


def parse_number(text: str) -> int:
    """The value of a number's 10 digits. Raises NumberingError."""
    if _NUMBER.fullmatch(text) is None or not int(text):
        raise NumberingError("an invoice number (票据号码) has 10 digits and is not zero")
    return int(text)


def split_bill_no(text: str) -> tuple[str, str]:
    """Code (``""`` where it is not said) and number of a BillNo: 10 digits, or 18 with the code.

    Raises NumberingError.
    """
    code, number = text[:-10], text[-10:]
    if code:
        parse_code(code)
    parse_number(number)
    return code, number


def invoice_tag(code: str) -> str:
    """EInvoiceTag: ``CZ-EI-`` and the region. Raises NumberingError."""
    return f"CZ-EI-{parse_code(code).region}"


def invoice_id(code: str, number: str) -> str:
    """EInvoiceID: ``code-number`` reversed. Raises NumberingError."""
    parse_code(code)
    parse_number(number)
    return f"{code}-{number}"[::-1]


def parse_invoice_id(text: str) -> tuple[str, str]:
    """Code and number of an EInvoiceID. Raises NumberingError."""
    if _IDENTITY.fullmatch(text) is None:
        raise NumberingError("an EInvoiceID is the 19 characters of code-number, reversed")
    code, number = text[::-1].split("-")
    return code, number


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """The numbers `first` to `last` of a code, both included (号段)."""

    code: str
    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= MOST_NUMBER:
            raise NumberingError(
                f"a range goes from 1 or more to at most {MOST_NUMBER}, upwards; not from"
                f" {self.first} to {self.last}"
            )

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.code} {self.first:010d}-{self.last:010d}"

    def contains(self, other: int | Range) -> bool:
        """Whether a number, or all of another range of the same code, is in it."""
        if isinstance(other, Range):
            return self.code == other.code and self.first <= other.first <= other.last <= self.last
        return self.first <= other <= self.last

    def overlaps(self, other: Range) -> bool:
        """Whether the two have a number in common."""
        return self.code == other.code and self.first <= other.last and other.first <= self.last

    def touches(self, other: Range) -> bool:
        """Whether the two overlap or one follows the other without a gap."""
        return (
            self.code == other.code
            and self.first <= other.last + 1
            and other.first <= self.last + 1
        )

    def split(self, count: int) -> tuple[Range, Range | None]:
        """The first `count` numbers, and the rest (None when nothing is left).

        Raises NumberingError when it has fewer.
        """
        if not 1 <= count <= self.count:
            raise NumberingError(f"{count} numbers cannot be taken from {self.count}")
        head = Range(self.code, self.first, self.first + count - 1)
        return head, None if count == self.count else Range(self.code, head.last + 1, self.last)

    def join(self, other: Range) -> Range:
        """One range of two that follow each other. Raises NumberingError if they do not."""
        if self.overlaps(other) or not self.touches(other):
            raise NumberingError(f"{self} and {other} do not follow each other")
        return Range(self.code, min(self.first, other.first), max(self.last, other.last))

    def subtract(self, *taken: Range) -> tuple[Range, ...]:
        """What is left without `taken`, ascending; ranges of other codes take nothing."""
        left = []
        first = self.first
        for other in sorted(taken):
            if not self.overlaps(other):
                continue
            if first < other.first:
                left.append(Range(self.code, first, other.first - 1))
            first = max(first, other.last + 1)
        if first <= self.last:
            left.append(Range(self.code, first, self.last))
        return tuple(left)


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same numbers in as few ranges as possible, ascending by code and number."""
    found: list[Range] = []
    for one in sorted(ranges):
        if found and found[-1].touches(one):
            last = found.pop()
            one = Range(last.code, last.first, max(last.last, one.last))  # noqa: PLW2901
        found.append(one)
    return tuple(found)
