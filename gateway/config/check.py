"""Contradictions between settings that are each right by themselves."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...mac import Secret, replayable
from .faults import Fault
from .fields import Network
from .locate import Path as KeyPath
from .model import Config
from .peer import PeerConfig
from .sections import ListenConfig, NodeConfig, StoreConfig

_NARROW_ADDRESSES = 256  # a /24 of IPv4


@dataclass(frozen=True, slots=True)
class Finding:
    """A contradiction at a key; `warning` for what is unwise only."""

    path: KeyPath
    problem: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What could be read: sections with faults of their own are None, their peers partial."""

    node: NodeConfig | None
    store: StoreConfig | None
    listen: ListenConfig | None
    peers: Sequence[PeerConfig]


def check(config: Config) -> list[Fault]:
    """Return every contradiction that can be told without the store; warnings are left out."""
    settings = Settings(config.node, config.store, config.listen, config.peers)
    return [
        config.fault(finding.path, finding.problem)
        for finding in contradictions(settings)
        if not finding.warning
    ]


def contradictions(settings: Settings) -> Iterator[Finding]:
    """Yield the contradictions of settings as far as they could be read."""
    if settings.store is not None and "@" in settings.store.url:
        credentials = settings.store.url.partition("@")[0].partition("://")[2]
        if ":" in credentials:
            yield Finding(
                ("store", "url"),
                "contains a password: put it into [store] password by reference",
                warning=True,
            )
    if settings.listen is not None:
        yield from _tls(settings.listen)
    yield from _duplicates(settings.peers)
    for index, peer in enumerate(settings.peers):
        yield from _peer(("peers", index), peer, settings)


def _tls(listen: ListenConfig) -> Iterator[Finding]:
    if listen.tls is None:
        return
    path: KeyPath = ("listen", "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty password, so that an encrypted key is a fault and no question on the terminal.
        context.load_cert_chain(listen.tls.certificate, listen.tls.key, password="")
    except (OSError, ValueError):
        yield Finding(
            (*path, "certificate"),
            "certificate and key are not PEM files that belong together (an encrypted key is not"
            " supported)",
        )
    if listen.tls.client_ca is not None:
        try:
            context.load_verify_locations(listen.tls.client_ca)
        except (OSError, ValueError):
            yield Finding((*path, "client_ca"), "is no PEM file with certificates")


def _duplicates(peers: Sequence[PeerConfig]) -> Iterator[Finding]:
    codes: dict[str, int] = {}
    addresses: dict[str, str] = {}
    tokens: dict[Secret, str] = {}
    for index, peer in enumerate(peers):
        if peer.code:
            first = codes.setdefault(peer.code, index)
            if first != index:
                yield Finding(
                    ("peers", index, "code"), f"{peer.code} is also the code of peers[{first}]"
                )
        if peer.address is not None and peer.enabled:
            other = addresses.setdefault(peer.address, peer.code)
            if other != peer.code:
                yield Finding(
                    ("peers", index, "address"),
                    f"{peer.address} is also the address of {other}",
                    warning=True,
                )
        token = getattr(peer, "token", None)
        if isinstance(token, Secret):
            other = tokens.setdefault(token, peer.code)
            if other != peer.code:
                yield Finding(
                    ("peers", index, "token"),
                    f"is also the token of {other}: each could speak as the other",
                    warning=True,
                )


def _peer(path: KeyPath, peer: PeerConfig, settings: Settings) -> Iterator[Finding]:
    if settings.node is not None:
        served = set(settings.node.regions)
        strange = [region for region in peer.regions if region not in served]
        if strange:
            yield Finding(
                (*path, "regions"), f"{', '.join(strange)} is not among the node's regions"
            )
    if peer.client_certificate_sha256 and settings.listen is not None:
        tls = settings.listen.tls
        if tls is None or tls.client_ca is None:
            yield Finding(
                (*path, "client_certificate_sha256"),
                "needs [listen.tls] with client_ca: nobody else asks for the certificate",
            )
    if peer.code.startswith("K") and not peer.units:
        yield Finding((*path, "units"), "is empty: this unit can bill for nobody", warning=True)
    if peer.enabled and peer.tls and peer.address is None:
        yield Finding((*path, "tls"), "has no effect without an address", warning=True)
    yield from _replay(path, peer)


def _replay(path: KeyPath, peer: PeerConfig) -> Iterator[Finding]:
    """3des-token authenticates nobody who can be overheard (wire specification, section 3)."""
    mac = getattr(peer, "mac", None)
    if mac is None or not replayable(mac.algorithm) or not peer.enabled:
        return
    guarded = bool(peer.client_certificate_sha256) or _narrow(peer.allow_from)
    if not guarded and not peer.accept_replayable_mac:
        yield Finding(
            (*path, "mac", "algorithm"),
            f"{mac.algorithm} can be replayed by whoever overhears one frame: pin"
            " client_certificate_sha256, or make allow_from narrower than /24, or set"
            " accept_replayable_mac = true",
        )


def _narrow(networks: Sequence[Network]) -> bool:
    return bool(networks) and all(network.num_addresses < _NARROW_ADDRESSES for network in networks)
