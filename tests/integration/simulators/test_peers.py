"""Counterparties against each other over real sockets: a bank calls a finance node and back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from nontax.messages import Voucher
from nontax.messages.common import FinanceLinkTest
from nontax.messages.confirm import Confirmation, PaymentNotice
from nontax.messages.query import BillDue, BillQuery
from nontax.messages.refund import RefundOrder, RefundResult
from nontax.simulators.bank import Bank
from nontax.simulators.identity import Habits, Reads, Received, make_identity
from nontax.simulators.ledger import Money
from nontax.simulators.link import NoAnswerError
from nontax.simulators.peer import Node, Patience
from nontax.simulators.platform import Platform
from nontax.simulators.scenario import Behaviour, Rule
from nontax.simulators.unit import UnitSystem

TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
DES = bytes(range(1, 25))
ACCOUNT = "32001000000000000018"
ONCE = Patience(attempts=1)


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


EAGER = Patience(attempts=3, sleep=no_pause)


class Finance:
    """A finance node that says yes; its two answers are set by the tests."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.result = "00000"
        for number in ("2002", "2612", "2617", "8994"):
            node.handlers[number] = self.general
        node.handlers["2601"] = self.due

    def general(self, request: Received) -> Voucher:
        return self.node.identity.general(request.head.msg_no, self.result)

    def due(self, request: Received) -> Voucher:
        query = request.message
        assert isinstance(query, BillQuery)
        return BillDue(
            AdmDivCode="320682", PayCode=query.PayCode, BillDate="20260302", ChgAgenCode="0104901",
            ChgAgenName="示例市自然资源局", PayerName="张三", Amt=8000, OriAmt=8000, DelayAmt=0,
            PayStats="0", RecAcctType="1", RecName="示例市财政局", RecAcct=ACCOUNT,
            RecOpBk="中国建设银行示例支行", IsInterBank="0", Hold1="105306500018",
        )  # fmt: skip


@contextlib.asynccontextmanager
async def linked(
    code: str = "D3206820105",
    kind: str = "bank",
    algorithm: str = "sha256-token",
    width: int = 64,
    patience: Patience = ONCE,
) -> AsyncIterator[tuple[Node, Finance]]:
    """A counterparty and a finance node that know and listen for each other."""
    identities = [
        make_identity(c, k, TOKEN, algorithm, width, des_key=DES)
        for c, k in ((code, kind), ("F320682", "finance"))
    ]
    node = Node(identities[0], finance="F320682", patience=patience)
    finance = Node(identities[1], finance=code, patience=ONCE)
    async with node, finance:
        node.gateway, finance.gateway = finance.address, node.address
        yield node, Finance(finance)


def refund_order(entry_no: str, day: str, amt: int = 8000, number: str = "R1") -> RefundOrder:
    return RefundOrder(
        RefundNo=number, RefundDate=day, RefundType="1", PayCode="32068226000000000017",
        OriTraNoBus=entry_no, OriCfmDate=day, OriAmt=8000, Amt=amt, RecName="张三",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "width"),
    [("sha256-token", 64), ("3des-token", 64), ("3des-digest", 128), ("hmac-sm3", 128)],
)
async def test_a_teller_queries_and_pays(algorithm: str, width: int) -> None:
    async with linked(algorithm=algorithm, width=width) as (node, finance):
        bank = Bank(node)
        quote = await bank.query("32068226000000000017", "1234")
        assert quote.due is not None
        entry = await bank.pay(quote.due)
        assert entry.money is Money.BOOKED
        finance.result = "12001"
        refused = await bank.pay(quote.due)
        assert refused.money is Money.RETURNED
        assert refused.tra_no_bus != entry.tra_no_bus
        assert bank.ledger.totals().held_amt == 8000
        first, second = finance.node.of("2612")
        assert isinstance(first.message, Confirmation)
        assert first.message.TraNoBus == entry.tra_no_bus
        assert first.head.msg_id != second.head.msg_id
        assert finance.node.of("2601")[0].message == BillQuery(
            PayCode="32068226000000000017", PayMode="11", Hold1="1234"
        )


async def test_no_answer_is_asked_again_with_the_same_identity() -> None:
    async with linked(patience=EAGER) as (node, finance):
        bank = Bank(node)
        due = (await bank.query("32068226000000000017")).due
        assert due is not None
        finance.node.script.add(Rule(number="2612", nth=1, do=Behaviour(ending="close")))
        finance.node.script.add(Rule(number="2612", nth=2, do=Behaviour(corrupt_mac=True)))
        entry = await bank.pay(due)
        assert entry.money is Money.BOOKED
        assert node.repeated == 2
        messages = [request.message for request in finance.node.of("2612")]
        assert messages[0] == messages[1] == messages[2]
        assert len({request.head.msg_id for request in finance.node.of("2612")}) == 3


async def test_a_payment_stays_unanswered_until_there_is_an_answer() -> None:
    async with linked() as (node, finance):
        bank = Bank(node)
        due = (await bank.query("32068226000000000017")).due
        assert due is not None
        await finance.node.stop()
        entry = await bank.pay(due)
        assert entry.money is Money.UNANSWERED
        assert await bank.settle_unanswered() == []
        await finance.node.listen_again()
        [settled] = await bank.settle_unanswered()
        assert settled.money is Money.BOOKED
        assert settled.key == entry.key


async def test_a_refund_is_ordered_paid_back_and_told() -> None:
    async with linked("G000001", "platform", "hmac-sm3", 128) as (node, finance):
        platform = Platform(node)
        due = (await platform.query("32068226000000000017")).due
        assert due is not None
        entry = await platform.alipay(due)
        confirmation = finance.node.of("2612")[0].message
        assert isinstance(confirmation, Confirmation)
        assert (confirmation.PayMode, confirmation.PayerAcct) == ("51", "")
        order = refund_order(entry.tra_no_bus, entry.cfm_date)
        for message, result in (
            (refund_order("other", entry.cfm_date), "99999"),
            (refund_order(entry.tra_no_bus, entry.cfm_date, 8001), "99999"),
            (order, "00000"),
            (order, "00000"),
            (order.model_copy(update={"Amt": 7999}), "10005"),
        ):
            if message.Amt <= message.OriAmt:
                answer = await finance.node.call(message)
                assert answer.mac_ok
                assert answer.result == result, message
        assert len(platform.executor.owed) == 1
        finance.node.script.add(Rule(number="2617", nth=1, do=Behaviour(ending="reset")))
        with pytest.raises(NoAnswerError):
            await platform.executor.send_results()
        assert await platform.executor.send_results() == 1
        assert platform.ledger.totals().held_amt == 0
        first, second = (request.message for request in finance.node.of("2617"))
        assert isinstance(first, RefundResult)
        assert first == second
        assert (first.RefundNo, first.Amt, first.Result) == ("R1", 8000, "00000")


async def test_a_unit_makes_bills_and_hears_of_payments() -> None:
    async with linked("K3206820002", "unit") as (node, finance):
        unit = UnitSystem(node, "0104901", "示例市自然资源局")
        bill = unit.make("李四", [], pay_code="32068226300000000011").model_copy(
            update={"Amt": 8000, "OriAmt": 8000}
        )
        assert (await unit.send(bill)).result == "00000"
        assert (await unit.void(bill)).result == "00000"
        states = [getattr(request.message, "PayStats", "") for request in finance.node.of("8994")]
        assert states == ["0", "2"]
        notice = PaymentNotice(
            PayCode=bill.PayCode, CfmDate="20260302", CfmTime="120000", Amt=8000,
            BankOutlet="00000", Operator="G000001", PayMode="51", TraNoBus="T1", PayerName="李四",
            RecAcctType="1", RecAcct=ACCOUNT,
        )  # fmt: skip
        answer = await finance.node.call(notice)
        assert (answer.result, answer.head.msg_no) == ("00000", "8001")
        assert answer.mac_ok
        assert unit.paid[bill.PayCode] == notice


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(split_at=(1, 8, 23, 400)),
        Behaviour(trailing="\r\n"),
        Behaviour(times=2),
        Behaviour(delay_seconds=0.01),
    ],
)
async def test_what_still_is_an_answer(behaviour: Behaviour) -> None:
    async with linked() as (node, finance):
        node.script.add(Rule(number="5002", do=behaviour))
        Bank(node)
        answer = await finance.node.call(FinanceLinkTest(TestTime="20260302120000"))
        assert answer.mac_ok
        assert answer.result == "00000"


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(ending="close"),
        Behaviour(ending="reset"),
        Behaviour(ending="half-close"),
        Behaviour(length_delta=1),
        Behaviour(length_delta=-30),
        Behaviour(length_delta=10**8),
    ],
)
async def test_what_is_no_answer(behaviour: Behaviour) -> None:
    async with linked() as (node, finance):
        node.script.add(Rule(number="5002", do=behaviour))
        Bank(node)
        with pytest.raises(NoAnswerError) as caught:
            await finance.node.call(FinanceLinkTest(TestTime="20260302120000"))
        assert caught.value.sent


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(corrupt_mac=True), Behaviour(blank_mac=True), Behaviour(length_delta=-1)],
)
async def test_an_answer_whose_mac_does_not_verify(behaviour: Behaviour) -> None:
    async with linked() as (node, finance):
        node.script.add(Rule(number="5002", do=behaviour))
        Bank(node)
        with contextlib.suppress(NoAnswerError):
            answer = await finance.node.call(FinanceLinkTest(TestTime="20260302120000"))
            assert not answer.mac_ok


async def test_a_scripted_result_and_reference() -> None:
    async with linked() as (node, finance):
        node.script.add(
            Rule(number="5002", do=Behaviour(result="99999", information="停业", msg_ref="1"))
        )
        Bank(node)
        answer = await finance.node.call(FinanceLinkTest(TestTime="20260302120000"))
        assert (answer.result, answer.information, answer.head.msg_ref) == ("99999", "停业", "1")
        assert answer.mac_ok


async def test_an_answer_waits_for_its_event() -> None:
    async with linked() as (node, finance):
        node.script.add(Rule(number="5002", do=Behaviour(after="opened")))
        Bank(node)
        call = asyncio.create_task(finance.node.call(FinanceLinkTest(TestTime="20260302120000")))
        await node.wait_for("5002")
        assert not call.done()
        node.script.event("opened").set()
        assert (await call).result == "00000"


async def test_a_late_answer_and_one_that_never_comes() -> None:
    async with linked() as (node, finance):
        finance.node.timeout_seconds = 0.05
        node.script.add(Rule(number="5002", nth=1, do=Behaviour(late=True)))
        node.script.add(Rule(number="5002", nth=2, do=Behaviour(ending="drop")))
        Bank(node)
        for _ in range(2):
            with pytest.raises(NoAnswerError, match="no answer within") as caught:
                await finance.node.call(FinanceLinkTest(TestTime="20260302120000"))
            assert caught.value.sent
        assert len(await node.wait_for("5002", 2)) == 2


async def test_a_caller_misbehaves() -> None:
    async with linked() as (node, finance):
        bank = Bank(node)
        for nth, behaviour in enumerate(
            (
                Behaviour(ending="reset"),
                Behaviour(ending="close"),
                Behaviour(lose_answer=True),
                Behaviour(length_delta=1, ending="half-close"),
            ),
            1,
        ):
            node.script.add(Rule(side="call", number="2002", nth=nth, do=behaviour))
        for sent in (False, False, True):
            with pytest.raises(NoAnswerError) as caught:
                await bank.link_test()
            assert caught.value.sent is sent
        assert len(finance.node.of("2002")) == 1
        # The frame is longer than what comes before the end of the stream: 10002.
        with pytest.raises(NoAnswerError, match="cannot be relied on"):
            await bank.link_test()
        assert await bank.link_test() == "00000"


async def test_a_caller_that_connects_and_says_nothing() -> None:
    async with linked() as (node, _):
        node.timeout_seconds = 0.05
        with pytest.raises(NoAnswerError, match="no answer within") as caught:
            await node.call(
                FinanceLinkTest(TestTime="20260302120000"), behaviour=Behaviour(ending="drop")
            )
        assert not caught.value.sent


@pytest.mark.parametrize("reads", ["frame", "once", "eof"])
async def test_ways_of_reading_an_answer(reads: Reads) -> None:
    async with linked() as (node, _):
        node.identity.habits = Habits(reads=reads)
        assert (await Bank(node).query("32068226000000000017")).due is not None


async def test_an_answer_that_comes_four_times_is_read_once() -> None:
    async with linked() as (node, finance):
        node.identity.habits = Habits(reads="once")
        finance.node.script.add(Rule(number="2601", do=Behaviour(times=4)))
        answer = await node.call(BillQuery(PayCode="1", PayMode="11"))
        assert answer.mac_ok
        node.identity.habits = Habits(reads="eof")
        assert (await node.call(BillQuery(PayCode="1", PayMode="11"))).mac_ok


async def test_a_stranger_is_not_believed() -> None:
    async with linked() as (node, finance):
        node.script.add(Rule(side="call", nth=1, do=Behaviour(corrupt_mac=True)))
        bank = Bank(node)
        answer = await node.call(BillQuery(PayCode="1", PayMode="11"))
        assert (answer.result, answer.mac_ok, answer.blank_mac) == ("10004", False, True)
        assert not finance.node.received
        assert (await bank.query("1")).due is not None


async def test_a_number_that_a_node_does_not_handle() -> None:
    async with linked() as (node, finance):
        answer = await finance.node.call(FinanceLinkTest(TestTime="20260302120000"))
        assert answer.result == "10002"
        assert "5002" in answer.information
        assert node.gateway is not None
