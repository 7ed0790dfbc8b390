"""The service's log: one JSON object a line, written in batches.

Callers pass codes, numbers and already masked values only; nothing here knows how to mask. A line
has ``ts`` (RFC 3339, +08:00), ``level``, ``event`` and the event's own fields. The log is not the
journal: lines of the last moments may be lost when the process is killed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TextIO

_CIVIL = timezone(timedelta(hours=8))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

# Lines that may wait for a slow reader of the log; what comes beyond is counted, not kept.
MOST_WAITING = 10_000
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Collects events and writes them to a text stream when `flush` is called.

    `schedule` is asked to call `flush` soon when the first line waits; without it every event is
    written at once (commands). Safe to call from several threads.
    """

    def __init__(
        self,
        stream: TextIO,
        now_ms: Callable[[], int],
        *,
        level: str = "info",
        schedule: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._stream = stream
        self._now_ms = now_ms
        self._threshold = LEVELS[level]
        self._schedule = schedule
        self._waiting: list[tuple[int, str, str, dict[str, object]]] = []
        self._lock = threading.Lock()
        self._dropped = 0

    def enabled(self, level: str) -> bool:
        """Whether events of this level are written."""
        return LEVELS[level] >= self._threshold

    def event(self, level: str, event: str, **fields: object) -> None:
        """Write one line; empty fields are left out."""
        if LEVELS[level] < self._threshold:
            return
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        waiting.append((self._now_ms(), level, event, fields))
        if self._schedule is None:
            self.flush()
        elif len(waiting) == 1:
            self._schedule(self.flush)

    def flush(self) -> None:
        """Write what waits with one call to the stream."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            if self._dropped:
                lost, self._dropped = self._dropped, 0
                waiting.append((self._now_ms(), "warning", "log_lines_dropped", {"count": lost}))
            self._stream.write("".join(map(_line, waiting)))
            self._stream.flush()


def _line(entry: tuple[int, str, str, dict[str, object]]) -> str:
    at, level, event, fields = entry
    when = datetime.fromtimestamp(at / 1000, _CIVIL).isoformat(timespec="milliseconds")
    record: dict[str, object] = {"ts": when, "level": level, "event": event}
    record.update((name, value) for name, value in fields.items() if value not in ("", None))
    return _encode(record) + "\n"
