"""`nontax clearing` on a sample whose bills were paid on a 科目."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.gateway.store import bills, catalogue, instructions, open_store, payments, refunds
from nontax.gateway.store.clearing_records import LineResult
from nontax.gateway.store.entries import Share
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Payment, Refund

from .conftest import Nontax

BANK = "D3206820105"
DAY, SHOWN_DAY = "20260302", "2026-03-02"


def on_books(site: Path, work: Callable[[Transaction], Awaitable[object]]) -> None:
    """Do something to the books while no command runs."""

    async def do() -> None:
        store = await open_store("sqlite:///nontax.db", site)
        await store.transact(work)
        await store.close()

    asyncio.run(do())


def payment(pay_code: str, amt: int, number: str) -> Payment:
    return Payment(0, BANK, DAY, number, pay_code, amt, "11", "3", "", "2612", 1)


@pytest.fixture
def paid(site: Path, nontax: Nontax) -> list[str]:
    """Two bills of 80.00 yuan and one of 160.00 are paid; their pay codes."""
    listed = nontax("bill", "list", "--json").json["bills"]
    chosen = [bill for bill in listed if bill["Amt"] in {"80.00", "160.00"}][:3]
    assert sum(int(bill["Amt"].replace(".", "")) for bill in chosen) == 32_000

    async def work(tx: Transaction) -> None:
        for bill in chosen:
            code, amt = bill["PayCode"], int(bill["Amt"].replace(".", ""))
            await bills.set_state(tx, code, expected="unpaid", state="paid", changed_at=1)
            await payments.insert(tx, payment(code, amt, f"T{code[-4:]}"))

    on_books(site, work)
    return [bill["PayCode"] for bill in chosen]


def run(nontax: Nontax, *words: str) -> dict[str, object]:
    done = nontax("clearing", "run", "--date", SHOWN_DAY, "--json", *words)
    assert done.code == 0, done.err
    found: dict[str, object] = done.json
    return found


def fail_line(site: Path, instr_no: str, line_no: int = 2) -> None:
    """The bank could not move one line, the others it could."""

    async def work(tx: Transaction) -> None:
        for line in await instructions.lines(tx, instr_no):
            told = LineResult("succeeded", "00000", "", f"B{line.line_no}", DAY, "101500")
            if line.line_no == line_no:
                told = LineResult("failed", "12003", "账户已销户")
            await instructions.set_line(tx, instr_no, line.line_no, told)
        await instructions.close(tx, instr_no, at=2)

    on_books(site, work)


def test_a_run_says_what_it_did(nontax: Nontax, paid: list[str]) -> None:
    done = nontax("clearing", "run", "--date", SHOWN_DAY)
    assert (done.code, done.err) == (0, "")
    first, headings, row = done.out.splitlines()
    assert first == "3 payments and 0 refunds entered, 320.00 yuan; 1 instructions"
    assert headings.split() == ["instruction", "collected", "by", "to", "lines", "total"]
    assert row.split()[1:] == [BANK, BANK, "3", "320.00"]
    again = nontax("clearing", "run", "--date", SHOWN_DAY)
    assert again.out == "0 payments and 0 refunds entered, 0.00 yuan; 0 instructions\n"


def test_the_json_of_a_run(nontax: Nontax, paid: list[str]) -> None:
    report = run(nontax, "--node", BANK)
    [instruction] = report.pop("instructions")  # type: ignore[misc]
    assert report == {
        "date": SHOWN_DAY,
        "entered": 3,
        "refunds": 0,
        "Amt": "320.00",
        "not_ready": 0,
        "held": [],
        "carried": [],
        "left_out": [],
    }
    assert instruction["TotalAmt"] == "320.00"
    assert (instruction["Count"], instruction["PayAcctType"], instruction["state"]) == (
        3,
        "3",
        "queued",
    )
    assert instruction["made_by"] == "maker1"


def test_what_is_left_out_has_its_reason_and_exit_1(
    nontax: Nontax, site: Path, paid: list[str]
) -> None:
    async def end(tx: Transaction) -> None:
        shares = [
            replace(share, stop_date="20260301")
            for share in await catalogue.rules(tx)
            if share.item_code == "103043211"
        ]
        assert all(isinstance(share, Share) for share in shares)
        await catalogue.put_rule(tx, shares, actor="maker1", at=1)

    on_books(site, end)
    done = nontax("clearing", "run", "--date", SHOWN_DAY)
    assert done.code == 1
    reasons = [line for line in done.out.splitlines() if line.startswith("left out: ")]
    assert reasons
    assert all("no sharing rule holds on 20260302" in line for line in reasons)
    told = nontax("clearing", "run", "--date", SHOWN_DAY, "--json")
    assert told.code == 1
    assert {left["PayCode"] for left in told.json["left_out"]} <= set(paid)


def test_what_is_held_or_carried_is_said(nontax: Nontax, site: Path, paid: list[str]) -> None:
    async def ask_back(tx: Transaction) -> None:
        for pay_code, state, at in ((paid[0], "succeeded", 1), (paid[1], "requested", 2)):
            found = await payments.effective(tx, pay_code)
            assert found is not None
            refund = Refund(
                f"TF{at}", 2, found.id, pay_code, BANK, found.tra_no_bus, DAY, found.amt,
                found.amt, state, at, at,  # type: ignore[arg-type]
            )  # fmt: skip
            await refunds.insert(tx, refund)

    run(nontax)
    on_books(site, ask_back)
    done = nontax("clearing", "run", "--date", SHOWN_DAY)
    assert done.code == 0
    assert done.out.splitlines() == [
        "0 payments and 1 refunds entered, -80.00 yuan; 0 instructions",
        f"carried to the next run: {BANK} at {BANK}: all of it, -80.00 yuan",
    ]
    [carried] = run(nontax)["carried"]  # type: ignore[misc]
    assert (carried["target"], carried["Amt"]) == ("", "-80.00")


def test_list_show_and_resend(nontax: Nontax, site: Path, paid: list[str]) -> None:
    [made] = run(nontax)["instructions"]  # type: ignore[misc]
    number = made["InstrNo"]
    fail_line(site, number)
    [listed] = nontax("clearing", "list", "--json").json["instructions"]
    assert (listed["InstrNo"], listed["state"], listed["overdue"]) == (number, "partly", False)
    told = nontax("clearing", "show", number, "--json").json
    assert (told["payments"], told["refunds"]) == (3, 0)
    second = told["lines"][1]
    assert (second["state"], second["Result"], second["sent_again_as"]) == ("failed", "12003", "")
    text = nontax("clearing", "show", number).out
    assert "partly" in text
    assert "12003 账户已销户" in text

    done = nontax("clearing", "resend", number)
    assert done.code == 0, done.err
    assert done.out.startswith(f"1 lines, {second['Amt']} yuan, go out again as ")
    again = done.out.split()[-1]
    told = nontax("clearing", "show", number, "--json").json
    assert told["lines"][1]["sent_again_as"] == again
    [line] = nontax("clearing", "show", again, "--json").json["lines"]
    assert (line["target"], line["Amt"], line["again_of_line"]) == (
        second["target"],
        second["Amt"],
        2,
    )
    refused = nontax("clearing", "resend", number, "--json")
    assert refused.code == 1
    assert refused.error["error"] == f"its failed lines were sent again as {again}"
    for words, numbers in (
        (("--date", SHOWN_DAY), {number, again}),
        (("--date", "2026-03-03"), set()),
        (("--node", BANK, "--state", "partly"), {number}),
        (("--state", "partly", "--state", "queued"), {number, again}),
        (("--overdue",), set()),
        (("--limit", "1"), {number}),
    ):
        found = nontax("clearing", "list", "--json", *words).json["instructions"]
        assert {one["InstrNo"] for one in found} == numbers, words
    assert len(nontax("clearing", "list").out.splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "--date"),
        (("run", "--date", "20260302"), "is no date YYYY-MM-DD"),
        (("run", "--date", SHOWN_DAY, "--node", "D3206829999"), "is no node"),
        (("run", "--date", SHOWN_DAY, "--node", "G000001"), "is cleared by the platform"),
        (("show", "QF1"), "there is no such instruction"),
        (("list", "--state", "nonsense"), "invalid choice"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    nontax: Nontax, words: tuple[str, ...], said: str
) -> None:
    done = nontax("clearing", *words)
    assert (done.code, done.out) == (2, "")
    [line] = done.err.splitlines()
    assert said in line


def test_an_operator_is_named_and_authenticated(
    nontax: Nontax, site: Path, paid: list[str]
) -> None:
    password = site / "secret" / "auditor1.password"
    done = nontax(
        "clearing",
        "run",
        "--date",
        SHOWN_DAY,
        "--operator",
        "auditor1",
        "--password-file",
        password,
    )
    assert done.code == 2
    assert "maker" in done.err
    assert nontax("clearing", "list", "--json").json["instructions"] == []
