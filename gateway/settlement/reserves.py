"""The reserve for refunds (退付备用金): one balance an agent bank, never promised twice.

The catalogue says what a reserve account held at the start of its entry; what refunds have taken
since then, and what living ones may yet take, is counted from the refunds themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..store import catalogue, refunds
from ..store.protocol import Transaction
from ..store.records import Account


@dataclass(frozen=True, slots=True)
class Reserve:
    """A reserve account with its balance, in fen."""

    acct_no: str = field(repr=False)
    name: str
    region: str
    bank_code: str
    since: str
    opening: int
    paid: int
    promised: int

    @property
    def available(self) -> int:
        """What can still be promised; below 0 when more was paid than the reserve held."""
        return self.opening - self.paid - self.promised


async def reserve_of(
    tx: Transaction, region: str, bank_code: str, today: str, *, lock: bool = False
) -> Reserve | None:
    """A region's reserve at a bank on a day; the first by number where the catalogue has several.

    LOCK keeps others from promising it meanwhile.
    """
    accounts = await catalogue.accounts_of(tx, region, "reserve", today)
    for account in accounts:
        if account.bank_code == bank_code:
            return await _counted(tx, account, lock=lock)
    return None


async def reserves(tx: Transaction, region: str, today: str) -> list[Reserve]:
    """The reserves of a region on a day, by account number."""
    accounts = await catalogue.accounts_of(tx, region, "reserve", today)
    return [await _counted(tx, account, lock=False) for account in accounts]


async def _counted(tx: Transaction, account: Account, *, lock: bool) -> Reserve:
    use = await refunds.reserve_use(tx, account.acct_no, account.start_date, lock=lock)
    return Reserve(
        acct_no=account.acct_no,
        name=account.name,
        region=account.region,
        bank_code=account.bank_code,
        since=account.start_date,
        opening=account.balance,
        paid=use.paid,
        promised=use.promised,
    )
