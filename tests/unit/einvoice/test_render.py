"""The page of an e-invoice: everything is on it once, nothing on it is more than text."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from lxml import html as lxml_html

from nontax.codecs.capitals import capitals
from nontax.einvoice.fields import EInvoice, Extension
from nontax.einvoice.render import Checked, SignedBy, Standing, page
from nontax.einvoice.table import Entries, Open, Part, Record, Row, declarations

from . import documents

HOSTILE = "<script>alert(1)</script>\"'&<!--"
UNIT = SignedBy(
    role="unit",
    signer="CN=示例市自然资源局,OU=0104901",
    algorithm="SM3withSM2",
    time="20261122093016",
    serial="5A3F",
    issuer="CN=示例CA",
)
FINANCE = replace(UNIT, role="finance", signer="CN=示例市财政局", serial="5A40")
GOOD = Checked(intact=True, valid=True, trusted=True, signatures=(UNIT, FINANCE))


def text_of(shown: str) -> str:
    """What a reader sees, without white space."""
    body = lxml_html.document_fromstring(shown).find("body")
    assert body is not None
    return re.sub(r"\s", "", "".join(body.itertext()))


def many(count: int, name: str = "") -> EInvoice:
    items = tuple(
        replace(documents.ITEM, ItemCode=f"C{n:04d}", ItemName=name or f"项目{n}", ItemAmount=n)
        for n in range(1, count + 1)
    )
    total = sum(item.ItemAmount for item in items)
    return replace(documents.INVOICE, main=replace(documents.MAIN, TotalAmount=total), items=items)


def values(record: Record) -> list[str]:
    """Every text value of a record and of what is in it."""
    found: list[str] = []
    for name, declared in declarations(type(record)).items():
        value = getattr(record, name)
        if isinstance(declared, Row) and isinstance(value, str):
            found.append(value)
        elif isinstance(declared, Part) and value is not None:
            found += values(value)
        elif isinstance(declared, Entries):
            found += [text for entry in value for text in values(entry)]
        elif isinstance(declared, Open):
            found += [extension.text for extension in value]
    return found


def test_every_value_of_the_document_is_on_the_page() -> None:
    shown = text_of(page(documents.FULL, checked=GOOD))
    main = documents.FULL.main
    date = "2026年11月22日"
    for value in values(documents.FULL):
        if value not in {main.IssueDate, main.PayMode, main.payer_party.PayerPartyType}:
            assert re.sub(r"\s", "", value) in shown, value
    for more in (date, "查缴模式", "80.01", capitals(main.TotalAmount), "-80.01"):
        assert more in shown


def test_nothing_in_a_document_is_markup() -> None:
    main = documents.FULL.main
    hostile = replace(
        documents.FULL,
        main=replace(
            main,
            EInvoiceName=HOSTILE,
            Remark=HOSTILE,
            payer_party=replace(main.payer_party, PayerPartyName=HOSTILE, PayerOpBk=HOSTILE),
            invoicing_seal=replace(documents.SEAL, SealName=HOSTILE),
            ext=replace(main.ext, more=(Extension("Note", HOSTILE),)),
        ),
        items=tuple(
            replace(item, ItemName=HOSTILE, ext=(Extension("Std", HOSTILE),))
            for item in documents.FULL.items
        ),
    )
    checked = replace(
        GOOD, reasons=(HOSTILE,), signatures=(replace(UNIT, signer=HOSTILE, issuer=HOSTILE),)
    )
    shown = page(hostile, checked=checked, standing=Standing(inspect_url=f"https://x/{HOSTILE}"))
    tags = {element.tag for element in lxml_html.document_fromstring(shown).iter()}
    assert "script" not in tags
    assert all(isinstance(tag, str) for tag in tags)  # comments have no name
    assert text_of(shown).count(re.sub(r"\s", "", HOSTILE)) >= 8


def test_nothing_is_fetched_and_nothing_runs() -> None:
    shown = page(documents.FULL, checked=GOOD, standing=Standing(inspect_url="https://a.example/"))
    assert not re.search(r"<(script|link|img|iframe|object|embed|base|form|a)\b", shown)
    assert not re.search(r"\b(?:src|href|on[a-z]+)\s*=", shown)
    assert "url(" not in shown
    assert "@import" not in shown


def test_a_red_invoice_says_so() -> None:
    shown = page(documents.FULL, checked=GOOD)
    assert "(红字)" in text_of(shown)
    assert 'class="face red"' in shown
    code, number = documents.FULL.related
    assert f"冲红的原票据:代码{code}号码{number}" in text_of(shown)
    assert "(红字)" not in page(documents.INVOICE, checked=GOOD)


def test_what_verification_found_is_told() -> None:
    shown = text_of(page(documents.INVOICE, checked=GOOD))
    assert "✓完整✓有效✓可信" in shown
    assert "2026-11-2209:30:16" in shown
    assert "SM3withSM2" in shown
    assert "验签未通过" not in shown
    bad = replace(GOOD, valid=False, trusted=False, reasons=("财政部门签名:证书已吊销",))
    shown = text_of(page(documents.INVOICE, checked=bad))
    assert "✓完整✗无效✗不可信" in shown
    assert "证书已吊销" in shown
    assert "验签未通过" in shown


def test_a_page_without_verification_claims_nothing() -> None:
    shown = text_of(page(documents.INVOICE))
    assert "验签结果:未验签" in shown
    assert "✓" not in shown


def test_test_certificates_and_reversal_are_marked() -> None:
    assert "仅供测试" in page(documents.INVOICE, checked=replace(GOOD, test=True))
    assert "测试" not in page(documents.INVOICE, checked=GOOD)
    reversed_by = Standing(reversed_by=("32010126", "0000000099"))
    shown = text_of(page(documents.INVOICE, checked=GOOD, standing=reversed_by))
    assert "已冲红" in shown
    assert "0000000099" in shown


@pytest.mark.parametrize("count", [1, 2, 5, 8, 12, 40, 41, 999])
def test_every_item_stands_once(count: int) -> None:
    shown = page(many(count), checked=GOOD)
    assert sorted(re.findall(r"C\d{4}(?=</td>)", shown)) == [
        f"C{n:04d}" for n in range(1, count + 1)
    ]
    assert ('class="list"' in shown) == (count > 12 or "见清单" in shown)
    if "见清单" in shown:
        assert f"共 {count} 项" in shown


def test_few_items_need_no_list() -> None:
    assert 'class="list"' not in page(many(6), checked=GOOD)


def test_what_has_no_room_goes_on_to_the_list() -> None:
    main = replace(documents.MAIN, Remark="备" * 1000)
    shown = page(replace(documents.INVOICE, main=main), checked=GOOD)
    front, _, rest = shown.partition('<section class="list')
    assert "备" * 1000 not in front
    assert "备" * 1000 in unescape(rest)


def test_seals_are_drawn_as_pictures_alone() -> None:
    shown = page(documents.FULL, checked=GOOD)
    assert shown.count("<svg") == 2
    assert shown.count("印章图样") == 2
    assert "印章为示意图样" in shown
    without = page(documents.INVOICE, checked=GOOD)
    assert "<svg" not in without
    assert "印章为示意图样" not in without
