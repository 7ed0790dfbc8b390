"""Message 2003: a peer sets its new communication token (spec: wire, section 3)."""

from __future__ import annotations

from ...mac import Secret, TokenError, decrypt_token
from ...messages.codes import Result
from ...messages.common import SetToken
from ..store import journal, tokens
from ..store.protocol import Transaction
from ..tokens import Sealer
from .base import Answer, Decision, Flow, Request, general


class ChangeToken(Flow[SetToken]):
    """2003: committed before its answer; the success answer is MACed with the new token."""

    number = "2003"

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def validate(self, request: Request, message: SetToken) -> Answer | None:
        """The transport must fit the node's MAC, and the text must be a token."""
        peer = request.peer
        if peer.algorithm.name == "3des-token" and not request.tls:
            return _refused("Token: 该节点的MAC可被重放,须经TLS修改token")
        if peer.algorithm.cipher is None and not (request.tls or _loopback(request.address)):
            return _refused("Token: 明文token仅限TLS或本机地址")
        if _new_token(request, message) is None:
            return _refused("Token: 不是32位字母数字")
        return None

    async def decide(self, tx: Transaction, request: Request, message: SetToken) -> Decision:
        new = _new_token(request, message)
        if new is None:  # validate has refused it
            return Decision(_refused("Token: 不是32位字母数字"))
        peer = request.peer
        row = await tokens.get(tx, peer.code, lock=True)
        state = self._sealer.token_state(row) if row else peer.first_token
        verified = request.token.expose()
        if not state.accepts_change(new, verified=verified):
            return Decision(general(self.number, Result.NOT_AUTHENTICATED))
        success = Answer(general(self.number, Result.SUCCESS).message, token=Secret(new))
        if new == state.current:
            return Decision(success, replayed=True)
        changed = state.changed(new, request.now_ms)
        version = row.version + 1 if row else 1
        sealed = self._sealer.token_row(peer.code, changed, version)
        if not await tokens.put(tx, sealed):
            raise TokenRace(peer.code)  # the row was read in this transaction
        await journal.append(
            tx,
            at=request.now_ms,
            kind="token.changed",
            subject=peer.code,
            actor=peer.code,
            facts={"token": sealed.sealed_current, "version": version},
        )
        return Decision(success, archived=True, subject=peer.code)


class TokenRace(Exception):
    """Another transaction changed the token that this one had read."""


def _new_token(request: Request, message: SetToken) -> str | None:
    try:
        return decrypt_token(request.peer.algorithm, message.Token)
    except TokenError:
        return None


def _refused(information: str) -> Answer:
    return general("2003", Result.BAD_PARAMETER, information)


def _loopback(address: str) -> bool:
    plain = address.removeprefix("::ffff:")  # as a dual-stack socket writes IPv4
    return plain.startswith("127.") or plain == "::1"
