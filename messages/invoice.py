"""Fiscal e-invoices (财政电子票据): number 8999, issue 8981, download 8982, and their answers."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import HOLD, Date, GBString, M, NString, O, Single, String, UTCDateTime
from .record import Record, Voucher, message
from .unit import BillKind


class PaidBill(Record):
    """The paid bill that an invoice is made for."""

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]


class InvoiceNumber(Record):
    """The number of an e-invoice, and its region."""

    BillNo: Annotated[str, String(1, 20, M, "电子票据票号")]
    AdmDivCode: Annotated[str, String(1, 6, M, "行政区划")]


class PlatformResult(Record):
    """How the invoice service (票据服务平台) answered."""

    Result: Annotated[str, NString(5, 5, M, "处理结果")]
    Msg: Annotated[str, GBString(0, 1024, O, "处理结果描述")] = ""
    Svr_Code: Annotated[str, NString(0, 5, O, "票据服务平台业务码")] = ""
    Svr_Msg: Annotated[str, GBString(0, 1024, O, "业务码描述")] = ""
    Trade_Id: Annotated[str, String(0, 20, O, "票据服务平台流水号")] = ""


@message(
    "8999",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5001",
    name="获取电子票据号码请求报文",
    title="reserve an e-invoice number",
    origin="seed",
    note="observed: the 10-digit number comes back in Information",
)
class InvoiceNumberRequest(BillKind, Voucher):
    """8999 获取电子票据号码请求报文: reserve an e-invoice number."""

    ChgAgenCode: Annotated[str, String(1, 30, M, "换开电子票单位编码")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


class KeyInfo(Record):
    """Key_Info of 8981."""

    Number: Annotated[str, String(1, 60, O, "证书序号")] = ""
    Issuer: Annotated[str, GBString(1, 100, O, "证书颁发者")] = ""


class SignInfo(Record):
    """Sign_Info of 8981."""

    Value: Annotated[
        str, String(1, 20000, M, "签名值base64(长度上限ours)", sensitive=Sensitive.TEXT)
    ]
    Format: Annotated[str, String(1, 10, M, "DETACH")]
    Algorithm: Annotated[str, String(1, 30, M, "默认SM2")]
    Time: Annotated[str, UTCDateTime(14, 19, M, "签名时间(种子19位;观察到14位无时区)")]
    Key_Info: Annotated[KeyInfo | None, Single(O)] = None


class RecipientAddr(Record):
    """Recipient_Addr of 8981."""

    Email: Annotated[str, String(1, 50, O, "通知邮件地址", sensitive=Sensitive.TEXT)] = ""
    Telephone: Annotated[str, GBString(1, 50, O, "通知人电话", sensitive=Sensitive.PHONE)] = ""


@message(
    "8981",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5981",
    name="换开电子票据请求报文",
    title="change a paid bill into an e-invoice, signed by the unit",
    origin="seed",
)
class InvoiceRequest(BillKind, InvoiceNumber, PaidBill, Voucher):
    """8981 换开电子票据请求报文: change a paid bill into an e-invoice, signed by the unit."""

    Version: Annotated[str, String(1, 4, M, "接口版本号")]
    Invoice_Data: Annotated[
        str,
        String(
            1,
            6000000,
            M,
            "电子票据头部与票面信息(UTF-8 XML)的base64(长度上限ours)",
            sensitive=Sensitive.TEXT,
        ),
    ]
    Seal_Pic: Annotated[
        str,
        String(0, 2000000, O, "单位印章透明PNG的base64(长度上限ours)", sensitive=Sensitive.TEXT),
    ] = ""
    Attach_Info: Annotated[str, String(0, 100000, O, "附加信息", sensitive=Sensitive.TEXT)] = ""
    Hold1: Annotated[str, HOLD] = ""
    Sign_Info: Annotated[SignInfo, Single(M)]
    Recipient_Addr: Annotated[RecipientAddr | None, Single(O)] = None


@message(
    "5981",
    "unit",
    sender="finance",
    receiver="unit,bank",
    name="换开电子票据响应报文",
    title="answer to 8981",
    origin="seed",
)
class InvoiceAnswer(PlatformResult, Voucher):
    """5981 换开电子票据响应报文: answer to 8981."""

    Issue_Date: Annotated[str, Date(O, "开具日期")] = ""
    Invoice_Url: Annotated[str, String(0, 1024, O, "电子票获取地址", sensitive=Sensitive.TEXT)] = ""
    Attach_Info: Annotated[str, String(0, 100000, O, "附加信息", sensitive=Sensitive.TEXT)] = ""


@message(
    "8982",
    "unit",
    sender="unit,bank",
    receiver="finance",
    answer="5982",
    name="电子票据文件下载请求报文",
    title="download an e-invoice",
    origin="seed",
)
class InvoiceFileRequest(BillKind, InvoiceNumber, Voucher):
    """8982 电子票据文件下载请求报文: download an e-invoice."""

    Version: Annotated[str, String(1, 4, M, "接口版本号")]
    CrcCode: Annotated[
        str,
        String(
            0, 6, O, "电子票校验码(种子[0,4];票面校验码为6位,故放宽)", sensitive=Sensitive.SECRET
        ),
    ] = ""
    Hold1: Annotated[str, HOLD] = ""


@message(
    "5982",
    "unit",
    sender="finance",
    receiver="unit,bank",
    name="电子票据文件下载响应报文",
    title="answer to 8982",
    origin="seed",
)
class InvoiceFileAnswer(PlatformResult, Voucher):
    """5982 电子票据文件下载响应报文: answer to 8982."""

    Invoicefiledata: Annotated[
        str, String(0, 8000000, O, "文件内容的base64(长度上限ours)", sensitive=Sensitive.TEXT)
    ] = ""
