"""The table of the e-invoice document (电子票据头部与票面信息): its records, row by row.

An attribute that holds a value is called as its element; a part has a name of its own. Amounts
are ``int`` fen, negative ones those of a red invoice (红字); an optional value that is missing is
``""`` or, of numbers, None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from ..codecs.masking import Sensitive
from ..codecs.types import WireType
from .algorithms import SignatureAlgorithm
from .numbering import invoice_id, invoice_tag
from .table import Entries, Extension, Fixed, NString, Open, Part, Record, String

VERSION: Final = "1.1.0"
"""Version of the documents that we write."""
DETACHED: Final = "DETACH"
"""The one format of signatures."""
ALGORITHMS: Final = {name: SignatureAlgorithm(name).name for name in SignatureAlgorithm} | {
    "SM2": "the same as SM3withSM2"
}
PAYER_TYPES: Final = {"1": "个人", "2": "单位"}

_INFERRED: Final = "length inferred"
_BLANK: Final = "observed: units send it empty, which is read but never written"
_OURS: Final = "length ours"
_QUANTITY: Final = "ItemQuantity"
_MOST_INTEGER: Final = 99_999_999
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,8})?")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Header(Record):
    """Header (票据头)."""

    EInvoiceTag: Annotated[
        str,
        String(
            8,
            8,
            "电子票据标签",
            form=("CZ-EI-[0-9]{2}", "CZ-EI-RR"),
            note="RR: the region, first two digits of the code",
        ),
    ]
    EInvoiceID: Annotated[
        str,
        String(
            19,
            19,
            "电子票据标识",
            form=("[0-9]{10}-[0-9]{8}", "NNNNNNNNNN-CCCCCCCC"),
            note="EInvoiceCode-EInvoiceNumber reversed",
        ),
    ]
    Version: Annotated[str, String(5, 5, "版本号", note="observed 1.1.0")] = VERSION


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InvoicingParty(Record):
    """InvoicingParty (开票单位)."""

    InvoicingPartyCode: Annotated[str, String(1, 30, "开票单位代码")]
    InvoicingPartyName: Annotated[str, String(1, 100, "开票单位名称")]
    RecName: Annotated[str, String(0, 100, "收款人全称", optional=True, note=_INFERRED)] = ""
    RecAcct: Annotated[
        str,
        String(0, 50, "收款人账号", optional=True, note=_INFERRED, sensitive=Sensitive.ACCOUNT),
    ] = ""
    RecOpBk: Annotated[str, String(0, 100, "收款人开户行", optional=True, note=_INFERRED)] = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PayerParty(Record):
    """PayerParty (交款人)."""

    PayerPartyType: Annotated[
        str, String(1, 1, "交款人类型", codes=PAYER_TYPES, note="1 person, 2 organisation")
    ]
    PayerPartyCode: Annotated[
        str, String(1, 30, "交款人代码", optional=True, sensitive=Sensitive.IDENTITY)
    ] = ""
    PayerPartyName: Annotated[str, String(1, 100, "交款人名称", sensitive=Sensitive.NAME)]
    PayerAcct: Annotated[
        str, String(0, 50, "交款人账号", optional=True, sensitive=Sensitive.ACCOUNT)
    ] = ""
    PayerOpBk: Annotated[str, String(0, 100, "交款人开户行", optional=True)] = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MainExt(Record):
    """MainExt (票面扩展信息)."""

    more: Annotated[tuple[Extension, ...], Open("", "其他扩展信息")] = ()
    RelatedInvoiceCode: Annotated[
        str,
        String(
            8,
            8,
            "相关票据代码",
            optional=True,
            form=("[0-9]{8}", "8 digits"),
            note="the original's, of a red invoice alone",
        ),
    ] = ""
    RelatedInvoiceNumber: Annotated[
        str,
        String(
            10,
            10,
            "相关票据号码",
            optional=True,
            form=("[0-9]{10}", "10 digits"),
            note="the original's, of a red invoice alone",
        ),
    ] = ""
    PayCode: Annotated[str, String(1, 20, "缴款码", optional=True)] = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Seal(Record):
    """InvoicingPartySeal (开票单位印章) or SupervisorPartySeal (财政监制章)."""

    SealId: Annotated[str, String(32, 32, "印章编号")]
    SealName: Annotated[str, String(1, 100, "印章名称", blank_is_read=True, note=_BLANK)]
    SealHash: Annotated[str, String(1, 256, "印章摘要", blank_is_read=True, note=_BLANK)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Main(Record):
    """Main (票面主要信息)."""

    EInvoiceName: Annotated[str, String(1, 100, "电子票据名称")]
    EInvoiceCode: Annotated[str, NString(8, "票据代码")]
    EInvoiceNumber: Annotated[str, NString(10, "票据号码")]
    RandomNumber: Annotated[
        str,
        String(
            6,
            6,
            "校验码",
            form=("[!-~]{6}", "6 characters without spaces"),
            sensitive=Sensitive.SECRET,
        ),
    ]
    EInvoiceSpecimenCode: Annotated[
        str, String(10, 10, "票据模板代码", note="observed: the code and 2 digits")
    ]
    SupervisorAreaCode: Annotated[str, String(6, 6, "监管机构代码", form=("[0-9]{6}", "6 digits"))]
    TotalAmount: Annotated[
        int, Fixed(WireType.CURRENCY, "总金额", note="the sum of the items; negative: red")
    ]
    IssueDate: Annotated[str, Fixed(WireType.DATE, "开票日期", note="yyyymmdd")]
    IssueTime: Annotated[
        str, Fixed(WireType.TIME, "开票时间", note="HH:MM:SS; HHMMSS is read, too")
    ]
    invoicing_party: Annotated[InvoicingParty, Part("InvoicingParty", InvoicingParty, "开票单位")]
    payer_party: Annotated[PayerParty, Part("PayerParty", PayerParty, "交款人")]
    PayMode: Annotated[str, String(1, 2, "交款方式", optional=True)] = ""
    BizCode: Annotated[str, String(1, 32, "业务流水号", optional=True)] = ""
    CurrencyType: Annotated[str, String(1, 30, "币种", optional=True, note=_OURS)] = ""
    ExchangeRate: Annotated[Decimal | None, Fixed(WireType.DECIMAL, "汇率", optional=True)] = None
    Remark: Annotated[
        str, String(1, 1000, "备注", optional=True, note=_OURS, sensitive=Sensitive.TEXT)
    ] = ""
    HandlingPerson: Annotated[str, String(1, 20, "开票人", sensitive=Sensitive.NAME)]
    Checker: Annotated[str, String(1, 20, "复核人", sensitive=Sensitive.NAME)]
    SupervisorRemark: Annotated[
        str, String(1, 1000, "财政部门备注", optional=True, note=_OURS, sensitive=Sensitive.TEXT)
    ] = ""
    ext: Annotated[
        MainExt, Part("MainExt", MainExt, "扩展信息", optional=True, absent=MainExt())
    ] = MainExt()
    invoicing_seal: Annotated[
        Seal | None, Part("InvoicingPartySeal", Seal, "开票单位印章", optional=True)
    ] = None
    supervisor_seal: Annotated[
        Seal | None, Part("SupervisorPartySeal", Seal, "财政监制章", optional=True)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Item(Record):
    """Item (项目)."""

    ItemCode: Annotated[str, String(1, 30, "项目编码")]
    ItemName: Annotated[str, String(1, 100, "项目名称")]
    ItemAmount: Annotated[int, Fixed(WireType.CURRENCY, "项目金额")]
    ItemUnit: Annotated[str, String(1, 30, "单位", optional=True)] = ""
    ItemQuantity: Annotated[
        int | None,
        Fixed(
            WireType.INTEGER,
            "数量",
            optional=True,
            note="one that is not whole is left out and stands in ItemExt/ItemQuantity",
        ),
    ] = None
    ItemStd: Annotated[int | None, Fixed(WireType.CURRENCY, "标准", optional=True)] = None
    ext: Annotated[tuple[Extension, ...], Open("ItemExt", "项目扩展信息")] = ()

    @property
    def quantity(self) -> Decimal | None:
        """The quantity, wherever it stands; None where there is none or it is no number."""
        if self.ItemQuantity is not None:
            return Decimal(self.ItemQuantity)
        for element in self.ext:
            if element.name == _QUANTITY and _is_decimal(element.text):
                return Decimal(element.text)
        return None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuxItem(Record):
    """AuxItem (项目明细): the table leaves its elements to the kind of invoice."""

    fields: Annotated[tuple[Extension, ...], Open("", "明细信息")] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedInfo(Record):
    """SignedInfo (签名信息)."""

    Reference: Annotated[str, String(1, 256, "签名原文引用", note=_OURS)]
    SignatureAlgorithm: Annotated[
        str, String(1, 30, "签名算法", codes=ALGORITHMS, note="we write the first three")
    ]
    SignatureFormat: Annotated[str, String(6, 6, "签名格式类型", codes={DETACHED: "独立式签名"})]
    SignatureTime: Annotated[
        str, Fixed(WireType.UTCDATETIME, "签名时间", note="without offset: +0800")
    ]
    SignatureValue: Annotated[
        str,
        String(1, 20000, "签名值", note="canonical base64; length ours", sensitive=Sensitive.TEXT),
    ]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeyInfo(Record):
    """KeyInfo (证书信息)."""

    SerialNumber: Annotated[str, String(1, 60, "证书编号", note=_OURS)]
    X509IssuerName: Annotated[str, String(1, 1000, "证书颁发者名称", note=_OURS)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignatureFields(Record):
    """Signature (数字签名), the unit's or finance's."""

    signed_info: Annotated[SignedInfo, Part("SignedInfo", SignedInfo, "签名信息")]
    key_info: Annotated[KeyInfo, Part("KeyInfo", KeyInfo, "证书信息")]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EInvoice(Record):
    """What a unit signs: Header, and in EInvoiceData the rest."""

    header: Annotated[Header, Part("Header", Header, "票据头")]
    main: Annotated[Main, Part("Main", Main, "票面主要信息")]
    items: Annotated[tuple[Item, ...], Entries("Details", "Item", Item, "项目")]
    aux_items: Annotated[
        tuple[AuxItem, ...], Entries("AuxDetails", "AuxItem", AuxItem, "明细", optional=True)
    ] = ()

    @property
    def code(self) -> str:
        """EInvoiceCode (票据代码), 8 digits."""
        return self.main.EInvoiceCode

    @property
    def number(self) -> str:
        """EInvoiceNumber (票据号码), 10 digits."""
        return self.main.EInvoiceNumber

    @property
    def is_red(self) -> bool:
        """Whether it reverses another invoice (红字)."""
        return self.main.TotalAmount < 0

    @property
    def issued_at(self) -> str:
        """IssueDate and IssueTime as ``yyyymmddHHMMSS``, civil time."""
        return self.main.IssueDate + self.main.IssueTime.replace(":", "")

    @property
    def related(self) -> tuple[str, str]:
        """Code and number of the original of a red invoice, both ``""`` for others."""
        return self.main.ext.RelatedInvoiceCode, self.main.ext.RelatedInvoiceNumber

    @property
    def pay_code(self) -> str:
        """PayCode (缴款码), ``""`` where the document has none."""
        return self.main.ext.PayCode


def header_for(code: str, number: str) -> Header:
    """The Header of an invoice that we make. Raises NumberingError."""
    return Header(EInvoiceTag=invoice_tag(code), EInvoiceID=invoice_id(code, number))


def split_quantity(quantity: Decimal | int | None) -> tuple[int | None, tuple[Extension, ...]]:
    """ItemQuantity and ItemExt for a quantity: one that is not whole goes into ItemExt."""
    if quantity is None:
        return None, ()
    exact = Decimal(quantity)
    if exact == exact.to_integral_value() and abs(exact) <= _MOST_INTEGER:
        return int(exact), ()
    return None, (Extension(_QUANTITY, format(exact, "f")),)


def _is_decimal(text: str) -> bool:
    return _DECIMAL.fullmatch(text) is not None
