"""The report for programs: all differences as CSV, everything as JSON; amounts are yuan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..csvcells import write_csv
from ..sides import Totals
from .model import AGES, UNKNOWN_HOUR, InTransit, Row, RunReport, ScopeLine
from .words import ACTIONS, STATEMENTS, STATES, age_label, plain_yuan

CSV_COLUMNS: Final = (
    "id", "node", "node_name", "check_date", "statement", "scope", "kind", "kind_text", "code",
    "state", "state_text", "age_days", "PayCode", "TraNo", "ours", "theirs", "fields", "reason",
    "last_action", "last_actor", "last_reason", "last_at", "reference",
)  # fmt: skip
"""Headings of the CSV: the day's differences in every state, then the open ones of earlier days."""


def csv_text(report: RunReport) -> str:
    """All differences; no cell of it is a formula to a spreadsheet."""
    return write_csv(CSV_COLUMNS, (_cells(report, row) for row in _all(report)))


def _all(report: RunReport) -> Sequence[Row]:
    return [*report.rows, *report.carried]


def _cells(report: RunReport, row: Row) -> list[object]:
    last = row.last
    return [
        row.id,
        row.node,
        report.name(row.node),
        row.check_date,
        row.statement,
        row.scope,
        row.kind.value,
        row.kind.text,
        row.code,
        row.state,
        STATES[row.state],
        row.age,
        row.pay_code,
        row.tra_no,
        plain_yuan(row.ours_amt),
        plain_yuan(row.theirs_amt),
        "; ".join(f"{field.tag}: {field.ours} / {field.theirs}" for field in row.fields),
        row.reason,
        ACTIONS.get(last.action, last.action) if last else "",
        last.actor if last else "",
        last.reason if last else "",
        last.at if last else "",
        last.reference if last else "",
    ]


def json_text(report: RunReport) -> str:
    """The report as one JSON document, one entry of a list a line."""
    return json.dumps(as_json(report), ensure_ascii=False, indent=1) + "\n"


def as_json(report: RunReport) -> dict[str, Any]:
    """The whole report. `differences` has the day's, `carried` the open ones of earlier days."""
    header = report.header
    return {
        "finance": {"code": header.finance_code, "name": header.finance_name},
        "check_date": header.check_date,
        "node": header.node,
        "as_of": header.as_of,
        "generated_at": header.generated_at,
        "closed": report.closed,
        "states": report.states(),
        "nodes": [
            {
                "node": node.code,
                "name": node.name,
                "state": node.state,
                "revision": node.revision,
                "finished_at": node.finished_at,
                "not_delivered": list(node.missing),
                "silent": node.silent,
                "merged": node.merged,
            }
            for node in header.nodes
        ],
        "totals": [_scope(line) for line in report.scopes],
        "hours": [
            {
                "hour": None if one.hour == UNKNOWN_HOUR else one.hour,
                "count": one.count,
                "Amt": plain_yuan(one.amt),
            }
            for one in report.hours
        ],
        "kinds": [
            {
                "kind": line.kind.value,
                "text": line.kind.text,
                "code": line.kind.code,
                "count": line.count,
                "Amt": plain_yuan(line.amt),
                "states": line.states,
            }
            for line in report.kinds()
        ],
        "ages": [
            {
                "node": line.node,
                **{
                    age_label(first, last): _totals(totals)
                    for (first, last), totals in zip(AGES, line.ages, strict=True)
                },
                "total": _totals(line.total),
            }
            for line in report.ages()
        ],
        "in_transit": [_transit(one) for one in report.transit],
        "refunds": [
            {
                "RefundType": one.kind,
                "state": one.state,
                "count": one.count,
                "Amt": plain_yuan(one.amt),
            }
            for one in report.refunds
        ],
        "differences": [_row(one) for one in report.rows],
        "carried": [_row(one) for one in report.carried],
    }


def _scope(line: ScopeLine) -> Mapping[str, Any]:
    return {
        "node": line.node,
        "statement": line.statement,
        "statement_name": STATEMENTS[line.statement],
        "scope": line.label,
        "delivered": line.delivered,
        "ours": _totals(line.ours),
        "theirs": _totals(line.theirs),
        "matched": _totals(line.matched),
        "difference": _totals(line.difference),
    }


def _transit(one: InTransit) -> Mapping[str, Any]:
    return {
        "node": one.node,
        "source": one.source,
        "number": one.number,
        "scope": one.scope,
        "since": one.since,
        "age_days": one.age,
        "count": one.count,
        "Amt": plain_yuan(one.amt),
    }


def _totals(totals: Totals) -> Mapping[str, Any]:
    return {"count": totals.count, "Amt": plain_yuan(totals.amt)}


def _row(row: Row) -> Mapping[str, Any]:
    return {
        "id": row.id,
        "node": row.node,
        "check_date": row.check_date,
        "statement": row.statement,
        "scope": row.scope,
        "kind": row.kind.value,
        "code": row.code,
        "state": row.state,
        "age_days": row.age,
        "PayCode": row.pay_code,
        "TraNo": row.tra_no,
        "ours": None if row.ours_amt is None else plain_yuan(row.ours_amt),
        "theirs": None if row.theirs_amt is None else plain_yuan(row.theirs_amt),
        "fields": [field._asdict() for field in row.fields],
        "reason": row.reason,
        "last": row.last._asdict() if row.last else None,
    }
