"""Contract: debits and their protocols, the additions to refunds, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.store import ConstraintViolated, Store, bills, debits, refunds
from nontax.gateway.store.debits import Debit, DebitEnd, DebitProtocol
from nontax.gateway.store.refunds import ReserveUse, Source

CODE = "32068226000000000019"


def protocol(**changes: Any) -> DebitProtocol:
    facts: dict[str, Any] = {
        "node": "D3206820105",
        "payer_no": "88001234",
        "protocol_no": "XY1",
        "payer_name": "赵六",
        "payer_acct": "6227000012345678",
        "payer_op_bk": "",
        "start_date": "20260101",
        "stop_date": "",
        "created_at": 1,
        "created_by": "maker1",
    }
    return DebitProtocol(**(facts | changes))


def debit(number: str = "HK1", **changes: Any) -> Debit:
    facts: dict[str, Any] = {
        "debit_no": number,
        "pay_code": CODE,
        "node": "D3206820105",
        "payer_no": "88001234",
        "protocol_no": "XY1",
        "payer_name": "赵六",
        "payer_acct": "6227000012345678",
        "payer_op_bk": "",
        "rec_acct_type": "1",
        "rec_acct": "32001000000000000018",
        "amt": 8000,
        "last_date": "20261231",
        "outbox_id": int(number[2:]),
        "requested_by": "maker1",
        "created_at": 2,
        "changed_at": 2,
    }
    return Debit(**(facts | changes))


@pytest.fixture
async def signed(with_payment: Store) -> Store:
    """A store with a bill, its payment and a protocol."""
    assert await with_payment.transact(lambda tx: debits.add_protocol(tx, protocol()))
    return with_payment


async def test_a_protocol_comes_back_as_it_was_written(signed: Store) -> None:
    names = ("D3206820105", "88001234", "XY1")
    found = await signed.read(lambda tx: debits.protocol(tx, *names, lock=True))
    assert found == protocol()
    assert not await signed.transact(
        lambda tx: debits.add_protocol(tx, protocol(payer_name="王五"))
    )
    assert await signed.transact(lambda tx: debits.stop_protocol(tx, *names, "20260331"))
    assert not await signed.transact(lambda tx: debits.stop_protocol(tx, "X", "1", "1", "20260331"))
    found = await signed.read(lambda tx: debits.protocol(tx, *names))
    assert found is not None
    assert [found.holds(day) for day in ("20251231", "20260101", "20260331", "20260401")] == [
        False, True, True, False,
    ]  # fmt: skip
    assert await signed.scan(lambda tx: debits.protocols(tx, payer_no="88001234")) == [found]
    assert await signed.scan(lambda tx: debits.protocols(tx, node="D3206820301")) == []
    for secret in ("赵六", "6227000012345678", "88001234", "XY1"):
        assert secret not in repr(found) + repr(debit())


@pytest.mark.parametrize(
    "changes",
    [
        {"payer_name": ""},
        {"start_date": "2026-01-01"},
        {"stop_date": "20251231"},
        {"payer_acct": None},
    ],
)
async def test_the_database_refuses_a_wrong_protocol(store: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(ConstraintViolated):
        await store.transact(lambda tx: debits.add_protocol(tx, protocol(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"amt": 0},
        {"last_date": ""},
        {"state": "lost"},
        {"state": "succeeded"},  # without a payment
        {"payment_id": 1},  # without a success
        {"state": "succeeded", "payment_id": 9},
        {"pay_code": "unknown"},
        {"protocol_no": "XY2"},
    ],
)
async def test_the_database_refuses_a_wrong_debit(signed: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(ConstraintViolated):
        await signed.transact(lambda tx: debits.insert(tx, debit(**changes)))


async def test_one_debit_of_a_bill_lives(signed: Store, make: Any) -> None:
    await signed.transact(lambda tx: debits.insert(tx, debit()))
    with pytest.raises(ConstraintViolated):
        await signed.transact(lambda tx: debits.insert(tx, debit("HK2")))
    living = await signed.read(lambda tx: debits.living(tx, CODE))
    assert living == debit()
    end = DebitEnd("99999", "余额不足", msg_id="M1")

    async def fail(tx: Any, *expected: Any) -> bool:
        return await debits.set_state(
            tx, "HK1", expected=expected, state="failed", changed_at=9, end=end
        )

    assert not await signed.transact(lambda tx: fail(tx, "sent", "unknown"))
    assert await signed.transact(lambda tx: fail(tx, "sent", "queued"))
    assert await signed.read(lambda tx: debits.living(tx, CODE)) is None
    await signed.transact(lambda tx: debits.insert(tx, debit("HK2")))
    # What failed cannot live again beside it.
    with pytest.raises(ConstraintViolated):
        await signed.transact(
            lambda tx: debits.set_state(
                tx, "HK1", expected=("failed",), state="queued", changed_at=9
            )
        )
    assert await signed.transact(
        lambda tx: debits.set_state(
            tx, "HK2", expected=("queued",), state="succeeded", changed_at=9, payment_id=1
        )
    )
    found = await signed.read(lambda tx: debits.of_bill(tx, CODE))
    assert [(one.debit_no, one.state, one.result) for one in found] == [
        ("HK1", "failed", "99999"),
        ("HK2", "succeeded", ""),
    ]
    assert await signed.read(lambda tx: debits.by_outbox(tx, 2, lock=True)) == found[1]
    assert await signed.read(lambda tx: debits.get(tx, "HK3")) is None


async def test_debits_are_filtered_and_paged(signed: Store, make: Any) -> None:
    other = make.bill("U2", unit_code="0105204")
    await signed.transact(lambda tx: bills.insert(tx, other, []))
    for one in (debit("HK1", last_date="20260401"), debit("HK2", pay_code="U2")):
        await signed.transact(lambda tx, one=one: debits.insert(tx, one))

    async def numbers(**narrowed: Any) -> list[str]:
        found = await signed.scan(lambda tx: debits.page(tx, **narrowed))
        return [one.debit_no for one in found]

    assert await numbers() == ["HK1", "HK2"]
    assert await numbers(after="HK1") == await numbers(units=("0105204",)) == ["HK2"]
    assert await numbers(last_before="20260402") == await numbers(limit=1) == ["HK1"]
    assert await numbers(states=("queued",), node="D3206820105", units=("0104901", "0105204")) == [
        "HK1",
        "HK2",
    ]
    assert await numbers(states=("failed", "unknown")) == await numbers(node="X") == []


# -- refunds --------------------------------------------------------------------------------------

RESERVE = Source("reserve", "32001000000000000042", "备用金")


async def test_a_refund_is_decided_once(with_payment: Store, make: Any) -> None:
    await with_payment.transact(lambda tx: refunds.insert(tx, make.refund(amt=100)))

    async def decide(tx: Any, state: Any, source: Source) -> bool:
        return await refunds.decide(tx, "TF1", state, by="checker1", at=9, source=source)

    assert await with_payment.transact(lambda tx: decide(tx, "queued", RESERVE))
    assert not await with_payment.transact(lambda tx: decide(tx, "rejected", Source("collection")))
    found = await with_payment.read(lambda tx: refunds.get(tx, "TF1"))
    assert found is not None
    assert (found.state, found.approved_by, found.decided_at) == ("queued", "checker1", 9)
    assert (found.paid_from, found.pay_acct) == ("reserve", RESERVE.pay_acct)
    assert RESERVE.pay_acct not in repr(found) + repr(RESERVE)


@pytest.mark.parametrize(
    "changes",
    [{"receiver": "bank"}, {"paid_from": "cash"}, {"paid_from": "reserve", "pay_acct": ""}],
)
async def test_the_database_refuses_a_wrong_source(
    with_payment: Store, make: Any, changes: dict[str, Any]
) -> None:
    refund = make.refund(**changes)
    with pytest.raises(ConstraintViolated):
        await with_payment.transact(lambda tx: refunds.insert(tx, refund))


async def test_what_a_reserve_has_paid_and_promised(with_payment: Store, make: Any) -> None:
    from_reserve = {"paid_from": "reserve", "pay_acct": RESERVE.pay_acct}
    states = (
        ("requested", ""), ("approved", ""), ("queued", ""), ("sent", ""), ("acknowledged", ""),
        ("unknown", ""), ("failed", ""), ("rejected", ""), ("succeeded", "20260301"),
        ("succeeded", "20260302"), ("succeeded", ""),
    )  # fmt: skip
    for index, (state, date) in enumerate(states):
        facts = {"amt": 1 << index, "state": state, "tra_date": date, **from_reserve}
        refund = make.refund(f"TF{index}", **facts)
        await with_payment.transact(lambda tx, refund=refund: refunds.insert(tx, refund))
    elsewhere = make.refund("TFX", amt=5000, state="queued", pay_acct="X", paid_from="reserve")
    await with_payment.transact(lambda tx: refunds.insert(tx, elsewhere))

    async def use(since: str) -> ReserveUse:
        return await with_payment.read(
            lambda tx: refunds.reserve_use(tx, RESERVE.pay_acct, since, lock=True)
        )

    promised = 2 + 4 + 8 + 16 + 32
    assert await use("20260301") == ReserveUse(256 + 512 + 1024, promised)
    assert await use("20260302") == ReserveUse(512 + 1024, promised)


async def test_refunds_are_listed_by_unit(with_payment: Store, make: Any) -> None:
    await with_payment.transact(lambda tx: refunds.insert(tx, make.refund()))

    async def found(*units: str) -> int:
        return len(await with_payment.scan(lambda tx: refunds.page(tx, units=units)))

    assert [await found(), await found("0104901", "X"), await found("X")] == [1, 1, 0]
