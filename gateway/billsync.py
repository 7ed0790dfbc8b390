"""5954: new, changed and void bills to the peers that are told of them (开票信息同步).

Incremental: bills are noted in the transaction that changes them, and leave the table in the
transaction that queues their packs. Full: every unpaid bill of the peer's regions. Packs are made
from the bills as they are when they are queued, and all go down one lane, so that what arrives last
is what holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..codecs import LocalProtocolError
from ..messages.basedata import BillSync as BillSyncMessage
from ..messages.basedata import SyncedBill
from .clock import Clock
from .collection.accounts import recipient
from .config import Config
from .flows.query import due_fields
from .identifiers import MessageIds
from .observe.log import Log
from .outbox import Enqueuer
from .peers import Peer, PeerDirectory
from .store import Store, StoreClosed, StoreError, bill_sync, bills, catalogue, serials
from .store.bills import BillFilter
from .store.entries import Account
from .store.protocol import Transaction
from .store.records import Bill
from .wakeup import Wakeup

PACK_SIZE: Final = 200
FULL: Final = "1"
INCREMENTAL: Final = "2"
LANE: Final = "bills"
# Packs that one transaction makes: payments wait behind it for some tens of milliseconds.
_PACKS_AT_ONCE: Final = 2
_POLL_SECONDS: Final = 2.0
# Bills that cannot be told (no account of the region) are looked at again after this.
_STUCK_SECONDS: Final = 60.0
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was queued: bills and packs, and the bills that could not be told."""

    bills: int = 0
    packs: int = 0
    left_out: int = 0

    def __add__(self, other: Pushed) -> Pushed:
        return Pushed(
            self.bills + other.bills, self.packs + other.packs, self.left_out + other.left_out
        )


async def push(
    config: Config, store: Store, clock: Clock, log: Log, *, full: bool, process: int
) -> Pushed:
    """Queue what is noted, or everything, at once: for a command. The running service delivers.

    PROCESS is a random number of 20 bits, for the message ids.
    """
    peers = PeerDirectory.from_config(config)
    next_id = MessageIds(clock, process).next
    syncing = BillSync(
        store=store,
        peers=peers,
        enqueuer=Enqueuer(config.outbox, peers, next_id),
        clock=clock,
        log=log,
        wakeup=Wakeup(),
    )
    return await (syncing.push_full() if full else syncing.push_changes())


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the packs of one batch have in common."""

    number: str
    mode: str
    packs: int


class BillSync:
    """Queues packs of bills; `run` goes on until `stop`."""

    def __init__(
        self,
        *,
        store: Store,
        peers: PeerDirectory,
        enqueuer: Enqueuer,
        clock: Clock,
        log: Log,
        wakeup: Wakeup,
        pack_size: int = PACK_SIZE,
    ) -> None:
        self._store = store
        self._peers = [peer for peer in peers if peer.sync_bills]
        self._enqueuer = enqueuer
        self._clock = clock
        self._log = log
        self._wakeup = wakeup
        self._listener = wakeup.listen()
        self._pack_size = pack_size
        self._stopping = False
        self._left_out: dict[str, int] = {}  # as last reported, by peer

    async def run(self) -> None:
        """Queue what is noted until `stop`: when woken and at every poll."""
        while not self._stopping and self._peers:
            wait = _POLL_SECONDS
            try:
                pushed = await self.push_changes()
                if pushed.left_out and not pushed.bills:
                    wait = _STUCK_SECONDS
            except StoreClosed:
                break
            except StoreError as error:
                self._log.event("error", "bill_sync_store", reason=str(error))
            await self._listener.wait(wait)
        self._wakeup.forget(self._listener)

    async def stop(self) -> None:
        """Begin no further pack."""
        self._stopping = True
        self._listener.notify()

    async def push_changes(self) -> Pushed:
        """Queue every bill that is noted now, for every peer."""
        total = Pushed()
        for peer in self._peers:
            total += await self._push_noted(peer)
        return total

    async def push_full(self) -> Pushed:
        """Queue every unpaid bill of every peer's regions."""
        total = Pushed()
        for peer in self._peers:
            total += await self._push_all(peer)
        return total

    # -- incremental ----------------------------------------------------------------------

    async def _push_noted(self, peer: Peer) -> Pushed:
        total, after = Pushed(), ""
        size = self._pack_size * _PACKS_AT_ONCE
        while not self._stopping:
            codes = await self._store.read(partial(_noted, peer=peer.code, limit=size, after=after))
            if not codes:
                break
            pushed = await self._queue(peer, codes, None, 1)
            self._report(peer, pushed, INCREMENTAL)
            total += pushed
            after = codes[-1]
        return total

    # -- full -----------------------------------------------------------------------------

    async def _push_all(self, peer: Peer) -> Pushed:
        today = self._clock.today()

        async def survey(tx: Transaction) -> tuple[list[str], int]:
            """The unpaid bills that can be told, and how many cannot."""
            codes: list[str] = []
            left_out = 0
            accounts = _Accounts(tx, today)
            for region in sorted(peer.regions):
                after: tuple[str, str] | None = None
                narrowed = BillFilter(region=region, state="unpaid")
                while page := await bills.page(tx, narrowed, after=after, limit=_PAGE):
                    for bill in page:
                        if await _telling(tx, bill, accounts) is None:
                            left_out += 1
                        else:
                            codes.append(bill.pay_code)
                    after = (page[-1].bill_date, page[-1].pay_code)
            return codes, left_out

        codes, left_out = await self._store.scan(survey)
        total = Pushed(left_out=left_out)
        if codes:
            packs = -(-len(codes) // self._pack_size)
            number = await self._store.transact(partial(_next_batch, today=today))
            batch = _Batch(number, FULL, packs)
            step = self._pack_size * _PACKS_AT_ONCE
            for start in range(0, len(codes), step):
                chunk = codes[start : start + step]
                total += await self._queue(peer, chunk, batch, start // self._pack_size + 1)
        self._report(peer, total, FULL)
        return total

    # -- packs ----------------------------------------------------------------------------

    async def _queue(
        self, peer: Peer, codes: Sequence[str], batch: _Batch | None, first_pack: int
    ) -> Pushed:
        """Queue packs of these bills in one transaction, and take them out of the notes.

        Without a BATCH they are a batch of their own.
        """
        now, today = self._clock.now_ms(), self._clock.today()

        async def work(tx: Transaction) -> Pushed:
            told: list[SyncedBill] = []
            accounts = _Accounts(tx, today)
            # Another process may have told of changes since they were looked up.
            due = codes if batch else await _still_noted(tx, peer.code, codes)
            for code in due:
                bill = await bills.get(tx, code)
                fields = None if bill is None else await _telling(tx, bill, accounts)
                if fields is not None:
                    told.append(fields)
            packs = [
                told[start : start + self._pack_size]
                for start in range(0, len(told), self._pack_size)
            ]
            made = batch
            if made is None and packs:
                made = _Batch(await _next_batch(tx, today), INCREMENTAL, len(packs))
            for offset, pack in enumerate(packs):
                assert made is not None  # noqa: S101 - there are packs
                await self._enqueuer.enqueue(
                    tx,
                    BillSyncMessage(
                        BatchNo=made.number,
                        SyncMode=made.mode,
                        PackCount=made.packs,
                        PackNo=first_pack + offset,
                        BillList=tuple(pack),
                    ),
                    peer=peer.code,
                    lane=LANE,
                    subject=made.number,
                    at=now,
                )
            await bill_sync.told(tx, peer.code, [bill.PayCode for bill in told])
            return Pushed(len(told), len(packs), len(due) - len(told))

        pushed = await self._store.transact(work)
        if pushed.packs:
            self._wakeup.wake((peer.code,))
        return pushed

    def _report(self, peer: Peer, pushed: Pushed, mode: str) -> None:
        known = self._left_out.get(peer.code, 0)
        if not pushed.packs and pushed.left_out == known:
            return
        self._left_out[peer.code] = pushed.left_out
        self._log.event(
            "warning" if pushed.left_out else "info",
            "bills_synchronised",
            peer=peer.code,
            mode="full" if mode == FULL else "changes",
            bills=pushed.bills,
            packs=pushed.packs,
            left_out=pushed.left_out or None,
        )


class _Accounts:
    """The accounts of regions that are valid on a day, each looked up once."""

    def __init__(self, tx: Transaction, today: str) -> None:
        self._tx = tx
        self._today = today
        self._known: dict[str, list[Account]] = {}

    async def of(self, region: str) -> list[Account]:
        """The collection accounts of a region."""
        if region not in self._known:
            found = await catalogue.collection_accounts(self._tx, region, self._today)
            self._known[region] = found
        return self._known[region]


async def _telling(tx: Transaction, bill: Bill, accounts: _Accounts) -> SyncedBill | None:
    """A bill as 5954 tells it; None when its region has no account, or a field cannot be sent."""
    to = await recipient(tx, bill, "", await accounts.of(bill.region))
    if to is None:
        return None
    try:
        return SyncedBill(
            **due_fields(bill, to),
            CrcCode=bill.crc_code,
            FaceToFace=str(bill.face_to_face),
            ExpiryDate=bill.expiry_date,
            MobilePhone=bill.mobile,
        )
    except LocalProtocolError:
        return None


async def _noted(tx: Transaction, peer: str, limit: int, after: str) -> list[str]:
    """The pay codes that a peer has to be told of."""
    return [code for code, _ in await bill_sync.waiting(tx, peer, limit, after=after)]


async def _still_noted(tx: Transaction, peer: str, codes: Sequence[str]) -> list[str]:
    """Those of some noted pay codes, in order, that are noted in this transaction."""
    return [code for code in codes if await bill_sync.is_noted(tx, peer, code)]


async def _next_batch(tx: Transaction, today: str) -> str:
    """A new BatchNo (批次号) of a day."""
    serial = await serials.next_number(tx, f"bill-sync:{today}")
    return f"BS{today}{serial:06d}"
