"""The archive of messages that changed something: what came in, and what we answered or sent.

Written in the transaction of the change. A voucher with secret fields (2003's token) is sealed.
"""

from __future__ import annotations

from base64 import b64encode

from ..codecs.masking import Sensitive
from ..messages.codes import Result
from ..messages.record import MessageSpec
from ..messages.registry import CATALOGUE, scalars
from .flows.base import Decision, Request
from .store import archive
from .store.protocol import Transaction
from .store.records import ArchivedMessage
from .tokens import Sealer

SEALED = "sealed:"
BASE64 = "base64:"
_SECRET = frozenset(
    spec.key
    for spec in CATALOGUE
    if any(field.sensitive == Sensitive.SECRET for field in scalars(spec.model).values())
)


class Archivist:
    """Keeps messages for operators and auditors."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def received(
        self,
        tx: Transaction,
        spec: MessageSpec,
        request: Request,
        decision: Decision,
        voucher: bytes,
    ) -> None:
        """Keep a request together with the result that it was answered with."""
        text = _text(voucher, request.peer.charset)
        if spec.key in _SECRET:
            text = SEALED + self._sealer.seal(text, f"archive/{request.peer.code}")
        await archive.insert(
            tx,
            ArchivedMessage(
                id=0,
                direction="in",
                peer=request.peer.code,
                number=spec.number,
                msg_id=request.head.msg_id,
                msg_ref=request.head.msg_ref,
                subject=decision.subject,
                result=vars(decision.answer.message).get("Result", Result.SUCCESS.value),
                at=request.now_ms,
                voucher=text,
            ),
        )


def _text(voucher: bytes, charset: str) -> str:
    """The voucher as text, or as base64 where its encoding is another: nothing is ever lost."""
    try:
        return voucher.decode(charset)
    except UnicodeDecodeError:
        return BASE64 + b64encode(voucher).decode()
