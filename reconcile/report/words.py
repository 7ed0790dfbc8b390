"""Chinese words of the report for what the books keep as codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...codecs import format_yuan
from ..kinds import State, Statement

STATEMENTS: Final[Mapping[Statement, str]] = {
    "2555": "缴款明细",
    "2557": "到账明细",
    "2556": "账户收支",
}
SCOPES: Final[Mapping[Statement, str]] = {"2555": "渠道", "2557": "账户", "2556": "账户"}
STATES: Final[Mapping[State, str]] = {
    "open": "待处理",
    "repaired": "自动补正",
    "resolved": "人工处理",
    "settled": "后续对平",
    "noted": "仅提示",
}
ACTIONS: Final[Mapping[str, str]] = {
    "repair": "自动补正",
    "settle": "后续对平",
    "accept": "认可",
    "write_off": "核销",
    "link": "关联",
    "force": "强制平账",
    "refund": "退付",
    "comment": "备注",
    "propose": "提请处理",
    "reject": "驳回",
    "reopen": "重新开启",
    "rerun": "重新核对",
    "carry": "结转",
}
REFUND_STATES: Final[Mapping[str, str]] = {
    "requested": "待审核",
    "approved": "已审核",
    "queued": "待退付",
    "sent": "退付中",
    "acknowledged": "退付中(已受理)",
    "unknown": "退付结果待查",
    "succeeded": "已退付",
    "failed": "退付失败",
    "rejected": "未通过",
}
REFUND_KINDS: Final[Mapping[int, str]] = {1: "技术性差错", 2: "其他"}
TAGS: Final[Mapping[str, str]] = {
    "Amt": "金额",
    "PayCode": "缴款码",
    "RecAcct": "收款账号",
    "RecAcctType": "账户类型",
    "CfmDate": "缴款日期",
    "CfmTime": "缴款时间",
    "PayMode": "收款渠道",
    "TraNo": "流水号",
    "TraNoBus": "流水号",
    "BatchNo": "批次号",
    "RecSubAcct": "收款子账户",
    "DCFlag": "借贷标志",
    "BeginBal": "期初余额",
    "EndBal": "期末余额",
    "InAmt": "收入合计",
    "OutAmt": "支出合计",
    "SRC": "节点",
}
ACTORS: Final[Mapping[str, str]] = {"gateway": "系统"}
SOURCES: Final[Mapping[str, str]] = {"funds": "缴款未到账", "transfer": "划转在途(2613)"}

_REFERENCES: Final = {
    "payment": "缴款",
    "difference": "差异",
    "refund": "退付",
    "transfer": "划转",
    "arrival": "到账",
    "bill": "缴款书",
}


def yuan(fen: int | None) -> str:
    """An amount for reading: `1,234.50`; '' for none."""
    if fen is None:
        return ""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def plain_yuan(fen: int | None) -> str:
    """An amount for programs: `1234.50`; '' for none."""
    return "" if fen is None else format_yuan(fen)


def long_date(day: str) -> str:
    """A date as people write it: 2026年11月22日."""
    return f"{day[:4]}年{int(day[4:6])}月{int(day[6:])}日"


def short_date(day: str) -> str:
    """A date as 2026-11-22."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else day


def age_label(first: int, last: int | None) -> str:
    """Name of a group of ages: 0-1天, 30天以上."""
    return f"{first - 1}天以上" if last is None else f"{first}-{last}天"


def reference_text(reference: str) -> str:
    """What an action led to, as people call it: 缴款 12, 差异 3, 退付 TF…; '' for nothing."""
    kind, colon, number = reference.partition(":")
    if not reference:
        return ""
    return f"{_REFERENCES.get(kind, kind)} {number}" if colon else f"退付 {reference}"
