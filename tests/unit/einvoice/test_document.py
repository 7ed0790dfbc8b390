"""The signed part: written, read, and every rule that it can break."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from lxml import etree

from nontax.einvoice.document import read_signed, signed_bytes
from nontax.einvoice.errors import DocumentError
from nontax.einvoice.fields import EInvoice, Header, MainExt, split_quantity
from nontax.einvoice.table import Extension

from .documents import FULL, INVOICE, ITEM, SEAL, edited, with_main

SIGNED = signed_bytes(INVOICE)
SIGNED_FULL = signed_bytes(FULL)


def refused(data: bytes | EInvoice) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read_signed(data) if isinstance(data, bytes) else signed_bytes(data)
    assert "\n" not in str(caught.value)
    assert caught.value.information.startswith("电子票据")
    return caught.value


def test_the_written_form_is_exact() -> None:
    assert SIGNED.decode() == (
        "<Header><EInvoiceTag>CZ-EI-32</EInvoiceTag><EInvoiceID>7100000000-62101023</EInvoiceID>"
        "<Version>1.1.0</Version></Header><EInvoiceData><Main>"
        "<EInvoiceName>江苏省非税收入统一票据(电子)</EInvoiceName>"
        "<EInvoiceCode>32010126</EInvoiceCode><EInvoiceNumber>0000000017</EInvoiceNumber>"
        "<RandomNumber>a1B2c3</RandomNumber>"
        "<EInvoiceSpecimenCode>3201012601</EInvoiceSpecimenCode>"
        "<SupervisorAreaCode>320682</SupervisorAreaCode><TotalAmount>80.00</TotalAmount>"
        "<IssueDate>20261122</IssueDate><IssueTime>09:30:00</IssueTime>"
        "<InvoicingParty><InvoicingPartyCode>0104901</InvoicingPartyCode>"
        "<InvoicingPartyName>示例市自然资源局</InvoicingPartyName></InvoicingParty>"
        "<PayerParty><PayerPartyType>1</PayerPartyType>"
        "<PayerPartyName>张三</PayerPartyName></PayerParty>"
        "<HandlingPerson>李四</HandlingPerson><Checker>王五</Checker>"
        "<MainExt><PayCode>32068226000000000017</PayCode></MainExt></Main>"
        "<Details><Item><ItemCode>103043211</ItemCode><ItemName>不动产登记费</ItemName>"
        "<ItemAmount>80.00</ItemAmount><ItemUnit>次</ItemUnit><ItemQuantity>1</ItemQuantity>"
        "<ItemStd>80.00</ItemStd><ItemExt/></Item></Details></EInvoiceData>"
    )


@pytest.mark.parametrize(
    ("old", "new", "information"),
    [
        (b"a1B2c3", "校验码校验码".encode(), "格式应为6个ASCII字符(不含空格)"),
        (b"<SupervisorAreaCode>320682", b"<SupervisorAreaCode>32068x", "格式应为6位数字"),
        (b"<Header>", b"<Header></Header><Header>", "应仅由Header和EInvoiceData组成"),
    ],
)
def test_units_are_answered_in_chinese(old: bytes, new: bytes, information: str) -> None:
    assert information in refused(SIGNED.replace(old, new)).information


@pytest.mark.parametrize("invoice", [INVOICE, FULL], ids=["least", "full"])
def test_it_is_read_as_written(invoice: EInvoice) -> None:
    assert read_signed(signed_bytes(invoice)) == invoice


def test_the_order_of_the_full_document_is_the_tables() -> None:
    root = etree.fromstring(b"<r>" + SIGNED_FULL + b"</r>")
    main = root.find("EInvoiceData/Main")
    assert main is not None
    order = (
        "EInvoiceName EInvoiceCode EInvoiceNumber RandomNumber EInvoiceSpecimenCode"
        " SupervisorAreaCode TotalAmount IssueDate IssueTime InvoicingParty PayerParty PayMode"
        " BizCode CurrencyType Remark HandlingPerson Checker SupervisorRemark MainExt"
        " InvoicingPartySeal SupervisorPartySeal"
    )
    assert " ".join(child.tag for child in main) == order
    ext = main.find("MainExt")
    assert ext is not None
    assert [child.tag for child in ext] == (
        ["Gender", "Stay", "RelatedInvoiceCode", "RelatedInvoiceNumber", "PayCode"]
    )
    assert [child.tag for child in root.iterfind("EInvoiceData/*")] == (
        ["Main", "Details", "AuxDetails"]
    )


def test_personal_data_stay_out_of_reprs_and_errors() -> None:
    shown = repr(FULL)
    for secret in (
        "张三",
        "李四",
        "王五",
        "199001",
        "62220000000",
        "a1B2c3",
        "冲红",
        "女",
        "床位费",
    ):
        assert secret not in shown
    assert "TotalAmount=-8001" in shown
    long = "张三" * 60
    error = refused(with_main(payer_party=replace(INVOICE.main.payer_party, PayerPartyName=long)))
    assert error.tag == "PayerPartyName"
    assert "三" not in str(error) + error.information
    assert "张" in str(error)


# -- as units write it ----------------------------------------------------------------------------


def test_white_space_order_and_short_forms_of_units_are_read() -> None:
    text = SIGNED.decode()
    text = text.replace("<IssueTime>09:30:00</IssueTime>", "")
    text = text.replace("<Main>", "<Main>\r\n\t<IssueTime>093000</IssueTime>")
    text = text.replace("<TotalAmount>80.00<", "<TotalAmount>80.0<").replace("></", "> </")
    text = text.replace("<ItemExt/>", "<ItemExt />").replace("><", ">\n<")
    assert read_signed(text.encode()) == INVOICE


def test_blank_optional_elements_are_missing_ones() -> None:
    text = SIGNED.decode().replace(
        "<MainExt>",
        "<PayMode/><Remark> </Remark><ExchangeRate/><InvoicingPartySeal/><SupervisorPartySeal> "
        "</SupervisorPartySeal><MainExt><RelatedInvoiceCode/><RelatedInvoiceNumber/>",
    )
    text = text.replace("</Details>", "</Details><AuxDetails/>").replace("<ItemExt/>", "")
    assert read_signed(text.encode()) == INVOICE


def test_a_seal_may_come_with_its_identity_alone() -> None:
    """So do units whose program writes every element, with or without a value."""
    seal = f"<SealId>{SEAL.SealId}</SealId>"
    part = "<InvoicingPartySeal>{}<SealName/><SealHash/></InvoicingPartySeal></Main>"
    invoice = read_signed(edited(SIGNED, "</Main>", part.format(seal)))
    assert invoice.main.invoicing_seal == replace(SEAL, SealName="", SealHash="")
    assert refused(edited(SIGNED, "</Main>", part.format("<SealId/>"))).tag == "SealId"
    assert refused(edited(SIGNED, "</Main>", part.replace("<SealHash/>", "").format(seal)))
    assert refused(invoice).tag == "SealName"


def test_references_and_line_ends_are_read_as_xml_says() -> None:
    remark = "<Remark>&lt;&#x5f20;&#24352;&amp;&quot;&apos;>\r\n\r&#13;</Remark><HandlingPerson>"
    data = edited(SIGNED, "<HandlingPerson>", remark)
    assert read_signed(data).main.Remark == "<张张&\"'>\n\n\r"
    root = etree.fromstring(b"<r>" + data + b"</r>")
    assert root.findtext(".//Remark") == "<张张&\"'>\n\n\r"


def test_extensions_are_kept_and_may_repeat() -> None:
    more = "<MainExt><Bed>1</Bed><病区 >二</病区><Bed/><Bed><Row><Cell>x</Cell></Row></Bed>"
    invoice = read_signed(edited(SIGNED, "<MainExt>", more))
    assert invoice.main.ext.more == (
        Extension("Bed", "1"),
        Extension("病区", "二"),
        Extension("Bed"),
        Extension("Bed", "", (Extension("Row", "", (Extension("Cell", "x"),)),)),
    )
    assert invoice.pay_code == INVOICE.pay_code


@pytest.mark.parametrize(
    ("quantity", "whole", "ext"),
    [
        (None, None, ()),
        (3, 3, ()),
        (Decimal("3.00"), 3, ()),
        (Decimal("1.50"), None, (Extension("ItemQuantity", "1.50"),)),
        (Decimal("1E+9"), None, (Extension("ItemQuantity", "1000000000"),)),
    ],
)
def test_a_quantity_that_is_not_whole_stands_in_the_extension(
    quantity: Decimal | int | None, whole: int | None, ext: tuple[Extension, ...]
) -> None:
    assert split_quantity(quantity) == (whole, ext)
    item = replace(ITEM, ItemQuantity=whole, ext=ext)
    again = read_signed(signed_bytes(replace(INVOICE, items=(item,)))).items[0]
    assert again.quantity == quantity


def test_an_extension_that_is_no_quantity_gives_none() -> None:
    item = replace(ITEM, ItemQuantity=None, ext=(Extension("ItemQuantity", "半"),))
    assert item.quantity is None


# -- refused bytes --------------------------------------------------------------------------------

EVIL = [
    ("<Main>", "<!-- --><Main>", "comment"),
    ("<Main>", "<?php ?><Main>", "comment"),
    ("<Header>", '<!DOCTYPE r [<!ENTITY e "x">]><Header>', "comment"),
    ("张三", "<![CDATA[张三]]>", "CDATA"),
    ("张三", "&e;", "none of XML's own"),
    ("张三", "a & b", "none of XML's own"),
    ("张三", "a ]]> b", "XML does not allow"),
    ("张三", "a\x00b", "XML does not allow"),
    ("张三", "a\ufffeb", "XML does not allow"),
    ("张三", "&#0;", "not allowed"),
    ("张三", "&#xFFFFFF;", "not allowed"),
    ("张三", "&#xD800;", "not allowed"),
    ("张三", "a\x85b", "not allowed"),
    ("<Main>", '<Main xmlns="urn:x">', "no plain tag"),
    ("<Main>", '<Main a="1">', "no plain tag"),
    ("<Checker>", "<e:Checker>", "no plain tag"),
    ("<Main>", "<Main>text", "text between"),
    ("</Main>", "", "closed where it was not opened"),
    ("</EInvoiceData>", "", "before it is closed"),
    ("</EInvoiceData>", "</EInvoiceData><EInvoiceData>", "before it is closed"),
    ("</EInvoiceData>", "</EInvoiceData><EInvoiceData></EInvoiceData>", "alone"),
    ("<Header>", "<Header></Header><Header>", "alone"),
    ("<Header>", "\ufeff<Header>", "text between"),
    ("<Header>", " <Header>", "around its parts"),
    ("</EInvoiceData>", "</EInvoiceData>\n", "around its parts"),
    ("<Header>", "<Header/><Header>", "alone"),
    ("<MainExt>", "<MainExt>" + "<a>" * 7 + "</a>" * 7, "nested deeper"),
    ("<MainExt>", "<MainExt><×>1</×>", "no name of an element"),
    ("<MainExt>", "<MainExt><Note>a\x85b</Note>", "not allowed"),
]


@pytest.mark.parametrize(("old", "new", "rule"), EVIL, ids=[new[:30] for _, new, _ in EVIL])
def test_markup_that_could_be_read_in_two_ways_is_refused(old: str, new: str, rule: str) -> None:
    assert rule in str(refused(edited(SIGNED, old, new)))


def test_bytes_that_are_no_utf8_are_refused() -> None:
    assert "byte 1 is not UTF-8" in str(refused(SIGNED.decode().encode("utf-16")))
    assert "is not UTF-8" in str(refused(SIGNED.decode().encode("gbk")))


def test_size_and_number_of_elements_are_limited() -> None:
    assert "more than 4500000 bytes" in str(refused(edited(SIGNED, "张三", "张" * 1_500_000)))
    many = "<MainExt>" + "<a/>" * 100_000
    assert "more than 100000 elements" in str(refused(edited(SIGNED, "<MainExt>", many)))
    many_more = tuple(Extension("a") for _ in range(100_000))
    assert "elements" in str(refused(with_main(ext=MainExt(more=many_more))))
    assert "bytes" in str(refused(with_main(ext=MainExt(more=(Extension("a", "x" * 4_500_000),)))))


STRUCTURE = [
    ("<Version>1.1.0</Version>", "", "Version", "missing"),
    ("<Checker>", "<Checker>王五</Checker><Checker>", "Checker", "more than once"),
    ("<Checker>王五</Checker>", "<Checker/>", "Checker", "empty"),
    ("<Checker>王五</Checker>", "<Checker>  </Checker>", "Checker", "empty"),
    ("<Checker>王五", "<Checker><Name>王五</Name>", "Checker", "a value is expected"),
    ("<Checker>", "<Boss>x</Boss><Checker>", "Boss", "not known"),
    ("<ItemCode>", "<Boss>x</Boss><ItemCode>", "Boss", "not known"),
    ("<EInvoiceTag>", "<Boss>x</Boss><EInvoiceTag>", "Boss", "not known"),
    ("<EInvoiceData>", "<EInvoiceData><Header/>", "Header", "more than once"),
    ("<Details>", "<Details/><Details>", "Details", "0 entries"),
    ("<Details>", "<Details>\n<Boss/>", "Boss", "not known"),
    ("<ItemExt/>", "<ItemExt>text</ItemExt>", "ItemExt", "elements are expected"),
    ("<MainExt>", "<MainExt><PayCode>1</PayCode>", "PayCode", "more than once"),
    ("<MainExt>", "<PayMode/><PayMode>1</PayMode><MainExt>", "PayMode", "more than once"),
]


@pytest.mark.parametrize(("old", "new", "tag", "rule"), STRUCTURE)
def test_the_structure_is_the_tables(old: str, new: str, tag: str, rule: str) -> None:
    error = refused(edited(SIGNED, old, new))
    assert error.tag == tag
    assert rule in error.rule


@pytest.mark.parametrize("part", ["Header", "EInvoiceData", "Main", "Details", "InvoicingParty"])
def test_every_part_must_be_there(part: str) -> None:
    head, _, rest = SIGNED.decode().partition(f"<{part}>")
    _, _, tail = rest.partition(f"</{part}>")
    assert refused(f"{head}{tail}".encode()).tag in {part, ""}
    assert refused(f"{head}<{part}/>{tail}".encode()).rule


def test_there_are_1_to_999_items_and_auxiliary_items() -> None:
    free = replace(ITEM, ItemAmount=0)
    most = replace(INVOICE, items=(ITEM, *[free] * 998), aux_items=FULL.aux_items * 999)
    assert read_signed(signed_bytes(most)) == most
    for wrong in (
        replace(INVOICE, items=()),
        replace(INVOICE, items=(ITEM, *[free] * 999)),
        replace(INVOICE, aux_items=FULL.aux_items * 1000),
    ):
        assert "1 to 999" in str(refused(wrong))
    one_too_many = edited(signed_bytes(most), "</Details>", "<Item></Item></Details>")
    assert "has 1000 entries" in str(refused(one_too_many))


# -- refused values -------------------------------------------------------------------------------

VALUES = [
    ("EInvoiceTag", "CZ-EI-32", "CZ-EI-33", "EInvoiceTag", "CZ-EI-32"),
    ("EInvoiceTag", "CZ-EI-32", "XX-EI-32", "EInvoiceTag", "form"),
    ("EInvoiceID", "7100000000-62101023", "8100000000-62101023", "EInvoiceID", "reverse"),
    ("EInvoiceID", "7100000000-62101023", "7100000000-6210102", "EInvoiceID", "19 characters"),
    ("Version", "1.1.0", "1.1", "Version", "5 characters"),
    ("EInvoiceCode", "32010126", "3201012", "EInvoiceCode", "8 digits"),
    ("EInvoiceCode", "32010126", "3201012A", "EInvoiceCode", "digits only"),
    ("EInvoiceCode", "32010126", "33010126", "EInvoiceTag", "CZ-EI-33"),
    ("EInvoiceNumber", "0000000017", "0000000018", "EInvoiceID", "reverse"),
    ("RandomNumber", "a1B2c3", "a1B2 3", "RandomNumber", "without spaces"),
    ("SupervisorAreaCode", "320682", "32068x", "SupervisorAreaCode", "6 digits"),
    ("TotalAmount", "80.00", "80.01", "TotalAmount", "sum of the items, 80.00"),
    ("TotalAmount", "80.00", "8E1", "TotalAmount", "amount"),
    ("TotalAmount", "80.00", "80.001", "TotalAmount", "two decimals"),
    ("TotalAmount", "80.00", " 80.00", "TotalAmount", "amount"),
    ("IssueDate", "20261122", "20260229", "IssueDate", "calendar date"),
    ("IssueDate", "20261122", "2026-11-22", "IssueDate", "calendar date"),
    ("IssueTime", "09:30:00", "24:00:00", "IssueTime", "HH:MM:SS"),
    ("IssueTime", "09:30:00", "09:3000", "IssueTime", "HH:MM:SS"),
    ("IssueTime", "09:30:00", "9:30:00", "IssueTime", "HH:MM:SS"),
    ("PayerPartyType", "1", "3", "PayerPartyType", "codes 1 2"),
    ("ItemQuantity", "1", "1.5", "ItemQuantity", "integer"),
    ("PayCode", "32068226000000000017", "3" * 21, "PayCode", "1,20"),
    ("HandlingPerson", "李四", "李" * 21, "HandlingPerson", "20"),
]


@pytest.mark.parametrize(("field", "old", "new", "tag", "rule"), VALUES)
def test_values_keep_their_rules(field: str, old: str, new: str, tag: str, rule: str) -> None:
    error = refused(edited(SIGNED, f"<{field}>{old}<", f"<{field}>{new}<"))
    assert error.tag == tag
    assert rule in error.rule


def test_lengths_are_characters() -> None:
    for name in ("张" * 100, "𠮷" * 100):
        payer = replace(INVOICE.main.payer_party, PayerPartyName=name)
        invoice = with_main(payer_party=payer)
        assert read_signed(signed_bytes(invoice)) == invoice


def test_related_fields_are_set_if_and_only_if_red() -> None:
    blue = MainExt(RelatedInvoiceCode="32010126", RelatedInvoiceNumber="0000000016")
    assert "must not be there" in str(refused(with_main(ext=blue)))
    for missing in ("RelatedInvoiceCode", "RelatedInvoiceNumber"):
        red = with_main(FULL, ext=replace(FULL.main.ext, **{missing: ""}))
        error = refused(red)
        assert error.tag == missing
        assert "must be there" in error.rule
    itself = replace(FULL.main.ext, RelatedInvoiceNumber=FULL.number)
    assert "names the invoice itself" in str(refused(with_main(FULL, ext=itself)))
    assert FULL.is_red
    assert FULL.related == ("32010126", "0000000016")
    assert not INVOICE.is_red
    assert INVOICE.related == ("", "")


@pytest.mark.parametrize(
    ("invoice", "tag", "rule"),
    [
        (with_main(Checker=""), "Checker", "empty"),
        (with_main(Checker=" "), "Checker", "empty"),
        (with_main(TotalAmount=None), "TotalAmount", "empty"),
        (with_main(TotalAmount="80.00"), "TotalAmount", "int (fen)"),
        (with_main(TotalAmount=10**17), "TotalAmount", "15 integer digits"),
        (with_main(IssueDate=20261122), "IssueDate", "str"),
        (with_main(EInvoiceName=b"x"), "EInvoiceName", "str"),
        (with_main(payer_party=None), "PayerParty", "missing"),
        (with_main(invoicing_seal=replace(SEAL, SealHash="")), "SealHash", "empty"),
        (with_main(ext=MainExt(more=(Extension("PayCode", "1"),))), "PayCode", "more than once"),
        (with_main(ext=MainExt(more=(Extension("a b", "1"),))), "", "name of an element"),
        (with_main(ext=MainExt(more=(Extension("xs:a", "1"),))), "", "name of an element"),
        (with_main(ext=MainExt(more=(Extension("a", "\x00"),))), "a", "not allowed"),
        (with_main(ext=MainExt(more=(Extension("a", "x", (Extension("b"),)),))), "a", "value"),
        (replace(INVOICE, header=Header(EInvoiceTag="", EInvoiceID="")), "EInvoiceTag", "empty"),
    ],
)
def test_what_breaks_a_rule_is_not_written(invoice: EInvoice, tag: str, rule: str) -> None:
    error = refused(invoice)
    assert error.tag == tag
    assert rule in error.rule


def test_an_extension_is_at_most_three_deep() -> None:
    deep = Extension("c", "", (Extension("d", "x"),))
    for _ in range(1):
        deep = Extension("b", "", (deep,))
    invoice = replace(INVOICE, items=(replace(ITEM, ext=(deep,)),))
    assert read_signed(signed_bytes(invoice)) == invoice
    deeper = replace(INVOICE, items=(replace(ITEM, ext=(Extension("a", "", (deep,)),)),))
    assert "nested deeper" in str(refused(deeper))


def test_the_clock_is_written_with_colons() -> None:
    invoice = with_main(IssueTime="093000")
    assert signed_bytes(invoice) == SIGNED
    assert invoice.issued_at == INVOICE.issued_at == "20261122093000"
