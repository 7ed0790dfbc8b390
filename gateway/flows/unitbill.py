"""Bills from units' own systems: 8994 and 8995 → 5001 (spec: business, section 1).

The pay code and its content come first: a repeated message gets its success again, whatever was
changed in the catalogue since. PayStats 2 voids. Success carries the payment URL.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, TypeVar
from urllib.parse import quote

from ...codecs import RemoteProtocolError
from ...codecs.paycode import check as check_pay_code
from ...messages import PayInfoEntry, Result, parse_pay_info
from ...messages.unit import UnitBill, UnitPaperBill
from ..collection.billrules import BillRules
from ..collection.bills import Making, create, difference
from ..collection.drafts import BillDraft, BillRefused, Fault
from ..collection.voiding import void
from ..config import Config
from ..einvoicing import paper
from ..settlement.acting import Acting
from ..store import bills, catalogue
from ..store.entries import Unit
from ..store.protocol import Transaction
from ..store.records import Bill
from .base import Answer, Decision, Flow, Request, general

VOID: Final = "2"
"""PayStats of a message that voids."""
NOTIFY: Final = "Y"
"""Hold1 of a message whose sender wants 5996."""

M = TypeVar("M", UnitBill, UnitPaperBill)


class _ReceiveBill(Flow[M]):
    """What 8994 and 8995 have in common."""

    source: ClassVar[Literal["8994", "8995"]]

    def __init__(self, config: Config) -> None:
        self._rules = BillRules(config)
        self._payment_url = config.collection.payment_url

    async def decide(self, tx: Transaction, request: Request, message: M) -> Decision:
        judge = self._void if message.PayStats == VOID else self._make
        decision = await judge(tx, request, message)
        if message.AdmDivCode not in request.peer.regions:
            return decision
        return decision._replace(region=message.AdmDivCode)

    async def _make(self, tx: Transaction, request: Request, message: M) -> Decision:
        """PayStats 0: a new bill, or one that the books have."""
        try:
            draft, malformed = _draft(message, parse_pay_info(message.PayInfo)), None
        except RemoteProtocolError as error:
            draft, malformed = _draft(message, ()), error
        stored = await bills.get(tx, message.PayCode)
        units = request.peer.units
        if stored is not None and (stored.maker == request.peer.code or stored.unit_code in units):
            return self._repeated(draft, stored)
        if message.ChgAgenCode not in units:
            return self._refused(Result.NO_UNIT_RIGHT, request)
        if malformed is not None:
            return self._refused(Result.BAD_PARAMETER, request, malformed.information)
        ours = message.AdmDivCode in self._rules.config.node.regions
        if ours and message.AdmDivCode not in request.peer.regions:
            text = f"AdmDivCode: 没有该区划的代收费权限(值 {message.AdmDivCode})"
            return self._refused(Result.NO_UNIT_RIGHT, request, text)
        refusal = await self._judge_paper(tx, request, message)
        if refusal is not None:
            return self._refused(refusal, request)
        making = Making(
            self.source, request.peer.code, request.now_ms, request.today, request.peer.code
        )
        try:
            await create(tx, [draft], self._rules, making)
        except BillRefused as refused:
            return self._first(refused.faults[0][1], request)
        await self._use_paper(tx, request, message)
        return Decision(
            self._success(draft.pay_code),
            archived=True,
            subject=draft.pay_code,
            wake=self._rules.told_of(draft.region),
            notes=self._notes(draft.pay_code),
        )

    async def _judge_paper(self, tx: Transaction, request: Request, message: M) -> Result | None:
        """What is wrong with kind and number of a paper bill (16001, 16002)."""
        del tx, request, message
        return None

    async def _use_paper(self, tx: Transaction, request: Request, message: M) -> None:
        """Note that the bill has its paper number now."""
        del tx, request, message

    def _repeated(self, draft: BillDraft, stored: Bill) -> Decision:
        """A pay code that the books have."""
        if stored.state == "void":
            answer = general(self.number, Result.BILL_VOID)
            return Decision(answer, subject=stored.pay_code)
        tag = difference(draft, stored)
        if tag:
            answer = general(self.number, Result.CONFLICT, f"{tag}: 与原缴款书内容不一致")
            return Decision(answer, subject=stored.pay_code)
        return Decision(self._success(stored.pay_code), replayed=True, subject=stored.pay_code)

    async def _void(self, tx: Transaction, request: Request, message: M) -> Decision:
        """PayStats 2: by pay code and unit; the rest of the message is not looked at."""
        if message.ChgAgenCode not in request.peer.units:
            return self._refused(Result.NO_UNIT_RIGHT, request)
        voided = await void(
            tx,
            message.PayCode,
            self._rules,
            actor=request.peer.code,
            at=request.now_ms,
            today=request.today,
            unit_code=message.ChgAgenCode,
        )
        answer = general(self.number, voided.result, voided.information or None)
        wake = self._rules.told_of(message.AdmDivCode) if voided.changed else ()
        return Decision(answer, archived=voided.changed, subject=message.PayCode, wake=wake)

    def _success(self, pay_code: str) -> Answer:
        url = self._payment_url.replace("{pay_code}", quote(pay_code, safe=""))
        return general(self.number, Result.SUCCESS, url)

    def _first(self, fault: Fault, request: Request) -> Decision:
        return self._refused(fault.result, request, fault.information)

    def _refused(self, result: Result, request: Request, text: str | None = None) -> Decision:
        return Decision(general(self.number, result, text), subject=request.head.msg_id)

    def _notes(self, pay_code: str) -> tuple[str, ...]:
        """A remark on a check digit that is only warned about."""
        try:
            warning = check_pay_code(pay_code, self._rules.policy)
        except RemoteProtocolError:  # judged before: cannot be
            return ()
        return (warning,) if warning else ()


class ReceiveUnitBill(_ReceiveBill[UnitBill]):
    """8994 输入模式电子缴款单信息: a bill made in a unit's own system."""

    number = "8994"
    source = "8994"


class ReceivePaperBill(_ReceiveBill[UnitPaperBill]):
    """8995 输入模式应缴票据信息: the same with a paper bill.

    The unit must hold the bill's kind (16001), and BillNo must lie unused in the paper stock that
    the unit draws on (16002); it is used with the bill, and void with it.
    """

    number = "8995"
    source = "8995"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._paper_stock = config.einvoice.paper_stock

    async def _judge_paper(
        self, tx: Transaction, request: Request, message: UnitPaperBill
    ) -> Result | None:
        unit = await catalogue.unit(tx, message.ChgAgenCode)
        if unit is None:
            return None  # the rules of bills refuse it
        if not may_use_kind(unit, message.BillTypeCode):
            return Result.NO_BILL_KIND_RIGHT
        if not self._paper_stock:
            return None
        wanted = _paper(message)
        found = await paper.unused_in_stock(tx, unit.code, wanted, request.today)
        return None if found else Result.NO_BILL_STOCK

    async def _use_paper(self, tx: Transaction, request: Request, message: UnitPaperBill) -> None:
        if not self._paper_stock:
            return
        unit, wanted = message.ChgAgenCode, _paper(message)
        numbers = await paper.unused_in_stock(tx, unit, wanted, request.today)
        if numbers is not None:  # judged before, in this transaction
            acting = Acting(request.peer.code, frozenset(), request.now_ms, request.today)
            used_by = paper.UsedBy("bill", unit, message.PayCode)
            await paper.use(tx, numbers, wanted.kind, used_by, acting)


def may_use_kind(unit: Unit, kind: str) -> bool:
    """Whether a unit holds a kind of bill (BillTypeCode)."""
    return bool(kind) and kind in unit.bill_kinds.split(",")


def _paper(message: UnitPaperBill) -> paper.PaperNumber:
    return paper.PaperNumber(message.BillTypeCode, message.BillVerCode, message.BillNo)


def _draft(message: UnitBill | UnitPaperBill, items: tuple[PayInfoEntry, ...]) -> BillDraft:
    """What the message asks for; texts as they came."""
    draft = BillDraft(
        region=message.AdmDivCode,
        bill_date=message.BillDate,
        unit_code=message.ChgAgenCode,
        payer_name=message.PayerName,
        amt=message.Amt,
        ori_amt=message.OriAmt,
        delay_amt=message.DelayAmt,
        items=items,
        pay_code=message.PayCode,
        unit_name=message.ChgAgenName,
        payer_acct=message.PayerAcct,
        payer_op_bk=message.PayerOpBk,
        rec_acct_type=message.RecAcctType,
        rec_name=message.RecName,
        rec_acct=message.RecAcct,
        rec_acct_real=message.RecAcctReal,
        rec_op_bk=message.RecOpBk,
        rec_bank_no=message.RecBankNo,
        is_inter_bank=message.IsInterBank,
        pay_info=message.PayInfo,
        memo=message.Memo,
        crc_code=message.CrcCode,
        mobile=message.MobilePhone,
        payer_credit_code=message.PayerCreditCode,
        rec_credit_code=message.RecCreditCode,
        operator_code=message.OperatorCode,
        operator_name=message.OperatorName,
        notify=int(message.Hold1 == NOTIFY),
        hold1=message.Hold1,
        hold2=message.Hold2,
    )
    if isinstance(message, UnitPaperBill):
        draft.bill_type_code = message.BillTypeCode
        draft.bill_ver_code = message.BillVerCode
        draft.bill_no = message.BillNo
    return draft
