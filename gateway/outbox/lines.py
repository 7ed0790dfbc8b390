"""The line to a peer: where it listens, with TLS or without."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

from ..net.client import CallLimits, Delivery, Outcome, call
from ..peers import Peer


class Lines:
    """Calls peers at the addresses of the configuration."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def call(
        self,
        peer: Peer,
        frame: bytes,
        *,
        before_sending: Callable[[], Awaitable[None]] | None = None,
    ) -> Outcome:
        """Send one frame and read one; see `net.client.call`."""
        if peer.address is None:
            return Outcome(Delivery.NEVER_SENT, error="the peer has no address")
        try:
            tls = self._tls(peer) if peer.tls else None
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror or type(error).__name__
            return Outcome(Delivery.NEVER_SENT, error=f"tls_ca: {reason}")
        host, port = peer.address
        return await call(
            host,
            port,
            frame,
            limits=self._limits,
            tls=tls,
            server_name=peer.tls_server_name if tls else None,
            before_sending=before_sending,
        )

    def _tls(self, peer: Peer) -> ssl.SSLContext:
        context = self._contexts.get(peer.code)
        if context is None:
            context = ssl.create_default_context(cafile=peer.tls_ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._contexts[peer.code] = context
        return context
