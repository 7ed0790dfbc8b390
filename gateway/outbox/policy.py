"""When to send again, what an answer means, how long to try (spec: business, section 4).

Pure: time and randomness are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...messages.codes import Result
from ..config import OutboxConfig

# Request → the number of the message that later brings its result.
LATER_RESULTS: Final[Mapping[str, str]] = {
    "5614": "2614",
    "5617": "2617",
    "5618": "2618",
    "5604": "2607",
    "5952": "2952",
}
# What moves money: giving up after it was ever sent leaves it unknown, never failed.
MONEY: Final = frozenset({"5614", "5617", "5618", "5604"})

_AGAIN: Final = frozenset({Result.NOT_AUTHENTICATED.value, Result.BUSY.value})


class Meaning(StrEnum):
    """What the result code of an answer says about a message."""

    ACCEPTED = "accepted"
    AGAIN = "again later"  # the peer did nothing: 10004, 10006
    UNKNOWN = "unknown"  # 99999: the same number again, to the expiry
    FINAL = "final"


def meaning(result: str) -> Meaning:
    """Classify the Result (处理结果) of a peer's answer."""
    if result == Result.SUCCESS.value:
        return Meaning.ACCEPTED
    if result in _AGAIN:
        return Meaning.AGAIN
    if result == Result.FAILURE.value:
        return Meaning.UNKNOWN
    return Meaning.FINAL


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with jitter: seconds between one attempt and the next.

    The wait after attempt n is `first_seconds` times `factor` to the power n - 1, at most
    `longest_seconds`, less a random share of up to `jitter` of it, so that a peer that comes back
    is not met by everything at once.
    """

    first_seconds: float
    factor: float
    longest_seconds: float
    jitter: float

    @classmethod
    def from_config(cls, config: OutboxConfig) -> Backoff:
        """The back-off that `[outbox]` describes."""
        return cls(
            config.first_retry_seconds,
            config.backoff_factor,
            config.max_retry_seconds,
            config.jitter,
        )

    def delay_ms(self, attempts: int, random: float) -> int:
        """Milliseconds to wait after attempt number ATTEMPTS (from 1); RANDOM is in [0, 1)."""
        seconds = self.first_seconds
        for _ in range(attempts - 1):
            seconds *= self.factor
            if seconds >= self.longest_seconds or self.factor == 1:
                break
        seconds = min(seconds, self.longest_seconds)
        return max(1, round(seconds * (1 - self.jitter * random) * 1000))


@dataclass(frozen=True, slots=True)
class Terms:
    """How long messages are tried, and how long their later results are waited for, in ms."""

    expiry_ms: int
    result_ms: int

    @classmethod
    def from_config(cls, config: OutboxConfig) -> Terms:
        """The terms that `[outbox]` sets."""
        return cls(
            expiry_ms=round(config.expiry_hours * 3_600_000),
            result_ms=round(config.result_deadline_hours * 3_600_000),
        )

    def expires_at(self, now_ms: int) -> int:
        """The instant from which a message that is queued now is sent no more."""
        return now_ms + self.expiry_ms

    def result_deadline(self, number: str, now_ms: int) -> int | None:
        """When the later result of a message acknowledged now is overdue; None: there is none."""
        return now_ms + self.result_ms if number in LATER_RESULTS else None
