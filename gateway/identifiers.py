"""Message identifiers (HEAD/MsgID): at most 20 characters, unique for this sender for ever.

`MMMMMMMMMMMPPPPPCCCC`: 11 hex digits of milliseconds (to the year 2527), 5 of the process, 4 of a
counter. The process part is random and handed in, so that processes and restarts never meet.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from threading import Lock
from typing import Final

from .clock import Clock

PROCESS_BITS: Final = 20
_COUNTER_END: Final = 1 << 16


def process_owner(random: Callable[[int], bytes]) -> str:
    """The name under which this process takes leases; `random` gives so many bytes."""
    return f"{socket.gethostname()}/{os.getpid()}/{random(4).hex()}"


class MessageIds:
    """Makes MsgIDs. Safe to call from several threads."""

    def __init__(self, clock: Clock, process: int) -> None:
        """`process` is a random number of 20 bits; `ValueError` for another."""
        if not 0 <= process < 1 << PROCESS_BITS:
            raise ValueError(f"the process part has {PROCESS_BITS} bits")
        self._clock = clock
        self._process = f"{process:05X}"
        self._lock = Lock()
        self._ms = 0
        self._counter = 0

    def next(self) -> str:
        """Return an identifier of 20 characters that was never given before."""
        with self._lock:
            now = self._clock.now_ms()
            if now > self._ms:
                self._ms, self._counter = now, 0
            else:
                # The same millisecond, or a clock that was set back: count on from the latest.
                self._counter += 1
                if self._counter == _COUNTER_END:
                    self._ms, self._counter = self._ms + 1, 0
            return f"{self._ms:011X}{self._process}{self._counter:04X}"
