"""Common messages of banks: link test 2002 and green channel 2000."""

from __future__ import annotations

from ...messages.codes import Result
from ...messages.common import GreenChannel, LinkTest
from ..store.protocol import Transaction
from .base import Decision, Flow, Request, general


class AnswerLinkTest(Flow[LinkTest]):
    """2002 联网测试: the answer itself is the result."""

    number = "2002"
    writes = False

    async def decide(self, tx: Transaction, request: Request, message: LinkTest) -> Decision:
        del tx, request, message
        return Decision(general(self.number, Result.SUCCESS))


class ReceiveNotice(Flow[GreenChannel]):
    """2000 绿色通道: kept in the archive, where `nontax message list` shows it to operators."""

    number = "2000"

    async def decide(self, tx: Transaction, request: Request, message: GreenChannel) -> Decision:
        del tx
        notes = ("urgent",) if message.Urgency == "1" else ()
        return Decision(
            general(self.number, Result.SUCCESS),
            archived=True,
            subject=request.head.msg_id,
            notes=notes,
        )
