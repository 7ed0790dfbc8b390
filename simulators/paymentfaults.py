"""Faults of the lists of payments (2555)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from ..messages.statements import FundsLine, Movement, PaymentLine
from ..reconcile.kinds import Kind
from .drafts import Draft, Drafts, Row, carried
from .planted import Policy, Spare, Unlisted
from .statements import IN, Number

_IDENTITY: Final = (Kind.PAY_CODE, Kind.NUMBER)
_WRONG_ACCOUNT: Final = "32009999999999999999"
_OTHER_CHANNEL: Final = {"11": "13", "12": "13", "13": "12", "51": "52", "52": "51"}


class PaymentFaults:
    """Plants them; every kind has a method, which returns False when it finds no place.

    spare: bills for lines of the bank alone; policy: the gateway's, which decides what is repaired.
    """

    def __init__(self, drafts: Drafts, spare: Spare, policy: Policy) -> None:
        self._drafts = drafts
        self._policy = policy
        self._unpaid = {node: list(bills) for node, bills in spare.unpaid.items()}
        self._misplaced = {node: list(bills) for node, bills in spare.misplaced.items()}
        self._void = {node: list(bills) for node, bills in spare.void.items()}
        self._refused = {key: list(bills) for key, bills in spare.refused.items()}

    def methods(self) -> dict[Kind, Callable[[Kind], bool]]:
        """How each kind is planted."""
        return {
            Kind.AMOUNT: self._changed,
            Kind.PAY_CODE: self._changed,
            Kind.ACCOUNT: self._changed,
            Kind.NUMBER: self._changed,
            Kind.OURS_ONLY: self._left_out,
            Kind.BANK_ONLY: self._bank_only,
            Kind.BILL_PAID: self._bill_paid,
            Kind.BILL_VOID: self._bank_only,
            Kind.BILL_UNKNOWN: self._bank_only,
            Kind.BILL_AMOUNT: self._bank_only,
            Kind.BILL_ACCOUNT: self._bank_only,
            Kind.REFUSED: self._refused_line,
            Kind.DATE: self._date,
            Kind.MALFORMED: self._malformed,
            Kind.DUPLICATE: self._duplicate,
            Kind.CHANNEL: self._channel,
            Kind.NOT_DELIVERED: self._not_delivered,
        }

    def _changed(self, kind: Kind) -> bool:
        """A field of a line says something else than the confirmation."""
        chosen = self._drafts.choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        before = row.line
        assert isinstance(before, PaymentLine)  # noqa: S101 - of 2555
        changes: dict[Kind, dict[str, Any]] = {
            Kind.AMOUNT: {"Amt": before.Amt + self._drafts.random.randint(1, 500)},
            Kind.PAY_CODE: {
                "PayCode": f"{before.PayCode[:-2]}{self._drafts.random.choice('XYZ')}0"
            },
            Kind.ACCOUNT: {"RecAcct": _WRONG_ACCOUNT},
            Kind.NUMBER: {"TraNoBus": self._drafts.new_number()},
        }
        row.line, row.touched = before.model_copy(update=changes[kind]), True
        if carried(draft) and kind in _IDENTITY:
            # Of another node's payment only number and pay code tell that it is the same.
            draft.kept = True
            self._drafts.found(Kind.OURS_ONLY, draft, before, ours_amt=before.Amt)
            other = Kind.BILL_UNKNOWN if kind is Kind.PAY_CODE else Kind.BILL_PAID
            return self._drafts.found(other, draft, row.line, theirs_amt=before.Amt)
        return self._drafts.found(kind, draft, before, ours_amt=before.Amt, theirs_amt=row.line.Amt)

    def _date(self, kind: Kind) -> bool:
        """A line names the day after, or stands in a neighbouring day's list."""
        chosen = self._drafts.choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        before, statement = row.line, draft.statement
        row.touched = True
        carried_over = {"state": "repaired" if self._policy.dates else "open"}
        others = [
            other
            for other in self._drafts.of("2555")
            if (other.statement.src, other.statement.scope) == (statement.src, statement.scope)
            and other is not draft
        ]
        if not others or self._drafts.random.random() < 0.5:
            row.line = before.model_copy(update={"CfmDate": _day_after(statement.check_date)})
            both = {"ours_amt": before.Amt, "theirs_amt": before.Amt}
            return self._drafts.found(kind, draft, before, **both, **carried_over)
        other = self._drafts.random.choice(others)
        draft.rows.remove(row)
        draft.kept = True
        other.rows.append(row)
        amt = before.Amt
        self._drafts.found(kind, other, before, ours_amt=amt, theirs_amt=amt, **carried_over)
        return self._drafts.found(kind, draft, before, ours_amt=amt, **carried_over)

    def _malformed(self, kind: Kind) -> bool:
        """A line of nothing: it can be read as a message, and makes no sense."""
        draft = self._drafts.own_batch()
        if draft is None:
            return False
        spare = self._spare(Kind.BILL_UNKNOWN, draft.statement.src)
        return spare is not None and self._added(kind, draft, replace(spare, amt=0))

    def _left_out(self, kind: Kind) -> bool:
        chosen = self._drafts.choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        draft.rows.remove(row)
        draft.kept = True
        return self._drafts.found(kind, draft, row.line, ours_amt=row.line.Amt)

    def _channel(self, kind: Kind) -> bool:
        """A line stands in the list of another channel, which is made where there is none."""
        chosen = self._drafts.choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        statement = draft.statement
        mode = _OTHER_CHANNEL.get(statement.scope, "9")
        key = (statement.number, statement.src, statement.check_date, mode)
        if key not in self._drafts.batches:
            batch_no = statement.batch_no.removesuffix(statement.scope) + mode
            self._drafts.batches[key] = Draft(
                replace(statement, scope=mode, batch_no=batch_no, lines=())
            )
        other = self._drafts.batches[key]
        if other.dropped:
            return False
        draft.rows.remove(row)
        draft.kept = True
        row.touched = True
        other.rows.append(row)
        amt = row.line.Amt
        return self._drafts.found(kind, other, row.line, ours_amt=amt, theirs_amt=amt)

    def _duplicate(self, kind: Kind) -> bool:
        chosen = self._drafts.choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        row.touched = True
        draft.rows.append(Row(row.line, touched=True))
        return self._drafts.found(kind, draft, row.line, theirs_amt=row.line.Amt)

    def _bank_only(self, kind: Kind) -> bool:
        """A line for a bill that its node never told of."""
        draft = self._drafts.own_batch()
        if draft is None:
            return False
        spare = self._spare(kind, draft.statement.src)
        if spare is None:
            return False
        _, node, date, scope = draft.statement.key
        draft = self._drafts.batches.get(("2555", node, date, spare.pay_mode or scope), draft)
        if kind is Kind.BILL_AMOUNT:
            spare = replace(spare, amt=spare.amt + self._drafts.random.randint(1, 500))
        if kind is not Kind.BANK_ONLY:
            return self._added(kind, draft, spare)
        return self._with_money(kind, draft, spare, repaired=self._policy.missing)

    def _spare(self, kind: Kind, node: str) -> Unlisted | None:
        if kind is Kind.BILL_UNKNOWN:
            return Unlisted(f"9{self._drafts.random.randrange(10**15):015d}0000", 8000, "1", "1")
        if kind is Kind.BILL_ACCOUNT and self._misplaced.get(node):
            return self._misplaced[node].pop()
        bills = (self._void if kind is Kind.BILL_VOID else self._unpaid).get(node)
        if not bills:
            return None
        bill = bills.pop()
        return replace(bill, rec_acct=_WRONG_ACCOUNT) if kind is Kind.BILL_ACCOUNT else bill

    def _bill_paid(self, kind: Kind) -> bool:
        """A second payment of a bill that is paid, which its node never told of."""
        draft = self._drafts.own_batch()
        if draft is None:
            return False
        _, node, date, _ = draft.statement.key
        lines = [
            (row, row.line)
            for other in self._drafts.of("2555")
            if other.statement.src == node and not carried(other)
            for row in other.free()
            if isinstance(row.line, PaymentLine)
            and (node[0] == "G" or ("2557", node, date, row.line.RecAcct) in self._drafts.batches)
        ]
        if not lines:
            return False
        row, line = self._drafts.random.choice(lines)
        row.touched = True
        bill = Unlisted(line.PayCode, line.Amt, line.RecAcctType, line.RecAcct)
        return self._with_money(kind, draft, bill, repaired=self._policy.duplicate)

    def _with_money(self, kind: Kind, draft: Draft, bill: Unlisted, *, repaired: bool) -> bool:
        """A payment that was really made: its money stands in the account's lists, too."""
        self._added(kind, draft, bill, state="repaired" if repaired else "open")
        _, node, date, mode = draft.statement.key
        told = self._drafts.planted[-1]
        numbers: tuple[Number, ...] = ("2557", "2556")
        for number in numbers:
            money = self._drafts.batches.get((number, node, date, bill.rec_acct))
            if money is None:
                continue
            line = FundsLine(TraNo=told.tra_no, PayMode=mode, PayCode=bill.pay_code, Amt=bill.amt)
            if number == "2556":
                moved = Movement(TraNo=told.tra_no, DcFlag=IN, PayMode=mode, Amt=bill.amt)
                money.rows.append(Row(moved, touched=True))
                continue
            money.rows.append(Row(line, touched=True))
            if not repaired:
                self._drafts.found(Kind.FUNDS_UNKNOWN, money, line, theirs_amt=bill.amt)
        return True

    def _refused_line(self, kind: Kind) -> bool:
        """A payment that was refused, and whose money went back, is listed nevertheless."""
        draft = self._drafts.own_batch()
        if draft is None:
            return False
        bills = self._refused.get((draft.statement.src, draft.statement.check_date))
        return self._added(kind, draft, bills.pop()) if bills else False

    def _added(self, kind: Kind, draft: Draft, bill: Unlisted, **facts: Any) -> bool:
        line = PaymentLine(
            PayCode=bill.pay_code,
            CfmDate=draft.statement.check_date,
            CfmTime="160000",
            Amt=bill.amt,
            TraNoBus=bill.tra_no or self._drafts.new_number(),
            PayerName="张三",
            RecAcctType=bill.acct_type,
            RecAcct=bill.rec_acct,
        )
        place = self._drafts.random.randint(0, len(draft.rows))
        draft.rows.insert(place, Row(line, touched=True))
        return self._drafts.found(kind, draft, line, theirs_amt=bill.amt, **facts)

    def _not_delivered(self, kind: Kind) -> bool:
        whole = [
            draft
            for draft in self._drafts.of("2555")
            if draft.rows and not draft.kept and len(draft.free()) == len(draft.rows)
        ]
        if not whole:
            return False
        draft = self._drafts.random.choice(whole)
        draft.dropped = True
        return self._drafts.found(kind, draft, ours_amt=draft.statement.amt)


def _day_after(day: str) -> str:
    at = date(int(day[:4]), int(day[4:6]), int(day[6:])) + timedelta(days=1)
    return at.strftime("%Y%m%d")


__all__ = ["PaymentFaults"]
