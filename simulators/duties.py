"""What banks do on orders: share money out (5614), remit it (5618), debit payers (5604).

Each line or order moves money once, in the bank's own double-entry book; what cannot be moved is
told with the bank's reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ..messages import Voucher
from ..messages.clearing import (
    ClearingInstruction,
    ClearingLine,
    ClearingLineResult,
    ClearingResult,
)
from ..messages.debit import DebitRequest, DebitResult
from ..messages.remittance import Remittance, RemittanceResult
from .accounts import AccountError, Kind, Particulars
from .executing import FAILURE, SUCCESS, Duty, by
from .identity import Identity
from .ledger import Entry, Ledger
from .scenario import Behaviour
from .till import SUBJECT_TYPE, Till

DONE: Final = "交易成功"
DEBIT_MODE: Final = "3"
"""PayMode 划缴模式."""


class Stamp(NamedTuple):
    """The bank's own number and time of a movement; empty for one that was not made."""

    tra_no: str = ""
    tra_date: str = ""
    tra_time: str = ""


class Counter:
    """Makes stamps: the bank's next serial number at this instant."""

    def __init__(self, identity: Identity, next_serial: Callable[[], str]) -> None:
        self._identity = identity
        self._next_serial = next_serial

    def stamp(self) -> Stamp:
        """A new one."""
        now = self._identity.clock()
        return Stamp(self._next_serial(), now.strftime("%Y%m%d"), now.strftime("%H%M%S"))


def _refused(behaviour: Behaviour, line: int = 0) -> tuple[str, str] | None:
    """The script's result and text for a line (0: the whole order), None when it goes well."""
    if behaviour.result in (None, SUCCESS):
        return None
    if behaviour.lines and line not in behaviour.lines:
        return None
    return behaviour.result or FAILURE, behaviour.information or "交易失败"


class ClearingDuty:
    """5614, executed line by line; each line has its own result in 2614."""

    def __init__(self, till: Till, counter: Counter) -> None:
        self._till = till
        self._counter = counter

    def duty(self) -> Duty:
        """For the executor."""
        return Duty("5614", by("InstrNo"), self._check, self._carry_out)

    def _check(self, order: ClearingInstruction) -> str:
        lines = order.DetailList
        if order.Count != len(lines) or order.TotalAmt != sum(line.Amt for line in lines):
            return "笔数或总金额与明细不符"
        if len({line.LineNo for line in lines}) != len(lines):
            return "行号重复"
        return ""

    def _source(self, order: ClearingInstruction) -> str:
        if order.PayAcctType == SUBJECT_TYPE:
            return self._till.own(Kind.SUBJECT)
        return order.PayAcct

    def _carry_out(self, order: ClearingInstruction, behaviour: Behaviour) -> Voucher:
        results = tuple(self._line(order, line, behaviour) for line in order.DetailList)
        good = [result for result in results if result.Result == SUCCESS]
        return ClearingResult(
            InstrNo=order.InstrNo,
            TotalAmt=order.TotalAmt,
            SuccAmt=sum(result.Amt for result in good),
            SuccCount=len(good),
            FailCount=len(results) - len(good),
            DetailList=results,
        )

    def _line(
        self, order: ClearingInstruction, line: ClearingLine, behaviour: Behaviour
    ) -> ClearingLineResult:
        refused, stamp = _refused(behaviour, line.LineNo), Stamp()
        if refused is None:
            made = self._counter.stamp()
            reference = f"{order.InstrNo}/{line.LineNo}"
            try:
                self._till.banks.pay(
                    self._till.bank,
                    self._source(order),
                    line.RecAcct,
                    line.Amt,
                    what="cleared",
                    reference=reference,
                    particulars=Particulars(made.tra_no, batch_no=order.InstrNo),
                )
                stamp = made
            except AccountError as error:
                refused = FAILURE, error.chinese
        result, information = refused or (SUCCESS, DONE)
        return ClearingLineResult(
            LineNo=line.LineNo,
            Amt=line.Amt,
            Result=result,
            Information=information,
            TraNo=stamp.tra_no,
            TraDate=stamp.tra_date,
            TraTime=stamp.tra_time,
        )


class RemittanceDuty:
    """5618: the whole sum goes to the treasury's or the named account, or nothing."""

    def __init__(self, till: Till, counter: Counter) -> None:
        self._till = till
        self._counter = counter

    def duty(self) -> Duty:
        """For the executor."""
        return Duty("5618", by("RemitNo"), self._check, self._carry_out)

    def _check(self, order: Remittance) -> str:
        lines = order.DetailList
        if order.Count != len(lines) or order.TotalAmt != sum(line.Amt for line in lines):
            return "笔数或总金额与明细不符"
        return ""

    def _carry_out(self, order: Remittance, behaviour: Behaviour) -> Voucher:
        refused, stamp = _refused(behaviour), Stamp()
        if refused is None:
            made = self._counter.stamp()
            target = order.RecAcct or f"treasury:{order.TreCode}"
            if not order.RecAcct:
                self._till.banks.open("treasury", target, Kind.TREASURY)
            try:
                self._till.banks.pay(
                    self._till.bank,
                    order.PayAcct,
                    target,
                    order.TotalAmt,
                    what="remitted",
                    reference=order.RemitNo,
                    particulars=Particulars(made.tra_no),
                )
                stamp = made
            except AccountError as error:
                refused = FAILURE, error.chinese
        result, information = refused or (SUCCESS, DONE)
        return RemittanceResult(
            RemitNo=order.RemitNo,
            TotalAmt=order.TotalAmt,
            Result=result,
            Information=information,
            TraNo=stamp.tra_no,
            TraDate=stamp.tra_date,
            TraTime=stamp.tra_time,
        )


class DebitDuty:
    """5604: the payer's account is debited by protocol; the money is booked when 2607 was taken."""

    def __init__(self, ledger: Ledger, counter: Counter) -> None:
        self._ledger = ledger
        self._counter = counter

    def duty(self) -> Duty:
        """For the executor. A request has no number of its own: its MsgID stands for one."""
        return Duty(
            "5604",
            lambda request: request.head.msg_id,
            lambda _: "",
            self._carry_out,
            self._told,
        )

    def _carry_out(self, order: DebitRequest, behaviour: Behaviour) -> Voucher:
        refused = _refused(behaviour)
        result, information = refused or (SUCCESS, DONE)
        stamp = Stamp() if refused else self._counter.stamp()
        if not refused:
            self._ledger.take(
                Entry(
                    stamp.tra_date,
                    stamp.tra_no,
                    order.PayCode,
                    order.Amt,
                    DEBIT_MODE,
                    order.RecAcct,
                    acct_type=order.RecAcctType,
                    cfm_time=stamp.tra_time,
                    payer_name=order.PayerName,
                )
            )
        return DebitResult(
            PayCode=order.PayCode,
            PayerNo=order.PayerNo,
            ProtocolNo=order.ProtocolNo,
            Amt=order.Amt,
            PaidAmt=0 if refused else order.Amt,
            Result=result,
            Information=information,
            TraNo=stamp.tra_no,
            TraDate=stamp.tra_date,
            TraTime=stamp.tra_time,
        )

    def _told(self, _: DebitRequest, result: Voucher) -> None:
        if isinstance(result, DebitResult) and result.Result == SUCCESS:
            self._ledger.settle((result.TraDate, result.TraNo), SUCCESS)


__all__ = ["ClearingDuty", "Counter", "DebitDuty", "RemittanceDuty", "Stamp"]
