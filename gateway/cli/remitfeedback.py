"""`nontax remit import-feedback`: what the treasury booked against what was remitted."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from ...codecs import format_yuan
from ...reconcile.csvcells import ENCODING, write_csv
from ..collection.billfiles import FileRefused
from ..settlement.acting import SettlementRefused
from ..settlement.feedback import Compared, Imported, compare, import_rows
from ..settlement.feedbackfile import RowsRefused, read_feedback
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import acting_as, refused
from .opening import act_as, open_gateway

_COLUMNS = ("TreCode", "Date", "IncomeSortCode", "BgtLevel", "Remitted", "Booked", "Difference")


async def import_feedback(arguments: argparse.Namespace) -> int:
    """Import a file, compare its days, and say what differs."""
    path: Path = arguments.file
    try:
        rows = read_feedback(path, arguments.kind)
    except FileRefused as error:
        place = f"{path}:{error.line}" if error.line else str(path)
        raise CommandError(error.what, where=place, do=error.do) from None
    except RowsRefused as error:
        raise _refused_rows(path, error) from None
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        work = partial(
            import_rows, kind=arguments.kind, rows=rows, acting=acting, replace=arguments.replace
        )
        try:
            imported = await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, str(path)) from None
        found = await opened.store.scan(partial(compare, kind=arguments.kind, days=imported.days))
    if arguments.report is not None:
        _write(arguments.report, found)
    differing = [one for one in found if one.difference]
    if wants_json(arguments):
        print_json(
            {
                "rows": len(rows),
                "days": [
                    {"TreCode": code, "Date": day, "import": _import(imported, (code, day))}
                    for code, day in imported.days
                ],
                "compared": len(found),
                "differences": [dict(zip(_COLUMNS, _cells(one), strict=True)) for one in differing],
            }
        )
    else:
        _print(found, differing, imported)
    return NOT_FINE if differing else FINE


def _refused_rows(path: Path, error: RowsRefused) -> CommandError:
    first, *others = [f"{path}:{line}: {fault}" for line, fault in error.faults]
    return CommandError(
        first,
        do="correct the file; nothing was imported",
        more=others,
        total=error.total,
        details={
            "total": error.total,
            "faults": [{"line": line, "problem": fault} for line, fault in error.faults],
        },
    )


def _import(imported: Imported, day: tuple[str, str]) -> str:
    if day in imported.new:
        return "new"
    return "replaced" if day in imported.replaced else "repeated"


def _print(found: list[Compared], differing: list[Compared], imported: Imported) -> None:
    for code, day in imported.days:
        print(f"{code} {show_date(day)}: {_import(imported, (code, day))}")
    print(f"{len(found)} sums by subject and level compared, {len(differing)} differ")
    if differing:
        headings = ("treasury", "date", "subject", "level", "remitted", "booked", "difference")
        print_table(headings, map(_cells, differing), right="remitted booked difference")


def _cells(one: Compared) -> tuple[str, ...]:
    return (
        one.tre_code,
        show_date(one.day),
        one.subject,
        one.level,
        format_yuan(one.remitted),
        format_yuan(one.booked),
        format_yuan(one.difference),
    )


def _write(path: Path, found: list[Compared]) -> None:
    """The comparison as CSV that no spreadsheet takes for formulas."""
    path.write_text(write_csv(_COLUMNS, map(_cells, found)), encoding=ENCODING, newline="")
