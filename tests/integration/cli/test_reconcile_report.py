"""`nontax reconcile report` over real books: every figure is the books' own, files are whole."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import midnight_ms
from nontax.gateway.config import load_config
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.reconciliation.reporting import ReportParts, gather, write, write_report
from nontax.gateway.store import bills, open_store, payments, reconciliation, refunds, transfers
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.reconciliation import Action, DifferenceRow
from nontax.gateway.store.records import Bill, Payment, Refund
from nontax.gateway.store.transfers import Transfer
from nontax.reconcile.kinds import Kind
from nontax.reconcile.report import Hour, RunReport, ScopeLine
from nontax.reconcile.sides import Totals

from .conftest import Nontax

BANK, OTHER, PLATFORM = "D3206820105", "D3206820301", "G000001"
ACCOUNT = "32001000000000000018"
DAY, SHOWN_DAY, BEFORE = "20260302", "2026-03-02", "20260225"
MORNING = midnight_ms("20260303") + 8 * 3_600_000 + 5_000
TOTALS = {
    "2555": [["11", [2, 16_000], [1, 8_100], [1, 8_000]]],
    "2557": [[ACCOUNT, [1, 8_000], [0, 0], [0, 0]]],
}
SUMMARY = json.dumps({"totals": TOTALS})


def difference(run: int, key: str, kind: Kind, **changes: Any) -> DifferenceRow:
    row = DifferenceRow(
        id=0, node=BANK, check_date=DAY, statement="2555", scope="11", kind=kind.value, key=key,
        code=kind.code, state="open", first_run=run, last_run=run, pay_code="P", tra_no="T1",
        payment_id=None, batch_id=None, pack_no=None, line_no=None, ours_amt=8_000,
        theirs_amt=8_100, fields='[["Amt", "80.00", "81.00"]]', reason="金额不一致", expected="",
        held=0, found_at=MORNING, changed_at=MORNING,
    )  # fmt: skip
    return replace(row, **changes)


async def _payment(tx: Transaction, number: int, at: str, **changes: Any) -> int:
    code = f"32068226000000{number:06d}"
    await bills.insert(
        tx,
        Bill(code, "320682", DAY, "0104901", "示例局", "欧阳锋", 8_000, 8_000, 0, "cli", "m", 1, 1),
        [],
    )
    made = Payment(
        0, BANK, DAY, f"T{number}", code, 8_000, "11", "1", ACCOUNT, "2612", 1, cfm_time=at
    )
    return await payments.insert(tx, replace(made, **changes))


async def fill(tx: Transaction) -> None:
    """A day with everything: one run of a bank, none of the other, a platform without a list."""
    paid = [await _payment(tx, 1, "093000"), await _payment(tx, 2, "")]
    await _payment(tx, 3, "140500", src=OTHER)
    await _payment(tx, 4, "141500", src=PLATFORM, pay_mode="51")
    run = await reconciliation.begin_run(tx, BANK, DAY, "d1", max_payment_id=4, at=MORNING)
    earlier = await reconciliation.begin_run(tx, BANK, BEFORE, "d0", max_payment_id=0, at=1)
    for row in (
        difference(run.id, "a", Kind.AMOUNT),
        difference(run.id, "b", Kind.BANK_ONLY, state="repaired", ours_amt=None, fields="[]"),
        difference(
            run.id, "c", Kind.FUNDS_MISSING, statement="2557", scope=ACCOUNT, theirs_amt=None,
            expected="channel:51:20260302", pay_code="", tra_no="",
        ),
        difference(
            run.id, "d", Kind.FUNDS_MISSING, statement="2557", scope=ACCOUNT, theirs_amt=None,
            expected="transfer:1",
        ),
        difference(
            run.id, "delivery", Kind.NOT_DELIVERED, scope="51", pay_code="", tra_no="",
            theirs_amt=None, fields="[]",
        ),
        difference(earlier.id, "e", Kind.BILL_VOID, check_date=BEFORE, ours_amt=None),
        difference(earlier.id, "f", Kind.AMOUNT, check_date=BEFORE, state="resolved"),
    ):  # fmt: skip
        assert await reconciliation.insert(tx, row)
    for at, reason in ((MORNING, "早先"), (MORNING + 61_000, "已补单")):
        await reconciliation.act(
            tx, Action(0, 2, None, "repair", "gateway", reason, "{}", "{}", "payment:2", at)
        )
    for node, number, date in ((BANK, "B1", DAY), (BANK, "B2", "20260303")):
        batch = Transfer(
            0, node, number, date, f"M{number}", "甲", "1" * 19, "1", "乙", ACCOUNT, "行", "1",
            12_345, 2, "sent", 1, 1,
        )  # fmt: skip
        await transfers.insert(tx, batch, [paid[0]] if number == "B1" else [paid[1]])
    for number, at, state, amt in (("TF1", DAY, "queued", 100), ("TF2", BEFORE, "succeeded", 20)):
        refund = Refund(
            number, 1, paid[0], "P", BANK, "T1", DAY, 8_000, amt, "queued", midnight_ms(at), 1,
        )  # fmt: skip
        await refunds.insert(tx, replace(refund, state=state, tra_date=DAY))
    await reconciliation.finish_run(tx, run.id, SUMMARY, at=MORNING)


@pytest.fixture
def filled(site: Path) -> Path:
    """A sample with that day in its books."""

    async def do() -> None:
        store = await open_store("sqlite:///nontax.db", site)
        await store.transact(fill)
        await store.close()

    asyncio.run(do())
    return site


def with_parts(site: Path, work: Callable[[ReportParts], Awaitable[Any]]) -> Any:
    async def do() -> Any:
        config = load_config(site / "nontax.toml")
        store = await open_store(config.store.url, site)
        try:
            peers = PeerDirectory.from_config(config)
            return await work(ReportParts(store, peers, config.node.code, config.node.name))
        finally:
            await store.close()

    return asyncio.run(do())


def gathered(site: Path, node: str | None = None) -> RunReport:
    report: RunReport = with_parts(site, lambda parts: gather(parts, DAY, node, now_ms=MORNING))
    return report


def test_the_report_has_what_the_books_have(filled: Path) -> None:
    report = gathered(filled)
    assert report.header.generated_at == "2026-03-03 08:00:05"
    assert [(node.code, node.state, node.revision) for node in report.header.nodes] == [
        (BANK, "done", 1), (OTHER, "", 0), (PLATFORM, "", 0),
    ]  # fmt: skip
    assert report.scopes[:2] == (
        ScopeLine(
            BANK, "2555", "11", "11 柜台缴款", Totals(2, 16_000), Totals(1, 8_100), Totals(1, 8_000)
        ),
        ScopeLine(BANK, "2557", ACCOUNT, "****0018", Totals(1, 8_000), Totals(), Totals()),
    )
    # A list that has not come, with what the books have of it; what was never run stands as it is.
    # The platform delivers nothing: its payments are for the list of the bank that has the account.
    assert [(line.node, line.label, line.ours, line.delivered) for line in report.scopes[2:]] == [
        (BANK, "51 支付宝", Totals(1, 8_000), False),
        (OTHER, "11 柜台缴款", Totals(1, 8_000), False),
    ]
    assert [(node.missing, node.merged) for node in report.header.nodes] == [
        (("51 支付宝",), False), ((), False), ((), True),
    ]  # fmt: skip
    assert report.hours == (Hour(-1, 1, 8_000), Hour(9, 1, 8_000), Hour(14, 2, 16_000))
    assert [(row.id, row.kind, row.state, row.age) for row in report.rows] == [
        (1, Kind.AMOUNT, "open", 1), (2, Kind.BANK_ONLY, "repaired", 1),
        (3, Kind.FUNDS_MISSING, "open", 1), (4, Kind.FUNDS_MISSING, "open", 1),
        (5, Kind.NOT_DELIVERED, "open", 1),
    ]  # fmt: skip
    assert [(row.id, row.age) for row in report.carried] == [(6, 6)]
    last = report.rows[1].last
    assert last is not None
    assert (last.actor, last.reason, last.reference) == ("gateway", "已补单", "payment:2")
    assert last.at == "2026-03-03 08:01:06"
    assert report.rows[0].fields == (("Amt", "80.00", "81.00"),)
    assert [(t.source, t.number, t.scope, t.count, t.amt) for t in report.transit] == [
        ("transfer", "B1", "****0018", 2, 12_345), ("funds", "51 支付宝", "****0018", 1, 8_000),
    ]  # fmt: skip
    assert [(r.kind, r.state, r.count, r.amt) for r in report.refunds] == [
        (1, "queued", 1, 100), (1, "succeeded", 1, 20),
    ]  # fmt: skip
    assert not report.closed


def test_one_node_alone(filled: Path) -> None:
    report = gathered(filled, OTHER)
    assert [node.code for node in report.header.nodes] == [OTHER]
    assert report.hours == (Hour(14, 1, 8_000),)
    assert [*report.rows, *report.carried, *report.transit, *report.refunds] == []


def test_no_account_number_is_told(filled: Path) -> None:
    with_parts(filled, lambda parts: write_report(parts, DAY, folder=filled / "r", now_ms=MORNING))
    for file in (filled / "r").iterdir():
        content = file.read_text("utf-8")
        assert ACCOUNT not in content
        assert "欧阳锋" not in content


def test_the_files_are_the_same_for_the_same_books(filled: Path) -> None:
    one, other = gathered(filled), gathered(filled)
    names = [file.name for file in write(one, filled / "one")]
    write(other, filled / "other")
    assert names == [f"reconcile-{DAY}.{kind}" for kind in ("html", "csv", "json")]
    assert sorted(file.name for file in (filled / "one").iterdir()) == sorted(names)
    for name in names:
        assert (filled / "one" / name).read_bytes() == (filled / "other" / name).read_bytes()
    assert (filled / "one" / names[1]).read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_code_that_is_no_file_name_is_refused(filled: Path) -> None:
    report = gathered(filled)
    with pytest.raises(ValueError, match="letters and digits"):
        write(replace(report, header=replace(report.header, node="../x")), filled / "one")
    assert not (filled / "one").exists()


# -- the command ----------------------------------------------------------------------------------


def test_the_command_writes_and_says(filled: Path, nontax: Nontax) -> None:
    done = nontax("reconcile", "report", "--date", SHOWN_DAY)
    assert done.code == 1, done.err
    assert "THE DAY IS NOT CLOSED" in done.out
    for kind in ("html", "csv", "json"):
        file = filled / "reports" / f"reconcile-{DAY}.{kind}"
        assert f"written: {file}" in done.out
    written = (filled / "reports" / f"reconcile-{DAY}.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [row["id"] for row in rows] == ["1", "2", "3", "4", "5", "6"]


def test_the_command_for_one_node_and_some_formats(filled: Path, nontax: Nontax) -> None:
    words = ("--node", BANK, "--out", filled / "mine", "--format", "json", "--json")
    done = nontax("reconcile", "report", "--date", SHOWN_DAY, *words)
    assert done.code == 1
    assert done.json["files"] == [str(filled / "mine" / f"reconcile-{DAY}-{BANK}.json")]
    assert done.json["node"] == BANK
    stored = json.loads(Path(done.json["files"][0]).read_text("utf-8"))
    assert {**stored, "files": done.json["files"]} == done.json
    text = nontax("reconcile", "report", "--date", SHOWN_DAY, "--format", "text")
    assert "written" not in text.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--date", "2026-02-30"), "is no date"),
        (("--date", "2099-01-01"), "is a day to come"),
        (("--date", SHOWN_DAY, "--node", "D999"), "there is no such node"),
        (("--date", SHOWN_DAY, "--format", "pdf"), "'pdf' is none of html, csv, json, text"),
        (("--date", "2026-03-01"), "the day was not reconciled"),
        (("--date", SHOWN_DAY, "--node", OTHER), "the day was not reconciled"),
    ],
)  # fmt: skip
def test_what_cannot_be_reported(
    filled: Path, nontax: Nontax, words: tuple[str, ...], said: str
) -> None:
    done = nontax("reconcile", "report", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (filled / "reports").exists()
