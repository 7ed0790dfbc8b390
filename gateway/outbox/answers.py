"""Judging what a peer answered to a message of ours (spec: business, section 4; wire, section 7).

Pure. An answer counts only when its MAC verifies, it comes from the node that was asked, and it
names our message; everything else leaves the message unknown, to be sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...codecs import (
    Envelope,
    RawFrame,
    RemoteProtocolError,
    open_envelope,
    parse_xml,
    split_mac,
)
from ...mac import Secret, verify
from ...messages.common import BankAnswer
from ..peers import Peer

# General answers from banks, the platform and units. 4001 is a unit's own on some platforms.
ANSWER_NUMBERS: Final = frozenset({"2001", "4001", "8001"})
# No general answer is longer; whoever sends more is not answering.
MOST_ANSWER_BYTES: Final = 1024 * 1024


class Unusable(Exception):
    """An answer that proves nothing; the text has no values of the message."""

    def __init__(self, reason: str, *, bad_mac: bool = False) -> None:
        super().__init__(reason)
        self.bad_mac = bad_mac


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """An authentic answer to our message.

    `result` and `information` as the peer wrote them; `token` is the one its MAC verified under;
    `remarks` is what a lenient peer was forgiven.
    """

    result: str
    information: str
    token: Secret
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer has to fit: our node, our message."""

    node: str
    number: str
    msg_id: str


def read_answer(frame: RawFrame, asked: Asked, peer: Peer, tokens: Sequence[Secret]) -> PeerAnswer:
    """Read the general answer in FRAME; its MAC may verify under any of TOKENS.

    Raises Unusable.
    """
    body, token = _authentic(frame, peer, tokens)
    try:
        envelope = open_envelope(body, default_encoding=peer.charset)
        remarks = _check_head(frame, envelope, asked, peer)
        answer = BankAnswer.read(
            parse_xml(envelope.vouchers[0].decode(), default_encoding=peer.charset)
        )
    except RemoteProtocolError as error:
        raise Unusable(f"unreadable answer: {error}") from None
    if answer.OriMsgNo != asked.number:
        remarks += _forgive(peer, f"OriMsgNo {answer.OriMsgNo} instead of {asked.number}")
    return PeerAnswer(answer.Result, answer.Information, token, remarks)


def _authentic(frame: RawFrame, peer: Peer, tokens: Sequence[Secret]) -> tuple[bytes, Secret]:
    try:
        body, field = split_mac(frame.payload, peer.mac_width)
    except RemoteProtocolError:
        raise Unusable(
            f"the answer's MAC field is not {peer.mac_width} bytes wide", bad_mac=True
        ) from None
    for token in tokens:
        if verify(peer.algorithm, peer.mac_width, token.expose().encode(), body, field):
            return body, token
    # A peer that does not accept our own MAC says so with a blank field: it can prove nothing.
    reason = "the answer's MAC does not verify" if field.strip() else "the answer has no MAC"
    raise Unusable(reason, bad_mac=True)


def _check_head(frame: RawFrame, envelope: Envelope, asked: Asked, peer: Peer) -> tuple[str, ...]:
    head = envelope.head
    if len(envelope.vouchers) != 1:
        raise Unusable(f"the answer has {len(envelope.vouchers)} vouchers")
    number = head.msg_no
    if number != frame.number and not peer.trust_head_number:
        raise Unusable("the answer's header and HEAD name different message numbers")
    if number not in ANSWER_NUMBERS:
        raise Unusable(f"message {number} is no general answer")
    remarks: tuple[str, ...] = ()
    if head.src != peer.code:
        remarks += _forgive(peer, "SRC is not the node that was asked")
    if head.des != asked.node:
        remarks += _forgive(peer, "DES is not this node")
    if head.msg_ref != asked.msg_id:
        remarks += _forgive(peer, "MsgRef does not echo ours")
    return remarks


def _forgive(peer: Peer, what: str) -> tuple[str, ...]:
    """Note what is wrong with a lenient peer's answer; refuse everybody else's."""
    if not peer.lenient_msgref:
        raise Unusable(f"the answer's {what}")
    return (what,)
