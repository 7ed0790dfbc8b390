"""Amounts: yuan on the wire, int fen everywhere inside; never floats.

Currency of the data types: at most 15 integer digits, exactly two decimals on sending; peers send
``80.0`` and ``21``, so zero to two decimals are accepted.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import Rule, RuleError

MAX_FEN: Final = 10**17 - 1
"""Largest amount that 15 integer digits of yuan can say, in fen."""

_YUAN = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]{1,2}))?")


def parse_yuan(text: str, *, negative: bool = False) -> int:
    """Return the fen of `text`, an amount in yuan such as ``80.00``, ``80.0`` or ``21``.

    negative: whether an amount below zero is allowed. Raises RuleError.
    """
    if text[-3:-2] == "." and 4 <= len(text) <= 18 and text.isascii():  # the usual form
        digits = text[:-3] + text[-2:]
        if digits.isdigit():
            return int(digits)
    match = _YUAN.fullmatch(text)
    if match is None:
        raise RuleError(Rule.AMOUNT)
    sign, yuan, decimals = match.groups()
    if len(yuan) > 15:
        raise RuleError(Rule.AMOUNT_SIZE)
    fen = int(yuan + (decimals or "").ljust(2, "0"))
    if sign == "-" and fen:
        if not negative:
            raise RuleError(Rule.NEGATIVE)
        return -fen
    return fen


def format_yuan(fen: int) -> str:
    """Return `fen` as yuan with exactly two decimals: 8000 -> ``80.00``, -5 -> ``-0.05``.

    Raises RuleError beyond 15 integer digits.
    """
    if not -MAX_FEN <= fen <= MAX_FEN:
        raise RuleError(Rule.AMOUNT_SIZE)
    if fen >= 100:
        text = str(fen)
        return f"{text[:-2]}.{text[-2:]}"
    if fen >= 0:
        return f"0.{fen:02d}"
    return f"-{-fen // 100}.{-fen % 100:02d}"
