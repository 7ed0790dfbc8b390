"""Rows of the books as frozen records, their fields in the order of the tables' columns.

Amounts are fen, instants milliseconds since 1970 UTC, dates ``yyyymmdd`` ('' where open), flags 0
or 1, unknown text ''. Personal data stay out of every repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .entries import (
    Account,
    Bank,
    BillKind,
    ClearingBank,
    Item,
    Outlet,
    Region,
    Share,
    Target,
    Treasury,
    Unit,
    UnitItem,
    VirtualAccount,
    VirtualPool,
)

__all__ = [
    "Account",
    "ArchivedMessage",
    "Bank",
    "Bill",
    "BillItem",
    "BillKind",
    "BillSource",
    "BillState",
    "Channel",
    "ClearingBank",
    "ConfirmationRow",
    "Item",
    "JournalEntry",
    "Operator",
    "OutboxMessage",
    "OutboxState",
    "Outlet",
    "PaidFrom",
    "Payment",
    "Receiver",
    "Refund",
    "RefundState",
    "Region",
    "Share",
    "Target",
    "TokenRow",
    "Treasury",
    "Unit",
    "UnitItem",
    "VirtualAccount",
    "VirtualPool",
]

BillState = Literal["unpaid", "paid", "confirmed", "void"]
BillSource = Literal["8994", "8995", "import", "cli"]
Channel = Literal["2612", "2607", "2616", "claim", "repair"]
RefundState = Literal[
    "requested",
    "approved",
    "queued",
    "sent",
    "acknowledged",
    "succeeded",
    "failed",
    "unknown",
    "rejected",
]
Receiver = Literal["payer", "unit"]
PaidFrom = Literal["collection", "reserve", "treasury"]
OutboxState = Literal[
    "queued",
    "sent",
    "acknowledged",
    "succeeded",
    "failed",
    "partly",
    "unknown",
    "dead",
    "dropped",
    "expired",
]


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill (缴款书): what 8994, 8995 and imports bring and 5603, 5997 and 5954 tell.

    ``is_inter_bank`` is '' when the bill has no account of its own. ``notify`` 1 asks for 5996 to
    ``notify_node``. ``maker`` is a node's code or an operator's name. ``content_digest`` decides
    whether a repeated bill has the same content.
    """

    pay_code: str
    region: str
    bill_date: str
    unit_code: str
    unit_name: str
    payer_name: str = field(repr=False)
    amt: int
    ori_amt: int
    delay_amt: int
    source: BillSource
    maker: str
    created_at: int
    changed_at: int
    state: BillState = "unpaid"
    payer_type: str = ""
    payer_acct: str = field(default="", repr=False)
    payer_op_bk: str = field(default="", repr=False)
    rec_acct_type: str = ""
    rec_name: str = field(default="", repr=False)
    rec_acct: str = field(default="", repr=False)
    rec_acct_real: str = field(default="", repr=False)
    rec_op_bk: str = ""
    rec_bank_no: str = ""
    is_inter_bank: str = ""
    pay_info: str = field(default="", repr=False)
    memo: str = field(default="", repr=False)
    crc_code: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    payer_credit_code: str = field(default="", repr=False)
    rec_credit_code: str = field(default="", repr=False)
    operator_code: str = ""
    operator_name: str = field(default="", repr=False)
    expiry_date: str = ""
    virtual_acct: str = field(default="", repr=False)
    face_to_face: int = 0
    notify: int = 0
    notify_node: str = ""
    content_digest: str = field(default="", repr=False)
    bill_type_code: str = ""
    bill_ver_code: str = ""
    bill_no: str = ""
    education: int = 0
    student: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)
    school: str = field(default="", repr=False)
    class_name: str = field(default="", repr=False)
    hold1: str = field(default="", repr=False)
    hold2: str = field(default="", repr=False)


class BillFace(NamedTuple):
    """What a query and a confirmation need of a bill: its printed side and its state.

    Read many times for every time that a bill is made, so half the columns and a plain tuple.
    """

    pay_code: str
    region: str
    bill_date: str
    unit_code: str
    unit_name: str
    payer_name: str
    amt: int
    ori_amt: int
    delay_amt: int
    state: BillState
    payer_acct: str
    payer_op_bk: str
    rec_acct_type: str
    rec_name: str
    rec_acct: str
    rec_acct_real: str
    rec_op_bk: str
    rec_bank_no: str
    is_inter_bank: str
    pay_info: str
    memo: str
    crc_code: str
    expiry_date: str
    virtual_acct: str
    notify: int
    notify_node: str

    def __repr__(self) -> str:
        return f"BillFace({self.pay_code}, {self.state})"


@dataclass(frozen=True, slots=True)
class BillItem:
    """One item (收入项目) of a bill; ``line`` counts from 1, ``quantity`` is a decimal as text."""

    pay_code: str
    line: int
    code: str
    name: str
    amt: int
    unit: str = ""
    quantity: str = ""
    standard_type: str = ""
    standard: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment (缴款), by whatever message it came; identity (src, cfm_date, tra_no_bus).

    ``duplicate`` 1: the bill was paid already, the money stands on 待退付. ``after_expiry`` and
    ``before_bill`` flag what was accepted although the dates do not fit. ``id`` 0: not yet written.
    """

    id: int
    src: str
    cfm_date: str
    tra_no_bus: str
    pay_code: str
    amt: int
    pay_mode: str
    rec_acct_type: str
    rec_acct: str = field(repr=False)
    channel: Channel
    received_at: int
    cfm_time: str = ""
    bank_outlet: str = ""
    operator: str = field(default="", repr=False)
    payer_name: str = field(default="", repr=False)
    payer_acct: str = field(default="", repr=False)
    payer_op_bk: str = field(default="", repr=False)
    payer_op_bk_no: str = field(default="", repr=False)
    duplicate: int = 0
    after_expiry: int = 0
    before_bill: int = 0


@dataclass(frozen=True, slots=True)
class ConfirmationRow:
    """A judged 2612 with the answer it got; ``payment_id`` of an accepted one. ``id`` 0: new."""

    id: int
    src: str
    cfm_date: str
    tra_no_bus: str
    pay_code: str
    amt: int
    pay_mode: str
    rec_acct_type: str
    rec_acct: str = field(repr=False)
    accepted: int
    result: str
    information: str
    payment_id: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund (退付) of one payment; kind 1 technical (技术性差错), 2 other. ``src`` pays back.

    ``paid_from`` reserve: money that has left the collection account is paid from the reserve
    (退付备用金) ``pay_acct``; treasury: by a treasury refund voucher, no 5617. ``decided_at`` 0: by
    nobody, or not yet.
    """

    refund_no: str
    kind: int
    payment_id: int
    pay_code: str
    src: str
    ori_tra_no_bus: str
    ori_cfm_date: str
    ori_amt: int
    amt: int
    state: RefundState
    created_at: int
    changed_at: int
    rec_name: str = field(default="", repr=False)
    rec_acct: str = field(default="", repr=False)
    rec_op_bk: str = field(default="", repr=False)
    rec_op_bk_no: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)
    requested_by: str = ""
    approved_by: str = ""
    result: str = ""
    information: str = ""
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""
    receiver: Receiver = "payer"
    paid_from: PaidFrom = "collection"
    pay_acct: str = field(default="", repr=False)
    pay_acct_name: str = ""
    decided_at: int = 0


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message to deliver; in order within (peer, lane). ``id`` 0: not yet written.

    ``voucher`` is the voucher's XML text; framing and MAC are made at each sending. ``money`` 1:
    the message moves money, so that giving up after it was ever sent leaves it ``unknown``.
    ``lease_owner`` '' and ``lease_until`` 0: nobody is delivering it.
    """

    id: int
    peer: str
    lane: str
    number: str
    interface: str
    subject: str
    msg_id: str
    voucher: str = field(repr=False)
    adm_div_code: str
    next_at: int
    expires_at: int
    created_at: int
    changed_at: int
    money: int = 0
    state: OutboxState = "queued"
    attempts: int = 0
    ever_sent: int = 0
    result_deadline: int | None = None
    lease_owner: str = ""
    lease_until: int = 0
    last_result: str = ""
    last_error: str = ""
    done_at: int | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One row of the hash-chained journal; ``facts`` is canonical JSON text."""

    seq: int
    at: int
    kind: str
    subject: str
    actor: str
    facts: str
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class ArchivedMessage:
    """A message that was received or sent; ``voucher`` has its secret fields sealed."""

    id: int
    direction: Literal["in", "out"]
    peer: str
    number: str
    msg_id: str
    msg_ref: str
    subject: str
    result: str
    at: int
    voucher: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A peer's token after 2003, sealed; ``confirmed_at`` None until a frame used the new one."""

    peer: str
    sealed_current: str = field(repr=False)
    sealed_previous: str = field(repr=False)
    changed_at: int
    confirmed_at: int | None
    version: int


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may run commands; ``roles`` and ``units`` are lists joined by commas.

    ``units`` '' means all. ``locked_until`` 0: not locked.
    """

    name: str
    roles: str
    units: str
    password_hash: str = field(repr=False)
    created_at: int
    changed_at: int
    must_change: int = 1
    enabled: int = 1
    failed_attempts: int = 0
    locked_until: int = 0
