"""`nontax-sim demo`: a county bureau's day, played by real processes over real sockets.

A seeded plan (`day`) is played by tellers, phones and a unit (`stories`) against `nontax serve` on
a fresh sample. In the middle the gateway is killed and started again, the unit is away for a while
and the banks change their tokens. At the end everybody's own books are compared with the gateway's.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import Any

from ..mac import Secret
from .books import Books, differences, read_books, read_travelling
from .county import County, county
from .day import DayPlan, Source, import_file, plan_day
from .invoiceday import Invoiced, InvoiceDay, invoiced
from .morning import Morning, Reconciled, reconciled
from .peer import Patience
from .people import LAND
from .report import DayReport, render
from .settling import Settling, played
from .stories import OK, Teller

Progress = Callable[[str], None]

_LOOKS = 60
_LOOK_SECONDS = 0.2
AT_ONCE = 12
"""Payers who are served at the same time."""
CATALOGUE = Path(__file__).with_name("demo.toml")


@dataclass(slots=True)
class _Run:
    """What differs from run to run and is therefore no part of the table."""

    started: float = field(default_factory=time.monotonic)
    kills: int = 0
    recovery_seconds: float = 0.0


class Demo:
    """One day. `play` returns its report; UnexpectedError and the like become faults in it."""

    def __init__(
        self, seed: int, everybody: County, progress: Progress, out: Path | None = None
    ) -> None:
        self.plan: DayPlan = plan_day(seed)
        self.county = everybody
        self.teller = Teller(everybody, seed)
        self.faults: list[str] = []
        self._random = Random(f"demo/{seed}")
        self._progress = progress
        self._out = out
        self._reconciled: Reconciled | None = None
        self._invoiced = Invoiced()
        self._run = _Run()
        self._codes: dict[int, str] = {}
        self._done = 0
        self._marks: dict[int, asyncio.Event] = {}
        self._pause = asyncio.Event()
        self._pause.set()

    async def play(self) -> DayReport:
        """Play the day, close it, compare the books."""
        await self._morning()
        await self._stories()
        await self._evening()
        await asyncio.gather(self._settle(), self._invoice())
        await self._reconcile()
        return await self._close()

    # -- morning ---------------------------------------------------------------------------

    async def _morning(self) -> None:
        installation = self.county.installation
        await installation.must("catalogue", "import", str(CATALOGUE), operator="maker1")
        address = await self.county.open()
        self._say(f"the gateway listens on {address}")
        imported = self.plan.of(Source.IMPORT)
        today = self.county.banks[0].node.identity.clock().date()
        file = installation.directory / "bills.jsonl"
        file.write_text(import_file(imported, today), "utf-8")
        finished = await installation.must("bill", "import", str(file), "--json", operator="maker1")
        codes = finished.json()["pay_codes"]
        self._codes = {plan.index: code for plan, code in zip(imported, codes, strict=True)}
        self._say(f"{len(imported)} bills (缴款书) imported")
        for bank in self.county.banks:
            self.teller.expect("2002", await bank.link_test(), OK)
        notice = await self.county.banks[1].notice("网点停业", "城东分理处今日盘点,下午停业")
        self.teller.expect("2000", notice, OK)
        await self._refused_bills()

    async def _refused_bills(self) -> None:
        """What the unit's system gets wrong before its first good bill."""
        unit, teller = self.county.unit, self.teller
        plan = next(bill for bill in self.plan.bills if bill.source is Source.UNIT)
        bill = await teller.make(plan)
        teller.final[bill.PayCode] = "0"
        teller.expect("8994", (await unit.send(bill)).result, OK)
        for changes, result in (
            ({"PayerName": "另一个人"}, "10005"),
            ({"PayCode": unit.next_pay_code(), "ChgAgenCode": "0105204"}, "16003"),
            ({"PayCode": unit.next_pay_code(), "ChgAgenCode": "0206301"}, "18012"),
            ({"PayCode": unit.next_pay_code(), "RecAcct": "1", "RecAcctReal": "1"}, "16004"),
            ({"PayCode": unit.next_pay_code(), "OriAmt": 1, "Amt": 1}, "16005"),
        ):
            answer = await unit.send(bill.model_copy(update=changes))
            teller.expect("8994", answer.result, result)

    # -- the day ---------------------------------------------------------------------------

    async def _stories(self) -> None:
        """Serve the payers, AT_ONCE at a time; at marks of the day other things happen."""
        count = len(self.plan.bills)
        marks = {
            count // 4: self._change_tokens,
            count * 2 // 5: self._unit_goes_home,
            count // 2: self._power_failure,
            count * 7 // 10: self._unit_comes_back,
        }
        self._marks = {mark: asyncio.Event() for mark in marks}
        self._say(f"the counters open: {count} payers")
        events = [
            asyncio.create_task(self._at(self._marks[mark], happen))
            for mark, happen in marks.items()
        ]
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._payer(gate, index) for index in range(count)), *events)
        self._say(f"all {count} payers were served")

    async def _at(self, mark: asyncio.Event, happen: Callable[[], object]) -> None:
        await mark.wait()
        result = happen()
        if asyncio.iscoroutine(result):
            await result

    async def _payer(self, gate: asyncio.Semaphore, index: int) -> None:
        plan = self.plan.bills[index]
        async with gate:
            try:
                await self.teller.play(plan, self._codes.get(index, ""))
            except Exception as error:  # noqa: BLE001 - one payer's trouble must not end the day
                self._fault(f"bill {index} ({plan.story.name}): {type(error).__name__}: {error}")
        self._done += 1
        if self._done in self._marks:
            self._marks[self._done].set()

    async def _change_tokens(self) -> None:
        for bank in self.county.banks:
            token = "".join(self._random.choice(ascii_letters + digits) for _ in range(32))
            self.teller.expect("2003", await bank.change_token(Secret(token)), OK)
        self._say("both banks have changed their tokens (2003)")

    async def _unit_goes_home(self) -> None:
        await self.county.unit.node.stop()
        self._say("the unit's system is down: notifications (5996) must wait")

    async def _unit_comes_back(self) -> None:
        await self.county.unit.node.listen_again()
        self._say("the unit's system is up again")

    async def _power_failure(self) -> None:
        await self.county.gateway.kill()
        began = time.monotonic()
        self._run.kills += 1
        self._say("kill -9: the gateway is gone in the middle of it")
        await self.county.open()
        self._run.recovery_seconds = time.monotonic() - began
        self._say("the gateway is back; tellers and phones ask again")

    # -- evening ---------------------------------------------------------------------------

    async def _evening(self) -> None:
        """Wait for what travels by itself: notifications, refunds, bills told to the platform."""
        county, teller = self.county, self.teller
        for what, condition, node in (
            (
                "notifications (5996) to the unit",
                lambda: set(county.unit.paid) >= teller.notified,
                county.unit.node,
            ),
            (
                "refunds (5617 → 2617)",
                lambda: len(county.platform.refund_orders) >= teller.refunds,
                county.platform.node,
            ),
            (
                "bills told to the platform (5954)",
                lambda: not self._untold(),
                county.platform.node,
            ),
        ):
            try:
                await node.wait_until(condition)
            except TimeoutError:
                self._fault(f"waited in vain for {what}")
            else:
                self._say(f"done: {what}")
        await self._results_told()
        await self._nothing_travels()

    async def _settle(self) -> None:
        """What becomes of the money that was collected."""
        settling = Settling(
            self.county, self.teller, self.plan.seed, say=self._say, quiet=self._quiet
        )
        fault = await played(settling)
        if fault:
            self._fault(fault)
        await self._quiet()

    async def _invoice(self) -> None:
        """The unit and the bureau issue e-invoices."""
        imported = [
            self._codes[plan.index]
            for plan in self.plan.of(Source.IMPORT)
            if plan.office is LAND and self.teller.final.get(self._codes[plan.index]) == "1"
        ]
        self._invoiced, fault = await invoiced(
            InvoiceDay(self.county, self.teller, self.plan.seed, imported=imported, say=self._say)
        )
        if fault:
            self._fault(fault)

    async def _reconcile(self) -> None:
        """The next morning: the banks' lists are compared with the books."""
        morning = Morning(
            self.county, self.teller, self.plan.seed, say=self._say, quiet=self._quiet
        )
        self._reconciled, faults = await reconciled(morning, self._out)
        for fault in faults:
            self._fault(fault)
        await self._quiet()

    async def _quiet(self) -> None:
        """Wait until everything that was ordered is carried out and told."""
        travelling: list[str] = []
        for _ in range(_LOOKS):
            await self._results_told()
            travelling = await self._travelling()
            if not travelling:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        self._fault(f"waited in vain: {'; '.join(travelling)}")

    async def _results_told(self) -> None:
        try:
            async with asyncio.timeout(10):
                for executor in self.county.executors:
                    await executor.all_told()
        except TimeoutError:
            self._fault("results were not taken")

    async def _nothing_travels(self) -> None:
        """Wait until nothing is left to be sent: what was told last may be told once more."""
        for _ in range(_LOOKS):
            if not await self._travelling():
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _books(self) -> Books:
        installation = self.county.installation
        return await read_books(installation.config().store.url, installation.directory)

    async def _travelling(self) -> list[str]:
        installation = self.county.installation
        return await read_travelling(installation.config().store.url, installation.directory)

    def _untold(self) -> list[str]:
        """Bills that the platform does not know, or knows in another state."""
        told = self.county.platform.bills
        return [
            code
            for code, stats in self.teller.final.items()
            if code not in told or told[code].PayStats != stats
        ]

    # -- closing ---------------------------------------------------------------------------

    async def _close(self) -> DayReport:
        """Stop the gateway and compare the books."""
        installation = self.county.installation
        code = await self.county.gateway.stop()
        if code != 0:
            self._fault(f"the gateway ended with {code} after SIGTERM")
        verified = await installation.run("journal", "verify")
        if verified.code != 0:
            self._fault(f"journal verify: {verified.stdout or verified.stderr}")
        books = await self._books()
        ledgers = {c.node.code: c.ledger for c in self.county.collectors}
        arrivals = {bank.node.code: bank.receiver.arrivals for bank in self.county.banks}
        self.faults += differences(books, ledgers, arrivals)
        self.faults += self._more_differences(books)
        await self._ask_the_commands(books)
        accounts = await self._compare_accounts()
        return DayReport(
            seed=self.plan.seed,
            bills={"import": len(self._codes), "8994": len(self.county.unit.bills)},
            stories={str(story): n for story, n in sorted(self.plan.stories().items())},
            answers=dict(self.teller.tally),
            totals={code: ledger.totals() for code, ledger in ledgers.items()},
            held={code: books.held(code) for code in ledgers},
            states=books.bills,
            refunds=len(books.refunds),
            notified=len(self.county.unit.paid),
            told=len(self.county.platform.bills),
            invoiced=self._invoiced,
            journal_ok=verified.code == 0,
            accounts=accounts,
            morning=self._reconciled,
            faults=tuple(self.faults),
            seconds=time.monotonic() - self._run.started,
            repeated=sum(node.repeated for node in self.county.nodes),
            recovery_seconds=self._run.recovery_seconds,
            day=self.county.banks[0].node.identity.clock().strftime("%Y-%m-%d"),
        )

    async def _compare_accounts(self) -> tuple[Mapping[str, Any], ...]:
        """Every account in the banks' own double-entry books and as the gateway expects it."""
        installation, money = self.county.installation, self.county.money
        self.faults += money.faults()
        ledger = installation.directory / "ledger.json"
        ledger.write_text(json.dumps(money.balances()), "utf-8")
        day = self.county.banks[0].node.identity.clock().strftime("%Y-%m-%d")
        compared = await installation.run(
            "accounts", "--date", day, "--against", str(ledger), "--json"
        )
        if compared.code not in {0, 1}:
            self._fault(f"nontax accounts: {compared.stderr}")
            return ()
        rows: list[Mapping[str, Any]] = compared.json()["accounts"]
        self.faults += [
            f"account {row['account']} has {row['outside']} fen, expected {row['expected']}"
            for row in rows
            if row["difference"]
        ]
        return tuple(rows)

    def _more_differences(self, books: Books) -> list[str]:
        """Bills, notifications and the outbox."""
        faults = []
        stats = {"unpaid": "0", "paid": "1", "confirmed": "1", "void": "2"}
        for code, expected in self.teller.final.items():
            state = books.bills.get(code, "missing")
            if stats.get(state) != expected:
                faults.append(f"bill {code} is {state} in the books, expected PayStats {expected}")
        faults += [f"the unit never heard of bill {c}" for c in self._unheard()]
        faults += [f"the platform was not told of bill {code}" for code in self._untold()]
        faults += books.travelling
        amounts = {p.pay_code: p.amt for p in books.payments if not p.duplicate}
        faults += [
            f"the unit was told another amount for {code}"
            for code, notice in self.county.unit.paid.items()
            if amounts.get(code) != notice.Amt
        ]
        if len(books.refunds) != self.teller.refunds:
            faults.append(f"{len(books.refunds)} refunds in the books, not {self.teller.refunds}")
        return faults

    def _unheard(self) -> set[str]:
        return self.teller.notified ^ set(self.county.unit.paid)

    async def _ask_the_commands(self, books: Books) -> None:
        """What `nontax bill show --json` says about a few bills must be what the store says."""
        paid = [code for code, stats in self.teller.final.items() if stats == "1"]
        for code in self._random.sample(sorted(paid), min(3, len(paid))):
            shown = (await self.county.installation.must("bill", "show", code, "--json")).json()
            expected = sorted(p.tra_no_bus for p in books.payments if p.pay_code == code)
            found = sorted(p["TraNoBus"] for p in shown["payments"])
            if shown["PayStats"] != "1" or found != expected:
                self._fault(f"bill show says something else about {code} than the store")

    def _fault(self, text: str) -> None:
        self.faults.append(text)
        self._say(f"!! {text}")

    def _say(self, text: str) -> None:
        self._progress(f"[{time.monotonic() - self._run.started:5.1f} s] {text}")


def run_demo(seed: int, out: Path | None, progress: Progress) -> DayReport:
    """Play the day of a seed and write report.json and report.txt to `out`.

    Raises CommandFailedError when the gateway cannot even be set up, OSError for `out`.
    """
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="day-", dir=out) as name:
        directory = Path(name) / "gateway"
        report = asyncio.run(_run_demo(seed, directory, progress, out))
        log = directory / "serve.log"
        if out is not None and report.faults and log.exists():
            (out / "serve.log").write_bytes(log.read_bytes())
    if out is not None:
        text = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
        (out / "report.json").write_text(text + "\n", "utf-8")
        (out / "report.txt").write_text(render(report), "utf-8")
    return report


async def _run_demo(seed: int, directory: Path, progress: Progress, out: Path | None) -> DayReport:
    patience = Patience(attempts=120, pause_seconds=0.1)
    async with county(directory, patience=patience) as everybody:
        return await Demo(seed, everybody, progress, out).play()


__all__ = ["Demo", "run_demo"]
