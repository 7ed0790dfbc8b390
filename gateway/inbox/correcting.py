"""Correcting a malformed message (手工签收问题凭证): one person proposes, another one accepts.

What is accepted goes through the flow of its message, in the transaction that ends it here: its
identity decides, so what the peer has meanwhile sent again, and right, is not done twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from lxml import etree

from ...codecs import Head, RemoteProtocolError, parse_xml
from ...mac import SealError, Secret
from ...messages.codes import Result
from ...messages.record import MessageSpec, Voucher
from ...messages.registry import incoming
from ..archiving import Archivist
from ..collection.operators import require_other
from ..flows.base import Answer, Decision, Flow, Request
from ..peers import Peer, PeerDirectory
from ..settlement.acting import Acting, SettlementRefused
from ..settlement.wishes import check_reason, check_scope
from ..store import bills, inbox, journal
from ..store.inbox import InboxEntry, InboxMessage
from ..store.protocol import Transaction
from ..tokens import Sealer
from . import contents

_NO_TOKEN: Final = Secret("")  # no MAC was verified here
_DECLARED: Final = (b"<?xml", b"\xef\xbb\xbf")


class Correction(NamedTuple):
    """A voucher that may stand for a malformed one; `unknown` are tags in it that nobody knows."""

    message: Voucher
    voucher: bytes  # in the written form and the peer's charset
    unknown: list[str]

    def __repr__(self) -> str:
        return f"Correction({self.message!r})"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of an acceptance: done when `result` is 00000. `replayed`: it had been before."""

    row: InboxMessage
    result: str
    information: str
    replayed: bool
    notes: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the message is accepted."""
        return self.result == Result.SUCCESS


@dataclass(frozen=True, slots=True)
class Corrector:
    """What people may do about a malformed message: units of work, but for `read`."""

    node: str
    peers: PeerDirectory
    flows: Mapping[str, Flow[Any]]
    sealer: Sealer
    archivist: Archivist

    def peer(self, row: InboxMessage) -> Peer:
        """The node that sent it. Raises SettlementRefused: it is none of ours any more."""
        found = self.peers.get(row.peer)
        if found is None or not found.enabled:
            raise SettlementRefused(
                f"the node {row.peer} is not configured, or disabled", "see `nontax peer list`"
            )
        return found

    def read(self, row: InboxMessage, data: bytes, at: int, today: str) -> Correction:
        """Read and check a corrected voucher as the message would be, by itself.

        Raises SettlementRefused (wrong input): no such voucher, or its flow refuses it.
        """
        spec, flow, peer = self._spec(row), self._flow(row), self.peer(row)
        unknown: list[str] = []
        try:
            root = _parse(data, peer.charset)
            message = spec.model.read(root, unknown=unknown)
        except RemoteProtocolError as error:
            raise _unfit(str(error)) from None
        refusal = flow.validate(self._request(row, peer, at, today), message)
        if refusal is not None:
            result, information = _said(refusal)
            raise _unfit(f"it would be refused: {result} {information}")
        try:
            voucher = message.write().encode(peer.charset)
        except UnicodeEncodeError:
            raise _unfit(f"it has a character outside {peer.charset}") from None
        return Correction(message, voucher, unknown)

    def seal(self, row: InboxMessage, correction: Correction) -> str:
        """A correction as `propose` takes it."""
        return contents.seal(self.sealer, correction.voucher, row.peer)

    async def propose(
        self,
        tx: Transaction,
        message_id: int,
        correction: Correction,
        sealed: str,
        *,
        reason: str,
        acting: Acting,
    ) -> InboxMessage:
        """Propose a correction, maybe in the place of another one. Raises SettlementRefused."""
        check_reason(reason)
        row = await _open(tx, message_id, "new", "proposed")
        await _check_unit(tx, correction.message, acting)
        entry = InboxEntry(
            id=0,
            inbox_id=row.id,
            action="propose",
            actor=acting.name,
            reason=reason,
            at=acting.at,
            voucher=sealed,
            digest=contents.digest_of(correction.voucher),
        )
        proposal = await inbox.act(tx, entry)
        await inbox.proposed(
            tx, row.id, proposal, proposer=acting.name, reason=reason, at=acting.at
        )
        facts: dict[str, journal.Fact] = {
            "proposal": proposal,
            "digest": entry.digest,
            "reason": reason,
        }
        await _journal(tx, row, acting, "proposed", facts)
        return await look(tx, row.id)

    async def accept(
        self, tx: Transaction, message_id: int, *, acting: Acting, proposal: int = 0
    ) -> Accepted:
        """Process the proposed voucher as if its peer had sent it now.

        proposal: the one that was looked at, where it must be no other. An answer that is no
        success is written down, and the message stays proposed. Raises SettlementRefused, and
        OperatorRefused for the person who proposed it.
        """
        row = await _open(tx, message_id, "proposed")
        require_other(row.proposer, acting.name)
        if proposal not in (0, row.proposal):
            raise SettlementRefused(
                f"proposal {row.proposal} stands in the place of {proposal}", "look at it first"
            )
        message, voucher = await self._proposed(tx, row)
        await _check_unit(tx, message, acting)
        decision = await self._process(tx, row, message, voucher, acting)
        result, information = _said(decision.answer)
        done = result == Result.SUCCESS
        await inbox.act(
            tx,
            InboxEntry(
                id=0,
                inbox_id=row.id,
                action="accept",
                actor=acting.name,
                reason="",
                at=acting.at,
                result=result,
                information=information,
            ),
        )
        await inbox.processed(
            tx,
            row.id,
            accepter=acting.name if done else "",
            outcome=result,
            outcome_text=information,
            replayed=decision.replayed,
            at=acting.at,
        )
        facts: dict[str, journal.Fact] = {
            "proposal": row.proposal,
            "proposer": row.proposer,
            "result": result,
            "replayed": int(decision.replayed),
            "subject": decision.subject,
        }
        await _journal(tx, row, acting, "accepted" if done else "refused", facts)
        now = await look(tx, row.id)
        return Accepted(now, result, information, decision.replayed, decision.notes)

    async def _proposed(self, tx: Transaction, row: InboxMessage) -> tuple[Voucher, bytes]:
        entry = await inbox.action(tx, row.proposal)
        if entry is None:  # foreign keys and triggers say that it cannot be
            raise SettlementRefused("its proposal is not in the books", "see `nontax check`")
        try:
            voucher = contents.proposed(self.sealer, row, entry)
            message = self._spec(row).model.read_bytes(
                voucher, default_encoding=self.peer(row).charset
            )
        except SealError:
            raise _sealed() from None
        except RemoteProtocolError as error:
            # Proposed under other tables, or for another charset.
            raise SettlementRefused(str(error), "propose it again") from None
        return message, voucher

    async def _process(
        self,
        tx: Transaction,
        row: InboxMessage,
        message: Voucher,
        voucher: bytes,
        acting: Acting,
    ) -> Decision:
        flow = self._flow(row)
        request = self._request(row, self.peer(row), acting.at, acting.today)
        refusal = flow.validate(request, message)
        if refusal is not None:
            return Decision(refusal)
        decision = await flow.decide(tx, request, message)
        if decision.archived:
            await self.archivist.received(tx, self._spec(row), request, decision, voucher)
        return decision

    def _request(self, row: InboxMessage, peer: Peer, at: int, today: str) -> Request:
        head = Head(peer.code, self.node, row.number, row.msg_id, row.msg_ref, row.work_date)
        return Request(peer, head, at, today, _NO_TOKEN)

    def _spec(self, row: InboxMessage) -> MessageSpec:
        spec = incoming(row.number)
        if spec is None:
            raise _not_ours(row)
        return spec

    def _flow(self, row: InboxMessage) -> Flow[Any]:
        flow = self.flows.get(row.number)
        if flow is None:
            raise _not_ours(row)
        return flow


async def look(tx: Transaction, message_id: int) -> InboxMessage:
    """A message of the inbox. Raises SettlementRefused: there is none."""
    row = await inbox.get(tx, message_id)
    if row is None:
        raise _missing()
    return row


async def exported(tx: Transaction, message_id: int, what: str, acting: Acting) -> None:
    """Write down that somebody took a voucher out of the books, `what` of it."""
    _check_all_units(acting)
    row = await look(tx, message_id)
    await inbox.act(
        tx,
        InboxEntry(
            id=0, inbox_id=row.id, action="export", actor=acting.name, reason=what, at=acting.at
        ),
    )
    await _journal(tx, row, acting, "exported", {"what": what})


async def drop(tx: Transaction, message_id: int, reason: str, acting: Acting) -> InboxMessage:
    """Decide that nothing is done about a message. Raises SettlementRefused."""
    check_reason(reason)
    _check_all_units(acting)
    row = await _open(tx, message_id, "new", "proposed")
    await inbox.act(
        tx,
        InboxEntry(
            id=0, inbox_id=row.id, action="drop", actor=acting.name, reason=reason, at=acting.at
        ),
    )
    await inbox.dropped(tx, row.id, reason=reason, at=acting.at)
    await _journal(tx, row, acting, "dropped", {"reason": reason})
    return await look(tx, row.id)


async def _open(tx: Transaction, message_id: int, *states: inbox.InboxState) -> InboxMessage:
    """A message in one of these states, locked."""
    row = await inbox.get(tx, message_id, lock=True)
    if row is None:
        raise _missing()
    if row.state not in states:
        raise SettlementRefused(
            f"it is {row.state}", f"only what is {' or '.join(states)} can be {_DONE[states]}"
        )
    return row


_DONE: Final[Mapping[tuple[str, ...], str]] = {
    ("proposed",): "accepted",
    ("new", "proposed"): "corrected or dropped",
}


async def _journal(
    tx: Transaction,
    row: InboxMessage,
    acting: Acting,
    what: str,
    facts: Mapping[str, journal.Fact],
) -> None:
    await journal.append(
        tx,
        at=acting.at,
        kind=f"inbox.{what}",
        subject=f"inbox:{row.id}",
        actor=acting.name,
        facts={"peer": row.peer, "number": row.number, **facts},
    )


async def _check_unit(tx: Transaction, message: Voucher, acting: Acting) -> None:
    """An operator of some units acts on messages about their bills only."""
    if not acting.units:
        return
    bill = await bills.get(tx, str(vars(message).get("PayCode", "")))
    if bill is None:
        _check_all_units(acting)
    else:
        check_scope(bill, acting)


def _check_all_units(acting: Acting) -> None:
    if acting.units:
        raise SettlementRefused(
            f"{acting.name} may act for some units only",
            "name an operator of all units",
            wrong_input=True,
        )


def _parse(data: bytes, charset: str) -> etree._Element:
    """The root of a voucher that a person wrote, in the encoding that it declares.

    Without a declaration it is UTF-8 where it can be nothing else, or else in the peer's charset:
    characters below U+0800 may as well be two bytes of GBK.
    """
    encoding = charset
    if not data.startswith(_DECLARED) and not data.isascii():
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if any("\x7f" < character < "\u0800" for character in text):
                raise _unfit("it does not declare its encoding")
            encoding = "UTF-8"
    return parse_xml(data, default_encoding=encoding)


def _said(answer: Answer) -> tuple[str, str]:
    """Result and information of an answer; one that has no result is a success."""
    fields = vars(answer.message)
    return str(fields.get("Result", Result.SUCCESS.value)), str(fields.get("Information", ""))


def _unfit(what: str) -> SettlementRefused:
    return SettlementRefused(what, "correct the voucher", wrong_input=True)


def _sealed() -> SettlementRefused:
    return SettlementRefused("it was sealed under another master key", "see [secrets] master_key")


def _missing() -> SettlementRefused:
    return SettlementRefused(
        "there is no such message", "see `nontax inbox list`", wrong_input=True
    )


def _not_ours(row: InboxMessage) -> SettlementRefused:
    return SettlementRefused(f"this gateway does not process {row.number}", "see `nontax spec`")
