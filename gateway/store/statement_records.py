"""Records of statements (对账单): batches, packs, channels, lines. Amounts fen, dates yyyymmdd."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from ...reconcile.kinds import Statement

BatchState = Literal[
    "receiving", "complete", "failed", "reconciled", "replacing", "replaced", "dropped", "reopened"
]
Origin = Literal["message", "file"]
LIVING: Final[tuple[BatchState, ...]] = ("receiving", "complete", "failed", "reconciled")
USABLE: Final[tuple[BatchState, ...]] = ("complete", "failed", "reconciled")
"""Living, with all their packs: what a reconciliation reads."""
BESIDE: Final[tuple[BatchState, ...]] = ("replacing",)


@dataclass(frozen=True, slots=True)
class StatementBatch:
    """One batch; ``id`` 0: not yet written. ``scope`` is the PayMode of 2555, else the account.

    Balances are None unless the kind is 2556. ``lines`` and ``lines_amt`` are what its packs hold
    so far, ``digest`` '' until all of them are there. ``told`` is the digest of the result that its
    sender was told last.
    """

    id: int
    kind: Statement
    src: str
    check_date: str
    scope: str = field(repr=False)
    acct_type: str
    batch_no: str
    pack_count: int
    total_count: int
    total_amt: int
    begin_bal: int | None
    in_amt: int | None
    out_amt: int | None
    end_bal: int | None
    state: BatchState
    origin: Origin
    digest: str
    received_at: int
    changed_at: int
    lines: int = 0
    lines_amt: int = 0
    told: str = ""


@dataclass(frozen=True, slots=True)
class StatementPack:
    """One pack that has come; ``in_amt`` is the part of ``amt`` that came in (2556).

    ``resent`` 1: the same as the pack of the failed batch that is being replaced.
    """

    batch_id: int
    pack_no: int
    digest: str
    count: int
    amt: int
    in_amt: int
    received_at: int
    resent: int = 0


@dataclass(frozen=True, slots=True)
class ChannelTotal:
    """What a 2556 says of one channel; ``pack_no`` is the pack that said it first."""

    batch_id: int
    pack_no: int
    pay_mode: str
    in_amt: int
    out_amt: int


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A whole line of 2555."""

    src: str
    check_date: str
    tra_no: str
    batch_id: int
    pack_no: int
    line_no: int
    pay_code: str
    cfm_date: str
    cfm_time: str
    amt: int
    pay_mode: str
    payer_name: str = field(repr=False)
    payer_acct: str = field(repr=False)
    rec_acct_type: str
    rec_acct: str = field(repr=False)
    bank_outlet: str
    ref_batch_no: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FundsRow:
    """A whole line of 2557."""

    batch_id: int
    pack_no: int
    line_no: int
    tra_no: str
    pay_mode: str
    pay_code: str
    ref_batch_no: str
    rec_sub_acct: str = field(repr=False)
    amt: int
    add_word: str = field(repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class MovementRow:
    """A whole line of 2556; ``dc_flag`` 1 in, 2 out."""

    batch_id: int
    pack_no: int
    line_no: int
    tra_no: str
    dc_flag: str
    pay_mode: str
    amt: int
    opp_name: str = field(repr=False)
    opp_acct: str = field(repr=False)
    ref_batch_no: str
    add_word: str = field(repr=False)
    fault: str = ""


Line = tuple[str | int, ...]
"""The columns of a line's record that follow ``line_no``, with it, but without its batch and pack:
of 2555 (tra_no, line_no, pay_code, …), of 2557 and 2556 (line_no, tra_no, …)."""
