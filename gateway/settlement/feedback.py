"""Treasury feedback (国库反馈): what a treasury booked against what was remitted to it.

Compared for every treasury and day that the feedback covers, by income subject and budget level.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, get_args

from ..store import catalogue, feedback, journal
from ..store.entries import Treasury
from ..store.feedback import FeedbackDay, FeedbackKind, FeedbackLine
from ..store.protocol import Transaction
from .acting import Acting, SettlementRefused
from .feedbackfile import FeedbackRow
from .remittance import treasury_of

KINDS: Final[tuple[FeedbackKind, ...]] = get_args(FeedbackKind)
Day = tuple[str, str]
"""A treasury's code and a date."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was remitted and what was booked under one subject and level on a day; fen."""

    tre_code: str
    day: str
    subject: str
    level: str
    remitted: int
    booked: int

    @property
    def difference(self) -> int:
        """What was booked beyond what was remitted; negative: it is missing at the treasury."""
        return self.booked - self.remitted


@dataclass(frozen=True, slots=True)
class Imported:
    """The days that a file has: new ones, those replaced, those imported just so before."""

    new: tuple[Day, ...]
    replaced: tuple[Day, ...]
    repeated: tuple[Day, ...]

    @property
    def days(self) -> list[Day]:
        """All of them, in order."""
        return sorted((*self.new, *self.replaced, *self.repeated))


async def import_rows(
    tx: Transaction,
    kind: FeedbackKind,
    rows: Sequence[FeedbackRow],
    acting: Acting,
    *,
    replace: bool = False,
) -> Imported:
    """Keep a file's rows by treasury and day, all or nothing. Raises SettlementRefused."""
    known = {entry.code for entry in await catalogue.entries(tx, Treasury)}
    by_day: dict[Day, list[FeedbackRow]] = defaultdict(list)
    for row in rows:
        if row.tre_code not in known:
            raise SettlementRefused(
                f"line {row.line}: TreCode {row.tre_code} is no treasury of the catalogue",
                "correct the file or the catalogue; nothing was imported",
                wrong_input=True,
            )
        by_day[row.tre_code, row.day].append(row)
    done: dict[str, list[Day]] = {"new": [], "replaced": [], "repeated": []}
    for day in sorted(by_day):
        done[await _keep(tx, kind, day, by_day[day], acting, replace=replace)].append(day)
    return Imported(tuple(done["new"]), tuple(done["replaced"]), tuple(done["repeated"]))


async def _keep(
    tx: Transaction,
    kind: FeedbackKind,
    day: Day,
    rows: list[FeedbackRow],
    acting: Acting,
    *,
    replace: bool,
) -> str:
    tre_code, date = day
    digest = _digest(rows)
    before = await feedback.living(tx, kind, tre_code, date)
    if before is not None and before.digest == digest:
        return "repeated"
    if before is not None:
        if not replace:
            raise SettlementRefused(
                f"{tre_code} of {date} was imported before with other content",
                "give --replace when the new file counts; nothing was imported",
            )
        await feedback.retire(tx, before.id)
    lines = [
        FeedbackLine(0, number, row.subject, row.level, row.amt, row.remit_no, row.tra_no)
        for number, row in enumerate(rows, 1)
    ]
    imported = FeedbackDay(0, kind, tre_code, date, digest, acting.name, acting.at)
    await feedback.insert(tx, imported, lines)
    what = "replaced" if before is not None else "imported"
    await journal.append(
        tx,
        at=acting.at,
        kind=f"feedback.{what}",
        subject=f"{kind}:{tre_code}:{date}",
        actor=acting.name,
        facts={
            "rows": len(rows),
            "Amt": sum(row.amt for row in rows),
            "digest": digest,
            "before": before.digest if before is not None else None,
        },
    )
    return "replaced" if before is not None else "new"


def _digest(rows: Sequence[FeedbackRow]) -> str:
    """Of the content of a day, in whatever order the file has it."""
    parts = sorted(
        "\x1f".join((row.subject, row.level, str(row.amt), row.tra_no, row.remit_no))
        for row in rows
    )
    return sha256("\x1e".join(parts).encode()).hexdigest()


async def compare(tx: Transaction, kind: FeedbackKind, days: Sequence[Day]) -> list[Compared]:
    """Remitted against booked, for days that feedback was imported for."""
    treasuries = await catalogue.entries(tx, Treasury)
    found: list[Compared] = []
    for date in sorted({day for _, day in days}):
        remitted: dict[tuple[str, str, str], int] = defaultdict(int)
        for entry in await feedback.remitted(tx, date):
            code = entry.tre_code
            if not code:
                treasury = treasury_of(treasuries, entry.region, entry.level, date)
                code = treasury.code if treasury else ""
            remitted[code, entry.subject, entry.level] += entry.amt
        for tre_code in sorted(code for code, day in days if day == date):
            there = await feedback.living(tx, kind, tre_code, date)
            booked = {
                (entry.subject, entry.level): entry.amt
                for entry in (await feedback.sums(tx, there.id) if there else ())
            }
            ours = {key[1:]: amt for key, amt in remitted.items() if key[0] == tre_code}
            found += [
                Compared(tre_code, date, *key, remitted=ours.get(key, 0), booked=booked.get(key, 0))
                for key in sorted({*ours, *booked})
            ]
    return found
