"""Frames that nobody should send, and a line to send them on: for tests of what is refused.

Everything here is made from bytes upwards, past the models that would refuse to make it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ..codecs import FrameDecoder, Head, RawFrame, open_envelope, parse_xml
from ..messages.common import FinanceAnswer
from .identity import Identity
from .link import Address

DECLARATION: Final = '<?xml version="1.0" encoding="GBK"?>'
QUERY: Final = "<Voucher><PayCode>32068226000000000019</PayCode><PayMode>11</PayMode></Voucher>"
CONFIRMATION: Final[Mapping[str, str]] = {
    "PayCode": "32068226000000000019", "CfmDate": "20260302", "CfmTime": "093000",
    "Amt": "80.00", "BankOutlet": "320682001", "Operator": "柜员01", "PayMode": "11",
    "TraNoBus": "T0000000001", "PayerName": "张三", "PayerAcct": "", "PayerOpBk": "",
    "PayerOpBkNo": "", "RecAcctType": "1", "RecAcct": "32001000000000000018",
    "Hold1": "", "Hold2": "",
}  # fmt: skip


def head(who: Identity, number: str = "2601", finance: str = "F320682", **changes: str) -> Head:
    """HEAD of a request, with some of its fields (src, des, ver …) changed."""
    return who.head(number, finance)._replace(**changes)


def document(head: Head, *vouchers: bytes, count: str = "", prolog: str = DECLARATION) -> bytes:
    """A CFX document; count: another VoucherCount; prolog: what stands before <CFX>."""
    fields = {
        "APP": head.app, "VER": head.ver, "SRC": head.src, "DES": head.des, "MsgNo": head.msg_no,
        "MsgID": head.msg_id, "MsgRef": head.msg_ref, "WorkDate": head.work_date,
    }  # fmt: skip
    texts = "".join(f"<{tag}>{text}</{tag}>" for tag, text in fields.items())
    bodies = b"".join(
        b"<VoucherBody><Voucher>%b</Voucher></VoucherBody>" % base64.b64encode(voucher)
        for voucher in vouchers
    )
    opening = (
        f"{prolog}<CFX><HEAD>{texts}<Reserve/></HEAD><MSG><MOF>"
        f"<VoucherCount>{count or len(vouchers)}</VoucherCount>"
    )
    return opening.encode("gbk") + bodies + b"</MOF></MSG></CFX>"


def frame(who: Identity, voucher: str = QUERY, number: str = "2601", **changes: str) -> bytes:
    """A frame that is good but for its voucher and what changes in HEAD."""
    body = document(head(who, number, **changes), voucher.encode("gbk"))
    return who.sealed(number, body)


def confirmation(who: Identity, **changes: str | None) -> bytes:
    """A 2612 with some fields changed; one whose value is None is left out."""
    values: dict[str, str | None] = {**CONFIRMATION, **changes}
    fields = "".join(f"<{tag}>{text}</{tag}>" for tag, text in values.items() if text is not None)
    return frame(who, f"<Voucher>{fields}</Voucher>", "2612")


@dataclass(frozen=True, slots=True)
class GeneralAnswer:
    """A 5001 as it came: HEAD, voucher, the document's bytes, the whole MAC field."""

    head: Head
    voucher: FinanceAnswer
    body: bytes
    mac: bytes

    @property
    def blank(self) -> bool:
        """Whether the MAC field is empty: the sender of the request is not known."""
        return not self.mac.strip(b" ")


def read_answers(data: bytes) -> list[GeneralAnswer]:
    """The answers of a stream, with nothing between and behind them.

    Raises RemoteProtocolError for what is no frame, AssertionError for what is no 5001.
    """
    decoder = FrameDecoder()
    decoder.receive_data(data)
    decoder.receive_eof()
    answers: list[GeneralAnswer] = []
    length = 0
    while isinstance(event := decoder.next_event(), RawFrame):
        # Not by the width of the MAC field: a blank one of 128 could be one of 64 as well.
        end = event.payload.rindex(b"</CFX>") + len(b"</CFX>")
        body, mac = event.payload[:end], event.payload[end:]
        envelope = open_envelope(body)
        if not envelope.head.msg_no == event.number == "5001":
            raise AssertionError(f"{event.number} is no general answer")
        voucher = FinanceAnswer.read(parse_xml(envelope.vouchers[0].decode()))
        answers.append(GeneralAnswer(envelope.head, voucher, body, mac))
        length += 23 + len(event.payload)
    if length != len(data):
        raise AssertionError(f"{len(data) - length} bytes stand between or behind the answers")
    return answers


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line to a gateway for bytes of any kind. identity: of a peer, by its code."""

    address: Address
    identity: Callable[[str], Identity]

    async def send(self, data: bytes, *, eof: bool = False, seconds: float = 20.0) -> bytes:
        """Send on a connection of its own and read to the end of the stream.

        eof: close the writing side behind the data. Raises TimeoutError, OSError.
        """
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(*self.address)
            try:
                writer.write(data)
                if eof:
                    writer.write_eof()
                return await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()

    async def one(self, data: bytes, *, eof: bool = False) -> GeneralAnswer:
        """Send, and return the one answer. Raises ValueError when there is another number."""
        [answer] = read_answers(await self.send(data, eof=eof))
        return answer
