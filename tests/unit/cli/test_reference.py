"""Every command, action and option of the parser stands in docs/reference/commands.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from nontax.gateway.cli import build_parser

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"


def walk(parser: argparse.ArgumentParser, name: str, page: str) -> list[str]:
    """What the page does not have."""
    missing = [] if f" `{name}`\n" in page or name == "nontax" else [name]
    # The options of a group are those of its actions.
    group = parser.get_default("run") is None
    chapter = page.partition(f" `{name}`\n")[2].partition("\n#")[0]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child, inner in action.choices.items():
                missing += walk(inner, f"{name} {child}", page)
        elif not group and action.help != argparse.SUPPRESS and action.dest != "help":
            rows = [line for line in chapter.splitlines() if line.startswith("| `")]
            choices = ",".join(map(str, action.choices or ()))
            names = action.option_strings or [str(action.metavar or choices)]
            missing += [
                f"{name} {option}"
                for option in names
                if not any(option in row.split("|")[1] for row in rows)
            ]
    return missing


def test_every_command_and_option_is_documented() -> None:
    assert walk(build_parser(), "nontax", PAGE.read_text("utf-8")) == []
