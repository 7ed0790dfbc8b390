"""The frame of the commands: options anywhere, errors in one line, exit codes, tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from nontax.gateway.cli import COMMANDS, build_parser, common, main
from nontax.gateway.cli.common import CommandError
from nontax.gateway.collection.operators import OperatorRefused
from nontax.gateway.config import ConfigError, Fault
from nontax.gateway.store import StoreBusy, StoreFailed


def parsers(
    parser: argparse.ArgumentParser, name: str = "nontax"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command and action with its parser."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child, inner in action.choices.items():
                yield from parsers(inner, f"{name} {child}")


def leaves() -> list[tuple[str, argparse.ArgumentParser]]:
    """The commands that do something."""
    return [(name, p) for name, p in parsers(build_parser()) if p.get_default("run") is not None]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_module(name: str) -> None:
    assert callable(import_module(f"nontax.gateway.cli.{name}").register)


def test_every_command_and_option_has_help() -> None:
    for name, parser in parsers(build_parser()):
        assert parser.description, name
        for action in parser._actions:
            assert action.help or isinstance(action, argparse._SubParsersAction), (name, action)


def test_every_command_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, _ in leaves():
        assert main([*name.split()[1:], "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"usage: {name} ")


def test_commands_that_read_take_json() -> None:
    for name, parser in leaves():
        verb = name.split()[-1]
        if verb in {"list", "show", "verify", "check", "spec", "describe", "import"}:
            assert "--json" in parser._option_string_actions, name


def test_the_configuration_may_stand_anywhere_behind_the_command() -> None:
    parser = build_parser("bill")
    for words in (
        ["bill", "-c", "x", "show", "1"],
        ["bill", "show", "-c", "x", "1"],
        ["bill", "show", "1", "-c", "x"],
        ["bill", "show", "1", "--config", "x"],
        ["bill", "show", "1", "--config=x"],
    ):
        assert parser.parse_args(words).config == "x"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["bill"], "required: ACTION"),
        (["bill", "show"], "required: PAYCODE"),
        (["bill", "show", "1", "--colour"], "unrecognized arguments: --colour"),
        (["bill", "list", "--from", "22.11.2026"], "'22.11.2026' is no date YYYY-MM-DD"),
        (["bill", "list", "--from", "2026-02-30"], "is no date"),
        (["reconcile", "run", "--date", "２０２６-11-22"], "is no date"),
        (["reconcile", "run", "--date", "2026-11-2２"], "is no date"),
        (["bill", "list", "--limit", "0"], "'0' is no number above 0"),
        (["bill", "list", "--limit", "-1"], "is no number above 0"),
        (["message", "show", "one"], "'one' is no number above 0"),
    ],
)
def test_wrong_usage_is_one_line(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: nontax")
    assert text in captured.err


def test_wrong_usage_is_json_where_json_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bill", "show", "--json"]) == 2
    error = json.loads(capsys.readouterr().err)
    assert error["where"] == "nontax bill show"
    assert "PAYCODE" in error["error"]
    assert error["do"] == "see nontax bill show --help"


def raising(error: Exception) -> argparse.Namespace:
    def run(_: argparse.Namespace) -> int:
        raise error

    return argparse.Namespace(run=run)


FAULTS = (Fault("a.toml", 3, "node.code", "is wrong"), Fault("a.toml", 4, "x", "unknown"))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (CommandError("is bad", where="here", do="fix it"), "here: is bad - fix it"),
        (CommandError("is\nbad"), "is bad"),
        (FileNotFoundError(2, "No such file", "x.csv"), "x.csv: No such file - check the path"),
        (StoreBusy("locked"), "store: locked - try again in a moment"),
        (StoreFailed("disk full"), "store: disk full - see `nontax check`"),
        (OperatorRefused("no", "ask"), "operator: no - ask"),
        (ConfigError(FAULTS), "a.toml:3: node.code: is wrong (and 1 more) - correct the"),
    ],
)
def test_expected_errors_are_one_line(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert common.invoke(raising(error), as_json=False) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {line}")
    assert err.count("\n") == 1


def test_errors_as_json_carry_all_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert common.invoke(raising(ConfigError(FAULTS)), as_json=True) == 2
    error = json.loads(capsys.readouterr().err)
    assert error["faults"] == ["a.toml:3: node.code: is wrong", "a.toml:4: x: unknown"]


def test_a_programming_error_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        common.invoke(raising(ZeroDivisionError()), as_json=False)


def test_a_handler_may_be_a_coroutine_function() -> None:
    async def run(_: argparse.Namespace) -> int:
        return 3

    assert common.invoke(argparse.Namespace(run=run), as_json=False) == 3


def test_tables_know_how_wide_chinese_is(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_table(
        ("name", "amount"), [("张三", "80.00"), ("Li", "1,314.56"), ("é", "a\nb")], right="amount"
    )
    assert capsys.readouterr().out.splitlines() == [
        "name    amount",
        "张三     80.00",
        "Li    1,314.56",
        "é          a b",
    ]


def test_facts_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    common.print_facts([("状态", "paid"), ("x", ""), ("amount", "1")])
    assert capsys.readouterr().out.splitlines() == ["状态    paid", "amount  1"]


class Terminal:
    """A stderr that says whether it is a terminal, and keeps what was written."""

    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal
        self.text = ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(terminal: bool, monkeypatch: Any) -> None:
    stream = Terminal(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    progress = common.Progress("bills")
    progress.at(12_000)
    progress.at(13_000)
    progress.done()
    assert ("bills: 12,000" in stream.text) is terminal
    assert stream.text.endswith("\r\x1b[K") is terminal


def test_dates_are_shown_as_people_write_them() -> None:
    assert common.show_date("20261122") == "2026-11-22"
    assert common.show_date("") == ""
    assert common.date_argument("2026-11-22") == "20261122"


@pytest.mark.parametrize(
    "words",
    [
        ("bill", "list", "--from", "2026-02-01", "--to", "2026-01-31"),
        ("einvoice", "stats", "--from", "2026-02-01", "--to", "2026-01-31"),
        ("einvoice", "stock", "statistics", "--from", "2026-02-01", "--to", "2026-01-31"),
    ],
    ids=" ".join,
)
def test_a_period_that_ends_before_it_begins(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    expected = "error: period: the first day 2026-02-01 is after the last one 2026-01-31"
    assert capsys.readouterr().err.startswith(expected)
