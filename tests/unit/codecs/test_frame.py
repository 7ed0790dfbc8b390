"""Frames: header, length, where the body ends, several in one stream (spec: wire, section 2)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from nontax.codecs import (
    EOF,
    MAX_FRAME_BYTES,
    NEED_DATA,
    FrameDecoder,
    LocalProtocolError,
    RawFrame,
    RemoteProtocolError,
    Rule,
    Signal,
    encode_frame,
    open_envelope,
    probe_mac_width,
    split_mac,
)

BODY = b"<CFX><HEAD/></CFX>"
MAC = "0123456789ABCDEF" * 4
FRAME = encode_frame("2601", BODY, MAC, width=64)


def events(pieces: Iterable[bytes], *, limit: int = 4096) -> list[object]:
    """All events of a stream that arrives in `pieces`, an error as (rule, number)."""
    decoder = FrameDecoder(limit)
    found: list[object] = []
    try:
        for piece in pieces:
            decoder.receive_data(piece)
            while isinstance(event := decoder.next_event(), RawFrame):
                found.append(event)
            assert event is NEED_DATA
        decoder.receive_eof()
        found.append(decoder.next_event())
    except RemoteProtocolError as error:
        found.append((error.rule, error.number))
    return found


def with_length(text: str, rest: bytes = FRAME[8:]) -> bytes:
    return text.encode() + rest


def test_a_frame_is_written_left_justified() -> None:
    assert b"105     CNNONTAX1.02601" + BODY + MAC.encode() == FRAME


def test_a_short_mac_is_padded() -> None:
    frame = encode_frame("2601", BODY, MAC, width=128)
    assert frame.endswith(MAC.encode() + b" " * 64)
    assert encode_frame("5001", BODY, "", width=64).endswith(b"</CFX>" + b" " * 64)


@pytest.mark.parametrize(
    ("number", "body", "mac", "width", "version"),
    [
        ("260", BODY, MAC, 64, "1.0"),
        ("26O1", BODY, MAC, 64, "1.0"),
        ("２６０１", BODY, MAC, 64, "1.0"),
        ("2601", BODY + b"\n", MAC, 64, "1.0"),
        ("2601", b"", MAC, 64, "1.0"),
        ("2601", BODY, MAC + "0", 64, "1.0"),
        ("2601", BODY, "no hex", 64, "1.0"),
        ("2601", BODY, MAC, 96, "1.0"),
        ("2601", BODY, MAC, 64, "1.00"),
        ("2601", BODY, MAC, 64, "1。0"),
        ("2601", b"x" * (MAX_FRAME_BYTES - 92) + b"</CFX>", MAC, 64, "1.0"),
    ],
)
def test_what_is_no_frame_is_not_written(
    number: str, body: bytes, mac: str, width: int, version: str
) -> None:
    with pytest.raises(LocalProtocolError):
        encode_frame(number, body, mac, width=width, version=version)


def test_the_ceiling_is_what_eight_digits_say() -> None:
    body = b"x" * (MAX_FRAME_BYTES - 93) + b"</CFX>"
    assert encode_frame("2601", body, MAC, width=64).startswith(b"99999999CNNONTAX")


@pytest.mark.parametrize("length", ["105     ", "     105", "00000105", "0105    ", "    0105"])
def test_accepted_ways_to_write_the_length(length: str) -> None:
    expected = [RawFrame("2601", "1.0", BODY + MAC.encode()), EOF]
    assert events([with_length(length)]) == expected
    # also behind another frame and white space, where blanks could belong to either
    assert events([FRAME + b"\r\n" + with_length(length)]) == expected[:1] + expected
    assert events([FRAME + b" " + with_length(length)]) == expected[:1] + expected


@pytest.mark.parametrize(
    "length",
    [" 105    ", "105    0", "1 05    ", "+105    ", "-105    ", "1e2     ", "105.0   ", "        ",
     "0x69    ", "１05   ", "\x00\x00\x00\x00\x00\x00\x00i", "105\t    "],
)  # fmt: skip
def test_other_lengths_are_refused(length: str) -> None:
    (error,) = events([length.encode() + FRAME[8:]])
    assert isinstance(error, tuple)
    assert error[0] in {Rule.LENGTH_DIGITS, Rule.APPLICATION}


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (with_length("4097    "), (Rule.LENGTH_TOO_LONG, "2601")),
        (with_length("99999999"), (Rule.LENGTH_TOO_LONG, "2601")),
        (with_length("97      "), (Rule.LENGTH_TOO_SHORT, "2601")),
        (with_length("0       "), (Rule.LENGTH_TOO_SHORT, "2601")),
        (with_length("abcdefgh"), (Rule.LENGTH_DIGITS, "2601")),
        (b"105     CNNONTAY1.02601" + BODY, (Rule.APPLICATION, "2601")),
        (b"105     cnnontax1.02601" + BODY, (Rule.APPLICATION, "2601")),
        (b"105     CNNONTAX1\x00 2601" + BODY, (Rule.HEADER_VERSION, "2601")),
        (b"105     CNNONTAX1.026O1" + BODY, (Rule.HEADER_NUMBER, None)),
        (b"99999999CNNONTAX1.026O1" + BODY, (Rule.LENGTH_TOO_LONG, None)),
        (b"GET / HTTP/1.1\r\nHost: example.cn\r\n\r\n", (Rule.LENGTH_DIGITS, None)),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,
            (Rule.LENGTH_DIGITS, None),
        ),
        (FRAME[:-1], (Rule.TRUNCATED, "2601")),
        (FRAME[:23], (Rule.TRUNCATED, "2601")),
        (FRAME[:22], (Rule.TRUNCATED, None)),
        (FRAME[:8], (Rule.TRUNCATED, None)),
        (FRAME[:1], (Rule.TRUNCATED, None)),
        (b"99999999", (Rule.LENGTH_TOO_LONG, None)),
        (b"99999999CNNO", (Rule.LENGTH_TOO_LONG, None)),
        (b"105     CNNONTAY1.0", (Rule.APPLICATION, None)),
    ],
)
def test_what_is_no_frame_is_refused_however_it_is_cut(
    stream: bytes, expected: tuple[Rule, str | None]
) -> None:
    assert events([stream]) == [expected]
    assert events([stream[at : at + 1] for at in range(len(stream))]) == [expected]


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        (b"99999999CNNONTAX1.02601", Rule.LENGTH_TOO_LONG),
        (b"105     CNNONTAY1.02601", Rule.APPLICATION),
        (b"GET / HTT", Rule.LENGTH_DIGITS),
    ],
)
def test_a_wrong_header_is_refused_before_any_body_arrives(start: bytes, rule: Rule) -> None:
    decoder = FrameDecoder()
    decoder.receive_data(start)
    with pytest.raises(RemoteProtocolError) as caught:
        decoder.next_event()
    assert caught.value.rule is rule
    assert caught.value.code == "10002"


def test_nothing_is_kept_after_an_error() -> None:
    decoder = FrameDecoder()
    decoder.receive_data(b"garbage garbage garbage")
    with pytest.raises(RemoteProtocolError) as first:
        decoder.next_event()
    decoder.receive_data(FRAME)
    assert not decoder.pending
    with pytest.raises(RemoteProtocolError) as again:
        decoder.next_event()
    assert again.value is first.value


@pytest.mark.parametrize("white", [b"", b"\n", b"\r\n", b" ", b"\t \r\n  ", b" " * 50])
def test_white_space_between_and_behind_frames(white: bytes) -> None:
    frame = RawFrame("2601", "1.0", BODY + MAC.encode())
    assert events([white + FRAME + white + FRAME + white]) == [frame, frame, EOF]


def test_other_junk_behind_a_frame_is_an_error() -> None:
    frame = RawFrame("2601", "1.0", BODY + MAC.encode())
    assert events([FRAME + b"\x00" + FRAME]) == [frame, (Rule.LENGTH_DIGITS, None)]
    assert events([FRAME + b"\x00"]) == [frame, (Rule.TRUNCATED, None)]


def test_pending_tells_of_more_than_white_space() -> None:
    decoder = FrameDecoder()
    assert not decoder.pending
    decoder.receive_data(FRAME + b"\r\n ")
    assert decoder.pending
    assert isinstance(decoder.next_event(), RawFrame)
    assert not decoder.pending
    decoder.receive_data(b"1")
    assert decoder.pending
    decoder.receive_data(FRAME[1:])
    assert isinstance(decoder.next_event(), RawFrame)
    assert decoder.next_event() is NEED_DATA


def test_an_empty_stream_ends() -> None:
    assert events([]) == [EOF]
    assert events([b"  \r\n"]) == [EOF]


def test_data_after_the_end_is_a_mistake_of_the_caller() -> None:
    decoder = FrameDecoder()
    decoder.receive_eof()
    with pytest.raises(LocalProtocolError):
        decoder.receive_data(b"1")


@pytest.mark.parametrize("limit", [0, 97, MAX_FRAME_BYTES + 1])
def test_the_limit_has_limits(limit: int) -> None:
    with pytest.raises(ValueError, match="max_frame_bytes"):
        FrameDecoder(limit)


def test_the_limit_itself_is_allowed() -> None:
    assert events([FRAME], limit=105) == [RawFrame("2601", "1.0", BODY + MAC.encode()), EOF]
    assert events([FRAME], limit=104) == [(Rule.LENGTH_TOO_LONG, "2601")]


def test_reprs_do_not_show_the_payload() -> None:
    (frame, _) = events([FRAME])
    assert repr(frame) == "RawFrame(2601, 1.0, 82 bytes)"
    assert repr(Signal.EOF)


@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize("white", [b"", b"\n", b"\r\n\t "])
def test_the_body_ends_with_the_document_and_white_space(width: int, white: bytes) -> None:
    field = MAC.encode().ljust(width)
    payload = BODY + white + field
    assert probe_mac_width(payload) == width
    assert split_mac(payload, width) == (BODY + white, field)
    with pytest.raises(RemoteProtocolError) as caught:
        split_mac(payload, 192 - width)
    assert caught.value.rule is Rule.BODY_END
    assert caught.value.code == "10002"


def test_a_mac_field_of_blanks_is_split_by_the_width_alone() -> None:
    payload = BODY + b" " * 128
    # 64 blanks may be white space behind the root; the node's own width decides.
    assert probe_mac_width(payload) == 64
    assert split_mac(payload, 128) == (BODY, b" " * 128)
    assert split_mac(payload, 64) == (BODY + b" " * 64, b" " * 64)


@pytest.mark.parametrize(
    "glued", [b"x", b"\x80" + b"\x00" * 62, b"<CFX>", b"</CFX", b"<!-- -->", b"\x0b"]
)
def test_glued_data_between_document_and_mac_is_refused(glued: bytes) -> None:
    payload = BODY + glued + MAC.encode()
    assert probe_mac_width(payload) is None
    for width in (64, 128):
        with pytest.raises(RemoteProtocolError):
            split_mac(payload, width)


def test_glued_data_of_a_macs_length_is_refused_at_the_nodes_width() -> None:
    payload = BODY + b"\x80" + b"\x00" * 63 + MAC.encode()
    assert probe_mac_width(payload) == 128
    with pytest.raises(RemoteProtocolError):
        split_mac(payload, 64)


@pytest.mark.parametrize("end", [b"</CFX>", b"</CFX> ", b"</CFX>\r\n"])
def test_whatever_a_mac_of_64_covers_is_seen_by_the_parser(end: bytes) -> None:
    glued = (b"\x80" + b"\x00" * 57)[: 64 - len(end)] + end
    payload = BODY + glued + MAC.encode()
    width = probe_mac_width(payload)
    assert width == 64
    body, _ = split_mac(payload, width)
    assert body == BODY + glued
    with pytest.raises(RemoteProtocolError):
        open_envelope(body)


def test_a_mac_field_that_holds_the_closing_tag_does_not_confuse() -> None:
    field = b"0" * 58 + b"</CFX>" + b"1" * 64
    payload = BODY + field
    assert split_mac(payload, 128) == (BODY, field)
    assert probe_mac_width(payload) == 64  # opened so, the parser refuses what is behind the root
    assert split_mac(payload, 64)[0] == BODY + b"0" * 58 + b"</CFX>"


@pytest.mark.parametrize("payload", [b"", b"</CFX>", b"</CFX>" + b"0" * 63])
def test_payloads_that_are_too_short(payload: bytes) -> None:
    assert probe_mac_width(payload) is None
    for width in (64, 128):
        with pytest.raises(RemoteProtocolError):
            split_mac(payload, width)
