"""The monthly statement of one bank (对账单): day by day what it moved, and what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from ...codecs import format_yuan
from ..csvcells import write_csv
from ..kinds import Kind
from .model import Control, digest
from .page import page, show_day, table

KINDS: Final = ("payments", "duplicates", "refunds", "arrivals", "clearing", "remittances")
"""The kinds of money of a statement, in the order of its columns."""

_KIND_NAMES: Final = ("缴款", "重复", "退付", "到账", "清分", "缴库")
HEADINGS: Final = (
    "日期",
    *(f"{name}{what}" for name in _KIND_NAMES for what in ("笔数", "金额")),
)
OPEN_HEADINGS: Final = (
    "对账日期",
    "对账单",
    "渠道或账户",
    "差异",
    "缴款码",
    "流水号",
    "财政金额",
    "银行金额",
    "原因",
)
_TEXTS: Final = {kind.value: kind.text for kind in Kind}


@dataclass(frozen=True, slots=True)
class Moved:
    """Number and sum (fen) of one kind of money."""

    count: int = 0
    amt: int = 0


@dataclass(frozen=True, slots=True)
class BankDay:
    """One day of the statement; `moved` in the order of KINDS."""

    day: str
    moved: tuple[Moved, ...]

    def cells(self) -> tuple[str, ...]:
        """Cells under HEADINGS."""
        return (self.day, *_moved_cells(self.moved))


@dataclass(frozen=True, slots=True)
class OpenDifference:
    """A difference of reconciliation that was open at the month's end; fen, None for no such."""

    check_date: str
    statement: str
    scope: str
    kind: str
    pay_code: str
    tra_no: str
    ours_amt: int | None
    theirs_amt: int | None
    reason: str

    @property
    def text(self) -> str:
        """The kind's Chinese name."""
        return _TEXTS.get(self.kind, self.kind)

    def cells(self) -> tuple[str, ...]:
        """Cells under OPEN_HEADINGS."""
        amounts = (self.ours_amt, self.theirs_amt)
        return (
            self.check_date,
            self.statement,
            self.scope,
            self.text,
            self.pay_code,
            self.tra_no,
            *("" if amt is None else format_yuan(amt) for amt in amounts),
            self.reason,
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of one bank and month (yyyymm)."""

    month: str
    node: str
    bank_name: str
    finance_name: str
    days: tuple[BankDay, ...]
    open: tuple[OpenDifference, ...]

    @property
    def totals(self) -> tuple[Moved, ...]:
        """The month's sums, in the order of KINDS."""
        return tuple(
            Moved(
                sum(day.moved[at].count for day in self.days),
                sum(day.moved[at].amt for day in self.days),
            )
            for at in range(len(KINDS))
        )

    @property
    def control(self) -> Control:
        """Days, fen collected (duplicates, too), SHA-256 over days and open differences."""
        whole = sum(moved.amt for moved in self.totals[:2])
        lines = [day.cells() for day in self.days] + [one.cells() for one in self.open]
        return Control(len(self.days), whole, digest(lines))


def make_days(
    days: Sequence[str], money: Mapping[str, Mapping[str, tuple[int, int]]]
) -> tuple[BankDay, ...]:
    """The days of a month with their money; days without any stand there, too."""
    return tuple(
        BankDay(day, tuple(Moved(*money[kind].get(day, (0, 0))) for kind in KINDS)) for day in days
    )


def _moved_cells(moved: Sequence[Moved]) -> tuple[str, ...]:
    return tuple(cell for one in moved for cell in (str(one.count), format_yuan(one.amt)))


def statement_csv(statement: Statement) -> str:
    """The days; the last two lines have the sums and the control totals."""
    control = statement.control
    blank = ("",) * (len(HEADINGS) - 4)
    rows = [
        *(day.cells() for day in statement.days),
        ("合计", *_moved_cells(statement.totals)),
        ("控制总数", f"{control.count}天", format_yuan(control.amt), control.digest, *blank),
    ]
    return write_csv(HEADINGS, rows)


def open_csv(statement: Statement) -> str:
    """The differences that are open at the month's end."""
    return write_csv(OPEN_HEADINGS, (one.cells() for one in statement.open))


def statement_document(statement: Statement) -> dict[str, Any]:
    """The statement as plain values; amounts are yuan as text."""
    control = statement.control
    return {
        "report": "monthly",
        "month": statement.month,
        "node": statement.node,
        "bank": statement.bank_name,
        "finance": statement.finance_name,
        "days": [{"date": day.day, **_moved_document(day.moved)} for day in statement.days],
        "totals": _moved_document(statement.totals),
        "open": [
            {
                "CheckDate": one.check_date,
                "Statement": one.statement,
                "Scope": one.scope,
                "Kind": one.kind,
                "KindText": one.text,
                "PayCode": one.pay_code,
                "TraNo": one.tra_no,
                "OurAmt": None if one.ours_amt is None else format_yuan(one.ours_amt),
                "BankAmt": None if one.theirs_amt is None else format_yuan(one.theirs_amt),
                "Reason": one.reason,
            }
            for one in statement.open
        ],
        "control": {
            "days": control.count,
            "amount": format_yuan(control.amt),
            "open": len(statement.open),
            "digest": control.digest,
        },
    }


def _moved_document(moved: Sequence[Moved]) -> dict[str, Any]:
    return {
        kind: {"count": one.count, "amount": format_yuan(one.amt)}
        for kind, one in zip(KINDS, moved, strict=True)
    }


def statement_page(statement: Statement) -> str:
    """The statement as a self-contained page."""
    month = f"{statement.month[:4]}年{int(statement.month[4:])}月"
    title = f"{statement.finance_name}与{statement.bank_name}非税收入对账单"
    control = statement.control
    bank = f"{statement.bank_name}({statement.node})"
    digest_of = f'摘要 <span class="digest">{control.digest}</span>'
    days = [(show_day(day.day), *day.cells()[1:]) for day in statement.days]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{month} 代理银行 {escape(bank)} 金额单位:元</p>",
        table(HEADINGS, [*days, ("合计", *_moved_cells(statement.totals))]),
        f"<h2>月末未处理差异 {len(statement.open)}笔</h2>",
        table(OPEN_HEADINGS, (one.cells() for one in statement.open)) if statement.open else "",
        f"<p>控制总数:{control.count}天,缴款(含重复){format_yuan(control.amt)}元,{digest_of}</p>",
        "<p>双方核对盖章:</p>",
    ]
    return page(title, parts)
