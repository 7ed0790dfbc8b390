"""A place in the queue for the write lock, so that several processes take turns.

SQLite's write lock goes to whoever asks in the right moment, and a busy process asks again
microseconds after its commit: others would wait for many of its batches. So whoever wants the lock
takes the gate first, and gives it back once it has the lock. The process that writes then finds the
gate held by the one that waits, and comes after it.

The gate is an advisory lock on the directory (no file of its own, and no second descriptor on the
database, whose closing would drop SQLite's locks). It is only about fairness: where it cannot be
had in time, the caller goes on without it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on this platform: first come, first served
    fcntl = None  # type: ignore[assignment] # a missing module is None


class Gate:
    """The gate of one directory; used by one thread."""

    def __init__(self, directory: Path) -> None:
        """Open the directory; without such a lock on this platform the gate is always open."""
        self._descriptor = -1
        self._held = False
        if fcntl is not None:
            with contextlib.suppress(OSError):
                self._descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)

    def enter(self) -> bool:
        """Take the gate if nobody holds it; True when the caller may try for the write lock."""
        if self._held or self._descriptor < 0:
            return True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            self.close()  # a file system without such locks
            return True
        self._held = True
        return True

    def leave(self) -> None:
        """Give the gate back."""
        if self._held:
            self._held = False
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the directory; gives the gate back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._held = -1, False
