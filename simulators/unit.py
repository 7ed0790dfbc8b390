"""A unit's own billing system (单位自建系统): bills made and voided, queries, payments told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..codecs import format_yuan
from ..messages import Voucher
from ..messages.confirm import PaymentNotice
from ..messages.query import UnitBillDue, UnitBillQuery
from ..messages.unit import UnitBill
from .executing import SUCCESS
from .identity import Received
from .peer import Node


@dataclass(frozen=True, slots=True)
class Account:
    """The fiscal account that the unit prints on its bills."""

    number: str = "32001000000000000018"
    name: str = "示例市财政局"
    bank: str = "中国建设银行示例支行"
    bank_no: str = "0105"


@dataclass(frozen=True, slots=True)
class Charge:
    """One item of a bill; amt in fen."""

    code: str
    name: str
    amt: int
    unit: str = "次"
    quantity: str = "1"


class UnitSystem:
    """A unit's node. Pay codes carry its own assigning part and no check digit, as observed."""

    assigner = "300"

    def __init__(
        self,
        node: Node,
        unit_code: str,
        unit_name: str,
        *,
        account: Account | None = None,
    ) -> None:
        self.node = node
        self.unit_code = unit_code
        self.unit_name = unit_name
        self.account = account or Account()
        self.bills: dict[str, UnitBill] = {}
        """Bills that the gateway took, by pay code."""
        self.paid: dict[str, PaymentNotice] = {}
        """Payments that were told by 5996, by pay code."""
        self._serial = 0
        node.handlers["5996"] = self._payment_told

    # -- bills -----------------------------------------------------------------------------

    def skip_serials_to(self, number: int) -> None:
        """Begin above a number: what an earlier run of this node used must not come again."""
        self._serial = max(self._serial, number)

    def next_pay_code(self) -> str:
        """A pay code (缴款识别码) of this unit: region, year, assigning part, serial, and a 1."""
        self._serial += 1
        identity = self.node.identity
        year = identity.clock().strftime("%y")
        return f"{identity.region}{year}{self.assigner}{self._serial:08d}1"

    def make(
        self,
        payer: str,
        charges: Sequence[Charge],
        *,
        mobile: str = "13000000000",
        check_code: str = "",
        notify: bool = True,
        pay_code: str = "",
    ) -> UnitBill:
        """A bill (8994) that is not sent yet. Raises LocalProtocolError."""
        amt = sum(charge.amt for charge in charges)
        account = self.account
        entries = (
            f"{c.code}|{c.name}|{format_yuan(c.amt)}|{c.unit}|{c.quantity}|不限制|0.0-0.0#"
            for c in charges
        )
        return UnitBill(
            AdmDivCode=self.node.identity.region,
            PayCode=pay_code or self.next_pay_code(),
            BillDate=self.node.identity.clock().strftime("%Y%m%d"),
            ChgAgenCode=self.unit_code,
            ChgAgenName=self.unit_name,
            PayerName=payer,
            Amt=amt,
            OriAmt=amt,
            DelayAmt=0,
            PayStats="0",
            RecAcctType="1",
            RecName=account.name,
            RecAcct=account.number,
            RecAcctReal=account.number,
            RecOpBk=account.bank,
            RecBankNo=account.bank_no,
            IsInterBank="0",
            PayInfo="".join(entries),
            CrcCode=check_code,
            MobilePhone=mobile,
            OperatorName="op1",
            Hold1="Y" if notify else "",
        )

    async def send(self, bill: UnitBill) -> Received:
        """Send a bill; success carries the payment URL in Information. Raises NoAnswerError."""
        answer = await self.node.ask(bill)
        if answer.result == SUCCESS:
            self.bills[bill.PayCode] = bill
        return answer

    async def void(self, bill: UnitBill) -> Received:
        """Void a bill: the same again with PayStats 2. Raises NoAnswerError."""
        return await self.node.ask(bill.model_copy(update={"PayStats": "2"}))

    async def query(self, pay_code: str, check_code: str = "") -> Received:
        """Ask what is due (8997); the message is 5997 or a general answer."""
        return await self.node.ask(UnitBillQuery(PayCode=pay_code, PayMode="1", Hold1=check_code))

    @staticmethod
    def due(answer: Received) -> UnitBillDue | None:
        """The 5997 of an answer, None when the query was refused."""
        return answer.message if isinstance(answer.message, UnitBillDue) else None

    # -- what the gateway sends ------------------------------------------------------------

    def _payment_told(self, request: Received) -> Voucher:
        """5996: remembered once; what comes again changes nothing."""
        notice = request.message
        assert isinstance(notice, PaymentNotice)  # noqa: S101 - registered for 5996 only
        self.paid.setdefault(notice.PayCode, notice)
        return self.node.identity.general("5996", SUCCESS)


__all__ = ["Account", "Charge", "UnitSystem"]
