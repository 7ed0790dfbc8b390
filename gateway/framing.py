"""Frames that this node writes: head, voucher, MAC (spec: wire, sections 2-4)."""

from __future__ import annotations

from ..codecs import Head, RemoteProtocolError, encode_frame, write_envelope
from ..mac import Secret
from ..messages.codes import Result
from ..messages.common import FinanceAnswer
from ..messages.record import Voucher
from .clock import Clock
from .identifiers import MessageIds
from .peers import Peer

UNKNOWN_NODE = "UNKNOWN"
# The width of an unknown node's MAC field (spec: wire, section 7).
DEFAULT_WIDTH = 64
_NO_NUMBER = "0000"


class FrameWriter:
    """Writes this node's frames."""

    def __init__(self, node: str, region: str, ids: MessageIds, clock: Clock) -> None:
        self._node = node
        self._region = region
        self._ids = ids
        self._clock = clock

    def next_id(self) -> str:
        """A message id that no other frame of this node has."""
        return self._ids.next()

    def answer(
        self, message: Voucher, peer: Peer, token: Secret, msg_ref: str, region: str = ""
    ) -> bytes:
        """An answer to a known peer. LocalProtocolError: its charset cannot carry a character."""
        return self.message(
            message.SPEC.number,
            message.write(),
            peer=peer,
            token=token,
            msg_id=self.next_id(),
            msg_ref=msg_ref,
            region=region,
        )

    def message(
        self,
        number: str,
        voucher_xml: str,
        *,
        peer: Peer,
        token: Secret,
        msg_id: str,
        msg_ref: str,
        region: str = "",
    ) -> bytes:
        """A frame to a peer, MACed with TOKEN."""
        head = self._head(number, peer.code, msg_id, msg_ref)
        body = write_envelope(
            head,
            voucher_xml,
            charset=peer.charset,
            adm_div_code=region or self._region,
            st_year=head.work_date[:4],
        )
        mac = peer.algorithm.compute(token.expose().encode(), body)
        return encode_frame(number, body, mac, width=peer.mac_width)

    def unsigned(
        self,
        ori_number: str,
        result: Result,
        information: str,
        *,
        des: str,
        msg_ref: str,
        width: int,
    ) -> bytes:
        """A 5001 whose MAC field is blank: to whoever is not, or not yet, authenticated."""
        msg_id = self.next_id()
        answer = FinanceAnswer(OriMsgNo=ori_number, Result=result.value, Information=information)
        head = self._head("5001", des, msg_id, msg_ref or msg_id)
        body = write_envelope(
            head,
            answer.write(),
            charset="GBK",
            adm_div_code=self._region,
            st_year=head.work_date[:4],
        )
        return encode_frame("5001", body, "", width=width)

    def unreadable(self, error: RemoteProtocolError) -> bytes:
        """The answer to bytes that are no frame or no envelope."""
        return self.unsigned(
            error.number or _NO_NUMBER,
            Result.BAD_PARAMETER,
            error.information,
            des=UNKNOWN_NODE,
            msg_ref="",
            width=DEFAULT_WIDTH,
        )

    def busy(self, ori_number: str | None = None) -> bytes:
        """The answer 10006 to a connection or frame whose sender was not looked at."""
        return self.unsigned(
            ori_number or _NO_NUMBER,
            Result.BUSY,
            "系统忙,请稍后重发",
            des=UNKNOWN_NODE,
            msg_ref="",
            width=DEFAULT_WIDTH,
        )

    def _head(self, number: str, des: str, msg_id: str, msg_ref: str) -> Head:
        return Head(
            src=self._node,
            des=des,
            msg_no=number,
            msg_id=msg_id,
            # A request whose HEAD was wrong may have none to echo.
            msg_ref=msg_ref or msg_id,
            work_date=self._clock.today(),
        )
