"""`nontax remit` and `nontax bill confirm` on a sample whose bills were paid on its account."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.outbox import followers
from nontax.gateway.settlement.remitted import end
from nontax.gateway.store import bills, open_store, outbox, payments, remittance
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Payment
from nontax.gateway.store.remittance import RemitOutcome
from nontax.simulators.process import Installation

from .conftest import Nontax

BANK, OTHER = "D3206820105", "D3206820301"
ACCOUNT = "32001000000000000018"
DAY, SHOWN_DAY = "20260302", "2026-03-02"
LAND, ESTATE, SCHOOL = "0104901", "0105204", "0206301"
COUNTY = "3206820000"


def on_books(site: Path, work: Callable[[Transaction], Awaitable[object]]) -> None:
    """Do something to the books while no command runs."""

    async def do() -> None:
        store = await open_store("sqlite:///nontax.db", site)
        await store.transact(work)
        await store.close()

    asyncio.run(do())


def pay(site: Path, nontax: Nontax, item: str, yuan: str, unit: str = LAND) -> str:
    """A bill that is paid on the region's account; its pay code."""
    words = ("--unit", unit, "--item", f"{item}={yuan}", "--payer", "欧阳锋", "--json")
    code: str = nontax("bill", "add", *words).json["PayCode"]

    async def work(tx: Transaction) -> None:
        await bills.set_state(tx, code, expected="unpaid", state="paid", changed_at=1)
        amt = round(float(yuan) * 100)
        found = Payment(0, BANK, DAY, f"T{code}", code, amt, "11", "1", ACCOUNT, "2612", 1)
        await payments.insert(tx, found)

    on_books(site, work)
    return code


@pytest.fixture
def paid(site: Path, nontax: Nontax) -> list[str]:
    """A direct bill of 80.00 and a consolidated one of 1500.00."""
    return [
        pay(site, nontax, "103043211", "80.00"),
        pay(site, nontax, "103042750", "1500.00", SCHOOL),
    ]


def as_checker(site: Path) -> tuple[str, ...]:
    return ("--operator", "checker1", "--password-file",
            str(site / "secret" / "checker1.password"))  # fmt: skip


def succeed(site: Path, day: str = "20260303") -> None:
    """The bank reports that every remittance succeeded."""

    async def work(tx: Transaction) -> None:
        for one in await remittance.page(tx):
            told = RemitOutcome("00000", "", f"B{one.id}", day, "101500")
            await end(tx, one, succeeded=True, outcome=told, at=5)

    on_books(site, work)


# -- run, list, show ------------------------------------------------------------------------------


def test_a_run_says_what_it_did(nontax: Nontax, paid: list[str], site: Path) -> None:
    done = nontax("remit", "run")
    assert (done.code, done.err) == (0, "")
    first, _, *rows = done.out.splitlines()
    assert first == "2 bills confirmed; 4 remittances, 1580.00 yuan; 2 vouchers written"
    assert sorted((row.split()[2], row.split()[-1]) for row in rows) == [
        ("0000000000", "8.00"),
        ("3200000000", "16.00"),
        (COUNTY, "1500.00"),
        (COUNTY, "56.00"),
    ]
    assert len(list((site / "spool" / "vouchers").glob("receipt-*.json"))) == 2
    again = nontax("remit", "run")
    assert again.code == 0
    assert again.out == "0 bills confirmed; 0 remittances, 0.00 yuan; 0 vouchers written\n"


def test_a_run_as_json(nontax: Nontax, paid: list[str]) -> None:
    report = nontax("remit", "run", "--date", SHOWN_DAY, "--node", BANK, "--json").json
    assert (report["confirmed"], report["TotalAmt"], report["left_out"]) == (2, "1580.00", [])
    assert {one["TotalAmt"] for one in report["remittances"]} == {
        "8.00", "16.00", "56.00", "1500.00",
    }  # fmt: skip
    assert nontax("remit", "run", "--date", "2026-03-01", "--json").json["remittances"] == []


def test_money_that_is_left_out_is_exit_1(nontax: Nontax, paid: list[str], site: Path) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("DELETE FROM shares WHERE item_code = '103042750'")

    on_books(site, work)
    done = nontax("remit", "run")
    assert done.code == 1
    text = f"left out: {paid[1]}: item 103042750 has no sharing rule (分成规则) for {DAY}"
    assert done.out.splitlines()[-1] == text
    done = nontax("remit", "run", "--json")
    assert (done.code, done.json["left_out"][0]["subject"]) == (1, paid[1])


def test_lists_and_a_remittance_with_its_lines(nontax: Nontax, paid: list[str]) -> None:
    nontax("remit", "run")
    listed = nontax("remit", "list", "--json").json
    assert [one["state"] for one in listed["remittances"]] == ["queued"] * 4
    assert listed["waiting"] == []
    number = next(one["RemitNo"] for one in listed["remittances"] if one["TotalAmt"] == "56.00")
    shown = nontax("remit", "show", number, "--json").json
    assert (shown["TreCode"], shown["RemitMode"], shown["PayAcct"]) == (COUNTY, "1", ACCOUNT)
    [line] = shown["lines"]
    assert (line["PayCode"], line["Amt"], line["BgtLevel"]) == (paid[0], "56.00", "4")
    assert [entry["kind"] for entry in shown["history"]] == ["remittance.queued"]
    text = nontax("remit", "show", number)
    assert "queued (待发送)" in text.out
    assert "欧阳锋" not in text.out
    assert nontax("remit", "list", "--state", "failed", "--json").json["remittances"] == []
    assert nontax("remit", "list", "--node", OTHER, "--json").json["remittances"] == []
    assert len(nontax("remit", "list", "--limit", "1", "--json").json["remittances"]) == 1
    assert len(nontax("remit", "list").out.splitlines()) == 5


def test_what_waits_is_listed(nontax: Nontax, paid: list[str], site: Path) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE treasuries SET stop_date = '20200102'")

    on_books(site, work)
    assert nontax("remit", "run").code == 1
    assert "waiting at 0105, direct: 3 dues, 80.00 before refunds" in nontax("remit", "list").out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("run", "--date", "20260302"), "is no date YYYY-MM-DD"),
        (("run", "--date", "2026-02-30"), "is no date YYYY-MM-DD"),
        (("run", "--node", "D0000000000"), "is no node of the configuration"),
        (("run", "--operator", "nobody"), "no password"),
        (("list", "--state", "lost"), "invalid choice"),
        (("list", "--limit", "0"), "no number above 0"),
        (("show", "JK1"), "there is no such remittance"),
        (("show",), "required"),
        (("release", "JK1"), "--reason"),
        (("fly",), "invalid choice"),
    ],
)
def test_wrong_words(nontax: Nontax, words: tuple[str, ...], text: str) -> None:
    done = nontax("remit", *words)
    assert (done.code, done.out) == (2, "")
    assert text in done.err
    assert done.err.count("\n") == 1


# -- release --------------------------------------------------------------------------------------


def test_a_remittance_is_released_by_a_checker(nontax: Nontax, paid: list[str], site: Path) -> None:
    report = nontax("remit", "run", "--json").json
    number = report["remittances"][0]["RemitNo"]
    assert nontax("remit", "release", number, "--reason", "银行查无").code == 2  # a maker may not
    reason = ("--reason", "银行查无")
    done = nontax("remit", "release", number, *reason, *as_checker(site), "--json")
    assert done.json == {"RemitNo": number, "state": "failed"}
    again = nontax("remit", "release", number, *reason, *as_checker(site))
    assert again.code == 1
    assert "released already" in again.err
    [new] = nontax("remit", "run", "--json").json["remittances"]
    assert new["RemitNo"] > number
    assert nontax("outbox", "list", "--state", "dropped", "--json").json["messages"]


def test_what_was_sent_is_released_only_when_it_is_unknown(
    nontax: Nontax, paid: list[str], site: Path
) -> None:
    number = nontax("remit", "run", "--json").json["remittances"][0]["RemitNo"]

    def come_to(state: Any) -> None:
        async def work(tx: Transaction) -> None:
            [row] = await outbox.of_subject(tx, number)
            sql = "UPDATE outbox SET state = ?2, ever_sent = 1 WHERE id = ?1"
            await tx.run(sql, row.id, state)
            await followers.moved(tx, row, state, 1, "")

        on_books(site, work)

    come_to("sent")
    words = ("remit", "release", number, "--reason", "x", *as_checker(site))
    assert nontax(*words).code == 1
    come_to("unknown")
    assert nontax(*words).code == 0
    assert nontax("journal", "verify").code == 0


@pytest.mark.parametrize("reason", [" ", "a\nb", "x" * 201])
def test_a_reason_is_a_reason(nontax: Nontax, site: Path, reason: str) -> None:
    done = nontax("remit", "release", "JK1", "--reason", reason, *as_checker(site))
    assert done.code == 2
    assert "--reason" in done.err


# -- bill confirm ---------------------------------------------------------------------------------


def test_a_unit_confirms_bills(nontax: Nontax, paid: list[str], site: Path) -> None:
    done = nontax("bill", "confirm", *paid, paid[0], "--json")
    assert [one["PayCode"] for one in done.json["confirmed"]] == paid
    assert all(one["changed"] for one in done.json["confirmed"])
    for one in done.json["confirmed"]:
        file = site / "spool" / "vouchers" / f"receipt-{one['ReceiptNo']}.json"
        assert json.loads(file.read_text("utf-8"))["PayCode"] == one["PayCode"]
    assert nontax("bill", "show", paid[0], "--json").json["state"] == "confirmed"
    assert nontax("bill", "show", paid[0], "--json").json["PayStats"] == "1"
    again = nontax("bill", "confirm", paid[0])
    assert "as it was before" in again.out
    assert nontax("bill", "list", "--state", "confirmed").out.count("confirmed") >= 2


def test_bills_are_confirmed_all_or_none(nontax: Nontax, paid: list[str]) -> None:
    done = nontax("bill", "confirm", *paid, "77")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: 77: there is no such bill - check the pay code\n"
    assert nontax("bill", "show", paid[0], "--json").json["state"] == "paid"
    unpaid = nontax("bill", "list", "--state", "unpaid", "--json").json["bills"][0]["PayCode"]
    done = nontax("bill", "confirm", paid[0], unpaid, "--json")
    assert done.code == 1
    assert done.error["error"] == "the bill is unpaid"
    assert nontax("bill", "confirm").code == 2


def test_an_operator_confirms_for_its_own_units(
    nontax: Nontax, paid: list[str], site: Path, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("Geheim-2026!")
    added = nontax(
        *("operator", "add", "schule", "--role", "maker", "--unit", SCHOOL),
        *("--new-password-file", password, *as_checker(site)),
    )
    if added.code:
        pytest.fail(added.err)

    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE operators SET must_change = 0 WHERE name = 'schule'")

    on_books(site, work)
    own = ("--operator", "schule", "--password-file", password)
    refused = nontax("bill", "confirm", paid[0], *own)
    assert refused.code == 2
    assert "may not act for unit 0104901" in refused.err
    assert nontax("bill", "confirm", paid[1], *own).code == 0
    # A run in its name takes its units' money only.
    report = nontax("remit", "run", "--json", *own).json
    assert report["TotalAmt"] == "1500.00"


# -- feedback -------------------------------------------------------------------------------------

HEAD = "国库代码,日期,预算级次,科目代码,金额,流水号,缴库单号\n"


def feedback(nontax: Nontax, file: Path, *rows: str, kind: str = "flow", more: Any = ()) -> Any:
    file.write_bytes((HEAD + "".join(f"{row}\n" for row in rows)).encode("gbk"))
    return nontax("remit", "import-feedback", file, "--kind", kind, "--json", *more)


@pytest.fixture
def booked(nontax: Nontax, paid: list[str], site: Path) -> dict[str, str]:
    """Succeeded remittances: number by total."""
    report = nontax("remit", "run", "--json").json
    succeed(site)
    return {one["TotalAmt"]: one["RemitNo"] for one in report["remittances"]}


def test_feedback_that_agrees(nontax: Nontax, booked: dict[str, str], tmp_path: Path) -> None:
    rows = (
        f"{COUNTY},20260303,4,103043211,50.00,L1,{booked['56.00']}",
        f"{COUNTY},20260303,4,103043211,6.00,L2,",
        f"{COUNTY},20260303,4,103042750,1500.00,L3,",
    )
    done = feedback(nontax, tmp_path / "f.csv", *rows)
    assert (done.code, done.err) == (0, "")
    assert done.json["differences"] == []
    assert (done.json["rows"], done.json["compared"]) == (3, 2)
    assert done.json["days"] == [{"TreCode": COUNTY, "Date": "20260303", "import": "new"}]
    again = feedback(nontax, tmp_path / "g.csv", *reversed(rows))
    assert again.json["days"][0]["import"] == "repeated"
    daily = feedback(
        nontax,
        tmp_path / "d.csv",
        f"{COUNTY},2026-03-03,4,103043211,56.00,,",
        f"{COUNTY},2026-03-03,4,103042750,1500.00,,",
        "0000000000,2026-03-03,1,103043211,8.00,,",
        kind="daily",
    )
    assert (daily.code, daily.json["compared"]) == (0, 3)


def test_feedback_that_differs_is_exit_1(
    nontax: Nontax, booked: dict[str, str], tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    rows = (f"{COUNTY},20260303,4,103043211,55.99,L1,", f"{COUNTY},20260303,5,A1,-1.00,L2,")
    done = feedback(nontax, tmp_path / "f.csv", *rows, more=("--report", report))
    assert done.code == 1
    found = {
        (one["IncomeSortCode"], one["BgtLevel"]): (one["Remitted"], one["Booked"])
        for one in done.json["differences"]
    }
    assert found == {
        ("103043211", "4"): ("56.00", "55.99"),
        ("103042750", "4"): ("1500.00", "0.00"),
        ("A1", "5"): ("0.00", "-1.00"),
    }
    with report.open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert {row["Difference"] for row in written} == {"-0.01", "-1500.00", "-1.00"}
    assert not [row for row in written if row["IncomeSortCode"][:1] in "=+-@"]
    text = nontax("remit", "import-feedback", tmp_path / "f.csv", "--kind", "flow")
    assert text.code == 1
    assert "3 sums by subject and level compared, 3 differ" in text.out


def test_a_flow_that_names_a_remittance_says_its_day(
    nontax: Nontax, booked: dict[str, str], tmp_path: Path
) -> None:
    # The bank told the 3rd, the treasury booked on the 4th.
    rows = (
        f"{COUNTY},20260304,4,103043211,56.00,L1,{booked['56.00']}",
        f"{COUNTY},20260304,4,103042750,1500.00,L2,{booked['1500.00']}",
    )
    assert feedback(nontax, tmp_path / "f.csv", *rows).code == 0


def test_other_content_for_a_day_has_to_be_said(
    nontax: Nontax, booked: dict[str, str], tmp_path: Path
) -> None:
    wrong = (f"{COUNTY},20260303,4,103043211,1.00,L1,",)
    right = (
        f"{COUNTY},20260303,4,103043211,56.00,L1,",
        f"{COUNTY},20260303,4,103042750,1500.00,L2,",
    )
    assert feedback(nontax, tmp_path / "f.csv", *wrong).code == 1
    refused = feedback(nontax, tmp_path / "f.csv", *right)
    assert refused.code == 1
    assert "imported before with other content" in refused.error["error"]
    done = feedback(nontax, tmp_path / "f.csv", *right, more=("--replace",))
    assert done.code == 0
    assert done.json["days"][0]["import"] == "replaced"
    assert nontax("journal", "verify").code == 0


def test_feedback_files_that_are_wrong(nontax: Nontax, tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    done = feedback(nontax, file, "9999,20260303,4,A1,1.00,L1,")
    assert done.code == 2
    assert "9999 is no treasury of the catalogue" in done.error["error"]
    done = feedback(nontax, file, "=1,20260303,4,A1,1.00,L1,", "x")
    assert (done.code, done.error["total"]) == (2, 2)
    assert done.error["faults"][0]["line"] == 2
    file.write_bytes(b"")
    done = nontax("remit", "import-feedback", file, "--kind", "flow")
    assert done.err.startswith(f"error: {file}:1: columns are missing")
    assert nontax("remit", "import-feedback", tmp_path, "--kind", "flow").code == 2
    assert nontax("remit", "import-feedback", tmp_path / "none", "--kind", "flow").code == 2
    assert nontax("remit", "import-feedback", file).code == 2


# -- slips ----------------------------------------------------------------------------------------


def slip(nontax: Nontax, *words: str, amount: str = "120.00") -> Any:
    own = ("--unit", SCHOOL, "--item", "103042750", "--amount", amount, "--date", "2026-03-02")
    return nontax("remit", "slip", "add", *own, "--payer", "欧阳锋", "--json", *words)


def test_slips_are_summed_up_in_one_bill_and_remitted(nontax: Nontax, site: Path) -> None:
    # Each is within 100.00 to 5000.00, their sum is not.
    numbers = [slip(nontax, amount=amount).json["SlipNo"] for amount in ("4000.00", "4500.50")]
    listed = nontax("remit", "slip", "list", "--open", "--json").json["slips"]
    assert [one["SlipNo"] for one in listed] == numbers
    assert "欧阳锋" not in json.dumps(listed, ensure_ascii=False)
    made = nontax("remit", "slip", "summary", "--unit", SCHOOL, "--json").json
    assert (made["Amt"], made["slips"]) == ("8500.50", 2)
    bill = nontax("bill", "show", made["PayCode"], "--json").json
    assert [item["Quantity"] for item in bill["items"]] == ["2"]
    assert nontax("remit", "slip", "list", "--open", "--json").json["slips"] == []
    none = nontax("remit", "slip", "summary", "--unit", SCHOOL)
    assert (none.code, "has no open slip" in none.err) == (1, True)
    dropped = nontax("remit", "slip", "drop", numbers[0], "--reason", "误录")
    assert (dropped.code, "sums it up" in dropped.err) == (1, True)

    async def work(tx: Transaction) -> None:
        code = made["PayCode"]
        await bills.set_state(tx, code, expected="unpaid", state="paid", changed_at=1)
        found = Payment(0, BANK, DAY, "T1", code, 850_050, "11", "1", ACCOUNT, "2612", 1)
        await payments.insert(tx, found)

    on_books(site, work)
    [one] = nontax("remit", "run", "--json").json["remittances"]
    assert (one["RemitMode"], one["TotalAmt"]) == ("2", "8500.50")


def test_a_void_summary_gives_its_slips_back(nontax: Nontax) -> None:
    number = slip(nontax).json["SlipNo"]
    made = nontax("remit", "slip", "summary", "--unit", SCHOOL).out.strip()
    assert nontax("bill", "void", made).code == 0
    [listed] = nontax("remit", "slip", "list", "--open", "--json").json["slips"]
    assert listed["SlipNo"] == number
    done = nontax("remit", "slip", "drop", number, "--reason", "误录")
    assert done.out == f"slip {number} is dropped\n"
    assert nontax("remit", "slip", "drop", number, "--reason", "误录").code == 1
    assert nontax("remit", "slip", "list", "--unit", LAND, "--json").json["slips"] == []
    assert "dropped" in nontax("remit", "slip", "list").out


def test_a_paper_receipt_is_recorded_once(nontax: Nontax) -> None:
    assert slip(nontax, "--receipt", "A001").code == 0
    done = slip(nontax, "--receipt", "A001")
    assert done.code == 1
    assert "receipt A001" in done.error["error"]
    # Numbers have no gap although one was refused.
    assert slip(nontax, "--receipt", "A002").json["SlipNo"].endswith("00000002")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--amount", "0"), "above 0"),
        (("--amount", "-1.00"), "--amount"),
        (("--amount", "abc"), "--amount"),
        (("--amount", "99.99"), "outside its standard"),
        (("--date", "2999-01-01"), "lies ahead"),
        (("--unit", "77"), "is no unit"),
        (("--unit", ESTATE), "may not charge"),
        (("--item", "77"), "may not charge"),
        (("--unit", LAND, "--item", "103043211"), "not remitted in consolidation"),
        (("--payer", "𠮷"), "not in GBK"),
        (("--payer", "张" * 51), "more than 100 bytes"),
        (("--receipt", "a b"), "letters or digits"),
    ],
)
def test_slips_that_cannot_be(nontax: Nontax, words: tuple[str, ...], text: str) -> None:
    done = slip(nontax, *words)
    assert (done.code, done.out) == (2, "")
    assert text in done.err
    assert nontax("remit", "slip", "list", "--json").json["slips"] == []


def test_old_slips_block_new_bills_and_a_summary_frees_them(nontax: Nontax, site: Path) -> None:
    Installation(site).configure({"controls": {"unremitted_slip_days": 30}})
    own = ("--unit", SCHOOL, "--item", "103042750=200.00", "--payer", "张三")
    assert nontax("bill", "add", *own).code == 0
    assert slip(nontax).code == 0
    refused = nontax("bill", "add", *own)
    assert refused.code == 2
    assert "slips that are not remitted for more than 30 days" in refused.err
    made = nontax("remit", "slip", "summary", "--unit", SCHOOL).out.strip()
    assert nontax("bill", "add", *own).code == 2  # it has to be paid, too

    async def work(tx: Transaction) -> None:
        await bills.set_state(tx, made, expected="unpaid", state="paid", changed_at=1)

    on_books(site, work)
    assert nontax("bill", "add", *own).code == 0
