"""A finance office's books with income to be confirmed and remitted, on a real store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nontax.codecs import Head
from nontax.gateway.config import Config
from nontax.gateway.flows.base import Decision, Request
from nontax.gateway.flows.remittance import ReceiveRemittanceResult
from nontax.gateway.identifiers import MessageIds
from nontax.gateway.outbox import Enqueuer, followers
from nontax.gateway.peers import PeerDirectory, make_peer
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.settlement.income import Confirmed, IncomeRules, confirm
from nontax.gateway.settlement.remitrun import Run, RunReport
from nontax.gateway.settlement.remittance import RemitRules, Remitting
from nontax.gateway.settlement.voucherspool import spool_vouchers
from nontax.gateway.store import Store, bills, open_store, outbox
from nontax.gateway.store.income import DueFilter
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Bill, BillItem, OutboxState, Payment
from nontax.mac import Secret
from nontax.messages.remittance import Remittance, RemittanceResult
from nontax.simulators.process import Installation

from .clearing_site import BANK, Site

LAND, ESTATE, SCHOOL = "0104901", "0105204", "0206301"
ACCOUNT, OTHER_ACCOUNT = "32001000000000000018", "32003000000000000026"
CENTRAL, PROVINCE, COUNTY = "0000000000", "3200000000", "3206820000"
NODE_NAME = "示例市财政局"


class RemitSite(Site):
    """The sample, with payments on the region's accounts."""

    def __init__(self, config: Config, store: Store, file: Path) -> None:
        super().__init__(config, store, file)
        self.use(self.peers)
        self.vouchers = file.parent / "vouchers"

    def use(self, peers: PeerDirectory) -> None:
        """Remit through these peers."""
        self.peers = peers
        ids = MessageIds(self.clock, 7)
        self.remitting = Remitting(
            Enqueuer(self.config.outbox, peers, ids.next),
            peers,
            RemitRules("F320682", NODE_NAME),
        )

    def bank_remits_itself(self, code: str = BANK) -> None:
        """This bank remits without being asked."""
        self.use(
            PeerDirectory(
                replace(make_peer(peer), remits="bank") if peer.code == code else make_peer(peer)
                for peer in self.config.peers
            )
        )

    # -- what happened before ---------------------------------------------------------------

    async def pay(self, *items: tuple[str, int], unit: str = LAND, **changes: Any) -> Payment:
        """A bill of ITEMS (code, fen) of a unit, and its payment on the default account."""
        payment = await super().pay(*items, **changes)
        if unit != LAND:
            await self.store.transact(
                lambda tx: tx.run(
                    "UPDATE bills SET unit_code = ?2 WHERE pay_code = ?1", payment.pay_code, unit
                )
            )
        return payment

    def _made(
        self,
        items: tuple[tuple[str, int], ...],
        delay: int,
        src: str,
        number: str,
        changes: dict[str, Any],
    ) -> tuple[Bill, list[BillItem], Payment]:
        on_account = {"rec_acct_type": "1", "rec_acct": ACCOUNT} | changes
        return super()._made(items, delay, src, number, on_account)

    # -- what is tested ---------------------------------------------------------------------

    def acting(self, name: str = "maker1", *units: str) -> Acting:
        return Acting(name, frozenset(units), self.clock.now_ms(), self.clock.today())

    def runner(self, wait_for: Any = "confirmation") -> Run:
        rules = IncomeRules(wait_for, NODE_NAME)
        return Run(self.store, self.clock, rules, self.remitting, self.progress.append)

    async def remit(self, wait_for: Any = "confirmation", **narrowed: Any) -> RunReport:
        return await self.runner(wait_for).remit(DueFilter(**narrowed), "maker1")

    async def confirm(
        self, pay_code: str, *units: str, wait_for: Any = "confirmation"
    ) -> Confirmed:
        rules = IncomeRules(wait_for, NODE_NAME)
        acting = self.acting("maker1", *units)
        return await self.store.transact(lambda tx: confirm(tx, pay_code, rules, acting))

    async def spool(self) -> int:
        return await spool_vouchers(self.store, self.vouchers, self.clock.now_ms)

    async def told(self, remit_no: str, total: int, sender: str = BANK, **changes: str) -> Decision:
        """Receive a 2618 that says that a remittance succeeded, unless changed."""
        facts = {
            "RemitNo": remit_no,
            "TotalAmt": f"{total // 100}.{total % 100:02d}",
            "Result": "00000",
            "TraNo": f"B{remit_no[-3:]}",
            "TraDate": self.clock.today(),
            "TraTime": "101500",
        } | changes
        text = "".join(f"<{tag}>{value}</{tag}>" for tag, value in facts.items())
        message = RemittanceResult.read(f"<Voucher>{text}</Voucher>".encode("gbk"))
        peer = self.peers.get(sender)
        assert peer is not None
        request = Request(
            peer=peer,
            head=Head(sender, "F320682", "2618", "R1", "R1", self.clock.today()),
            now_ms=self.clock.now_ms(),
            today=self.clock.today(),
            token=Secret("Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"),
        )
        flow = ReceiveRemittanceResult(NODE_NAME)
        refusal = flow.validate(request, message)
        if refusal is not None:
            return Decision(refusal)
        return await self.store.transact(lambda tx: flow.decide(tx, request, message))

    async def delivered(self, remit_no: str, state: OutboxState, reason: str = "") -> None:
        """The message of a remittance comes to a state, as the deliverer would write it."""

        async def work(tx: Transaction) -> None:
            [row] = await outbox.of_subject(tx, remit_no, number="5618")
            sent = int(state not in {"dropped", "expired", "dead"})
            deadline = self.clock.now_ms() + 1000 if state == "acknowledged" else None
            await tx.run(
                "UPDATE outbox SET state = ?2, ever_sent = ?3, result_deadline = ?4 WHERE id = ?1",
                *(row.id, state, sent, deadline),
            )
            await followers.moved(tx, row, state, self.clock.now_ms(), reason)

        await self.store.transact(work)

    # -- what is seen -----------------------------------------------------------------------

    def orders(self) -> list[Remittance]:  # type: ignore[override]
        """The 5618 that were put into the outbox, in order."""
        return [
            Remittance.read(row["voucher"].encode("gbk"))
            for row in self.rows("outbox", "number = '5618'")
        ]

    def state(self, remit_no: str) -> str:
        [row] = self.rows("remittances", f"remit_no = '{remit_no}'")
        return str(row["state"])

    async def bill_state(self, pay_code: str) -> str:
        found = await self.store.read(lambda tx: bills.get(tx, pay_code))
        assert found is not None
        return found.state

    def open_dues(self) -> dict[tuple[str, str], int]:
        """Fen before refunds by item and level, in no living remittance."""
        found: dict[tuple[str, str], int] = {}
        for row in self.rows("income_dues", "open = 1"):
            key = (row["item_code"], row["level"])
            found[key] = found.get(key, 0) + row["amt"]
        return found

    def kinds(self, subject: str) -> list[str]:
        return [row["kind"] for row in self.rows("journal", f"subject = '{subject}'")]

    def remitted(self) -> int:
        """Fen in living remittances."""
        return sum(row["amt"] for row in self.rows("remittance_parts", "living = 1"))

    def check_books(self) -> None:
        """Whatever happened: totals are their lines, lines their parts, nothing is there twice."""
        lines: dict[int, int] = {}
        counted: dict[int, int] = {}
        by_line: dict[tuple[int, int], int] = {}
        for part in self.rows("remittance_parts"):
            key = (part["remit_id"], part["line_no"])
            by_line[key] = by_line.get(key, 0) + part["amt"]
        for line in self.rows("remittance_lines"):
            assert by_line.pop((line["remit_id"], line["line_no"])) == line["amt"]
            lines[line["remit_id"]] = lines.get(line["remit_id"], 0) + line["amt"]
            counted[line["remit_id"]] = counted.get(line["remit_id"], 0) + 1
        assert by_line == {}
        remittances = self.rows("remittances")
        for row in remittances:
            if row["count"]:
                assert (lines[row["id"]], counted[row["id"]]) == (row["total"], row["count"])
        living = [
            (row["payment_id"], row["item_code"], row["level"])
            for row in self.rows("remittance_parts", "living = 1")
        ]
        assert len(living) == len(set(living))
        closed = {
            (row["payment_id"], row["item_code"], row["level"])
            for row in self.rows("income_dues", "open = 0")
        }
        assert set(living) <= closed
        ours = [row["remit_no"] for row in remittances if row["origin"] == "run"]
        assert all(re.fullmatch(r"JK\d{16}", number) for number in ours)
        numbers: dict[str, list[int]] = {}
        for number in ours:
            numbers.setdefault(number[:10], []).append(int(number[10:]))
        for taken in numbers.values():
            assert taken == list(range(1, len(taken) + 1))
        assert [order.RemitNo for order in self.orders()] == ours
        for payment in self.rows("payments"):
            whole = sum(p["amt"] for p in self.rows("remittance_parts", "living = 1")
                        if p["payment_id"] == payment["id"])  # fmt: skip
            assert whole <= payment["amt"]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another task or process does."""
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened_site(template: Path, directory: Path) -> AsyncIterator[RemitSite]:
    """A copy of a sample without bills that are paid."""
    installation = Installation.copied(template, directory)
    config = installation.config()
    store = await open_store(config.store.url, installation.directory)
    try:
        yield RemitSite(config, store, installation.store_file)
    finally:
        await store.close()
