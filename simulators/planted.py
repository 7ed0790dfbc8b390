"""What is planted as faults, what it is made of, and what the gateway does about it by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..reconcile.kinds import State
from .statements import Number


@dataclass(frozen=True, slots=True)
class Planted:
    """One difference that the gateway must find: no more of them, and no fewer. Fen."""

    kind: str
    node: str
    check_date: str
    statement: Number
    scope: str
    tra_no: str = ""
    pay_code: str = ""
    ours_amt: int | None = None
    theirs_amt: int | None = None
    state: State = "open"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A payment that a bank may list although it is none: a bill, and the account to name."""

    pay_code: str
    amt: int
    acct_type: str
    rec_acct: str
    tra_no: str = ""
    """Its TraNoBus, where the bank had asked for it (refused); else a new one is made."""
    pay_mode: str = ""
    """Its channel, '' for any."""


@dataclass(frozen=True, slots=True)
class Spare:
    """What lines of the bank alone are made of, by node (refused ones by node and CfmDate)."""

    unpaid: Mapping[str, Sequence[Unlisted]] = field(default_factory=dict)
    misplaced: Mapping[str, Sequence[Unlisted]] = field(default_factory=dict)
    """Of unpaid bills, with an account that they must not be paid to."""
    void: Mapping[str, Sequence[Unlisted]] = field(default_factory=dict)
    refused: Mapping[tuple[str, str], Sequence[Unlisted]] = field(default_factory=dict)
    reported: frozenset[str] = frozenset()
    """Numbers of money that was reported when it came (2615, 2616, 2619)."""
    avoid: frozenset[str] = frozenset()
    """Numbers of lines that are no place for faults: the gateway waits for them anyhow."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the gateway repairs by itself."""

    missing: bool = True
    duplicate: bool = True
    dates: bool = True
    """A payment in a neighbouring day's list counts as listed."""


__all__ = ["Planted", "Policy", "Spare", "Unlisted"]
