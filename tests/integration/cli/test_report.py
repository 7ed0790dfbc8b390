"""`nontax report`: daily figures, posting files, monthly statements from a real installation."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from .conftest import Nontax

DAY = "2026-03-02"
FILES = [
    "corrections-20260302.csv",
    "daily-20260302.html",
    "daily-20260302.json",
    "deposits-20260302.csv",
    "income-20260302.csv",
]


@pytest.fixture
def paid(site: Path) -> Path:
    """The sample with the first of its bills paid; its unit's name is a formula."""
    with sqlite3.connect(site / "nontax.db") as books:
        code, amt = books.execute("SELECT pay_code, amt FROM bills ORDER BY 1").fetchone()
        books.execute("UPDATE bills SET state = 'paid' WHERE pay_code = ?", (code,))
        books.execute("UPDATE units SET name = '=cmd()<b>'")
        columns = [row[1] for row in books.execute("PRAGMA table_info(payments)")]
        values = dict.fromkeys(columns, "") | {
            "id": 1,
            "src": "D3206820105",
            "cfm_date": "20260302",
            "tra_no_bus": "T1",
            "pay_code": code,
            "amt": amt,
            "pay_mode": "1",
            "rec_acct_type": "1",
            "rec_acct": "32001000000000000018",
            "channel": "2612",
            "received_at": 1,
            "duplicate": 0,
            "after_expiry": 0,
            "before_bill": 0,
        }
        marks = ", ".join("?" * len(columns))
        books.execute(
            f"INSERT INTO payments VALUES ({marks})",  # noqa: S608 - marks only
            [values[name] for name in columns],
        )
    books.close()
    return site


def operator(site: Path, name: str = "maker1") -> tuple[str, ...]:
    return ("--operator", name, "--password-file", str(site / "secret" / f"{name}.password"))


@pytest.fixture
def maker(paid: Path, nontax: Nontax, tmp_path: Path) -> tuple[str, ...]:
    """The sample's maker, ready for work."""
    return operator(paid)


def test_reading_needs_no_operator_and_changes_nothing(
    paid: Path, nontax: Nontax, tmp_path: Path
) -> None:
    shown = nontax("report", "daily", "--date", DAY)
    assert (shown.code, shown.err) == (0, "")
    assert "2026-03-02: open" in shown.out
    found = nontax("report", "daily", "--date", DAY, "--json", "--out", tmp_path / "out").json
    assert (found["state"], found["income"]["rows"]) == ("open", [])
    assert found["deposits"]["rows"][0]["ChgAgenName"] == "=cmd()<b>"
    assert re.fullmatch(r"[0-9a-f]{64}", found["deposits"]["control"]["digest"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    with sqlite3.connect(paid / "nontax.db") as books:
        assert books.execute("SELECT count(*) FROM figure_days").fetchone() == (0,)
    books.close()


def test_no_cell_is_a_formula_and_no_text_is_markup(
    paid: Path, nontax: Nontax, tmp_path: Path
) -> None:
    assert paid
    nontax("report", "daily", "--date", DAY, "--out", tmp_path)
    sheet = (tmp_path / "deposits-20260302.csv").read_text("utf-8-sig")
    assert ",'=cmd()<b>," in sheet
    page = (tmp_path / "daily-20260302.html").read_text("utf-8")
    assert "=cmd()&lt;b&gt;" in page
    assert "<b>" not in page
    assert re.search(r"(src|href|url)\s*[=(]", page) is None
    assert "未结账" in page
    assert '<td class="code">32001000000000000018</td>' in page


def test_closing_needs_a_maker(
    paid: Path, nontax: Nontax, maker: tuple[str, ...], tmp_path: Path
) -> None:
    refused = nontax("report", "daily", "--date", DAY, "--close", *operator(paid, "auditor1"))
    assert (refused.code, refused.out) == (2, "")
    assert "maker" in refused.err
    done = nontax("report", "daily", "--date", DAY, "--close", *maker, "--json")
    assert done.code == 0, done.err
    assert done.json["closing"] == {"days": ["20260302"], "corrections": 0}
    assert (done.json["state"], done.json["closed_by"]) == ("closed", "maker1")
    one, two = tmp_path / "one", tmp_path / "two"
    nontax("report", "daily", "--date", DAY, "--out", one)
    nontax("report", "daily", "--date", DAY, "--out", two)
    for name in FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_formats_are_for_files(paid: Path, nontax: Nontax, tmp_path: Path) -> None:
    assert paid
    refused = nontax("report", "daily", "--date", DAY, "--format", "csv")
    assert (refused.code, "--out" in refused.err) == (2, True)
    nontax("report", "daily", "--date", DAY, "--format", "json", "--out", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["daily-20260302.json"]


def test_a_day_to_come_is_not_closed(nontax: Nontax, maker: tuple[str, ...]) -> None:
    refused = nontax("report", "daily", "--date", "2199-01-01", "--close", *maker)
    assert (refused.code, "not over" in refused.err) == (2, True)


def test_a_day_or_month_to_come_has_no_figures(paid: Path, nontax: Nontax) -> None:
    assert paid
    for what in (["daily", "--date", "2199-01-01"], ["monthly", "--month", "2199-01"]):
        refused = nontax("report", *what)
        assert (refused.code, refused.out) == (2, "")
        assert "future" in refused.err


def test_posting_files_are_made_listed_acknowledged_and_sent_again(
    paid: Path, nontax: Nontax, maker: tuple[str, ...]
) -> None:
    early = nontax("report", "posting", "--date", DAY, *maker)
    assert (early.code, "not closed" in early.err) == (1, True)
    nontax("report", "daily", "--date", DAY, "--close", *maker)
    auditor = operator(paid, "auditor1")
    assert nontax("report", "posting", "--date", DAY, *auditor).code == 2
    made = nontax("report", "posting", "--date", DAY, *maker, "--json").json
    assert (made["No"], made["new"]) == (1, True)
    sheet, document = map(Path, made["files"])
    assert sheet.parent == paid / "spool" / "postings"
    before = sheet.read_bytes(), document.read_bytes()
    assert json.loads(before[1])["Control"]["Debit"] == made["Debit"] == made["Credit"]
    sheet.unlink()
    again = nontax("report", "posting", "--again", 1, "--json").json
    assert (again["new"], sheet.read_bytes(), document.read_bytes()) == (False, *before)
    assert nontax("report", "posting", "--again", 2).code == 2
    assert "2026-03-02" in nontax("report", "posting-list", "--open").out
    assert nontax("report", "posting-ack", 1, *auditor).code == 2
    assert nontax("report", "posting-ack", 1, "--note", "记-1", *maker).code == 0
    assert nontax("report", "posting-ack", 1, *maker).code == 1
    listed = nontax("report", "posting-list", "--json").json["postings"]
    assert [(one["No"], one["AckNote"]) for one in listed] == [(1, "记-1")]
    assert nontax("report", "posting-list", "--open", "--json").json == {"postings": []}


def test_templates_of_ones_own(paid: Path, nontax: Nontax, maker: tuple[str, ...]) -> None:
    nontax("report", "daily", "--date", DAY, "--close", *maker)
    with (paid / "nontax.toml").open("a", encoding="utf-8") as config:
        config.write('\n[figures]\nposting_templates = "own.toml"\n')
    assert nontax("report", "posting", "--date", DAY, *maker).code == 2
    (paid / "own.toml").write_text(
        'name = "own"\n[[templates]]\nmeasure = "collected"\nsummary = "{item_name}"\n'
        'debit = { account = "1" }\ncredit = { account = "2.{fund_nature}" }\n',
        encoding="utf-8",
    )
    made = nontax("report", "posting", "--date", DAY, *maker, "--json").json
    assert made["TemplateSet"] == "own"
    (paid / "own.toml").write_text("name = [", encoding="utf-8")
    checked = nontax("check", "--json")
    assert [fault["key"] for fault in checked.json["faults"]] == ["figures.posting_templates"]
    wrong = nontax("report", "posting", "--date", DAY, *maker)
    assert (wrong.code, "own.toml" in wrong.err) == (2, True)


def test_monthly_statements_of_every_bank(paid: Path, nontax: Nontax, tmp_path: Path) -> None:
    assert paid
    found = nontax("report", "monthly", "--month", "2026-03", "--json", "--out", tmp_path).json
    assert [one["node"] for one in found["statements"]] == ["D3206820105", "D3206820301"]
    assert found["statements"][0]["days"][1]["payments"]["count"] == 1
    assert len(list(tmp_path.iterdir())) == 8 + 1  # the site lies there, too
    one = nontax("report", "monthly", "--month", "2026-03", "--bank", "0301")
    assert (one.code, "D3206820301" in one.out, "D3206820105" in one.out) == (0, True, False)
    for words in (("--month", "2026-13"), ("--month", "2026-03", "--bank", "K3206820002")):
        assert nontax("report", "monthly", *words).code == 2
