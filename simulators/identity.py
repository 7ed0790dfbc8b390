"""Who a counterparty is: its code, token and MAC, and how its software writes and reads frames.

Written anew from the interface's text, on codecs, mac and messages alone: the counterparty and the
gateway share no code that frames, seals or answers.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final, Literal

from ..codecs import (
    Envelope,
    Head,
    LocalProtocolError,
    RawFrame,
    RemoteProtocolError,
    Rule,
    encode_frame,
    escape_xml,
    open_envelope,
    parse_xml,
    probe_mac_width,
    split_mac,
)
from ..mac import Algorithm, Secret, check_token, check_width, make_algorithm, verify
from ..messages import MessageSpec, Voucher, answer_to, find, incoming, read, spec_of, write
from ..messages.common import BankAnswer, FinanceAnswer, UnitAnswer

CIVIL: Final = timezone(timedelta(hours=8), "+08:00")
KINDS: Final = ("bank", "platform", "clearing", "unit", "finance")

Reads = Literal["frame", "once", "eof"]
Clock = Callable[[], datetime]


def civil_now() -> datetime:
    """The civil time, +08:00 whatever the machine's zone says."""
    return datetime.now(CIVIL)


@dataclass(frozen=True, slots=True)
class Habits:
    """What real software does otherwise than the written form says (all of it observed).

    whole_seconds: MsgID is the time in whole seconds and repeats within one.
    echoes_ref: an answer carries the request's MsgRef; without, its own MsgID.
    attributes: VoucherBody has its four attributes.
    trailing: bytes behind every frame.
    reads: an answer is complete with its `frame`, with what `once` read of 4,096 bytes gives, or
      only at `eof`.
    declared: the encoding that the outer document declares (its text is ASCII in any case).
    head_order: order of HEAD's children; anything may come first.
    """

    whole_seconds: bool = False
    echoes_ref: bool = True
    attributes: bool = True
    lower_case_mac: bool = False
    trailing: bytes = b""
    declared: str = "GBK"
    reads: Reads = "frame"
    head_order: tuple[str, ...] = (
        "VER", "SRC", "DES", "APP", "MsgNo", "MsgID", "MsgRef", "WorkDate", "Reserve",
    )  # fmt: skip


BANK_HABITS: Final = Habits()
PLATFORM_HABITS: Final = Habits(reads="eof")
UNIT_HABITS: Final = Habits(
    whole_seconds=True,
    echoes_ref=False,
    attributes=False,
    lower_case_mac=True,
    trailing=b"\n",
    reads="once",
    head_order=(
        "APP", "VER", "SRC", "DES", "MsgNo", "MsgID", "MsgRef", "WorkDate", "Reserve",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Received:
    """A frame that was read. message is None when its number is no message that we know.

    token: the one under which the MAC verified, None when it verified under none; blank_mac: the
    sender left the MAC field empty (it does not know us, or does not want to say).
    """

    head: Head
    message: Voucher | None
    token: Secret | None
    blank_mac: bool = False

    @property
    def mac_ok(self) -> bool:
        """Whether the MAC verified."""
        return self.token is not None

    @property
    def result(self) -> str:
        """The result code of an answer that has one, else an empty text."""
        return str(getattr(self.message, "Result", ""))

    @property
    def information(self) -> str:
        """The text of an answer that has one."""
        return str(getattr(self.message, "Information", ""))


@dataclass(slots=True)
class Identity:
    """One node of the network, as it and its one counterparty know it.

    After a token change `previous` is still good for what is in flight.

    Raises ValueError for an unknown kind and what `make_algorithm` raises.
    """

    code: str
    kind: str
    token: Secret
    algorithm: Algorithm
    width: int = 64
    charset: str = "GBK"
    region: str = "320682"
    habits: Habits = BANK_HABITS
    clock: Clock = civil_now
    previous: Secret | None = None
    _second: str = field(default="", init=False, repr=False)
    _count: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a kind that nobody knows."""
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}, not {self.kind!r}")

    @property
    def interface(self) -> str:
        """Which side of the interface this node is on: numbers are unique per side only."""
        return "unit" if self.kind == "unit" else "bank"

    @property
    def answer_number(self) -> str:
        """The number of this node's general answer."""
        return spec_of(self._general_model).number

    @property
    def _general_model(self) -> type[BankAnswer]:
        return {"unit": UnitAnswer, "finance": FinanceAnswer}.get(self.kind, BankAnswer)

    # -- writing ---------------------------------------------------------------------------

    def next_id(self) -> str:
        """A MsgID as this node's software makes it."""
        second = self.clock().strftime("%Y%m%d%H%M%S")
        if self.habits.whole_seconds:
            return second
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        return f"{second}{self._count:06d}"

    def head(self, number: str, des: str, *, msg_id: str = "", msg_ref: str = "") -> Head:
        """HEAD of a message; without msg_ref it is a request, whose MsgRef is its MsgID."""
        msg_id = msg_id or self.next_id()
        return Head(
            src=self.code,
            des=des,
            msg_no=number,
            msg_id=msg_id,
            msg_ref=msg_ref or msg_id,
            work_date=self.clock().strftime("%Y%m%d"),
        )

    def document(self, head: Head, *vouchers: str) -> bytes:
        """The CFX document with its vouchers (XML texts), in this node's own written form."""
        values = {
            "VER": head.ver, "SRC": head.src, "DES": head.des, "APP": head.app,
            "MsgNo": head.msg_no, "MsgID": head.msg_id, "MsgRef": head.msg_ref,
            "WorkDate": head.work_date, "Reserve": head.reserve,
        }  # fmt: skip
        fields = "".join(
            f"<{tag}>{escape_xml(values[tag])}</{tag}>" for tag in self.habits.head_order
        )
        attributes = ""
        if self.habits.attributes:
            attributes = (
                f' AdmDivCode="{self.region}" StYear="{head.work_date[:4]}"'
                f' VtCode="{head.msg_no}" VoucherNo="{head.msg_id}"'
            )
        bodies = "".join(
            f"<VoucherBody{attributes}><Voucher>"
            f"{base64.b64encode(self._encoded(text)).decode('ascii')}"
            f"</Voucher></VoucherBody>"
            for text in vouchers
        )
        return (
            f'<?xml version="1.0" encoding="{self.habits.declared}"?><CFX><HEAD>{fields}</HEAD>'
            f"<MSG><MOF><VoucherCount>{len(vouchers)}</VoucherCount>{bodies}</MOF></MSG></CFX>"
        ).encode("ascii")

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self.charset)
        except UnicodeEncodeError as error:
            character = text[error.start]
            raise LocalProtocolError(
                f"{self.charset} cannot carry {character!r}", character=character
            ) from None

    def sealed(self, number: str, body: bytes, token: Secret | None = None) -> bytes:
        """The frame around a document, with this node's MAC (under `token`, else the present)."""
        secret = (token or self.token).expose().encode("ascii")
        mac = self.algorithm.compute(secret, body)
        if self.habits.lower_case_mac:
            mac = mac.lower()
        return encode_frame(number, body, mac, width=self.width)

    def request(self, message: Voucher, des: str, *, msg_id: str = "", msg_ref: str = "") -> bytes:
        """The frame of a message that starts an exchange. Raises LocalProtocolError."""
        number = spec_of(message).number
        head = self.head(number, des, msg_id=msg_id, msg_ref=msg_ref)
        return self.sealed(number, self.document(head, write(message)))

    def answer(self, message: Voucher, to: Received, *, msg_ref: str = "") -> bytes:
        """The frame that answers `to`, under the token that the request verified under.

        msg_ref: another one than this node's habits give.
        """
        number = spec_of(message).number
        ref = to.head.msg_ref if self.habits.echoes_ref else ""
        head = self.head(number, to.head.src, msg_ref=msg_ref or ref)
        return self.sealed(number, self.document(head, write(message)), to.token)

    def general(self, ori_number: str, result: str, information: str = "") -> Voucher:
        """This node's general answer."""
        return self._general_model(OriMsgNo=ori_number, Result=result, Information=information)

    # -- reading ---------------------------------------------------------------------------

    def open(
        self,
        frame: RawFrame,
        *,
        answers: MessageSpec | None = None,
        tokens: Iterable[Secret] = (),
    ) -> Received:
        """Read a frame that came to this node; the MAC is judged, not enforced.

        answers: the message that it answers, None for a request. tokens: tried after the present
        and the previous one. Raises RemoteProtocolError for what cannot be read.
        """
        width = probe_mac_width(frame.payload)
        if width is None:
            raise RemoteProtocolError(Rule.BODY_END, number=frame.number)
        body, mac = split_mac(frame.payload, width)
        envelope = open_envelope(body)
        head = envelope.head
        if answers is not None:
            spec = answer_to(answers, head.msg_no)
        elif self.kind == "finance":
            spec = incoming(head.msg_no)
        else:
            spec = find(self.interface, head.msg_no)
        token = self._verified(body, mac, tokens)
        message = None if spec is None else self._voucher(spec, envelope)
        return Received(head, message, token, blank_mac=not mac.strip(b" "))

    def _voucher(self, spec: MessageSpec, envelope: Envelope) -> Voucher:
        if len(envelope.vouchers) != 1:
            raise RemoteProtocolError(Rule.COUNT_RANGE, tag="VoucherCount", minimum=1, maximum=1)
        data = envelope.vouchers[0].decode()
        return read(spec, parse_xml(data, default_encoding=self.charset))

    def _verified(self, body: bytes, mac: bytes, more: Iterable[Secret]) -> Secret | None:
        for token in (self.token, self.previous, *more):
            if token is not None and verify(
                self.algorithm, self.width, token.expose().encode("ascii"), body, mac
            ):
                return token
        return None


def make_identity(
    code: str,
    kind: str,
    token: str | Secret,
    algorithm: str = "sha256-token",
    width: int = 64,
    *,
    des_key: bytes | None = None,
    charset: str = "GBK",
    region: str = "320682",
    habits: Habits | None = None,
    clock: Clock = civil_now,
) -> Identity:
    """An identity from plain values; habits default to those of the node's kind.

    Raises ValueError for a width that cannot carry the MAC, for what is no token, and what
    `make_algorithm` and `Identity` raise.
    """
    check_width(algorithm, width)
    check_token(token.expose() if isinstance(token, Secret) else token)
    if habits is None:
        habits = {"unit": UNIT_HABITS, "platform": PLATFORM_HABITS}.get(kind, BANK_HABITS)
    return Identity(
        code=code,
        kind=kind,
        token=token if isinstance(token, Secret) else Secret(token),
        algorithm=make_algorithm(algorithm, des_key),
        width=width,
        charset=charset,
        region=region,
        habits=habits,
        clock=clock,
    )


__all__ = [
    "BANK_HABITS",
    "CIVIL",
    "PLATFORM_HABITS",
    "UNIT_HABITS",
    "Clock",
    "Habits",
    "Identity",
    "Reads",
    "Received",
    "civil_now",
    "make_identity",
]
