"""What of a paid bill can be invoiced: the payment less what was paid back, item by item.

One living blue invoice belongs to one bill. While a refund of the payment is under way there is no
new one; after a partial refund it is for the rest, after a full one there is none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from ...codecs import format_yuan
from ...messages.codes import Result
from ..settlement.sharing import Inconsistent, apportion, settled
from ..store import bills, catalogue, payments, refunds, stockuses
from ..store.protocol import Transaction
from ..store.records import Bill, BillItem, Payment
from .refusals import IssueRefused

_ENDED: Final = frozenset({"succeeded", "failed", "rejected"})
_LATE_FEE: Final = "滞纳金"


@dataclass(frozen=True, slots=True)
class Basis:
    """What is invoiced. Amounts in fen.

    lines: the bill's items with the amounts to invoice. paid_back: by succeeded refunds. exact:
    the lines are the bill's own, with nothing spread over them.
    """

    bill: Bill
    payment: Payment
    amt: int
    lines: tuple[BillItem, ...] = field(repr=False)
    exact: bool

    @property
    def sums(self) -> dict[str, int] | None:
        """Item code to its sum; None where nobody but us could know how it is spread."""
        if not self.exact:
            return None
        found: Counter[str] = Counter()
        for line in self.lines:
            found[line.code] += line.amt
        return dict(found)

    @property
    def codes(self) -> frozenset[str]:
        """The items that may stand on the invoice."""
        return frozenset(line.code for line in self.lines)


async def basis_of(tx: Transaction, pay_code: str) -> Basis:
    """What can be invoiced of a bill now; its payment is locked. Raises IssueRefused."""
    bill = await paid_bill(tx, pay_code)
    if await stockuses.living(tx, pay_code, "receipt") is not None:
        raise IssueRefused(
            "it was changed into a paper receipt (8998)",
            information="该缴款书已换开纸质票据,不能开具电子票据",
            do="make the paper void first, see `nontax paperbill void`",
        )
    effective = await payments.effective(tx, pay_code)
    payment = await payments.get(tx, effective.id, lock=True) if effective else None
    if payment is None:  # a paid bill has one
        raise IssueRefused("the bill has no payment in the books", do="see `nontax check`")
    paid_back = 0
    for refund in await refunds.of_payment(tx, payment.id):
        if refund.state not in _ENDED:
            raise IssueRefused(
                f"refund {refund.refund_no} of it is {refund.state}",
                information="该缴款书正在退付,暂不能开票",
                do="wait until it has ended, or reject it",
            )
        if refund.state == "succeeded":
            paid_back += refund.amt
    amt = payment.amt - paid_back
    if amt <= 0:
        raise IssueRefused(
            "all of the payment was paid back",
            information="该缴款书已全额退付,不能开票",
            do="there is nothing to invoice",
        )
    items = await bills.items(tx, pay_code)
    fee_item = await catalogue.delay_item(tx)
    lines = await _lines(tx, bill, items, fee_item)
    if sum(line.amt for line in lines) != payment.amt:
        raise IssueRefused(
            f"its items do not add up to the {format_yuan(payment.amt)} paid",
            result=Result.ITEMS_SUM,
            do="see `nontax bill show`",
        )
    exact = not paid_back and (not bill.delay_amt or bool(fee_item))
    return Basis(bill, payment, amt, _rest(lines, paid_back), exact)


async def paid_bill(tx: Transaction, pay_code: str) -> Bill:
    """The bill of a pay code, which was paid. Raises IssueRefused."""
    bill = await bills.get(tx, pay_code)
    if bill is None:
        raise IssueRefused(
            "there is no such bill",
            result=Result.NO_SUCH_BILL,
            do="check the pay code",
            wrong_input=True,
        )
    if bill.state == "void":
        raise IssueRefused("the bill is void", result=Result.BILL_VOID, do="see `nontax bill show`")
    if bill.state == "unpaid":
        raise IssueRefused(
            "the bill was not paid",
            information="缴款书未缴款,不能开票",
            do="see `nontax bill show`",
        )
    return bill


async def _lines(
    tx: Transaction, bill: Bill, items: list[BillItem], fee_item: str
) -> tuple[BillItem, ...]:
    """The items as they are settled: with the late fee under its own item, or spread over them."""
    if not bill.delay_amt:
        return tuple(items)
    try:
        amounts = settled([(one.code, one.amt) for one in items], bill.delay_amt, fee_item)
    except Inconsistent as error:
        raise IssueRefused(
            f"its late fee cannot be spread: {error}", result=Result.ITEMS_SUM
        ) from (error)
    if not fee_item:
        pairs = zip(items, amounts, strict=True)
        return tuple(_changed(one, amt) for one, (_, amt) in pairs)
    known = await catalogue.item(tx, fee_item)
    name = known.name if known is not None else _LATE_FEE
    return (*items, BillItem(bill.pay_code, len(items) + 1, fee_item, name, bill.delay_amt))


def _rest(lines: tuple[BillItem, ...], paid_back: int) -> tuple[BillItem, ...]:
    """The lines less what was paid back, in proportion; lines of nothing are left out."""
    if not paid_back:
        return lines
    taken = apportion(paid_back, [line.amt for line in lines])
    left = (_changed(line, line.amt - less) for line, less in zip(lines, taken, strict=True))
    return tuple(line for line in left if line.amt)


def _changed(line: BillItem, amt: int) -> BillItem:
    """A line whose amount is no longer its quantity times its standard."""
    if amt == line.amt:
        return line
    return replace(line, amt=amt, unit="", quantity="", standard_type="", standard="")
