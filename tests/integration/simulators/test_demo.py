"""`nontax-sim demo`: the whole day with real processes, twice with one seed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nontax.simulators.demo import run_demo
from nontax.simulators.report import render

TREASURIES = ("270000000000000001", "270000000000320005", "270000000320682003")
COMMAND = [sys.executable, "-P", "-m", "nontax.simulators"]


@pytest.mark.crash
@pytest.mark.slow
def test_the_days_books_close_and_a_seed_gives_the_same_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = subprocess.run(
        [*COMMAND, "demo", "--seed", "7", "--out", str(out)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert "kill -9" in run.stdout
    assert "THE DAY'S BOOKS CLOSE" in run.stdout
    table = (out / "report.txt").read_text("utf-8")
    assert table in run.stdout
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert report["closed"] is True
    assert report["journal_verified"] is True
    assert all(node["equal"] for node in report["nodes"].values())
    accounts = {row["account"]: row for row in report["accounts"]}
    assert all(row["difference"] == "0.00" for row in accounts.values())
    assert all(row["expected"] == row["outside"] for row in accounts.values())
    treasuries = [accounts[number] for number in TREASURIES]
    assert all(row["cleared"] != "0.00" != row["remitted"] for row in treasuries)
    page = report["reconciliation"]["report"]
    assert sorted(path.name for path in out.iterdir()) == [page, "report.json", "report.txt"]
    assert "<html" in (out / page).read_text("utf-8")
    states = sorted(tuple(row) for row in report["reconciliation"]["planted"])
    assert states == [
        ("amount", "open"), ("bank_only", "repaired"), ("bill_account", "open"),
        ("movement_unknown", "open"), ("number", "noted"),
    ]  # fmt: skip
    assert report["reconciliation"]["closed"] is True
    assert len(report["run"]["planted"]) == report["reconciliation"]["found"] == len(states)
    again = run_demo(7, tmp_path / "again", lambda _: None)
    assert render(again).splitlines()[:-1] == table.splitlines()[:-1]
    report.pop("run")
    second = again.as_json()
    second.pop("run")
    assert second == report
