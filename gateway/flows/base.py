"""The contract of a flow: validate → decide → effects.

A flow is what one message number does. `validate` looks at the message alone. `decide` is a unit of
work over one store transaction: it reads, judges and writes, and says what to answer; it depends on
nothing but its arguments and the books, so that the store may run it again. The answer leaves after
the transaction is durable; then `Decision.wake` names the peers whose outbox has something new.

What needs more than one transaction, and something slow between them (a signature), is done by
`perform` before `decide`. Every step of it can be repeated: a process that dies half-way leaves
what the same message, sent again, goes on with.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

from ...codecs import Head
from ...mac import Secret
from ...messages.codes import Result
from ...messages.common import FinanceAnswer
from ...messages.record import Voucher
from ..peers import Peer
from ..store.protocol import Transaction

M = TypeVar("M", bound=Voucher)


class Request(NamedTuple):
    """An authenticated request: who, its HEAD, when, and the token that its MAC verified under.

    `prepared` is what the flow's `prepare` made of the message, `performed` what `perform` did.
    """

    peer: Peer
    head: Head
    now_ms: int
    today: str  # civil date yyyymmdd
    token: Secret
    current_token: bool = True  # False: verified under the previous token
    tls: bool = False
    address: str = ""
    prepared: object = None
    performed: object = None


class Answer(NamedTuple):
    """What goes back: the message, and a token where it is not the request's own (2003)."""

    message: Voucher
    token: Secret | None = None


class Decision(NamedTuple):
    """A flow's verdict inside the transaction.

    `archived`: the message changed something (or was refused for ever) and is kept. `replayed`: the
    stored answer was given again. `wake`: peers whose outbox has a new message. `region`: that of
    the bill, '' where the peer knows of none.
    """

    answer: Answer
    archived: bool = False
    replayed: bool = False
    subject: str = ""
    wake: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    region: str = ""


class Flow(ABC, Generic[M]):
    """One message number's behaviour. Stateless between requests."""

    number: ClassVar[str]
    # False: reads by key only, needs no transaction and is not archived.
    writes: bool = True
    # True: `perform` is awaited before `decide`.
    performs: bool = False

    def prepare(self, message: M) -> object:
        """Do what takes long and needs the message alone; for a large one in its thread."""
        del message
        return None

    def validate(self, request: Request, message: M) -> Answer | None:
        """Refuse what the message alone shows to be wrong; None goes on."""
        del request, message
        return None

    async def perform(self, request: Request, message: M) -> object:
        """Do what takes transactions of its own; durable when it returns, and repeatable."""
        del request, message
        return None

    @abstractmethod
    async def decide(self, tx: Transaction, request: Request, message: M) -> Decision:
        """Judge and write. Raises only what the store raises."""


def result_of(code: str) -> Result:
    """The result that a stored code names."""
    return _RESULTS[code]


_RESULTS = {result.value: result for result in Result}


def general(number: str, result: Result, information: str | None = None) -> Answer:
    """The general answer 5001 to a message NUMBER; the code's own text where none is given."""
    if information is None or information == result.meaning:
        return _usual(number, result)
    return Answer(FinanceAnswer(OriMsgNo=number, Result=result.value, Information=information))


@functools.cache  # as many as there are numbers and results
def _usual(number: str, result: Result) -> Answer:
    # The table marks codes of our own; peers are told the meaning alone.
    text = result.meaning.removesuffix("(ours)")
    return Answer(FinanceAnswer(OriMsgNo=number, Result=result.value, Information=text))
