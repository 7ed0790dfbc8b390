"""`nontax einvoice issue, reverse, show, list, numbers, void-expired` on a real sample."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from nontax.gateway.clock import SystemClock
from nontax.gateway.einvoicing.building import build_blue
from nontax.gateway.einvoicing.content import Draft
from nontax.gateway.einvoicing.numbers import reserve
from nontax.gateway.store import bills, open_store, payments
from nontax.gateway.store.protocol import Transaction, Work
from nontax.gateway.store.records import Bill, BillItem, Payment

from .conftest import Nontax

UNIT = "0104901"
CODE = f"320101{SystemClock().today()[2:4]}"
FIRST, SECOND = f"{CODE}-0000000001", f"{CODE}-0000000002"


def transact(site: Path, work: Work[None]) -> None:
    async def run() -> None:
        store = await open_store("sqlite:///nontax.db", site)
        try:
            await store.transact(work)
        finally:
            await store.close()

    asyncio.run(run())


@pytest.fixture
def paid(site: Path) -> Callable[[int], list[str]]:
    """Makes so many paid bills; their pay codes."""

    def make(count: int) -> list[str]:
        pay_codes = [f"3206822799{number:010d}" for number in range(count)]

        async def work(tx: Transaction) -> None:
            for pay_code in pay_codes:
                bill = Bill(
                    pay_code=pay_code, region="320682", bill_date="20260301", unit_code=UNIT,
                    unit_name="示例市自然资源局", payer_name="张三", amt=8000, ori_amt=8000,
                    delay_amt=0, source="import", maker="maker1", created_at=1, changed_at=1,
                    state="paid", payer_type="1", content_digest="0" * 64,
                )  # fmt: skip
                item = BillItem(pay_code, 1, "103043211", "不动产登记费", 8000, "次", "2.5")
                assert await bills.insert(tx, bill, [item])
                await payments.insert(
                    tx,
                    Payment(
                        id=0, src="D3206820105", cfm_date="20260301", tra_no_bus=pay_code,
                        pay_code=pay_code, amt=8000, pay_mode="11", rec_acct_type="1",
                        rec_acct="32001000000000000018", channel="2612", received_at=1,
                    ),
                )  # fmt: skip

        transact(site, work)
        return pay_codes

    return make


def test_an_invoice_from_bill_to_file(
    nontax: Nontax, paid: Callable[[int], list[str]], tmp_path: Path
) -> None:
    [pay_code] = paid(1)
    done = nontax("einvoice", "issue", pay_code)
    assert (done.code, done.out) == (0, f"issued invoice {FIRST}, 80.00 yuan, of bill {pay_code}\n")
    again = nontax("einvoice", "issue", pay_code, "--json")
    assert (again.code, again.json["repeated"], again.json["number"]) == (0, True, FIRST[9:])
    exported = nontax("einvoice", "export", pay_code)
    file = tmp_path / "invoice.xml"
    file.write_text(exported.out, encoding="utf-8", newline="")
    verdict = nontax("einvoice", "verify", str(file), "--json")
    assert (verdict.code, verdict.json["trusted"]) == (0, True)
    assert "<ItemExt><ItemQuantity>2.5</ItemQuantity></ItemExt>" in exported.out
    shown = nontax("einvoice", "show", pay_code)
    assert "张三" not in shown.out
    assert "张*" in shown.out
    for text in (FIRST, "issued", "archived", "80.00", "the key kept here", "reserved", "built"):
        assert text in shown.out
    by_number = nontax("einvoice", "show", FIRST.replace("-", ""), "--json").json
    assert [event["event"] for event in by_number["events"]] == ["reserved", "built", "archived"]
    assert nontax("check").code == 0


def test_red_and_the_refund_that_waits_for_it(
    nontax: Nontax, paid: Callable[[int], list[str]]
) -> None:
    [pay_code] = paid(1)
    assert nontax("einvoice", "issue", pay_code).code == 0
    wish = ("refund", "request", pay_code, "--amount", "30.00", "--reason", "多缴")
    refused = nontax(*wish)
    assert refused.code == 1
    assert f"reverse it first (冲红): `nontax einvoice reverse {pay_code}`" in refused.err
    assert nontax("einvoice", "reverse", pay_code, "--reason", " ").code == 2
    red = nontax("einvoice", "reverse", pay_code, "--reason", "退费")
    assert (red.code, red.out) == (
        0, f"issued red invoice {SECOND}, -80.00 yuan, of bill {pay_code}\n",
    )  # fmt: skip
    assert "never reversed" in nontax("einvoice", "reverse", SECOND, "--reason", "再冲").err
    assert nontax("einvoice", "reverse", pay_code, "--reason", "再冲").code == 2
    assert nontax(*wish).code == 0
    waits = nontax("einvoice", "issue", pay_code)
    assert waits.code == 1
    assert "is requested" in waits.err
    listed = nontax("einvoice", "list", "--json").json
    assert [(one["number"], one["kind"], one["state"]) for one in listed] == [
        (FIRST[9:], "blue", "reversed"), (SECOND[9:], "red", "archived"),
    ]  # fmt: skip
    assert len(nontax("einvoice", "show", pay_code, "--json").json) == 2
    assert "reversed by" in nontax("einvoice", "show", FIRST).out


def test_many_from_a_file_and_all_that_wait(
    nontax: Nontax, paid: Callable[[int], list[str]], tmp_path: Path
) -> None:
    pay_codes = paid(30)
    file = tmp_path / "codes.txt"
    file.write_text("# 三月\n\n" + "\n".join([*pay_codes[:10], pay_codes[0], "1"]) + "\n")
    done = nontax("einvoice", "issue", "--file", str(file), "--json")
    assert done.code == 1
    assert (done.json["issued"], done.json["Amt"]) == (10, "800.00")
    assert done.json["refused"] == [
        {"PayCode": "1", "reason": "there is no such bill", "do": "check the pay code"}
    ]
    done = nontax("einvoice", "issue", "--all", "--unit", UNIT)
    assert (done.code, done.out) == (
        0, "20 invoices issued, 1600.00 yuan; 0 bills had theirs\n",
    )  # fmt: skip
    done = nontax("einvoice", "issue", *pay_codes)
    assert done.out == "0 invoices issued, 0.00 yuan; 30 bills had theirs\n"
    numbers = nontax("einvoice", "numbers", "--json").json
    assert numbers == [
        {"code": CODE, "fate": "issued", "count": 30, "first": "0000000001", "last": "0000000030"}
    ]
    table = nontax("einvoice", "numbers", "--code", CODE)
    assert table.code == 0
    assert [line.split()[:5] for line in table.out.splitlines()[1:]] == [
        ["0000000001", "0000000030", "30", "issued", UNIT],
        ["0000000031", "0000100000", "99970", "stock", UNIT],
    ]


def test_a_run_that_was_killed_is_continued(
    nontax: Nontax, paid: Callable[[int], list[str]], site: Path
) -> None:
    pay_codes = paid(3)
    clock = SystemClock()
    moment = clock.civil().strftime("%Y%m%d%H%M%S")
    draft = Draft(clock.now_ms(), moment, "ab12cd", "maker1", "系统", "系统")

    async def begin(tx: Transaction) -> None:
        # What a process leaves that was killed before it signed.
        await build_blue(tx, pay_code=pay_codes[1], bill_type="", draft=draft)

    transact(site, begin)
    assert (
        nontax("einvoice", "list", "--state", "built", "--json").json[0]["PayCode"] == pay_codes[1]
    )
    done = nontax("einvoice", "issue", "--all")
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "2 invoices issued, 160.00 yuan; 0 bills had theirs",
            "1 invoices that were begun before were finished",
        ],
    )
    states = {one["state"] for one in nontax("einvoice", "list", "--json").json}
    assert states == {"archived"}


def test_what_cannot_be_asked_for(nontax: Nontax, tmp_path: Path) -> None:
    for arguments in (
        (), ("1", "--all"), ("--all", "--file", "x"), ("1", "--unit", UNIT),
        ("--all", "--unit", "0105204"), ("1",),
    ):  # fmt: skip
        assert nontax("einvoice", "issue", *arguments).code == 2
    file = tmp_path / "codes.txt"
    file.write_text("1\n缴款码\n")
    assert "line 2: is no pay code" in nontax("einvoice", "issue", "--file", str(file)).err
    assert nontax("einvoice", "show", "1").code == 2
    assert nontax("einvoice", "show", f"{CODE}-0000000000").code == 2
    assert nontax("einvoice", "show", f"{CODE}-0009999999").code == 2
    assert "in stock" in nontax("einvoice", "show", FIRST).out
    assert nontax("einvoice", "numbers", "--code", "99999999").code == 2


def test_numbers_that_nobody_uses(nontax: Nontax, site: Path) -> None:
    async def work(tx: Transaction) -> None:
        now = SystemClock().now_ms()
        for days in (40, 35, 1):
            at = now - days * 86_400_000
            await reserve(tx, unit_code=UNIT, bill_type="0101", by="K3206820002", at=at)

    transact(site, work)
    voided = nontax("einvoice", "void-expired")
    assert (voided.code, voided.out.splitlines()[-1]) == (0, "2 numbers voided")
    assert nontax("einvoice", "void-expired", "--json").json == []
    shown = nontax("einvoice", "show", FIRST).out
    assert "voided" in shown
    assert "reserved and not used within 30 days" in shown


def test_a_number_without_an_explanation_is_told(nontax: Nontax, site: Path) -> None:
    with contextlib.closing(sqlite3.connect(site / "nontax.db")) as books, books:
        books.execute("UPDATE stock_ranges SET next = next + 1 WHERE medium = 'electronic'")
    table = nontax("einvoice", "numbers", "--code", CODE)
    assert table.code == 1
    assert "unexplained" in table.out
    assert nontax("einvoice", "show", FIRST).code == 1
    checked = nontax("check")
    assert checked.code == 1
    assert f"{CODE} 0000000001 to 0000000001 were taken, why?" in checked.out + checked.err
