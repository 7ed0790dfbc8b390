"""Peers as the running gateway uses them: keys expanded, networks parsed, defaults decided."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..mac import Algorithm, Secret, TokenState, make_algorithm, parse_des_key
from .config import Charset, Config, Kind, PeerConfig, split_address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MOST_ADDRESSES = 4096


@dataclass(frozen=True, slots=True)
class Peer:
    """One node that may talk to us. `address` is (host, port), None when we never call it."""

    code: str
    kind: Kind
    name: str
    regions: frozenset[str]
    units: frozenset[str]
    address: tuple[str, int] | None
    algorithm: Algorithm
    mac_width: int
    charset: Charset
    keep_alive: bool
    networks: tuple[Network, ...]
    certificates: frozenset[str]  # SHA-256 of the client's certificate in lower-case hex
    enabled: bool
    tls: bool
    tls_ca: str | None
    tls_server_name: str | None
    trust_head_number: bool
    lenient_msgref: bool
    collects: bool
    clears: Literal["finance", "platform"]
    owes_2555: bool
    remits: Literal["finance", "bank"]
    sync_bills: bool
    sync_catalogue: bool
    bank_code: str | None  # 4 digits, of agent and clearing banks
    first_token: TokenState = field(repr=False)
    _allowed: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @property
    def interface(self) -> Literal["bank", "unit"]:
        """Which interface of the specification this node speaks: units their own, others banks'."""
        return "unit" if self.kind == "unit" else "bank"

    def allows(self, address: str) -> bool:
        """Tell whether a connection may come from an IP address (IPv4 or IPv6 text)."""
        known = self._allowed.get(address)
        if known is None:
            known = _within(address, self.networks)
            if len(self._allowed) >= _MOST_ADDRESSES:
                self._allowed.clear()
            self._allowed[address] = known
        return known


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped  # a dual-stack socket writes ::ffff:10.1.2.3
    return any(parsed in network for network in networks)


def make_peer(config: PeerConfig) -> Peer:
    """Return the running form of a configured peer (its DES key is expanded here, once)."""
    des_key = None if config.des_key is None else parse_des_key(config.des_key.expose())
    is_platform, is_unit = config.kind == "platform", config.kind == "unit"
    return Peer(
        code=config.code,
        kind=config.kind,
        name=config.name,
        regions=frozenset(config.regions),
        units=frozenset(config.units),
        address=None if config.address is None else split_address(config.address),
        algorithm=make_algorithm(config.mac.algorithm, des_key),
        mac_width=config.mac.width,
        charset=config.charset,
        keep_alive=config.keep_alive,
        networks=config.allow_from,
        certificates=frozenset(config.client_certificate_sha256),
        enabled=config.enabled,
        tls=config.tls,
        tls_ca=None if config.tls_ca is None else str(config.tls_ca),
        tls_server_name=config.tls_server_name,
        trust_head_number=config.trust_head_number,
        lenient_msgref=_decided(config.lenient_msgref, default=is_unit),
        collects=_decided(config.collects, default=config.kind in {"bank", "platform"}),
        clears=config.clears or ("platform" if is_platform else "finance"),
        owes_2555=_decided(config.owes_2555, default=config.kind == "bank"),
        remits=config.remits,
        sync_bills=config.sync_bills,
        sync_catalogue=config.sync_catalogue,
        bank_code=config.bank_code,
        first_token=TokenState(config.token.expose()),
    )


def _decided(value: bool | None, *, default: bool) -> bool:
    return default if value is None else value


class PeerDirectory:
    """The peers by code."""

    def __init__(self, peers: Iterable[Peer]) -> None:
        self._peers = {peer.code: peer for peer in peers}

    @classmethod
    def from_config(cls, config: Config) -> PeerDirectory:
        """Return the directory of the configured peers."""
        return cls(make_peer(peer) for peer in config.peers)

    def get(self, code: str) -> Peer | None:
        """Return the peer with this node code, also a disabled one."""
        return self._peers.get(code)

    def told_of_bills(self, region: str) -> tuple[str, ...]:
        """Return the platforms that are told of a region's bills when they change (5954)."""
        return tuple(
            peer.code
            for peer in self._peers.values()
            if peer.sync_bills and peer.enabled and region in peer.regions
        )

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._peers.values())

    def __len__(self) -> int:
        return len(self._peers)

    def allows(self, code: str, address: str) -> bool:
        """Tell whether a known, enabled peer may connect from an address."""
        peer = self._peers.get(code)
        return peer is not None and peer.enabled and peer.allows(address)

    def first_token(self, code: str) -> TokenState:
        """Return the token of the configuration: in force until a 2003. `KeyError` for no peer."""
        return self._peers[code].first_token

    def secrets(self) -> Iterator[Secret]:
        """Yield the tokens of the configuration, so that outputs can be searched for them."""
        for peer in self._peers.values():
            yield Secret(peer.first_token.current)
