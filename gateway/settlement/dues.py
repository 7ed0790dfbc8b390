"""What of a confirmed payment is to be remitted, and to whom (spec: business, sections 6 and 7).

A payment is divided once, by the sharing rules that held on its CfmDate, and what came out is kept.
Succeeded refunds are netted when it is remitted: what each part gives, less what the refunds take
from it by the same rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from ...codecs import format_yuan
from ..store import bills, catalogue, income, payments, virtual_accounts
from ..store.catalogue import SharePart
from ..store.entries import Account, Item
from ..store.income import Due, Income, Part
from ..store.protocol import Transaction
from ..store.records import BillFace, Payment
from .destiny import destiny
from .sharing import Inconsistent, Line, refunded, settled, shares

DueKey = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class DueFault:
    """Money that cannot be remitted: whose (a pay code or a group), and why."""

    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"


class _Unclear(Exception):
    """Why a payment cannot be divided."""


@dataclass(slots=True)
class Known:
    """What a run has looked up in the catalogue; made anew for every run."""

    items: dict[str, Item | None] = field(default_factory=dict)
    rules: dict[tuple[str, str], list[SharePart]] = field(default_factory=dict)
    accounts: dict[tuple[str, str], list[Account]] = field(default_factory=dict)

    async def item(self, tx: Transaction, code: str) -> Item:
        if code not in self.items:
            self.items[code] = await catalogue.item(tx, code)
        found = self.items[code]
        if found is None:
            raise _Unclear(f"item {code} is not in the catalogue")
        return found

    async def rule(self, tx: Transaction, code: str, date: str) -> list[SharePart]:
        key = (code, date)
        if key not in self.rules:
            self.rules[key] = await catalogue.sharing_rule(tx, code, date)
        if not self.rules[key]:
            raise _Unclear(f"item {code} has no sharing rule (分成规则) for {date}")
        return self.rules[key]

    async def account(self, tx: Transaction, number: str, date: str) -> list[Account]:
        key = (number, date)
        if key not in self.accounts:
            self.accounts[key] = await catalogue.account(tx, number, date)
        return self.accounts[key]


async def divide(tx: Transaction, confirmed: Income, known: Known) -> DueFault | None:
    """Divide a confirmed payment into dues; why it cannot be done (it will be tried again)."""
    payment = await payments.get(tx, confirmed.payment_id, lock=True)
    bill = await bills.face(tx, confirmed.pay_code)
    if payment is None or bill is None:  # foreign keys say that it cannot be
        return DueFault(confirmed.pay_code, "its payment or bill is not in the books")
    try:
        parts, dues = await _divided(tx, payment, bill, known)
    except (_Unclear, Inconsistent) as unclear:
        return DueFault(confirmed.pay_code, str(unclear))
    await income.divide(tx, payment.id, parts, dues)
    return None


async def _divided(
    tx: Transaction, payment: Payment, bill: BillFace, known: Known
) -> tuple[list[Part], list[Due]]:
    number = await _real_account(tx, payment)
    accounts = await known.account(tx, number, payment.cfm_date)
    if destiny(replace(payment, rec_acct=number), accounts) != "remit":
        return [], []
    account = next((entry for entry in accounts if entry.region == bill.region), None)
    if account is None or not account.bank_code:
        raise _Unclear("the account that it was paid to is not in the catalogue")
    lines = [(item.code, item.amt) for item in await bills.items(tx, bill.pay_code)]
    lines = list(settled(lines, bill.delay_amt, await catalogue.delay_item(tx)))
    if sum(amt for _, amt in lines) != payment.amt:
        raise _Unclear(f"its items do not add up to the {format_yuan(payment.amt)} paid")
    rules = [await known.rule(tx, code, payment.cfm_date) for code, _ in lines]
    divided = shares(
        [
            Line(amt, tuple(share.parts for share in rule))
            for (_, amt), rule in zip(lines, rules, strict=True)
        ]
    )
    parts = [
        Part(
            payment.id,
            line,
            position,
            code,
            share.target.level,
            share.target.code,
            share.parts,
            amt,
        )
        for line, ((code, _), rule, amounts) in enumerate(
            zip(lines, rules, divided, strict=True), 1
        )
        for position, (share, amt) in enumerate(zip(rule, amounts, strict=True), 1)
    ]
    for rule in rules:
        _check_levels(rule)
    targets = {share.target.code: share.target for rule in rules for share in rule}
    dues = []
    for (_, code, level), amt in _by_due(parts).items():
        target = targets[next(p.target for p in parts if (p.item_code, p.level) == (code, level))]
        if amt == 0 or target.acct_no == account.acct_no:
            continue  # nothing to move, or it lies there already
        item = await known.item(tx, code)
        own = item.remit_type if item.remit_type in {"1", "2"} else ""
        dues.append(
            Due(
                payment_id=payment.id,
                item_code=code,
                level=level,
                target=target.code,
                region=bill.region,
                acct_no=account.acct_no,
                bank_code=account.bank_code,
                mode=item.remit_mode,
                remit_type=own or ("1" if target.acct_type == "5" else "2"),
                unit_code=bill.unit_code,
                amt=amt,
            )
        )
    return parts, dues


async def _real_account(tx: Transaction, payment: Payment) -> str:
    """The account that the money lies on: the one behind a virtual account."""
    pool = await virtual_accounts.pool_of(tx, payment.rec_acct) if payment.rec_acct else None
    return pool.acct_no if pool else payment.rec_acct


def _check_levels(rule: Sequence[SharePart]) -> None:
    """One level, one account: a payment's item is remitted to a level once."""
    known: dict[str, str] = {}
    for share in rule:
        if known.setdefault(share.target.level, share.target.code) != share.target.code:
            raise _Unclear(
                f"its sharing rule gives level {share.target.level} to two accounts,"
                f" {known[share.target.level]} and {share.target.code}"
            )


def _by_due(parts: Iterable[Part]) -> dict[DueKey, int]:
    """Fen by item and level."""
    found: dict[DueKey, int] = defaultdict(int)
    for part in parts:
        found[part.payment_id, part.item_code, part.level] += part.amt
    return dict(found)


def net(parts: Sequence[Part], paid_back: int) -> dict[DueKey, int]:
    """What is left of a payment's dues after succeeded refunds of PAID_BACK fen together.

    Never negative, and together what was paid less what was paid back: where the refunds' rounding
    takes a fen more than a due has, the largest other one gives it.
    """
    whole = _by_due(parts)
    if not paid_back:
        return whole
    by_line = [list(group) for _, group in groupby(parts, lambda part: part.line)]
    lines = [
        Line(sum(part.amt for part in line), tuple(part.weight for part in line))
        for line in by_line
    ]
    taken = refunded(lines, paid_back)
    left = _by_due(
        replace(part, amt=part.amt - less)
        for line, amounts in zip(by_line, taken, strict=True)
        for part, less in zip(line, amounts, strict=True)
    )
    for key, amt in left.items():
        missing = -min(amt, 0)
        while missing:
            giver = max(left, key=lambda other: (left[other], other))
            given = min(missing, left[giver])
            left[giver] -= given
            left[key] += given
            missing -= given
    return left
