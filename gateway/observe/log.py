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
from json.encoder import encode_basestring
from typing import TextIO

_CIVIL = timezone(timedelta(hours=8))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

# Lines that may wait for a slow reader of the log; what comes beyond is counted, not kept.
MOST_WAITING = 10_000
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

quoted = encode_basestring
"""A text as a JSON string, for those who write a line's fields themselves."""


class Log:
    """Collects lines and writes them to a text stream when `flush` is called.

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
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._dropped = 0
        self._second = (0, "")

    def enabled(self, level: str) -> bool:
        """Whether events of this level are written."""
        return LEVELS[level] >= self._threshold

    def event(self, level: str, event: str, **fields: object) -> None:
        """Write one line; empty fields are left out."""
        if LEVELS[level] < self._threshold:
            return
        filled = {name: value for name, value in fields.items() if value not in ("", None)}
        self.line(level, event, _encode(filled)[1:-1])

    def line(self, level: str, event: str, fields: str) -> None:
        """Write one line whose fields the caller has written as JSON members already."""
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        comma = "," if fields else ""
        waiting.append(
            f'{{"ts":"{self._stamp()}","level":"{level}","event":"{event}"{comma}{fields}}}\n'
        )
        if self._schedule is None:
            self.flush()
        elif len(waiting) == 1:
            self._schedule(self.flush)

    def flush(self) -> None:
        """Write what waits with one call to the stream."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if self._dropped:
                lost, self._dropped = self._dropped, 0
                waiting.append(
                    f'{{"ts":"{self._stamp()}","level":"warning","event":"log_lines_dropped",'
                    f'"count":{lost}}}\n'
                )
            if waiting:
                self._stream.write("".join(waiting))
                self._stream.flush()

    def _stamp(self) -> str:
        second, ms = divmod(self._now_ms(), 1000)
        known, text = self._second
        if known != second:
            text = datetime.fromtimestamp(second, _CIVIL).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, text)
        return f"{text}.{ms:03d}+08:00"
