"""Importing a file of bills: all of them or none, with every fault by line."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..store.protocol import Store, Transaction
from .billfiles import ReadBill, read_bills
from .billrules import BillRules, Knowledge, judge, learn
from .bills import Making, clashes, write
from .drafts import BillDraft, BillRefused, Fault, wrong

MAX_BILLS: Final = 500_000
MAX_SHOWN: Final = 100
_PROGRESS_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made."""

    pay_codes: list[str]
    amt: int


class ImportRefused(Exception):
    """A file that was not imported: how many faults, and the first of them with their lines."""

    def __init__(self, faults: Sequence[tuple[int, Fault]]) -> None:
        self.total = len(faults)
        self.shown = sorted(faults, key=lambda found: found[0])[:MAX_SHOWN]
        super().__init__(f"{self.total} faults")


async def import_bills(
    store: Store,
    path: Path,
    rules: BillRules,
    making: Making,
    progress: Callable[[int], None],
) -> Imported:
    """Import a file. Raises ImportRefused, FileRefused, OSError, StoreError; then nothing is kept.

    What the drafts name is looked up before and again in the writing transaction: when somebody
    changed it meanwhile, the bills are judged again.
    """
    with _no_cyclic_collection():
        return await _import(store, path, rules, making, progress)


@contextmanager
def _no_cyclic_collection() -> Iterator[None]:
    """Drafts hold no cycles, and the collector would walk all of them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def _import(
    store: Store,
    path: Path,
    rules: BillRules,
    making: Making,
    progress: Callable[[int], None],
) -> Imported:
    found, faults = _read(path, rules, progress)
    lines = [read.line for read in found]
    drafts = [read.draft for read in found if read.draft is not None]

    async def look(tx: Transaction) -> tuple[Knowledge, list[tuple[int, Fault]]]:
        known = await learn(tx, drafts, rules, making.today)
        return known, await clashes(tx, drafts)

    known, clashing = await store.scan(look)
    faults += [(lines[position], fault) for position, fault in clashing]
    faults += _judged(lines, drafts, known, rules)
    if faults:
        raise ImportRefused(faults)

    async def make(tx: Transaction) -> Imported:
        now_known = await learn(tx, drafts, rules, making.today)
        late = [(lines[position], fault) for position, fault in await clashes(tx, drafts)]
        if now_known != known:
            late += _judged(lines, drafts, now_known, rules)
        if late:
            raise ImportRefused(late)
        try:
            made = await write(tx, drafts, rules, making, now_known)
        except BillRefused as refused:
            moved = [(lines[position], fault) for position, fault in refused.faults]
            raise ImportRefused(moved) from None
        return Imported([bill.pay_code for bill in made], sum(bill.amt for bill in made))

    return await store.transact(make)


def _read(
    path: Path, rules: BillRules, progress: Callable[[int], None]
) -> tuple[list[ReadBill], list[tuple[int, Fault]]]:
    """The readable bills of a file, and the faults of the others."""
    found: list[ReadBill] = []
    faults: list[tuple[int, Fault]] = []
    school = 0
    most = rules.config.collection.education_batch_limit
    count = 0
    for count, read in enumerate(read_bills(path), 1):
        if count % _PROGRESS_EVERY == 0:
            progress(count)
        if count > MAX_BILLS:
            text = f"a file has at most {MAX_BILLS} bills: split it"
            raise ImportRefused([*faults, (read.line, wrong("file", "缴款书过多", text))])
        faults += [(read.line, fault) for fault in read.faults]
        if read.draft is None:
            continue
        found.append(read)
        school += read.draft.education
        if school == most + 1:
            text = f"a file has at most {most} school bills: split it"
            faults.append((read.line, wrong("Education", f"教育缴费每批最多{most}笔", text)))
    if not count:
        raise ImportRefused([(1, wrong("file", "没有缴款书", "holds no bill"))])
    return found, faults


def _judged(
    lines: Sequence[int], drafts: Sequence[BillDraft], known: Knowledge, rules: BillRules
) -> list[tuple[int, Fault]]:
    return [
        (line, fault)
        for line, draft in zip(lines, drafts, strict=True)
        for fault in judge(draft, known, rules)
    ]
