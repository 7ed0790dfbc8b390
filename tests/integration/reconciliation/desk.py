"""The reconciliation desk: real lists over real sockets, real runs, and operators who decide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from nontax.codecs import format_yuan
from nontax.gateway.collection.lookups import Lookups
from nontax.gateway.reconciliation.closing import Closings
from nontax.gateway.reconciliation.decisions import Decision, DecisionName
from nontax.gateway.reconciliation.entries import Entries
from nontax.gateway.reconciliation.parts import DayOutcome, ReconcileParts
from nontax.gateway.reconciliation.reopening import Closed, Step, reopen
from nontax.gateway.reconciliation.repair import Repairs
from nontax.gateway.reconciliation.resolving import Done, Resolving
from nontax.gateway.reconciliation.results import Results
from nontax.gateway.reconciliation.run import reconcile_day
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.settlement.refunds import Refunds

from ..flows.conftest import ACCOUNT, BANK, TODAY, Office, Row, code
from ..flows.test_statements import FUNDS, LINE, batch
from ..settlement.money import booking

REASON = "与银行核对无误"
CHANNEL = "11"


class Desk:
    """Lists, runs and decisions of one office; the day is TODAY, the operators decide after it."""

    def __init__(self, office: Office, **rules: Any) -> None:
        self.office = office
        config = office.config.reconciliation
        self.rules = config.model_copy(update=rules) if rules else config

    # -- what the bank lists --------------------------------------------------------------------

    def line(self, pay_code: str, number: str, amt: int = 8000, **changes: str) -> dict[str, str]:
        """A line of 2555."""
        fields = {"PayCode": pay_code, "TraNoBus": number, "Amt": format_yuan(amt)}
        return LINE | {"CfmDate": TODAY} | fields | changes

    async def lists(self, *lines: dict[str, str], src: str = BANK, **changes: str) -> None:
        """2555 of the day, in one pack."""
        [fields] = batch([lines], CheckDate=TODAY, **changes)
        assert code(await self.office.call(src, "2555", fields)) == "00000"

    async def lists_funds(self, *lines: dict[str, str], src: str = BANK, **changes: str) -> None:
        """2557 of the day, in one pack."""
        [fields] = batch([lines], "2557", CheckDate=TODAY, **changes)
        assert code(await self.office.call(src, "2557", fields)) == "00000"

    def funds_line(self, number: str, amt: int = 8000, **changes: str) -> dict[str, str]:
        """A line of 2557."""
        return FUNDS | {"TraNo": number, "Amt": format_yuan(amt)} | changes

    async def paid(self, number: str, amt: int = 8000, **changes: str) -> str:
        """A bill that the bank has confirmed; its pay code."""
        pay_code = await self.office.bill(amt=amt)
        answer = await self.office.confirm(
            BANK, pay_code, Amt=format_yuan(amt), TraNoBus=number, **changes
        )
        assert code(answer) == "00000"
        return pay_code

    # -- what the gateway does ------------------------------------------------------------------

    @property
    def parts(self) -> ReconcileParts:
        gateway = self.office.gateway
        return ReconcileParts(
            store=gateway.store,
            clock=self.office.clock,
            peers=gateway.peers,
            enqueuer=gateway.enqueuer,
            booking=booking(self.office),
            rules=self.rules,
            owner="desk/1/a",
        )

    async def run(self, node: str | None = BANK) -> DayOutcome:
        """Reconcile the day, on the next."""
        if self.office.clock.today() == TODAY:
            self.office.tomorrow()
        return await reconcile_day(self.parts, TODAY, node)

    @property
    def resolving(self) -> Resolving:
        gateway = self.office.gateway
        repairs = Repairs(booking(self.office), Lookups(), gateway.peers, self.rules)
        results = Results(gateway.enqueuer, gateway.peers, self.rules.result_pack_size)
        return Resolving(
            Entries(repairs, gateway.peers),
            Refunds(gateway.enqueuer, gateway.peers),
            Closings(results),
        )

    # -- what operators do ----------------------------------------------------------------------

    def acting(self, name: str, *units: str) -> Acting:
        clock = self.office.clock
        return Acting(name, frozenset(units), clock.now_ms(), clock.today())

    async def decide(
        self,
        row: int,
        name: DecisionName,
        who: str = "maker1",
        reason: str = REASON,
        *,
        units: Sequence[str] = (),
        **more: Any,
    ) -> Done:
        """One decision. Raises SettlementRefused, OperatorRefused."""
        decision = Decision(row, name, reason, **more)
        acting = self.acting(who, *units)
        work = partial(self.resolving.decide, decision=decision, acting=acting)
        done: Done = await self.office.transact(work)
        return done

    async def twice(self, row: int, name: DecisionName, **more: Any) -> Done:
        """Proposed by one operator, approved by another."""
        await self.decide(row, name, **more)
        return await self.decide(row, "approve", "checker1", "同意")

    async def reopen(
        self, step: Step, who: str, *, kind: Any = "2555", reason: str = REASON
    ) -> Any:
        closed = Closed(BANK, TODAY, kind)
        acting = self.acting(who)
        return await self.office.transact(lambda tx: reopen(tx, closed, step, reason, acting))

    # -- what the books say ---------------------------------------------------------------------

    def rows(self, **wanted: object) -> list[Row]:
        return self.office.books.rows("recon_differences", **wanted)

    def row(self, **wanted: object) -> Row:
        return self.office.books.one("recon_differences", **wanted)

    def state(self, row: int) -> str:
        return str(self.row(id=row)["state"])

    def actions(self, row: int) -> list[Row]:
        return self.office.books.rows("recon_actions", difference_id=row)

    def did(self, row: int) -> list[tuple[str, str]]:
        """(action, actor) of what was done about a row."""
        return [(one["action"], one["actor"]) for one in self.actions(row)]

    def batch_states(self, kind: str = "2555") -> list[str]:
        rows = self.office.books.rows("statement_batches", kind=kind)
        return [str(row["state"]) for row in rows]

    def results(self, number: str = "5555") -> list[str]:
        """CheckStatus of the results that were queued, in order."""
        found = self.office.books.queued(number)
        marks = [row["voucher"].partition("<CheckStatus>")[2] for row in found]
        return [mark[:1] for mark in marks]

    def payment(self, number: str) -> Row:
        return self.office.books.one("payments", tra_no_bus=number)

    def reconciled_on(self, payment_id: int) -> str:
        rows = self.office.books.rows("payment_funds", payment_id=payment_id)
        return str(rows[0]["reconciled_on"]) if rows else ""

    @property
    def account(self) -> str:
        return ACCOUNT
