"""Faults of what is told of money: arrived funds (2557), movements and balances (2556)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..messages.statements import FundsLine, Movement
from ..reconcile.kinds import Kind
from .drafts import Draft, Drafts, Row, line_number
from .statements import IN, Line, Number, channel_totals


class MoneyFaults:
    """Plants them; every kind has a method, which returns False when it finds no place."""

    def __init__(self, drafts: Drafts, reported: frozenset[str]) -> None:
        self._drafts = drafts
        self._reported = reported

    def methods(self) -> dict[Kind, Callable[[Kind], bool]]:
        """How each kind is planted."""
        lines = [kind for kind in Kind if kind.value.startswith(("funds", "movement"))]
        return dict.fromkeys(lines, self._money) | {
            Kind.BALANCE: self._balance,
            Kind.CHANNEL_TOTAL: self._channel_total,
        }

    def _money(self, kind: Kind) -> bool:
        """A line of money with another amount, left out, made up, or there twice.

        What is wrong with the list of arrived funds (2557) is so with the money itself: the list of
        the account's movements (2556) tells the same. That one's own faults are its alone.
        """
        arrived = kind.value.startswith("funds")
        chosen = self._drafts.choose("2557" if arrived else "2556")
        if chosen is None:
            return False
        draft, row = chosen
        twin = self._twin(draft, row)
        if arrived and (twin is None or twin[1].touched):
            return False
        random, before, what = self._drafts.random, row.line, kind.value.partition("_")[2]
        facts: dict[str, Any] = {}
        if what == "unknown":
            # Nothing that is expected is so much.
            tra_no, amt = self._drafts.new_number(), random.randint(1_000_001, 2_000_000)
            facts = {"tra_no": tra_no, "pay_code": "", "theirs_amt": amt}
        elif what == "duplicate":
            facts = {"theirs_amt": before.Amt}
        else:
            facts = {"ours_amt": before.Amt}
            if what == "amount":
                facts["theirs_amt"] = before.Amt + random.randint(1, 500)
            if twin is not None and not arrived:
                # What is expected of an account's movements is what the other list says of them.
                facts["pay_code"] = getattr(twin[1].line, "PayCode", "")
        if kind is Kind.FUNDS_MISSING:
            facts |= self._missed(before, twin)
        self._drafts.found(kind, draft, before, **facts)
        places = [(draft, row), twin] if arrived and twin else [(draft, row)]
        for where, one in places:
            _change(where, one, what, facts)
        return True

    def _missed(self, line: Line, twin: tuple[Draft, Row] | None) -> dict[str, Any]:
        """What the gateway knows of money that no list has.

        Nobody has told it the number of a channel's sum; what was reported when it came is missed
        among the account's movements, too.
        """
        number = line_number(line)
        if twin is not None and number in self._reported:
            amt = line.Amt
            self._drafts.found(Kind.MOVEMENT_MISSING, twin[0], twin[1].line, ours_amt=amt)
        if isinstance(line, FundsLine) and not line.PayCode and not line.BatchNo:
            return {"tra_no": number if number in self._reported else ""}
        return {}

    def _twin(self, draft: Draft, row: Row) -> tuple[Draft, Row] | None:
        """What the account's other list (2556 of 2557 and the other way) says of a line."""
        number, node, date, scope = draft.statement.key
        twin: Number = "2556" if number == "2557" else "2557"
        other = self._drafts.batches.get((twin, node, date, scope))
        if other is None:
            return None
        wanted = line_number(row.line)
        for one in other.rows:
            if line_number(one.line) == wanted:
                return other, one
        return None

    def _balance(self, _: Kind) -> bool:
        """An account begins with another balance than it ended with the day before."""
        accounts: dict[tuple[str, str], list[Draft]] = {}
        for draft in self._drafts.of("2556"):
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
        draft = self._drafts.random.choice(later)
        draft.shift = self._drafts.random.randint(1, 99_999)
        return True

    def _channel_total(self, _: Kind) -> bool:
        places = [
            (draft, row)
            for draft in self._drafts.of("2556")
            if not draft.channel_shift
            for row in draft.free()
            if channel_totals([row.line])
        ]
        if not places:
            return False
        draft, row = self._drafts.random.choice(places)
        row.touched = True  # a channel stays
        draft.channel_shift = self._drafts.random.randint(1, 99_999)
        return True


def _change(draft: Draft, row: Row, what: str, facts: Mapping[str, Any]) -> None:
    """Do to a line what is told of it."""
    row.touched = True
    if what == "amount":
        row.line = row.line.model_copy(update={"Amt": facts["theirs_amt"]})
    elif what == "missing":
        draft.rows.remove(row)
    elif what == "duplicate":
        draft.rows.append(Row(row.line, touched=True))
    else:
        line = _made_up(draft.statement.number, facts["tra_no"], facts["theirs_amt"])
        draft.rows.append(Row(line, touched=True))


def _made_up(number: Number, tra_no: str, amt: int) -> Line:
    """Money that nobody knows."""
    if number == "2557":
        return FundsLine(TraNo=tra_no, PayMode="13", Amt=amt)
    return Movement(TraNo=tra_no, DcFlag=IN, PayMode="13", Amt=amt)


__all__ = ["MoneyFaults"]
