"""Every message: what its own table allows is written and read back, noise is refused by name."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from nontax.codecs import MAX_FEN, RemoteProtocolError, WireType
from nontax.codecs.xml import parse
from nontax.messages import (
    CATALOGUE,
    Group,
    MessageSpec,
    PayInfoEntry,
    Record,
    Scalar,
    format_pay_info,
    masked,
    parse_pay_info,
    read,
    write,
)
from nontax.messages.record import declarations

ASCII = string.ascii_letters + string.digits + " &<>'\"-_./:;,+()[]|#"
CHINESE = "示例市财政局张三李四不动产登记费缴款渠道重复有限公司学校龘€《》、。"
SPECS = st.sampled_from(CATALOGUE)


def trimmed(alphabet: str, low: int, high: int) -> st.SearchStrategy[str]:
    """Text of ``low`` to ``high`` characters without white space around it."""
    text = st.text(alphabet, min_size=low, max_size=high).map(str.strip)
    return text.filter(lambda t: low <= len(t) <= high)


def text_of(field: Scalar) -> st.SearchStrategy[str]:
    """Text of a row: as long and as short as it may be, with all that XML escapes, or anything."""
    low, high = max(field.minimum, 1), field.maximum
    wide = field.wire is WireType.GBSTRING or field.allows_gbk
    edges = ["A" * low, "z" * min(high, 2000), "&<>'\"\r\n]]>x"]
    if wide:
        edges += ["财" * (min(high, 2000) // 2), "龘€a", "𠀀𠀁"]
    fitting = [text for text in edges if low <= len(text.encode("gb18030")) <= high]
    size = min(high // 4, 12) if wide else min(high, 12)
    if size < low:
        return st.sampled_from(fitting)
    return st.sampled_from(fitting) | trimmed(ASCII + CHINESE if wide else ASCII, low, size)


DAYS = st.dates(date(1990, 1, 1), date(2099, 12, 31)).map(lambda d: f"{d:%Y%m%d}")
TIMES = st.integers(0, 86399).map(
    lambda s: str(timedelta(seconds=s)).rjust(8, "0").replace(":", "")
)
FIXED: dict[WireType, st.SearchStrategy[Any]] = {
    WireType.CURRENCY: st.integers(0, MAX_FEN),
    WireType.INTEGER: st.integers(-99_999_999, 99_999_999),
    WireType.DATE: DAYS,
    WireType.TIME: TIMES,
    WireType.DATETIME: st.builds(str.__add__, DAYS, TIMES),
    WireType.UTCDATETIME: st.builds("{}{}{}".format, DAYS, TIMES, st.sampled_from(["", "+0800"])),
}


def filled(field: Scalar) -> st.SearchStrategy[Any]:
    """Values of a row that are not empty."""
    low, high = max(field.minimum, 1), field.maximum
    if field.codes:
        return st.sampled_from(sorted(field.codes))
    if field.traits.get("account_type"):
        return st.sampled_from("123456789")
    if field.wire is WireType.NSTRING:
        return st.text(string.digits, min_size=low, max_size=high)
    return FIXED[field.wire] if field.wire in FIXED else text_of(field)


def arguments(model: type[Record]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of a constructor; only what no rule asks for is left out."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for tag, declared in declarations(model).items():
        if isinstance(declared, Scalar):
            needed = declared.need == "M" or declared.case is not None
            (required if needed else optional)[tag] = filled(declared)
            continue
        item = records(model.nested_model(tag))
        may_be_empty = getattr(declared, "may_be_empty", False)
        needed = declared.need == "M" and not may_be_empty
        values = (
            st.lists(item, min_size=int(needed), max_size=3).map(tuple)
            if isinstance(declared, Group)
            else item
        )
        (required if needed else optional)[tag] = values
    return st.fixed_dictionaries(required, optional=optional)


def records(model: type[Record]) -> st.SearchStrategy[Record]:
    """Valid records of a class."""
    return arguments(model).map(lambda values: model(**values))


STRATEGIES = {spec.key: records(spec.model) for spec in CATALOGUE}


def tree(text: str) -> etree._Element:
    """The root of a voucher, whatever its characters."""
    return parse(text.encode(), default_encoding="UTF-8")


def refusal(check: Callable[[], object]) -> RemoteProtocolError | None:
    """The error of ``check``, None when it passes."""
    try:
        check()
    except RemoteProtocolError as error:
        return error
    return None


@given(st.data(), SPECS)
def test_written_vouchers_are_read_back(data: st.DataObject, spec: MessageSpec) -> None:
    made = data.draw(STRATEGIES[spec.key])
    assert isinstance(made, spec.model)
    unknown: list[str] = []
    text = write(made)
    again = read(spec, tree(text), unknown=unknown, strict=True)
    assert again == made
    assert vars(again) == vars(made)
    assert unknown == []
    assert write(again) == text
    assert list(masked(again)) == list(declarations(spec.model))


@given(st.data(), SPECS)
def test_order_and_strangers_change_nothing(data: st.DataObject, spec: MessageSpec) -> None:
    made = data.draw(STRATEGIES[spec.key])
    assert isinstance(made, spec.model)
    root = tree(write(made))
    children = data.draw(st.permutations(list(root)))
    root[:] = children
    strangers = data.draw(st.integers(0, 3))
    for index in range(strangers):
        stranger = root.makeelement("Stranger", {})
        stranger.text = "x"
        root.insert(index * 2, stranger)
    unknown: list[str] = []
    assert read(spec, root, unknown=unknown) == made
    assert unknown == ["Stranger"] * strangers


@given(st.data(), SPECS, st.text(ASCII + CHINESE + "\n\t", max_size=80))
def test_noise_in_one_field_is_accepted_as_it_is_or_refused_by_name(
    data: st.DataObject, spec: MessageSpec, noise: str
) -> None:
    made = data.draw(STRATEGIES[spec.key])
    assert isinstance(made, spec.model)
    root = tree(write(made))
    child = data.draw(st.sampled_from(list(root)))
    tag = child.tag
    child[:] = []
    child.text = noise
    refused = refusal(lambda: read(spec, root))
    if refused is not None:
        assert refused.code == "10002"
        assert refused.tag is not None
        assert len(refused.information.encode("gbk")) <= 1024
    else:
        again = read(spec, root)
        if isinstance(vars(again)[tag], str):
            assert vars(again)[tag] in {noise.strip(), noise.strip().removeprefix("0")}
        assert read(spec, tree(write(again))) == again


PART = trimmed(CHINESE + string.ascii_letters + string.digits + "-.,()", 0, 20)
ENTRIES = st.builds(
    PayInfoEntry,
    code=PART.filter(bool),
    name=PART,
    amount=st.integers(0, MAX_FEN),
    unit=PART,
    quantity=st.none() | st.decimals(Decimal(0), Decimal(999_999), places=2),
    standard_type=PART,
    standard=PART,
)


@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_pay_info_is_read_back(entries: list[PayInfoEntry]) -> None:
    text = format_pay_info(entries)
    assert parse_pay_info(text) == parse_pay_info(text.removesuffix("#")) == tuple(entries)


@given(st.text("ab1.|# \n测", max_size=60))
def test_any_text_is_pay_info_or_refused(text: str) -> None:
    refused = refusal(lambda: parse_pay_info(text))
    if refused is not None:
        assert refused.tag is not None
        assert refused.tag.startswith("PayInfo")
    else:
        entries = parse_pay_info(text)
        assert parse_pay_info(format_pay_info(entries)) == entries


@given(st.lists(ENTRIES, max_size=8), st.integers(0, 500))
def test_pay_info_never_exceeds_its_limit(entries: list[PayInfoEntry], limit: int) -> None:
    text = format_pay_info(entries, limit)
    assert len(text.encode("gb18030")) <= limit
    assert format_pay_info(entries).startswith(text)
