"""Writing a message to the outbox, in the transaction that decides it (spec: business, 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...codecs import LocalProtocolError
from ...messages.record import MessageSpec, Voucher
from ..config import OutboxConfig
from ..peers import PeerDirectory
from ..store import outbox
from ..store.protocol import Transaction
from ..store.records import OutboxMessage
from .policy import MONEY, Terms


@dataclass(frozen=True, slots=True)
class Written:
    """A message whose voucher was written before, where that would hold the books for long."""

    spec: MessageSpec
    voucher: str = field(repr=False)

    @classmethod
    def of(cls, message: Voucher) -> Written:
        """Write MESSAGE."""
        return cls(message.SPEC, message.write())


class Enqueuer:
    """Puts messages into the outbox. The MsgID is given here, once for all attempts.

    `next_id` makes a MsgID that no other message of this node has.
    """

    def __init__(
        self, config: OutboxConfig, peers: PeerDirectory, next_id: Callable[[], str]
    ) -> None:
        self._terms = Terms.from_config(config)
        self._peers = peers
        self._next_id = next_id

    def check(self, message: Voucher, peer: str) -> None:
        """Refuse what PEER's charset cannot carry, where somebody can still correct it.

        Raises LocalProtocolError naming the character. `enqueue` does not ask: a payment is booked
        whether or not its notice can be written.
        """
        known = self._peers.get(peer)
        if known is None:
            return
        try:
            message.write().encode(known.charset)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise LocalProtocolError(
                f"{known.charset} of {peer} cannot carry {character!r}", character=character
            ) from None

    async def enqueue(
        self,
        tx: Transaction,
        message: Voucher | Written,
        *,
        peer: str,
        subject: str,
        at: int,
        lane: str = "",
        region: str = "",
        not_after: int | None = None,
    ) -> int:
        """Queue MESSAGE for PEER and return its row's id; wake the deliverer after the commit.

        Messages of one lane (the number by default) reach the peer in this order. SUBJECT is what
        the message is about (a refund number, a pay code), AT the instant in milliseconds UTC,
        REGION the AdmDivCode (the node's own where empty). NOT_AFTER is an instant from which it is
        sent no more, where that comes before the configured expiry.
        """
        written = message if isinstance(message, Written) else Written.of(message)
        spec = written.spec
        expires_at = self._terms.expires_at(at)
        row = OutboxMessage(
            id=0,
            peer=peer,
            lane=lane or spec.number,
            number=spec.number,
            interface=spec.interface,
            subject=subject,
            msg_id=self._next_id(),
            voucher=written.voucher,
            adm_div_code=region,
            next_at=at,
            expires_at=expires_at if not_after is None else min(expires_at, not_after),
            created_at=at,
            changed_at=at,
            money=int(spec.number in MONEY),
        )
        return await outbox.enqueue(tx, row)
