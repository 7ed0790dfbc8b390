"""What a run of reconciliation works with, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...reconcile.sides import Difference, ScopeTotals
from ..clock import Clock
from ..collection.booking import Booking
from ..collection.lookups import Lookups
from ..config.sections import ReconciliationConfig
from ..identifiers import process_owner
from ..observe.log import Log
from ..observe.metrics import Metrics
from ..outbox import Enqueuer
from ..peers import PeerDirectory
from ..store import Store
from ..store.reconciliation import StateCount


class CannotRunError(Exception):
    """Nothing could be reconciled: `what` is wrong, and what to `do` about it."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do


class LeaseLostError(CannotRunError):
    """Another process has the node's day in its hands."""


def _nobody(_: Iterable[str]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ReconcileParts:
    """What the command and the service compose alike.

    `owner` names this process in leases, see `process_owner`. `wake` is told the peers that have
    something new in their outbox, `progress` how many rows are done.
    """

    store: Store
    clock: Clock
    peers: PeerDirectory
    enqueuer: Enqueuer
    booking: Booking
    rules: ReconciliationConfig
    owner: str
    lookups: Lookups = field(default_factory=Lookups)
    log: Log | None = None
    metrics: Metrics | None = None
    wake: Callable[[Iterable[str]], None] = _nobody
    progress: Callable[[int], None] = lambda _: None

    def note(self, level: str, event: str, **fields: object) -> None:
        """Say it in the service's log, where there is one."""
        if self.log is not None:
            self.log.event(level, event, **fields)

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Count it, where somebody counts."""
        if self.metrics is not None and by:
            self.metrics.count(name, *labels, by=by)


NodeState = Literal["reconciled", "open", "nothing"]


@dataclass(frozen=True, slots=True)
class Owed:
    """A statement that is owed: of a channel with `count` payments of `amt` fen in the books.

    `count` 0: nothing of the day is in the books, so nobody waits for it.
    """

    node: str
    scope: str
    count: int
    amt: int


@dataclass(frozen=True, slots=True)
class NodeOutcome:
    """What the run of one node's day came to.

    reconciled: no row is open; open: some are; nothing: neither statement nor payment. `totals`
    by statement (2555, 2557, 2556). `counts`: differences by statement, scope, kind and state.
    `carried`: open rows of earlier days that wait on. `replayed`: the stored result of the same
    inputs. `found` and `would_repair` are of a dry run only.
    """

    node: str
    state: NodeState
    totals: Mapping[str, tuple[ScopeTotals, ...]] = field(default_factory=dict)
    counts: tuple[StateCount, ...] = ()
    open: int = 0
    repaired: int = 0
    carried: int = 0
    owed: tuple[Owed, ...] = ()
    run_id: int | None = None
    revision: int = 0
    replayed: bool = False
    found: tuple[Difference, ...] = ()
    would_repair: int = 0


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What the run of a day came to, node by node; `failed` has those that could not be run."""

    date: str
    nodes: tuple[NodeOutcome, ...]
    failed: Mapping[str, CannotRunError] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def open(self) -> int:
        """How many rows wait for somebody."""
        return sum(node.open for node in self.nodes)

    @property
    def exit_code(self) -> int:
        """0: no open row; 1: open rows; 2: nothing could be run."""
        if self.failed or all(node.state == "nothing" for node in self.nodes):
            return 2
        return 1 if self.open else 0


__all__ = [
    "CannotRunError",
    "DayOutcome",
    "LeaseLostError",
    "NodeOutcome",
    "Owed",
    "ReconcileParts",
    "process_owner",
]
