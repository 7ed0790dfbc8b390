"""A gateway's outbox over a real store and real sockets, and a scripted peer on the other side."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
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
    split_mac,
    write_envelope,
)
from nontax.gateway.clock import ManualClock
from nontax.gateway.config import Config, parse_config
from nontax.gateway.framing import FrameWriter
from nontax.gateway.identifiers import MessageIds
from nontax.gateway.observe.log import Log
from nontax.gateway.observe.metrics import Metrics
from nontax.gateway.outbox import Deliverer, Enqueuer
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.store import Store, bills, journal, open_store, outbox, payments, refunds
from nontax.gateway.store.records import Bill, OutboxMessage, Payment, Refund
from nontax.gateway.tokens import Sealer, TokenKeeper
from nontax.gateway.wakeup import Wakeup
from nontax.mac import make_algorithm, verify
from nontax.messages import Voucher
from nontax.messages.common import BankAnswer, UnitAnswer
from nontax.messages.confirm import PaymentNotice
from nontax.messages.refund import RefundOrder

NODE = "F320682"
BANK = "D3206820105"
UNIT = "K3206820002"
TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
NEW_TOKEN = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"
PAY_CODE = "32068226000000000019"
# 2026-11-22 08:00:00 +08:00
START_MS = 1_795_305_600_000


@dataclass
class Behaviour:
    """How the peer answers one request."""

    result: str = "00000"
    information: str = "收妥"
    msg_ref: str | None = None  # None: echo
    ori_number: str | None = None
    src: str | None = None
    des: str = NODE
    number: str | None = None
    token: str | None = None  # MAC the answer with another token
    blank_mac: bool = False
    trailing: bytes = b""
    cut_at: int | None = None  # send so many bytes of the answer only
    silent: bool = False  # keep the connection open and say nothing
    close: bool = False  # close without an answer
    half_close_first: bool = False  # end the writing side only after the answer was written in two
    before: Callable[[], Awaitable[None]] | None = None


@dataclass
class Got:
    """A request that came in."""

    number: str
    head: Head
    region: str
    voucher: str
    mac_ok: bool


@dataclass
class ScriptedPeer:
    """Listens as a bank or unit; every request takes the next behaviour, the last one for ever."""

    code: str = BANK
    token: str = TOKEN
    answer_number: str = "2001"
    read_bytes: int = 65536
    single_read: bool = False
    script: list[Behaviour] = field(default_factory=list)
    received: list[Got] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._open = 0
        self._arrived = asyncio.Event()
        self._algorithm = make_algorithm("sha256-token")

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def wait_for(self, count: int) -> None:
        """Wait until so many requests came in."""
        async with asyncio.timeout(20):
            while len(self.received) < count:
                self._arrived.clear()
                await self._arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            frame = await self._read(reader)
            if frame is not None:
                await self._answer(frame, reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> RawFrame | None:
        decoder = FrameDecoder()
        while True:
            data = await reader.read(self.read_bytes)
            if not data:
                return None
            decoder.receive_data(data)
            event = decoder.next_event()
            if isinstance(event, RawFrame):
                return event
            if self.single_read:
                return None  # takes what one read gives for the whole frame

    async def _answer(
        self, frame: RawFrame, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        body, mac = split_mac(frame.payload, 64)
        envelope = open_envelope(body)
        part = envelope.vouchers[0]
        ok = verify(self._algorithm, 64, self.token.encode(), body, mac)
        self.received.append(
            Got(frame.number, envelope.head, part.adm_div_code, part.decode().decode("gbk"), ok)
        )
        self._arrived.set()
        says = self.script.pop(0) if len(self.script) > 1 else (self.script or [Behaviour()])[0]
        if says.before is not None:
            await says.before()
        if says.silent:
            await reader.read()  # until the caller has had enough
            return
        if says.close:
            return
        data = self.frame(says, frame.number, envelope.head.msg_id)
        if says.half_close_first:
            writer.write(data[:HEADER_BYTES])
            await writer.drain()
            writer.write(data[HEADER_BYTES:])
            writer.write_eof()
        else:
            writer.write(data[: says.cut_at])
        await writer.drain()

    def frame(self, says: Behaviour, ori_number: str, msg_id: str) -> bytes:
        model = UnitAnswer if self.answer_number == "8001" else BankAnswer
        answer = model(
            OriMsgNo=says.ori_number or ori_number,
            Result=says.result,
            Information=says.information,
        )
        number = says.number or self.answer_number
        head = Head(
            src=says.src or self.code,
            des=says.des,
            msg_no=number,
            msg_id="A1",
            msg_ref=msg_id if says.msg_ref is None else says.msg_ref,
            work_date="20261122",
        )
        body = write_envelope(
            head, answer.write(), charset="GBK", adm_div_code="320682", st_year="2026"
        )
        mac = self._algorithm.compute((says.token or self.token).encode(), body)
        data = encode_frame(number, body, "" if says.blank_mac else mac, width=64)
        return data + says.trailing


CONFIG = """
[node]
code = "F320682"
name = "示例市财政局"
regions = ["320682"]
[store]
url = "sqlite:///nontax.db"
[listen]
port = 0
shutdown_grace_seconds = {grace}
[secrets]
master_key = "file:master.key"
[outbox]
first_retry_seconds = 10
backoff_factor = 2
max_retry_seconds = 60
jitter = 0
expiry_hours = 1
result_deadline_hours = 1
connect_timeout_seconds = 2
answer_timeout_seconds = {answer}
lease_seconds = {lease}
poll_seconds = {poll}
"""
PEER = """
[[peers]]
code = "{code}"
kind = "{kind}"
name = "示例"
regions = ["320682"]
{address}
mac = {{ algorithm = "sha256-token", width = 64 }}
token = "file:peer.token"
{more}
"""


@dataclass
class Timing:
    """Timings of the configuration that matter to a test, in seconds."""

    answer: float = 2
    lease: float = 30
    poll: float = 3600  # nothing is found by polling unless the test means it
    grace: float = 2


class World:
    """One gateway's outbox: configuration, books, clock, and as many deliverers as wanted."""

    def __init__(self, folder: Path, ports: dict[str, int], timing: Timing, more: str = "") -> None:
        self.folder = folder
        (folder / "master.key").write_text("11" * 32)
        (folder / "peer.token").write_text(TOKEN)
        for name in ("master.key", "peer.token"):
            (folder / name).chmod(0o600)
        text = CONFIG.format(
            answer=timing.answer, lease=timing.lease, poll=timing.poll, grace=timing.grace
        )
        for code, port in ports.items():
            text += PEER.format(
                code=code,
                kind={"D": "bank", "K": "unit", "G": "platform"}[code[0]],
                address=f'address = "127.0.0.1:{port}"' if port else "",
                more=more,
            )
        self.file = folder / "nontax.toml"
        self.file.write_text(text)
        self.config: Config = parse_config(text, self.file)
        self.clock = ManualClock(START_MS)
        self.peers = PeerDirectory.from_config(self.config)
        self.metrics = Metrics()
        self.stream = io.StringIO()
        self.log = Log(self.stream, self.clock.now_ms)
        self.frames = FrameWriter(NODE, "320682", MessageIds(self.clock, 7), self.clock)
        self.enqueuer = Enqueuer(self.config.outbox, self.peers, self.frames.next_id)
        self.wakeup = Wakeup()
        self._random = 0
        self.store: Store

    async def open(self) -> None:
        self.store = await open_store(self.config.store.url, self.folder, create=True)

    def random(self, count: int) -> bytes:
        self._random += 1
        return self._random.to_bytes(count, "big")

    @property
    def sealer(self) -> Sealer:
        return Sealer(self.config.master_key, self.random)

    def keeper(self) -> TokenKeeper:
        return TokenKeeper(
            self.store, self.sealer, self.peers, confirm_seconds=3600, grace_seconds=60
        )

    def deliverer(self, **replaced: Any) -> Deliverer:
        parts: dict[str, Any] = {
            "config": self.config,
            "store": self.store,
            "peers": self.peers,
            "tokens": self.keeper(),
            "frames": self.frames,
            "clock": self.clock,
            "random": self.random,
            "log": self.log,
            "metrics": self.metrics,
            "wakeup": self.wakeup,
        }
        return Deliverer(**(parts | replaced))

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The log's lines, of one event."""
        self.log.flush()
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if not name or line["event"] == name]

    # -- books ----------------------------------------------------------------------------

    async def queue(self, message: Voucher, peer: str = BANK, **more: Any) -> int:
        facts = {"subject": PAY_CODE, "at": self.clock.now_ms()} | more
        return await self.store.transact(
            lambda tx: self.enqueuer.enqueue(tx, message, peer=peer, **facts)
        )

    async def row(self, row_id: int) -> OutboxMessage:
        row = await self.store.read(lambda tx: outbox.get(tx, row_id))
        assert row is not None
        return row

    async def refund(self, number: str = "TF1") -> Refund:
        refund = await self.store.read(lambda tx: refunds.get(tx, number))
        assert refund is not None
        return refund

    async def kinds(self) -> list[str]:
        """What the journal says happened, in order."""
        return [entry.kind for entry in await self.store.read(journal.page)]

    async def queue_refund(self, number: str = "TF1", amount: int = 8000, peer: str = BANK) -> int:
        """A duplicate payment's technical refund, as booking writes it."""
        now = self.clock.now_ms()

        async def work(tx: Any) -> int:
            known = await payments.by_identity(tx, peer, "20261122", "T2")
            payment_id = known.id if known else await self._duplicate(tx, peer, now)
            await refunds.insert(tx, make_refund(number, payment_id, amount, peer, now))
            return await self.enqueuer.enqueue(
                tx, make_order(number, amount), peer=peer, lane="refund", subject=number, at=now
            )

        return await self.store.transact(work)

    async def _duplicate(self, tx: Any, peer: str, now: int) -> int:
        await bills.insert(tx, make_bill(now), [])
        first = make_payment("T1", peer, now)
        await payments.insert(tx, first)
        return await payments.insert(tx, make_payment("T2", peer, now, duplicate=1))


def make_bill(now: int, pay_code: str = PAY_CODE, **changes: Any) -> Bill:
    facts: dict[str, Any] = {
        "pay_code": pay_code,
        "region": "320682",
        "bill_date": "20261122",
        "unit_code": "0104901",
        "unit_name": "示例市自然资源局",
        "payer_name": "张三",
        "amt": 8000,
        "ori_amt": 8000,
        "delay_amt": 0,
        "source": "import",
        "maker": "maker1",
        "created_at": now,
        "changed_at": now,
    }
    return Bill(**(facts | changes))


def make_payment(number: str, src: str, now: int, **changes: Any) -> Payment:
    facts: dict[str, Any] = {
        "id": 0,
        "src": src,
        "cfm_date": "20261122",
        "tra_no_bus": number,
        "pay_code": PAY_CODE,
        "amt": 8000,
        "pay_mode": "51",
        "rec_acct_type": "1",
        "rec_acct": "32001000000000000018",
        "channel": "2612",
        "received_at": now,
    }
    return Payment(**(facts | changes))


def make_refund(number: str, payment_id: int, amount: int, src: str, now: int) -> Refund:
    return Refund(
        refund_no=number,
        kind=1,
        payment_id=payment_id,
        pay_code=PAY_CODE,
        src=src,
        ori_tra_no_bus="T2",
        ori_cfm_date="20261122",
        ori_amt=8000,
        amt=amount,
        state="queued",
        created_at=now,
        changed_at=now,
    )


def make_order(number: str, amount: int = 8000) -> RefundOrder:
    return RefundOrder(
        RefundNo=number,
        RefundDate="20261122",
        RefundType="1",
        PayCode=PAY_CODE,
        OriTraNoBus="T2",
        OriCfmDate="20261122",
        OriAmt=8000,
        Amt=amount,
        Reason="重复缴款技术性退付",
    )


def make_notice(number: str = "T1") -> PaymentNotice:
    return PaymentNotice(
        PayCode=PAY_CODE,
        CfmDate="20261122",
        CfmTime="150305",
        Amt=8000,
        BankOutlet="00000",
        Operator="系统",
        PayMode="11",
        TraNoBus=number,
        PayerName="张三",
        PayerAcct="6222000000000001",
        PayerOpBk="示例银行",
        RecAcctType="1",
        RecAcct="32001000000000000018",
    )


@pytest.fixture
async def bank() -> AsyncIterator[ScriptedPeer]:
    peer = ScriptedPeer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def unit() -> AsyncIterator[ScriptedPeer]:
    peer = ScriptedPeer(code=UNIT, answer_number="8001")
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def worlds(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[World]]]:
    """Makes worlds; their stores are closed at the end."""
    made: list[World] = []

    async def make(
        ports: dict[str, int], timing: Timing | None = None, more: str = "", folder: str = "a"
    ) -> World:
        (tmp_path / folder).mkdir(exist_ok=True)
        world = World(tmp_path / folder, ports, timing or Timing(), more)
        await world.open()
        made.append(world)
        return world

    yield make
    for world in made:
        await world.store.close()


@pytest.fixture
async def world(
    bank: ScriptedPeer, unit: ScriptedPeer, worlds: Callable[..., Awaitable[World]]
) -> World:
    """One gateway that knows the bank and the unit."""
    return await worlds({BANK: bank.port, UNIT: unit.port})
