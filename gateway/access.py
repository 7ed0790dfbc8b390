"""Who may talk: the sender's code, address, certificate and MAC (spec: wire, sections 3 and 7).

Every failure looks the same from outside. Inside, the reason is logged, and failures are counted
per address and code, so that a guesser is soon answered no more while the true owner of the code
still is: the MAC is always checked first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ..codecs import RemoteProtocolError, split_mac
from ..mac import Secret, TokenState, verify
from .clock import Clock
from .net.server import Origin
from .peers import Peer, PeerDirectory
from .store.protocol import StoreBusy
from .tokens import TokenKeeper

_THREAD_BYTES = 65536
_MINUTE_MS = 60_000
_MOST_BUCKETS = 4096


class Reason(StrEnum):
    """Why a sender was turned away; for the log, never for the peer."""

    UNKNOWN_NODE = "unknown node"
    DISABLED = "peer disabled"
    ADDRESS = "address not allowed"
    CERTIFICATE = "client certificate not the pinned one"
    WIDTH = "MAC field not of the node's width"
    BAD_MAC = "MAC does not verify"


class Grant(NamedTuple):
    """The authenticated sender, the token its MAC verified under, and the body that was MACed."""

    peer: Peer
    token: Secret
    current: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Denial:
    """Not authenticated. `peer` is set when the code is known (its MAC width shapes the answer)."""

    reason: Reason
    peer: Peer | None = None


class Access:
    """Authenticates frames against the peers and their tokens."""

    def __init__(self, peers: PeerDirectory, tokens: TokenKeeper, clock: Clock) -> None:
        self._peers = peers
        self._tokens = tokens
        self._clock = clock

    async def authenticate(self, src: str, payload: bytes, origin: Origin) -> Grant | Denial:
        """Judge one frame's payload (body and MAC field) that claims to come from SRC."""
        peer = self._peers.get(src)
        if peer is None:
            return Denial(Reason.UNKNOWN_NODE)
        if not peer.enabled:
            return Denial(Reason.DISABLED, peer)
        if not peer.allows(origin.address):
            return Denial(Reason.ADDRESS, peer)
        if peer.certificates and origin.certificate_sha256 not in peer.certificates:
            return Denial(Reason.CERTIFICATE, peer)
        try:
            body, field = split_mac(payload, peer.mac_width)
        except RemoteProtocolError:
            return Denial(Reason.WIDTH, peer)
        now = self._clock.now_ms()
        state = await self._tokens.state(peer.code, now)
        grant = await self._try(peer, state, body, field, now)
        if grant is None or not grant.current:
            # Another worker may have accepted a new token, or have seen the first frame under it:
            # look before refusing, and before the previous token is believed.
            fresh = await self._tokens.refresh(peer.code, now)
            if fresh != state:
                grant = await self._try(peer, fresh, body, field, now)
        return Denial(Reason.BAD_MAC, peer) if grant is None else grant

    def token_changed(self, peer: str) -> None:
        """Forget what is held of a peer's token: this process has just accepted a new one."""
        self._tokens.forget(peer)

    async def _try(
        self, peer: Peer, state: TokenState, body: bytes, field: bytes, now: int
    ) -> Grant | None:
        for token in self._tokens.candidates(state, now):
            if len(body) > _THREAD_BYTES:
                good = await asyncio.to_thread(self._verify, peer, token, body, field)
            else:
                good = self._verify(peer, token, body, field)
            if good:
                if state.awaits_confirmation:
                    # A store that is busy now: the next frame under the token confirms it.
                    with suppress(StoreBusy):
                        await self._tokens.verified(peer.code, token, now)
                return Grant(peer, token, token.expose() == state.current, body)
        return None

    @staticmethod
    def _verify(peer: Peer, token: Secret, body: bytes, field: bytes) -> bool:
        return verify(peer.algorithm, peer.mac_width, token.expose().encode(), body, field)


class FailureLimiter:
    """Token buckets per (address, code): at most N failures a minute are answered and logged."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def failed(self, address: str, src: str, now_ms: int) -> bool:
        """Record a failure; False when this one is over the limit."""
        key = (address, src)
        left, since = self._buckets.pop(key, (float(self._per_minute), now_ms))
        # A clock that was set back must not take what is left.
        earned = max(0, now_ms - since) * self._per_minute / _MINUTE_MS
        left = min(self._per_minute, left + earned)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now_ms)
        # Bounded: an attacker who invents codes only forgets its own oldest ones.
        while len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return allowed
