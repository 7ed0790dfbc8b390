"""What enters clearing (清分): payments with the parts that their sharing rules give, and refunds.

A payment enters when it is ready and none of its refunds lives, with those that succeeded; a refund
that succeeds later enters by the rules that its payment entered by, whatever they are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ...codecs.masking import mask
from ...messages.codes import RecAcctType
from ..peers import PeerDirectory
from ..store import bills, catalogue, clearing, funds, journal, refunds
from ..store.clearing_records import Entry, Group, Part
from ..store.protocol import Transaction
from ..store.records import Account, ClearingBank, Payment, Refund
from .destiny import destiny
from .readiness import WaitFor, ready
from .sharing import Inconsistent, Line, check_parts, refund, settled, shares

PAGE = 500
"""Payments that enter in one transaction: others come in between."""
_ENDED = frozenset({"succeeded", "failed", "rejected"})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What did not enter or go out, and why; `pay_code` '' where it is about a whole account."""

    node: str
    pay_code: str
    tra_no_bus: str
    amt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """What became of one page of payments; `last` is where the next page begins, None: no more."""

    entered: int
    refunds: int
    amt: int
    not_ready: int
    held: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    last: str | None


class Entering:
    """Lets payments and refunds of one collecting node enter clearing."""

    def __init__(self, peers: PeerDirectory, wait_for: WaitFor) -> None:
        self._peers = peers
        self._wait_for = wait_for

    async def enter_page(
        self, tx: Transaction, *, node: str, date: str, after: str, today: str, at: int
    ) -> Page:
        """Let the next payments of a node and day enter, with their succeeded refunds."""
        found = await clearing.uncleared(tx, node, date, after=after, limit=PAGE, lock=True)
        books = _Catalogue(
            today, await catalogue.entries(tx, Account), await catalogue.entries(tx, ClearingBank)
        )
        entered = netted = amt = not_ready = 0
        held: list[str] = []
        left_out: list[LeftOut] = []
        for payment in found:
            if destiny(payment, books.accounts) != "clear":
                continue
            known = await refunds.of_payment(tx, payment.id)
            if any(one.state not in _ENDED for one in known):
                held.append(payment.pay_code)
            elif not ready(self._wait_for, await funds.of_payment(tx, payment.id)):
                not_ready += 1
            else:
                paid_back = [one for one in known if _nets(one)]
                try:
                    await self._enter(tx, payment, books, at)
                except Inconsistent as problem:
                    left_out.append(_left_out(payment, str(problem)))
                    continue
                for one in paid_back:
                    await enter_refund(tx, one, at)
                entered += 1
                netted += len(paid_back)
                amt += payment.amt - sum(one.amt for one in paid_back)
        if entered:
            facts: dict[str, journal.Fact] = {
                "CfmDate": date,
                "payments": entered,
                "refunds": netted,
            }
            facts["Amt"] = amt
            await _journal(tx, node, facts, at)
        last = found[-1].tra_no_bus if len(found) == PAGE else None
        return Page(entered, netted, amt, not_ready, tuple(held), tuple(left_out), last)

    async def enter_refunds(self, tx: Transaction, *, node: str, after: str, at: int) -> Page:
        """Let the next succeeded refunds of payments that have entered before enter, negative."""
        found = await clearing.unnetted(tx, node, after=after, limit=PAGE)
        for one in found:
            await enter_refund(tx, one, at)
        amt = -sum(one.amt for one in found)
        if found:
            await _journal(tx, node, {"payments": 0, "refunds": len(found), "Amt": amt}, at)
        last = found[-1].refund_no if len(found) == PAGE else None
        return Page(0, len(found), amt, 0, (), (), last)

    async def _enter(self, tx: Transaction, payment: Payment, books: _Catalogue, at: int) -> None:
        """Write a payment's entry and parts. Raises Inconsistent before anything is written."""
        lines, region = await _lines(tx, payment, books)
        rules = [await books.rule(tx, code, payment.cfm_date) for code, _ in lines]
        given = shares(
            [
                Line(amt, tuple(share.parts for share in rule))
                for (_, amt), rule in zip(lines, rules, strict=True)
            ]
        )
        group = self._group(payment, region, books)
        group_id = await clearing.put_group(tx, group)
        parts = [
            Part(0, 0, group_id, number, code, share.target.code, share.parts, amt)
            for number, ((code, _), rule, amts) in enumerate(
                zip(lines, rules, given, strict=True), start=1
            )
            for share, amt in zip(rule, amts, strict=True)
        ]
        entry = Entry(0, group_id, payment.id, "", payment.amt, at)
        await clearing.enter(tx, entry, _numbered(parts))

    def _group(self, payment: Payment, region: str, books: _Catalogue) -> Group:
        """Where the payment's money waits and who is instructed. Raises Inconsistent."""
        account = books.clearing_account(payment)
        if account is not None:
            peer = books.clearing_node(account.acct_no)
            if self._peers.get(peer) is None:
                shown = mask("account", account.acct_no)
                raise Inconsistent(f"no clearing bank that we know holds the account {shown}")
            return Group(
                0, payment.src, region, peer, account.acct_type, account.acct_no, account.name
            )
        collector = self._peers.get(payment.src)
        if collector is None or collector.kind not in {"bank", "clearing"}:
            raise Inconsistent("the money lies on a 科目 at a node that is no bank")
        subject = RecAcctType.SUBJECT.value
        return Group(0, payment.src, region, payment.src, subject, payment.rec_acct, "")


class _Catalogue:
    """What a page asks of the catalogue, each thing read once."""

    def __init__(self, today: str, accounts: list[Account], banks: list[ClearingBank]) -> None:
        self.accounts = accounts
        self._today = today
        self._banks = banks
        self._rules: dict[tuple[str, str], list[catalogue.SharePart]] = {}
        self._delay_item: str | None = None

    async def delay_item(self, tx: Transaction) -> str:
        if self._delay_item is None:
            self._delay_item = await catalogue.delay_item(tx)
        return self._delay_item

    async def rule(self, tx: Transaction, item_code: str, date: str) -> list[catalogue.SharePart]:
        """The rule of an item on a date. Raises Inconsistent where none can be used."""
        key = (item_code, date)
        if key not in self._rules:
            self._rules[key] = await catalogue.sharing_rule(tx, item_code, date)
        found = self._rules[key]
        if not found:
            raise Inconsistent(f"item {item_code}: no sharing rule holds on {date}")
        try:
            check_parts([share.parts for share in found])
        except Inconsistent as problem:
            raise Inconsistent(f"item {item_code}: {problem}") from None
        for share in found:
            if not catalogue.holds(share.target, self._today):
                raise Inconsistent(f"item {item_code}: target {share.target.code} is not in force")
        return found

    def clearing_account(self, payment: Payment) -> Account | None:
        """The clearing account that a payment's money came to; None: it lies on a 科目."""
        for account in self.accounts:
            if (
                account.purpose == "clearing"
                and account.acct_no == payment.rec_acct
                and catalogue.holds(account, payment.cfm_date)
            ):
                return account
        return None

    def clearing_node(self, acct_no: str) -> str:
        """The node of the clearing bank whose internal account it is, '' for none."""
        for bank in self._banks:
            if bank.acct_no == acct_no and catalogue.holds(bank, self._today):
                return bank.node
        return ""


async def _lines(
    tx: Transaction, payment: Payment, books: _Catalogue
) -> tuple[tuple[tuple[str, int], ...], str]:
    """What is settled under which item, and the region. Raises Inconsistent."""
    bill = await bills.face(tx, payment.pay_code)
    if bill is None or bill.amt != payment.amt:
        raise Inconsistent("the payment is not of the bill's amount")
    items = [(item.code, item.amt) for item in await bills.items(tx, payment.pay_code)]
    if sum(amt for _, amt in items) + bill.delay_amt != payment.amt:
        raise Inconsistent("the items and the late fee do not add up to the payment")
    return settled(items, bill.delay_amt, await books.delay_item(tx)), bill.region


def _nets(one: Refund) -> bool:
    """Whether a refund is netted: it succeeded, and the treasury did not bear it itself."""
    return one.state == "succeeded" and one.paid_from != "treasury"


async def enter_refund(tx: Transaction, one: Refund, at: int) -> bool:
    """Let a succeeded refund of a payment that has entered enter, by the rules of then.

    False when it has entered already. Raises Inconsistent when more is paid back than was paid.
    """
    paid = await clearing.entry_of_payment(tx, one.payment_id, lock=True)
    if paid is None:
        return False
    parts = await clearing.parts_of(tx, paid.id)
    by_line = [list(of_line) for _, of_line in groupby(parts, lambda part: part.line)]
    lines = [
        Line(sum(part.amt for part in of_line), tuple(part.parts for part in of_line))
        for of_line in by_line
    ]
    before = await clearing.netted(tx, one.payment_id)
    taken = [
        Part(0, 0, part.group_id, part.line, part.item_code, part.target, part.parts, -amt)
        for of_line, amts in zip(by_line, refund(lines, before, one.amt), strict=True)
        for part, amt in zip(of_line, amts, strict=True)
        if amt
    ]
    entry = Entry(0, paid.group_id, one.payment_id, one.refund_no, -one.amt, at)
    return await clearing.enter(tx, entry, _numbered(taken))


def _numbered(parts: Sequence[Part]) -> list[Part]:
    return [
        Part(0, seq, part.group_id, part.line, part.item_code, part.target, part.parts, part.amt)
        for seq, part in enumerate(parts, start=1)
    ]


def _left_out(payment: Payment, reason: str) -> LeftOut:
    return LeftOut(payment.src, payment.pay_code, payment.tra_no_bus, payment.amt, reason)


async def _journal(tx: Transaction, node: str, facts: dict[str, journal.Fact], at: int) -> None:
    await journal.append(
        tx, at=at, kind="clearing.entered", subject=node, actor="gateway", facts=facts
    )
