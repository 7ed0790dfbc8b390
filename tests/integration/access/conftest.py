"""Gateways for tests of who may talk, and how: in this process under a clock of the test, or real.

`Line` speaks as any node over real sockets and reads what comes back without trusting it.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs import (
    HEADER_BYTES,
    FrameDecoder,
    Head,
    RawFrame,
    encode_frame,
    open_envelope,
    parse_xml,
)
from nontax.gateway.app import Gateway, Surroundings
from nontax.gateway.clock import ManualClock
from nontax.gateway.net.server import Origin, Reply
from nontax.gateway.observe.log import Log
from nontax.gateway.store import open_store
from nontax.mac import Secret, verify
from nontax.messages import Voucher, spec_of
from nontax.messages.common import LinkTest
from nontax.simulators.books import count_rows
from nontax.simulators.identity import Identity
from nontax.simulators.link import Address
from nontax.simulators.process import Installation

FINANCE = "F320682"
BANK, OTHER, PLATFORM = "D3206820105", "D3206820301", "G000001"
CLEARING, UNIT = "Q3200000105", "K3206820002"
LINK_TEST = LinkTest(TestTime="20260302120000")
# 2026-03-02 09:30:00 +08:00
START_MS = 1_772_415_000_000
DEADLINE = 20.0
_CLOSING = b"</CFX>"


# -- answers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A frame as it came back, taken apart."""

    raw: bytes
    head: Head
    voucher: bytes
    body: bytes
    mac: bytes

    @property
    def number(self) -> str:
        return self.head.msg_no

    @property
    def blank(self) -> bool:
        """Whether the MAC field is all spaces."""
        return not self.mac.strip(b" ")

    def field(self, tag: str, charset: str = "GBK") -> str:
        """The text of a top-level field of the voucher; '' where there is none."""
        element = parse_xml(self.voucher, default_encoding=charset).find(tag)
        return "" if element is None else element.text or ""

    @property
    def result(self) -> str:
        return self.field("Result")

    @property
    def information(self) -> str:
        return self.field("Information")

    @property
    def about(self) -> str:
        return self.field("OriMsgNo")

    def under(self, who: Identity, token: Secret | str) -> bool:
        """Whether the MAC verifies under a token."""
        text = token if isinstance(token, str) else token.expose()
        return verify(who.algorithm, who.width, text.encode(), self.body, self.mac)

    def stripped(self) -> bytes:
        """The frame without what may differ between answers: ids, the peer's code, the width."""
        frame = self.body
        for tag, text in (
            ("MsgID", self.head.msg_id),
            ("MsgRef", self.head.msg_ref),
            ("DES", self.head.des),
        ):
            assert f"<{tag}>{text}</{tag}>".encode() in frame
            frame = frame.replace(f"<{tag}>{text}<".encode(), b"<*<")
        frame = frame.replace(f'VoucherNo="{self.head.msg_id}"'.encode(), b"*")
        return self.raw[8:HEADER_BYTES] + frame + self.mac.strip(b" ")


def take_apart(data: bytes) -> list[Answer]:
    """All frames of a stream; nothing else may stand in it."""
    decoder = FrameDecoder()
    decoder.receive_data(data)
    decoder.receive_eof()
    answers: list[Answer] = []
    at = 0
    while isinstance(frame := decoder.next_event(), RawFrame):
        # Not by the width of the MAC field: a blank one of 128 could be one of 64 as well.
        end = frame.payload.rindex(_CLOSING) + len(_CLOSING)
        raw = data[at : at + HEADER_BYTES + len(frame.payload)]
        at += len(raw)
        envelope = open_envelope(frame.payload[:end])
        assert envelope.head.msg_no == frame.number
        assert envelope.head.src == FINANCE
        voucher = envelope.vouchers[0].decode()
        answers.append(
            Answer(raw, envelope.head, voucher, frame.payload[:end], frame.payload[end:])
        )
    assert at == len(data)
    return answers


# -- requests ------------------------------------------------------------------------------


def request(who: Identity, message: Voucher = LINK_TEST, **head: str) -> bytes:
    """The frame of a message; `head` changes fields of HEAD, the frame's number stays."""
    number = spec_of(message).number
    return frame(who, message.write(), number, **head)


def frame(who: Identity, voucher: str, number: str, **head: str) -> bytes:
    """The frame of a voucher that may be anything."""
    document = who.document(who.head(number, FINANCE)._replace(**head), voucher)
    return who.sealed(number, document)


def plain_document(head: Mapping[str, str], inside: str) -> bytes:
    """A CFX document whose HEAD has exactly these children, in this order."""
    fields = "".join(f"<{tag}>{text}</{tag}>" for tag, text in head.items())
    return f'<?xml version="1.0" encoding="GBK"?><CFX><HEAD>{fields}</HEAD>{inside}</CFX>'.encode()


def head_fields(who: Identity, number: str = "2002") -> dict[str, str]:
    """HEAD of a good request by its tags."""
    head = who.head(number, FINANCE)
    return {
        "APP": head.app, "VER": head.ver, "SRC": head.src, "DES": head.des, "MsgNo": head.msg_no,
        "MsgID": head.msg_id, "MsgRef": head.msg_ref, "WorkDate": head.work_date, "Reserve": "",
    }  # fmt: skip


def one_voucher(message: Voucher = LINK_TEST, charset: str = "GBK") -> str:
    """MSG with one voucher, without the four attributes."""
    text = base64.b64encode(message.write().encode(charset)).decode()
    return (
        "<MSG><MOF><VoucherCount>1</VoucherCount>"
        f"<VoucherBody><Voucher>{text}</Voucher></VoucherBody></MOF></MSG>"
    )


def change_token(who: Identity, new: str) -> bytes:
    """2003 with the token as it is written (encrypt it first where that is needed)."""
    return frame(who, f"<Voucher><Token>{new}</Token></Voucher>", "2003")


def signed(who: Identity, body: bytes, number: str = "2002") -> bytes:
    """A frame around any bytes that end like a document."""
    mac = who.algorithm.compute(who.token.expose().encode(), body)
    return encode_frame(number, body, mac, width=who.width)


# -- talking -------------------------------------------------------------------------------


@dataclass
class Line:
    """An address to talk to; `local` is the address that we come from."""

    address: Address
    local: str = ""
    tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection of our own, closed at the end. Raises OSError."""
        reader, writer = await asyncio.open_connection(
            *self.address,
            local_addr=(self.local, 0) if self.local else None,
            ssl=self.tls,
            server_hostname="localhost" if self.tls else None,
        )
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def send(self, data: bytes) -> bytes:
        """Send, and read to the end of the stream."""
        async with asyncio.timeout(DEADLINE), self.connected() as (reader, writer):
            writer.write(data)
            return await reader.read()

    async def ask(self, data: bytes) -> Answer:
        """Send a frame; exactly one comes back, and the end of the stream."""
        [answer] = take_apart(await self.send(data))
        return answer

    async def link_test(self, who: Identity) -> str:
        """The result of a link test, '' when the answer is not MACed as the request was."""
        answer = await self.ask(request(who))
        return answer.result if answer.under(who, who.token) else ""


async def read_frame(reader: asyncio.StreamReader) -> Answer:
    """The next frame of a connection that stays open."""
    async with asyncio.timeout(DEADLINE):
        header = await reader.readexactly(HEADER_BYTES)
        rest = await reader.readexactly(int(header[:8]) - HEADER_BYTES)
    [answer] = take_apart(header + rest)
    return answer


# -- gateways ------------------------------------------------------------------------------


@dataclass
class Inside:
    """A gateway in this process: real sockets and a real store, time as the test says."""

    gateway: Gateway
    installation: Installation
    clock: ManualClock
    stream: io.StringIO

    @property
    def line(self) -> Line:
        return Line(Address(*self.gateway.server.address))

    def identity(self, code: str = BANK) -> Identity:
        return self.installation.identity(code)

    async def judge(self, data: bytes, origin: Origin) -> Answer:
        """Answer a frame as if it had come from another place than a socket of this machine."""
        decoder = FrameDecoder()
        decoder.receive_data(data)
        raw = decoder.next_event()
        assert isinstance(raw, RawFrame)
        reply: Reply = await self.gateway.server.responder.respond(raw, origin)
        [answer] = take_apart(reply.data)
        return answer

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        return events(self.stream.getvalue(), name)

    async def rows(self) -> dict[str, int]:
        return await rows(self.installation)


def events(text: str, name: str = "") -> list[dict[str, Any]]:
    """The lines of a log, of one event where it is named; every line must be JSON."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if name in ("", line["event"])]


async def rows(installation: Installation) -> dict[str, int]:
    """Rows of every table of business."""
    return await count_rows(installation.config().store.url, installation.directory)


@asynccontextmanager
async def opened(installation: Installation, clock: ManualClock) -> AsyncIterator[Inside]:
    """A gateway in this process on an installation."""
    config = installation.config()
    stream = io.StringIO()
    log = Log(stream, clock.now_ms, level="info")
    store = await open_store(config.store.url, config.directory)
    gateway = Gateway(config, store, Surroundings(clock, secrets.token_bytes, log))
    await gateway.start()
    try:
        yield Inside(gateway, installation, clock, stream)
    finally:
        await gateway.stop()


@pytest.fixture(scope="session")
def outside_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.254", 9))  # nothing is sent
            address = str(probe.getsockname()[0])
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        pytest.skip("this machine has no network but loopback: nobody can come from elsewhere")
    return address


@pytest.fixture
def site(sample_template: Path, tmp_path: Path) -> Installation:
    """A sample installation that listens on any free port."""
    installation = Installation.copied(sample_template, tmp_path / "site")
    # Nothing that the gateway starts by itself: what is in the books then, a request put there.
    installation.configure({"listen": {"port": 0}}, {PLATFORM: {"sync_bills": False}})
    return installation


@pytest.fixture
async def inside(site: Installation) -> AsyncIterator[Inside]:
    """A gateway in this process on the sample."""
    async with opened(site, ManualClock(START_MS)) as gateway:
        yield gateway
