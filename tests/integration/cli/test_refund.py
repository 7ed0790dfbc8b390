"""`nontax refund` on a real installation: asked for, approved by another, printed, ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PAYER = "欧阳锋", "6222000011112222"


def as_(site: Path, name: str) -> tuple[str, ...]:
    """The words that name an operator of the sample."""
    return "--operator", name, "--password-file", str(site / "secret" / f"{name}.password")


def books(site: Path, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(site / "nontax.db")) as connection, connection:
        return connection.execute(sql, arguments).fetchall()


@pytest.fixture
def paid(site: Path, nontax: Any) -> str:
    """A bill of 80.00 that the bank has collected."""
    made = nontax(
        *("bill", "add", "--unit", "0104901", "--payer", PAYER[0], "--item", "103043211=80.00"),
        "--json",
    )
    code = str(made.json["PayCode"])
    books(
        site,
        "INSERT INTO payments (src, cfm_date, tra_no_bus, pay_code, amt, pay_mode, rec_acct_type,"
        " rec_acct, channel, received_at, cfm_time, bank_outlet, operator, payer_name, payer_acct,"
        " payer_op_bk, payer_op_bk_no, duplicate, after_expiry, before_bill) VALUES"
        " ('D3206820105', '20260302', 'T1', ?, 8000, '11', '1', '32001000000000000018', '2612', 1,"
        " '', '', '', ?, ?, '某银行', '', 0, 0, 0)",
        code,
        *PAYER,
    )
    books(site, "UPDATE bills SET state = 'paid' WHERE pay_code = ?", code)
    return code


@pytest.fixture
def asked(nontax: Any, site: Path, paid: str) -> str:
    """A refund of 30.00 that the maker asked for."""
    done = nontax(
        *("refund", "request", paid, "--amount", "30.00", "--reason", "多缴"), *as_(site, "maker1")
    )
    assert (done.code, done.err) == (0, "")
    return str(done.out.strip())


def test_a_refund_from_the_request_to_the_order(
    nontax: Any, site: Path, paid: str, asked: str
) -> None:
    [brief] = nontax("refund", "list", "--json").json["refunds"]
    assert (brief["RefundNo"], brief["PayCode"], brief["Amt"]) == (asked, paid, "30.00")
    assert (brief["state"], brief["RefundType"], brief["requested_by"]) == (
        "requested",
        "2",
        "maker1",
    )
    same = nontax("refund", "approve", asked, *as_(site, "maker1"))
    assert same.code == 2
    assert "maker1 is no checker" in same.err
    done = nontax("refund", "approve", asked, *as_(site, "checker1"), "--json")
    assert done.code == 0
    assert done.json == {
        "RefundNo": asked,
        "PayCode": paid,
        "Amt": "30.00",
        "state": "queued",
        "paid_from": "collection",
    }
    [(peer, state)] = books(site, "SELECT peer, state FROM outbox WHERE subject = ?", asked)
    assert (peer, state) == ("D3206820105", "queued")
    shown = nontax("refund", "show", asked, "--json").json
    assert [entry["kind"] for entry in shown["history"]] == ["refund.requested", "refund.approved"]
    assert [entry["actor"] for entry in shown["history"]] == ["maker1", "checker1"]
    assert (shown["decided_by"], shown["refunds_of_payment"]) == ("checker1", "30.00")
    for view in (("show", asked), ("show", asked, "--json"), ("list",)):
        text = nontax("refund", *view).out
        assert asked in text
        for secret in PAYER:
            assert secret not in text
    [refund] = nontax("bill", "show", paid, "--json").json["refunds"]
    assert (refund["RefundNo"], refund["state"]) == (asked, "queued")
    assert nontax("bill", "show", paid, "--json").json["PayStats"] == "1"
    assert nontax("journal", "verify").code == 0


def test_the_checker_who_asked_cannot_approve(nontax: Any, site: Path, paid: str) -> None:
    books(site, "UPDATE operators SET roles = 'maker,checker' WHERE name = 'checker1'")
    done = nontax(
        *("refund", "request", paid, "--amount", "1", "--reason", "多缴", "--json"),
        *as_(site, "checker1"),
    )
    number = done.json["RefundNo"]
    for action in (("approve", number), ("reject", number, "--reason", "x")):
        own = nontax("refund", *action, *as_(site, "checker1"))
        assert own.code == 2
        assert "checker1 cannot approve what checker1 asked for" in own.err
    [shown] = nontax("refund", "list", "--json").json["refunds"]
    assert shown["state"] == "requested"


def test_rejecting(nontax: Any, site: Path, paid: str, asked: str) -> None:
    done = nontax("refund", "reject", asked, "--reason", "依据不足", *as_(site, "checker1"))
    assert done.out == f"refund {asked} is rejected\n"
    again = nontax("refund", "approve", asked, *as_(site, "checker1"))
    assert again.code == 1
    assert again.err == f"error: {asked}: it is rejected - only requested ones are decided\n"
    whole = nontax(
        *("refund", "request", paid, "--amount", "80", "--reason", "多缴"), *as_(site, "maker1")
    )
    assert whole.code == 0


def test_at_most_what_was_paid(nontax: Any, site: Path, paid: str, asked: str) -> None:
    done = nontax(
        *("refund", "request", paid, "--amount", "50.01", "--reason", "多缴", "--json"),
        *as_(site, "maker1"),
    )
    assert (done.code, done.out) == (1, "")
    assert done.error["where"] == paid
    assert done.error["error"] == "at most 50.00 of the 80.00 paid can be paid back"
    assert asked in nontax("refund", "list").out


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--amount", "x", "--reason", "y"), 2, "--amount: 'x': the amount is not an amount"),
        (("--amount", "1.001", "--reason", "y"), 2, "--amount"),
        (("--amount", "-1", "--reason", "y"), 2, "--amount"),
        (("--amount", "0", "--reason", "y"), 2, "must be above 0"),
        (("--amount", "1", "--reason", " "), 2, "the reason must have"),
        (("--amount", "1"), 2, "--reason"),
        (("--amount", "1", "--reason", "y", "--to", "unit"), 2, "has no such accounts"),
        (("--amount", "1", "--reason", "y", "--to", "me"), 2, "--to"),
        (("--amount", "1", "--reason", "y", "--account", "1"), 2, "for the unit only"),
        (("--amount", "1", "--reason", "y", "--payment", "T7"), 2, "no payment with the number T7"),
    ],
)
def test_wrong_requests(
    nontax: Any, site: Path, paid: str, words: tuple[str, ...], code: int, text: str
) -> None:
    done = nontax("refund", "request", paid, *words, *as_(site, "maker1"))
    assert (done.code, done.out) == (code, "")
    assert text in done.err
    assert done.err.count("\n") == 1
    assert nontax("refund", "list", "--json").json == {"refunds": []}


def test_bills_and_refunds_that_are_not_there(nontax: Any, site: Path) -> None:
    unpaid = nontax("bill", "list", "--state", "unpaid", "--json").json["bills"][0]["PayCode"]
    ask = ("--amount", "1", "--reason", "y", *as_(site, "maker1"))
    assert nontax("refund", "request", unpaid, *ask).code == 1
    assert nontax("refund", "request", "320682260000000099", *ask).code == 2
    for words in (("show", "YW1"), ("notice", "YW1"), ("voucher", "YW1")):
        done = nontax("refund", *words)
        assert (done.code, done.out) == (2, "")
        assert done.err == "error: YW1: there is no such refund - see `nontax refund list`\n"
    done = nontax("refund", "approve", "YW1", *as_(site, "checker1"))
    assert done.code == 2


@pytest.mark.parametrize("action", ["approve", "reject", "settle"])
def test_deciding_needs_a_checker(nontax: Any, asked: str, action: str) -> None:
    words = {"approve": (), "reject": ("--reason", "x"), "settle": ("failed", "--reason", "x")}
    done = nontax("refund", action, asked, *words[action])
    assert done.code == 2
    assert "this needs an operator who is checker" in done.err


def test_lists_are_narrowed(nontax: Any, asked: str) -> None:
    def found(*words: str) -> list[str]:
        rows = nontax("refund", "list", *words, "--json").json["refunds"]
        return [row["RefundNo"] for row in rows]

    assert found() == found("--unit", "0104901", "--unit", "0206301") == [asked]
    assert found("--state", "requested", "--node", "D3206820105") == [asked]
    assert found("--unit", "0206301") == found("--state", "failed") == found("--node", "X") == []
    assert found("--after", asked) == []


def test_the_application_is_printed(nontax: Any, tmp_path: Path, asked: str) -> None:
    page = nontax("refund", "notice", asked).out
    for text in ("非税收入退付申请凭证", asked, "叁拾元整", *PAYER):
        assert text in page
    out = tmp_path / "application.html"
    assert nontax("refund", "notice", asked, "--out", out).out == f"written to {out}\n"
    assert out.read_text("utf-8") == page
    assert out.stat().st_mode & 0o077 == 0


@pytest.fixture
def in_treasury(site: Path, paid: str) -> None:
    """The money of the bill went straight to the treasury."""
    books(site, "UPDATE payments SET rec_acct_type = '5' WHERE pay_code = ?", paid)


@pytest.mark.usefixtures("in_treasury")
def test_a_treasury_voucher_lies_in_the_spool(nontax: Any, site: Path, asked: str) -> None:
    done = nontax("refund", "approve", asked, *as_(site, "checker1"), "--json").json
    assert (done["state"], done["paid_from"]) == ("approved", "treasury")
    data, page = (Path(name) for name in done["files"])
    assert data.parent == site / "spool" / "vouchers"
    content = json.loads(data.read_text("utf-8"))
    assert (content["voucher"], content["RefundNo"], content["Amt"]) == (
        "国库退库凭证",
        asked,
        "30.00",
    )
    assert "国库退库凭证" in page.read_text("utf-8")
    assert books(site, "SELECT count(*) FROM outbox WHERE number = '5617'") == [(0,)]
    # Lost files are written again, the same.
    before = data.read_bytes()
    data.unlink()
    assert nontax("refund", "voucher", asked).out == f"{data}\n{page}\n"
    assert data.read_bytes() == before
    early = nontax(
        *("refund", "settle", asked, "succeeded", "--reason", "国库回单", "--date", "2999-01-01"),
        *as_(site, "checker1"),
    )
    assert early.code == 2
    assert "has not come yet" in early.err
    ended = nontax(
        *("refund", "settle", asked, "succeeded", "--reason", "国库回单", "--number", "GK1"),
        *as_(site, "checker1"),
    )
    assert ended.out == f"refund {asked} is succeeded\n"
    again = nontax("refund", "settle", asked, "failed", "--reason", "x", *as_(site, "checker1"))
    assert again.code == 1
    assert nontax("refund", "show", asked, "--json").json["TraNo"] == "GK1"


@pytest.mark.usefixtures("in_treasury")
def test_a_voucher_that_cannot_be_written_is_not_lost(nontax: Any, site: Path, asked: str) -> None:
    (site / "spool").write_text("in the way")
    done = nontax("refund", "approve", asked, *as_(site, "checker1"))
    assert done.code == 1
    assert f"then run `nontax refund voucher {asked}`" in done.err
    (site / "spool").unlink()
    assert nontax("refund", "voucher", asked, "--json").json["state"] == "approved"


def test_only_a_treasurys_refund_has_a_voucher(nontax: Any, site: Path, asked: str) -> None:
    for _ in range(2):
        done = nontax("refund", "voucher", asked)
        assert done.code == 1
        assert "not paid by the treasury" in done.err
        nontax("refund", "approve", asked, *as_(site, "checker1"))


def test_the_reserves(nontax: Any) -> None:
    rows = nontax("refund", "reserves", "--json").json["reserves"]
    assert [(row["bank"], row["opening"], row["available"]) for row in rows] == [
        ("0105", "500000.00", "500000.00"),
        ("0301", "200000.00", "200000.00"),
    ]
    text = nontax("refund", "reserves").out
    assert "500000.00" in text
    assert "32001000000000000042" not in text


def test_every_action_names_its_options(nontax: Any) -> None:
    help_of: Callable[..., Any] = lambda *words: nontax(*words, "--help").out  # noqa: E731
    for action in ("request", "approve", "reject", "settle", "list", "show", "notice", "voucher"):
        assert f"nontax refund {action}" in help_of("refund", action)
