"""A counterparty node: calls the gateway and listens for it.

`Node` knows frames, MACs, answers and the script that says what goes wrong; what a message means to
a bank, the platform or a unit is in the handlers that they register.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from ..codecs import RawFrame, RemoteProtocolError
from ..mac import Secret
from ..messages import Voucher, masked, spec_of
from .identity import Identity, Received
from .link import Address, Carry, Listener, NoAnswerError, Reaction, exchange
from .scenario import WELL, Behaviour, Script

Handler = Callable[[Received], Voucher]
Log = Callable[[dict[str, Any]], None]

FORMAT = "10002"
NOT_AUTHENTICATED = "10004"
BUSY = "10006"
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a node's software tries again when there is no answer to rely on."""

    attempts: int = 3
    pause_seconds: float = 0.2
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def no_log(_: dict[str, Any]) -> None:
    """A log that keeps nothing."""


class Node:
    """One counterparty: an identity, an address to call, a listener, handlers and a script.

    finance: the finance node's code. gateway: where it listens; may be changed at any time. carry:
    brings a frame there and the answer back.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        finance: str = "F320682",
        gateway: Address | None = None,
        script: Script | None = None,
        timeout_seconds: float = 10.0,
        patience: Patience | None = None,
        log: Log = no_log,
        carry: Carry = exchange,
    ) -> None:
        self._carry = carry
        self.identity = identity
        self.finance = finance
        self.gateways: list[Address] = [] if gateway is None else [gateway]
        """Where the gateway listens; several are called in turn."""
        self._turn = 0
        self.script = script or Script()
        self.timeout_seconds = timeout_seconds
        self.patience = patience or Patience()
        self.repeated = 0
        """Calls that had to be made again."""
        self.handlers: dict[str, Handler] = {}
        self.received: deque[Received] = deque(maxlen=_REMEMBERED)
        """Requests that came in with a good MAC, in order; the latest ones only."""
        self._log = log
        self._arrived = asyncio.Condition()
        self._listener = Listener(self._respond, self._refuse, self.script)

    @property
    def code(self) -> str:
        """The node's code."""
        return self.identity.code

    @property
    def gateway(self) -> Address | None:
        """The address to call next; None when none is known."""
        if not self.gateways:
            return None
        return self.gateways[self._turn % len(self.gateways)]

    @gateway.setter
    def gateway(self, address: Address) -> None:
        self.gateways = [address]

    # -- listening -------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Where this node listens, or listened last."""
        return self._listener.address

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Accept connections; port 0 takes a free one. Raises OSError."""
        return await self._listener.start(host, port)

    async def listen_again(self) -> Address:
        """Accept connections where this node listened before."""
        return await self._listener.start(*self.address)

    async def stop(self) -> None:
        """Stop listening: from now on connections are refused."""
        await self._listener.stop()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def of(self, number: str) -> list[Received]:
        """The requests of this number that came in so far."""
        return [request for request in self.received if request.head.msg_no == number]

    async def wait_until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until a condition holds; it is looked at whenever a request has been answered for.

        Raises TimeoutError.
        """
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(condition)

    async def wait_for(self, number: str, count: int = 1, seconds: float = 20.0) -> list[Received]:
        """Wait until so many requests of a number have come in. Raises TimeoutError."""
        await self.wait_until(lambda: len(self.of(number)) >= count, seconds)
        return self.of(number)

    async def _respond(self, frame: RawFrame) -> Reaction:
        identity = self.identity
        try:
            request = identity.open(frame)
        except RemoteProtocolError as error:
            return Reaction(self._refuse(error), WELL)
        number = request.head.msg_no
        behaviour = self.script.choose("answer", number, request.message)
        answer = self._answer(request, behaviour)
        self._log_exchange("received", number, request.message, answer)
        data = identity.answer(answer, request, msg_ref=behaviour.msg_ref)
        if not request.mac_ok:
            behaviour = behaviour.model_copy(update={"blank_mac": True})
        else:
            self.received.append(request)
            async with self._arrived:
                self._arrived.notify_all()
        data = behaviour.tampered(data, identity.width)
        return Reaction(data + identity.habits.trailing, behaviour)

    def _answer(self, request: Received, behaviour: Behaviour) -> Voucher:
        identity = self.identity
        number = request.head.msg_no
        if not request.mac_ok:
            return identity.general(number, NOT_AUTHENTICATED, "身份认证失败")
        if behaviour.result is not None:
            return identity.general(number, behaviour.result, behaviour.information)
        if request.head.des != self.code:
            return identity.general(number, "10007", "接收节点不是本节点")
        handler = self.handlers.get(number)
        if handler is None or request.message is None:
            return identity.general(number, FORMAT, f"MsgNo: 本节点不处理报文{number}")
        return handler(request)

    def _refuse(self, error: RemoteProtocolError) -> bytes:
        """The answer to what cannot be read: 10002, its sender as far as it is known."""
        identity = self.identity
        number = error.number or "0000"
        head = identity.head(identity.answer_number, error.head.src if error.head else "UNKNOWN")
        answer = identity.general(number, FORMAT, error.information)
        self._log_exchange("unreadable", number, None, answer)
        frame = identity.sealed(identity.answer_number, identity.document(head, answer.write()))
        return Behaviour(blank_mac=True).tampered(frame, identity.width)

    # -- calling ---------------------------------------------------------------------------

    async def call(
        self,
        message: Voucher,
        *,
        msg_id: str = "",
        expect: Secret | None = None,
        behaviour: Behaviour | None = None,
    ) -> Received:
        """Send a message and return the answer; its MAC is judged in it, not enforced.

        expect: a token under which the answer may verify too (a token change). behaviour: instead
        of the script's. Raises NoAnswerError, LocalProtocolError.
        """
        gateway = self.gateway
        if gateway is None:
            raise NoAnswerError("the gateway's address is not known", sent=False)
        self._turn += 1
        spec = spec_of(message)
        if behaviour is None:
            behaviour = self.script.choose("call", spec.number, message)
        await self.script.wait(behaviour)
        answer = await self._exchange(gateway, message, behaviour, msg_id, expect)
        for _ in range(behaviour.again):
            answer = await self._exchange(gateway, message, behaviour, "", expect)
        return answer

    async def _exchange(
        self,
        gateway: Address,
        message: Voucher,
        behaviour: Behaviour,
        msg_id: str,
        expect: Secret | None,
    ) -> Received:
        """Send a message once and read its answer."""
        spec = spec_of(message)
        frame = self.identity.request(
            message, self.finance, msg_id=msg_id, msg_ref=behaviour.msg_ref
        )
        data = behaviour.tampered(frame, self.identity.width) + self.identity.habits.trailing
        try:
            raw = await self._carry(
                gateway, data, behaviour, self.timeout_seconds, self.identity.habits.reads
            )
            answer = self.identity.open(
                raw, answers=spec, tokens=() if expect is None else (expect,)
            )
        except RemoteProtocolError as error:
            raise NoAnswerError(f"unreadable answer: {error}", sent=True) from None
        self._log_exchange("called", spec.number, message, answer.message)
        return answer

    async def ask(self, message: Voucher, *, expect: Secret | None = None) -> Received:
        """Call until there is an answer to rely on: its MAC verifies, and it is not 10006.

        Raises NoAnswerError when patience is at an end.
        """
        reason = "no attempt"
        sent = False
        for attempt in range(self.patience.attempts):
            if attempt:
                self.repeated += 1
                await self.patience.sleep(self.patience.pause_seconds)
            try:
                answer = await self.call(message, expect=expect)
            except NoAnswerError as error:
                reason, sent = str(error), sent or error.sent
                continue
            if answer.mac_ok and answer.message is not None and answer.result != BUSY:
                return answer
            reason = f"answer {answer.result or answer.head.msg_no} cannot be relied on"
            sent = True
        raise NoAnswerError(reason, sent=sent)

    # -- log -------------------------------------------------------------------------------

    def _log_exchange(
        self, event: str, number: str, request: Voucher | None, answer: Voucher | None
    ) -> None:
        self._log(
            {
                "at": self.identity.clock().isoformat(timespec="milliseconds"),
                "event": event,
                "node": self.code,
                "number": number,
                "request": masked(request) if request is not None else None,
                "answer": masked(answer) if answer is not None else None,
            }
        )


__all__ = ["Handler", "Log", "Node", "Patience", "no_log"]
