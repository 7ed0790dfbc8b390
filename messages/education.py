"""School bills (教育缴费): 2698 and 5698, also under the numbers 2697 and 5697."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    HOLD,
    C,
    Group,
    M,
    NString,
    O,
    String,
)
from .query import DueBill
from .record import Voucher, message


@message(
    "2698",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5698",
    name="教育缴费查询报文",
    title="unpaid school bills of a payer",
    origin="seed",
)
class SchoolBillQuery(Voucher):
    """2698 教育缴费查询报文: unpaid school bills of a payer."""

    PayerCreditCode: Annotated[
        str,
        String(
            0,
            30,
            C,
            "缴款人统一社会信用代码或身份证号,手机号为空时必填",
            sensitive=Sensitive.IDENTITY,
        ),
    ] = ""
    MobilePhone: Annotated[
        str, String(0, 20, C, "缴款人手机号,信用代码为空时必填", sensitive=Sensitive.PHONE)
    ] = ""
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


class SchoolBill(DueBill):
    """Bill of 5698: what 5603 says without the region, which the answer says once."""


@message(
    "5698",
    "bank",
    sender="finance",
    receiver="bank",
    name="教育缴费查询响应报文",
    title="answer to 2698",
    origin="seed",
)
class SchoolBills(Voucher):
    """5698 教育缴费查询响应报文: answer to 2698."""

    Result: Annotated[str, NString(5, 5, M, "00000 / 99999")]
    AdmDivCode: Annotated[str, String(0, 6, O, "行政区划")] = ""
    BillList: Annotated[tuple[SchoolBill, ...], Group("Bill", O)] = ()


@message(
    "2697",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5697",
    name="教育缴费查询报文",
    title="unpaid school bills of a payer",
    origin="mirror",
    note="the seeds use both numbers; same table as 2698",
)
class SchoolBillQuery2697(SchoolBillQuery):
    """2697 教育缴费查询报文: unpaid school bills of a payer."""


@message(
    "5697",
    "bank",
    sender="finance",
    receiver="bank",
    name="教育缴费查询响应报文",
    title="answer to 2697",
    origin="mirror",
    note="same table as 5698",
)
class SchoolBills2697(SchoolBills):
    """5697 教育缴费查询响应报文: answer to 2697."""
