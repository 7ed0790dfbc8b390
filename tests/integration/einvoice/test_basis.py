"""What of a bill is invoiced: late fees, what is left after refunds, whatever the amounts are."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from nontax.einvoice.document import read_signed, signed_bytes
from nontax.gateway.einvoicing.basis import Basis, basis_of
from nontax.gateway.einvoicing.content import (
    ALPHABET,
    Draft,
    blue_invoice,
    random_number,
    red_invoice,
)
from nontax.gateway.store import catalogue
from nontax.messages import PayInfoEntry

from ..flows.conftest import BANK, LAND_FEE, RECLAIM, Office, code
from ..settlement.paying_back import PAYER, approved, reported
from .issuing import CODE

DRAFT = Draft(0, "20260302100000", "ab12cd", "maker1", "系统", "复核人")


async def basis(office: Office, pay_code: str) -> Basis:
    found: Basis = await office.transact(partial(basis_of, pay_code=pay_code))
    return found


async def paid_with(office: Office, *entries: PayInfoEntry, delay: int = 0, **bill: Any) -> str:
    """A paid bill of these items; its pay code."""
    whole = sum(entry.amount for entry in entries)
    pay_code = await office.bill(
        amt=whole + delay, ori_amt=whole, delay_amt=delay, items=entries, **bill
    )
    amt = f"{(whole + delay) / 100:.2f}"
    answer = await office.confirm(BANK, pay_code, Amt=amt, TraNoBus=f"T{pay_code[-6:]}", **PAYER)
    assert code(answer) == "00000"
    return pay_code


def entry(item: str, amt: int, quantity: str = "1") -> PayInfoEntry:
    return PayInfoEntry(item, "收费", amt, "次", Decimal(quantity))


async def test_a_late_fee_stands_under_its_item_or_is_spread(office: Office) -> None:
    pay_code = await paid_with(office, entry(LAND_FEE, 6000), entry(RECLAIM, 2000), delay=100)
    spread = await basis(office, pay_code)
    assert (spread.amt, spread.exact, spread.sums) == (8100, False, None)
    assert [line.amt for line in spread.lines] == [6075, 2025]
    assert spread.codes == {LAND_FEE, RECLAIM}
    await office.transact(lambda tx: catalogue.set_delay_item(tx, RECLAIM, actor="maker1", at=1))
    under = await basis(office, pay_code)
    assert (under.amt, under.exact) == (8100, True)
    assert under.sums == {LAND_FEE: 6000, RECLAIM: 2100}
    said = blue_invoice(under, CODE, "0000000001", DRAFT)
    assert [item.ItemAmount for item in said.items] == [6000, 2000, 100]


async def test_the_rest_after_refunds_is_spread_in_proportion(office: Office) -> None:
    pay_code = await paid_with(office, entry(LAND_FEE, 3000), entry(RECLAIM, 5000))
    for amt in (1, 4000):
        refund = await approved(office, pay_code, amt)
        assert await reported(office, refund.refund_no) == "00000"
    rest = await basis(office, pay_code)
    assert (rest.amt, rest.sums) == (3999, None)
    assert [line.amt for line in rest.lines] == [1500, 2499]
    assert sum(line.amt for line in rest.lines) == rest.amt
    assert all(line.quantity == "" for line in rest.lines)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_paid_adds_up_on_the_document_and_its_red_one(
    office: Office, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    entries = [
        entry(chance.choice([LAND_FEE, RECLAIM]), chance.randint(1, 10**9), quantity)
        for quantity in ("1", "0.5", "3")[: chance.randint(1, 3)]
    ]
    delay = chance.choice([0, chance.randint(1, 10**6)])
    pay_code = await paid_with(office, *entries, delay=delay)
    whole = sum(one.amount for one in entries) + delay
    back = chance.choice([0, chance.randint(1, whole - 1)])
    if back:
        refund = await approved(office, pay_code, back)
        assert await reported(office, refund.refund_no) == "00000"
    found = await basis(office, pay_code)
    blue = blue_invoice(found, CODE, "0000000001", DRAFT)
    assert read_signed(signed_bytes(blue)) == blue
    assert blue.main.TotalAmount == whole - back == sum(i.ItemAmount for i in blue.items)
    red = red_invoice(blue, CODE, "0000000002", "有误", DRAFT)
    assert read_signed(signed_bytes(red)) == red
    assert red.main.TotalAmount == back - whole
    assert red.related == (CODE, "0000000001")


async def test_who_pays_and_who_hands(office: Office) -> None:
    pay_code = await paid_with(office, entry(LAND_FEE, 8000, "2.5"))
    found = await basis(office, pay_code)

    def said(**bill: str) -> Any:
        changed = replace(found, bill=replace(found.bill, **bill))
        return blue_invoice(changed, CODE, "0000000001", DRAFT).main

    for payer_type, credit, expected in (
        ("", "", "1"), ("", "110101199003070012", "1"), ("", "91320682MA1XXXXX0X", "2"),
        ("2", "110101199003070012", "2"), ("1", "91320682MA1XXXXX0X", "1"), ("3", "", "1"),
    ):  # fmt: skip
        main = said(payer_type=payer_type, payer_credit_code=credit)
        assert main.payer_party.PayerPartyType == expected
    assert said(id_number="1").payer_party.PayerPartyCode == "1"
    assert said(rec_acct="V1", rec_acct_real="R1").invoicing_party.RecAcct == "R1"
    assert (said().HandlingPerson, said().Checker) == ("系统", "复核人")
    assert said(operator_name="很" * 30).HandlingPerson == "很" * 20
    [item] = blue_invoice(found, CODE, "0000000001", DRAFT).items
    assert (item.ItemQuantity, item.quantity) == (None, Decimal("2.5"))


def test_random_numbers_use_every_bit_they_are_given() -> None:
    assert random_number(bytes) == "000000"
    assert random_number(lambda size: bytes([255] * size)) == "zzzzzz"
    assert {random_number(lambda size, at=at: bytes([at] * size)) for at in range(32)} == {
        letter * 6 for letter in ALPHABET
    }
    assert len(set(ALPHABET)) == 32
