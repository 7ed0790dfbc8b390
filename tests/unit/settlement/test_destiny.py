"""What becomes of collected money, by RecAcctType and account; and when it may go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nontax.gateway.settlement.destiny import destiny
from nontax.gateway.settlement.readiness import ready
from nontax.gateway.store.entries import Account
from nontax.gateway.store.funds import Funds
from nontax.gateway.store.records import Payment

PAYMENT = Payment(1, "D3206820105", "20260302", "T1", "1", 100, "11", "1", "18", "2612", 1)
CLEARING = Account("34", "320682", "clearing", "20200101", acct_type="9")
COLLECTION = Account("18", "320682", "collection", "20200101", acct_type="1")
ACCOUNTS = [CLEARING, COLLECTION]


@pytest.mark.parametrize(
    ("kind", "account", "expected"),
    [
        ("1", "18", "remit"),
        ("2", "18", "remit"),
        ("6", "18", "remit"),
        ("3", "", "clear"),
        ("3", "77", "clear"),
        ("4", "77", "unit"),
        ("5", "77", "none"),
        # The clearing account, whatever type the message gave.
        ("9", "34", "clear"),
        ("1", "34", "clear"),
        ("5", "34", "clear"),
        # Another type goes by the catalogue, and nowhere when that does not know the account.
        ("9", "18", "remit"),
        ("9", "77", "none"),
        ("9", "", "none"),
    ],
)
def test_type_and_account_decide(kind: str, account: str, expected: str) -> None:
    payment = replace(PAYMENT, rec_acct_type=kind, rec_acct=account)
    assert destiny(payment, ACCOUNTS) == expected


def test_the_catalogue_of_the_cfm_date_counts() -> None:
    payment = replace(PAYMENT, rec_acct_type="9", rec_acct="34")
    ended = replace(CLEARING, stop_date="20260301")
    assert destiny(payment, [ended]) == "none"
    assert destiny(payment, [replace(CLEARING, stop_date="20260302")]) == "clear"
    assert destiny(payment, [replace(CLEARING, start_date="20260303")]) == "none"


def test_a_duplicate_goes_nowhere() -> None:
    assert destiny(replace(PAYMENT, duplicate=1), ACCOUNTS) == "none"


def test_money_goes_on_by_what_is_waited_for() -> None:
    collected = Funds(1)
    arrived = Funds(1, arrived_on="20260303")
    reconciled = Funds(1, reconciled_on="20260302")
    assert [ready("confirmation", one) for one in (collected, arrived)] == [True, True]
    assert [ready("arrival", one) for one in (collected, arrived)] == [False, True]
    assert [ready("reconciliation", one) for one in (arrived, reconciled)] == [False, True]
