"""A bureau to measure: a fresh directory with peers, a catalogue and unpaid bills."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import server
from nontax.codecs import Head, encode_frame, write_envelope
from nontax.gateway.cli import main as nontax
from nontax.gateway.clock import SystemClock
from nontax.gateway.config import load_config
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.store import open_store
from nontax.gateway.store.protocol import Transaction
from nontax.messages.confirm import Confirmation
from nontax.messages.query import BillQuery
from nontax.messages.record import Voucher

NODE = "F320682"
ACCOUNT = "32001000000000000018"
# Three banks that differ in their MAC only.
BANKS = {
    "sha256-token": ("D3206820901", 64),
    "3des-token": ("D3206820902", 64),
    "3des-digest": ("D3206820903", 128),
}


@dataclass(slots=True)
class Bureau:
    """A gateway's directory, and the frames that banks send to it."""

    directory: Path
    peers: PeerDirectory
    today: str
    _used: int = 0

    @classmethod
    def make(cls, directory: Path) -> Bureau:
        """`nontax init --sample`, with three more banks."""
        run("init", str(directory), "--sample")
        config = directory / "nontax.toml"
        text = config.read_text(encoding="utf-8").replace("port = 9201", "port = 0")
        # Telling the platform, confirming income: work of its own, not part of an exchange.
        text = text.replace("sync_bills = true", "sync_bills = false")
        text = text.replace('wait_for = "confirmation"', 'wait_for = "reconciliation"')
        config.write_text(text + "".join(_bank(directory, name) for name in BANKS), "utf-8")
        peers = PeerDirectory.from_config(load_config(config))
        return cls(directory, peers, SystemClock().today())

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.directory / "nontax.toml"

    def bills(self, count: int) -> list[str]:
        """Import so many unpaid bills; their pay codes."""
        file = self.directory / "bench.jsonl"
        file.write_text("".join(bill_lines(count, self.today)), encoding="utf-8")
        run("bill", "import", str(file), "-c", str(self.config))
        return asyncio.run(self._unpaid(count))

    async def _unpaid(self, count: int) -> list[str]:
        store = await open_store("sqlite:///nontax.db", self.directory)

        async def newest(tx: Transaction) -> list[str]:
            rows = await tx.all(
                "SELECT pay_code FROM bills WHERE state = 'unpaid' ORDER BY pay_code DESC LIMIT ?1",
                count,
            )
            return [row[0] for row in rows]

        codes = await store.scan(newest)
        await store.close()
        return codes

    def queries(self, pay_codes: Sequence[str], algorithm: str) -> list[bytes]:
        """A 2601 for each bill."""
        return [
            self._frame(BillQuery(PayCode=code, PayMode="11", Hold1="1234"), algorithm)
            for code in pay_codes
        ]

    def confirmations(self, pay_codes: Sequence[str], algorithm: str) -> list[bytes]:
        """A 2612 for each bill, paid at the counter."""
        return [self._frame(self._confirmation(code), algorithm) for code in pay_codes]

    def _confirmation(self, pay_code: str) -> Confirmation:
        self._used += 1
        return Confirmation(
            PayCode=pay_code,
            CfmDate=self.today,
            CfmTime="101530",
            Amt=8000,
            BankOutlet="320682001",
            Operator="柜员01",
            PayMode="11",
            TraNoBus=f"{self.today}{self._used:012d}",
            PayerName="张三",
            PayerAcct="6217000010001234567",
            PayerOpBk="中国建设银行示例支行",
            RecAcctType="1",
            RecAcct=ACCOUNT,
        )

    def _frame(self, message: Voucher, algorithm: str) -> bytes:
        code, width = BANKS[algorithm]
        self._used += 1
        msg_id = f"{self._used:020d}"
        number = message.SPEC.number
        head = Head(
            src=code, des=NODE, msg_no=number, msg_id=msg_id, msg_ref=msg_id, work_date=self.today
        )
        body = write_envelope(
            head, message.write(), charset="GBK", adm_div_code="320682", st_year=self.today[:4]
        )
        peer = self.peers.get(code)
        assert peer is not None
        mac = peer.algorithm.compute(peer.first_token.current.encode(), body)
        return encode_frame(number, body, mac, width=width)

    @contextmanager
    def serving(self) -> Iterator[tuple[int, str, int]]:
        """`nontax serve` on this directory; gives pid, host and port."""
        program = str(Path(sys.executable).with_name("nontax"))
        with server([program, "serve", "-c", str(self.config)]) as running:
            yield running


def run(*arguments: str) -> None:
    """Run one `nontax` command with its output thrown away; SystemExit when it fails."""
    saved = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    try:
        code = nontax(list(arguments))
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
        os.close(null)
    if code:
        raise SystemExit(f"nontax {' '.join(arguments)} ended with {code}")


def bill_lines(count: int, today: str) -> Iterator[str]:
    """Bills as imported, one JSON line each."""
    for number in range(count):
        bill = {
            "AdmDivCode": "320682",
            "BillDate": today,
            "ChgAgenCode": "0104901",
            "PayerName": f"缴款人{number:06d}",
            "OriAmt": "80.00",
            "DelayAmt": "0.00",
            "Items": [
                {
                    "ItemCode": "103043211",
                    "ItemName": "不动产登记费",
                    "Amt": "80.00",
                    "Unit": "次",
                    "Quantity": "1",
                }
            ],
            "CrcCode": "1234",
            "MobilePhone": "13000000000",
        }
        yield json.dumps(bill, ensure_ascii=False) + "\n"


def _bank(directory: Path, algorithm: str) -> str:
    code, width = BANKS[algorithm]
    secret = directory / "secret"
    _write(secret / f"{code}.token", secrets.token_hex(16))
    lines = [
        "\n[[peers]]",
        f'code = "{code}"',
        'kind = "bank"',
        f'name = "{algorithm}"',
        'regions = ["320682"]',
        f'mac = {{ algorithm = "{algorithm}", width = {width} }}',
        f'token = "file:secret/{code}.token"',
    ]
    if algorithm.startswith("3des"):
        _write(secret / f"{code}.des", secrets.token_hex(24))
        lines.append(f'des_key = "file:secret/{code}.des"')
    if algorithm == "3des-token":
        lines.append("accept_replayable_mac = true")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
