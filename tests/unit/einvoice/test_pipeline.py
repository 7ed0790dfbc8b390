"""The steps of issuing, one after the other, without any books."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import Certificate
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import Signature, open_document
from nontax.einvoice.errors import DocumentError
from nontax.einvoice.fields import EInvoice, MainExt
from nontax.einvoice.hierarchy import Holder
from nontax.einvoice.pipeline import (
    Expected,
    HeldKeys,
    LocalCountersigner,
    SignatureRefused,
    check_contents,
    check_finished,
    check_held,
    check_unit,
    finished,
    last_signing,
    received_element,
    unit_element,
)
from nontax.einvoice.ports import Countersigning
from nontax.einvoice.verify import verify

from .documents import CODE, INVOICE, ITEM, NUMBER, with_main
from .signing import ECDSA, RSA, SM2, unit_signature, world

MOMENT = "20261122093001"


class Inline:
    """Signs in this thread."""

    def __init__(self, holder: Holder) -> None:
        self.key = holder.key
        self.certificate: Certificate = holder.certificate
        self.algorithm: SignatureAlgorithm = holder.key.algorithm

    async def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)


@pytest.mark.parametrize("algorithm", [SM2, RSA, ECDSA])
async def test_the_steps_end_in_a_document_that_everybody_can_verify(
    algorithm: SignatureAlgorithm,
) -> None:
    known = world(algorithm)
    signed = signed_bytes(INVOICE)
    check_held(known.unit.certificate, "0104901", INVOICE.issued_at, known.policy)
    element = await unit_element(signed, Inline(known.unit), MOMENT)
    wanted = Countersigning(CODE, NUMBER, signed, element, MOMENT)
    answer = await LocalCountersigner(Inline(known.hierarchy.finance)).countersign(wanted)
    assert answer.trade_id == ""
    done = finished(signed, element, answer.element)
    assert done.sha256 == hashlib.sha256(done.document).hexdigest()
    assert verify(done.document, known.certificates, known.policy).is_fine
    check_finished(done, known.certificates, known.policy)
    opened = open_document(done.document)
    assert (opened.signed, opened.unit_element) == (signed, element)
    assert (opened.unit.time, opened.finance.time) == (MOMENT, MOMENT)
    # What a unit signs by itself enters the document in the same form.
    again = received_element(algorithm, MOMENT, opened.unit.value, known.unit.certificate)
    assert again == element


async def test_what_a_countersigner_gives_is_not_believed_blindly() -> None:
    known = world()
    signed = signed_bytes(INVOICE)
    element = await unit_element(signed, Inline(known.unit), MOMENT)
    wanted = Countersigning(CODE, NUMBER, signed, element, MOMENT)
    good = await LocalCountersigner(Inline(known.hierarchy.finance)).countersign(wanted)
    other = await LocalCountersigner(Inline(known.unit)).countersign(wanted)
    late = await LocalCountersigner(Inline(known.hierarchy.finance)).countersign(
        replace(wanted, moment="20261130093001")
    )
    elsewhere = await LocalCountersigner(Inline(known.hierarchy.finance)).countersign(
        replace(wanted, signed=signed + b" ")
    )
    for element_, text in (
        (other.element, "not among the certificates of finance"),
        (late.element, "not within 7 days"),
        (elsewhere.element, "is not the signature"),
        (b"<Signature/>", "no Signature"),
        (good.element + b" ", "no Signature"),
        (element, "no Signature"),
    ):
        with pytest.raises(SignatureRefused, match=text):
            check_finished(finished(signed, element, element_), known.certificates, known.policy)


def test_a_held_key_signs_for_its_unit_while_its_certificate_holds() -> None:
    known = world()
    certificate = known.unit.certificate
    check_held(certificate, "0104901", INVOICE.issued_at, known.policy)
    with pytest.raises(SignatureRefused, match="not a certificate of the unit 0105204"):
        check_held(certificate, "0105204", INVOICE.issued_at, known.policy)
    with pytest.raises(SignatureRefused, match="validity"):
        check_held(certificate, "0104901", "20310101000000", known.policy)
    nobody = known.with_policy(roots=())
    with pytest.raises(SignatureRefused, match="chain"):
        check_held(certificate, "0104901", INVOICE.issued_at, nobody.policy)


def test_what_was_found_fine_is_remembered_for_that_moment_alone() -> None:
    known = world()
    held = HeldKeys(known.policy)
    for _ in range(2):
        held.check(known.unit.certificate, "0104901", INVOICE.issued_at)
        with pytest.raises(SignatureRefused, match="not a certificate of the unit"):
            held.check(known.unit.certificate, "0105204", INVOICE.issued_at)
        with pytest.raises(SignatureRefused, match="validity"):
            held.check(known.unit.certificate, "0104901", "20310101000000")
        with pytest.raises(SignatureRefused, match="not a certificate of the unit"):
            held.check(known.hierarchy.finance.certificate, "0104901", INVOICE.issued_at)


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "value": ({"value": b"0"}, "is not the signature", "单位签名验证未通过"),
    "time": ({"time": "20261130093000"}, "SignatureTime", "签名时间应在开票时间之后7天内"),
    "algorithm": ({"algorithm": RSA}, "SignatureAlgorithm", "签名算法与证书不一致"),
    "certificate": ({"serial": "1"}, "none is configured", "签名证书未在财政登记"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_why_a_units_signature_is_refused(wrong: str) -> None:
    known = world()
    signed = signed_bytes(INVOICE)

    def check(signature: Signature) -> None:
        check_unit(signed, signature, INVOICE, known.certificates, known.policy)

    check(unit_signature(known.unit, signed))
    changes, english, chinese = WRONG[wrong]
    with pytest.raises(SignatureRefused, match=english) as caught:
        check(unit_signature(known.unit, signed, **changes))
    assert caught.value.information == chinese
    other = unit_signature(known.hierarchy.units["0105204"], signed)
    with pytest.raises(SignatureRefused, match="not a certificate of the unit"):
        check(other)


def test_the_last_moment_to_sign() -> None:
    assert last_signing("20261122093000") == "20261129093000"
    assert last_signing("20261231235959") == "20270107235959"


EXPECTED = Expected(
    code=CODE,
    number=NUMBER,
    region="320682",
    unit_code="0104901",
    pay_code="32068226000000000017",
    amt=8000,
    items={"103043211": 8000},
    item_codes=frozenset({"103043211"}),
)

DIFFERENT: dict[str, tuple[EInvoice, str]] = {
    "code": (with_main(EInvoiceCode="32010127"), "EInvoiceCode"),
    "number": (with_main(EInvoiceNumber="0000000018"), "EInvoiceNumber"),
    "region": (with_main(SupervisorAreaCode="320600"), "SupervisorAreaCode"),
    "unit": (
        with_main(
            invoicing_party=replace(
                INVOICE.main.invoicing_party, InvoicingPartyCode="0105204"
            )
        ),
        "InvoicingPartyCode",
    ),
    "pay code": (with_main(ext=MainExt(PayCode="1")), "PayCode"),
    "original": (
        with_main(ext=replace(INVOICE.main.ext, RelatedInvoiceCode=CODE)),
        "RelatedInvoiceCode",
    ),
    "amount": (with_main(TotalAmount=7999), "TotalAmount"),
    "item": (replace(INVOICE, items=(replace(ITEM, ItemCode="1"),)), "ItemCode"),
    "item's amount": (
        replace(INVOICE, items=(ITEM, replace(ITEM, ItemAmount=1))), "ItemAmount",
    ),
}  # fmt: skip


@pytest.mark.parametrize("difference", DIFFERENT)
def test_each_difference_from_the_books_is_found(difference: str) -> None:
    check_contents(INVOICE, EXPECTED)
    invoice, tag = DIFFERENT[difference]
    with pytest.raises(DocumentError) as caught:
        check_contents(invoice, EXPECTED)
    assert caught.value.tag == tag
    assert "一致" in caught.value.information or "项目" in caught.value.information


def test_items_may_be_divided_and_amounts_be_spread_where_nobody_can_know() -> None:
    halves = (replace(ITEM, ItemAmount=3000), replace(ITEM, ItemAmount=5000))
    check_contents(replace(INVOICE, items=halves), EXPECTED)
    free = replace(EXPECTED, items=None, item_codes=frozenset({"103043211", "9"}))
    spread = (replace(ITEM, ItemAmount=1), replace(ITEM, ItemCode="9", ItemAmount=7999))
    check_contents(replace(INVOICE, items=spread), free)
    with pytest.raises(DocumentError, match="differs from the bill's items"):
        check_contents(replace(INVOICE, items=spread), replace(free, items={"103043211": 8000}))
