"""What is decided about a message that reports money: the answer, and what it did to the books."""

from __future__ import annotations

from typing import NamedTuple

from ...messages import Result


class Verdict(NamedTuple):
    """How a report is answered.

    `information` None: the code's own text. `changed`: the message is kept in the archive.
    `subject`: what it was about. `wake`: peers whose outbox has a new message. `region`: that of
    the account or bill, '' where none is known.
    """

    result: Result
    information: str | None = None
    changed: bool = False
    replayed: bool = False
    subject: str = ""
    wake: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    region: str = ""
