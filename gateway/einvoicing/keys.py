"""The keys, certificates and authorities that the configuration names, read and held together.

Reading them is apart from reading the configuration: most commands need none of them. Every fault
is found at once, with its place in the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from ...einvoice.algorithms import SignatureAlgorithm
from ...einvoice.certificates import (
    Certificate,
    CertificateSet,
    parse_certificates,
    read_certificate,
)
from ...einvoice.errors import CertificateError, EInvoiceError, KeyUnusable
from ...einvoice.keys import PrivateKey, load_pkcs12, load_private_key
from ...einvoice.ports import Signer
from ...einvoice.revocation import RevocationList, is_list_of, parse_revocation_lists
from ...einvoice.trust import TrustPolicy
from ..config import (
    Config,
    ConfigError,
    EInvoiceConfig,
    Fault,
    ServiceConfig,
    SigningConfig,
)

KeyPath = tuple[str | int, ...]
ServiceSigner = Callable[[ServiceConfig, Certificate], Signer]
"""Makes the signer of a key that a signing service keeps."""

FINANCE: Final = "finance"
_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der"})
_MOST_BYTES: Final = 16 * 1024 * 1024
T = TypeVar("T")


class ThreadSigner:
    """Signs with a key of ours, in a thread, so that the event loop goes on meanwhile."""

    def __init__(self, key: PrivateKey, certificate: Certificate) -> None:
        """Raises KeyUnusable when key and certificate do not go together, LibraryMissing."""
        if certificate.key.spki != key.public.spki:
            raise KeyUnusable("key and certificate do not go together")
        self._key = key
        self.certificate = certificate
        self.algorithm: SignatureAlgorithm = key.algorithm

    def __repr__(self) -> str:
        return f"ThreadSigner({self.certificate.subject})"

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        return await asyncio.to_thread(self._key.sign, data)


@dataclass(frozen=True, slots=True)
class EInvoiceKeys:
    """Who signs here, and whom we believe.

    finance: None where finance has no key here. units: signers by unit code, of units whose keys
    are here. current: the certificates of the sections, by unit code or `FINANCE`.
    """

    finance: Signer | None
    units: Mapping[str, Signer]
    certificates: CertificateSet
    policy: TrustPolicy
    current: Mapping[str, Certificate] = field(default_factory=lambda: MappingProxyType({}))

    def unit_certificates(self, code: str) -> tuple[Certificate, ...]:
        """Every certificate that may sign for a unit."""
        return tuple(one for one in self.certificates if code in self.policy.units_of(one))


def load_keys(config: Config, *, service: ServiceSigner | None = None) -> EInvoiceKeys:
    """Read everything that [einvoice] names. Raises ConfigError with every fault.

    service: makes signers of keys at a signing service; without it such keys only verify.
    """
    return _Loader(config, service).load()


@dataclass(slots=True)
class _Loader:
    config: Config
    service: ServiceSigner | None
    faults: list[Fault] = field(default_factory=list)

    @property
    def section(self) -> EInvoiceConfig:
        return self.config.einvoice

    def load(self) -> EInvoiceKeys:
        roots = self._certificates(("einvoice", "roots"), self.section.roots)
        for root in roots:
            if not root.is_authority:
                self._fault(("einvoice", "roots"), f"{root.subject} is no certificate authority")
        listed = self._certificates(("einvoice", "certificates"), self.section.certificates)
        signers: dict[str, Signer] = {}
        holders: dict[str, tuple[Certificate, ...]] = {}
        current: dict[str, Certificate] = {}
        for name, path, section in self._sections():
            signer, certificate, earlier = self._signer(path, section)
            holders[name] = earlier
            if certificate is not None:
                current[name] = certificate
                holders[name] = (certificate, *earlier)
            if signer is not None:
                signers[name] = signer
        centre = self.section.centre
        if centre is not None:
            path = ("einvoice", "centre", "certificates")
            more = self._certificates(path, centre.certificates)
            holders[FINANCE] = (*holders.get(FINANCE, ()), *more)
        bound = [one for own in holders.values() for one in own]
        certificates = self._set([*listed, *bound])
        authorities = tuple(one for one in certificates if one.is_authority)
        self._held_once(holders)
        lists = self._lists((*roots, *authorities))
        if self.faults:
            raise ConfigError(tuple(dict.fromkeys(self.faults)))
        finance = holders.pop(FINANCE, ())
        policy = TrustPolicy(
            roots=tuple(roots),
            intermediates=authorities,
            revocations=lists,
            finance=frozenset(one.fingerprint for one in finance),
            finance_keys=frozenset(one.spki for one in finance),
            units=MappingProxyType(
                {one.fingerprint: frozenset({code}) for code, own in holders.items() for one in own}
            ),
        )
        ours = signers.pop(FINANCE, None)
        return EInvoiceKeys(
            ours, MappingProxyType(signers), certificates, policy, MappingProxyType(current)
        )

    def _sections(self) -> Iterator[tuple[str, KeyPath, SigningConfig]]:
        if self.section.finance is not None:
            yield FINANCE, ("einvoice", "finance"), self.section.finance
        for code, unit in self.section.units.items():
            yield code, ("einvoice", "units", code), unit

    def _signer(
        self, path: KeyPath, section: SigningConfig
    ) -> tuple[Signer | None, Certificate | None, tuple[Certificate, ...]]:
        """The signer of a section, None without a key; its certificate, and its earlier ones."""
        earlier = tuple(self._certificates((*path, "earlier"), section.earlier))
        key, certificate = None, None
        if section.pkcs12 is not None:
            opened = self._try((*path, "pkcs12"), partial(_open_pkcs12, section))
            if opened is not None:
                key, certificate = opened
        elif section.certificate is not None:
            named = self._certificates((*path, "certificate"), [section.certificate])
            certificate = next(iter(named), None)
        if section.key is not None:
            key = self._try((*path, "key"), partial(_open_key, section))
        if certificate is None:
            return None, None, earlier
        if section.service is not None:
            if self.service is None:
                return None, certificate, earlier
            work = partial(self.service, section.service, certificate)
            return self._try((*path, "service"), work), certificate, earlier
        if key is None:
            return None, certificate, earlier
        ours = self._try((*path, "key"), partial(ThreadSigner, key, certificate))
        return ours, certificate, earlier

    def _certificates(self, path: KeyPath, names: Sequence[Path]) -> list[Certificate]:
        found: list[Certificate] = []
        for name in names:
            for file in _files_in(name):
                read = self._try(path, partial(_certificates_in, file), file)
                found += read or ()
        return found

    def _set(self, certificates: Sequence[Certificate]) -> CertificateSet:
        path = ("einvoice", "certificates")
        return self._try(path, partial(CertificateSet, certificates)) or CertificateSet()

    def _lists(self, authorities: Sequence[Certificate]) -> tuple[RevocationList, ...]:
        """The revocation lists, each signed by an authority that is configured."""
        path = ("einvoice", "revocation_list")
        found: list[RevocationList] = []
        for file in self.section.revocation_list:
            read = self._try(path, partial(_lists_in, file), file)
            for one in read or ():
                found.append(one)
                signed = self._try(path, partial(_is_signed, one, authorities), file)
                if signed is False:
                    problem = f"{file} is not signed by a configured authority {one.issuer}"
                    self._fault(path, problem)
        return tuple(found)

    def _held_once(self, holders: Mapping[str, tuple[Certificate, ...]]) -> None:
        """Nobody signs as another: a public key belongs to finance or to one unit."""
        known: dict[bytes, str] = {}
        for name, own in holders.items():
            for certificate in own:
                other = known.setdefault(certificate.spki, name)
                if other != name:
                    place: KeyPath = (name,) if name == FINANCE else ("units", name)
                    problem = f"{certificate.subject} has the key of {other}, too: each could sign"
                    self._fault(("einvoice", *place), f"{problem} as the other")

    def _try(self, path: KeyPath, work: Callable[[], T], file: Path | None = None) -> T | None:
        """What `work` gives; its failure is a fault at `path`, and None."""
        try:
            return work()
        except (EInvoiceError, OSError) as error:
            text = str(error) if not isinstance(error, OSError) else f"{error.strerror}"
            self._fault(path, f"{file}: {text}" if file is not None else text)
            return None

    def _fault(self, path: KeyPath, problem: str) -> None:
        self.faults.append(self.config.fault(path, problem))


def _open_key(section: SigningConfig) -> PrivateKey:
    assert section.key is not None  # noqa: S101 - asked for where there is one
    return load_private_key(section.key.expose().encode() + b"\n", _password(section))


def _open_pkcs12(section: SigningConfig) -> tuple[PrivateKey, Certificate]:
    assert section.pkcs12 is not None  # noqa: S101 - asked for where there is one
    key, der = load_pkcs12(_read(section.pkcs12), _password(section) or b"")
    return key, read_certificate(der)


def _password(section: SigningConfig) -> bytes | None:
    return None if section.password is None else section.password.expose().encode()


def _files_in(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)


def _certificates_in(file: Path) -> tuple[Certificate, ...]:
    return parse_certificates(_read(file))


def _lists_in(file: Path) -> tuple[RevocationList, ...]:
    return parse_revocation_lists(_read(file))


def _is_signed(one: RevocationList, authorities: Sequence[Certificate]) -> bool:
    return any(is_list_of(one, authority) for authority in authorities)


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise CertificateError(f"is larger than {_MOST_BYTES} bytes")
    return data
