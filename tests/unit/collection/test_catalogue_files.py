"""Catalogue files: TOML and CSV, what is wrong with its place, all or nothing, journaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.collection.catalogue_import import (
    CatalogueImported,
    CatalogueRefused,
    import_catalogue,
)
from nontax.gateway.store import catalogue, journal, virtual_accounts
from nontax.gateway.store.entries import Account, Item, Region, Unit, UnitItem


async def load(books: Any, *paths: Path) -> CatalogueImported:
    return await import_catalogue(books.store, list(paths), actor="maker1", clock=books.clock)


async def refused(books: Any, path: Path) -> str:
    """All faults of a file; the books are as before."""
    before = await books.store.read(journal.head)
    with pytest.raises(CatalogueRefused) as caught:
        await load(books, path)
    assert await books.store.read(journal.head) == before
    return "\n".join(map(str, caught.value.faults))


async def test_the_sample_is_complete(books: Any) -> None:
    store = books.store
    account = await store.read(lambda tx: catalogue.account(tx, "32001000000000000018", "20261122"))
    assert [(a.purpose, a.is_default) for a in account] == [("collection", 1)]
    reserve = await store.read(lambda tx: catalogue.account(tx, "32001000000000000042", "20261122"))
    assert [(a.purpose, a.balance) for a in reserve] == [("reserve", 50_000_000)]
    supervised = await store.read(
        lambda tx: catalogue.accounts_of(tx, "320682", "supervised", "20261122")
    )
    assert [(a.unit_code, a.acct_type) for a in supervised] == [("0206301", "4")]
    assert await store.read(lambda tx: catalogue.items_of_unit(tx, "0104901", "20261122")) == [
        "103043211",
        "320600000001",
    ]
    rule = await store.read(lambda tx: catalogue.sharing_rule(tx, "320600000001", "20261122"))
    assert [(part.parts, part.target.code) for part in rule] == [
        (3333, "province"),
        (6667, "county"),
    ]
    assert await store.read(lambda tx: virtual_accounts.counts(tx, "0105")) == {"free": 1000}
    unit = await store.read(lambda tx: catalogue.unit(tx, "0105204"))
    assert (unit.parent, unit.income_confirmation, unit.bill_kinds) == ("0104901", "operator", "")
    item = await store.read(lambda tx: catalogue.item(tx, "103042750"))
    assert (item.standard_low, item.standard_high, item.remit_mode) == (
        10000,
        500000,
        "consolidated",
    )


async def test_a_file_that_is_imported_again_changes_nothing(books: Any) -> None:
    before = await books.store.read(journal.head)
    done = await load(books, books.config.directory / "catalogue.toml")
    assert (done.changed, done.entries > 20) == (0, True)
    assert await books.store.read(journal.head) == before


async def test_a_change_is_journaled_with_old_and_new(books: Any, tmp_path: Path) -> None:
    file = tmp_path / "units.toml"
    file.write_text(
        '[[units]]\ncode = "0104901"\nname = "示例市自然资源和规划局"\nregion = "320682"\n'
        'start = 2020-01-01\nbill_kinds = ["0101"]\ncredit_code = "113206820000000001"\n',
        "utf-8",
    )
    assert (await load(books, file)).changed == 1
    rows = await books.store.scan(lambda tx: journal.of_subject(tx, "units:0104901"))
    assert (rows[-1].kind, rows[-1].actor) == ("catalogue.changed", "maker1")
    assert rows[-1].facts == '{"name":["示例市自然资源局","示例市自然资源和规划局"]}'


UNIT = '[[units]]\ncode = "0107"\nname = "新单位"\nregion = "320682"\nstart = 2026-01-01\n'
ITEM = '[[items]]\ncode = "9"\nname = "新项目"\nincome_subject = "1"\nstart = 2026-01-01\n'
RULE = '[[sharing_rules]]\nitem = "103043211"\nstart = 2027-01-01\nshares = '
ACCOUNT = (
    '[[accounts]]\nnumber = "32001"\nname = "户"\ntype = "1"\npurpose = "collection"\n'
    'region = "320682"\nbank = "0105"\nbank_name = "行"\nline_number = "1"\nstart = 2026-01-01\n'
)
POOL = '[[virtual_accounts]]\nbank = "0105"\naccount = "32001000000000000018"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("units = 1", ":1: units: must be written as [[units]]"),
        ("[[planets]]\ncode = 1", ":1: planets: is no table"),
        ("[[units]", "is no TOML"),
        (b"\xff", "is not UTF-8"),
        (UNIT + "colour = 1", ":1: units.colour: is no key"),
        (UNIT.replace('"0107"', "107"), "units.code: must be a text in quotes"),
        (UNIT.replace('"0107"', '"01 07"'), "units.code: must be ASCII without spaces"),
        (UNIT.replace('name = "新单位"\n', ""), "units.name: is missing"),
        (
            UNIT.replace("新单位", "𠮷"),
            "units.name: has a character that GBK does not know: U+20BB7",
        ),
        (UNIT.replace("新单位", "位" * 51), "units.name: must have 1 to 100 bytes"),
        (UNIT.replace("320682", "32068"), "units.region: must have 6 digits"),
        (UNIT.replace("320682", "999999"), "units.region: 999999 is no region"),
        (UNIT.replace("2026-01-01", '"2026-13-01"'), "units.start: must be a date"),
        (UNIT.replace("2026-01-01", "2026-01-01T00:00:00"), "units.start: must be a date without"),
        (UNIT + "stop = 2025-12-31", "units.stop: is earlier than start"),
        (UNIT + 'parent = "nobody"', "units.parent: nobody is no unit"),
        (UNIT + 'bill_kinds = ["0999"]', "units.bill_kinds: 0999 is not in the catalogue"),
        (UNIT + 'banks = ["0105", "0105"]', "units.banks: names a code twice"),
        (UNIT + 'banks = ["0909"]', "units.banks: 0909 is not in the catalogue"),
        (UNIT + 'banks = "0105,0301"', "units.banks: must be codes without commas"),
        (UNIT + 'income_confirmation = "never"', "must be one of automatic, operator"),
        (ITEM + 'standard = "不限制"', "items.standard: must be a table"),
        (ITEM + 'standard = { type = "别的" }', "items.standard_type: must be one of"),
        (ITEM + 'standard = { type = "金额上下限" }', "items.standard: 金额上下限 needs"),
        (
            ITEM + 'standard = { type = "金额上下限", low = "9.00", high = "8.00" }',
            "low is above high",
        ),
        (
            ITEM + 'standard = { type = "不限制", low = "9.00" }',
            "only 金额上下限 has low and high",
        ),
        (ITEM + 'standard = { type = "金额上下限", low = 9 }', "amount in quotes"),
        (ITEM + "entrusted = 1", "items.entrusted: must be true or false"),
        (RULE + "[]", "sharing_rules.shares: must be a list"),
        (RULE + '[{ target = "county", share = 9999 }]', "add up to 9999"),
        (RULE + '[{ target = "county", share = 0 }]', "whole number from 1 to 10000"),
        (RULE + '[{ target = "moon", share = 10000 }]', "moon is no target"),
        ('[[rights]]\nunit = "0104901"\nitems = ["7"]\nstart = 2026-01-01', "7 is no item"),
        ('delay_item = "7"', ":1: delay_item: 7 is no item"),
        ("delay_item = 7", "delay_item: must be an item's code in quotes"),
        (ACCOUNT + "default = true", "two default collection accounts"),
        (ACCOUNT.replace("collection", "savings"), "must be one of collection, clearing, reserve"),
        (ACCOUNT.replace('"1"\npurpose', '"8"\npurpose'), "accounts.type: must be one of"),
        (POOL + 'first = "9"\nlast = "10"', "digits of one length"),
        (POOL.replace("32001", "42001") + 'first = "10"\nlast = "11"', "is no account"),
        (
            '[[banks]]\ncode = "0999"\nname = "行"\nline_number = "1"\noutlets = 1\n',
            "banks.outlets: must be a list of tables",
        ),
    ],
)
async def test_wrong_toml(books: Any, tmp_path: Path, text: str | bytes, fault: str) -> None:
    file = tmp_path / "new.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert fault in await refused(books, file)


async def test_all_faults_are_shown_at_once_with_their_lines(books: Any, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text(UNIT + "\n" + UNIT.replace('"320682"', "1").replace("name", "nam"), "utf-8")
    assert (await refused(books, file)).splitlines() == [
        f"{file}:7: units.nam: is no key of this table",
        f"{file}:7: units.region: must be digits in quotes",
        f"{file}:7: units.name: is missing",
    ]


async def test_one_wrong_file_keeps_the_others_out(books: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.toml", tmp_path / "b.toml"
    good.write_text(UNIT, "utf-8")
    bad.write_text("units = 1", "utf-8")
    with pytest.raises(CatalogueRefused):
        await load(books, good, bad)
    assert await books.store.read(lambda tx: catalogue.unit(tx, "0107")) is None
    assert (await load(books, good)).changed == 1


async def test_files_may_refer_to_each_other(books: Any, tmp_path: Path) -> None:
    (tmp_path / "rights.csv").write_text("unit,items,start\n0107,9;103043211,2026-01-01\n", "utf-8")
    (tmp_path / "units.csv").write_bytes(
        "code,name,region,start,bill_kinds\n0107,新单位,320682,2026-01-01,0101\n".encode("gbk")
    )
    (tmp_path / "items.csv").write_text(
        "\ufeffcode,name,income_subject,start,standard_type,standard_low,standard_high,entrusted\n"
        "9,新项目,1,2026-01-01,金额上下限,1.00,2.00,true\n",
        "utf-8",
    )
    (tmp_path / "outlets.csv").write_text("bank,code,name\n0105,o1,网点\n", "utf-8")
    (tmp_path / "sharing_rules.csv").write_text(
        "item,start,stop,target,share\n"
        "9,2026-01-01,2026-12-31,province,4000\n9,2026-01-01,2026-12-31,county,6000\n",
        "utf-8",
    )
    names = ("rights", "units", "items", "outlets", "sharing_rules")
    done = await load(books, *(tmp_path / f"{name}.csv" for name in names))
    assert (done.entries, done.changed) == (6, 6)
    rights = await books.store.scan(lambda tx: catalogue.rights_of(tx, "0107"))
    assert rights == [
        UnitItem("0107", "103043211", "20260101"),
        UnitItem("0107", "9", "20260101"),
    ]
    item = await books.store.read(lambda tx: catalogue.item(tx, "9"))
    assert isinstance(item, Item)
    assert (item.standard_low, item.standard_high, item.entrusted) == (100, 200, 1)
    unit = await books.store.read(lambda tx: catalogue.unit(tx, "0107"))
    assert isinstance(unit, Unit)
    assert unit.name == "新单位"
    rule = await books.store.read(lambda tx: catalogue.sharing_rule(tx, "9", "20261231"))
    assert [part.parts for part in rule] == [4000, 6000]
    assert await books.store.read(lambda tx: catalogue.sharing_rule(tx, "9", "20270101")) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("moons.csv", "code\n1\n", "the name says no table"),
        ("units.csv", "code,name\n1\n", "units.csv:2: units: the row has not as many cells"),
        ("units.csv", "code,name\n1,a,b\n", "units: the row has not as many cells"),
        ("units.csv", 'code,name\n"1\n', "not CSV"),
        ("units.csv", b"\xff\xff", "neither UTF-8 nor GBK"),
        ("items.csv", "code,name,income_subject,start\n1,a,2,2026-1-1\n", "must be a date"),
        ("sharing_rules.csv", "item,start,target,share\n9,2026-01-01,county,x\n", "whole number"),
        ("units.xml", "<units/>", "is neither .toml nor .csv"),
    ],
)
async def test_wrong_csv(
    books: Any, tmp_path: Path, name: str, text: str | bytes, fault: str
) -> None:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert fault in await refused(books, file)


async def test_the_default_account_can_be_handed_over(books: Any, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    original = (books.config.directory / "catalogue.toml").read_text("utf-8")
    old = original[original.index('[[accounts]]\nnumber = "32001000000000000018"') :]
    old = old[: old.index("\n\n")]
    file.write_text(
        old.replace("start = 2020-01-01", "start = 2020-01-01\nstop = 2025-12-31")
        + "\n"
        + ACCOUNT
        + "default = true\n",
        "utf-8",
    )
    await load(books, file)
    found = await books.store.scan(lambda tx: catalogue.entries(tx, Account))
    assert sum(account.is_default for account in found) == 2


async def test_a_missing_file_is_an_error_of_the_system(books: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await load(books, tmp_path / "none.toml")


async def test_region_levels_may_be_numbers_or_texts(books: Any, tmp_path: Path) -> None:
    file = tmp_path / "regions.csv"
    file.write_text("code,name,level,start\n320600,示例地区,3,2026-01-01\n", "utf-8")
    await load(books, file)
    found = await books.store.scan(lambda tx: catalogue.entries(tx, Region))
    assert [(region.code, region.level) for region in found] == [("320600", "3"), ("320682", "4")]
