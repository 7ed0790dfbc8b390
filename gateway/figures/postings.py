"""Posting files (机制凭证): one for each closed day and set of templates, numbered without gaps.

A file is in the books before it is in the folder, with every byte of it: writing it again gives the
same. Corrections of earlier days stand in the file of the day whose opening contains them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ...reconcile.csvcells import ENCODING
from ...reconcile.figures.postings import (
    Looked,
    TemplateError,
    TemplateSet,
    post,
    postables,
    posting_document,
    posting_sheet,
    read_templates,
    totals,
)
from .. import sample
from ..settlement import spool
from ..settlement.acting import Acting, SettlementRefused
from ..store import catalogue, figures, journal, postings
from ..store.entries import Account, Item
from ..store.postings import PostingFile
from ..store.protocol import Transaction


@dataclass(frozen=True, slots=True)
class Made:
    """A posting file; `new` False: it was made before."""

    file: PostingFile
    new: bool


def load_templates(path: Path | None) -> TemplateSet:
    """The templates of a file, of the sample without one. Raises SettlementRefused, OSError."""
    name = str(path) if path else "postings.toml of the sample"
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path
            else files(sample).joinpath("postings.toml").read_text("utf-8")
        )
        return read_templates(tomllib.loads(text))
    except (TemplateError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettlementRefused(
            f"{name}: {error}", "correct the posting templates", wrong_input=True
        ) from None


async def make_posting(
    tx: Transaction, date: str, templates: TemplateSet, node_name: str, acting: Acting
) -> Made:
    """The posting file of a closed day; the one there is when it was made before.

    Raises SettlementRefused for a day that is not closed, and for money that no template fits.
    """
    there = await postings.of_day(tx, templates.name, date)
    if there is not None:
        return Made(there, new=False)
    if acting.units:
        raise SettlementRefused(
            f"{acting.name} may act for some units only, the postings are of all",
            "name an operator without units",
            wrong_input=True,
        )
    day = await figures.day(tx, date, lock=True)
    if day is None or day.state != "closed":
        raise SettlementRefused("the day is not closed", "see `nontax report daily --close`")
    before = await figures.closed_before(tx, date)
    since = before.corrections if before else 0
    corrections = await figures.corrections_between(tx, since, day.corrections)
    money = postables(await figures.rows(tx, date), corrections)
    try:
        entries = post(templates, money, await _looked(tx, date))
    except TemplateError as error:
        raise SettlementRefused(str(error), "add a template for it") from None
    control = totals(entries)
    no = await postings.next_no(tx)
    file = PostingFile(
        no=no,
        template_set=templates.name,
        day=date,
        made_at=acting.at,
        made_by=acting.name,
        lines=control.lines,
        debit=control.debit,
        credit=control.credit,
        digest=control.digest,
        document=posting_document(
            entries, no=no, day=date, template_set=templates.name, node_name=node_name
        ),
        sheet=posting_sheet(entries, no=no, day=date),
    )
    await postings.insert(tx, file)
    facts: dict[str, journal.Fact] = {
        "day": date,
        "templates": templates.name,
        "lines": file.lines,
        "Amt": file.debit,
        "digest": file.digest,
    }
    await _note(tx, "made", file, acting, facts)
    return Made(file, new=True)


async def _looked(tx: Transaction, date: str) -> Looked:
    banks = {
        entry.acct_no: entry.bank_code
        for entry in await catalogue.entries(tx, Account)
        if catalogue.holds(entry, date)
    }
    subjects = {
        item.code: (item.income_subject, item.budget_subject)
        for item in await catalogue.entries(tx, Item)
    }
    return Looked(banks, subjects)


async def acknowledge(tx: Transaction, no: int, note: str, acting: Acting) -> PostingFile:
    """Note that the general ledger has a file. Raises SettlementRefused, also the second time."""
    found = await find(tx, no)
    if not await postings.acknowledge(tx, no, at=acting.at, by=acting.name, note=note):
        raise SettlementRefused(
            f"it was acknowledged by {found.acked_by}", "nothing is left to be done"
        )
    await _note(tx, "acknowledged", found, acting, {"note": note})
    return await find(tx, no)


async def find(tx: Transaction, no: int) -> PostingFile:
    """A posting file. Raises SettlementRefused when there is none of that number."""
    found = await postings.get(tx, no)
    if found is None:
        raise SettlementRefused(
            "there is no such posting file", "see `nontax report posting-list`", wrong_input=True
        )
    return found


def write_posting(folder: Path, file: PostingFile) -> tuple[Path, ...]:
    """Write the files of a posting, each whole or not at all; their paths. Raises OSError."""
    name = f"posting-{file.no:08d}"
    # The sheet first: who waits for the JSON finds both.
    sheet = spool.put(folder, f"{name}.csv", file.sheet, encoding=ENCODING)
    return sheet, spool.put(folder, f"{name}.json", file.document)


async def _note(
    tx: Transaction,
    kind: str,
    file: PostingFile,
    acting: Acting,
    facts: dict[str, journal.Fact],
) -> None:
    await journal.append(
        tx,
        at=acting.at,
        kind=f"posting.{kind}",
        subject=f"posting:{file.no}",
        actor=acting.name,
        facts=facts,
    )
