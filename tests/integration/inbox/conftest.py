"""Malformed messages over real sockets, and the operators who correct them at the command line."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.cli import main
from nontax.gateway.store import SqliteOptions
from nontax.messages import find
from nontax.simulators.identity import Received
from nontax.simulators.link import Address, exchange
from nontax.simulators.scenario import WELL

from ..flows.conftest import (
    BANK,
    CONFIRMATION,
    FINANCE,
    Office,
    Offices,
    Row,
    office,
    offices,
)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Desk:
    """A finance office, what banks send to it, and its operators."""

    office: Office
    captured: pytest.CaptureFixture[bytes]
    printed: bytes = b""
    """All that commands have printed."""

    async def nontax(self, *words: object, by: str = "") -> Done:
        """Run `nontax inbox` with these words, in this process."""
        self.captured.readouterr()
        command = self.office.installation.command("inbox", *map(str, words), operator=by)
        code = await asyncio.to_thread(main, command)
        out, err = self.captured.readouterr()
        self.printed += out + err
        return Done(code, out, err.decode())

    async def rows(self, **wanted: object) -> list[Row]:
        """What the inbox holds, once all that came is kept."""
        for gateway in self.office.gateways:
            await gateway.inbox.settle()
        return self.office.books.rows("inbox", **wanted)

    async def one(self) -> Row:
        [row] = await self.rows()
        return row

    # -- the wire ---------------------------------------------------------------------------

    async def voucher(
        self, data: bytes | str, number: str = "2612", *, src: str = BANK, **head: str
    ) -> Received:
        """Send a voucher that may be anything; a text is sent as it is in the place of base64."""
        text = data if isinstance(data, str) else base64.b64encode(data).decode()
        identity = self.office.nodes[src].identity
        written = identity.head(number, FINANCE)._replace(**head)
        document = identity.document(written, "").replace(
            b"<Voucher></Voucher>", f"<Voucher>{text}</Voucher>".encode()
        )
        return await self.document(document, number, src=src)

    async def document(self, document: bytes, number: str, *, src: str = BANK) -> Received:
        """Send a document that may be anything; the answer is MACed as every other one."""
        identity = self.office.nodes[src].identity
        address = Address(*self.office.gateway.server.address)
        raw = await exchange(address, identity.sealed(number, document), WELL, 20)
        answer = identity.open(raw, answers=find(identity.interface, number))
        assert answer.token == identity.token
        return answer

    async def malformed(self, pay_code: str, **changes: str) -> Row:
        """A 2612 that is refused, as the inbox has it. A change to '-' leaves the field out."""
        answer = await self.voucher(confirmation(pay_code, **({"CfmTime": "-"} | changes)))
        assert answer.result == "10002"
        return (await self.rows())[-1]

    # -- operators --------------------------------------------------------------------------

    def file(self, content: bytes | str, name: str = "corrected.xml") -> Path:
        path = self.office.installation.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    async def propose(self, number: int, content: bytes | str, *more: str) -> Done:
        file = self.file(content)
        return await self.nontax(
            "propose", number, file, "--reason", "银行来电更正", *more, by="maker1"
        )

    async def accept(self, number: int, *more: str, by: str = "checker1") -> Done:
        return await self.nontax("accept", number, *more, by=by)

    def trace(self) -> list[tuple[str, str, str]]:
        """(action, actor, result) of what was done, in order."""
        rows = self.office.books.rows("inbox_actions")
        return [(row["action"], row["actor"], row["result"]) for row in rows]


def xml(fields: Mapping[str, str]) -> str:
    """A voucher's text."""
    return "<Voucher>" + "".join(f"<{t}>{v}</{t}>" for t, v in fields.items()) + "</Voucher>"


def corrected(pay_code: str, **changes: str) -> str:
    """The voucher of a 2612 that is in order; a field that is '-' is left out."""
    fields = CONFIRMATION | {"PayCode": pay_code} | changes
    return xml({tag: value for tag, value in fields.items() if value != "-"})


def confirmation(pay_code: str, **changes: str) -> bytes:
    """The same as a bank sends it."""
    return corrected(pay_code, **changes).encode("gbk")


@pytest.fixture
def desk(office: Office, capfdbinary: pytest.CaptureFixture[bytes]) -> Desk:
    """The sample as it is."""
    return Desk(office, capfdbinary)


async def restarted(desk: Desk, options: SqliteOptions | None = None) -> None:
    """The gateway stops and starts again."""
    await desk.office.stop()
    await desk.office.start(options)


__all__ = [
    "Desk",
    "Done",
    "Offices",
    "confirmation",
    "corrected",
    "office",
    "offices",
    "restarted",
    "xml",
]
