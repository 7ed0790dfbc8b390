"""Double-entry books of the banks: nothing is made or lost, and what is not there cannot go."""

from __future__ import annotations

from random import Random

import pytest

from nontax.simulators.accounts import (
    OUTSIDE,
    SETTLEMENT,
    AccountError,
    Book,
    Interbank,
    Kind,
    interbank,
)
from nontax.simulators.ledger import Entry, Ledger
from nontax.simulators.till import Till

HERE, THERE = "32001000000000000018", "32003000000000000026"
CATALOGUE: dict[str, list[dict[str, object]]] = {
    "accounts": [
        {"number": HERE, "bank": "0105", "purpose": "collection"},
        {"number": THERE, "bank": "0301", "purpose": "collection"},
        {"number": "R1", "bank": "0105", "purpose": "reserve", "balance": "500.00"},
    ],
    "targets": [{"account": "270000000000000001"}],
    "virtual_accounts": [{"account": HERE, "first": "0998", "last": "1001"}],
}


def entry(number: int, account: str = HERE, acct_type: str = "1", amt: int = 8000) -> Entry:
    key = f"T{number}"
    return Entry("20260302", key, f"code{number}", amt, "11", account, acct_type=acct_type)


def test_a_movement_has_two_postings_that_sum_to_zero() -> None:
    book = Book("0105")
    book.open("A", Kind.COLLECTION, 1000)
    moved = book.move("A", OUTSIDE, 400, "refund", "R1")
    assert [(p.account, p.amt) for p in moved.postings] == [("A", -400), (OUTSIDE, 400)]
    assert (book.balance("A"), book.balance(OUTSIDE)) == (600, -600)
    assert [m.number for m in book.of("A")] == [1, 2]
    assert book.faults() == []


@pytest.mark.parametrize(
    ("source", "target", "amt", "text"),
    [
        ("A", OUTSIDE, 1001, "has 1000 fen, not 1001"),
        ("A", "B", 1, "no account B"),
        ("B", "A", 1, "no account B"),
        ("A", OUTSIDE, 0, "0 fen cannot be moved"),
        ("A", OUTSIDE, -1, "-1 fen cannot be moved"),
    ],
)
def test_what_cannot_be_moved_leaves_everything_as_it_is(
    source: str, target: str, amt: int, text: str
) -> None:
    book = Book("0105")
    book.open("A", Kind.COLLECTION, 1000)
    before = book.balances()
    with pytest.raises(AccountError, match=text):
        book.move(source, target, amt, "refund", "R1")
    assert book.balances() == before
    assert len(book.movements) == 1


def test_money_between_banks_is_in_both_books() -> None:
    banks = interbank(CATALOGUE)
    banks.pay("0105", "R1", THERE, 300, what="moved", reference="B1")
    assert banks.book("0105").balance(SETTLEMENT) == 300
    assert banks.book("0301").balance(SETTLEMENT) == -300
    assert banks.balances()["R1"] == 49700
    assert banks.balances()[THERE] == 300
    assert banks.faults() == []


def test_an_account_that_nobody_holds_gets_nothing() -> None:
    banks = interbank(CATALOGUE)
    with pytest.raises(AccountError) as caught:
        banks.pay("0105", "R1", "999", 300, what="cleared", reference="Q1/2")
    assert caught.value.chinese == "账户不存在"
    assert banks.balances()["R1"] == 50000


def test_who_plays_alone_knows_every_account() -> None:
    banks = Interbank(lenient=True)
    banks.pay("0105", "A", "B", 300, what="cleared", reference="Q1/1")
    assert banks.balances() == {"A": -300, "B": 300}


def test_where_collected_money_lies() -> None:
    banks = interbank(CATALOGUE)
    ledger = Ledger(Till("D3206820105", banks))
    for made in (entry(1), entry(2, THERE), entry(3, "", "3"), entry(4, "0999"), entry(5)):
        ledger.take(made)
    assert banks.balances()["D3206820105:suspense"] == 40000
    for number in range(1, 5):
        ledger.settle(("20260302", f"T{number}"), "00000")
    ledger.settle(("20260302", "T5"), "12001")
    assert {k: v for k, v in banks.balances().items() if v and k != "R1"} == {
        HERE: 16000,
        "D3206820105:in-transit": 8000,
        "D3206820105:subject": 8000,
    }
    ledger.refund(("20260302", "T1"), "F1", 3000)
    ledger.refund(("20260302", "T4"), "F2", 8000, pay_acct="R1")
    assert (banks.balances()[HERE], banks.balances()["R1"]) == (13000, 42000)
    assert banks.faults() == []


def test_nodes_of_one_bank_share_its_book() -> None:
    banks = interbank(CATALOGUE)
    assert Till("Q3200000105", banks).book is Till("D3206820105", banks).book
    assert Till("G000001", banks).book is not Till("D3206820105", banks).book


@pytest.mark.parametrize("seed", range(5))
def test_whatever_moves_the_books_stay_whole(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - cases, not secrets
    banks = interbank(CATALOGUE)
    accounts = ["R1", HERE, THERE, "270000000000000001"]
    codes = {"R1": "0105", HERE: "0105", THERE: "0301", "270000000000000001": "treasury"}
    total = sum(banks.balances().values())
    for number in range(200):
        source, target = random.sample(accounts, 2)
        try:
            banks.pay(
                codes[source], source, target, random.randint(1, 30000), what="x",
                reference=str(number),
            )  # fmt: skip
        except AccountError:
            continue
    assert banks.faults() == []
    assert sum(banks.balances().values()) == total
