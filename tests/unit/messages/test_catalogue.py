"""The catalogue says what the specification's machine-readable form says."""

from __future__ import annotations

import json
import types
import typing
from pathlib import Path

import pytest

from nontax.codecs import WireType
from nontax.messages import (
    CATALOGUE,
    Group,
    MessageSpec,
    PayMode,
    PayStats,
    RecAcctType,
    Record,
    Result,
    Scalar,
    answer_to,
    catalogue_json,
    find,
    incoming,
    spec_of,
)
from nontax.messages.common import FinanceAnswer
from nontax.messages.record import declarations

SPECIFICATION = Path(__file__).parents[2] / "vectors" / "messages.json"


def tables(model: type[Record]) -> list[type[Record]]:
    """A record class and all classes nested in it."""
    found = [model]
    for tag, declared in declarations(model).items():
        if not isinstance(declared, Scalar):
            found += tables(model.nested_model(tag))
    return found


ALL_TABLES = list(dict.fromkeys(t for spec in CATALOGUE for t in tables(spec.model)))


def test_content_and_order_are_the_specification() -> None:
    expected = json.loads(SPECIFICATION.read_text(encoding="utf-8"))
    assert json.dumps(catalogue_json(), ensure_ascii=False) == json.dumps(
        expected, ensure_ascii=False
    )


def test_every_message_is_there_once() -> None:
    assert len(CATALOGUE) == 51
    assert len({spec.key for spec in CATALOGUE}) == 51
    assert len({spec.model for spec in CATALOGUE}) == 51


def test_a_number_alone_names_no_message() -> None:
    bank, unit = find("bank", "5981"), find("unit", "5981")
    assert bank is not None
    assert unit is not None
    assert bank.model is not unit.model
    assert unit.title == "answer to 8981"


def test_common_messages_belong_to_every_interface() -> None:
    assert find("bank", "2002") is find("unit", "2002") is find("common", "2002")
    assert find("unit", "2601") is None


@pytest.mark.parametrize("number", ["2601", "2612", "2617", "8994", "2003", "2555"])
def test_requests_come_in(number: str) -> None:
    spec = incoming(number)
    assert spec is not None
    assert spec.number == number


@pytest.mark.parametrize("number", ["2001", "8001", "5001", "5603", "5981", "9999", ""])
def test_answers_and_unknown_numbers_do_not_come_in(number: str) -> None:
    assert incoming(number) is None


@pytest.mark.parametrize(
    ("interface", "number", "answer", "found"),
    [
        ("bank", "2601", "5603", True),
        ("bank", "2601", "5001", True),
        ("bank", "2601", "5997", False),
        ("unit", "8997", "5997", True),
        ("unit", "8981", "5981", True),
        ("bank", "2612", "5001", True),
        ("bank", "5614", "2001", True),
        ("bank", "5614", "2614", True),
        ("bank", "5614", "8001", False),
        ("bank", "5617", "2001", True),
        ("unit", "5996", "8001", True),
        ("unit", "5996", "2001", True),
        ("unit", "5996", "5001", False),
    ],
)
def test_answers(interface: str, number: str, answer: str, found: bool) -> None:
    spec = find(interface, number)
    assert spec is not None
    answered = answer_to(spec, answer)
    assert (answered is not None) is found
    if answered is not None:
        assert answered.number == answer
        assert answered.interface in {interface, "common"}


def test_the_answer_on_the_connection_comes_first() -> None:
    spec = find("bank", "5618")
    assert spec is not None
    assert spec.answers == ("2001", "2618")
    assert spec.receivers == ("bank",)


def test_a_voucher_knows_its_message() -> None:
    answer = FinanceAnswer(OriMsgNo="2612", Result=Result.SUCCESS)
    assert spec_of(answer) is spec_of(FinanceAnswer) is find("common", "5001")


@pytest.mark.parametrize("model", ALL_TABLES, ids=lambda m: m.__name__)
def test_annotations_fit_their_declarations(model: type[Record]) -> None:
    for tag, declared in declarations(model).items():
        annotation = model.model_fields[tag].annotation
        required = model.model_fields[tag].is_required()
        if isinstance(declared, Scalar):
            kind = int if declared.wire in {WireType.CURRENCY, WireType.INTEGER} else str
            optional = declared.need != "M" and kind is int
            assert annotation == (kind | None if optional else kind), tag
        elif isinstance(declared, Group):
            assert typing.get_origin(annotation) is tuple, tag
        else:
            optional = isinstance(annotation, types.UnionType)
            assert optional is (declared.need != "M"), tag
        assert required is (declared.need == "M"), tag


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda s: f"{s.interface}-{s.number}")
def test_cases_name_fields_of_their_record(spec: MessageSpec) -> None:
    for model in tables(spec.model):
        for tag, declared in declarations(model).items():
            case = declared.case if isinstance(declared, Scalar) else None
            if case is None:
                continue
            table = spec.model if case.in_parent else model
            watched = declarations(table)[case.tag]
            assert isinstance(watched, Scalar), tag
            assert not watched.codes or case.values <= set(watched.codes) | {""}, tag


def test_codes_carry_their_meaning() -> None:
    assert Result.SUCCESS == "00000"
    assert Result("12001").meaning == "重复缴款确认"
    assert PayMode.ALIPAY.meaning == "支付宝"
    assert RecAcctType.SUBJECT == "3"
    assert f"{PayStats.VOID}" == "2"
