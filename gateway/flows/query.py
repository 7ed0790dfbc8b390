"""Queries of what is due: 2601 → 5603 and 8997 → 5997 (spec: business, section 2)."""

from __future__ import annotations

from typing import Any, ClassVar

from ...messages.codes import Result
from ...messages.query import BillDue, BillQuery, UnitBillDue
from ..collection.accounts import NO_ACCOUNT, Recipient, recipient
from ..collection.lookups import Lookups
from ..collection.rules import ConfirmRules
from ..peers import Peer
from ..store import bills, queried
from ..store.protocol import Transaction
from ..store.records import Bill, BillFace
from .base import Answer, Decision, Flow, Request, general

# PayStats on the wire; a confirmed bill is a paid one there.
PAY_STATS = {"unpaid": "0", "paid": "1", "confirmed": "1", "void": "2"}


class QueryDue(Flow[BillQuery]):
    """2601 of banks and the platform; 8997 of units is the same with other numbers."""

    number = "2601"
    answer_model: ClassVar[type[BillDue]] = BillDue

    def __init__(self, rules: ConfirmRules, lookups: Lookups) -> None:
        self._lookups = lookups
        # A query leaves a trace only where confirmations are checked against it.
        self.writes = rules.notes_queries

    async def decide(self, tx: Transaction, request: Request, message: BillQuery) -> Decision:
        bill = await visible_bill(tx, request.peer, message.PayCode)
        if bill is None:
            return Decision(general(self.number, Result.NO_SUCH_BILL))
        if bill.crc_code and bill.crc_code != message.Hold1:
            return self._refuse(bill, Result.BAD_CHECK_CODE)
        if bill.state == "void":
            return self._refuse(bill, Result.BILL_VOID)
        bank = request.peer.bank_code or ""
        if bill.state == "unpaid":
            if is_expired(bill, request.today):
                return self._refuse(bill, Result.BILL_EXPIRED)
            now = request.now_ms
            if not await self._lookups.bank_may_collect(tx, bill.unit_code, bank, now):
                return self._refuse(bill, Result.BANK_NOT_ALLOWED)
        accounts = await self._lookups.accounts(tx, bill.region, request.today, request.now_ms)
        to = await recipient(tx, bill, bank, accounts)
        if to is None:
            if bank:
                return self._refuse(bill, Result.NO_ACCOUNT)
            to = NO_ACCOUNT
        if self.writes:
            await queried.note(tx, request.peer.code, bill.pay_code, request.today, request.now_ms)
        answer = Answer(self.answer_model(**due_fields(bill, to)))
        return Decision(answer, subject=bill.pay_code, region=bill.region)

    def _refuse(self, bill: BillFace, result: Result) -> Decision:
        return Decision(general(self.number, result), region=bill.region)


class UnitQueryDue(QueryDue):
    """8997 → 5997."""

    number = "8997"
    answer_model = UnitBillDue


async def visible_bill(
    tx: Transaction, peer: Peer, pay_code: str, *, lock: bool = False
) -> BillFace | None:
    """The bill, unless the peer may not ask for it: nobody can tell which.

    It may for its own regions, banks and the platform only where they collect.
    """
    if not may_ask(peer):
        return None
    bill = await bills.face(tx, pay_code, lock=lock)
    return bill if bill is not None and bill.region in peer.regions else None


def may_ask(peer: Peer) -> bool:
    """Whether a node may ask what is due: units always, others where they collect."""
    return peer.collects or peer.kind == "unit"


def is_expired(bill: Bill | BillFace, today: str) -> bool:
    """Whether the last day of the bill's validity is over. The whole ExpiryDate counts."""
    return bool(bill.expiry_date) and bill.expiry_date < today


def due_fields(bill: Bill | BillFace, to: Recipient) -> dict[str, Any]:
    """What is due, by the tags of 5603, 5997 and the bills of 5698."""
    return {
        "AdmDivCode": bill.region,
        "PayCode": bill.pay_code,
        "BillDate": bill.bill_date,
        "ChgAgenCode": bill.unit_code,
        "ChgAgenName": bill.unit_name,
        "PayerName": bill.payer_name,
        "PayerAcct": bill.payer_acct,
        "PayerOpBk": bill.payer_op_bk,
        "Amt": bill.amt,
        "OriAmt": bill.ori_amt,
        "DelayAmt": bill.delay_amt,
        "PayStats": PAY_STATS[bill.state],
        "RecAcctType": to.acct_type,
        "RecName": to.name,
        "RecAcct": to.acct,
        "RecOpBk": to.op_bk,
        "IsInterBank": to.is_inter_bank,
        "PayInfo": bill.pay_info,
        "Memo": bill.memo,
        "Hold1": to.bank_no,
        "Hold2": to.real_acct,
    }
