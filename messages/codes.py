"""Code tables (代码表): values of the wire with their Chinese meaning, in the order of messages.md.

A member is the code itself: ``Result.SUCCESS == "00000"``; ``Result.SUCCESS.meaning`` is its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self


class CodeTable(StrEnum):
    """A code with its meaning (``NAME = code, meaning``)."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class Result(CodeTable):
    """处理结果代码 of answers, results and differences."""

    SUCCESS = "00000", "成功或收妥应答"
    FAILURE = "99999", "通用失败应答"
    BAD_PARAMETER = "10002", "参数错误,不符合报文规范"
    BAD_VERSION = "10003", "版本号错误或不支持本版本号"
    NOT_AUTHENTICATED = "10004", "身份认证失败(ours)"
    CONFLICT = "10005", "重复报文,内容与原报文不一致(ours)"
    BUSY = "10006", "系统忙,请稍后重发(ours)"
    WRONG_RECEIVER = "10007", "接收节点不是本节点(ours)"
    UNIT_BLOCKED = "16006", "执收单位超过财政设定的控制期限,暂停开票(ours)"
    NO_SUCH_BILL = "11001", "缴款码不存在"
    BAD_CHECK_CODE = "11002", "缴款书校验码校验失败"
    BILL_EXPIRED = "11003", "缴款书超期限"
    BILL_VOID = "11004", "缴款书已作废"
    NO_ACCOUNT = "11005", "区划在该银行没有有效的财政账号"
    BANK_NOT_ALLOWED = "11006", "该缴款书此银行无法查缴"
    DUPLICATE_PAYMENT = "12001", "重复缴款确认"
    CONFIRM_CODE = "12002", "缴款确认码与财政不一致"
    ACCOUNT_DIFFERS = "12003", "收款账户与财政不一致"
    AMOUNT_DIFFERS = "12004", "收款金额与财政不一致"
    NOT_QUERIED = "12005", "未被查询的缴款书做缴款确认"
    NOT_QUERIED_THAT_DAY = "12006", "缴款日期不在被查询日期范围内"
    ARRIVAL_DIFFERS = "13001", "该流水号的到账已存在但内容不一致"
    NO_UNIT_ACCOUNT = "13002", "单位汇缴户在有效日期内不存在"
    IN_TRANSIT_DIFFERS = "14001", "该流水号在途资金到账已存在但内容不一致"
    IN_TRANSIT_AMOUNT = "14002", "在途资金到账金额与缴款书不符"
    CHECK_AMOUNT = "15001", "财政端记录与对账明细金额不一致"
    CHECK_OURS_ONLY = "15002", "日间交易已传送但日终对账单中缺失"
    CHECK_BANK_ONLY = "15003", "日间交易未传送但日终对账单中存在"
    CHECK_REPEATED = "15010", "对账重复发送,拒绝接收"
    NO_BILL_KIND_RIGHT = "16001", "执收单位没有该类票据的开票权限"
    NO_BILL_STOCK = "16002", "执收单位没有票据库存"
    NO_ITEM_RIGHT = "16003", "执收单位没有该收费项目的收费权限"
    WRONG_ACCOUNT = "16004", "指定的收款银行信息有误"
    ITEMS_SUM = "16005", "明细金额合计与总金额不符"
    NO_UNIT_RIGHT = "18012", "没有该单位的代收费权限"


class PayMode(CodeTable):
    """收款渠道: how the payer pays."""

    QUERY = "1", "查缴模式"
    COUNTER = "11", "柜台缴款"
    TERMINAL = "12", "自助终端"
    ONLINE_BANK = "13", "网上缴款"
    PUSH = "2", "推送模式"
    POS = "21", "POS刷卡"
    ONLINE = "22", "网上支付"
    DEBIT = "3", "划缴模式"
    VIRTUAL_ACCOUNT = "4", "虚拟账号模式"
    THIRD_PARTY = "5", "第三方支付"
    ALIPAY = "51", "支付宝"
    WECHAT = "52", "微信支付"
    OTHER = "9", "其他"


class RecAcctType(CodeTable):
    """收款人账户类型: where the money lies."""

    FISCAL = "1", "财政专户"
    COLLECTION = "2", "汇缴专户"
    SUBJECT = "3", "科目"
    UNIT = "4", "单位监管账户"
    TREASURY = "5", "国库账户"
    UNIT_SUB = "6", "财政专户下的单位子账户"
    OTHER = "9", "其他"


class PayStats(CodeTable):
    """缴款状态 of a bill."""

    UNPAID = "0", "未缴款"
    PAID = "1", "已缴款"
    VOID = "2", "作废"


TABLES: Final[Mapping[str, type[CodeTable]]] = MappingProxyType(
    {"Result": Result, "PayMode": PayMode, "RecAcctType": RecAcctType, "PayStats": PayStats}
)
"""Every table under the name that messages.json gives it."""


def meanings(table: type[CodeTable], *codes: str) -> Mapping[str, str]:
    """Code to meaning of a table, or of some of its codes."""
    return MappingProxyType(
        {str(member): member.meaning for member in table if not codes or member in codes}
    )
