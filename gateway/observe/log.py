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
        # Two locks: a slow reader of the log holds only those who flush, never those who log.
        self._lock = threading.Lock()
        self._writing = threading.Lock()
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
        comma = "," if fields else ""
        text = f'{{"ts":"{self._stamp()}","level":"{level}","event":"{event}"{comma}{fields}}}\n'
        with self._lock:
            waiting = self._waiting
            if len(waiting) >= MOST_WAITING:
                self._dropped += 1
                return
            waiting.append(text)
            first = len(waiting) == 1
        if self._schedule is None:
            self.flush()
        elif first:
            self._schedule(self.flush)

    def flush(self) -> None:
        """Write what waits with one call to the stream; what it does not take is counted as lost.

        Nothing is raised: a service whose log has no reader any more goes on serving.
        """
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                lost, self._dropped = self._dropped, 0
            text = "".join(waiting)
            if lost:
                text += (
                    f'{{"ts":"{self._stamp()}","level":"warning","event":"log_lines_dropped",'
                    f'"count":{lost}}}\n'
                )
            if not text:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError:
                with self._lock:
                    self._dropped += lost + len(waiting)

    def _stamp(self) -> str:
        second, ms = divmod(self._now_ms(), 1000)
        known, text = self._second
        if known != second:
            text = datetime.fromtimestamp(second, _CIVIL).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, text)
        return f"{text}.{ms:03d}+08:00"


def innermost(error: BaseException) -> str:
    """File name and line where an error was raised: what may be logged of an unexpected one."""
    trace = error.__traceback__
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
