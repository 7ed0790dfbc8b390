"""A paid bill has one living receipt: on paper (8998) or electronic."""

from __future__ import annotations

from nontax.einvoice.numbering import Range
from nontax.gateway.einvoicing import paper

from ..flows.conftest import UNIT, Office
from .issuing import issued, paid, refused, who

RECEIPT = {
    "PayCode": "", "BillNo": "0000000101", "AdmDivCode": "320682", "BillTypeCode": "0101",
    "BillTypeName": "非税收入一般缴款书", "BillVerCode": "2020", "BillVerName": "2020版",
    "Hold1": "", "Hold2": "",
}  # fmt: skip


async def test_an_invoiced_bill_gets_no_paper(office: Office) -> None:
    pay_code = await paid(office)
    await issued(office, pay_code)
    answer = await office.call(UNIT, "8998", RECEIPT | {"PayCode": pay_code})
    assert (answer.result, answer.information) == (
        "99999", "已开具电子票据,不能换开纸质票据",
    )  # fmt: skip
    assert office.books.rows("stock_uses") == []


async def test_a_bill_with_paper_is_invoiced_once_the_paper_is_void(office: Office) -> None:
    pay_code = await paid(office)
    answer = await office.call(UNIT, "8998", RECEIPT | {"PayCode": pay_code})
    assert answer.result == "00000"
    with refused(office, "paper receipt"):
        await issued(office, pay_code)
    numbers = Range("2020", 101, 101)
    await office.transact(lambda tx: paper.void(tx, "0101", numbers, "改开电子票", who(office)))
    assert (await issued(office, pay_code)).invoice.state == "archived"
