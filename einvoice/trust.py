"""Whether a certificate may be believed: chain, constraints, dates, revocation, and whose it is.

Judged for a moment that is handed in, the moment of issue; nothing but what is configured is
believed, no authority of the system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final

from .certificates import (
    DIGITAL_SIGNATURE,
    KEY_CERT_SIGN,
    NON_REPUDIATION,
    Certificate,
    is_signed_by,
)
from .errors import EInvoiceError, KeyUnusable
from .revocation import RevocationList, is_list_of

MOST_CERTIFICATES: Final = 8
"""Of a chain, signer and root included."""
_MOST_TRIED: Final = 64


@dataclass(frozen=True)
class TrustPolicy:
    """What is believed.

    roots: authorities believed as they are. intermediates: authorities that need a chain to one of
    them. finance: fingerprints of the certificates of finance (and of the province's centre).
    units: fingerprint to the codes of the units that a certificate is bound to; one that is not
    named here belongs to the units that OU or serialNumber of its subject name.
    """

    roots: tuple[Certificate, ...] = ()
    intermediates: tuple[Certificate, ...] = ()
    revocations: tuple[RevocationList, ...] = ()
    finance: frozenset[str] = frozenset()
    units: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    finance_keys: frozenset[bytes] = frozenset()

    def is_finance(self, certificate: Certificate) -> bool:
        """Whether a certificate is one of finance."""
        return certificate.fingerprint in self.finance

    def units_of(self, certificate: Certificate) -> frozenset[str]:
        """Codes of the units that a certificate may sign for; none for a key of finance."""
        if self.is_finance(certificate) or certificate.spki in self.finance_keys:
            return frozenset()
        return self.units.get(certificate.fingerprint, certificate.unit_codes)

    @cached_property
    def authorities(self) -> Mapping[str, tuple[Certificate, ...]]:
        """Roots and intermediates by their names."""
        found: dict[str, tuple[Certificate, ...]] = {}
        for certificate in (*self.roots, *self.intermediates):
            known = found.get(certificate.subject, ())
            if certificate not in known:
                found[certificate.subject] = (*known, certificate)
        return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a certificate: the chain from it to its root, why it is not to be believed
    (nothing: it is), and what else is worth knowing."""

    chain: tuple[Certificate, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def judge(certificate: Certificate, at: str, policy: TrustPolicy) -> Judgement:
    """Judge a signer's certificate for the moment `at` (``yyyymmddHHMMSS``, civil time).

    The problems are pairs of rule and explanation. Of several chains the one with the fewest
    problems counts.
    """
    best: Judgement | None = None
    try:
        for chain in _chains(certificate, policy):
            found = _judge_chain(chain, at, policy)
            if best is None or len(found.problems) < len(best.problems):
                best = found
            if not best.problems:
                break
    except EInvoiceError as error:
        return Judgement((certificate,), (("chain", f"its chain cannot be verified: {error}"),))
    if best is not None:
        return best
    problems = (*_signer(certificate), *_dates(certificate, at))
    missing = ("chain", "no chain of configured certificates leads from it to a configured root")
    return Judgement((certificate,), (missing, *problems))


def _chains(certificate: Certificate, policy: TrustPolicy) -> Iterator[tuple[Certificate, ...]]:
    """Chains to a root whose signatures are good, without loops, of limited length and number."""
    tried = 0
    open_ends: list[tuple[Certificate, ...]] = [(certificate,)]
    while open_ends and tried < _MOST_TRIED:
        tried += 1
        chain = open_ends.pop()
        last = chain[-1]
        if last in policy.roots and len(chain) > 1:
            yield chain
            continue
        if len(chain) == MOST_CERTIFICATES:
            continue
        open_ends += [
            (*chain, authority)
            for authority in policy.authorities.get(last.issuer, ())
            if authority not in chain and _has_signed(authority, last)
        ]


def _has_signed(authority: Certificate, certificate: Certificate) -> bool:
    """Whether the authority did; one whose key is none that we believe signs nothing."""
    try:
        return is_signed_by(certificate, authority)
    except KeyUnusable:
        return False


def _judge_chain(chain: tuple[Certificate, ...], at: str, policy: TrustPolicy) -> Judgement:
    signer, *authorities = chain
    problems = [*_signer(signer)]
    for below, authority in enumerate(authorities):
        problems += _authority(authority, chain[1 : below + 1], is_root=authority == chain[-1])
    notes: list[str] = []
    for index, certificate in enumerate(chain):
        problems += _dates(certificate, at)
        if index + 1 < len(chain):
            problems += _revoked(certificate, chain[index + 1], at, policy, notes)
    return Judgement(chain, tuple(problems), tuple(dict.fromkeys(notes)))


def _signer(certificate: Certificate) -> Iterator[tuple[str, str]]:
    if certificate.obstacle:
        yield "certificate", certificate.obstacle
    if certificate.is_authority:
        yield "basic constraints", "it is the certificate of an authority, not of a signer"
    if not certificate.allows(DIGITAL_SIGNATURE, NON_REPUDIATION):
        yield "key usage", f"it allows neither {DIGITAL_SIGNATURE} nor {NON_REPUDIATION}"


def _authority(
    certificate: Certificate, below: tuple[Certificate, ...], *, is_root: bool
) -> Iterator[tuple[str, str]]:
    name = f"the authority {certificate.subject}"
    if certificate.obstacle:
        yield "certificate", f"{name}: {certificate.obstacle}"
    if not certificate.is_authority:
        yield "basic constraints", f"{name} is no certificate authority"
    # Old roots often do not say what their key is for; they are believed by name anyway.
    unsaid = is_root and certificate.usages is None
    if not unsaid and not certificate.allows(KEY_CERT_SIGN):
        yield "key usage", f"{name} does not allow {KEY_CERT_SIGN}"
    # Authorities that only renew themselves under their own name do not count (RFC 5280, 4.2.1.9).
    counted = sum(1 for other in below if not other.is_self_issued)
    if certificate.path_length is not None and counted > certificate.path_length:
        yield (
            "path length",
            f"{name} allows {certificate.path_length} authorities below it, there are {counted}",
        )


def _dates(certificate: Certificate, at: str) -> Iterator[tuple[str, str]]:
    if at < certificate.not_before:
        yield "validity", f"{certificate.subject} is valid from {certificate.not_before} only"
    elif at > certificate.not_after:
        yield "validity", f"{certificate.subject} expired on {certificate.not_after}"


def _revoked(
    certificate: Certificate,
    authority: Certificate,
    at: str,
    policy: TrustPolicy,
    notes: list[str],
) -> Iterator[tuple[str, str]]:
    """What the lists of a certificate's issuer say; lists that are not its own say nothing."""
    lists = [one for one in policy.revocations if is_list_of(one, authority)]
    for one in lists:
        since = one.revoked.get(certificate.serial)
        if since is not None and since <= at:
            yield "revocation", f"{certificate.subject} was revoked on {since}"
            return
        if since is not None:
            notes.append(f"{certificate.subject} was revoked on {since}, later than the issue")
    if lists and all(one.is_out_of_date(at) for one in lists):
        latest = max(one.next_update for one in lists)
        notes.append(f"the revocation list of {authority.subject} is out of date since {latest}")
