"""Documents: written and read again; and whatever arrives, only protocol errors ever leave."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from nontax.codecs import (
    ENVELOPE_LIMITS,
    FrameDecoder,
    Head,
    Limits,
    LocalProtocolError,
    ProtocolError,
    RawFrame,
    RemoteProtocolError,
    decode_voucher,
    describe,
    envelope,
    escape_xml,
    gbk_length,
    open_envelope,
    parse_xml,
    probe_mac_width,
    split_mac,
    write_envelope,
)

VECTORS = [
    path.read_bytes() for path in sorted((Path(__file__).parents[1] / "vectors").glob("*.frame"))
]
BODIES = [data[23:-64] for data in VECTORS]

T = TypeVar("T")


def attempt(function: Callable[[], T]) -> T | ProtocolError:
    """What the function returns, or the protocol error that it raises; others go through."""
    try:
        return function()
    except ProtocolError as error:
        return error


def check_remote(error: ProtocolError) -> None:
    """An error that the peer can be answered with."""
    assert isinstance(error, RemoteProtocolError)
    assert error.code == "10002"
    assert gbk_length(error.information) <= 1024
    assert error.information.isprintable()
    assert "\n" not in str(error)


printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)
words = printable.map(str.strip).filter(bool)
gbk = st.text(st.characters(codec="gbk", exclude_categories=["Cc", "Cs"]), max_size=30)
heads = st.builds(
    Head,
    src=words,
    des=words,
    msg_no=st.from_regex(r"[0-9]{4}", fullmatch=True),
    msg_id=words,
    msg_ref=words,
    work_date=st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8)),
    ver=st.just("1.0"),
    app=st.just("CNNONTAX"),
    reserve=gbk.map(lambda text: text[:10].strip(" \t\r\n")),
)
fragments = st.sampled_from(
    [b"<", b">", b"</", b"/>", b"&", b"&#0;", b"&x;", b"<!--", b"-->", b"<!DOCTYPE a>", b"]]>",
     b"<![CDATA[", b"<?x?>", b"<a>", b"</a>", b"<CFX>", b"</CFX>", b"<HEAD>", b"</HEAD>", b"\x00",
     b"\xff", b"\xd6", b"=", b"\xef\xbb\xbf", b" ", b"<VoucherBody>", b"</Voucher>", b"<SRC>",
     b'"', b"xmlns='u'", b"x:", b"<?xml version='1.0' encoding='UTF-8'?>", b"99999999",
     b"\xe3\x80\x80"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A captured one with a few places cut out, doubled or replaced."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 40)))
        how = draw(st.integers(0, 3))
        if how == 0:
            del data[at:to]
        elif how == 1:
            data[at:at] = data[at:to]
        elif how == 2:
            data[at:at] = draw(st.one_of(fragments, st.binary(max_size=8)))
        else:
            data[at:to] = draw(st.one_of(fragments, st.binary(max_size=8)))
    return bytes(data)


@given(heads, gbk, st.sampled_from(["GBK", "GB18030"]), st.integers(1, 3))
def test_an_envelope_is_read_as_written(head: Head, text: str, charset: str, count: int) -> None:
    voucher = f"<Voucher><A>{escape_xml(text)}</A></Voucher>"
    body = write_envelope(
        head, *[voucher] * count, adm_div_code="320682", st_year="2026", charset=charset
    )
    opened = open_envelope(body)
    assert opened.head == head
    assert opened.warnings == ()
    assert opened.unknown_elements == 0
    assert len(opened.vouchers) == count
    for part in opened.vouchers:
        assert part[:4] == ("320682", "2026", head.msg_no, head.msg_id)
        (field,) = parse_xml(part.decode(), default_encoding=charset)
        assert (field.text or "") == text


@given(st.text(max_size=40))
def test_escaped_text_is_read_unchanged_or_refused(text: str) -> None:
    escaped = attempt(lambda: escape_xml(text))
    if isinstance(escaped, str):
        root = parse_xml(f"<a>{escaped}</a>".encode(), default_encoding="UTF-8")
        assert (root.text or "") == text
    else:
        assert isinstance(escaped, LocalProtocolError)
        assert escaped.character is not None
        assert escaped.character in text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=20))
def test_what_the_charset_lacks_is_a_local_error(text: str) -> None:
    xml = (
        f"<Voucher><PayerName>{escape_xml(text.replace(chr(0xFFFE), '').replace(chr(0xFFFF), ''))}"
    )
    xml += "</PayerName></Voucher>"
    head = Head("A", "B", "2612", "1", "1", "20261122")
    body = attempt(lambda: write_envelope(head, xml, adm_div_code="320682", st_year="2026"))
    if isinstance(body, bytes):
        assert open_envelope(body).vouchers[0].decode().decode("gbk") == xml
    else:
        assert isinstance(body, LocalProtocolError)
        assert body.tag == "PayerName"
        assert body.character is not None
        assert body.character in text


WRITTEN = [
    write_envelope(
        Head("K3206820002", "F320682", "8994", "20261122093015", "20261122093015", "20261122"),
        "<Voucher><PayerName>李四</PayerName></Voucher>",
        adm_div_code="320682",
        st_year="2026",
    )
]


@given(st.one_of(st.sampled_from(BODIES + WRITTEN), mutated(BODIES + WRITTEN)))
def test_the_short_way_to_open_says_what_the_parser_says(body: bytes) -> None:
    usual = envelope._open_usual(body, "2026")
    if usual is not None:
        parsed = envelope._Opener("2026").open(parse_xml(body, limits=ENVELOPE_LIMITS))
        assert usual == parsed


def test_the_short_way_is_taken() -> None:
    assert all(envelope._open_usual(body, "2026") is not None for body in BODIES + WRITTEN)


@given(st.one_of(st.binary(max_size=200), mutated(BODIES)))
def test_only_protocol_errors_leave_the_envelope(body: bytes) -> None:
    opened = attempt(lambda: open_envelope(body))
    if isinstance(opened, ProtocolError):
        check_remote(opened)
        return
    for part in opened.vouchers:
        voucher = attempt(lambda text=part.text: parse_xml(decode_voucher(text)))
        if isinstance(voucher, ProtocolError):
            check_remote(voucher)


@given(st.one_of(st.binary(max_size=200), st.lists(fragments, max_size=12).map(b"".join)))
def test_only_protocol_errors_leave_the_parser(data: bytes) -> None:
    limits = Limits(max_bytes=150, max_depth=3, max_elements=5)
    try:
        root = parse_xml(data, default_encoding="GB18030", limits=limits)
    except RemoteProtocolError:
        return
    assert len(data) <= 150
    elements = list(root.iter())
    assert len(elements) <= 5 + 150 // 4
    assert all(isinstance(element.tag, str) for element in elements)
    assert all(len(list(element.iterancestors())) < 3 for element in elements)


@given(mutated(VECTORS))
def test_only_protocol_errors_leave_a_whole_exchange(data: bytes) -> None:
    decoder = FrameDecoder(4096)
    decoder.receive_data(data)
    decoder.receive_eof()

    def exchange() -> bool:
        while isinstance(event := decoder.next_event(), RawFrame):
            width = probe_mac_width(event.payload)
            body, _ = split_mac(event.payload, width or 64)
            open_envelope(body)
        return True

    outcome = attempt(exchange)
    if isinstance(outcome, ProtocolError):
        check_remote(outcome)


@given(st.one_of(st.binary(max_size=300), mutated(VECTORS), st.lists(fragments).map(b"".join)))
def test_describe_takes_anything_and_shows_only_what_the_mask_gave(data: bytes) -> None:
    description = describe(data, mask=lambda _number, _tag, _value: "***")
    text = "\n".join(description.lines()) + str(description.as_dict())
    assert "李四" not in text
    assert "13000000000" not in text
    assert "中国建设银行示例支行" not in text
    assert not any("\n" in line for line in description.lines())


@given(st.binary(max_size=60))
def test_describe_takes_any_voucher(voucher: bytes) -> None:
    start, _, rest = VECTORS[0].partition(b"<Voucher>")
    end = rest[rest.index(b"</Voucher>") :]
    data = start + b"<Voucher>" + base64.b64encode(voucher) + end
    assert describe(data, mask=lambda *_: "***").vouchers


@given(st.text("ab<>&/! \n", max_size=30))
def test_accepted_documents_mean_what_lxml_says(text: str) -> None:
    data = f"<a>{text}</a>".encode()
    try:
        ours = parse_xml(data)
    except RemoteProtocolError:
        return
    assert etree.tostring(ours) == etree.tostring(etree.fromstring(data))
