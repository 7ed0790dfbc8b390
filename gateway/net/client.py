"""The calling side: one short connection, one frame out, one frame back (spec: wire, section 1).

The outcome says whether the peer can have seen the message: what never left may be sent again by
anyone, what left without an answer must be asked about under the same number.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from ...codecs import NEED_DATA, FrameDecoder, RawFrame, RemoteProtocolError

_READ_BYTES = 65536


class Delivery(StrEnum):
    """How far one exchange came."""

    NEVER_SENT = "never sent"  # no connection: the peer cannot have seen it
    NO_ANSWER = "no answer"  # bytes left, nothing usable came back: the peer may have acted
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one exchange; `frame` is set when it was answered, else `error` says why not."""

    delivery: Delivery
    frame: RawFrame | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Seconds and bytes that one call may take."""

    connect_timeout_seconds: float = 5.0
    answer_timeout_seconds: float = 30.0
    max_frame_bytes: int = 16 * 1024 * 1024


async def call(
    host: str,
    port: int,
    frame: bytes,
    *,
    limits: CallLimits,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    before_sending: Callable[[], Awaitable[None]] | None = None,
) -> Outcome:
    """Send FRAME to HOST:PORT with one write and read one frame.

    `server_name` is the name in the peer's certificate where it is not HOST.
    `before_sending` is awaited when the connection stands and nothing has left yet: the place to
    write down, durably, that the peer may see the message from now on. Raises only what it raises,
    and on cancellation. White space behind the answer is tolerated; anything else is not read.
    """
    try:
        async with asyncio.timeout(limits.connect_timeout_seconds):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=tls, server_hostname=server_name if tls else None
            )
    except TimeoutError:
        return Outcome(Delivery.NEVER_SENT, error="connecting took too long")
    except OSError as error:
        return Outcome(Delivery.NEVER_SENT, error=_short(error))
    try:
        if before_sending is not None:
            await before_sending()
        writer.write(frame)
        async with asyncio.timeout(limits.answer_timeout_seconds):
            await writer.drain()
            return await _read_answer(reader, limits.max_frame_bytes)
    except TimeoutError:
        return Outcome(Delivery.NO_ANSWER, error="no answer in time")
    except OSError as error:
        return Outcome(Delivery.NO_ANSWER, error=_short(error))
    finally:
        # Waiting for the close would let a peer that never closes hold us; TLS waits for a goodbye.
        if tls is None:
            writer.close()
        else:
            writer.transport.abort()


async def _read_answer(reader: asyncio.StreamReader, max_frame_bytes: int) -> Outcome:
    decoder = FrameDecoder(max_frame_bytes)
    while True:
        data = await reader.read(_READ_BYTES)
        try:
            if data:
                decoder.receive_data(data)
            else:
                decoder.receive_eof()
            event = decoder.next_event()
        except RemoteProtocolError as error:
            return Outcome(Delivery.NO_ANSWER, error=f"unreadable answer: {error}")
        if isinstance(event, RawFrame):
            return Outcome(Delivery.ANSWERED, event)
        if event is not NEED_DATA:
            return Outcome(Delivery.NO_ANSWER, error="the peer closed without an answer")


def _short(error: OSError) -> str:
    return error.strerror or type(error).__name__
