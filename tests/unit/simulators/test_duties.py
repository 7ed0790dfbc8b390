"""What banks do on orders: each is carried out once, and says of each line what came of it."""

from __future__ import annotations

from datetime import datetime

import pytest

from nontax.codecs import Head
from nontax.messages import Voucher
from nontax.messages.basedata import FiscalAccount, FiscalAccounts, FiscalAccountsReceipt
from nontax.messages.clearing import ClearingInstruction, ClearingLine, ClearingResult
from nontax.messages.common import BankAnswer
from nontax.messages.debit import DebitRequest, DebitResult
from nontax.messages.remittance import Remittance, RemittanceLine, RemittanceResult
from nontax.simulators.accounts import Interbank, Kind
from nontax.simulators.bank import Bank
from nontax.simulators.executing import Executor
from nontax.simulators.identity import CIVIL, Received, make_identity
from nontax.simulators.ledger import Money
from nontax.simulators.peer import Node
from nontax.simulators.scenario import Behaviour, Rule

TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
NOON = datetime(2026, 3, 2, 12, tzinfo=CIVIL)


@pytest.fixture
def bank() -> Bank:
    """A bank with 100.00 yuan on account A, and treasury accounts T1 to T3."""
    identity = make_identity("D3206820105", "bank", TOKEN, clock=lambda: NOON)
    banks = Interbank()
    banks.open("0105", "A", Kind.COLLECTION, 10000)
    for number in (1, 2, 3):
        banks.open("treasury", f"T{number}", Kind.TREASURY)
    return Bank(Node(identity), banks)


def received(number: str, message: Voucher, msg_id: str = "1") -> Received:
    head = Head(
        src="F320682", des="D3206820105", msg_no=number, msg_id=msg_id, msg_ref=msg_id,
        work_date="20260302",
    )  # fmt: skip
    return Received(head, message, None)


def order(bank: Bank, number: str, message: Voucher, msg_id: str = "1") -> tuple[str, str]:
    """The bank's answer to an order: result and text."""
    answer = bank.node.handlers[number](received(number, message, msg_id))
    assert isinstance(answer, BankAnswer)
    return answer.Result, answer.Information


def carried_out(executor: Executor, number: str, key: str) -> Voucher:
    """The result of an order; asked for twice, it is the same."""
    first = executor.carry_out(number, key)
    assert executor.carry_out(number, key) is first
    return first


def instruction(*amounts: int, **changes: object) -> ClearingInstruction:
    lines = tuple(
        ClearingLine(
            LineNo=number, RecAcctType="5", RecName="国家金库", RecAcct=f"T{number}",
            RecOpBk="国家金库", BgtLevel="4", Amt=amt,
        )
        for number, amt in enumerate(amounts, 1)
    )  # fmt: skip
    made = ClearingInstruction(
        InstrNo="QF1", InstrDate="20260302", PayAcctType="9", PayAcct="A", TotalAmt=sum(amounts),
        Count=len(amounts), DetailList=lines,
    )  # fmt: skip
    return made.model_copy(update=changes)


def test_each_line_of_an_instruction_moves_money_once(bank: Bank) -> None:
    assert order(bank, "5614", instruction(1000, 2000))[0] == "00000"
    assert order(bank, "5614", instruction(1000, 2000), "2")[0] == "00000"
    result = carried_out(bank.executor, "5614", "QF1")
    assert isinstance(result, ClearingResult)
    assert (result.SuccAmt, result.SuccCount, result.FailCount) == (3000, 2, 0)
    assert bank.till.banks.balances() == {"A": 7000, "T1": 1000, "T2": 2000, "T3": 0}
    assert len(bank.executor.owed) == 1
    assert bank.till.banks.faults() == []


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"InstrDate": "20260303"}, ("10005", "与原报文不一致")),
        ({"InstrNo": "QF2", "Count": 3}, ("99999", "笔数或总金额与明细不符")),
        ({"InstrNo": "QF2", "TotalAmt": 1}, ("99999", "笔数或总金额与明细不符")),
    ],
)
def test_an_instruction_that_is_refused(
    bank: Bank, changes: dict[str, object], answer: tuple[str, str]
) -> None:
    order(bank, "5614", instruction(1000, 2000))
    assert order(bank, "5614", instruction(1000, 2000, **changes)) == answer
    assert list(bank.executor.orders("5614")) == ["QF1"]


def test_a_line_fails_by_the_script_or_for_lack_of_money(bank: Bank) -> None:
    failing = Behaviour(result="12003", information="户名不符", lines=(1,))
    bank.node.script.add(Rule(side="execute", number="5614", do=failing))
    order(bank, "5614", instruction(1000, 9000, 2000))
    result = carried_out(bank.executor, "5614", "QF1")
    assert isinstance(result, ClearingResult)
    told = [(line.Result, line.Information, bool(line.TraNo)) for line in result.DetailList]
    assert told == [
        ("12003", "户名不符", False),
        ("00000", "交易成功", True),
        ("99999", "账户余额不足", False),
    ]
    assert bank.till.banks.balances() == {"A": 1000, "T1": 0, "T2": 9000, "T3": 0}


def test_a_remittance_moves_all_or_nothing(bank: Bank) -> None:
    line = RemittanceLine(
        LineNo=1, IncomeSortCode="103043211", BgtLevel="1", ItemCode="103043211", PayCode="1",
        ChgAgenCode="0104901", Amt=10001,
    )  # fmt: skip
    remittance = Remittance(
        RemitNo="JK1", RemitDate="20260302", RemitType="1", RemitMode="1", TreCode="1",
        FinOrgCode="F320682", PayAcctName="示例市财政局", PayAcct="A", RecAcct="T1",
        TotalAmt=10001, Count=1, DetailList=(line,),
    )  # fmt: skip
    assert order(bank, "5618", remittance)[0] == "00000"
    result = carried_out(bank.executor, "5618", "JK1")
    assert isinstance(result, RemittanceResult)
    assert (result.Result, result.Information, result.TraNo) == ("99999", "账户余额不足", "")
    assert bank.till.banks.balances()["A"] == 10000
    smaller = line.model_copy(update={"Amt": 10000})
    changes = {"RemitNo": "JK2", "TotalAmt": 10000, "DetailList": (smaller,)}
    assert order(bank, "5618", remittance.model_copy(update=changes))[0] == "00000"
    carried_out(bank.executor, "5618", "JK2")
    assert bank.till.banks.balances() == {"A": 0, "T1": 10000, "T2": 0, "T3": 0}


def test_a_payer_is_debited_once_for_each_request(bank: Bank) -> None:
    debit = DebitRequest(
        PayCode="1", PayerNo="P1", ProtocolNo="X1", PayerName="张三", RecAcctType="1",
        RecAcct="A", Amt=8000, LastDate="20260305",
    )  # fmt: skip
    refused = Behaviour(result="99999", information="余额不足")
    bank.node.script.add(Rule(side="execute", number="5604", nth=1, do=refused))
    for msg_id in ("1", "1", "2"):
        assert order(bank, "5604", debit, msg_id)[0] == "00000"
    results = [carried_out(bank.executor, "5604", msg_id) for msg_id in ("1", "2")]
    assert all(isinstance(result, DebitResult) for result in results)
    first, second = (result for result in results if isinstance(result, DebitResult))
    assert (first.Result, first.PaidAmt, first.TraNo) == ("99999", 0, "")
    assert (second.Result, second.PaidAmt) == ("00000", 8000)
    entry = bank.ledger.find(second.TraDate, second.TraNo)
    assert entry is not None
    assert (entry.money, entry.pay_mode, entry.amt) == (Money.UNANSWERED, "3", 8000)
    assert bank.till.banks.balances()["D3206820105:suspense"] == 8000


def pack(number: int, *accounts: str) -> FiscalAccounts:
    details = tuple(
        FiscalAccount(
            AcctType="1", AcctNo=account, AcctName="示例市财政局", BankCode="0105",
            BankName="示例建行", StartDate="20200101",
        )
        for account in accounts
    )  # fmt: skip
    return FiscalAccounts(
        BatchNo="JC1", PackCount=2, PackNo=number, TotalCount=3, DetailList=details
    )


def test_one_receipt_follows_all_packs_of_a_batch(bank: Bank) -> None:
    bad = Behaviour(result="10002", information="户名不符", lines=(3,))
    bank.node.script.add(Rule(side="execute", number="5952", do=bad))
    assert order(bank, "5952", pack(2, "C"))[0] == "00000"
    assert not bank.accounts
    assert order(bank, "5952", pack(2, "C"))[0] == "00000"
    assert order(bank, "5952", pack(2, "D"))[0] == "10005"
    assert order(bank, "5952", pack(1, "A", "B"))[0] == "00000"
    assert len(bank.executor.owed) == 1
    receipt = carried_out(bank.executor, "5952", "JC1")
    assert isinstance(receipt, FiscalAccountsReceipt)
    told = [(detail.AcctNo, detail.Code, detail.Msg) for detail in receipt.DetailList]
    assert told == [("A", "00000", ""), ("B", "00000", ""), ("C", "10002", "户名不符")]
    assert (receipt.SuccCount, receipt.FailCount) == (2, 1)
