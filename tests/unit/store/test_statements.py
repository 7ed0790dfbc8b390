"""Statements made from records, scripts cut into statements, URLs, the journal's hash."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pytest

from nontax.gateway.store import (
    StoreError,
    StoreFailed,
    arrivals,
    entries,
    records,
    sqlite_path,
    stock,
    stockledger,
    stockuses,
    supervised,
    transfers,
)
from nontax.gateway.store.journal import GENESIS, chain_hash
from nontax.gateway.store.sql import (
    Conditions,
    columns,
    insert_into,
    key_is,
    placeholders,
    select_from,
    values,
)
from nontax.gateway.store.sqlite.migrate import migrations, statements


@dataclass(frozen=True, slots=True)
class Pair:
    left: str
    right: int


def test_statements_name_columns_in_the_order_of_the_fields() -> None:
    assert columns(Pair) == ("left", "right")
    assert select_from(Pair, "pairs") == "SELECT left, right FROM pairs"
    assert select_from(Pair, "pairs", "WHERE left = ?1").endswith("FROM pairs WHERE left = ?1")
    assert insert_into(Pair, "pairs") == "INSERT INTO pairs (left, right) VALUES (?1, ?2)"
    assert insert_into(Pair, "pairs", "RETURNING left", without=("left",)) == (
        "INSERT INTO pairs (right) VALUES (?1) RETURNING left"
    )
    assert placeholders(3) == "?1, ?2, ?3"
    assert key_is(("left", "right")) == "WHERE left = ?1 AND right = ?2"


def test_values_are_always_a_tuple() -> None:
    pair = Pair("a", 1)
    assert values(Pair)(pair) == ("a", 1)
    assert values(Pair, without=("left",))(pair) == (1,)
    assert values(Pair, only=("left",))(pair) == ("a",)


def test_conditions_number_their_arguments() -> None:
    conditions = Conditions()
    assert conditions.where() == ""
    conditions.equal("a", "")
    conditions.equal("b", None)
    conditions.equal("c", 0)
    conditions.add("(d, e) > ({}, {})", "x", "y")
    conditions.one_of("f", ("p", "q"))
    conditions.equal_always("g", "")
    assert conditions.where() == ("WHERE c = ?1 AND (d, e) > (?2, ?3) AND f IN (?4, ?5) AND g = ?6")
    assert conditions.listed().startswith("c = ?1, (d, e)")
    assert conditions.mark(9) == "?7"
    assert conditions.args == [0, "x", "y", "p", "q", "", 9]


def test_a_script_is_cut_into_statements() -> None:
    script = """
-- a comment
CREATE TABLE a (
    b TEXT DEFAULT ';'   -- not the end;
);

CREATE TRIGGER t BEFORE DELETE ON a BEGIN
    SELECT 1;
    SELECT 2;
END;
INSERT INTO a VALUES ('x');
"""
    found = statements(script)
    assert [text.split(None, 2)[:2] for text in found] == [
        ["CREATE", "TABLE"],
        ["CREATE", "TRIGGER"],
        ["INSERT", "INTO"],
    ]
    with pytest.raises(StoreFailed, match="middle of a statement"):
        statements("CREATE TABLE a (b TEXT)")


def test_migrations_are_numbered_without_gaps() -> None:
    found = migrations()
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    assert found[0].name == "initial"


TABLES = {
    records.Bill: "bills",
    records.BillItem: "bill_items",
    records.Payment: "payments",
    records.ConfirmationRow: "confirmations",
    records.Refund: "refunds",
    records.OutboxMessage: "outbox",
    records.JournalEntry: "journal",
    records.ArchivedMessage: "archive",
    records.TokenRow: "tokens",
    records.Operator: "operators",
    arrivals.Arrival: "arrivals",
    arrivals.ArrivalAction: "arrival_actions",
    transfers.Transfer: "transfers",
    transfers.TransferDetail: "transfer_details",
    supervised.Balance: "supervised_balances",
    supervised.Movement: "supervised_lines",
    stock.StockRange: "stock_ranges",
    stockuses.StockUse: "stock_uses",
    stockuses.WriteOff: "stock_write_offs",
    stockledger.StockStep: "stock_steps",
    stockledger.Application: "stock_applications",
    stockledger.Authorisation: "stock_authorisations",
    entries.Region: "regions",
    entries.Unit: "units",
    entries.BillKind: "bill_kinds",
    entries.Item: "items",
    entries.UnitItem: "unit_items",
    entries.Account: "accounts",
    entries.Bank: "banks",
    entries.Outlet: "outlets",
    entries.ClearingBank: "clearing_banks",
    entries.Treasury: "treasuries",
    entries.Target: "targets",
    entries.Share: "shares",
    entries.VirtualPool: "virtual_pools",
    entries.VirtualAccount: "virtual_accounts",
}


@pytest.mark.parametrize("record", TABLES, ids=TABLES.get)
def test_records_have_the_columns_of_their_tables(record: type) -> None:
    """The columns of the schema's statement and the record's fields are the same set."""
    table = TABLES[record]
    database = sqlite3.connect(":memory:")
    try:
        for migration in migrations():
            for statement in statements(migration.script):
                database.execute(statement)
        described = database.execute(f"PRAGMA table_info({table})").fetchall()
    finally:
        database.close()
    assert {row[1] for row in described} == set(columns(record))
    assert is_dataclass(record)
    types = {field.name: str(field.type) for field in fields(record)}
    for _, name, kind, not_null, _, primary in described:
        text = types[name]
        assert ("int" in text) == (kind == "INTEGER"), name
        assert ("None" in text) == (not not_null and not primary), name


def test_the_hash_is_over_every_column() -> None:
    row = {"kind": "k", "subject": "su", "actor": "act", "facts": '{"a":1}'}
    text = f'{GENESIS}|1|5|1:k|2:su|3:act|{{"a":1}}'
    assert chain_hash(GENESIS, 1, 5, **row) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///books.db", "/base/books.db"), ("sqlite:////var/b.db", "/var/b.db")],
)
def test_urls_name_files(url: str, path: str) -> None:
    assert sqlite_path(url, Path("/base")) == Path(path)


@pytest.mark.parametrize("url", ["", "sqlite:///", "sqlite:books.db", "mysql:///books"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"store\.url"):
        sqlite_path(url, Path("/base"))
