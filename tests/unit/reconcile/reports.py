"""A made-up report with everything in it, for the tests of the ways in which it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nontax.reconcile.kinds import Kind, State
from nontax.reconcile.report import (
    Header,
    Hour,
    InTransit,
    LastAction,
    NodeHead,
    RefundSum,
    Row,
    RunReport,
    ScopeLine,
)
from nontax.reconcile.sides import FieldDifference, Totals

CCB, BOCOM, PLATFORM = "D3206820105", "D3206820301", "G000001"
NAMES = {CCB: "示例建行", BOCOM: "示例交行", PLATFORM: "统一公共支付平台"}
DAY = "20261122"
BY_GATEWAY = LastAction("repair", "gateway", "已补单", "2026-11-23 08:05:01", "payment:907")
BY_PERSON = LastAction("write_off", "checker1", "银行已冲正", "2026-11-23 09:12:40")


def row(number: int, kind: Kind = Kind.AMOUNT, state: State = "open", **changes: Any) -> Row:
    """A difference of the first bank."""
    made = Row(
        id=number,
        node=CCB,
        check_date=DAY,
        statement="2555",
        scope="11 柜台缴款",
        kind=kind,
        code=kind.code,
        state=state,
        age=1,
        pay_code=f"320682260000000000{number:02d}",
        tra_no=f"T2026112200{number:04d}",
        ours_amt=8_000,
        theirs_amt=8_100,
    )
    return replace(made, **changes)


def _scope(
    node: str, label: str, ours: Totals, theirs: Totals | None = None, **changes: Any
) -> ScopeLine:
    other = ours if theirs is None else theirs
    matched = min(ours, other, key=lambda one: (one.count, one.amt))
    made = ScopeLine(node, "2555", label[:2].strip(), label, ours, other, matched)
    return replace(made, **changes)


def _rows() -> list[Row]:
    differs = (FieldDifference("Amt", "80.00", "81.00"), FieldDifference("PayMode", "11", "12"))
    return [
        row(1, fields=differs, reason="银行明细金额与财政登记不一致"),
        row(2, Kind.OURS_ONLY, theirs_amt=None, reason="日间交易已传送但日终对账单中缺失"),
        row(3, Kind.BANK_ONLY, "repaired", ours_amt=None, last=BY_GATEWAY),
        row(
            4, Kind.BILL_PAID, "repaired", ours_amt=None, node=BOCOM,
            last=BY_GATEWAY._replace(reason="转重复缴款并退付", reference="TF2026112300000001"),
        ),
        row(5, Kind.REFUSED, "resolved", ours_amt=None, last=BY_PERSON, reason="曾被拒绝(12004)"),
        row(6, Kind.CHANNEL, "noted", theirs_amt=8_000, fields=differs[1:]),
        row(
            7, Kind.FUNDS_MISSING, node=BOCOM, statement="2557", scope="****0026", theirs_amt=None,
            tra_no="", reason="当日应到账而未到账", ours_amt=125_000_00,
        ),
    ]  # fmt: skip


def sample() -> RunReport:
    """Two banks and a platform that has delivered nothing; seven differences, one carried."""
    hours = [(7, 2), (8, 21), (9, 64), (10, 97), (11, 58), (12, 12), (13, 30), (14, 71), (15, 83)]
    hours += [(16, 60), (17, 18), (20, 5), (23, 1), (-1, 1)]
    nodes = (
        NodeHead(CCB, NAMES[CCB], "done", 2, "2026-11-23 08:05:02"),
        NodeHead(BOCOM, NAMES[BOCOM], "done", 1, "2026-11-23 08:05:03"),
        NodeHead(PLATFORM, NAMES[PLATFORM], "done", 1, "2026-11-23 08:05:03", ("51 支付宝",)),
    )
    header = Header(
        finance_code="F320682",
        finance_name="示例市财政局",
        check_date=DAY,
        as_of="20261123",
        generated_at="2026-11-23 08:06:10",
        nodes=nodes,
    )
    account = _scope(BOCOM, "****0026", Totals(2, 125_080_00), Totals(1, 80_00))
    return RunReport(
        header=header,
        scopes=(
            _scope(CCB, "11 柜台缴款", Totals(310, 2_480_000), Totals(310, 2_480_100)),
            _scope(CCB, "13 网上缴款", Totals(120, 960_050)),
            _scope(BOCOM, "11 柜台缴款", Totals(90, 13_220_000)),
            replace(account, statement="2557", scope="32003000000000000026"),
            _scope(PLATFORM, "51 支付宝", Totals(3, 24_000), Totals(), delivered=False),
        ),
        hours=tuple(Hour(hour, count, count * 31_415) for hour, count in hours),
        rows=_rows(),
        carried=(row(8, Kind.BILL_UNKNOWN, check_date="20261015", age=39, ours_amt=None),),
        transit=(
            InTransit(BOCOM, "funds", "32068226000000000007", "****0026", DAY, 1, 12_500_000),
            InTransit(BOCOM, "transfer", "P20261120001", "****0018", "20261118", 5, 990_000, 14),
        ),
        refunds=(RefundSum(1, "queued", 2, 16_000), RefundSum(2, "succeeded", 1, 140_950)),
        names=NAMES,
    )
