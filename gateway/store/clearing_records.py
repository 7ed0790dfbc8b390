"""Rows of clearing (清分) as frozen records, their fields in the order of the tables' columns.

Amounts are fen, instants milliseconds since 1970 UTC, dates ``yyyymmdd``, unknown text ''.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

InstructionState = Literal[
    "queued", "sent", "acknowledged", "succeeded", "failed", "partly", "unknown"
]
LineState = Literal["queued", "sent", "acknowledged", "succeeded", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Group:
    """A paying account (付款账户) of one collecting node and region; ``peer`` is instructed.

    ``acct_no`` is empty for a 科目 without an account. ``id`` 0: not yet written.
    """

    id: int
    node: str
    region: str
    peer: str
    acct_type: str
    acct_no: str
    acct_name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A payment (``refund_no`` '') or a refund of it (``amt`` below 0) in clearing; fen."""

    id: int
    group_id: int
    payment_id: int
    refund_no: str
    amt: int
    entered_at: int


@dataclass(frozen=True, slots=True)
class Part:
    """What a target gets of one item (``line`` of the payment): ``parts`` of 10,000, ``amt`` fen.

    ``instr_no`` '' and ``line_no`` 0: it waits.
    """

    entry_id: int
    seq: int
    group_id: int
    line: int
    item_code: str
    target: str
    parts: int
    amt: int
    instr_no: str = ""
    line_no: int = 0


@dataclass(frozen=True, slots=True)
class Instruction:
    """A clearing instruction (清分指令); ``run_date`` is the CfmDate that its run was for.

    ``resend_of`` is the instruction whose failed lines this one sends again, '' for none.
    """

    instr_no: str
    instr_date: str
    run_date: str
    node: str
    region: str
    peer: str
    acct_type: str
    acct_name: str
    acct_no: str
    total: int
    count: int
    state: InstructionState
    resend_of: str
    made_by: str
    created_at: int
    changed_at: int
    information: str = ""


@dataclass(frozen=True, slots=True)
class InstructionLine:
    """A line of an instruction: a target with its account as it was instructed.

    ``result`` is '' until 2614 told of the line. ``origin_instr`` and ``origin_line`` name the
    failed line that this one sends again.
    """

    instr_no: str
    line_no: int
    target: str
    level: str
    acct_type: str
    acct_no: str
    acct_name: str
    bank_name: str
    bank_no: str
    amt: int
    state: LineState
    result: str = ""
    information: str = field(default="", repr=False)
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""
    origin_instr: str = ""
    origin_line: int = 0


@dataclass(frozen=True, slots=True)
class LineResult:
    """What 2614 told of one line."""

    state: Literal["succeeded", "failed"]
    result: str
    information: str = ""
    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """What has gone into an instruction: payments, refunds, and the sum of their parts (fen)."""

    payments: int
    refunds: int
    amt: int
