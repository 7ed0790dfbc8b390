"""Statements while the gateway is killed between packs; a long one and the memory it takes."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from nontax.gateway.store import open_store, statements
from nontax.gateway.store.protocol import Transaction
from nontax.messages.statements import PaymentLine, PaymentStatement
from nontax.simulators.county import County
from nontax.simulators.peer import Node, Patience

ACCOUNT = "32001000000000000018"


def packs(day: str, count: int, lines: int, *, only: range | None = None) -> list[PaymentStatement]:
    """A day's batch in COUNT packs, or some of them."""
    return [
        PaymentStatement(
            BatchNo="B1",
            CheckDate=day,
            PackCount=count,
            PackNo=number,
            PayMode="11",
            TotalCount=count * lines,
            TotalAmt=count * lines * 8000,
            DetailList=[
                PaymentLine(
                    PayCode="32068226000000000019",
                    CfmDate=day,
                    CfmTime="101530",
                    Amt=8000,
                    TraNoBus=f"{day}{number:04d}{line:08d}",
                    PayerName="欧阳锋",
                    PayerAcct="6222000011112222333",
                    RecAcctType="1",
                    RecAcct=ACCOUNT,
                    BankOutlet="320682001",
                )
                for line in range(lines)
            ],
        )
        for number in only or range(1, count + 1)
    ]


def yesterday(town: County) -> str:
    return town.banks[0].node.identity.clock().strftime("%Y%m%d")


async def result(node: Node, pack: PaymentStatement) -> str | None:
    return (await node.call(pack)).result


@pytest.mark.crash
async def test_packs_outlive_a_gateway_that_is_killed(town: County) -> None:
    await town.open()
    node = town.banks[0].node
    node.patience = Patience(attempts=400, pause_seconds=0.02)
    day = yesterday(town)
    batch = packs(day, 6, 50)
    random.Random(5).shuffle(batch)  # noqa: S311 - repeatable on purpose
    for number, pack in enumerate(batch):
        assert await result(node, pack) == "00000"
        if number in {1, 4, 5}:
            await town.gateway.kill()
            await town.open()
            # The answer may have been lost with the gateway: the bank sends it again.
            assert await result(node, pack) == "00000"
    assert await town.gateway.stop() == 0
    installation = town.installation
    store = await open_store(installation.config().store.url, installation.directory)

    async def look(tx: Transaction) -> tuple[list[tuple[str, int]], Counter[str]]:
        found = await statements.of_day(tx, node.code, day)
        lines = await statements.payment_lines_page(tx, node.code, day, limit=1000)
        return [(one.state, one.lines) for one in found], Counter(line.tra_no for line in lines)

    found, numbers = await store.scan(look)
    await store.close()
    assert found == [("complete", 300)]
    assert numbers == Counter(line.TraNoBus for pack in batch for line in pack.DetailList)


def peak(pid: int) -> int:
    """The most memory that a process ever had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


@pytest.mark.slow
async def test_a_long_batch_takes_the_memory_of_a_pack(town: County) -> None:
    """16 packs of 10,000 lines, more than 60 MB on the wire."""
    await town.open()
    node = town.banks[0].node
    day = yesterday(town)
    after: list[int] = []
    for number in range(1, 17):
        [pack] = packs(day, 16, 10_000, only=range(number, number + 1))
        assert await result(node, pack) == "00000"
        after.append(peak(town.gateway.pid))
    assert after[-1] - after[3] < 40
    assert await town.gateway.stop() == 0
