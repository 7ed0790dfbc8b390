"""The sections [einvoice.*]: certificates, and who keeps which key.

Each holder of a key has a section of its own: finance's key and a unit's never stand in one, and
two sections that name the same key are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    BeforeValidator,
    PlainValidator,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .fields import (
    Address,
    ReadableFile,
    Seconds,
    SecretText,
    Section,
    reading,
    setting,
)

Countersigning = Literal["local", "centre"]
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ADDRESS_PARTS: Final = frozenset({"code", "number", "random"})
_UNIT_CODE = re.compile(r"[0-9A-Za-z]{1,30}")


def _alone_or_listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _file_or_folder(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be the name of a file or folder")
    path = reading(info).directory / value
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            with path.open("rb"):
                pass
    except OSError as error:
        raise ValueError(f"{value} cannot be read: {error.strerror}") from None
    return path


Files = Annotated[tuple[ReadableFile, ...], Strict(strict=False), BeforeValidator(_alone_or_listed)]
FilesAndFolders = Annotated[
    tuple[Annotated[Path, PlainValidator(_file_or_folder)], ...],
    Strict(strict=False),
    BeforeValidator(_alone_or_listed),
]


class ServiceConfig(Section):
    """A signing service that keeps the key: it is sent a digest and answers with the signature."""

    address: Address = setting("HOST:PORT of the service", example="10.1.2.3:9443")
    key_name: str = setting("how the service calls the key", example="signer", min_length=1)
    token: SecretText | None = setting(
        "what the service knows us by", None, example="file:secret/signing.token"
    )
    tls: bool = setting("connect with TLS; without it on this machine only", default=True)
    tls_ca: ReadableFile | None = setting(
        "CA of the service's certificate; unset: the system's", None, example="tls/signing-ca.pem"
    )
    timeout_seconds: Seconds = setting("until the service has answered", 5)
    retries: int = setting("attempts after the first one", 2, ge=0, le=10)

    @model_validator(mode="after")
    def _is_guarded(self) -> ServiceConfig:
        host = self.address.rpartition(":")[0].strip("[]")
        if not self.tls and host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("tls = false is for a service on this machine only")
        return self


class SigningConfig(Section):
    """Key and certificate of one signer. Without a key its signatures are verified only."""

    certificate: ReadableFile | None = setting("certificate of the key, PEM or DER", None)
    key: SecretText | None = setting("private key (PEM), by reference", None)
    pkcs12: ReadableFile | None = setting(
        "key and certificate in one PKCS#12 file, instead of both",
        None,
        example="einvoice/keys/signer.p12",
    )
    password: SecretText | None = setting(
        "password of key or PKCS#12, by reference", None, example="file:secret/signer.password"
    )
    service: ServiceConfig | None = setting(
        "{ address = …, key_name = … }: a signing service keeps the key",
        None,
        example={"address": "10.1.2.3:9443", "key_name": "signer"},
    )
    earlier: Files = setting(
        "certificates of this signer's earlier keys, for what they have signed",
        (),
        example=["einvoice/earlier.pem"],
    )

    @model_validator(mode="after")
    def _has_one_key(self) -> SigningConfig:
        named = [name for name in ("key", "pkcs12", "service") if getattr(self, name) is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} exclude each other")
        if named in (["key"], ["service"]) and self.certificate is None:
            raise ValueError(f"{named[0]} needs its certificate")
        if named == ["pkcs12"] and (self.certificate is not None or self.password is None):
            raise ValueError("pkcs12 needs its password, and brings its certificate itself")
        if not named and self.password is not None:
            raise ValueError("password belongs to key or pkcs12")
        if not named and self.certificate is None and not self.earlier:
            raise ValueError("is empty: name the signer's certificate, and its key to sign with it")
        return self

    @property
    def signs(self) -> bool:
        """Whether there is a key."""
        return self.key is not None or self.pkcs12 is not None or self.service is not None


class EInvoiceFinanceConfig(SigningConfig):
    """Finance's key and certificate, which countersign."""

    certificate: ReadableFile | None = setting(
        "certificate of the key, PEM or DER", None, example="einvoice/certificates/finance.pem"
    )
    key: SecretText | None = setting(
        "private key (PEM), by reference", None, example="file:einvoice/keys/finance.key"
    )


class EInvoiceUnitConfig(SigningConfig):
    """A unit's certificate, and its key where the gateway keeps it for the unit (托管)."""

    certificate: ReadableFile | None = setting(
        "the unit's certificate, PEM or DER", None, example="einvoice/certificates/0104901.pem"
    )
    key: SecretText | None = setting(
        "the unit's private key (PEM), by reference",
        None,
        example="file:einvoice/keys/0104901.key",
    )


class CentreConfig(Section):
    """The province's e-invoice centre (电子票据中心), where it signs for finance."""

    address: Address = setting("HOST:PORT of the centre", example="10.1.2.3:9444")
    certificates: Files = setting(
        "certificates that it signs with", example=["einvoice/centre.pem"], min_length=1
    )
    token: SecretText | None = setting(
        "what the centre knows us by", None, example="file:secret/centre.token"
    )
    tls: bool = setting("connect with TLS; without it on this machine only", default=True)
    tls_ca: ReadableFile | None = setting(
        "CA of its certificate; unset: the system's", None, example="tls/centre-ca.pem"
    )
    timeout_seconds: Seconds = setting("until the centre has answered", 5)
    retries: int = setting("attempts after the first one", 2, ge=0, le=10)
    poll_seconds: Seconds = setting("how often it is asked whether it has signed", 5)
    wait_seconds: Seconds = setting(
        "how long one request waits for its signature; then it is told to ask again", 15
    )

    @model_validator(mode="after")
    def _is_guarded(self) -> CentreConfig:
        host = self.address.rpartition(":")[0].strip("[]")
        if not self.tls and host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError("tls = false is for a centre on this machine only")
        return self


class EInvoiceConfig(Section):
    """Fiscal e-invoices (财政电子票据): issue, trust, hand-out."""

    certificates: FilesAndFolders = setting(
        "signers' and intermediate certificates: files and folders of PEM or DER",
        (),
        example=["einvoice/certificates"],
    )
    roots: FilesAndFolders = setting(
        "the only authorities that are believed; none of the system's is",
        (),
        example=["einvoice/root.pem"],
    )
    revocation_list: Files = setting(
        "revocation lists (CRL) of the authorities, PEM or DER", (), example=["einvoice/test.crl"]
    )
    url: str = setting(
        "where citizens see an invoice; {code}, {number} and {random} are its",
        "https://invoice.example.cn/{code}/{number}/{random}",
        max_length=900,
    )
    countersigner: Countersigning = setting(
        "who signs for finance: local (our own key) or centre (the province's)", "local"
    )
    issue_automatically: bool = setting(
        "invoice paid bills of units whose keys are here without being asked", default=False
    )
    reserve_days: int = setting(
        "a number that was reserved and not used is void after so many days", 30, ge=1, le=366
    )
    handling_person: str = setting(
        "HandlingPerson (开票人) where the bill names none", "系统", min_length=1, max_length=20
    )
    checker: str = setting(
        "Checker (复核人) on invoices that we build", "系统", min_length=1, max_length=20
    )
    keep_seconds: Seconds = setting(
        "how often the service looks for invoices to finish or issue, and numbers to void", 60
    )
    paper_stock: bool = setting(
        "8995 takes numbers of the unit's paper stock only (16002)", default=True
    )
    finance: EInvoiceFinanceConfig | None = setting("see [einvoice.finance]", None)
    units: dict[str, EInvoiceUnitConfig] = setting("a section for each unit, by its code", {})
    centre: CentreConfig | None = setting("see [einvoice.centre]", None)

    @field_validator("url")
    @classmethod
    def _names_the_invoice(cls, value: str) -> str:
        if re.match(r"https?://[^/\s]+", value) is None or not value.isascii() or " " in value:
            raise ValueError("must be an http or https address in ASCII")
        left = _PLACEHOLDER.sub("", value)
        names = set(_PLACEHOLDER.findall(value))
        if not names <= _ADDRESS_PARTS or "number" not in names or "{" in left or "}" in left:
            raise ValueError("must contain {number}, may contain {code} and {random}, no others")
        return value

    @field_validator("units")
    @classmethod
    def _have_keys_of_their_own(
        cls, value: dict[str, EInvoiceUnitConfig], info: ValidationInfo
    ) -> dict[str, EInvoiceUnitConfig]:
        for code in value:
            if _UNIT_CODE.fullmatch(code) is None:
                raise ValueError(f"{code!r} is no unit code: 1 to 30 letters or digits")
        finance: EInvoiceFinanceConfig | None = info.data.get("finance")
        shared = list(_shared(finance, value))
        if shared:
            raise ValueError("; ".join(shared))
        return value

    @model_validator(mode="after")
    def _has_its_countersigner(self) -> EInvoiceConfig:
        if self.countersigner == "centre" and self.centre is None:
            raise ValueError('countersigner = "centre" needs [einvoice.centre]')
        return self


def _shared(
    finance: EInvoiceFinanceConfig | None, units: dict[str, EInvoiceUnitConfig]
) -> Iterator[str]:
    """Keys and certificates that two sections have in common."""
    holders: dict[object, str] = {}
    sections: list[tuple[str, SigningConfig]] = [] if finance is None else [("finance", finance)]
    sections += [(f"units.{code}", unit) for code, unit in units.items()]
    for name, section in sections:
        for what, value in _identities(section):
            other = holders.setdefault((what, value), name)
            if other != name:
                yield f"{name} has the same {what} as {other}: each could sign as the other"


def _identities(section: SigningConfig) -> Iterator[tuple[str, object]]:
    if section.key is not None:
        yield "key", section.key
    if section.pkcs12 is not None:
        yield "key", section.pkcs12.resolve()
    if section.service is not None:
        yield "key", (section.service.address, section.service.key_name)
    if section.certificate is not None:
        yield "certificate", section.certificate.resolve()
