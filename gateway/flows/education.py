"""School bills of a payer: 2698 → 5698 and 2697 → 5697 (spec: business, section 10)."""

from __future__ import annotations

from typing import ClassVar

from ...messages.codes import Result
from ...messages.education import (
    SchoolBill,
    SchoolBillQuery,
    SchoolBills,
    SchoolBills2697,
)
from ..collection.accounts import recipient
from ..collection.lookups import Lookups
from ..store import bills
from ..store.protocol import Transaction
from .base import Answer, Decision, Flow, Request
from .query import due_fields, is_expired, may_ask

# A payer has a handful of school bills; a longer answer would only serve a collector of data.
MOST_BILLS = 100


class QuerySchoolBills(Flow[SchoolBillQuery]):
    """2698: unpaid bills flagged as education, by mobile or identity number, exactly matching.

    Where both keys are given both must match: the answer shows a child's school fees.
    """

    number = "2698"
    writes = False
    answer_model: ClassVar[type[SchoolBills | SchoolBills2697]] = SchoolBills

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def validate(self, request: Request, message: SchoolBillQuery) -> Answer | None:
        del request
        if not message.MobilePhone and not message.PayerCreditCode:
            return Answer(self.answer_model(Result=Result.FAILURE.value))
        return None

    async def decide(self, tx: Transaction, request: Request, message: SchoolBillQuery) -> Decision:
        found = await bills.school_bills(
            tx,
            mobile=message.MobilePhone,
            id_number=message.PayerCreditCode,
            limit=MOST_BILLS,
        )
        bank = request.peer.bank_code or ""
        regions = request.peer.regions if may_ask(request.peer) else frozenset()
        shown: list[SchoolBill] = []
        region = ""
        for bill in found:
            if bill.region not in regions or is_expired(bill, request.today):
                continue
            now = request.now_ms
            if not await self._lookups.bank_may_collect(tx, bill.unit_code, bank, now):
                continue
            accounts = await self._lookups.accounts(tx, bill.region, request.today, now)
            to = await recipient(tx, bill, bank, accounts)
            # One answer names one region: that of the first bill.
            if to is None or bill.region != (region or bill.region):
                continue
            region = bill.region
            fields = due_fields(bill, to)
            del fields["AdmDivCode"]
            shown.append(SchoolBill(**fields))
        answer = self.answer_model(
            Result=Result.SUCCESS.value, AdmDivCode=region, BillList=tuple(shown)
        )
        return Decision(Answer(answer), region=region)


class QuerySchoolBills2697(QuerySchoolBills):
    """2697: the same under the documents' other number."""

    number = "2697"
    answer_model = SchoolBills2697
