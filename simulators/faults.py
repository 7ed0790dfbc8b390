"""Faults planted into banks' statements from a seed, and the differences that must be found.

A fault changes what a bank delivers, never what it did: payments stand in the gateway's books as
they were confirmed. No two faults touch one line, so that every fault has differences of its own.
`plant` is a function of its arguments alone; the list is for machines, `Planted.as_json` one row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from ..messages.statements import FundsLine, Movement, PaymentLine
from ..reconcile.kinds import NOTED, Kind
from .drafts import Draft, Row, delivered
from .planted import Planted, Policy, Spare, Unlisted
from .statements import IN, Line, Number, Statement, channel_totals

_IDENTITY: Final = (Kind.PAY_CODE, Kind.NUMBER)
_WRONG_ACCOUNT: Final = "32009999999999999999"
_OTHER_CHANNEL: Final = {"11": "13", "12": "13", "13": "12", "51": "52", "52": "51"}


class Planter:
    """Plants faults into a set of statements. Every kind has a method; what has no place is left.

    spare: bills for lines of the bank alone; policy: the gateway's, which decides what is repaired.
    """

    def __init__(
        self,
        statements: Iterable[Statement],
        seed: int,
        *,
        spare: Spare | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.planted: list[Planted] = []
        self._random = Random(f"faults/{seed}")
        self._policy = policy or Policy()
        self._drafts = {statement.key: Draft(statement) for statement in statements}
        spare = spare or Spare()
        self._unpaid = {node: list(bills) for node, bills in spare.unpaid.items()}
        self._misplaced = {node: list(bills) for node, bills in spare.misplaced.items()}
        self._void = {node: list(bills) for node, bills in spare.void.items()}
        self._refused = {key: list(bills) for key, bills in spare.refused.items()}
        self._made = 0

    def plant(self, kind: Kind) -> bool:
        """Plant one fault of a kind; False when there is no place for one."""
        return self._methods()[kind](kind)

    def _methods(self) -> dict[Kind, Callable[[Kind], bool]]:
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
            Kind.FUNDS_AMOUNT: self._money,
            Kind.FUNDS_MISSING: self._money,
            Kind.FUNDS_UNKNOWN: self._money,
            Kind.FUNDS_DUPLICATE: self._money,
            Kind.MOVEMENT_AMOUNT: self._money,
            Kind.MOVEMENT_MISSING: self._money,
            Kind.MOVEMENT_UNKNOWN: self._money,
            Kind.MOVEMENT_DUPLICATE: self._money,
            Kind.BALANCE: self._balance,
            Kind.CHANNEL_TOTAL: self._channel_total,
        }

    def statements(self) -> list[Statement]:
        """What is delivered now."""
        return delivered(self._drafts.values())

    # -- choosing --------------------------------------------------------------------------

    def _of(self, number: Number) -> list[Draft]:
        return [d for d in self._drafts.values() if d.statement.number == number and not d.dropped]

    def _choose(self, number: Number) -> tuple[Draft, Row] | None:
        """A line that nothing was planted with, and its batch."""
        places = [(draft, row) for draft in self._of(number) for row in draft.free()]
        return self._random.choice(places) if places else None

    def _own_batch(self) -> Draft | None:
        """A batch of a node's own payments (an agent bank's also carries the platform's)."""
        own = [draft for draft in self._of("2555") if not _carried(draft)]
        return self._random.choice(own) if own else None

    def _number(self) -> str:
        self._made += 1
        return f"X{self._random.randrange(10**8):08d}{self._made:04d}"

    def _found(self, kind: Kind, draft: Draft, line: Line | None = None, **facts: Any) -> bool:
        """Note what must be found; the facts are those of the line unless told otherwise."""
        statement = draft.statement
        known: dict[str, Any] = {"state": "noted" if kind in NOTED else "open"}
        if line is not None:
            number = line.TraNoBus if isinstance(line, PaymentLine) else line.TraNo
            known |= {"tra_no": number, "pay_code": getattr(line, "PayCode", "")}
        self.planted.append(
            Planted(
                kind.value,
                statement.src,
                statement.check_date,
                statement.number,
                statement.scope,
                **(known | facts),
            )
        )
        return True

    # -- payments (2555) -------------------------------------------------------------------

    def _changed(self, kind: Kind) -> bool:
        """A field of a line says something else than the confirmation."""
        chosen = self._choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        before = row.line
        assert isinstance(before, PaymentLine)  # noqa: S101 - of 2555
        changes: dict[Kind, dict[str, Any]] = {
            Kind.AMOUNT: {"Amt": before.Amt + self._random.randint(1, 500)},
            Kind.PAY_CODE: {"PayCode": f"{before.PayCode[:-2]}{self._random.choice('XYZ')}0"},
            Kind.ACCOUNT: {"RecAcct": _WRONG_ACCOUNT},
            Kind.NUMBER: {"TraNoBus": self._number()},
        }
        row.line, row.touched = before.model_copy(update=changes[kind]), True
        if _carried(draft) and kind in _IDENTITY:
            # Of another node's payment only number and pay code tell that it is the same.
            draft.kept = True
            self._found(Kind.OURS_ONLY, draft, before, ours_amt=before.Amt)
            other = Kind.BILL_UNKNOWN if kind is Kind.PAY_CODE else Kind.BILL_PAID
            return self._found(other, draft, row.line, theirs_amt=before.Amt)
        return self._found(kind, draft, before, ours_amt=before.Amt, theirs_amt=row.line.Amt)

    def _date(self, kind: Kind) -> bool:
        """A line names the day after, or stands in a neighbouring day's list."""
        chosen = self._choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        before, statement = row.line, draft.statement
        row.touched = True
        others = [
            other
            for other in self._of("2555")
            if (other.statement.src, other.statement.scope) == (statement.src, statement.scope)
            and other is not draft
        ]
        if not others or self._random.random() < 0.5:
            row.line = before.model_copy(update={"CfmDate": _day_after(statement.check_date)})
            return self._found(kind, draft, before, ours_amt=before.Amt, theirs_amt=before.Amt)
        other = self._random.choice(others)
        draft.rows.remove(row)
        draft.kept = True
        other.rows.append(row)
        self._found(kind, other, before, ours_amt=before.Amt, theirs_amt=before.Amt)
        return self._found(kind, draft, before, ours_amt=before.Amt)

    def _malformed(self, kind: Kind) -> bool:
        """A line of nothing: it can be read as a message, and makes no sense."""
        draft = self._own_batch()
        if draft is None:
            return False
        spare = self._spare(Kind.BILL_UNKNOWN, draft.statement.src)
        return spare is not None and self._added(kind, draft, replace(spare, amt=0))

    def _left_out(self, kind: Kind) -> bool:
        chosen = self._choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        draft.rows.remove(row)
        draft.kept = True
        return self._found(kind, draft, row.line, ours_amt=row.line.Amt)

    def _channel(self, kind: Kind) -> bool:
        """A line stands in the list of another channel, which is made where there is none."""
        chosen = self._choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        statement = draft.statement
        mode = _OTHER_CHANNEL.get(statement.scope, "9")
        key = (statement.number, statement.src, statement.check_date, mode)
        if key not in self._drafts:
            batch_no = statement.batch_no.removesuffix(statement.scope) + mode
            self._drafts[key] = Draft(replace(statement, scope=mode, batch_no=batch_no, lines=()))
        other = self._drafts[key]
        if other.dropped:
            return False
        draft.rows.remove(row)
        draft.kept = True
        row.touched = True
        other.rows.append(row)
        amt = row.line.Amt
        return self._found(kind, other, row.line, ours_amt=amt, theirs_amt=amt)

    def _duplicate(self, kind: Kind) -> bool:
        chosen = self._choose("2555")
        if chosen is None:
            return False
        draft, row = chosen
        row.touched = True
        draft.rows.append(Row(row.line, touched=True))
        return self._found(kind, draft, row.line, theirs_amt=row.line.Amt)

    def _bank_only(self, kind: Kind) -> bool:
        """A line for a bill that its node never told of."""
        draft = self._own_batch()
        if draft is None:
            return False
        spare = self._spare(kind, draft.statement.src)
        if spare is None:
            return False
        if kind is Kind.BILL_AMOUNT:
            spare = replace(spare, amt=spare.amt + self._random.randint(1, 500))
        repaired = kind is Kind.BANK_ONLY and self._policy.missing
        return self._added(kind, draft, spare, state="repaired" if repaired else "open")

    def _spare(self, kind: Kind, node: str) -> Unlisted | None:
        if kind is Kind.BILL_UNKNOWN:
            return Unlisted(f"9{self._random.randrange(10**15):015d}0000", 8000, "1", "1")
        if kind is Kind.BILL_ACCOUNT and self._misplaced.get(node):
            return self._misplaced[node].pop()
        bills = (self._void if kind is Kind.BILL_VOID else self._unpaid).get(node)
        if not bills:
            return None
        bill = bills.pop()
        return replace(bill, rec_acct=_WRONG_ACCOUNT) if kind is Kind.BILL_ACCOUNT else bill

    def _bill_paid(self, kind: Kind) -> bool:
        """A second payment of a bill that is paid, which its node never told of."""
        chosen, draft = self._choose("2555"), self._own_batch()
        if chosen is None or draft is None:
            return False
        line = chosen[1].line
        assert isinstance(line, PaymentLine)  # noqa: S101 - of 2555
        chosen[1].touched = True
        bill = Unlisted(line.PayCode, line.Amt, line.RecAcctType, line.RecAcct)
        state = "repaired" if self._policy.duplicate else "open"
        return self._added(kind, draft, bill, state=state)

    def _refused_line(self, kind: Kind) -> bool:
        """A payment that was refused, and whose money went back, is listed nevertheless."""
        draft = self._own_batch()
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
            TraNoBus=bill.tra_no or self._number(),
            PayerName="张三",
            RecAcctType=bill.acct_type,
            RecAcct=bill.rec_acct,
        )
        place = self._random.randint(0, len(draft.rows))
        draft.rows.insert(place, Row(line, touched=True))
        return self._found(kind, draft, line, theirs_amt=bill.amt, **facts)

    def _not_delivered(self, kind: Kind) -> bool:
        whole = [
            draft
            for draft in self._of("2555")
            if draft.rows and not draft.kept and len(draft.free()) == len(draft.rows)
        ]
        if not whole:
            return False
        draft = self._random.choice(whole)
        draft.dropped = True
        return self._found(kind, draft)

    # -- funds (2557) and movements (2556) -------------------------------------------------

    def _money(self, kind: Kind) -> bool:
        """A line of money with another amount, left out, made up, or there twice."""
        number: Number = "2557" if kind.value.startswith("funds") else "2556"
        chosen = self._choose(number)
        if chosen is None:
            return False
        draft, row = chosen
        before, what = row.line, kind.value.partition("_")[2]
        amt = before.Amt
        row.touched = True
        if what == "amount":
            row.line = before.model_copy(update={"Amt": amt + self._random.randint(1, 500)})
            return self._found(kind, draft, before, ours_amt=amt, theirs_amt=row.line.Amt)
        if what == "missing":
            draft.rows.remove(row)
            return self._found(kind, draft, before, ours_amt=amt)
        line = before if what == "duplicate" else self._made_up(number)
        draft.rows.append(Row(line, touched=True))
        return self._found(kind, draft, line, theirs_amt=line.Amt)

    def _made_up(self, number: Number) -> Line:
        amt = self._random.randint(1_000_001, 2_000_000)  # nothing that is expected is so much
        if number == "2557":
            return FundsLine(TraNo=self._number(), PayMode="13", Amt=amt)
        return Movement(TraNo=self._number(), DcFlag=IN, PayMode="13", Amt=amt)

    def _balance(self, kind: Kind) -> bool:
        """An account begins with another balance than it ended with the day before."""
        accounts: dict[tuple[str, str], list[Draft]] = {}
        for draft in self._of("2556"):
            statement = draft.statement
            accounts.setdefault((statement.src, statement.scope), []).append(draft)
        later = [
            draft
            for drafts in accounts.values()
            for draft in sorted(drafts, key=lambda d: d.statement.check_date)[1:]
            if not draft.shift
        ]
        if not later:
            return False
        draft = self._random.choice(later)
        draft.shift = self._random.randint(1, 99_999)
        return self._found(kind, draft)

    def _channel_total(self, kind: Kind) -> bool:
        drafts = [d for d in self._of("2556") if channel_totals(d.lines()) and not d.channel_shift]
        if not drafts:
            return False
        draft = self._random.choice(drafts)
        draft.channel_shift = self._random.randint(1, 99_999)
        return self._found(kind, draft)


KINDS: Final = tuple(Kind)
"""Every kind there is can be planted."""


def plant(
    statements: Iterable[Statement],
    seed: int,
    kinds: Iterable[Kind] = KINDS,
    *,
    spare: Spare | None = None,
    policy: Policy | None = None,
) -> tuple[list[Statement], list[Planted]]:
    """One fault of each kind (a kind may be named several times) where there is place for it.

    Returns what is delivered, and the differences that must be found.
    """
    planter = Planter(statements, seed, spare=spare, policy=policy)
    for kind in kinds:
        planter.plant(kind)
    return planter.statements(), planter.planted


def _carried(draft: Draft) -> bool:
    """Whether a bank's batch has the platform's payments."""
    return draft.statement.scope[0] == "5" and draft.statement.src[0] != "G"


def _day_after(day: str) -> str:
    at = date(int(day[:4]), int(day[4:6]), int(day[6:])) + timedelta(days=1)
    return at.strftime("%Y%m%d")


__all__ = ["KINDS", "Planted", "Planter", "Policy", "Spare", "Unlisted", "plant"]
