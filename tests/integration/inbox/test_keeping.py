"""What is kept of authentic but malformed messages, and that nothing else suffers by it."""

from __future__ import annotations

import base64
import contextlib
import sqlite3
from collections.abc import Iterator
from hashlib import sha256

import pytest

from nontax.gateway.inbox.keeping import LARGEST_KEPT
from nontax.gateway.store import SqliteOptions

from ..flows.conftest import BANK, FINANCE, OTHER, UNIT, Offices, code
from ..settlement.money import TRANSFER
from .conftest import Desk, confirmation, corrected, restarted, xml

PAY_CODE = "32068226900000000019"
GOOD = confirmation(PAY_CODE)


@pytest.mark.parametrize(
    ("voucher", "said"),
    [
        (confirmation(PAY_CODE, CfmTime="-"), "CfmTime: 缺少该字段"),
        (confirmation(PAY_CODE, Amt="80,00"), "Amt: 金额格式错误"),
        (confirmation(PAY_CODE, CfmDate="20260230"), "CfmDate: 不是有效日期"),
        (confirmation(PAY_CODE, Amt="0.00"), "Amt: 金额应大于0"),  # the flow's own check
        (GOOD.removesuffix(b"</Voucher>"), "XML格式错误"),
        (GOOD.replace("张三".encode("gbk"), b"\xff\xff"), "不是有效的GBK编码"),
        (GOOD.replace(b"Voucher>", b"Bill>"), "根元素不是Voucher"),
    ],
)
async def test_a_voucher_that_cannot_be_read(desk: Desk, voucher: bytes, said: str) -> None:
    before = desk.office.books.counts()
    answer = await desk.voucher(voucher, msg_id="M0001")
    assert answer.result == "10002"
    assert said in answer.information
    row = await desk.one()
    assert (row["peer"], row["number"], row["msg_id"]) == (BANK, "2612", "M0001")
    assert (row["result"], row["information"]) == ("10002", answer.information)
    assert desk.office.errors() == []
    assert row["received_at"] == desk.office.clock.now_ms()
    assert (row["form"], row["size"], row["copies"], row["state"]) == (
        "voucher", len(voucher), 1, "new",
    )  # fmt: skip
    assert row["digest"] == sha256(voucher).hexdigest()
    assert desk.office.books.counts() == before
    done = await desk.nontax("export", row["id"], "--raw", by="maker1")
    assert (done.code, done.raw) == (0, voucher)


async def test_base64_that_is_none(desk: Desk) -> None:
    text = "PD94*"
    answer = await desk.voucher(text)
    assert "BASE64" in answer.information
    row = await desk.one()
    assert (row["form"], row["size"]) == ("base64", len(text))
    assert (await desk.nontax("export", row["id"], "--raw", by="maker1")).raw == text.encode()


async def test_broken_base64_is_read_as_far_as_it_goes(desk: Desk) -> None:
    text = base64.b64encode(GOOD).decode()
    await desk.voucher(f"{text[:40]}-{text[40:]}")
    row = await desk.one()
    assert row["form"] == "base64"
    done = await desk.nontax("export", row["id"], by="maker1")
    assert done.out.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    assert corrected(PAY_CODE) in done.out
    assert (await desk.nontax("show", row["id"])).code == 0


async def test_an_envelope_that_cannot_be_read(desk: Desk) -> None:
    identity = desk.office.nodes[BANK].identity
    head = identity.head("2612", FINANCE)
    good = identity.document(head, corrected(PAY_CODE, PayerName="欧阳某某"))
    document = good.replace(b"<VoucherCount>1<", b"<VoucherCount>2<")
    answer = await desk.document(document, "2612")
    assert "VoucherCount" in answer.information
    row = await desk.one()
    assert (row["form"], row["msg_id"]) == ("document", head.msg_id)
    assert (await desk.nontax("export", row["id"], by="maker1")).raw == document
    shown = (await desk.nontax("show", row["id"], "--json")).json
    assert ["PayerName", "欧***"] in shown["fields"]


async def test_a_total_that_is_wrong(desk: Desk) -> None:
    details = "<Detail><PayCode>1</PayCode><TraNoBus>T1</TraNoBus><Amt>80.00</Amt></Detail>"
    fields = TRANSFER | {"Amt": "81.00", "Count": "1", "DetailList": details}
    answer = await desk.voucher(xml(fields).encode("gbk"), "2613")
    assert (answer.result, answer.information[:4]) == ("10002", "Amt:")
    assert (await desk.one())["number"] == "2613"


async def test_a_units_message_is_kept_too(desk: Desk) -> None:
    answer = await desk.voucher(b"<Voucher><PayCode>1</PayCode></Voucher>", "8994", src=UNIT)
    assert answer.result == "10002"
    row = await desk.one()
    assert (row["peer"], row["number"]) == (UNIT, "8994")


async def test_the_same_bytes_again_are_counted(desk: Desk) -> None:
    bad, other = confirmation(PAY_CODE, Amt="x"), confirmation(PAY_CODE, Amt="y")
    await desk.voucher(bad)
    await desk.rows()
    desk.office.clock.advance(seconds=5)
    await desk.voucher(bad)
    await desk.voucher(bad, src=OTHER)
    await desk.voucher(other)
    rows = await desk.rows()
    assert [(row["peer"], row["copies"]) for row in rows] == [(BANK, 2), (OTHER, 1), (BANK, 1)]
    assert rows[0]["last_at"] - rows[0]["received_at"] == 5000


@pytest.mark.parametrize(
    ("number", "head"),
    [
        ("2003", {}),  # a secret
        ("2601", {}),  # a query
        ("2002", {}),
        ("9999", {}),
        ("5612", {}),
        ("2612", {"des": "F320699"}),
        ("2612", {"ver": "2.0"}),
    ],
)
async def test_what_is_not_kept(desk: Desk, number: str, head: dict[str, str]) -> None:
    voucher = b"<Voucher><Token>short</Token><PayMode>x</PayMode></Voucher>"
    answer = await desk.voucher(voucher, number, **head)
    assert answer.result not in ("", "00000") or number == "2002"
    assert await desk.rows() == []


async def test_what_a_node_may_not_send_is_not_kept(desk: Desk) -> None:
    answer = await desk.voucher(confirmation(PAY_CODE, Amt="x"), src=UNIT)
    assert "不能发送" in answer.information
    assert await desk.rows() == []


async def test_without_a_good_mac_nothing_is_kept(desk: Desk) -> None:
    identity = desk.office.nodes[BANK].identity
    token, identity.token = identity.token, type(identity.token)("A" * 32)
    with pytest.raises(AssertionError):
        await desk.voucher(confirmation(PAY_CODE, Amt="x"))
    identity.token = token
    assert await desk.rows() == []


async def test_good_messages_leave_nothing(desk: Desk) -> None:
    office = desk.office
    pay_code = await office.bill()
    assert code(await office.confirm(BANK, pay_code)) == "00000"
    assert code(await office.confirm(BANK, pay_code, TraNoBus="T2")) != "10002"
    assert await desk.rows() == []


# -- limits ---------------------------------------------------------------------------------------


async def test_so_many_of_one_node_wait(
    offices: Offices, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    desk = Desk(await offices({"reconciliation": {"inbox_limit_per_peer": 2}}), capfdbinary)
    for number in range(4):
        answer = await desk.voucher(confirmation(PAY_CODE, TraNoBus=f"T{number}", Amt="x"))
        assert answer.result == "10002"
        await desk.rows()
    await desk.voucher(confirmation(PAY_CODE, TraNoBus="T0", Amt="x"))  # the one that is there
    await desk.voucher(confirmation(PAY_CODE, Amt="x"), src=OTHER)
    rows = await desk.rows()
    assert [(row["peer"], row["copies"]) for row in rows] == [(BANK, 2), (BANK, 1), (OTHER, 1)]
    assert desk.office.gateway.metrics.value("inbox_full", "2612") == 2
    assert desk.office.stream.getvalue().count('"inbox_full"') == 2
    assert (await desk.nontax("drop", 1, "--reason", "重复", by="maker1")).code == 0
    await desk.voucher(confirmation(PAY_CODE, TraNoBus="T9", Amt="x"))
    assert len(await desk.rows()) == 4


async def test_of_a_large_one_the_digest_is_kept(desk: Desk) -> None:
    voucher = confirmation(PAY_CODE, PayerName="张" * (LARGEST_KEPT // 2))
    answer = await desk.voucher(voucher)
    assert "PayerName" in answer.information
    row = await desk.one()
    assert (row["size"], row["content"]) == (len(voucher), "")
    assert row["digest"] == sha256(voucher).hexdigest()
    done = await desk.nontax("show", row["id"])
    assert (done.code, "too large to be kept" in done.out) == (0, True)
    done = await desk.nontax("export", row["id"], by="maker1")
    assert (done.code, done.raw) == (1, b"")
    assert desk.trace() == []


# -- the answer comes first -----------------------------------------------------------------------


@contextlib.contextmanager
def locked(desk: Desk) -> Iterator[None]:
    """Another process holds the books' write lock."""
    file = desk.office.installation.store_file
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_a_store_that_cannot_be_written_holds_no_answer(desk: Desk) -> None:
    await restarted(desk, SqliteOptions(busy_seconds=0.2))
    with locked(desk):
        answer = await desk.voucher(confirmation(PAY_CODE, Amt="x"))
        assert answer.result == "10002"
        assert await desk.rows() == []
    log = desk.office.stream.getvalue()
    assert '"event":"inbox_not_kept"' in log
    assert "StoreBusy" in log
    assert desk.office.gateway.metrics.value("inbox_not_kept", "2612") == 1
    await desk.voucher(confirmation(PAY_CODE, Amt="x"))
    assert (await desk.one())["copies"] == 1


async def test_the_answer_does_not_wait_for_the_books(desk: Desk) -> None:
    with locked(desk):
        assert (await desk.voucher(confirmation(PAY_CODE, Amt="x"))).result == "10002"
    assert len(await desk.rows()) == 1  # it waited, not the bank


async def test_what_came_is_kept_over_a_stop(desk: Desk) -> None:
    await desk.voucher(confirmation(PAY_CODE, Amt="x"))
    await restarted(desk)
    row = await desk.one()
    await desk.voucher(confirmation(PAY_CODE, Amt="x"))
    assert (await desk.one())["copies"] == 2
    assert row["copies"] == 1


async def test_what_came_is_sealed_and_never_changed(desk: Desk) -> None:
    await desk.voucher(confirmation(PAY_CODE, PayerName="欧阳测试", Amt="x"))
    row = await desk.one()
    assert row["content"].startswith("v1:")
    await desk.office.stop()
    stored = desk.office.installation.store_file.read_bytes()
    assert "欧阳测试".encode("gbk") not in stored
    assert "欧阳测试".encode() not in stored
    file = desk.office.installation.store_file
    with contextlib.closing(sqlite3.connect(file)) as books:
        for act in ("UPDATE inbox SET content = ''", "DELETE FROM inbox"):
            with pytest.raises(sqlite3.IntegrityError):
                books.execute(act)
