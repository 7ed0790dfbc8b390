"""Revocation lists (证书吊销列表) from files, SM2 ones included."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from .algorithms import SignatureAlgorithm
from .certificates import CRL_SIGN, UNREADABLE, Certificate, civil_moment_of, signed_parts, verifies
from .errors import CertificateError
from .names import name_text

_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
# A list of changes alone, or of some certificates alone, would be read wrongly.
_UNDERSTOOD: Final = frozenset({ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER})
_ENTRY_UNDERSTOOD: Final = frozenset(
    {CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE}
)


@dataclass(frozen=True, eq=False, kw_only=True)
class RevocationList:
    """One list of one issuer. Made by `read_revocation_list`.

    this_update, next_update: ``yyyymmddHHMMSS`` of civil time; next_update is '' where the list
    does not say. revoked: serial number to the moment from which the certificate counts as
    revoked.
    """

    issuer: str
    this_update: str
    next_update: str
    revoked: dict[str, str] = field(repr=False)
    signed_by: SignatureAlgorithm | None
    tbs: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def is_out_of_date(self, at: str) -> bool:
        """Whether a later list should be there at a moment."""
        return bool(self.next_update) and self.next_update < at


@lru_cache(maxsize=1024)
def is_list_of(revocations: RevocationList, authority: Certificate) -> bool:
    """Whether the list is this authority's. Raises KeyUnusable, LibraryMissing."""
    return (
        revocations.issuer == authority.subject
        and authority.is_authority
        and (authority.usages is None or authority.allows(CRL_SIGN))
        and verifies(authority, revocations.signed_by, revocations.tbs, revocations.signature)
    )


def read_revocation_list(der: bytes) -> RevocationList:
    """The list that the bytes are. Raises CertificateError."""
    try:
        parsed = x509.load_der_x509_crl(der)
        return _list(der, parsed)
    except CertificateError:
        raise
    except UNREADABLE as error:
        raise CertificateError(f"is no revocation list that can be read: {error}") from None


def parse_revocation_lists(data: bytes) -> tuple[RevocationList, ...]:
    """The lists of a PEM file, or the one of a DER file. Raises CertificateError."""
    blocks = [match[0] for match in _PEM.finditer(data)]
    if not blocks:
        return (read_revocation_list(data),)
    found = []
    for block in blocks:
        try:
            parsed = x509.load_pem_x509_crl(block)
        except UNREADABLE as error:
            raise CertificateError(f"is no revocation list that can be read: {error}") from None
        found.append(read_revocation_list(parsed.public_bytes(serialization.Encoding.DER)))
    return tuple(found)


def _list(der: bytes, parsed: x509.CertificateRevocationList) -> RevocationList:
    tbs, signed_by, signature = signed_parts(der)
    if signed_by is None:
        raise CertificateError("is signed by an algorithm that is not accepted")
    _insist(parsed.extensions, _UNDERSTOOD)
    following = parsed.next_update_utc
    return RevocationList(
        issuer=name_text(parsed.issuer),
        this_update=civil_moment_of(parsed.last_update_utc),
        next_update="" if following is None else civil_moment_of(following),
        revoked=_revoked(parsed),
        signed_by=signed_by,
        tbs=tbs,
        signature=signature,
    )


def _revoked(parsed: Iterable[x509.RevokedCertificate]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in parsed:
        _insist(entry.extensions, _ENTRY_UNDERSTOOD)
        serial = f"{entry.serial_number:X}"
        since = civil_moment_of(_since(entry))
        found[serial] = min(since, found.get(serial, since))
    return found


def _since(entry: x509.RevokedCertificate) -> datetime:
    """When the certificate became worthless: as revoked, or as its key was known to be lost."""
    since = entry.revocation_date_utc
    try:
        lost = entry.extensions.get_extension_for_class(x509.InvalidityDate).value
    except x509.ExtensionNotFound:
        return since
    return min(since, lost.invalidity_date_utc)


def _insist(extensions: x509.Extensions, understood: frozenset[x509.ObjectIdentifier]) -> None:
    for extension in extensions:
        if extension.critical and extension.oid not in understood:
            oid = extension.oid.dotted_string
            raise CertificateError(f"has a critical extension that is not understood ({oid})")
