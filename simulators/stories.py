"""What happens to one bill of the demo's day, step by step, at the counterparties' side.

Every step is tallied once, whatever had to be repeated on the way, so that a seed always gives the
same counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

from ..messages.query import BillDue, DueBill
from ..messages.unit import UnitBill
from .collector import Collector, Payer, Quote
from .county import County
from .day import BillPlan, Source, Story
from .ledger import Entry, Money
from .people import bank_account
from .scenario import Behaviour, Rule
from .unit import Charge

OK = "00000"


class UnexpectedError(Exception):
    """The gateway answered otherwise than the rules say; the text says where."""


class Teller:
    """Plays stories. tally counts (message, result); final has each bill's PayStats at the end."""

    def __init__(self, county: County, seed: int) -> None:
        self.county = county
        self.tally: Counter[tuple[str, str]] = Counter()
        self.final: dict[str, str] = {}
        self.notified: set[str] = set()
        self.refunds = 0
        self._seed = seed

    # -- steps -----------------------------------------------------------------------------

    def expect(self, message: str, result: str, *expected: str) -> None:
        """Tally an answer; UnexpectedError unless it is one of the expected."""
        self.tally[message, result] += 1
        if result not in expected:
            raise UnexpectedError(f"{message} was answered {result}, not {' or '.join(expected)}")

    async def make(self, plan: BillPlan, pay_code: str = "") -> UnitBill:
        """The unit makes a bill (8994)."""
        unit = self.county.unit
        bill = unit.make(
            plan.payer,
            [
                Charge(ln.item.code, ln.item.name, ln.amt, ln.item.measure, str(ln.quantity))
                for ln in plan.lines
            ],
            mobile=plan.mobile,
            check_code=plan.check_code,
            notify=plan.notify,
            pay_code=pay_code,
        )
        self.expect("8994", (await unit.send(bill)).result, OK)
        return bill

    async def ask(
        self, collector: Collector, plan: BillPlan, pay_code: str, *expected: str, code: str = ""
    ) -> Quote:
        """A payer's bill is looked up (2601)."""
        quote = await collector.query(pay_code, code or plan.check_code)
        self.expect("2601", quote.result, *(expected or (OK,)))
        return quote

    async def due(self, collector: Collector, plan: BillPlan, pay_code: str) -> BillDue:
        """What an unpaid bill says; its amount must be the planned one."""
        quote = await self.ask(collector, plan, pay_code)
        if quote.due is None or quote.due.Amt != plan.amt or quote.due.PayStats != "0":
            raise UnexpectedError(f"2601 told something else about bill {plan.index}")
        return quote.due

    async def pay(
        self,
        collector: Collector,
        plan: BillPlan,
        due: DueBill,
        *expected: str,
        mode: str = "",
        amt: int | None = None,
        rec_acct: str | None = None,
    ) -> Entry:
        """Money is taken and confirmed (2612)."""
        payer = Payer(plan.payer)
        if collector is not self.county.platform:
            payer = Payer(plan.payer, *bank_account(Random(f"{self._seed}/{plan.index}")))
        entry = await collector.pay(due, payer, amt=amt, rec_acct=rec_acct, pay_mode=mode)
        self.expect("2612", entry.result, *(expected or (OK,)))
        if entry.money is Money.BOOKED:
            self.final[due.PayCode] = "1"
            if plan.notify:
                self.notified.add(due.PayCode)
        return entry

    async def again(self, collector: Collector, entry: Entry) -> None:
        """A late copy of a confirmation: the same answer as ever."""
        answer = await collector.repeat(entry)
        self.expect("2612 again", answer.result, entry.result)

    def bank(self, plan: BillPlan, *, other: bool = False) -> Collector:
        """The payer's bank, or the other one."""
        return self.county.banks[plan.bank ^ int(other)]

    # -- stories ---------------------------------------------------------------------------

    async def play(self, plan: BillPlan, pay_code: str) -> None:
        """Play a bill's story. pay_code: of an imported bill; the unit's are made here."""
        if plan.story is Story.BEFORE_ITS_BILL:
            await self._before_its_bill(plan)
            return
        if plan.source is Source.UNIT:
            made = await self.make(plan)
            pay_code = made.PayCode
            if plan.story is Story.VOIDED:
                await self._voided(plan, made)
                return
        self.final[pay_code] = "0"
        play = self._stories().get(plan.story)
        if play is not None:
            await play(plan, pay_code)

    def _stories(self) -> dict[Story, Callable[[BillPlan, str], Awaitable[None]]]:
        return {
            Story.COUNTER: self._at_bank("11"),
            Story.TERMINAL: self._at_bank("12"),
            Story.ONLINE: self._at_bank("13"),
            Story.ALIPAY: self._by_phone("51"),
            Story.WECHAT: self._by_phone("52"),
            Story.SCHOOL_BY_MOBILE: self._school,
            Story.SCHOOL_BY_IDENTITY: self._school,
            Story.WRONG_CHECK_CODE: self._wrong_check_code,
            Story.WRONG_AMOUNT: self._wrong_amount,
            Story.WRONG_ACCOUNT: self._wrong_account,
            Story.TWICE_AT_COUNTERS: self._twice_at_counters,
            Story.TWICE_AT_ONE_INSTANT: self._twice_at_one_instant,
            Story.TWICE_BY_ALIPAY: self._twice_by_alipay,
            Story.TWICE_BY_PHONE_AT_ONCE: self._twice_by_phone_at_once,
            Story.COUNTER_THEN_WECHAT: self._counter_then_wechat,
            Story.LOST_ANSWER: self._lost_answer,
            Story.LATE_COPY: self._late_copy,
            Story.CONFLICT: self._conflict,
            Story.EXPIRED: self._expired,
            Story.PAID_AFTER_EXPIRY: self._paid_after_expiry,
            Story.ONLY_ASKED: self._only_asked,
        }

    def _at_bank(self, mode: str) -> Callable[[BillPlan, str], Awaitable[None]]:
        async def play(plan: BillPlan, pay_code: str) -> None:
            bank = self.bank(plan)
            await self.pay(bank, plan, await self.due(bank, plan, pay_code), mode=mode)
            if plan.source is Source.UNIT:
                await self._unit_asks(plan, pay_code, "1")

        return play

    def _by_phone(self, mode: str) -> Callable[[BillPlan, str], Awaitable[None]]:
        async def play(plan: BillPlan, pay_code: str) -> None:
            platform = self.county.platform
            due = await self.due(platform, plan, pay_code)
            await self.pay(platform, plan, due, mode=mode)

        return play

    async def _unit_asks(self, plan: BillPlan, pay_code: str, stats: str) -> None:
        """The unit asks after its bill (8997)."""
        answer = await self.county.unit.query(pay_code, plan.check_code)
        due = self.county.unit.due(answer)
        self.expect("8997", OK if due else answer.result, OK)
        if due is None or due.PayStats != stats:
            raise UnexpectedError(f"8997 told another PayStats of bill {plan.index}")

    async def _school(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.county.banks[plan.bank]
        by_mobile = plan.story is Story.SCHOOL_BY_MOBILE
        number = "2698" if by_mobile else "2697"
        bills = await bank.school_bills(
            mobile=plan.mobile if by_mobile else "",
            identity_number="" if by_mobile else plan.identity,
            number=number,
        )
        found = [bill for bill in bills if bill.PayCode == pay_code]
        self.expect(number, OK if found else "no bill", OK)
        await self.pay(bank, plan, found[0], mode="13")

    async def _wrong_check_code(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        wrong = f"{(int(plan.check_code) + 1) % 10000:04d}"
        await self.ask(bank, plan, pay_code, "11002", code=wrong)
        await self.pay(bank, plan, await self.due(bank, plan, pay_code))

    async def _wrong_amount(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        due = await self.due(bank, plan, pay_code)
        refused = await self.pay(bank, plan, due, "12004", amt=due.Amt + 100)
        await self.pay(bank, plan, due)
        await self.again(bank, refused)

    async def _wrong_account(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        due = await self.due(bank, plan, pay_code)
        refused = await self.pay(bank, plan, due, "12003", rec_acct="32001999999999999999")
        await self.pay(bank, plan, due)
        await self.again(bank, refused)

    async def _twice_at_counters(self, plan: BillPlan, pay_code: str) -> None:
        first, second = self.bank(plan), self.bank(plan, other=True)
        dues = [await self.due(bank, plan, pay_code) for bank in (first, second)]
        await self.pay(first, plan, dues[0])
        refused = await self.pay(second, plan, dues[1], "12001")
        await self.again(second, refused)

    async def _twice_at_one_instant(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        due = await self.due(bank, plan, pay_code)
        entries = await asyncio.gather(*(self.pay(bank, plan, due, OK, "12001") for _ in range(2)))
        if sorted(entry.result for entry in entries) != [OK, "12001"]:
            raise UnexpectedError(f"bill {plan.index} was not won exactly once")

    async def _twice_by_alipay(self, plan: BillPlan, pay_code: str) -> None:
        platform = self.county.platform
        due = await self.due(platform, plan, pay_code)
        for _ in range(2):
            await self.pay(platform, plan, due, mode="51")
        self.refunds += 1

    async def _twice_by_phone_at_once(self, plan: BillPlan, pay_code: str) -> None:
        platform = self.county.platform
        due = await self.due(platform, plan, pay_code)
        await asyncio.gather(*(self.pay(platform, plan, due, mode="51") for _ in range(2)))
        self.refunds += 1

    async def _counter_then_wechat(self, plan: BillPlan, pay_code: str) -> None:
        bank, platform = self.bank(plan), self.county.platform
        due = await self.due(platform, plan, pay_code)
        await self.pay(bank, plan, await self.due(bank, plan, pay_code))
        await self.pay(platform, plan, due, mode="52")
        self.refunds += 1

    async def _lost_answer(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        due = await self.due(bank, plan, pay_code)
        lost = Behaviour(lose_answer=True)
        bank.node.script.add(
            Rule(side="call", number="2612", where={"PayCode": pay_code}, nth=1, do=lost)
        )
        await self.pay(bank, plan, due)

    async def _late_copy(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        entry = await self.pay(bank, plan, await self.due(bank, plan, pay_code))
        await self.again(bank, entry)

    async def _conflict(self, plan: BillPlan, pay_code: str) -> None:
        bank = self.bank(plan)
        entry = await self.pay(bank, plan, await self.due(bank, plan, pay_code))
        answer = await bank.repeat(entry, Amt=entry.amt + 1)
        self.expect("2612 again", answer.result, "10005")
        await self.again(bank, entry)

    async def _before_its_bill(self, plan: BillPlan) -> None:
        bank = self.bank(plan)
        pay_code = self.county.unit.next_pay_code()
        await self.ask(bank, plan, pay_code, "11001")
        account = self.county.unit.account
        guess = DueBill(
            PayCode=pay_code, BillDate=bank.node.identity.clock().strftime("%Y%m%d"),
            ChgAgenCode=plan.office.code, ChgAgenName=plan.office.name, PayerName=plan.payer,
            Amt=plan.amt, OriAmt=plan.amt, DelayAmt=0, PayStats="0", RecAcctType="1",
            RecName=account.name, RecAcct=account.number, RecOpBk=account.bank, IsInterBank="0",
            Hold1=account.bank_no,
        )  # fmt: skip
        refused = await self.pay(bank, plan, guess, "11001")
        await self.make(plan, pay_code)
        self.final[pay_code] = "0"
        await self.again(bank, refused)
        await self.pay(bank, plan, await self.due(bank, plan, pay_code))

    async def _voided(self, plan: BillPlan, made: UnitBill) -> None:
        bank, unit = self.bank(plan), self.county.unit
        due = await self.due(bank, plan, made.PayCode)
        self.expect("8994 void", (await unit.void(made)).result, OK)
        self.final[made.PayCode] = "2"
        refused = await self.pay(bank, plan, due, "11004")
        await self.ask(bank, plan, made.PayCode, "11004")
        await self.again(bank, refused)
        self.expect("8994", (await unit.send(made)).result, "11004")

    async def _expired(self, plan: BillPlan, pay_code: str) -> None:
        await self.ask(self.bank(plan), plan, pay_code, "11003")

    async def _paid_after_expiry(self, plan: BillPlan, pay_code: str) -> None:
        """The phone showed the bill since it was synchronised (5954), and pays without asking."""
        platform = self.county.platform
        await platform.node.wait_until(lambda: pay_code in platform.bills)
        await self.pay(platform, plan, platform.bills[pay_code], mode="52")

    async def _only_asked(self, plan: BillPlan, pay_code: str) -> None:
        await self.due(self.bank(plan), plan, pay_code)
