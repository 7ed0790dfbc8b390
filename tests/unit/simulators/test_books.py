"""The auditor: every way in which books and ledgers can disagree is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nontax.simulators.books import BookedPayment, BookedRefund, Books, differences
from nontax.simulators.ledger import Entry, Ledger

BANK = "D3206820105"
DAY = "20260302"


def payment(number: int, **changes: object) -> BookedPayment:
    made = BookedPayment(
        number, BANK, DAY, f"T{number}", f"code{number}", 8000, "11", duplicate=False,
        after_expiry=False,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # the cases name fields


def entry(number: int) -> Entry:
    return Entry(DAY, f"T{number}", f"code{number}", 8000, "11", "32001000000000000018")


DUPLICATE = BookedPayment(
    5, BANK, DAY, "T5", "code2", 8000, "11", duplicate=True, after_expiry=False
)
BILLS = {"code1": "paid", "code2": "confirmed", "code3": "unpaid", "code4": "void"}
GOOD = Books(
    bills=BILLS,
    payments=(payment(1), payment(2), DUPLICATE),
    refunds=(BookedRefund("R1", 5, BANK, 8000, "succeeded"),),
    outbox={},
    serials={},
)


@pytest.fixture
def ledger() -> Ledger:
    """Two payments, a refunded duplicate, one that was refused."""
    kept = Ledger()
    for made in (entry(1), entry(2), replace(entry(5), pay_code="code2"), entry(3)):
        kept.take(made)
    for number in (1, 2, 5):
        kept.settle((DAY, f"T{number}"), "00000")
    kept.settle((DAY, "T3"), "12004")
    kept.refund((DAY, "T5"), "R1", 8000)
    return kept


def test_equal_books(ledger: Ledger) -> None:
    assert differences(GOOD, {BANK: ledger}) == []
    assert GOOD.held(BANK) == ledger.totals().held_amt == 16000


@pytest.mark.parametrize(
    ("books", "found"),
    [
        (replace(GOOD, payments=GOOD.payments[1:]), "T1 is in the ledger and not in the books"),
        (replace(GOOD, payments=(*GOOD.payments, payment(1))), "T1 is in the books and not in"),
        (replace(GOOD, payments=(*GOOD.payments, payment(3))), "T3 is in the books and not in"),
        (
            replace(GOOD, payments=(payment(1, amt=8001), *GOOD.payments[1:])),
            "T1 is in the ledger and not in the books",
        ),
        (replace(GOOD, payments=(payment(1, amt=1), *GOOD.payments[1:])), "are held, the ledger"),
        (
            replace(GOOD, payments=(payment(1, src="G000001"), *GOOD.payments[1:])),
            "T1 of an unknown node",
        ),
        (replace(GOOD, bills={**BILLS, "code1": "unpaid"}), "bill code1 is unpaid with 1 payments"),
        (replace(GOOD, bills={**BILLS, "code3": "paid"}), "bill code3 is paid with 0 payments"),
        (
            replace(GOOD, payments=(*GOOD.payments[:2], replace(DUPLICATE, duplicate=False))),
            "bill code2 is confirmed with 2 payments",
        ),
        (replace(GOOD, refunds=()), "T5 refunded 8000 fen, books say 0"),
        (
            replace(GOOD, refunds=(replace(GOOD.refunds[0], amt=1),)),
            "T5 refunded 8000 fen, books say 1",
        ),
        (
            replace(GOOD, refunds=(*GOOD.refunds, BookedRefund("R2", 1, BANK, 8000, "sent"))),
            "refund R2 is still sent",
        ),
        (
            replace(GOOD, refunds=(*GOOD.refunds, BookedRefund("R2", 1, BANK, 1, "succeeded"))),
            "T1 refunded 0 fen, books say 1",
        ),
    ],
)  # fmt: skip
def test_every_disagreement_is_found(ledger: Ledger, books: Books, found: str) -> None:
    assert any(found in fault for fault in differences(books, {BANK: ledger}))


def test_a_payment_whose_fate_is_not_known(ledger: Ledger) -> None:
    ledger.take(entry(9))
    assert differences(GOOD, {BANK: ledger}) == [f"{BANK}: payment T9 was never answered"]
