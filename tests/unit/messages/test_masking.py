"""Personal data never shows: not in reprs, not in errors, not in what is masked for people."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nontax.codecs import LocalProtocolError, RemoteProtocolError, WireType
from nontax.messages import (
    CATALOGUE,
    Group,
    MessageSpec,
    Record,
    Scalar,
    mask_value,
    masked,
)
from nontax.messages.confirm import Confirmation
from nontax.messages.record import declarations
from nontax.messages.transfer import InterbankTransfer, TransferDetail

Values = Callable[[type[Record]], dict[str, Any]]
Make = Callable[..., bytes]
EVERY = pytest.mark.parametrize("spec", CATALOGUE, ids=lambda s: f"{s.interface}-{s.number}")

CANARY = "7319"
WIDE_CANARY = "金丝雀"


def canary(field: Scalar) -> str:
    """A value of the row whose middle no mask may show."""
    size = min(field.maximum, 40)
    if field.wire is WireType.GBSTRING:
        return "甲" + WIDE_CANARY + "乙" if size < 20 else "甲" + WIDE_CANARY + "乙丙"
    ends = max((size - len(CANARY)) // 2, 0)
    return ("4" * ends + CANARY + "4" * ends)[: field.maximum]


def with_canaries(model: type[Record], values: dict[str, Any]) -> dict[str, Any]:
    """``values`` with a canary in every sensitive field, groups included."""
    filled = dict(values)
    for tag, declared in declarations(model).items():
        if not isinstance(declared, Scalar):
            inner = model.nested_model(tag)
            old = values[tag][0] if isinstance(declared, Group) else values[tag]
            item = inner(**with_canaries(inner, vars(old)))
            filled[tag] = (item,) * 5 if isinstance(declared, Group) else item
        elif declared.sensitive:
            filled[tag] = canary(declared)
    return filled


def sensitive(model: type[Record]) -> Iterator[tuple[str, Scalar]]:
    for tag, declared in declarations(model).items():
        if isinstance(declared, Scalar) and declared.sensitive:
            yield tag, declared


def assert_hidden(text: str) -> None:
    assert CANARY not in text
    assert WIDE_CANARY not in text


@EVERY
def test_models_show_no_canary(spec: MessageSpec, values: Values) -> None:
    model = spec.model(**with_canaries(spec.model, values(spec.model)))
    for text in (repr(model), str(model), f"{model}", str(masked(model)), repr([model])):
        assert_hidden(text)
    for name in ("__rich_repr__", "__pretty__"):
        shown = getattr(model, name)
        parts = shown(repr) if name == "__pretty__" else shown()
        assert_hidden(" ".join(map(repr, parts)))


@EVERY
def test_errors_show_no_canary(spec: MessageSpec, values: Values, voucher: Make) -> None:
    good = values(spec.model)
    for tag, field in sensitive(spec.model):
        long = canary(field) * (field.maximum // len(canary(field)) + 2)
        with pytest.raises(RemoteProtocolError) as remote:
            spec.model.read(voucher(spec.model, {tag: long}))
        with pytest.raises(LocalProtocolError) as local:
            spec.model(**{**good, tag: long})
        assert remote.value.tag == local.value.tag == tag
        for caught in (remote, local):
            assert_hidden("".join(traceback.format_exception(caught.value)))
            assert_hidden(repr(caught.value.args))
        assert_hidden(remote.value.information)
        assert_hidden(str(remote.value.value))


@EVERY
def test_described_values_show_no_canary(spec: MessageSpec) -> None:
    for tag, field in sensitive(spec.model):
        assert_hidden(mask_value(spec.number, tag, canary(field)))


def test_what_is_nobodys_secret_is_shown() -> None:
    assert mask_value("2612", "PayCode", "32068222300000000007") == "32068222300000000007"
    assert mask_value("2612", "PayerName", "张三") == "张*"
    assert mask_value("2001", "Information", "重复缴款确认") == "重复缴款确认"


def test_unknown_messages_and_fields_are_masked_by_what_is_known() -> None:
    assert mask_value("9999", "PayerName", "张三") == "张*"
    assert mask_value("9999", "PayCode", "1") == "1"
    assert mask_value("2612", "Invented", "张三丰") == mask_value("9999", "Invented", "李四光")
    assert "张" not in mask_value("2612", "Invented", "张三丰")


def test_the_token_is_never_shown() -> None:
    assert mask_value("2003", "Token", "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE") == "***"


def test_masked_keeps_the_structure(values: Values) -> None:
    item = TransferDetail(PayCode="1", TraNoBus="2", Amt=12345)
    given = {**values(InterbankTransfer), "PayerName": "李四光", "DetailList": (item,)}
    shown = masked(InterbankTransfer(**given))
    assert list(shown) == list(declarations(InterbankTransfer))
    assert shown["PayerName"] == "李**"
    assert shown["DetailList"] == [{"PayCode": "1", "TraNoBus": "2", "Amt": "123.45"}]


def test_a_repr_is_short_and_leaves_out_what_is_empty(values: Values) -> None:
    items = tuple(TransferDetail(PayCode=str(n), TraNoBus="2", Amt=1) for n in range(1, 1001))
    text = repr(InterbankTransfer(**{**values(InterbankTransfer), "DetailList": items}))
    assert "… 1000" in text
    assert len(text) < 2000
    sparse = Confirmation(**{**values(Confirmation), "PayerAcct": "", "Hold1": ""})
    assert "PayerAcct" not in repr(sparse)


def test_codes_of_the_envelope_are_shown_and_nothing_else_there() -> None:
    assert mask_value("8994", "SRC", "K3206820002") == "K3206820002"
    assert mask_value("8994", "MsgID", "20220105095231") == "20220105095231"
    assert "张" not in mask_value("8994", "MsgID", "张三")
    assert "张" not in mask_value("8994", "Reserve", "张三")
