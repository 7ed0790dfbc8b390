"""Results back to those who sent statements: 5555, 5557, 5556 (spec: business, section 9).

Counts and differences only, in packs. CheckStatus is 1 when no row is open; rows that were repaired
stay listed as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ...messages.record import Voucher
from ...messages.statements import (
    AccountStatementResult,
    Difference,
    FundsStatementResult,
    PaymentStatementResult,
)
from ...reconcile.packs import pack_count, split
from ..outbox import Enqueuer, Written
from ..peers import PeerDirectory
from ..store import MAX_FEN, reconciliation, reconprogress, statements
from ..store.protocol import Transaction
from ..store.reconciliation import DifferenceFilter, DifferenceRow
from ..store.statements import BatchState, StatementBatch

_REASON_BYTES: Final = 200
_PAGE: Final = 1000
_NOT_CLOSED: Final[tuple[BatchState, ...]] = ("complete", "failed")


def subject_of(batch: StatementBatch) -> str:
    """What the outbox and the archive call a result."""
    return f"{batch.kind}:{batch.src}:{batch.check_date}:{batch.scope}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a batch came to: whether rows of it wait, and the packs that tell it to its sender.

    `digest` stands for what they say. No packs: the sender is never called.
    """

    batch: StatementBatch
    waiting: bool
    packs: tuple[Written, ...] = field(repr=False)
    digest: str


class Results:
    """Ends the reconciliation of a batch: its state, and the result for its sender."""

    def __init__(self, enqueuer: Enqueuer, peers: PeerDirectory, pack_size: int) -> None:
        self._enqueuer = enqueuer
        self._peers = peers
        self._pack_size = pack_size

    async def finish(
        self, tx: Transaction, batch: StatementBatch, *, matched: int, at: int
    ) -> tuple[str, ...]:
        """Close or fail a batch by its open rows, and queue its result; the peers to be woken.

        MATCHED is how many of its lines agreed.
        """
        return await self.tell(tx, await self.prepare(tx, batch, matched=matched), at)

    async def prepare(self, tx: Transaction, batch: StatementBatch, *, matched: int) -> Result:
        """What a batch has come to; nothing is written, which takes long where much differs."""
        waiting = await reconprogress.is_open(
            tx, batch.src, batch.check_date, statement=batch.kind, scope=batch.scope
        )
        peer = self._peers.get(batch.src)
        if peer is None or not peer.enabled or peer.address is None:
            return Result(batch, waiting, (), "")  # an imported list of a node that is never called
        details = [_detail(row, peer.charset) for row in await _told(tx, batch)]
        count = pack_count(len(details), self._pack_size)
        counts = (matched, len(details))
        status = "2" if waiting else "1"
        packs = tuple(
            Written.of(_message(batch, number, count, part, status=status, counts=counts))
            for number, part in split(details, self._pack_size)
        )
        digest = sha256()
        for pack in packs:
            digest.update(pack.voucher.encode())
        return Result(batch, waiting, packs, digest.hexdigest())

    async def tell(self, tx: Transaction, result: Result, at: int) -> tuple[str, ...]:
        """Close or fail the batch, and queue what was not told before; the peers to be woken.

        A batch without open rows takes nothing any more (15010), and stays so; one with some may be
        replaced.
        """
        batch = await statements.get(tx, result.batch.id)
        if batch is None or batch.state not in statements.USABLE:
            return ()  # another list has taken its place, and is told of
        # What was reconciled once stays closed, whatever comes for its day: people free it.
        state: BatchState = "failed" if result.waiting else "reconciled"
        await statements.set_state(tx, batch.id, state, at=at, among=_NOT_CLOSED)
        if not result.packs or batch.told == result.digest:
            return ()
        subject = subject_of(batch)
        for pack in result.packs:
            await self._enqueuer.enqueue(tx, pack, peer=batch.src, subject=subject, at=at)
        await statements.set_told(tx, batch.id, result.digest)
        return (batch.src,)


async def _told(tx: Transaction, batch: StatementBatch) -> list[DifferenceRow]:
    """The rows of a batch that its sender is told of, by id."""
    narrowed = DifferenceFilter(
        node=batch.src,
        date_from=batch.check_date,
        date_to=batch.check_date,
        statement=batch.kind,
        scope=batch.scope,
        states=("open", "repaired"),
    )
    found: list[DifferenceRow] = []
    while rows := await reconciliation.differences(
        tx, narrowed, after=found[-1].id if found else 0, limit=_PAGE
    ):
        found += rows
    return [row for row in found if row.code]


def _detail(row: DifferenceRow, charset: str) -> Difference:
    # What a malformed line has in a field may not fit that field of the answer.
    return Difference(
        PayCode=_plain(row.pay_code, 20),
        TraNo=_plain(row.tra_no, 50),
        Amt=_amount(row.theirs_amt),
        FinAmt=_amount(row.ours_amt),
        Code=row.code,
        Msg=_reason(row.reason, charset),
    )


def _plain(text: str, most: int) -> str:
    return text if len(text) <= most and text.isascii() and text.isprintable() else ""


def _amount(amt: int | None) -> int | None:
    return amt if amt is not None and 0 <= amt <= MAX_FEN else None


def _reason(text: str, charset: str) -> str:
    """As much of a reason as the field and the peer's charset carry."""
    kept = []
    size = 0
    for character in text:
        if not character.isprintable():
            continue
        coded = character.encode(charset, errors="replace")
        size += len(coded)
        if size > _REASON_BYTES:
            break
        kept.append(coded.decode(charset))
    return "".join(kept)


def _message(
    batch: StatementBatch,
    number: int,
    count: int,
    details: Sequence[Difference],
    *,
    status: str,
    counts: tuple[int, int],
) -> Voucher:
    model: type[PaymentStatementResult | FundsStatementResult | AccountStatementResult]
    if batch.kind == "2555":
        scope = {"PayMode": batch.scope}
        model = PaymentStatementResult
    elif batch.kind == "2557":
        scope = {"RecAcctType": batch.acct_type, "RecAcct": batch.scope}
        model = FundsStatementResult
    else:
        scope = {"AcctType": batch.acct_type, "Acct": batch.scope}
        model = AccountStatementResult
    return model.model_validate(
        {
            "BatchNo": batch.batch_no,
            "CheckDate": batch.check_date,
            "PackCount": count,
            "PackNo": number,
            **scope,
            "CheckStatus": status,
            "SuccCount": counts[0],
            "FailCount": counts[1],
            "DetailList": tuple(details),
        }
    )
