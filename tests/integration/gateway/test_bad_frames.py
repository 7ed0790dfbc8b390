"""Bytes that are no frame, documents that cannot be read, peers that are slow or gone.

Sent over real sockets to `nontax serve` (wire, sections 1, 2 and 4). Every case gets the answer
that the specification names, or a clean end of the connection; the fixture `line` sees that nothing
is left in the books.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import pytest

from nontax.mac import verify
from nontax.messages import Result
from nontax.simulators.forge import (
    DECLARATION,
    QUERY,
    GeneralAnswer,
    RawLine,
    document,
    frame,
    head,
    read_answers,
)
from nontax.simulators.identity import Identity

pytestmark = pytest.mark.asyncio(loop_scope="module")

BANK = "D3206820105"


def assert_unreadable(answer: GeneralAnswer, number: str = "2601") -> None:
    """Wire, section 7: 10002, DES UNKNOWN, OriMsgNo from the header or 0000, blank MAC."""
    assert answer.voucher.Result == Result.BAD_PARAMETER
    assert answer.voucher.OriMsgNo == number
    assert answer.head.des == "UNKNOWN"
    assert answer.voucher.Information
    assert answer.blank
    assert len(answer.mac) == 64


def assert_refused(answer: GeneralAnswer, who: Identity, result: Result, *named: str) -> None:
    """An answer to an authenticated peer: sealed, addressed, naming the tag."""
    assert answer.voucher.Result == result, answer.voucher
    assert answer.head.des == who.code
    assert len(answer.mac) == who.width
    token = who.token.expose().encode()
    assert verify(who.algorithm, who.width, token, answer.body, answer.mac)
    for tag in named:
        assert tag in answer.voucher.Information, answer.voucher


# -- bytes that are no frame ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda f: b"ABCDEFGH" + f[8:], "2601"),
        (lambda f: b"-100    " + f[8:], "2601"),
        (lambda f: b"00000010" + f[8:], "2601"),
        (lambda f: b"2000001 " + f[8:23], "2601"),
        (lambda f: b"99999999" + f[8:23], "2601"),
        (lambda f: f[:8] + b"CNNONTAZ" + f[16:], "2601"),
        (lambda f: f[:16] + b"\x00.0" + f[19:], "2601"),
        (lambda f: f[:19] + b"26O1" + f[23:], "0000"),
        (lambda _: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "0000"),
        (lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), "0000"),
        (lambda _: bytes(64), "0000"),
        (lambda f: f[:-64].replace(b"</CFX>", b"</CFY>") + f[-64:], "2601"),
    ],
)
async def test_no_frame(line: RawLine, change: Callable[[bytes], bytes], number: str) -> None:
    assert_unreadable(await line.one(change(frame(line.identity(BANK)))), number)


@pytest.mark.parametrize("cut", [1, 8, 16, 22, 23, 24, 300, -1])
async def test_a_frame_that_ends_early(line: RawLine, cut: int) -> None:
    data = frame(line.identity(BANK))[:cut]
    answer = await line.one(data, eof=True)
    assert_unreadable(answer, "2601" if len(data) >= 23 else "0000")


async def test_a_length_that_is_too_large_by_one(line: RawLine) -> None:
    data = frame(line.identity(BANK))
    answer = await line.one(b"%-8d" % (len(data) + 1) + data[8:], eof=True)
    assert_unreadable(answer)


async def test_a_length_that_is_too_small_by_one(line: RawLine) -> None:
    """The document does not end where the MAC begins; what is left over is no frame either."""
    data = frame(line.identity(BANK))
    answers = read_answers(await line.send(b"%-8d" % (len(data) - 1) + data[8:]))
    assert_unreadable(answers[0])


# -- documents that are none ---------------------------------------------------------------

_ENTITY = '<!DOCTYPE CFX [<!ENTITY x "lol">]>'
_LAUGHS = "<!DOCTYPE CFX [" + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(9)
) + "]>"  # fmt: skip
_OUTSIDE = '<!DOCTYPE CFX SYSTEM "file:///etc/passwd">'
_GBK = DECLARATION


@pytest.mark.parametrize("prolog", [
    _GBK + _ENTITY,
    _GBK + _LAUGHS,
    _GBK + _OUTSIDE,
    _GBK + '<?xml-stylesheet href="x"?>',
    _GBK + "<!-- a comment -->",
    "<?php x?>",
    '<?xml version="1.0" encoding="Big5"?>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<?xml version="1.0" encoding="UTF-7"?>',
    " " + _GBK,
    _GBK + "x",
    _GBK + "<a/>",
])  # fmt: skip
async def test_a_prolog_that_is_not_allowed(line: RawLine, prolog: str) -> None:
    who = line.identity(BANK)
    body = document(head(who), QUERY.encode(), prolog=prolog)
    assert_unreadable(await line.one(who.sealed("2601", body)))


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.replace(b"</HEAD>", b"</HEAD"),
        lambda b: b.replace(b"</MSG>", b""),
        lambda b: b.replace(b"<MSG>", b"<MSG a=1>"),
        lambda b: b.replace(b"<MSG>", b"<MSG>&x;"),
        lambda b: b.replace(b"<MSG>", b"<MSG>&#0;"),
        lambda b: b.replace(b"<MSG>", b"<MSG><![CDATA["),
        lambda b: b.replace(b"<Reserve/>", b"<Reserve>\xff\xff</Reserve>"),
        lambda b: b.replace(b"<Reserve/>", b"<Reserve>\x01</Reserve>"),
        lambda b: b.replace(b"<Reserve/>", b"<!-- x --><Reserve/>"),
        lambda b: b.replace(b"<Reserve/>", b"<?x y?><Reserve/>"),
        lambda b: b.replace(b"<Reserve/>", b"<a>" * 5000 + b"</a>" * 5000),
        lambda b: b.replace(b"<Reserve/>", b"<a/>" * 200_000),
        lambda b: b.replace(b"CFX>", b"CFY>").replace(b"</CFY>", b"</CFY><CFX></CFX>"),
        lambda b: b.replace(b"<CFX>", b"<X><CFX>").replace(b"</CFX>", b"</CFX></X></CFX>"),
        lambda b: b + b"<CFX></CFX>",
        lambda b: b + b"garbage</CFX>",
        lambda b: b + b"\x00</CFX>",
        lambda b: b"\xff\xfe" + b.decode().encode("utf-16-le") + b"</CFX>",
        lambda b: b.replace(b"HEAD>", b"KOPF>"),
    ],
)
async def test_a_document_that_cannot_be_read(
    line: RawLine, change: Callable[[bytes], bytes]
) -> None:
    who = line.identity(BANK)
    assert_unreadable(
        await line.one(who.sealed("2601", change(document(head(who), QUERY.encode()))))
    )


# -- slow, silent and impatient peers ------------------------------------------------------


async def test_a_silent_peer_is_left_without_an_answer(line: RawLine) -> None:
    assert await line.send(b"") == b""


async def test_a_peer_that_stops_in_the_middle(line: RawLine) -> None:
    """The time to the first whole frame is up: the connection ends, and nothing was done."""
    data = frame(line.identity(BANK))
    assert await line.send(data[:100]) == b""


async def test_a_peer_that_sends_one_byte_at_a_time(line: RawLine) -> None:
    who = line.identity(BANK)
    data = frame(who)
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*line.address)
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        answers = read_answers(await reader.read())
        writer.close()
        await writer.wait_closed()
    assert_refused(answers[0], who, Result.NO_SUCH_BILL)


async def test_a_peer_that_closes_its_side_still_gets_the_answer(line: RawLine) -> None:
    who = line.identity(BANK)
    answer = await line.one(frame(who), eof=True)
    assert_refused(answer, who, Result.NO_SUCH_BILL)
    assert answer.voucher.OriMsgNo == "2601"


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b" " * 1000])
async def test_a_peer_that_closes_without_a_frame(line: RawLine, data: bytes) -> None:
    assert await line.send(data, eof=True) == b""


@pytest.mark.parametrize("at", [0, 10, 100, -1])
async def test_a_peer_that_resets(line: RawLine, at: int) -> None:
    _, writer = await asyncio.open_connection(*line.address)
    writer.write(frame(line.identity(BANK))[:at])
    sock = writer.get_extra_info("socket")
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: reset at the end
    writer.transport.abort()


async def test_white_space_behind_a_frame_is_tolerated(line: RawLine) -> None:
    who = line.identity(BANK)
    for trailing in (b"\n", b"\r\n", b" \t\r\n"):
        assert_refused(await line.one(frame(who) + trailing), who, Result.NO_SUCH_BILL)


async def test_garbage_behind_a_frame_does_not_spoil_its_answer(line: RawLine) -> None:
    who = line.identity(BANK)
    first, *others = read_answers(await line.send(frame(who) + b"GARBAGE" * 10))
    assert_refused(first, who, Result.NO_SUCH_BILL)
    for answer in others:
        assert_unreadable(answer, "0000")
