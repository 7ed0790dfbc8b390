"""Where collected money goes on to: clearing, remittance, the unit, or nowhere (business, 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from ...messages.codes import RecAcctType
from ..store.catalogue import holds
from ..store.records import Account, Payment

Destiny = Literal["clear", "remit", "unit", "none"]

_BY_TYPE: Final[dict[str, Destiny]] = {
    RecAcctType.SUBJECT.value: "clear",
    RecAcctType.FISCAL.value: "remit",
    RecAcctType.COLLECTION.value: "remit",
    RecAcctType.UNIT_SUB.value: "remit",
    RecAcctType.UNIT.value: "unit",
    RecAcctType.TREASURY.value: "none",
}


def destiny(payment: Payment, accounts: Iterable[Account]) -> Destiny:
    """What becomes of a payment's money, by its RecAcctType and account.

    ACCOUNTS are entries of the catalogue; those count that held on the payment's CfmDate. Money on
    a clearing account is cleared whatever type the message gave. An account of type 9 (其他) goes
    by the type that the catalogue gives it; one that the catalogue does not know goes nowhere.

    Duplicate payments stand on 待退付 and go nowhere.
    """
    if payment.duplicate:
        return "none"
    known = [
        account
        for account in accounts
        if payment.rec_acct
        and account.acct_no == payment.rec_acct
        and holds(account, payment.cfm_date)
    ]
    if any(account.purpose == "clearing" for account in known):
        return "clear"
    found = _BY_TYPE.get(payment.rec_acct_type)
    if found is None:
        found = next((_BY_TYPE.get(account.acct_type) for account in known), None)
    return found or "none"
