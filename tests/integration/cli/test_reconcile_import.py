"""`nontax reconcile import`: all of a file or nothing, and the same again is nothing new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.reconciliation.csvimport import LINES_A_PACK
from nontax.gateway.store import open_store, statements
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.statements import StatementBatch

from .conftest import Nontax

BANK, OTHER, PLATFORM = "D3206820105", "D3206820301", "G000001"
ACCOUNT, OTHER_ACCOUNT = "32001000000000000018", "32003000000000000026"
DAY, SHOWN_DAY = "20260301", "2026-03-01"
HEADER = "PayCode,CfmDate,CfmTime,Amt,TraNoBus,RecAcctType,RecAcct\n"
GOOD = f"32068226000000000019,20260301,101530,80.00,T1,1,{ACCOUNT}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def on_books(site: Path, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
    """Do something to the books while no command runs."""

    async def do() -> Any:
        store = await open_store("sqlite:///nontax.db", site)
        try:
            return await store.transact(work)
        finally:
            await store.close()

    return asyncio.run(do())


def batches(site: Path) -> list[StatementBatch]:
    everything = (
        "receiving", "complete", "failed", "reconciled", "replacing", "replaced", "dropped",
        "reopened",
    )  # fmt: skip
    found: list[StatementBatch] = on_books(site, lambda tx: statements.page(tx, among=everything))
    return found


def words(file: Path, kind: str = "2555", *more: str) -> tuple[str, ...]:
    scope = ("--pay-mode", "11") if kind == "2555" else ("--account", ACCOUNT)
    return (
        "reconcile", "import", str(file), "--kind", kind, "--node", BANK, "--date", SHOWN_DAY,
        *scope, *more,
    )  # fmt: skip


def test_a_list_is_imported_once(site: Path, nontax: Nontax, file: Path) -> None:
    file.write_text(HEADER + GOOD + GOOD.replace("T1", "T2"), "utf-8")
    done = nontax(*words(file))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"2555 of {BANK}, {SHOWN_DAY}, 11: 2 lines, 160.00 yuan imported\n"
    again = nontax(*words(file, "2555", "--json"))
    assert (again.code, again.json["replayed"], again.json["lines"]) == (0, True, 2)
    # Another order, spreadsheet's encoding and marks: the same content.
    spreadsheet = (
        "缴款码,缴款日期,缴款时间,金额,确认交易流水号,收款人账户类型,收款人账号\r\n"
        + "".join(
            f"32068226000000000019,{SHOWN_DAY},10:15:30,80.0,{number},1,{ACCOUNT}\r\n"
            for number in ("T2", "T1")
        )
    )
    for encoding in ("gbk", "utf-8-sig"):
        file.write_text(spreadsheet, encoding)
        assert nontax(*words(file, "2555", "--json")).json["replayed"] is True
    [batch] = batches(site)
    assert (batch.state, batch.origin, batch.lines_amt) == ("complete", "file", 16000)


def test_bad_lines_are_kept_with_their_line(site: Path, nontax: Nontax, file: Path) -> None:
    bad = [
        GOOD.replace("80.00", "eighty").replace("T1", "T2"),
        GOOD.replace("20260301", "20260231").replace("T1", "T3"),
        "\n",
        "only,two\n",
        GOOD.replace("80.00", "0.00").replace("T1", "T4"),
        GOOD.replace("T1", '"T\n5"'),
    ]
    file.write_text("#TotalCount=6\n" + HEADER + GOOD + "".join(bad), "utf-8")
    done = nontax(*words(file, "2555", "--json"))
    assert done.code == 0, done.err
    assert (done.json["lines"], done.json["Amt"], done.json["malformed"]) == (6, "240.00", 4)
    assert [fault["line"] for fault in done.json["faults"]] == [4, 5, 7, 8]
    [batch] = batches(site)
    rows = on_books(site, lambda tx: statements.payment_rows(tx, batch.id))
    kept = {row.line_no: (row.tra_no, row.amt, bool(row.fault)) for row in rows}
    assert kept == {
        3: ("T1", 8000, False), 4: ("T2", 0, True), 5: ("T3", 8000, True), 7: ("", 0, True),
        8: ("T4", 0, True), 9: ("T\n5", 8000, False),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", ":1", "no columns"),
        ("#TotalCount=2\n" + HEADER + GOOD, "", "TotalCount of the file is not"),
        ("#TotalAmt=80.01\n" + HEADER + GOOD, "", "TotalAmt of the file is not"),
        ("#CheckDate=20260302\n" + HEADER + GOOD, "", "CheckDate of the file is another"),
        ("#PayMode=99\n" + HEADER + GOOD, ":1", "PayMode"),
        ("#Nonsense=1\n" + HEADER + GOOD, ":1", "Nonsense"),
        ("#PayMode=11\n#PayMode=11\n" + HEADER + GOOD, ":2", "stands twice"),
        (HEADER.replace("Amt", "Amount") + GOOD, ":1", "'Amount' is no column"),
        (HEADER.replace("CfmTime", "CfmDate") + GOOD, ":1", "CfmDate stands twice"),
        (HEADER.replace(",CfmTime", "") + GOOD, ":1", "CfmTime"),
        (HEADER + GOOD + '"never closed\n', ":3", "quote"),
    ],
)
def test_a_file_that_cannot_be_understood_changes_nothing(
    site: Path, nontax: Nontax, file: Path, text: str, place: str, what: str
) -> None:
    file.write_text(text, "utf-8")
    done = nontax(*words(file))
    assert done.code == 2
    assert done.err.startswith(f"error: {file}{place}: ")
    assert what in done.err
    assert batches(site) == []


def test_who_and_what_may_be_imported(site: Path, nontax: Nontax, file: Path) -> None:
    file.write_text(HEADER + GOOD, "utf-8")
    base = words(file)
    assert "is no node" in nontax(*base, "--node", "D3206829999").err
    assert "晚于今天" in nontax(*base, "--date", "2999-01-01").err
    assert "says nothing of a 2555" in nontax(*base, "--account", ACCOUNT).err
    assert "is said nowhere" in nontax(*base[:-2]).err
    funds = "TraNo,PayMode,Amt\nZ1,11,80.00\n"
    file.write_text(funds, "utf-8")
    foreign = nontax(*words(file, "2557"), "--account", OTHER_ACCOUNT)
    assert (foreign.code, "财政账户" in foreign.err) == (2, True)
    assert "is no node" in nontax(*words(file, "2557"), "--node", PLATFORM).err
    assert batches(site) == []
    assert nontax(*words(file, "2557")).code == 0


def test_movements_need_balances_that_add_up(site: Path, nontax: Nontax, file: Path) -> None:
    rows = "TraNo,DcFlag,PayMode,Amt\nZ1,1,11,80.00\nZ2,2,11,30.00\n"
    file.write_text(rows, "utf-8")
    assert "BeginBal, EndBal is said nowhere" in nontax(*words(file, "2556")).err
    wrong = nontax(*words(file, "2556", "--begin-balance", "100.00", "--end-balance", "151.00"))
    assert "EndBal" in wrong.err
    file.write_text("#BeginBal=100.00\n#EndBal=150.00\n#Channel=11,80.00,30.00\n" + rows, "utf-8")
    assert nontax(*words(file, "2556")).code == 0
    [batch] = batches(site)
    assert (batch.begin_bal, batch.in_amt, batch.out_amt, batch.end_bal) == (
        10000, 8000, 3000, 15000,
    )  # fmt: skip
    [channel] = on_books(site, lambda tx: statements.channels(tx, batch.id))
    assert (channel.pay_mode, channel.in_amt, channel.out_amt) == ("11", 8000, 3000)


def test_what_stands_decides(site: Path, nontax: Nontax, file: Path) -> None:
    file.write_text(HEADER + GOOD, "utf-8")
    assert nontax(*words(file)).code == 0
    file.write_text(HEADER + GOOD.replace("T1", "T2"), "utf-8")
    waiting = nontax(*words(file))
    assert (waiting.code, "waits to be reconciled" in waiting.err) == (1, True)
    on_books(site, lambda tx: statements.set_state(tx, 1, "failed", at=1))
    assert nontax(*words(file)).code == 0
    assert [batch.state for batch in batches(site)] == ["replaced", "complete"]
    on_books(site, lambda tx: statements.set_state(tx, 2, "reconciled", at=1))
    assert nontax(*words(file, "2555", "--json")).json["replayed"] is True
    file.write_text(HEADER + GOOD, "utf-8")
    closed = nontax(*words(file))
    assert (closed.code, "reopen" in closed.err) == (1, True)


def test_a_file_takes_the_place_of_packs_that_never_became_complete(
    site: Path, nontax: Nontax, file: Path
) -> None:
    def half(state: Any) -> Callable[[Transaction], Awaitable[object]]:
        batch = StatementBatch(
            0, "2555", BANK, DAY, "11", "", "B1", 2, 9, 9, None, None, None, None, state,
            "message" if state == "receiving" else "file", "", 1, 1,
        )  # fmt: skip
        return lambda tx: statements.insert_batch(tx, batch)

    on_books(site, half("receiving"))
    on_books(site, half("replacing"))  # an import that was killed
    file.write_text(HEADER + GOOD, "utf-8")
    assert nontax(*words(file)).code == 0
    assert [batch.state for batch in batches(site)] == ["replaced", "dropped", "complete"]


def test_long_files_are_written_in_packs(site: Path, nontax: Nontax, file: Path) -> None:
    count = 2 * LINES_A_PACK + 1
    file.write_text(HEADER + "".join(GOOD.replace("T1", f"T{n}") for n in range(count)), "utf-8")
    assert nontax(*words(file, "2555", "--json")).json["lines"] == count
    [batch] = batches(site)
    packs = on_books(site, lambda tx: statements.packs(tx, batch.id))
    assert [pack.count for pack in packs] == [LINES_A_PACK, LINES_A_PACK, 1]
    file.write_text(HEADER, "utf-8")
    empty = nontax(*words(file, "2555", "--pay-mode", "12", "--json"))
    assert (empty.code, empty.json["lines"]) == (0, 0)
