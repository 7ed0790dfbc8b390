"""Which node may report money on which account (spec: business, 5)."""

from __future__ import annotations

from ...messages import RecAcctType
from ..peers import Peer
from ..store import catalogue
from ..store.entries import Bank, Target
from ..store.protocol import Transaction


async def reported_regions(
    tx: Transaction, peer: Peer, acct_no: str, date: str
) -> frozenset[str] | None:
    """The regions whose money on an account a node may report on a date; None: it may not.

    An account of the catalogue is reported by the bank that holds it, for regions that the node
    acts for; the platform holds none and may name any. An account that shares go to (treasuries,
    other governments') is reported by the clearing bank, or by the bank that its line number names.
    """
    entries = await catalogue.account(tx, acct_no, date)
    regions = frozenset(
        entry.region
        for entry in entries
        if entry.region in peer.regions and peer.bank_code in {None, entry.bank_code}
    )
    if regions:
        return regions
    if peer.kind not in {"bank", "clearing"}:
        return None
    holders = [
        target.bank_no
        for target in await catalogue.entries(tx, Target)
        if target.acct_no == acct_no and catalogue.holds(target, date)
    ]
    if not holders:
        return None
    if peer.kind == "clearing":
        return peer.regions
    own = [bank for bank in await catalogue.entries(tx, Bank) if bank.code == peer.bank_code]
    return peer.regions if any(bank.bank_no in holders for bank in own) else None


async def may_report(
    tx: Transaction, peer: Peer, acct_type: str, acct_no: str, date: str
) -> frozenset[str] | None:
    """Like `reported_regions`; money on a subject (科目) of the reporting bank has no account."""
    if acct_type == RecAcctType.SUBJECT:
        return peer.regions
    return await reported_regions(tx, peer, acct_no, date)


async def may_report_to(
    tx: Transaction, peer: Peer, acct_type: str, acct_no: str, date: str
) -> bool:
    """Whether a node may move money to an account: one of its regions, at whatever bank."""
    if acct_type == RecAcctType.SUBJECT and not acct_no:
        return True
    return bool(await regions_of(tx, acct_no, date) & peer.regions)


async def regions_of(tx: Transaction, acct_no: str, date: str) -> frozenset[str]:
    """The regions that an account serves on a date, whoever holds it."""
    return frozenset(entry.region for entry in await catalogue.account(tx, acct_no, date))
