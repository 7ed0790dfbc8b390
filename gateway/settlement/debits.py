"""Requests for direct debits (划缴, 代扣): protocols that payers signed, and 5604 of them.

A request that may still take the payer's money blocks the voiding of its bill and a second request.
Everything here runs in the caller's transaction and raises SettlementRefused when it cannot be
done, so that nothing of it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ...codecs import LocalProtocolError, Sensitive, mask
from ...messages.debit import DebitRequest
from ..clock import add_days, midnight_ms
from ..collection.accounts import Recipient, recipient
from ..collection.validity import expired
from ..outbox import Enqueuer
from ..peers import Peer, PeerDirectory
from ..store import bills, catalogue, debits, journal, serials
from ..store.debits import Debit, DebitProtocol
from ..store.protocol import Transaction
from ..store.records import Bill
from .acting import Acting, SettlementRefused

DEFAULT_DAYS: Final = 10
"""Term of a request for a bill without an end, as the printed bill says it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A debit that is asked for; `bank` is a node's code or a bank's 4 digits, '' date: any."""

    pay_code: str
    payer_no: str = field(repr=False)
    protocol_no: str = field(repr=False)
    bank: str
    last_date: str = ""


class Debits:
    """Asks for debits and keeps their protocols; stateless but for the outbox and the peers."""

    def __init__(self, outbox: Enqueuer, peers: PeerDirectory) -> None:
        self._outbox = outbox
        self._peers = peers

    async def add_protocol(self, tx: Transaction, entry: DebitProtocol, acting: Acting) -> bool:
        """Register a signed protocol; False when it is there just so already."""
        bank = self.bank(entry.node)
        if entry.stop_date and entry.stop_date < entry.start_date:
            raise SettlementRefused("it ends before it begins", "correct it", wrong_input=True)
        self._check(_order(_SAMPLE, entry, _NOWHERE, 1, entry.start_date), bank)
        if await debits.add_protocol(tx, entry):
            await note(tx, "protocol.added", _name(entry), acting, _facts(entry))
            return True
        known = await debits.protocol(tx, entry.node, entry.payer_no, entry.protocol_no)
        if known is None or _content(known) != _content(entry):
            raise SettlementRefused(
                "the bank has another protocol with these numbers",
                "see `nontax debit protocol list`",
            )
        return False

    async def end_protocol(
        self, tx: Transaction, wish: Wish, last: str, acting: Acting
    ) -> DebitProtocol:
        """Let the protocol that a wish names end after the date LAST."""
        node, payer_no, protocol_no = self.bank(wish.bank).code, wish.payer_no, wish.protocol_no
        known = await debits.protocol(tx, node, payer_no, protocol_no, lock=True)
        if known is None:
            raise _no_protocol()
        if last < known.start_date:
            raise SettlementRefused("it would end before it begins", "correct it", wrong_input=True)
        await debits.stop_protocol(tx, node, payer_no, protocol_no, last)
        facts: dict[str, journal.Fact] = {"stop_date": [known.stop_date, last]}
        await note(tx, "protocol.ended", _name(known), acting, facts)
        return known

    def bank(self, code: str) -> Peer:
        """The bank that a node's code or 4 digits name. Raises SettlementRefused."""
        found = [
            peer
            for peer in self._peers
            if peer.kind == "bank" and code in {peer.code, peer.bank_code}
        ]
        if len(found) != 1:
            problem = "several banks have" if found else "no bank has"
            raise SettlementRefused(
                f"{problem} the code {code}", "see `nontax peer list`", wrong_input=True
            )
        return found[0]

    async def request(self, tx: Transaction, wish: Wish, acting: Acting) -> Debit:
        """Have a bank debit a bill: queue its 5604."""
        bank = self.bank(wish.bank)
        bill = await locked_bill(tx, wish.pay_code, acting)
        if not bank.enabled or bill.region not in bank.regions:
            raise SettlementRefused(
                f"{bank.code} does not act for the bill's region", "name another bank"
            )
        if not await catalogue.bank_may_collect(tx, bill.unit_code, bank.bank_code or ""):
            raise SettlementRefused(
                f"{bank.code} may not collect for unit {bill.unit_code}", "name another bank"
            )
        await check_open(tx, bill, acting.today)
        known = await debits.protocol(tx, bank.code, wish.payer_no, wish.protocol_no)
        if known is None:
            raise _no_protocol()
        last = _last_date(wish, known, bill, acting.today)
        accounts = await catalogue.collection_accounts(tx, bill.region, acting.today)
        to = await recipient(tx, bill, bank.bank_code or "", accounts)
        if to is None:
            raise SettlementRefused(
                f"region {bill.region} has no account to receive it", "see `nontax catalogue show`"
            )
        number = await serials.next_number(tx, f"debit:{acting.today}")
        names = (bill.pay_code, f"HK{acting.today}{number:08d}")
        order = _order(names, known, to, bill.amt, last)
        return await self._queue(tx, bill, known, order, acting)

    async def _queue(
        self, tx: Transaction, bill: Bill, known: DebitProtocol, order: DebitRequest, acting: Acting
    ) -> Debit:
        debit_no, last = order.Hold1, order.LastDate
        self._check(order, self.bank(known.node))
        row = await self._outbox.enqueue(
            tx,
            order,
            peer=known.node,
            subject=bill.pay_code,
            region=bill.region,
            at=acting.at,
            not_after=midnight_ms(add_days(last, 1)),
        )
        debit = Debit(
            debit_no=debit_no,
            pay_code=bill.pay_code,
            node=known.node,
            payer_no=known.payer_no,
            protocol_no=known.protocol_no,
            payer_name=known.payer_name,
            payer_acct=known.payer_acct,
            payer_op_bk=known.payer_op_bk,
            rec_acct_type=order.RecAcctType,
            rec_acct=order.RecAcct,
            amt=bill.amt,
            last_date=last,
            outbox_id=row,
            requested_by=acting.name,
            created_at=acting.at,
            changed_at=acting.at,
        )
        await debits.insert(tx, debit)
        facts: dict[str, journal.Fact] = {
            "debit": debit_no,
            "node": known.node,
            "Amt": bill.amt,
            "LastDate": last,
        }
        await note(tx, "debit.requested", bill.pay_code, acting, facts)
        return debit

    def _check(self, order: DebitRequest, bank: Peer) -> None:
        try:
            self._outbox.check(order, bank.code)
        except LocalProtocolError as error:
            raise _unwritable(error) from None


# -- what is asked for ----------------------------------------------------------------------------

_SAMPLE: Final = ("0", "0")
_NOWHERE: Final = Recipient("1", "", "", "", "", "0")


def _order(
    names: tuple[str, str], known: DebitProtocol, to: Recipient, amt: int, last: str
) -> DebitRequest:
    """The 5604; NAMES are pay code and number, which the bank may give back in 2607 Hold1."""
    try:
        return DebitRequest(
            PayCode=names[0],
            PayerNo=known.payer_no,
            ProtocolNo=known.protocol_no,
            PayerName=known.payer_name,
            PayerAcct=known.payer_acct,
            PayerOpBk=known.payer_op_bk,
            RecAcctType=to.acct_type,
            RecName=to.name,
            RecAcct=to.real_acct or to.acct,
            RecOpBk=to.op_bk,
            Amt=amt,
            LastDate=last,
            Hold1=names[1],
        )
    except LocalProtocolError as error:
        raise _unwritable(error) from None


def _unwritable(error: LocalProtocolError) -> SettlementRefused:
    return SettlementRefused(
        f"the request 5604 cannot be written: {error}", "correct the protocol", wrong_input=True
    )


def _no_protocol() -> SettlementRefused:
    return SettlementRefused(
        "the bank has no protocol with these numbers",
        "enter it with `nontax debit protocol add`",
        wrong_input=True,
    )


async def locked_bill(tx: Transaction, pay_code: str, acting: Acting) -> Bill:
    bill = await bills.get(tx, pay_code, lock=True)
    if bill is None:
        raise SettlementRefused("there is no such bill", "check the pay code", wrong_input=True)
    if not acting.may_act_for(bill.unit_code):
        raise SettlementRefused(
            f"{acting.name} may not act for unit {bill.unit_code}",
            "name an operator of that unit",
            wrong_input=True,
        )
    return bill


async def check_open(tx: Transaction, bill: Bill, today: str) -> None:
    """Only a bill that is to be paid, and that nobody debits yet, is debited."""
    if bill.state != "unpaid":
        raise SettlementRefused(f"the bill is {bill.state}", "only unpaid bills are debited")
    if expired(bill.expiry_date, today):
        raise SettlementRefused("the bill has expired", "make a new one")
    living = await debits.living(tx, bill.pay_code)
    if living is not None:
        raise SettlementRefused(
            f"debit {living.debit_no} of it is {living.state}", "wait for its result"
        )


def _last_date(wish: Wish, known: DebitProtocol, bill: Bill, today: str) -> str:
    """The last day of debiting (最迟划缴日期), within the bill's validity and the protocol's."""
    if not known.holds(today):
        raise SettlementRefused("the protocol does not hold today", "see its dates")
    ends = [date for date in (bill.expiry_date, known.stop_date) if date]
    term = bill.expiry_date or add_days(today, DEFAULT_DAYS)
    last = wish.last_date or min(filter(None, (term, known.stop_date)))
    if last < today:
        raise SettlementRefused("the last date has passed", "name a later one", wrong_input=True)
    if any(end < last for end in ends):
        raise SettlementRefused(
            "the bill or the protocol ends before the last date",
            "name an earlier one",
            wrong_input=True,
        )
    return last


def _content(entry: DebitProtocol) -> tuple[str, ...]:
    return (
        entry.payer_name,
        entry.payer_acct,
        entry.payer_op_bk,
        entry.start_date,
        entry.stop_date,
    )


def _name(entry: DebitProtocol) -> str:
    """A protocol in the journal: its numbers name a person."""
    return f"protocol:{entry.node}:{mask(Sensitive.ACCOUNT, entry.protocol_no)}"


def _facts(entry: DebitProtocol) -> dict[str, journal.Fact]:
    return {"node": entry.node, "start_date": entry.start_date, "stop_date": entry.stop_date}


async def note(
    tx: Transaction, kind: str, subject: str, acting: Acting, facts: dict[str, journal.Fact]
) -> None:
    await journal.append(
        tx, at=acting.at, kind=kind, subject=subject, actor=acting.name, facts=facts
    )
