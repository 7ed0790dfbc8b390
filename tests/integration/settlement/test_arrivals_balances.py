"""2581: movements and balances of supervised unit accounts."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.simulators.identity import Received

from ..flows.conftest import (
    ACCOUNT,
    BANK,
    ELSEWHERE,
    LAND,
    OTHER,
    PLATFORM,
    SCHOOL,
    TODAY,
    TOMORROW,
    Office,
    Offices,
    code,
    untouched,
)
from ..flows.test_query import account
from .money import SCHOOL_ACCOUNT, counts, kept

LINES = (("L1", "1", "30.00"), ("L2", "1", "20.00"), ("L3", "2", "10.00"))


def detail(*lines: tuple[str, str, str], **changes: str) -> str:
    fields = {
        "ChgAgenCode": SCHOOL, "AcctNo": SCHOOL_ACCOUNT, "BeginBal": "100.00", "InAmt": "50.00",
        "OutAmt": "10.00", "EndBal": "140.00",
    } | changes  # fmt: skip
    text = "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items())
    listed = "".join(
        f"<Line><TraNo>{number}</TraNo><DcFlag>{flag}</DcFlag><Amt>{amt}</Amt>"
        "<OppName>家长甲</OppName><AddWord></AddWord></Line>"
        for number, flag, amt in lines
    )
    return f"<Detail>{text}<LineList>{listed}</LineList></Detail>"


async def told(office: Office, *details: str, src: str = BANK, **changes: str) -> Received:
    fields = {"CheckDate": TODAY, "AdmDivCode": "320682"} | changes
    listed = "".join(details or (detail(*LINES),))
    return await office.call(src, "2581", fields | {"DetailList": listed})


async def second_account(office: Office) -> str:
    entry = account("888", purpose="supervised", bank_code="0105", unit_code=LAND, acct_type="4")
    await office.catalogue(entry)
    return "888"


async def test_a_day_is_kept_with_its_movements(office: Office) -> None:
    answer = await told(office)
    assert (code(answer), office.answered_region) == ("00000", "320682")
    row = office.books.one("supervised_balances")
    assert (row["src"], row["check_date"], row["acct_no"]) == (BANK, TODAY, SCHOOL_ACCOUNT)
    assert (row["unit_code"], row["region"]) == (SCHOOL, "320682")
    amounts = [row[name] for name in ("begin_bal", "in_amt", "out_amt", "end_bal")]
    assert amounts == [10_000, 5000, 1000, 14_000]
    lines = office.books.rows("supervised_lines")
    assert [(line["tra_no"], line["dc_flag"], line["amt"]) for line in lines] == [
        ("L1", "1", 3000),
        ("L2", "1", 2000),
        ("L3", "2", 1000),
    ]
    assert office.books.kinds(f"supervised:{SCHOOL}:{TODAY}") == ["supervised.received"]
    assert office.books.archived("2581") == [("2581", f"{BANK}:{TODAY}", "00000")]


async def test_movements_may_be_left_out(office: Office) -> None:
    assert code(await told(office, detail())) == "00000"
    assert office.books.rows("supervised_lines") == []


async def test_the_same_day_again(office: Office) -> None:
    assert code(await told(office)) == "00000"
    before = counts(office)
    assert code(await told(office)) == "00000"
    assert counts(office) == before
    # Beside what is new it is no obstacle.
    other = await second_account(office)
    more = detail(ChgAgenCode=LAND, AcctNo=other)
    assert code(await told(office, detail(*LINES), more)) == "00000"
    assert len(office.books.rows("supervised_balances")) == 2


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (detail(*LINES, BeginBal="101.00", EndBal="141.00"), "BeginBal"),
        (detail(("L1", "1", "50.00"), ("L3", "2", "10.00")), "LineList/Line[1]/Amt"),
        (detail(("L9", "1", "30.00"), *LINES[1:]), "LineList/Line[1]/TraNo"),
        (detail(), "LineList"),
        (detail(*LINES, ("L4", "1", "0.00")), "LineList"),
    ],
)
async def test_another_content_is_10005(office: Office, changed: str, path: str) -> None:
    assert code(await told(office)) == "00000"
    other = await second_account(office)
    before = kept(office)
    answer = await told(office, detail(ChgAgenCode=LAND, AcctNo=other), changed)
    assert code(answer) == "10005"
    assert answer.information == f"DetailList/Detail[2]/{path}: 与已登记的收支余不一致"
    assert kept(office) == before


async def test_days_and_senders_are_apart(office: Office) -> None:
    assert code(await told(office)) == "00000"
    next_day = detail(BeginBal="140.00", InAmt="0.00", OutAmt="0.00", EndBal="140.00")
    assert code(await told(office, next_day, CheckDate=TOMORROW)) == "00000"
    assert office.notes() == []
    gap = detail(BeginBal="1.00", InAmt="0.00", OutAmt="0.00", EndBal="1.00")
    assert code(await told(office, gap, CheckDate="20260310")) == "00000"
    assert office.notes() == [f"unit {SCHOOL}: does not begin with the balance of {TOMORROW}"]


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (detail(EndBal="140.01"), "EndBal"),
        (detail(*LINES[:2]), "OutAmt"),
        (detail(*LINES[1:]), "InAmt"),
        (detail(("L1", "2", "50.00"), ("L3", "1", "10.00")), "InAmt"),
        (detail(BeginBal="9999999999999999.99"), "BeginBal"),
        (detail(BeginBal="10000000000001.00", EndBal="10000000000041.00"), "EndBal"),
        (detail(InAmt="-50.00", EndBal="40.00"), "InAmt"),
        (detail(AcctNo=""), "AcctNo"),
        (detail(ChgAgenCode=""), "ChgAgenCode"),
        (detail(("L1", "3", "50.00")), "LineList/Line[1]/DcFlag"),
        (detail(("", "1", "50.00")), "LineList/Line[1]/TraNo"),
    ],
)
async def test_what_does_not_add_up_is_10002(office: Office, wrong: str, path: str) -> None:
    good = detail(*LINES)
    with untouched(office):
        answer = await told(office, wrong)
        assert code(answer) == "10002"
        assert f"DetailList/Detail[1]/{path}: " in answer.information
        # Nothing of a message is taken when something of it is wrong.
        answer = await told(office, good, wrong.replace(SCHOOL_ACCOUNT, "1"))
        assert code(answer) == "10002"
        assert "DetailList/Detail[2]/" in answer.information
    assert office.books.rows("supervised_balances") == []


async def test_an_account_stands_in_a_message_once(office: Office) -> None:
    with untouched(office):
        answer = await told(office, detail(*LINES), detail(*LINES))
    assert (code(answer), answer.information) == (
        "10002",
        "DetailList/Detail[2]/AcctNo: 与第1条明细重复",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"AcctNo": ACCOUNT},
        {"AcctNo": "1"},
        {"ChgAgenCode": LAND},
    ],
)
async def test_accounts_that_are_not_supervised(office: Office, changes: dict[str, str]) -> None:
    with untouched(office):
        answer = await told(office, detail(**changes))
    assert code(answer) == "13002"
    assert answer.information.startswith("DetailList/Detail[1]/AcctNo: ")


async def test_other_senders_and_days(office: Office) -> None:
    with untouched(office):
        assert code(await told(office, src=OTHER)) == "13002"
        assert code(await told(office, CheckDate="20191231")) == "13002"
        assert code(await told(office, src=PLATFORM)) == "10002"
        for tag, value in (("CheckDate", "20260230"), ("CheckDate", ""), ("AdmDivCode", "")):
            answer = await told(office, **{tag: value})
            assert code(answer) == "10002"
            assert f"{tag}: " in answer.information
        nothing = await office.call(
            BANK, "2581", {"CheckDate": TODAY, "AdmDivCode": "320682", "DetailList": ""}
        )
        assert code(nothing) == "10002"


async def test_regions(offices: Offices) -> None:
    office = await offices({"node": {"regions": ["320682", ELSEWHERE]}})
    with untouched(office):
        answer: Any = await told(office, AdmDivCode=ELSEWHERE)
    assert (code(answer), answer.information) == ("10002", "AdmDivCode: 该节点不服务此区划")
