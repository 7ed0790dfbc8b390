"""Kinds of difference (差异类别), each with the wire code that tells it to the bank.

The wire knows three codes (15001, 15002, 15003); inside they are finer (spec: business, section 9).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, Self

Statement = Literal["2555", "2557", "2556"]
State = Literal["open", "repaired", "resolved", "settled", "noted"]
"""open waits for a person; repaired was put right by policy; resolved by an operator; settled found
its other side in a later run; noted never needed anybody."""

_DIFFERS: Final = "15001"
_OURS_ONLY: Final = "15002"
_BANK_ONLY: Final = "15003"


class Kind(StrEnum):
    """What is wrong with a row. `code` is told to the bank ('' for what it is not told)."""

    def __new__(cls, value: str, code: str, text: str) -> Self:
        """Make a member with its wire code and its Chinese name."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.code = code
        member.text = text
        return member

    code: str
    text: str

    # The day's payments (2555).
    AMOUNT = "amount", _DIFFERS, "金额不一致"
    PAY_CODE = "pay_code", _DIFFERS, "缴款码不一致"
    ACCOUNT = "account", _DIFFERS, "收款账户不一致"
    DATE = "date", _DIFFERS, "日期不一致"
    OURS_ONLY = "ours_only", _OURS_ONLY, "财政有银行无"
    BANK_ONLY = "bank_only", _BANK_ONLY, "银行有财政无"
    BILL_PAID = "bill_paid", _BANK_ONLY, "缴款书已缴(重复缴款)"
    BILL_VOID = "bill_void", _BANK_ONLY, "缴款书已作废"
    BILL_UNKNOWN = "bill_unknown", _BANK_ONLY, "缴款书不存在"
    BILL_AMOUNT = "bill_amount", _BANK_ONLY, "金额与缴款书不一致"
    BILL_ACCOUNT = "bill_account", _BANK_ONLY, "账户与缴款书不一致"
    REFUSED = "refused", _BANK_ONLY, "曾被拒绝的缴款"
    DUPLICATE = "duplicate", _BANK_ONLY, "对账单内重复"
    MALFORMED = "malformed", _BANK_ONLY, "明细无法识别"
    CHANNEL = "channel", "", "收款渠道不一致"
    NUMBER = "number", "", "流水号不一致"
    NOT_DELIVERED = "not_delivered", "", "对账单未送达"

    # Arrived funds (2557).
    FUNDS_AMOUNT = "funds_amount", _DIFFERS, "到账金额不一致"
    FUNDS_MISSING = "funds_missing", _OURS_ONLY, "在途资金(未到账)"
    FUNDS_UNKNOWN = "funds_unknown", _BANK_ONLY, "未明到账资金"
    FUNDS_DUPLICATE = "funds_duplicate", _BANK_ONLY, "到账明细重复"

    # Movements and balances of an account (2556).
    MOVEMENT_AMOUNT = "movement_amount", _DIFFERS, "账户收支金额不一致"
    MOVEMENT_MISSING = "movement_missing", _OURS_ONLY, "账户收支缺失"
    MOVEMENT_UNKNOWN = "movement_unknown", _BANK_ONLY, "账户收支不明"
    MOVEMENT_DUPLICATE = "movement_duplicate", _BANK_ONLY, "账户收支重复"
    BALANCE = "balance", _DIFFERS, "期初余额与上日期末不一致"
    CHANNEL_TOTAL = "channel_total", _DIFFERS, "渠道合计不一致"


NOTED: Final = frozenset({Kind.CHANNEL, Kind.NUMBER})
"""Kinds that tell something and wait for nobody: the money is the same on both sides."""
