"""What the commands share: options, errors in one line, exit codes, tables, progress.

This module is loaded before `nontax serve` listens: it imports nothing that serving does not need.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeAlias, TypeVar

from ..collection.operators import OperatorRefused
from ..config import ConfigError, find_config
from ..config.load import ENVIRONMENT_NAME
from ..store import StoreBusy, StoreError

FINE: Final = 0
NOT_FINE: Final = 1
INPUT: Final = 2
NO_ANSWER: Final = 3

CONFIG_VARIABLE: Final = ENVIRONMENT_NAME
PASSWORD_VARIABLE: Final = "NONTAX_PASSWORD"  # noqa: S105 - the variable's name

Handler: TypeAlias = "Callable[[argparse.Namespace], int | Coroutine[Any, Any, int]]"
Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


class CommandError(Exception):
    """Ends a command: what is wrong, where, and what to do about it, in one line.

    `more` are further lines of the same kind, of `total` faults in all. `details` are further facts
    for the JSON form; they never hold personal data.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        do: str = "",
        code: int = INPUT,
        more: Sequence[str] = (),
        total: int = 0,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        self.what = _one_line(what)
        self.where = _one_line(where)
        self.do = _one_line(do)
        self.code = code
        self.more = [_one_line(line) for line in more]
        self.total = total
        self.details = dict(details or {})
        super().__init__(self.line())

    def line(self) -> str:
        """The error for people."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} - {self.do}" if self.do else text

    def as_json(self) -> dict[str, Json]:
        """The error for programs."""
        return {"error": self.what, "where": self.where, "do": self.do, **self.details}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose usage errors are one line, like every other error."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise CommandError(message, where=self.prog, do=f"see {self.prog} --help")

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Add an argument; a date whose default is '' may be left out.

        argparse reads defaults that are texts as if they had been typed.
        """
        if settings.get("type") is date_argument and settings.get("default") == "":
            settings["type"] = _date_or_nothing
        return super().add_argument(*names, **settings)


# The only name that argparse has for what add_subparsers returns.
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001


class RegisteredModule(Protocol):
    """A module of one subcommand."""

    def register(self, subparsers: Subparsers) -> None:
        """Add the command's parser."""


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Handler | None,
    help_text: str,
    *,
    config: bool = True,
    reads: bool = False,
    operator: bool = False,
    description: str = "",
) -> Parser:
    """Add a command or one of its actions; RUN is None where only its actions run.

    config: takes `-c FILE`. reads: takes `--json`. operator: takes `--operator` and its password.
    Defaults are left out of the namespace, so that an option may stand before or after an action.
    """
    text = description or help_text[:1].upper() + help_text[1:] + "."
    parser = subparsers.add_parser(name, help=help_text, description=text)
    if config:
        parser.add_argument(
            "-c",
            "--config",
            metavar="FILE",
            default=argparse.SUPPRESS,
            help=f"configuration file (default: the file that {CONFIG_VARIABLE} names)",
        )
    if reads:
        parser.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print JSON; errors are JSON, too",
        )
    if operator:
        parser.add_argument(
            "--operator",
            metavar="NAME",
            default=argparse.SUPPRESS,
            help="operator in whose name it is done",
        )
        parser.add_argument(
            "--password-file",
            metavar="FILE",
            type=Path,
            default=argparse.SUPPRESS,
            help=f"file with the operator's password (default: {PASSWORD_VARIABLE}, or a prompt)",
        )
    if run is not None:
        parser.set_defaults(run=run)
    return parser


def add_actions(parser: Parser) -> Subparsers:
    """The actions of a command, as in `nontax bill import`."""
    return parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)


# -- running ------------------------------------------------------------------------------------


def invoke(arguments: argparse.Namespace, *, as_json: bool) -> int:
    """Run the parsed command; what an operator can put right becomes one line on stderr."""
    try:
        _check_period(arguments)
        outcome = arguments.run(arguments)
        code: int = asyncio.run(outcome) if inspect.iscoroutine(outcome) else outcome
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe has seen enough; keep the interpreter from flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        return report(CommandError("interrupted", do="run it again"), as_json=as_json)
    except Exception as error:
        explained = _explained(error)
        if explained is None:
            raise
        return report(explained, as_json=as_json)
    return code


def _check_period(arguments: argparse.Namespace) -> None:
    """A period that ends before it begins would show nothing, as if there were nothing."""
    for first, last in (("date_from", "date_to"), ("since", "until")):
        begin = getattr(arguments, first, None) or ""
        end = getattr(arguments, last, None) or ""
        if begin > end != "":
            what = f"the first day {show_date(begin)} is after the last one {show_date(end)}"
            raise CommandError(what, where="period", do="exchange them")


def report(error: CommandError, *, as_json: bool) -> int:
    """Print an error as one line and return its exit code."""
    if as_json:
        print(json.dumps(error.as_json(), ensure_ascii=False), file=sys.stderr)
    else:
        print(f"error: {error.line()}", file=sys.stderr)
        for line in error.more:
            print(f"error: {line}", file=sys.stderr)
        if error.total > 1 + len(error.more):
            print(f"error: {error.total} faults in all, the first are shown", file=sys.stderr)
    return error.code


def _explained(error: Exception) -> CommandError | None:
    """An expected error as a CommandError; None for a programming error."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, OSError):
        where = str(error.filename) if error.filename is not None else ""
        return CommandError(
            error.strerror or type(error).__name__, where=where, do="check the path"
        )
    if isinstance(error, OperatorRefused):
        return CommandError(error.what, where="operator", do=error.do)
    if isinstance(error, ConfigError):
        return _configuration(error)
    if isinstance(error, StoreBusy):
        return CommandError(str(error), where="store", do="try again in a moment")
    if isinstance(error, StoreError):
        return CommandError(str(error), where="store", do="see `nontax check`")
    return None


def _configuration(error: ConfigError) -> CommandError:
    first, *others = map(str, error.faults)
    more = f" (and {len(others)} more)" if others else ""
    return CommandError(
        first + more,
        do="correct the configuration; `nontax check` lists every fault",
        details={"faults": [first, *others]},
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


# -- input --------------------------------------------------------------------------------------


def config_path(arguments: argparse.Namespace) -> Path:
    """The configuration file that -c or NONTAX_CONFIG names, else ./nontax.toml."""
    return find_config(getattr(arguments, "config", None))


def add_limit(parser: argparse.ArgumentParser, default: int = 100) -> None:
    """Add `--limit`, the number of rows that a list shows at most."""
    parser.add_argument(
        "--limit",
        type=count_argument,
        default=default,
        metavar="N",
        help="at most so many rows (default: %(default)s)",
    )


def wants_json(arguments: argparse.Namespace) -> bool:
    """Whether `--json` was given."""
    return bool(getattr(arguments, "json", False))


def date_argument(text: str) -> str:
    """A date of the command line, YYYY-MM-DD, as the books write it: yyyymmdd."""
    try:
        text.encode("ascii")  # digits of other scripts are digits to strptime, too
        # Civil dates have no zone; only the calendar is checked here.
        parsed = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date YYYY-MM-DD") from None
    return parsed.strftime("%Y%m%d")


def _date_or_nothing(text: str) -> str:
    return date_argument(text) if text else ""


def count_argument(text: str) -> int:
    """A number above 0."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


# -- output -------------------------------------------------------------------------------------


def print_json(value: Json) -> None:
    """Print a value as one JSON document, readable by people, too."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_date(day: str) -> str:
    """A date of the books for people: YYYY-MM-DD."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day


def width(text: str) -> int:
    """Columns that a text takes on a terminal; Chinese characters take two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> None:
    """Print rows under headings; `right` names headings (by space) whose cells are numbers."""
    numbers = {index for index, name in enumerate(headings) if name in right.split()}
    lines = [list(headings), *([_one_line(cell) for cell in row] for row in rows)]
    widths = [max(width(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = []
        for index, cell in enumerate(line):
            space = " " * (widths[index] - width(cell))
            cells.append(space + cell if index in numbers else cell + space)
        print("  ".join(cells).rstrip())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values one below the other; empty values are left out."""
    filled = [(name, value) for name, value in facts if value]
    longest = max((width(name) for name, _ in filled), default=0)
    for name, value in filled:
        print(f"{name}{' ' * (longest - width(name))}  {_one_line(value)}")


T = TypeVar("T")


class Progress:
    """Says on a terminal how far a long work is; quiet in a pipe."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = sys.stderr.isatty()
        self._last = 0.0
        self._written = False

    def at(self, count: int) -> None:
        """COUNT is done."""
        if not self._shows:
            return
        now = time.monotonic()
        if now - self._last >= 0.1:
            self._last = now
            self._written = True
            print(f"\r{self._what}: {count:,}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """End the line."""
        if self._written:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
