"""`nontax reconcile resolve`, `reopen`, `export`, `history`: one row, a file, two people."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import SystemClock, add_days

from .conftest import Done, Nontax

BANK, ACCOUNT = "D3206820105", "32001000000000000018"
DAY = add_days(SystemClock().today(), -1)
SHOWN_DAY = f"{DAY[:4]}-{DAY[4:6]}-{DAY[6:]}"
HEADER = "PayCode,CfmDate,CfmTime,Amt,TraNoBus,RecAcctType,RecAcct\n"


class Desk:
    """The commands of a site, in the name of the sample's operators."""

    def __init__(self, nontax: Nontax, site: Path) -> None:
        self._nontax = nontax
        self._site = site

    def __call__(self, *words: object, who: str = "") -> Done:
        """One action of `nontax reconcile`."""
        if who:
            password = self._site / "secret" / f"{who}.password"
            words = (*words, "--operator", who, "--password-file", password)
        return self._nontax("reconcile", *words)

    def resolve(self, *words: object, who: str = "maker1", reason: str = "已核实") -> Done:
        return self("resolve", *words, "--reason", reason, "--json", who=who)

    def rows(self, *more: str) -> list[dict[str, str]]:
        """What `export` writes."""
        done = self("export", "--date", SHOWN_DAY, *more)
        assert (done.code, done.err) == (0, "")
        return list(csv.DictReader(io.StringIO(done.out, newline="")))

    def state(self, row: object) -> str:
        return str(self("history", row, "--json").json["state"])

    def actions(self, row: object) -> list[Any]:
        return [one["action"] for one in self("history", row, "--json").json["actions"]]


@pytest.fixture
def desk(nontax: Nontax, site: Path, tmp_path: Path) -> Desk:
    """Three lines of the bank whose bills nobody knows; the second one's number is a formula."""
    made = Desk(nontax, site)
    file = tmp_path / "list.csv"
    lines = [
        f"32068226000000099{n}9,{DAY},101530,80.00,{number},1,{ACCOUNT}\n"
        for n, number in enumerate(("X1", "=X2+1", "X3"))
    ]
    file.write_text(HEADER + "".join(lines), "utf-8")
    imported = made(
        "import", file, "--kind", "2555", "--node", BANK, "--date", SHOWN_DAY, "--pay-mode", "11",
        who="maker1",
    )  # fmt: skip
    assert imported.code == 0, imported.err
    assert made("run", "--date", SHOWN_DAY, "--node", BANK).code == 1
    return made


def decisions(path: Path, *rows: str) -> Path:
    path.write_text("id,action,why\n" + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def test_one_row_is_decided_and_its_history_kept(desk: Desk) -> None:
    row = desk.rows()[0]["id"]
    done = desk.resolve(row, "--action", "accept")
    assert (done.code, done.json["state"]) == (0, "resolved")

    told = desk("history", row, "--json").json
    [action] = told["actions"]
    assert (action["actor"], action["action"], action["reason"]) == ("maker1", "accept", "已核实")
    assert (action["before"]["state"], action["after"]["state"]) == ("open", "resolved")
    shown = desk("history", row)
    assert shown.code == 0
    assert "缴款书不存在" in shown.out
    assert "已核实" in shown.out

    again = desk.resolve(row, "--action", "accept")
    assert (again.code, again.error["error"]) == (1, "it is resolved already")


def test_the_last_row_closes_the_day(desk: Desk, nontax: Nontax) -> None:
    for row in desk.rows():
        assert desk.resolve(row["id"], "--action", "accept").code == 0
    assert desk("run", "--date", SHOWN_DAY, "--node", BANK).code == 0
    sent = nontax("outbox", "list", "--json").json
    assert json.dumps(sent).count("5555") >= 2
    assert nontax("journal", "verify").code == 0


def test_two_people_write_off(desk: Desk) -> None:
    row = desk.rows()[0]["id"]
    assert desk.resolve(row, "--action", "write-off").code == 0
    assert desk.state(row) == "open"
    assert desk.resolve(row, "--action", "approve").code == 2  # maker1 is no checker
    approved = desk("resolve", row, "--action", "approve", who="checker1")
    assert (approved.code, approved.out) == (0, f"row {row}: resolved: write-off\n")
    assert desk.actions(row) == ["propose", "write_off"]


def test_somebody_must_decide(desk: Desk) -> None:
    row = desk.rows()[0]["id"]
    nobody = desk("resolve", row, "--action", "accept", "--reason", "x")
    assert nobody.code == 2
    assert "a person has to decide" in nobody.err  # the sample's unattended operator is none
    assert desk.resolve(row, "--action", "accept", reason="").code == 2
    assert desk.resolve(999, "--action", "accept").code == 2
    assert desk("resolve", row, who="maker1").code == 2
    assert desk("resolve", "--action", "accept", who="maker1").code == 2
    assert desk.state(row) == "open"


def test_a_file_decides_many_at_once(desk: Desk, tmp_path: Path) -> None:
    first, second, third = [row["id"] for row in desk.rows()]
    file = decisions(
        tmp_path / "d.csv",
        f"{first},accept,=已核实",
        f"{second},,",
        f"{third},write-off,银行无此款",
    )
    done = desk("resolve", "--file", file, "--json", who="maker1")

    assert (done.code, done.json["decided"]) == (0, 2)
    assert [desk.state(row) for row in (first, second, third)] == ["resolved", "open", "open"]
    checked = decisions(tmp_path / "c.csv", f"{third},approve,")
    assert desk("resolve", "--file", checked, who="checker1").code == 0
    assert desk.state(third) == "resolved"


def test_a_file_is_taken_whole_or_not_at_all(desk: Desk, tmp_path: Path) -> None:
    first, second, third = [row["id"] for row in desk.rows()]
    file = decisions(
        tmp_path / "d.csv", f"{first},accept,可以", f"{second},force,可以", f"{third},link,可以"
    )
    malformed = desk("resolve", "--file", file, "--json", who="maker1")
    assert malformed.code == 2
    assert [one["line"] for one in malformed.error["faults"]] == [4]

    file = decisions(
        tmp_path / "d.csv", f"{first},accept,可以", f"{second},force,可以", "99,accept,x"
    )
    refused = desk("resolve", "--file", file, "--json", who="maker1")
    assert refused.code == 2
    assert [one["line"] for one in refused.error["faults"]] == [3, 4]
    assert "no such bill" in refused.error["error"]
    assert desk.state(first) == "open"
    assert desk.actions(first) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,action\n1,accept\n", "columns are missing: why"),
        ("id,action,why,id\n1,accept,x,1\n", "stands twice"),
        ("id,action,why\n1,accept,x\n1,comment,x\n", "stands in line 2 too"),
        ("id,action,why\n1,forgive,x\n", "is none of"),
        ("id,action,why\n=1,accept,x\n", "is no number"),
        ("id,action,why\n1,accept\n", "2 cells under 3 columns"),
        ("id,action,why\n1,accept,\n", "reason"),
        ("id,action,why,amount\n1,refund,x,8.005\n", "amount"),
        ('id,action,why\n1,accept,"x\n', "not CSV"),
        ("id,action,why\n1,,\n", "no decisions"),
        ("", "columns are missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    desk: Desk, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "d.csv"
    file.write_text(text, "utf-8")
    done = desk("resolve", "--file", file, who="maker1")
    assert done.code == 2
    assert said in done.err
    assert str(file) in done.err


def test_a_file_has_a_limit(desk: Desk, tmp_path: Path) -> None:
    file = decisions(tmp_path / "d.csv", *(f"{n},comment,x" for n in range(1, 2002)))
    done = desk("resolve", "--file", file, who="maker1")
    assert done.code == 2
    assert "more than 2000 decisions" in done.err


def test_the_export_has_no_formulas_and_comes_back_filled_in(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert desk("export", "--date", SHOWN_DAY, "--out", out).code == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["TraNo"] for row in rows) == ["'=X2+1", "X1", "X3"]
    assert {row["theirs"] for row in rows} == {"80.00"}
    for row in rows:
        row["action"], row["why"] = "accept", "银行已说明"
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    assert desk("resolve", "--file", out, who="maker1").code == 0
    assert desk.rows() == []
    assert [row["state"] for row in desk.rows("--state", "all")] == ["resolved"] * 3


def test_a_closed_list_is_reopened_by_two_people(desk: Desk) -> None:
    words = ("reopen", "--date", SHOWN_DAY, "--node", BANK, "--kind", "2555")
    still = desk(*words, "--reason", "补发", who="maker1")
    assert still.code == 1  # it has open rows: the bank may replace it as it is
    for row in desk.rows():
        assert desk.resolve(row["id"], "--action", "accept").code == 0

    assert desk(*words, who="maker1").code == 2  # no reason
    proposed = desk(*words, "--reason", "银行漏报", "--json", who="maker1")
    assert (proposed.code, proposed.json["state"]) == (0, "proposed")
    assert desk(*words, "--approve", who="maker1").code == 2
    approved = desk(*words, "--approve", "--json", who="checker1")
    assert (approved.code, approved.json["state"]) == (0, "reopened")
    assert approved.json["lists"] == [
        {"kind": "2555", "scope": "11", "BatchNo": approved.json["lists"][0]["BatchNo"]}
    ]
    assert desk(*words, "--scope", "12", "--reason", "x", who="maker1").code == 2
