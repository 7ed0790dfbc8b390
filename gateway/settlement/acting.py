"""Who does something to the money, when, and for which units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Acting:
    """An operator at work; `units` are those that it may act for, empty: all.

    `at` is the instant in milliseconds UTC, `today` the civil date yyyymmdd.
    """

    name: str
    units: frozenset[str]
    at: int
    today: str

    def may_act_for(self, unit_code: str) -> bool:
        """Whether the operator may act for a unit."""
        return not self.units or unit_code in self.units


class SettlementRefused(Exception):
    """Something cannot be done to the money; the text says why, `do` what would help.

    `wrong_input`: what was asked for is wrong in itself, whatever the books say.
    """

    def __init__(self, what: str, do: str = "", *, wrong_input: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.do = do
        self.wrong_input = wrong_input
