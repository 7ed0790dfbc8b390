"""Virtual accounts (虚拟账户): a number per bill, taken from a bank's pool and given back later."""

from __future__ import annotations

from typing import Final

from . import catalogue
from .entries import VirtualAccount, VirtualPool
from .protocol import Transaction
from .sql import insert_into, select_from, values

MAX_POOL: Final = 1_000_000

_GET: Final = select_from(VirtualAccount, "virtual_accounts", "WHERE acct_no = ?1")
_INSERT: Final = insert_into(VirtualAccount, "virtual_accounts", "ON CONFLICT DO NOTHING")
_VALUES: Final = values(VirtualAccount)
_POOLS: Final = select_from(VirtualPool, "virtual_pools", "WHERE bank_code = ?1 ORDER BY first")
_POOL: Final = select_from(VirtualPool, "virtual_pools", "WHERE first = ?1")
_FREE: Final = (
    "UPDATE virtual_accounts SET state = 'free', pay_code = '', allocated_at = 0, free_after = ''"
    " WHERE "
)


async def put_pool(tx: Transaction, pool: VirtualPool, *, actor: str, at: int) -> bool:
    """Write a pool and its numbers; False when nothing changed. Numbers in use stay in use.

    ValueError when first and last are not digits of one length, in order, at most a million.
    """
    first, last = pool.first, pool.last
    if not (first.isdecimal() and last.isdecimal() and len(first) == len(last) and first <= last):
        raise ValueError("a pool's first and last number are digits of one length, in order")
    if int(last) - int(first) >= MAX_POOL:
        raise ValueError(f"a pool has at most {MAX_POOL} numbers")
    if not await catalogue.put(tx, pool, actor=actor, at=at):
        return False
    numbers = (f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1))
    await tx.many(
        _INSERT,
        (
            _VALUES(VirtualAccount(number, first, pool.bank_code, "free", "", 0, ""))
            for number in numbers
        ),
    )
    return True


async def pools(tx: Transaction, bank_code: str) -> list[VirtualPool]:
    """A bank's pools."""
    return [VirtualPool(*row) for row in await tx.all(_POOLS, bank_code)]


async def pool_of(tx: Transaction, acct_no: str) -> VirtualPool | None:
    """The pool that a number belongs to: its ``acct_no`` is the account behind it."""
    found = await get(tx, acct_no)
    row = await tx.one(_POOL, found.pool) if found else None
    return VirtualPool(*row) if row else None


def owner(account: VirtualAccount, today: str) -> str:
    """Pay code of the bill that a number belongs to on a date, '' when it is free again."""
    over = account.free_after and account.free_after < today
    return "" if account.state == "free" or over else account.pay_code


async def get(tx: Transaction, acct_no: str) -> VirtualAccount | None:
    """A virtual account by its number."""
    row = await tx.one(_GET, acct_no)
    return VirtualAccount(*row) if row else None


async def allocate(
    tx: Transaction, bank_code: str, pay_code: str, *, at: int, free_after: str = ""
) -> str | None:
    """Take the lowest free number of a bank for a bill; None when the pool is empty.

    ``free_after`` is the date after which the number is free again whatever becomes of the bill: so
    many days after the end of its validity, '' for a bill without one.
    """
    row = await tx.one(
        "UPDATE virtual_accounts SET state = 'allocated', pay_code = ?2, allocated_at = ?3,"
        " free_after = ?4"
        " WHERE acct_no = (SELECT acct_no FROM virtual_accounts"
        " WHERE bank_code = ?1 AND state = 'free' ORDER BY acct_no LIMIT 1)"
        " AND state = 'free' RETURNING acct_no",
        bank_code,
        pay_code,
        at,
        free_after,
    )
    return str(row[0]) if row else None


async def take(
    tx: Transaction, acct_no: str, pay_code: str, *, at: int, free_after: str = ""
) -> bool:
    """Take a number that was chosen for a bill; False when it is not free or in no pool."""
    changed = await tx.run(
        "UPDATE virtual_accounts SET state = 'allocated', pay_code = ?2, allocated_at = ?3,"
        " free_after = ?4 WHERE acct_no = ?1 AND state = 'free'",
        acct_no,
        pay_code,
        at,
        free_after,
    )
    return changed == 1


async def end(tx: Transaction, pay_code: str, *, free_after: str) -> bool:
    """The bill is paid or void: its number is free again after a date; False: it has none."""
    changed = await tx.run(
        "UPDATE virtual_accounts SET state = 'ended', free_after = ?2"
        " WHERE pay_code = ?1 AND pay_code <> '' AND state = 'allocated'",
        pay_code,
        free_after,
    )
    return changed == 1


async def free_ended(tx: Transaction, today: str) -> int:
    """Free the numbers whose time is over, after their bill was paid, voided or ran out.

    Returns how many.
    """
    ended = await tx.run(_FREE + "state = 'ended' AND free_after < ?1", today)
    expired = await tx.run(
        _FREE + "state = 'allocated' AND free_after <> '' AND free_after < ?1", today
    )
    return ended + expired


async def counts(tx: Transaction, bank_code: str) -> dict[str, int]:
    """How many of a bank's numbers are in each state."""
    rows = await tx.all(
        "SELECT state, count(*) FROM virtual_accounts WHERE bank_code = ?1"
        " GROUP BY state ORDER BY state",
        bank_code,
    )
    return {row[0]: int(row[1]) for row in rows}
