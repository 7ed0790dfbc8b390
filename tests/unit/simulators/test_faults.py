"""Faults that are planted into statements: what they change, and what is noted of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from nontax.messages.statements import (
    AccountStatement,
    FundsLine,
    Movement,
    PaymentLine,
    PaymentStatement,
)
from nontax.reconcile.kinds import Kind
from nontax.simulators.faults import KINDS, plant
from nontax.simulators.planted import Planted, Policy, Spare, Unlisted
from nontax.simulators.statements import Line, Statement, channel_totals, net

BANK, DAYS, ACCOUNT = "D3206820105", ("20260302", "20260303"), "32001000000000000018"
NOT_LINES = {Kind.BALANCE, Kind.CHANNEL_TOTAL, Kind.NOT_DELIVERED}


def lists() -> list[Statement]:
    """Two days of a bank: two channels, one account."""
    made: list[Statement] = []
    balance = 100_000
    for day in DAYS:
        for mode in ("11", "13"):
            lines = tuple(
                PaymentLine(
                    PayCode=f"code{day}{mode}{number}", CfmDate=day, CfmTime="093000",
                    Amt=1000 + number, TraNoBus=f"T{day}{mode}{number}", RecAcctType="1",
                    RecAcct=ACCOUNT,
                )
                for number in range(6)
            )  # fmt: skip
            made.append(Statement("2555", BANK, day, mode, f"L{day}{mode}", lines))
        funds = tuple(
            FundsLine(TraNo=f"M{day}{n}", PayMode="11", Amt=900 - 100 * n) for n in range(0, 6, 2)
        )
        made.append(Statement("2557", BANK, day, ACCOUNT, f"F{day}", funds, acct_type="1"))
        moved = tuple(
            Movement(TraNo=f"M{day}{n}", DcFlag="12"[n % 2], PayMode="11", Amt=900 - 100 * n)
            for n in range(6)
        )
        end = balance + net(moved)
        made.append(
            Statement(
                "2556", BANK, day, ACCOUNT, f"A{day}", moved, "1", balance, end,
                channel_totals(moved),
            )
        )  # fmt: skip
        balance = end
    return made


def spare() -> Spare:
    def some(name: str) -> list[Unlisted]:
        return [Unlisted(f"{name}{number}", 5000, "1", ACCOUNT) for number in range(4)]

    refused = [Unlisted("refused", 5000, "1", ACCOUNT, tra_no="R1")]
    return Spare(
        unpaid={BANK: some("unpaid")},
        void={BANK: some("void")},
        refused={(BANK, day): refused for day in DAYS},
    )


def lines(statements: Iterable[Statement]) -> Counter[tuple[str, str, str, Line]]:
    return Counter((s.number, s.check_date, s.scope, line) for s in statements for line in s.lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_a_fault_of_every_kind(kind: Kind, seed: int) -> None:
    before = lists()
    after, planted = plant(before, seed, [kind], spare=spare())
    assert {row.kind for row in planted} == {kind.value}
    assert len(planted) in {1, 2}
    assert all(row.node == BANK and row.check_date in DAYS for row in planted)
    gone, added = lines(before) - lines(after), lines(after) - lines(before)
    if kind is Kind.NOT_DELIVERED:
        assert len(after) == len(before) - 1
    elif kind in NOT_LINES:
        assert not gone
        assert not added
        assert after != sorted(before, key=lambda s: s.check_date)
    else:
        lists_changed = 2 if kind.value.startswith("funds") else 1
        if kind in {Kind.BANK_ONLY, Kind.BILL_PAID}:
            lists_changed = 3  # the money really came
        assert lists_changed <= gone.total() + added.total() <= 2 * lists_changed
    if planted[0].statement == "2555" and kind not in {Kind.BANK_ONLY, Kind.BILL_PAID}:
        assert lines(s for s in before if s.number != "2555") == lines(
            s for s in after if s.number != "2555"
        )


@pytest.mark.parametrize("seed", range(20))
def test_what_is_delivered_adds_up_whatever_was_planted(seed: int) -> None:
    after, _ = plant(lists(), seed, [*KINDS, *KINDS], spare=spare())
    ends: dict[str, int] = {}
    for statement in after:
        for pack in statement.packs(4):
            if isinstance(pack, PaymentStatement):
                assert pack.TotalAmt == sum(
                    line.Amt for line in statement.lines if isinstance(line, PaymentLine)
                )
            if isinstance(pack, AccountStatement):
                assert pack.BeginBal + pack.InAmt - pack.OutAmt == pack.EndBal
                ends[pack.CheckDate] = pack.EndBal
    assert len(ends) == len(DAYS)


def test_a_seed_gives_the_same_again_and_another_another() -> None:
    one, two, other = (plant(lists(), seed, KINDS, spare=spare()) for seed in (1, 1, 2))
    assert one == two
    assert one[1] != other[1]


def test_the_noted_and_the_repaired() -> None:
    kinds = [Kind.NUMBER, Kind.CHANNEL, Kind.BANK_ONLY, Kind.BILL_PAID, Kind.BILL_VOID]
    _, planted = plant(lists(), 1, kinds, spare=spare())
    states = {row.kind: row.state for row in planted}
    assert states == {
        "number": "noted", "channel": "noted", "bank_only": "repaired", "bill_paid": "repaired",
        "bill_void": "open",
    }  # fmt: skip
    strict = Policy(missing=False, duplicate=False)
    _, planted = plant(lists(), 1, kinds, spare=spare(), policy=strict)
    assert {row.state for row in planted if row.kind.startswith("b")} == {"open"}


def test_no_two_faults_share_a_line() -> None:
    _, planted = plant(lists(), 3, [*KINDS, *KINDS], spare=spare())
    touched = Counter(
        (row.statement, row.check_date, row.tra_no)
        for row in planted
        if row.tra_no and row.kind != "date"
    )
    assert max(touched.values()) == 1


def test_what_has_no_place_is_not_planted() -> None:
    assert plant([], 1, KINDS) == ([], [])
    after, planted = plant(lists(), 1, [Kind.BANK_ONLY, Kind.BILL_VOID, Kind.REFUSED])
    assert planted == []
    assert lines(after) == lines(lists())


def test_the_list_is_for_machines() -> None:
    planted = Planted("amount", BANK, DAYS[0], "2555", "11", "T1", "code1", 1, 2)
    assert json.loads(json.dumps(planted.as_json())) == {
        "kind": "amount", "node": BANK, "check_date": "20260302", "statement": "2555",
        "scope": "11", "tra_no": "T1", "pay_code": "code1", "ours_amt": 1, "theirs_amt": 2,
        "state": "open",
    }  # fmt: skip
