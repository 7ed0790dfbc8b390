"""The tokens of peers in force: from the configuration at first, from the store once changed.

The books are the truth, because another worker may have accepted a new token. What is held in
memory is looked up again when it is older than a second, and always before a MAC is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..mac import MasterKey, Secret, TokenState
from ..mac.sealing import NONCE_BYTES
from .peers import PeerDirectory
from .store import tokens
from .store.protocol import Store, Transaction
from .store.records import TokenRow

_FRESH_MS = 1000


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals texts for the books under the installation's master key."""

    key: MasterKey
    random: Callable[[int], bytes]

    def seal(self, text: str, context: str) -> str:
        """Seal TEXT so that it opens only for this context."""
        return self.key.seal(text.encode(), context=context, nonce=self.random(NONCE_BYTES))

    def open(self, sealed: str, context: str) -> str:
        """Open a sealed text. Raises SealError."""
        return self.key.open_sealed(sealed, context=context).decode()

    def token_row(self, peer: str, state: TokenState, version: int) -> TokenRow:
        """The row that keeps a token state, sealed."""
        previous = self.seal(state.previous, _context(peer)) if state.previous else ""
        return TokenRow(
            peer=peer,
            sealed_current=self.seal(state.current, _context(peer)),
            sealed_previous=previous,
            changed_at=state.changed_at or 0,
            confirmed_at=state.confirmed_at,
            version=version,
        )

    def token_state(self, row: TokenRow) -> TokenState:
        """The token state that a row keeps. Raises SealError."""
        previous = self.open(row.sealed_previous, _context(row.peer)) if row.sealed_previous else ""
        return TokenState(
            self.open(row.sealed_current, _context(row.peer)),
            previous or None,
            row.changed_at,
            row.confirmed_at,
        )


def _context(peer: str) -> str:
    return f"token/{peer}"


class TokenKeeper:
    """Token states by peer, kept fresh from the books."""

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        peers: PeerDirectory,
        *,
        confirm_seconds: int,
        grace_seconds: int,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._peers = peers
        self._confirm_seconds = confirm_seconds
        self._grace_seconds = grace_seconds
        self._states: dict[str, tuple[TokenState, int, int]] = {}  # state, row version, looked at

    async def state(self, peer: str, now_ms: int) -> TokenState:
        """The state in force, at most a second old."""
        known = self._states.get(peer)
        # Below 0: the clock was set back, and would call this fresh until it has caught up.
        if known is not None and 0 <= now_ms - known[2] < _FRESH_MS:
            return known[0]
        return await self.refresh(peer, now_ms)

    async def refresh(self, peer: str, now_ms: int) -> TokenState:
        """The state as the books have it now."""

        async def look(tx: Transaction) -> TokenRow | None:
            return await tokens.get(tx, peer)

        row = await self._store.read(look)
        known = self._states.get(peer)
        version = row.version if row else 0
        if known is not None and known[1] == version:
            state = known[0]  # opening a sealed token costs; nothing changed
        elif row is None:
            state = self._peers.first_token(peer)
        else:
            state = self._sealer.token_state(row)
        self._states[peer] = (state, version, now_ms)
        return state

    def forget(self, peer: str) -> None:
        """Look at the books before the peer's state is used again."""
        self._states.pop(peer, None)

    def candidates(self, state: TokenState, now_ms: int) -> tuple[Secret, ...]:
        """Tokens that a frame may verify under now, the newest first."""
        names = state.candidates(now_ms, self._confirm_seconds, self._grace_seconds)
        return tuple(Secret(name) for name in names)

    async def newest(self, peer: str, now_ms: int) -> Secret:
        """The token for frames that we start."""
        return Secret((await self.state(peer, now_ms)).current)

    async def verified(self, peer: str, token: Secret, now_ms: int) -> None:
        """A frame verified under TOKEN: the first one under the new token starts the grace."""
        state = await self.state(peer, now_ms)
        if state.verified_with(token.expose(), now_ms) is state:
            return

        async def confirm(tx: Transaction) -> None:
            row = await tokens.get(tx, peer)
            if row is None:
                return
            before = self._sealer.token_state(row)
            after = before.verified_with(token.expose(), now_ms)
            if after is not before:
                await tokens.put(tx, self._sealer.token_row(peer, after, row.version + 1))

        await self._store.transact(confirm)
        await self.refresh(peer, now_ms)
