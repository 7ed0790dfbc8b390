"""Invoices and whole documents that the tests begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import (
    FINANCE_REFERENCE,
    UNIT_REFERENCE,
    Signature,
    assemble,
    signature_element,
)
from nontax.einvoice.fields import (
    AuxItem,
    EInvoice,
    InvoicingParty,
    Item,
    Main,
    MainExt,
    PayerParty,
    Seal,
    header_for,
)
from nontax.einvoice.table import Extension

CODE, NUMBER = "32010126", "0000000017"
SEAL = Seal(
    SealId="edaf9b6fc3064f669df61eda23bcfdb5", SealName="示例市财政局监制章", SealHash="0f1e"
)
ITEM = Item(
    ItemCode="103043211",
    ItemName="不动产登记费",
    ItemAmount=8000,
    ItemUnit="次",
    ItemQuantity=1,
    ItemStd=8000,
)
MAIN = Main(
    EInvoiceName="江苏省非税收入统一票据(电子)",
    EInvoiceCode=CODE,
    EInvoiceNumber=NUMBER,
    RandomNumber="a1B2c3",
    EInvoiceSpecimenCode="3201012601",
    SupervisorAreaCode="320682",
    TotalAmount=8000,
    IssueDate="20261122",
    IssueTime="09:30:00",
    invoicing_party=InvoicingParty(
        InvoicingPartyCode="0104901", InvoicingPartyName="示例市自然资源局"
    ),
    payer_party=PayerParty(PayerPartyType="1", PayerPartyName="张三"),
    HandlingPerson="李四",
    Checker="王五",
    ext=MainExt(PayCode="32068226000000000017"),
)
INVOICE = EInvoice(header=header_for(CODE, NUMBER), main=MAIN, items=(ITEM,))
FULL = EInvoice(
    header=INVOICE.header,
    main=replace(
        MAIN,
        TotalAmount=-8001,
        invoicing_party=replace(
            MAIN.invoicing_party,
            RecName="示例市财政局",
            RecAcct="32001000000000000018",
            RecOpBk="示例银行 & 分行",
        ),
        payer_party=replace(
            MAIN.payer_party,
            PayerPartyCode="320682199001010000",
            PayerAcct="6222000000000000018",
            PayerOpBk="示例银行",
        ),
        PayMode="1",
        BizCode="BIZ-1",
        CurrencyType="CNY",
        Remark="冲红 <原票有误>\r\n第二行",
        SupervisorRemark="同意",
        ext=MainExt(
            more=(
                Extension("Gender", "女"),
                Extension("Stay", "", (Extension("Days", "3"), Extension("Ward"))),
            ),
            RelatedInvoiceCode=CODE,
            RelatedInvoiceNumber="0000000016",
            PayCode="32068226000000000017",
        ),
        invoicing_seal=replace(SEAL, SealName="示例市自然资源局"),
        supervisor_seal=SEAL,
    ),
    items=(
        replace(ITEM, ItemAmount=-8000),
        replace(
            ITEM,
            ItemAmount=-1,
            ItemUnit="",
            ItemStd=None,
            ItemQuantity=None,
            ext=(Extension("ItemQuantity", "0.5"), Extension("ItemDetailName")),
        ),
    ),
    aux_items=(
        AuxItem(fields=(Extension("AuxItemCode", "01"), Extension("AuxItemName", "床位费"))),
    ),
)
UNIT = Signature(
    reference=UNIT_REFERENCE,
    algorithm=SignatureAlgorithm.SM3_WITH_SM2,
    time="20261122093001",
    value=bytes(range(70)),
    serial="1A2B",
    issuer="CN=测试单位CA,O=测试,C=CN",
)
FINANCE = Signature(
    reference=FINANCE_REFERENCE,
    algorithm=SignatureAlgorithm.SHA256_WITH_ECDSA,
    time="20261122093002+0800",
    value=bytes(range(71, 142)),
    serial="1A2C",
    issuer="CN=测试财政CA,O=测试 & 财政,C=CN",
)


def document(invoice: EInvoice = INVOICE) -> bytes:
    """A document whose signatures have the right form and sign nothing."""
    return assemble(signed_bytes(invoice), signature_element(UNIT), signature_element(FINANCE))


def with_main(invoice: EInvoice = INVOICE, **changes: Any) -> EInvoice:
    """The invoice with other fields of Main."""
    return replace(invoice, main=replace(invoice.main, **changes))


def edited(data: bytes, old: str, new: str) -> bytes:
    """The bytes with a text replaced that is in them exactly once."""
    assert data.count(old.encode()) == 1
    return data.replace(old.encode(), new.encode())
