"""A clearing run (清分): what is ready enters, is shared, and goes out as 5614 (business, 6).

In steps that are whole in themselves, so that a run may be killed anywhere and simply run again:
payments enter page by page with the parts that their sharing rules give, refunds enter as negative
parts, and then each paying account's waiting parts become one instruction in one transaction. What
does not come to more than 0 waits for the next run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ..clock import Clock
from ..peers import PeerDirectory
from ..store import Store, clearing
from ..store.clearing_records import Instruction
from .entering import Entering, LeftOut, Page
from .instructions import Carried, Instructing, Unwritable


@dataclass(slots=True)
class Report:
    """What a run did. Amounts in fen."""

    date: str
    entered: int = 0
    refunds: int = 0
    amt: int = 0
    not_ready: int = 0
    held: set[str] = field(default_factory=set)
    instructions: list[Instruction] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, page: Page) -> None:
        """Count one page."""
        self.entered += page.entered
        self.refunds += page.refunds
        self.amt += page.amt
        self.not_ready += page.not_ready
        self.held |= set(page.held)
        self.left_out += page.left_out


@dataclass(frozen=True, slots=True)
class Run:
    """What a run works with; `progress` is told how many payments were looked at or moved."""

    store: Store
    clock: Clock
    peers: PeerDirectory
    entering: Entering
    instructing: Instructing
    operator: str
    progress: Callable[[int], None] = lambda _: None

    async def __call__(self, date: str, node: str = "") -> Report:
        """Clear a day's payments of one collecting node, or of all that finance clears for."""
        report = Report(date)
        for code in await self._nodes(node):
            peer = self.peers.get(code)
            if peer is None:
                await self._unknown_node(report, code)
            elif peer.clears == "finance":
                await self._enter(report, code)
                await self._instruct(report, code)
        return report

    async def _nodes(self, node: str) -> list[str]:
        return [node] if node else await self.store.scan(clearing.nodes)

    async def _unknown_node(self, report: Report, node: str) -> None:
        """Say which payments nobody knows who is to clear."""
        look = partial(clearing.uncleared, node=node, cfm_date=report.date, limit=1)
        if await self.store.scan(look):
            reason = "its payments wait: the node is not in the configuration"
            report.left_out.append(LeftOut(node, "", "", 0, reason))

    async def _enter(self, report: Report, node: str) -> None:
        after: str | None = ""
        while after is not None:
            page = await self.store.transact(
                partial(
                    self.entering.enter_page,
                    node=node,
                    date=report.date,
                    after=after,
                    today=self.clock.today(),
                    at=self.clock.now_ms(),
                )
            )
            report.add(page)
            self.progress(report.entered)
            after = page.last
        after = ""
        while after is not None:
            work = partial(
                self.entering.enter_refunds, node=node, after=after, at=self.clock.now_ms()
            )
            page = await self.store.transact(work)
            report.add(page)
            after = page.last

    async def _instruct(self, report: Report, node: str) -> None:
        for group in await self.store.scan(partial(clearing.waiting_groups, node=node)):
            report.held |= set(await self.store.scan(partial(clearing.held, group_id=group.id)))
            work = partial(
                self.instructing.instruct,
                group_id=group.id,
                run_date=report.date,
                today=self.clock.today(),
                at=self.clock.now_ms(),
                operator=self.operator,
            )
            try:
                done = await self.store.transact(work)
            except Unwritable as problem:
                report.left_out.append(LeftOut(node, "", "", 0, str(problem)))
                continue
            if done.instruction is not None:
                report.instructions.append(done.instruction)
            report.carried += done.carried
            report.left_out += [LeftOut(node, "", "", 0, why) for why in done.stopped]
