"""Printed vouchers: what is in the document stands on the page, escaped."""

from __future__ import annotations

import json

import pytest

from nontax.gateway.settlement.voucherpages import (
    receipt_document,
    remittance_document,
    voucher_page,
)
from nontax.gateway.store.income import Income
from nontax.gateway.store.records import Bill, BillItem, Payment
from nontax.gateway.store.remittance import Remittance, RemittanceLine

NASTY = "<script>alert('张三')</script>&\""


def receipt(payer: str = "张三", refunded: int = 0) -> str:
    bill = Bill(
        pay_code="32068226000000000019",
        region="320682",
        bill_date="20260301",
        unit_code="0104901",
        unit_name="示例市自然资源局",
        payer_name=payer,
        amt=8100,
        ori_amt=8000,
        delay_amt=100,
        source="import",
        maker="maker1",
        created_at=1,
        changed_at=1,
    )
    payment = Payment(
        id=7,
        src="D3206820105",
        cfm_date="20260302",
        tra_no_bus="T1",
        pay_code=bill.pay_code,
        amt=8100,
        pay_mode="11",
        rec_acct_type="1",
        rec_acct="3200",
        channel="2612",
        received_at=1,
    )
    income = Income(7, bill.pay_code, "SJ2026030300000001", "20260303", 1, "gateway")
    items = [BillItem(bill.pay_code, 1, "103043211", payer, 8000, "次", "1")]
    return receipt_document(income, bill, items, payment, refunded=refunded, node_name=payer)


def remittance(name: str = "国家金库", **changes: str) -> str:
    facts = {
        "remit_type": "1",
        "mode": "1",
        "region": "320682",
        "target": "county",
        "level": "4",
        "tre_code": "3206820000",
        "tre_name": name,
        "pay_acct": "3200",
        "pay_acct_name": name,
        "rec_acct": "2700",
        "rec_name": name,
        "rec_op_bk": name,
    } | changes
    entry = Remittance(
        id=1,
        remit_no="JK1",
        node="D3206820105",
        origin="run",
        remit_date="20260303",
        total=5600,
        count=1,
        state="succeeded",
        made_by="maker1",
        created_at=1,
        changed_at=1,
        tra_no="B1",
        tra_date="20260304",
        tra_time="101500",
        **facts,
    )
    line = RemittanceLine(1, 1, "S", name, "4", "I", name, "PAY1", "U", name, 5600)
    return remittance_document(entry, [line], name)


def test_a_receipt_says_what_was_paid_and_what_is_left_of_it() -> None:
    page = voucher_page("receipt", receipt(refunded=100))
    for text in ("SJ2026030300000001", "2026年3月2日", "2026年3月3日", "滞纳金", "已退付", "-1.00"):
        assert text in page
    assert "捌拾元整" in page
    assert "¥80.00" in page


def test_a_remittance_voucher_says_from_where_to_where() -> None:
    page = voucher_page("remittance", remittance())
    for text in ("JK1", "3206820000", "2700", "直接缴库", "县级", "PAY1", "2026年3月4日 101500"):
        assert text in page
    assert "伍拾陆元整" in page
    assert "银行发起" in voucher_page("remittance", remittance(mode="", remit_type=""))


@pytest.mark.parametrize("document", [receipt(NASTY), remittance(NASTY)])
def test_everything_is_escaped(document: str) -> None:
    kind = json.loads(document)["kind"]
    page = voucher_page(kind, document)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.startswith("<!DOCTYPE html>")


def test_a_page_comes_out_the_same_again() -> None:
    document = receipt()
    assert voucher_page("receipt", document) == voucher_page("receipt", document)
