"""Scripts for a counterparty: what to do wrong, with which message, and when.

A script is a list of rules. The first rule that fits a message (its side, number, fields, and how
many fitting ones there were before) says how this one is handled; without one it is handled well.
Counting is per rule and nothing depends on the time of day, so that a script plays the same way
every time. In a TOML or JSON file::

    [[rules]]
    side = "answer"                    # requests that come in; "call": requests that we make;
                                       # "execute": orders that we carry out after our answer
    number = "5617"                    # message number; left out: any
    where = { PayCode = "32068226*" }  # fields, with * and ?
    nth = [1, 3]                       # the first and the third that fit; left out: every one
    do = { result = "99999", information = "退付失败" }
"""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..codecs import format_yuan
from ..messages import Voucher

Side = Literal["answer", "call", "execute"]
Ending = Literal["good", "drop", "close", "reset", "half-close"]
Sleep = Callable[[float], Awaitable[None]]

_CORRUPTED: Final = bytes.maketrans(b"0123456789ABCDEFabcdef", b"123456789ABCDEF0bcdefa")


class ScriptError(ValueError):
    """A script file that cannot be used; the text says what and where."""


class Behaviour(BaseModel):
    """How one message is handled; the default is: well. What is named here can be combined.

    Of the answering side:
      result, information: this general answer instead of the real one;
      after: the answer waits for this event of the script; late: it waits until the caller gave up.
    Of the calling side:
      lose_answer: the answer is read and thrown away, as if the line had gone dead;
      again: the whole exchange is made so often once more (a result that is told twice).
    Of the executing side (5614, 5617, 5618, 5604, 5952: what is told later):
      result, information: what the result says instead of success, and no money moves; lines: of
        these lines (or accounts, counted from 1) only, the others are carried out.
    Of answering and calling:
      delay_seconds: wait before sending;
      ending: `drop` never sends and keeps the line open, `close` and `reset` end the line without
        sending, `half-close` closes the writing side (answering: without an answer; calling: after
        the request, which a peer may do);
      split_at: positions at which the bytes are cut into several writes; times: send it so often;
      corrupt_mac, blank_mac, length_delta (added to the declared length), msg_ref, trailing text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: Annotated[str, Field(pattern=r"^[0-9]{5}$")] | None = None
    information: str = ""
    after: str = ""
    late: bool = False
    lose_answer: bool = False
    again: Annotated[int, Field(ge=0, le=100)] = 0
    lines: tuple[Annotated[int, Field(gt=0)], ...] = ()
    delay_seconds: Annotated[float, Field(ge=0)] = 0.0
    ending: Ending = "good"
    split_at: tuple[Annotated[int, Field(gt=0)], ...] = ()
    times: Annotated[int, Field(ge=1, le=100)] = 1
    corrupt_mac: bool = False
    blank_mac: bool = False
    length_delta: int = 0
    msg_ref: str = ""
    trailing: str = ""

    def tampered(self, frame: bytes, width: int) -> bytes:
        """The frame's bytes as this behaviour sends them; `width` is that of the MAC field."""
        if self.corrupt_mac:
            frame = frame[:-width] + frame[-width:].translate(_CORRUPTED)
        if self.blank_mac:
            frame = frame[:-width] + b" " * width
        if self.length_delta:
            declared = int(frame[:8]) + self.length_delta
            frame = b"%-8d%b" % (declared, frame[8:])
        return frame * self.times + self.trailing.encode()

    def pieces(self, data: bytes) -> list[bytes]:
        """The bytes cut at `split_at`."""
        cuts = [0, *sorted(cut for cut in set(self.split_at) if cut < len(data)), len(data)]
        return [data[low:high] for low, high in pairwise(cuts)]


WELL: Final = Behaviour()


class Rule(BaseModel):
    """When a behaviour applies. nth counts the messages that fit this rule, from 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    do: Behaviour
    side: Side = "answer"
    number: Annotated[str, Field(pattern=r"^([0-9]{4})?$")] = ""
    where: dict[str, str] = Field(default_factory=dict)
    nth: int | tuple[int, ...] = ()

    def fits(self, side: Side, number: str, fields: Mapping[str, str]) -> bool:
        """Whether side, number and fields fit; how many came before is the script's business."""
        return (
            side == self.side
            and self.number in ("", number)
            and all(fnmatchcase(fields.get(tag, ""), text) for tag, text in self.where.items())
        )

    def counts(self, nth: int) -> bool:
        """Whether the behaviour applies to the nth message that fits."""
        if isinstance(self.nth, int):
            return nth == self.nth
        return not self.nth or nth in self.nth


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...]


class Script:
    """Rules with their counters and events; one script belongs to one node.

    `sleep` stands for the passing of time, so that a test or simulated day can drive delays.
    """

    def __init__(self, *rules: Rule, sleep: Sleep = asyncio.sleep) -> None:
        self._rules = list(rules)
        self._seen = [0] * len(rules)
        self._events: dict[str, asyncio.Event] = {}
        self._sleep = sleep
        self.played: list[tuple[str, Behaviour]] = []
        """Number and behaviour of every message that a rule applied to, in order."""

    def add(self, rule: Rule) -> None:
        """Append a rule; rules before it go first."""
        self._rules.append(rule)
        self._seen.append(0)

    def choose(self, side: Side, number: str, message: Voucher | None) -> Behaviour:
        """How to handle this message; every fitting rule counts it, the first that applies wins."""
        fields = _fields(message)
        chosen: Behaviour | None = None
        for index, rule in enumerate(self._rules):
            if not rule.fits(side, number, fields):
                continue
            self._seen[index] += 1
            if chosen is None and rule.counts(self._seen[index]):
                chosen = rule.do
        if chosen is None:
            return WELL
        self.played.append((number, chosen))
        return chosen

    def event(self, name: str) -> asyncio.Event:
        """The event of this name; setting it lets every answer `after` it go."""
        return self._events.setdefault(name, asyncio.Event())

    async def wait(self, behaviour: Behaviour) -> None:
        """Let the time pass that the behaviour asks for."""
        if behaviour.after:
            await self.event(behaviour.after).wait()
        if behaviour.delay_seconds:
            await self._sleep(behaviour.delay_seconds)


def _fields(message: Voucher | None) -> dict[str, str]:
    """Tag to text of a message's own fields; amounts in yuan as on the wire."""
    if message is None:
        return {}
    currency = {tag for tag, row in message.plan.scalars.items() if row.wire == "Currency"}
    return {
        tag: format_yuan(value) if isinstance(value, int) and tag in currency else str(value)
        for tag, value in vars(message).items()
        if isinstance(value, (str, int)) and tag in message.plan.scalars
    }


def load_script(path: Path, *, sleep: Sleep = asyncio.sleep) -> Script:
    """Read a script file (.toml or .json). Raises ScriptError with all faults in one text."""
    try:
        text = path.read_text("utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ScriptError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScriptError(f"{path}: {error}") from None
    try:
        rules = _File.model_validate(data).rules
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise ScriptError(f"{path}: {faults}") from None
    return Script(*rules, sleep=sleep)


__all__ = [
    "WELL",
    "Behaviour",
    "Ending",
    "Rule",
    "Script",
    "ScriptError",
    "Side",
    "load_script",
]
