"""Payment made: a collecting node tells finance (2612), finance tells the unit (5996)."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    REC_ACCT_TYPE,
    C,
    Channel,
    Currency,
    Date,
    GBString,
    M,
    NString,
    String,
    Time,
)
from .record import Voucher, message


@message(
    "2612",
    "bank",
    sender="bank,platform",
    receiver="finance",
    answer="5001",
    name="收单行交易确认报文",
    title="confirm a collected payment",
    origin="mirror",
    note=(
        "mirrors 5996; observed: third-party payments leave PayerAcct, PayerOpBk and "
        "PayerOpBkNo empty"
    ),
)
class Confirmation(Voucher):
    """2612 收单行交易确认报文: confirm a collected payment."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    CfmDate: Annotated[str, Date(M, "缴款日期")]
    CfmTime: Annotated[str, Time(M, "缴款时间")]
    Amt: Annotated[int, Currency(M, "缴款金额合计(含滞纳金)")]
    BankOutlet: Annotated[str, String(1, 20, M, "银行网点编码")]
    Operator: Annotated[str, GBString(1, 20, M, "经办人", sensitive=Sensitive.NAME)]
    PayMode: Annotated[str, Channel(M, "收款渠道,见代码表")]
    TraNoBus: Annotated[str, String(1, 50, M, "确认交易流水号,行内唯一")]
    PayerName: Annotated[str, GBString(1, 100, M, "实际缴款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, C, "实际缴款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, C, "实际缴款人开户行")] = ""
    PayerOpBkNo: Annotated[str, NString(0, 20, C, "实际缴款人开户行行号")] = ""
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号,账户类型为科目时可空")] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "5996",
    "unit",
    sender="finance",
    receiver="unit,bank",
    answer="8001",
    name="财政交易确认报文",
    title="payment made: tells the unit",
    origin="seed",
    note=(
        "sent when the bill's Hold1 was Y; the answer may be followed by a line feed and "
        "may not echo MsgRef (observed)"
    ),
)
class PaymentNotice(Confirmation):
    """5996 财政交易确认报文: payment made: tells the unit."""
