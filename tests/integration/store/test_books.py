"""Contract: bills, payments, confirmations, refunds, and what their constraints refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nontax.gateway.store import (
    MAX_FEN,
    ConstraintViolated,
    Store,
    bills,
    confirmations,
    payments,
    queried,
    refunds,
)
from nontax.gateway.store.bills import BillFilter, BillTotal
from nontax.gateway.store.refunds import RefundResult

CODE = "32068226000000000019"


async def test_a_bill_comes_back_as_it_was_written(store: Store, make) -> None:
    bill = make.bill(mobile="13000000000", education=1, class_name="三班", hold2="x", notify=1)
    items = [make.item(line=1, amt=3000), make.item(line=2, amt=5000, quantity="1.5")]
    assert await store.transact(lambda tx: bills.insert(tx, bill, items))
    assert await store.read(lambda tx: bills.get(tx, CODE)) == bill
    assert await store.read(lambda tx: bills.items(tx, CODE)) == items
    assert await store.read(lambda tx: bills.get(tx, "unknown")) is None


async def test_a_pay_code_is_taken_once(with_bill: Store, make) -> None:
    other = make.bill(payer_name="王五")
    assert not await with_bill.transact(lambda tx: bills.insert(tx, other, [make.item(line=9)]))
    kept = await with_bill.read(lambda tx: bills.get(tx, CODE))
    assert kept.payer_name == "张三"
    assert len(await with_bill.read(lambda tx: bills.items(tx, CODE))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"amt": 0, "ori_amt": 0},
        {"amt": -1, "ori_amt": -1},
        {"amt": MAX_FEN + 1, "ori_amt": MAX_FEN + 1},
        {"amt": 8001},
        {"delay_amt": 1},
        {"ori_amt": 8001, "delay_amt": -1},
        {"state": "lost"},
        {"source": "fax"},
        {"is_inter_bank": "2"},
        {"face_to_face": 2},
        {"bill_date": "2026-11-22"},
        {"amt": "8000 yuan"},
        {"payer_name": None},
    ],
)
async def test_the_database_refuses_a_wrong_bill(store: Store, make, changes) -> None:
    bill = make.bill(**changes)
    with pytest.raises(ConstraintViolated) as caught:
        await store.transact(lambda tx: bills.insert_many(tx, [bill], []))
    assert "张三" not in str(caught.value)
    assert await store.read(lambda tx: bills.get(tx, CODE)) is None


async def test_the_largest_amount_fits(store: Store, make) -> None:
    bill = make.bill(amt=MAX_FEN, ori_amt=MAX_FEN)
    assert await store.transact(lambda tx: bills.insert(tx, bill, []))


async def test_items_belong_to_a_bill(store: Store, make) -> None:
    with pytest.raises(ConstraintViolated):
        await store.transact(lambda tx: bills.insert_many(tx, [], [make.item()]))


async def test_bulk_insert_is_all_or_nothing(with_bill: Store, make) -> None:
    many = [make.bill(f"{n:020d}") for n in range(5)] + [make.bill(CODE)]
    with pytest.raises(ConstraintViolated):
        await with_bill.transact(lambda tx: bills.insert_many(tx, many, []))
    codes = [bill.pay_code for bill in many] * 300
    assert await with_bill.read(lambda tx: bills.existing(tx, codes)) == {CODE}


async def test_state_moves_only_from_the_expected_one(with_bill: Store) -> None:
    async def move(tx, expected, state):
        return await bills.set_state(tx, CODE, expected=expected, state=state, changed_at=9)

    assert not await with_bill.transact(lambda tx: move(tx, "paid", "confirmed"))
    assert await with_bill.transact(lambda tx: move(tx, "unpaid", "paid"))
    assert not await with_bill.transact(lambda tx: move(tx, "unpaid", "void"))
    bill = await with_bill.read(lambda tx: bills.get(tx, CODE, lock=True))
    assert (bill.state, bill.changed_at) == ("paid", 9)


async def test_lists_are_filtered_and_paged_by_key(store: Store, make) -> None:
    rows = [
        make.bill(
            f"{n:020d}",
            bill_date=f"202611{10 + n % 3}",
            unit_code="0105204" if n % 2 else "0104901",
            state="paid" if n == 4 else "unpaid",
        )
        for n in range(10)
    ]
    await store.transact(lambda tx: bills.insert_many(tx, rows, []))

    async def walk(narrowed: BillFilter) -> list:
        found, after = [], None
        while page := await store.scan(
            lambda tx, after=after: bills.page(tx, narrowed, after=after, limit=3)
        ):
            found += page
            after = (page[-1].bill_date, page[-1].pay_code)
        return found

    ordered = sorted(rows, key=lambda bill: (bill.bill_date, bill.pay_code))
    assert await walk(BillFilter()) == ordered
    narrowed = BillFilter(unit_code="0105204", bill_date_from="20261111", bill_date_to="20261111")
    expected = [b for b in ordered if b.unit_code == "0105204" and b.bill_date == "20261111"]
    assert expected
    assert await walk(narrowed) == expected
    assert await walk(BillFilter(state="paid", region="320682", source="import")) == [rows[4]]
    assert await walk(BillFilter(education=1)) == []
    assert await store.read(lambda tx: bills.totals(tx, BillFilter())) == [
        BillTotal("paid", 1, 8000),
        BillTotal("unpaid", 9, 72000),
    ]
    assert await store.read(lambda tx: bills.unpaid_before(tx, "0104901", "20261112")) == 2


async def test_school_bills_are_found_by_exact_keys_while_unpaid(store: Store, make) -> None:
    school = {"education": 1, "mobile": "13000000000", "id_number": "320600200001011234"}
    rows = [
        make.bill("1" * 20, **school),
        make.bill("2" * 20, **{**school, "mobile": "13000000001"}),
        make.bill("3" * 20, **school, state="paid"),
        make.bill("4" * 20, **{**school, "education": 0}),
        make.bill("5" * 20, education=1),
    ]
    await store.transact(lambda tx: bills.insert_many(tx, rows, []))

    async def find(**keys: str) -> list[str]:
        found = await store.read(lambda tx: bills.school_bills(tx, **keys))
        return [bill.pay_code[0] for bill in found]

    assert await find(mobile="13000000000") == ["1"]
    assert await find(id_number="320600200001011234") == ["1", "2"]
    assert await find(mobile="13000000001", id_number="320600200001011234") == ["2"]
    assert await find(mobile="1300000000") == []
    assert await find() == []


async def test_the_unpaid_bill_of_a_virtual_account(with_bill: Store) -> None:
    assert await with_bill.transact(lambda tx: bills.set_virtual_account(tx, CODE, "6217001", 3))
    found = await with_bill.read(lambda tx: bills.of_virtual_account(tx, "6217001"))
    assert found.pay_code == CODE
    await with_bill.transact(
        lambda tx: bills.set_state(tx, CODE, expected="unpaid", state="paid", changed_at=4)
    )
    assert await with_bill.read(lambda tx: bills.of_virtual_account(tx, "6217001")) is None
    assert await with_bill.read(lambda tx: bills.of_virtual_account(tx, "")) is None
    assert not await with_bill.transact(lambda tx: bills.set_virtual_account(tx, CODE, "", 5))


async def test_who_asked_for_a_bill_is_kept_by_date(store: Store) -> None:
    for date in ("20261122", "20261122", "20261123"):
        await store.transact(lambda tx, date=date: queried.note(tx, "D1", CODE, date, 1))
    assert await store.read(lambda tx: queried.dates(tx, "D1", CODE)) == {"20261122", "20261123"}
    assert await store.read(lambda tx: queried.dates(tx, "D2", CODE)) == frozenset()


async def test_a_payment_comes_back_as_it_was_written(with_bill: Store, make) -> None:
    payment = make.payment(after_expiry=1, bank_outlet="320682001", payer_acct="6222")
    new = await with_bill.transact(lambda tx: payments.insert(tx, payment))
    kept = replace(payment, id=new)
    assert await with_bill.read(lambda tx: payments.get(tx, new, lock=True)) == kept
    identity = ("D3206820105", "20261123", "T1")
    assert await with_bill.read(lambda tx: payments.by_identity(tx, *identity)) == kept
    assert await with_bill.read(lambda tx: payments.effective(tx, CODE)) == kept
    assert await with_bill.read(lambda tx: payments.get(tx, new + 1)) is None


async def test_only_one_payment_is_effective(with_payment: Store, make) -> None:
    second = make.payment("T2", src="D3206820301")
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(lambda tx: payments.insert(tx, second))
    assert await with_payment.transact(lambda tx: payments.try_insert(tx, second)) is None
    duplicates = [replace(second, duplicate=1), make.payment("T3", duplicate=1)]
    for payment in duplicates:
        assert await with_payment.transact(lambda tx, p=payment: payments.try_insert(tx, p))
    found = await with_payment.read(lambda tx: payments.of_bill(tx, CODE))
    assert [(p.tra_no_bus, p.duplicate) for p in found] == [("T1", 0), ("T2", 1), ("T3", 1)]


async def test_an_identity_is_taken_once(with_payment: Store, make) -> None:
    again = make.payment("T1", duplicate=1, amt=1)
    assert await with_payment.transact(lambda tx: payments.try_insert(tx, again)) is None
    other_day = replace(again, cfm_date="20261124")
    assert await with_payment.transact(lambda tx: payments.try_insert(tx, other_day)) == 2


@pytest.mark.parametrize(
    "changes",
    [{"amt": 0}, {"amt": MAX_FEN + 1}, {"pay_code": "unknown"}, {"channel": "9999"}],
)
async def test_the_database_refuses_a_wrong_payment(with_bill: Store, make, changes) -> None:
    with pytest.raises(ConstraintViolated):
        await with_bill.transact(lambda tx: payments.insert(tx, make.payment(**changes)))


async def test_a_day_of_payments_by_page_and_in_total(with_bill: Store, make) -> None:
    async def fill(tx):
        for n in range(7):
            mode = "5" if n == 3 else "1"
            await payments.insert(tx, make.payment(f"T{n}", duplicate=int(n > 0), pay_mode=mode))
        await payments.insert(tx, make.payment("T0", duplicate=1, cfm_date="20261124"))

    await with_bill.transact(fill)
    seen, after = [], ""
    while page := await with_bill.scan(
        lambda tx, after=after: payments.day_page(
            tx, "D3206820105", "20261123", after=after, limit=3
        )
    ):
        seen += [payment.tra_no_bus for payment in page]
        after = page[-1].tra_no_bus
    assert seen == [f"T{n}" for n in range(7)]
    day = ("D3206820105", "20261123")
    total = await with_bill.read(lambda tx: payments.day_total(tx, *day))
    assert (total.count, total.amt) == (7, 56000)
    total = await with_bill.read(lambda tx: payments.day_total(tx, *day, pay_mode="5"))
    assert (total.count, total.amt) == (1, 8000)
    total = await with_bill.read(lambda tx: payments.day_total(tx, "D9", "20261123"))
    assert (total.count, total.amt) == (0, 0)


async def test_what_decides_whether_a_confirmation_is_new(with_payment: Store, make) -> None:
    rows = {
        "refused": make.confirmation(),
        "other account": make.confirmation(rec_acct="other"),
        "other day": make.confirmation(cfm_date="20261125"),
        "accepted": make.confirmation(amt=1, accepted=1, payment_id=1, result="00000"),
        "other refused": make.confirmation(amt=2),
        "other bill on another day": make.confirmation(pay_code="9", cfm_date="20261126"),
        "other number": make.confirmation("T2"),
        "other node": make.confirmation(src="D3206820301"),
    }
    ids = {}
    for name, row in rows.items():
        ids[name] = await with_payment.transact(lambda tx, r=row: confirmations.insert(tx, r))
    identity = ("D3206820105", "20261123", "T1")
    found, used = await with_payment.read(
        lambda tx: confirmations.related(tx, *identity, pay_code=CODE, amt=8000)
    )
    assert used
    expected = {"refused", "other account", "other day", "accepted"}
    assert {row.id for row in found} == {ids[name] for name in expected}
    found, _ = await with_payment.read(
        lambda tx: confirmations.related(tx, *identity, pay_code=CODE, amt=1)
    )
    assert [row.id for row in found] == [ids["accepted"]]
    kept = await with_payment.read(lambda tx: confirmations.accepted(tx, *identity))
    assert kept == replace(rows["accepted"], id=ids["accepted"])
    numbered = await with_payment.read(lambda tx: confirmations.of_number(tx, "D3206820105", "T1"))
    assert [row.id for row in numbered] == [1, 2, 3, 4, 5, 6]


async def test_content_and_accepted_identity_are_unique(with_payment: Store, make) -> None:
    await with_payment.transact(lambda tx: confirmations.insert(tx, make.confirmation()))
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(
            lambda tx: confirmations.insert(tx, make.confirmation(result="11001", at=99))
        )
    accepted = make.confirmation(amt=1, accepted=1, payment_id=1)
    await with_payment.transact(lambda tx: confirmations.insert(tx, accepted))
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(lambda tx: confirmations.insert(tx, replace(accepted, amt=2)))
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(
            lambda tx: confirmations.insert(tx, replace(accepted, payment_id=None, amt=3))
        )


async def test_refused_identities_and_used_numbers_are_remembered(store: Store, make) -> None:
    await store.transact(lambda tx: confirmations.insert(tx, make.confirmation()))
    identity = ("D3206820105", "20261123", "T1")
    assert await store.read(lambda tx: confirmations.refused(tx, *identity))
    assert not await store.read(
        lambda tx: confirmations.refused(tx, "D3206820105", "20261124", "T1")
    )
    for number, used in (("T1", True), ("T", False)):
        other = ("D3206820105", "20261130", number)
        assert await store.read(
            lambda tx, other=other: confirmations.related(tx, *other, pay_code="other", amt=1)
        ) == ([], used)


async def test_a_refund_through_its_states(with_payment: Store, make) -> None:
    refund = make.refund(rec_name="李四", reason="重复缴款")
    await with_payment.transact(lambda tx: refunds.insert(tx, refund))
    assert await with_payment.read(lambda tx: refunds.get(tx, "TF1")) == refund

    async def move(tx, expected, state, **more):
        return await refunds.set_state(
            tx, "TF1", expected=expected, state=state, changed_at=8, **more
        )

    assert await with_payment.transact(
        lambda tx: move(tx, ("requested",), "approved", approved_by="checker1")
    )
    assert not await with_payment.transact(lambda tx: move(tx, ("requested",), "rejected"))
    outcome = RefundResult("00000", "成功", "B1", "20261124", "101112")
    assert await with_payment.transact(
        lambda tx: move(tx, ("approved", "sent"), "succeeded", outcome=outcome)
    )
    kept = await with_payment.read(lambda tx: refunds.get(tx, "TF1", lock=True))
    assert kept == replace(
        refund,
        state="succeeded",
        changed_at=8,
        approved_by="checker1",
        result="00000",
        information="成功",
        tra_no="B1",
        tra_date="20261124",
        tra_time="101112",
    )


async def test_what_is_held_back_for_refunds(with_payment: Store, make) -> None:
    states = ("requested", "unknown", "succeeded", "failed", "rejected")
    for number, state in enumerate(states):
        refund = make.refund(f"TF{number}", amt=2**number, state=state)
        await with_payment.transact(lambda tx, r=refund: refunds.insert(tx, r))
    assert await with_payment.read(lambda tx: refunds.held(tx, 1)) == 7
    assert await with_payment.read(lambda tx: refunds.held(tx, 2)) == 0
    for found in (
        await with_payment.read(lambda tx: refunds.of_payment(tx, 1)),
        await with_payment.read(lambda tx: refunds.of_bill(tx, CODE)),
        await with_payment.read(lambda tx: refunds.page(tx, src="D3206820105")),
    ):
        assert [refund.state for refund in found] == list(states)
    page = await with_payment.read(lambda tx: refunds.page(tx, state="unknown", after="TF0"))
    assert [refund.refund_no for refund in page] == ["TF1"]


@pytest.mark.parametrize(
    "changes", [{"amt": 8001}, {"amt": 0}, {"payment_id": 2}, {"state": "lost"}, {"kind": 3}]
)
async def test_the_database_refuses_a_wrong_refund(with_payment: Store, make, changes) -> None:
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(lambda tx: refunds.insert(tx, make.refund(**changes)))


async def test_records_keep_personal_data_out_of_reprs(make) -> None:
    personal = ("张三", "13000000000", "320600200001011234", "李四", "6222", "王五")
    bill = make.bill(mobile="13000000000", id_number="320600200001011234", student="王五")
    payment = make.payment(payer_acct="6222")
    refund = make.refund(rec_name="李四", rec_acct="6222")
    for record in (bill, payment, refund):
        assert not [text for text in personal if text in repr(record)]
