"""The whole way over sockets: a bank takes money and lists it, a run, and its result."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from nontax.gateway.clock import SystemClock
from nontax.messages import Voucher
from nontax.simulators.bank import Bank
from nontax.simulators.county import County
from nontax.simulators.identity import Received
from nontax.simulators.process import GatewayProcess
from nontax.simulators.statements import payment_lines, payment_statements

BILL = {
    "AdmDivCode": "320682", "BillDate": "", "ChgAgenCode": "0104901", "PayerName": "张三",
    "OriAmt": "80.00", "DelayAmt": "0.00", "Hold1": "Y",
    "Items": [{
        "ItemCode": "103043211", "ItemName": "不动产登记费", "Amt": "80.00", "Unit": "次",
        "Quantity": "1",
    }],
}  # fmt: skip


async def bills(gateway: GatewayProcess, directory: Path, count: int, today: str) -> list[str]:
    file = directory / "new.jsonl"
    line = json.dumps(BILL | {"BillDate": today}, ensure_ascii=False)
    file.write_text("".join(f"{line}\n" for _ in range(count)), encoding="utf-8")
    done = await gateway.installation.must("bill", "import", str(file), "--json", operator="maker1")
    return [str(code) for code in done.json()["pay_codes"]]


async def test_a_bank_lists_its_day_and_hears_the_result(
    gateway: GatewayProcess, town: County, bank: Bank, tmp_path: Path
) -> None:
    today = SystemClock().today()
    day = f"{today[:4]}-{today[4:6]}-{today[6:]}"
    codes = await bills(gateway, tmp_path, 4, today)
    for pay_code in codes[:3]:
        quote = await bank.query(pay_code)
        assert quote.due is not None
        assert (await bank.pay(quote.due)).result == "00000"
    untold = await bank.query(codes[3])
    assert untold.due is not None
    entry = bank.take_untold(untold.due)
    [listed] = payment_statements(bank.till, bank.ledger, today, outlet=bank.outlet)
    forgotten = payment_lines([entry], bank.outlet)[listed.scope]
    statements = [replace(listed, lines=(*listed.lines, *forgotten))]
    answers = await bank.desk.send(statements, size=2)
    assert {code for codes_ in answers.values() for code in codes_} == {"00000"}

    told = asyncio.Event()
    take = bank.node.handlers["5555"]

    def taken(request: Received) -> Voucher:
        told.set()
        return take(request)

    bank.node.handlers["5555"] = taken
    dry = await gateway.installation.run(
        "reconcile", "run", "--date", day, "--node", bank.node.code, "--dry-run"
    )
    assert dry.code == 0
    assert "1 of them repaired; nothing was written" in dry.stdout
    done = await gateway.installation.run(
        "reconcile", "run", "--date", day, "--node", bank.node.code, "--json"
    )

    assert done.code == 0, done.stderr
    [node] = done.json()["nodes"]
    assert (node["state"], node["open"], node["repaired"]) == ("reconciled", 0, 1)
    async with asyncio.timeout(20):
        await told.wait()
    [result] = bank.desk.results("5555", today, statements[0].scope)
    assert (result.CheckStatus, result.SuccCount, result.FailCount) == ("1", 3, 1)
    assert [(detail.PayCode, detail.Code) for detail in result.DetailList] == [(codes[3], "15003")]
    shown = await gateway.installation.run("bill", "show", codes[3], "--json")
    assert shown.json()["PayStats"] == "1"

    text = await gateway.installation.run("reconcile", "show", "--date", day)
    assert text.code == 0
    assert "reconciled, revision 1" in text.stdout
    assert "已补单" in text.stdout
    again = await gateway.installation.run("reconcile", "run", "--date", day)
    assert "stored before" in again.stdout
    refused = await bank.desk.send(statements, size=2)
    assert {code for codes_ in refused.values() for code in codes_} == {"15010"}
    for words in (("--date", "2099-01-01"), ("--date", day, "--node", "D9999990105")):
        wrong = await gateway.installation.run("reconcile", "run", *words)
        assert (wrong.code, wrong.stdout) == (2, "")
        assert wrong.stderr.count("\n") == 1
