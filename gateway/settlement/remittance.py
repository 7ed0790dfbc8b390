"""Remittance (缴库, 缴户): confirmed income goes on to treasuries and accounts (business, 7).

A run confirms what is ready, divides what is confirmed, and makes remittances of what is open. Each
remittance is one transaction with its message 5618 in the outbox; a run that is stopped leaves
whole remittances, and the next one goes on from there. Two runs at once never take the same due:
each looks again inside its transaction, and the database refuses a second living one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ...codecs import LocalProtocolError, gbk_length
from ...messages.remittance import Remittance as Order
from ...messages.remittance import RemittanceLine as OrderLine
from ..outbox import Enqueuer
from ..peers import Peer, PeerDirectory
from ..store import bills, catalogue, income, payments, remittance, serials
from ..store.entries import Account, Item, Target, Treasury
from ..store.income import DueFilter, DueGroup, OpenDue
from ..store.protocol import Transaction
from ..store.remittance import Remittance
from .acting import Acting
from .dues import DueKey, net
from .remitlines import CONSOLIDATED, DIRECT, Lines, NetDue, make_lines
from .remitted import note

MOST_PARTS: Final[Mapping[str, int]] = {"direct": 500, "consolidated": 2000}
"""Dues of one remittance: its transaction stays short, for payments wait behind it."""
TO_TREASURY: Final = "1"
_NAME_BYTES: Final = 100


@dataclass(frozen=True, slots=True)
class RemitRules:
    """Names of this node: as finance organisation (财政机关代码) and as holder of accounts."""

    fin_org_code: str
    node_name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step along a group: a remittance that was made, or None; where the next step begins.

    `after` None: the group has come to its end.
    """

    made: Remittance | None
    after: DueKey | None


class CannotRemit(Exception):
    """Why a group of dues cannot be remitted; raised before anything is written."""


@dataclass(slots=True)
class _Ends:
    """Who pays and who receives."""

    peer: Peer
    account: Account
    target: Target
    treasury: Treasury | None


@dataclass(slots=True)
class Catalogue:
    """Items and names of units that one step needs."""

    items: dict[str, Item] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    async def learn(self, tx: Transaction, dues: list[OpenDue]) -> None:
        """Look up what these dues name. Raises CannotRemit."""
        for code in sorted({entry.due.item_code for entry in dues} - self.items.keys()):
            item = await catalogue.item(tx, code)
            if item is None or not item.income_subject:
                raise CannotRemit(f"item {code} has no income subject (收入分类科目)")
            self.items[code] = item
        for code in sorted({entry.due.unit_code for entry in dues} - self.units.keys()):
            unit = await catalogue.unit(tx, code)
            self.units[code] = unit.name if unit else ""


class Remitting:
    """Makes remittances; stateless but for the outbox and the peers."""

    def __init__(self, outbox: Enqueuer, peers: PeerDirectory, rules: RemitRules) -> None:
        self._outbox = outbox
        self._peers = peers
        self._rules = rules

    def starts_itself(self, group: DueGroup) -> bool:
        """Whether the bank remits this money without being asked (mode `bank`)."""
        peer = self.bank(group.bank_code, group.region)
        return group.mode == "bank" or (peer is not None and peer.remits == "bank")

    def bank(self, bank_code: str, region: str) -> Peer | None:
        """The node of the bank that holds an account of a region."""
        fitting = [
            peer
            for peer in self._peers
            if peer.kind == "bank"
            and peer.bank_code == bank_code
            and peer.enabled
            and region in peer.regions
        ]
        return min(fitting, key=lambda peer: peer.code, default=None)

    async def step(
        self,
        tx: Transaction,
        group: DueGroup,
        narrowed: DueFilter,
        acting: Acting,
        after: DueKey | None,
    ) -> Step:
        """Make the next remittance of a group, with its message. Raises CannotRemit."""
        found = await income.open_dues(
            tx, narrowed, group=group, after=after, limit=MOST_PARTS[group.mode]
        )
        if not found:
            return Step(None, None)
        last = found[-1].due.key
        due, nothing = await left_of(tx, found)
        if nothing:
            await income.close(tx, nothing)
        if not due:
            return Step(None, last)
        known = Catalogue()
        await known.learn(tx, found)
        mode = DIRECT if group.mode == "direct" else CONSOLIDATED
        lines = make_lines(due, mode, known.items, known.units)
        made = await self._make(tx, group, lines, mode, acting)
        return Step(made, last)

    async def _make(
        self, tx: Transaction, group: DueGroup, lines: Lines, mode: str, acting: Acting
    ) -> Remittance:
        ends = await self._ends(tx, group, acting.today)
        number = await serials.next_number(tx, f"remit:{acting.today}")
        to = ends.treasury
        made = Remittance(
            id=0,
            remit_no=f"JK{acting.today}{number:08d}",
            node=ends.peer.code,
            origin="run",
            remit_date=acting.today,
            remit_type=group.remit_type,
            mode=mode,
            region=group.region,
            target=ends.target.code,
            level=ends.target.level,
            tre_code=to.code if to else "",
            tre_name=to.name if to else "",
            pay_acct=ends.account.acct_no,
            pay_acct_name=ends.account.name or self._rules.node_name,
            rec_acct=ends.target.acct_no,
            rec_name=ends.target.name,
            rec_op_bk=ends.target.bank_name,
            total=lines.total,
            count=len(lines.lines),
            state="queued",
            made_by=acting.name,
            created_at=acting.at,
            changed_at=acting.at,
        )
        order = await self._order(tx, made, lines, ends.peer)
        remit_id = await remittance.insert(tx, made, lines.lines, lines.parts)
        await self._outbox.enqueue(
            tx,
            order,
            peer=ends.peer.code,
            subject=made.remit_no,
            region=group.region,
            at=acting.at,
        )
        await note(
            tx,
            made,
            "queued",
            actor=acting.name,
            at=acting.at,
            facts={
                "id": remit_id,
                "count": made.count,
                "RemitType": made.remit_type,
                "RemitMode": made.mode,
                "TreCode": made.tre_code,
                "target": made.target,
            },
        )
        return made

    async def _ends(self, tx: Transaction, group: DueGroup, today: str) -> _Ends:
        peer = self.bank(group.bank_code, group.region)
        if peer is None:
            raise CannotRemit(
                f"no enabled bank node ends in {group.bank_code} and acts for region {group.region}"
            )
        accounts = await catalogue.account(tx, group.acct_no, today)
        account = next((a for a in accounts if a.region == group.region), None)
        target = await catalogue.target(tx, group.target)
        if account is None or target is None:
            what = f"target {group.target}" if account else "the account that pays"
            raise CannotRemit(f"{what} is not in the catalogue today")
        treasury = None
        if group.remit_type == TO_TREASURY:
            treasury = treasury_of(
                await catalogue.entries(tx, Treasury), group.region, target.level, today
            )
            if treasury is None:
                raise CannotRemit(
                    f"the catalogue has no treasury (国库) of level {target.level}"
                    f" for region {group.region}"
                )
        return _Ends(peer, account, target, treasury)

    async def _order(self, tx: Transaction, made: Remittance, lines: Lines, peer: Peer) -> Order:
        """The message 5618. Raises CannotRemit for what the bank cannot be told."""
        payers: dict[str, str] = {}
        if made.mode == DIRECT:
            for code in {line.pay_code for line in lines.lines}:
                face = await bills.face(tx, code)
                payers[code] = _sendable(face.payer_name if face else "", peer.charset)
        try:
            order = Order(
                RemitNo=made.remit_no,
                RemitDate=made.remit_date,
                RemitType=made.remit_type,
                RemitMode=made.mode,
                TreCode=made.tre_code,
                TreName=_fitting(made.tre_name),
                FinOrgCode=self._rules.fin_org_code,
                PayAcctName=_fitting(made.pay_acct_name),
                PayAcct=made.pay_acct,
                RecName=_fitting(made.rec_name),
                RecAcct=made.rec_acct,
                RecOpBk=_fitting(made.rec_op_bk),
                TotalAmt=made.total,
                Count=made.count,
                DetailList=tuple(
                    OrderLine(
                        LineNo=line.line_no,
                        IncomeSortCode=line.subject,
                        IncomeSortName=_fitting(line.subject_name),
                        BgtLevel=line.level,
                        ItemCode=line.item_code,
                        ItemName=_fitting(line.item_name),
                        PayCode=line.pay_code,
                        PayerName=payers.get(line.pay_code, ""),
                        ChgAgenCode=line.unit_code,
                        ChgAgenName=_fitting(line.unit_name),
                        Amt=line.amt,
                    )
                    for line in lines.lines
                ),
            )
            self._outbox.check(order, peer.code)
        except LocalProtocolError as error:
            raise CannotRemit(f"5618 cannot be written: {error}") from None
        return order


async def left_of(tx: Transaction, found: list[OpenDue]) -> tuple[list[NetDue], list[DueKey]]:
    """Open dues net of refunds, and the keys of those of which nothing will ever be left.

    Locks the payments, so that no refund comes in between.
    """
    due, nothing = [], []
    left: dict[DueKey, int] = {}
    locked: set[int] = set()
    for entry in found:
        payment_id = entry.due.payment_id
        if payment_id not in locked:
            locked.add(payment_id)
            await payments.get(tx, payment_id, lock=True)
            if entry.refunded:
                left |= net(await income.parts_of(tx, payment_id), entry.refunded)
        amt = left.get(entry.due.key, 0) if entry.refunded else entry.due.amt
        if amt > 0:
            due.append(NetDue(entry.due, entry.pay_code, amt))
        elif entry.refunded >= entry.paid:
            nothing.append(entry.due.key)
    return due, nothing


def treasury_of(treasuries: list[Treasury], region: str, level: str, date: str) -> Treasury | None:
    """The treasury (国库) that takes a budget level for a region; of several the first by code."""
    fitting = [
        entry
        for entry in treasuries
        if (entry.region, entry.level) == (region, level)
        and entry.start_date <= date
        and (not entry.stop_date or date <= entry.stop_date)
    ]
    return min(fitting, key=lambda entry: entry.code, default=None)


def _fitting(text: str) -> str:
    """A name as long as the wire takes it."""
    while gbk_length(text) > _NAME_BYTES:
        text = text[:-1]
    return text


def _sendable(text: str, charset: str) -> str:
    """An optional name: none where the bank's charset has not all of its characters."""
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return ""
    return _fitting(text)
