"""Contract: serials, meta, catalogue, virtual accounts, operators, tokens, archive."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nontax.gateway.store import (
    ConstraintViolated,
    Store,
    archive,
    catalogue,
    journal,
    meta,
    operators,
    serials,
    tokens,
    virtual_accounts,
)
from nontax.gateway.store.records import (
    Account,
    Bank,
    BillKind,
    ClearingBank,
    Item,
    Outlet,
    Region,
    Share,
    Target,
    TokenRow,
    Treasury,
    Unit,
    UnitItem,
    VirtualPool,
)

BY = {"actor": "maker1", "at": 5}


async def test_serials_have_no_gaps(store: Store) -> None:
    assert await store.read(lambda tx: serials.last_number(tx, "TF")) == 0
    assert await store.transact(lambda tx: serials.next_number(tx, "TF")) == 1
    assert await store.transact(lambda tx: serials.next_block(tx, "TF", 3)) == range(2, 5)
    assert await store.transact(lambda tx: serials.next_number(tx, "PC:320682:26:001")) == 1

    async def fails(tx):
        await serials.next_number(tx, "TF")
        raise LookupError

    with pytest.raises(LookupError):
        await store.transact(fails)
    assert await store.transact(lambda tx: serials.next_number(tx, "TF")) == 5
    assert await store.read(lambda tx: serials.scopes(tx, "PC:")) == {"PC:320682:26:001": 1}
    with pytest.raises(ValueError, match="at least one"):
        await store.transact(lambda tx: serials.next_block(tx, "TF", 0))


async def test_a_store_has_an_identity_and_keeps_settings(store: Store) -> None:
    identity = await store.read(lambda tx: meta.get(tx, "store_id"))
    assert len(identity) == 32
    assert int(await store.read(lambda tx: meta.get(tx, "created_at"))) > 0
    assert await store.read(lambda tx: meta.get(tx, "last_backup")) is None
    for value in ("1", "2"):
        await store.transact(lambda tx, v=value: meta.put(tx, "last_backup", v))
    assert await store.read(lambda tx: meta.get(tx, "last_backup")) == "2"


ENTRIES = [
    (Region("320682", "示例市", "20200101", level="4"), {"name": "新市"}),
    (Unit("0104901", "示例市自然资源局", "320682", "20200101"), {"banks": "0105"}),
    (BillKind("0101", "非税收入一般缴款书", "2020", "20200101"), {"version": "2026"}),
    (Item("103043211", "不动产登记费", "20200101"), {"standard_low": 100}),
    (UnitItem("0104901", "103043211", "20200101"), {"stop_date": "20301231"}),
    (Account("3200", "320682", "collection", "20200101"), {"balance": 7}),
    (Bank("0105", "中国建设银行", "105306500018", "20200101"), {"bank_no": "1"}),
    (Outlet("320682001", "0105", "营业部"), {"name": "分理处"}),
    (ClearingBank("Q3200000105", "0105", "建行", "3200", "20200101"), {"acct_no": "1"}),
    (Treasury("3206820000", "支库", "320682", "4", "20200101"), {"level": "5"}),
    (Target("county", "4", "5", "27", "支库", "支库", "01", "20200101"), {"acct_no": "28"}),
    (VirtualPool("6217", "6219", "0105", "3200"), {"release_days": 9}),
]


@pytest.mark.parametrize(("entry", "change"), ENTRIES, ids=lambda value: type(value).__name__)
async def test_every_change_of_an_entry_is_journaled(store: Store, entry, change) -> None:
    assert await store.transact(lambda tx: catalogue.put(tx, entry, **BY))
    assert not await store.transact(lambda tx: catalogue.put(tx, entry, **BY))
    changed = replace(entry, **change)
    assert await store.transact(lambda tx: catalogue.put(tx, changed, **BY))
    assert await store.read(lambda tx: catalogue.entries(tx, type(entry))) == [changed]
    added, diff = await store.read(journal.page)
    assert (added.kind, diff.kind) == ("catalogue.added", "catalogue.changed")
    assert added.subject == diff.subject
    ((name, new),) = change.items()
    assert json.loads(diff.facts) == {name: [getattr(entry, name), new]}


async def test_rights_hold_between_their_dates(store: Store) -> None:
    async def fill(tx):
        await catalogue.put(tx, UnitItem("u", "i", "20200101", "20201231"), **BY)
        await catalogue.put(tx, UnitItem("u", "i", "20220101"), **BY)

    await store.transact(fill)
    cases = {
        "20191231": False,
        "20200101": True,
        "20201231": True,
        "20210101": False,
        "20220101": True,
        "20991231": True,
    }
    for date, expected in cases.items():
        assert (
            await store.read(lambda tx, d=date: catalogue.unit_holds(tx, "u", "i", d)) is expected
        )
        found = await store.read(lambda tx, d=date: catalogue.items_of_unit(tx, "u", d))
        assert found == (["i"] if expected else [])
    assert not await store.read(lambda tx: catalogue.unit_holds(tx, "u", "j", "20220101"))


async def test_accounts_of_a_region(store: Store) -> None:
    rows = [
        Account("1", "320682", "collection", "20200101", is_default=1),
        Account("2", "320682", "collection", "20200101", "20201231"),
        Account("3", "320682", "reserve", "20200101"),
        Account("4", "320600", "collection", "20200101"),
        Account("1", "320600", "clearing", "20200101"),
    ]

    async def fill(tx):
        for row in rows:
            await catalogue.put(tx, row, **BY)

    await store.transact(fill)
    found = await store.read(lambda tx: catalogue.collection_accounts(tx, "320682", "20260101"))
    assert found == [rows[0]]
    assert await store.read(
        lambda tx: catalogue.accounts_of(tx, "320682", "reserve", "20260101")
    ) == [rows[2]]
    assert await store.read(lambda tx: catalogue.account(tx, "1", "20260101")) == [
        rows[4],
        rows[0],
    ]
    assert await store.read(lambda tx: catalogue.account(tx, "2", "20210101")) == []
    with pytest.raises(ConstraintViolated):
        await store.transact(
            lambda tx: catalogue.put(tx, replace(rows[0], purpose="savings"), **BY)
        )


async def test_which_banks_may_collect(store: Store) -> None:
    unit = Unit("u", "单位", "320682", "20200101")

    async def may(bank: str) -> bool:
        return await store.read(lambda tx: catalogue.bank_may_collect(tx, "u", bank))

    assert await may("0105")
    await store.transact(lambda tx: catalogue.put(tx, unit, **BY))
    assert await may("0105")
    await store.transact(lambda tx: catalogue.put(tx, replace(unit, banks="0301,0102"), **BY))
    assert not await may("0105")
    assert await may("0102")
    assert (await store.read(lambda tx: catalogue.unit(tx, "u"))).banks == "0301,0102"
    assert await store.read(lambda tx: catalogue.item(tx, "none")) is None


def _target(code: str) -> Target:
    return Target(code, "4", "5", "27", "支库", "支库", "01", "20200101")


async def test_the_sharing_rule_of_the_day_applies(store: Store) -> None:
    def rule(start: str, *parts: int, stop: str = "") -> list[Share]:
        names = ("central", "county")
        return [
            Share("i", start, line, stop, name, part)
            for line, (name, part) in enumerate(zip(names, parts, strict=False), start=1)
        ]

    async def write(shares):
        return await store.transact(lambda tx: catalogue.put_rule(tx, shares, **BY))

    async def on(date: str) -> list[tuple[str, int]]:
        found = await store.read(lambda tx: catalogue.sharing_rule(tx, "i", date))
        return [(part.target.code, part.parts) for part in found]

    for code in ("central", "county"):
        await store.transact(lambda tx, c=code: catalogue.put(tx, _target(c), **BY))
    assert await write(rule("20200101", 1000, 9000))
    assert not await write(rule("20200101", 1000, 9000))
    assert await write(rule("20250101", 10_000, stop="20251231"))
    assert await on("20191231") == []
    assert await on("20241231") == [("central", 1000), ("county", 9000)]
    assert await on("20250101") == [("central", 10_000)]
    assert await on("20260101") == []
    assert await write(rule("20200101", 10_000))
    assert await on("20200101") == [("central", 10_000)]
    assert len(await store.read(catalogue.rules)) == 2
    for wrong in (
        rule("20270101", 1000, 8999),
        [replace(share, line=7) for share in rule("20270101", 10_000)],
        [*rule("20270101", 5000), *rule("20280101", 5000)],
    ):
        with pytest.raises(ValueError, match=r"add up|count from|several"):
            await write(wrong)
    with pytest.raises(ConstraintViolated):
        await write([Share("i", "20270101", 1, "", "nowhere", 10_000)])


async def test_the_item_of_late_fees(store: Store) -> None:
    assert await store.read(catalogue.delay_item) == ""
    assert await store.transact(lambda tx: catalogue.set_delay_item(tx, "103050101", **BY))
    assert not await store.transact(lambda tx: catalogue.set_delay_item(tx, "103050101", **BY))
    assert await store.read(catalogue.delay_item) == "103050101"


async def test_virtual_accounts_go_round(store: Store) -> None:
    pool = VirtualPool("6217008", "6217010", "0105", "3200", release_days=30)
    assert await store.transact(lambda tx: virtual_accounts.put_pool(tx, pool, **BY))
    assert not await store.transact(lambda tx: virtual_accounts.put_pool(tx, pool, **BY))

    async def take(pay_code: str) -> str | None:
        return await store.transact(
            lambda tx: virtual_accounts.allocate(tx, "0105", pay_code, at=3)
        )

    assert [await take(code) for code in "abcd"] == ["6217008", "6217009", "6217010", None]
    account = await store.read(lambda tx: virtual_accounts.get(tx, "6217009"))
    assert (account.state, account.pay_code, account.bank_code) == ("allocated", "b", "0105")
    assert await store.read(lambda tx: virtual_accounts.pool_of(tx, "6217009")) == pool
    assert await store.transact(lambda tx: virtual_accounts.end(tx, "b", free_after="20261201"))
    assert not await store.transact(lambda tx: virtual_accounts.end(tx, "z", free_after="2"))
    assert await store.transact(lambda tx: virtual_accounts.free_ended(tx, "20261201")) == 0
    assert await store.transact(lambda tx: virtual_accounts.free_ended(tx, "20261202")) == 1
    assert await take("e") == "6217009"
    assert await store.read(lambda tx: virtual_accounts.counts(tx, "0105")) == {"allocated": 3}
    assert await store.read(lambda tx: virtual_accounts.pools(tx, "0105")) == [pool]
    for first, last in (("9", "10"), ("2", "1"), ("a", "b"), ("0000000", "1000000")):
        wrong = replace(pool, first=first, last=last)
        with pytest.raises(ValueError, match="pool"):
            await store.transact(lambda tx, p=wrong: virtual_accounts.put_pool(tx, p, **BY))


async def test_operators(store: Store, make) -> None:
    operator = make.operator()
    assert await store.transact(lambda tx: operators.insert(tx, operator))
    assert not await store.transact(lambda tx: operators.insert(tx, operator))

    async def fail(now: int) -> int:
        return await store.transact(
            lambda tx: operators.attempt_failed(tx, "maker1", now=now, limit=3, lock_ms=100)
        )

    assert [await fail(now) for now in (1, 2)] == [1, 2]
    assert (await store.read(lambda tx: operators.get(tx, "maker1"))).locked_until == 0
    assert await fail(3) == 3
    assert (await store.read(lambda tx: operators.get(tx, "maker1"))).locked_until == 103
    await store.transact(lambda tx: operators.attempt_passed(tx, "maker1"))
    assert await store.read(lambda tx: operators.get(tx, "maker1")) == operator

    async def change(tx):
        assert await operators.set_password(tx, "maker1", "new", must_change=0, at=8)
        assert await operators.set_scope(tx, "maker1", roles="checker", units="1,2", at=8)
        assert await operators.set_enabled(tx, "maker1", 0, 9)
        assert not await operators.set_enabled(tx, "nobody", 0, 9)

    await store.transact(change)
    assert await store.read(operators.all_operators) == [
        replace(
            operator,
            password_hash="new",
            must_change=0,
            roles="checker",
            units="1,2",
            enabled=0,
            changed_at=9,
        )
    ]
    assert "new" not in repr(await store.read(lambda tx: operators.get(tx, "maker1")))


async def test_tokens_change_one_version_at_a_time(store: Store) -> None:
    first = TokenRow("D1", "sealed-a", "", 1, None, 1)
    second = replace(first, sealed_current="sealed-b", sealed_previous="sealed-a", version=2)
    assert await store.transact(lambda tx: tokens.put(tx, first))
    assert not await store.transact(lambda tx: tokens.put(tx, first))
    assert await store.transact(lambda tx: tokens.put(tx, second))
    assert not await store.transact(lambda tx: tokens.put(tx, second))
    assert not await store.transact(lambda tx: tokens.put(tx, replace(second, version=4)))
    assert await store.read(lambda tx: tokens.get(tx, "D1", lock=True)) == second
    assert await store.read(tokens.all_tokens) == [second]
    assert "sealed" not in repr(second)
    assert await store.transact(lambda tx: tokens.remove(tx, "D1"))
    assert await store.read(lambda tx: tokens.get(tx, "D1")) is None


async def test_messages_are_kept_and_listed_newest_first(store: Store, make) -> None:
    async def fill(tx):
        for n in range(6):
            await archive.insert(
                tx,
                make.archived(
                    f"M{n}",
                    at=n,
                    direction="out" if n % 2 else "in",
                    number="5001" if n % 2 else "2612",
                    subject="" if n == 0 else f"S{n % 3}",
                ),
            )

    await store.transact(fill)

    async def listed(**narrowed) -> list[str]:
        found = await store.scan(lambda tx: archive.page(tx, **narrowed))
        return [message.msg_id for message in found]

    assert await listed() == ["M5", "M4", "M3", "M2", "M1", "M0"]
    assert await listed(before=4, limit=2) == ["M2", "M1"]
    assert await listed(number="5001", peer="D3206820105") == ["M5", "M3", "M1"]
    assert await listed(subject="S2", direction="in") == ["M2"]
    assert await listed(at_from=1, at_before=3) == ["M2", "M1"]
    assert (await store.read(lambda tx: archive.get(tx, 3))) == replace(
        make.archived("M2", at=2, subject="S2"), id=3
    )
    assert await store.transact(lambda tx: archive.prune(tx, 4, limit=3)) == 3
    assert await listed() == ["M5", "M4", "M3"]
