"""The verdict on the page is that of verification, in Chinese."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nontax.einvoice.render import checked_of
from nontax.einvoice.render.verdict import _RULES
from nontax.einvoice.verify import Aspect, Party, Reason, Verification, verify

from . import documents, signing


def judged(data: bytes, world: signing.World | None = None) -> Verification:
    known = world or signing.world()
    return verify(data, known.certificates, known.policy)


def test_a_good_document() -> None:
    checked = checked_of(judged(signing.signed_document(signing.world())))
    assert checked.good
    assert checked.reasons == ()
    assert [one.role for one in checked.signatures] == ["unit", "finance"]
    unit, finance = checked.signatures
    assert unit.signer == signing.world().unit.certificate.subject
    assert unit.serial == signing.world().unit.certificate.serial
    assert (unit.time, finance.time) == ("20261122093001", "20261122093002")
    assert unit.algorithm == "SHA256withECDSA"
    assert checked.test


def test_a_changed_document_says_whose_signature_fails() -> None:
    data = signing.signed_document(signing.world()).replace("张三".encode(), "李三".encode())
    checked = checked_of(judged(data))
    assert not checked.intact
    assert checked.reasons == (
        "开票单位签名:签名值与票据内容不符",
        "财政部门签名:签名值与票据内容不符",
    )


def test_another_units_certificate() -> None:
    world = signing.world()
    other = world.hierarchy.units["0105204"]
    checked = checked_of(judged(signing.signed_document(world, unit=other)))
    assert checked.valid
    assert not checked.trusted
    assert checked.reasons == ("开票单位签名:证书不属于该签名方",)


def test_no_document_at_all() -> None:
    checked = checked_of(judged(b"<html/>"))
    assert not checked.intact
    assert checked.reasons == ("票据:格式不符合规范",)
    assert checked.signatures == ()
    assert not checked.test


def test_names_without_the_mark_are_no_test() -> None:
    found = judged(signing.signed_document(signing.world()))
    assert found.unit is not None
    bare = replace(
        found.unit,
        certificate=None,
        chain=(),
        signature=replace(found.unit.signature, issuer="CN=真正的CA"),
    )
    assert not checked_of(replace(found, unit=bare, finance=None)).test


@pytest.mark.parametrize("party", [*Party, None])
def test_rules_unknown_to_the_page_are_still_told(party: Party | None) -> None:
    reason = Reason(party, Aspect.TRUSTED, "a rule to come", "text in English")
    found = replace(judged(signing.signed_document(signing.world())), reasons=(reason,))
    (told,) = checked_of(found).reasons
    assert told.endswith(":未通过验证")
    assert "English" not in told


def test_every_rule_has_words() -> None:
    assert all(text and text.isprintable() for text in _RULES.values())
    expired = replace(documents.INVOICE, main=replace(documents.MAIN, IssueDate="20401122"))
    late = {"time": "20401122093001"}
    checked = checked_of(
        judged(
            signing.signed_document(
                signing.world(), expired, unit_changes=late, finance_changes=late
            )
        )
    )
    assert "开票单位签名:开票时证书不在有效期内" in checked.reasons
    assert "财政部门签名:开票时证书不在有效期内" in checked.reasons
