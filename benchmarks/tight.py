"""Tight loops over the lower floors, in microseconds: codec, MAC, store. Figures, not rows."""

from __future__ import annotations

import asyncio
import tempfile
import timeit
from collections.abc import Awaitable, Callable
from pathlib import Path

from nontax.codecs import (
    FrameDecoder,
    Head,
    encode_frame,
    open_envelope,
    parse_xml,
    write_envelope,
)
from nontax.gateway.store import open_store
from nontax.gateway.store.journal import append
from nontax.gateway.store.protocol import Transaction
from nontax.mac import ALGORITHM_NAMES, make_algorithm, needs_des_key, verify
from nontax.messages.confirm import Confirmation
from nontax.messages.query import BillQuery

TOKEN = b"Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
DES_KEY = bytes.fromhex("0123456789ABCDEF23456789ABCDEF014567 89ABCDEF0123".replace(" ", ""))


def microseconds(function: Callable[[], object], number: int = 3000) -> float:
    """The best of five: what the work costs when nothing disturbs it."""
    return min(timeit.repeat(function, number=number, repeat=5)) / number * 1e6


def measure() -> dict[str, float]:
    """Every figure by its name."""
    message = Confirmation(
        PayCode="32068226000000000019",
        CfmDate="20261122",
        CfmTime="101530",
        Amt=8000,
        BankOutlet="320682001",
        Operator="柜员01",
        PayMode="11",
        TraNoBus="2026112200000001",
        PayerName="张三",
        RecAcctType="1",
        RecAcct="32001000000000000018",
    )
    head = Head(
        src="D3206820105",
        des="F320682",
        msg_no="2612",
        msg_id="20261122101530000001",
        msg_ref="20261122101530000001",
        work_date="20261122",
    )
    xml = message.write()
    body = write_envelope(head, xml, charset="GBK", adm_div_code="320682", st_year="2026")
    plain = make_algorithm("sha256-token", None)
    frame = encode_frame("2612", body, plain.compute(TOKEN, body), width=64)
    part = open_envelope(body).vouchers[0]
    element = parse_xml(part.decode(), default_encoding="GBK")

    def decode() -> object:
        decoder = FrameDecoder()
        decoder.receive_data(frame)
        return decoder.next_event()

    figures = {
        "codec: decode a frame": microseconds(decode),
        "codec: open an envelope": microseconds(lambda: open_envelope(body)),
        "codec: base64 and parse a voucher": microseconds(
            lambda: parse_xml(part.decode(), default_encoding="GBK")
        ),
        "codec: write an envelope": microseconds(
            lambda: write_envelope(head, xml, charset="GBK", adm_div_code="320682", st_year="2026")
        ),
        "messages: read a 2612": microseconds(lambda: Confirmation.read(element)),
        "messages: make a 2601": microseconds(
            lambda: BillQuery(PayCode="32068226000000000019", PayMode="11")
        ),
        "messages: write a 2612": microseconds(message.write),
    }
    for name in ALGORITHM_NAMES:
        algorithm = make_algorithm(name, DES_KEY if needs_des_key(name) else None)
        width = max(64, algorithm.length)
        mac = algorithm.compute(TOKEN, body).encode().ljust(width)
        figures[f"mac: verify {name}"] = microseconds(
            lambda a=algorithm, w=width, m=mac: verify(a, w, TOKEN, body, m)
        )
    figures.update(asyncio.run(_store()))
    return figures


async def _store() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="nontax-bench-") as folder:
        store = await open_store("sqlite:///bench.db", Path(folder), create=True)

        async def write(tx: Transaction) -> None:
            await append(tx, at=1, kind="bench", subject="x", actor="bench", facts={"n": 1})

        async def read(tx: Transaction) -> object:
            return await tx.one("SELECT hash FROM journal WHERE seq = ?1", 1)

        figures = {
            "store: durable commit, alone": await _each(lambda: store.transact(write), 300, 1),
            "store: durable commit, 64 in flight": await _each(
                lambda: store.transact(write), 6000, 64
            ),
            "store: read a row by key": await _each(lambda: store.read(read), 5000, 1),
        }
        await store.close()
    return figures


async def _each(work: Callable[[], Awaitable[object]], count: int, in_flight: int) -> float:
    """Microseconds of wall time for one of COUNT calls, so many at a time."""
    left = iter(range(count))
    loop = asyncio.get_running_loop()

    async def worker() -> None:
        for _ in left:
            await work()

    before = loop.time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (loop.time() - before) / count * 1e6
