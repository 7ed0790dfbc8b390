"""What errors say, in both languages, and what they never say."""

from __future__ import annotations

import string

import pytest

from nontax.codecs import (
    RULES,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    Rule,
    RuleError,
    fit_gbk,
    gbk_length,
)


def _parameters(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_rule_has_both_texts() -> None:
    assert set(RULES) == set(Rule)
    for rule, (english, chinese) in RULES.items():
        assert english.isascii() or "缴款" in english or "±" in english, rule
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese), rule
        assert _parameters(chinese) <= _parameters(english), rule


@pytest.mark.parametrize("rule", list(Rule))
def test_every_rule_makes_an_error_for_the_wire(rule: Rule) -> None:
    english, chinese = RULES[rule]
    params = dict.fromkeys(_parameters(english) | _parameters(chinese), "7")
    error = RemoteProtocolError(rule, tag="PayCode", value="320***", **params)
    assert str(error).startswith("PayCode: ")
    assert error.information.startswith("报文字段 PayCode: ")
    assert "320***" in str(error)
    assert "320***" in error.information
    assert "{" not in str(error) + error.information
    assert "\n" not in str(error) + error.information
    assert (error.code, error.tag, error.rule) == ("10002", "PayCode", rule)
    error.information.encode("gbk")


def test_an_error_of_the_whole_message_names_no_field() -> None:
    error = RemoteProtocolError(Rule.BODY_END)
    assert error.tag is None
    assert error.information.startswith("报文: ")
    assert isinstance(error, ProtocolError)


def test_a_value_error_gets_its_field() -> None:
    error = RemoteProtocolError(RuleError(Rule.DATE), tag="CfmDate", value="20230230")
    assert str(error) == "CfmDate: is not a calendar date yyyymmdd (value '20230230')"
    assert error.information == ("报文字段 CfmDate: 不是有效日期,格式应为yyyymmdd(值 20230230)")


@pytest.mark.parametrize(("number", "kept"), [("2601", "2601"), ("26 1", None), ("２６０１", None)])
def test_the_number_is_kept_only_if_it_is_one(number: str, kept: str | None) -> None:
    assert RemoteProtocolError(Rule.BODY_END, number=number).number == kept


def test_information_fits_the_field() -> None:
    error = RemoteProtocolError(Rule.DATE, tag="Memo", value="值" * 2000)
    assert gbk_length(error.information) <= 1024
    odd = "中" + "文" * 600
    assert fit_gbk("a" + odd) == "a中" + "文" * 510  # not a half character
    assert fit_gbk("一𠮷\n\x00二") == "一\\U00020bb7  二"


def test_local_errors_name_field_and_character() -> None:
    error = LocalProtocolError("GBK cannot carry it", tag="PayerName", character="𠮷")
    assert (str(error), error.tag, error.character) == (
        "PayerName: GBK cannot carry it",
        "PayerName",
        "𠮷",
    )
    assert str(LocalProtocolError("no")) == "no"
