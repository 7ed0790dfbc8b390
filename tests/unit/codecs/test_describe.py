"""A captured frame for people, whole or damaged, never showing what the mask hides."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from nontax.codecs import Sensitive, describe, describe_voucher, mask

FOLDER = Path(__file__).parents[2] / "vectors"
UNIT = (FOLDER / "unit-8994.frame").read_bytes()
PERSONAL = ("李四", "32001000000000000018", "13000000000", "320000190001010000")
KINDS = {
    "PayerName": Sensitive.NAME,
    "RecAcct": Sensitive.ACCOUNT,
    "RecAcctReal": Sensitive.ACCOUNT,
    "MobilePhone": Sensitive.PHONE,
    "PayerCreditCode": Sensitive.IDENTITY,
}


def masked(number: str, tag: str, value: str) -> str:
    assert number in {"8994", ""}
    return mask(KINDS[tag], value) if tag in KINDS else value


def test_a_frame_in_order() -> None:
    description = describe(UNIT, mask=masked)
    assert description.problems == ()
    assert dict(description.header) == {
        "length": "1657",
        "application": "CNNONTAX",
        "version": "1.0",
        "message number": "8994",
    }
    head = dict(description.head)
    assert list(head) == [
        "APP",
        "VER",
        "SRC",
        "DES",
        "MsgNo",
        "MsgID",
        "MsgRef",
        "WorkDate",
        "Reserve",
    ]
    assert head["SRC"] == "K3206820002"
    (voucher,) = description.vouchers
    fields = dict(voucher.fields)
    assert fields["PayCode"] == "32068222300000000001"
    assert fields["PayerName"] == "李*"
    assert fields["MobilePhone"] == "130****0000"
    assert fields["ChgAgenName"] == "示例市自然资源局"
    assert fields["PayerAcct"] == ""
    assert len(fields) == 29
    assert description.mac == "9b6706dd…dbbc (64 digits)"
    assert description.mac_width == 64


def test_lines_and_json_hold_the_same() -> None:
    description = describe(UNIT, mask=masked)
    lines = description.lines()
    assert lines[0] == "frame: 1657 bytes"
    assert "  PayerName: 李*" in lines
    assert "no problem found" in lines
    assert not any("\n" in line for line in lines)
    values = json.loads(json.dumps(description.as_dict(), ensure_ascii=False))
    assert values["head"]["MsgNo"] == "8994"
    assert ["PayerName", "李*"] in values["vouchers"][0]["fields"]
    assert values["mac_width"] == 64


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (UNIT[:900], "ends after 900 bytes"),
        (UNIT[:-10], "no MAC field of 64 or 128 bytes"),
        (b"9999" + UNIT[4:], "ends after 1657 bytes"),
        (b"1600" + UNIT[4:], "does not lead to a MAC field"),
        (b"abcd" + UNIT[4:], "is not a number"),
        (UNIT + b"junk", "more bytes follow the frame"),
        (UNIT + UNIT, "more bytes follow the frame"),
        (UNIT[23:], "the length field is not a number"),
        (UNIT.replace(b"PFZv", b"PF*v", 1), "not valid base64"),
        (UNIT.replace(b"</MOF>", b"</MOFF>"), "the declared length does not lead"),
        (UNIT.replace(b"<MsgNo>8994", b"<MsgNo>8995"), "HEAD/MsgNo says 8995"),
        (UNIT[:-4] + b"nope", "not hexadecimal"),
        (UNIT.replace(b"<VoucherCount>1", b"<VoucherCount>2"), "VoucherCount: says 2, there are 1"),
    ],
)
def test_damaged_frames_are_shown_as_far_as_they_go(data: bytes, problem: str) -> None:
    def any_number(_number: str, tag: str, value: str) -> str:
        return masked("8994", tag, value)

    description = describe(data, mask=any_number)
    assert any(problem in found for found in description.problems), description.problems
    assert dict(description.head)["SRC"] == "K3206820002"
    fields = dict(description.vouchers[0].fields)
    assert fields["PayerName"] == "李*"
    text = "\n".join(description.lines()) + json.dumps(description.as_dict(), ensure_ascii=False)
    for personal in PERSONAL:
        assert personal not in text


@pytest.mark.parametrize("data", [b"", b"\n", b"abc", b"105     CNNONTAX", b"\x00" * 500, b"<CFX>"])
def test_what_is_no_frame_is_described_too(data: bytes) -> None:
    description = describe(data, mask=masked)
    assert description.problems
    assert description.size == len(data)
    assert description.lines()


def _frame(voucher: bytes) -> bytes:
    start, _, rest = UNIT.partition(b"<Voucher>")
    body = start[23:] + b"<Voucher>" + base64.b64encode(voucher) + rest[rest.index(b"</Voucher>") :]
    return f"{23 + len(body):<8}".encode() + UNIT[8:23] + body


def test_repeated_groups_have_numbered_paths() -> None:
    xml = (
        "<Voucher><A>1</A><DetailList><Detail><Amt>1</Amt><M/></Detail>"
        "<Detail><Amt>2</Amt></Detail></DetailList><Memo><![CDATA[<b>&]]></Memo></Voucher>"
    )
    (voucher,) = describe(_frame(xml.encode()), mask=masked).vouchers
    assert voucher.fields == (
        ("A", "1"),
        ("DetailList/Detail/Amt", "1"),
        ("DetailList/Detail/M", ""),
        ("DetailList/Detail[2]/Amt", "2"),
        ("Memo", "<b>&"),
    )


def test_a_voucher_cut_short_shows_its_last_field() -> None:
    description = describe(_frame("<Voucher><A>1</A><PayerName>李四".encode("gbk")), mask=masked)
    assert description.vouchers[0].fields == (("A", "1"), ("PayerName", "李*"))
    assert any("not well-formed" in problem for problem in description.problems)


def test_a_voucher_with_its_own_declaration() -> None:
    xml = '<?xml version="1.0" encoding="UTF-8"?><Voucher><PayerName>李四</PayerName></Voucher>'
    description = describe(_frame(xml.encode()), mask=masked)
    assert description.vouchers[0].fields == (("PayerName", "李*"),)
    assert description.problems == ()


def test_very_long_vouchers_are_counted() -> None:
    xml = "<Voucher>" + "<A>1</A>" * 2500 + "</Voucher>"
    description = describe(_frame(xml.encode()), mask=masked)
    assert len(description.vouchers[0].fields) == 2000
    assert "  … 500 more fields" in description.lines()


def test_a_mask_that_fails_shows_nothing() -> None:
    def broken(_number: str, _tag: str, value: str) -> str:
        raise LookupError(value)

    description = describe(UNIT, mask=broken)
    assert {value for _, value in description.vouchers[0].fields} == {"***", ""}
    assert {value for _, value in description.head} == {"***", ""}


def test_a_blank_mac_field_is_named() -> None:
    assert describe(UNIT[:-64] + b" " * 64, mask=masked).mac == "(blank)"
    assert describe(UNIT[:-64], mask=masked).mac == "(none)"


# -- a voucher alone ------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_a_voucher_alone(encoding: str) -> None:
    declared = '<?xml version="1.0" encoding="UTF-8"?>' if encoding == "utf-8" else ""
    text = (
        f"{declared}<Voucher><PayerName>李四</PayerName><D><E>1</E><E>2</E></D><Hold1/></Voucher>"
    )
    data = text.encode(encoding)
    fields = (("PayerName", "李*"), ("D/E", "1"), ("D/E[2]", "2"), ("Hold1", ""))
    assert describe_voucher(data, "8994", mask=masked) == fields
    assert describe_voucher(base64.b64encode(data), "8994", mask=masked) == fields
    cut = describe_voucher(data[: data.index(b"<E>2")], "8994", mask=masked)
    assert cut == fields[:2]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"====", b"*", b"A", b"<", b"no voucher"])
def test_a_voucher_that_is_none(data: bytes) -> None:
    assert describe_voucher(data, "8994", mask=masked) == ()
