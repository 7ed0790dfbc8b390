"""One attempt to deliver one leased message: frame, send, judge the answer, write down the outcome.

The order is what makes it safe: the frame is made first (what cannot be written never counts as
sent), the connection stands, then `ever_sent` is durable, then the bytes leave.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ...codecs import LocalProtocolError, RawFrame
from ...mac import Secret
from ...messages.codes import Result
from ..clock import Clock
from ..framing import FrameWriter
from ..net.client import Delivery
from ..observe.log import Log
from ..observe.metrics import Metrics
from ..peers import Peer
from ..store import Store, archive, outbox
from ..store.outbox import Outcome
from ..store.protocol import Transaction
from ..store.records import ArchivedMessage, OutboxMessage
from ..tokens import TokenKeeper
from .answers import Asked, PeerAnswer, Unusable, read_answer
from .followers import moved
from .lines import Lines
from .policy import LATER_RESULTS, Backoff, Meaning, Terms, meaning

_THREAD_BYTES: Final = 65536
_RANDOM_BYTES: Final = 6


class _LeaseLost(Exception):
    """Somebody else has the message, or it is over: nothing may be sent."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that ended without an answer that counts."""

    reason: str
    result: str = ""


class Attempts:
    """Makes attempts in the name of one lease owner."""

    def __init__(
        self,
        *,
        owner: str,
        node: str,
        store: Store,
        tokens: TokenKeeper,
        frames: FrameWriter,
        lines: Lines,
        backoff: Backoff,
        terms: Terms,
        clock: Clock,
        random: Callable[[int], bytes],
        log: Log,
        metrics: Metrics,
    ) -> None:
        self._owner = owner
        self._node = node
        self._store = store
        self._tokens = tokens
        self._frames = frames
        self._lines = lines
        self._backoff = backoff
        self._terms = terms
        self._clock = clock
        self._random = random
        self._log = log
        self._metrics = metrics
        # How often each peer could not be reached since it last was. In memory only: after a
        # restart the first attempt comes early.
        self._unreached: Counter[str] = Counter()

    async def make(self, row: OutboxMessage, peer: Peer) -> None:
        """Try once to deliver ROW, which is leased to us. Raises only what the store raises."""
        token, others = await self._tokens_of(peer)
        try:
            frame = self._frames.message(
                row.number,
                row.voucher,
                peer=peer,
                token=token,
                msg_id=row.msg_id,
                msg_ref=row.msg_id,
                region=row.adm_div_code,
            )
        except LocalProtocolError as error:
            await self._finish(row, "dead", result="", reason=str(error))
            return

        async def before_sending() -> None:
            if not await self._mark_sending(row):
                raise _LeaseLost

        try:
            outcome = await self._lines.call(peer, frame, before_sending=before_sending)
        except _LeaseLost:
            self._log.event("info", "outbox_lease_lost", peer=row.peer, msg_id=row.msg_id)
            return
        if outcome.delivery is Delivery.NEVER_SENT:
            self._unreached[row.peer] += 1
            self._metrics.count("outbox_never_sent", row.number)
            await self._again(row, _Failure(outcome.error), self._unreached[row.peer])
            return
        del self._unreached[row.peer]
        self._metrics.count("outbox_sent", row.number)
        sent = replace(row, state="sent", ever_sent=1, attempts=row.attempts + 1)
        if outcome.frame is None:
            self._metrics.count("outbox_no_answer", row.number)
            await self._again(sent, _Failure(outcome.error), sent.attempts)
        else:
            await self._answered(sent, peer, outcome.frame, (token, *others))

    # -- before ---------------------------------------------------------------------------

    async def _tokens_of(self, peer: Peer) -> tuple[Secret, tuple[Secret, ...]]:
        """The token in force, as the books have it now, and others that an answer may be under."""
        now = self._clock.now_ms()
        state = await self._tokens.refresh(peer.code, now)
        token = Secret(state.current)
        return token, tuple(t for t in self._tokens.candidates(state, now) if t != token)

    async def _mark_sending(self, row: OutboxMessage) -> bool:
        now = self._clock.now_ms()

        async def work(tx: Transaction) -> bool:
            if not await outbox.mark_sending(tx, row.id, self._owner, at=now):
                return False
            if not row.ever_sent:
                await moved(tx, row, "sent", now, "")
            return True

        return await self._store.transact(work)

    # -- after ----------------------------------------------------------------------------

    async def _answered(
        self, row: OutboxMessage, peer: Peer, frame: RawFrame, tokens: tuple[Secret, ...]
    ) -> None:
        asked = Asked(self._node, row.number, row.msg_id)
        try:
            answer = await self._read(frame, asked, peer, tokens)
        except Unusable as error:
            name = "outbox_bad_mac" if error.bad_mac else "outbox_unusable_answer"
            self._metrics.count(name, row.number)
            await self._again(row, _Failure(str(error)), row.attempts)
            return
        await self._tokens.verified(peer.code, answer.token, self._clock.now_ms())
        said = meaning(answer.result)
        if said in {Meaning.AGAIN, Meaning.UNKNOWN}:
            failure = _Failure(answer.information or said.value, answer.result)
            await self._again(row, failure, row.attempts)
        else:
            await self._finish(
                row,
                _end(row, answer),
                result=answer.result,
                reason=answer.information,
                remarks=answer.remarks,
            )

    async def _read(
        self, frame: RawFrame, asked: Asked, peer: Peer, tokens: tuple[Secret, ...]
    ) -> PeerAnswer:
        """Read an answer, which may verify under a token that came into force meanwhile."""
        arguments = (frame, asked, peer, tokens)
        try:
            if len(frame.payload) > _THREAD_BYTES:
                return await asyncio.to_thread(read_answer, *arguments)
            return read_answer(*arguments)
        except Unusable as error:
            newest, _ = await self._tokens_of(peer)
            if not error.bad_mac or newest in tokens:
                raise
        return read_answer(frame, asked, peer, (newest,))

    async def _again(self, row: OutboxMessage, failure: _Failure, attempts: int) -> None:
        """Give the lease back and try later."""
        now = self._clock.now_ms()
        share = int.from_bytes(self._random(_RANDOM_BYTES), "big") / (1 << 8 * _RANDOM_BYTES)
        wait = self._backoff.delay_ms(attempts, share)

        async def work(tx: Transaction) -> bool:
            return await outbox.retry(
                tx,
                row.id,
                self._owner,
                next_at=now + wait,
                at=now,
                result=failure.result,
                error=failure.reason,
            )

        if not await self._store.transact(work):
            self._late(row, failure.result)
            return
        self._metrics.count("outbox_retried", row.number)
        # Of an answer only the code is logged: its text is the peer's and may name anybody.
        self._log.event(
            "warning",
            "outbox_retry",
            **_facts(row),
            result=failure.result,
            reason=None if failure.result else failure.reason,
            wait_seconds=round(wait / 1000, 3),
        )

    async def _finish(
        self,
        row: OutboxMessage,
        state: Outcome,
        *,
        result: str,
        reason: str,
        remarks: tuple[str, ...] = (),
    ) -> None:
        """Write the end of the delivery, and what follows from it, in one transaction."""
        now = self._clock.now_ms()
        deadline = self._terms.result_deadline(row.number, now) if state == "acknowledged" else None

        async def work(tx: Transaction) -> str | None:
            written = await outbox.finish(
                tx,
                row.id,
                self._owner,
                state,
                at=now,
                result=result,
                error="" if state in {"acknowledged", "succeeded"} else reason,
                result_deadline=deadline,
            )
            if written is not None:
                await moved(tx, row, written, now, f"{result} {reason}".strip())
                if row.ever_sent:
                    await archive.insert(tx, _sent_copy(row, result, now))
            return written

        written = await self._store.transact(work)
        if written is None:
            self._late(row, result)
            return
        good = written in {"acknowledged", "succeeded"}
        self._metrics.count(f"outbox_{written}", row.number)
        self._log.event(
            "info" if good else "error",
            f"outbox_{written}",
            **_facts(row),
            result=result,
            reason=None if result else reason,
            remarks=remarks or None,
        )

    def _late(self, row: OutboxMessage, result: str) -> None:
        """Somebody else ended the message meanwhile: a result, an operator, another lease."""
        self._metrics.count("outbox_late_answer", row.number)
        self._log.event("info", "outbox_late_answer", **_facts(row), result=result)


def _end(row: OutboxMessage, answer: PeerAnswer) -> Outcome:
    """Where a final answer leaves a message."""
    if answer.result == Result.SUCCESS:
        return "acknowledged" if row.number in LATER_RESULTS else "succeeded"
    if row.money and answer.result == Result.CONFLICT:
        # 10005: what the peer has stored under our number stands, and may be money.
        return "unknown"
    return "failed"


def _facts(row: OutboxMessage) -> dict[str, object]:
    """What a log line says of a message."""
    return {
        "peer": row.peer,
        "number": row.number,
        "subject": row.subject,
        "msg_id": row.msg_id,
        "attempts": row.attempts,
    }


def _sent_copy(row: OutboxMessage, result: str, at: int) -> ArchivedMessage:
    return ArchivedMessage(
        id=0,
        direction="out",
        peer=row.peer,
        number=row.number,
        msg_id=row.msg_id,
        msg_ref=row.msg_id,
        subject=row.subject,
        result=result,
        at=at,
        voucher=row.voucher,
    )
