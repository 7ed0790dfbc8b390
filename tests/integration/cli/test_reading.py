"""`nontax describe`, `spec`, `journal`, `message`; the captured 8994 against `nontax serve`."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

NONTAX = Path(sys.executable).parent / "nontax"
VECTORS = Path(__file__).parents[2] / "vectors"
FRAME = VECTORS / "unit-8994.frame"


# -- describe -------------------------------------------------------------------------------------


def test_a_captured_frame_is_described_and_masked(nontax: Any) -> None:
    done = nontax("describe", FRAME)
    assert done.code == 0
    assert "message number: 8994" in done.out
    assert "PayerName: 李*" in done.out
    for secret in ("李四", "13000000000", "320000190001010000", "1234\n"):
        assert secret not in done.out
    shown = nontax("describe", FRAME, "--json").json
    assert shown["head"]["SRC"] == "K3206820002"
    assert shown["problems"] == []


def test_a_frame_may_come_from_standard_input(nontax: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("describe",), ("describe", "-")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FRAME.read_bytes())))
        assert "message number: 8994" in nontax(*words).out


@pytest.mark.parametrize("cut", [10, 23, 200, 1000, 1656])
def test_a_broken_frame_is_described_as_far_as_it_goes(
    nontax: Any, tmp_path: Path, cut: int
) -> None:
    file = tmp_path / "cut.frame"
    file.write_bytes(FRAME.read_bytes()[:cut])
    done = nontax("describe", file)
    assert done.code == 1
    assert "problem: " in done.out


def test_nothing_to_describe(nontax: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert nontax("describe", tmp_path / "empty").code == 2
    assert nontax("describe", tmp_path / "none").code == 2
    assert nontax("describe", tmp_path).code == 2


# -- spec -----------------------------------------------------------------------------------------


def test_the_catalogue_is_the_published_one(nontax: Any) -> None:
    published = json.loads((VECTORS / "messages.json").read_text("utf-8"))
    shown = nontax("spec", "--json").json
    assert shown == published
    both = nontax("spec", "5981", "--json").json
    assert [message["interface"] for message in both["messages"]] == ["bank", "unit"]


def test_one_message_for_people(nontax: Any) -> None:
    text = nontax("spec", "2555").out
    assert text.startswith("2555 ")
    assert "PayCode" in text
    assert "(repeated)" in text
    assert nontax("spec", "9999").code == 2
    assert nontax("spec").out.count("\n") > 500


# -- journal --------------------------------------------------------------------------------------


def test_the_journal_is_verified(nontax: Any, site: Path) -> None:
    done = nontax("journal", "verify", "--json")
    head = done.json["head"]
    assert (done.code, done.json["ok"], done.json["first_bad"]) == (0, True, None)
    assert (
        nontax("bill", "add", "--unit", "0104901", "--payer", "张", "--item", "103043211=1").code
        == 0
    )
    assert nontax("journal", "verify", "--head", head).code == 0
    strange = nontax("journal", "verify", "--head", "0" * 63 + "1")
    assert strange.code == 1
    assert "NOT intact" in strange.out
    connection = sqlite3.connect(site / "nontax.db")
    connection.execute("DROP TRIGGER journal_keeps_all")
    connection.execute("DELETE FROM journal WHERE seq = 5")
    connection.commit()
    connection.close()
    broken = nontax("journal", "verify", "--json")
    assert broken.code == 1
    assert broken.json["first_bad"] == 5
    assert "row 5 is missing" in broken.json["fault"]


def test_the_journal_is_exported(nontax: Any, tmp_path: Path) -> None:
    lines = nontax("journal", "export").out.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["prev_hash"] == before["hash"] for before, row in pairwise(rows))
    later = nontax("journal", "export", "--after", len(rows) - 1).out.splitlines()
    assert later == lines[-1:]
    own = nontax("journal", "export", "--subject", "maker1").out.splitlines()
    assert [json.loads(line)["kind"] for line in own] == ["operator.added"]
    out = tmp_path / "journal.jsonl"
    assert nontax("journal", "export", "--out", out).out == f"{len(rows)} rows written to {out}\n"
    assert out.read_text("utf-8").splitlines() == lines
    assert out.stat().st_mode & 0o777 == 0o600
    assert nontax("journal", "export", "--after", "-1").code == 2


def test_a_reader_that_has_seen_enough_is_no_error(site: Path) -> None:
    command = f"{NONTAX} journal export -c {site}/nontax.toml | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, check=False)  # noqa: S602
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


# -- messages -------------------------------------------------------------------------------------


def exchange(port: int, data: bytes) -> bytes:
    """One short connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_the_captured_8994_is_answered_and_kept(nontax: Any, site: Path) -> None:
    config = site / "nontax.toml"
    config.write_text(config.read_text("utf-8").replace("port = 9201", "port = 0"), "utf-8")
    assert nontax("message", "list", "--json").json == {"messages": []}
    with subprocess.Popen(
        [NONTAX, "serve", "-c", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ},
        text=True,
    ) as serving:
        assert serving.stdout is not None
        port = int(serving.stdout.readline().rpartition(":")[2])
        answer = exchange(port, FRAME.read_bytes())
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(20) == 0
    (site / "answer.frame").write_bytes(answer)
    described = nontax("describe", site / "answer.frame", "--json").json
    fields = dict(described["vouchers"][0]["fields"])
    assert fields == {
        "OriMsgNo": "8994",
        "Result": "00000",
        "Information": "https://pay.example.cn/qr?billId=32068222300000000001",
    }
    [kept] = nontax("message", "list", "--number", "8994", "--json").json["messages"]
    assert (kept["direction"], kept["peer"], kept["result"]) == ("in", "K3206820002", "00000")
    assert nontax("message", "list", "--direction", "out", "--number", "8994").out.count("\n") == 1
    assert nontax("message", "list", "--before", kept["id"], "--json").json["messages"] == []
    shown = nontax("message", "show", kept["id"], "--json").json
    assert shown["voucher"]["PayerName"] == "李*"
    assert shown["voucher"]["CrcCode"] == "***"
    assert shown["voucher"]["Amt"] == "80.00"
    text = nontax("message", "show", kept["id"]).out
    for secret in ("李四", "13000000000", "320000190001010000"):
        assert secret not in text
    bill = nontax("bill", "show", "32068222300000000001", "--json").json
    assert (bill["PayStats"], bill["source"]) == ("0", "8994")
    # Under another master key the sealed voucher stays closed, and that is said.
    (site / "secret" / "master.key").write_text("00" * 31 + "01")
    assert "another master key" in nontax("message", "show", kept["id"]).out


def test_an_unknown_message(nontax: Any) -> None:
    done = nontax("message", "show", "4711")
    assert done.code == 2
    assert "there is no such message" in done.err
