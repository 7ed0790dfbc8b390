"""The report of a reconciled day (对账报告): gathered from the books, written as files.

All of it is read in one scan, so that its numbers belong together whatever is booked meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

from ...reconcile.report import (
    Header,
    Hour,
    RefundSum,
    RunReport,
    csv_text,
    html_page,
    json_text,
)
from ..clock import Clock, add_days, date_from_ms, midnight_ms
from ..peers import PeerDirectory
from ..settlement.spool import put
from ..store import Store, reconciliation, reconreports
from ..store.protocol import Transaction
from .books import collectors
from .reportnodes import Gathered, ReportDay, add_node, instant

Format = Literal["html", "csv", "json"]
FORMATS: Final[tuple[Format, ...]] = ("html", "csv", "json")

_BYTE_ORDER_MARK: Final = "\ufeff"
"""By which spreadsheets know UTF-8."""


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What reports are made from: the books, the peers, and whose books they are."""

    store: Store
    peers: PeerDirectory
    finance_code: str
    finance_name: str


async def write_report(
    parts: ReportParts,
    check_date: str,
    node: str | None = None,
    *,
    folder: Path,
    now_ms: int,
    formats: Sequence[Format] = FORMATS,
) -> tuple[RunReport, list[Path]]:
    """Gather a day's report (yyyymmdd) of one node, or of all, and write its files into FOLDER.

    The report and the files, in the order of the formats. Raises StoreError, OSError.
    """
    report = await gather(parts, check_date, node, now_ms=now_ms)
    # A long list takes a second to write: other work of the loop goes on meanwhile.
    return report, await asyncio.to_thread(write, report, folder, formats)


def reporter(parts: ReportParts, folder: Path, clock: Clock) -> Callable[[Dated], Awaitable[None]]:
    """What writes a day's report over all nodes into FOLDER after its run. Raises OSError."""

    async def report(outcome: Dated) -> None:
        await write_report(parts, outcome.date, folder=folder, now_ms=clock.now_ms())

    return report


class Dated(Protocol):
    """What a run came to: of which day (yyyymmdd)."""

    @property
    def date(self) -> str:
        """The day that was run."""


def write(report: RunReport, folder: Path, formats: Sequence[Format] = FORMATS) -> list[Path]:
    """Write files `reconcile-YYYYMMDD[-NODE].FORMAT`, each whole or not at all, in place of others.

    Raises OSError, ValueError for a node whose code is no name of a file.
    """
    node = report.header.node
    if node and not (node.isascii() and node.isalnum()):
        raise ValueError("the node's code has characters other than letters and digits")
    stem = f"reconcile-{report.header.check_date}" + (f"-{node}" if node else "")
    return [put(folder, f"{stem}.{name}", _WRITERS[name](report)) for name in formats]


def _csv(report: RunReport) -> str:
    return _BYTE_ORDER_MARK + csv_text(report)


_WRITERS: Final = {"html": html_page, "csv": _csv, "json": json_text}


async def gather(
    parts: ReportParts, check_date: str, node: str | None = None, *, now_ms: int
) -> RunReport:
    """The report of a day as the books are now. Raises StoreError."""
    return await parts.store.scan(
        partial(_gather, parts=parts, check_date=check_date, node=node, now_ms=now_ms)
    )


async def _gather(
    tx: Transaction, *, parts: ReportParts, check_date: str, node: str | None, now_ms: int
) -> RunReport:
    as_of = date_from_ms(now_ms)
    day = ReportDay(parts.peers, check_date, as_of)
    known = await collectors(tx, parts.peers)
    nodes = [node] if node else sorted({*known, *await reconciliation.nodes_of_day(tx, check_date)})
    found = Gathered()
    for one in nodes:
        await add_node(tx, day, one, found, alone=node is not None)
    refunds = await reconreports.refunds_of_day(
        tx,
        check_date,
        since=midnight_ms(check_date),
        before=midnight_ms(add_days(check_date, 1)),
        sources=[node] if node else (),
    )
    return RunReport(
        header=Header(
            finance_code=parts.finance_code,
            finance_name=parts.finance_name,
            check_date=check_date,
            as_of=as_of,
            generated_at=instant(now_ms),
            node=node or "",
            nodes=tuple(found.heads),
        ),
        scopes=tuple(found.scopes),
        hours=tuple(Hour(hour, sums.count, sums.amt) for hour, sums in sorted(found.hours.items())),
        rows=found.rows,
        carried=found.carried,
        transit=found.transit,
        refunds=tuple(RefundSum(*row) for row in refunds),
        names={one: day.name(one) for one in nodes},
    )
