"""A finance office's books with bills, payments and refunds to be cleared, on a real store."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from nontax.codecs import Head
from nontax.gateway.clock import CIVIL, ManualClock, ms_from_civil
from nontax.gateway.config import Config
from nontax.gateway.flows.base import Decision, Request
from nontax.gateway.flows.clearing import ReceiveClearingResult
from nontax.gateway.identifiers import MessageIds
from nontax.gateway.outbox import Enqueuer
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.settlement.clearing import Report, Run
from nontax.gateway.settlement.entering import Entering
from nontax.gateway.settlement.instructions import Instructing
from nontax.gateway.store import Store, bills, catalogue, open_store, payments, refunds
from nontax.gateway.store.clearing_records import Instruction
from nontax.gateway.store.entries import Share
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Bill, BillItem, Payment, Refund
from nontax.mac import Secret
from nontax.messages.clearing import ClearingInstruction, ClearingResult
from nontax.simulators.process import Installation

BANK, OTHER, PLATFORM, CLEARER = "D3206820105", "D3206820301", "G000001", "Q3200000105"
LAND_FEE, RECLAIM, TUITION = "103043211", "320600000001", "103042750"
CLEARING_ACCOUNT = "32009000000000000034"
DAY, NEXT_DAY = "20260302", "20260303"
START_MS = ms_from_civil(datetime(2026, 3, 3, 9, 0, tzinfo=CIVIL))

Row = dict[str, Any]


class Site:
    """The sample's catalogue, and what the test puts into the books."""

    def __init__(self, config: Config, store: Store, file: Path) -> None:
        self.config = config
        self.store = store
        self.file = file
        self.clock = ManualClock(START_MS)
        self.peers = PeerDirectory.from_config(config)
        ids = MessageIds(self.clock, 5)
        self.instructing = Instructing(Enqueuer(config.outbox, self.peers, ids.next))
        self.progress: list[int] = []
        self._count = 0

    # -- what happened before ---------------------------------------------------------------

    async def pay(
        self,
        *items: tuple[str, int],
        delay: int = 0,
        src: str = BANK,
        number: str = "",
        **changes: Any,
    ) -> Payment:
        """A bill of ITEMS (code, fen), and its payment on a 科目 at SRC."""
        bill, lines, payment = self._made(items, delay, src, number, changes)

        async def work(tx: Transaction) -> int:
            await bills.insert(tx, bill, lines)
            return await payments.insert(tx, payment)

        return replace(payment, id=await self.store.transact(work))

    async def pay_many(self, count: int, *items: tuple[str, int]) -> None:
        """So many payments of bills of ITEMS, in one transaction."""
        made = [self._made(items, 0, BANK, "", {}) for _ in range(count)]

        async def work(tx: Transaction) -> None:
            await bills.insert_many(
                tx, [bill for bill, _, _ in made], [line for _, lines, _ in made for line in lines]
            )
            for _, _, payment in made:
                await payments.insert(tx, payment)

        await self.store.transact(work)

    def _made(
        self,
        items: tuple[tuple[str, int], ...],
        delay: int,
        src: str,
        number: str,
        changes: dict[str, Any],
    ) -> tuple[Bill, list[BillItem], Payment]:
        self._count += 1
        pay_code = f"{self._count:020d}"
        whole = sum(amt for _, amt in items)
        bill = Bill(
            pay_code=pay_code,
            region="320682",
            bill_date=DAY,
            unit_code="0104901",
            unit_name="示例市自然资源局",
            payer_name="张三",
            amt=whole + delay,
            ori_amt=whole,
            delay_amt=delay,
            source="import",
            maker="maker1",
            created_at=1,
            changed_at=1,
            state="paid",
        )
        lines = [
            BillItem(pay_code, line, code, "收费", amt)
            for line, (code, amt) in enumerate(items, start=1)
        ]
        payment = Payment(
            id=0,
            src=src,
            cfm_date=DAY,
            tra_no_bus=number or f"T{self._count:06d}",
            pay_code=pay_code,
            amt=whole + delay,
            pay_mode="11",
            rec_acct_type="3",
            rec_acct="",
            channel="2612",
            received_at=1,
        )
        return bill, lines, replace(payment, **changes)

    async def refund(
        self, payment: Payment, amt: int, state: str = "succeeded", **changes: Any
    ) -> str:
        """A refund of a payment, in a state; its number."""
        self._count += 1
        refund = Refund(
            refund_no=f"TF{self._count:06d}",
            kind=2,
            payment_id=payment.id,
            pay_code=payment.pay_code,
            src=payment.src,
            ori_tra_no_bus=payment.tra_no_bus,
            ori_cfm_date=payment.cfm_date,
            ori_amt=payment.amt,
            amt=amt,
            state=state,  # type: ignore[arg-type]
            created_at=self._count,
            changed_at=self._count,
        )
        refund = replace(refund, **changes)
        await self.store.transact(lambda tx: refunds.insert(tx, refund))
        return refund.refund_no

    async def refund_ends(self, refund_no: str, state: str) -> None:
        """A refund that was under way comes to an end."""
        assert await self.store.transact(
            lambda tx: refunds.set_state(
                tx,
                refund_no,
                expected=("requested", "approved", "queued", "sent", "acknowledged", "unknown"),
                state=state,  # type: ignore[arg-type]
                changed_at=2,
            )
        )

    async def rule(
        self, item: str, *parts: tuple[str, int], start: str = "20200101", stop: str = ""
    ) -> None:
        """A sharing rule in place of the one there."""
        shares = [
            Share(item, start, line, stop, target, part)
            for line, (target, part) in enumerate(parts, start=1)
        ]
        await self.store.transact(
            lambda tx: catalogue.put_rule(tx, shares, actor="maker1", at=self.clock.now_ms())
        )

    async def catalogue(self, *entries: Any) -> None:
        for entry in entries:
            await self.store.transact(
                lambda tx, entry=entry: catalogue.put(
                    tx, entry, actor="maker1", at=self.clock.now_ms()
                )
            )

    # -- what is tested ---------------------------------------------------------------------

    async def run(
        self, date: str = DAY, node: str = "", *, wait_for: Any = "confirmation"
    ) -> Report:
        run = Run(
            store=self.store,
            clock=self.clock,
            peers=self.peers,
            entering=Entering(self.peers, wait_for),
            instructing=self.instructing,
            operator="maker1",
            progress=self.progress.append,
        )
        return await run(date, node)

    async def resend(self, instr_no: str) -> Instruction:
        return await self.store.transact(
            lambda tx: self.instructing.resend(
                tx,
                instr_no,
                today=self.clock.today(),
                at=self.clock.now_ms(),
                operator="maker1",
            )
        )

    async def result(
        self,
        instr_no: str,
        *told: tuple[int, int, str],
        sender: str = BANK,
        **changes: str,
    ) -> Decision:
        """Receive a 2614 with TOLD lines (number, fen, result); its totals fit unless changed."""
        facts = result_fields(instr_no, self.rows("clearing_instructions"), *told) | changes
        message = ClearingResult.read(voucher(facts, told).encode("gbk"))
        peer = self.peers.get(sender)
        assert peer is not None
        request = Request(
            peer=peer,
            head=Head(sender, "F320682", "2614", "R1", "R1", DAY),
            now_ms=self.clock.now_ms(),
            today=self.clock.today(),
            token=Secret("Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"),
        )
        flow = ReceiveClearingResult()
        refusal = flow.validate(request, message)
        if refusal is not None:
            return Decision(refusal)
        return await self.store.transact(lambda tx: flow.decide(tx, request, message))

    # -- what is seen -----------------------------------------------------------------------

    def rows(self, table: str, where: str = "1") -> list[Row]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as books:
            books.row_factory = sqlite3.Row
            found = books.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY 1, 2")  # noqa: S608
            return [dict(row) for row in found]

    def orders(self) -> list[ClearingInstruction]:
        """The 5614 that were put into the outbox, in order."""
        return [
            ClearingInstruction.read(row["voucher"].encode("gbk"))
            for row in self.rows("outbox", "number = '5614'")
        ]

    def lines(self, instr_no: str) -> dict[str, int]:
        """Fen by target of an instruction."""
        rows = self.rows("clearing_lines", f"instr_no = '{instr_no}'")
        return {row["target"]: row["amt"] for row in rows}

    def states(self, instr_no: str) -> list[str]:
        """The state of an instruction, then those of its lines."""
        [head] = self.rows("clearing_instructions", f"instr_no = '{instr_no}'")
        lines = self.rows("clearing_lines", f"instr_no = '{instr_no}'")
        return [head["state"], *(line["state"] for line in lines)]

    def waiting(self) -> dict[str, int]:
        """Fen by target that has entered and was not instructed."""
        found: dict[str, int] = {}
        for row in self.rows("clearing_parts", "instr_no = ''"):
            found[row["target"]] = found.get(row["target"], 0) + row["amt"]
        return {target: amt for target, amt in found.items() if amt}

    def check_books(self) -> None:
        """Whatever happened: entries are their parts, lines theirs, each thing is there once."""
        entries = {row["id"]: row for row in self.rows("clearing_entries")}
        sums = dict.fromkeys(entries, 0)
        by_line: dict[tuple[str, int], int] = {}
        for part in self.rows("clearing_parts"):
            sums[part["entry_id"]] += part["amt"]
            if part["instr_no"]:
                key = (part["instr_no"], part["line_no"])
                by_line[key] = by_line.get(key, 0) + part["amt"]
        assert sums == {number: row["amt"] for number, row in entries.items()}
        first = {
            (row["instr_no"], row["line_no"]): row["amt"]
            for row in self.rows("clearing_lines", "origin_instr = ''")
        }
        assert by_line == first
        for row in self.rows("clearing_instructions"):
            lines = self.rows("clearing_lines", f"instr_no = '{row['instr_no']}'")
            assert sum(line["amt"] for line in lines) == row["total"]
            assert len(lines) == row["count"]
        numbers = [row["instr_no"] for row in self.rows("clearing_instructions")]
        days = sorted({number[:10] for number in numbers})
        for day in days:
            of_day = [int(number[10:]) for number in numbers if number[:10] == day]
            assert of_day == list(range(1, len(of_day) + 1))
        assert len(self.orders()) == len(numbers)


def result_fields(
    instr_no: str, instructions: list[Row], *told: tuple[int, int, str]
) -> dict[str, str]:
    """The head of a 2614 whose totals fit its lines."""
    total = next((row["total"] for row in instructions if row["instr_no"] == instr_no), 0)
    good = [amt for _, amt, result in told if result == "00000"]
    return {
        "InstrNo": instr_no,
        "TotalAmt": yuan(total),
        "SuccAmt": yuan(sum(good)),
        "SuccCount": str(len(good)),
        "FailCount": str(len(told) - len(good)),
    }


def voucher(fields: dict[str, str], told: tuple[tuple[int, int, str], ...]) -> str:
    """A 2614 as a bank writes it."""
    head = "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items())
    lines = ""
    for number, amt, result in told:
        done = f"<TraNo>B{number}</TraNo><TraDate>20260303</TraDate><TraTime>101500</TraTime>"
        tail = done if result == "00000" else "<Information>账户已销户</Information>"
        lines += (
            f"<Detail><LineNo>{number}</LineNo><Amt>{yuan(amt)}</Amt>"
            f"<Result>{result}</Result>{tail}</Detail>"
        )
    return f"<Voucher>{head}<DetailList>{lines}</DetailList></Voucher>"


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


@asynccontextmanager
async def opened_site(template: Path, directory: Path) -> AsyncIterator[Site]:
    """A copy of a sample without bills that are paid."""
    installation = Installation.copied(template, directory)
    config = installation.config()
    store = await open_store(config.store.url, installation.directory)
    try:
        yield Site(config, store, installation.store_file)
    finally:
        await store.close()
