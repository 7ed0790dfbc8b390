"""2555, 2557, 2556 pack by pack: what is taken, what contradicts, what completes a batch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from nontax.codecs import format_yuan
from nontax.gateway.store import statements
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.statements import BatchState

from .conftest import (
    ACCOUNT,
    BANK,
    OTHER,
    OTHER_ACCOUNT,
    PLATFORM,
    TODAY,
    TOMORROW,
    Office,
    Offices,
    code,
    untouched,
)

DAY = "20260301"
Lines = Sequence[dict[str, str]]
LINE = {
    "PayCode": "32068226000000000019", "CfmDate": DAY, "CfmTime": "101530", "Amt": "80.00",
    "TraNoBus": "T1", "PayerName": "张三", "PayerAcct": "6222000011112222", "RecAcctType": "1",
    "RecAcct": ACCOUNT, "BankOutlet": "320682001", "BatchNo": "",
}  # fmt: skip
FUNDS = {
    "TraNo": "Z1", "PayMode": "11", "PayCode": "", "BatchNo": "", "RecSubAcct": "",
    "Amt": "80.00", "AddWord": "",
}  # fmt: skip
MOVED = {
    "TraNo": "Z1", "DcFlag": "1", "PayMode": "11", "Amt": "80.00", "OppName": "", "OppAcct": "",
    "BatchNo": "", "AddWord": "",
}  # fmt: skip


def line(number: str, yuan: int = 80, **changes: str) -> dict[str, str]:
    return LINE | {"TraNoBus": number, "Amt": f"{yuan}.00"} | changes


def listed(rows: Lines, group: str = "Detail") -> str:
    return "".join(
        f"<{group}>{''.join(f'<{tag}>{value}</{tag}>' for tag, value in row.items())}</{group}>"
        for row in rows
    )


def batch(packs: Sequence[Lines], kind: str = "2555", **changes: str) -> list[dict[str, str]]:
    """The fields of each pack of a batch that adds up, but for the changes."""
    rows = [row for pack in packs for row in pack]
    total = sum(round(float(row["Amt"]) * 100) for row in rows)
    came = sum(round(float(r["Amt"]) * 100) for r in rows if r.get("DcFlag") == "1")
    scope = {
        "2555": {"PayMode": "11"},
        "2557": {"RecAcctType": "1", "RecAcct": ACCOUNT},
        "2556": {
            "AcctType": "1", "Acct": ACCOUNT, "BeginBal": "100.00", "InAmt": format_yuan(came),
            "OutAmt": format_yuan(total - came), "EndBal": format_yuan(10000 + 2 * came - total),
        },
    }[kind]  # fmt: skip
    channels = {"ChannelList": changes.pop("ChannelList")} if "ChannelList" in changes else {}
    return [
        {
            "BatchNo": "B1", "CheckDate": DAY, "PackCount": str(len(packs)), "PackNo": str(number),
            **scope, "TotalCount": str(len(rows)), "TotalAmt": format_yuan(total),
        } | changes | channels | {"DetailList": listed(pack)}
        for number, pack in enumerate(packs, 1)
    ]  # fmt: skip


THREE = batch([[line("T1"), line("T2")], [line("T3", 1)], [line("T4", 2), line("T5", 3)]])
CORRECTED = batch([[line("T1"), line("T2")], [line("T9", 1)], [line("T4", 2), line("T5", 3)]])


async def send(
    office: Office, fields: dict[str, str], number: str = "2555", src: str = BANK
) -> Any:
    return await office.call(src, number, fields)


async def codes(office: Office, packs: Sequence[dict[str, str]], number: str = "2555") -> list[str]:
    return [code(await send(office, pack, number)) for pack in packs]


async def becomes(office: Office, state: BatchState) -> None:
    """The last batch is judged, as a reconciliation does it."""
    last = office.books.rows("statement_batches")[-1]["id"]
    assert await office.transact(
        lambda tx: statements.set_state(tx, last, state, at=office.clock.now_ms())
    )


def states(office: Office) -> list[str]:
    return [row["state"] for row in office.books.rows("statement_batches")]


async def numbers(office: Office, src: str = BANK) -> list[str]:
    """TraNoBus of the lines that a reconciliation would read."""

    async def look(tx: Transaction) -> list[str]:
        return [found.tra_no for found in await statements.payment_lines_page(tx, src, DAY)]

    return list(await office.gateway.store.scan(look))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_packs_come_in_any_order(office: Office, order: Sequence[int]) -> None:
    assert await codes(office, [THREE[at] for at in order[:2]]) == ["00000"] * 2
    assert states(office) == ["receiving"]
    assert await numbers(office) == []
    assert code(await send(office, THREE[order[2]])) == "00000"
    [row] = office.books.rows("statement_batches")
    assert (row["state"], row["lines"], row["lines_amt"]) == ("complete", 5, 16600)
    assert await numbers(office) == ["T1", "T2", "T3", "T4", "T5"]
    assert [number for number, _, _ in office.books.archived()] == ["2555"] * 3


async def test_the_digest_does_not_know_order_packs_or_numbers(offices: Offices) -> None:
    digests = set()
    rows = [line("T1"), line("T2", 2), line("T3", 3)]
    for packs, name in (([rows], "A"), ([rows[2:], rows[1::-1]], "B")):
        office = await offices()
        await codes(office, batch(packs, BatchNo=name))
        digests.add(office.books.one("statement_batches")["digest"])
    assert len(digests) == 1


async def test_a_repeated_pack_changes_nothing(office: Office) -> None:
    for pack in THREE:
        assert code(await send(office, pack)) == "00000"
        with untouched(office):
            assert code(await send(office, pack)) == "00000"
    with untouched(office):
        assert await codes(office, THREE) == ["00000"] * 3
    assert await numbers(office) == ["T1", "T2", "T3", "T4", "T5"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"BatchNo": "B2"}, "BatchNo"),
        ({"PackCount": "4"}, "PackCount"),
        ({"TotalCount": "6"}, "TotalCount"),
        ({"TotalAmt": "1.00"}, "TotalAmt"),
        ({"DetailList": listed([line("T9")])}, "DetailList"),
    ],
)
@pytest.mark.parametrize("sent", [1, 3])
async def test_contradictions_are_refused_by_name(
    office: Office, changes: dict[str, str], field: str, sent: int
) -> None:
    await codes(office, THREE[:sent])
    answer = await send(office, THREE[0] | changes)
    assert code(answer) == "10005"
    assert answer.message.Information.startswith(f"{field}: ")
    assert await codes(office, THREE[sent:]) == ["00000"] * (3 - sent)
    assert states(office) == ["complete"]
    assert "statement.contradicted" in office.books.kinds()


@pytest.mark.parametrize(
    ("number", "changes", "field"),
    [
        ("2555", {"CheckDate": TOMORROW}, "CheckDate"),
        ("2555", {"PackNo": "2"}, "PackNo"),
        ("2555", {"PackNo": "0"}, "PackNo"),
        ("2555", {"PackCount": "0"}, "PackCount"),
        ("2555", {"PackCount": "10001"}, "PackCount"),
        ("2555", {"TotalCount": "-1"}, "TotalCount"),
        ("2555", {"TotalAmt": "999999999999999.99"}, None),
        ("2556", {"EndBal": "1.00"}, "EndBal"),
        ("2556", {"ChannelList": listed([{"PayMode": "11", "InAmt": "", "OutAmt": ""}] * 2,
                                        "Channel")}, "ChannelList/Channel[2]/PayMode"),
    ],
)  # fmt: skip
async def test_what_a_pack_alone_shows_to_be_wrong(
    office: Office, number: str, changes: dict[str, str], field: str | None
) -> None:
    one = {"2555": line("T1"), "2556": MOVED}[number]
    answer = await send(office, batch([[one]], number, **changes)[0], number)
    assert code(answer) == "10002"
    assert answer.message.Information.startswith(f"{field or 'TotalAmt'}: ")
    assert await numbers(office) == []


async def test_today_may_be_reconciled_and_a_day_may_be_empty(office: Office) -> None:
    [empty] = batch([[]], CheckDate=TODAY)
    assert code(await send(office, empty)) == "00000"
    row = office.books.one("statement_batches")
    assert (row["state"], row["lines"], row["check_date"]) == ("complete", 0, TODAY)


@pytest.mark.parametrize(
    ("number", "changes", "field"),
    [
        ("2555", {"TotalCount": "3"}, "TotalCount"),
        ("2555", {"TotalAmt": "80.01"}, "TotalAmt"),
        ("2557", {"TotalAmt": "0.00"}, "TotalAmt"),
        ("2556", {"InAmt": "81.00", "EndBal": "181.00"}, "InAmt"),
        ("2556", {"OutAmt": "1.00", "EndBal": "179.00"}, "OutAmt"),
    ],
)
async def test_totals_that_disagree_drop_the_batch(
    office: Office, number: str, changes: dict[str, str], field: str
) -> None:
    one = {"2555": line("T1"), "2557": FUNDS, "2556": MOVED}[number]
    zero = one | {"Amt": "0.00", "TraNo" if "TraNo" in one else "TraNoBus": "T0"}
    wrong = batch([[one], [zero]], number, **changes)
    first, last = [await send(office, pack, number) for pack in wrong]
    assert (code(first), code(last)) == ("00000", "10002")
    assert last.message.Information.startswith(f"{field}: ")
    assert states(office) == ["dropped"]
    assert office.books.rows("statement_packs") == []
    assert await numbers(office) == []
    # The bank sends it anew; what is left of the old one goes away with the new packs.
    assert await codes(office, batch([[one], [zero]], number), number) == ["00000"] * 2
    assert states(office) == ["dropped", "complete"]
    assert office.books.rows("statement_waste") == []
    table = {"2555": "payments", "2557": "funds", "2556": "movements"}[number]
    assert {row["batch_id"] for row in office.books.rows(f"statement_{table}")} == {2}
    assert office.books.kinds()[-2:] == ["statement.dropped", "statement.received"]


async def test_after_a_success_nothing_is_taken(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "reconciled")
    with untouched(office):
        assert await codes(office, [*THREE, CORRECTED[1]]) == ["15010"] * 4
        assert await codes(office, batch([[]], BatchNo="B2")) == ["15010"]
    # Another channel, another day, another node: other batches.
    assert await codes(office, batch([[]], PayMode="12")) == ["00000"]
    assert await codes(office, batch([[]], CheckDate="20260228")) == ["00000"]
    assert code(await send(office, batch([[]])[0], src=OTHER)) == "00000"


async def test_a_freed_day_is_taken_anew(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "reconciled")
    await becomes(office, "reopened")
    assert await codes(office, CORRECTED) == ["00000"] * 3
    assert states(office) == ["reopened", "complete"]
    assert await numbers(office) == ["T1", "T2", "T4", "T5", "T9"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("number", ["B1", "B2"])
async def test_a_failed_batch_is_replaced(
    office: Office, order: Sequence[int], number: str
) -> None:
    """In whatever order its packs come, the unchanged ones first or last, none is lost."""
    await codes(office, THREE)
    await becomes(office, "failed")
    packs = [CORRECTED[at] | {"BatchNo": number} for at in order]
    for pack in packs[:2]:
        assert await codes(office, [pack, pack]) == ["00000"] * 2
        assert await numbers(office) == ["T1", "T2", "T3", "T4", "T5"]  # it stands until then
    assert code(await send(office, packs[2])) == "00000"
    assert states(office) == ["replaced", "complete"]
    assert await numbers(office) == ["T1", "T2", "T4", "T5", "T9"]


async def test_a_late_copy_of_a_failed_batch_does_not_hinder_the_next(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "failed")
    assert code(await send(office, THREE[1])) == "00000"  # sent long ago, comes again
    changed = await codes(office, [CORRECTED[0], CORRECTED[1], CORRECTED[2]])
    assert changed == ["00000"] * 3
    assert await numbers(office) == ["T1", "T2", "T4", "T5", "T9"]
    # So it is when the copy completes the batch before its correction comes.
    await becomes(office, "failed")
    assert await codes(office, [CORRECTED[1], THREE[0], THREE[2]]) == ["00000"] * 3
    assert states(office)[-1] == "dropped"  # the same again: what failed stands
    other = batch([[line("T1"), line("T3")], [line("T9", 1)], [line("T4", 2), line("T6", 3)]])
    assert await codes(office, [CORRECTED[0], other[1], other[2]]) == ["00000"] * 3
    assert await numbers(office) == ["T1", "T2", "T4", "T6", "T9"]
    assert code(await send(office, other[0])) == "00000"
    assert await numbers(office) == ["T1", "T3", "T4", "T6", "T9"]


async def test_the_same_failed_batch_again_is_no_other(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "failed")
    assert await codes(office, THREE) == ["00000"] * 3
    assert states(office) == ["failed", "dropped"]
    assert await codes(office, [pack | {"BatchNo": "B7"} for pack in THREE]) == ["00000"] * 3
    assert states(office) == ["replaced", "dropped", "complete"]


async def test_a_replacement_that_does_not_add_up_leaves_the_failed_batch(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "failed")
    wrong = [pack | {"TotalAmt": "1.00"} for pack in CORRECTED]
    assert await codes(office, wrong) == ["00000", "00000", "10002"]
    assert states(office) == ["failed", "dropped"]
    assert await numbers(office) == ["T1", "T2", "T3", "T4", "T5"]
    # One that has begun is held against another beginning.
    assert await codes(office, [CORRECTED[1], CORRECTED[0] | {"BatchNo": "B9"}]) == [
        "00000", "10005",
    ]  # fmt: skip


async def test_a_replacement_ends_where_the_failed_batch_is_resolved(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "failed")
    await codes(office, CORRECTED[:1])
    first = office.books.rows("statement_batches")[0]["id"]
    assert await office.transact(lambda tx: statements.set_state(tx, first, "reconciled", at=1))
    assert states(office) == ["reconciled", "dropped"]
    assert await codes(office, CORRECTED[1:]) == ["15010"] * 2


async def test_a_replacement_goes_on_where_the_failed_batch_is_reopened(office: Office) -> None:
    await codes(office, THREE)
    await becomes(office, "failed")
    await codes(office, CORRECTED[:2])
    first = office.books.rows("statement_batches")[0]["id"]
    assert await office.transact(lambda tx: statements.set_state(tx, first, "reopened", at=1))
    assert await codes(office, CORRECTED[2:]) == ["00000"]
    assert states(office) == ["reopened", "complete"]


@pytest.mark.parametrize("number", ["2557", "2556"])
async def test_only_the_bank_that_holds_an_account_speaks_of_it(
    office: Office, number: str
) -> None:
    tag = {"2557": "RecAcct", "2556": "Acct"}[number]
    one = {"2557": FUNDS, "2556": MOVED}[number]
    for account in (OTHER_ACCOUNT, "32009999999999999999"):
        answer = await send(office, batch([[one]], number, **{tag: account})[0], number)
        assert code(answer) == "13002"
        assert answer.message.Information.startswith(f"{tag}: ")
    answer = await send(office, batch([[one]], number)[0], number, src=PLATFORM)
    assert code(answer) == "10002"
    assert states(office) == []
    assert await codes(office, batch([[one]], number), number) == ["00000"]


async def test_only_nodes_that_collect_send_payments(offices: Offices) -> None:
    office = await offices(peers={BANK: {"collects": False}})
    assert await codes(office, batch([[line("T1")]])) == ["10002"]
    assert code(await send(office, batch([[line("T1")]], PayMode="52")[0], src=PLATFORM)) == "00000"
    assert office.books.one("statement_batches")["src"] == PLATFORM


async def test_lines_that_make_no_sense_are_kept_with_their_fault(office: Office) -> None:
    assert await codes(office, batch([[line("T1"), line("T2", 0)]])) == ["00000"]
    rows = office.books.rows("statement_payments")
    assert [(row["tra_no"], row["fault"]) for row in rows] == [
        ("T1", ""), ("T2", "Amt: 金额应大于0"),
    ]  # fmt: skip


async def test_movements_come_with_balances_and_channels(office: Office) -> None:
    out = MOVED | {"TraNo": "Z2", "DcFlag": "2", "Amt": "30.00", "OppName": "李四"}
    told = listed([{"PayMode": "11", "InAmt": "80.00", "OutAmt": "30.00"}], "Channel")
    packs = batch([[MOVED], [out]], "2556", ChannelList=told)
    other = packs[1] | {"ChannelList": told.replace("30.00", "31.00")}
    assert await codes(office, [packs[0], other], "2556") == ["00000", "10005"]
    assert await codes(office, packs, "2556") == ["00000"] * 2
    row = office.books.one("statement_batches")
    assert [row[name] for name in ("begin_bal", "in_amt", "out_amt", "end_bal", "state")] == [
        10000, 8000, 3000, 15000, "complete",
    ]  # fmt: skip
    channel = office.books.one("statement_channels")
    assert (channel["pay_mode"], channel["in_amt"], channel["out_amt"]) == ("11", 8000, 3000)

    async def look(tx: Transaction) -> Any:
        moved = await statements.movements(tx, row["id"])
        before = await statements.previous_balance(tx, BANK, ACCOUNT, TODAY)
        return [(m.tra_no, m.dc_flag, m.amt) for m in moved], before

    found = await office.gateway.store.scan(look)
    assert found == ([("Z1", "1", 8000), ("Z2", "2", 3000)], (DAY, 15000))
    # The log and the journal name the account by its end alone.
    assert ACCOUNT not in office.stream.getvalue()
    told_of = office.books.starting("journal", "kind", "statement.")
    assert len(told_of) == 2
    assert all(ACCOUNT not in str(entry) for entry in told_of)
