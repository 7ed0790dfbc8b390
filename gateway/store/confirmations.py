"""Judged confirmations (2612) and the answers they got: the idempotency of business.md §3.

An accepted identity (SRC, CfmDate, TraNoBus) exists once; refusals are kept per content, so that
the same content gets the same answer for ever.
"""

from __future__ import annotations

from typing import Final

from .protocol import Transaction
from .records import ConfirmationRow
from .sql import columns, insert_into, select_from, values

_NEW: Final = ("id",)
_INSERT: Final = insert_into(ConfirmationRow, "confirmations", "RETURNING id", without=_NEW)
_VALUES: Final = values(ConfirmationRow, without=_NEW)
_REPETITIONS: Final = select_from(
    ConfirmationRow,
    "confirmations",
    "WHERE src = ?1 AND tra_no_bus = ?3 AND pay_code = ?4 AND amt = ?5",
)
_ACCEPTED: Final = select_from(
    ConfirmationRow,
    "confirmations",
    "WHERE src = ?1 AND cfm_date = ?2 AND tra_no_bus = ?3 AND accepted = 1",
)
_MARKED: Final = ", ".join(columns(ConfirmationRow))
# Whether there is any row of the number is asked in the same breath, and marked.
_RELATED: Final = (
    f"SELECT 0, {_MARKED} FROM ({_REPETITIONS}"  # noqa: S608 - ours
    f" UNION ALL {_ACCEPTED} AND NOT (pay_code = ?4 AND amt = ?5)) AS related"
    f" UNION ALL SELECT 1, {_MARKED} FROM (SELECT * FROM confirmations"
    " WHERE src = ?1 AND tra_no_bus = ?3 LIMIT 1) AS used"
)
_OF_NUMBER: Final = select_from(
    ConfirmationRow, "confirmations", "WHERE src = ?1 AND tra_no_bus = ?2 ORDER BY id"
)


async def insert(tx: Transaction, confirmation: ConfirmationRow) -> int:
    """Write a judged confirmation and return its id; ``confirmation.id`` is ignored.

    ConstraintViolated when its content or, accepted, its identity is there already.
    """
    row = await tx.one(_INSERT, *_VALUES(confirmation))
    if row is None:
        raise RuntimeError("the database returned no id")
    return int(row[0])


async def related(
    tx: Transaction, src: str, cfm_date: str, tra_no_bus: str, *, pay_code: str, amt: int
) -> tuple[list[ConfirmationRow], bool]:
    """All that decides whether a confirmation is new, in no order and few whatever the history.

    Those of the node with the same number, pay code and amount under any date, channel and account
    (the same content and the repetitions), and the accepted one of the same identity; and whether
    the node ever used the number, on whatever day, for whatever.
    """
    rows = await tx.all(_RELATED, src, cfm_date, tra_no_bus, pay_code, amt)
    return [ConfirmationRow(*row[1:]) for row in rows if not row[0]], bool(rows)


async def accepted(
    tx: Transaction, src: str, cfm_date: str, tra_no_bus: str
) -> ConfirmationRow | None:
    """The accepted confirmation of an identity."""
    row = await tx.one(_ACCEPTED, src, cfm_date, tra_no_bus)
    return ConfirmationRow(*row) if row else None


async def of_number(tx: Transaction, src: str, tra_no_bus: str) -> list[ConfirmationRow]:
    """Everything a node ever confirmed under a number, oldest first.

    Some banks start their numbers anew each day, so that this grows with the years: use ``related``
    to judge a confirmation.
    """
    return [ConfirmationRow(*row) for row in await tx.all(_OF_NUMBER, src, tra_no_bus)]


async def refused(
    tx: Transaction, src: str, cfm_date: str, tra_no_bus: str, pay_code: str = ""
) -> bool:
    """Whether an identity was ever refused: such a line is never repaired by machine.

    With a pay code also under another date: the same number of the same bill is a repetition.
    """
    row = await tx.one(
        "SELECT 1 FROM confirmations WHERE src = ?1 AND tra_no_bus = ?3"
        " AND (cfm_date = ?2 OR pay_code = ?4) AND accepted = 0 LIMIT 1",
        src,
        cfm_date,
        tra_no_bus,
        pay_code,
    )
    return row is not None
