"""非税收入退付申请凭证 and 国库退库凭证: complete, escaped, self-contained, half an A4 sheet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from nontax.gateway.clock import midnight_ms
from nontax.gateway.settlement.refundpages import STATES, application, treasury_page
from nontax.gateway.settlement.refunds import Whole
from nontax.gateway.settlement.spool import put
from nontax.gateway.settlement.treasury import TreasuryLine, TreasuryVoucher, treasury_json
from nontax.gateway.store.records import Bill, BillItem, Payment, Refund, RefundState

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CODE, NODE = "32068226000000000019", "示例市财政局"
EVIL = '<script src="http://x/">alert(1)</script>'


class Text(HTMLParser):
    """The visible text, and whatever would be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.fetched: list[str] = []
        self._style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.fetched += [tag] if tag in {"script", "link", "img", "iframe"} else []
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.text += data + " "


def whole(**changes: Any) -> Whole:
    """A refund of 1409.50 that was approved."""
    bill = Bill(
        pay_code=CODE, region="320682", bill_date="20260302", unit_code="0104901",
        unit_name="示例市自然资源局", payer_name="张三", amt=200_000, ori_amt=200_000, delay_amt=0,
        source="cli", maker="maker1", created_at=1, changed_at=1, state="paid",
    )  # fmt: skip
    payment = Payment(1, "D3206820105", "20260302", "T1", CODE, 200_000, "11", "1", "", "2612", 1)
    refund = Refund(
        refund_no="YW2026030300000001", kind=2, payment_id=1, pay_code=CODE, src="D3206820105",
        ori_tra_no_bus="T1", ori_cfm_date="20260302", ori_amt=200_000, amt=140_950, state="queued",
        created_at=midnight_ms("20260303"), changed_at=1, rec_name="王五",
        rec_acct="6222000011112222", rec_op_bk="某银行", reason="多缴", requested_by="maker1",
        approved_by="checker1", decided_at=midnight_ms("20260304"),
    )  # fmt: skip
    return Whole(replace(refund, **changes), payment, bill)


def items(count: int = 1) -> list[BillItem]:
    return [BillItem(CODE, n, "103043211", f"不动产登记费{n}", 1) for n in range(1, count + 1)]


def voucher(count: int = 1, **changes: Any) -> TreasuryVoucher:
    line = TreasuryLine(
        "103043211", "不动产登记费", "103043211", "4", "3206820000", "国家金库示例市支库", 140_950
    )
    return TreasuryVoucher(whole(paid_from="treasury", **changes), (line,) * count)


def test_the_application_says_everything() -> None:
    text = Text(application(whole(), items(2), NODE)).text
    for expected in (
        "示例市财政局非税收入退付申请凭证", "YW2026030300000001", "2026年3月3日", "待退付", CODE,
        "示例市自然资源局(0104901)", "张三", "2026年3月2日", "T1", "¥2000.00", "其他", "王五",
        "原缴款人", "6222000011112222", "某银行", "壹仟肆佰零玖元伍角整", "¥1409.50", "多缴",
        "maker1", "checker1",
        "不动产登记费1、不动产登记费2", "原收款账户原渠道退付",
    ):  # fmt: skip
        assert expected in text


@pytest.mark.parametrize("state", get_args(RefundState))
def test_every_state_has_its_word(state: RefundState) -> None:
    page = application(whole(state=state), items(), NODE)
    stamped = state in {"rejected", "failed"}
    assert Text(page).text.count(STATES[state]) >= 1 + stamped
    assert ('<div class="void">' in page) == stamped


def test_before_the_decision_nothing_is_said_of_it() -> None:
    undecided = whole(state="requested", approved_by="", decided_at=0)
    text = Text(application(undecided, items(), NODE)).text
    assert "原收款账户原渠道退付" not in text
    unit = whole(receiver="unit", paid_from="reserve", kind=1)
    text = Text(application(unit, items(), NODE)).text
    for expected in ("执收单位", "退付备用金退付", "技术性差错"):
        assert expected in text


def test_the_voucher_says_everything() -> None:
    made = voucher()
    text = Text(treasury_page(made, NODE)).text
    for expected in (
        "示例市财政局国库退库凭证", "YW2026030300000001", "2026年3月4日", "王五",
        "6222000011112222", "103043211", "不动产登记费", "县级", "3206820000", "国家金库示例市支库",
        "1409.50",
        "壹仟肆佰零玖元伍角整", "checker1",
    ):  # fmt: skip
        assert expected in text
    content = json.loads(treasury_json(made, "F320682"))
    assert (content["FinOrgCode"], content["Amt"]) == ("F320682", "1409.50")
    assert content["RefundDate"] == "20260304"
    assert [line["LineNo"] for line in content["Details"]] == [1]
    assert made.name == "treasury-refund-YW2026030300000001"


def test_what_people_wrote_cannot_become_markup() -> None:
    changes = {"reason": EVIL, "rec_name": EVIL, "ori_tra_no_bus": EVIL, "requested_by": EVIL}
    for page in (
        application(whole(**changes), [replace(items()[0], name=EVIL)], EVIL),
        treasury_page(voucher(**changes), EVIL),
    ):
        parsed = Text(page)
        assert parsed.fetched == []
        assert parsed.text.count(EVIL) >= 4


@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the printed page is not looked at")
@pytest.mark.parametrize("kind", ["application", "voucher"])
def test_it_prints_on_one_page(kind: str, tmp_path: Path) -> None:
    longest = {"reason": "多" * 100, "rec_name": "名" * 50, "rec_op_bk": "行" * 50}
    if kind == "application":
        page = application(whole(**longest), items(8), NODE)
    else:
        page = treasury_page(voucher(8, **longest), NODE)
    file, pdf = put(tmp_path, "page.html", page), tmp_path / "page.pdf"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={pdf}"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    command = [str(CHROMIUM), *options, file.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    assert b"/Count 1\n" in pdf.read_bytes()


# -- the spool ------------------------------------------------------------------------------------


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "vouchers"
    file = put(folder, "a.json", "一")
    assert (file, file.read_text("utf-8")) == (folder / "a.json", "一")
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    put(folder, "a.json", "二")
    assert file.read_text("utf-8") == "二"
    with pytest.raises(UnicodeEncodeError):
        put(folder, "a.json", "x" * 100_000 + "\ud800")
    assert file.read_text("utf-8") == "二"
    assert [entry.name for entry in folder.iterdir()] == ["a.json"]
