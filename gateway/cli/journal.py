"""`nontax journal`: verifying and exporting the append-only journal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from ..clock import civil_from_ms
from ..store import journal
from ..store.protocol import Transaction
from ..store.records import JournalEntry
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Progress,
    Subparsers,
    add_actions,
    add_command,
    print_facts,
    print_json,
    wants_json,
)
from .opening import open_gateway

_EVERY = 1000


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(subparsers, "journal", None, "verify and export the journal")
    actions = add_actions(parser)
    verify = add_command(
        actions,
        "verify",
        _verify,
        "verify the whole chain",
        reads=True,
        description=(
            "Walk the hash chain of the journal. Exit code 1 when a row was changed, inserted or "
            "removed. Keep the head that is printed somewhere else: compared with --head later, it "
            "proves that the rows up to it are the same."
        ),
    )
    verify.add_argument(
        "--head", metavar="HASH", help="a head that was printed before: it must be in the chain"
    )
    export = add_command(
        actions,
        "export",
        _export,
        "print the rows as JSON lines",
        description="Print the rows of the journal, one JSON object a line, to stdout or a file.",
    )
    export.add_argument(
        "--after", type=int, default=0, metavar="SEQ", help="only rows that follow this one"
    )
    export.add_argument(
        "--subject", metavar="TEXT", help="only rows about this pay code, refund, peer or operator"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: stdout)")


async def _verify(arguments: argparse.Namespace) -> int:
    wanted: str | None = arguments.head

    async def work(tx: Transaction) -> tuple[journal.VerifyReport, bool]:
        report = await journal.verify(tx)
        if wanted is None:
            return report, True
        return report, await journal.has_hash(tx, wanted.lower())

    async with open_gateway(arguments) as opened:
        report, has_head = await opened.store.scan(work)
    fault = report.fault
    if not fault and not has_head:
        fault = "no row has the head that was given: rows were replaced or cut off"
    fine = not fault
    if wants_json(arguments):
        print_json(
            {
                "ok": fine,
                "rows": report.rows,
                "head": report.head,
                "first_bad": report.first_bad,
                "fault": fault,
            }
        )
    else:
        print_facts(
            (
                ("journal", "intact" if fine else "NOT intact"),
                ("rows", str(report.rows)),
                ("head", report.head),
                ("fault", fault),
            )
        )
    return FINE if fine else NOT_FINE


async def _export(arguments: argparse.Namespace) -> int:
    progress = Progress("rows written")
    if arguments.after < 0:
        raise CommandError("must not be negative", where="--after", do="give the seq of a row")
    with ExitStack() as stack:
        out = _opened(arguments.out, stack)

        async def work(tx: Transaction) -> int:
            count = 0
            rows = journal.export(tx, after=arguments.after)
            async for entry in rows:
                if arguments.subject in {None, entry.subject}:
                    out.write(_line(entry))
                    count += 1
                    if count % _EVERY == 0:
                        progress.at(count)
            return count

        async with open_gateway(arguments) as opened:
            count = await opened.store.scan(work)
    progress.done()
    if arguments.out is not None:
        print(f"{count} rows written to {arguments.out}")
    return FINE


def _opened(path: Path | None, stack: ExitStack) -> TextIO:
    """Where to write; a file is made for its owner alone."""
    if path is None:
        return sys.stdout
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8"))


def _line(entry: JournalEntry) -> str:
    row = {
        "seq": entry.seq,
        "at": civil_from_ms(entry.at).isoformat(timespec="milliseconds"),
        "at_ms": entry.at,
        "kind": entry.kind,
        "subject": entry.subject,
        "actor": entry.actor,
        "facts": json.loads(entry.facts),
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
