"""Authentic messages that are wrong: HEAD, numbers, vouchers, fields (wire, sections 2 to 7).

Sent over real sockets to `nontax serve`; every case is answered under the sender's own MAC with the
code and the tag, and (fixture `line`) leaves nothing in the books.
"""

from __future__ import annotations

import base64

import pytest

from nontax.mac import verify
from nontax.messages import Result
from nontax.simulators.forge import (
    QUERY,
    GeneralAnswer,
    RawLine,
    confirmation,
    document,
    frame,
    head,
)
from nontax.simulators.identity import Identity

pytestmark = pytest.mark.asyncio(loop_scope="module")

BANK = "D3206820105"


def assert_refused(answer: GeneralAnswer, who: Identity, result: Result, *named: str) -> None:
    """An answer to an authenticated peer: sealed, addressed, naming the tag."""
    assert answer.voucher.Result == result, answer.voucher
    assert answer.head.des == who.code
    assert len(answer.mac) == who.width
    token = who.token.expose().encode()
    assert verify(who.algorithm, who.width, token, answer.body, answer.mac)
    for tag in named:
        assert tag in answer.voucher.Information, answer.voucher


# -- peers that make mistakes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "result", "named"),
    [
        ({"des": "F320699"}, Result.WRONG_RECEIVER, ""),
        ({"des": "f320682"}, Result.WRONG_RECEIVER, ""),
        ({"ver": "2.0"}, Result.BAD_VERSION, ""),
        ({"msg_no": "2612"}, Result.BAD_PARAMETER, "MsgNo"),
        ({"app": "CNTAX"}, Result.BAD_PARAMETER, "APP"),
        ({"msg_id": ""}, Result.BAD_PARAMETER, "MsgID"),
        ({"msg_id": "1" * 33}, Result.BAD_PARAMETER, "MsgID"),
        ({"msg_ref": ""}, Result.BAD_PARAMETER, "MsgRef"),
        ({"work_date": "20260230"}, Result.BAD_PARAMETER, "WorkDate"),
        ({"work_date": "2026-3-2"}, Result.BAD_PARAMETER, "WorkDate"),
        ({"msg_no": "26"}, Result.BAD_PARAMETER, "MsgNo"),
    ],
)
async def test_a_wrong_head(
    line: RawLine, changes: dict[str, str], result: Result, named: str
) -> None:
    who = line.identity(BANK)
    assert_refused(await line.one(frame(who, **changes)), who, result, named)


async def test_an_unsupported_version_in_the_frame(line: RawLine) -> None:
    who = line.identity(BANK)
    data = frame(who)
    answer = await line.one(data[:16] + b"1.1" + data[19:])
    assert_refused(answer, who, Result.BAD_VERSION)


@pytest.mark.parametrize("number", ["2699", "0000", "9999", "2001", "5001", "5603", "5617", "8994"])
async def test_a_number_that_a_bank_cannot_send(line: RawLine, number: str) -> None:
    """Unknown, an answer, or finance's own; 8994 may come from banks, but not like this."""
    who = line.identity(BANK)
    answer = await line.one(frame(who, number=number))
    assert_refused(answer, who, Result.BAD_PARAMETER)
    assert answer.voucher.OriMsgNo == number


async def test_a_unit_cannot_confirm(line: RawLine) -> None:
    who = line.identity("K3206820002")
    assert_refused(await line.one(confirmation(who)), who, Result.BAD_PARAMETER, "MsgNo")


@pytest.mark.parametrize(
    ("vouchers", "count"),
    [(2, ""), (1, "2"), (2, "1"), (1, "0"), (0, "0"), (1, "-1"), (1, "one"), (1, "9" * 30)],
)
async def test_the_number_of_vouchers(line: RawLine, vouchers: int, count: str) -> None:
    who = line.identity(BANK)
    body = document(head(who), *[QUERY.encode()] * vouchers, count=count)
    assert_refused(
        await line.one(who.sealed("2601", body)), who, Result.BAD_PARAMETER, "VoucherCount"
    )


@pytest.mark.parametrize(
    "text", [b"", b"***", b"PFZv", b"PFZvdWNoZXI+=", b"PFZ=dWNoZXI+", b"\xd6\xd0\xce\xc4"]
)
async def test_broken_base64(line: RawLine, text: bytes) -> None:
    who = line.identity(BANK)
    body = document(head(who), b"@@")
    body = body.replace(base64.b64encode(b"@@"), text)
    assert_refused(await line.one(who.sealed("2601", body)), who, Result.BAD_PARAMETER)


_DEEP = b"<Voucher>" + b"<a>" * 3000 + b"</a>" * 3000 + b"</Voucher>"


@pytest.mark.parametrize(
    "voucher",
    [
        b"",
        b"text",
        b"<Voucher>",
        b"<Voucher></Voucher><Voucher></Voucher>",
        b"<Beleg></Beleg>",
        QUERY.encode().replace(b"11", b"\xff\xff"),
        QUERY.encode().replace(b"11", b"\x81"),
        QUERY.encode().replace(b"11", b"&lol;"),
        b'<?xml version="1.0" encoding="EBCDIC-CP-US"?>' + QUERY.encode(),
        b'<?xml version="1.0"?><!DOCTYPE Voucher [<!ENTITY x "y">]>' + QUERY.encode(),
        b'<!DOCTYPE Voucher SYSTEM "http://127.0.0.1:1/x">' + QUERY.encode(),
        b"<?xml-stylesheet?>" + QUERY.encode(),
        b"<!-- x -->" + QUERY.encode(),
        QUERY.encode() + b"x",
        _DEEP,
        QUERY.encode().replace(b"<PayMode>", b"<PayMode><x>").replace(b"</Pay", b"</x></Pay", 2),
    ],
)
async def test_a_voucher_that_cannot_be_read(line: RawLine, voucher: bytes) -> None:
    who = line.identity(BANK)
    body = document(head(who), voucher)
    assert_refused(await line.one(who.sealed("2601", body)), who, Result.BAD_PARAMETER)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("PayCode", None),
        ("PayCode", ""),
        ("PayCode", "3" * 21),
        ("PayCode", "3206中"),
        ("CfmDate", None),
        ("CfmDate", "20260230"),
        ("CfmDate", "260302"),
        ("CfmTime", "250000"),
        ("CfmTime", "9300"),
        ("Amt", None),
        ("Amt", ""),
        ("Amt", "abc"),
        ("Amt", "-80.00"),
        ("Amt", "80.001"),
        ("Amt", "8e1"),
        ("Amt", "1,000.00"),
        ("Amt", "0x10"),
        ("Amt", "NaN"),
        ("Amt", "9" * 16),
        ("BankOutlet", "3" * 21),
        ("Operator", ""),
        ("Operator", "柜员" * 6),
        ("PayMode", "77"),
        ("PayMode", "x"),
        ("TraNoBus", None),
        ("TraNoBus", "T" * 51),
        ("PayerName", ""),
        ("PayerName", "长" * 51),
        ("PayerAcct", "6" * 51),
        ("PayerOpBkNo", "12a"),
        ("RecAcctType", ""),
        ("RecAcctType", "8"),
        ("RecAcct", "3" * 51),
        ("Hold1", "x" * 101),
    ],
)
async def test_a_wrong_field(line: RawLine, tag: str, value: str | None) -> None:
    """10002 that names the field (wire, section 5); what a payer wrote is not quoted in full."""
    who = line.identity(BANK)
    answer = await line.one(confirmation(who, **{tag: value}))
    assert_refused(answer, who, Result.BAD_PARAMETER, tag)
    assert answer.voucher.OriMsgNo == "2612"
    if tag in ("PayerName", "PayerAcct", "Operator") and value:
        assert value not in answer.voucher.Information


async def test_a_field_that_is_there_twice(line: RawLine) -> None:
    who = line.identity(BANK)
    voucher = QUERY.replace("<PayMode>", "<PayCode>1</PayCode><PayMode>")
    assert_refused(await line.one(frame(who, voucher)), who, Result.BAD_PARAMETER, "PayCode")


@pytest.mark.parametrize("token", ["x" * 31, "x" * 33, "x" * 31 + "!", "密" * 16, ""])
async def test_a_token_that_is_none(line: RawLine, token: str) -> None:
    who = line.identity(BANK)
    voucher = f"<Voucher><Token>{token}</Token></Voucher>"
    answer = await line.one(frame(who, voucher, "2003"))
    assert_refused(answer, who, Result.BAD_PARAMETER, "Token")
    assert not token or token not in answer.voucher.Information
