"""Runs of remittance: what is remitted, how it is divided, netted and grouped, and what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.peers import PeerDirectory, make_peer
from nontax.gateway.settlement import remittance as making
from nontax.gateway.store import (
    ConstraintViolated,
    catalogue,
    funds,
    income,
    payments,
    remittance,
    virtual_accounts,
)
from nontax.gateway.store.entries import Account, Item, Target, Treasury, UnitItem
from nontax.gateway.store.income import Income
from nontax.gateway.store.protocol import Transaction

from .clearing_site import BANK, DAY, LAND_FEE, NEXT_DAY, OTHER, PLATFORM, RECLAIM, TUITION
from .remit_site import (
    ACCOUNT,
    CENTRAL,
    COUNTY,
    ESTATE,
    OTHER_ACCOUNT,
    PROVINCE,
    SCHOOL,
    RemitSite,
    opened_site,
)


@pytest.fixture
async def site(sample_template: Path, tmp_path: Path) -> AsyncIterator[RemitSite]:
    async with opened_site(sample_template, tmp_path / "site") as opened:
        yield opened
        opened.check_books()


# -- what goes out --------------------------------------------------------------------------------


async def test_direct_money_goes_to_the_treasury_of_each_level_a_line_an_item(
    site: RemitSite,
) -> None:
    first = await site.pay((LAND_FEE, 8000))
    second = await site.pay((LAND_FEE, 1))
    report = await site.remit()
    assert (report.confirmed, report.divided, report.total) == (2, 2, 8001)
    assert report.faults == []
    central, county, province = site.orders()
    assert [order.TreCode for order in (central, county, province)] == [CENTRAL, COUNTY, PROVINCE]
    assert [order.TotalAmt for order in (central, county, province)] == [800, 5601, 1600]
    assert (central.RemitNo, central.RemitDate) == ("JK2026030300000001", NEXT_DAY)
    assert (central.RemitType, central.RemitMode, central.FinOrgCode) == ("1", "1", "F320682")
    assert (central.PayAcct, central.PayAcctName) == (ACCOUNT, "示例市财政局")
    assert (central.RecAcct, central.RecName) == ("270000000000000001", "国家金库总库")
    [line] = central.DetailList
    assert (line.LineNo, line.BgtLevel, line.IncomeSortCode) == (1, "1", LAND_FEE)
    assert (line.PayCode, line.PayerName) == (first.pay_code, "张三")
    assert (line.ChgAgenCode, line.ChgAgenName, line.Amt) == ("0104901", "示例市自然资源局", 800)
    # 0.01 goes to the county: 0.1, 0.2 and 0.7 of a fen.
    assert [(x.LineNo, x.PayCode, x.Amt) for x in county.DetailList] == [
        (1, first.pay_code, 5600),
        (2, second.pay_code, 1),
    ]
    assert county.Count == 2
    [row] = site.rows("outbox", f"subject = '{central.RemitNo}'")
    assert (row["peer"], row["money"], row["adm_div_code"]) == (BANK, 1, "320682")
    assert site.kinds(central.RemitNo) == ["remittance.queued"]


async def test_consolidated_money_is_grouped_by_subject_level_and_unit(site: RemitSite) -> None:
    await site.catalogue(UnitItem(ESTATE, RECLAIM, "20200101"))
    for amt in (10_000, 20_000):
        await site.pay((RECLAIM, amt))
    other = await site.pay((RECLAIM, 300), unit=ESTATE)
    await site.confirm(other.pay_code)
    await site.remit()
    county, province = site.orders()
    assert {county.RemitMode, province.RemitMode} == {"2"}
    assert [(x.ChgAgenCode, x.PayCode, x.PayerName, x.Amt) for x in county.DetailList] == [
        ("0104901", "", "", 6667 + 13334),
        ("0105204", "", "", 200),
    ]
    assert [x.Amt for x in province.DetailList] == [3333 + 6666, 100]
    assert county.DetailList[0].ItemCode == RECLAIM
    assert county.DetailList[0].IncomeSortCode == "103042908"


async def test_items_of_one_subject_are_one_line_named_after_the_larger(site: RemitSite) -> None:
    item = await site.store.read(lambda tx: catalogue.item(tx, RECLAIM))
    await site.catalogue(replace(item, code="320600000009", name="土地复垦费(其他)"))
    await site.rule("320600000009", ("county", 10_000))
    await site.rule(RECLAIM, ("county", 10_000))
    await site.pay((RECLAIM, 100), ("320600000009", 101))
    await site.remit()
    [order] = site.orders()
    [line] = order.DetailList
    assert (line.ItemCode, line.Amt, line.IncomeSortCode) == ("320600000009", 201, "103042908")


async def test_one_bill_may_be_direct_and_consolidated(site: RemitSite) -> None:
    await site.pay((LAND_FEE, 1000), (RECLAIM, 500), (LAND_FEE, 10))
    await site.remit()
    modes = {(order.RemitMode, order.TreCode): order.TotalAmt for order in site.orders()}
    assert modes == {
        ("1", CENTRAL): 101,
        ("1", PROVINCE): 202,
        ("1", COUNTY): 707,
        ("2", PROVINCE): 167,
        ("2", COUNTY): 333,
    }
    # The item stands on the bill twice and is one line.
    assert {order.Count for order in site.orders()} == {1}


async def test_each_account_has_its_own_bank(site: RemitSite) -> None:
    await site.pay((TUITION, 10_000), rec_acct=OTHER_ACCOUNT, src=PLATFORM)
    await site.pay((TUITION, 20_000))
    await site.remit()
    paid = {(row["peer"]): order for row, order in
            zip(site.rows("outbox", "number = '5618'"), site.orders(), strict=True)}  # fmt: skip
    assert paid[OTHER].PayAcct == OTHER_ACCOUNT
    assert paid[BANK].TotalAmt == 20_000


async def test_money_goes_to_an_account_where_the_target_is_no_treasury(site: RemitSite) -> None:
    await site.catalogue(Target("special", "4", "1", "3209", "专户", "某行", "1", "20200101"))
    await site.rule(TUITION, ("special", 10_000))
    await site.pay((TUITION, 500))
    await site.remit()
    [order] = site.orders()
    assert (order.RemitType, order.TreCode, order.RecAcct) == ("2", "", "3209")


async def test_money_that_lies_where_it_belongs_is_not_moved(site: RemitSite) -> None:
    await site.catalogue(Target("here", "4", "1", ACCOUNT, "专户", "某行", "1", "20200101"))
    await site.rule(TUITION, ("here", 6000), ("province", 4000))
    await site.pay((TUITION, 500))
    await site.remit()
    [order] = site.orders()
    assert (order.TreCode, order.TotalAmt) == (PROVINCE, 200)


async def test_money_behind_a_virtual_account_is_the_account_s(site: RemitSite) -> None:
    pool = await site.store.read(lambda tx: virtual_accounts.pool_of(tx, "6217000000100005"))
    assert pool is not None
    assert pool.acct_no == ACCOUNT
    await site.pay((TUITION, 500), rec_acct="6217000000100005")
    await site.remit()
    assert [order.PayAcct for order in site.orders()] == [ACCOUNT]


async def test_late_fees_go_with_the_items_or_under_their_own(site: RemitSite) -> None:
    await site.rule(LAND_FEE, ("county", 10_000))
    await site.pay((LAND_FEE, 100), delay=10)
    await site.remit()
    assert [order.TotalAmt for order in site.orders()] == [110]
    fee = Item("103050101", "滞纳金", "20200101", income_subject="103050101")
    await site.catalogue(fee)
    await site.rule(fee.code, ("province", 10_000))
    await site.store.transact(
        lambda tx: catalogue.set_delay_item(tx, fee.code, actor="maker1", at=1)
    )
    await site.pay((LAND_FEE, 100), delay=10)
    await site.remit()
    later = site.orders()[1:]
    assert sorted((x.TreCode, x.TotalAmt) for x in later) == [(PROVINCE, 10), (COUNTY, 100)]


async def test_long_groups_are_several_remittances(
    site: RemitSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_PARTS", {"direct": 3})
    await site.rule(LAND_FEE, ("county", 10_000))
    for amt in range(1, 8):
        await site.pay((LAND_FEE, amt))
    report = await site.remit()
    assert [order.Count for order in site.orders()] == [3, 3, 1]
    assert report.total == 28
    assert len({order.RemitNo for order in site.orders()}) == 3


# -- what does not --------------------------------------------------------------------------------


async def test_running_again_does_nothing(site: RemitSite) -> None:
    await site.pay((LAND_FEE, 8000))
    await site.remit()
    before = len(site.rows("journal"))
    report = await site.remit()
    assert (report.confirmed, report.divided, report.made, report.faults) == (0, 0, [], [])
    assert len(site.rows("journal")) == before


@pytest.mark.parametrize(
    ("changes", "remitted"),
    [
        ({"rec_acct_type": "1"}, True),
        ({"rec_acct_type": "2"}, True),
        ({"rec_acct_type": "6"}, True),
        ({"rec_acct_type": "3", "rec_acct": ""}, False),
        ({"rec_acct_type": "4"}, False),
        ({"rec_acct_type": "5"}, False),
        ({"rec_acct": "32009000000000000034"}, False),
    ],
)
async def test_only_money_on_the_region_s_accounts_is_remitted(
    site: RemitSite, changes: dict[str, str], remitted: bool
) -> None:
    payment = await site.pay((LAND_FEE, 8000), **changes)
    report = await site.remit()
    assert report.confirmed == 1
    assert await site.bill_state(payment.pay_code) == "confirmed"
    assert bool(site.orders()) is remitted
    assert not report.faults


async def test_duplicates_are_no_income(site: RemitSite) -> None:
    paid = await site.pay((LAND_FEE, 8000))
    twice = replace(paid, id=0, tra_no_bus="AGAIN", duplicate=1)
    number = await site.store.transact(lambda tx: payments.insert(tx, twice))
    await site.remit()
    assert site.remitted() == 8000
    other = await site.pay((LAND_FEE, 1))
    for payment_id, pay_code in ((number, other.pay_code), (other.id, paid.pay_code)):
        forged = Income(payment_id, pay_code, "SJ1", DAY, 1, "maker1")
        with pytest.raises(ConstraintViolated):
            await site.store.transact(partial(income.insert, income=forged))


async def test_a_unit_that_confirms_itself_is_waited_for(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000), unit=ESTATE)
    assert (await site.remit()).confirmed == 0
    assert site.orders() == []
    await site.confirm(payment.pay_code, ESTATE)
    assert (await site.remit()).total == 8000


async def test_money_that_is_not_ready_is_waited_for(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    for wait_for in ("arrival", "reconciliation"):
        assert (await site.remit(wait_for)).total == 0
    await site.store.transact(lambda tx: funds.arrived(tx, payment.id, DAY, None))
    assert (await site.remit("reconciliation")).total == 0
    assert (await site.remit("arrival")).total == 8000


async def test_a_run_can_be_narrowed(site: RemitSite) -> None:
    await site.pay((TUITION, 100))
    await site.pay((TUITION, 20), src=PLATFORM)
    await site.pay((TUITION, 3), cfm_date=NEXT_DAY)
    await site.pay((RECLAIM, 4000), unit=SCHOOL)
    assert (await site.remit(src=PLATFORM)).total == 20
    assert (await site.remit(cfm_date=NEXT_DAY)).total == 3
    assert (await site.remit(units=frozenset({SCHOOL}))).total == 4000
    assert (await site.remit()).total == 100


# -- refunds --------------------------------------------------------------------------------------


async def test_succeeded_refunds_are_netted(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 8000))
    await site.refund(payment, 800)
    await site.refund(payment, 1, state="failed")
    await site.refund(payment, 2, state="rejected")
    await site.remit()
    assert sorted((x.TreCode, x.TotalAmt) for x in site.orders()) == [
        (CENTRAL, 720),
        (PROVINCE, 1440),
        (COUNTY, 5040),
    ]


async def test_a_living_refund_holds_its_payment_back(site: RemitSite) -> None:
    await site.remit()
    payment = await site.pay((LAND_FEE, 8000))
    other = await site.pay((LAND_FEE, 100))
    await site.confirm(payment.pay_code)
    refund = await site.refund(payment, 8000, state="sent")
    report = await site.remit()
    assert report.total == 100
    assert {x.PayCode for order in site.orders() for x in order.DetailList} == {other.pay_code}
    await site.refund_ends(refund, "failed")
    assert (await site.remit()).total == 8000


async def test_what_was_paid_back_in_full_is_neither_income_nor_remitted(site: RemitSite) -> None:
    before = await site.pay((LAND_FEE, 8000))
    await site.refund(before, 8000)
    after = await site.pay((LAND_FEE, 100))
    await site.confirm(after.pay_code)
    await site.refund(after, 100)
    report = await site.remit()
    assert (report.made, site.orders()) == ([], [])
    assert await site.bill_state(before.pay_code) == "paid"
    assert site.open_dues() == {}


async def test_rounding_of_refunds_never_takes_more_than_there_is(site: RemitSite) -> None:
    # A refund of 2 of 3 fen by three equal parts takes its fen from other parts than the payment
    # gave its own to; nothing is lost and nothing is remitted below 0.
    await site.rule(LAND_FEE, ("central", 3334), ("province", 3333), ("county", 3333))
    for paid in range(1, 12):
        for back in range(1, paid):
            payment = await site.pay((LAND_FEE, paid))
            await site.refund(payment, back)
    await site.remit()
    left = {}
    for row in site.rows("remittance_parts"):
        left[row["payment_id"]] = left.get(row["payment_id"], 0) + row["amt"]
        assert row["amt"] > 0
    paid_back = {row["payment_id"]: row["amt"] for row in site.rows("refunds")}
    paid = {row["id"]: row["amt"] for row in site.rows("payments")}
    assert left == {number: paid[number] - back for number, back in paid_back.items()}


# -- rules ----------------------------------------------------------------------------------------


async def test_the_rule_of_the_day_of_payment_holds_for_ever(site: RemitSite) -> None:
    await site.rule(LAND_FEE, ("province", 10_000), start="20260303")
    old = await site.pay((LAND_FEE, 1000))
    await site.pay((LAND_FEE, 500), cfm_date=NEXT_DAY)
    await site.remit()
    assert {(x.TreCode, x.TotalAmt) for x in site.orders()} == {
        (CENTRAL, 100),
        (PROVINCE, 200 + 500),
        (COUNTY, 700),
    }
    # A rule that is changed afterwards changes nothing that was divided, also when it is released.
    await site.rule(LAND_FEE, ("county", 10_000))
    failed = next(order for order in site.orders() if order.TreCode == CENTRAL)
    await site.told(failed.RemitNo, 100, Result="99999", TraNo="")
    await site.remit()
    again = site.orders()[-1]
    assert (again.TreCode, again.TotalAmt) == (CENTRAL, 100)
    assert again.DetailList[0].PayCode == old.pay_code


# -- what is wrong --------------------------------------------------------------------------------


async def test_money_that_cannot_be_divided_is_named_and_the_rest_goes_on(site: RemitSite) -> None:
    unknown = await site.pay(("999", 50))
    elsewhere = await site.pay((LAND_FEE, 60), rec_acct="77")
    early = await site.pay((LAND_FEE, 70), cfm_date="20191231")
    await site.pay((TUITION, 100))
    await site.catalogue(Account(ACCOUNT, "320682", "collection", "20190101", "20191231",
                                 bank_code="0105"))  # fmt: skip
    report = await site.remit()
    assert {(one.subject, one.what) for one in report.faults} == {
        (unknown.pay_code, "item 999 has no sharing rule (分成规则) for 20260302"),
        (elsewhere.pay_code, "the account that it was paid to is not in the catalogue"),
        (early.pay_code, f"item {LAND_FEE} has no sharing rule (分成规则) for 20191231"),
    }
    assert report.total == 100
    # It is tried again, and goes when the catalogue has been mended.
    await site.catalogue(Item("999", "其他", "20200101", income_subject="999"))
    await site.rule("999", ("county", 10_000))
    report = await site.remit()
    assert len(report.faults) == 2
    assert report.total == 50


async def test_a_level_without_treasury_is_named_and_the_others_go(site: RemitSite) -> None:
    await site.catalogue(Treasury(CENTRAL, "国家金库总库", "320682", "1", "20200101", "20260301"))
    await site.pay((LAND_FEE, 1000))
    report = await site.remit()
    [fault] = report.faults
    assert str(fault) == (
        "0105 to central: the catalogue has no treasury (国库) of level 1 for region 320682"
    )
    assert report.total == 900
    await site.catalogue(Treasury("0001", "国家金库总库", "320682", "1", "20200101"))
    assert (await site.remit()).total == 100
    assert site.orders()[-1].TreCode == "0001"


async def test_an_account_whose_bank_is_no_peer(site: RemitSite) -> None:
    await site.pay((TUITION, 1000))
    everybody = site.peers
    site.use(
        PeerDirectory(
            replace(make_peer(peer), enabled=peer.code != BANK) for peer in site.config.peers
        )
    )
    [fault] = (await site.remit()).faults
    assert fault.what == "no enabled bank node ends in 0105 and acts for region 320682"
    site.use(everybody)
    assert (await site.remit()).total == 1000


async def test_a_rule_with_two_accounts_of_one_level_is_named(site: RemitSite) -> None:
    await site.catalogue(Target("special", "4", "1", "3209", "专户", "某行", "1", "20200101"))
    await site.rule(TUITION, ("special", 5000), ("county", 5000))
    await site.pay((TUITION, 500))
    [fault] = (await site.remit()).faults
    assert "level 4 to two accounts, special and county" in fault.what


async def test_a_bill_whose_items_are_not_what_was_paid(site: RemitSite) -> None:
    payment = await site.pay((TUITION, 500))
    await site.store.transact(
        lambda tx: tx.run("UPDATE bill_items SET amt = 499 WHERE pay_code = ?1", payment.pay_code)
    )
    [fault] = (await site.remit()).faults
    assert fault.what == "its items do not add up to the 5.00 paid"


async def test_a_payer_s_name_that_the_bank_cannot_read_is_left_out(site: RemitSite) -> None:
    payment = await site.pay((LAND_FEE, 1000))
    await site.store.transact(
        lambda tx: tx.run(
            "UPDATE bills SET payer_name = '𠮷田' WHERE pay_code = ?1", payment.pay_code
        )
    )
    assert (await site.remit()).total == 1000
    assert {line.PayerName for order in site.orders() for line in order.DetailList} == {""}


async def test_the_books_refuse_a_second_living_remittance(site: RemitSite) -> None:
    await site.pay((TUITION, 500))
    await site.remit()
    [row] = site.rows("remittances")
    first = await site.store.read(lambda tx: remittance.get(tx, row["id"]))
    lines = await site.store.read(lambda tx: remittance.lines(tx, row["id"]))
    parts = await site.store.read(lambda tx: remittance.parts(tx, row["id"]))
    second = replace(first, remit_no="JK2026030300000002")

    async def work(tx: Transaction) -> Any:
        return await remittance.insert(tx, second, lines, parts)

    with pytest.raises(ConstraintViolated):
        await site.store.transact(work)
    with pytest.raises(ValueError, match="total or count"):
        await site.store.transact(
            lambda tx: remittance.insert(tx, replace(second, total=1), lines, parts)
        )
    with pytest.raises(ConstraintViolated):  # dues are of confirmed income
        await site.store.transact(
            lambda tx: tx.run(
                "INSERT INTO income_dues VALUES (99, '1', '4', 'county', '320682', 'a', '0105',"
                " 'direct', '1', '0104901', 5, 1)"
            )
        )
