"""One exchange: a frame in, a frame out (spec: wire, sections 2-4 and 7).

Order: envelope → sender by HEAD/SRC → MAC → version, receiver, number → voucher → flow → answer.
Nothing of a message is believed before its MAC, and every refusal before that looks the same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..codecs import (
    APPLICATION,
    VERSION,
    Envelope,
    Head,
    LocalProtocolError,
    RawFrame,
    RemoteProtocolError,
    Rule,
    VoucherPart,
    open_envelope,
    probe_mac_width,
    split_mac,
)
from ..messages.codes import Result
from ..messages.record import MessageSpec, Voucher
from ..messages.registry import CATALOGUE, COMMON, incoming
from .access import Access, Denial, FailureLimiter, Grant
from .archiving import Archivist
from .clock import Clock
from .flows.base import Answer, Decision, Flow, Request, general, result_of
from .framing import DEFAULT_WIDTH, FrameWriter
from .inbox.keeping import NEVER_KEPT, InboxKeeper, Malformed
from .net.server import Origin, Reply
from .observe.log import Log, innermost, quoted
from .observe.metrics import Metrics
from .store.inbox import InboxForm
from .store.protocol import Store, StoreBusy, Transaction
from .wakeup import Wakeup

_KINDS = ("bank", "platform", "clearing", "unit")
# Messages of the common interface, such as the link test, come from every kind of node.
_MAY_SEND = frozenset(
    (spec.key, kind)
    for spec in CATALOGUE
    for kind in _KINDS
    if kind in spec.senders or spec.interface == COMMON
)


class _Refused(Exception):
    """Ends the reading of an authenticated request with a result and a text for the peer."""

    def __init__(self, result: Result, information: str | None = None) -> None:
        super().__init__(result)
        self.result = result
        self.information = information


class _Received(NamedTuple):
    """A frame whose sender is known."""

    frame: RawFrame
    head: Head
    grant: Grant
    origin: Origin
    started_ms: int


class Exchanges:
    """Answers frames: the responder behind the listening server."""

    def __init__(
        self,
        *,
        node: str,
        access: Access,
        limiter: FailureLimiter,
        frames: FrameWriter,
        archivist: Archivist,
        flows: Mapping[str, Flow[Any]],
        store: Store,
        clock: Clock,
        log: Log,
        metrics: Metrics,
        wakeup: Wakeup,
        inbox: InboxKeeper,
        thread_bytes: int,
    ) -> None:
        # Documents above this size are read in a thread: they would hold the loop for milliseconds.
        self._thread_bytes = thread_bytes
        self._node = node
        self._access = access
        self._limiter = limiter
        self._frames = frames
        self._archivist = archivist
        self._flows = flows
        self._store = store
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._wakeup = wakeup
        self._inbox = inbox

    # -- the server's responder -----------------------------------------------------------

    async def respond(self, frame: RawFrame, origin: Origin) -> Reply:
        """Answer one frame; whatever fails inside is answered 10006, which means: ask again."""
        try:
            return await self._respond(frame, origin)
        except Exception as error:  # noqa: BLE001 - the peer must be answered, and nothing leaked
            return Reply(self.busy(origin, self._reason(error, frame.number), frame.number))

    def refuse(self, error: RemoteProtocolError, origin: Origin) -> bytes:
        """Answer bytes that are no frame or no envelope: 10002, receiver UNKNOWN, blank MAC."""
        self._metrics.count("unreadable")
        self._log.event("warning", "unreadable", address=origin.address, reason=str(error))
        return self._frames.unreadable(error)

    def busy(self, origin: Origin, reason: str, number: str | None = None) -> bytes:
        """Answer 10006: nothing was done, the same message may come again."""
        self._note_busy(origin, reason, number)
        return self._frames.busy(number)

    def connection_event(self, event: str, origin: Origin, **fields: object) -> None:
        """A connection ended without an answer."""
        self._metrics.count(event)
        self._log.event("info", event, address=origin.address, **fields)

    def _note_busy(self, origin: Origin, reason: str, number: str | None) -> None:
        self._metrics.count("busy")
        self._log.event("warning", "busy", address=origin.address, reason=reason, number=number)

    def _reason(self, error: BaseException, number: str) -> str:
        """Why a frame is answered 10006; what nobody expected is logged."""
        if isinstance(error, StoreBusy):
            return "store queue is full"
        if isinstance(error, asyncio.CancelledError):
            return "handler timeout"
        # Not the text of the error: it may hold what a payer wrote.
        self._log.event(
            "error",
            "internal_error",
            number=number,
            error=type(error).__name__,
            where=innermost(error),
        )
        return "internal error"

    # -- before the sender is known ---------------------------------------------------------

    async def _respond(self, frame: RawFrame, origin: Origin) -> Reply:
        started = self._clock.now_ms()
        fault: RemoteProtocolError | None = None
        envelope: Envelope | None = None
        try:
            envelope = await self._open(frame)
            head = envelope.head
        except RemoteProtocolError as error:
            if error.head is None or not error.head.src:
                error.number = error.number or frame.number
                return Reply(self.refuse(error, origin), last=True)
            fault, head = error, error.head
        grant = await self._access.authenticate(head.src, frame.payload, origin)
        if isinstance(grant, Denial):
            return self._denied(grant, frame, head, origin, started)
        received = _Received(frame, head, grant, origin, started)
        number = head.msg_no or frame.number
        if fault is not None:
            answer = _refusal(number, fault)
            self._keep(received, answer, None)
            return self._reply(received, Decision(answer))
        assert envelope is not None  # noqa: S101 - either a fault or an envelope
        try:
            return await self._authentic(received, envelope)
        except RemoteProtocolError as error:
            answer = _refusal(number, error)
            self._keep(received, answer, envelope.vouchers[0])
        except _Refused as refused:
            answer = general(number, refused.result, refused.information)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - see `respond`
            # Like every answer to a good MAC this one is MACed: the peer can rely on it. Cancelled
            # is what took longer than the server allows; it may still become durable.
            self._note_busy(origin, self._reason(error, number), number)
            cancelled = isinstance(error, asyncio.CancelledError)
            busy = self._reply(received, Decision(general(number, Result.BUSY)))
            return busy._replace(last=cancelled)
        return self._reply(received, Decision(answer))

    async def _open(self, frame: RawFrame) -> Envelope:
        width = probe_mac_width(frame.payload)
        if width is None:
            raise RemoteProtocolError(Rule.BODY_END, number=frame.number)
        body, _ = split_mac(frame.payload, width)
        if len(body) > self._thread_bytes:
            return await asyncio.to_thread(open_envelope, body)
        return open_envelope(body)

    def _denied(
        self, denial: Denial, frame: RawFrame, head: Head, origin: Origin, now: int
    ) -> Reply:
        """One answer for every failed authentication; over the rate none, and no log line."""
        self._metrics.count("not_authenticated")
        if not self._limiter.failed(origin.address, head.src, now):
            self._metrics.count("not_authenticated_unanswered")
            return Reply(b"", last=True)
        self._log.event(
            "warning",
            "not_authenticated",
            address=origin.address,
            peer=head.src,
            number=frame.number,
            reason=denial.reason.value,
        )
        data = self._frames.unsigned(
            frame.number,
            Result.NOT_AUTHENTICATED,
            "身份认证失败",
            des=head.src,
            msg_ref=head.msg_ref,
            width=denial.peer.mac_width if denial.peer else DEFAULT_WIDTH,
        )
        return Reply(data, last=True)

    # -- authenticated ------------------------------------------------------------------------

    async def _authentic(self, received: _Received, envelope: Envelope) -> Reply:
        """The message is the peer's own: check it, let its flow decide, answer."""
        peer = received.grant.peer
        spec = self._judge_head(received)
        flow = self._flows.get(spec.number)
        if flow is None:
            raise _Refused(Result.BAD_PARAMETER, f"MsgNo: 本节点不处理报文{spec.number}")
        if len(envelope.vouchers) != 1:
            raise _Refused(Result.BAD_PARAMETER, "VoucherCount: 本版本每个报文只支持一个凭证")
        part = envelope.vouchers[0]
        if len(part.text) > self._thread_bytes:
            read = await asyncio.to_thread(_read_voucher, flow, spec, part, peer.charset)
        else:
            read = _read_voucher(flow, spec, part, peer.charset)
        voucher, message, unknown, prepared = read
        if unknown or envelope.unknown_elements:
            count = len(unknown) + envelope.unknown_elements
            self._metrics.count("unknown_elements", spec.number, by=count)
        request = Request(
            peer=peer,
            head=received.head,
            now_ms=received.started_ms,
            today=self._clock.today(),
            token=received.grant.token,
            current_token=received.grant.current,
            tls=received.origin.tls,
            address=received.origin.address,
            prepared=prepared,
        )
        refusal = flow.validate(request, message)
        if refusal is not None:
            self._keep(received, refusal, part)
            return self._reply(received, Decision(refusal))
        if flow.performs:
            request = request._replace(performed=await flow.perform(request, message))
        decision = await self._decide(flow, spec, request, message, voucher)
        if decision.wake:
            self._wakeup.wake(decision.wake)
        return self._reply(received, decision, envelope.warnings)

    def _judge_head(self, received: _Received) -> MessageSpec:
        """APP, version, receiver and number, in this order."""
        head, frame, peer = received.head, received.frame, received.grant.peer
        if head.app != APPLICATION:
            raise _Refused(Result.BAD_PARAMETER, "APP: 应用程序名称应为CNNONTAX")
        if head.ver != VERSION or frame.version != VERSION:
            raise _Refused(Result.BAD_VERSION)
        if head.des != self._node:
            raise _Refused(Result.WRONG_RECEIVER)
        if head.msg_no != frame.number and not peer.trust_head_number:
            raise _Refused(Result.BAD_PARAMETER, "MsgNo: 报文头与HEAD中的报文编号不一致")
        spec = incoming(head.msg_no)
        if spec is None:
            raise _Refused(Result.BAD_PARAMETER, f"MsgNo: 未知的报文编号{head.msg_no}")
        if (spec.key, peer.kind) not in _MAY_SEND:
            raise _Refused(Result.BAD_PARAMETER, f"MsgNo: 该节点不能发送报文{head.msg_no}")
        return spec

    async def _decide(
        self,
        flow: Flow[Any],
        spec: MessageSpec,
        request: Request,
        message: Voucher,
        voucher: bytes,
    ) -> Decision:
        if not flow.writes:

            async def look(tx: Transaction) -> Decision:
                return await flow.decide(tx, request, message)

            return await self._store.read(look)

        async def work(tx: Transaction) -> Decision:
            decision = await flow.decide(tx, request, message)
            if decision.archived:
                await self._archivist.received(tx, spec, request, decision, voucher)
            return decision

        return await self._store.transact(work)

    def _keep(self, received: _Received, answer: Answer, part: VoucherPart | None) -> None:
        """Keep a malformed message for people, behind the answer; None: not even the envelope."""
        head = received.head
        flow = self._flows.get(head.msg_no)
        if flow is None or not flow.writes or head.msg_no in NEVER_KEPT:
            return
        form: InboxForm
        if part is None:
            try:
                self._judge_head(received)
            except _Refused:
                return
            form, content = "document", received.grant.body
        else:
            form, content = _as_received(part)
        said = vars(answer.message)
        self._inbox.keep(
            Malformed(
                peer=received.grant.peer.code,
                head=head,
                at=received.started_ms,
                result=said.get("Result", Result.FAILURE.value),
                information=said.get("Information", ""),
                form=form,
                content=content,
                charset=received.grant.peer.charset,
            )
        )

    # -- answering ----------------------------------------------------------------------------

    def _reply(
        self, received: _Received, decision: Decision, warnings: tuple[str, ...] = ()
    ) -> Reply:
        grant, head, answer = received.grant, received.head, decision.answer
        token = grant.token
        if answer.token is not None:
            token = answer.token
            self._access.token_changed(grant.peer.code)
        try:
            data = self._frames.answer(
                answer.message, grant.peer, token, head.msg_ref, decision.region
            )
        except LocalProtocolError as error:
            # The books hold a character that this peer's charset cannot carry.
            self._log.event("error", "unwritable_answer", peer=grant.peer.code, reason=str(error))
            answer = general(head.msg_no, Result.FAILURE, "应答内容超出字符集")
            data = self._frames.answer(answer.message, grant.peer, token, head.msg_ref)
        self._log_exchange(received, decision, answer, warnings)
        return Reply(data, grant.peer.keep_alive)

    def _log_exchange(
        self,
        received: _Received,
        decision: Decision,
        answer: Answer,
        warnings: tuple[str, ...],
    ) -> None:
        # Not getattr: a model that lacks the field takes long to say so.
        result = vars(answer.message).get("Result", Result.SUCCESS.value)
        head = received.head
        self._metrics.count("exchange", head.msg_no, result)
        if not self._log.enabled("info"):
            return
        # Written by hand: one line for every exchange, and most of its fields are plain codes.
        fields = (
            f'"peer":"{received.grant.peer.code}","number":"{head.msg_no}","result":"{result}",'
            f'"msg_id":{quoted(head.msg_id)},"ms":{self._clock.now_ms() - received.started_ms}'
        )
        if decision.subject:
            fields += f',"subject":{quoted(decision.subject)}'
        if decision.replayed:
            fields += ',"replayed":true'
        if decision.notes or warnings:
            fields += f',"notes":{json.dumps([*decision.notes, *warnings])}'
        self._log.line("info", "exchange", fields)


def _refusal(number: str, error: RemoteProtocolError) -> Answer:
    """The answer that an error names."""
    return general(number, result_of(error.code), error.information)


def _as_received(part: VoucherPart) -> tuple[InboxForm, bytes]:
    """A voucher's bytes, or the text of it where that is no base64."""
    try:
        return "voucher", part.decode()
    except RemoteProtocolError:
        return "base64", part.text.encode("utf-8", "backslashreplace")


def _read_voucher(
    flow: Flow[Any], spec: MessageSpec, part: VoucherPart, charset: str
) -> tuple[bytes, Voucher, list[str], object]:
    """The voucher's bytes, its message, the tags in it that nobody knows, what the flow makes."""
    data, unknown = part.decode(), list[str]()
    message = spec.model.read_bytes(data, default_encoding=charset, unknown=unknown)
    return data, message, unknown, flow.prepare(message)
