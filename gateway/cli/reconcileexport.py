"""`nontax reconcile export`: differences as CSV, to be decided on in a spreadsheet (对账)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ...codecs import format_yuan
from ...reconcile.csvcells import ENCODING, write_csv
from ...reconcile.kinds import Kind, State
from ..clock import parse_date
from ..store import reconciliation
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceFilter, DifferenceRow
from .common import FINE, Subparsers, add_command, date_argument
from .opening import open_gateway

COLUMNS: Final = (
    "id", "node", "date", "statement", "scope", "kind", "name", "state", "PayCode", "TraNo",
    "ours", "theirs", "fields", "finding", "expected", "days", "payment_id",
    "action", "why", "payment", "arrival", "row", "amount",
)  # fmt: skip
"""The last six are empty: whoever decides fills them in."""
_PAGE: Final = 1000


def register(actions: Subparsers) -> None:
    """Add the action."""
    exporting = add_command(
        actions,
        "export",
        _export,
        "write differences as CSV, to be filled in and given back to `resolve --file`",
        description=(
            "Write differences as CSV. The columns action and why (and payment, arrival, row, "
            "amount where a decision needs them) are empty: filled in, the file is what `resolve "
            "--file` takes; rows without action are passed over. No cell is a formula."
        ),
    )
    exporting.add_argument(
        "--date", type=date_argument, default="", metavar="D", help="only this CheckDate"
    )
    exporting.add_argument("--node", default="", metavar="CODE", help="only this node's lists")
    exporting.add_argument(
        "--state",
        choices=("open", "all"),
        default="open",
        help="only open rows, or all (default: %(default)s)",
    )
    exporting.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (default: stdout)"
    )


# -- export ---------------------------------------------------------------------------------------


async def _export(arguments: argparse.Namespace) -> int:
    states: tuple[State, ...] = ("open",) if arguments.state == "open" else ()
    narrowed = DifferenceFilter(
        node=arguments.node, date_from=arguments.date, date_to=arguments.date, states=states
    )

    async def read(tx: Transaction) -> list[DifferenceRow]:
        found: list[DifferenceRow] = []
        while page := await reconciliation.differences(
            tx, narrowed, after=found[-1].id if found else 0, limit=_PAGE
        ):
            found += page
        return found

    async with open_gateway(arguments) as opened:
        rows = await opened.store.scan(read)
        today = opened.clock.today()
    _write(write_csv(COLUMNS, (_cells(row, today) for row in rows)), arguments.out)
    if arguments.out is not None:
        print(f"written to {arguments.out}")
    return FINE


def _write(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding=ENCODING, newline="")


_TEXTS: Final = {kind.value: kind.text for kind in Kind}
_DECISION: Final = ("",) * 6


def _cells(row: DifferenceRow, today: str) -> Sequence[object]:
    return (
        row.id,
        row.node,
        row.check_date,
        row.statement,
        row.scope,
        row.kind,
        _TEXTS.get(row.kind, ""),
        row.state,
        row.pay_code,
        row.tra_no,
        "" if row.ours_amt is None else format_yuan(row.ours_amt),
        "" if row.theirs_amt is None else format_yuan(row.theirs_amt),
        row.fields if row.fields != "[]" else "",
        row.reason,
        row.expected,
        (parse_date(today) - parse_date(row.check_date)).days,
        row.payment_id,
        *_DECISION,
    )
