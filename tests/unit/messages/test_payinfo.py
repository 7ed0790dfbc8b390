"""PayInfo: items of a bill in one field."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nontax.codecs import LocalProtocolError, RemoteProtocolError
from nontax.messages import PayInfoEntry, format_pay_info, parse_pay_info

OBSERVED = "103043211|不动产登记费|80.0|次|1|不限制|0.0-0.0#"
ENTRY = PayInfoEntry("103043211", "不动产登记费", 8000, "次", Decimal(1), "不限制", "0.0-0.0")


@pytest.mark.parametrize("text", [OBSERVED, OBSERVED.removesuffix("#"), f" {OBSERVED}\r\n"])
def test_the_observed_form(text: str) -> None:
    assert parse_pay_info(text) == (ENTRY,)


def test_several_entries() -> None:
    assert parse_pay_info(OBSERVED + OBSERVED) == (ENTRY, ENTRY)
    assert parse_pay_info("a|b|1|||| #c|d|2|件|0.5|金额上下限|1-9") == (
        PayInfoEntry("a", "b", 100),
        PayInfoEntry("c", "d", 200, "件", Decimal("0.5"), "金额上下限", "1-9"),
    )


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("", "PayInfo"),
        ("  ", "PayInfo"),
        ("#", "PayInfo"),
        (OBSERVED + "#", "PayInfo[2]"),
        ("a|b|1", "PayInfo[1]"),
        (OBSERVED + "a|b|1|||||", "PayInfo[2]"),
        (OBSERVED + "|b|1||||", "PayInfo[2]/项目识别码"),
        ("a|b|||||", "PayInfo[1]/金额"),
        ("a|b|1.234||||", "PayInfo[1]/金额"),
        ("a|b|-1||||", "PayInfo[1]/金额"),
        (OBSERVED + OBSERVED + "a|b|1||x||", "PayInfo[3]/数量"),
    ],
)
def test_a_refusal_names_entry_and_part(text: str, tag: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_pay_info(text)
    assert caught.value.code == "10002"
    assert caught.value.tag == tag
    assert tag in caught.value.information


def test_written_form() -> None:
    assert format_pay_info([ENTRY]) == "103043211|不动产登记费|80.00|次|1|不限制|0.0-0.0#"
    assert format_pay_info([]) == ""


def test_entries_that_do_not_fit_are_left_out_whole() -> None:
    one = format_pay_info([ENTRY])
    size = len(one.encode("gbk"))
    assert format_pay_info([ENTRY] * 3, limit=2 * size) == one * 2
    assert format_pay_info([ENTRY] * 3, limit=2 * size - 1) == one
    assert format_pay_info([ENTRY], limit=size - 1) == ""


@pytest.mark.parametrize("name", ["a|b", "a#b"])
def test_a_separator_inside_a_part_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        format_pay_info([ENTRY, PayInfoEntry("1", name, 100)])
    assert caught.value.tag == "PayInfo[2]/名称"
