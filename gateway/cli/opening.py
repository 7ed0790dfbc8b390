"""Opening what a command works on, and proving in whose name it works."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ..clock import Clock, SystemClock
from ..collection.operators import MAKER, LockRules, Operators, require_role
from ..config import Config, load_config
from ..store import Store, open_store
from ..store.records import Operator
from ..tokens import Sealer
from .common import PASSWORD_VARIABLE, CommandError, config_path

_PASSWORD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Opened:
    """What commands work on: configuration, books, clock, sealer of secrets."""

    config: Config
    store: Store
    clock: Clock
    sealer: Sealer

    @property
    def operators(self) -> Operators:
        """The operators in the books."""
        rules = self.config.operators
        lock = LockRules(rules.failures_before_lock, rules.lock_minutes)
        return Operators(self.store, self.clock, secrets.token_bytes, lock)


def read_config(arguments: argparse.Namespace) -> Config:
    """The configuration that -c or NONTAX_CONFIG names. Raises ConfigError."""
    return load_config(config_path(arguments))


@asynccontextmanager
async def open_gateway(
    arguments: argparse.Namespace, *, config: Config | None = None, create: bool = False
) -> AsyncIterator[Opened]:
    """Open the books of a configuration and close them again. Raises ConfigError, StoreError."""
    found = config or read_config(arguments)
    store = await open_store(found.store.url, found.directory, create=create)
    try:
        yield Opened(found, store, SystemClock(), Sealer(found.master_key, secrets.token_bytes))
    finally:
        await store.close()


async def act_as(
    opened: Opened, arguments: argparse.Namespace, role: str = MAKER, unit_code: str = ""
) -> Operator:
    """The operator in whose name a command changes something.

    `--operator` with its password; else, for what a maker may do alone, the operator that the
    configuration names for unattended work. Raises CommandError, OperatorRefused.
    """
    name: str | None = getattr(arguments, "operator", None)
    rules = opened.config.operators
    if name is not None:
        password = operator_password(arguments, name)
    elif role == MAKER and rules.unattended is not None and rules.unattended_password is not None:
        name, password = rules.unattended, rules.unattended_password.expose()
    else:
        raise CommandError(
            f"this needs an operator who is {role}", do="give --operator NAME and its password"
        )
    operator = await opened.operators.authenticate(name, password)
    require_role(operator, role, unit_code)
    return operator


def operator_password(arguments: argparse.Namespace, name: str) -> str:
    """The operator's password from --password-file, the environment, or a prompt."""
    file: Path | None = getattr(arguments, "password_file", None)
    return find_password(file, PASSWORD_VARIABLE, f"password of {name}: ", "--password-file")


def find_password(file: Path | None, variable: str, prompt: str, option: str) -> str:
    """A password from a file, an environment variable, or a prompt on a terminal."""
    if file is not None:
        with file.open("rb") as opened:
            data = opened.read(_PASSWORD_BYTES)
        try:
            password = data.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise CommandError("is not UTF-8 text", where=str(file), do="correct it") from None
    elif variable in os.environ:
        password = os.environ[variable]
    elif sys.stdin.isatty():
        password = getpass.getpass(prompt, stream=sys.stderr)
    else:
        raise CommandError("no password is given", do=f"give {option} FILE or set {variable}")
    if not password:
        raise CommandError("the password is empty", do=f"give {option} FILE or set {variable}")
    return password
