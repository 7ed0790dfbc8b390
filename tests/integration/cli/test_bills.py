"""`nontax bill`, `catalogue`, `operator`: what an operator does in a day."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

LINE = {
    "AdmDivCode": "320682",
    "BillDate": "20261122",
    "ChgAgenCode": "0104901",
    "PayerName": "欧阳锋",
    "OriAmt": "80.00",
    "Items": [{"ItemCode": "103043211", "ItemName": "不动产登记费", "Amt": "80.00"}],
    "MobilePhone": "13912345678",
}


def write(path: Path, *changes: dict[str, Any]) -> Path:
    lines = (json.dumps(LINE | change, ensure_ascii=False) for change in changes)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_an_import_prints_the_pay_codes(nontax: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "new.jsonl", {}, {"PayCode": "A-17"})
    done = nontax("bill", "import", file, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["imported"] == 2
    assert done.json["pay_codes"][1] == "A-17"
    again = nontax("bill", "import", write(tmp_path / "more.jsonl", {}))
    assert again.out == f"{int(done.json['pay_codes'][0][:19]) + 1}" + again.out[19:]


def test_a_refused_import_names_every_line(nontax: Any, tmp_path: Path) -> None:
    before = nontax("bill", "list", "--json").json
    file = write(
        tmp_path / "bad.jsonl",
        {},
        {"OriAmt": "80"},
        {"OriAmt": "81.00", "PayerAcct": "6228000011112222333" * 3},
        {"Colour": "red"},
    )
    done = nontax("bill", "import", file)
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0].startswith(f"error: {file}:3: PayerAcct: ")
    assert lines[0].endswith("correct the file; nothing was imported")
    assert lines[1].startswith(f"error: {file}:4: Colour: is no field")
    assert "62280000" not in done.err
    error = nontax("bill", "import", file, "--json").error
    assert error["total"] == 2
    assert [(f["line"], f["tag"], f["code"]) for f in error["faults"]] == [
        (3, "PayerAcct", "10002"),
        (4, "Colour", "10002"),
    ]
    assert nontax("bill", "list", "--json").json == before


@pytest.mark.parametrize(
    ("name", "text"),
    [("none.jsonl", "No such file"), ("bills.xlsx", "no kind of file"), ("b.csv", "is empty")],
)
def test_files_that_are_none(nontax: Any, tmp_path: Path, name: str, text: str) -> None:
    if name != "none.jsonl":
        (tmp_path / name).touch()
    done = nontax("bill", "import", tmp_path / name)
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1


def test_making_showing_and_voiding_a_bill(nontax: Any) -> None:
    made = nontax(
        *("bill", "add", "--unit", "0104901", "--payer", "欧阳锋", "--phone", "13912345678"),
        *("--item", "103043211=80.00x2", "--item", "320600000001=1.5", "--delay", "0.50"),
        *("--expires", "2099-12-31", "--check-code", "9876", "--notify", "--memo", "备注"),
        *("--virtual-account", "auto", "--json"),
    )
    assert made.code == 0
    code = made.json["PayCode"]
    shown = nontax("bill", "show", code, "--json")
    bill = shown.json
    assert (bill["PayCode"], bill["PayStats"], bill["Amt"]) == (code, "0", "82.00")
    assert (bill["payments"], bill["refunds"]) == ([], [])
    assert [item["Amt"] for item in bill["items"]] == ["80.00", "1.50"]
    text = nontax("bill", "show", code)
    assert "unpaid (未缴款)" in text.out
    assert "K3206820002" in text.out
    for done in (shown, text, nontax("bill", "list")):
        for secret in ("欧阳锋", "13912345678", "9876"):
            assert secret not in done.out
    void = nontax("bill", "void", code, "--reason", "开错", "--json")
    assert void.json == {"PayCode": code, "PayStats": "2", "changed": True}
    assert nontax("bill", "void", code).out == f"bill {code} is void, as it was before\n"
    assert nontax("bill", "show", code, "--json").json["PayStats"] == "2"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--unit", "0104901", "--item", "103043211"), "there is no ="),
        (("--unit", "0104901", "--item", "103043211=x"), "the amount is not an amount"),
        (("--unit", "0104901", "--item", "103043211=8xmany"), "Quantity"),
        (("--unit", "0105204", "--item", "103043211=8"), "may not charge"),
        (("--unit", "77", "--item", "103043211=8"), "is no unit"),
        (("--unit", "0104901", "--item", "77=8"), "may not charge"),
        (("--unit", "0104901", "--item", "103043211=8", "--account", "6222"), "no account"),
        (("--unit", "0104901", "--item", "103043211=8", "--payer", " "), "PayerName"),
        (("--unit", "0104901", "--item", "103043211=8", "--region", "1"), "AdmDivCode"),
    ],
)
def test_bills_that_cannot_be_made(nontax: Any, words: tuple[str, ...], text: str) -> None:
    payer = () if "--payer" in words else ("--payer", "张三")
    done = nontax("bill", "add", *payer, *words)
    assert (done.code, done.out) == (2, "")
    assert text in done.err


@pytest.mark.parametrize("action", ["show", "void", "notice"])
def test_an_unknown_bill(nontax: Any, action: str) -> None:
    done = nontax("bill", action, "32068226000000000999")
    assert done.code == 2
    assert done.err == "error: 32068226000000000999: there is no such bill - check the pay code\n"


def test_lists_are_narrowed(nontax: Any, tmp_path: Path) -> None:
    old = write(tmp_path / "old.jsonl", {"BillDate": "20250101", "PayCode": "A-1"})
    assert nontax("bill", "import", old).code == 0
    found = nontax("bill", "list", "--from", "2025-01-01", "--to", "2025-12-31", "--json").json
    assert [bill["PayCode"] for bill in found["bills"]] == ["A-1"]
    assert found["totals"] == {"unpaid": {"count": 1, "Amt": "80.00"}}
    first = nontax("bill", "list", "--limit", "1", "--json").json
    assert len(first["bills"]) == 1
    assert first["totals"]["unpaid"]["count"] > 1
    assert nontax("bill", "list", "--state", "void", "--json").json["bills"] == []
    assert nontax("bill", "list", "--unit", "0105204").out.endswith("in all: none\n")


def test_a_notice_goes_to_stdout_or_a_file(nontax: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "new.jsonl", {})
    [code] = nontax("bill", "import", file, "--json").json["pay_codes"]
    page = nontax("bill", "notice", code)
    assert page.out.startswith("<!DOCTYPE html>")
    assert "欧阳锋" in page.out
    assert "捌拾元整" in page.out
    out = tmp_path / "notice.html"
    assert nontax("bill", "notice", code, "--out", out).out == f"written to {out}\n"
    assert out.read_text("utf-8") == page.out
    assert nontax("bill", "notice", code, "--out", tmp_path / "no" / "where").code == 2


# -- in whose name --------------------------------------------------------------------------------


def test_an_operator_is_named_and_proved(
    nontax: Any, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "new.jsonl", {})
    secret = site / "secret"
    words = ("bill", "import", file, "--operator")
    assert nontax(*words, "maker1", "--password-file", secret / "maker1.password").code == 0
    wrong = nontax(*words, "maker1", "--password-file", secret / "checker1.password")
    assert wrong.code == 2
    assert wrong.err == "error: operator: name or password is wrong - check both\n"
    role = nontax(*words, "auditor1", "--password-file", secret / "auditor1.password")
    assert "auditor1 is no maker" in role.err
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert "NONTAX_PASSWORD" in nontax(*words, "maker1").err
    monkeypatch.setenv("NONTAX_PASSWORD", (secret / "maker1.password").read_text().strip())
    assert nontax(*words, "maker1").code == 0
    missing = nontax(*words, "maker1", "--password-file", secret / "none")
    assert "No such file" in missing.err
    shown = nontax("journal", "export").out.splitlines()[-1]
    assert json.loads(shown)["actor"] == "maker1"


def test_without_an_unattended_operator_one_must_be_named(
    nontax: Any, site: Path, tmp_path: Path
) -> None:
    config = site / "nontax.toml"
    lines = config.read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("unattended")]
    config.write_text("\n".join(kept), "utf-8")
    done = nontax("bill", "import", write(tmp_path / "new.jsonl", {}), "--json")
    assert done.code == 2
    assert done.error == {
        "error": "this needs an operator who is maker",
        "where": "",
        "do": "give --operator NAME and its password",
    }


def test_operators_are_added_by_a_checker(
    nontax: Any, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checker = ("--operator", "checker1", "--password-file", site / "secret" / "checker1.password")
    monkeypatch.setenv("NONTAX_NEW_PASSWORD", "Zebra-9-crossing")
    nobody = nontax("operator", "add", "anna", "--role", "maker")
    assert "needs an operator who is checker" in nobody.err
    added = nontax("operator", "add", "anna", "--role", "maker", "--unit", "0206301", *checker)
    assert added.out == "operator anna added (maker)\n"
    assert nontax("operator", "add", "anna", "--role", "maker", *checker).code == 2
    found = {o["name"]: o for o in nontax("operator", "list", "--json").json["operators"]}
    assert found["anna"] == {
        "name": "anna",
        "roles": ["maker"],
        "units": ["0206301"],
        "state": "must change password",
    }
    monkeypatch.setenv("NONTAX_PASSWORD", "Zebra-9-crossing")
    add = ("bill", "add", "--payer", "张三", "--operator", "anna", "--unit")
    school = ("0206301", "--item", "103042750=850.00")
    assert "must change the password first" in nontax(*add, *school).err
    monkeypatch.setenv("NONTAX_NEW_PASSWORD", "Camel-8-crossing")
    assert nontax("operator", "password", "anna").out == "password of anna changed\n"
    monkeypatch.setenv("NONTAX_PASSWORD", "Camel-8-crossing")
    assert nontax(*add, *school).code == 0
    scope = nontax(*add, "0104901", "--item", "103043211=80.00")
    assert "may not act for this unit" in scope.err
    assert nontax("operator", "disable", "anna", *checker).code == 0
    assert "anna is disabled" in nontax(*add, *school).err
    table = nontax("operator", "list").out
    assert "disabled" in table
    assert "scrypt" not in table


def test_the_first_operator_is_a_checker(
    nontax: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nontax("init", tmp_path / "plain").code == 0
    config = ("-c", tmp_path / "plain" / "nontax.toml")
    monkeypatch.setenv("NONTAX_NEW_PASSWORD", "Zebra-9-crossing")
    first = nontax("operator", "add", "anna", "--role", "maker", *config)
    assert "the first operator must be a checker" in first.err
    weak = ("operator", "add", "anna", "--role", "checker", *config)
    assert nontax(*weak).code == 0
    second = nontax("operator", "add", "ben", "--role", "checker", *config)
    assert second.code == 2


# -- catalogue ------------------------------------------------------------------------------------


def test_the_catalogue_is_shown_and_imported(nontax: Any, site: Path, tmp_path: Path) -> None:
    again = nontax("catalogue", "import", site / "catalogue.toml", "--json")
    assert again.json["changed"] == 0
    file = tmp_path / "units.csv"
    file.write_text("code,name,region,start\n0107,新单位,320682,2026-01-01\n", "utf-8")
    assert "1 changed" in nontax("catalogue", "import", file).out
    units = nontax("catalogue", "show", "units", "--json").json
    assert "新单位" in [unit["name"] for unit in units["units"]]
    text = nontax("catalogue", "show").out
    for heading in ("regions:", "accounts:", "rights:", "sharing_rules:", "virtual_accounts:"):
        assert heading in text
    unknown = nontax("catalogue", "show", "planets")
    assert unknown.code == 2


def test_a_wrong_catalogue_is_refused_with_all_faults(nontax: Any, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text('[[units]]\ncode = "1"\n[[items]]\ncode = 2\n', "utf-8")
    done = nontax("catalogue", "import", file, "--json")
    assert done.code == 2
    assert done.error["total"] == 7
    text = nontax("catalogue", "import", file)
    assert len(text.err.splitlines()) == 7
    assert f"{file}:3: items.code: must be a text in quotes" in text.err
