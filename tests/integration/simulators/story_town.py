"""What the stories of settlement share: bills of a county that is settled by real commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nontax.codecs import format_yuan
from nontax.simulators.collector import Collector
from nontax.simulators.county import County
from nontax.simulators.ledger import Entry, Money

FISCAL, CLEARING = "32001000000000000018", "32009000000000000034"
CENTRAL, PROVINCE, TREASURY = "270000000000000001", "270000000000320005", "270000000320682003"
TO_CLEAR = {"RecAcctType": "9", "RecAcct": CLEARING}


def now(town: County) -> datetime:
    return town.banks[0].node.identity.clock()


async def make_bill(town: County, amt: int, more: Mapping[str, str] | None = None) -> str:
    """A bill of 不动产登记费, which three levels of government share; its pay code."""
    bill = {
        "AdmDivCode": "320682", "BillDate": now(town).strftime("%Y%m%d"), "PayerName": "张三",
        "ChgAgenCode": "0104901", "OriAmt": format_yuan(amt), "DelayAmt": "0.00",
        "Items": [{"ItemCode": "103043211", "ItemName": "不动产登记费", "Amt": format_yuan(amt)}],
        **(more or {}),
    }  # fmt: skip
    file = town.installation.directory / "story.jsonl"
    file.write_text(json.dumps(bill, ensure_ascii=False) + "\n", "utf-8")
    made = await town.installation.must("bill", "import", str(file), "--json", operator="maker1")
    return str(made.json()["pay_codes"][0])


async def pay(collector: Collector, pay_code: str) -> Entry:
    """A payer pays the bill."""
    quote = await collector.query(pay_code)
    assert quote.due is not None
    entry = await collector.pay(quote.due)
    assert entry.money is Money.BOOKED
    return entry


async def run(town: County, *words: str, operator: str = "maker1") -> Any:
    """Run a command that has to end with 0; what it printed as JSON."""
    return (await town.installation.must(*words, "--json", operator=operator)).json()


async def read(town: County, *words: str) -> Any:
    """Run a command that only reads."""
    return (await town.installation.must(*words, "--json")).json()


async def differing(town: County) -> dict[str, int]:
    """The accounts whose balance at the banks is another than the gateway expects: by how much."""
    assert town.money.faults() == []
    ledger = town.installation.directory / "ledger.json"
    ledger.write_text(json.dumps(town.money.balances()), "utf-8")
    day = now(town).strftime("%Y-%m-%d")
    compared = await town.installation.run(
        "accounts", "--date", day, "--against", str(ledger), "--json"
    )
    rows = compared.json()["accounts"]
    found = {row["account"]: row["difference"] for row in rows if row["difference"]}
    assert compared.code == (1 if found else 0)
    assert compared.json()["equal"] is not bool(found)
    return found


def moved(town: County, account: str, what: str) -> list[tuple[str, int]]:
    """What came to or left an account by movements of a kind: reference and fen, in order."""
    return [
        (movement.reference, posting.amt)
        for book in town.money
        for movement in book.of(account)
        if movement.what == what
        for posting in movement.postings
        if posting.account == account
    ]
