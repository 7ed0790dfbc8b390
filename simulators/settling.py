"""The demo's evening: what becomes of the collected money, step by step, through commands and wire.

Transfers between banks and what arrives of them, unidentified money that is claimed or returned,
payments by virtual account and direct debit, business refunds with two operators, clearing with
three levels of government and remittance. Every step moves money in the banks' double-entry books.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from ..codecs import format_yuan
from . import people
from .collector import Collector, Payer
from .county import County
from .ledger import Entry
from .link import NoAnswerError
from .moving import Account, Mover
from .scenario import Behaviour, Rule
from .stories import OK, Teller, UnexpectedError

FISCAL: Final = Account("32001000000000000018")
CLEARING: Final = Account(
    "32009000000000000034", "待清分非税收入款项", "中国建设银行示例省分行", "9"
)
REGISTRATION: Final = ("103043211", "不动产登记费", "次")
_RECLAMATION: Final = ("320600000001", "土地复垦费", "平方米")
_PROTOCOL: Final = ("--payer-no", "P000001", "--protocol", "XY000001", "--bank", "0105")
_REASON: Final = "多缴退付"

Items = Sequence[tuple[tuple[str, str, str], int]]
Say = Callable[[str], None]
Quiet = Callable[[], Awaitable[None]]


class Settling:
    """Plays the evening. `quiet` waits until nothing travels any more."""

    def __init__(
        self, county: County, teller: Teller, seed: int, *, say: Say, quiet: Quiet
    ) -> None:
        self._county = county
        self._teller = teller
        self._random = Random(f"settling/{seed}")
        self._say = say
        self._quiet = quiet
        self._codes: dict[str, str] = {}
        self._amounts: dict[str, int] = {}
        self._lines: list[str] = []
        self._movers = [Mover(county.banks[1]), Mover(county.platform)]

    async def play(self) -> None:
        """The whole evening. Raises UnexpectedError, CommandFailedError, NoAnswerError."""
        await self._make_bills()
        await self._collect()
        await asyncio.gather(
            self._push(),
            self._unidentified(),
            self._debit(),
            self._refund_invoiced("refunded", 3000, paid_from="collection"),
            self._refund("cleared-refunded", 1234, paid_from="collection"),
        )
        await self._quiet()
        self._check_pushed()
        await self._move()
        await asyncio.gather(self._clear(), self._remit())
        await self._refund("cleared-0105", 1, paid_from="reserve")
        await self._quiet()
        await self._clear_again()

    # -- bills -----------------------------------------------------------------------------

    async def _make_bills(self) -> None:
        """Bills of the evening's own, imported by the bureau."""
        to_clear = {"RecAcctType": CLEARING.acct_type, "RecAcct": CLEARING.number}
        self._plan("cleared-0105", [(REGISTRATION, 55001)], to_clear)
        self._plan("cleared-refunded", [(REGISTRATION, 8000)], to_clear)
        self._plan("cleared-0301", [(REGISTRATION, 8000), (_RECLAMATION, 3333)], to_clear)
        self._plan("subject", [(_RECLAMATION, 100001)], {"RecAcctType": "3"})
        self._plan("virtual", [(REGISTRATION, 16000)], {"VirtualAcct": "auto"})
        for name in ("debited", "late", "refunded", "claimed"):
            amount = self._random.choice((8000, 55000))
            self._plan(name, [(REGISTRATION, amount)], {})
        installation = self._county.installation
        file = installation.directory / "evening.jsonl"
        file.write_text("".join(f"{line}\n" for line in self._lines), "utf-8")
        finished = await installation.must("bill", "import", str(file), "--json", operator="maker1")
        self._codes = dict(zip(self._amounts, finished.json()["pay_codes"], strict=True))
        for code in self._codes.values():
            self._teller.final[code] = "1"

    def _plan(
        self,
        name: str,
        items: Items,
        more: Mapping[str, str],
    ) -> None:
        self._amounts[name] = sum(amount for _, amount in items)
        today = self._county.banks[0].node.identity.clock().strftime("%Y%m%d")
        self._lines.append(bill_line(today, people.person(self._random), items, more))

    # -- collecting ------------------------------------------------------------------------

    async def _pay(self, name: str, collector: Collector, *, late: bool = False) -> Entry:
        """A bill is asked for and paid at a counter."""
        quote = await collector.query(self._codes[name])
        self._teller.expect("2601", quote.result, OK)
        if quote.due is None or quote.due.Amt != self._amounts[name]:
            raise UnexpectedError(f"2601 told something else about the bill {name}")
        payer = Payer(quote.due.PayerName, *people.bank_account(self._random))
        entry = await collector.pay(quote.due, payer, pay_mode="11", late=late)
        self._teller.expect("2612", entry.result, OK)
        return entry

    async def _collect(self) -> None:
        first, second = self._county.banks
        for name, bank in (
            ("cleared-0105", first),
            ("cleared-refunded", first),
            ("cleared-0301", second),
            ("subject", second),
            ("refunded", first),
        ):
            await self._pay(name, bank)
        entry = await self._pay("late", first, late=True)
        self._teller.expect("2619", await first.receiver.landed(first, entry), OK)
        self._say("money of a branch has come to its account (2619)")
        quote = await first.query(self._codes["virtual"])
        if quote.due is None or not quote.due.Hold2:
            raise UnexpectedError("the bill has no virtual account")
        payer = quote.due.PayerName
        number = quote.due.RecAcct
        tra_no = await first.receiver.on_virtual(number, self._amounts["virtual"], payer)
        self._teller.expect("2616", OK if tra_no in first.receiver.arrivals else "refused", OK)
        self._teller.expect("2616 again", await first.receiver.again(tra_no), OK)
        self._say("a bill was paid by its virtual account (虚拟账号, 2616)")

    async def _push(self) -> None:
        """Banks and the platform are told of accounts, regions, units and items."""
        await self._county.installation.must("catalogue", "push", operator="maker1")

    def _check_pushed(self) -> None:
        for bank in self._county.banks:
            if not bank.accounts or not bank.regions:
                raise UnexpectedError(f"{bank.node.code} was told of no accounts or regions")
        if not self._county.platform.base_data:
            raise UnexpectedError("the platform was told of no base data")
        self._say("banks and the platform have the base data (5952 → 2952, 5953, 5955)")

    async def _unidentified(self) -> None:
        """Transfer first, bill later: one sum is claimed, one goes back."""
        receiver, installation = self._county.banks[0].receiver, self._county.installation
        amounts = (self._amounts["claimed"], 12345)
        numbers = [
            await receiver.unnamed(FISCAL, amt, "示例市宏达物流有限公司", word="不动产登记费")
            for amt in amounts
        ]
        for number in numbers:
            self._teller.expect("2615", OK if number in receiver.arrivals else "refused", OK)
        listed = (await installation.must("arrival", "list", "--json")).json()["arrivals"]
        ids = {row["TraNo"]: str(row["id"]) for row in listed}
        why = ("--reason", "缴款人来电确认")
        await installation.must(
            "arrival", "claim", ids[numbers[0]], self._codes["claimed"], *why, operator="maker1"
        )
        await installation.must("arrival", "return", ids[numbers[1]], *why, operator="maker1")
        receiver.give_back(numbers[1])
        self._say("unidentified money (未明资金): one sum claimed for a bill, one returned")

    async def _debit(self) -> None:
        installation = self._county.installation
        await installation.must(
            "debit", "protocol", "add", *_PROTOCOL, "--payer", "王小明",
            "--account", "6217000000000001", operator="maker1",
        )  # fmt: skip
        await installation.must(
            "debit", "request", self._codes["debited"], *_PROTOCOL, operator="maker1"
        )
        self._say("a payer's account is debited by protocol (划缴, 5604 → 2607)")

    async def _refund_invoiced(self, name: str, amt: int, *, paid_from: str) -> None:
        """A refund of what an e-invoice vouches for: refused until that is reversed (冲红)."""
        installation, code = self._county.installation, self._codes[name]
        await installation.must("einvoice", "issue", code, operator="maker1")
        refused = await installation.run(
            "refund", "request", code, "--amount", format_yuan(amt), "--reason", _REASON,
            operator="maker1",
        )  # fmt: skip
        if refused.code == 0 or "nontax einvoice reverse" not in refused.stderr:
            raise UnexpectedError(f"a refund of the invoiced bill {name} was not refused")
        await installation.must("einvoice", "reverse", code, "--reason", _REASON, operator="maker1")
        self._say("a refund waits for the red e-invoice (冲红) of its bill, and is asked for again")
        await self._refund(name, amt, paid_from=paid_from)

    async def _refund(self, name: str, amt: int, *, paid_from: str) -> None:
        """A business refund: asked for by one operator, approved by another."""
        installation = self._county.installation
        asked = await installation.must(
            "refund", "request", self._codes[name], "--amount", format_yuan(amt),
            "--reason", _REASON, "--json", operator="maker1",
        )  # fmt: skip
        number = asked.json()["RefundNo"]
        approved = await installation.must(
            "refund", "approve", number, "--json", operator="checker1"
        )
        found = approved.json()["paid_from"]
        if found != paid_from:
            raise UnexpectedError(f"refund of {name} is paid from {found}, not {paid_from}")
        self._teller.refunds += 1
        self._say(f"{format_yuan(amt)} yuan are refunded from the {paid_from} (业务退付, 5617)")

    # -- moving on -------------------------------------------------------------------------

    async def _move(self) -> None:
        """Money for accounts at another bank goes there, and arrives."""
        for account, receiver in (
            (FISCAL, self._county.banks[0].receiver),
            (CLEARING, self._county.clearing.receiver),
        ):
            for mover in self._movers:
                batch = await mover.move(account)
                if batch is None:
                    continue
                self._teller.expect("2613", batch.result, OK)
                result = await receiver.batch_arrived(batch, mover.till)
                self._teller.expect("2615", result, OK)
                count = len(batch.entries)
                self._say(f"{count} payments were moved to their account's bank (2613 → 2615)")

    async def _clear(self) -> None:
        """Money is shared among three levels; one line fails and is sent again."""
        script = self._county.clearing.node.script
        refused = Behaviour(result="99999", information="收款户名不符", lines=(2,))
        script.add(Rule(side="execute", number="5614", nth=1, do=refused))
        await self._run_clearing(instructions=3)
        listed = await self._county.installation.must(
            "clearing", "list", "--state", "partly", "--json"
        )
        partly = [row["InstrNo"] for row in listed.json()["instructions"]]
        if len(partly) != 1:
            raise UnexpectedError(f"{len(partly)} clearing instructions went partly, not 1")
        await self._county.installation.must("clearing", "resend", partly[0], operator="maker1")
        await self._quiet()
        self._say("one line was refused, and sent again under a new number")

    async def _remit(self) -> None:
        """Confirmed income goes to treasuries, a line per bill or grouped; one remittance fails."""
        script = self._county.banks[0].node.script
        refused = Behaviour(result="99999", information="国库系统未开放")
        script.add(Rule(side="execute", number="5618", nth=1, do=refused))
        first = await self._run_remittance()
        modes = {row["RemitMode"] for row in first}
        if modes != {"1", "2"}:
            raise UnexpectedError(f"remittances have the modes {modes}, not both")
        self._say(f"{len(first)} remittances (缴库, 5618), direct and consolidated")
        again = await self._run_remittance()
        if len(again) != 1:
            raise UnexpectedError(f"{len(again)} remittances were made again, not 1")
        self._say("one remittance failed, its income was remitted again under a new number")

    async def _run_remittance(self) -> list[dict[str, Any]]:
        ran = await self._county.installation.must("remit", "run", "--json", operator="maker1")
        await self._quiet()
        made: list[dict[str, Any]] = ran.json()["remittances"]
        return made

    async def _clear_again(self) -> None:
        """A refund of cleared money is owed by the levels: it waits for more to be cleared."""
        await self._run_clearing(instructions=0)

    async def _run_clearing(self, *, instructions: int) -> None:
        today = self._county.banks[0].node.identity.clock().strftime("%Y-%m-%d")
        ran = await self._county.installation.must(
            "clearing", "run", "--date", today, "--json", operator="maker1"
        )
        made = ran.json()["instructions"]
        if len(made) != instructions:
            raise UnexpectedError(f"{len(made)} clearing instructions, not {instructions}")
        if made:
            self._say(f"{len(made)} clearing instructions (清分, 5614) are on their way")
        await self._quiet()


def bill_line(today: str, payer: str, items: Items, more: Mapping[str, str]) -> str:
    """A bill of the land office as a line of an import file; items with their fen."""
    bill: dict[str, Any] = {
        "AdmDivCode": "320682",
        "BillDate": today,
        "ChgAgenCode": "0104901",
        "PayerName": payer,
        "OriAmt": format_yuan(sum(amount for _, amount in items)),
        "DelayAmt": "0.00",
        "Items": [
            {"ItemCode": code, "ItemName": text, "Amt": format_yuan(amount), "Unit": measure}
            for (code, text, measure), amount in items
        ],
        **more,
    }
    return json.dumps(bill, ensure_ascii=False)


async def played(settling: Settling) -> str:
    """Play the evening; what went wrong, '' for nothing."""
    try:
        await settling.play()
    except (UnexpectedError, NoAnswerError) as error:
        return f"evening: {type(error).__name__}: {error}"
    return ""


__all__ = ["REGISTRATION", "Settling", "bill_line", "played"]
