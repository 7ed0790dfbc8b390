"""Secrets by reference: `file:PATH` (relative to the configuration file) or `env:NAME`.

A value never appears in an error. Where a file lies and who may read it is said.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ..mac import Secret

_MOST_BYTES = 65536


class SecretError(ValueError):
    """A reference that leads to no secret. The message names the reference, never a value."""


def resolve_secret(
    reference: str,
    *,
    directory: Path,
    environment: Mapping[str, str] | None = None,
) -> tuple[Secret, str | None]:
    """Return the secret that `reference` names, and a warning if others could read it.

    White space around the value is not part of it. Raises `SecretError`.
    """
    scheme, separator, name = reference.partition(":")
    if not separator or scheme not in {"file", "env"} or not name:
        raise SecretError("must be a reference: file:PATH or env:NAME")
    if scheme == "env":
        value = (os.environ if environment is None else environment).get(name)
        if value is None:
            raise SecretError(f"the environment variable {name} is not set")
        return _wrap(value, reference), None
    path = directory / name
    return _wrap(_read(path, reference), reference), _readable_by_others(path, reference)


def _wrap(value: str, reference: str) -> Secret:
    value = value.strip()
    if not value:
        raise SecretError(f"{reference} is empty")
    return Secret(value)


def _read(path: Path, reference: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{reference} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise SecretError(f"{reference} is larger than {_MOST_BYTES} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # the cause would quote the bytes
        raise SecretError(f"{reference} is not UTF-8 text") from None


def _readable_by_others(path: Path, reference: str) -> str | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        return f"{reference} can be read by others (mode {mode:04o}): chmod 600"
    return None
