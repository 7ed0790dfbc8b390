"""The command `nontax-sim`: counterparties as processes, scripts, orders on stdin, exit codes."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nontax.messages import Voucher
from nontax.messages.clearing import ClearingInstruction, ClearingLine, ClearingResult
from nontax.messages.common import FinanceLinkTest
from nontax.messages.refund import RefundOrder
from nontax.simulators.county import County
from nontax.simulators.identity import Received, make_identity
from nontax.simulators.link import NoAnswerError, parse_address
from nontax.simulators.peer import Node
from nontax.simulators.scenario import load_script
from nontax.simulators.unit import Charge

COMMAND = [sys.executable, "-P", "-m", "nontax.simulators"]
EXAMPLES = Path(__file__).parents[3] / "examples"
TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"


class Sim:
    """A running `nontax-sim`: its JSON lines one after another, orders to its stdin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            text = await self.process.stdout.readline()
        assert text, "nontax-sim has ended"
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    async def order(self, text: str) -> dict[str, Any]:
        """Give an order and return its outcome; what is logged before it is skipped."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        await self.process.stdin.drain()
        while (found := await self.line())["event"] != "order":
            pass
        return found


@asynccontextmanager
async def sim(*arguments: str) -> AsyncIterator[Sim]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Sim(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(*arguments: str, stdin: str = "") -> tuple[int, list[dict[str, Any]], str]:
    async with sim(*arguments) as started:
        out, err = await started.process.communicate(stdin.encode())
        code = started.process.returncode
    assert code is not None
    return code, [json.loads(line) for line in out.splitlines()], err.decode()


def token_file(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", "utf-8")
    return f"file:{path}"


async def test_a_teller_at_the_counter(town: County) -> None:
    address = await town.open()
    bill = town.unit.make("张三", [Charge("103043211", "不动产登记费", 8000)], check_code="1234")
    assert (await town.unit.send(bill)).result == "00000"
    config = str(town.installation.config_file)
    async with sim("bank", "-c", config, "--to", str(address)) as bank:
        assert (await bank.order("link-test"))["result"] == "00000"
        assert (await bank.order(f"query {bill.PayCode} 9999"))["result"] == "11002"
        quoted = await bank.order(f"query {bill.PayCode} 1234")
        assert quoted["due"]["Amt"] == "80.00"
        assert quoted["due"]["PayerName"] == "张*"
        wrong = await bank.order(f"pay {bill.PayCode} 1234 81.00")
        assert (wrong["money"], wrong["result"]) == ("returned", "12004")
        paid = await bank.order(f"pay {bill.PayCode} 1234")
        assert (paid["money"], paid["result"]) == ("booked", "00000")
        again = await bank.order(f"repeat {paid['TraNoBus']}")
        assert again["result"] == "00000"
        assert (await bank.order(f"token {'T' * 32}"))["result"] == "00000"
        assert (await bank.order("ledger"))["held"] == "80.00"
        assert "usage: query" in (await bank.order("query"))["error"]
        assert "unknown order" in (await bank.order("dance"))["error"]
        assert "pay PAYCODE [CHECKCODE] [AMOUNT]" in (await bank.order("help"))["orders"]


async def test_a_bank_delivers_its_day(town: County) -> None:
    address = await town.open()
    bill = town.unit.make("张三", [Charge("103043211", "不动产登记费", 8000)])
    assert (await town.unit.send(bill)).result == "00000"
    config = str(town.installation.config_file)
    account = "32001000000000000018"
    async with sim("bank", "-c", config, "--to", str(address)) as bank:
        assert (await bank.order(f"pay {bill.PayCode}"))["money"] == "booked"
        day = (await bank.order("statements"))["statements"]
        assert [(s["number"], s["scope"], s["lines"], s["Amt"], s["results"]) for s in day] == [
            ("2555", "11", 1, "80.00", ["00000"]),
            ("2557", account, 1, "80.00", ["00000"]),
            ("2556", account, 1, "80.00", ["00000"]),
        ]
        assert (await bank.order("results"))["results"] == []
        assert (await bank.order("statements 2020-01-02 5"))["statements"][0]["lines"] == 0
        assert "no date" in (await bank.order("statements 2026-02-30"))["error"]
        assert "from 1" in (await bank.order("statements 2026-03-02 0"))["error"]
        assert "from 1" in (await bank.order("statements 2026-03-02 5 x"))["error"]


async def test_a_bank_delivers_its_day_with_planted_faults(town: County) -> None:
    address = await town.open()
    today = town.banks[0].node.identity.clock().strftime("%Y-%m-%d")
    config = str(town.installation.config_file)
    async with sim("bank", "-c", config, "--to", str(address)) as bank:
        for amt in (8000, 9000, 10000):
            bill = town.unit.make("张三", [Charge("103043211", "不动产登记费", amt)])
            assert (await town.unit.send(bill)).result == "00000"
            assert (await bank.order(f"pay {bill.PayCode}"))["money"] == "booked"
        day = await bank.order(f"statements {today} 2 7")
    assert {code for one in day["statements"] for code in one["results"]} == {"00000"}
    planted = day["planted"]
    assert len(planted) >= 5
    assert {row["node"] for row in planted} == {"D3206820105"}
    assert {"kind", "statement", "scope", "ours_amt", "theirs_amt", "state"} < set(planted[0])


async def test_a_unit_and_its_orders_from_a_file(town: County) -> None:
    address = await town.open()
    config = str(town.installation.config_file)
    orders = (EXAMPLES / "orders-unit.txt").read_text("utf-8")
    code, lines, err = await run("unit", "-c", config, "--to", str(address), stdin=orders)
    assert (code, err) == (0, "")
    made, paid = (line for line in lines if line["event"] == "order")
    assert made["result"] == "00000"
    assert made["PayCode"] in made["information"]
    assert paid["paid"] == []
    called = next(line for line in lines if line["event"] == "called")
    assert called["request"]["PayerName"] == "王*"


async def test_a_scripted_platform_listens(tmp_path: Path) -> None:
    """Its own description instead of a configuration; the rules of an example apply in order."""
    script = str(EXAMPLES / "scripts" / "refund-fails.toml")
    arguments = ("--token", token_file(tmp_path), "--mac", "hmac-sm3", "--width", "128")
    async with sim(
        "platform", "--listen", "127.0.0.1:0", "--script", script, *arguments
    ) as platform:
        listening = await platform.line()
        assert listening["event"] == "listening"
        finance = Node(
            make_identity("F320682", "finance", TOKEN, "hmac-sm3", 128),
            finance="G000001",
            gateway=parse_address(listening["address"]),
        )
        order = RefundOrder(
            RefundNo="R1", RefundDate="20260302", RefundType="1", PayCode="1", OriTraNoBus="T1",
            OriCfmDate="20260302", OriAmt=8000, Amt=8000, RecName="张三",
        )  # fmt: skip
        answers = [await finance.call(order) for _ in range(3)]
        assert [a.result for a in answers] == ["99999", "10006", "99999"]
        assert [a.information for a in answers[1:]] == ["系统忙", "原交易不存在"]
        logged = await platform.line()
        assert logged["request"]["RecName"] == "张*"
        platform.process.send_signal(signal.SIGTERM)
        assert await platform.process.wait() == 0


async def test_a_bank_on_a_bad_line(tmp_path: Path) -> None:
    script = str(EXAMPLES / "scripts" / "bad-line.toml")
    async with sim(
        "bank", "--listen", "127.0.0.1:0", "--script", script, "--token", token_file(tmp_path)
    ) as bank:
        finance = Node(
            make_identity("F320682", "finance", TOKEN),
            finance="D3206820105",
            gateway=parse_address((await bank.line())["address"]),
        )
        link_test = FinanceLinkTest(TestTime="20260302120000")
        with pytest.raises(NoAnswerError):
            await finance.call(link_test)
        bank.process.send_signal(signal.SIGTERM)
        assert await bank.process.wait() == 0


async def test_a_clearing_bank_and_its_orders_from_a_file(town: County) -> None:
    address = await town.open()
    config = str(town.installation.config_file)
    orders = (EXAMPLES / "orders-clearing.txt").read_text("utf-8")
    code, lines, err = await run("clearing", "-c", config, "--to", str(address), stdin=orders)
    assert (code, err) == (0, "")
    tested, arrived, balances, told = (line for line in lines if line["event"] == "order")
    assert tested["result"] == "00000"
    assert arrived["taken"] is True
    assert balances["balances"] == {"32009000000000000034": "1234.56"}
    assert told["instructions"] == {}
    listed = (await town.installation.must("arrival", "list", "--json")).json()
    assert [row["TraNo"] for row in listed["arrivals"]] == [arrived["TraNo"]]


async def test_a_clearing_bank_by_itself_carries_out_what_it_is_told(tmp_path: Path) -> None:
    """Its script: the first answer is lost, line 2 fails, the result is told twice."""
    script = str(EXAMPLES / "scripts" / "clearing-line-fails.toml")
    finance = Node(make_identity("F320682", "finance", TOKEN), finance="Q3200000105")
    results: list[ClearingResult] = []

    def taken(request: Received) -> Voucher:
        assert isinstance(request.message, ClearingResult)
        results.append(request.message)
        return finance.identity.general("2614", "00000")

    finance.handlers["2614"] = taken
    async with finance:
        arguments = ("--token", token_file(tmp_path), "--to", str(finance.address))
        async with sim(
            "clearing", "--listen", "127.0.0.1:0", "--script", script, *arguments
        ) as clearing:
            finance.gateway = parse_address((await clearing.line())["address"])
            instruction = ClearingInstruction(
                InstrNo="QF1", InstrDate="20260302", PayAcctType="9", PayAcct="A", TotalAmt=300,
                Count=2, DetailList=tuple(line(n, amt) for n, amt in ((1, 100), (2, 200))),
            )  # fmt: skip
            with pytest.raises(NoAnswerError):
                await finance.call(instruction)
            assert (await finance.call(instruction)).result == "00000"
            other = instruction.model_copy(update={"InstrDate": "20260303"})
            assert (await finance.call(other)).result == "10005"
            await finance.wait_for("2614", 2)
            balances = (await clearing.order("balances"))["balances"]
    assert balances == {"A": "-1.00", "T1": "1.00"}
    first, second = results
    assert first == second
    assert [line.Result for line in first.DetailList] == ["00000", "12003"]
    assert (first.SuccAmt, first.SuccCount, first.FailCount) == (100, 1, 1)
    assert first.DetailList[1].TraNo == ""


def line(number: int, amt: int) -> ClearingLine:
    return ClearingLine(
        LineNo=number, RecAcctType="5", RecName="国家金库", RecAcct=f"T{number}",
        RecOpBk="国家金库", BgtLevel="4", Amt=amt,
    )  # fmt: skip


def test_the_example_scripts_can_be_read() -> None:
    scripts = sorted((EXAMPLES / "scripts").glob("*.toml"))
    assert len(scripts) == 5
    for path in scripts:
        load_script(path)


async def test_the_example_bills_are_the_same_in_both_formats(town: County) -> None:
    shown = []
    for name in ("bills.jsonl", "bills.csv"):
        file = str(EXAMPLES / name)
        imported = await town.installation.must("bill", "import", file, "--json", operator="maker1")
        bills = [
            (await town.installation.must("bill", "show", code, "--json")).json()
            for code in imported.json()["pay_codes"]
        ]
        shown.append([(bill["PayStats"], bill["Amt"]) for bill in bills])
    assert shown[0] == shown[1] == [("0", "80.00"), ("0", "2080.00"), ("0", "550.00")]


async def test_nobody_answers(tmp_path: Path) -> None:
    probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    code, lines, _ = await run(
        "bank", "--to", f"127.0.0.1:{port}", "--token", token_file(tmp_path), stdin="link-test\n"
    )
    assert code == 3
    assert lines[-1]["sent"] is False


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("bank",), "nothing to do"),
        (("bank", "--to", "127.0.0.1:1"), "who is this?"),
        (("bank", "--to", "nowhere", "--token", "env:NONTAX_NO_SUCH"), "is no secret"),
        (("bank", "--listen", "127.0.0.1:x", "--token", "TOKEN"), "is not HOST:PORT"),
        (("bank", "--listen", "127.0.0.1:0", "--token", "TOKEN", "--mac", "md5"), "unknown MAC"),
        (("bank", "--listen", "127.0.0.1:0", "--token", "TOKEN", "--width", "32"), "64 or 128"),
        (("bank", "--listen", "127.0.0.1:0", "--token", "TOKEN", "--script", "no.toml"), "no.toml"),
        (("unit", "-c", "CONFIG", "--code", "G000001", "--to", "127.0.0.1:1"), "is a platform"),
        (("bank", "-c", "CONFIG", "--code", "D3206829999", "--to", "127.0.0.1:1"), "no peer"),
        (("bank", "-c", "absent.toml", "--to", "127.0.0.1:1"), "absent.toml"),
    ],
)
async def test_wrong_usage(
    sample_template: Path, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    """One line on stderr and exit code 2."""
    given = {"TOKEN": token_file(tmp_path), "CONFIG": str(sample_template / "nontax.toml")}
    code, lines, err = await run(*(given.get(word, word) for word in arguments))
    assert code == 2
    assert lines == []
    assert err.count("\n") == 1
    assert text in err
