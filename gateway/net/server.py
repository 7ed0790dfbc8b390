"""The listening side: connections, their limits and their ends (spec: wire, section 1).

A connection reads frames with the sans-io decoder, hands each to the responder and writes the
answer. What a frame means is the responder's business; what a connection may cost is ours.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
import ssl
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from ...codecs import NEED_DATA, FrameDecoder, RawFrame, RemoteProtocolError
from .limits import ServerLimits


class Origin(NamedTuple):
    """Where a frame came from; the certificate is the client's, as hex of its SHA-256."""

    address: str
    tls: bool = False
    certificate_sha256: str = ""


class Reply(NamedTuple):
    """The answer's bytes, and whether the connection may carry another frame.

    last: it may not, whatever has arrived already: the sender is not known, or time was up.
    """

    data: bytes
    keep_alive: bool = False
    last: bool = False


class Responder(Protocol):
    """What the server needs to know about meaning."""

    def respond(self, frame: RawFrame, origin: Origin) -> Coroutine[Any, Any, Reply]:
        """Answer one frame. Must not raise; must not block the loop.

        Runs outside of any task until it first waits.
        """

    def refuse(self, error: RemoteProtocolError, origin: Origin) -> bytes:
        """Answer what could not be read as a frame."""

    def busy(self, origin: Origin, reason: str) -> bytes:
        """Answer a connection or frame that the limits turn away (result 10006)."""

    def connection_event(self, event: str, origin: Origin, **fields: object) -> None:
        """Log and count an end that is not an answer: a silent peer, a reset, a cut frame."""


Work = Coroutine[Any, Any, Reply]


class _State(enum.Enum):
    READING = "reading"
    ANSWERING = "answering"
    LINGERING = "lingering"
    CLOSED = "closed"


class Connection(asyncio.Protocol):
    """One TCP connection: reading → answering → (reading again | lingering) → closed."""

    __slots__ = (
        "_ahead",
        "_choked",
        "_decoder",
        "_discarded",
        "_paused",
        "_peer_eof",
        "_server",
        "_state",
        "_task",
        "_transport",
        "deadline",
        "frames",
        "origin",
    )

    def __init__(self, server: FrameServer) -> None:
        self._server = server
        self._decoder = FrameDecoder(server.limits.max_frame_bytes)
        self._state = _State.READING
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._ahead = 0
        self._discarded = 0
        self._paused = False
        self._choked = False
        self._peer_eof = False
        self.deadline = 0.0
        self.frames = 0
        self.origin = Origin("")

    # -- asyncio.Protocol -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio.Transport in all but the base class.
        self._transport = cast("asyncio.Transport", transport)
        self.origin = _origin(self._transport)
        server = self._server
        crowd = len(server.connections)
        server.connections.add(self)
        self.deadline = server.loop.time() + server.limits.first_frame_timeout_seconds
        if crowd < server.limits.max_connections and not server.closing:
            return
        server.responder.connection_event("connection_refused", self.origin, connections=crowd)
        if crowd >= server.limits.hard_connections:
            self._abort()
        else:
            self._finish(server.responder.busy(self.origin, "too many connections"))

    def data_received(self, data: bytes) -> None:
        if self._state is _State.READING:
            self._decoder.receive_data(data)
            if not self._choked:
                self._next_frame()
        elif self._state is _State.ANSWERING:
            self._decoder.receive_data(data)
            self._ahead += len(data)
            if self._ahead > self._server.limits.read_ahead_bytes and not self._paused:
                self._paused = True
                self._transport.pause_reading()
        elif self._state is _State.LINGERING:
            self._discarded += len(data)
            if self._discarded > self._server.limits.linger_bytes:
                self._close()

    def eof_received(self) -> bool:
        self._peer_eof = True
        if self._state is _State.READING:
            self._decoder.receive_eof()
            if not self._choked:
                self._next_frame()
        elif self._state is _State.LINGERING:
            self._close()
        # The peer may have closed only its writing side and still wait for the answer.
        return self._state is not _State.CLOSED and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The peer does not take its answers: until it does, it gets no more of them."""
        if self._state in {_State.READING, _State.ANSWERING}:
            self._choked = True
            self._transport.pause_reading()
            if self._state is _State.READING:
                limits = self._server.limits
                self.deadline = self._server.loop.time() + limits.write_timeout_seconds

    def resume_writing(self) -> None:
        if self._choked:
            self._choked = False
            self.deadline = self._server.loop.time() + self._server.limits.idle_timeout_seconds
            if not self._transport.is_closing():
                self._transport.resume_reading()
                self._server.loop.call_soon(self._resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._state is _State.ANSWERING and not self._peer_eof:
            self._server.responder.connection_event("connection_lost", self.origin)
        self._state = _State.CLOSED
        self._server.forget(self)

    # -- frames ---------------------------------------------------------------------------

    def _next_frame(self) -> None:
        """Take the next frame from the decoder, or wait, or end."""
        try:
            event = self._decoder.next_event()
        except RemoteProtocolError as error:
            self._finish(self._server.responder.refuse(error, self.origin))
            return
        if isinstance(event, RawFrame):
            self._answer(event)
        elif event is not NEED_DATA:
            self._close()

    def _answer(self, frame: RawFrame) -> None:
        self._state = _State.ANSWERING
        self._ahead = 0
        self.frames += 1
        server = self._server
        self.deadline = server.loop.time() + server.limits.handler_timeout_seconds
        # Most exchanges never wait: they are stepped here, without the cost of a task.
        work = server.responder.respond(frame, self.origin)
        try:
            waiting = work.send(None)
        except StopIteration as done:
            self._replied(done.value)
        else:
            self._task = server.loop.create_task(self._exchange(work, waiting))

    async def _exchange(self, work: Work, waiting: object) -> None:
        try:
            reply = await _resume(work, waiting)
        except asyncio.CancelledError:
            if self._state is not _State.ANSWERING:
                raise
            reply = Reply(self._server.responder.busy(self.origin, "handler timeout"), last=True)
        self._task = None
        self._replied(reply)

    def _replied(self, reply: Reply) -> None:
        """Write the answer; then another frame, or the end that loses nothing."""
        if self._state is not _State.ANSWERING:
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        # Bytes that came before the answer are served; without keep_alive nothing else is.
        more = self._decoder.pending
        goes_on = more or (reply.keep_alive and not self._peer_eof)
        if reply.last or self._server.closing or not goes_on:
            self._finish(reply.data)
            return
        self._transport.write(reply.data)
        self._state = _State.READING
        limits = self._server.limits
        wait = limits.write_timeout_seconds if self._choked else limits.idle_timeout_seconds
        self.deadline = self._server.loop.time() + wait
        if more and not self._choked:
            self._server.loop.call_soon(self._resume_reading)

    def _resume_reading(self) -> None:
        if self._state is _State.READING and not self._choked:
            self._next_frame()

    # -- ends -----------------------------------------------------------------------------

    def _finish(self, data: bytes) -> None:
        """Write the last answer, close our side, and read on until the peer has closed its own.

        A plain close with unread bytes resets the connection, and the peer loses the answer.
        """
        transport = self._transport
        if transport.is_closing():
            self._state = _State.CLOSED
            return
        self._state = _State.LINGERING
        self.deadline = self._server.loop.time() + self._server.limits.linger_seconds
        transport.write(data)
        if transport.can_write_eof() and not self._peer_eof:
            transport.write_eof()
        else:
            self._close()

    def _close(self) -> None:
        self._state = _State.CLOSED
        self._transport.close()

    def _abort(self) -> None:
        self._state = _State.CLOSED
        self._transport.abort()

    def expire(self, now: float) -> None:
        """Called when `deadline` has passed: end what waited too long, with the fitting answer."""
        limits = self._server.limits
        if self._state is _State.ANSWERING and self._task is not None:
            # What the handler began may still become durable; the peer asks again and gets it.
            # A responder that knows the peer answers for itself when it is cancelled.
            self.deadline = now + limits.handler_timeout_seconds
            self._server.responder.connection_event("handler_timeout", self.origin)
            self._task.cancel()
        elif self._choked:
            self._server.responder.connection_event("answers_not_taken", self.origin)
            self._abort()
        elif self._state is _State.READING:
            if self.frames == 0 or self._decoder.pending:
                self._server.responder.connection_event("silent_peer", self.origin)
            self._close()
        elif self._transport.get_write_buffer_size() and (
            now < self.deadline - limits.linger_seconds + limits.write_timeout_seconds
        ):
            return
        else:
            self._abort()

    def drain(self) -> None:
        """The server is closing: a connection that has sent nothing is ended at once."""
        if self._state is _State.READING and not self._decoder.pending:
            self._close()

    def kill(self) -> None:
        """End now, whatever is under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._abort()


class FrameServer:
    """Listens, counts and limits connections, and drains them at the end.

    `start` binds (or takes a listening socket), `close` stops accepting and waits at most
    `grace_seconds` for what is under way; both may be called once.
    """

    def __init__(self, responder: Responder, limits: ServerLimits) -> None:
        self.responder = responder
        self.limits = limits
        self.connections: set[Connection] = set()
        self.closing = False
        self.loop: asyncio.AbstractEventLoop
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._address = ("", 0)
        self._empty: asyncio.Event

    async def start(
        self,
        *,
        host: str = "",
        port: int = 0,
        sock: Any = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Begin to accept on HOST:PORT or on an already listening socket. Raises OSError."""
        self.loop = asyncio.get_running_loop()
        self._empty = asyncio.Event()
        where: dict[str, Any] = {"sock": sock} if sock else {"host": host, "port": port}
        if tls is not None:
            where |= {"ssl": tls, "ssl_handshake_timeout": self.limits.first_frame_timeout_seconds}
        self._server = await self.loop.create_server(
            lambda: Connection(self), backlog=1024, **where
        )
        name = self._server.sockets[0].getsockname()
        self._address = (str(name[0]), int(name[1]))
        self._sweeper = self.loop.call_later(self.limits.tick_seconds, self._sweep)

    @property
    def address(self) -> tuple[str, int]:
        """Host and real port of the first listening socket, also after `close`."""
        return self._address

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if self.closing and not self.connections:
            self._empty.set()

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [c for c in self.connections if c.deadline <= now]:
            connection.expire(now)
        self._sweeper = self.loop.call_later(self.limits.tick_seconds, self._sweep)

    async def close(self, grace_seconds: float) -> int:
        """Stop accepting, let what is under way finish; return how many had to be cut off."""
        self.closing = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.drain()
        cut = 0
        if self.connections:
            try:
                await asyncio.wait_for(self._empty.wait(), grace_seconds)
            except TimeoutError:
                cut = len(self.connections)
                for connection in list(self.connections):
                    connection.kill()
        if self._sweeper is not None:
            self._sweeper.cancel()
        return cut


@types.coroutine
def _resume(work: Work, waiting: object) -> Generator[Any, Any, Reply]:
    """Go on with a coroutine that was stepped to its first wait, inside a task."""
    while True:
        try:
            value = yield waiting
        except BaseException as error:  # noqa: BLE001 - handed on, cancellation too
            step = partial(work.throw, error)
        else:
            step = partial(work.send, value)
        try:
            waiting = step()
        except StopIteration as done:
            reply: Reply = done.value
            return reply


def _origin(transport: asyncio.Transport) -> Origin:
    name = transport.get_extra_info("peername")
    address = str(name[0]) if name else ""
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return Origin(address)
    certificate = tls.getpeercert(binary_form=True)
    digest = hashlib.sha256(certificate).hexdigest() if certificate else ""
    return Origin(address, tls=True, certificate_sha256=digest)


def run_in_loop(coroutine: Coroutine[object, object, None]) -> None:
    """Run a coroutine on uvloop where it exists, else on asyncio's own loop."""
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)
