"""What base data says of an account with several entries, and what is new in a list."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.basedata.entries import Entry, Listed, standing
from nontax.gateway.basedata.push import difference
from nontax.gateway.store.basedata import Told
from nontax.gateway.store.entries import Account
from nontax.messages.basedata import ServedRegion

TODAY = "20261122"


def entry(start: str, stop: str = "", name: str = "", **changes: Any) -> Account:
    facts: dict[str, Any] = {"acct_no": "1", "region": "320682", "purpose": "collection"}
    return Account(**(facts | {"start_date": start, "stop_date": stop, "name": name} | changes))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("20200101", "", "a")], ("20200101", "", "a")),
        # Ended, and not begun.
        ([("20200101", "20201231", "a")], ("20200101", "20201231", "a")),
        ([("20300101", "", "a")], ("20300101", "", "a")),
        # A change from one day to the next is one period; the newest name that holds counts.
        ([("20200101", "20261121", "a"), ("20261122", "", "b")], ("20200101", "", "b")),
        ([("20200101", "20261122", "a"), ("20261123", "", "b")], ("20200101", "", "a")),
        ([("20200101", "", "a"), ("20210101", "", "b")], ("20200101", "", "b")),
        ([("20200101", "20261130", "a"), ("20210101", "20221231", "b")],
         ("20200101", "20261130", "a")),
        # A gap: the period of today, else the next, else the last.
        ([("20200101", "20201231", "a"), ("20260101", "", "b")], ("20260101", "", "b")),
        ([("20200101", "20201231", "a"), ("20270101", "", "b")], ("20270101", "", "b")),
        ([("20200101", "20201231", "a"), ("20210201", "20211231", "b")],
         ("20210201", "20211231", "b")),
        ([("20200101", "99991231", "a"), ("20250101", "", "b")], ("20200101", "", "b")),
        # Two entries of the future: as it will be called when it begins.
        ([("20300101", "20301231", "a"), ("20310101", "", "b")], ("20300101", "", "a")),
    ],
)  # fmt: skip
def test_an_account_is_told_as_it_stands(
    entries: list[tuple[str, str, str]], expected: tuple[str, str, str]
) -> None:
    for order in (entries, entries[::-1]):
        found = standing([entry(*one) for one in order], TODAY)
        assert (found.start_date, found.stop_date, found.name) == expected


def test_of_several_purposes_the_collections_entry_counts() -> None:
    both = [
        entry("20200101", name="收款", purpose="collection"),
        entry("20200101", name="备用金", purpose="reserve"),
    ]
    for order in (both, both[::-1]):
        assert standing(order, TODAY).name == "收款"


RECORD = ServedRegion(AdmDivCode="320682", AdmDivName="示例市", StartDate="20200101")
A, B = Entry("a", RECORD, "1"), Entry("b", RECORD, "2")
LISTED = Listed((A, B), ())
GOOD, FAILED = Told("1", failed=False), Told("1", failed=True)
KNOWN = {"a": GOOD, "b": Told("2", failed=False)}


@pytest.mark.parametrize(
    ("told", "whole", "again", "expected"),
    [
        (None, False, True, ("full", (A, B))),
        (KNOWN, False, True, ("changes", ())),
        (KNOWN, True, True, ("changes", ())),
        (KNOWN | {"b": Told("x", failed=False)}, False, True, ("changes", (B,))),
        (KNOWN | {"b": Told("x", failed=False)}, True, True, ("full", (A, B))),
        ({"b": KNOWN["b"]}, False, True, ("changes", (A,))),
        (KNOWN | {"gone": GOOD}, False, True, ("full", (A, B))),
        (KNOWN | {"a": FAILED}, False, True, ("changes", (A,))),
        (KNOWN | {"a": FAILED}, False, False, ("changes", ())),
        (KNOWN | {"a": FAILED}, True, True, ("full", (A, B))),
        (KNOWN | {"a": Told("x", failed=True)}, False, False, ("changes", (A,))),
    ],
)
def test_what_is_new(
    told: dict[str, Told] | None, whole: bool, again: bool, expected: tuple[str, Any]
) -> None:
    assert difference(LISTED, told, whole=whole, again=again) == expected
