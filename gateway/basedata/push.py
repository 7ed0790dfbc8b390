"""Queueing base data: the whole list, or what has changed since a node was told last.

5952, 5953 and 5981 are whole lists by their meaning: when anything in one has changed it is told
whole. 5955 says whether it is full or incremental and then tells the changed entries alone, unless
an entry has left the list, which only a whole list can say.

A list is read and compared beside the books' writer; the packs of a batch and the note of what they
told are written in one transaction, which gives up when somebody else told that node something
meanwhile. So a push that is killed leaves whole batches or nothing, and can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from ...messages.basedata import (
    BaseDataSync,
    FiscalAccounts,
    ServedRegions,
    SupervisedAccounts,
)
from ...messages.record import Record, Voucher
from ..clock import Clock
from ..config import Config
from ..outbox import Enqueuer
from ..peers import Peer, PeerDirectory
from ..store import Store, basedata, serials
from ..store.basedata import Batch, Mode, Told
from ..store.protocol import Transaction
from .entries import KINDS_OF, Entry, EntryFault, Kind, Listed, digest_of, list_of
from .following import note

FULL: Final[Mode] = "full"
CHANGES: Final[Mode] = "changes"
_MODES: Final[Mapping[Mode, str]] = {FULL: "1", CHANGES: "2"}
_SYNC_KINDS: Final[Mapping[Kind, str]] = {
    Kind.UNITS: "1",
    Kind.ITEMS: "2",
    Kind.ACCOUNTS: "3",
    Kind.CLEARING_BANKS: "4",
}
_IN_PACKS: Final = frozenset({"5952", "5955"})
# Somebody else telling the same node again and again while one looks is no ordinary race.
_ATTEMPTS: Final = 5


class PushRefused(Exception):
    """Nothing was queued: what was asked for is not possible, or entries cannot be told.

    `wrong_input`: what was asked for is wrong in itself, whatever became of other batches.
    """

    def __init__(
        self,
        what: str,
        do: str = "",
        *,
        faults: Sequence[EntryFault] = (),
        wrong_input: bool = True,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.do = do
        self.faults = tuple(faults)
        self.wrong_input = wrong_input


class _ToldMeanwhile(Exception):
    """Somebody else told the node something of this kind since it was looked at."""


@dataclass(frozen=True, slots=True)
class Target:
    """A node and a kind that it is told of."""

    peer: Peer
    kind: Kind

    @property
    def number(self) -> str:
        """The message that tells it."""
        return KINDS_OF[self.peer.kind][self.kind]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a node is to be told: `entries` of its list; none: nothing is new.

    `seen` is the id of the batch that it was given last, 0 for none; `listed` is the length of the
    whole list.
    """

    target: Target
    mode: Mode
    entries: tuple[Entry, ...]
    seen: int
    listed: int
    faults: tuple[EntryFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a push did for a target; without a batch there was nothing (new) to tell."""

    target: Target
    batch: Batch | None
    listed: int


def targets(
    peers: Iterable[Peer], *, node: str = "", kind: Kind | None = None
) -> tuple[Target, ...]:
    """The nodes that can be told, with what they are told of. Raises PushRefused.

    Those that are disabled or have no address are left out, and refused when they are named.
    """
    found: list[Target] = []
    for peer in peers:
        if node and peer.code != node:
            continue
        kinds = KINDS_OF.get(peer.kind, {})
        problem = _problem(peer, kind)
        if node and problem:
            raise PushRefused(f"{node} {problem}")
        if not problem:
            found += [Target(peer, wanted) for wanted in kinds if kind in {None, wanted}]
    if node and not found:
        raise PushRefused(f"{node} is no peer of this node", "see `nontax peer list`")
    return tuple(found)


def _problem(peer: Peer, kind: Kind | None) -> str:
    kinds = KINDS_OF.get(peer.kind)
    if kinds is None:
        return f"is a {peer.kind} node: base data go to banks and the platform"
    if not peer.enabled:
        return "is disabled"
    if peer.address is None:
        return "has no address to be called at"
    if kind is not None and kind not in kinds:
        return f"is not told of {kind}, but of {', '.join(kinds)}"
    return ""


def difference(
    listed: Listed, told: Mapping[str, Told] | None, *, whole: bool, again: bool
) -> tuple[Mode, tuple[Entry, ...]]:
    """What to tell a node that was TOLD this much (None: never a whole list).

    WHOLE: only whole lists tell anything. AGAIN: entries that the node has not taken count as new.
    """
    if told is None:
        return FULL, listed.entries
    changed = tuple(entry for entry in listed.entries if _is_new(entry, told, again=again))
    gone = told.keys() - {entry.key for entry in listed.entries}
    if gone or (whole and changed):
        return FULL, listed.entries
    return CHANGES, changed


def _is_new(entry: Entry, told: Mapping[str, Told], *, again: bool) -> bool:
    known = told.get(entry.key)
    return known is None or known.digest != entry.digest or (again and known.failed)


class BaseData:
    """Plans and queues what nodes are told; stateless between calls."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        peers: PeerDirectory,
        enqueuer: Enqueuer,
        clock: Clock,
    ) -> None:
        self._config = config
        self._store = store
        self._peers = peers
        self._enqueuer = enqueuer
        self._clock = clock

    @property
    def peers(self) -> PeerDirectory:
        """Everybody who may be told something."""
        return self._peers

    async def plan(self, target: Target, *, full: bool = False, again: bool = True) -> Plan:
        """Look what a node is to be told, everything if FULL; AGAIN: also what it did not take."""
        today = self._clock.today()

        async def look(tx: Transaction) -> Plan:
            peer, kind = target.peer, target.kind
            listed = await list_of(tx, peer, kind, self._config, today)
            latest = await basedata.latest(tx, peer.code, kind)
            base = await basedata.latest_full(tx, peer.code, kind)
            told = None if base is None or full else await basedata.told_since(tx, base)
            lost = base is not None and base.state == "failed"
            whole = lost or target.number != "5955"
            mode, entries = difference(listed, told, whole=whole, again=again)
            seen = 0 if latest is None else latest.id
            return Plan(target, mode, entries, seen, len(listed.entries), listed.faults)

        return await self._store.scan(look)

    async def push(
        self,
        wanted: Sequence[Target],
        *,
        full: bool,
        actor: str,
        progress: Callable[[int], None] = lambda _: None,
    ) -> tuple[Outcome, ...]:
        """Queue what every target is to be told; PROGRESS hears how many lists were looked at.

        Raises PushRefused before anything is queued.
        """
        plans: list[Plan] = []
        for target in wanted:
            plans.append(await self.plan(target, full=full))
            progress(len(plans))
        faults = [fault for plan in plans for fault in plan.faults]
        if faults:
            raise PushRefused(str(faults[0]), "correct the catalogue", faults=faults)
        return tuple([await self.queue(plan, full=full, actor=actor) for plan in plans])

    async def queue(
        self, plan: Plan, *, full: bool = False, again: bool = True, actor: str
    ) -> Outcome:
        """Queue what a plan says; it is made anew when the node was told something meanwhile."""
        for _ in range(_ATTEMPTS):
            if plan.faults:
                raise PushRefused(str(plan.faults[0]), faults=plan.faults)
            if not plan.entries:
                return Outcome(plan.target, None, plan.listed)
            try:
                work = partial(self._write, plan=plan, actor=actor)
                batch = await self._store.transact(work)
            except _ToldMeanwhile:
                plan = await self.plan(plan.target, full=full, again=again)
            else:
                return Outcome(plan.target, batch, plan.listed)
        raise PushRefused(
            f"{plan.target.peer.code} is being told of {plan.target.kind} by somebody else",
            "try again in a moment",
            wrong_input=False,
        )

    async def _write(self, tx: Transaction, *, plan: Plan, actor: str) -> Batch:
        """Write the packs of a plan and what they tell, in one transaction."""
        now, today, target = self._clock.now_ms(), self._clock.today(), plan.target
        # The counter is also what those who tell at the same time wait for.
        serial = await serials.next_number(tx, f"base-data:{today}")
        latest = await basedata.latest(tx, target.peer.code, target.kind)
        if (0 if latest is None else latest.id) != plan.seen:
            raise _ToldMeanwhile
        packs = _packs(target.number, plan.entries, self._config.base_data.pack_size)
        batch = Batch(
            id=0,
            batch_no=f"JC{today}{serial:06d}",
            peer=target.peer.code,
            kind=target.kind,
            number=target.number,
            mode=plan.mode,
            entries=len(plan.entries),
            packs=len(packs),
            digest=digest_of(plan.entries),
            made_by=actor,
            created_at=now,
            changed_at=now,
        )
        queued = [
            await self._enqueuer.enqueue(
                tx,
                self._message(batch, number, records),
                peer=batch.peer,
                subject=batch.batch_no,
                at=now,
            )
            for number, records in enumerate(packs, start=1)
        ]
        lines = {entry.key: entry.digest for entry in plan.entries}
        batch_id = await basedata.add(tx, batch, queued, lines)
        facts = {"mode": batch.mode, "entries": batch.entries, "packs": batch.packs}
        await note(tx, batch, "queued", actor=actor, at=now, facts=facts)
        return replace(batch, id=batch_id)

    def _message(self, batch: Batch, pack: int, records: tuple[Record, ...]) -> Voucher:
        # Each list has records of one class, the one that its message takes.
        fields: dict[str, Any] = {"DetailList": records}
        if batch.number == "5953":
            node = self._config.node
            return ServedRegions(NodeCode=node.code, NodeName=node.name, **fields)
        fields["BatchNo"] = batch.batch_no
        if batch.number == "5981":
            return SupervisedAccounts(**fields)
        fields |= {"PackCount": batch.packs, "PackNo": pack}
        if batch.number == "5952":
            return FiscalAccounts(TotalCount=batch.entries, **fields)
        kind = _SYNC_KINDS[Kind(batch.kind)]
        return BaseDataSync(SyncMode=_MODES[batch.mode], Kind=kind, **fields)


def _packs(number: str, entries: Sequence[Entry], size: int) -> list[tuple[Record, ...]]:
    """The records of each message: 5953 and 5981 have no packs and say everything at once."""
    step = size if number in _IN_PACKS else len(entries)
    records = [entry.record for entry in entries]
    return [tuple(records[start : start + step]) for start in range(0, len(records), step)]
