"""`nontax catalogue push`: what it queues, what it shows, what it refuses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

BANK, OTHER, PLATFORM = "D3206820105", "D3206820301", "G000001"
KINDS = [
    (BANK, "regions", 1),
    (BANK, "accounts", 5),
    (BANK, "unit-accounts", 1),
    (OTHER, "regions", 1),
    (OTHER, "accounts", 5),
    (PLATFORM, "units", 3),
    (PLATFORM, "items", 3),
    (PLATFORM, "accounts", 5),
    (PLATFORM, "clearing-banks", 1),
]
UNIT = """
[[units]]
code = "0900"
name = "新单位"
region = "320682"
start = 2026-01-01
"""


def rows(site: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(site / "nontax.db")) as books:
        books.row_factory = sqlite3.Row
        return [dict(row) for row in books.execute(f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608


def change(site: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(site / "nontax.db")) as books, books:
        books.execute(statement, values)


def edit(site: Path, old: str, new: str) -> None:
    file = site / "nontax.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_everything_new_is_queued_once(nontax: Any, site: Path) -> None:
    done = nontax("catalogue", "push", "--json")
    assert (done.code, done.err) == (0, "")
    queued = done.json["queued"]
    assert [(one["node"], one["kind"], one["entries"]) for one in queued] == KINDS
    assert {(one["mode"], one["state"], one["packs"]) for one in queued} == {("full", "queued", 1)}
    assert [one["BatchNo"][-6:] for one in queued] == [f"{n:06d}" for n in range(1, 10)]
    assert done.json["unchanged"] == [{"node": OTHER, "kind": "unit-accounts"}]
    numbers = [row["number"] for row in rows(site, "outbox")]
    assert numbers == ["5953", "5952", "5981", "5953", "5952", "5955", "5955", "5955", "5955"]
    made_by = {row["made_by"] for row in rows(site, "base_data_batches")}
    assert made_by == {"maker1"}

    again = nontax("catalogue", "push", "--json")
    assert again.json["queued"] == []
    assert len(rows(site, "outbox")) == 9

    (site / "more.toml").write_text(UNIT, "utf-8")
    assert nontax("catalogue", "import", site / "more.toml").code == 0
    [told] = nontax("catalogue", "push", "--json").json["queued"]
    assert (told["kind"], told["mode"], told["entries"]) == ("units", "changes", 1)


def test_narrowed_and_in_full(nontax: Any) -> None:
    done = nontax("catalogue", "push", "--node", PLATFORM, "--kind", "items", "--json")
    [one] = done.json["queued"]
    assert (one["node"], one["kind"], one["number"]) == (PLATFORM, "items", "5955")
    done = nontax("catalogue", "push", "--kind", "accounts", "--json")
    assert [one["node"] for one in done.json["queued"]] == [BANK, OTHER, PLATFORM]
    done = nontax("catalogue", "push", "--kind", "accounts", "--full")
    assert done.code == 0
    header, *lines = done.out.splitlines()
    assert header.split() == ["node", "kind", "message", "batch", "mode", "entries", "packs"]
    assert [line.split()[-1] for line in lines] == ["queued"] * 3
    done = nontax("catalogue", "push", "--kind", "accounts")
    assert [line.split()[-2:] for line in done.out.splitlines()[1:]] == [["nothing", "new"]] * 3


def test_packs_are_as_large_as_the_setting_says(nontax: Any, site: Path) -> None:
    edit(site, "# [base_data]", "[base_data]")
    edit(site, "# pack_size = 50", "pack_size = 2")
    done = nontax("catalogue", "push", "--node", BANK, "--kind", "accounts", "--json")
    [one] = done.json["queued"]
    assert (one["entries"], one["packs"]) == (5, 3)


def test_the_state_of_every_node(nontax: Any, site: Path) -> None:
    before = nontax("catalogue", "push", "--status", "--json").json["nodes"]
    assert [(one["node"], one["kind"], one["new"]) for one in before] == [
        *KINDS[:5],
        (OTHER, "unit-accounts", 0),
        *KINDS[5:],
    ]
    assert {one["state"] for one in before} == {""}
    assert rows(site, "base_data_batches") == []
    nontax("catalogue", "push")
    batch = rows(site, "base_data_batches")[1]
    assert (batch["peer"], batch["kind"]) == (BANK, "accounts")
    change(
        site,
        "UPDATE base_data_batches SET state = 'partly', receipt_at = 1795305600000,"
        " succeeded = 4, failed = 1 WHERE id = ?",
        batch["id"],
    )
    change(
        site,
        "UPDATE base_data_lines SET code = '16004', message = '户名不符'"
        " WHERE batch_id = ? AND entry = '32001000000000000042'",
        batch["id"],
    )
    [one] = nontax(
        "catalogue", "push", "--status", "--node", BANK, "--kind", "accounts", "--json"
    ).json["nodes"]
    assert (one["state"], one["succeeded"], one["failed"], one["new"]) == ("partly", 4, 1, 5)
    assert one["failures"] == [
        {"AcctNo": "32001000000000000042", "Code": "16004", "Msg": "户名不符"}
    ]
    assert (one["digest"], one["by"]) == (batch["digest"], "maker1")
    assert (one["overdue"], one["receipt_at"]) == (False, "2026-11-22 08:00:00")
    shown = nontax("catalogue", "push", "--status").out
    assert f"{BANK}: accounts 32001000000000000042: 16004 户名不符" in shown
    assert "never told" in shown

    # A batch that was refused goes again under a new number, in full.
    done = nontax("catalogue", "push", "--resend", batch["batch_no"])
    assert done.code == 0, done.err
    new = rows(site, "base_data_batches")[-1]
    assert done.out == f"{new['batch_no']} is queued in place of {batch['batch_no']}\n"
    refused = nontax("catalogue", "push", "--resend", batch["batch_no"])
    assert refused.code == 1
    assert f"{new['batch_no']} was told after it" in refused.err


def test_an_overdue_receipt_is_shown(nontax: Any, site: Path) -> None:
    nontax("catalogue", "push", "--node", BANK, "--kind", "accounts")
    change(site, "UPDATE base_data_batches SET state = 'acknowledged'")
    change(site, "UPDATE outbox SET state = 'acknowledged', result_deadline = 1")
    [one] = nontax("catalogue", "push", "--status", "--node", BANK, "--json").json["nodes"][1:2]
    assert (one["state"], one["overdue"]) == ("acknowledged", True)
    assert "acknowledged, overdue" in nontax("catalogue", "push", "--status").out


def test_a_dead_batch_is_sent_again_as_it_was(nontax: Any, site: Path) -> None:
    nontax("catalogue", "push", "--node", BANK, "--kind", "regions")
    [batch] = rows(site, "base_data_batches")
    [message] = rows(site, "outbox")
    assert nontax("outbox", "drop", message["id"], "--reason", "x").code == 0
    [one] = nontax("catalogue", "push", "--status", "--node", BANK, "--json").json["nodes"][:1]
    assert (one["state"], one["information"]) == ("failed", "dropped: by maker1")
    done = nontax("catalogue", "push", "--resend", batch["batch_no"], "--reason", "again", "--json")
    assert done.code == 0, done.err
    assert (done.json["BatchNo"], done.json["state"]) == (batch["batch_no"], "queued")
    [again] = rows(site, "outbox")
    assert (again["state"], again["msg_id"]) == ("queued", message["msg_id"])


def test_what_a_node_that_is_gone_was_told_is_still_shown(nontax: Any, site: Path) -> None:
    nontax("catalogue", "push", "--node", PLATFORM, "--kind", "units")
    change(site, "UPDATE base_data_batches SET peer = 'G000009'")
    [*_, last] = nontax("catalogue", "push", "--status", "--json").json["nodes"]
    assert (last["node"], last["kind"], last["state"]) == ("G000009", "units", "queued")
    assert "new" not in last


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--node", "D3206829999"), "D3206829999 is no peer of this node"),
        (("--node", "K3206820002"), "is a unit node: base data go to banks and the platform"),
        (("--node", "Q3200000105"), "is a clearing node"),
        (("--node", BANK, "--kind", "units"), "is not told of units"),
        (("--kind", "bills"), "invalid choice: 'bills'"),
        (("--status", "--full"), "--status: sends nothing"),
        (("--status", "--resend", "JC1"), "--status: sends nothing"),
        (("--resend", "JC1", "--full"), "--resend: a batch has its node and kind"),
        (("--resend", "JC1", "--node", BANK), "--resend: a batch has its node and kind"),
        (("--resend", "JC1"), "JC1: there is no such batch"),
        (("--resend", ""), "there is no such batch"),
        (("--reason", "x"), "--reason: belongs to --resend"),
        (("--resend", "JC1", "--reason", "x" * 201), "at most 200 printable characters"),
        (("--resend", "JC1", "--reason", "a\nb"), "at most 200 printable characters"),
        (("--status", "--node", "X"), "X is no peer of this node"),
        (("extra",), "unrecognized arguments: extra"),
    ],
)
def test_wrong_input(nontax: Any, site: Path, words: tuple[str, ...], problem: str) -> None:
    done = nontax("catalogue", "push", *words)
    assert (done.code, done.out) == (2, "")
    assert problem in done.err
    assert done.err.count("\n") == 1
    assert rows(site, "outbox") == []


def test_errors_are_json_too(nontax: Any) -> None:
    done = nontax("catalogue", "push", "--node", "X", "--json")
    assert done.code == 2
    assert done.error == {
        "error": "X is no peer of this node",
        "where": "",
        "do": "see `nontax peer list`",
    }


def test_entries_that_cannot_be_told_are_all_named(nontax: Any, site: Path) -> None:
    change(site, "UPDATE units SET name = '𠮷' WHERE code = '0104901'")
    change(site, "UPDATE items SET fund_nature = 'a|b'")
    done = nontax("catalogue", "push", "--node", PLATFORM, "--json")
    assert done.code == 2
    assert done.error["total"] == 4
    assert done.error["faults"][0].startswith("G000001: units 0104901: Name: GBK of G000001")
    assert "correct the catalogue; nothing was sent" in done.error["do"]
    assert rows(site, "outbox") == []
    [units, *_] = nontax("catalogue", "push", "--status", "--node", PLATFORM, "--json").json[
        "nodes"
    ]
    assert (units["new"], units["faults"]) == (2, done.error["faults"][:1])
    assert "cannot be told: G000001: units 0104901" in nontax("catalogue", "push", "--status").out
    # Banks are not held up by it.
    assert nontax("catalogue", "push", "--node", BANK).code == 0


def test_disabled_nodes_are_left_out(nontax: Any, site: Path) -> None:
    file = site / "nontax.toml"
    text = file.read_text("utf-8")
    begin = text.index(f'code = "{BANK}"')
    text = text[:begin] + text[begin:].replace("enabled = true", "enabled = false", 1)
    file.write_text(text, "utf-8")
    done = nontax("catalogue", "push", "--json")
    assert BANK not in {one["node"] for one in done.json["queued"]}
    refused = nontax("catalogue", "push", "--node", BANK)
    assert (refused.code, f"{BANK} is disabled" in refused.err) == (2, True)


def test_it_takes_an_operator(nontax: Any, site: Path) -> None:
    done = nontax("catalogue", "push", "--operator", "auditor1", "--password-file",
                  site / "secret" / "auditor1.password")  # fmt: skip
    assert done.code == 2
    assert "maker" in done.err
    assert rows(site, "outbox") == []
    wrong = site / "wrong"
    wrong.write_text("no")
    done = nontax("catalogue", "push", "--operator", "maker1", "--password-file", wrong)
    assert done.code == 2
    # Looking takes none.
    edit(site, "unattended = ", "# unattended = ")
    edit(site, "unattended_password = ", "# unattended_password = ")
    assert nontax("catalogue", "push").code == 2
    assert nontax("catalogue", "push", "--status").code == 0


def test_only_banks_and_the_platform_are_told_by_themselves(nontax: Any, site: Path) -> None:
    edit(site, "sync_bills = true", "sync_bills = true\nsync_catalogue = true")
    assert nontax("check").code == 0
    shown = nontax("peer", "show", PLATFORM, "--json").json
    assert shown["sync_catalogue"] is True
    edit(site, 'units = ["0104901", "0105204"]',
         'units = ["0104901", "0105204"]\nsync_catalogue = true')  # fmt: skip
    done = nontax("check")
    assert done.code == 1
    assert "sync_catalogue" in done.out
    assert "is for banks and the platform only" in done.out
