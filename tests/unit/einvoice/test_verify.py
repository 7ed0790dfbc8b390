"""Verification tells intact, valid and trusted apart, says why, and gives what was signed."""

from __future__ import annotations

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.fields import EInvoice
from nontax.einvoice.showing import masked
from nontax.einvoice.trust import TrustPolicy
from nontax.einvoice.verify import Verification, examine_unit, verify

from .documents import FULL, INVOICE, edited
from .signing import ECDSA, RSA, World, holder, signed_document, unit_signature, world


def judged(data: bytes, known: World | None = None) -> Verification:
    known = known or world()
    return verify(data, known.certificates, known.policy)


def answers(found: Verification) -> tuple[bool, bool, bool]:
    return found.intact, found.valid, found.trusted


def rules(found: Verification) -> set[tuple[str | None, str, str]]:
    return {
        (None if one.party is None else one.party.value, one.aspect.value, one.rule)
        for one in found.reasons
    }


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
@pytest.mark.parametrize("invoice", [INVOICE, FULL], ids=["blue", "red"])
def test_ours_is_fine_and_gives_what_was_signed(
    algorithm: SignatureAlgorithm, invoice: EInvoice
) -> None:
    known = world(algorithm)
    found = judged(signed_document(known, invoice), known)
    assert answers(found) == (True, True, True)
    assert found.is_fine
    assert (found.reasons, found.notes) == ((), ())
    assert found.signed == signed_bytes(invoice)
    assert found.invoice == invoice
    made = known.hierarchy
    assert found.unit is not None
    assert found.finance is not None
    above = (made.intermediate.certificate, made.root.certificate)
    assert found.unit.chain == (known.unit.certificate, *above)
    assert found.finance.chain == (made.finance.certificate, *above)
    assert found.finance.signature.algorithm is algorithm


def test_unit_and_finance_may_use_different_algorithms() -> None:
    made = world(RSA)
    finance = holder(made.hierarchy.intermediate, "测试财政二")
    known = world()
    mixed = known.knowing(finance.certificate, made.hierarchy.intermediate.certificate)
    mixed = mixed.with_policy(
        roots=(*known.policy.roots, *made.policy.roots),
        finance=frozenset({finance.certificate.fingerprint}),
    )
    assert judged(signed_document(mixed, finance=finance), mixed).is_fine


def test_what_is_no_document_is_not_intact() -> None:
    for data in (b"", b"\xff\x00", b"<EInvoice/>", signed_document(world())[:-1]):
        found = judged(data)
        assert answers(found) == (False, False, False)
        assert rules(found) == {(None, "intact", "form")}
        assert (found.signed, found.invoice) == (None, None)


def test_changed_contents_fail_both_signatures() -> None:
    found = judged(edited(signed_document(world()), "李四", "李五"))
    assert answers(found) == (False, False, False)
    assert rules(found) == {
        ("unit", "intact", "SignatureValue"),
        ("finance", "intact", "SignatureValue"),
    }


def test_a_changed_signature_of_the_unit_fails_finances() -> None:
    found = judged(edited(signed_document(world()), "20261122093001", "20261122093011"))
    assert rules(found) == {("finance", "intact", "SignatureValue")}


def test_a_signature_of_another_key_of_the_party_is_not_intact() -> None:
    known = world()
    other = known.hierarchy.units["0105204"]
    name = {"serial": known.unit.certificate.serial}
    found = judged(signed_document(known, unit=other, unit_changes=name))
    assert rules(found) == {("unit", "intact", "SignatureValue")}


def test_a_swapped_algorithm_name_is_intact_but_not_valid() -> None:
    known = world()
    data = signed_document(known, unit_changes={"algorithm": RSA})
    found = judged(data)
    assert answers(found) == (True, False, False)
    assert rules(found) == {("unit", "valid", "SignatureAlgorithm")}
    # Both have one hash, so finance's signature still matches under the wrong name.
    found = judged(signed_document(known, finance_changes={"algorithm": RSA}))
    assert answers(found) == (True, False, False)
    assert rules(found) == {("finance", "valid", "SignatureAlgorithm")}


@pytest.mark.parametrize("party", ["unit", "finance"])
@pytest.mark.parametrize(
    ("time", "good"),
    [
        ("20261122092959", False),
        ("20261122093000", True),
        ("20261129093000", True),
        ("20261129093001", False),
        ("20261122013000+0000", True),
        ("20261122093000+0900", False),
    ],
)
def test_signatures_are_made_within_seven_days_of_the_issue(
    party: str, time: str, good: bool
) -> None:
    changes = {f"{party}_changes": {"time": time}}
    found = judged(signed_document(world(), **changes))  # type: ignore[arg-type] # by its name
    assert answers(found) == (True, good, good)
    assert rules(found) == (set() if good else {(party, "valid", "SignatureTime")})


def test_a_certificate_that_is_not_known_leaves_nothing_to_say() -> None:
    known = world()
    found = judged(signed_document(known, unit=holder(None, "测试无名", "0104901")))
    assert answers(found) == (False, False, False)
    assert rules(found) == {("unit", "intact", "certificate")}


def test_without_roots_nothing_is_trusted() -> None:
    known = world()
    found = verify(signed_document(known), known.certificates, TrustPolicy())
    assert answers(found) == (True, True, False)
    assert ("unit", "trusted", "chain") in rules(found)


# -- nobody signs as another -----------------------------------------------------------------------


def test_finance_cannot_stand_in_for_the_unit() -> None:
    known = world()
    found = judged(signed_document(known, unit=known.hierarchy.finance))
    assert answers(found) == (True, True, False)
    assert rules(found) == {("unit", "trusted", "party")}


def test_nor_does_a_certificate_that_names_the_unit_help_finances_key() -> None:
    known = world()
    finance = known.hierarchy.finance
    other = holder(
        known.hierarchy.intermediate, "测试", "0104901", spki=finance.key.public.spki
    ).certificate
    posing = type(finance)(other, finance.key, ())
    known = known.knowing(other)
    assert rules(judged(signed_document(known, unit=posing), known)) == {
        ("unit", "trusted", "party")
    }


def test_the_unit_cannot_stand_in_for_finance() -> None:
    known = world()
    found = judged(signed_document(known, finance=known.unit))
    assert answers(found) == (True, True, False)
    assert rules(found) == {("finance", "trusted", "party")}


def test_a_unit_cannot_sign_for_another() -> None:
    known = world()
    found = judged(signed_document(known, unit=known.hierarchy.units["0105204"]))
    assert rules(found) == {("unit", "trusted", "party")}


def test_the_configuration_says_whose_a_certificate_is_before_its_subject_does() -> None:
    known = world()
    other = known.hierarchy.units["0105204"].certificate
    nameless = holder(known.hierarchy.intermediate, "测试单位三")
    bound = known.knowing(nameless.certificate)
    assert not judged(signed_document(bound, unit=nameless), bound).is_fine
    units = {nameless.certificate.fingerprint: frozenset({"0104901"})}
    units[other.fingerprint] = frozenset({"0104901"})
    units[known.unit.certificate.fingerprint] = frozenset({"0105204"})
    bound = bound.with_policy(units=units)
    assert judged(signed_document(bound, unit=nameless), bound).is_fine
    assert judged(signed_document(bound, unit=known.hierarchy.units["0105204"]), bound).is_fine
    assert not judged(signed_document(bound), bound).is_fine


# -- parts -----------------------------------------------------------------------------------------


def test_a_units_signature_is_examined_before_finance_signs() -> None:
    known = world()
    signed = signed_bytes(INVOICE)
    good = unit_signature(known.unit, signed)
    certificates, policy = known.certificates, known.policy
    assert examine_unit(signed, good, INVOICE, certificates, policy).is_fine
    found = examine_unit(signed + b" ", good, INVOICE, certificates, policy)
    assert [one.rule for one in found.reasons] == ["SignatureValue"]


def test_shown_contents_are_masked() -> None:
    shown = str(masked(FULL))
    for secret in ("张三", "李四", "王五", "a1B2c3", "320682199001010000", "6222000000000000018"):
        assert secret not in shown
    for extension in ("女", "床位费", "原票有误"):
        assert extension not in shown
    assert masked(INVOICE)["Main"] == {
        "EInvoiceName": "江苏省非税收入统一票据(电子)",
        "EInvoiceCode": "32010126",
        "EInvoiceNumber": "0000000017",
        "RandomNumber": "***",
        "EInvoiceSpecimenCode": "3201012601",
        "SupervisorAreaCode": "320682",
        "TotalAmount": "80.00",
        "IssueDate": "20261122",
        "IssueTime": "09:30:00",
        "InvoicingParty": {
            "InvoicingPartyCode": "0104901",
            "InvoicingPartyName": "示例市自然资源局",
        },
        "PayerParty": {"PayerPartyType": "1", "PayerPartyName": "张*"},
        "HandlingPerson": "李*",
        "Checker": "王*",
        "MainExt": {"PayCode": "32068226000000000017"},
    }


def test_reprs_show_no_personal_data() -> None:
    text = repr(judged(signed_document(world(ECDSA), FULL)))
    for secret in ("张三", "李四", "a1B2c3", "6222000000000000018", "女"):
        assert secret not in text
