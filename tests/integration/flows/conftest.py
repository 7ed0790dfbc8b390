"""A gateway with a clock in our hands: production objects, a real store, real sockets and peers.

The nodes write their frames with the simulators' own code; vouchers are written here, as texts, so
that a test says exactly what stands on the wire. The books are read past the gateway, from the
file.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs import open_envelope, split_mac
from nontax.gateway.app import Gateway, Surroundings
from nontax.gateway.clock import CIVIL, ManualClock, ms_from_civil
from nontax.gateway.collection.billrules import BillRules
from nontax.gateway.collection.bills import Making, create
from nontax.gateway.collection.drafts import BillDraft
from nontax.gateway.observe.log import Log
from nontax.gateway.store import SqliteOptions, bills, catalogue, open_store
from nontax.gateway.store.entries import Account, Item, Unit, UnitItem
from nontax.gateway.store.protocol import Transaction
from nontax.mac import Secret
from nontax.messages import PayInfoEntry, Voucher, find
from nontax.simulators.identity import Received
from nontax.simulators.link import Address, exchange
from nontax.simulators.peer import Node
from nontax.simulators.process import Installation, Value, identity_from
from nontax.simulators.scenario import WELL

FINANCE = "F320682"
BANK, OTHER, PLATFORM, UNIT = "D3206820105", "D3206820301", "G000001", "K3206820002"
NODES = (BANK, OTHER, PLATFORM, UNIT)
REGION, ELSEWHERE = "320682", "320699"
LAND, ESTATE, SCHOOL = "0104901", "0105204", "0206301"
LAND_FEE, RECLAIM, TUITION = "103043211", "320600000001", "103042750"
ACCOUNT, OTHER_ACCOUNT = "32001000000000000018", "32003000000000000026"
LINE_NUMBERS = {ACCOUNT: "105306500018", OTHER_ACCOUNT: "301306500026"}
TODAY, TOMORROW = "20260302", "20260303"
START_MS = ms_from_civil(datetime(2026, 3, 2, 10, 0, tzinfo=CIVIL))
DAY_SECONDS = 86_400
NOWHERE = "127.0.0.1:1"
"""Nobody listens there."""
# What the service does by itself from time to time is not looked at here.
QUIET: Mapping[str, Mapping[str, Value]] = {
    "listen": {"port": 0},
    "outbox": {"poll_seconds": 3600},
    "settlement": {"keep_seconds": 3600},
}
EFFECTS = (
    "bills", "bill_items", "payments", "confirmations", "refunds", "outbox", "archive", "journal",
    "queried", "serials",
)  # fmt: skip

CONFIRMATION = {
    "PayCode": "", "CfmDate": TODAY, "CfmTime": "093000", "Amt": "80.00",
    "BankOutlet": "320682001", "Operator": "柜员01", "PayMode": "11", "TraNoBus": "T1",
    "PayerName": "张三", "PayerAcct": "", "PayerOpBk": "", "PayerOpBkNo": "", "RecAcctType": "1",
    "RecAcct": ACCOUNT, "Hold1": "", "Hold2": "",
}  # fmt: skip
UNIT_BILL = {
    "AdmDivCode": REGION, "PayCode": "32068226300000000012", "BillDate": TODAY,
    "ChgAgenCode": LAND, "ChgAgenName": "示例市自然资源局", "PayerName": "李四", "PayerAcct": "",
    "PayerOpBk": "", "Amt": "80.0", "OriAmt": "80.0", "DelayAmt": "0.00", "PayStats": "0",
    "RecAcctType": "1", "RecName": "示例市财政局", "RecAcct": ACCOUNT, "RecAcctReal": ACCOUNT,
    "RecOpBk": "中国建设银行示例支行", "RecBankNo": "0105", "IsInterBank": "0",
    "PayInfo": f"{LAND_FEE}|不动产登记费|80.0|次|1|不限制|0.0-0.0#", "Memo": "", "CrcCode": "",
    "MobilePhone": "13000000000", "PayerCreditCode": "", "RecCreditCode": "", "OperatorCode": "",
    "OperatorName": "op1", "Hold1": "", "Hold2": "",
}  # fmt: skip
PAPER = {
    "BillTypeCode": "0101", "BillTypeName": "非税收入一般缴款书", "BillVerCode": "2020",
    "BillVerName": "2020版", "BillNo": "0000000101",
}  # fmt: skip

Row = dict[str, Any]
Entry = Account | Item | Unit | UnitItem


class Books:
    """The store's file, read by a connection of its own: what is there is committed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _select(self, sql: str, *values: object) -> list[Row]:
        with contextlib.closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as books:
            books.row_factory = sqlite3.Row
            return [dict(row) for row in books.execute(sql, values)]

    def rows(self, table: str, **wanted: object) -> list[Row]:
        """The rows of a table with these values, oldest first."""
        where = " AND ".join(f"{name} = ?" for name in wanted) or "1"
        sql = f"SELECT * FROM {table} WHERE {where} ORDER BY 1"  # noqa: S608 - names of ours
        return self._select(sql, *wanted.values())

    def starting(self, table: str, name: str, text: str) -> list[Row]:
        """The rows of a table in which a column begins with a text."""
        sql = f"SELECT * FROM {table} WHERE substr({name}, 1, ?) = ? ORDER BY 1"  # noqa: S608 - as above
        return self._select(sql, len(text), text)

    def one(self, table: str, **wanted: object) -> Row:
        [row] = self.rows(table, **wanted)
        return row

    def counts(self) -> dict[str, int]:
        """Rows of every table in which an effect would be seen."""
        counts = " UNION ALL ".join(
            f"SELECT '{table}' AS name, count(*) AS count FROM {table}"  # noqa: S608 - as above
            for table in EFFECTS
        )
        return {row["name"]: row["count"] for row in self._select(counts)}

    def kinds(self, subject: str = "") -> list[str]:
        """What the journal says happened, in order."""
        wanted = {"subject": subject} if subject else {}
        return [row["kind"] for row in self.rows("journal", **wanted)]

    def state(self, pay_code: str) -> str:
        return str(self.one("bills", pay_code=pay_code)["state"])

    def archived(self, number: str = "", **wanted: object) -> list[tuple[str, str, str]]:
        """(number, subject, result) of what was kept, in order."""
        rows = self.rows("archive", **wanted | ({"number": number} if number else {}))
        return [(row["number"], row["subject"], row["result"]) for row in rows]

    def queued(self, number: str, **wanted: object) -> list[Row]:
        """What was put into the outbox, whatever became of it."""
        return self.rows("outbox", number=number, **wanted)


class Office:
    """One finance office: its installation, its clock, its gateways and the nodes around it."""

    def __init__(self, installation: Installation, nodes: Mapping[str, Node]) -> None:
        self.installation = installation
        self.config = installation.config()
        self.nodes = dict(nodes)
        self.clock = ManualClock(START_MS)
        self.books = Books(installation.store_file)
        self.gateways: list[Gateway] = []
        self.stream = io.StringIO()
        self._started = 0
        self.answered_region = ""
        """AdmDivCode in the attributes of the last answer."""
        for node in self.nodes.values():
            node.identity.clock = self.clock.civil

    async def start(self, options: SqliteOptions | None = None) -> Gateway:
        """One more process' worth of gateway on the same store."""
        self._started += 1
        number = self._started
        directory = self.installation.directory
        store = await open_store(self.config.store.url, directory, sqlite=options)
        log = Log(self.stream, self.clock.now_ms)
        chance = random.Random(number)  # noqa: S311 - repeatable on purpose
        gateway = Gateway(self.config, store, Surroundings(self.clock, chance.randbytes, log))
        await gateway.start()
        self.gateways.append(gateway)
        return gateway

    async def stop(self) -> None:
        while self.gateways:
            await self.gateways.pop().stop()

    @property
    def gateway(self) -> Gateway:
        return self.gateways[0]

    @property
    def rules(self) -> BillRules:
        return BillRules(self.config)

    def tomorrow(self, days: int = 1) -> None:
        self.clock.advance(seconds=days * DAY_SECONDS)

    def notes(self) -> list[str]:
        """What the log remarks on exchanges."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [note for line in lines for note in line.get("notes", ())]

    def errors(self) -> list[Row]:
        """What the log calls an error."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["level"] == "error"]

    # -- the wire ---------------------------------------------------------------------------

    async def send(
        self,
        src: str,
        number: str,
        fields: Mapping[str, str],
        *,
        token: Secret | None = None,
        at: int = 0,
        **head: str,
    ) -> Received:
        """Send one message on a connection of its own; the answer is not judged.

        token: another one than the node's present. at: which gateway is called. head: what stands
        otherwise in HEAD.
        """
        identity = self.nodes[src].identity
        text = "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items())
        written = identity.head(number, FINANCE)._replace(**head)
        document = identity.document(written, f"<Voucher>{text}</Voucher>")
        frame = identity.sealed(number, document, token)
        spec = find("unit" if number.startswith("8") else "bank", number)
        assert spec is not None
        address = Address(*self.gateways[at].server.address)
        raw = await exchange(address, frame, WELL, 20)
        answer = identity.open(raw, answers=spec, tokens=() if token is None else (token,))
        assert answer.message is not None
        assert raw.number == answer.head.msg_no
        assert answer.head.msg_ref == written.msg_ref or answer.blank_mac
        body, _ = split_mac(raw.payload, identity.width)
        self.answered_region = open_envelope(body).vouchers[0].adm_div_code
        return answer

    async def call(
        self,
        src: str,
        number: str,
        fields: Mapping[str, str],
        *,
        token: Secret | None = None,
        at: int = 0,
    ) -> Received:
        """Send one message; the answer must be the node's own, under the request's token."""
        answer = await self.send(src, number, fields, token=token, at=at)
        assert answer.token == (token or self.nodes[src].identity.token), answer.message
        assert (answer.head.src, answer.head.des) == (FINANCE, src)
        return answer

    async def query(
        self, src: str, pay_code: str, check_code: str = "", number: str = "", **more: str
    ) -> Received:
        """2601 or, of a unit, 8997."""
        number = number or ("8997" if src == UNIT else "2601")
        fields = {"PayCode": pay_code, "PayMode": "11", "Hold1": check_code, "Hold2": ""}
        return await self.call(src, number, fields | more)

    async def due(self, src: str, pay_code: str, check_code: str = "") -> Any:
        """The 5603 (or 5997) that must be the answer to a query."""
        answer = await self.query(src, pay_code, check_code)
        assert answer.head.msg_no == ("5997" if src == UNIT else "5603"), answer.message
        return answer.message

    async def confirm(
        self,
        src: str,
        pay_code: str,
        *,
        at: int = 0,
        token: Secret | None = None,
        **changes: str,
    ) -> Received:
        """2612, as CONFIRMATION says but for the changes."""
        fields = CONFIRMATION | {"PayCode": pay_code} | changes
        return await self.call(src, "2612", fields, at=at, token=token)

    async def bill_of_unit(
        self, *, src: str = UNIT, number: str = "8994", **changes: str
    ) -> Received:
        """8994 (or 8995), as UNIT_BILL says but for the changes."""
        fields = UNIT_BILL | (PAPER if number == "8995" else {}) | changes
        return await self.call(src, number, fields)

    # -- the books --------------------------------------------------------------------------

    async def transact(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        return await self.gateway.store.transact(work)

    async def bill(self, *, amt: int = 8000, notify_node: str = "", **changes: Any) -> str:
        """Make a bill as an import does; its pay code."""
        item = changes.pop("item", LAND_FEE)
        facts: dict[str, Any] = {
            "region": REGION,
            "bill_date": self.clock.today(),
            "unit_code": LAND,
            "payer_name": "张三",
            "amt": amt,
            "ori_amt": amt,
            "delay_amt": 0,
            "items": (PayInfoEntry(item, "收费", amt, "次", Decimal(1)),),
        }
        draft = BillDraft(**(facts | changes))
        making = Making("import", "maker1", self.clock.now_ms(), self.clock.today(), notify_node)

        async def work(tx: Transaction) -> str:
            [made] = await create(tx, [draft], self.rules, making)
            return made.pay_code

        return str(await self.transact(work))

    async def void(self, pay_code: str) -> None:
        """The maker voids an unpaid bill."""
        assert await self.transact(
            lambda tx: bills.set_state(
                tx, pay_code, expected="unpaid", state="void", changed_at=self.clock.now_ms()
            )
        )

    async def catalogue(self, *entries: Entry) -> None:
        """Change the catalogue; it is in force when this returns (within a second)."""

        async def work(tx: Transaction) -> None:
            for entry in entries:
                await catalogue.put(tx, entry, actor="maker1", at=self.clock.now_ms())

        await self.transact(work)
        self.clock.advance(seconds=1)


def code(answer: Received) -> str:
    """The result, or the number of an answer that has none."""
    return answer.result or answer.head.msg_no


@contextlib.contextmanager
def untouched(office: Office) -> Iterator[None]:
    """Nothing that happens inside leaves a row anywhere."""
    before = office.books.counts()
    yield
    assert office.books.counts() == before


def _taken(node: Node) -> Callable[[Received], Voucher]:
    return lambda request: node.identity.general(request.head.msg_no, "00000")


@contextlib.asynccontextmanager
async def opened(
    template: Path,
    directory: Path,
    sections: Mapping[str, Mapping[str, Value]],
    peers: Mapping[str, Mapping[str, Value]],
    *,
    delivering: bool,
) -> AsyncIterator[Office]:
    """A sample with listening nodes that take everything, and a running gateway.

    Only a delivering one can reach them: what it delivers is journaled when it is through.
    """
    installation = Installation.copied(template, directory)
    sample = installation.config()
    nodes = {name: Node(identity_from(sample, name)) for name in NODES}
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes.values():
            await stack.enter_async_context(node)
            for number in ("5996", "5617", "5954"):
                node.handlers[number] = _taken(node)
        addresses = {
            name: {"address": str(node.address) if delivering else NOWHERE}
            for name, node in nodes.items()
        }
        installation.configure(QUIET, addresses)
        installation.configure(sections, {PLATFORM: {"sync_bills": False}} | dict(peers))
        office = Office(installation, nodes)
        await office.start()
        try:
            yield office
        finally:
            await office.stop()


Offices = Callable[..., Awaitable[Office]]


@pytest.fixture
async def offices(sample_template: Path, tmp_path: Path) -> AsyncIterator[Offices]:
    """Makes offices with settings of their own (sections, peers); closed at the end."""
    async with contextlib.AsyncExitStack() as stack:
        count = iter(range(100))

        async def make(
            sections: Mapping[str, Mapping[str, Value]] | None = None,
            peers: Mapping[str, Mapping[str, Value]] | None = None,
            *,
            delivering: bool = False,
        ) -> Office:
            folder = tmp_path / f"office{next(count)}"
            return await stack.enter_async_context(
                opened(sample_template, folder, sections or {}, peers or {}, delivering=delivering)
            )

        yield make


@pytest.fixture
async def office(offices: Offices) -> Office:
    """The sample as it is."""
    return await offices()
