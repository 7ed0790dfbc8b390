"""2613: batches of confirmed payments that were moved to another bank (spec: business, 5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nontax.gateway.settlement.acting import SettlementRefused
from nontax.gateway.settlement.transfers import cancel

from ..flows.conftest import ACCOUNT, BANK, ELSEWHERE, OTHER, PLATFORM, UNIT, Office, Offices, code
from .money import (
    TRANSFER,
    acting,
    arrived_on,
    counts,
    funds,
    journal_holds,
    kept,
    paid,
    state,
    transfer,
)


async def refused(office: Office, *details: Any, **changes: str) -> tuple[str, str]:
    """Code and text of a batch that leaves nothing in the books."""
    before = counts(office)
    answer = await transfer(office, details, **changes)
    assert counts(office) == before
    return code(answer), answer.information


async def test_a_batch_is_taken_and_kept(office: Office) -> None:
    details = [await paid(office), await paid(office, amt=12_345)]
    answer = await transfer(office, details)
    assert (code(answer), office.answered_region) == ("00000", "320682")
    row = office.books.one("transfers")
    assert (row["src"], row["batch_no"], row["tra_no"]) == (BANK, "B1", "M1")
    assert (row["amt"], row["count"], row["state"]) == (20_345, 2, "sent")
    lines = office.books.rows("transfer_details")
    assert [line["payment_id"] for line in lines] == [1, 2]
    assert all(line["living"] for line in lines)
    assert office.books.kinds("B1") == ["transfer.received"]
    assert office.books.archived("2613") == [("2613", "B1", "00000")]
    assert [arrived_on(office, detail[0]) for detail in details] == ["", ""]
    assert await journal_holds(office)


async def test_the_platform_moves_its_own_payments(office: Office) -> None:
    detail = await paid(office, PLATFORM, PayMode="51")
    assert (await refused(office, detail))[0] == "99999"
    assert code(await transfer(office, [detail], src=PLATFORM)) == "00000"


# -- the same batch again -------------------------------------------------------------------------


async def test_the_same_batch_again_is_a_success(office: Office) -> None:
    details = [await paid(office), await paid(office)]
    assert code(await transfer(office, details)) == "00000"
    before = counts(office)
    assert code(await transfer(office, details)) == "00000"
    assert code(await transfer(office, details[::-1], Hold1="再发")) == "00000"
    assert counts(office) == before
    # Whatever happened since.
    assert code(await funds(office, BatchNo="B1", Amt="160.00")) == "00000"
    assert code(await transfer(office, details)) == "00000"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("BatchNo", "B2"),
        ("TraNo", "M2"),
        ("TraDate", "20260301"),
        ("RecAcct", ACCOUNT),
        ("RecAcctType", "2"),
        ("RecName", "别人"),
        ("RecOpBk", "别的银行"),
        ("RecOpBkNo", "1"),
        ("PayerName", "别人"),
        ("PayerAcct", "2"),
    ],
)
async def test_a_contradiction_names_the_field(office: Office, tag: str, value: str) -> None:
    detail = await paid(office)
    assert code(await transfer(office, [detail])) == "00000"
    before = kept(office)
    answer = await transfer(office, [detail], **{tag: value})
    assert code(answer) == "10005"
    assert answer.information == f"{tag}: 与已登记的划转不一致"
    assert kept(office) == before
    assert office.books.kinds("B1") == ["transfer.received", "transfer.contradicted"]


async def test_other_details_contradict_too(office: Office) -> None:
    one, two, three = [await paid(office) for _ in range(3)]
    assert code(await transfer(office, [one, two])) == "00000"
    swapped = await transfer(office, [one, three])
    assert code(swapped) == "10005"
    assert swapped.information.startswith("DetailList/Detail[2]/PayCode: ")
    fewer = await transfer(office, [one])
    assert (code(fewer), fewer.information[:4]) == ("10005", "Amt:")
    moved = await transfer(office, [(*one[:2], "70.00"), (*two[:2], "90.00")])
    assert code(moved) == "10005"
    assert moved.information.startswith("DetailList/Detail[1]/Amt: ")
    assert len(office.books.rows("transfers")) == 1


async def test_numbers_belong_to_their_sender(office: Office) -> None:
    one, other = await paid(office), await paid(office, OTHER)
    assert code(await transfer(office, [one])) == "00000"
    answer = await transfer(office, [other], src=OTHER, RecAcct=ACCOUNT)
    assert code(answer) == "00000"
    assert len(office.books.rows("transfers")) == 2


# -- what is refused ------------------------------------------------------------------------------


async def test_sums_and_counts(office: Office) -> None:
    one, two = await paid(office), await paid(office)
    assert await refused(office, one, two, Amt="159.99") == ("10002", "Amt: 与明细金额合计不一致")
    assert await refused(office, one, two, Count="3") == ("10002", "Count: 与明细条数2不一致")
    assert (await refused(office, one, one))[1] == "DetailList/Detail[2]/TraNoBus: 与第1条明细重复"
    for amt in ("0.00", "10000000000000.01"):
        result, text = await refused(office, one, Amt=amt)
        assert (result, text[:4]) == ("10002", "Amt:")
    result, text = await refused(office, one, (two[0], two[1], "0.00"))
    assert (result, text) == ("10002", "DetailList/Detail[2]/Amt: 金额应大于0")


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("BatchNo", ""),
        ("BatchNo", "B" * 31),
        ("TraDate", "20260230"),
        ("TraNo", ""),
        ("PayerName", ""),
        ("Amt", "-80.00"),
        ("Amt", "80.001"),
        ("Count", "one"),
        ("RecAcct", ""),
        ("RecAcctType", ""),
        ("DetailList", ""),
        ("DetailList", "<Detail><PayCode>1</PayCode></Detail>"),
    ],
)
async def test_what_is_malformed_is_10002(office: Office, tag: str, value: str) -> None:
    detail = await paid(office)
    before = counts(office)
    fields: dict[str, str] = {tag: value}
    if tag == "DetailList":
        base = TRANSFER | {"Amt": "80.00", "Count": "1"} | fields
        answer = await office.call(BANK, "2613", base)
    else:
        answer = await transfer(office, [detail], **fields)
    assert code(answer) == "10002"
    assert tag in answer.information
    assert counts(office) == before


async def test_details_that_the_books_do_not_have(office: Office) -> None:
    good = await paid(office)
    unpaid = await office.bill()
    place = "DetailList/Detail[2]"
    unknown = ("32068226000999999990", "T1", "80.00")
    assert await refused(office, good, unknown) == ("11001", f"{place}/PayCode: 缴款码不存在")
    never = (unpaid, "T9", "80.00")
    assert await refused(office, good, never) == (
        "99999",
        f"{place}/TraNoBus: 没有该流水号的缴款确认",
    )
    others = await paid(office, OTHER)
    assert (await refused(office, good, others))[0] == "99999"
    wrong_number = (good[0], "T77", "80.00")
    assert (await refused(office, good, wrong_number))[0] == "99999"
    result, text = await refused(office, (good[0], good[1], "79.00"))
    assert (result, text) == ("12004", "DetailList/Detail[1]/Amt: 金额与缴款确认不一致")
    # Nothing of a refusal is remembered: the confirmation comes, the batch is good.
    assert code(await office.confirm(BANK, unpaid, TraNoBus="T9")) == "00000"
    assert code(await transfer(office, [good, never])) == "00000"


async def test_a_duplicate_payment_waits_for_its_refund_and_is_not_moved(office: Office) -> None:
    first = await paid(office)
    again = await office.confirm(BANK, first[0], PayMode="51", TraNoBus="D1")
    assert code(again) == "00000"
    assert await refused(office, (first[0], "D1", "80.00")) == (
        "12001",
        "DetailList/Detail[1]/PayCode: 重复缴款待退付,不能划转",
    )


async def test_a_payment_is_in_one_living_batch(office: Office) -> None:
    one, two = await paid(office), await paid(office)
    assert code(await transfer(office, [one])) == "00000"
    assert await refused(office, two, one, BatchNo="B2", TraNo="M2") == (
        "10005",
        "DetailList/Detail[2]/TraNoBus: 该笔缴款已在划转批次B1中",
    )
    # Also when its money has arrived.
    assert code(await funds(office, BatchNo="B1")) == "00000"
    assert (await refused(office, one, BatchNo="B2", TraNo="M2"))[0] == "10005"


async def test_accounts_and_regions(offices: Offices) -> None:
    office = await offices(
        {"node": {"regions": ["320682", ELSEWHERE]}}, {OTHER: {"regions": [ELSEWHERE]}}
    )
    detail = await paid(office)
    assert (await refused(office, detail, RecAcct="1"))[0] == "12003"
    # A bill of a region that is not the sender's is as good as none.
    assert (await refused(office, detail, src=OTHER, RecAcctType="3", RecAcct=""))[0] == "11001"
    # A subject (科目) has no account.
    assert code(await transfer(office, [detail], RecAcctType="3", RecAcct="")) == "00000"


async def test_units_send_no_batches(office: Office) -> None:
    detail = await paid(office)
    answer = await transfer(office, [detail], src=UNIT)
    assert code(answer) == "10002"
    assert answer.information.startswith("MsgNo")


async def test_two_gateways_take_a_payment_into_one_batch(office: Office) -> None:
    detail = await paid(office)
    await office.start()
    answers = await asyncio.gather(
        *(transfer(office, [detail], BatchNo=f"B{n}", TraNo=f"M{n}", at=n % 2) for n in range(6))
    )
    assert sorted(map(code, answers)) == ["00000", *["10005"] * 5]
    assert len(office.books.rows("transfer_details")) == 1


# -- cancelling -----------------------------------------------------------------------------------


async def cancelled(office: Office, src: str = BANK, batch: str = "B1", *units: str) -> None:
    who = acting(office, "maker1", *units)
    await office.transact(lambda tx: cancel(tx, src, batch, "退汇", who))


async def test_a_cancelled_batch_sets_its_payments_free(office: Office) -> None:
    detail = await paid(office)
    assert code(await transfer(office, [detail])) == "00000"
    await cancelled(office)
    assert office.books.one("transfers")["state"] == "cancelled"
    assert office.books.kinds("B1") == ["transfer.received", "transfer.cancelled"]
    # Its number stays its own, its money is nobody's any more.
    assert code(await transfer(office, [detail])) == "00000"
    assert code(await funds(office, BatchNo="B1")) == "00000"
    assert state(office, "A1") == ("unidentified", "no such batch is under way")
    assert code(await transfer(office, [detail], BatchNo="B2", TraNo="M2")) == "00000"
    with pytest.raises(SettlementRefused, match="is cancelled"):
        await cancelled(office)


async def test_what_cannot_be_cancelled(office: Office) -> None:
    detail = await paid(office)
    assert code(await transfer(office, [detail])) == "00000"
    for src, batch in ((OTHER, "B1"), (BANK, "B9"), (BANK, "M1"), (BANK, "")):
        with pytest.raises(SettlementRefused, match="there is no batch"):
            await cancelled(office, src, batch)
    with pytest.raises(SettlementRefused, match="some units only"):
        await cancelled(office, BANK, "B1", "0104901")
    assert code(await funds(office, BatchNo="B1")) == "00000"
    with pytest.raises(SettlementRefused, match="is arrived"):
        await cancelled(office)
    assert office.books.one("transfers")["state"] == "arrived"
