"""The life of a communication token (通讯token), as a value and pure functions of the time.

A peer changes its token with message 2003. The previous token stays good until the first frame
that verifies under the new one, but at most `confirm_seconds`; from that moment on it stays good
for `grace_seconds` (which may be 0). Wire specification, section 3. Instants are int milliseconds
of the UTC epoch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_TOKEN = re.compile(r"[A-Za-z0-9]{32}")


class TokenError(ValueError):
    """What should be a token is none. The message never contains it."""


def check_token(text: str) -> str:
    """Return `text` when it is 32 ASCII letters or digits, else raise `TokenError`."""
    if len(text) != 32:
        raise TokenError(f"a token is 32 characters, not {len(text)}")
    if _TOKEN.fullmatch(text) is None:
        raise TokenError("a token is made of ASCII letters and digits only")
    return text


@dataclass(frozen=True, slots=True)
class TokenState:
    """The tokens of one node.

    `changed_at` is the instant of the last change, `confirmed_at` the instant of the first frame
    that verified under `current` after it; both None for a token that never changed.
    """

    current: str
    previous: str | None = None
    changed_at: int | None = None
    confirmed_at: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no token, and a previous one without the instant of the change."""
        check_token(self.current)
        if self.previous is not None:
            check_token(self.previous)
            if self.changed_at is None:
                raise TokenError("a previous token needs the instant of the change")

    def __repr__(self) -> str:
        previous = "None" if self.previous is None else "***"
        return (
            f"TokenState(current=***, previous={previous}, "
            f"changed_at={self.changed_at}, confirmed_at={self.confirmed_at})"
        )

    @property
    def awaits_confirmation(self) -> bool:
        """Whether the next frame under the current token would confirm it."""
        return self.previous is not None and self.confirmed_at is None

    def previous_until(self, confirm_seconds: int, grace_seconds: int) -> int | None:
        """Return the first instant at which the previous token is refused, None without one.

        A confirmation that comes after the confirmation time has run out does not move it: a
        token that was refused once is never accepted again.
        """
        if self.previous is None or self.changed_at is None:
            return None
        replaced_at = self.changed_at + confirm_seconds * 1000
        if self.confirmed_at is not None:
            replaced_at = min(replaced_at, self.confirmed_at)
        return replaced_at + grace_seconds * 1000

    def candidates(self, now_ms: int, confirm_seconds: int, grace_seconds: int) -> tuple[str, ...]:
        """Return the tokens under which a frame that arrives now may verify, the newest first."""
        if self.previous is None:
            return (self.current,)
        until = self.previous_until(confirm_seconds, grace_seconds)
        if until is None or now_ms >= until:
            return (self.current,)
        return (self.current, self.previous)

    def verified_with(self, token: str, now_ms: int) -> TokenState:
        """Return the state after a frame verified under `token`; the same object if nothing is new.

        The first frame under the current token confirms it and starts the grace of the previous.
        """
        if token != self.current or not self.awaits_confirmation:
            return self
        return replace(self, confirmed_at=now_ms)

    def accepts_change(self, new: str, *, verified: str) -> bool:
        """Tell whether a 2003 with the token `new`, itself verified under `verified`, is accepted.

        Under the previous token it is accepted only as a repetition of the change that was made:
        the peer may have missed our answer.
        """
        return self.current in {verified, new}

    def changed(self, new: str, now_ms: int) -> TokenState:
        """Return the state after the change to `new`; the same object for a repetition.

        Raises `TokenError` when `new` is no token.
        """
        if new == self.current:
            return self
        return TokenState(check_token(new), self.current, now_ms, None)
