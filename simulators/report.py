"""The demo's result as a table for people and as JSON."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from ..codecs import format_yuan
from ..messages import CATALOGUE, Result
from ..reconcile.kinds import Kind
from .invoiceday import Invoiced
from .ledger import Totals
from .morning import Reconciled

_NODES: Final = {
    "D3206820105": "示例建行",
    "D3206820301": "示例交行",
    "G000001": "统一公共支付平台",
}
_COLUMNS: Final = ("opening", "collected", "unidentified", "refunded", "cleared", "remitted")
_KIND_TEXTS: Final = {kind.value: kind.text for kind in Kind}
_STATES: Final = (
    ("unpaid", "not paid (未缴款)"),
    ("paid", "paid (已缴款)"),
    ("confirmed", "income confirmed (收入已确认)"),
    ("void", "void (作废)"),
)


@dataclass(frozen=True, slots=True)
class DayReport:
    """A played day. What a seed determines, and (from `seconds` on) what it does not."""

    seed: int
    bills: Mapping[str, int]
    stories: Mapping[str, int]
    answers: Mapping[tuple[str, str], int]
    totals: Mapping[str, Totals]
    held: Mapping[str, int]
    states: Mapping[str, str]
    refunds: int
    notified: int
    told: int
    invoiced: Invoiced
    journal_ok: bool
    accounts: tuple[Mapping[str, Any], ...]
    """Every account as `nontax accounts --against` compares it; amounts in fen."""
    morning: Reconciled | None
    """The next morning's reconciliation; None when it did not come to that."""
    faults: tuple[str, ...]
    seconds: float
    repeated: int
    recovery_seconds: float
    day: str

    @property
    def closed(self) -> bool:
        """Whether the day's books close."""
        reconciled = self.morning is not None and self.morning.closed
        return not self.faults and self.journal_ok and reconciled

    def as_json(self) -> dict[str, Any]:
        """The report for programs; amounts in yuan."""
        states = Counter(self.states.values())
        return {
            "seed": self.seed,
            "closed": self.closed,
            "bills": {**self.bills, **states},
            "stories": dict(self.stories),
            "answers": [
                {"message": message, "result": result, "count": count}
                for (message, result), count in sorted(self.answers.items())
            ],
            "nodes": {
                code: {
                    "payments": totals.payments,
                    "taken": format_yuan(totals.taken),
                    "returned": format_yuan(totals.returned_amt),
                    "booked": format_yuan(totals.booked_amt),
                    "refunded": format_yuan(totals.refunded_amt),
                    "held": format_yuan(totals.held_amt),
                    "gateway": format_yuan(self.held[code]),
                    "equal": totals.held_amt == self.held[code],
                }
                for code, totals in self.totals.items()
            },
            "accounts": [
                {
                    name: format_yuan(value) if isinstance(value, int) else value
                    for name, value in row.items()
                }
                for row in self.accounts
            ],
            "reconciliation": None if self.morning is None else self.morning.as_json(),
            "refunds": self.refunds,
            "notified": self.notified,
            "bills_told_to_platform": self.told,
            "einvoices": asdict(self.invoiced),
            "journal_verified": self.journal_ok,
            "faults": list(self.faults),
            "run": {
                "planted": [row.as_json() for row in self.morning.planted] if self.morning else [],
                "day": self.day,
                "seconds": round(self.seconds, 1),
                "calls_repeated": self.repeated,
                "recovery_seconds": round(self.recovery_seconds, 2),
            },
        }


def render(report: DayReport) -> str:
    """The table."""
    lines = [f"A day of 示例市财政局 (F320682), seed {report.seed}", ""]
    lines += _section("Bills (缴款书)", _bills(report))
    lines += _section("What happened to them", [(text, str(n)) for text, n in _stories(report)])
    lines += _table(
        "Answers of the gateway (retries not counted)",
        ("message", "result", "meaning (处理结果)", "count"),
        _answers(report),
    )
    lines += _table(
        "Money in yuan (each node's own ledger v. the gateway's books)",
        ("node", "taken", "returned", "booked", "refunded", "held", "gateway", ""),
        _money(report),
    )
    lines += _table(
        "Accounts in yuan (the banks' double-entry books v. `nontax accounts`)",
        ("account", *_COLUMNS, "expected", "banks", ""),
        [_account(row) for row in report.accounts],
    )
    lines += _section(
        "Afterwards",
        [
            ("refunds (退付, 5617 → 2617)", str(report.refunds)),
            ("payments told to the unit (5996)", str(report.notified)),
            ("bills told to the platform (5954)", str(report.told)),
            ("e-invoices of the unit's own key (电子票据)", str(report.invoiced.own)),
            ("e-invoices of the key kept here (托管)", str(report.invoiced.kept)),
            ("of them reversed (冲红)", str(report.invoiced.red)),
            ("verified by command (验签)", str(report.invoiced.verified)),
            ("journal verified", "yes" if report.journal_ok else "NO"),
        ],
    )
    lines += _reconciliation(report.morning)
    if report.faults:
        lines += ["Faults", *(f"  {fault}" for fault in report.faults), ""]
    lines.append("THE DAY'S BOOKS CLOSE" if report.closed else "THE DAY'S BOOKS DO NOT CLOSE")
    lines.append(
        f"(played on {report.day} in {report.seconds:.1f} s; killed once, back after"
        f" {report.recovery_seconds:.1f} s; {report.repeated} calls had to be repeated)"
    )
    return "\n".join(lines) + "\n"


def _reconciliation(morning: Reconciled | None) -> list[str]:
    """What the banks' lists had, and what became of it."""
    if morning is None:
        return []
    rows = [
        ("lists of the banks (对账单), lines", f"{morning.lists}, {morning.lines}"),
        ("differences planted in one bank's lists", str(len(morning.planted))),
        ("differences found (差异)", str(morning.found)),
        ("repaired by policy (补单)", str(morning.repaired)),
        ("decided by operators", str(morning.resolved)),
        ("closed (对账完成)", "yes" if morning.closed else "NO"),
    ]
    table = [
        (
            f"{row.kind} {_KIND_TEXTS[row.kind]}",
            row.statement,
            _optional_yuan(row.ours_amt),
            _optional_yuan(row.theirs_amt),
            row.state,
        )
        for row in morning.planted
    ]
    lines = _section("The next morning: reconciliation (T+1 对账)", rows)[:-1]
    lines += _table("", ("difference", "list", "ours", "bank", "first run"), table)[1:]
    return [*lines[:-1], *([f"  report: {morning.report}"] if morning.report else []), ""]


def _optional_yuan(fen: int | None) -> str:
    return "-" if fen is None else _yuan(fen)


def _bills(report: DayReport) -> list[tuple[str, str]]:
    states = Counter(report.states.values())
    before = len(report.states) - sum(report.bills.values())
    rows = [
        ("in the sample's books before", str(before)),
        ("imported by the bureau (导入)", str(report.bills["import"])),
        ("made by the unit's own system (8994)", str(report.bills["8994"])),
    ]
    return rows + [
        (f"in the evening: {text}", str(states[state])) for state, text in _STATES if states[state]
    ]


def _stories(report: DayReport) -> list[tuple[str, int]]:
    return sorted(report.stories.items(), key=lambda row: (-row[1], row[0]))


def _answers(report: DayReport) -> list[tuple[str, ...]]:
    names = {spec.number: spec.name.removesuffix("报文") for spec in CATALOGUE}
    rows: list[tuple[str, ...]] = []
    meanings = {str(code): code.meaning.removesuffix("(ours)") for code in Result}
    for (message, result), count in sorted(report.answers.items()):
        number, _, rest = message.partition(" ")
        label = f"{number} {names.get(number, '')}{f' ({rest})' if rest else ''}"
        rows.append((label, result, meanings.get(result, ""), str(count)))
    return rows


def _money(report: DayReport) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for code, totals in report.totals.items():
        amounts = (
            totals.taken, totals.returned_amt, totals.booked_amt, totals.refunded_amt,
            totals.held_amt, report.held[code],
        )  # fmt: skip
        verdict = "equal" if totals.held_amt == report.held[code] else "DIFFERENT"
        name = f"{code} {_NODES.get(code, '')}"
        rows.append((name, *(_yuan(amount) for amount in amounts), verdict))
    return rows


def _account(row: Mapping[str, Any]) -> tuple[str, ...]:
    amounts = [row[name] for name in (*_COLUMNS, "expected", "outside")]
    shown = ("-" if amount == 0 else _yuan(amount) for amount in amounts)
    account = f"{row['account']} {row['name']}".strip()
    return (account, *shown, "DIFFERENT" if row["difference"] else "equal")


def _yuan(fen: int) -> str:
    """An amount with separators, for reading."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def _section(title: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    wide = max(_width(text) for text, _ in rows)
    return [title, *(f"  {_pad(text, wide)}  {value:>5}" for text, value in rows), ""]


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; columns of numbers are set to the right."""
    body = [list(row) for row in rows]
    widths = [max(_width(row[i]) for row in [list(header), *body]) for i in range(len(header))]
    right = [all(row[i][:1].isdigit() for row in body) and i > 1 for i in range(len(header))]
    if len(header) > 4:
        right = [0 < i < len(header) - 1 for i in range(len(header))]
    lines = [title]
    for row in [list(header), *body]:
        cells = [
            _pad(cell, wide, right=side)
            for cell, wide, side in zip(row, widths, right, strict=True)
        ]
        lines.append("  " + "  ".join(cells).rstrip())
        if row == list(header):
            lines.append("  " + "  ".join("-" * wide for wide in widths if wide))
    return [*lines, ""]


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, wide: int, *, right: bool = False) -> str:
    space = " " * (wide - _width(text))
    return space + text if right else text + space
