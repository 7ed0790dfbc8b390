"""A clearing bank (清分银行): holds the account that collected money waits in, and shares it out.

Its node is another one than the same bank's front end, with the same book: what one collects the
other sees at once.
"""

from __future__ import annotations

from ..messages import Voucher
from ..messages.common import LinkTest
from .accounts import Interbank
from .duties import ClearingDuty, Counter
from .executing import SUCCESS, Executor
from .identity import Received
from .moving import Receiver
from .peer import Node
from .till import Till

_ACCEPTED = ("5002", "5000")


class ClearingBank:
    """The node of a clearing bank."""

    serial_prefix = "Q"

    def __init__(self, node: Node, banks: Interbank | None = None) -> None:
        self.node = node
        self.till = Till(node.code, banks)
        self.executor = Executor(node)
        self.counter = Counter(node.identity, self.next_serial)
        self.receiver = Receiver(node, self.till, self.counter)
        self._serial = 0
        self.executor.take_on(ClearingDuty(self.till, self.counter).duty())
        for number in _ACCEPTED:
            node.handlers[number] = self._accept

    def skip_serials_to(self, number: int) -> None:
        """Begin above a number: what an earlier run of this node used must not come again."""
        self._serial = max(self._serial, number)

    def next_serial(self) -> str:
        """A serial number (流水号) of this node, unique for ever."""
        self._serial += 1
        day = self.node.identity.clock().strftime("%Y%m%d")
        return f"{day}{self.serial_prefix}{self._serial:08d}"

    async def link_test(self) -> str:
        """Test the line (2002); return the result code. Raises NoAnswerError."""
        now = self.node.identity.clock().strftime("%Y%m%d%H%M%S")
        return (await self.node.ask(LinkTest(TestTime=now))).result

    def _accept(self, request: Received) -> Voucher:
        return self.node.identity.general(request.head.msg_no, SUCCESS)


__all__ = ["ClearingBank"]
