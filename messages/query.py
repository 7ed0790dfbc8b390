"""What is due (应缴信息): 2601 and its answer 5603, 8997 and its answer 5997."""

from typing import Annotated, Final

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    NOT_AN_ACCOUNT,
    REC_ACCT_TYPE,
    C,
    Channel,
    Choice,
    Currency,
    Date,
    GBString,
    M,
    O,
    String,
    unless,
)
from .record import Record, Voucher, message


@message(
    "2601",
    "bank",
    sender="bank,platform",
    receiver="finance",
    answer="5603",
    name="收单行查询应缴信息报文",
    title="query what is due",
    origin="mirror",
    note="mirrors 8997; failure is answered with 5001",
)
class BillQuery(Voucher):
    """2601 收单行查询应缴信息报文: query what is due."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    PayMode: Annotated[str, Channel(M, "收款渠道,见代码表")]
    Hold1: Annotated[
        str, GBString(0, 100, O, "缴款书有校验码时填校验码", sensitive=Sensitive.SECRET)
    ] = ""
    Hold2: Annotated[str, HOLD] = ""


WITH_ACCOUNT: Final = unless("RecAcctType", NOT_AN_ACCOUNT) & unless("RecAcct", "")


class Located(Record):
    """The region that a bill belongs to."""

    AdmDivCode: Annotated[str, String(1, 6, M, "行政区划")]


class DueBill(Record):
    """A bill as banks and the platform see it: the rows that 5603, 5954 and 5698 share.

    The line number of the account's bank (Hold1) goes with the account: without one it is empty.
    """

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    BillDate: Annotated[str, Date(M, "填制日期")]
    ChgAgenCode: Annotated[str, String(1, 30, M, "执收单位编码")]
    ChgAgenName: Annotated[str, GBString(1, 100, M, "执收单位名称")]
    PayerName: Annotated[str, GBString(1, 100, M, "缴(付)款人全称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[str, String(0, 50, O, "缴(付)款人账号", sensitive=Sensitive.ACCOUNT)] = ""
    PayerOpBk: Annotated[str, GBString(0, 100, O, "缴(付)款人开户行")] = ""
    Amt: Annotated[int, Currency(M, "缴款金额合计(含滞纳金)")]
    OriAmt: Annotated[int, Currency(M, "缴款书金额")]
    DelayAmt: Annotated[int, Currency(M, "滞纳金", blank_is_zero=True)]
    PayStats: Annotated[str, Choice(M, "缴款状态 0未缴款 1已缴款 2作废")]
    RecAcctType: Annotated[str, REC_ACCT_TYPE]
    RecName: Annotated[str, GBString(0, 100, C, "收款人全称")] = ""
    RecAcct: Annotated[str, String(0, 50, C, "收款人账号")] = ""
    RecOpBk: Annotated[str, GBString(0, 100, C, "收款人开户行")] = ""
    IsInterBank: Annotated[str, Choice(M, "是否跨行 0本行 1跨行")]
    PayInfo: Annotated[
        str, GBString(0, 500, O, "摘要: 项目识别码|名称|金额|计量单位|数量|标准类型|收缴标准#…")
    ] = ""
    Memo: Annotated[str, GBString(0, 200, O, "备注", sensitive=Sensitive.TEXT)] = ""
    Hold1: Annotated[str, GBString(0, 100, M, "收款人开户行的联行号", required_when=WITH_ACCOUNT)]
    Hold2: Annotated[str, GBString(0, 100, O, "伪账号时填写真实账号")] = ""


@message(
    "5603",
    "bank",
    sender="finance",
    receiver="bank,platform",
    name="应缴信息报文",
    title="what is due",
    origin="mirror",
    note="mirrors 5997",
)
class BillDue(DueBill, Located, Voucher):
    """5603 应缴信息报文: what is due."""


@message(
    "8997",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5997",
    name="查询应缴信息报文",
    title="query what is due",
    origin="seed",
)
class UnitBillQuery(BillQuery):
    """8997 查询应缴信息报文: query what is due."""


@message(
    "5997",
    "unit",
    sender="finance",
    receiver="unit,bank",
    name="应缴信息报文",
    title="what is due",
    origin="seed",
)
class UnitBillDue(BillDue):
    """5997 应缴信息报文: what is due."""
