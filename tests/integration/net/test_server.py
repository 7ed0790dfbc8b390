"""The listening server over real sockets: limits, ends and draining, whatever a frame means."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from nontax.codecs import RawFrame, RemoteProtocolError, encode_frame
from nontax.gateway.net.limits import ServerLimits
from nontax.gateway.net.server import FrameServer, Origin, Reply

FRAME = encode_frame("2601", b"<CFX></CFX>", "", width=64)


class Recorder:
    """A responder that says what it saw; `hold` keeps answers back until it is set."""

    def __init__(self, *, keep_alive: bool = False) -> None:
        self.keep_alive = keep_alive
        self.events: list[str] = []
        self.happened = asyncio.Event()
        self.entered = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()
        self.cancelled = 0

    async def respond(self, frame: RawFrame, origin: Origin) -> Reply:
        assert origin.address == "127.0.0.1"
        self.entered.set()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Reply(b"answer to " + frame.number.encode() + b";", self.keep_alive)

    def refuse(self, error: RemoteProtocolError, origin: Origin) -> bytes:
        return b"refused"

    def busy(self, origin: Origin, reason: str) -> bytes:
        return b"busy: " + reason.encode()

    def connection_event(self, event: str, origin: Origin, **fields: object) -> None:
        self.events.append(event)
        self.happened.set()


@asynccontextmanager
async def serving(
    recorder: Recorder, limits: ServerLimits | None = None
) -> AsyncIterator[FrameServer]:
    server = FrameServer(recorder, limits or ServerLimits())
    await server.start(host="127.0.0.1", port=0)
    yield server
    recorder.hold.set()
    await server.close(5)
    assert not server.connections


async def connect(server: FrameServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*server.address)


async def end(writer: asyncio.StreamWriter) -> None:
    """Close, and wait until the socket is gone."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def exchange(server: FrameServer, data: bytes, *, half_close: bool = False) -> bytes:
    """Send, read to the end of the stream, close."""
    reader, writer = await connect(server)
    writer.write(data)
    if half_close:
        writer.write_eof()
    answer = await reader.read()
    await end(writer)
    return answer


async def write_on(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write for ever, as fast as it is taken."""
    while True:
        writer.write(data)
        await writer.drain()


async def test_one_frame_is_answered_and_our_side_is_closed() -> None:
    async with serving(Recorder()) as server:
        # read() returns only at EOF: a peer that waits for it gets it without closing first.
        assert await exchange(server, FRAME) == b"answer to 2601;"


async def test_a_peer_that_closes_its_writing_side_first_gets_its_answer() -> None:
    async with serving(Recorder()) as server:
        assert await exchange(server, FRAME, half_close=True) == b"answer to 2601;"


@pytest.mark.parametrize("tail", [b"\n", b"\r\n", b"  \r\n "])
async def test_white_space_behind_a_frame_is_tolerated(tail: bytes) -> None:
    async with serving(Recorder()) as server:
        assert await exchange(server, FRAME + tail) == b"answer to 2601;"


async def test_bytes_that_arrive_after_the_answer_do_not_reset_the_connection() -> None:
    async with serving(Recorder()) as server:
        reader, writer = await connect(server)
        writer.write(FRAME)
        answer = await reader.read()  # the server has ended its side and reads on
        writer.write(b"\n" * 4096)
        await writer.drain()
        await end(writer)
        assert answer == b"answer to 2601;"


async def test_frames_sent_together_are_all_answered_even_without_keep_alive() -> None:
    async with serving(Recorder()) as server:
        assert await exchange(server, FRAME + FRAME + b"\r\n" + FRAME) == b"answer to 2601;" * 3


async def test_without_keep_alive_nothing_that_comes_later_is_served() -> None:
    async with serving(Recorder()) as server:
        reader, writer = await connect(server)
        writer.write(FRAME)
        assert await reader.read() == b"answer to 2601;"
        writer.write(FRAME)
        assert await reader.read() == b""
        await end(writer)


async def test_keep_alive_waits_for_the_next_frame() -> None:
    async with serving(Recorder(keep_alive=True)) as server:
        reader, writer = await connect(server)
        for _ in range(3):
            writer.write(FRAME)
            assert await reader.readuntil(b";") == b"answer to 2601;"
        writer.write_eof()
        assert await reader.read() == b""
        await end(writer)


async def test_keep_alive_ends_after_the_idle_time() -> None:
    limits = ServerLimits(idle_timeout_seconds=0.05)
    async with serving(Recorder(keep_alive=True), limits) as server:
        reader, writer = await connect(server)
        writer.write(FRAME)
        assert await reader.read() == b"answer to 2601;"
        await end(writer)


async def test_what_is_no_frame_is_refused_once_and_ended() -> None:
    async with serving(Recorder()) as server:
        assert await exchange(server, b"GET / HTTP/1.1\r\n\r\n" + FRAME) == b"refused"


async def test_a_frame_that_is_cut_off_is_refused() -> None:
    async with serving(Recorder()) as server:
        assert await exchange(server, FRAME[:-10], half_close=True) == b"refused"


async def test_a_declared_length_over_the_limit_is_refused_before_its_bytes_come() -> None:
    async with serving(Recorder(), ServerLimits(max_frame_bytes=1000)) as server:
        assert await exchange(server, b"1001    CNNONTAX1.02601") == b"refused"


async def test_a_silent_peer_is_ended() -> None:
    recorder = Recorder()
    async with serving(recorder, ServerLimits(first_frame_timeout_seconds=0.05)) as server:
        assert await exchange(server, b"") == b""
        assert recorder.events == ["silent_peer"]


async def test_a_peer_that_trickles_a_frame_is_ended() -> None:
    recorder = Recorder()
    async with serving(recorder, ServerLimits(first_frame_timeout_seconds=0.05)) as server:
        assert await exchange(server, FRAME[:30]) == b""
        assert recorder.events == ["silent_peer"]


async def test_a_peer_that_never_closes_is_cut_off_after_the_linger_time() -> None:
    recorder = Recorder()
    async with serving(recorder, ServerLimits(linger_seconds=0.05)) as server:
        reader, writer = await connect(server)
        writer.write(FRAME)
        assert await reader.read() == b"answer to 2601;"
        connection = next(iter(server.connections))
        gone = asyncio.Event()
        original = server.forget

        def forget(which: object) -> None:
            original(connection)
            gone.set()

        server.forget = forget  # type: ignore[method-assign]  # observe, not replace
        await gone.wait()
        await end(writer)


async def test_lingering_reads_a_bounded_amount() -> None:
    limits = ServerLimits(linger_seconds=30, linger_bytes=1000)
    async with serving(Recorder(), limits) as server:
        reader, writer = await connect(server)
        writer.write(FRAME)
        assert await reader.read() == b"answer to 2601;"
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe, as the system has it
            await write_on(writer, b"x" * 1000)


async def test_a_handler_over_its_time_is_answered_busy() -> None:
    recorder = Recorder()
    recorder.hold.clear()
    async with serving(recorder, ServerLimits(handler_timeout_seconds=0.05)) as server:
        assert await exchange(server, FRAME) == b"busy: handler timeout"
        assert recorder.cancelled == 1
        assert recorder.events == ["handler_timeout"]


async def test_connections_over_the_limit_are_answered_busy() -> None:
    recorder = Recorder()
    recorder.hold.clear()
    async with serving(recorder, ServerLimits(max_connections=1)) as server:
        first = asyncio.create_task(exchange(server, FRAME))
        await recorder.entered.wait()
        assert await exchange(server, b"") == b"busy: too many connections"
        assert recorder.events == ["connection_refused"]
        recorder.hold.set()
        assert await first == b"answer to 2601;"


async def test_reading_pauses_behind_a_frame_that_is_being_answered() -> None:
    recorder = Recorder()
    recorder.hold.clear()
    async with serving(recorder, ServerLimits(read_ahead_bytes=1000)) as server:
        reader, writer = await connect(server)
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(FRAME)
        await recorder.entered.wait()
        with pytest.raises(TimeoutError):  # the kernel's buffers fill, then nothing more is taken
            await asyncio.wait_for(write_on(writer, b" " * 1_000_000), 0.3)
        recorder.hold.set()
        assert await reader.readuntil(b";") == b"answer to 2601;"
        writer.transport.abort()
        await end(writer)


async def test_close_lets_what_is_under_way_finish() -> None:
    recorder = Recorder()
    recorder.hold.clear()
    async with serving(recorder) as server:
        idle_reader, idle_writer = await connect(server)
        answering = asyncio.create_task(exchange(server, FRAME))
        await recorder.entered.wait()
        closing = asyncio.create_task(server.close(10))
        assert await idle_reader.read() == b""  # nothing was under way there
        await end(idle_writer)
        with pytest.raises(OSError):  # noqa: PT011 - refused: nobody listens any more
            await connect(server)
        recorder.hold.set()
        assert await answering == b"answer to 2601;"
        assert await closing == 0


async def test_close_cuts_off_what_takes_longer_than_the_grace() -> None:
    recorder = Recorder()
    recorder.hold.clear()
    server = FrameServer(recorder, ServerLimits())
    await server.start(host="127.0.0.1", port=0)
    reader, writer = await connect(server)
    writer.write(FRAME)
    await recorder.entered.wait()
    assert await server.close(0.05) == 1
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    await end(writer)
    assert recorder.cancelled == 1


async def test_a_peer_that_goes_away_while_it_is_answered_is_noticed() -> None:
    recorder = Recorder()
    recorder.hold.clear()
    async with serving(recorder) as server:
        _, writer = await connect(server)
        writer.write(FRAME)
        await recorder.entered.wait()
        # No time to linger: the close is a reset, which a half-close is not.
        connected = writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await end(writer)
        await recorder.happened.wait()
        assert recorder.events == ["connection_lost"]
