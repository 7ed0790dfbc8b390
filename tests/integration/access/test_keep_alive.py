"""How a connection goes on and ends (wire, section 1), with a real gateway behind it."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest
import pytest_asyncio

from nontax.simulators.identity import Identity
from nontax.simulators.process import GatewayProcess, Installation

from .conftest import (
    BANK,
    DEADLINE,
    OTHER,
    PLATFORM,
    UNIT,
    Line,
    change_token,
    events,
    frame,
    read_frame,
    request,
    take_apart,
)

QUERY = "<Voucher><PayCode>32068226000000000019</PayCode><PayMode>11</PayMode></Voucher>"


@pytest.fixture
async def gateway(site: Installation) -> AsyncIterator[GatewayProcess]:
    """D3206820105 keeps its connections, D3206820301 does not."""
    site.configure({"listen": {"handler_timeout_seconds": 0.4}}, {BANK: {"keep_alive": True}})
    async with GatewayProcess(site) as process:
        yield process


@pytest_asyncio.fixture
async def line(gateway: GatewayProcess) -> Line:
    return Line(gateway.address)


def results(data: bytes) -> list[str]:
    return [answer.result for answer in take_apart(data)]


# -- keeping -------------------------------------------------------------------------------


async def test_a_connection_carries_one_exchange_after_the_other(
    line: Line, site: Installation
) -> None:
    """Successes and refusals alike: only a failed authentication ends it."""
    who = site.identity(BANK)
    async with line.connected() as (reader, writer):
        for data, result in (
            (request(who), "00000"),
            (frame(who, QUERY, "2601"), "11001"),
            (request(who, ver="2.0"), "10003"),
            (request(who, des="F320699"), "10007"),
            (frame(who, "<Voucher>", "2002"), "10002"),
            (frame(who, QUERY, "2699"), "10002"),
            (request(who), "00000"),
        ):
            writer.write(data)
            answer = await read_frame(reader)
            assert (answer.result, answer.under(who, who.token)) == (result, True)
        writer.write_eof()
        assert await reader.read() == b""


@pytest.mark.parametrize("tail", [b"\n", b"\r\n", b" \r\n\t"])
async def test_white_space_between_frames_is_tolerated(
    line: Line, site: Installation, tail: bytes
) -> None:
    who = site.identity(BANK)
    async with line.connected() as (reader, writer):
        for _ in range(3):
            writer.write(request(who) + tail)
            assert (await read_frame(reader)).result == "00000"


async def test_frames_sent_together_are_answered_in_their_order(
    line: Line, site: Installation
) -> None:
    """Also when the first of them waits for the store and the others could overtake it."""
    who = site.identity(BANK)
    notice = "<Voucher><Subject>{}</Subject><Content>x</Content><Urgency>0</Urgency></Voucher>"
    sent = [
        data
        for number in range(5)
        for data in (frame(who, notice.format(number), "2000"), request(who))
    ]
    async with line.connected() as (reader, writer):
        writer.write(b"\r\n".join(sent))
        answers = [await read_frame(reader) for _ in sent]
    assert [(a.about, a.result) for a in answers] == [("2000", "00000"), ("2002", "00000")] * 5
    refs = [data.partition(b"<MsgRef>")[2].partition(b"<")[0].decode() for data in sent]
    assert [a.head.msg_ref for a in answers] == refs


async def test_nodes_may_share_a_kept_connection(line: Line, site: Installation) -> None:
    """Each frame is judged by its own sender; the connection is kept while a keeper spoke last."""
    keeper, other = site.identity(BANK), site.identity(OTHER)
    async with line.connected() as (reader, writer):
        writer.write(request(keeper))
        assert (await read_frame(reader)).under(keeper, keeper.token)
        writer.write(request(other))
        [answer] = take_apart(await reader.read())
        assert answer.under(other, other.token)


async def test_who_closes_its_side_behind_the_last_request_is_answered(
    line: Line, site: Installation
) -> None:
    who = site.identity(BANK)
    async with line.connected() as (reader, writer):
        writer.write(request(who) * 3)
        writer.write_eof()
        assert results(await reader.read()) == ["00000"] * 3


async def test_an_idle_connection_is_ended(site: Installation) -> None:
    site.configure({"listen": {"idle_timeout_seconds": 0.2}}, {BANK: {"keep_alive": True}})
    who = site.identity(BANK)
    async with (
        GatewayProcess(site) as gateway,
        Line(gateway.address).connected() as (reader, writer),
        asyncio.timeout(DEADLINE),
    ):
        writer.write(request(who))
        assert (await read_frame(reader)).result == "00000"
        assert await reader.read() == b""
        # Nobody was silent who owed a frame.
        assert await gateway.stop() == 0
        assert not events(gateway.log_file.read_text("utf-8"), "silent_peer")


async def test_half_a_frame_on_a_kept_connection_is_not_waited_for(site: Installation) -> None:
    site.configure({"listen": {"idle_timeout_seconds": 0.2}}, {BANK: {"keep_alive": True}})
    who = site.identity(BANK)
    async with (
        GatewayProcess(site) as gateway,
        Line(gateway.address).connected() as (reader, writer),
        asyncio.timeout(DEADLINE),
    ):
        writer.write(request(who) + request(who)[:50])
        assert (await read_frame(reader)).result == "00000"
        assert await reader.read() == b""
        assert await gateway.stop() == 0
        assert events(gateway.log_file.read_text("utf-8"), "silent_peer")


async def test_a_handler_over_its_time_ends_a_kept_connection_with_a_macked_answer(
    line: Line, site: Installation
) -> None:
    who = site.identity(BANK)
    with closing(sqlite3.connect(site.store_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with line.connected() as (reader, writer), asyncio.timeout(DEADLINE):
            writer.write(change_token(who, "N" * 32) + request(who))
            [answer] = take_apart(await reader.read())
        other.execute("ROLLBACK")
    assert (answer.result, answer.about) == ("10006", "2003")
    assert (answer.head.des, answer.under(who, who.token)) == (BANK, True)


# -- not keeping ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [OTHER, PLATFORM, UNIT])
async def test_without_keep_alive_the_answer_is_the_end(
    line: Line, site: Installation, code: str
) -> None:
    """`read` returns at EOF only: the gateway has ended its side without being asked to."""
    who = site.identity(code)
    async with line.connected() as (reader, writer):
        writer.write(request(who))
        assert results(await reader.read()) == ["00000"]
        writer.write(request(who))
        assert await reader.read() == b""


async def test_what_had_arrived_before_the_answer_is_still_answered(
    line: Line, site: Installation
) -> None:
    """A reader that took the rest away with a close would reset the connection."""
    who = site.identity(OTHER)
    async with line.connected() as (reader, writer):
        writer.write(request(who) * 3 + b"\r\n")
        assert results(await reader.read()) == ["00000"] * 3


async def test_the_answer_survives_what_the_peer_sends_behind_its_frame(
    line: Line, site: Installation
) -> None:
    """Observed: line ends that come when the answer is on its way. A plain close would reset."""
    who = site.identity(OTHER)
    for size in (1, 2, 1000, 60_000):
        answers = await asyncio.to_thread(_late_bytes, line, request(who), b"\n" * size)
        assert results(answers) == ["00000"]


def _late_bytes(line: Line, data: bytes, late: bytes) -> bytes:
    """Send a frame, wait for the first byte of the answer, send more, then read the rest."""
    with socket.create_connection(line.address, timeout=DEADLINE) as peer:
        peer.sendall(data)
        first = peer.recv(1)
        peer.sendall(late)
        found = [first]
        while piece := peer.recv(4096):
            found.append(piece)
        return b"".join(found)


async def test_the_answer_comes_in_one_piece(line: Line, site: Installation) -> None:
    """Observed: peers that read at most 4,096 bytes once and parse that."""
    who = site.identity(OTHER)
    for _ in range(20):
        data = await asyncio.to_thread(_one_read, line, request(who))
        assert results(data) == ["00000"]


def _one_read(line: Line, data: bytes) -> bytes:
    with socket.create_connection(line.address, timeout=DEADLINE) as peer:
        peer.sendall(data)
        return peer.recv(4096)


async def test_a_peer_that_never_closes_does_not_hold_a_connection(site: Installation) -> None:
    """After the answer at most `linger_seconds`; with one connection allowed it would show."""
    site.configure({"listen": {"linger_seconds": 0.1, "max_connections": 1}})
    who = site.identity(OTHER)
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address)
        with socket.create_connection(line.address, timeout=DEADLINE) as lazy:
            lazy.sendall(request(who))
            assert lazy.recv(4096)
            async with asyncio.timeout(DEADLINE):
                while (await line.ask(request(who))).result == "10006":
                    pass


async def test_a_peer_that_resets_is_noticed_and_harms_nobody(
    line: Line, site: Installation, gateway: GatewayProcess
) -> None:
    """Behind its request: what it asked for is done, and the log says that nobody heard of it."""
    who = site.identity(OTHER)
    with closing(sqlite3.connect(site.store_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with socket.create_connection(line.address, timeout=DEADLINE) as peer:
            peer.sendall(_notice(who))
            # It has been read when a later request is answered.
            assert await line.link_test(who) == "00000"
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await line.link_test(who) == "00000"
        other.execute("ROLLBACK")
    assert await line.link_test(who) == "00000"
    assert await gateway.stop() == 0
    log = gateway.log_file.read_text("utf-8")
    assert len(events(log, "connection_lost")) == 1
    assert not events(log, "internal_error")
    finished = await site.must("message", "list", "--number", "2000", "--json")
    assert len(finished.json()["messages"]) == 1


def _notice(who: Identity) -> bytes:
    return frame(
        who,
        "<Voucher><Subject>x</Subject><Content>y</Content><Urgency>0</Urgency></Voucher>",
        "2000",
    )


@asynccontextmanager
async def narrow(line: Line) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of a peer whose machine holds little that it has not read yet."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(line.address)
    reader, writer = await asyncio.open_connection(sock=peer, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def flood(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send for ever."""
    while True:
        writer.write(data)
        await writer.drain()


async def test_who_never_takes_its_answers_is_cut_off(site: Installation) -> None:
    """Answers that nobody reads do not pile up in memory: no more frames are read meanwhile."""
    site.configure({"listen": {"write_timeout_seconds": 0.3}}, {BANK: {"keep_alive": True}})
    who = site.identity(BANK)
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address)
        async with narrow(line) as (_, writer), asyncio.timeout(DEADLINE):
            with pytest.raises(ConnectionError):
                await flood(writer, request(who) * 200)
        assert await line.link_test(site.identity(OTHER)) == "00000"
        assert await gateway.stop() == 0
        assert len(events(gateway.log_file.read_text("utf-8"), "answers_not_taken")) == 1


async def test_who_takes_its_answers_late_gets_all_of_them(
    line: Line, site: Installation, gateway: GatewayProcess
) -> None:
    """Its writing stands still until it reads; then both go on."""
    who = site.identity(BANK)
    data, count = request(who), 3000
    async with narrow(line) as (reader, writer), asyncio.timeout(DEADLINE):
        writer.write(data * count)
        writer.write_eof()
        # The gateway serves others meanwhile.
        for _ in range(50):
            assert await line.link_test(site.identity(OTHER)) == "00000"
        for _ in range(count):
            assert (await read_frame(reader)).result == "00000"
        assert await reader.read() == b""
    assert await gateway.stop() == 0
    assert not events(gateway.log_file.read_text("utf-8"), "answers_not_taken")
