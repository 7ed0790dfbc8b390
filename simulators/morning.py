"""The demo's next morning: what the banks deliver of the day is reconciled, faults and all.

One bank's lists are as they should be. The other took money for two bills and told nobody, one of
them on the wrong account, and its lists tell two payments wrongly. The gateway must find exactly
what was planted: it repairs what policy allows, operators decide about the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from ..codecs import format_yuan
from ..messages.query import DueBill
from ..reconcile.kinds import Kind
from . import people
from .bank import Bank
from .county import County
from .drafts import line_number
from .faults import plant
from .ledger import Entry
from .link import NoAnswerError
from .planted import Planted, Spare, Unlisted
from .process import CommandFailedError
from .settling import CLEARING, REGISTRATION, Quiet, Say, bill_line
from .statements import Statement
from .stories import OK, Teller, UnexpectedError

KINDS: Final = (Kind.BANK_ONLY, Kind.BILL_ACCOUNT, Kind.AMOUNT, Kind.NUMBER)
"""What the first bank's lists have: a repair (补单), two rows for people, one remark."""
_REASON: Final = "经与银行核对"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The morning's result: what was planted, and what the gateway found of it."""

    lists: int
    lines: int
    planted: tuple[Planted, ...]
    found: int
    repaired: int
    resolved: int
    closed: bool
    faults: tuple[str, ...] = ()
    report: str = ""
    """Name of the report's file, '' where none was written."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "lists": self.lists,
            "lines": self.lines,
            "planted": [[row.kind, row.state] for row in self.planted],
            "found": self.found,
            "repaired": self.repaired,
            "resolved": self.resolved,
            "closed": self.closed,
            "report": self.report,
        }


class Morning:
    """Plays the morning. `quiet` waits until nothing travels; `out` takes the report."""

    def __init__(
        self, county: County, teller: Teller, seed: int, *, say: Say, quiet: Quiet
    ) -> None:
        self._county = county
        self._teller = teller
        self._seed = seed
        self._random = Random(f"morning/{seed}")
        self._say = say
        self._quiet = quiet
        self._faults: list[str] = []
        self._day = county.banks[0].node.identity.clock().strftime("%Y%m%d")
        self._date = f"{self._day[:4]}-{self._day[4:6]}-{self._day[6:]}"

    async def play(self, out: Path | None) -> Reconciled:
        """The whole morning. Raises UnexpectedError, CommandFailedError, NoAnswerError."""
        untold, told = await self._take()
        statements, planted = await self._deliver(untold, told)
        await self._run(code=1)
        found = await self._differences()
        self._compare(planted, found)
        repaired = [row for row in found if row["state"] == "repaired"]
        self._say(f"{len(found)} differences (差异) found, {len(repaired)} repaired (补单)")
        self._learn(untold[0])
        waiting = [row for row in found if row["state"] == "open"]
        await self._resolve(waiting)
        await self._quiet()
        self._learn(untold[1])
        self._say(f"operators have decided about {len(waiting)} rows")
        await self._run(code=0)
        self._results(statements)
        report = await self._report(out)
        return Reconciled(
            lists=len(statements),
            lines=sum(len(statement.lines) for statement in statements),
            planted=tuple(planted),
            found=len(found),
            repaired=len(repaired),
            resolved=len(waiting),
            closed=not self._faults,
            faults=tuple(self._faults),
            report=report,
        )

    # -- the banks -------------------------------------------------------------------------

    @property
    def _bank(self) -> Bank:
        """The one with the mistakes."""
        return self._county.banks[0]

    async def _bills(self) -> list[DueBill]:
        """Bills of the first bank's last customers."""
        installation = self._county.installation
        file = installation.directory / "morning.jsonl"
        bills = [
            bill_line(self._day, people.person(self._random), [(REGISTRATION, amt)], {})
            for amt in (8000, 55000, 16000, 24000)
        ]
        file.write_text("".join(f"{bill}\n" for bill in bills), "utf-8")
        made = await installation.must("bill", "import", str(file), "--json", operator="maker1")
        dues: list[DueBill] = []
        for code in made.json()["pay_codes"]:
            quote = await self._bank.query(code)
            self._teller.expect("2601", quote.result, OK)
            if quote.due is None:
                raise UnexpectedError("2601 told nothing about a bill of the morning")
            dues.append(quote.due)
            self._teller.final[code] = "1"
        return dues

    async def _take(self) -> tuple[list[Entry], list[Entry]]:
        """Two payments that the bank tells nobody of, and two that its list will tell wrongly."""
        first, second, *others = await self._bills()
        untold = [
            self._bank.take_untold(first),
            self._bank.take_untold(second, acct_type=CLEARING.acct_type, rec_acct=CLEARING.number),
        ]
        told = []
        for due in others:
            entry = await self._bank.pay(due)
            self._teller.expect("2612", entry.result, OK)
            told.append(entry)
        await self._quiet()
        return untold, told

    async def _deliver(
        self, untold: list[Entry], told: list[Entry]
    ) -> tuple[list[Statement], list[Planted]]:
        """Both banks send their lists; those of the first have the planted mistakes."""
        first, second = self._county.banks
        others = (self._county.platform.ledger,)
        right, wrong = (bank.statements(self._day, others) for bank in (second, first))
        unlisted = [
            Unlisted(e.pay_code, e.amt, e.acct_type, e.rec_acct, e.tra_no_bus, e.pay_mode)
            for e in untold
        ]
        numbers = {line_number(line) for statement in wrong for line in statement.lines}
        spare = Spare(
            unpaid={first.node.code: unlisted[:1]},
            misplaced={first.node.code: unlisted[1:]},
            avoid=frozenset(numbers - {entry.tra_no_bus for entry in told}),
        )
        wrong, planted = plant(wrong, self._seed, KINDS, spare=spare)
        for bank, statements in ((second, right), (first, wrong)):
            answers = await bank.desk.send(statements, 20)
            for key, results in answers.items():
                for result in results:
                    self._teller.expect(key[0], result, OK)
        statements = [*right, *wrong]
        planted += self._given_back(wrong)
        count = sum(len(statement.lines) for statement in statements)
        self._say(f"the banks deliver {len(statements)} lists with {count} lines (对账单)")
        return statements, planted

    def _given_back(self, statements: Iterable[Statement]) -> list[Planted]:
        """Money that was returned (未明资金退回): only the account's bank knows when it went."""
        return [
            Planted(
                Kind.MOVEMENT_UNKNOWN.value, *statement.key[1:3], "2556", statement.scope,
                tra_no=moved.tra_no, theirs_amt=abs(moved.postings[0].amt),
            )
            for statement in statements
            if statement.number == "2556"
            for moved in self._county.money.book("0105").of(statement.scope)
            if moved.what == "given back"
        ]  # fmt: skip

    def _learn(self, entry: Entry) -> None:
        """The bank reads in a result (5555) that its payment stands in the books now."""
        told = {
            detail.TraNo
            for result in self._bank.desk.all_results()
            for detail in result.DetailList
            if detail.Code == Kind.BANK_ONLY.code
        }
        if entry.tra_no_bus not in told:
            self._faults.append(f"no result told of {entry.tra_no_bus}")
        self._bank.ledger.settle(entry.key, OK)

    def _results(self, statements: Iterable[Statement]) -> None:
        """Every list must have got a result that says that nothing is open."""
        desks = {bank.node.code: bank.desk for bank in self._county.banks}
        for statement in statements:
            number = f"5{statement.number[1:]}"
            found = desks[statement.src].results(number, self._day, statement.scope)
            if not found or found[-1].CheckStatus != "1":
                self._faults.append(f"{statement.src} got no good result of {statement.key}")

    # -- the bureau ------------------------------------------------------------------------

    async def _run(self, *, code: int) -> None:
        installation = self._county.installation
        ran = await installation.run("reconcile", "run", "--date", self._date, "--json")
        if ran.code != code:
            text = ran.stderr or ran.stdout
            raise UnexpectedError(f"reconcile run ended with {ran.code}, not {code}: {text}")
        await self._quiet()

    async def _differences(self) -> list[dict[str, Any]]:
        installation = self._county.installation
        shown = await installation.run("reconcile", "show", "--date", self._date, "--json")
        rows: list[dict[str, Any]] = shown.json()["rows"]
        return rows

    def _compare(self, planted: Sequence[Planted], found: Sequence[dict[str, Any]]) -> None:
        """What was found must be what was planted, to the fen."""
        theirs = Counter(_as_shown(row) for row in planted)
        ours = Counter(_shown(row) for row in found)
        self._faults += [f"found and never planted: {facts}" for facts in ours - theirs]
        self._faults += [f"planted and not found: {facts}" for facts in theirs - ours]

    async def _resolve(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """One operator decides by a file, and another approves that a payment is made by hand."""
        installation = self._county.installation
        forced = [row for row in rows if row["kind"] == Kind.BILL_ACCOUNT.value]
        others = [row for row in rows if row not in forced]
        decided = [(row["id"], "force") for row in forced]
        decided += [(row["id"], "accept") for row in others]
        for operator, lines in (
            ("maker1", decided),
            ("checker1", [(row["id"], "approve") for row in forced]),
        ):
            file = installation.directory / f"decided-{operator}.csv"
            text = "".join(f"{number},{deed},{_REASON}\n" for number, deed in lines)
            file.write_text(f"id,action,why\n{text}", "utf-8")
            words = ("reconcile", "resolve", "--file", str(file))
            await installation.must(*words, operator=operator)

    async def _report(self, out: Path | None) -> str:
        """The report of the day, in the folder of the demo's own."""
        if out is None:
            return ""
        installation = self._county.installation
        await installation.must(
            "reconcile", "report", "--date", self._date, "--out", str(out), "--format", "html"
        )
        return f"reconcile-{self._day}.html"


async def reconciled(morning: Morning, out: Path | None) -> tuple[Reconciled | None, Sequence[str]]:
    """Play the morning; its result (None when it broke off), and what went wrong."""
    try:
        result = await morning.play(out)
    except (UnexpectedError, NoAnswerError, CommandFailedError) as error:
        return None, [f"morning: {type(error).__name__}: {error}"]
    return result, result.faults


def _as_shown(row: Planted) -> tuple[str, ...]:
    """What was planted as the command shows a difference."""
    amounts = (_yuan(row.ours_amt), _yuan(row.theirs_amt))
    facts = (row.statement, row.node, row.scope, row.kind, row.state, row.pay_code, row.tra_no)
    return (*facts, *amounts)


def _shown(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A difference of `nontax reconcile show --json`."""
    names = (
        "statement", "node", "scope", "kind", "state", "PayCode", "TraNo", "FinAmt", "Amt",
    )  # fmt: skip
    return tuple(str(row[name]) for name in names)


def _yuan(fen: int | None) -> str:
    return str(None if fen is None else format_yuan(fen))


__all__ = ["Morning", "Reconciled", "reconciled"]
