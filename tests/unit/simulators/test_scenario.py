"""Scripts: which rule applies, what a behaviour does to the bytes, files and their faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from nontax.messages.query import BillQuery
from nontax.messages.refund import RefundOrder
from nontax.simulators.scenario import (
    WELL,
    Behaviour,
    Rule,
    Script,
    ScriptError,
    load_script,
)

QUERY = BillQuery(PayCode="32068226000000000017", PayMode="11")
FRAME = b"100     CNNONTAX1.02601<CFX></CFX>" + b"0123456789abcdefABCDEF9F" + b" " * 40


def order(number: int, amt: int) -> RefundOrder:
    return RefundOrder(
        RefundNo=f"R{number}", RefundDate="20260302", RefundType="1", PayCode="1",
        OriTraNoBus="T1", OriCfmDate="20260302", OriAmt=amt, Amt=amt,
    )  # fmt: skip


def test_the_nth_message_that_fits() -> None:
    refuse = Behaviour(result="99999")
    script = Script(Rule(number="2601", nth=(1, 3), do=refuse))
    chosen = [script.choose("answer", "2601", QUERY) for _ in range(4)]
    assert chosen == [refuse, WELL, refuse, WELL]
    assert script.choose("answer", "2612", None) is WELL
    assert script.choose("call", "2601", QUERY) is WELL
    assert script.played == [("2601", refuse), ("2601", refuse)]


def test_fields_are_matched_as_the_wire_writes_them() -> None:
    one, other = Behaviour(result="10006"), Behaviour(ending="drop")
    script = Script(
        Rule(where={"Amt": "80.00"}, do=one),
        Rule(where={"RefundNo": "R*", "OriTraNoBus": "T?"}, nth=2, do=other),
    )
    assert script.choose("answer", "5617", order(1, 8000)) is one
    assert script.choose("answer", "5617", order(2, 9000)) is other
    assert script.choose("answer", "5617", order(3, 9000)) is WELL
    assert script.choose("answer", "2601", QUERY) is WELL


def test_the_first_rule_that_applies_wins_and_all_count() -> None:
    first, second = Behaviour(times=2), Behaviour(times=3)
    script = Script(Rule(nth=2, do=first), Rule(nth=(1, 2, 3), do=second))
    assert [script.choose("answer", "2601", None).times for _ in range(4)] == [3, 2, 3, 1]
    script.add(Rule(nth=1, do=first))
    assert script.choose("answer", "2601", None) is first


def test_bytes_are_tampered_with() -> None:
    assert WELL.tampered(FRAME, 64) == FRAME
    corrupted = Behaviour(corrupt_mac=True).tampered(FRAME, 64)
    assert corrupted[:-64] == FRAME[:-64]
    pairs = zip(corrupted[-64:], FRAME[-64:], strict=True)
    assert all((a != b) == (b != 0x20) for a, b in pairs)
    int(corrupted[-64:].decode().strip(), 16)
    assert Behaviour(blank_mac=True).tampered(FRAME, 64)[-64:] == b" " * 64
    assert Behaviour(length_delta=-7).tampered(FRAME, 64) == b"93      " + FRAME[8:]
    assert Behaviour(times=2, trailing="\r\n").tampered(FRAME, 64) == FRAME + FRAME + b"\r\n"


def test_bytes_are_cut() -> None:
    pieces = Behaviour(split_at=(23, 1, 500)).pieces(FRAME)
    assert [len(piece) for piece in pieces] == [1, 22, len(FRAME) - 23]
    assert b"".join(pieces) == FRAME


async def test_time_passes_as_the_script_is_told() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    script = Script(sleep=sleep)
    script.event("ready").set()
    await script.wait(Behaviour(after="ready", delay_seconds=3600))
    assert slept == [3600]


def test_files_in_toml_and_json(tmp_path: Path) -> None:
    toml = tmp_path / "script.toml"
    toml.write_text(
        '[[rules]]\nnumber = "5617"\nnth = 2\nwhere = { PayCode = "3206*" }\n'
        'do = { result = "99999", information = "退付失败" }\n',
        "utf-8",
    )
    script = load_script(toml)
    message = order(1, 1).model_copy(update={"PayCode": "32061"})
    assert script.choose("answer", "5617", message) is WELL
    assert script.choose("answer", "5617", message).information == "退付失败"
    json = tmp_path / "script.json"
    json.write_text('{"rules": [{"side": "call", "do": {"corrupt_mac": true}}]}', "utf-8")
    assert load_script(json).choose("call", "2601", None).corrupt_mac


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text('[[rules]]\nnumber = "56"\ndo = { resutl = "1", times = 0 }\n', "utf-8")
    with pytest.raises(ScriptError) as caught:
        load_script(path)
    text = str(caught.value)
    assert "rules.0.number" in text
    assert "rules.0.do.resutl" in text
    assert "rules.0.do.times" in text
    with pytest.raises(ScriptError, match="cannot be read"):
        load_script(tmp_path / "absent.toml")
    path.write_text("[[rules", "utf-8")
    with pytest.raises(ScriptError, match=r"script\.toml"):
        load_script(path)
