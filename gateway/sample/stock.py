"""The sample's stock: numbers of e-invoices and of paper bills for one unit."""

from __future__ import annotations

from typing import Final

from ...einvoice.numbering import Range, code_of
from ..einvoicing.stock import Receipt, confirm, receive
from ..einvoicing.stockmoves import Delivery, accept, distribute
from ..settlement.acting import Acting
from ..store.protocol import Transaction
from ..store.stock import Medium

UNIT: Final = "0104901"
KIND: Final = "0101"
PAPER_VERSION: Final = "2020"
"""BillVerCode of the paper bills, as the sample's catalogue has it."""
NUMBERS: Final = 100_000
_REGION: Final = "320682"


async def fill_stock(tx: Transaction, *, at: int, today: str) -> None:
    """Give the unit numbers 1 to 100,000 of both media, by every step that a stock takes."""
    entering = Acting("set-up", frozenset(), at, today)
    confirming = Acting("set-up-check", frozenset(), at, today)
    media: tuple[tuple[Medium, str], ...] = (
        ("electronic", code_of(_REGION, KIND, today[:4])),
        ("paper", PAPER_VERSION),
    )
    for medium, code in media:
        numbers = Range(code, 1, NUMBERS)
        received = await receive(tx, Receipt(medium, KIND, numbers), entering)
        await confirm(tx, received.id, confirming)
        delivery = Delivery(medium, KIND, UNIT, numbers)
        for offered in await distribute(tx, delivery, entering):
            await accept(tx, offered.id, entering)
