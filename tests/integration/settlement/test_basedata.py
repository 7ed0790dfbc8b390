"""Base data to banks and the platform: what is told, in packs, once; what is lost is told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from nontax.gateway.basedata.entries import Kind
from nontax.gateway.basedata.push import PushRefused, targets
from nontax.gateway.outbox import Terms, operate
from nontax.gateway.outbox.operate import NotPossible
from nontax.gateway.store import basedata
from nontax.gateway.store.entries import Region, Unit
from nontax.simulators.scenario import Behaviour, Rule

from ..flows.conftest import BANK, ELSEWHERE, OTHER, PLATFORM, REGION, SCHOOL, UNIT, Offices
from .telling import ACCOUNTS, SECTIONS, Telling, account, telling


@pytest.fixture
async def site(offices: Offices) -> AsyncIterator[Telling]:
    async with telling(offices) as made:
        yield made


async def every_pack(site: Telling, subject: str) -> list[dict[str, Any]]:
    return site.office.books.rows("outbox", subject=subject)


# -- what is told ----------------------------------------------------------------------------------


async def test_a_bank_is_told_of_accounts_in_packs_and_in_order(site: Telling) -> None:
    batch = await site.batch()
    assert (batch.mode, batch.entries, batch.packs, batch.state) == ("full", 5, 3, "queued")
    await site.deliver()
    packs = site.told(BANK, "5952")
    assert [(pack.PackNo, pack.PackCount, pack.TotalCount) for pack in packs] == [
        (1, 3, 5),
        (2, 3, 5),
        (3, 3, 5),
    ]
    assert {pack.BatchNo for pack in packs} == {batch.batch_no}
    details = [detail for pack in packs for detail in pack.DetailList]
    assert [detail.AcctNo for detail in details] == ACCOUNTS
    first = details[0]
    assert (first.AcctType, first.AcctName, first.BankCode) == ("1", "示例市财政局", "0105")
    assert (first.BankNo, first.StartDate, first.StopDate) == ("105306500018", "20200101", "")
    # All are there; the receipt is waited for.
    assert (await site.now(batch)).state == "acknowledged"
    deadlines = [row["result_deadline"] for row in await every_pack(site, batch.batch_no)]
    assert deadlines == [site.office.clock.now_ms() + 3_600_000] * 3


async def test_a_bank_is_told_of_regions_and_of_accounts_that_it_keeps(site: Telling) -> None:
    await site.push(BANK, None)
    await site.push(OTHER, None)
    await site.deliver()
    [regions] = site.told(BANK, "5953")
    assert (regions.NodeCode, regions.NodeName) == ("F320682", "示例市财政局")
    assert [(d.AdmDivCode, d.AdmDivName, d.StartDate) for d in regions.DetailList] == [
        (REGION, "示例市", "20200101")
    ]
    [supervised] = site.told(BANK, "5981")
    [detail] = supervised.DetailList
    assert (detail.ChgAgenCode, detail.AcctNo) == (SCHOOL, "32001000000000000067")
    assert detail.ChgAgenName == "示例市第一高级中学"
    # The other bank does not keep it, and is told of all fiscal accounts of the region.
    assert site.told(OTHER, "5981") == []
    told = [d.AcctNo for pack in site.told(OTHER, "5952") for d in pack.DetailList]
    assert told == ACCOUNTS
    states = {row["state"] for row in site.office.books.rows("base_data_batches", number="5953")}
    assert states == {"succeeded"}


async def test_the_platform_is_told_of_units_items_accounts_and_clearing_banks(
    site: Telling,
) -> None:
    outcomes = await site.push(PLATFORM, None)
    await site.deliver()
    packs = site.told(PLATFORM, "5955")
    assert {pack.SyncMode for pack in packs} == {"1"}
    kinds = [(pack.Kind, pack.PackNo, pack.PackCount) for pack in packs]
    assert kinds == [
        ("1", 1, 2),
        ("1", 2, 2),
        ("2", 1, 2),
        ("2", 2, 2),
        ("3", 1, 3),
        ("3", 2, 3),
        ("3", 3, 3),
        ("4", 1, 1),
    ]
    units = [detail for pack in packs if pack.Kind == "1" for detail in pack.DetailList]
    estate = units[1]
    assert (estate.Code, estate.ParentCode) == ("0105204", "0104901")
    assert estate.Extra == "区划=320682|统一社会信用代码=123206820000000002"
    items = {d.Code: d.Extra for pack in packs if pack.Kind == "2" for d in pack.DetailList}
    assert items["103042750"].endswith("标准类型=金额上下限|标准下限=100.00|标准上限=5000.00")
    [first, *_] = [d for pack in packs if pack.Kind == "3" for d in pack.DetailList]
    assert (first.Code, first.ParentCode, first.BankName) == (
        ACCOUNTS[0],
        "0105",
        "中国建设银行示例支行",
    )
    assert "用途=收款" in first.Extra
    [clearing] = [d for pack in packs if pack.Kind == "4" for d in pack.DetailList]
    assert (clearing.Code, clearing.Extra) == ("Q3200000105", "内部账户=32009000000000000034")
    for outcome in outcomes:
        assert outcome.batch is not None
        assert (await site.now(outcome.batch)).state == "succeeded"


async def test_accounts_of_other_regions_are_not_told(site: Telling) -> None:
    await site.change(
        Region(ELSEWHERE, "别处", "20200101"), account("32000000000000000001", region=ELSEWHERE)
    )
    batch = await site.batch()
    assert batch.entries == len(ACCOUNTS)


async def test_dates_go_with_the_entries(site: Telling) -> None:
    await site.change(
        account("1000", start_date="20200101", stop_date="20251231"),
        account("2000", start_date="20300101"),
        Unit("0900", "旧单位", REGION, "20200101", "20251231"),
    )
    await site.push(BANK, Kind.ACCOUNTS)
    await site.push(PLATFORM, Kind.UNITS)
    await site.deliver()
    told = {d.AcctNo: d for pack in site.told(BANK, "5952") for d in pack.DetailList}
    assert (told["1000"].StartDate, told["1000"].StopDate) == ("20200101", "20251231")
    assert (told["2000"].StartDate, told["2000"].StopDate) == ("20300101", "")
    units = {d.Code: d for pack in site.told(PLATFORM, "5955") for d in pack.DetailList}
    assert units["0900"].StopDate == "20251231"


# -- what is told again ----------------------------------------------------------------------------


async def test_nothing_new_sends_nothing_unless_in_full(site: Telling) -> None:
    first = await site.batch()
    # It may still be under way: a second push must not send it twice.
    [outcome] = await site.push()
    assert (outcome.batch, outcome.listed) == (None, 5)
    await site.deliver()
    [outcome] = await site.push()
    assert outcome.batch is None
    again = await site.batch(full=True)
    assert (again.digest, again.mode) == (first.digest, "full")
    await site.deliver()
    assert len(site.told(BANK, "5952")) == 6


async def test_a_changed_account_is_told_with_the_whole_list(site: Telling) -> None:
    first = await site.batch()
    await site.change(account(ACCOUNTS[0], name="示例市财政局(新)", is_default=1))
    second = await site.batch()
    assert (second.mode, second.entries) == ("full", 5)
    assert second.digest != first.digest
    await site.deliver()
    assert [pack.BatchNo for pack in site.told(BANK, "5952")] == (
        [first.batch_no] * 3 + [second.batch_no] * 3
    )


async def test_the_platform_is_told_of_changed_units_alone(site: Telling) -> None:
    await site.batch(PLATFORM, Kind.UNITS)
    await site.change(Unit("0900", "新单位", REGION, "20260101"))
    second = await site.batch(PLATFORM, Kind.UNITS)
    assert (second.mode, second.entries, second.packs) == ("changes", 1, 1)
    await site.change(Unit("0900", "新单位", REGION, "20260101", "20261231"))
    third = await site.batch(PLATFORM, Kind.UNITS)
    assert (third.mode, third.entries) == ("changes", 1)
    await site.deliver()
    *_, added, stopped = site.told(PLATFORM, "5955")
    assert (added.SyncMode, [d.Code for d in added.DetailList]) == ("2", ["0900"])
    assert stopped.DetailList[0].StopDate == "20261231"
    [outcome] = await site.push(PLATFORM, Kind.UNITS)
    assert outcome.batch is None


async def test_what_has_left_a_list_takes_a_whole_one(site: Telling) -> None:
    await site.batch(PLATFORM, Kind.UNITS)
    await site.change(
        Region(ELSEWHERE, "别处", "20200101"), Unit("0105204", "移走", ELSEWHERE, "20200101")
    )
    batch = await site.batch(PLATFORM, Kind.UNITS)
    assert (batch.mode, batch.entries) == ("full", 2)


async def test_lost_answers_are_repeated_with_the_same_pack(site: Telling) -> None:
    script = site.office.nodes[BANK].script
    script.add(Rule(number="5952", nth=2, do=Behaviour(ending="close")))
    batch = await site.batch()
    await site.deliver()
    assert (await site.now(batch)).state == "sent"
    site.office.clock.advance(seconds=10)
    await site.deliver()
    assert [pack.PackNo for pack in site.told(BANK, "5952")] == [1, 2, 2, 3]
    ids = [request.head.msg_id for request in site.office.nodes[BANK].of("5952")]
    assert ids[1] == ids[2]
    assert (await site.now(batch)).state == "acknowledged"


async def test_a_refused_pack_fails_its_batch_and_goes_again(site: Telling) -> None:
    site.answers[BANK] = ["00000", "10002"]
    batch = await site.batch()
    await site.deliver()
    failed = await site.now(batch)
    assert failed.state == "failed"
    assert failed.information.startswith("failed: 10002")
    assert site.office.books.kinds(batch.batch_no) == ["basedata.queued", "basedata.failed"]
    resent = await site.resend(batch.batch_no)
    assert (resent.batch_no, resent.state, resent.information) == (batch.batch_no, "sent", "")
    await site.deliver()
    assert [pack.PackNo for pack in site.told(BANK, "5952")] == [1, 2, 3, 2]
    assert (await site.now(batch)).state == "acknowledged"
    with pytest.raises(PushRefused, match="it is acknowledged"):
        await site.resend(batch.batch_no)


async def test_a_push_tells_again_what_failed(site: Telling) -> None:
    site.answers[PLATFORM] = ["00000", "10002"]
    first = await site.batch(PLATFORM, Kind.UNITS)
    await site.deliver()
    assert (await site.now(first)).state == "failed"
    # A whole list that arrived in part is no base for changes.
    second = await site.batch(PLATFORM, Kind.UNITS)
    assert (second.mode, second.entries) == ("full", 3)
    with pytest.raises(PushRefused, match=f"{second.batch_no} was told after it"):
        await site.resend(first.batch_no)


async def test_a_failed_change_is_told_again_as_a_change(site: Telling) -> None:
    await site.batch(PLATFORM, Kind.UNITS)
    await site.deliver()
    await site.change(Unit("0900", "新单位", REGION, "20260101"))
    site.answers[PLATFORM] = ["10002"]
    await site.batch(PLATFORM, Kind.UNITS)
    await site.deliver()
    again = await site.batch(PLATFORM, Kind.UNITS)
    assert (again.mode, again.entries) == ("changes", 1)
    await site.deliver()
    [outcome] = await site.push(PLATFORM, Kind.UNITS)
    assert outcome.batch is None


async def test_an_old_list_is_never_sent_behind_a_new_one(site: Telling) -> None:
    site.answers[BANK] = ["10002"]
    old = await site.batch(BANK, Kind.REGIONS)
    await site.deliver()
    new = await site.batch(BANK, Kind.REGIONS)
    [row] = await every_pack(site, old.batch_no)
    terms = Terms.from_config(site.office.config.outbox)
    for _ in range(2):
        with pytest.raises(NotPossible, match=f"{new.batch_no} was told after it"):
            await site.office.transact(
                lambda tx: operate.requeue(
                    tx, row["id"], operator="maker1", reason="x", at=1, terms=terms
                )
            )
    [row] = await every_pack(site, old.batch_no)
    assert row["state"] == "failed"


async def test_an_operator_requeues_the_last_list(site: Telling) -> None:
    site.answers[BANK] = ["10002"]
    batch = await site.batch(BANK, Kind.REGIONS)
    await site.deliver()
    [row] = await every_pack(site, batch.batch_no)
    terms = Terms.from_config(site.office.config.outbox)
    now = site.office.clock.now_ms()
    await site.office.transact(
        lambda tx: operate.requeue(
            tx, row["id"], operator="maker1", reason="x", at=now, terms=terms
        )
    )
    assert (await site.now(batch)).state == "queued"
    await site.deliver()
    assert (await site.now(batch)).state == "succeeded"


async def test_what_expires_or_is_dropped_has_failed(site: Telling) -> None:
    site.answers[BANK] = ["10006"] * 9
    expired = await site.batch(BANK, Kind.REGIONS)
    dropped = await site.batch(BANK, Kind.UNIT_ACCOUNTS)
    [row] = await every_pack(site, dropped.batch_no)
    await site.office.transact(
        lambda tx: operate.drop(tx, row["id"], operator="maker1", reason="x", at=1)
    )
    assert (await site.now(dropped)).information == "dropped: by maker1"
    await site.deliver()
    site.office.clock.advance(seconds=3601)
    await site.deliver()
    for batch in (expired, dropped):
        assert (await site.now(batch)).state == "failed"
    site.answers[BANK] = []
    assert (await site.resend(dropped.batch_no)).state == "queued"
    assert (await site.resend(expired.batch_no)).batch_no == expired.batch_no
    await site.deliver()
    for batch in (expired, dropped):
        assert (await site.now(batch)).state == "succeeded"


async def test_a_lost_message_is_told_under_a_new_number(site: Telling) -> None:
    """The dead letter was pruned: there is nothing to requeue."""
    site.answers[BANK] = ["10002"]
    batch = await site.batch(BANK, Kind.REGIONS)
    await site.deliver()
    await site.office.transact(lambda tx: tx.run("DELETE FROM outbox"))
    again = await site.resend(batch.batch_no)
    assert again.batch_no != batch.batch_no
    await site.deliver()
    assert (await site.now(again)).state == "succeeded"


async def test_a_restart_goes_on(site: Telling) -> None:
    batch = await site.batch()
    await site.office.stop()
    await site.office.start()
    [outcome] = await site.push()
    assert outcome.batch is None
    await site.deliver()
    assert [pack.PackNo for pack in site.told(BANK, "5952")] == [1, 2, 3]
    assert (await site.now(batch)).state == "acknowledged"


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "kind", "problem"),
    [
        ("D3206829999", None, "is no peer"),
        (UNIT, None, "is a unit node"),
        ("Q3200000105", None, "is a clearing node"),
        (PLATFORM, Kind.REGIONS, "is not told of regions, but of units, items"),
        (BANK, Kind.UNITS, "is not told of units"),
    ],
)
async def test_nodes_that_are_not_told(
    site: Telling, node: str, kind: Kind | None, problem: str
) -> None:
    with pytest.raises(PushRefused, match=problem):
        targets(site.data().peers, node=node, kind=kind)


async def test_nodes_that_cannot_be_reached_are_left_out(offices: Offices) -> None:
    async with telling(offices, {BANK: {"enabled": False}}) as site:
        peers = site.data().peers
        assert BANK not in {target.peer.code for target in targets(peers)}
        with pytest.raises(PushRefused, match="is disabled"):
            targets(peers, node=BANK)


async def test_one_entry_that_cannot_be_told_holds_up_everything(site: Telling) -> None:
    long = "9" * 31  # too long for the platform, not for banks
    await site.change(account(long))
    with pytest.raises(PushRefused) as refused:
        await site.push(PLATFORM, None)
    [fault] = refused.value.faults
    assert str(fault).startswith("G000001: accounts ****9999: Code: ")
    assert long not in str(fault)
    assert site.office.books.rows("base_data_batches") == []
    assert (await site.batch(BANK)).entries == 6


async def test_text_outside_a_nodes_charset_is_named(site: Telling) -> None:
    await site.change(Unit("0900", "𠮷祥所", REGION, "20200101"))
    with pytest.raises(PushRefused, match=r"units 0900: Name: GBK of G000001 cannot carry '𠮷'"):
        await site.push(PLATFORM, Kind.UNITS)
    assert site.office.books.rows("outbox", number="5955") == []


async def test_a_separator_within_a_fact_is_refused(site: Telling) -> None:
    await site.change(Unit("0900", "某单位", REGION, "20200101", credit_code="1|2"))
    with pytest.raises(PushRefused, match=r"0900: Extra: 统一社会信用代码 has a '\|'"):
        await site.push(PLATFORM, Kind.UNITS)


async def test_a_region_that_the_catalogue_lacks_is_named(offices: Offices) -> None:
    regions = {"node": {"regions": [REGION, ELSEWHERE]}}
    site = Telling(await offices(SECTIONS | regions, {}, delivering=True))
    with pytest.raises(PushRefused, match=f"regions {ELSEWHERE}: .* the catalogue has no such"):
        await site.push(BANK, None)


async def test_an_unknown_batch_is_not_sent_again(site: Telling) -> None:
    with pytest.raises(PushRefused, match="no such batch"):
        await site.resend("JC20260101000001")


async def test_an_empty_list_is_no_message(site: Telling) -> None:
    [outcome] = await site.push(OTHER, Kind.UNIT_ACCOUNTS, full=True)
    assert (outcome.batch, outcome.listed) == (None, 0)


async def test_two_at_once_tell_once(site: Telling) -> None:
    """Both looked before either wrote: the second looks again."""
    data = site.data()
    [target] = targets(data.peers, node=BANK, kind=Kind.ACCOUNTS)
    plans = [await data.plan(target) for _ in range(2)]
    done = [await data.queue(plan, actor="maker1") for plan in plans]
    assert [outcome.batch is None for outcome in done] == [False, True]
    batches = site.office.books.rows("base_data_batches")
    assert [row["batch_no"][-6:] for row in batches] == ["000001"]
    latest = await site.office.gateway.store.read(lambda tx: basedata.latest(tx, BANK, "accounts"))
    assert latest == done[0].batch
    # The number that was given back is the next one.
    await site.change(account("1000"))
    assert (await site.batch()).batch_no.endswith("000002")
