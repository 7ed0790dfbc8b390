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
from .scenario import Behaviour, Script

_CHUNK: Final = 65536


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


async def exchange(
    address: Address, frame: bytes, behaviour: Behaviour, timeout_seconds: float
) -> RawFrame:
    """Connect, send one frame, read one frame, close. Raises NoAnswerError."""
    sent = False
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(*address)
            try:
                sent = True
                await _send(writer, frame, behaviour)
                if behaviour.ending == "half-close":
                    writer.write_eof()
                answer = await _read_frame(reader)
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


async def _send(writer: asyncio.StreamWriter, frame: bytes, behaviour: Behaviour) -> None:
    """Write the request in its pieces, or end the line as the behaviour says."""
    if behaviour.ending == "reset":
        _reset(writer)
        raise NoAnswerError("reset, as the script says", sent=False)
    if behaviour.ending in ("close", "drop"):
        raise NoAnswerError("closed without a request, as the script says", sent=False)
    for piece in behaviour.pieces(frame):
        writer.write(piece)
        await writer.drain()


async def _read_frame(reader: asyncio.StreamReader) -> RawFrame:
    """The first frame of the stream. Raises RemoteProtocolError, and NoAnswerError at its end."""
    decoder = FrameDecoder()
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
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server's callback runs in a task of its own
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            # A caller that went away; or `stop`, and streams complain about a cancelled callback.
            writer.transport.abort()
        finally:
            await _close(writer)
            self._tasks.discard(task)

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
