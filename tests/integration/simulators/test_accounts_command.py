"""`nontax accounts`: the gateway's expectation of every account, and its comparison."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from nontax.simulators.county import County
from nontax.simulators.moving import Account

from .story_town import FISCAL, differing, make_bill, now, pay, read, run


def ledger(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ledger.json"
    path.write_text(text, "utf-8")
    return str(path)


async def test_what_a_balance_is_made_of(town: County) -> None:
    await town.open()
    bank, other = town.banks
    await pay(bank, await make_bill(town, 8000))
    await pay(other, await make_bill(town, 5000))
    virtual = await make_bill(town, 700, {"VirtualAcct": "auto"})
    quote = await bank.query(virtual)
    assert quote.due is not None
    assert await bank.receiver.on_virtual(quote.due.RecAcct, 700, "张三") in bank.receiver.arrivals
    await bank.receiver.unnamed(Account(FISCAL), 12345, "某人")
    day = now(town)
    found = await read(town, "accounts", "--date", day.strftime("%Y-%m-%d"))
    rows = {row["account"]: row for row in found["accounts"]}
    fiscal = rows[FISCAL]
    assert (fiscal["collected"], fiscal["unidentified"], fiscal["expected"]) == (8700, 12345, 21045)
    assert rows["32003000000000000026"]["expected"] == 5000
    assert rows["32001000000000000042"]["opening"] == 50_000_000
    assert rows["32001000000000000042"]["name"] == "示例市财政局非税收入退付备用金"
    assert "outside" not in fiscal
    before = (day - timedelta(days=1)).strftime("%Y-%m-%d")
    assert FISCAL not in {
        row["account"] for row in (await read(town, "accounts", "--date", before))["accounts"]
    }
    assert await differing(town) == {}
    listed = (await read(town, "arrival", "list"))["arrivals"]
    await run(town, "arrival", "return", str(listed[0]["id"]), "--reason", "无法认领")
    assert await differing(town) == {FISCAL: 12345}
    bank.receiver.give_back(listed[0]["TraNo"])
    assert await differing(town) == {}


async def test_accounts_are_printed_for_people(town: County, tmp_path: Path) -> None:
    await town.open()
    await pay(town.banks[0], await make_bill(town, 8000))
    day = now(town).strftime("%Y-%m-%d")
    balances = town.money.balances()
    equal = await town.installation.run(
        "accounts", "--date", day, "--against", ledger(tmp_path, json.dumps(balances))
    )
    assert equal.code == 0
    assert "all 3 accounts agree" in equal.stdout
    line = next(row for row in equal.stdout.splitlines() if row.startswith(FISCAL))
    assert line.split()[-3:] == ["80.00", "80.00", "-"]
    less = ledger(tmp_path, json.dumps({**balances, FISCAL: 7999, "123": 5}))
    different = await town.installation.run("accounts", "--date", day, "--against", less)
    assert different.code == 1
    assert "2 of 4 accounts differ" in different.stdout
    assert "-0.01" in different.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "is no ledger"),
        ('{"1": "80.00"}', "whole numbers"),
        ('{"1": 80.5}', "whole numbers"),
        ('{"1": true}', "whole numbers"),
        ('{"1": 5, "1": 6}', "stands there twice"),
        ("{", "is no ledger"),
    ],
)
async def test_a_ledger_that_cannot_be_read(
    town: County, tmp_path: Path, text: str, said: str
) -> None:
    file = ledger(tmp_path, text)
    done = await town.installation.run("accounts", "--date", "2026-03-02", "--against", file)
    assert done.code == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


async def test_a_ledger_that_is_not_there(town: County, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.json")
    done = await town.installation.run("accounts", "--date", "2026-03-02", "--against", missing)
    assert done.code == 2
    assert "none.json" in done.stderr
    assert (await town.installation.run("accounts")).code == 2
