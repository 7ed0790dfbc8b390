"""Link test 5002 (联网测试): ask a peer at once, and say how long it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...mac import Secret
from ...messages.codes import Result
from ...messages.common import FinanceLinkTest
from ..clock import Clock
from ..framing import FrameWriter
from ..net.client import Delivery
from ..peers import Peer
from ..tokens import TokenKeeper
from .answers import Asked, Unusable, read_answer
from .lines import Lines


@dataclass(frozen=True, slots=True)
class Ping:
    """How a link test ended: milliseconds there and back, the peer's result, or why none.

    `answered` without a `result`: something came back that is no authentic answer.
    """

    peer: str
    answered: bool
    milliseconds: float
    result: str = ""
    information: str = ""
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether the peer is reachable and both sides accept each other's MAC."""
        return self.result == Result.SUCCESS


async def ping(
    peer: Peer,
    *,
    node: str,
    lines: Lines,
    frames: FrameWriter,
    tokens: TokenKeeper,
    clock: Clock,
    monotonic: Callable[[], float],
) -> Ping:
    """Send 5002 to PEER and judge its answer; MONOTONIC is in seconds."""
    message = FinanceLinkTest(TestTime=clock.civil().strftime("%Y%m%d%H%M%S"))
    state = await tokens.refresh(peer.code, clock.now_ms())
    token = Secret(state.current)
    msg_id = frames.next_id()
    number = message.SPEC.number
    frame = frames.message(
        number, message.write(), peer=peer, token=token, msg_id=msg_id, msg_ref=msg_id
    )
    started = monotonic()
    outcome = await lines.call(peer, frame)
    took = round((monotonic() - started) * 1000, 1)
    if outcome.delivery is not Delivery.ANSWERED or outcome.frame is None:
        return Ping(peer.code, answered=False, milliseconds=took, problem=outcome.error)
    accepted = (token, *tokens.candidates(state, clock.now_ms()))
    try:
        answer = read_answer(outcome.frame, Asked(node, number, msg_id), peer, accepted)
    except Unusable as error:
        return Ping(peer.code, answered=True, milliseconds=took, problem=str(error))
    await tokens.verified(peer.code, answer.token, clock.now_ms())
    return Ping(
        peer.code,
        answered=True,
        milliseconds=took,
        result=answer.result,
        information=answer.information,
    )
