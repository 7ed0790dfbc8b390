"""The printable 缴款书: complete, escaped, self-contained, half an A4 sheet."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.collection.accounts import Recipient
from nontax.gateway.collection.bills import create
from nontax.gateway.collection.drafts import BillDraft
from nontax.gateway.collection.notice import render
from nontax.gateway.store import bills
from nontax.gateway.store.records import Bill, BillItem
from nontax.messages import PayInfoEntry

TO = Recipient("1", "示例市财政局", "32001000000000000018", "示例支行", "105306500018", "0")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Text(HTMLParser):
    """The visible text, and whatever would be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "col"}:
            self.open.append(tag)
        if tag == "script":
            self.fetched.append("script")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data + " "


async def printed(
    books: Any, asked: BillDraft, changes: dict[str, Any] | None = None
) -> tuple[str, Bill, list[BillItem]]:
    made = await books.store.transact(lambda tx: create(tx, [asked], books.rules, books.making))
    bill = replace(made[0], **changes or {})
    items = await books.store.read(lambda tx: bills.items(tx, bill.pay_code))
    return render(bill, items, TO, "示例市财政局"), bill, items


async def test_everything_a_payer_needs(books: Any, draft: Callable[..., BillDraft]) -> None:
    asked = draft(amt=8150, delay_amt=150, expiry_date="20261205", crc_code="1234", memo="第一学期")
    page, bill, _ = await printed(books, asked)
    text = Text(page).text
    for expected in (
        bill.pay_code,
        "张三",
        "示例市自然资源局(0104901)",
        "103043211",
        "不动产登记费",
        "80.00",
        "滞纳金",
        "1.50",
        "¥81.50",
        "捌拾壹元伍角整",
        "2026年12月5日",
        "2026年11月22日",
        "32001000000000000018",
        "105306500018",
        "1234",
        "第一学期",
        "未缴款",
    ):
        assert expected in text
    assert "作废" not in text


async def test_a_void_bill_is_stamped(books: Any, draft: Callable[..., BillDraft]) -> None:
    page, _, _ = await printed(books, draft(), {"state": "void"})
    assert Text(page).text.count("作废") == 2


async def test_what_a_payer_wrote_cannot_become_markup(
    books: Any, draft: Callable[..., BillDraft]
) -> None:
    evil = '<script src="http://x/">alert(1)</script>'
    items = (PayInfoEntry("103043211", "<b>费</b>", 8000),)
    page, _, _ = await printed(books, draft(payer_name=evil, memo=evil, items=items))
    parsed = Text(page)
    assert parsed.fetched == []
    assert evil in parsed.text
    assert "<b>费</b>" in parsed.text


async def test_a_bill_without_an_account_can_be_printed(
    books: Any, draft: Callable[..., BillDraft]
) -> None:
    _, bill, items = await printed(books, draft())
    assert bill.pay_code in render(bill, items, None, "示例市财政局")
    virtual = replace(TO, acct="6217000000100000", real_acct=TO.acct)
    assert "6217000000100000(虚拟账号)" in render(bill, items, virtual, "示例市财政局")


def print_pdf(file: Path, pdf: Path, home: Path) -> None:
    """Print a page as a browser does."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    options += [f"--user-data-dir={home / 'profile'}", f"--print-to-pdf={pdf}"]
    environment = {**os.environ, "HOME": str(home)}
    command = [str(CHROMIUM), *options, file.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)


@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the printed page is not looked at")
async def test_it_prints_on_one_page(
    books: Any, draft: Callable[..., BillDraft], tmp_path: Path
) -> None:
    items = tuple(PayInfoEntry("103043211", f"不动产登记费{n}", 1000, "次") for n in range(8))
    page, _, _ = await printed(books, draft(items=items, memo="备" * 60, expiry_date="20261205"))
    file, pdf = tmp_path / "notice.html", tmp_path / "notice.pdf"
    file.write_text(page, "utf-8")
    print_pdf(file, pdf, tmp_path)
    assert b"/Count 1\n" in pdf.read_bytes()
