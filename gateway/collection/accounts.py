"""The account a payer is told and those a confirmation may name (spec: business, 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass

from ...messages import RecAcctType
from ..clock import add_days
from ..store import virtual_accounts
from ..store.protocol import Transaction
from ..store.records import Account, Bill, BillFace

SAME_BANK = "0"
OTHER_BANK = "1"


@dataclass(frozen=True, slots=True)
class Recipient:
    """The receiving account as 5603 shows it.

    `real_acct` is the account behind a pseudo account; of a bill's own account always as it came.
    """

    acct_type: str
    name: str
    acct: str
    op_bk: str
    bank_no: str
    is_inter_bank: str
    real_acct: str = ""


NO_ACCOUNT = Recipient(
    acct_type=RecAcctType.OTHER.value,
    name="",
    acct="",
    op_bk="",
    bank_no="",
    is_inter_bank=OTHER_BANK,
)
"""What a node that is no bank is told where a region has no account: 11005 concerns banks only."""


async def recipient(
    tx: Transaction, bill: Bill | BillFace, bank_code: str, accounts: list[Account]
) -> Recipient | None:
    """The account that a node at BANK_CODE ("" for platform and units) is given for a bill.

    ACCOUNTS are the collection accounts of the bill's region that are valid today.

    The bill's own account or subject (科目); else the region's at the asking bank; else the
    region's default; None when the region has no valid account. A virtual account stands in front
    of the real one when it is held at the asking bank.
    """
    if bill.rec_acct or bill.rec_acct_real or bill.rec_acct_type == RecAcctType.SUBJECT:
        return Recipient(
            acct_type=bill.rec_acct_type,
            name=bill.rec_name,
            acct=bill.rec_acct,
            op_bk=bill.rec_op_bk,
            bank_no=bill.rec_bank_no,
            is_inter_bank=bill.is_inter_bank or SAME_BANK,
            real_acct=bill.rec_acct_real,
        )
    chosen = _choose(accounts, bank_code)
    if chosen is None:
        return None
    virtual = await _virtual(tx, bill, chosen)
    return Recipient(
        acct_type=chosen.acct_type,
        name=chosen.name,
        acct=virtual or chosen.acct_no,
        op_bk=chosen.bank_name,
        bank_no=chosen.bank_no,
        is_inter_bank=SAME_BANK if chosen.bank_code == bank_code else OTHER_BANK,
        real_acct=chosen.acct_no if virtual else "",
    )


async def acceptable(
    tx: Transaction, bill: Bill | BillFace, bank_code: str, accounts: list[Account]
) -> frozenset[str]:
    """The account numbers that a confirmation by a node at BANK_CODE may name for a bill."""
    names = {bill.rec_acct, bill.rec_acct_real}
    given = await recipient(tx, bill, bank_code, accounts)
    if given is not None:
        names |= {given.acct, given.real_acct}
    names |= {account.acct_no for account in accounts if account.is_default}
    return frozenset(names - {""})


def _choose(accounts: list[Account], bank_code: str) -> Account | None:
    """The account at the asking bank, the default one first; else the region's default."""
    chosen = default = None
    for account in accounts:
        if account.is_default and default is None:
            default = account
        if bank_code and account.bank_code == bank_code:
            chosen = account if chosen is None or account.is_default else chosen
    return chosen or default


async def _virtual(tx: Transaction, bill: Bill | BillFace, account: Account) -> str:
    if not bill.virtual_acct:
        return ""
    owner = await virtual_accounts.get(tx, bill.virtual_acct)
    # A number that was freed may belong to another bill by now.
    if owner is None or owner.pay_code != bill.pay_code:
        return ""
    return bill.virtual_acct if owner.bank_code == account.bank_code else ""


async def end_virtual(tx: Transaction, bill: Bill | BillFace, today: str) -> None:
    """The bill is paid or void: its virtual account is free again after the pool's days."""
    if bill.virtual_acct:
        pool = await virtual_accounts.pool_of(tx, bill.virtual_acct)
        days = pool.release_days if pool else 0
        await virtual_accounts.end(tx, bill.pay_code, free_after=add_days(today, days))
