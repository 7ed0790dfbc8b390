"""What a refund (退付) is asked for: which payment, how much, and who gets the money."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ...codecs import format_yuan, gbk_length
from ...messages.codes import RecAcctType
from ..store import catalogue, einvoices, payments, refunds
from ..store.protocol import Transaction
from ..store.records import Account, Bill, Payment, Receiver
from .acting import Acting, SettlementRefused

_REASON_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """A refund that is asked for. Amount in fen.

    `tra_no` names the payment by its number where it is not the one that made the bill paid.
    `account` is one of the unit's own, where it has several and the money goes to the unit.
    `technical`: an error was found (技术性差错), as against everything else.
    """

    pay_code: str
    amt: int
    reason: str = field(repr=False)
    receiver: Receiver = "payer"
    account: str = field(default="", repr=False)
    tra_no: str = ""
    technical: bool = False


@dataclass(frozen=True, slots=True)
class Payee:
    """Who gets the money."""

    name: str = field(repr=False)
    acct: str = field(repr=False)
    op_bk: str = field(repr=False)
    op_bk_no: str = field(repr=False)


async def payee(tx: Transaction, wish: Wish, payment: Payment, bill: Bill, today: str) -> Payee:
    """The original payer, or the unit on an account that the catalogue has of it."""
    if wish.receiver == "payer":
        if wish.account:
            raise SettlementRefused(
                "an account can be named for the unit only: a payer gets the money back by the"
                " original channel",
                "leave the account out",
                wrong_input=True,
            )
        name = payment.payer_name or bill.payer_name
        return Payee(name, payment.payer_acct, payment.payer_op_bk, payment.payer_op_bk_no)
    own = await _unit_accounts(tx, bill, today)
    fitting = [entry for entry in own if wish.account in {"", entry.acct_no}]
    if len(fitting) != 1:
        problem = f"unit {bill.unit_code} has {len(fitting) or 'no'} such accounts in the catalogue"
        what = "name one of its accounts" if fitting else "enter it into the catalogue first"
        raise SettlementRefused(problem, what, wrong_input=True)
    entry = fitting[0]
    return Payee(entry.name, entry.acct_no, entry.bank_name, entry.bank_no)


async def _unit_accounts(tx: Transaction, bill: Bill, today: str) -> list[Account]:
    """The bill's unit's own accounts (单位监管账户) that hold today."""
    found = await catalogue.accounts_of(tx, bill.region, "supervised", today)
    return [entry for entry in found if entry.unit_code == bill.unit_code]


async def payment_of(tx: Transaction, bill: Bill, tra_no: str) -> Payment:
    """The bill's payment with this number, or the one that made it paid; locked."""
    found = await payments.of_bill(tx, bill.pay_code)
    fitting = [p for p in found if (p.tra_no_bus == tra_no if tra_no else not p.duplicate)]
    if not found or (not tra_no and not fitting):
        raise SettlementRefused(f"the bill is {bill.state}: nothing was paid", "see `bill show`")
    if len(fitting) != 1:
        problem = "has several payments" if fitting else "has no payment"
        raise SettlementRefused(
            f"the bill {problem} with the number {tra_no}", "see `bill show`", wrong_input=True
        )
    locked = await payments.get(tx, fitting[0].id, lock=True)
    return locked or fitting[0]


async def check_sum(tx: Transaction, payment: Payment, amt: int) -> None:
    """A payment is never paid back more than once."""
    if amt <= 0:
        raise SettlementRefused("the amount must be above 0", "correct it", wrong_input=True)
    rest = payment.amt - await refunds.held(tx, payment.id)
    if amt > rest:
        raise SettlementRefused(
            f"at most {format_yuan(rest)} of the {format_yuan(payment.amt)} paid can be paid back",
            "see `nontax refund list` for the refunds that there are",
        )


async def refuse_invoiced(tx: Transaction, payment: Payment) -> None:
    """What an e-invoice vouches for is paid back after its red one; duplicates have no invoice."""
    invoice = None if payment.duplicate else await einvoices.living(tx, payment.pay_code)
    if invoice is not None:
        raise SettlementRefused(
            f"the bill has the e-invoice {invoice.code}-{invoice.number}",
            f"reverse it first (冲红): `nontax einvoice reverse {payment.pay_code}`",
        )


def check_reason(reason: str) -> None:
    if not reason.strip() or not reason.isprintable() or gbk_length(reason) > _REASON_BYTES:
        raise SettlementRefused(
            f"the reason must have 1 to {_REASON_BYTES} bytes of GBK without control characters",
            "correct the reason",
            wrong_input=True,
        )


def check_scope(bill: Bill, acting: Acting) -> None:
    if not acting.may_act_for(bill.unit_code):
        raise SettlementRefused(
            f"{acting.name} may not act for unit {bill.unit_code}",
            "name an operator of that unit",
            wrong_input=True,
        )


async def banks_of_account(tx: Transaction, payment: Payment, bill: Bill) -> set[str]:
    """The banks that hold the account the payment arrived on, else the region's default one."""
    known = await catalogue.account(tx, payment.rec_acct, payment.cfm_date)
    banks = {a.bank_code for a in known if a.region == bill.region and a.bank_code}
    if not banks and payment.rec_acct_type == RecAcctType.SUBJECT:
        accounts = await catalogue.collection_accounts(tx, bill.region, payment.cfm_date)
        banks = {a.bank_code for a in accounts if a.is_default}
    return banks
