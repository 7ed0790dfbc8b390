"""The operator's command `nontax`: one module per subcommand.

A module is imported only when its command is asked for, so that `nontax serve` starts fast. Each
has `register(subparsers)`, which adds its parser with `common.add_command`; the handler is a
function or coroutine function from the parsed arguments to an exit code: 0 fine, 1 checked and not
fine, 2 wrong input, usage or configuration, 3 the other side did not answer.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, cast

from .common import FINE, INPUT, CommandError, Parser, RegisteredModule, invoke
from .common import report as report_error  # `report` is the module of a command

__all__ = ["COMMANDS", "build_parser", "main"]

COMMANDS: Final = (
    "init",
    "check",
    "serve",
    "catalogue",
    "bill",
    "arrival",
    "clearing",
    "refund",
    "remit",
    "reconcile",
    "debit",
    "accounts",
    "report",
    "einvoice",
    "paperbill",
    "peer",
    "operator",
    "send",
    "describe",
    "message",
    "inbox",
    "outbox",
    "journal",
    "spec",
)
"""The commands in the order of the help; each is the module of its name."""

DESCRIPTION: Final = (
    "Operates a gateway for non-tax government revenue (政府非税收入) over the CNNONTAX interface."
)
EPILOG: Final = (
    "Exit codes: 0 fine; 1 checked and not fine; 2 wrong input, usage or configuration; "
    "3 the other side did not answer."
)


def build_parser(only: str | None = None) -> Parser:
    """The parser of all commands, or of ONLY one of them (the others are not even imported)."""
    parser = Parser(prog="nontax", description=DESCRIPTION, epilog=EPILOG)
    subparsers = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    # Imports make no garbage: looking for it among all that they make takes an eighth of a start.
    gc.disable()
    try:
        for name in COMMANDS if only is None else (only,):
            module = cast("RegisteredModule", import_module(f"{__name__}.{name}"))
            module.register(subparsers)
    finally:
        gc.enable()
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    command = words[0] if words and words[0] in COMMANDS else None
    try:
        arguments = build_parser(command).parse_args(words)
    except CommandError as error:
        return report_error(error, as_json=as_json)
    except SystemExit as leaving:  # --help has printed its page
        return FINE if not leaving.code else INPUT
    return invoke(arguments, as_json=as_json)
