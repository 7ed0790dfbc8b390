"""Standards of items (收缴标准) and validity."""

from decimal import Decimal

import pytest

from nontax.gateway.collection.standards import EntryError, check, total
from nontax.gateway.collection.validity import expired, expiry
from nontax.gateway.workdays import Workdays
from nontax.messages import PayInfoEntry


def entry(amount: int = 8000, kind: str = "", standard: str = "", **more: object) -> PayInfoEntry:
    values = {"code": "1", "name": "费", "unit": "次", "quantity": Decimal(1)} | more
    return PayInfoEntry(amount=amount, standard_type=kind, standard=standard, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "standard"),
    [
        ("", ""),
        ("不限制", "0.0-0.0"),
        ("无限制", "anything"),
        ("金额上下限", ""),
        ("金额上下限", "80-80.00"),
        ("金额上下限", "0.0-100.0"),
    ],
)
def test_an_amount_within_its_standard(kind: str, standard: str) -> None:
    check(entry(8000, kind, standard), 1)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (entry(7999, "金额上下限", "80.00-100.00"), "outside its standard 80.00 to 100.00"),
        (entry(10001, "金额上下限", "80.00-100.00"), "outside"),
        (entry(8000, "金额上下限", "80.00"), "LOW-HIGH"),
        (entry(8000, "金额上下限", "a-b"), "LOW-HIGH"),
        (entry(8000, "金额上下限", "1.234-9"), "LOW-HIGH"),
        (entry(8000, "随意"), "unknown"),
        (entry(name="费|用"), "| or #"),
        (entry(unit="次#"), "| or #"),
        (entry(quantity=Decimal(-1)), "negative"),
        (entry(code="1" * 31), "too long"),
        (entry(name="费" * 51), "too long"),
    ],
)
def test_what_is_refused(bad: PayInfoEntry, text: str) -> None:
    with pytest.raises(EntryError, match=r".*" + text.replace("|", r"\|")) as caught:
        check(bad, 3)
    assert "第3项" in caught.value.chinese


def test_the_sum_of_items() -> None:
    assert total([entry(1), entry(2)]) == 3
    assert total([]) == 0


def test_validity_is_the_bills_own_or_counted_to_a_working_day() -> None:
    days = Workdays(rest=frozenset({"20261207"}), worked=frozenset({"20261205"}))
    assert expiry("20261122", "", None, days) == ""
    assert expiry("20261122", "20261205", 10, days) == "20261205"  # its own, whatever day it is
    assert expiry("20261125", "", 10, days) == "20261205"  # a Saturday that is worked
    assert expiry("20261126", "", 10, days) == "20261208"  # Sunday, then a holiday
    assert expiry("20261122", "", 10, days) == "20261202"


def test_the_whole_last_day_counts() -> None:
    assert not expired("20261202", "20261202")
    assert expired("20261202", "20261203")
    assert not expired("", "20991231")
