"""Any confirmations, repeated, contradicting, on other days, in any order: one effect an identity.

A model judges every message as the specification says (business, section 3), written anew and in
the plainest way; the books are then audited as an auditor would, without the model. Over real
sockets, to two gateways on one store.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nontax.gateway.store import journal
from nontax.simulators.identity import Received

from .conftest import (
    ACCOUNT,
    BANK,
    OTHER,
    PLATFORM,
    TODAY,
    TOMORROW,
    UNIT,
    UNIT_BILL,
    Office,
    Row,
    untouched,
)
from .test_confirm_effects import REGISTERED, booked

EXAMPLES = 1500 if os.environ.get("NONTAX_FUZZ") == "1" else 40
TRY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NOTIFIED, PLAIN, VOID, UNKNOWN = range(4)


class Told(NamedTuple):
    """One 2612, as far as it matters; the bill is one of the example's."""

    src: str
    date: str
    number: str
    bill: int
    amt: str
    mode: str
    acct: str

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.src, self.date, self.number)

    @property
    def money(self) -> tuple[str, str, int, str]:
        """What makes it the same payment whatever its date."""
        return (self.src, self.number, self.bill, self.amt)

    @property
    def content(self) -> tuple[int, str, str, str]:
        return (self.bill, self.amt, self.mode, self.acct)


class Voided(NamedTuple):
    """The maker voids a bill, if it can."""

    bill: int


class Claimed(NamedTuple):
    """A payment that a claim brings, for a bill that is unpaid and a number that is free."""

    src: str
    date: str
    number: str
    bill: int


class Again(NamedTuple):
    """What was told (or claimed) before, one field of it changed perhaps."""

    which: int
    field: str
    value: str | int


# Many of them meet: few senders, days, numbers; mostly the right amount and account; and half of
# them are an earlier one again.
SENDERS = st.sampled_from([BANK, BANK, OTHER, PLATFORM])
DATES = st.sampled_from([TODAY, TODAY, TOMORROW])
NUMBERS = st.sampled_from("ab")
MESSAGES = st.builds(
    Told,
    src=SENDERS,
    date=DATES,
    number=NUMBERS,
    bill=st.sampled_from([NOTIFIED, NOTIFIED, PLAIN, PLAIN, VOID, UNKNOWN]),
    amt=st.sampled_from(["80.00", "80.00", "80.00", "8.00"]),
    mode=st.sampled_from(["11", "51"]),
    acct=st.sampled_from([ACCOUNT, ACCOUNT, ACCOUNT, "1"]),
)
CHANGES: dict[str, list[str] | list[int]] = {
    "": [""],
    "date": [TODAY, TOMORROW, "20260301"],
    "mode": ["11", "51"],
    "acct": [ACCOUNT, "1"],
    "amt": ["80.00", "8.00"],
    "bill": [NOTIFIED, PLAIN, VOID, UNKNOWN],
    "number": ["a", "b"],
}
AGAIN = st.sampled_from(
    [("", ""), *((name, value) for name, values in CHANGES.items() for value in values)]
).flatmap(lambda change: st.builds(Again, st.integers(0, 99), *map(st.just, change)))
CONFIRMATIONS = st.one_of(MESSAGES, AGAIN)
CLAIMS = st.builds(Claimed, SENDERS, DATES, NUMBERS, st.sampled_from([NOTIFIED, PLAIN]))
EVENTS = st.one_of(
    CONFIRMATIONS, CONFIRMATIONS, CONFIRMATIONS, CLAIMS,
    st.builds(Voided, bill=st.sampled_from([NOTIFIED, PLAIN])),
)  # fmt: skip


def resolved(event: Told | Again, before: list[Told]) -> Told:
    """What is told; the first Again of all repeats nothing yet."""
    if isinstance(event, Told):
        told = event
    elif not before:
        told = Told(BANK, TODAY, "a", NOTIFIED, "80.00", "11", ACCOUNT)
    else:
        told = before[event.which % len(before)]
        if event.field:
            told = told._replace(**{event.field: event.value})
    before.append(told)
    return told


@dataclass
class Verdict:
    told: Told
    result: str


@dataclass
class Model:
    """The specification's sentences, one after the other."""

    states: dict[int, str] = field(
        default_factory=lambda: {NOTIFIED: "unpaid", PLAIN: "unpaid", VOID: "void"}
    )
    verdicts: list[Verdict] = field(default_factory=list)
    claims: list[Claimed] = field(default_factory=list)

    def judge(self, told: Told) -> str:
        """The result, and what it changes."""
        mine = [v for v in self.verdicts if v.told.src == told.src]
        # Same identity and content: the stored answer. Under another date it is a repetition too.
        for verdict in mine:
            if (verdict.told.money, verdict.told.content) == (told.money, told.content):
                return verdict.result
        # Same identity with an accepted payment and other content.
        accepted = [v.told for v in mine if v.result == "00000"]
        if any(one.identity == told.identity or one.money == told.money for one in accepted):
            return "10005"
        # The payment is there by another way.
        for claim in self.claims:
            same_money = (claim.src, claim.number, claim.bill, "80.00") == told.money
            if (claim.src, claim.date, claim.number) == told.identity and not same_money:
                return "10005"
            if same_money:
                return self._store(told, "00000")
        return self._store(told, self._fresh(told))

    def _fresh(self, told: Told) -> str:
        match self.states.get(told.bill):
            case None:
                return "11001"
            case "void":
                return "11004"
            case "paid":
                return "00000" if told.mode == "51" else "12001"
        if told.acct != ACCOUNT:
            return "12003"
        if told.amt != "80.00":
            return "12004"
        self.states[told.bill] = "paid"
        return "00000"

    def _store(self, told: Told, result: str) -> str:
        self.verdicts.append(Verdict(told, result))
        return result

    def used(self, claim: Claimed) -> bool:
        """Whether a claim cannot be booked: its bill is not unpaid or its number is taken."""
        identities = {v.told.identity for v in self.verdicts}
        identities |= {(c.src, c.date, c.number) for c in self.claims}
        key = (claim.src, claim.date, claim.number)
        # An identity that was ever refused is never repaired by machine.
        return self.states[claim.bill] != "unpaid" or key in identities


class Play:
    """One example's bills and numbers in the office that all examples share."""

    def __init__(self, office: Office, number: int) -> None:
        self.office = office
        self.prefix = f"{number}-"
        self.codes: list[str] = []
        self.first: dict[Told, Received] = {}

    async def open(self) -> None:
        office = self.office
        self.codes = [await office.bill(notify=1), await office.bill(), await office.bill()]
        self.codes.append(f"U{self.prefix}")
        await office.void(self.codes[VOID])

    async def tell(self, told: Told, at: int = 0) -> Received:
        answer = await self.ask(told, at)
        self.hold(told, answer)
        return answer

    async def ask(self, told: Told, at: int) -> Received:
        return await self.office.confirm(
            told.src,
            self.codes[told.bill],
            CfmDate=told.date,
            TraNoBus=self.prefix + told.number,
            Amt=told.amt,
            PayMode=told.mode,
            RecAcct=told.acct,
            at=at,
        )

    def hold(self, told: Told, answer: Received) -> None:
        """Whenever a message is repeated it is answered as at first (10005 is never stored)."""
        first = self.first.setdefault(told, answer)
        if first.result == "10005":
            self.first[told] = answer
        else:
            assert (answer.result, answer.information) == (first.result, first.information), told

    async def void(self, event: Voided) -> bool:
        sql = "UPDATE bills SET state = 'void' WHERE pay_code = ?1 AND state = 'unpaid'"
        code = self.codes[event.bill]
        return bool(await self.office.transact(lambda tx: tx.run(sql, code)))

    async def claim(self, event: Claimed) -> None:
        await booked(
            self.office,
            self.codes[event.bill],
            "claim",
            src=event.src,
            cfm_date=event.date,
            tra_no_bus=self.prefix + event.number,
        )

    async def for_ever(self) -> None:
        """Everything again, after all bills have become payable: no answer changes, no row."""
        office = self.office
        sql = "UPDATE bills SET state = 'unpaid' WHERE pay_code = ?1 AND state = 'void'"
        for code in self.codes:
            await office.transact(lambda tx, code=code: tx.run(sql, code))
        fields = UNIT_BILL | {"PayCode": self.codes[UNKNOWN]}
        assert (await office.call(UNIT, "8994", fields)).result == "00000"
        with untouched(office):
            for told, first in reversed(list(self.first.items())):
                if first.result != "10005":
                    await self.tell(told, at=1)

    # -- the auditor --------------------------------------------------------------------------

    def of(self, table: str) -> list[Row]:
        return self.office.books.starting(table, "tra_no_bus", self.prefix)

    def audit(self) -> None:
        books = self.office.books
        payments = self.of("payments")
        effective = [row for row in payments if not row["duplicate"]]
        duplicates = [row for row in payments if row["duplicate"]]
        found = [row for code in self.codes for row in books.rows("bills", pay_code=code)]
        bills = {row["pay_code"]: row for row in found}
        paid = [code for code in self.codes if bills.get(code, {}).get("state") == "paid"]
        # A paid bill has one effective payment, of its amount; every other bill has none.
        assert sorted(row["pay_code"] for row in effective) == sorted(paid)
        assert all(row["amt"] == bills[row["pay_code"]]["amt"] for row in effective)
        assert sum(row["amt"] for row in effective) == 8000 * len(paid)
        # Every duplicate has exactly one refund of its amount, to where it came from.
        refunds = books.starting("refunds", "ori_tra_no_bus", self.prefix)
        back = [(row["payment_id"], row["src"], row["amt"]) for row in refunds]
        assert sorted(back) == sorted((row["id"], row["src"], row["amt"]) for row in duplicates)
        numbers = [row["refund_no"] for row in refunds]
        assert all(len(books.queued("5617", subject=number)) == 1 for number in numbers)
        # The maker who asked is told of each bill that became paid, once.
        told = [code for code in self.codes for _ in books.queued("5996", subject=code)]
        assert told == [code for code in paid if code == self.codes[NOTIFIED]]
        self._audit_verdicts(payments)
        self._audit_traces(effective, duplicates)

    def _audit_verdicts(self, payments: list[Row]) -> None:
        """Who was told 00000 has one payment; who was refused has none of that content."""
        known = {row["id"]: row for row in payments}
        key = ("src", "tra_no_bus", "pay_code", "amt")
        accepted: Counter[int] = Counter()
        for verdict in self.of("confirmations"):
            payment = known.get(verdict["payment_id"])
            if verdict["accepted"]:
                assert payment is not None
                assert all(payment[name] == verdict[name] for name in key)
                accepted[payment["id"]] += 1
            else:
                same = (*key, "pay_mode", "rec_acct", "rec_acct_type")
                assert verdict["result"] != "00000"
                assert not any(all(row[name] == verdict[name] for name in same) for row in payments)
        by_2612 = {row["id"] for row in payments if row["channel"] == "2612"}
        assert set(accepted.values()) <= {1}
        assert by_2612 <= set(accepted)
        # What the senders were told: money kept is money booked, each once.
        kept: defaultdict[tuple[str, str, int, str], set[str]] = defaultdict(set)
        for told, answer in self.first.items():
            if answer.result == "00000":
                kept[told.money].add(answer.information)
        assert len(kept) == len(accepted)
        registered = [text for texts in kept.values() for text in texts if REGISTERED.match(text)]
        assert len(registered) == len(set(registered))

    def _audit_traces(self, effective: list[Row], duplicates: list[Row]) -> None:
        """A journal row for each payment, a kept message for each verdict, and no more."""
        books = self.office.books
        kinds = Counter(kind for code in self.codes for kind in books.kinds(code))
        assert kinds["payment.booked"] == len(effective)
        assert kinds["payment.duplicate"] == len(duplicates)
        kept = [row for code in self.codes for row in books.archived("2612", subject=code)]
        assert len(kept) == len(self.of("confirmations"))


class Count:
    """Numbers the examples."""

    last = 0

    @classmethod
    def next(cls) -> int:
        cls.last += 1
        return cls.last


async def prepared(office: Office) -> Play:
    if len(office.gateways) == 1:
        await office.start()
    play = Play(office, Count.next())
    await play.open()
    return play


@TRY
@given(st.lists(EVENTS, min_size=2, max_size=24))
async def test_every_message_is_judged_as_the_specification_says(
    office: Office, events: list[Told | Again | Voided | Claimed]
) -> None:
    play, model = await prepared(office), Model()
    before: list[Told] = []
    for number, event in enumerate(events):
        match event:
            case Told() | Again():
                told = resolved(event, before)
                expected = model.judge(told)
                answer = await play.tell(told, at=number % 2)
                assert answer.result == expected, told
            case Voided(bill):
                if await play.void(event):
                    assert model.states[bill] == "unpaid"
                    model.states[bill] = "void"
            case Claimed(bill=bill) if not model.used(event):
                model.claims.append(event)
                model.states[bill] = "paid"
                await play.claim(event)
                before.append(Told(*event, "80.00", "11", ACCOUNT))
    play.audit()
    await play.for_ever()
    assert office.errors() == []


@TRY
@given(st.lists(st.lists(CONFIRMATIONS, min_size=1, max_size=6), min_size=1, max_size=5))
async def test_nothing_is_doubled_whatever_happens_at_once(
    office: Office, volleys: list[list[Told | Again]]
) -> None:
    """Each volley is sent at once, every message of it to both processes."""
    play = await prepared(office)
    before: list[Told] = []
    for volley in volleys:
        messages = [resolved(event, before) for event in volley]
        sent = [(told, at) for told in messages for at in (0, 1)]
        answers = await asyncio.gather(*(play.ask(told, at) for told, at in sent))
        # Nobody knows in which order they were decided, but 10005 is never given after a verdict.
        pairs = [(told, answer) for (told, _), answer in zip(sent, answers, strict=True)]
        for told, answer in sorted(pairs, key=lambda pair: pair[1].result != "10005"):
            play.hold(told, answer)
        play.audit()
    await play.for_ever()
    report = await office.gateway.store.scan(journal.verify)
    assert report.ok
    assert office.errors() == []
