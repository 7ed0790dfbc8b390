"""What banks and the platform deliver of a day, from their own ledgers and books alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nontax.messages.statements import (
    AccountStatement,
    FundsStatement,
    PaymentLine,
    PaymentStatement,
)
from nontax.simulators.accounts import Interbank, Kind, Particulars, interbank
from nontax.simulators.ledger import Entry, Ledger
from nontax.simulators.statements import (
    Statement,
    account_statements,
    funds_statements,
    payment_statements,
)
from nontax.simulators.till import Till

DAY, NEXT = "20260302", "20260303"
BANK, OTHER, PLATFORM = "D3206820105", "D3206820301", "G000001"
HERE, THERE, RESERVE = "32001000000000000018", "32003000000000000026", "32001000000000000042"
CATALOGUE: Mapping[str, list[Mapping[str, object]]] = {
    "accounts": [
        {"number": HERE, "bank": "0105", "purpose": "collection"},
        {"number": THERE, "bank": "0301", "purpose": "collection"},
        {"number": RESERVE, "bank": "0105", "purpose": "reserve", "balance": "500.00"},
    ]
}


class Town:
    """Two banks and the platform, and a calendar in our hands."""

    def __init__(self) -> None:
        self.day = DAY
        self.money: Interbank = interbank(CATALOGUE, lambda: self.day)
        self.tills = {code: Till(code, self.money) for code in (BANK, OTHER, PLATFORM)}
        self.ledgers = {code: Ledger(till) for code, till in self.tills.items()}
        self._made = 0

    def pay(
        self, code: str, mode: str, amt: int, account: str = HERE, result: str = "00000"
    ) -> Entry:
        self._made += 1
        entry = Entry(
            self.day, f"T{self._made}", f"code{self._made}", amt, mode, account,
            acct_type="1", cfm_time="093000", payer_name="张三",
        )  # fmt: skip
        self.ledgers[code].take(entry)
        return self.ledgers[code].settle(entry.key, result)

    def payments(self, code: str, *others: str) -> dict[str, Statement]:
        ledgers = [self.ledgers[other] for other in others]
        found = payment_statements(self.tills[code], self.ledgers[code], DAY, others=ledgers)
        assert {(s.number, s.src, s.check_date) for s in found} <= {("2555", code, DAY)}
        return {statement.scope: statement for statement in found}


def numbers(statement: Statement) -> list[str]:
    return [getattr(line, "TraNoBus", "") or getattr(line, "TraNo", "") for line in statement.lines]


def test_a_channel_lists_what_was_booked_that_day() -> None:
    town = Town()
    town.pay(BANK, "11", 8000)
    town.pay(BANK, "13", 5000)
    town.pay(BANK, "11", 7000, result="12001")
    town.pay(BANK, "11", 100)
    town.day = NEXT
    town.pay(BANK, "11", 300)
    lists = town.payments(BANK)
    assert {scope: numbers(statement) for scope, statement in lists.items()} == {
        "11": ["T1", "T4"],
        "13": ["T2"],
    }
    line = lists["11"].lines[0]
    assert isinstance(line, PaymentLine)
    assert (line.PayCode, line.CfmDate, line.CfmTime, line.Amt) == ("code1", DAY, "093000", 8000)
    assert (line.RecAcctType, line.RecAcct, line.PayerName) == ("1", HERE, "张三")


def test_an_agent_bank_lists_the_platforms_payments_of_its_accounts() -> None:
    town = Town()
    town.pay(PLATFORM, "51", 8000)
    town.pay(PLATFORM, "51", 5000, THERE)
    town.pay(OTHER, "11", 100, THERE)
    assert {k: numbers(s) for k, s in town.payments(BANK, PLATFORM).items()} == {"51": ["T1"]}
    assert {k: numbers(s) for k, s in town.payments(OTHER, PLATFORM).items()} == {
        "11": ["T3"],
        "51": ["T2"],
    }
    assert {k: numbers(s) for k, s in town.payments(PLATFORM).items()} == {"51": ["T1", "T2"]}
    assert town.payments(BANK) == {}


def test_arrived_funds_of_an_account() -> None:
    town = Town()
    town.pay(BANK, "11", 8000)
    town.pay(BANK, "12", 70, THERE)
    told = Particulars("A1", "51", batch_no="HZ1")
    till = town.tills[PLATFORM]
    town.pay(PLATFORM, "51", 900)
    town.money.pay(
        till.bank, till.own(Kind.IN_TRANSIT), HERE, 900, what="arrived", reference="HZ1",
        particulars=told,
    )  # fmt: skip
    town.ledgers[BANK].refund((DAY, "T1"), "F1", 500, tra_no="R1")
    [funds] = funds_statements(town.tills[BANK], DAY)
    [message] = funds.packs()
    assert isinstance(message, FundsStatement)
    assert (message.RecAcct, message.RecAcctType) == (HERE, "1")
    assert (message.TotalCount, message.TotalAmt) == (2, 8900)
    assert [(d.TraNo, d.PayMode, d.PayCode, d.BatchNo, d.Amt) for d in message.DetailList] == [
        ("T1", "11", "code1", "", 8000),
        ("A1", "51", "", "HZ1", 900),
    ]


def test_balances_follow_each_other_and_movements_give_them() -> None:
    town = Town()
    town.pay(BANK, "11", 8000)
    town.day = NEXT
    town.pay(BANK, "13", 500)
    town.ledgers[BANK].refund((DAY, "T1"), "F1", 3000, tra_no="R1")
    till = town.tills[BANK]
    today, tomorrow = (
        {s.scope: s.packs()[0] for s in account_statements(till, day)} for day in (DAY, NEXT)
    )
    assert set(today) == set(tomorrow) == {HERE, RESERVE}
    first, second, reserve = today[HERE], tomorrow[HERE], today[RESERVE]
    assert isinstance(first, AccountStatement)
    assert isinstance(second, AccountStatement)
    assert isinstance(reserve, AccountStatement)
    assert (first.BeginBal, first.InAmt, first.OutAmt, first.EndBal) == (0, 8000, 0, 8000)
    assert (second.BeginBal, second.InAmt, second.OutAmt, second.EndBal) == (8000, 500, 3000, 5500)
    assert [(d.TraNo, d.DcFlag, d.Amt) for d in second.DetailList] == [
        ("T2", "1", 500),
        ("R1", "2", 3000),
    ]
    assert [(c.PayMode, c.InAmt, c.OutAmt) for c in second.ChannelList] == [("13", 500, 0)]
    assert second.EndBal == town.money.balances()[HERE]
    assert (reserve.BeginBal, reserve.EndBal, reserve.TotalCount) == (50000, 50000, 0)


@pytest.mark.parametrize(("size", "packs"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5])])
def test_packs(size: int, packs: list[int]) -> None:
    town = Town()
    for _ in range(5):
        town.pay(BANK, "11", 100)
    statement = town.payments(BANK)["11"]
    messages = [m for m in statement.packs(size) if isinstance(m, PaymentStatement)]
    assert [len(message.DetailList) for message in messages] == packs
    assert [message.PackNo for message in messages] == list(range(1, len(packs) + 1))
    assert {(m.PackCount, m.TotalCount, m.TotalAmt) for m in messages} == {(len(packs), 5, 500)}
    assert tuple(line for m in messages for line in m.DetailList) == statement.lines


def test_an_empty_day_is_one_pack_without_lines() -> None:
    [funds] = funds_statements(Town().tills[BANK], DAY)
    [message] = funds.packs()
    assert isinstance(message, FundsStatement)
    assert (message.PackCount, message.PackNo, message.TotalCount, message.TotalAmt) == (1, 1, 0, 0)
    assert message.DetailList == ()
