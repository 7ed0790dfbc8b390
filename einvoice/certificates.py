"""X.509 certificates of signers and authorities, SM2 ones included, and sets of them.

The library cryptography reads names, dates and extensions of all of them; it knows no SM2 keys, so
public key, signed bytes and algorithms are cut out of the DER here and handed to our own keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID, NameOID

from .algorithms import SignatureAlgorithm, digest
from .der import BIT_STRING, INTEGER, NULL, SEQUENCE, context, elements, inside, object_id, sequence
from .errors import CertificateError
from .keys import PublicKey, load_public_key
from .names import (
    Attributes,
    attributes_in,
    attributes_of,
    name_text,
    serial_candidates,
    serial_text,
)

SIGNATURE_OIDS: Final = {
    SignatureAlgorithm.SM3_WITH_SM2: "1.2.156.10197.1.501",
    SignatureAlgorithm.SHA256_WITH_RSA: "1.2.840.113549.1.1.11",
    SignatureAlgorithm.SHA256_WITH_ECDSA: "1.2.840.10045.4.3.2",
}
"""Algorithms by which authorities may sign certificates and lists; there are no others."""
DIGITAL_SIGNATURE: Final = "digitalSignature"
NON_REPUDIATION: Final = "nonRepudiation"
UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for certificates and lists that it cannot read."""
KEY_CERT_SIGN: Final = "keyCertSign"
CRL_SIGN: Final = "cRLSign"

# Algorithms as DER writes them; programs differ on whether NULL stands behind.
_WRITTEN: Final = {
    algorithm: (sequence(object_id(oid)), sequence(object_id(oid), NULL))
    for algorithm, oid in SIGNATURE_OIDS.items()
}
_CIVIL: Final = timedelta(hours=8)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - civil
_PEM: Final = re.compile(
    rb"-----BEGIN (?P<kind>(?:TRUSTED |X509 )?CERTIFICATE)-----.*?-----END (?P=kind)-----",
    re.DOTALL,
)
# What is understood; any other critical extension makes a certificate unusable (RFC 5280, 4.2).
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
_UNIT_ATTRIBUTES: Final = (NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.SERIAL_NUMBER)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Certificate:
    """A certificate; equal to another when the bytes are. Made by `read_certificate`.

    serial, issuer, subject: as documents carry them. not_before, not_after: ``yyyymmddHHMMSS`` of
    civil time. path_length: how many authorities may follow, None for any number. usages: key
    usage by the names of RFC 5280, None where the certificate does not say. unit_codes: what OU and
    serialNumber of the subject say. obstacle: why it cannot be used at all, '' for none.
    """

    der: bytes
    serial: str
    issuer: str
    subject: str
    not_before: str
    not_after: str
    is_authority: bool
    path_length: int | None
    usages: frozenset[str] | None
    unit_codes: frozenset[str]
    obstacle: str
    signed_by: SignatureAlgorithm | None
    tbs: bytes
    signature: bytes
    spki: bytes
    loose_issuer: Attributes

    def __repr__(self) -> str:
        return f"Certificate({self.serial} of {self.issuer}: {self.subject})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the certificate in lower-case hex."""
        return digest(SignatureAlgorithm.SHA256_WITH_RSA, self.der).hex()

    @cached_property
    def key(self) -> PublicKey:
        """The public key. Raises KeyUnusable, and LibraryMissing for SM2."""
        return load_public_key(self.spki)

    @property
    def is_self_issued(self) -> bool:
        """Whether issuer and subject have one name, as those of roots."""
        return self.issuer == self.subject

    def allows(self, *usages: str) -> bool:
        """Whether the key usage names one of these."""
        return self.usages is not None and not self.usages.isdisjoint(usages)


@lru_cache(maxsize=8192)
def is_signed_by(certificate: Certificate, authority: Certificate) -> bool:
    """Whether the authority's key made the certificate's signature. Raises LibraryMissing."""
    return verifies(authority, certificate.signed_by, certificate.tbs, certificate.signature)


def verifies(
    authority: Certificate,
    algorithm: SignatureAlgorithm | None,
    data: bytes,
    signature: bytes,
) -> bool:
    """Whether `signature` over `data` is the authority's, made with its own key's algorithm."""
    key = authority.key
    return algorithm is key.algorithm and key.verify(data, signature)


def read_certificate(der: bytes) -> Certificate:
    """The certificate that the bytes are. Raises CertificateError."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        return _certificate(der, parsed)
    except CertificateError:
        raise
    except UNREADABLE as error:
        raise CertificateError(f"is no certificate that can be read: {error}") from None


def parse_certificates(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file, or the one of a DER file.

    Raises CertificateError, also where there is none.
    """
    blocks = [match[0] for match in _PEM.finditer(data)]
    if not blocks:
        return (read_certificate(data),)
    found = []
    for block in blocks:
        try:
            parsed = x509.load_pem_x509_certificate(block)
        except UNREADABLE as error:
            raise CertificateError(f"is no certificate that can be read: {error}") from None
        found.append(read_certificate(parsed.public_bytes(serialization.Encoding.DER)))
    return tuple(found)


def civil_moment_of(at: datetime) -> str:
    """A UTC datetime as ``yyyymmddHHMMSS`` of civil time, the way documents say it."""
    # "No end" by RFC 5280 is the calendar's last second, which has no eight hours more.
    civil = min(at.replace(tzinfo=None), _LAST - _CIVIL) + _CIVIL
    return f"{civil.year:04d}{civil:%m%d%H%M%S}"


# -- reading ---------------------------------------------------------------------------------------


def _certificate(der: bytes, parsed: x509.Certificate) -> Certificate:
    tbs, signed_by, signature = signed_parts(der)
    constraints = _constraints(parsed)
    return Certificate(
        der=der,
        serial=serial_text(parsed.serial_number),
        issuer=name_text(parsed.issuer),
        subject=name_text(parsed.subject),
        not_before=civil_moment_of(parsed.not_valid_before_utc),
        not_after=civil_moment_of(parsed.not_valid_after_utc),
        is_authority=constraints is not None and constraints.ca,
        path_length=None if constraints is None else constraints.path_length,
        usages=_usages(parsed),
        unit_codes=frozenset(
            attribute.value
            for oid in _UNIT_ATTRIBUTES
            for attribute in parsed.subject.get_attributes_for_oid(oid)
            if isinstance(attribute.value, str)
        ),
        obstacle=_obstacle(parsed, signed_by),
        signed_by=signed_by,
        tbs=tbs,
        signature=signature,
        spki=_spki(tbs),
        loose_issuer=attributes_of(parsed.issuer),
    )


def signed_parts(der: bytes) -> tuple[bytes, SignatureAlgorithm | None, bytes]:
    """Signed bytes, algorithm (None for one that is not accepted) and signature.

    Of a certificate or a revocation list. Raises CertificateError.
    """
    parts = list(elements(inside(der)))
    if [tag for tag, _, _ in parts] != [SEQUENCE, SEQUENCE, BIT_STRING]:
        raise CertificateError("does not consist of contents, algorithm and signature")
    (_, contents, tbs), (_, _, algorithm), (_, bits, _) = parts
    if algorithm not in (whole for _, _, whole in list(elements(contents))[:3]):
        raise CertificateError("is signed by another algorithm than it says")
    if bits[:1] != b"\0":
        raise CertificateError("has a signature that is not made of whole bytes")
    return tbs, _algorithm(algorithm), bits[1:]


def _algorithm(element: bytes) -> SignatureAlgorithm | None:
    for algorithm, written in _WRITTEN.items():
        if element in written:
            return algorithm
    return None


def _spki(tbs: bytes) -> bytes:
    """Number seven of the contents, or six where the version is left out (RFC 5280, 4.1)."""
    parts = list(elements(inside(tbs)))
    if parts and parts[0][0] == context(0):
        del parts[0]
    if len(parts) < 6 or parts[0][0] != INTEGER or parts[5][0] != SEQUENCE:
        raise CertificateError("has no public key where it belongs")
    return parts[5][2]


def _constraints(parsed: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return parsed.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _usages(parsed: x509.Certificate) -> frozenset[str] | None:
    try:
        usage = parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    named = {
        DIGITAL_SIGNATURE: usage.digital_signature,
        NON_REPUDIATION: usage.content_commitment,
        KEY_CERT_SIGN: usage.key_cert_sign,
        CRL_SIGN: usage.crl_sign,
    }
    return frozenset(name for name, given in named.items() if given)


def _obstacle(parsed: x509.Certificate, signed_by: SignatureAlgorithm | None) -> str:
    if signed_by is None:
        oid = parsed.signature_algorithm_oid.dotted_string
        return f"it is signed by an algorithm that is not accepted ({oid})"
    for extension in parsed.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            oid = extension.oid.dotted_string
            return f"it has a critical extension that is not understood ({oid})"
    return ""


# -- sets ------------------------------------------------------------------------------------------


class CertificateSet:
    """Certificates found by serial number and issuer, as signatures name them."""

    def __init__(self, certificates: Iterable[Certificate] = ()) -> None:
        """Raises CertificateError when an issuer has given one serial number twice."""
        self._by_name: dict[tuple[str, str], Certificate] = {}
        self._by_serial: dict[str, list[Certificate]] = {}
        for certificate in certificates:
            name = certificate.serial, certificate.issuer
            if name not in self._by_name:
                self._by_name[name] = certificate
                self._by_serial.setdefault(certificate.serial, []).append(certificate)
            elif self._by_name[name] != certificate:
                raise CertificateError(
                    f"two certificates have serial number {certificate.serial} of one issuer,"
                    f" {certificate.issuer}"
                )

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, serial: str, issuer: str, *, exact: bool = True) -> Certificate | None:
        """The certificate that a signature names, None where there is none.

        exact: both texts are in the canonical form of documents. Otherwise they may be written as
        other programs do, hex or decimal, in any order and spacing, and the issuer may be empty
        where the serial number alone is enough; None also where two could be meant.
        """
        if exact:
            return self._by_name.get((serial, issuer))
        wanted = attributes_in(issuer)
        if issuer.strip() and not wanted:
            return None
        for candidate in serial_candidates(serial):
            found = [
                certificate
                for certificate in self._by_serial.get(candidate, ())
                if not wanted or certificate.loose_issuer == wanted
            ]
            if found:
                return found[0] if len(found) == 1 else None
        return None
