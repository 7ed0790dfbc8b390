"""Chains, constraints, dates and revocation: what makes a signer's certificate believable."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import Certificate
from nontax.einvoice.der import TRUE, element, integer, moment, object_id, sequence
from nontax.einvoice.errors import CertificateError
from nontax.einvoice.hierarchy import Holder, make_revocation_list
from nontax.einvoice.revocation import RevocationList, parse_revocation_lists, read_revocation_list
from nontax.einvoice.trust import MOST_CERTIFICATES, Judgement, TrustPolicy, judge

from .signing import AUTHORITY, ECDSA, FIRST, LAST, authority, holder, world

AT = "20261122093000"
ISSUED = datetime(2026, 11, 22, 1, 30)  # noqa: DTZ001 - the same in UTC


def judged(signer: Holder, *known: Holder, root: Holder, at: str = AT, **more: Any) -> Judgement:
    policy = TrustPolicy(
        roots=(root.certificate,), intermediates=tuple(one.certificate for one in known), **more
    )
    return judge(signer.certificate, at, policy)


def rules(found: Judgement) -> list[str]:
    return [rule for rule, _ in found.problems]


# -- chains ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_a_chain_leads_to_the_configured_root(algorithm: SignatureAlgorithm) -> None:
    made = world(algorithm).hierarchy
    found = judged(made.finance, made.intermediate, root=made.root)
    assert found.problems == ()
    assert [one.subject for one in found.chain] == [
        "CN=测试财政部门,O=测试,C=CN",
        "CN=测试电子票据CA,O=测试,C=CN",
        "CN=测试根CA,O=测试,C=CN",
    ]


def test_without_its_intermediate_there_is_no_chain() -> None:
    made = world().hierarchy
    assert rules(judged(made.finance, root=made.root)) == ["chain"]


def test_a_root_of_the_same_name_is_another() -> None:
    made = world().hierarchy
    other = authority(None, "测试根CA")
    assert other.certificate.subject == made.root.certificate.subject
    assert rules(judged(made.finance, made.intermediate, root=other)) == ["chain"]


def test_a_root_that_is_only_known_is_not_believed() -> None:
    made = world().hierarchy
    other = authority(None, "测试他根CA")
    assert rules(judged(made.finance, made.intermediate, made.root, root=other)) == ["chain"]


def test_several_intermediates_in_any_order() -> None:
    root = authority(None, "测试根")
    first = authority(root, "测试一")
    second = authority(first, "测试二")
    third = authority(second, "测试三")
    signer = holder(third, "测试")
    assert judged(signer, second, first, third, root=root).problems == ()
    assert rules(judged(signer, second, third, root=root)) == ["chain"]


def test_loops_and_cross_certificates_end() -> None:
    root = authority(None, "测试根")
    left = authority(root, "测试左")
    right = authority(left, "测试右")
    # The left one once more, by the right one: a loop, but also a way to the root.
    again = authority(right, "测试左", spki=left.key.public.spki)
    left_again = Holder(again.certificate, left.key, left.name)
    signer = holder(right, "测试")
    found = judged(signer, left_again, right, left, root=root)
    assert found.problems == ()
    assert len(found.chain) == 4
    assert rules(judged(signer, left_again, right, root=root)) == ["chain"]


def test_a_renewed_intermediate_is_tried_beside_the_expired_one() -> None:
    root = authority(None, "测试根")
    old = authority(root, "测试", not_after=FIRST + timedelta(days=1))
    new = authority(root, "测试", spki=old.key.public.spki)
    signer = holder(old, "测试单位")
    for known in ((old, new), (new, old)):
        found = judged(signer, *known, root=root)
        assert found.problems == ()
        assert found.chain[1] == new.certificate
    assert rules(judged(signer, old, root=root)) == ["validity"]


def test_chains_are_of_limited_length() -> None:
    root = authority(None, "测试根")
    line = [root]
    while len(line) < MOST_CERTIFICATES:
        line.append(authority(line[-1], f"测试{len(line)}"))
    *_, last_but_one, last = line
    assert judged(holder(last_but_one, "测试"), *line, root=root).problems == ()
    assert rules(judged(holder(last, "测试"), *line, root=root)) == ["chain"]


def test_a_certificate_that_another_key_signed_is_not_the_issuers() -> None:
    root = authority(None, "测试根")
    forged = holder(Holder(root.certificate, authority(None, "测试").key, root.name), "测试")
    assert rules(judged(forged, root=root)) == ["chain"]


def test_a_root_signs_for_itself_alone() -> None:
    """A self-signed certificate is not believed for being configured as a root."""
    alone = holder(None, "测试")
    assert "chain" in rules(judged(alone, root=alone))


# -- constraints -----------------------------------------------------------------------------------


def test_only_authorities_give_certificates() -> None:
    root = authority(None, "测试根")
    signer = holder(root, "测试")
    below = holder(signer, "测试二")
    assert rules(judged(below, signer, root=root)) == ["basic constraints", "key usage"]


def test_an_authority_is_no_signer() -> None:
    root = authority(None, "测试根")
    both = authority(root, "测试", usages=("digitalSignature", *AUTHORITY))
    assert rules(judged(both, root=root)) == ["basic constraints"]


def test_path_length_is_kept() -> None:
    root = authority(None, "测试根", 1)
    first = authority(root, "测试一", 0)
    second = authority(first, "测试二")
    assert judged(holder(first, "测试"), first, root=root).problems == ()
    found = judged(holder(second, "测试"), first, second, root=root)
    assert rules(found) == ["path length", "path length"]


def test_key_usage_of_signers_and_authorities() -> None:
    root = authority(None, "测试根")
    for usage in ("digitalSignature", "nonRepudiation"):
        assert judged(holder(root, "测试", usages=(usage,)), root=root).problems == ()
    assert rules(judged(holder(root, "测试", usages=("keyCertSign",)), root=root)) == ["key usage"]
    silent = authority(root, "测试一", usages=("cRLSign",))
    assert rules(judged(holder(silent, "测试"), silent, root=root)) == ["key usage"]


# -- dates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("expired", ["root", "intermediate", "signer"])
@pytest.mark.parametrize(
    ("at", "good"),
    [
        ("20261121235959", False),
        ("20261122000000", True),
        ("20261130000000", True),
        ("20261130000001", False),
    ],
)
def test_every_certificate_of_the_chain_is_valid_at_the_time(
    expired: str, at: str, good: bool
) -> None:
    # Midnight of civil time is 16 o'clock of the day before in UTC.
    days = {"not_before": datetime(2026, 11, 21, 16), "not_after": datetime(2026, 11, 29, 16)}  # noqa: DTZ001
    root = authority(None, "测试根", **(days if expired == "root" else {}))
    middle = authority(root, "测试中", **(days if expired == "intermediate" else {}))
    signer = holder(middle, "测试", **(days if expired == "signer" else {}))
    found = judged(signer, middle, root=root, at=at)
    assert rules(found) == ([] if good else ["validity"])


def test_dates_beyond_2049_are_understood() -> None:
    late = datetime(2060, 5, 6, 7, 8, 9)  # noqa: DTZ001
    root = authority(None, "测试根", not_after=late)
    assert root.certificate.not_after == "20600506150809"
    endless = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001
    assert authority(None, "测试", not_after=endless).certificate.not_after == "99991231235959"


# -- revocation ------------------------------------------------------------------------------------


def revocations(
    issuer: Holder, *revoked: tuple[Certificate, datetime], **dates: datetime
) -> RevocationList:
    entries = [(int(certificate.serial, 16), at) for certificate, at in revoked]
    dates = {"this_update": FIRST, "next_update": LAST} | dates
    return read_revocation_list(make_revocation_list(issuer, entries, number=1, **dates))


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_a_revoked_certificate_is_not_believed_from_then_on(
    algorithm: SignatureAlgorithm,
) -> None:
    made = world(algorithm).hierarchy
    for which in (made.finance, made.intermediate):
        issuer = made.intermediate if which is made.finance else made.root
        for when, expected in ((ISSUED, ["revocation"]), (ISSUED + timedelta(seconds=1), [])):
            listed = revocations(issuer, (which.certificate, when))
            found = judged(made.finance, made.intermediate, root=made.root, revocations=(listed,))
            assert rules(found) == expected
            assert len(found.notes) == (0 if expected else 1)


def test_a_list_speaks_for_its_own_issuer_alone() -> None:
    made = world().hierarchy
    gone = (made.finance.certificate, ISSUED)
    namesake = replace(authority(None, "测试电子票据CA"))
    for foreign in (revocations(made.root, gone), revocations(namesake, gone)):
        found = judged(made.finance, made.intermediate, root=made.root, revocations=(foreign,))
        assert found.problems == ()


def test_an_authority_that_may_not_sign_lists_has_none() -> None:
    root = authority(None, "测试根", usages=("keyCertSign",))
    signer = holder(root, "测试")
    listed = revocations(root, (signer.certificate, ISSUED))
    assert judged(signer, root=root, revocations=(listed,)).problems == ()


def test_a_list_that_is_out_of_date_is_noted() -> None:
    made = world().hierarchy
    old = revocations(made.intermediate, next_update=ISSUED - timedelta(days=1))
    new = revocations(made.intermediate)
    found = judged(made.finance, made.intermediate, root=made.root, revocations=(old,))
    assert found.problems == ()
    assert "out of date" in found.notes[0]
    both = judged(made.finance, made.intermediate, root=made.root, revocations=(old, new))
    assert both.notes == ()


def test_lists_that_cannot_be_read_are_refused() -> None:
    made = world().hierarchy
    good = make_revocation_list(
        made.intermediate, [(5, ISSUED)], number=1, this_update=FIRST, next_update=LAST
    )
    assert read_revocation_list(good).revoked == {"5": "20261122093000"}
    for bad in (
        b"",
        good[:-1],
        made.finance.certificate.der,
        good.replace(b"\x55\x1d\x14", b"\x55\x1d\x1c"),
    ):
        # The last one is not a number of the list, but an issuing distribution point.
        with pytest.raises(CertificateError):
            parse_revocation_lists(bad)


def test_a_key_that_was_lost_before_it_was_revoked_counts_from_the_loss() -> None:
    made = world().hierarchy
    lost = sequence(object_id("2.5.29.24"), element(0x04, element(0x18, b"20261101000000Z")))
    entry = sequence(integer(7), moment(ISSUED + timedelta(days=9)), sequence(lost))
    plain = make_revocation_list(
        made.intermediate, [(7, ISSUED)], number=1, this_update=FIRST, next_update=LAST
    )
    parsed = read_revocation_list(_with_entry(plain, entry, made.intermediate))
    assert parsed.revoked == {"7": "20261101080000"}
    critical = sequence(
        object_id("2.5.29.29"), TRUE, element(0x04, sequence())
    )  # certificate issuer: the list speaks for another authority
    entry = sequence(integer(7), moment(ISSUED), sequence(critical))
    with pytest.raises(CertificateError):
        read_revocation_list(_with_entry(plain, entry, made.intermediate))


def _with_entry(der: bytes, entry: bytes, issuer: Holder) -> bytes:
    """The list with another single entry."""
    from nontax.einvoice.der import bit_string, elements, inside

    tbs, algorithm, _ = (whole for _, _, whole in elements(inside(der)))
    parts = [whole for _, _, whole in elements(inside(tbs))]
    parts[5] = sequence(entry)
    changed = sequence(*parts)
    return sequence(changed, algorithm, bit_string(issuer.key.sign(changed)))


def test_policies_know_the_parties() -> None:
    known = world(ECDSA)
    assert known.policy.is_finance(known.hierarchy.finance.certificate)
    assert not known.policy.is_finance(known.unit.certificate)
    assert known.policy.units_of(known.hierarchy.finance.certificate) == frozenset()
    assert known.policy.units_of(known.unit.certificate) == {"0104901"}
