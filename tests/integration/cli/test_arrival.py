"""`nontax arrival`: the list of unidentified money, claims and returns."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.store import arrivals, bills, journal, open_store, payments, transfers
from nontax.gateway.store.arrivals import Arrival
from nontax.gateway.store.protocol import Transaction
from nontax.gateway.store.records import Payment
from nontax.gateway.store.transfers import Transfer

BANK, OTHER = "D3206820105", "D3206820301"
ACCOUNT = "32003000000000000026"
REASON = "来款附言写明单位"


def money(tra_no: str = "A1", **changes: Any) -> Arrival:
    facts: dict[str, Any] = {
        "id": 0, "kind": "2615", "src": OTHER, "tra_no": tra_no, "arr_date": "20260302",
        "arr_time": "101500", "rec_acct_type": "1", "rec_acct": ACCOUNT, "amt": 8000,
        "received_at": 1, "changed_at": 1, "payer_name": "欧阳锋", "payer_acct": "6222000011112222",
        "payer_op_bk": "某银行", "add_word": "土地款", "why": "no batch is named",
    }  # fmt: skip
    return Arrival(**(facts | changes))


@pytest.fixture
def books(site: Path) -> Any:
    """Runs a unit of work on the site's store."""

    def run(work: Any) -> Any:
        async def within() -> Any:
            store = await open_store("sqlite:///nontax.db", site)
            try:
                return await store.transact(work)
            finally:
                await store.close()

        return asyncio.run(within())

    return run


@pytest.fixture
def put(books: Any) -> Any:
    """Writes arrivals; the id of the last one."""

    def write(*rows: Arrival) -> int:
        async def work(tx: Transaction) -> int:
            return [await arrivals.insert(tx, row) for row in rows][-1]

        return int(books(work))

    return write


@pytest.fixture
def bill(nontax: Any) -> str:
    """A new bill of 80 yuan."""
    made = nontax(*("bill", "add", "--unit", "0104901", "--payer", "张三", "--notify"),
                  *("--item", "103043211=80.00", "--json"))  # fmt: skip
    return str(made.json["PayCode"])


def as_maker(site: Path, name: str = "maker1") -> tuple[str, ...]:
    password = str(site / "secret" / f"{name}.password")
    return "--operator", name, "--password-file", password


# -- list and show ---------------------------------------------------------------------------------


def test_an_empty_list(nontax: Any) -> None:
    done = nontax("arrival", "list", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {"arrivals": [], "count": 0, "Amt": "0.00", "oldest": ""}
    assert nontax("arrival", "list").out.endswith("0 in all, 0.00 yuan\n")


def test_unidentified_money_with_its_age(nontax: Any, put: Any, books: Any) -> None:
    put(money(), money("A2", arr_date="20260301", src=BANK, kind="2616"), money("A3"))
    books(lambda tx: arrivals.end(tx, 3, "returned", actor="m", reason="r", at=1))
    done = nontax("arrival", "list", "--json")
    assert [row["TraNo"] for row in done.json["arrivals"]] == ["A2", "A1"]
    assert (done.json["count"], done.json["Amt"]) == (2, "160.00")
    assert done.json["oldest"] == "2026-03-01"
    first, second = done.json["arrivals"]
    assert first["age_days"] == second["age_days"] + 1 > 0
    assert (second["SRC"], second["MsgNo"], second["why"]) == (OTHER, "2615", "no batch is named")
    text = nontax("arrival", "list").out
    for secret in ("欧阳锋", "6222000011112222", "土地款"):
        assert secret not in done.out
        assert secret not in text
    assert "2 in all, 160.00 yuan" in text

    def listed(*words: str) -> list[str]:
        rows = nontax("arrival", "list", "--json", *words).json["arrivals"]
        return [row["TraNo"] for row in rows]

    assert listed("--state", "all") == ["A2", "A1", "A3"]
    assert listed("--state", "returned") == ["A3"]
    assert listed("--node", BANK) == ["A2"]
    assert listed("--kind", "2615") == ["A1"]
    assert listed("--from", "2026-03-02") == ["A1"]
    assert listed("--to", "2026-03-01") == ["A2"]
    assert listed("--limit", "1") == ["A2"]


def test_one_arrival_in_full(nontax: Any, put: Any) -> None:
    number = put(money(batch_no="B7"))
    shown = nontax("arrival", "show", number, "--json").json
    assert (shown["PayerName"], shown["PayerAcct"]) == ("欧阳锋", "6222000011112222")
    assert (shown["AddWord"], shown["RecAcct"], shown["actions"]) == ("土地款", ACCOUNT, [])
    text = nontax("arrival", "show", number).out
    for part in ("unidentified (未明)", "no batch is named", "欧阳锋", "10:15:00", "B7"):
        assert part in text


@pytest.mark.parametrize(
    "words",
    [
        ("show", "99"),
        ("show", "x"),
        ("show", "0"),
        ("list", "--state", "lost"),
        ("list", "--from", "20260301"),
        ("list", "--limit", "0"),
        ("claim", "1"),
        ("claim", "1", "2"),
        ("return", "1"),
        ("transfers", "--state", "x"),
        (),
    ],
)
def test_wrong_words(nontax: Any, words: tuple[str, ...]) -> None:
    done = nontax("arrival", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


# -- claim -----------------------------------------------------------------------------------------


def test_claiming_pays_the_bill(nontax: Any, put: Any, bill: str, site: Path) -> None:
    number = put(money())
    words = ("arrival", "claim", number, bill, "--reason", REASON, *as_maker(site))
    done = nontax(*words, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "id": number, "state": "claimed", "PayCode": bill, "TraNoBus": "A1", "CfmDate": "20260302",
    }  # fmt: skip
    shown = nontax("bill", "show", bill, "--json").json
    assert (shown["PayStats"], len(shown["payments"])) == ("1", 1)
    assert shown["payments"][0]["TraNoBus"] == "A1"
    queued = nontax("outbox", "list", "--number", "5996", "--json").json["messages"]
    assert [(row["peer"], row["subject"]) for row in queued] == [("K3206820002", bill)]
    after = nontax("arrival", "show", number, "--json").json
    assert after["payment"]["PayCode"] == bill
    assert after["payment"]["channel"] == "claim"
    [act] = after["actions"]
    assert (act["action"], act["by"], act["reason"]) == ("claimed", "maker1", REASON)
    assert f"claimed by maker1: {REASON}" in nontax("arrival", "show", number).out
    again = nontax(*words, "--json")
    assert (again.code, again.error["error"]) == (1, "the money is claimed already")
    assert again.error["where"] == f"arrival {number}"
    assert nontax("journal", "verify").code == 0


def test_what_cannot_be_claimed(nontax: Any, put: Any, books: Any, bill: str, site: Path) -> None:
    one, two = put(money()), put(money("A2", amt=8001))
    why = ("--reason", REASON, *as_maker(site))
    cases: list[tuple[int, tuple[Any, ...], str]] = [
        (2, (99, bill, *why), "there is no arrival 99"),
        (2, (one, "123", *why), "there is no bill 123"),
        (1, (two, bill, *why), "the money is 80.01, the bill 80.00"),
        (2, (one, bill, "--reason", " ", *as_maker(site)), "the reason must have"),
        (2, (one, bill, "--reason", "原因" * 100, *as_maker(site)), "the reason must have"),
        (2, (one, bill, "--reason", "a\x07b", *as_maker(site)), "the reason must have"),
        (2, (one, bill, "--reason", REASON, *as_maker(site, "auditor1")), "is no maker"),
    ]
    for code, words, text in cases:
        done = nontax("arrival", "claim", *words)
        assert (done.code, done.out) == (code, ""), words
        assert text in done.err
        assert done.err.count("\n") == 1
    assert nontax("bill", "void", bill).code == 0
    void = nontax("arrival", "claim", one, bill, *why)
    assert (void.code, "the bill is void" in void.err) == (1, True)
    assert books(lambda tx: tx.all("SELECT * FROM arrival_actions")) == []


def test_a_claim_names_and_authenticates_an_operator(
    nontax: Any, put: Any, bill: str, site: Path
) -> None:
    number = put(money())
    words = ("arrival", "claim", number, bill, "--reason", REASON)
    (site / "wrong").write_text("Wrong-1234\n")
    config = (site / "nontax.toml").read_text("utf-8")
    unattended = "".join(
        line for line in config.splitlines(keepends=True) if not line.startswith("unattended")
    )
    (site / "nontax.toml").write_text(unattended, "utf-8")
    for more in (
        ("--operator", "maker1", "--password-file", str(site / "wrong")),
        ("--operator", "nobody", "--password-file", str(site / "wrong")),
        ("--operator", "maker1"),
        (),
    ):
        done = nontax(*words, *more)
        assert (done.code, done.out) == (2, "")
    assert nontax("arrival", "show", number, "--json").json["state"] == "unidentified"


def test_an_operator_of_other_units(nontax: Any, put: Any, bill: str, site: Path) -> None:
    number = put(money())
    password = site / "secret" / "clerk.password"
    password.write_text("Window-2468!\n")
    added = nontax("operator", "add", "clerk", "--role", "maker", "--unit", "0105204",
                   "--new-password-file", password, *as_maker(site, "checker1"))  # fmt: skip
    assert added.code == 0, added.err
    changed = site / "secret" / "clerk2.password"
    changed.write_text("Garden-1357!\n")
    own = ("--operator", "clerk", "--password-file", password)
    done = nontax("operator", "password", "clerk", "--new-password-file", changed, *own)
    assert done.code == 0, done.err
    who = ("--operator", "clerk", "--password-file", changed)
    claim = nontax("arrival", "claim", number, bill, "--reason", REASON, *who)
    assert claim.code == 2
    assert "may not act for unit 0104901" in claim.err
    back = nontax("arrival", "return", number, "--reason", REASON, *who)
    assert back.code == 2
    assert "nobody's" in back.err


def test_a_refused_confirmation_needs_a_second_thought(
    nontax: Any, put: Any, books: Any, bill: str, site: Path
) -> None:
    number = put(money())
    books(
        lambda tx: tx.run(
            "INSERT INTO confirmations (src, cfm_date, tra_no_bus, pay_code, amt, pay_mode,"
            " rec_acct_type, rec_acct, accepted, result, information, at)"
            " VALUES (?1, '20260302', 'A1', 'x', 1, '11', '1', '', 0, '11001', '', 1)",
            OTHER,
        )
    )
    words = ("arrival", "claim", number, bill, "--reason", REASON, *as_maker(site))
    done = nontax(*words)
    assert (done.code, "--despite-refusal" in done.err) == (1, True)
    assert nontax(*words, "--despite-refusal").out == (
        f"arrival {number} is claimed: bill {bill} is paid\n"
    )


# -- return ----------------------------------------------------------------------------------------


def test_returning(nontax: Any, put: Any, books: Any, site: Path) -> None:
    number = put(money())
    words = ("arrival", "return", number, "--reason", "付款人汇错", *as_maker(site))
    done = nontax(*words, "--json")
    assert (done.code, done.json) == (0, {"id": number, "state": "returned"})
    again = nontax(*words)
    assert (again.code, again.out) == (1, "")
    assert f"arrival {number}: the money is returned already" in again.err
    unknown = nontax("arrival", "return", 99, "--reason", "x", *as_maker(site))
    assert unknown.code == 2
    [entry] = books(lambda tx: journal.of_subject(tx, f"arrival:{number}"))
    assert (entry.kind, entry.actor) == ("arrival.returned", "maker1")
    assert "付款人汇错" in entry.facts


# -- transfers -------------------------------------------------------------------------------------


def test_batches_under_way(nontax: Any, books: Any, bill: str, site: Path) -> None:
    async def work(tx: Transaction) -> None:
        assert await bills.set_state(tx, bill, expected="unpaid", state="paid", changed_at=1)
        paid = Payment(
            0, BANK, "20260302", "T1", bill, 8000, "11", "1", ACCOUNT, "2612", received_at=1
        )
        payment_id = await payments.insert(tx, paid)
        batch = Transfer(
            0, BANK, "B1", "20260302", "M1", "建行", "1", "1", "财政", ACCOUNT, "交行", "", 8000, 1,
            "sent", 1, 1,
        )  # fmt: skip
        await transfers.insert(tx, batch, [payment_id])

    books(work)
    [row] = nontax("arrival", "transfers", "--json").json["transfers"]
    assert (row["SRC"], row["BatchNo"], row["Amt"], row["state"]) == (BANK, "B1", "80.00", "sent")
    assert "B1" in nontax("arrival", "transfers").out
    words = ("arrival", "cancel-transfer", BANK, "B1", "--reason", "退汇", *as_maker(site))
    done = nontax(*words, "--json")
    assert done.json == {"SRC": BANK, "BatchNo": "B1", "state": "cancelled"}
    assert nontax(*words).code == 1
    assert nontax("arrival", "transfers", "--json").json == {"transfers": []}
    kept = nontax("arrival", "transfers", "--state", "all", "--node", BANK, "--json").json
    assert [row["state"] for row in kept["transfers"]] == ["cancelled"]
    unknown = nontax("arrival", "cancel-transfer", OTHER, "B1", "--reason", "x", *as_maker(site))
    assert unknown.code == 2
