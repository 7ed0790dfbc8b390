"""What a row of the day's payments is that does not simply agree: its kind, fields and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from enum import Enum, auto
from typing import Final, NamedTuple

from ..codecs import format_yuan
from .kinds import Kind
from .ports import BillView, PaymentLookups
from .sides import Difference, FieldDifference, OurPayment, PaymentLine

_FIELDS: Final = {
    "PayCode": ("缴款码", Kind.PAY_CODE),
    "Amt": ("金额", Kind.AMOUNT),
    "RecAcct": ("收款账号", Kind.ACCOUNT),
    "CfmDate": ("缴款日期", Kind.DATE),
    "TraNoBus": ("流水号", Kind.NUMBER),
    "PayMode": ("收款渠道", Kind.CHANNEL),
}
"""Tags that are compared, the gravest first: the name of each, and the kind it makes a row."""


AWAITED: Final = "该缴款码另有财政缴款,其渠道对账单未送达"
"""Why a line waits for a list that has not come."""


class Repeated(Enum):
    """Whether the list has more than one line of a flow number."""

    NO = auto()
    LINE = auto()  # another one of the same pay code: this one is too much
    NUMBER = auto()  # others of other pay codes: which of them has the identity, nobody knows


class Leftover(NamedTuple):
    """A line that has found no partner of its flow number."""

    line: PaymentLine
    repeated: Repeated

    @property
    def may_pair(self) -> bool:
        """Whether it may still be paired by its pay code."""
        return not self.line.fault and self.repeated is not Repeated.LINE


class LineKeys:
    """Keys for lines that belong to nothing of ours, from what they say, not from where they stand.

    Equal ones are numbered; they must come in an order that depends on their values alone.
    """

    def __init__(self) -> None:
        """No key given yet."""
        self._given: Counter[tuple[str, str]] = Counter()

    def key(self, scope: str, amt: int, pay_code: str, tra_no: str) -> str:
        """The next key for a line of these values."""
        said = f"{amt}:{pay_code}:{tra_no}"
        self._given[scope, said] += 1
        return f"line:{self._given[scope, said]}:{said}"


def difference_of_pair(payment: OurPayment, line: PaymentLine) -> Difference | None:
    """All fields in which a payment and its line differ, None when they agree."""
    if payment[3:] == line[4:9] and payment.tra_no == line.tra_no:
        return None
    found = []
    if payment.pay_code != line.pay_code:
        found.append(FieldDifference("PayCode", payment.pay_code, line.pay_code))
    if payment.amt != line.amt:
        found.append(FieldDifference("Amt", format_yuan(payment.amt), format_yuan(line.amt)))
    if line.rec_acct and payment.rec_acct != line.rec_acct:
        found.append(FieldDifference("RecAcct", payment.rec_acct, line.rec_acct))
    if payment.cfm_date != line.cfm_date:
        found.append(FieldDifference("CfmDate", payment.cfm_date, line.cfm_date))
    if payment.tra_no != line.tra_no:
        found.append(FieldDifference("TraNoBus", payment.tra_no, line.tra_no))
    if payment.pay_mode != line.pay_mode:
        found.append(FieldDifference("PayMode", payment.pay_mode, line.pay_mode))
    if not found:
        return None
    return Difference(
        _FIELDS[found[0].tag][1],
        "2555",
        line.pay_mode,
        f"payment:{payment.payment_id}",
        pay_code=payment.pay_code,
        tra_no=payment.tra_no,
        ours_amt=payment.amt,
        theirs_amt=line.amt,
        fields=tuple(found),
        reason=";".join(_told(one) for one in found),
        payment_id=payment.payment_id,
        line=line.ref,
    )


def _told(field: FieldDifference) -> str:
    return f"{_FIELDS[field.tag][0]}:财政{field.ours or '空'},银行{field.theirs or '空'}"


class _Verdict(NamedTuple):
    """What a line is: its kind, why, and what it is compared with."""

    kind: Kind
    reason: str
    fields: tuple[FieldDifference, ...] = ()
    payment: OurPayment | None = None


class Judge:
    """Finds out what rows without a partner are.

    `disputed`: pay codes of our payments that are missing in the list. A line of such a bill may be
    that very payment, told wrongly; to book it as a second one would return money that came once.
    """

    def __init__(self, look: PaymentLookups, check_date: str, disputed: AbstractSet[str]) -> None:
        """Judge rows of one day."""
        self._look = look
        self._date = check_date
        self._disputed = disputed
        self._keys = LineKeys()

    async def payment(self, payment: OurPayment) -> Difference:
        """Our payment that no line tells of."""
        listed = await self._look.listed_elsewhere(payment)
        verdict = _Verdict(Kind.OURS_ONLY, "财政有此缴款,对账单中没有")
        if listed:
            moved = FieldDifference("CheckDate", payment.cfm_date, listed)
            verdict = _Verdict(Kind.DATE, _moved(moved), (moved,))
        return Difference(
            verdict.kind,
            "2555",
            payment.pay_mode,
            f"payment:{payment.payment_id}",
            pay_code=payment.pay_code,
            tra_no=payment.tra_no,
            ours_amt=payment.amt,
            fields=verdict.fields,
            reason=verdict.reason,
            payment_id=payment.payment_id,
        )

    async def line(self, leftover: Leftover) -> Difference:
        """A line that tells of none of our payments of the day."""
        line, repeated = leftover
        verdict = await self._verdict(line, repeated)
        why = [verdict.reason]
        if repeated is Repeated.NUMBER:
            why.append("同一流水号在对账单中用于不同缴款码")
        if line.pay_code in self._disputed and verdict.kind is not Kind.MALFORMED:
            why.append("该缴款码另有财政缴款未被列出")
        elif verdict.kind is not Kind.MALFORMED and await self._look.awaited(line):
            why.append(AWAITED)
        payment = verdict.payment
        return Difference(
            verdict.kind,
            "2555",
            line.pay_mode,
            self._keys.key(line.pay_mode, line.amt, line.pay_code, line.tra_no),
            pay_code=line.pay_code,
            tra_no=line.tra_no,
            ours_amt=payment.amt if payment else None,
            theirs_amt=line.amt,
            fields=verdict.fields,
            reason=";".join(why),
            payment_id=payment.payment_id if payment else None,
            line=line.ref,
            held=len(why) > 1,
        )

    async def _verdict(self, line: PaymentLine, repeated: Repeated) -> _Verdict:
        if line.fault:
            return _Verdict(Kind.MALFORMED, line.fault)
        if repeated is Repeated.LINE:
            return _Verdict(Kind.DUPLICATE, "同一流水号、同一缴款码在对账单中重复")
        payment = await self._look.elsewhere(line)
        if payment is not None:
            return self._on_another_day(line, payment)
        if await self._look.refused(line):
            return _Verdict(Kind.REFUSED, "该笔缴款曾被财政拒绝,款项应已退还缴款人")
        return _of_bill(line, await self._look.bill(line))

    def _on_another_day(self, line: PaymentLine, payment: OurPayment) -> _Verdict:
        moved = FieldDifference("CheckDate", payment.cfm_date, self._date)
        fields = [moved]
        if payment.cfm_date != line.cfm_date:
            fields.append(FieldDifference("CfmDate", payment.cfm_date, line.cfm_date))
        if payment.tra_no != line.tra_no:
            fields.append(FieldDifference("TraNoBus", payment.tra_no, line.tra_no))
        return _Verdict(Kind.DATE, _moved(moved), tuple(fields), payment)


def _moved(day: FieldDifference) -> str:
    return f"财政记于{day.ours},银行列在{day.theirs}的对账单中"


def _of_bill(line: PaymentLine, bill: BillView | None) -> _Verdict:
    if bill is None:
        return _Verdict(Kind.BILL_UNKNOWN, "缴款书不存在")
    if bill.state == "void":
        return _Verdict(Kind.BILL_VOID, "缴款书已作废")
    if bill.state in {"paid", "confirmed"}:
        return _Verdict(Kind.BILL_PAID, "缴款书已由另一笔缴款缴清")
    if bill.amt != line.amt:
        amount = FieldDifference("Amt", format_yuan(bill.amt), format_yuan(line.amt))
        return _Verdict(
            Kind.BILL_AMOUNT, f"缴款书金额{amount.ours},银行金额{amount.theirs}", (amount,)
        )
    if not bill.account_accepted:
        return _Verdict(Kind.BILL_ACCOUNT, f"缴款书不收款至账号{line.rec_acct or '空'}")
    return _Verdict(Kind.BANK_ONLY, "银行有此缴款,财政没有")
