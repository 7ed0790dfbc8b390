"""Files for other programs (电子凭证库): whole or not there, readable by their owner alone.

Personal data stand in them in full, because that is what they are for.
"""

from __future__ import annotations

import os
from pathlib import Path

_PRIVATE = 0o600


def put(folder: Path, name: str, text: str, *, encoding: str = "utf-8") -> Path:
    """Write a text into a spool folder, in place of the file of that name; its path.

    A reader sees the whole file or none: it is written beside and renamed. Writing the same again
    does no harm. Raises OSError.
    """
    return put_bytes(folder, name, text.encode(encoding))


def put_bytes(folder: Path, name: str, data: bytes) -> Path:
    """The same for bytes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / name
    beside = folder / f".{name}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return target
