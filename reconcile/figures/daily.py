"""The two daily reports as documents: 非税收入日报 and 非税暂存日报, in CSV and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from ...codecs import format_yuan
from ..csvcells import write_csv
from .model import (
    Category,
    Control,
    Correction,
    Row,
    deposit_control,
    deposit_rows,
    income_control,
    income_rows,
)

State = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Daily:
    """The figures of a day.

    `corrections` of this day were registered after it was closed; `pending` ones are found but not
    registered. `carried` are corrections of earlier days that its opening contains.
    """

    day: str
    node_name: str
    state: State
    rows: tuple[Row, ...]
    corrections: tuple[Correction, ...] = ()
    pending: tuple[Correction, ...] = ()
    carried: tuple[Correction, ...] = ()
    closed_at: int = 0
    closed_by: str = ""

    @property
    def income_rows(self) -> list[Row]:
        """The rows of the income report."""
        return income_rows(self.rows)

    @property
    def deposit_rows(self) -> list[Row]:
        """The rows of the report of deposits."""
        return deposit_rows(self.rows)

    @property
    def income(self) -> Control:
        """Control totals of the income report, without corrections."""
        return income_control(self.rows)

    @property
    def deposits(self) -> Control:
        """Control totals of the report of deposits, without corrections."""
        return deposit_control(self.rows)

    @property
    def corrected_income(self) -> int:
        """The day's net income with all that is known now, in fen."""
        later = (*self.corrections, *self.pending)
        return self.income.amt + sum(one.income for one in later)

    @property
    def corrected_deposits(self) -> int:
        """What was on deposit at the day's end with all that is known now of this day, in fen."""
        later = (*self.corrections, *self.pending)
        return self.deposits.amt + sum(one.deposit for one in later)


KEY_HEADINGS: Final = (
    "行政区划",
    "执收单位编码",
    "执收单位名称",
    "项目识别码",
    "项目名称",
    "资金性质",
    "账户",
    "账户名称",
)
INCOME_HEADINGS: Final = (*KEY_HEADINGS, "确认收入", "收入退付", "收入净额", "笔数")
DEPOSIT_HEADINGS: Final = (
    "类别",
    *KEY_HEADINGS,
    "期初余额",
    "本日收缴",
    "确认收入转出",
    "本日退付",
    "认领转出",
    "期末余额",
    "笔数",
)
CORRECTION_HEADINGS: Final = (
    "更正号",
    "所属日期",
    "类别",
    *KEY_HEADINGS,
    "事项",
    "金额",
    "收入影响",
    "暂存影响",
    "原因",
    "依据",
    "发现日期",
    "登记人",
)
PENDING: Final = "未登记"


def key_cells(row: Row | Correction) -> tuple[str, ...]:
    """Cells under KEY_HEADINGS."""
    return (
        row.region,
        row.unit_code,
        row.unit_name,
        row.item_code,
        row.item_name,
        row.fund_nature,
        row.account,
        row.account_name,
    )


def income_cells(row: Row) -> tuple[str, ...]:
    """Cells under INCOME_HEADINGS."""
    amounts = (row.confirmed, row.income_refunded, row.income)
    return (*key_cells(row), *map(format_yuan, amounts), str(row.income_movements))


def deposit_cells(row: Row) -> tuple[str, ...]:
    """Cells under DEPOSIT_HEADINGS."""
    amounts = (
        row.opening,
        row.collected,
        row.confirmed,
        row.refunded,
        row.claimed,
        row.closing,
    )
    return (
        Category(row.category).text,
        *key_cells(row),
        *map(format_yuan, amounts),
        str(row.movements),
    )


def correction_cells(one: Correction) -> tuple[str, ...]:
    """Cells under CORRECTION_HEADINGS."""
    return (
        str(one.no) if one.no else PENDING,
        one.day,
        Category(one.category).text,
        *key_cells(one),
        one.measure.text,
        format_yuan(one.amt),
        format_yuan(one.income),
        format_yuan(one.deposit),
        one.cause.text,
        one.reference,
        one.found_on,
        one.found_by,
    )


def income_csv(daily: Daily) -> str:
    """The income report; the last line has the control totals."""
    amounts = (
        sum(row.confirmed for row in daily.income_rows),
        sum(row.income_refunded for row in daily.income_rows),
        daily.income.amt,
    )
    count = sum(row.income_movements for row in daily.income_rows)
    total = ("合计", f"{daily.income.count}行", *_digest_cells(daily.income))
    last = (*total, *map(format_yuan, amounts), str(count))
    return write_csv(INCOME_HEADINGS, [*map(income_cells, daily.income_rows), last])


def deposit_csv(daily: Daily) -> str:
    """The report of deposits; the last line has the control totals."""
    rows = daily.deposit_rows
    amounts = [
        sum(getattr(row, name) for row in rows)
        for name in ("opening", "collected", "confirmed", "refunded", "claimed", "closing")
    ]
    total = ("合计", "", f"{daily.deposits.count}行", *_digest_cells(daily.deposits))
    last = (*total, *map(format_yuan, amounts), str(sum(row.movements for row in rows)))
    return write_csv(DEPOSIT_HEADINGS, [*map(deposit_cells, rows), last])


def _digest_cells(control: Control) -> tuple[str, ...]:
    return ("", "", "", "", "摘要", control.digest)


def corrections_csv(daily: Daily) -> str:
    """Corrections of the day, and those that its opening contains."""
    found = (*daily.corrections, *daily.pending, *daily.carried)
    return write_csv(CORRECTION_HEADINGS, map(correction_cells, found))


# -- JSON -----------------------------------------------------------------------------------------


def daily_document(daily: Daily, closed_at: str) -> dict[str, Any]:
    """Both reports as plain values; amounts are yuan as text. CLOSED_AT is for people."""
    return {
        "report": "daily",
        "date": daily.day,
        "node": daily.node_name,
        "state": daily.state,
        "closed_at": closed_at,
        "closed_by": daily.closed_by,
        "income": {
            "title": "非税收入日报",
            "rows": [
                {
                    **_key_document(row),
                    "Confirmed": format_yuan(row.confirmed),
                    "Refunded": format_yuan(row.income_refunded),
                    "Income": format_yuan(row.income),
                    "Count": row.income_movements,
                }
                for row in daily.income_rows
            ],
            "control": control_document(daily.income),
            "corrected": format_yuan(daily.corrected_income),
        },
        "deposits": {
            "title": "非税暂存日报",
            "rows": [
                {
                    "Category": row.category,
                    **_key_document(row),
                    "Opening": format_yuan(row.opening),
                    "Collected": format_yuan(row.collected),
                    "Confirmed": format_yuan(row.confirmed),
                    "Refunded": format_yuan(row.refunded),
                    "Claimed": format_yuan(row.claimed),
                    "Closing": format_yuan(row.closing),
                    "Count": row.movements,
                }
                for row in daily.deposit_rows
            ],
            "control": control_document(daily.deposits),
            "corrected": format_yuan(daily.corrected_deposits),
        },
        "corrections": [_correction_document(one) for one in daily.corrections],
        "pending": [_correction_document(one) for one in daily.pending],
        "carried": [_correction_document(one) for one in daily.carried],
    }


def control_document(control: Control) -> dict[str, Any]:
    """Control totals as plain values."""
    return {"count": control.count, "amount": format_yuan(control.amt), "digest": control.digest}


def as_json(document: dict[str, Any]) -> str:
    """A document as the text of a file."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _key_document(row: Row | Correction) -> dict[str, Any]:
    return {
        "AdmDivCode": row.region,
        "ChgAgenCode": row.unit_code,
        "ChgAgenName": row.unit_name,
        "ItemCode": row.item_code,
        "ItemName": row.item_name,
        "FundNature": row.fund_nature,
        "RecAcct": row.account,
        "RecName": row.account_name,
    }


def _correction_document(one: Correction) -> dict[str, Any]:
    return {
        "No": one.no,
        "Date": one.day,
        "Category": one.category,
        **_key_document(one),
        "Measure": one.measure.value,
        "Amt": format_yuan(one.amt),
        "Income": format_yuan(one.income),
        "Deposit": format_yuan(one.deposit),
        "Cause": one.cause.value,
        "CauseText": one.cause.text,
        "Reference": one.reference,
        "FoundOn": one.found_on,
        "FoundBy": one.found_by,
    }
