"""However the bytes are cut, the decoder says the same; what is written is read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nontax.codecs import (
    NEED_DATA,
    FrameDecoder,
    RawFrame,
    RemoteProtocolError,
    encode_frame,
    probe_mac_width,
    split_mac,
)

LIMIT = 400
HEX = "0123456789abcdefABCDEF"

bodies = st.binary(max_size=60).map(lambda inner: b"<CFX>" + inner + b"</CFX>")
numbers = st.from_regex(r"[0-9]{4}", fullmatch=True)
widths = st.sampled_from([64, 128])
macs = st.text(HEX, max_size=64)
frames = st.builds(
    lambda number, body, mac, width: encode_frame(number, body, mac, width=width),
    numbers,
    bodies,
    macs,
    widths,
)
white = st.text(" \t\r\n", max_size=12).map(str.encode)
lengths = st.one_of(
    st.integers(0, LIMIT + 50).flatmap(
        lambda n: st.sampled_from([f"{n:<8}", f"{n:>8}", f"{n:08}", f"{n:<7} ", f" {n:<7}"])
    ),
    st.text(" 0123456789x\n", min_size=8, max_size=8),
).map(str.encode)
headers = st.builds(
    lambda length, name, rest: length + name + rest,
    lengths,
    st.sampled_from([b"CNNONTAX", b"CNNONTAX", b"CNNONTAY", b"cnnontax", b" CNNONTA"]),
    st.sampled_from([b"1.02601", b"1.02601", b"2.0260x", b"\x00.02601", b"1.0", b""]),
)
streams = st.lists(
    st.one_of(frames, frames, white, headers, st.binary(max_size=30)), max_size=5
).map(b"".join)


def events(pieces: list[bytes]) -> list[object]:
    """Everything that comes out of a stream, the error and the end included."""
    decoder = FrameDecoder(LIMIT)
    found: list[object] = []
    try:
        for piece in [*pieces, None]:
            if piece is None:
                decoder.receive_eof()
            else:
                decoder.receive_data(piece)
            event: object = decoder.next_event()
            while isinstance(event, RawFrame):
                found.append(event)
                event = decoder.next_event()
            assert (event is NEED_DATA) == (piece is not None)
        found.append("end")
    except RemoteProtocolError as error:
        found.append((error.rule, error.code, error.number, str(error), error.information))
    return found


@given(streams, st.data())
def test_the_cut_makes_no_difference(stream: bytes, data: st.DataObject) -> None:
    whole = events([stream])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert events(pieces) == whole
    assert events([stream[at : at + 1] for at in range(len(stream))]) == whole


@given(st.lists(st.tuples(numbers, bodies, macs, widths, white), max_size=4), white)
def test_frames_are_read_as_written(
    written: list[tuple[str, bytes, str, int, bytes]], before: bytes
) -> None:
    stream = before
    expected: list[object] = []
    for number, body, mac, width, behind in written:
        frame = encode_frame(number, body, mac, width=width)
        stream += frame + behind
        expected.append(RawFrame(number, "1.0", frame[23:]))
        assert split_mac(frame[23:], width) == (body, mac.ljust(width).encode())
        assert probe_mac_width(frame[23:]) in {64, 128}
    assert events([stream]) == [*expected, "end"]


@given(numbers, bodies, macs, widths, st.sampled_from(["{:<8}", "{:>8}", "{:08}"]), white)
def test_every_way_to_write_the_length_is_read(
    number: str, body: bytes, mac: str, width: int, form: str, before: bytes
) -> None:
    frame = encode_frame(number, body, mac, width=width)
    expected = [RawFrame(number, "1.0", frame[23:]), "end"]
    assert events([before + form.format(len(frame)).encode() + frame[8:]]) == expected


@given(bodies, st.binary(min_size=1, max_size=70), st.text(HEX, min_size=64, max_size=64))
def test_a_split_body_always_ends_with_its_document(body: bytes, glued: bytes, mac: str) -> None:
    for width in (64, 128):
        try:
            cut, field = split_mac(body + glued + mac.encode(), width)
        except RemoteProtocolError:
            continue
        assert cut.rstrip(b" \t\r\n").endswith(b"</CFX>")
        assert cut + field == body + glued + mac.encode()
        assert len(field) == width
