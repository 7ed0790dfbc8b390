"""Money that the node that collected it has paid back: it never comes to the account."""

from __future__ import annotations

import pytest

from nontax.codecs import format_yuan
from nontax.gateway.reconciliation.parts import NodeOutcome

from ..flows.conftest import ACCOUNT, BANK, PLATFORM, TODAY, Office, code, office, offices
from ..flows.test_statements import MOVED, batch
from ..settlement.paying_back import reported
from .desk import Desk

__all__ = ["office", "offices"]


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


async def paid_twice(office: Office, amt: int) -> str:
    """A bill that was paid by phone twice; the number of the refund that was ordered."""
    pay_code = await office.bill(amt=amt)
    for number in ("P1", "P2"):
        answer = await office.confirm(
            PLATFORM, pay_code, Amt=format_yuan(amt), TraNoBus=number, PayMode="51"
        )
        assert code(answer) == "00000"
    return str(office.books.one("refunds")["refund_no"])


async def run(desk: Desk) -> NodeOutcome:
    [outcome] = (await desk.run()).nodes
    return outcome


def kinds(desk: Desk, statement: str) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in desk.rows(statement=statement)]


async def lists(desk: Desk, amt: int) -> None:
    """The sum of the channel came, and nothing else moved."""
    await desk.lists_funds(desk.funds_line("Z1", amt, PayMode="51"))
    moved = MOVED | {"PayMode": "51", "Amt": format_yuan(amt)}
    totals = {"BeginBal": "0.00", "InAmt": format_yuan(amt), "OutAmt": "0.00"}
    [fields] = batch([[moved]], "2556", CheckDate=TODAY, **totals, EndBal=format_yuan(amt))
    assert code(await desk.office.call(BANK, "2556", fields)) == "00000"


async def test_a_channels_sum_is_less_by_what_was_paid_back(desk: Desk) -> None:
    number = await paid_twice(desk.office, 8000)
    assert await reported(desk.office, number, src=PLATFORM) == "00000"
    await lists(desk, 8000)
    outcome = await run(desk)
    assert [row.matched.count for row in outcome.totals["2557"]] == [1]
    assert kinds(desk, "2557") == []
    assert kinds(desk, "2556") == []  # the platform's refund moved nothing on the account
    assert ACCOUNT in {row.scope for row in outcome.totals["2556"]}


async def test_until_it_is_paid_back_it_is_expected(desk: Desk) -> None:
    await paid_twice(desk.office, 8000)
    await lists(desk, 16000)
    await run(desk)
    assert kinds(desk, "2557") == []
