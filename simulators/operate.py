"""Orders for a counterparty, one a line: what `nontax-sim bank --to …` reads from stdin."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from ..codecs import LocalProtocolError, RuleError, format_yuan, parse_yuan
from ..mac import Secret, TokenError, check_token
from ..messages import masked
from .bank import Bank
from .clearing import ClearingBank
from .collector import Collector, Payer, Quote
from .faults import plant
from .invoiceorders import InvoiceOrders
from .invoicing import InvoiceDesk
from .ledger import Entry
from .moving import Account
from .peer import Node
from .planted import Planted
from .platform import Platform
from .statements import PACK_SIZE
from .unit import Charge, UnitSystem

Outcome = dict[str, Any]
Order = Callable[..., Awaitable[Outcome]]


# Serial numbers have eight digits: what fits a day, and a year.
_PAYMENTS_A_SECOND: Final = 100
_BILLS_A_SECOND: Final = 3


class OrderError(Exception):
    """An order that cannot be carried out; the text says why."""


class Actor(Protocol):
    """A counterparty that takes orders."""

    @property
    def node(self) -> Node:
        """Its node."""

    async def obey(self, line: str) -> Outcome | None:
        """Carry out one order. Raises OrderError, NoAnswerError."""

    async def background(self) -> None:
        """What it does by itself, until cancelled."""


class _Orders:
    """Finds and carries out orders: the first word names one of `orders`."""

    orders: Mapping[str, tuple[str, Order]]

    async def obey(self, line: str) -> Outcome | None:
        """Carry out one order; None for an empty line."""
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise OrderError(str(error)) from None
        if not words:
            return None
        if words[0] == "help":
            return {
                "orders": [f"{name} {usage}".strip() for name, (usage, _) in self.orders.items()]
            }
        if words[0] not in self.orders:
            raise OrderError(f"unknown order {words[0]!r}; `help` lists them")
        usage, order = self.orders[words[0]]
        needed = sum(not word.startswith("[") for word in usage.split())
        if not needed <= len(words) - 1 <= len(usage.split()):
            raise OrderError(f"usage: {words[0]} {usage}")
        try:
            outcome = await order(*words[1:])
        except (LocalProtocolError, RuleError, TokenError) as error:
            raise OrderError(str(error)) from None
        return {"order": words[0], **outcome}


class CollectorOrders(_Orders):
    """Orders of a bank or the platform."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self._entries: dict[str, Entry] = {}
        self.orders = {
            "query": ("PAYCODE [CHECKCODE]", self._query),
            "pay": ("PAYCODE [CHECKCODE] [AMOUNT]", self._pay),
            "repeat": ("TRANOBUS", self._repeat),
            "ledger": ("", self._ledger),
            "statements": ("[DATE] [PACKSIZE] [FAULTSEED]", self._statements),
            "results": ("[DATE]", self._results),
        }
        if isinstance(collector, Bank):
            self.orders |= {
                "link-test": ("", self._link_test),
                "notice": ("SUBJECT CONTENT", self._notice),
                "token": ("TOKEN", self._token),
                "school": ("MOBILE", self._school),
            }

    @property
    def node(self) -> Node:
        """The collector's node."""
        return self.collector.node

    async def background(self) -> None:
        """Tell the results of refunds (2617)."""
        await self.collector.executor.keep_sending()

    async def _query(self, pay_code: str, check_code: str = "") -> Outcome:
        return _quoted(await self.collector.query(pay_code, check_code))

    async def _pay(self, pay_code: str, check_code: str = "", amount: str = "") -> Outcome:
        quote = await self.collector.query(pay_code, check_code)
        if quote.due is None:
            return _quoted(quote)
        amt = parse_yuan(amount) if amount else quote.due.Amt
        entry = await self.collector.pay(quote.due, Payer(quote.due.PayerName), amt=amt)
        self._entries[entry.tra_no_bus] = entry
        return {
            "PayCode": entry.pay_code,
            "TraNoBus": entry.tra_no_bus,
            "Amt": format_yuan(entry.amt),
            "money": entry.money,
            "result": entry.result,
        }

    async def _repeat(self, number: str) -> Outcome:
        entry = self._entries.get(number)
        if entry is None:
            raise OrderError(f"no payment {number} was made here")
        answer = await self.collector.repeat(entry)
        return {"TraNoBus": number, "result": answer.result, "information": answer.information}

    async def _ledger(self) -> Outcome:
        totals = self.collector.ledger.totals()
        return {
            "payments": totals.payments,
            "taken": format_yuan(totals.taken),
            "returned": format_yuan(totals.returned_amt),
            "refunded": format_yuan(totals.refunded_amt),
            "held": format_yuan(totals.held_amt),
            "unanswered": totals.unanswered,
        }

    async def _statements(
        self, date: str = "", size: str = str(PACK_SIZE), seed: str = ""
    ) -> Outcome:
        """Deliver a day's lists (2555, 2557, 2556), with a seed full of planted faults."""
        day = _date(date) or self.node.identity.clock().strftime("%Y%m%d")
        if not _is_count(size) or (seed and not _is_count(seed)):
            raise OrderError("PACKSIZE and FAULTSEED are whole numbers from 1")
        statements, planted = self.collector.statements(day), list[Planted]()
        if seed:
            statements, planted = plant(statements, int(seed))
        answered = await self.collector.desk.send(statements, int(size))
        return {
            "planted": [row.as_json() for row in planted],
            "statements": [
                {
                    "number": statement.number,
                    "CheckDate": day,
                    "scope": statement.scope,
                    "lines": len(statement.lines),
                    "Amt": format_yuan(statement.amt),
                    "results": answered[statement.key],
                }
                for statement in statements
            ],
        }

    async def _results(self, date: str = "") -> Outcome:
        """What finance found in the lists (5555, 5557, 5556)."""
        wanted = _date(date)
        return {
            "results": [
                masked(result)
                for result in self.collector.desk.all_results()
                if wanted in ("", result.CheckDate)
            ]
        }

    @property
    def _bank(self) -> Bank:
        assert isinstance(self.collector, Bank)  # noqa: S101 - only a bank has these orders
        return self.collector

    async def _link_test(self) -> Outcome:
        return {"result": await self._bank.link_test()}

    async def _notice(self, subject: str, content: str) -> Outcome:
        return {"result": await self._bank.notice(subject, content)}

    async def _token(self, token: str) -> Outcome:
        return {"result": await self._bank.change_token(Secret(check_token(token)))}

    async def _school(self, mobile: str) -> Outcome:
        return {"bills": [masked(bill) for bill in await self._bank.school_bills(mobile=mobile)]}


class ClearingOrders(_Orders):
    """Orders of a clearing bank."""

    def __init__(self, bank: ClearingBank) -> None:
        self.bank = bank
        self.orders = {
            "link-test": ("", self._link_test),
            "arrive": ("ACCOUNT AMOUNT [BATCHNO]", self._arrive),
            "balances": ("", self._balances),
            "instructions": ("", self._instructions),
        }

    @property
    def node(self) -> Node:
        """The clearing bank's node."""
        return self.bank.node

    async def background(self) -> None:
        """Carry out instructions (5614) as they come in, and tell their results."""
        await self.bank.executor.keep_sending()

    async def _link_test(self) -> Outcome:
        return {"result": await self.bank.link_test()}

    async def _arrive(self, account: str, amount: str, batch_no: str = "") -> Outcome:
        amt = parse_yuan(amount)
        result = await self.bank.receiver.unnamed(
            Account(account, acct_type="9"), amt, "示例付款人", batch_no=batch_no
        )
        return {"TraNo": result, "taken": result in self.bank.receiver.arrivals}

    async def _balances(self) -> Outcome:
        balances = self.bank.till.banks.balances()
        return {"balances": {account: format_yuan(fen) for account, fen in balances.items()}}

    async def _instructions(self) -> Outcome:
        told = {
            number: masked(result)
            for number in self.bank.executor.orders("5614")
            if (result := self.bank.executor.result("5614", number)) is not None
        }
        return {"instructions": told}


class UnitOrders(_Orders):
    """Orders of a unit's billing system."""

    def __init__(self, unit: UnitSystem, desk: InvoiceDesk | None = None) -> None:
        """desk: where the unit signs e-invoices by itself."""
        self.unit = unit
        self.orders = {} if desk is None else dict(InvoiceOrders(desk).orders)
        self.orders |= {
            "bill": ("PAYER ITEMCODE ITEMNAME AMOUNT [CHECKCODE]", self._bill),
            "void": ("PAYCODE", self._void),
            "query": ("PAYCODE [CHECKCODE]", self._query),
            "paid": ("", self._paid),
        }

    @property
    def node(self) -> Node:
        """The unit's node."""
        return self.unit.node

    async def background(self) -> None:
        """A unit does nothing by itself."""

    async def _bill(
        self, payer: str, code: str, name: str, amount: str, check_code: str = ""
    ) -> Outcome:
        charge = Charge(code, name, parse_yuan(amount))
        bill = self.unit.make(payer, [charge], check_code=check_code)
        answer = await self.unit.send(bill)
        return {
            "PayCode": bill.PayCode,
            "result": answer.result,
            "information": answer.information,
        }

    async def _void(self, pay_code: str) -> Outcome:
        bill = self.unit.bills.get(pay_code)
        if bill is None:
            raise OrderError(f"no bill {pay_code} was made here")
        answer = await self.unit.void(bill)
        return {"PayCode": pay_code, "result": answer.result, "information": answer.information}

    async def _query(self, pay_code: str, check_code: str = "") -> Outcome:
        answer = await self.unit.query(pay_code, check_code)
        due = self.unit.due(answer)
        if due is None:
            return {"result": answer.result, "information": answer.information}
        return {"result": "00000", "due": masked(due)}

    async def _paid(self) -> Outcome:
        return {"paid": sorted(self.unit.paid)}


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _date(text: str) -> str:
    """yyyymmdd of YYYY-MM-DD or yyyymmdd, '' of ''. Raises OrderError."""
    plain = text.replace("-", "")
    try:
        return datetime.strptime(plain, "%Y%m%d").strftime("%Y%m%d") if plain else ""  # noqa: DTZ007 - a date
    except ValueError:
        raise OrderError(f"{text!r} is no date (YYYY-MM-DD)") from None


def _quoted(quote: Quote) -> Outcome:
    if quote.due is None:
        return {"result": quote.result, "information": quote.information}
    return {"result": quote.result, "due": masked(quote.due)}


def make_actor(node: Node, kind: str, options: Mapping[str, Any]) -> Actor:
    """The counterparty of a kind behind its orders.

    options: unit and unit_name of a unit; desk: makes the desk of one that signs e-invoices.

    Serial numbers begin where an earlier run of this command cannot have come to: those of banks
    are unique within a day, those in a unit's pay codes within a year.
    """
    now = node.identity.clock()
    if kind == "unit":
        unit = UnitSystem(node, options["unit"], options["unit_name"])
        second_of_year = (now.timetuple().tm_yday * 24 + now.hour) * 3600 + now.minute * 60
        unit.skip_serials_to((second_of_year + now.second) * _BILLS_A_SECOND)
        return UnitOrders(unit, options.get("desk", lambda _: None)(unit))
    if kind == "clearing":
        clearing = ClearingBank(node)
        clearing.skip_serials_to(int(now.strftime("%H%M%S")) * _PAYMENTS_A_SECOND)
        return ClearingOrders(clearing)
    collector = Platform(node) if kind == "platform" else Bank(node)
    collector.skip_serials_to(int(now.strftime("%H%M%S")) * _PAYMENTS_A_SECOND)
    return CollectorOrders(collector)
