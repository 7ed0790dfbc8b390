"""Orders that are accepted now and whose result is told later: 5614, 5617, 5618, 5604, 5952.

An order is remembered by its number: the same again is accepted again, another content under the
number is refused, and whatever comes how often, it is carried out once. What goes wrong in carrying
out is said by the script (side "execute").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..messages import Voucher
from .identity import Received
from .link import NoAnswerError
from .peer import Node
from .scenario import Behaviour

SUCCESS = "00000"
FAILURE = "99999"
CONFLICT = "10005"


@dataclass(frozen=True, slots=True)
class Duty:
    """What a node does about one kind of order.

    key: the order's number, from its message. check: why it cannot be accepted, as the wire's text
    ('' when it can). carry_out: moves the money and makes the result; it is called once for each
    order. told: the gateway has taken the result.
    """

    number: str
    key: Callable[[Received], str]
    check: Callable[[Any], str]
    carry_out: Callable[[Any, Behaviour], Voucher]
    told: Callable[[Any, Voucher], None] = lambda _order, _result: None


def by(tag: str) -> Callable[[Received], str]:
    """The number of an order that stands in this field."""
    return lambda request: str(getattr(request.message, tag))


class Executor:
    """Accepts orders, carries them out, tells their results."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._duties: dict[str, Duty] = {}
        self._orders: dict[str, dict[str, Voucher]] = {}
        self._results: dict[tuple[str, str], Voucher] = {}
        self._owed: list[tuple[str, str]] = []
        self._ordered = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def take_on(self, duty: Duty) -> None:
        """Answer for this kind of order from now on."""
        self._duties[duty.number] = duty
        self._orders[duty.number] = {}
        self.node.handlers.setdefault(duty.number, self._accept)

    def orders(self, number: str) -> dict[str, Voucher]:
        """The orders of a kind that were accepted, by their numbers."""
        return self._orders.get(number, {})

    def result(self, number: str, key: str) -> Voucher | None:
        """What came of an order; None while it is not carried out."""
        return self._results.get((number, key))

    @property
    def owed(self) -> tuple[Voucher, ...]:
        """Orders that were accepted and whose result was not yet taken by the gateway."""
        return tuple(self._orders[number][key] for number, key in self._owed)

    def _accept(self, request: Received) -> Voucher:
        number, order = request.head.msg_no, request.message
        duty = self._duties[number]
        assert order is not None  # noqa: S101 - the node refuses what it cannot read
        key = duty.key(request)
        known = self._orders[number].get(key)
        if known is not None:
            if known == order:
                return self._general(number, SUCCESS)
            return self._general(number, CONFLICT, "与原报文不一致")
        problem = duty.check(order)
        if problem:
            return self._general(number, FAILURE, problem)
        self.owe(number, key, order)
        return self._general(number, SUCCESS)

    def owe(self, number: str, key: str, order: Voucher) -> None:
        """An order is accepted: it is carried out, and its result told, before long."""
        self._orders[number][key] = order
        self._owed.append((number, key))
        self._settled.clear()
        self._ordered.set()

    def carry_out(self, number: str, key: str) -> Voucher:
        """The order's result; the money moves when it is asked for the first time."""
        result = self._results.get((number, key))
        if result is None:
            order = self._orders[number][key]
            behaviour = self.node.script.choose("execute", number, order)
            result = self._duties[number].carry_out(order, behaviour)
            self._results[number, key] = result
        return result

    async def send_results(self) -> int:
        """Carry out what was ordered and tell the results; return how many were taken.

        Raises NoAnswerError; what was not taken stays owed.
        """
        taken = 0
        while self._owed:
            number, key = self._owed[0]
            result = self.carry_out(number, key)
            answer = await self.node.ask(result)
            if answer.result != SUCCESS:
                raise NoAnswerError(
                    f"the result of {number} {key} was refused: {answer.result}"
                    f" {answer.information}",
                    sent=True,
                )
            self._duties[number].told(self._orders[number][key], result)
            self._owed.remove((number, key))
            taken += 1
        self._settled.set()
        return taken

    async def all_told(self) -> None:
        """Wait until nothing is owed."""
        await self._settled.wait()

    async def keep_sending(self) -> None:
        """Send results as orders come in, until cancelled."""
        while True:
            await self._ordered.wait()
            self._ordered.clear()
            try:
                await self.send_results()
            except NoAnswerError:
                patience = self.node.patience
                await patience.sleep(patience.pause_seconds)
                self._ordered.set()

    def _general(self, number: str, result: str, information: str = "") -> Voucher:
        return self.node.identity.general(number, result, information)


__all__ = ["CONFLICT", "FAILURE", "SUCCESS", "Duty", "Executor", "by"]
