"""A certificate hierarchy for trying things: root, intermediate, finance, units; marked 测试.

Made by our own keys, so that SM2 works wherever they do. Serial numbers and dates are handed in.
A real site gets its certificates from an authority that is licensed to give them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives import hashes

from .algorithms import SignatureAlgorithm
from .certificates import (
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    KEY_CERT_SIGN,
    NON_REPUDIATION,
    SIGNATURE_OIDS,
    Certificate,
    read_certificate,
)
from .der import (
    NULL,
    OCTET_STRING,
    PRINTABLE_STRING,
    SET,
    TRUE,
    UTF8_STRING,
    bit_string,
    context,
    element,
    elements,
    inside,
    integer,
    moment,
    object_id,
    sequence,
)
from .keys import PrivateKey, generate_key

Random = Callable[[int], bytes]

TEST_ORGANISATION: Final = "测试"
"""Organisation of all names here; nobody shall take them for real ones."""

_KEY_USAGE_BITS: Final = {
    DIGITAL_SIGNATURE: 0,
    NON_REPUDIATION: 1,
    KEY_CERT_SIGN: 5,
    CRL_SIGN: 6,
}
_AUTHORITY_USAGES: Final = (KEY_CERT_SIGN, CRL_SIGN)
_SIGNER_USAGES: Final = (DIGITAL_SIGNATURE, NON_REPUDIATION)
_NAME_OIDS: Final = {
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
    "serialNumber": "2.5.4.5",
}
_PRINTABLE: Final = frozenset({"C", "serialNumber"})
_SERIAL_BYTES: Final = 16
_VERSION_3: Final = 2
_VERSION_2_OF_LISTS: Final = 1

Name = tuple[tuple[str, str], ...]
"""Type and value of each part, the most general first: C, O, OU, CN, serialNumber."""


def marked_name(common_name: str, unit_code: str = "") -> Name:
    """A name of the test hierarchy; `unit_code` becomes OU."""
    unit = (("OU", unit_code),) if unit_code else ()
    return (("C", "CN"), ("O", TEST_ORGANISATION), *unit, ("CN", common_name))


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate and its key."""

    certificate: Certificate
    key: PrivateKey = field(repr=False)
    name: Name = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What a certificate is to say.

    not_before, not_after: UTC. path_length: of an authority, None for any; ignored for signers.
    """

    name: Name
    spki: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    is_authority: bool = False
    path_length: int | None = None
    usages: tuple[str, ...] = _SIGNER_USAGES


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Root, intermediate, finance and units by their labels; every key of one algorithm."""

    root: Holder
    intermediate: Holder
    finance: Holder
    units: Mapping[str, Holder] = field(default_factory=lambda: MappingProxyType({}))


def make_hierarchy(
    algorithm: SignatureAlgorithm,
    units: Mapping[str, tuple[str, str]],
    *,
    random: Random,
    not_before: datetime,
    not_after: datetime,
) -> Hierarchy:
    """Make a whole hierarchy. Raises LibraryMissing.

    units: what a holder is called here to name and unit code in its certificate. random(n): n
    random bytes, for the serial numbers; keys come from their libraries' own randomness.
    not_before, not_after: UTC, of all certificates.
    """

    def holder(name: Name, issuer: Holder | None, path_length: int | None = None) -> Holder:
        authority = path_length is not None
        key = generate_key(algorithm)
        request = Request(
            name,
            key.public.spki,
            random_serial(random),
            not_before,
            not_after,
            is_authority=authority,
            path_length=path_length,
            usages=_AUTHORITY_USAGES if authority else _SIGNER_USAGES,
        )
        signer = (name, key) if issuer is None else (issuer.name, issuer.key)
        return Holder(read_certificate(make_certificate(request, *signer)), key, name)

    root = holder(marked_name("测试根CA"), None, 1)
    intermediate = holder(marked_name("测试电子票据CA"), root, 0)
    finance = holder(marked_name("测试财政部门"), intermediate)
    signers = {
        label: holder(marked_name(name, code), intermediate)
        for label, (name, code) in units.items()
    }
    return Hierarchy(root, intermediate, finance, MappingProxyType(signers))


def random_serial(random: Random) -> int:
    """A serial number of 16 random bytes, positive."""
    return int.from_bytes(random(_SERIAL_BYTES), "big") >> 1 | 1


def make_certificate(request: Request, issuer: Name, issuer_key: PrivateKey) -> bytes:
    """A certificate in DER, signed by `issuer_key` in the issuer's name."""
    algorithm = _algorithm(issuer_key.algorithm)
    tbs = sequence(
        element(context(0), integer(_VERSION_3)),
        integer(request.serial),
        algorithm,
        _name(issuer),
        sequence(moment(request.not_before), moment(request.not_after)),
        _name(request.name),
        request.spki,
        element(context(3), sequence(*_extensions(request, issuer_key.public.spki))),
    )
    return _signed(tbs, algorithm, issuer_key)


def make_revocation_list(
    issuer: Holder,
    revoked: Iterable[tuple[int, datetime]],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """A revocation list in DER; `revoked` are serial numbers and moments in UTC."""
    algorithm = _algorithm(issuer.key.algorithm)
    entries = [sequence(integer(serial), moment(at)) for serial, at in revoked]
    extensions = sequence(
        _extension("2.5.29.35", _authority_key(issuer.key.public.spki)),
        _extension("2.5.29.20", integer(number)),
    )
    tbs = sequence(
        integer(_VERSION_2_OF_LISTS),
        algorithm,
        _name(issuer.name),
        moment(this_update),
        moment(next_update),
        *([sequence(*entries)] if entries else []),
        element(context(0), extensions),
    )
    return _signed(tbs, algorithm, issuer.key)


# -- parts -----------------------------------------------------------------------------------------


def _signed(tbs: bytes, algorithm: bytes, key: PrivateKey) -> bytes:
    return sequence(tbs, algorithm, bit_string(key.sign(tbs)))


def _algorithm(algorithm: SignatureAlgorithm) -> bytes:
    """AlgorithmIdentifier; that of RSA alone has parameters, NULL (RFC 3279, RFC 5758)."""
    parameters = (NULL,) if algorithm is SignatureAlgorithm.SHA256_WITH_RSA else ()
    return sequence(object_id(SIGNATURE_OIDS[algorithm]), *parameters)


def _name(name: Name) -> bytes:
    parts = []
    for kind, value in name:
        tag = PRINTABLE_STRING if kind in _PRINTABLE else UTF8_STRING
        text = element(tag, value.encode("utf-8"))
        parts.append(element(SET, sequence(object_id(_NAME_OIDS[kind]), text)))
    return sequence(*parts)


def _extensions(request: Request, issuer_spki: bytes) -> list[bytes]:
    constraints: list[bytes] = []
    if request.is_authority:
        constraints.append(TRUE)
        if request.path_length is not None:
            constraints.append(integer(request.path_length))
    identifier = element(OCTET_STRING, _key_identifier(request.spki))
    return [
        _extension("2.5.29.19", sequence(*constraints), critical=True),
        _extension("2.5.29.15", _key_usage(request.usages), critical=True),
        _extension("2.5.29.14", identifier),
        _extension("2.5.29.35", _authority_key(issuer_spki)),
    ]


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(object_id(oid), *((TRUE,) if critical else ()), element(OCTET_STRING, value))


def _key_usage(usages: Iterable[str]) -> bytes:
    """The named bits, without zeros behind the last one, as DER wants it."""
    bits = sum(0x80 >> _KEY_USAGE_BITS[usage] for usage in usages)
    unused = (bits & -bits).bit_length() - 1
    return bit_string(bytes([bits]), unused)


def _authority_key(spki: bytes) -> bytes:
    return sequence(element(context(0, constructed=False), _key_identifier(spki)))


def _key_identifier(spki: bytes) -> bytes:
    """The first 160 bits of SHA-256 over the key's bits (RFC 7093)."""
    (_, _, _), (_, bits, _) = elements(inside(spki))
    hashed = hashes.Hash(hashes.SHA256())
    hashed.update(bits[1:])
    return hashed.finalize()[:20]
