"""Wire data types (数据类型): one text <-> one value.

| type | inside | rule |
|---|---|---|
| String | str | printable ASCII, CR, LF; length in characters (GBK bytes if GBK is allowed) |
| NString | str | digits; length in digits |
| GBString | str | GBK text, no control characters but CR and LF; length in bytes of GBK |
| Currency | int fen | see `money` |
| Integer | int | optional sign, at most 8 digits |
| Decimal | Decimal | optional sign, at most 15 integer digits and 8 decimals |
| Date, Time, DateTime, UTCDateTime | str | real ones, see the patterns |

`reader` and `writer` make one closure per field when the message tables are built; the closures run
for every field of every message. They get non-empty text: what an empty value means depends on the
field's need and belongs to the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from .errors import Rule, RuleError
from .money import format_yuan, parse_yuan

Value = str | int | Decimal


class WireType(StrEnum):
    """Name of a data type as the specification prints it."""

    STRING = "String"
    NSTRING = "NString"
    GBSTRING = "GBString"
    CURRENCY = "Currency"
    INTEGER = "Integer"
    DECIMAL = "Decimal"
    DATE = "Date"
    TIME = "Time"
    DATETIME = "DateTime"
    UTCDATETIME = "UTCDateTime"


_UNLIMITED: Final = 2**31
_INTEGER = re.compile(r"[+-]?[0-9]{1,8}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,8})?")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]")
_OFFSET = re.compile(r"[+-](?:0[0-9]|1[0-4])[0-5][0-9]")
_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e\r\n]")
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def gbk_length(text: str) -> int:
    """Return the length of `text` in bytes of GBK (GB18030 for what GBK lacks)."""
    if text.isascii():
        return len(text)
    return len(text.encode("gb18030", "surrogatepass"))


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """Tell whether `text` is a real calendar date ``yyyymmdd``."""
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def is_time(text: str) -> bool:
    """Tell whether `text` is a time of day ``HHMMSS``."""
    return _TIME.fullmatch(text) is not None


def _length_error(actual: int, minimum: int, maximum: int, unit: str) -> RuleError:
    if minimum == maximum:
        return RuleError(Rule.LENGTH, expected=maximum, unit=unit, actual=actual)
    return RuleError(Rule.LENGTH_RANGE, minimum=minimum, maximum=maximum, unit=unit, actual=actual)


def _string(minimum: int, maximum: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not (text.isascii() and text.isprintable()):
            found = _NOT_PRINTABLE_ASCII.search(text)
            if found is not None:
                raise RuleError(Rule.CHARACTERS, position=found.start() + 1)
        if minimum <= len(text) <= maximum:
            return text
        raise _length_error(len(text), minimum, maximum, "characters")

    return read


def _nstring(minimum: int, maximum: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not (text.isascii() and text.isdigit()):
            raise RuleError(Rule.DIGITS)
        if minimum <= len(text) <= maximum:
            return text
        raise _length_error(len(text), minimum, maximum, "digits")

    return read


def _gbstring(minimum: int, maximum: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.isprintable():
            found = _CONTROL.search(text)
            if found is not None:
                raise RuleError(Rule.CONTROL, position=found.start() + 1)
        length = len(text)
        if not text.isascii():
            if minimum <= length and 4 * length <= maximum:  # a character is at most 4 bytes
                return text
            length = len(text.encode("gb18030"))
        if minimum <= length <= maximum:
            return text
        raise _length_error(length, minimum, maximum, "bytes of GBK")

    return read


def _read_signed_yuan(text: str) -> int:
    return parse_yuan(text, negative=True)


def _read_integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise RuleError(Rule.INTEGER)
    return int(text)


def _read_decimal(text: str) -> Decimal:
    if _DECIMAL.fullmatch(text) is None:
        raise RuleError(Rule.DECIMAL)
    return Decimal(text)


def _read_date(text: str) -> str:
    if is_date(text):
        return text
    raise RuleError(Rule.DATE)


def _read_time(text: str) -> str:
    if _TIME.fullmatch(text):
        return text
    raise RuleError(Rule.TIME)


def _read_datetime(text: str) -> str:
    if is_date(text[:8]) and _TIME.fullmatch(text, 8):
        return text
    raise RuleError(Rule.DATETIME)


def _read_utc_datetime(text: str) -> str:
    plain = is_date(text[:8]) and _TIME.fullmatch(text[8:14])
    if plain and (len(text) == 14 or _OFFSET.fullmatch(text, 14)):
        return text
    raise RuleError(Rule.UTC_DATETIME)


_FIXED_TEXT: Final[dict[WireType, Callable[[str], str]]] = {
    WireType.DATE: _read_date,
    WireType.TIME: _read_time,
    WireType.DATETIME: _read_datetime,
    WireType.UTCDATETIME: _read_utc_datetime,
}


def text_reader(
    wire: WireType,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    allow_gbk: bool = False,
) -> Callable[[str], str]:
    """Return `reader`'s function for a type whose values are str (all but the three numbers)."""
    low, high = minimum or 0, maximum if maximum is not None else _UNLIMITED
    if wire is WireType.GBSTRING or (wire is WireType.STRING and allow_gbk):
        return _gbstring(low, high)
    if wire is WireType.STRING:
        return _string(low, high)
    if wire is WireType.NSTRING:
        return _nstring(low, high)
    return _FIXED_TEXT[wire]


def reader(
    wire: WireType,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    allow_gbk: bool = False,
    negative: bool = False,
) -> Callable[[str], Value]:
    """Return the function that turns a field's non-empty, trimmed text into its value.

    minimum, maximum: length of String, NString (characters) and GBString (bytes of GBK); the other
    types have the length of their form. allow_gbk: a String that may hold GBK text (8994
    OperatorName). negative: a Currency that may be below zero. The function raises RuleError.
    """
    if wire is WireType.CURRENCY:
        return _read_signed_yuan if negative else parse_yuan
    if wire is WireType.INTEGER:
        return _read_integer
    if wire is WireType.DECIMAL:
        return _read_decimal
    return text_reader(wire, minimum, maximum, allow_gbk=allow_gbk)


def _text_writer(read: Callable[[str], str]) -> Callable[[Value], str]:
    def write(value: Value) -> str:
        if not isinstance(value, str):
            raise RuleError(Rule.VALUE_TYPE, expected="str")
        return read(value)

    return write


def _write_yuan(value: Value) -> str:
    if type(value) is not int:
        raise RuleError(Rule.VALUE_TYPE, expected="int (fen)")
    if value < 0:
        raise RuleError(Rule.NEGATIVE)
    return format_yuan(value)


def _write_signed_yuan(value: Value) -> str:
    if type(value) is not int:
        raise RuleError(Rule.VALUE_TYPE, expected="int (fen)")
    return format_yuan(value)


def _write_integer(value: Value) -> str:
    if type(value) is not int:
        raise RuleError(Rule.VALUE_TYPE, expected="int")
    if not -99_999_999 <= value <= 99_999_999:
        raise RuleError(Rule.INTEGER)
    return str(value)


def _write_decimal(value: Value) -> str:
    if not isinstance(value, Decimal):
        raise RuleError(Rule.VALUE_TYPE, expected="Decimal")
    text = format(value, "f")
    _read_decimal(text)
    return text


def writer(
    wire: WireType,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    allow_gbk: bool = False,
    negative: bool = False,
) -> Callable[[Value], str]:
    """Return the function that turns a field's value into its text, not yet escaped for XML.

    The arguments mean what they mean for `reader`, and what is written can be read back. Printable
    ASCII outside the x set is written too: it was accepted from a peer and has to be passed on.
    The function raises RuleError.
    """
    if wire is WireType.CURRENCY:
        return _write_signed_yuan if negative else _write_yuan
    if wire is WireType.INTEGER:
        return _write_integer
    if wire is WireType.DECIMAL:
        return _write_decimal
    return _text_writer(text_reader(wire, minimum, maximum, allow_gbk=allow_gbk))
