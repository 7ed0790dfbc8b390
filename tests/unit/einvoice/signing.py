"""Certificates and signed documents that the tests of trust begin with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import count
from typing import Any

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import Certificate, CertificateSet, read_certificate
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import (
    FINANCE_REFERENCE,
    UNIT_REFERENCE,
    Signature,
    assemble,
    countersign_input,
    signature_element,
)
from nontax.einvoice.fields import EInvoice
from nontax.einvoice.hierarchy import (
    Hierarchy,
    Holder,
    Request,
    make_certificate,
    make_hierarchy,
    marked_name,
)
from nontax.einvoice.keys import generate_key, sm2_available
from nontax.einvoice.trust import TrustPolicy

from .documents import INVOICE

ECDSA = SignatureAlgorithm.SHA256_WITH_ECDSA
RSA = SignatureAlgorithm.SHA256_WITH_RSA
SM2 = SignatureAlgorithm.SM3_WITH_SM2
FIRST, LAST = datetime(2026, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001 - UTC
AUTHORITY = ("keyCertSign", "cRLSign")
_serials = count(1000)


@dataclass(frozen=True)
class World:
    """A hierarchy, and what a gateway that trusts it knows."""

    hierarchy: Hierarchy
    certificates: CertificateSet
    policy: TrustPolicy

    @property
    def unit(self) -> Holder:
        return self.hierarchy.units["0104901"]

    def with_policy(self, **changes: Any) -> World:
        return World(self.hierarchy, self.certificates, replace(self.policy, **changes))

    def knowing(self, *more: Certificate) -> World:
        """The same with more certificates."""
        authorities = tuple(one for one in more if one.is_authority)
        return World(
            self.hierarchy,
            CertificateSet([*self.certificates, *more]),
            replace(self.policy, intermediates=(*self.policy.intermediates, *authorities)),
        )


@cache
def world(algorithm: SignatureAlgorithm = ECDSA) -> World:
    """The hierarchy of an algorithm; made once."""
    if algorithm is SM2 and not sm2_available():
        pytest.skip("this libcrypto has no SM2")
    made = make_hierarchy(
        algorithm,
        {"0104901": ("测试单位一", "0104901"), "0105204": ("测试单位二", "0105204")},
        random=lambda size: (next(_serials) << 2).to_bytes(size, "big"),
        not_before=FIRST,
        not_after=LAST,
    )
    finance = made.finance.certificate
    known = [made.intermediate, made.finance, *made.units.values()]
    policy = TrustPolicy(
        roots=(made.root.certificate,),
        intermediates=(made.intermediate.certificate,),
        finance=frozenset({finance.fingerprint}),
        finance_keys=frozenset({finance.spki}),
    )
    return World(made, CertificateSet(one.certificate for one in known), policy)


def holder(issuer: Holder | None, name: str, unit_code: str = "", **changes: Any) -> Holder:
    """A new certificate of the issuer (None: signed by itself), with a key of its algorithm."""
    key = generate_key(ECDSA if issuer is None else issuer.key.algorithm)
    named = marked_name(name, unit_code)
    request = replace(Request(named, key.public.spki, next(_serials) * 2, FIRST, LAST), **changes)
    signer = (named, key) if issuer is None else (issuer.name, issuer.key)
    return Holder(read_certificate(make_certificate(request, *signer)), key, named)


def authority(
    issuer: Holder | None, name: str, path_length: int | None = None, **changes: Any
) -> Holder:
    """A new certificate authority."""
    traits = {"is_authority": True, "usages": AUTHORITY, "path_length": path_length}
    return holder(issuer, name, **(traits | changes))


def unit_signature(by: Holder, signed: bytes, **changes: Any) -> Signature:
    signature = Signature(
        reference=UNIT_REFERENCE,
        algorithm=by.key.algorithm,
        time="20261122093001",
        value=by.key.sign(signed),
        serial=by.certificate.serial,
        issuer=by.certificate.issuer,
    )
    return replace(signature, **changes)


def finance_signature(by: Holder, signed: bytes, unit: bytes, **changes: Any) -> Signature:
    signature = Signature(
        reference=FINANCE_REFERENCE,
        algorithm=by.key.algorithm,
        time="20261122093002",
        value=by.key.sign(countersign_input(by.key.algorithm, signed, unit)),
        serial=by.certificate.serial,
        issuer=by.certificate.issuer,
    )
    return replace(signature, **changes)


def signed_document(
    known: World,
    invoice: EInvoice = INVOICE,
    *,
    unit: Holder | None = None,
    finance: Holder | None = None,
    unit_changes: dict[str, Any] | None = None,
    finance_changes: dict[str, Any] | None = None,
) -> bytes:
    """A document that both have signed; changes are made before the next one signs."""
    signed = signed_bytes(invoice)
    first = signature_element(unit_signature(unit or known.unit, signed, **(unit_changes or {})))
    second = finance_signature(
        finance or known.hierarchy.finance, signed, first, **(finance_changes or {})
    )
    return assemble(signed, first, signature_element(second))
