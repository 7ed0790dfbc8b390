"""Orders of a unit that issues e-invoices by itself: `nontax-sim unit … --key FILE`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ..messages import parse_pay_info
from ..messages.invoice import InvoiceAnswer
from .identity import Received
from .invoicing import InvoiceDesk, Made, PaidBill
from .unit import Charge

Outcome = dict[str, Any]
Order = Callable[..., Awaitable[Outcome]]


class InvoiceOrders:
    """What a unit with a key can be told to do beside its bills."""

    def __init__(self, desk: InvoiceDesk) -> None:
        self._desk = desk
        self.orders: Mapping[str, tuple[str, Order]] = {
            "number": ("", self._number),
            "invoice": ("PAYCODE", self._invoice),
            "reverse": ("PAYCODE WHY", self._reverse),
            "fetch": ("PAYCODE FILE [CHECKCODE]", self._fetch),
        }

    async def _number(self) -> Outcome:
        answer = await self._desk.reserve()
        return {"result": answer.result, "information": answer.information}

    async def _invoice(self, pay_code: str) -> Outcome:
        bill = self._desk.unit.bills.get(pay_code)
        if bill is None:
            return {"error": f"no bill {pay_code} was made here"}
        charges = [
            Charge(entry.code, entry.name, entry.amount, entry.unit)
            for entry in parse_pay_info(bill.PayInfo)
        ]
        return _told(await self._desk.issue(PaidBill(pay_code, bill.PayerName, charges)))

    async def _reverse(self, pay_code: str, why: str) -> Outcome:
        made = self._desk.issued.get(pay_code)
        if made is None:
            return _unknown(pay_code)
        reserved = await self._desk.reserve()
        if reserved.result != "00000":
            return _told(reserved)
        return _told(await self._desk.send(self._desk.red(made, reserved.information, why)))

    async def _fetch(self, pay_code: str, file: str, check_code: str = "") -> Outcome:
        made: Made | None = self._desk.issued.get(pay_code)
        if made is None:
            return _unknown(pay_code)
        document = await self._desk.download(made, check_code=check_code)
        if document:
            await asyncio.to_thread(Path(file).write_bytes, document)
        return {"invoice": made.name, "bytes": len(document), "file": file if document else ""}


def _unknown(pay_code: str) -> Outcome:
    return {"error": f"bill {pay_code} was not invoiced here"}


def _told(answer: Received) -> Outcome:
    """The answer to 8981, or to the 8999 before it where that was refused."""
    message = answer.message
    if not isinstance(message, InvoiceAnswer):
        return {"result": answer.result, "information": answer.information}
    return {
        "result": message.Result,
        "information": message.Msg,
        "trade": message.Trade_Id,
        "date": message.Issue_Date,
        "url": message.Invoice_Url,
    }


__all__ = ["InvoiceOrders"]
