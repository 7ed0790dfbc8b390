"""Money between banks: batches that are moved (2613), and what arrives (2615, 2616, 2619).

A collecting node moves what it holds for accounts at another bank; the bank that holds the account
reports what came. Money moves in both banks' double-entry books, whatever is told of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..messages import Voucher
from ..messages.transfer import (
    FundsArrival,
    InterbankTransfer,
    InTransitArrival,
    TransferDetail,
    VirtualAccountArrival,
)
from .accounts import OUTSIDE, Kind, Particulars
from .collector import Collector
from .duties import Counter
from .executing import SUCCESS
from .ledger import Entry, Money
from .peer import Node
from .till import Till


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a batch goes to, as the bank writes it."""

    number: str
    name: str = "示例市财政局"
    bank: str = "中国建设银行示例支行"
    acct_type: str = "1"


@dataclass(frozen=True, slots=True)
class Batch:
    """Collected payments on their way to another bank, and what the gateway said of them."""

    number: str
    account: Account
    entries: tuple[Entry, ...]
    result: str

    @property
    def amt(self) -> int:
        """Fen."""
        return sum(entry.amt for entry in self.entries)

    @property
    def pay_mode(self) -> str:
        """The channel of its payments, of several the first."""
        return min(entry.pay_mode for entry in self.entries)


class Mover:
    """A collecting node's transfers to other banks."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._moved: set[tuple[str, str]] = set()
        self.batches: list[Batch] = []

    @property
    def till(self) -> Till:
        """The node's hands on the money."""
        return self._collector.till

    def waiting(self, account: str) -> list[Entry]:
        """Booked payments for an account at another bank that are not moved and not refunded."""
        till = self._collector.till
        return [
            entry
            for entry in self._collector.ledger.booked()
            if entry.money is Money.BOOKED
            and entry.key not in self._moved
            and not entry.late
            and till.account_of(entry) == account
            and till.in_transit(entry)
        ]

    async def move(self, account: Account) -> Batch | None:
        """Move all that waits for an account and tell it (2613); None when nothing waits.

        The money leaves when the gateway has taken the batch. Raises NoAnswerError.
        """
        collector, till = self._collector, self._collector.till
        entries = self.waiting(account.number)
        if not entries:
            return None
        stamp = collector.counter.stamp()
        batch_no = f"HZ{stamp.tra_no}"
        message = InterbankTransfer(
            BatchNo=batch_no,
            TraDate=stamp.tra_date,
            TraNo=stamp.tra_no,
            PayerName="待划转非税收入款项",
            RecAcctType=account.acct_type,
            RecName=account.name,
            RecAcct=account.number,
            RecOpBk=account.bank,
            Amt=sum(entry.amt for entry in entries),
            Count=len(entries),
            DetailList=tuple(
                TransferDetail(PayCode=e.pay_code, TraNoBus=e.tra_no_bus, Amt=e.amt)
                for e in entries
            ),
        )
        answer = await collector.node.ask(message)
        batch = Batch(batch_no, account, tuple(entries), answer.result)
        if answer.result == SUCCESS:
            self._moved |= {entry.key for entry in entries}
            source, target = till.own(Kind.IN_TRANSIT), till.own(Kind.UNDER_WAY)
            told = Particulars(stamp.tra_no, batch_no=batch_no)
            till.book.move(source, target, batch.amt, "moved", batch_no, particulars=told)
            self.batches.append(batch)
        return batch

    def settle(self, account: str, pay_mode: str, tra_no: str) -> int:
        """Pay what waits of a channel for an account in one sum; return it in fen.

        So third parties do it: nothing is told but the line of the account's bank, under its
        TraNo. Raises AccountError.
        """
        till = self._collector.till
        entries = [e for e in self.waiting(account) if e.pay_mode == pay_mode]
        amt = sum(entry.amt for entry in entries)
        if entries:
            self._moved |= {entry.key for entry in entries}
            till.banks.pay(
                till.bank,
                till.own(Kind.IN_TRANSIT),
                account,
                amt,
                what="settled",
                reference=tra_no,
                particulars=Particulars(tra_no, pay_mode),
            )
        return amt


class Receiver:
    """A bank that holds accounts and reports what arrives on them."""

    def __init__(self, node: Node, till: Till, counter: Counter) -> None:
        self._node = node
        self._till = till
        self._counter = counter
        self.arrivals: dict[str, tuple[str, int]] = {}
        """What was told of and taken as arrived, by TraNo: account (as told) and fen."""
        self._told: dict[str, Voucher] = {}

    async def batch_arrived(self, batch: Batch, sender: Till) -> str:
        """A batch's money comes to its account (2615); return the result code."""
        tra_no = self._counter.stamp().tra_no
        self._till.banks.pay(
            sender.bank,
            sender.own(Kind.UNDER_WAY),
            batch.account.number,
            batch.amt,
            what="arrived",
            reference=batch.number,
            particulars=Particulars(tra_no, batch.pay_mode, batch_no=batch.number),
        )
        return await self._report(batch.account, batch.amt, batch.number, tra_no=tra_no)

    async def unnamed(
        self, account: Account, amt: int, payer: str, *, word: str = "", batch_no: str = ""
    ) -> str:
        """Somebody transfers money to an account (2615, 未明资金); return its TraNo."""
        stamp_no = await self._from_outside(account.number, amt)
        await self._report(account, amt, batch_no, tra_no=stamp_no, payer=payer, word=word)
        return stamp_no

    async def on_virtual(self, number: str, amt: int, payer: str) -> str:
        """Somebody transfers money to a virtual account (2616); return its TraNo."""
        tra_no = await self._from_outside(self._till.banks.real(number), amt)
        stamp = self._counter.stamp()
        message = VirtualAccountArrival(
            TraNo=tra_no,
            ArrDate=stamp.tra_date,
            ArrTime=stamp.tra_time,
            RecAcctType="1",
            RecAcct=number,
            Amt=amt,
            PayerName=payer,
        )
        await self._tell(message, tra_no, number, amt)
        return tra_no

    async def landed(self, collector: Collector, entry: Entry) -> str:
        """Late money of the same bank comes to its account (2619); return the result code."""
        till = collector.till
        account = till.account_of(entry)
        stamp = self._counter.stamp()
        told = Particulars(stamp.tra_no, entry.pay_mode, entry.pay_code)
        source = till.own(Kind.IN_TRANSIT)
        till.book.move(source, account, entry.amt, "landed", entry.tra_no_bus, particulars=told)
        collector.ledger.landed(entry.key)
        message = InTransitArrival(
            TraNo=stamp.tra_no,
            PayCode=entry.pay_code,
            ArrDate=stamp.tra_date,
            ArrTime=stamp.tra_time,
            RecAcctType=entry.acct_type,
            RecAcct=account,
            Amt=entry.amt,
        )
        return (await self._node.ask(message)).result

    async def again(self, tra_no: str) -> str:
        """Tell of an arrival once more: a copy that comes late; return the result code."""
        return (await self._node.ask(self._told[tra_no])).result

    def give_back(self, tra_no: str) -> None:
        """Send money back to whoever sent it, on the bureau's word. Raises AccountError."""
        account, amt = self.arrivals.pop(tra_no)
        self._till.book.move(self._till.banks.real(account), OUTSIDE, amt, "given back", tra_no)

    async def _from_outside(self, account: str, amt: int) -> str:
        tra_no = self._counter.stamp().tra_no
        self._till.banks.pay(
            self._till.bank, OUTSIDE, account, amt, what="transfer", reference=tra_no
        )
        return tra_no

    async def _report(
        self,
        account: Account,
        amt: int,
        batch_no: str,
        *,
        tra_no: str = "",
        payer: str = "",
        word: str = "",
    ) -> str:
        stamp = self._counter.stamp()
        message = FundsArrival(
            TraNo=tra_no or stamp.tra_no,
            ArrDate=stamp.tra_date,
            ArrTime=stamp.tra_time,
            BatchNo=batch_no,
            RecAcctType=account.acct_type,
            RecName=account.name,
            RecAcct=account.number,
            PayerName=payer,
            Amt=amt,
            AddWord=word,
        )
        return await self._tell(message, message.TraNo, account.number, amt)

    async def _tell(self, message: Voucher, tra_no: str, account: str, amt: int) -> str:
        self._told[tra_no] = message
        result = (await self._node.ask(message)).result
        if result == SUCCESS:
            self.arrivals[tra_no] = (account, amt)
        return result


__all__ = ["Account", "Batch", "Mover", "Receiver"]
