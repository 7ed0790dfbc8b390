"""Pay code (缴款识别码): region 6 + year 2 + assigning unit 3 + serial 8 + check digit 1.

Check digit, scheme mod9: the digit sum of the first 19 digits modulo 9, 0 written as 9. It holds
for the codes that finance systems assign; units' own systems (assigning part 30x) were seen not to
use it, so how strictly a code is checked depends on its assigning part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from .errors import RemoteProtocolError, Rule

MAX_SERIAL: Final = 99_999_999

_CODE = re.compile(r"([0-9]{6})([0-9]{2})([0-9]{3})([0-9]{8})([0-9])")
_FIRST_19 = re.compile(r"[0-9]{19}")


class Policy(StrEnum):
    """How strictly the check digit of a code is taken."""

    REQUIRE = "require"
    WARN = "warn"
    OFF = "off"


class PayCode(NamedTuple):
    """The parts of a 20-digit code."""

    region: str  # 区划, 6 digits
    year: str  # 2 digits
    assigner: str  # 编码分配单位, 3 digits
    serial: int  # 1 to 99,999,999
    check: str  # as written, right or not

    def __str__(self) -> str:
        """Return the 20 digits."""
        return f"{self.region}{self.year}{self.assigner}{self.serial:08d}{self.check}"

    @property
    def valid(self) -> bool:
        """Tell whether the check digit is that of scheme mod9."""
        return check_digit(str(self)[:19]) == self.check


def check_digit(first19: str) -> str:
    """Return the check digit of scheme mod9. Raises ValueError unless given 19 digits."""
    if _FIRST_19.fullmatch(first19) is None:
        raise ValueError("the check digit is made of the first 19 digits")
    return str(sum(map(int, first19)) % 9 or 9)


def make(region: str, year: str, assigner: str, serial: int) -> str:
    """Return the code of these parts with its check digit.

    region: 6 digits; year: the last two; assigner: 3 digits; serial: 1 to 99,999,999. Raises
    ValueError.
    """
    first19 = f"{region}{year}{assigner}{serial:08d}"
    widths = (len(region), len(year), len(assigner)) == (6, 2, 3)
    if not (widths and 1 <= serial <= MAX_SERIAL and _FIRST_19.fullmatch(first19)):
        raise ValueError(
            f"no pay code has region {region!r}, year {year!r}, assigner {assigner!r}, "
            f"serial {serial}"
        )
    return first19 + check_digit(first19)


def parse(code: str) -> PayCode | None:
    """Return the parts of `code`, or None: a paper bill's number (1 to 20 characters) has none."""
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    region, year, assigner, serial, check = match.groups()
    return PayCode(region, year, assigner, int(serial), check)


def check(code: str, policy_of: Callable[[str], Policy], *, tag: str = "PayCode") -> str | None:
    """Return None for a code in order, or a warning (English) where the policy only warns.

    policy_of: policy for an assigning part, three digits. A code that has not 20 digits is a paper
    bill's number and in order. Raises RemoteProtocolError (10002) on `tag` when the policy requires
    the check digit.
    """
    parts = parse(code)
    if parts is None:
        return None
    policy = policy_of(parts.assigner)
    if policy is Policy.OFF or parts.valid:
        return None
    error = RemoteProtocolError(Rule.PAY_CODE, tag=tag, value=code)
    if policy is Policy.REQUIRE:
        raise error
    return str(error)
