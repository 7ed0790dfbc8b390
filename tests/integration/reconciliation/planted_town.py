"""Two days of a small town, played once and copied for every seed: banks, platform, one gateway.

The counterparties are the simulators' own; their frames go to the gateway's responder without a
socket in between. What is left of the days are the gateway's store and what everybody delivers.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from nontax.codecs import FrameDecoder, RawFrame
from nontax.gateway.app import Gateway, Surroundings
from nontax.gateway.clock import CIVIL, ManualClock, ms_from_civil
from nontax.gateway.collection.billrules import BillRules
from nontax.gateway.collection.bills import Making, create
from nontax.gateway.collection.drafts import BillDraft
from nontax.gateway.config import Config
from nontax.gateway.net.server import Origin
from nontax.gateway.observe.log import Log
from nontax.gateway.store import bills, open_store
from nontax.gateway.store.protocol import Transaction
from nontax.messages import PayInfoEntry
from nontax.messages.query import BillDue
from nontax.simulators.accounts import interbank
from nontax.simulators.bank import Bank
from nontax.simulators.collector import Collector
from nontax.simulators.ledger import Money
from nontax.simulators.link import Address, Reads
from nontax.simulators.moving import Account, Mover
from nontax.simulators.peer import Node
from nontax.simulators.planted import Planted, Spare, Unlisted
from nontax.simulators.platform import Platform
from nontax.simulators.process import Installation, identity_from
from nontax.simulators.scenario import Behaviour
from nontax.simulators.statements import Statement

BANKS = ("D3206820105", "D3206820301")
PLATFORM = "G000001"
CODES = (*BANKS, PLATFORM)
DAYS = ("20260302", "20260303")
MORNING = "20260304"
FISCAL = "32001000000000000018"
HERE = Address("in-process", 1)
_HOURS = 3_600
SPARES = 6


@dataclass(frozen=True)
class Played:
    """Two days that were played: a folder with the store, and everybody's own view of them."""

    directory: Path
    config: Config
    statements: tuple[Statement, ...]
    spare: Spare
    unidentified: tuple[Planted, ...]
    """Money that came to nobody's name (2615): the lists have it, and nobody knows what it is."""


class Bureau:
    """A gateway and the nodes that talk to it; given none, without a socket in between."""

    def __init__(
        self,
        config: Config,
        gateway: Gateway,
        clock: ManualClock,
        nodes: Mapping[str, Node] | None = None,
    ) -> None:
        self.config = config
        self.gateway = gateway
        self.clock = clock
        if nodes is None:
            nodes = {code: self._node(code) for code in CODES}
        catalogue = tomllib.loads((config.directory / "catalogue.toml").read_text("utf-8"))
        money = interbank(catalogue, clock.today)
        self.banks = tuple(Bank(nodes[code], money) for code in BANKS)
        self.banks[1].serial_prefix = "J"
        self.platform = Platform(nodes[PLATFORM], money)

    @property
    def collectors(self) -> tuple[Collector, ...]:
        return (*self.banks, self.platform)

    def node(self, code: str) -> Node:
        return next(c.node for c in self.collectors if c.node.code == code)

    def _node(self, code: str) -> Node:
        identity = identity_from(self.config, code, clock=self.clock.civil)
        return Node(identity, gateway=HERE, carry=self._carry)

    async def _carry(
        self, _to: Address, frame: bytes, _do: Behaviour, _seconds: float, _reads: Reads
    ) -> RawFrame:
        reply = await self.gateway.server.responder.respond(_raw(frame), Origin("127.0.0.1"))
        return _raw(reply.data)


def _raw(frame: bytes) -> RawFrame:
    decoder = FrameDecoder()
    decoder.receive_data(frame)
    event = decoder.next_event()
    assert isinstance(event, RawFrame)
    return event


def at(day: str, hour: int) -> int:
    """An instant by its civil time."""
    return ms_from_civil(datetime(int(day[:4]), int(day[4:6]), int(day[6:]), hour, tzinfo=CIVIL))


@contextlib.asynccontextmanager
async def bureau(config: Config, directory: Path, clock: ManualClock) -> AsyncIterator[Bureau]:
    """A gateway on the store in a directory; nothing runs by itself."""
    gateway = await made_gateway(config, directory, clock)
    try:
        yield Bureau(config, gateway, clock)
    finally:
        await gateway.store.close()


async def made_gateway(config: Config, directory: Path, clock: ManualClock) -> Gateway:
    """A gateway on the store in a directory, not started."""
    store = await open_store(config.store.url, directory)
    chance = random.Random(1)  # noqa: S311 - repeatable on purpose
    log = Log(io.StringIO(), clock.now_ms)
    return Gateway(config, store, Surroundings(clock, chance.randbytes, log))


# -- playing ---------------------------------------------------------------------------------------


class _Day:
    """Plays the days of one number."""

    def __init__(self, town: Bureau, number: int) -> None:
        self.town = town
        self.chance = random.Random(number)  # noqa: S311 - cases, not secrets
        self.number = number
        self.unidentified: list[Planted] = []
        self.movers = (Mover(town.banks[1]), Mover(town.platform))

    async def bill(self, amt: int) -> str:
        town = self.town
        draft = BillDraft(
            region="320682", bill_date=town.clock.today(), unit_code="0104901",
            payer_name="张三", amt=amt, ori_amt=amt, delay_amt=0,
            items=(PayInfoEntry("103043211", "不动产登记费", amt, "次", Decimal(1)),),
        )  # fmt: skip
        making = Making("import", "maker1", town.clock.now_ms(), town.clock.today(), "")

        async def work(tx: Transaction) -> str:
            [made] = await create(tx, [draft], BillRules(town.config), making)
            return made.pay_code

        return await town.gateway.store.transact(work)

    async def due(self, node: Collector, amt: int) -> BillDue:
        quote = await node.query(await self.bill(amt))
        assert quote.due is not None
        return quote.due

    def amt(self) -> int:
        return self.chance.randint(1, 200_000)

    async def pay(self, node: Collector, mode: str, *, to: str | None = None) -> None:
        entry = await node.pay(await self.due(node, self.amt()), pay_mode=mode, rec_acct=to)
        assert entry.money is Money.BOOKED, entry.result

    async def play(self) -> None:
        """A day's payments, and what becomes of the money in the evening."""
        first, second = self.town.banks
        platform = self.town.platform
        for node, mode in (
            (first, "11"), (first, "11"), (first, "13"), (second, "11"), (second, "12"),
            (platform, "51"), (platform, "51"), (platform, "52"),
        ):  # fmt: skip
            await self.pay(node, mode)
        for _ in range(self.chance.randint(2, 8)):
            node = self.chance.choice(self.town.collectors)
            modes = ("51", "52") if node is platform else ("11", "12", "13")
            await self.pay(node, self.chance.choice(modes))
        for _ in range(self.chance.randint(1, 2)):
            await self.pay(second, "11", to=FISCAL)
        await self._move()

    async def _move(self) -> None:
        """Batches go to the account's bank; of third parties some come in one sum of a channel."""
        receiver = self.town.banks[0].receiver
        if self.number % 2:
            for mode in ("51", "52"):
                self.movers[1].settle(FISCAL, mode, self.town.banks[0].counter.stamp().tra_no)
        for mover in self.movers:
            batch = await mover.move(Account(FISCAL))
            if batch is not None:
                assert batch.result == "00000"
                assert await receiver.batch_arrived(batch, mover.till) == "00000"
        if self.number % 3 == 0:
            amt = self.amt()
            number = await receiver.unnamed(Account(FISCAL), amt, "某公司")
            row = Planted("funds_unknown", BANKS[0], self.town.clock.today(), "2557", FISCAL)
            self.unidentified.append(replace(row, tra_no=number, theirs_amt=amt))

    async def refused(self, node: Collector) -> Unlisted:
        """A payment with a wrong amount is refused; the payer has the money back."""
        due = await self.due(node, self.amt())
        entry = await node.pay(due, amt=due.Amt + 1)
        assert entry.money is Money.RETURNED
        return Unlisted(due.PayCode, entry.amt, entry.acct_type, entry.rec_acct, entry.tra_no_bus)

    async def unpaid(self, node: Collector, *, void: bool = False) -> Unlisted:
        due = await self.due(node, self.amt())
        if void:
            store, now = self.town.gateway.store, self.town.clock.now_ms()
            assert await store.transact(
                lambda tx: bills.set_state(
                    tx, due.PayCode, expected="unpaid", state="void", changed_at=now
                )
            )
        return Unlisted(due.PayCode, due.Amt, due.RecAcctType, due.RecAcct)


async def play(template: Path, directory: Path, number: int) -> Played:
    """Play the two days of a number on a copy of a sample.

    Of an even number the banks list the platform's payments, of an odd one it lists its own.
    """
    installation = Installation.copied(template, directory)
    owes = number % 2 == 1
    installation.configure(
        {"listen": {"port": 0}},
        {PLATFORM: {"sync_bills": False, "owes_2555": owes}},
    )
    config = installation.config()
    clock = ManualClock(at(DAYS[0], 9))
    refused: dict[tuple[str, str], Sequence[Unlisted]] = {}
    async with bureau(config, directory, clock) as town:
        plays = _Day(town, number)
        for day in DAYS:
            clock.set(at(day, 9))
            await plays.play()
            for node in town.collectors:
                refused[node.node.code, day] = [await plays.refused(node) for _ in range(2)]
        spare = Spare(
            unpaid=await _spares(plays, town, void=False),
            void=await _spares(plays, town, void=True),
            refused=refused,
            reported=frozenset(n for b in town.banks for n in b.receiver.arrivals),
            avoid=frozenset(row.tra_no for row in plays.unidentified),
        )
        others = () if owes else (town.platform.ledger,)
        statements = [
            statement
            for day in DAYS
            for bank in town.banks
            for statement in bank.statements(day, others)
        ]
        if owes:
            statements += [s for day in DAYS for s in town.platform.statements(day)]
    return Played(directory, config, tuple(statements), spare, tuple(plays.unidentified))


async def _spares(plays: _Day, town: Bureau, *, void: bool) -> Mapping[str, Sequence[Unlisted]]:
    return {
        node.node.code: [await plays.unpaid(node, void=void) for _ in range(SPARES)]
        for node in town.collectors
    }


def copy(played: Played, directory: Path) -> None:
    """The store of played days into a new folder."""
    directory.mkdir(parents=True)
    name = "nontax.db"
    shutil.copyfile(played.directory / name, directory / name)


@contextlib.asynccontextmanager
async def next_morning(played: Played, directory: Path) -> AsyncIterator[Bureau]:
    """A copy of the played days, early on the day after."""
    copy(played, directory)
    async with bureau(played.config, directory, ManualClock(at(MORNING, 8))) as town:
        yield town


@contextlib.asynccontextmanager
async def morning_on_the_wire(played: Played, directory: Path) -> AsyncIterator[Bureau]:
    """The same with everybody listening and a gateway that delivers what it has for them."""
    installation = Installation.copied(played.directory, directory)
    clock = ManualClock(at(MORNING, 8))
    async with contextlib.AsyncExitStack() as stack:
        nodes = {
            code: Node(identity_from(played.config, code, clock=clock.civil)) for code in CODES
        }
        for node in nodes.values():
            await stack.enter_async_context(node)
        installation.configure(
            {"outbox": {"poll_seconds": 3600}},
            {code: {"address": str(node.address)} for code, node in nodes.items()},
        )
        config = installation.config()
        gateway = await made_gateway(config, directory, clock)
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        for node in nodes.values():
            node.gateway = Address(*gateway.server.address)
        yield Bureau(config, gateway, clock, nodes)
