"""`nontax debit` on a real installation: protocols, requests, and what a person says of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

NAMES = ("--payer-no", "88001234", "--protocol", "XY20260001", "--bank", "0105")
SECRETS = ("88001234", "XY20260001", "6227000012345678", "欧阳锋")


def checker(site: Path) -> tuple[str, ...]:
    file = site / "secret" / "checker1.password"
    return "--operator", "checker1", "--password-file", str(file)


def books(site: Path, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(site / "nontax.db")) as connection, connection:
        return connection.execute(sql, arguments).fetchall()


@pytest.fixture
def signed(nontax: Any) -> None:
    """The payer has signed with the bank."""
    done = nontax(
        *("debit", "protocol", "add", *NAMES, "--payer", "欧阳锋", "--account"),
        *("6227000012345678", "--account-bank", "建行示例支行", "--from", "2020-01-01"),
    )
    assert (done.code, done.out) == (0, "protocol registered\n")


@pytest.fixture
def bill(nontax: Any) -> str:
    made = nontax(
        *("bill", "add", "--unit", "0104901", "--payer", "张三", "--item", "103043211=80.00"),
        "--json",
    )
    return str(made.json["PayCode"])


@pytest.fixture
def debit(nontax: Any, signed: None, bill: str) -> str:
    """A debit of 80.00 that waits to be sent."""
    done = nontax("debit", "request", bill, *NAMES, "--last-date", "2099-12-31")
    assert (done.code, done.err) == (0, "")
    return str(done.out.strip())


def test_a_debit_is_requested_and_listed(nontax: Any, site: Path, bill: str, debit: str) -> None:
    [row] = nontax("debit", "list", "--json").json["debits"]
    assert (row["debit"], row["PayCode"], row["node"]) == (debit, bill, "D3206820105")
    assert (row["state"], row["Amt"], row["LastDate"]) == ("queued", "80.00", "20991231")
    assert not row["overdue"]
    [(number, peer, subject)] = books(site, "SELECT number, peer, subject FROM outbox")
    assert (number, peer, subject) == ("5604", "D3206820105", bill)
    for view in (("list",), ("list", "--json"), ("protocol", "list"),
                 ("protocol", "list", "--json")):  # fmt: skip
        text = nontax("debit", *view).out
        for secret in SECRETS:
            assert secret not in text
    again = nontax("debit", "request", bill, *NAMES, "--json")
    assert again.code == 1
    assert again.error["error"] == f"debit {debit} of it is queued"
    void = nontax("bill", "void", bill)
    assert void.code == 1
    assert "a direct debit (5604) is under way" in void.err
    assert nontax("journal", "verify").code == 0


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--payer-no", "1", *NAMES[2:]), "no protocol with these numbers"),
        ((*NAMES[:5], "9999"), "no bank has the code 9999"),
        ((*NAMES[:5], "G000001"), "no bank has the code G000001"),
        (NAMES[:4], "--bank"),
        ((*NAMES, "--last-date", "2020-01-01"), "the last date has passed"),
        ((*NAMES, "--last-date", "31.12.2099"), "is no date YYYY-MM-DD"),
    ],
)
def test_wrong_requests(nontax: Any, bill: str, words: tuple[str, ...], text: str) -> None:
    done = nontax("debit", "request", bill, *words)
    assert (done.code, done.out) == (2, "")
    assert text in done.err
    assert done.err.count("\n") == 1
    assert nontax("debit", "list", "--json").json == {"debits": []}


@pytest.mark.usefixtures("signed")
def test_the_last_date_may_be_left_out(nontax: Any, bill: str) -> None:
    done = nontax("debit", "request", bill, *NAMES, "--json")
    assert (done.code, len(done.json["LastDate"])) == (0, 8)


@pytest.mark.usefixtures("signed")
def test_a_bill_that_is_not_there(nontax: Any) -> None:
    done = nontax("debit", "request", "320682260000000099", *NAMES)
    assert done.code == 2
    assert "there is no such bill" in done.err


def test_lists_are_narrowed(nontax: Any, site: Path, debit: str) -> None:
    def found(*words: str) -> list[str]:
        return [row["debit"] for row in nontax("debit", "list", *words, "--json").json["debits"]]

    assert found() == found("--unit", "0104901") == found("--state", "queued") == [debit]
    assert found("--node", "D3206820105", "--limit", "1") == [debit]
    assert found("--overdue") == found("--unit", "0206301") == found("--state", "failed") == []
    books(site, "UPDATE debits SET last_date = '20200101'")
    assert found("--overdue") == [debit]
    assert "queued, overdue" in nontax("debit", "list").out


def test_a_checker_books_what_was_taken(nontax: Any, site: Path, bill: str, debit: str) -> None:
    books(site, "UPDATE debits SET state = 'unknown'")
    books(site, "UPDATE outbox SET state = 'unknown', ever_sent = 1")
    words = ("debit", "settle", debit, "succeeded", "--reason", "电话核实")
    maker = nontax(*words, "--number", "K1", "--date", "2026-03-02")
    assert maker.code == 2
    assert "needs an operator who is checker" in maker.err
    for missing in ((), ("--number", "K1"), ("--date", "2026-03-02")):
        done = nontax(*words, *missing, *checker(site))
        assert done.code == 2
        assert "give --number and --date" in done.err
    failed = nontax(*words[:3], "failed", *words[4:], "--number", "K1", *checker(site))
    assert "leave --number and --date out" in failed.err
    late = nontax(*words, "--number", "K1", "--date", "2999-01-01", *checker(site))
    assert (late.code, "has not come yet" in late.err) == (2, True)
    wrong = nontax(*words, "--number", "K" * 51, "--date", "2026-03-02", *checker(site))
    assert "--number: must have 1 to 50" in wrong.err
    clock = nontax(*words, "--number", "K1", "--date", "2026-03-02", "--time", "25:00:00")
    assert "is no time HH:MM:SS" in clock.err
    today = books(site, "SELECT bill_date FROM bills WHERE pay_code = ?", bill)[0][0]
    date = f"{today[:4]}-{today[4:6]}-{today[6:]}"
    done = nontax(
        *(*words, "--number", "K1", "--date", date, "--time", "10:15:00", "--json"), *checker(site)
    )
    assert done.json["state"] == "succeeded"
    [payment] = nontax("bill", "show", bill, "--json").json["payments"]
    assert (payment["TraNoBus"], payment["PayMode"], payment["channel"]) == ("K1", "3", "2607")
    again = nontax(*words, "--number", "K1", "--date", date, *checker(site))
    assert (again.code, "it is succeeded" in again.err) == (1, True)


def test_a_checker_says_that_nothing_was_taken(
    nontax: Any, site: Path, bill: str, debit: str
) -> None:
    early = nontax("debit", "settle", debit, "failed", "--reason", "x", *checker(site))
    assert early.code == 1
    assert "it is queued" in early.err
    books(site, "UPDATE debits SET state = 'unknown'")
    blank = nontax("debit", "settle", debit, "failed", "--reason", " ", *checker(site))
    assert (blank.code, "--reason: must have" in blank.err) == (2, True)
    done = nontax("debit", "settle", debit, "failed", "--reason", "已查", *checker(site))
    assert done.out == f"debit {debit} is failed\n"
    assert nontax("bill", "void", bill).code == 0
    none = nontax("debit", "settle", "HK1", "failed", "--reason", "x", *checker(site))
    assert (none.code, "there is no such debit" in none.err) == (2, True)


@pytest.mark.usefixtures("signed")
def test_protocols_are_kept_once_and_end(nontax: Any, bill: str) -> None:
    add = ("debit", "protocol", "add", *NAMES, "--payer", "欧阳锋", "--account-bank",
           "建行示例支行", "--from", "2020-01-01", "--account")  # fmt: skip
    same = nontax(*add, "6227000012345678", "--json")
    assert same.json == {"node": "D3206820105", "added": False}
    other = nontax(*add, "6227000099999999")
    assert other.code == 1
    assert "another protocol with these numbers" in other.err
    long = nontax(*add[:-1], "--account", "1" * 51)
    assert (long.code, "PayerAcct" in long.err) == (2, True)
    [row] = nontax("debit", "protocol", "list", "--node", "D3206820105", "--json").json["protocols"]
    assert (row["from"], row["to"]) == ("2020-01-01", "")
    assert nontax("debit", "protocol", "list", "--payer-no", "1", "--json").json == {
        "protocols": []
    }
    done = nontax("debit", "protocol", "end", *NAMES, "--on", "2020-12-31")
    assert done.out == "protocol ends on 2020-12-31\n"
    assert nontax("debit", "protocol", "end", *NAMES, "--on", "2019-12-31").code == 2
    asked = nontax("debit", "request", bill, *NAMES)
    assert asked.code == 1
    assert "does not hold today" in asked.err
