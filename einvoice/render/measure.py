"""How much room texts take on paper, so that the face of an invoice stays on its half sheet.

Nothing here has to be exact: widths are taken a little too large, never too small.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from math import ceil
from typing import Final

MM_PER_POINT: Final = 25.4 / 72
_SPARE: Final = 1.04
_WIDE_ASCII: Final = frozenset("MWmw@%&—…")


def ems(text: str) -> float:
    """Width of a text in ems: Chinese characters take one, others about half of it."""
    return sum(_em(character) for character in text)


def _em(character: str) -> float:
    if character in _WIDE_ASCII:
        return 1.0
    if unicodedata.east_asian_width(character) in "WFA" or ord(character) > 0x2E7F:
        return 1.0
    if character.isupper():
        return 0.74
    return 0.58


def lines(text: str, width_mm: float, points: float) -> int:
    """Lines that a text takes in a column, 1 at least; it may be broken anywhere."""
    room = width_mm / (points * MM_PER_POINT)
    return max(1, ceil(ems(text) * _SPARE / room))


def most_lines(cells: Iterable[tuple[str, float]], points: float) -> int:
    """Lines of a row whose cells are text and width in millimetres."""
    return max(lines(text, width, points) for text, width in cells)
