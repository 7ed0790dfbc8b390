"""Importing a statement from a CSV file, in place of the messages that a node cannot send.

All or nothing: the file is read once to know and judge it, and once to write it, a pack of lines a
transaction, beside what stands; the last transaction lets it stand. What was left of an import that
did not come to its end goes with the next one. The same content again is nothing new.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

from ...messages import Result
from ...reconcile.csvlines import CsvLine, CsvRefused, CsvStatement, read_statement
from ...reconcile.digest import combined
from ...reconcile.kinds import Statement
from ..collection.billfiles import FileRefused, detect_encoding
from ..peers import Peer
from ..settlement.acting import Acting
from ..store import statements
from ..store.protocol import Store, Transaction
from ..store.statements import Line, StatementBatch
from .intake import batch_digest, insert, may_not, new_batch, note
from .received import IN, MOST_TOTAL, Heading, Pack, amount_fault, check, digest_of

MAX_FILE_BYTES: Final = 1024 * 1024 * 1024
LINES_A_PACK: Final = 2_000
_SCOPE_TAGS: Final[Mapping[Statement, str]] = {"2555": "PayMode", "2557": "RecAcct", "2556": "Acct"}
_TYPE_TAGS: Final[Mapping[Statement, str]] = {"2557": "RecAcctType", "2556": "AcctType"}
_BALANCES: Final = ("BeginBal", "InAmt", "OutAmt", "EndBal")


class ImportRefused(Exception):
    """A file that is not imported: what is wrong, the line where there is one, what helps.

    `wrong_input`: the file or the options are wrong in themselves, whatever the books say.
    """

    def __init__(self, what: str, do: str = "", *, line: int = 0, wrong_input: bool = True) -> None:
        super().__init__(what)
        self.what = what
        self.do = do
        self.line = line
        self.wrong_input = wrong_input


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and what the options say of its batch by tag (also CheckDate): text or fen."""

    path: Path
    kind: Statement
    said: Mapping[str, str | int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import; `malformed` are the first bad lines: number, what is wrong."""

    batch: StatementBatch
    replayed: bool
    bad: int
    malformed: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the first reading of a file found."""

    heading: Heading
    channels: tuple[tuple[str, int, int], ...]
    count: int
    amt: int
    in_amt: int
    lines_digest: str
    bad: int
    malformed: tuple[tuple[int, str], ...]


async def import_statement(
    store: Store, source: Source, peer: Peer, acting: Acting, progress: Callable[[int], None]
) -> Imported:
    """Import a file. Raises ImportRefused, OSError, StoreError; then what stood still stands."""
    judged = _judge(source, progress)
    heading = judged.heading
    pack = Pack(heading, 1, judged.lines_digest, judged.count, judged.amt, judged.in_amt, ())
    fault = check(replace(pack, channels=judged.channels), acting.today)
    if fault is not None:
        raise ImportRefused(fault.information)
    batch = new_batch(peer.code, heading, origin="file", at=acting.at)

    async def begin(tx: Transaction) -> StatementBatch:
        refusal = await may_not(tx, peer, heading)
        if refusal is not None:
            raise ImportRefused(refusal.information or Result.BAD_PARAMETER.meaning)
        return await _begin(tx, batch, _digest(batch, judged), acting.at)

    begun = await store.transact(begin)
    if begun.state != "replacing":
        return Imported(begun, True, judged.bad, judged.malformed)
    await _write(store, source, begun, judged, progress)

    async def end(tx: Transaction) -> StatementBatch:
        return await _end(tx, begun, judged, acting)

    return Imported(await store.transact(end), False, judged.bad, judged.malformed)


# -- reading --------------------------------------------------------------------------------------


@contextmanager
def _opened(source: Source) -> Iterator[CsvStatement]:
    """A file as a statement. Raises ImportRefused, OSError."""
    if source.path.stat().st_size > MAX_FILE_BYTES:
        raise ImportRefused(f"the file has more than {MAX_FILE_BYTES} bytes", "split it")
    with source.path.open("rb") as file:
        try:
            encoding = detect_encoding(file)
            file.seek(0)
            with io.TextIOWrapper(file, encoding=encoding, newline="") as text:
                yield read_statement(text, source.kind)
        except FileRefused as error:
            raise ImportRefused(error.what, error.do, line=error.line or 0) from None
        except CsvRefused as error:
            raise ImportRefused(error.what, "correct the file", line=error.line) from None


def _judge(source: Source, progress: Callable[[int], None]) -> _Judged:
    """Read the whole file: what it says, how much it is, what its lines lack."""
    with _opened(source) as found:
        said = _merged(source, found.head)
        scope = str(said[_SCOPE_TAGS[source.kind]])
        count = amt = in_amt = bad = 0
        malformed: list[tuple[int, str]] = []
        digests: list[str] = []
        for chunk in _chunks(found):
            lines = [stored(source.kind, scope, line) for line in chunk]
            digests = [combined([*digests, digest_of(source.kind, lines)])]
            count += len(chunk)
            amt += sum(line.amt for line in chunk)
            in_amt += sum(line.amt for line in chunk if _is_in(source.kind, line))
            for line, row in zip(chunk, lines, strict=True):
                if row[-1]:
                    bad += 1
                    if len(malformed) < 100:
                        malformed.append((line.number, str(row[-1])))
            progress(count)
        if amt > MOST_TOTAL:
            raise ImportRefused("the amounts are too large")
        digest = combined(digests)
        heading = _heading(source.kind, said, (count, amt, in_amt), digest)
        channels = tuple(found.channels)
    return _Judged(heading, channels, count, amt, in_amt, digest, bad, tuple(malformed))


def _merged(source: Source, head: Mapping[str, str | int]) -> dict[str, str | int]:
    """What file and options say of the batch; they may not disagree."""
    for tag, value in source.said.items():
        if head.get(tag, value) != value:
            raise ImportRefused(f"{tag} of the file is another than that of the options")
    said = {**head, **source.said}
    needed = ["CheckDate", _SCOPE_TAGS[source.kind]]
    if source.kind == "2556":
        needed += ["BeginBal", "EndBal"]
    missing = [tag for tag in needed if tag not in said]
    if missing:
        lines = ", ".join(f"#{tag}=…" for tag in missing)
        raise ImportRefused(
            f"{', '.join(missing)} is said nowhere",
            f"give the option, or write {lines} before the columns",
        )
    return said


def _heading(
    kind: Statement, said: Mapping[str, str | int], sums: tuple[int, int, int], digest: str
) -> Heading:
    """The batch that a file is; totals that it says must be those of its lines."""
    count, amt, in_amt = sums
    found = {"TotalCount": count, "TotalAmt": amt}
    if kind == "2556":
        found |= {"InAmt": in_amt, "OutAmt": amt - in_amt}
    for tag, value in found.items():
        if said.get(tag, value) != value:
            raise ImportRefused(f"{tag} of the file is not what its lines come to")
    balances = {tag: int({**said, **found}[tag]) for tag in _BALANCES} if kind == "2556" else {}
    return Heading(
        kind=kind,
        check_date=str(said["CheckDate"]),
        scope=str(said[_SCOPE_TAGS[kind]]),
        acct_type="" if kind == "2555" else str(said.get(_TYPE_TAGS[kind], "1")),
        batch_no=str(said.get("BatchNo", f"FILE{digest[:16].upper()}")),
        pack_count=max(1, -(-count // LINES_A_PACK)),
        total_count=count,
        total_amt=amt,
        begin_bal=balances.get("BeginBal"),
        in_amt=balances.get("InAmt"),
        out_amt=balances.get("OutAmt"),
        end_bal=balances.get("EndBal"),
    )


def _chunks(found: CsvStatement) -> Iterator[list[CsvLine]]:
    while chunk := list(islice(found.lines, LINES_A_PACK)):
        yield chunk


def _is_in(kind: Statement, line: CsvLine) -> bool:
    return kind == "2556" and line.text("DcFlag") == IN


def stored(kind: Statement, scope: str, line: CsvLine) -> Line:
    """A line of a file as the store takes it; a bad one with what could be read of it."""
    text = line.text
    fault = line.fault or amount_fault(line.amt)
    if kind == "2555":
        return (
            text("TraNoBus"),
            line.number,
            text("PayCode"),
            text("CfmDate"),
            text("CfmTime"),
            line.amt,
            scope,
            text("PayerName"),
            text("PayerAcct"),
            text("RecAcctType"),
            text("RecAcct"),
            text("BankOutlet"),
            text("BatchNo"),
            fault,
        )
    if kind == "2557":
        before = ("TraNo", "PayMode", "PayCode", "BatchNo", "RecSubAcct")
        return (line.number, *map(text, before), line.amt, text("AddWord"), fault)
    after = ("OppName", "OppAcct", "BatchNo", "AddWord")
    return (
        line.number,
        *map(text, ("TraNo", "DcFlag", "PayMode")),
        line.amt,
        *map(text, after),
        fault,
    )


# -- writing --------------------------------------------------------------------------------------


def _digest(batch: StatementBatch, judged: _Judged) -> str:
    return batch_digest(batch, judged.lines_digest, judged.channels)


async def _begin(tx: Transaction, batch: StatementBatch, digest: str, at: int) -> StatementBatch:
    """Begin beside what stands, or return what stands when it is the same."""
    key = (batch.kind, batch.src, batch.check_date, batch.scope)
    standing = await statements.living(tx, *key)
    if standing is not None and standing.digest == digest:
        return standing
    _may_replace(standing)
    beside = await statements.replacing(tx, *key)
    if beside is not None:
        await statements.drop(tx, beside.id, state="dropped", at=at)
    begun = replace(batch, state="replacing")
    batch_id = await statements.insert_batch(tx, begun)
    if batch_id is None:
        raise RuntimeError("another batch took the place while it was locked")
    return replace(begun, id=batch_id)


def _may_replace(standing: StatementBatch | None) -> None:
    if standing is None or standing.state in {"receiving", "failed"}:
        return
    if standing.state == "reconciled":
        raise ImportRefused(
            "this statement was reconciled", "`nontax reconcile reopen` frees it", wrong_input=False
        )
    raise ImportRefused(
        "another statement is there and waits to be reconciled",
        "reconcile the day first: one that fails may be replaced",
        wrong_input=False,
    )


async def _write(
    store: Store,
    source: Source,
    batch: StatementBatch,
    judged: _Judged,
    progress: Callable[[int], None],
) -> None:
    """Read the file again and write its lines, a pack a transaction."""
    at = batch.received_at
    number = written = 0
    digest = combined(())
    with _opened(source) as found:
        for chunk in _chunks(found):
            number += 1
            lines = [stored(batch.kind, batch.scope, line) for line in chunk]
            pack = Pack(
                judged.heading,
                number,
                digest_of(batch.kind, lines),
                len(lines),
                sum(line.amt for line in chunk),
                sum(line.amt for line in chunk if _is_in(batch.kind, line)),
                sorted(lines) if batch.kind == "2555" else lines,
            )

            async def add(tx: Transaction, pack: Pack = pack) -> None:
                await _still(tx, batch)
                await insert(tx, batch, pack, at)
                await statements.purge(tx)

            await store.transact(add)
            digest = combined((digest, pack.digest))
            written += len(lines)
            progress(written)
    if not number:
        empty = Pack(judged.heading, 1, digest, 0, 0, 0, ())
        await store.transact(lambda tx: insert(tx, batch, empty, at))
    if digest != judged.lines_digest:
        await store.transact(lambda tx: statements.drop(tx, batch.id, state="dropped", at=at))
        raise ImportRefused("the file changed while it was read", "run it again")


async def _still(tx: Transaction, batch: StatementBatch) -> StatementBatch:
    """The batch as it is now; refuses when the node itself, or another import, overtook it."""
    now = await statements.get(tx, batch.id)
    if now is None or now.state != "replacing":
        raise ImportRefused(
            "the node itself or another import sent this statement meanwhile",
            "look at what is there, then run it again",
            wrong_input=False,
        )
    return now


async def _end(
    tx: Transaction, batch: StatementBatch, judged: _Judged, acting: Acting
) -> StatementBatch:
    """Let the file's batch stand."""
    await _still(tx, batch)
    standing = await statements.living(tx, batch.kind, batch.src, batch.check_date, batch.scope)
    _may_replace(standing)
    if standing is not None:
        await statements.drop(tx, standing.id, state="replaced", at=acting.at)
    digest = _digest(batch, judged)
    await statements.insert_channels(tx, batch.id, judged.channels)
    await statements.completed(tx, batch.id, digest, at=acting.at)
    by = (acting.name, acting.at)
    await note(tx, "statement.imported", batch, *by, digest=digest, malformed=judged.bad)
    done = await statements.get(tx, batch.id)
    assert done is not None  # noqa: S101 - it was written a moment ago
    return done
