"""The commands outbox, peer and send, as an operator runs them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs import Head, encode_frame, write_envelope
from nontax.gateway.cli import main
from nontax.gateway.clock import SystemClock
from nontax.gateway.collection.operators import LockRules, Operators
from nontax.gateway.store import tokens
from nontax.mac import make_algorithm

from .conftest import (
    BANK,
    NEW_TOKEN,
    NODE,
    PAY_CODE,
    TOKEN,
    UNIT,
    Behaviour,
    ScriptedPeer,
    World,
    make_notice,
)

VECTORS = Path(__file__).parents[2] / "vectors"
PASSWORD = "Sample-2026-ok"
Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `nontax` with these words: exit code, stdout, stderr."""
    monkeypatch.setenv("NONTAX_PASSWORD", PASSWORD)
    monkeypatch.setenv("THE_TOKEN", TOKEN)

    async def command(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = await asyncio.to_thread(main, [str(word) for word in words])
        shown = capsys.readouterr()
        assert TOKEN not in shown.out + shown.err
        return code, shown.out, shown.err

    return command


async def operators(world: World) -> None:
    """A checker and a maker who may act at once."""
    known = Operators(world.store, SystemClock(), world.random, LockRules(5, 15))
    for name, role in (("checker1", "checker"), ("maker1", "maker")):
        await known.add(name, "First-2026-xx" + role, [role], [], actor="set-up")
        await known.change_password(name, PASSWORD, actor=name)


def addressed(peer: ScriptedPeer, *words: str) -> tuple[str, ...]:
    """`nontax send` to a scripted peer."""
    return ("send", "--to", f"127.0.0.1:{peer.port}", "--src", BANK, "--des", NODE, *words)


SIGNED = ("--mac", "sha256-token", "--width", "64", "--token", "env:THE_TOKEN")


# -- send -----------------------------------------------------------------------------------------


async def test_send_prints_head_voucher_and_mac(bank: ScriptedPeer, run: Run) -> None:
    bank.answer_number = "5001"
    words = (PAY_CODE, "80.0", "张三<&>")
    code, out, _ = await run(
        *addressed(bank, *SIGNED),
        "2612",
        f"PayCode={words[0]}",
        f"Amt={words[1]}",
        f"PayerName={words[2]}",
        "--json",
    )
    assert code == 0
    shown = json.loads(out)
    assert shown["mac_ok"] is True
    assert shown["voucher"] == {"OriMsgNo": "2612", "Result": "00000", "Information": "收妥"}
    assert shown["head"]["MsgNo"] == "5001"
    (got,) = bank.received
    assert got.mac_ok
    assert got.region == "320682"
    assert f"<PayCode>{PAY_CODE}</PayCode>" in got.voucher
    assert "<Amt>80.0</Amt>" in got.voucher
    assert "<PayerName>张三&lt;&amp;" in got.voucher
    assert shown["head"]["MsgRef"] == got.head.msg_id


async def test_send_tells_how_it_was_answered(bank: ScriptedPeer, run: Run) -> None:
    bank.answer_number = "5001"
    bank.script = [Behaviour(result="11001", information="缴款码不存在")]
    code, out, _ = await run(*addressed(bank, *SIGNED), "2601", f"PayCode={PAY_CODE}")
    assert code == 1
    assert "11001" in out
    assert "缴款码不存在" in out
    bank.script = [Behaviour(token=NEW_TOKEN)]
    code, out, _ = await run(*addressed(bank, *SIGNED), "2601", "--json")
    assert code == 1
    assert json.loads(out)["mac_ok"] is False
    bank.script = [Behaviour(close=True)]
    code, _, err = await run(*addressed(bank, *SIGNED), "2601")
    assert (code, err.count("\n")) == (3, 1)
    await bank.stop()
    code, _, err = await run(*addressed(bank, *SIGNED), "2601", "--json")
    assert code == 3
    assert json.loads(err)["delivery"] == "never sent"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((*SIGNED, "9999"), "no message of the catalogue"),
        ((*SIGNED, "2612", "Paycode=1"), "has no field Paycode"),
        ((*SIGNED, "2612", "PayCode"), "is not TAG=VALUE"),
        ((*SIGNED, "2612", "Amt=1", "Amt=2"), "given twice"),
        ((*SIGNED, "2613", "DetailList=x"), "is no JSON"),
        (("--mac", "sha256-token", "--token", TOKEN, "2612"), "must be a reference"),
        (("--mac", "3des-token", "--token", "env:THE_TOKEN", "2612"), "--des-key"),
        (("2612",), "--mac and --token"),
        (SIGNED, "NUMBER"),
    ],
)
async def test_send_refuses_slips(
    bank: ScriptedPeer, run: Run, words: tuple[str, ...], complaint: str
) -> None:
    code, _, err = await run(*addressed(bank, *words))
    assert code == 2
    assert complaint in err
    assert bank.received == []


async def test_send_writes_groups_and_files(bank: ScriptedPeer, run: Run, tmp_path: Path) -> None:
    bank.answer_number = "5001"
    details = '[{"PayCode": "1", "Amt": 80.50}, {"PayCode": "2"}]'
    await run(*addressed(bank, *SIGNED), "2613", f"DetailList={details}")
    as_json = tmp_path / "voucher.json"
    as_json.write_text('{"DetailList": ' + details + "}")
    await run(*addressed(bank, *SIGNED), "2613", "--voucher", as_json)
    first, second = bank.received
    assert first.voucher == second.voucher
    assert "<PayCode>1</PayCode>" in first.voucher
    assert "<Amt>80.50</Amt>" in first.voucher
    assert first.voucher.count("<Detail>") == 2
    as_xml = tmp_path / "voucher.xml"
    as_xml.write_text('<?xml version="1.0" encoding="UTF-8"?>\n<Voucher><甲>乙</甲></Voucher>')
    await run(*addressed(bank, *SIGNED), "2613", "--voucher", as_xml)
    assert bank.received[2].voucher == "<Voucher><甲>乙</甲></Voucher>"


async def test_send_sends_a_captured_frame_as_it_is(unit: ScriptedPeer, run: Run) -> None:
    unit.answer_number = "5001"
    to = f"127.0.0.1:{unit.port}"
    code, out, _ = await run("send", "--to", to, "--raw", VECTORS / "unit-8994.frame", "--json")
    assert code == 0
    assert json.loads(out)["mac_ok"] is None
    (got,) = unit.received
    assert (got.number, got.mac_ok) == ("8994", True)
    code, out, _ = await run("send", "--to", to, *SIGNED, "--raw", VECTORS / "unit-8994.frame")
    assert code == 0
    assert "good" in out


async def test_send_changes_a_token_by_reference(
    bank: ScriptedPeer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.answer_number = "5001"
    bank.script = [Behaviour(token=NEW_TOKEN)]
    file = tmp_path / "new.token"
    file.write_text(NEW_TOKEN)
    code, out, err = await run(*addressed(bank, *SIGNED), "2003", f"Token=file:{file}", "--json")
    assert code == 0
    assert json.loads(out)["mac_ok"] is True
    assert NEW_TOKEN not in out + err
    assert f"<Token>{NEW_TOKEN}</Token>" in bank.received[0].voucher


async def test_send_shows_lists_of_an_answer(
    bank: ScriptedPeer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def school_bills(says: Behaviour, ori_number: str, msg_id: str) -> bytes:
        del says, ori_number
        voucher = (
            "<Voucher><Result>00000</Result><AdmDivCode>320682</AdmDivCode><BillList>"
            "<Bill><PayCode>1</PayCode></Bill></BillList></Voucher>"
        )
        head = Head(NODE, BANK, "5698", "A1", msg_id, "20261122")
        body = write_envelope(head, voucher, charset="GBK", adm_div_code="320682", st_year="2026")
        mac = make_algorithm("sha256-token").compute(TOKEN.encode(), body)
        return encode_frame("5698", body, mac, width=64)

    monkeypatch.setattr(bank, "frame", school_bills)
    code, out, _ = await run(*addressed(bank, *SIGNED), "2698", "MobilePhone=1", "--json")
    assert code == 0
    assert json.loads(out)["voucher"]["BillList"] == [{"PayCode": "1"}]


# -- peer -----------------------------------------------------------------------------------------


async def test_peer_list_and_show(world: World, run: Run) -> None:
    await world.queue(make_notice(), UNIT)
    code, out, _ = await run("peer", "list", "-c", world.file, "--json")
    assert code == 0
    assert [peer["code"] for peer in json.loads(out)["peers"]] == [BANK, UNIT]
    code, out, _ = await run("peer", "show", UNIT, "-c", world.file, "--json")
    shown = json.loads(out)
    assert (shown["waiting"], shown["lenient_msgref"]) == (1, True)
    assert shown["token"] == {"from": "configuration"}
    code, out, _ = await run("peer", "show", BANK, "-c", world.file)
    assert (code, "sha256-token" in out) == (0, True)
    code, _, err = await run("peer", "show", "D3206829999", "-c", world.file)
    assert (code, "no peer" in err) == (2, True)


async def test_peer_ping(world: World, bank: ScriptedPeer, run: Run) -> None:
    code, out, _ = await run("peer", "ping", BANK, "-c", world.file, "--json")
    shown = json.loads(out)
    assert (code, shown["Result"], shown["answered"]) == (0, "00000", True)
    assert shown["ms"] > 0
    (got,) = bank.received
    assert (got.number, got.mac_ok) == ("5002", True)
    bank.script = [Behaviour(result="10006")]
    assert (await run("peer", "ping", BANK, "-c", world.file))[0] == 1
    bank.script = [Behaviour(token=NEW_TOKEN)]
    code, out, _ = await run("peer", "ping", BANK, "-c", world.file)
    assert (code, "MAC" in out) == (1, True)
    await bank.stop()
    assert (await run("peer", "ping", BANK, "-c", world.file))[0] == 3


async def test_peer_notice_goes_through_the_outbox(
    world: World, bank: ScriptedPeer, run: Run
) -> None:
    await operators(world)
    words = ("peer", "notice", BANK, "-c", world.file, "--subject", "停机", "--content")
    code, _, err = await run(*words, "今晚维护", "--operator", "nobody")
    assert (code, bank.received) == (2, [])
    code, _, err = await run(*words, "表情😀", "--operator", "maker1")
    assert (code, "😀" in err) == (2, True)
    code, out, _ = await run(*words, "今晚维护", "--urgent", "--operator", "maker1", "--json")
    assert code == 0
    world.clock.set(SystemClock().now_ms())
    await world.deliverer().deliver_due()
    assert (await world.row(json.loads(out)["id"])).state == "succeeded"
    (got,) = bank.received
    assert "<Content>今晚维护</Content><Urgency>1</Urgency>" in got.voucher
    assert "notice.queued" in await world.kinds()


async def test_peer_set_token(world: World, bank: ScriptedPeer, run: Run, tmp_path: Path) -> None:
    await operators(world)
    file = tmp_path / "agreed"
    words = ("peer", "set-token", BANK, "-c", world.file, "--token-file", file)
    file.write_text("short")
    code, _, err = await run(*words, "--operator", "checker1")
    assert (code, "32" in err) == (2, True)
    file.write_text(NEW_TOKEN + "\n")
    assert (await run(*words))[0] == 2
    code, out, err = await run(*words, "--operator", "checker1")
    assert code == 0
    assert NEW_TOKEN not in out + err
    row = await world.store.read(lambda tx: tokens.get(tx, BANK))
    assert row is not None
    state = world.sealer.token_state(row)
    assert (state.current, state.previous) == (NEW_TOKEN, None)
    bank.token = NEW_TOKEN
    assert (await run("peer", "ping", BANK, "-c", world.file))[0] == 0
    assert "token.set" in await world.kinds()


# -- outbox ---------------------------------------------------------------------------------------


async def listed(run: Run, world: World, *words: str) -> list[dict[str, Any]]:
    code, out, _ = await run("outbox", "list", "-c", world.file, "--json", *words)
    assert code == 0
    found: list[dict[str, Any]] = json.loads(out)["messages"]
    return found


async def test_outbox_list(world: World, bank: ScriptedPeer, run: Run) -> None:
    world.clock.set(SystemClock().now_ms())
    refused = await world.queue(make_notice(), BANK, lane="a")
    bank.script = [Behaviour(result="10002", information="格式错误"), Behaviour()]
    deliverer = world.deliverer()
    await deliverer.deliver_due()
    delivered = await world.queue(make_notice(), BANK, lane="b")
    refund = await world.queue_refund()
    await deliverer.deliver_due()
    waiting = await world.queue(make_notice(), UNIT)
    assert [row["id"] for row in await listed(run, world)] == [refused, refund, waiting]
    assert [row["id"] for row in await listed(run, world, "--dead")] == [refused]
    assert [row["id"] for row in await listed(run, world, "--state", "succeeded")] == [delivered]
    assert [row["id"] for row in await listed(run, world, "--peer", UNIT)] == [waiting]
    assert await listed(run, world, "--overdue") == []
    (row,) = await listed(run, world, "--number", "5617")
    assert (row["state"], row["money"], row["overdue"]) == ("acknowledged", True, False)
    assert "张三" not in json.dumps(await listed(run, world), ensure_ascii=False)
    code, out, _ = await run("outbox", "list", "-c", world.file)
    assert (code, "格式错误" in out) == (0, True)


async def test_outbox_acts_need_operator_and_reason(
    world: World, bank: ScriptedPeer, run: Run
) -> None:
    await operators(world)
    world.clock.set(SystemClock().now_ms())
    row_id = await world.queue_refund()
    bank.script = [Behaviour(close=True), Behaviour()]
    await world.deliverer().deliver_due()
    acts = ("-c", world.file, "--json")
    maker = (*acts, "--operator", "maker1", "--reason", "asked the bank")
    assert (await run("outbox", "drop", row_id, *acts, "--reason", "x"))[0] == 2
    assert (await run("outbox", "drop", row_id, *acts, "--operator", "maker1"))[0] == 2
    blank = (*acts, "--operator", "maker1", "--reason", " ")
    assert (await run("outbox", "drop", row_id, *blank))[0] == 2
    assert (await world.row(row_id)).state == "sent"
    code, out, _ = await run("outbox", "drop", row_id, *maker)
    assert (code, json.loads(out)["state"]) == (0, "unknown")
    code, _, err = await run("outbox", "requeue", row_id, *maker)
    assert (code, "unknown" in json.loads(err)["error"]) == (1, True)
    assert (await run("outbox", "settle", row_id, "failed", *maker))[0] == 2
    checker = (*acts, "--operator", "checker1", "--reason", "the bank confirms in writing")
    assert (await run("outbox", "settle", row_id, "failed", *checker))[0] == 0
    assert (await world.refund()).state == "failed"
    assert (await world.kinds())[-2:] == ["outbox.dropped", "outbox.settled"]


async def test_outbox_requeue(world: World, unit: ScriptedPeer, run: Run) -> None:
    await operators(world)
    world.clock.set(SystemClock().now_ms())
    row_id = await world.queue(make_notice(), UNIT)
    unit.script = [Behaviour(result="10002"), Behaviour()]
    await world.deliverer().deliver_due()
    words = ("-c", world.file, "--operator", "checker1", "--reason", "the unit is repaired")
    code, out, _ = await run("outbox", "requeue", row_id, *words)
    assert (code, "queued" in out) == (0, True)
    world.clock.set(SystemClock().now_ms() + 1)
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "succeeded"
    assert (await run("outbox", "requeue", 999, *words))[0] == 1
