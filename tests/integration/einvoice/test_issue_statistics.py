"""Statistics of issue add up however they are cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nontax.gateway.einvoicing.statistics import (
    DIMENSIONS,
    IssueFigures,
    IssueSpan,
    issue_statistics,
    total_of,
)

from .archive_desk import AT, Desk, desk_at

DAY_MS = 86_400_000


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Four blue ones of two units, codes and days, one reversed, one on its way, two voided."""
    async with desk_at(tmp_path / "nontax.db") as desk:
        plan = [
            (1, "0104901", "32010126", "20261122", 100),
            (2, "0104901", "32010126", "20261123", 1000),
            (3, "0105204", "32010126", "20261123", 10_000),
            (4, "0104901", "32020126", "20261123", 100_000),
            (5, "0104901", "32010126", "20261123", 7),
        ]
        for number, unit, code, day, amt in plan:
            pay_code = f"3206822600000000000{number}"
            await desk.bill(pay_code)
            await desk.invoice(
                number,
                pay_code=pay_code,
                code=code,
                unit_code=unit,
                issue_date=day,
                amt=amt,
                archive=number != 5,
            )
        await desk.red(6, 1, pay_code="32068226000000000001", amt=-100, issue_date="20261123")
        await desk.voided(7, AT)
        await desk.voided(8, AT + DAY_MS)
        yield desk


async def figures(desk: Desk, span: IssueSpan, by: tuple[str, ...]) -> list[IssueFigures]:
    return await desk.store.scan(lambda tx: issue_statistics(tx, span, by))


async def test_by_unit_and_code(desk: Desk) -> None:
    assert await figures(desk, IssueSpan(), ("unit", "code")) == [
        IssueFigures(("0104901", "32010126"), 2, 1100, 1, -100, 1, 100, 2),
        IssueFigures(("0104901", "32020126"), 1, 100_000),
        IssueFigures(("0105204", "32010126"), 1, 10_000),
    ]


async def test_by_kind_and_day(desk: Desk) -> None:
    assert await figures(desk, IssueSpan(), ("kind", "day")) == [
        IssueFigures(("0101", "20261122"), 1, 100, 0, 0, 1, 100, 1),
        IssueFigures(("0101", "20261123"), 2, 11_000, 1, -100, 0, 0, 1),
        IssueFigures(("0201", "20261123"), 1, 100_000),
    ]


@pytest.mark.parametrize("by", [(), ("unit",), ("kind",), ("code",), ("day",), DIMENSIONS], ids=str)
async def test_every_cut_has_the_same_total(desk: Desk, by: tuple[str, ...]) -> None:
    total = total_of(await figures(desk, IssueSpan(), by))
    assert total == IssueFigures((), 4, 111_100, 1, -100, 1, 100, 2)
    assert total.net_amt == 111_000


async def test_days_and_unit_narrow_it(desk: Desk) -> None:
    only = IssueSpan("20261123", "20261123", "0104901")
    assert await figures(desk, only, ()) == [IssueFigures((), 2, 101_000, 1, -100, 0, 0, 1)]
    assert await figures(desk, IssueSpan("20261201"), ()) == []
    assert await figures(desk, IssueSpan(unit="none"), ()) == []


async def test_an_unknown_dimension_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="'month' is none of"):
        await figures(desk, IssueSpan(), ("month",))
