"""Taking in statements pack by pack (spec: business, section 9): each is answered at once.

Of a channel's or account's day one batch stands, whatever its BatchNo. What stands unreconciled
takes missing packs and packs it has; what was reconciled takes nothing (15010). A batch that failed
stays until another is complete and adds up: the packs that come meanwhile, changed or not, are
collected beside it, so that none is lost in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Final

from ...codecs import Sensitive, mask
from ...messages import Result
from ...reconcile.digest import combined
from ...reconcile.packs import PackCounts, completeness
from ..peers import Peer
from ..settlement.reporters import may_report
from ..settlement.verdict import Verdict
from ..store import journal, statements
from ..store.protocol import Transaction
from ..store.statements import Origin, StatementBatch, StatementPack
from .received import Heading, Pack, Total

# What every pack of a batch must say alike, by its tags. Scope, kind and date are its identity.
_COMPARED: Final = (
    ("BatchNo", "batch_no"),
    ("PackCount", "pack_count"),
    ("TotalCount", "total_count"),
    ("TotalAmt", "total_amt"),
    ("BeginBal", "begin_bal"),
    ("InAmt", "in_amt"),
    ("OutAmt", "out_amt"),
    ("EndBal", "end_bal"),
)
_TYPE_TAGS: Final = {"2557": "RecAcctType", "2556": "AcctType"}


async def receive(tx: Transaction, peer: Peer, pack: Pack, at: int) -> Verdict:
    """Take a pack that `received.check` has passed, or say what is wrong with it."""
    refusal = await may_not(tx, peer, pack.heading)
    if refusal is not None:
        return refusal
    standing = await _standing(tx, peer, pack.heading, at)
    if standing is not None and standing.state == "reconciled":
        return Verdict(Result.CHECK_REPEATED, subject=subject_of(standing))
    target = standing
    if standing is not None and standing.state == "failed":
        target = await _beside(tx, standing, pack, at)
    if target is not None:
        answer = await _known(tx, target, pack, at)
        if answer is not None:
            return answer
    batch = target or await _begin(tx, peer, pack.heading, standing, at)
    await _add(tx, batch, pack, standing, at)
    return await _completed(tx, batch.id, standing, at)


async def may_not(tx: Transaction, peer: Peer, heading: Heading) -> Verdict | None:
    """Why a node may not send this statement."""
    if heading.kind == "2555":
        if peer.collects:
            return None
        return Verdict(Result.BAD_PARAMETER, "MsgNo: 该节点不收款,不能发送交易流水对账报文")
    held = await may_report(tx, peer, heading.acct_type, heading.scope, heading.check_date)
    if held is not None:
        return None
    tag = "RecAcct" if heading.kind == "2557" else "Acct"
    return Verdict(Result.NO_UNIT_ACCOUNT, f"{tag}: 不是该节点可报送的财政账户")


async def _standing(
    tx: Transaction, peer: Peer, heading: Heading, at: int
) -> StatementBatch | None:
    """What stands for this day; where it was freed, what had begun to replace it stands now."""
    key = (heading.kind, peer.code, heading.check_date, heading.scope)
    living = await statements.living(tx, *key)
    if living is not None:
        return living
    beside = await statements.replacing(tx, *key)
    if beside is None or beside.origin == "file":
        return None
    await statements.set_state(tx, beside.id, "receiving", at=at, among=statements.BESIDE)
    return replace(beside, state="receiving")


async def _beside(
    tx: Transaction, failed: StatementBatch, pack: Pack, at: int
) -> StatementBatch | None:
    """What is collected beside a failed batch, unless the pack shows it to be nothing.

    Late copies of the failed batch's own packs are nothing: the bank never began to replace it.
    So is a file that was not imported to its end, or that the bank overtakes.
    """
    key = (failed.kind, failed.src, failed.check_date, failed.scope)
    beside = await statements.replacing(tx, *key)
    if beside is None:
        return None
    if beside.origin == "message":
        if not _contradiction(beside, pack.heading):
            return beside
        if not all(kept.resent for kept in await statements.packs(tx, beside.id)):
            return beside
    await statements.drop(tx, beside.id, state="dropped", at=at)
    return None


async def _known(tx: Transaction, batch: StatementBatch, pack: Pack, at: int) -> Verdict | None:
    """The answer to a pack that the batch has, or that contradicts it; None: it is wanted."""
    tag = _contradiction(batch, pack.heading)
    if tag:
        return await _contradicted(tx, batch, tag, "与同批次已收到的子包不一致", at)
    kept = await statements.pack(tx, batch.id, pack.number)
    place = await _other_channel(tx, batch, pack, kept)
    if place:
        return await _contradicted(tx, batch, place, "与同批次已收到的子包不一致", at)
    if kept is None:
        return None
    if kept.digest == pack.digest:
        return Verdict(Result.SUCCESS, replayed=True, subject=subject_of(batch))
    if not kept.resent:
        return await _contradicted(tx, batch, "DetailList", "与已收到的该子包不一致", at)
    # What came first was a late copy of the failed batch's pack, this is the corrected one.
    await statements.delete_pack(tx, batch, kept)
    if batch.state == "complete":
        await statements.set_state(tx, batch.id, "receiving", at=at)
    return None


async def _other_channel(
    tx: Transaction, batch: StatementBatch, pack: Pack, kept: StatementPack | None
) -> str:
    """The place of a channel's total that differs from what was told, '' for none."""
    if not pack.channels:
        return ""
    told = {total.pay_mode: total for total in await statements.channels(tx, batch.id)}
    for number, (mode, *amounts) in enumerate(pack.channels, 1):
        known = told.get(mode)
        if known is None:
            same = kept is None or bool(kept.resent)
        else:
            own = kept is not None and kept.resent and known.pack_no == pack.number
            same = bool(own) or [known.in_amt, known.out_amt] == amounts
        if not same:
            return f"ChannelList/Channel[{number}]"
    return ""


def _contradiction(batch: StatementBatch, heading: Heading) -> str:
    """The tag in which a pack speaks of another batch, '' where it is the same."""
    for tag, name in _COMPARED:
        if getattr(batch, name) != getattr(heading, name):
            return tag
    return "" if batch.acct_type == heading.acct_type else _TYPE_TAGS[batch.kind]


def new_batch(src: str, heading: Heading, *, origin: Origin, at: int) -> StatementBatch:
    """A batch with no packs yet, receiving."""
    return StatementBatch(
        id=0,
        kind=heading.kind,
        src=src,
        check_date=heading.check_date,
        scope=heading.scope,
        acct_type=heading.acct_type,
        batch_no=heading.batch_no,
        pack_count=heading.pack_count,
        total_count=heading.total_count,
        total_amt=heading.total_amt,
        begin_bal=heading.begin_bal,
        in_amt=heading.in_amt,
        out_amt=heading.out_amt,
        end_bal=heading.end_bal,
        state="receiving",
        origin=origin,
        digest="",
        received_at=at,
        changed_at=at,
    )


async def _begin(
    tx: Transaction, peer: Peer, heading: Heading, standing: StatementBatch | None, at: int
) -> StatementBatch:
    batch = new_batch(peer.code, heading, origin="message", at=at)
    if standing is not None:
        batch = replace(batch, state="replacing")
    batch_id = await statements.insert_batch(tx, batch)
    if batch_id is None:
        raise RuntimeError("another batch took the place while it was locked")
    return replace(batch, id=batch_id)


async def _add(
    tx: Transaction, batch: StatementBatch, pack: Pack, standing: StatementBatch | None, at: int
) -> None:
    """Write the pack; and clear up as much after batches that ended."""
    resent = 0
    if batch.state == "replacing" and standing is not None:
        failed = await statements.pack(tx, standing.id, pack.number)
        same = failed is not None and failed.digest == pack.digest
        resent = int(same and not _contradiction(standing, pack.heading))
    await insert(tx, batch, pack, at, resent=resent)
    await statements.purge(tx)


async def insert(
    tx: Transaction, batch: StatementBatch, pack: Pack, at: int, *, resent: int = 0
) -> None:
    """Write a pack of a batch with its lines and channels."""
    row = StatementPack(
        batch.id, pack.number, pack.digest, pack.count, pack.amt, pack.in_amt, at, resent
    )
    await statements.insert_pack(tx, batch, row, pack.lines, pack.channels)


async def _completed(
    tx: Transaction, batch_id: int, standing: StatementBatch | None, at: int
) -> Verdict:
    """The answer to a pack that was taken; the one that completes the batch decides about it."""
    batch = await statements.get(tx, batch_id)
    assert batch is not None  # noqa: S101 - it was written a moment ago
    taken = Verdict(Result.SUCCESS, changed=True, subject=subject_of(batch))
    kept = await statements.packs(tx, batch_id)
    if len(kept) < batch.pack_count:
        return taken
    text = disagreement(batch, kept)
    if text:
        await statements.drop(tx, batch_id, state="dropped", at=at)
        await note(tx, "statement.dropped", batch, batch.src, at, reason=text)
        return taken._replace(
            result=Result.BAD_PARAMETER,
            information=f"{text},本批次全部子包作废,请重新发送",
            notes=("batch dropped: its totals do not agree",),
        )
    told = await statements.channels(tx, batch_id)
    channels = [(total.pay_mode, total.in_amt, total.out_amt) for total in told]
    digest = batch_digest(batch, combined(pack.digest for pack in kept), channels)
    if standing is not None and standing.state == "failed":
        if (standing.digest, standing.batch_no) == (digest, batch.batch_no):
            await statements.drop(tx, batch_id, state="dropped", at=at)
            return taken._replace(notes=("the same batch again: what failed stands",))
        await statements.drop(tx, standing.id, state="replaced", at=at)
    await statements.completed(tx, batch_id, digest, at=at)
    await note(tx, "statement.received", batch, batch.src, at, digest=digest)
    return taken


def disagreement(batch: StatementBatch, kept: list[StatementPack]) -> str:
    """The total in which the packs of a batch disagree with what they announce, '' for none."""
    found = completeness(
        [PackCounts(pack.pack_no, pack.count, pack.amt) for pack in kept],
        pack_count=batch.pack_count,
        total_count=batch.total_count,
        total_amt=batch.total_amt,
    )
    if found.tag == "TotalCount":
        return f"TotalCount: 总条数为{found.announced},明细共{found.found}条"
    if found.tag:
        return f"{found.tag}: 与明细金额合计不一致"
    if batch.in_amt is not None:
        came = sum(pack.in_amt for pack in kept)
        if came != batch.in_amt:
            return "InAmt: 与收入明细合计不一致"
        if found.amt - came != batch.out_amt:
            return "OutAmt: 与支出明细合计不一致"
    return ""


def batch_digest(batch: StatementBatch, lines: str, channels: Iterable[Total]) -> str:
    """64 hex digits for what a batch says, however it is numbered, ordered and packed.

    `lines` is the digest of all its lines.
    """
    content = (
        batch.kind,
        batch.scope,
        batch.acct_type,
        (batch.begin_bal, batch.in_amt, batch.out_amt, batch.end_bal),
        batch.total_count,
        batch.total_amt,
        sorted(channels),
        lines,
    )
    return sha256(ascii(content).encode("ascii")).hexdigest()


async def _contradicted(
    tx: Transaction, batch: StatementBatch, path: str, text: str, at: int
) -> Verdict:
    await note(tx, "statement.contradicted", batch, batch.src, at, field=path)
    return Verdict(Result.CONFLICT, f"{path}: {text}", changed=True, subject=subject_of(batch))


def subject_of(batch: StatementBatch) -> str:
    """How archive, journal and log name a channel's or account's day."""
    return f"{batch.kind}:{batch.src}:{batch.check_date}:{shown_scope(batch.kind, batch.scope)}"


def shown_scope(kind: str, scope: str) -> str:
    """A batch's PayMode, or its account as anybody may see it."""
    return scope if kind == "2555" else mask(Sensitive.ACCOUNT, scope)


async def note(
    tx: Transaction,
    kind: str,
    batch: StatementBatch,
    actor: str,
    at: int,
    **facts: journal.Fact,
) -> None:
    """Write into the journal what became of a batch."""
    await journal.append(
        tx,
        at=at,
        kind=kind,
        subject=subject_of(batch),
        actor=actor,
        facts={
            "BatchNo": batch.batch_no,
            "TotalCount": batch.total_count,
            "TotalAmt": batch.total_amt,
            **facts,
        },
    )
