"""From one declared row to the functions that read, check and write its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ..codecs.errors import Rule, RuleError
from ..codecs.money import format_yuan
from ..codecs.types import Value, WireType, reader, writer
from .fields import M, Scalar

Parse = Callable[[str], Value]

SLOW: Final = object()
"""Stands where an empty element needs a closer look (a mandatory field)."""


def parser(field: Scalar) -> Parse:
    """From trimmed, non-empty text to the value, all rules of the single field applied."""
    parse = reader(field.wire, field.minimum, field.maximum, allow_gbk=field.allows_gbk)
    codes = field.codes
    if field.traits.get("account_type"):
        return _account_type(parse, codes)
    return _coded(codes) if codes else parse


def _coded(codes: Mapping[str, str]) -> Parse:
    def parse(text: str) -> Value:
        if text not in codes:
            raise RuleError(Rule.CODE, expected=",".join(codes))
        return text

    return parse


def _account_type(parse: Parse, codes: Mapping[str, str]) -> Parse:
    def parse_type(text: str) -> Value:
        if text in codes:
            return text
        short = text[1:] if len(text) == 2 and text[0] == "0" else text
        if codes and short not in codes:
            raise RuleError(Rule.CODE, expected=",".join(codes))
        return parse(short)

    return parse_type


def formatter(field: Scalar) -> Callable[[Any], str] | None:
    """From a checked number to its text; None for text, which is escaped and nothing more."""
    if field.wire is WireType.CURRENCY:
        return format_yuan
    return None if field.is_text else writer(field.wire, field.minimum, field.maximum)


def blank_of(field: Scalar) -> object:
    """What an absent element means; SLOW where it has to be looked at."""
    if field.need is M and not (field.is_text and field.minimum == 0):
        return SLOW
    return "" if field.is_text else None


def left_out(value: object) -> object:
    """Refuse a mandatory value that is not given (None) or empty."""
    raise RuleError(Rule.MISSING if value is None else Rule.EMPTY)


def text_checker(field: Scalar, parse: Parse) -> Parse:
    """From text that Python code gives to the checked value; text of digits is no number."""

    def refuse_text(_text: str) -> Value:
        raise RuleError(Rule.VALUE_TYPE, expected="int or Decimal")

    return parse if field.is_text else refuse_text


def other_checker(field: Scalar) -> Callable[[object], object]:
    """From what Python code gives, other than text, to the checked value."""
    if field.is_text:

        def refuse_other(_value: object) -> object:
            raise RuleError(Rule.VALUE_TYPE, expected="str")

        return refuse_other
    write = writer(field.wire, field.minimum, field.maximum)

    def check_number(value: object) -> object:
        if not isinstance(value, (int, Decimal)):
            raise RuleError(Rule.VALUE_TYPE, expected="int or Decimal")
        write(value)
        return value

    return check_number
