"""`nontax einvoice stock` and `nontax paperbill`, as their operators use them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.cli import main

from .conftest import Done, Nontax

LAND, ESTATE, SCHOOL = "0104901", "0105204", "0206301"
KIND = "0101"
As = Callable[..., Done]


@pytest.fixture
def acting(nontax: Nontax, site: Path) -> As:
    """Runs a command in the name of an operator of the sample."""

    def run(name: str, *words: object) -> Done:
        password = site / "secret" / f"{name}.password"
        return nontax(*words, "--operator", name, "--password-file", password)

    return run


def stock(*words: object) -> tuple[object, ...]:
    return ("einvoice", "stock", *words)


def ranges(done: Done) -> list[Any]:
    """(holder, first, last, state) of the ranges that a command told."""
    assert done.code == 0, done.err
    return [
        (row["holder"], int(row["first"]), int(row["last"]), row["state"])
        for row in done.json["ranges"]
    ]


def refusal(done: Done) -> str:
    assert done.code in {1, 2}
    assert done.err.count("\n") == 1
    return done.err


def test_the_sample_has_stock_of_both_media(nontax: Nontax) -> None:
    done = nontax(*stock("list", "--json"))
    assert ranges(done) == [(LAND, 1, 100_000, "stock")]
    [row] = done.json["ranges"]
    assert (row["code"][:6], row["left"]) == ("320101", 100_000)
    done = nontax("paperbill", "list", "--json")
    assert ranges(done) == [(LAND, 1, 100_000, "stock")]
    assert nontax("journal", "verify").code == 0


def test_a_range_from_the_application_to_the_unit_and_back(nontax: Nontax, acting: As) -> None:
    numbers = ("--kind", KIND, "--code", "32010199")
    applied = acting("maker1", *stock("apply", "--kind", KIND, "--count", 100))
    no = applied.out.strip()
    assert no.startswith("SL")
    received = acting(
        "maker1", *stock("receive", *numbers, "--first", 1, "--last", 100, "--application", no)
    )
    range_id = received.out.strip()
    assert "is no checker" in refusal(acting("maker1", *stock("confirm", range_id)))
    assert acting("checker1", *stock("confirm", range_id)).code == 0
    found = nontax(*stock("list", "--applications", "--json")).json["applications"]
    assert [(row["no"], row["state"], row["delivered"]) for row in found] == [
        (no, "fulfilled", 100)
    ]
    given = acting("maker1", *stock("distribute", "--kind", KIND, "--to", SCHOOL, "--count", 60))
    offered = given.out.strip()
    assert acting("maker1", *stock("undo", offered, "--reason", "发错")).code == 0
    assert acting("maker1", *stock("accept", offered)).code == 1
    given = acting("maker1", *stock("distribute", "--kind", KIND, "--to", SCHOOL, "--count", 60))
    assert acting("maker1", *stock("accept", given.out.strip())).code == 0
    assert ranges(nontax(*stock("list", "--unit", SCHOOL, "--json"))) == [(SCHOOL, 1, 60, "stock")]
    back = acting(
        "maker1", *stock("give-back", "--unit", SCHOOL, *numbers, "--first", 51, "--last", 60),
        "--reason", "多余",
    )  # fmt: skip
    assert back.out == "32010199 0000000051-0000000060\n"
    assert ranges(nontax(*stock("list", "--unit", "", "--json"))) == [("", 51, 100, "stock")]
    steps = nontax(*stock("history", "--code", "32010199", "--json")).json["steps"]
    assert [step["step"] for step in steps] == [
        "receive", "confirm", "distribute", "undo", "distribute", "accept", "give-back",
    ]  # fmt: skip
    assert {step["operator"] for step in steps} == {"maker1", "checker1"}
    assert nontax("journal", "verify").code == 0


def test_applications_are_cancelled_or_refused_once(acting: As) -> None:
    def apply() -> str:
        done = acting("maker1", *stock("apply", "--kind", KIND, "--count", 5, "--unit", LAND))
        return done.out.strip()

    first, second = apply(), apply()
    assert acting("maker1", *stock("cancel", first, "--reason", "误报")).code == 0
    assert "cancelled already" in refusal(
        acting("maker1", *stock("cancel", first, "--reason", "误报"))
    )
    assert "is no checker" in refusal(acting("maker1", *stock("refuse", second, "--reason", "无")))
    assert acting("checker1", *stock("refuse", second, "--reason", "库存不足")).code == 0
    assert "no application" in refusal(acting("maker1", *stock("cancel", "SL1", "--reason", "x")))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--code", "3201012", "--first", "1"), "has 8 digits"),
        (("--code", "32010226", "--first", "1"), "of kind 0102"),
        (("--code", "32010199", "--first", "9", "--last", "1"), "upwards"),
        (("--code", "32010199", "--first", "0"), "no number of 1 to 10 digits"),
        (("--code", "32010199", "--first", "1", "--application", "SL9"), "no application"),
    ],
)
def test_ranges_that_are_not_received(acting: As, words: tuple[str, ...], text: str) -> None:
    assert text in refusal(acting("maker1", *stock("receive", "--kind", KIND, *words)))


def test_what_is_received_twice_or_of_an_unknown_kind(nontax: Nontax, acting: As) -> None:
    [row] = nontax(*stock("list", "--json")).json["ranges"]
    again = stock("receive", "--kind", KIND, "--code", row["code"], "--first", 100_000)
    assert "overlaps" in refusal(acting("maker1", *again, "--last", 100_001))
    other = stock("receive", "--kind", "0199", "--code", "32019926", "--first", 1)
    assert "is no kind of bill" in refusal(acting("maker1", *other))


def test_an_operator_of_a_unit_acts_for_it_alone(
    nontax: Nontax, acting: As, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NONTAX_NEW_PASSWORD", "Aa1!Aa1!Aa1!")
    assert (
        acting("checker1", "operator", "add", "land1", "--role", "maker", "--unit", LAND).code == 0
    )
    monkeypatch.setenv("NONTAX_PASSWORD", "Aa1!Aa1!Aa1!")
    monkeypatch.setenv("NONTAX_NEW_PASSWORD", "Bb2!Bb2!Bb2!")
    assert nontax("operator", "password", "land1").code == 0
    (site / "secret" / "land1.password").write_text("Bb2!Bb2!Bb2!")
    paper = ("--kind", KIND, "--code", "2020", "--first", 1, "--last", 2)
    denied = acting("land1", "paperbill", "take-back", *paper, "--unit", LAND, "--reason", "x")
    assert "not for finance" in refusal(denied)
    given = acting("land1", "paperbill", "distribute", *paper, "--from", LAND, "--to", ESTATE)
    assert given.code == 0
    offered = given.out.strip()
    assert "nor draw for it" in refusal(acting("land1", "paperbill", "accept", offered))
    granted = acting(
        "maker1", *stock("authorise", "--scope", "draw", "--unit", ESTATE, "--agent", LAND),
        "--reason", "代领",
    )  # fmt: skip
    assert granted.out.startswith("SQ")
    assert acting("land1", "paperbill", "accept", offered).code == 0
    assert ranges(nontax("paperbill", "list", "--unit", ESTATE, "--json")) == [
        (ESTATE, 1, 2, "stock")
    ]
    ended = acting("maker1", *stock("authorise", "--end", granted.out.strip(), "--reason", "终止"))
    assert ended.code == 0
    [row] = nontax(*stock("authorise", "--list", "--json")).json["authorisations"]
    assert (row["ended_by"], row["agent"]) == ("maker1", LAND)


def test_paper_is_void_returned_and_written_off_by_two(
    nontax: Nontax, acting: As, tmp_path: Path
) -> None:
    paper = ("--kind", KIND, "--code", "2020", "--first", 7, "--last", 9)
    assert "unused" in refusal(acting("maker1", "paperbill", "return", *paper, "--reason", "x"))
    for step in ("void", "return"):
        done = acting("maker1", "paperbill", step, *paper, "--reason", "污损", "--json")
        assert done.code == 0, done.err
    assert "is returned" in refusal(acting("maker1", "paperbill", "void", *paper, "--reason", "x"))
    proposed = acting("maker1", "paperbill", "write-off", *paper, "--reason", "年末核销")
    no = proposed.out.strip()
    assert no.startswith("HX")
    assert "is no checker" in refusal(acting("maker1", "paperbill", "write-off", "--approve", no))
    assert acting("checker1", "paperbill", "write-off", "--approve", no).code == 0
    assert "approved already" in refusal(
        acting("checker1", "paperbill", "write-off", "--reject", no)
    )
    shown = nontax("paperbill", "show", "0000000008", "--json").json
    assert [(use["number"], use["state"]) for use in shown["uses"]] == [(8, "written_off")]
    assert [step["step"] for step in shown["steps"]][-4:] == [
        "void", "return", "propose-write-off", "write-off",
    ]  # fmt: skip
    assert "written off" in nontax("paperbill", "show", 8).out
    assert nontax("paperbill", "show", 200_000).code == 1
    file = tmp_path / "stock.csv"
    assert nontax("paperbill", "statistics", "--csv", file).code == 0
    with file.open(encoding="utf-8-sig", newline="") as lines:
        row = next(row for row in csv.DictReader(lines) if row["holder"] == LAND)
    assert [row[name] for name in ("void", "turned_in", "written_off", "closing")] == [
        "3", "3", "3", "99997",
    ]  # fmt: skip
    assert "99,997" in nontax("paperbill", "statistics").out


def test_kinds_name_the_units_that_hold_them(nontax: Nontax) -> None:
    [kind] = nontax(*stock("kinds", "--json")).json["kinds"]
    assert (kind["code"], kind["units"]) == (KIND, [LAND, SCHOOL])


def test_books_without_a_sample_have_no_stock(tmp_path: Path, nontax: Nontax) -> None:
    folder = tmp_path / "plain"
    assert main(["init", str(folder)]) == 0
    done = nontax("paperbill", "list", "--json", "-c", folder / "nontax.toml")
    assert done.json == {"ranges": []}
