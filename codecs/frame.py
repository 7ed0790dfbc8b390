"""Frames: 23-byte header, body, MAC field; a decoder that is fed bytes and an encoder.

| part | name | bytes | notes |
|---|---|---|---|
| header | 整个消息长度 total length | 8 | header + body + MAC field, digits |
| header | 应用程序名称 application | 8 | CNNONTAX |
| header | 版本号 version | 3 | 1.0 |
| header | 报文编号 message number | 4 | |
| body | 消息体 | | the CFX document |
| trailer | MAC | 64 or 128 | a property of the node, padded with spaces on the right |

Where the body ends is not written in the frame: the width of the MAC field belongs to the node, and
the node is known only after HEAD/SRC was read. So the decoder yields `RawFrame` with body and MAC
field in one piece. `probe_mac_width` tells where they part, well enough to open the envelope;
`split_mac` cuts at the node's own width. Both insist on ``</CFX>`` (and white space) right before
the MAC field, and the XML parser on nothing but white space behind the root, so that nothing can
be glued to a body between its document and its MAC.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, Literal, NamedTuple

from .errors import LocalProtocolError, RemoteProtocolError, Rule

HEADER_BYTES: Final = 23
APPLICATION: Final = "CNNONTAX"
VERSION: Final = "1.0"
MAC_WIDTHS: Final = (64, 128)
MIN_FRAME_BYTES: Final = HEADER_BYTES + len("<CFX></CFX>") + 64
MAX_FRAME_BYTES: Final = 99_999_999
"""What eight digits can say."""
DEFAULT_MAX_FRAME_BYTES: Final = 16 * 1024 * 1024

_APPLICATION: Final = APPLICATION.encode()
_CLOSING: Final = b"</CFX>"
_WHITE: Final = b" \t\r\n"
_LENGTH_LEFT = re.compile(rb"([0-9]{1,8}) *")
# A header without a fault, its length justified to the left: what nearly everybody sends.
_USUAL_HEADER = re.compile(
    rb"(?=[0-9 ]{8}C)([0-9]{1,8}) *" + APPLICATION.encode() + rb"([\x21-\x7e]{3})([0-9]{4})"
)
_NUMBER = re.compile(rb"[0-9]{4}")
_VERSION = re.compile(rb"[\x21-\x7e]{3}")
_MAC = re.compile(r"[0-9A-Fa-f]*")
_NUMBER_TEXT = re.compile(r"[0-9]{4}")


class RawFrame(NamedTuple):
    """One received frame. payload: body and MAC field together; `split_mac` parts them."""

    number: str
    version: str
    payload: bytes

    def __repr__(self) -> str:
        """Return a text without the payload: it holds personal data."""
        return f"RawFrame({self.number}, {self.version}, {len(self.payload)} bytes)"


class Frame(NamedTuple):
    """One frame taken apart. body: exactly the bytes that the MAC covers; mac: the whole field."""

    number: str
    version: str
    body: bytes
    mac: bytes

    def __repr__(self) -> str:
        """Return a text without the body: it holds personal data."""
        return f"Frame({self.number}, {self.version}, {len(self.body)} bytes)"


class Signal(Enum):
    """What `FrameDecoder.next_event` returns when there is no frame."""

    NEED_DATA = "need data"
    EOF = "end of the stream"


NEED_DATA: Final = Signal.NEED_DATA
EOF: Final = Signal.EOF


class FrameDecoder:
    """Turn bytes as they arrive into frames; how they were cut makes no difference.

    Feed `receive_data` and `receive_eof`, then call `next_event` until it returns NEED_DATA or EOF.
    A frame that cannot be read raises RemoteProtocolError, and does so again at every later call:
    behind it no frame can be found. Several frames may follow each other; white space between and
    behind them is skipped.

    The declared length is checked from the header alone, before any of the body is kept. A wrong
    header is reported once its 23 bytes are in, so that the error can carry the message number
    whatever the cut; when neither length nor application are those of a frame, that is at once.
    """

    def __init__(self, max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES) -> None:
        if not MIN_FRAME_BYTES <= max_frame_bytes <= MAX_FRAME_BYTES:
            raise ValueError(
                f"max_frame_bytes must be {MIN_FRAME_BYTES} to {MAX_FRAME_BYTES}, "
                f"not {max_frame_bytes}"
            )
        self._limit = max_frame_bytes
        self._buffer = bytearray()
        self._spaces = 0  # blanks right before the buffer, as far as a length field can use them
        self._length = 0  # declared length of the frame in the buffer, 0: header not read yet
        self._number = ""
        self._version = ""
        self._eof = False
        self._error: RemoteProtocolError | None = None

    @property
    def pending(self) -> bool:
        """Tell whether more than white space has arrived behind the last frame."""
        if self._length == 0:
            self._skip_white()
        return bool(self._buffer)

    def receive_data(self, data: bytes) -> None:
        """Take the next bytes of the stream. After an error they are dropped.

        Raises LocalProtocolError after `receive_eof`.
        """
        if self._eof:
            raise LocalProtocolError("data after the end of the stream")
        if self._error is None:
            self._buffer += data

    def receive_eof(self) -> None:
        """Take the end of the stream."""
        self._eof = True

    def next_event(self) -> RawFrame | Literal[Signal.NEED_DATA, Signal.EOF]:
        """Return the next frame, NEED_DATA, or EOF when the stream ended between frames.

        Raises RemoteProtocolError: the header is wrong, or the stream ends inside a frame.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next_event()
        except RemoteProtocolError as error:
            self._error = error
            self._buffer.clear()
            raise

    def _next_event(self) -> RawFrame | Literal[Signal.NEED_DATA, Signal.EOF]:
        buffer = self._buffer
        if self._length == 0:
            if not self._skip_white():
                return EOF if self._eof else NEED_DATA
            if not self._read_header():
                return NEED_DATA
        length = self._length
        if len(buffer) < length:
            if self._eof:
                raise RemoteProtocolError(Rule.TRUNCATED, received=len(buffer), number=self._number)
            return NEED_DATA
        with memoryview(buffer) as view:
            payload = bytes(view[HEADER_BYTES:length])
        del buffer[:length]
        self._length = 0
        return RawFrame(self._number, self._version, payload)

    def _skip_white(self) -> bool:
        """Drop white space at the start of the buffer; tell whether anything else is there."""
        buffer = self._buffer
        if buffer and buffer[0] > 0x20:
            return True
        rest = len(buffer.lstrip(_WHITE))
        white = bytes(buffer[: len(buffer) - rest])
        blanks = len(white) - len(white.rstrip(b" "))
        # Only a run of blanks that reaches the buffer's end continues in the next piece.
        self._spaces = min(8, blanks + (self._spaces if blanks == len(white) else 0))
        del buffer[: len(white)]
        return rest > 0

    def _read_header(self) -> bool:
        """Read and check the header; tell whether it is complete."""
        buffer = self._buffer
        usual = _USUAL_HEADER.match(buffer)
        if usual is not None:
            length = int(usual[1])
            if MIN_FRAME_BYTES <= length <= self._limit:
                self._length = length
                self._version, self._number = usual[2].decode("ascii"), usual[3].decode("ascii")
                self._spaces = 0
                return True
        if not self._place_header():
            if self._eof:
                raise RemoteProtocolError(Rule.TRUNCATED, received=len(buffer))
            return False
        field = _LENGTH_LEFT.fullmatch(bytes(buffer[:8]).lstrip(b" "))
        declared = int(field[1]) if field else None
        named = buffer[8:16] == _APPLICATION
        complete = len(buffer) >= HEADER_BYTES
        # With both wrong this is no header at all, and there is no number to name.
        foreign = declared is None and not _APPLICATION.startswith(buffer[8:16])
        if not complete and not self._eof and not foreign:
            return False
        number = bytes(buffer[19:23]).decode("latin-1") if complete and not foreign else None
        self._check_length(declared, number)
        if not named and len(buffer) >= 16:
            raise RemoteProtocolError(Rule.APPLICATION, number=number)
        if number is None or declared is None:
            raise RemoteProtocolError(Rule.TRUNCATED, received=len(buffer))
        if not _VERSION.fullmatch(buffer, 16, 19):
            raise RemoteProtocolError(Rule.HEADER_VERSION, number=number)
        if not _NUMBER.fullmatch(buffer, 19, 23):
            raise RemoteProtocolError(Rule.HEADER_NUMBER)
        self._length = declared
        self._number = number
        self._version = bytes(buffer[16:19]).decode("ascii")
        return True

    def _check_length(self, declared: int | None, number: str | None) -> None:
        if declared is None:
            raise RemoteProtocolError(Rule.LENGTH_DIGITS, number=number)
        if declared > self._limit:
            raise RemoteProtocolError(
                Rule.LENGTH_TOO_LONG, declared=declared, limit=self._limit, number=number
            )
        if declared < MIN_FRAME_BYTES:
            raise RemoteProtocolError(
                Rule.LENGTH_TOO_SHORT, declared=declared, limit=MIN_FRAME_BYTES, number=number
            )

    def _place_header(self) -> bool:
        """Give back the blanks that belong to a right-justified length field.

        White space before a frame was skipped; digits that are followed by the application's name
        are right-justified, and the blanks before them were their padding. Tells whether the
        length field is complete.
        """
        buffer = self._buffer
        digits = 0
        while digits < min(8, len(buffer)) and 0x30 <= buffer[digits] <= 0x39:
            digits += 1
        if digits == len(buffer) and digits < 8:
            return False
        if 0 < digits < 8 <= digits + self._spaces and buffer[digits] != 0x20:
            buffer[:0] = b" " * (8 - digits)
        self._spaces = 0
        return len(buffer) >= 8


def split_mac(payload: bytes, width: int) -> tuple[bytes, bytes]:
    """Return (body, MAC field) of a frame from a node whose MAC field has `width` bytes.

    The body is exactly what the MAC covers, white space behind the document included. What stands
    in the MAC field is not looked at here. Raises RemoteProtocolError when the body does not end
    with the document: another width, or something glued to it.
    """
    body = payload[:-width]
    if body.endswith(_CLOSING) or body.rstrip(_WHITE).endswith(_CLOSING):
        return body, payload[-width:]
    raise RemoteProtocolError(Rule.BODY_END)


def probe_mac_width(payload: bytes) -> int | None:
    """Return 64 or 128, whichever MAC field leaves a document before it, else None.

    Good enough to open the envelope and find the node; the node's own width then decides. Where
    both fit it is always 64, the longer body, so that nothing which a MAC of 64 covers can stay
    unseen by the parser: it refuses whatever stands behind the root. A node of width 128 whose
    frame was probed as 64 has its shorter body opened again.
    """
    for width in MAC_WIDTHS:
        body = payload[:-width]
        if body.endswith(_CLOSING) or body.rstrip(_WHITE).endswith(_CLOSING):
            return width
    return None


def encode_frame(
    number: str, body: bytes, mac: str, *, width: int, version: str = VERSION
) -> bytes:
    """Return the frame as one bytes object, to be sent with one write.

    mac: hexadecimal digits, at most `width` (64 or 128); empty for a MAC field of blanks.
    Raises LocalProtocolError.
    """
    if width not in MAC_WIDTHS or len(mac) > width or not _MAC.fullmatch(mac):
        raise LocalProtocolError(f"is not hexadecimal for a field of 64 or 128: {width}", tag="MAC")
    if not _NUMBER_TEXT.fullmatch(number):
        raise LocalProtocolError("message number is not four digits", tag="MsgNo")
    if len(version) != 3 or not version.isascii():
        raise LocalProtocolError("version is not three characters", tag="VER")
    if not body.endswith(_CLOSING):
        raise LocalProtocolError("the body does not end with </CFX>")
    length = HEADER_BYTES + len(body) + width
    if length > MAX_FRAME_BYTES:
        raise LocalProtocolError(f"the frame of {length} bytes is above {MAX_FRAME_BYTES}")
    header = f"{length:<8}{APPLICATION}{version}{number}"
    return b"%b%b%b" % (header.encode("ascii"), body, mac.ljust(width).encode("ascii"))
