"""An office that tells its nodes of base data, and nodes that take it or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from nontax.gateway.basedata.entries import Kind
from nontax.gateway.basedata.push import BaseData, Outcome, targets
from nontax.gateway.basedata.resend import resend
from nontax.gateway.outbox import Terms
from nontax.gateway.store import basedata, catalogue, outbox
from nontax.gateway.store.basedata import Batch
from nontax.gateway.store.entries import Account
from nontax.gateway.store.protocol import Transaction
from nontax.messages import Voucher
from nontax.simulators.identity import Received

from ..flows.conftest import BANK, OTHER, PLATFORM, REGION, Office, Offices

NUMBERS = ("5952", "5953", "5955", "5981")
LEASE_MS = 30_000
SECTIONS: dict[str, dict[str, Any]] = {
    "base_data": {"pack_size": 2},
    "outbox": {
        "poll_seconds": 60,
        "first_retry_seconds": 10,
        "jitter": 0,
        "expiry_hours": 1,
        "result_deadline_hours": 1,
        "answer_timeout_seconds": 5,
        "lease_seconds": LEASE_MS // 1000,
    },
}
ACCOUNTS = [
    "32001000000000000018",
    "32001000000000000042",
    "32003000000000000026",
    "32003000000000000059",
    "32009000000000000034",
]
"""The fiscal accounts of the sample."""


def account(number: str, **changes: Any) -> Account:
    facts: dict[str, Any] = {
        "acct_no": number,
        "region": REGION,
        "purpose": "collection",
        "start_date": "20200101",
        "name": "示例市财政局",
        "bank_code": "0105",
        "bank_no": "105306500018",
        "bank_name": "中国建设银行示例支行",
    }
    return Account(**(facts | changes))


class Telling:
    """Pushes, delivers and receives receipts at one office."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.answers: dict[str, list[str]] = {}
        """By node: the codes of its next answers; then 00000."""
        for code in (BANK, OTHER, PLATFORM):
            for number in NUMBERS:
                office.nodes[code].handlers[number] = self._handler(code)

    def _handler(self, code: str) -> Callable[[Received], Voucher]:
        def answer(request: Received) -> Voucher:
            waiting = self.answers.get(code, [])
            result = waiting.pop(0) if waiting else "00000"
            return self.office.nodes[code].identity.general(request.head.msg_no, result)

        return answer

    def data(self, at: int = 0) -> BaseData:
        gateway = self.office.gateways[at]
        return BaseData(
            config=self.office.config,
            store=gateway.store,
            peers=gateway.peers,
            enqueuer=gateway.enqueuer,
            clock=self.office.clock,
        )

    async def push(
        self, node: str = BANK, kind: Kind | None = Kind.ACCOUNTS, *, full: bool = False
    ) -> tuple[Outcome, ...]:
        data = self.data()
        wanted = targets(data.peers, node=node, kind=kind)
        return await data.push(wanted, full=full, actor="maker1")

    async def batch(
        self, node: str = BANK, kind: Kind = Kind.ACCOUNTS, *, full: bool = False
    ) -> Batch:
        """Push one list, which must have something new."""
        [outcome] = await self.push(node, kind, full=full)
        assert outcome.batch is not None
        return outcome.batch

    async def resend(self, batch_no: str) -> Batch:
        return await resend(
            self.data(),
            self.office.gateway.store,
            batch_no,
            terms=Terms.from_config(self.office.config.outbox),
            actor="maker1",
            reason="again",
            at=self.office.clock.now_ms(),
        )

    async def deliver(self) -> None:
        """Deliver what is due, and what becomes due by it; nothing is under way afterwards."""
        gateway, now = self.office.gateway, self.office.clock.now_ms()
        while True:
            await gateway.deliverer.deliver_due()
            leased = self.office.books.rows("outbox", lease_until=now + LEASE_MS)
            due = await gateway.store.read(lambda tx: outbox.due(tx, now=now, limit=1))
            if not leased and not due:
                return
            await asyncio.sleep(0)  # the gateway's own task has one of them

    def told(self, node: str, number: str) -> list[Any]:
        """The messages that a node has, in order of their arrival."""
        return [request.message for request in self.office.nodes[node].of(number)]

    async def now(self, batch: Batch) -> Batch:
        """A batch as it is in the books now."""
        found = await self.office.gateway.store.read(lambda tx: basedata.get(tx, batch.batch_no))
        assert found is not None
        return found

    async def receipt(
        self, batch: Batch | str, good: int, bad: int, *details: tuple[str, str], src: str = BANK
    ) -> str:
        """Send a 2952 (details: account, code); the answer's code and information."""
        number = batch if isinstance(batch, str) else batch.batch_no
        lines = "".join(
            f"<Detail><AcctNo>{account}</AcctNo><Code>{code}</Code><Msg>户名不符</Msg></Detail>"
            for account, code in details
        )
        answer = await self.office.call(
            src,
            "2952",
            {
                "BatchNo": number,
                "SuccCount": str(good),
                "FailCount": str(bad),
                "DetailList": lines,
            },
        )
        self.information = getattr(answer.message, "Information", "")
        return str(answer.result)

    async def change(self, *entries: catalogue.Entry) -> None:
        """Change the catalogue."""

        async def work(tx: Transaction) -> None:
            for entry in entries:
                await catalogue.put(tx, entry, actor="maker1", at=self.office.clock.now_ms())

        await self.office.transact(work)


@asynccontextmanager
async def telling(
    offices: Offices, peers: dict[str, dict[str, Any]] | None = None
) -> AsyncIterator[Telling]:
    yield Telling(await offices(SECTIONS, peers or {}, delivering=True))
