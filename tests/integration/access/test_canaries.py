"""Personal data and secrets that may stand nowhere: a day of good and bad exchanges, then a search.

Every name, account, phone, identity number, token and key is unique, so that each of them is
found wherever it came through: the gateway's standard output and log, the journal, and whatever a
command prints when it refuses something.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.gateway.cli import main
from nontax.mac import Secret, encrypt_token
from nontax.messages import Voucher
from nontax.messages.common import GreenChannel
from nontax.messages.education import SchoolBillQuery
from nontax.messages.query import DueBill
from nontax.messages.unit import UnitBill
from nontax.simulators.collector import Payer
from nontax.simulators.county import County
from nontax.simulators.link import parse_address
from nontax.simulators.process import Finished, Installation, nontax_command
from nontax.simulators.scenario import Behaviour, Rule
from nontax.simulators.unit import Charge

from .conftest import (
    BANK,
    CLEARING,
    OTHER,
    Line,
    change_token,
    events,
    frame,
    head_fields,
    one_voucher,
    plain_document,
    request,
    signed,
)

# What is sent, and the part of it that no mask may show.
NAMES = {"柯蕊丽": "蕊丽", "蔺雪痕": "雪痕", "禚翊鸢": "翊鸢", "郄霁皓": "霁皓", "逯骁鹏": "骁鹏"}
ACCOUNTS = {
    number: number[:15]
    for number in ("6217003141592653589", "6228482718281828459", "3200161803398874989")
}
PHONES = {number: number for number in ("13914159265", "13727182818", "15816180339")}
IDENTITIES = {number: number[3:14] for number in ("320682199003141592", "32068219850228271X")}
TEXTS = {text: text for text in ("闻人笃行欠费说明", "亓官楠的备注")}
CANARIES = {**NAMES, **ACCOUNTS, **PHONES, **IDENTITIES, **TEXTS}

KEKE, LIN, ZHUO, XI, LU = NAMES
CARD, OTHER_CARD, BOOK = ACCOUNTS
PHONE, OTHER_PHONE, THIRD_PHONE = PHONES
IDENTITY, OTHER_IDENTITY = IDENTITIES
TEXT, OTHER_TEXT = TEXTS
NEW_TOKENS = ("Kc7" * 10 + "Kc", "Vx4" * 10 + "Vx", "Zj9" * 10 + "Zj")
GUESS = "Hq2" * 10 + "Hq"


def needles(site: Installation) -> set[str]:
    """Everything to search for: the canaries, and the secrets that the sample was made with."""
    found = {*CANARIES.values(), GUESS, *NEW_TOKENS}
    for file in (site.directory / "secret").iterdir():
        found.add(file.read_text("ascii").strip())
    for code in (OTHER, CLEARING):
        algorithm = site.identity(code).algorithm
        found |= {encrypt_token(algorithm, token) for token in NEW_TOKENS}
    return found | {needle.lower() for needle in found}


def leaks(text: str, wanted: set[str]) -> list[str]:
    """The needles that stand in a text, in it as it is or as JSON or Python would escape it."""
    forms = {needle: {needle, json.dumps(needle)[1:-1], ascii(needle)[1:-1]} for needle in wanted}
    return [needle for needle, written in forms.items() if any(form in text for form in written)]


def test_the_search_finds_escaped_text_too() -> None:
    wanted = {*CANARIES.values(), GUESS}
    for needle in wanted:
        for text in (needle, json.dumps({"x": f"«{needle}»"}), repr(needle), ascii(needle)):
            assert leaks(f"line\n{text}\n", wanted) == [needle]
    assert not leaks("柯** ****3589 139****9265 320****1592 <8 characters>", wanted)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> Finished:
    """Run a command in this process: dozens of them would take long to start."""
    code = main(words)
    return Finished(code, *capsys.readouterr())


# -- the day -------------------------------------------------------------------------------


@asynccontextmanager
async def serving(town: County, out: Path) -> AsyncIterator[Line]:
    """`nontax serve`, its standard output and its log in files of their own."""
    with (out / "stdout").open("wb") as stdout, (out / "stderr").open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *nontax_command(),
            *town.installation.command("serve"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        async with asyncio.timeout(20):
            while not (line := (out / "stdout").read_text("ascii")).endswith("\n"):  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        address = parse_address(line.split()[1])
        for node in town.nodes:
            node.gateway = address
        yield Line(address)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def bill_for(town: County, payer: str, **changes: str) -> UnitBill:
    charges = [Charge("103043211", "不动产登记费", 8000)]
    bill = town.unit.make(payer, charges, mobile=PHONE)
    fields = {"PayerAcct": CARD, "PayerCreditCode": IDENTITY, "Memo": TEXT, **changes}
    return bill.model_copy(update=fields)


async def good_day(town: County) -> list[str]:
    """Bills, payments, a refund, notices, token changes: everything succeeds in the end."""
    bank, other, platform, unit = *town.banks, town.platform, town.unit
    unit.node.script.add(
        Rule(number="5996", nth=1, do=Behaviour(result="99999", information=f"{ZHUO}{CARD}"))
    )
    platform.node.script.add(
        Rule(number="5617", nth=1, do=Behaviour(result="99999", information=f"户名{XI}不符{BOOK}"))
    )
    made: list[str] = []
    for payer, collector in ((KEKE, bank), (LIN, other), (ZHUO, platform)):
        bill = bill_for(town, payer)
        assert (await unit.send(bill)).result == "00000"
        made.append(bill.PayCode)
        quote = await collector.query(bill.PayCode)
        assert quote.due is not None
        paying = Payer(LU, OTHER_CARD, "工商银行", "102306500018")
        assert (await collector.pay(quote.due, paying)).result == "00000"
        assert (await unit.query(bill.PayCode)).mac_ok
    due = (await platform.query(made[0])).due
    assert due is not None
    await second_payment(town, due)
    unwanted = bill_for(town, XI)
    assert (await unit.send(unwanted)).result == "00000"
    assert (await unit.void(unwanted)).result == "00000"
    assert await bank.notice(TEXT, f"{KEKE} {PHONE} {IDENTITY}", urgent=True) == "00000"
    await bank.school_bills(identity_number=OTHER_IDENTITY)
    await bank.school_bills(mobile=THIRD_PHONE, number="2697")
    for node, token in ((bank, NEW_TOKENS[0]), (other, NEW_TOKENS[1])):
        assert await node.change_token(Secret(token)) == "00000"
        assert await node.link_test() == "00000"
    return made


async def second_payment(town: County, due: DueBill) -> None:
    """A second payment whose payer is gone: booked, and its refund ordered by 5617."""
    payer = Payer(XI, BOOK, "农业银行", "103306500018")
    entry = await town.platform.pay(due, payer, pay_mode="5")
    assert entry.result == "00000"
    await town.platform.node.wait_for("5617", 1)
    changed = await town.platform.repeat(entry, Amt=entry.amt + 1, PayerName=LIN)
    assert changed.result == "10005"


def wrong_messages(pay_code: str, *, misplaced: bool) -> list[tuple[str, str]]:
    """Vouchers whose very faults are the personal data; misplaced: also in fields of other data."""
    good = {
        "PayCode": pay_code, "CfmDate": "20260302", "CfmTime": "093000", "Amt": "80.00",
        "BankOutlet": "320682001", "Operator": "柜员01", "PayMode": "11", "TraNoBus": "X1",
        "PayerName": KEKE, "PayerAcct": CARD, "PayerOpBk": "", "PayerOpBkNo": "",
        "RecAcctType": "1", "RecAcct": "32001000000000000018", "Hold1": "", "Hold2": "",
    }  # fmt: skip
    changes = [
        {"PayerName": KEKE * 20},
        {"PayerAcct": CARD * 3},
        {"PayerAcct": KEKE},
        {"Operator": LIN * 5},
    ]
    other = [
        ("2698", {"PayerCreditCode": OTHER_IDENTITY * 2, "MobilePhone": ""}),
        ("2698", {"PayerCreditCode": KEKE, "MobilePhone": THIRD_PHONE}),
        ("2698", {"PayerCreditCode": "", "MobilePhone": THIRD_PHONE * 2}),
        ("2000", {"Subject": TEXT * 10, "Content": KEKE, "Urgency": "0"}),
        ("2003", {"Token": NEW_TOKENS[2] + "!"}),
        ("2003", {"Token": NEW_TOKENS[2][:-1] + "密"}),
    ]
    if misplaced:
        changes += [
            {"PayerOpBkNo": OTHER_CARD},
            {"Hold1": TEXT * 10},
            {"Amt": PHONE + "x"},
            {"CfmDate": PHONE},
            {"PayMode": IDENTITY},
            {"TraNoBus": f"{IDENTITY}{IDENTITY}{IDENTITY}"},
        ]
        other += [
            ("2000", {"Subject": TEXT, "Content": KEKE, "Urgency": PHONE}),
            ("2601", {"PayCode": CARD + PHONE, "PayMode": "11"}),
            ("2601", {"PayCode": pay_code, "PayMode": PHONE, "Hold1": IDENTITY}),
        ]
    vouchers = [("2612", {**good, **change}) for change in changes] + other
    texts = [
        (number, "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items()))
        for number, fields in vouchers
    ]
    texts += [
        ("2612", f"<PayerName>{KEKE}"),
        ("2612", f"<PayerName>{KEKE}&{CARD};</PayerName>"),
        ("2612", f"<{KEKE}>{CARD}</{LIN}>"),
        ("2612", f"<PayerName a={CARD}>{KEKE}</PayerName>"),
        ("2612", f"<PayerName>{KEKE}</PayerName><PayerName>{LIN}</PayerName>"),
        ("2612", f"<PayerName><{KEKE}>{PHONE}</{KEKE}></PayerName>"),
        ("2612", f"{KEKE}<PayCode>{pay_code}</PayCode>{CARD}"),
        ("2002", f"<TestTime>20260302120000</TestTime><{KEKE}>{CARD}</{KEKE}>"),
    ]
    return [(number, f"<Voucher>{text}</Voucher>") for number, text in texts]


async def bad_day(town: County, line: Line, pay_code: str) -> None:
    """Everything that is refused: by the envelope, by the MAC, by the fields."""
    who = town.banks[0].node.identity
    stranger = replace(who, token=Secret(GUESS))
    for number, voucher in wrong_messages(pay_code, misplaced=True):
        for sender in (who, stranger):
            await line.ask(frame(sender, voucher, number))
        cut = frame(who, voucher, number)[23:-164] + b"</CFX>"
        await line.ask(signed(who, cut, number))
        await line.ask(voucher.encode("gbk"))
    notice: Voucher = GreenChannel(Subject=TEXT, Content=f"{KEKE}{CARD}", Urgency="0")
    for sender in (who, stranger):
        for field in ("APP", "Reserve", "WorkDate", "MsgNo", "DES"):
            for value in (KEKE, CARD, PHONE, GUESS):
                document = plain_document({**head_fields(sender, "2000"), field: value}, "")
                text = document.decode().partition("</HEAD>")
                body = (text[0] + "</HEAD>" + one_voucher(notice) + "</CFX>").encode("gbk")
                await line.send(signed(sender, body, "2000"))
        good = request(sender, notice)
        await line.send(good.replace(b"<MSG>", f"<MSG>{KEKE}{CARD}".encode("gbk")))
        for prolog in (f"<!-- {KEKE} {CARD} -->", f'<!DOCTYPE x "{CARD}">', f"<?x {PHONE}?>"):
            body = good[23:-64].replace(b"<CFX>", prolog.encode("gbk") + b"<CFX>")
            await line.send(signed(sender, body, "2000"))
        await line.ask(request(sender, SchoolBillQuery(MobilePhone=THIRD_PHONE)))
        await line.send(change_token(sender, NEW_TOKENS[2] * 2))
        await line.send(change_token(sender, f"{NEW_TOKENS[2]} {KEKE}"))
    encrypted = town.banks[1].node.identity
    await line.send(change_token(encrypted, NEW_TOKENS[2]))
    wrong_key = town.installation.identity(CLEARING)
    await line.send(change_token(encrypted, encrypt_token(wrong_key.algorithm, NEW_TOKENS[2])))
    await line.send(change_token(wrong_key, encrypt_token(wrong_key.algorithm, NEW_TOKENS[2])))


async def test_nothing_personal_and_no_secret_leaves_the_service(
    town: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = town.installation
    site.configure({"listen": {"auth_failures_per_minute": 1000}, "log": {"level": "debug"}})
    wanted = needles(site)
    async with serving(town, tmp_path) as line:
        made = await good_day(town)
        await bad_day(town, line, made[0])
        await town.unit.node.wait_for("5996", 4)
        await town.platform.node.wait_for("5617", 2)
        await town.platform.executor.all_told()
    stdout = (tmp_path / "stdout").read_text("utf-8")
    log = (tmp_path / "stderr").read_text("utf-8")
    assert stdout.splitlines() == [stdout.rstrip("\n")]
    seen = {line["event"] for line in events(log)}
    assert seen >= {"exchange", "not_authenticated", "unreadable", "outbox_retry"}
    assert "internal_error" not in seen
    results = {line["result"] for line in events(log, "exchange")}
    assert results >= {"00000", "10002", "10005"}
    assert not leaks(stdout, wanted)
    assert not leaks(log, wanted)

    async def printed(*words: str) -> str:
        done = await asyncio.to_thread(command, capsys, *site.command(*words))
        assert (done.code, done.stderr) == (0, "")
        return done.stdout

    journal = await printed("journal", "export")
    assert "payment" in journal
    listed = await printed("message", "list", "--json", "--limit", "500")
    messages = {message["number"]: message["id"] for message in json.loads(listed)["messages"]}
    assert messages.keys() >= {"8994", "2612", "2000", "2003", "5996", "5617", "2617"}
    shown = [
        await printed("message", "show", str(message), *json_)
        for message in messages.values()
        for json_ in ([], ["--json"])
    ]
    assert not leaks("".join([journal, listed, *shown]), wanted)


# -- commands ------------------------------------------------------------------------------

BILL = {
    "AdmDivCode": "320682", "BillDate": "20260302", "ChgAgenCode": "0104901", "PayerName": KEKE,
    "OriAmt": "80.00", "DelayAmt": "0.00", "MobilePhone": PHONE, "PayerAcct": CARD, "Memo": TEXT,
    "Items": [{"ItemCode": "103043211", "ItemName": "不动产登记费", "Amt": "80.00",
               "Unit": "次", "Quantity": "1"}],
}  # fmt: skip
WRONG_BILLS: tuple[dict[str, object], ...] = (
    {"PayerName": KEKE * 40},
    {"PayerName": f"{KEKE}\U0002a6b2"},
    {"PayerName": [KEKE, CARD]},
    {"PayerName": ""},
    {"MobilePhone": PHONE * 3},
    {"MobilePhone": int(PHONE)},
    {"MobilePhone": KEKE},
    {"PayerAcct": CARD * 4},
    {"PayerAcct": KEKE},
    {"PayerCreditCode": IDENTITY * 3},
    {"RecAcct": OTHER_CARD},
    {"VirtualAcct": OTHER_CARD},
    {"Memo": TEXT * 40},
    {"Hold1": f"{KEKE}{CARD}" * 9},
    {"Education": {"Student": LIN * 40, "IdNumber": IDENTITY, "School": "一中", "Class": "1"}},
    {"Education": {"Student": LIN, "IdNumber": IDENTITY * 4, "School": "一中", "Class": "1"}},
    {"Items": KEKE},
    {KEKE: CARD},
)


@pytest.fixture
def plain_site(sample_template: Path, tmp_path: Path) -> Installation:
    """A copy of the sample, for commands alone."""
    return Installation.copied(sample_template, tmp_path / "site")


def test_what_commands_say_when_they_refuse_names_nobody(
    plain_site: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors of imports and of secrets given wrongly; as text and as JSON."""
    wanted = needles(plain_site)
    commands: list[tuple[str, ...]] = []

    def with_file(name: str, data: bytes, *words: str) -> None:
        file = tmp_path / name
        file.write_bytes(data)
        commands.append((*words, str(file)))

    lines = [json.dumps({**BILL, **wrong}, ensure_ascii=False) for wrong in WRONG_BILLS]
    for number, line in enumerate(lines):
        with_file(f"{number}.jsonl", line.encode(), "bill", "import")
    with_file("all.jsonl", "\n".join(lines).encode(), "bill", "import")
    with_file("cut.jsonl", lines[0][:-3].encode(), "bill", "import")
    with_file("utf16.jsonl", lines[0].encode("utf-16"), "bill", "import")
    header = "AdmDivCode,BillDate,ChgAgenCode,PayerName,MobilePhone,PayerAcct,ItemCode,ItemAmt\n"
    row = f"320682,20260302,0104901,{KEKE * 40},{PHONE}x,{CARD * 4},103043211,80.00\n"
    with_file("wrong.csv", (header + row).encode("gbk"), "bill", "import")
    with_file("more.csv", (f"{KEKE},{CARD}\n{row}").encode(), "bill", "import")
    commands.append(
        ("bill", "add", "--unit", "0104901", "--item", "103043211=80.00", "--payer", KEKE * 40,
         "--payer-account", CARD * 4, "--phone", PHONE * 3, "--payer-credit-code", IDENTITY * 3)
    )  # fmt: skip
    for name, text in (("short", NEW_TOKENS[0][:-1]), ("wide", GUESS + KEKE), ("none", "")):
        with_file(f"{name}.token", text.encode(), "peer", "set-token", BANK, "--token-file")
    for words in commands:
        for json_ in ([], ["--json"]):
            done = command(capsys, *plain_site.command(*words, *json_, operator="maker1"))
            assert (words, done.code) == (words, 2)
            assert done.stderr
            assert not leaks(done.stdout + done.stderr, wanted), words


def test_a_secret_that_is_given_wrongly_is_not_repeated(
    plain_site: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the command line, in the configuration, in its files: told where, not what."""
    wanted = needles(plain_site)
    short = GUESS[:-1]
    wanted |= {short, short.lower()}
    file = tmp_path / "token"
    file.write_text(GUESS + "!", "ascii")
    to = ("--to", "127.0.0.1:9", "--src", BANK, "--des", "F320682", "--mac")
    key = "0123456789abcdef" * 2
    sends = [
        ("send", *to, "sha256-token", "--token", GUESS, "2002"),
        ("send", *to, "sha256-token", "--token", f"file:{file}", "2002"),
        ("send", *to, "sha256-token", "--token", short, "2002"),
        ("send", *to, "3des-digest", "--width", "128", "--token", GUESS, "2002"),
        ("send", *to, "3des-token", "--token", f"file:{file}", "--des-key", key, "2002"),
        ("send", *to, "sha256-token", "--token", GUESS, "2003", f"Token={NEW_TOKENS[0]}"),
    ]
    wanted.add(key)
    for words in sends:
        done = command(capsys, *words)
        assert (done.code, done.stdout) == (2, "")
        assert not leaks(done.stderr, wanted), words
    text = plain_site.config_file.read_text("utf-8")
    secret = plain_site.directory / "secret"
    for name, value in (
        ("master.key", GUESS), (f"{BANK}.token", short), (f"{OTHER}.des", key),
        (f"{CLEARING}.des", GUESS),
    ):  # fmt: skip
        (secret / name).write_text(value, "ascii")
    for change in ("", f'"file:secret/{BANK}.token"', f'"file:secret/{OTHER}.des"'):
        plain_site.config_file.write_text(text.replace(change, f'"{GUESS}"'), "utf-8")
        for words in (("check",), ("check", "--json"), ("serve",), ("peer", "list")):
            done = command(capsys, *words, "-c", str(plain_site.config_file))
            assert done.code in (1, 2)
            assert not leaks(done.stdout + done.stderr, wanted), (change, words)


def test_captured_frames_are_described_without_naming_anybody(
    plain_site: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who = plain_site.identity(BANK)
    wanted = needles(plain_site)
    frames = [
        frame(who, voucher, number)
        for number, voucher in wrong_messages("32068226000000000019", misplaced=False)
    ]
    frames += [data[:-40] for data in frames[:6]]
    frames.append(change_token(who, NEW_TOKENS[0]))
    for number, data in enumerate(frames):
        file = tmp_path / f"{number}.frame"
        file.write_bytes(data)
        for json_ in ([], ["--json"]):
            done = command(capsys, "describe", str(file), *json_)
            assert done.code in (0, 1)
            assert done.stdout
            assert not leaks(done.stdout + done.stderr, wanted), number
