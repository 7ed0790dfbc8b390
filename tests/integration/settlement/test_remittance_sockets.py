"""The whole way over sockets: a teller's payment, income, 5618 to the bank, its 2618, vouchers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nontax.messages import Voucher
from nontax.messages.confirm import Confirmation
from nontax.messages.remittance import Remittance, RemittanceResult
from nontax.simulators.identity import Received
from nontax.simulators.peer import Node
from nontax.simulators.process import GatewayProcess, Installation
from nontax.simulators.scenario import Behaviour, Rule

from .remit_site import until

BANK = "D3206820105"
ACCOUNT = "32001000000000000018"


class RemittingBank:
    """A bank that remits by 5618, once for each RemitNo."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.orders: dict[str, Remittance] = {}
        self.asked = 0
        node.handlers["5618"] = self._ordered

    def _ordered(self, request: Received) -> Voucher:
        order = request.message
        assert isinstance(order, Remittance)
        assert order.TotalAmt == sum(line.Amt for line in order.DetailList)
        assert order.Count == len(order.DetailList)
        self.asked += 1
        self.orders[order.RemitNo] = order
        return self.node.identity.general("5618", "00000", "收妥")

    async def report(self, order: Remittance, result: str = "00000") -> str:
        """Send the 2618 of an order; the answer's code."""
        done = {"TraNo": "R1", "TraDate": "20261122", "TraTime": "101500"}
        told = RemittanceResult(
            RemitNo=order.RemitNo,
            TotalAmt=order.TotalAmt,
            Result=result,
            **(done if result == "00000" else {}),
        )
        return (await self.node.ask(told)).result

    async def have(self, count: int) -> list[Remittance]:
        """Wait until so many were ordered."""
        await until(lambda: len(self.orders) >= count)
        return [self.orders[number] for number in sorted(self.orders)]


@pytest.fixture
async def installation(sample_template: Path, tmp_path: Path) -> Installation:
    return Installation.copied(sample_template, tmp_path / "site")


@pytest.fixture
async def bank(installation: Installation) -> AsyncIterator[RemittingBank]:
    async with Node(installation.identity(BANK)) as node:
        installation.configure(
            {
                "listen": {"port": 0},
                "outbox": {"poll_seconds": 0.05, "first_retry_seconds": 0.05},
                "settlement": {"keep_seconds": 0.1},
            },
            {BANK: {"address": str(node.address)}, "G000001": {"sync_bills": False}},
        )
        yield RemittingBank(node)


@pytest.fixture
async def gateway(installation: Installation, bank: RemittingBank) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(installation) as running:
        bank.node.gateway = running.address
        yield running
        assert await running.stop() == 0


async def paid(installation: Installation, bank: RemittingBank, yuan: str, number: str) -> str:
    """A bill of the land unit that a teller takes the money for."""
    words = ("--unit", "0104901", "--item", f"103043211={yuan}", "--payer", "张三", "--json")
    made = await installation.must("bill", "add", *words, operator="maker1")
    code: str = made.json()["PayCode"]
    confirmation = Confirmation(
        PayCode=code,
        CfmDate=bank.node.identity.clock().strftime("%Y%m%d"),
        CfmTime="093000",
        Amt=round(float(yuan) * 100),
        BankOutlet="320682001",
        Operator="柜员01",
        PayMode="11",
        TraNoBus=number,
        PayerName="张三",
        RecAcctType="1",
        RecAcct=ACCOUNT,
    )
    assert (await bank.node.ask(confirmation)).result == "00000"
    return code


async def run(installation: Installation) -> dict[str, Any]:
    return (await installation.must("remit", "run", "--json", operator="maker1")).json()


async def state(installation: Installation, order: Remittance) -> str:
    shown = (await installation.must("remit", "show", order.RemitNo, "--json")).json()
    return str(shown["state"])


async def test_money_goes_from_the_teller_to_three_treasuries(
    installation: Installation, bank: RemittingBank, gateway: GatewayProcess
) -> None:
    code = await paid(installation, bank, "80.00", "T1")
    spool = installation.directory / "spool" / "vouchers"
    # The service confirms by itself.
    await until(lambda: bool(list(spool.glob("receipt-*.json"))))
    report = await run(installation)
    assert report["TotalAmt"] == "80.00"
    orders = await bank.have(3)
    assert sorted(order.TotalAmt for order in orders) == [800, 1600, 5600]
    assert {line.PayCode for order in orders for line in order.DetailList} == {code}
    for order in orders:
        assert await bank.report(order) == "00000"
        assert await bank.report(order) == "00000"
    assert {await state(installation, order) for order in orders} == {"succeeded"}
    await until(lambda: len(list(spool.glob("remittance-*.json"))) == 3)
    written = [path.read_text("utf-8") for path in spool.glob("remittance-*.json")]
    amounts = [json.loads(text)["TotalAmt"] for text in written]
    assert sorted(amounts) == ["16.00", "56.00", "8.00"]
    assert (await run(installation))["remittances"] == []
    assert (await installation.must("journal", "verify")).code == 0


async def test_a_lost_answer_a_failure_and_a_new_number(
    installation: Installation, bank: RemittingBank, gateway: GatewayProcess
) -> None:
    await paid(installation, bank, "10.00", "T1")
    # The answer to the first message is lost: it comes again under the same number.
    bank.node.script.add(Rule(number="5618", nth=1, do=Behaviour(ending="close")))
    await run(installation)
    first, *others = await bank.have(3)
    await until(lambda: bank.asked == 4)
    assert len(bank.orders) == 3
    assert await bank.report(first, "99999") == "00000"
    assert await state(installation, first) == "failed"
    for order in others:
        await bank.report(order)
    report = await run(installation)
    [again] = report["remittances"]
    assert again["RemitNo"] not in {first.RemitNo, *(order.RemitNo for order in others)}
    *_, second = await bank.have(4)
    assert (second.TotalAmt, second.TreCode) == (first.TotalAmt, first.TreCode)
    assert await bank.report(first) == "10005"
    assert await bank.report(second) == "00000"
