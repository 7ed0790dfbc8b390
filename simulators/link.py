"""The counterparty's own sockets: one exchange as a caller, a listener that answers, both able to
misbehave as a script says. asyncio streams and the frame decoder, nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from ..codecs import (
    EOF,
    NEED_DATA,
    FrameDecoder,
    RawFrame,
    RemoteProtocolError,
)
from .identity import Reads
from .scenario import Behaviour, Script

_CHUNK: Final = 65536
_ONE_READ: Final = 4096


class Address(NamedTuple):
    """Host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """HOST:PORT. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Address(host.strip("[]"), int(port))


class NoAnswerError(Exception):
    """No answer that can be used. sent: the request had left, so the other side may have acted."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(reason)


Carry = Callable[[Address, bytes, Behaviour, float, Reads], Awaitable[RawFrame]]
"""Brings a frame to an address and the answer back; see `exchange`."""


async def exchange(
    address: Address,
    frame: bytes,
    behaviour: Behaviour,
    timeout_seconds: float,
    reads: Reads = "frame",
) -> RawFrame:
    """Connect, send one frame, read one frame as `reads` says, close. Raises NoAnswerError."""
    sent = False
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(*address)
            try:
                await _end_without_request(reader, writer, behaviour)
                sent = True
                for piece in behaviour.pieces(frame):
                    writer.write(piece)
                    await writer.drain()
                if behaviour.ending == "half-close":
                    writer.write_eof()
                answer = await _read_frame(reader, reads)
            finally:
                await _close(writer)
    except TimeoutError:
        raise NoAnswerError(f"no answer within {timeout_seconds:g} s", sent=sent) from None
    except OSError as error:
        raise NoAnswerError(f"{type(error).__name__}: {error.strerror}", sent=sent) from None
    except RemoteProtocolError as error:
        raise NoAnswerError(f"unreadable answer: {error}", sent=sent) from None
    if behaviour.lose_answer:
        raise NoAnswerError("the answer was lost, as the script says", sent=True)
    return answer


async def _end_without_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behaviour: Behaviour
) -> None:
    """Connect and send nothing, if that is what the behaviour says. Raises NoAnswerError then."""
    if behaviour.ending == "reset":
        _reset(writer)
        raise NoAnswerError("reset, as the script says", sent=False)
    if behaviour.ending == "drop":
        await _drain(reader)
    if behaviour.ending in ("close", "drop"):
        raise NoAnswerError("closed without a request, as the script says", sent=False)


async def _read_frame(reader: asyncio.StreamReader, reads: Reads = "frame") -> RawFrame:
    """The first frame of the stream. Raises RemoteProtocolError, and NoAnswerError at its end."""
    decoder = FrameDecoder()
    if reads != "frame":
        decoder.receive_data(await reader.read(_ONE_READ if reads == "once" else -1))
        decoder.receive_eof()
    while True:
        event = decoder.next_event()
        if isinstance(event, RawFrame):
            return event
        if event is EOF:
            raise NoAnswerError("closed without an answer", sent=True)
        data = await reader.read(_CHUNK)
        if data:
            decoder.receive_data(data)
        else:
            decoder.receive_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Make the close that follows a reset (RST) instead of an orderly end."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Reaction(NamedTuple):
    """What the listener does with a request: the bytes to send, and how. No bytes: close."""

    data: bytes
    behaviour: Behaviour


Respond = Callable[[RawFrame], Awaitable[Reaction]]
Refuse = Callable[[RemoteProtocolError], bytes]


class Listener:
    """A listening socket: short connections, one frame in, one frame out.

    `stop` ends everything that is still open; it may be started again on the same address.
    """

    def __init__(self, respond: Respond, refuse: Refuse, script: Script) -> None:
        self._respond = respond
        self._refuse = refuse
        self._script = script
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = Address("", 0)

    @property
    def listening(self) -> bool:
        """Whether connections are accepted now."""
        return self._server is not None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Begin to accept; port 0 takes a free one. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, host, port, backlog=512)
        name = self._server.sockets[0].getsockname()
        self.address = Address(str(name[0]), int(name[1]))
        return self.address

    async def stop(self) -> None:
        """Accept no more and end what is open."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports that were aborted close in the loop's next turn
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: streams complain when the one that they make is cancelled.
        task = asyncio.create_task(self._handle(reader, writer))
        self._tasks.add(task)

        def ended(_: object) -> None:  # also when it was cancelled before it began
            self._tasks.discard(task)
            writer.transport.abort()

        task.add_done_callback(ended)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # a caller that went away
            await self._serve(reader, writer)
            await _close(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            frame = await _read_frame(reader)
        except NoAnswerError:
            return
        except RemoteProtocolError as error:
            writer.write(self._refuse(error))
            await _finish(reader, writer)
            return
        data, behaviour = await self._respond(frame)
        if behaviour.late:
            await _drain(reader)
        await self._script.wait(behaviour)
        match behaviour.ending:
            case "drop":
                await _drain(reader)
            case "reset":
                _reset(writer)
            case "close":
                pass
            case "half-close":
                writer.write_eof()
                await _drain(reader)
            case _:
                for piece in behaviour.pieces(data):
                    writer.write(piece)
                    await writer.drain()
                await _finish(reader, writer)


async def _finish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End our side and read on to the other's end: unread bytes would make the close a reset."""
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await _drain(reader)


async def _drain(reader: asyncio.StreamReader) -> None:
    """Read and discard until the other side closes."""
    while await reader.read(_CHUNK):
        pass


__all__ = [
    "NEED_DATA",
    "Address",
    "Listener",
    "NoAnswerError",
    "Reaction",
    "exchange",
    "parse_address",
]
