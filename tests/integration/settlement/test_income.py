"""Income confirmation: by itself and by the unit, and the receipts that come of it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nontax.gateway.observe.log import Log
from nontax.gateway.settlement import income, voucherspool
from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.settlement.income import IncomeRules
from nontax.gateway.settlement.keeper import IncomeKeeper
from nontax.gateway.store import bills, funds
from nontax.gateway.store.protocol import Transaction

from .clearing_site import DAY, LAND_FEE, NEXT_DAY, RECLAIM
from .remit_site import ESTATE, LAND, NODE_NAME, RemitSite, opened_site, until


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[RemitSite]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        yield opened
        receipts = [row["receipt_no"] for row in opened.rows("income")]
        assert sorted(int(number[10:]) for number in receipts) == list(range(1, len(receipts) + 1))
        states = {row["pay_code"]: row["state"] for row in opened.rows("bills")}
        confirmed = {row["pay_code"] for row in opened.rows("income")}
        assert {code for code, state in states.items() if state == "confirmed"} == confirmed


def keeper(site: RemitSite, stream: io.StringIO, every: float = 3600) -> IncomeKeeper:
    return IncomeKeeper(
        store=site.store,
        rules=IncomeRules("confirmation", NODE_NAME),
        vouchers=site.vouchers,
        every_seconds=every,
        clock=site.clock,
        log=Log(stream, site.clock.now_ms),
    )


# -- by itself ------------------------------------------------------------------------------------


async def test_the_service_confirms_what_is_ready_and_writes_receipts(site: RemitSite) -> None:
    own = await site.pay((LAND_FEE, 8000), (RECLAIM, 50), delay=5)
    by_unit = await site.pay((LAND_FEE, 1), unit=ESTATE)
    stream = io.StringIO()
    await keeper(site, stream).once()
    assert await site.bill_state(own.pay_code) == "confirmed"
    assert await site.bill_state(by_unit.pay_code) == "paid"
    [row] = site.rows("income")
    assert (row["receipt_no"], row["confirmed_on"]) == ("SJ2026030300000001", NEXT_DAY)
    assert (row["confirmed_by"], row["payment_id"]) == ("gateway", own.id)
    assert site.kinds(own.pay_code) == ["income.confirmed"]
    receipt = json.loads((site.vouchers / "receipt-SJ2026030300000001.json").read_text("utf-8"))
    assert receipt["PayerName"] == "张三"
    assert (receipt["Amt"], receipt["NetAmt"], receipt["DelayAmt"]) == ("80.55", "80.55", "0.05")
    assert receipt["NetAmtInWords"] == "捌拾元零伍角伍分"
    assert [item["Amt"] for item in receipt["Items"]] == ["80.00", "0.50"]
    assert (receipt["CfmDate"], receipt["ConfirmDate"]) == (DAY, NEXT_DAY)
    page = (site.vouchers / "receipt-SJ2026030300000001.html").read_text("utf-8")
    assert "非税收入电子收据" in page
    assert "滞纳金" in page
    assert (site.vouchers / "receipt-SJ2026030300000001.json").stat().st_mode & 0o777 == 0o600
    assert "张三" not in stream.getvalue()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "income_confirmed"
    ]
    before = len(site.rows("journal"))
    await keeper(site, stream).once()
    assert len(site.rows("journal")) == before


async def test_the_service_goes_on_by_itself_until_it_is_stopped(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    working = keeper(site, io.StringIO(), every=0.01)
    running = asyncio.create_task(working.run())
    await until(lambda: bool(site.rows("vouchers", "spooled_at IS NOT NULL")))
    assert await site.bill_state(payment.pay_code) == "confirmed"
    await working.stop()
    async with asyncio.timeout(20):
        await running


async def test_a_spool_that_cannot_be_written_loses_nothing(site: RemitSite) -> None:
    await site.pay((LAND_FEE, 8000))
    site.vouchers.write_text("in the way")
    stream = io.StringIO()
    working = keeper(site, stream, every=0.01)
    running = asyncio.create_task(working.run())
    await until(lambda: "voucher_spool" in stream.getvalue())
    site.vouchers.unlink()
    await until(lambda: bool(site.rows("vouchers", "spooled_at IS NOT NULL")))
    await working.stop()
    await running
    assert (site.vouchers / "receipt-SJ2026030300000001.json").exists()


async def test_a_stop_between_the_books_and_the_file_writes_it_again(
    site: RemitSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await site.pay((LAND_FEE, 8000))
    await site.remit()
    put = voucherspool.spool.put
    written: list[str] = []

    def dying(folder: Path, name: str, text: str) -> Path:
        if len(written) == 3:
            raise OSError("no space left")
        written.append(name)
        return put(folder, name, text)

    monkeypatch.setattr(voucherspool.spool, "put", dying)
    with pytest.raises(OSError, match="no space"):
        await site.spool()
    # One receipt is there with both files; the second has its page only and is not noted.
    assert len(site.rows("vouchers", "spooled_at IS NOT NULL")) == 1
    monkeypatch.setattr(voucherspool.spool, "put", put)
    assert await site.spool() == 2
    assert len(list(site.vouchers.iterdir())) == 6
    assert await site.spool() == 0


async def test_many_bills_are_confirmed_page_by_page(
    site: RemitSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(income, "_PAGE", 4)
    monkeypatch.setattr(income, "_AT_ONCE", 3)
    waiting = await site.pay((LAND_FEE, 1))
    await site.refund(waiting, 1, state="sent")
    await site.pay_many(10, (LAND_FEE, 8000))
    assert await site.runner().confirm() == 10
    assert site.progress == [3, 4, 7, 8, 10]
    assert await site.runner().confirm() == 0


async def test_a_bill_that_changed_since_it_was_looked_up_is_left(site: RemitSite) -> None:
    one, two = await site.pay((LAND_FEE, 1)), await site.pay((LAND_FEE, 2))
    rules = IncomeRules("confirmation", NODE_NAME)

    async def work(tx: Transaction) -> int:
        await bills.set_state(tx, one.pay_code, expected="paid", state="void", changed_at=1)
        codes = ["unknown", one.pay_code, two.pay_code]
        return await income._all(tx, codes, rules, site.acting("gateway"))

    assert await site.store.transact(work) == 1


# -- by the unit ----------------------------------------------------------------------------------


async def test_a_unit_confirms_its_own_bills_once(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000), unit=ESTATE)
    done = await site.confirm(payment.pay_code, ESTATE)
    assert (done.receipt_no, done.changed) == ("SJ2026030300000001", True)
    again = await site.confirm(payment.pay_code, ESTATE)
    assert (again.receipt_no, again.changed) == (done.receipt_no, False)
    assert site.kinds(payment.pay_code) == ["income.confirmed"]


async def test_a_unit_does_not_confirm_others_bills(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    with pytest.raises(SettlementRefused, match="may not act for unit 0104901"):
        await site.confirm(payment.pay_code, ESTATE)
    assert (await site.confirm(payment.pay_code, ESTATE, LAND)).changed


async def test_only_money_that_is_ready_can_be_confirmed(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    with pytest.raises(SettlementRefused, match="not yet shown to have arrived"):
        await site.confirm(payment.pay_code, wait_for="arrival")
    with pytest.raises(SettlementRefused, match="not yet reconciled"):
        await site.confirm(payment.pay_code, wait_for="reconciliation")
    await site.store.transact(lambda tx: funds.reconciled(tx, payment.id, DAY))
    assert (await site.confirm(payment.pay_code, wait_for="reconciliation")).changed


@pytest.mark.parametrize("state", ["unpaid", "void"])
async def test_a_bill_without_payment_brings_no_income(site: RemitSite, state: str) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    await site.store.transact(
        lambda tx: tx.run(
            "UPDATE bills SET state = ?2 WHERE pay_code = ?1", payment.pay_code, state
        )
    )
    with pytest.raises(SettlementRefused, match=f"the bill is {state}"):
        await site.confirm(payment.pay_code)
    with pytest.raises(SettlementRefused, match="no such bill"):
        await site.confirm("77")


async def test_refunds_are_looked_at(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    refund = await site.refund(payment, 3000, state="requested")
    with pytest.raises(SettlementRefused, match="under way"):
        await site.confirm(payment.pay_code)
    await site.refund_ends(refund, "succeeded")
    await site.confirm(payment.pay_code)
    await site.spool()
    receipt = json.loads((site.vouchers / "receipt-SJ2026030300000001.json").read_text("utf-8"))
    assert (receipt["Amt"], receipt["RefundedAmt"], receipt["NetAmt"]) == (
        "80.00",
        "30.00",
        "50.00",
    )
    page = (site.vouchers / "receipt-SJ2026030300000001.html").read_text("utf-8")
    assert "已退付" in page
    whole = await site.pay((LAND_FEE, 8000))
    await site.refund(whole, 8000)
    with pytest.raises(SettlementRefused, match="paid back in full"):
        await site.confirm(whole.pay_code)
