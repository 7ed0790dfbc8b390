"""The whole way over sockets: `nontax serve`, the commands, and a bank with books of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nontax.messages import Voucher
from nontax.messages.clearing import (
    ClearingInstruction,
    ClearingLine,
    ClearingLineResult,
    ClearingResult,
)
from nontax.messages.confirm import Confirmation
from nontax.simulators.identity import Received
from nontax.simulators.peer import Node
from nontax.simulators.process import GatewayProcess, Installation
from nontax.simulators.scenario import Behaviour, Rule

BANK = "D3206820105"
CENTRAL, PROVINCE, COUNTY = "270000000000000001", "270000000000320005", "270000000320682003"
GOOD, CLOSED = "00000", "12003"


class SettlingBank:
    """A bank that moves money by 5614, once for each InstrNo and line."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.balances: dict[str, int] = {}
        self.closed: set[str] = set()
        self.done: dict[str, dict[int, ClearingLineResult]] = {}
        node.handlers["5614"] = self._instructed

    def _instructed(self, request: Received) -> Voucher:
        order = request.message
        assert isinstance(order, ClearingInstruction)
        if order.InstrNo not in self.done:
            self.done[order.InstrNo] = {line.LineNo: self._move(line) for line in order.DetailList}
        return self.node.identity.general("5614", GOOD, "收妥")

    def _move(self, line: ClearingLine) -> ClearingLineResult:
        if line.RecAcct in self.closed:
            return ClearingLineResult(
                LineNo=line.LineNo, Amt=line.Amt, Result=CLOSED, Information="账户已销户"
            )
        self.balances[line.RecAcct] = self.balances.get(line.RecAcct, 0) + line.Amt
        return ClearingLineResult(
            LineNo=line.LineNo,
            Amt=line.Amt,
            Result=GOOD,
            TraNo=f"B{len(self.done)}{line.LineNo}",
            TraDate="20261122",
            TraTime="101500",
        )

    async def report(self, instr_no: str, *changed: ClearingLineResult) -> str:
        """Send the 2614 of an instruction, some lines told otherwise; the answer's code."""
        lines = self.done[instr_no] | {line.LineNo: line for line in changed}
        good = [line.Amt for line in lines.values() if line.Result == GOOD]
        result = ClearingResult(
            InstrNo=instr_no,
            TotalAmt=sum(line.Amt for line in lines.values()),
            SuccAmt=sum(good),
            SuccCount=len(good),
            FailCount=len(lines) - len(good),
            DetailList=tuple(lines.values()),
        )
        return (await self.node.ask(result)).result


@pytest.fixture
async def installation(sample_template: Path, tmp_path: Path) -> Installation:
    return Installation.copied(sample_template, tmp_path / "site")


@pytest.fixture
async def bank(installation: Installation) -> AsyncIterator[SettlingBank]:
    async with Node(installation.identity(BANK)) as node:
        installation.configure(
            {
                "listen": {"port": 0},
                "outbox": {
                    "poll_seconds": 0.05,
                    "first_retry_seconds": 0.05,
                    "answer_timeout_seconds": 5,
                },
            },
            {BANK: {"address": str(node.address)}},
        )
        installation.configure({}, {"G000001": {"sync_bills": False}})
        yield SettlingBank(node)


@pytest.fixture
async def gateway(installation: Installation, bank: SettlingBank) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(installation) as running:
        bank.node.gateway = running.address
        yield running


async def collect(installation: Installation, bank: SettlingBank) -> tuple[str, int]:
    """Confirm the sample's unpaid bills of ours on a 科目; the day, and what came in."""
    day = bank.node.identity.clock().strftime("%Y%m%d")
    listed = (await installation.must("bill", "list", "--json")).json()
    total = 0
    for number, bill in enumerate(listed["bills"]):
        amt = int(bill["Amt"].replace(".", ""))
        answer = await bank.node.ask(
            Confirmation(
                PayCode=bill["PayCode"],
                CfmDate=day,
                CfmTime="093000",
                Amt=amt,
                BankOutlet="320682001",
                Operator="柜员01",
                PayMode="11",
                TraNoBus=f"T{number:06d}",
                PayerName="张三",
                RecAcctType="3",
                RecAcct="",
            )
        )
        if answer.result == GOOD:
            total += amt
    assert total > 0
    return f"{day[:4]}-{day[4:6]}-{day[6:]}", total


async def shown(installation: Installation, instr_no: str, *states: str) -> Any:
    """What `clearing show` says, as soon as the instruction is in one of these states."""
    async with asyncio.timeout(20):
        while True:
            found = (await installation.must("clearing", "show", instr_no, "--json")).json()
            if found["state"] in states:
                return found


async def test_lost_answer_repeated_result_and_a_failed_line_move_money_once(
    installation: Installation, bank: SettlingBank, gateway: GatewayProcess
) -> None:
    assert gateway.running
    day, paid = await collect(installation, bank)
    # The bank does what it is told, but its answer is lost; and the province's account is closed.
    bank.node.script.add(Rule(number="5614", nth=1, do=Behaviour(ending="close")))
    bank.closed.add(PROVINCE)
    run = (await installation.must("clearing", "run", "--date", day, "--json")).json()
    [instruction] = run["instructions"]
    first = instruction["InstrNo"]
    assert instruction["TotalAmt"] == f"{paid / 100:.2f}"
    orders = [request.message for request in await bank.node.wait_for("5614", 2)]
    assert [order.InstrNo for order in orders if order] == [first, first]  # type: ignore[attr-defined]
    assert orders[0] == orders[1]
    await shown(installation, first, "acknowledged")
    [line_two] = [line for line in orders[0].DetailList if line.LineNo == 2]  # type: ignore[union-attr]
    assert line_two.RecAcct == PROVINCE

    # Its result comes twice, and once with another story.
    assert await bank.report(first) == GOOD
    assert await bank.report(first) == GOOD
    otherwise = bank.done[first][2].model_copy(
        update={"Result": GOOD, "TraNo": "X", "TraDate": "20261122", "TraTime": "101500"}
    )
    assert await bank.report(first, otherwise) == "10005"
    told = await shown(installation, first, "partly")
    assert [line["state"] for line in told["lines"]] == ["succeeded", "failed", "succeeded"]
    assert PROVINCE not in bank.balances

    # The account is open again; line 2 alone goes out under a new number.
    bank.closed.clear()
    sent = (await installation.must("clearing", "resend", first, "--json")).json()
    second = sent["InstrNo"]
    assert second != first
    assert (sent["Count"], sent["resend_of"]) == (1, first)
    await bank.node.wait_for("5614", 3)
    order = bank.node.of("5614")[2].message
    assert isinstance(order, ClearingInstruction)
    [line] = order.DetailList
    assert (order.InstrNo, line.RecAcct, line.Amt) == (second, PROVINCE, line_two.Amt)
    await shown(installation, second, "acknowledged")
    assert await bank.report(second) == GOOD
    await shown(installation, second, "succeeded")
    told = await shown(installation, first, "partly")
    assert [line["sent_again_as"] for line in told["lines"]] == ["", second, ""]

    # Neither run nor resend finds anything more to do: the money moved once, all of it.
    again = (await installation.must("clearing", "run", "--date", day, "--json")).json()
    assert (again["entered"], again["instructions"]) == (0, [])
    for number in (first, second):
        refused = await installation.run("clearing", "resend", number)
        assert refused.code == 1, refused.stderr
    assert len(bank.node.of("5614")) == 3
    assert sum(bank.balances.values()) == paid
    assert set(bank.balances) <= {CENTRAL, PROVINCE, COUNTY}
    assert bank.balances[PROVINCE] == line_two.Amt
