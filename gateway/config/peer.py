"""[[peers]]: who may talk to this node, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from ...mac import check_width, needs_des_key
from .fields import (
    Address,
    DesKeySecret,
    Digests,
    Name,
    Networks,
    NodeCode,
    ReadableFile,
    Regions,
    Section,
    Texts,
    TokenSecret,
    setting,
)

Kind = Literal["bank", "platform", "clearing", "unit"]
Charset = Literal["GBK", "GB18030"]
AlgorithmName = Literal["sha256-token", "3des-token", "3des-digest", "hmac-sha256", "hmac-sm3"]

KIND_OF_LETTER: dict[str, Kind] = {"D": "bank", "G": "platform", "Q": "clearing", "K": "unit"}


class MacConfig(Section):
    """How frames of this peer are authenticated."""

    algorithm: AlgorithmName = setting("MAC algorithm", shown=True)
    width: Literal[64, 128] = setting("bytes of the MAC field", shown=True)

    @field_validator("width")
    @classmethod
    def _carries_the_value(cls, value: int, info: ValidationInfo) -> int:
        algorithm = info.data.get("algorithm")
        if algorithm is not None:
            check_width(algorithm, value)
        return value


class PeerConfig(Section):
    """One peer. Fields that say "unset" take a default that depends on the kind."""

    code: NodeCode = setting("node code (D bank, G platform, Q clearing bank, K unit)", shown=True)
    kind: Kind = setting("bank, platform, clearing or unit; goes with the code", shown=True)
    name: Name = setting("name", shown=True)
    regions: Regions = setting("regions that it may act for", shown=True, min_length=1)
    units: Texts = setting("for units: the unit codes it may bill for", (), shown=True)
    address: Address | None = setting(
        "HOST:PORT where it listens; unset: we never call", None, shown=True
    )
    mac: MacConfig = setting("{ algorithm = …, width = 64 or 128 }", shown=True)
    token: TokenSecret = setting(
        "its first token; after a 2003 the store's is in force", shown=True
    )
    des_key: DesKeySecret | None = setting(
        "32 or 48 hex digits; 3des algorithms only", None, shown=True
    )
    charset: Charset = setting("GBK or GB18030", "GBK", shown=True)
    keep_alive: bool = setting("several frames on one connection", default=False, shown=True)
    allow_from: Networks = setting(
        "networks that it may connect from",
        ("127.0.0.0/8", "::1/128"),
        shown=True,
        validate_default=True,
    )
    enabled: bool = setting(
        "false: every frame is refused and nothing is sent", default=True, shown=True
    )
    accept_replayable_mac: bool = setting(
        "3des-token can be replayed by whoever overhears it; true: accepted without TLS",
        default=False,
    )
    tls: bool = setting("connect to it with TLS", default=False)
    tls_ca: ReadableFile | None = setting(
        "CA of its certificate (PEM); unset: the system's", None, example="tls/peer-ca.pem"
    )
    tls_server_name: str | None = setting(
        "name in its certificate; unset: the host of address", None, example="bank.example.cn"
    )
    client_certificate_sha256: Digests = setting(
        "fingerprints of its client certificates; set: it must come over [listen.tls] with one", ()
    )
    trust_head_number: bool = setting(
        "HEAD/MsgNo counts when the frame header says otherwise", default=False
    )
    lenient_msgref: bool | None = setting(
        "accept answers that do not echo MsgRef; unset: true for units only", None, example=False
    )
    collects: bool | None = setting(
        "may query and confirm; unset: banks and the platform", None, example=True
    )
    clears: Literal["finance", "platform"] | None = setting(
        "who clears what it collected; unset: the platform clears its own, finance the rest",
        None,
        example="finance",
    )
    owes_2555: bool | None = setting(
        "delivers a daily list of its own; unset: banks do, the platform's is in the banks'",
        None,
        example=True,
    )
    remits: Literal["finance", "bank"] = setting(
        "bank: its 2618 without a known RemitNo is accepted and matched", "finance"
    )
    sync_bills: bool = setting(
        "for the platform: told of every new, changed and void bill (5954)", default=False
    )
    sync_catalogue: bool = setting(
        "for banks and the platform: told of base data when the catalogue changes", default=False
    )

    @field_validator("code")
    @classmethod
    def _is_no_finance_node(cls, value: str) -> str:
        if value.startswith("F"):
            raise ValueError("must be a bank (D), platform (G), clearing bank (Q) or unit (K)")
        return value

    @field_validator("kind")
    @classmethod
    def _goes_with_the_code(cls, value: Kind, info: ValidationInfo) -> Kind:
        code = info.data.get("code")
        if code is not None and KIND_OF_LETTER[code[0]] != value:
            raise ValueError(f'must be "{KIND_OF_LETTER[code[0]]}": the code begins with {code[0]}')
        return value

    @field_validator("des_key")
    @classmethod
    def _goes_with_the_algorithm(cls, value: object, info: ValidationInfo) -> object:
        mac = info.data.get("mac")
        if mac is None:
            return value
        if needs_des_key(mac.algorithm) and value is None:
            raise ValueError(f"is missing: {mac.algorithm} works with the node's DES key")
        if value is not None and not needs_des_key(mac.algorithm):
            raise ValueError(f"is not used by {mac.algorithm}: take it away")
        return value

    @field_validator("sync_bills")
    @classmethod
    def _is_for_the_platform(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("kind") not in {None, "platform"}:
            raise ValueError("is for the platform only: 5954 is no message of other nodes")
        return value

    @field_validator("sync_catalogue")
    @classmethod
    def _is_for_who_is_told(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("kind") not in {None, "bank", "platform"}:
            raise ValueError("is for banks and the platform only: others are told no base data")
        return value

    @field_validator("tls_ca", "tls_server_name")
    @classmethod
    def _needs_tls(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("tls") is False:
            raise ValueError("has no effect without tls = true")
        return value

    @property
    def bank_code(self) -> str | None:
        """The 4-digit bank code of an agent or clearing bank, from its node code."""
        return self.code[-4:] if self.kind in {"bank", "clearing"} else None
