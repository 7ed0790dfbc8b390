"""What the documents say is so: links, commands, events, the two READMEs."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from nontax.gateway.cli import COMMANDS
from nontax.gateway.cli import build_parser as nontax_parser
from nontax.gateway.cli.common import CommandError
from nontax.gateway.config.sections import ListenConfig
from nontax.messages.codes import Result
from nontax.simulators.cli import build_parser as simulator_parser

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
PAGES = [*sorted(ROOT.glob("*.md")), *GUIDES, *sorted((ROOT / "docs" / "reference").glob("*.md"))]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[|;&(]\s*)((?:nontax|nontax-sim) [^|;&>\n]*)", re.MULTILINE)
INLINE = re.compile(r"`((?:nontax|nontax-sim) [^`\n]+)`")
# Invoices are issued; what is meant here are numbers of a tracker.
REFERENCE_TO_ISSUES = re.compile(
    r"(?i)\bissues? (?:no\.? ?)?#?\d|\bissues? tracker|(?<![\w&/`\"'(])#\d+\b|\.\./shared"
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(text: str) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text)


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as hosting sites make them."""
    found: set[str] = set()
    for _, title in HEADING.findall(prose(path.read_text(encoding="utf-8"))):
        plain = re.sub(r"[`*]", "", title).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return found


def links(path: Path) -> Iterator[str]:
    for target in LINK.findall(prose(path.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            yield target


def commands(path: Path) -> Iterator[str]:
    """Commands of shell blocks, with variables and substitutions replaced by a word."""
    for language, block in FENCE.findall(path.read_text(encoding="utf-8")):
        if language == "sh":
            text = re.sub(r"\\\n\s*", " ", block)
            text = text.replace("$(date +%F)", "2026-11-22")
            text = re.sub(r"\$\([^)]*\)", "X", text)
            yield from COMMAND.findall(text)


def words_of(command: str) -> list[str]:
    return shlex.split(re.sub(r"\$\w+", "X", command), comments=True)


def parser_of(program: str) -> argparse.ArgumentParser:
    return nontax_parser() if program == "nontax" else simulator_parser()


# -- pages ---------------------------------------------------------------------------------------


def test_generated_pages_are_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, f"run `make docs`: {checked.stdout}{checked.stderr}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_resolves(path: Path) -> None:
    broken = []
    for target in links(path):
        file, _, anchor = target.partition("#")
        goal = (path.parent / unquote(file)).resolve() if file else path
        if not goal.exists() or (anchor and unquote(anchor) not in anchors(goal)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_speak_of_the_project_alone(path: Path) -> None:
    text = prose(path.read_text(encoding="utf-8"))
    assert not REFERENCE_TO_ISSUES.findall(text)


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [READMES[0]]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in links(page))
        waiting += [(page.parent / target).resolve() for target in targets if target]
    assert set(PAGES) <= reached


# -- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("*.md")), *GUIDES], ids=name_of)
def test_every_command_line_parses(path: Path) -> None:
    for command in commands(path):
        program, *rest = words_of(command)
        try:
            parser_of(program).parse_args(rest)
        except (CommandError, SystemExit) as error:  # argparse leaves, our own parser raises
            pytest.fail(f"{command}: {error}")


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("*.md")), *GUIDES], ids=name_of)
def test_commands_in_the_text_exist(path: Path) -> None:
    """`nontax outbox list --dead` in a sentence: the command and its action must be there."""
    for command in INLINE.findall(prose(path.read_text(encoding="utf-8"))):
        program, *rest = shlex.split(command)
        parser = parser_of(program)
        for word in rest:
            known = children(parser)
            if not known or not word.isalpha() or not word.islower():
                break
            assert word in known, command
            parser = known[word]


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def test_the_walk_finds_commands() -> None:
    """The tests above would be worth nothing if it found none."""
    found = {words_of(c)[1] for path in (READMES[0], *GUIDES) for c in commands(path)}
    assert {"init", "check", "serve", "send", "describe", "bill", "outbox", "peer"} <= found
    assert {words_of(c)[0] for path in GUIDES for c in commands(path)} == {"nontax", "nontax-sim"}


def test_a_command_that_is_not_there_is_noticed() -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        nontax_parser().parse_args(["outbox", "lost"])


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"## `nontax {name}`\n" in text


# -- events, counters, limits, codes ---------------------------------------------------------------


def constants(method: str, position: int) -> set[str]:
    """Texts that calls of METHOD in the gateway have at a position."""
    found = set()
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == method
                and len(node.args) > position
                and isinstance(argument := node.args[position], ast.Constant)
                and isinstance(argument.value, str)
            ):
                found.add(argument.value)
    return found


def operating() -> str:
    return (ROOT / "docs" / "guides" / "operating.md").read_text(encoding="utf-8")


def test_every_event_of_the_log_is_documented() -> None:
    events = constants("event", 1) | constants("line", 1) | constants("connection_event", 0)
    assert {"exchange", "listening", "silent_peer"} <= events
    text = operating()
    assert not {event for event in events if f"`{event}`" not in text}


def test_every_counter_is_documented() -> None:
    text = operating().partition("### Counters")[2]
    counters = {name for name in constants("count", 0) if name.isidentifier()}
    assert {"exchange", "outbox_sent"} <= counters
    assert not {name for name in counters if f"`{name}`" not in text}


def test_every_limit_is_documented() -> None:
    text = operating().partition("## Limits")[2]
    limits = {
        name
        for name in ListenConfig.model_fields
        if name.startswith(("max_", "linger_")) or name.endswith(("_timeout_seconds", "_minute"))
    }
    assert not {name for name in limits if f"`{name}`" not in text}


def test_codes_in_the_guides_exist() -> None:
    """Result codes have five digits and begin with 1; nothing else in the guides does."""
    codes = {result.value for result in Result}
    for path in (*GUIDES, *READMES):
        found = set(re.findall(r"(?<![\w.])1[0-8]0\d{2}\b", prose(path.read_text("utf-8"))))
        assert found <= codes, name_of(path)


# -- the two READMEs -----------------------------------------------------------------------------


def test_both_readmes_have_the_same_shape() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in READMES)
    levels = [[mark for mark, _ in HEADING.findall(prose(text))] for text in (english, chinese)]
    assert levels[0] == levels[1]
    blocks = [
        [b for language, b in FENCE.findall(text) if language == "sh"]
        for text in (english, chinese)
    ]
    assert blocks[0] == blocks[1]
    targets = [
        [target for target in links(path) if not target.startswith("README")] for path in READMES
    ]
    assert targets[0] == targets[1]
    numbers = [
        sorted(set(re.findall(r"(?<!\d)[2458]\d{3}(?!\d)", prose(text))))
        for text in (english, chinese)
    ]
    assert numbers[0] == numbers[1]
