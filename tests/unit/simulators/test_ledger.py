"""A bank's own books."""

from __future__ import annotations

import pytest

from nontax.simulators.ledger import Entry, Ledger, LedgerError, Money


def entry(number: int, amt: int = 8000) -> Entry:
    return Entry("20260302", f"T{number}", f"code{number}", amt, "11", "32001000000000000018")


def test_money_is_booked_returned_or_refunded() -> None:
    ledger = Ledger()
    for number in range(4):
        ledger.take(entry(number))
    assert ledger.settle(("20260302", "T0"), "00000").money is Money.BOOKED
    assert ledger.settle(("20260302", "T1"), "12001").money is Money.RETURNED
    assert ledger.settle(("20260302", "T2"), "00000").money is Money.BOOKED
    assert ledger.refund(("20260302", "T2"), "R1", 8000).money is Money.REFUNDED
    totals = ledger.totals()
    assert (totals.payments, totals.booked, totals.returned, totals.refunds) == (4, 2, 1, 1)
    assert (totals.taken, totals.booked_amt, totals.returned_amt) == (32000, 16000, 8000)
    assert totals.held_amt == 8000
    assert [e.tra_no_bus for e in ledger.unanswered()] == ["T3"]
    assert totals.unanswered == 1


def test_a_serial_number_is_used_once_a_day() -> None:
    ledger = Ledger()
    ledger.take(entry(1))
    with pytest.raises(LedgerError, match="used that day"):
        ledger.take(entry(1, 9000))


def test_an_answer_that_contradicts_an_earlier_one_is_found() -> None:
    ledger = Ledger()
    ledger.take(entry(1))
    ledger.settle(("20260302", "T1"), "12001")
    assert ledger.settle(("20260302", "T1"), "12001").money is Money.RETURNED
    with pytest.raises(LedgerError, match="was answered 12001 before"):
        ledger.settle(("20260302", "T1"), "00000")


def test_no_more_is_refunded_than_is_held() -> None:
    ledger = Ledger()
    ledger.take(entry(1))
    with pytest.raises(LedgerError, match="more than is held"):
        ledger.refund(("20260302", "T1"), "R1", 1)
    ledger.settle(("20260302", "T1"), "00000")
    ledger.refund(("20260302", "T1"), "R1", 3000)
    assert ledger.entry(("20260302", "T1")).held == 5000
    with pytest.raises(LedgerError, match="more than is held"):
        ledger.refund(("20260302", "T1"), "R2", 5001)
    with pytest.raises(LedgerError, match="no payment"):
        ledger.refund(("20260302", "T9"), "R3", 1)
