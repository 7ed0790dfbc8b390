# ruff: noqa: INP001 (a script, not a package)
"""Write the reference pages that follow from the code: ``python docs/generate.py [--check]``.

A page is a path below ``docs/`` and a function that returns its text. ``--check`` writes nothing
and fails when a page is out of date.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from nontax.einvoice.reference import einvoice_markdown
from nontax.gateway.cli import COMMANDS, build_parser
from nontax.gateway.config.render import reference as configuration_reference
from nontax.gateway.store.sqlite.migrate import migrations, statements
from nontax.messages.document import codes_markdown, messages_markdown

DOCS = Path(__file__).resolve().parent
NOTICE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->\n"

CONFIGURATION_INTRODUCTION = (
    "One TOML file, one key a line. `nontax init DIR` writes it with every key and its meaning;"
    " `nontax check` reports all faults of a file at once, each with its line. Unknown keys are"
    " faults. Relative file names start at the folder of the file. A secret is never written into"
    " it but named: `file:PATH` or `env:NAME`. “Required” keys have no default; “unset” keys may"
    " be left out."
)
STORE_INTRODUCTION = (
    "The books are one SQLite file (STRICT tables, WAL). Read it with any SQLite tool; write it"
    " with the gateway's own commands only, for every change of the books has its row in the"
    " journal. Amounts are fen, instants milliseconds UTC, dates text `yyyymmdd` (empty where"
    " open), flags 0 or 1; text that is not known is empty, never NULL. Migrations are numbered,"
    " run once, and are never undone:"
)
COMMANDS_INTRODUCTION = (
    "Errors are one line on stderr that says what, where and what to do; with `--json` they are"
    " JSON, too. `-c FILE` may stand anywhere behind the command; without it `NONTAX_CONFIG` names"
    " the file. Dates are written `YYYY-MM-DD`."
)

_COMMENT = re.compile(r"--\s?(.*)")
_NAMED = re.compile(r"CREATE (?:UNIQUE )?(TABLE|INDEX|TRIGGER) (\w+)(?:.*? ON (\w+))?", re.DOTALL)
_RULE = re.compile(r"(.*?)\s*-{10,}$")


# -- configuration --------------------------------------------------------------------------------


def configuration_markdown() -> str:
    """Every section and key of nontax.toml."""
    return f"# Configuration\n\n{CONFIGURATION_INTRODUCTION}\n\n{configuration_reference()}"


# -- store ----------------------------------------------------------------------------------------


def store_markdown() -> str:
    """The tables of the store as the migrations make them, under the headings that they have."""
    database = sqlite3.connect(":memory:")
    lines = [
        "# Store",
        "",
        STORE_INTRODUCTION,
        "",
        "| schema | migration |",
        "|---|---|",
    ]
    lines += [f"| {m.version} | `{m.version:04d}_{m.name}.sql` |" for m in migrations()]
    remarks: dict[str, str] = {}
    chapters: dict[str, str] = {}
    for migration in migrations():
        for statement in statements(migration.script):
            database.execute(statement)
        found, headings = _remarks(migration.script)
        remarks |= found
        chapters |= headings
    # As it is after the last migration, whatever altered it meanwhile.
    schema = database.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
    ).fetchall()
    database.close()
    for kind, name, _, sql in schema:
        if kind != "table" or name.startswith("sqlite_"):
            continue
        if name in chapters:
            lines += ["", f"## {chapters[name]}"]
        lines += ["", f"### `{name}`", ""]
        if name in remarks:
            lines += [remarks[name], ""]
        own = [row for row in schema if row[0] != "table" and row[2] == name]
        lines += ["```sql", f"{sql};"]
        for _, other, _, text in own:
            remark = remarks.get(other)
            lines += [f"-- {remark}"] if remark else []
            lines.append(f"{text};")
        lines.append("```")
    return "\n".join(lines) + "\n"


def _remarks(script: str) -> tuple[dict[str, str], dict[str, str]]:
    """Comments by the name of what follows them; headings by the table that follows first."""
    remarks: dict[str, str] = {}
    headings: dict[str, str] = {}
    comment: list[str] = []
    heading = ""
    inside = False
    for line in script.splitlines():
        text = _COMMENT.fullmatch(line)
        if inside:
            inside = not line.rstrip().endswith(";")
        elif text:
            rule = _RULE.fullmatch(text[1])
            if rule:
                heading, comment = rule[1], []
            else:
                comment.append(text[1])
        elif named := _NAMED.match(line):
            if comment:
                remarks[named[2]] = " ".join(comment)
            if heading and named[1] == "TABLE":
                headings[named[2]], heading = heading, ""
            comment, inside = [], not line.rstrip().endswith(";")
        elif not line.strip():
            comment = []
    return remarks, headings


# -- commands -------------------------------------------------------------------------------------


def commands_markdown() -> str:
    """Every command of `nontax` with its actions and options, from the parser itself."""
    parser = build_parser()
    parts = [
        "# Commands of `nontax`",
        "",
        parser.description or "",
        "",
        parser.epilog or "",
        "",
        COMMANDS_INTRODUCTION,
    ]
    children = _children(parser)
    for name in COMMANDS:
        parts += _command(f"nontax {name}", children[name], "##")
    return "\n".join(parts) + "\n"


def _children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of subparsers
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


def _command(name: str, parser: argparse.ArgumentParser, mark: str) -> Iterator[str]:
    yield from ("", f"{mark} `{name}`", "", parser.description or "")
    children = _children(parser)
    usage = parser.format_usage().removeprefix("usage: ")
    if not children:
        yield from ("", "```text", " ".join(usage.split()), "```")
        rows = list(_options(parser))
        if rows:
            yield from ("", "| argument | meaning |", "|---|---|", *rows)
    for action, child in children.items():
        yield from _command(f"{name} {action}", child, mark + "#")


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = argparse.HelpFormatter(parser.prog)
    for action in parser._actions:  # noqa: SLF001
        hidden = action.help == argparse.SUPPRESS or action.dest == "help"
        if hidden or isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        text = formatter._expand_help(action) if action.help else ""  # noqa: SLF001
        value = formatter._format_args(  # noqa: SLF001
            action,
            formatter._get_default_metavar_for_optional(action)  # noqa: SLF001
            if action.option_strings
            else formatter._get_default_metavar_for_positional(action),  # noqa: SLF001
        )
        names = [f"{option} {value}".strip() for option in action.option_strings] or [value]
        shown = ", ".join(f"`{name}`" for name in names)
        yield f"| {shown} | {text} |".replace("\n", " ")


PAGES: list[tuple[str, Callable[[], str]]] = [
    ("reference/messages.md", messages_markdown),
    ("reference/codes.md", codes_markdown),
    ("reference/einvoice.md", einvoice_markdown),
    ("reference/configuration.md", configuration_markdown),
    ("reference/store.md", store_markdown),
    ("reference/commands.md", commands_markdown),
]


def outdated() -> Iterator[tuple[Path, str]]:
    """Pages whose file is not what the code says, with the text that they should have."""
    for name, render in PAGES:
        path = DOCS / name
        text = NOTICE + render()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path, text


def main(arguments: list[str]) -> int:
    """Write what is out of date, or only say so."""
    check = "--check" in arguments
    found = False
    for path, text in outdated():
        found = True
        sys.stdout.write(f"{'out of date' if check else 'wrote'}: {path.relative_to(DOCS)}\n")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
