"""What real peers write otherwise (wire, sections 2 and 4), answered by a real gateway."""

from __future__ import annotations

import asyncio
import base64
import itertools
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from nontax.codecs import encode_frame
from nontax.gateway import exchange
from nontax.gateway.access import Access
from nontax.gateway.clock import ManualClock
from nontax.gateway.net.server import Origin
from nontax.gateway.store import Transaction, archive
from nontax.messages import Voucher
from nontax.messages.common import GreenChannel, LinkTest
from nontax.messages.query import BillQuery
from nontax.messages.unit import UnitBill
from nontax.simulators.bank import Bank
from nontax.simulators.identity import Identity
from nontax.simulators.peer import Node
from nontax.simulators.process import GatewayProcess, Installation
from nontax.simulators.unit import Charge, UnitSystem

from .conftest import (
    BANK,
    OTHER,
    START_MS,
    UNIT,
    Answer,
    Inside,
    frame,
    head_fields,
    one_voucher,
    opened,
    plain_document,
    request,
    signed,
)

LINK = LinkTest(TestTime="20260302120000")
RARE = "\U0002a6b2"  # a Han character outside of the BMP: GB18030 has it, GBK has not
TAGS = ("APP", "VER", "SRC", "DES", "MsgNo", "MsgID", "MsgRef", "WorkDate", "Reserve")


def assert_fine(answer: Answer, who: Identity) -> None:
    assert (answer.result, answer.under(who, who.token)) == ("00000", True), answer.information


def warnings(inside: Inside) -> list[str]:
    """What the log says of the exchanges beside their results."""
    return [
        str(note)
        for line in inside.events("exchange")
        for note in (*line.get("notes", ()), *line.get("warnings", ()))
    ]


# -- HEAD ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    [
        TAGS,
        TAGS[::-1],
        ("VER", "SRC", "DES", "APP", "MsgNo", "MsgID", "MsgRef", "WorkDate", "Reserve"),
        ("Reserve", "WorkDate", "MsgRef", "SRC", "MsgID", "MsgNo", "VER", "DES", "APP"),
        TAGS[:-1],
    ],
)
async def test_the_children_of_head_come_in_any_order(
    inside: Inside, order: tuple[str, ...]
) -> None:
    who = inside.identity()
    fields = head_fields(who)
    body = plain_document({tag: fields[tag] for tag in order}, one_voucher())
    answer = await inside.line.ask(signed(who, body))
    assert_fine(answer, who)
    assert answer.head.msg_ref == fields["MsgRef"]


async def test_our_head_is_written_in_the_order_of_the_specification(inside: Inside) -> None:
    body = (await inside.line.ask(request(inside.identity()))).body
    places = [body.index(f"<{tag}".encode()) for tag in TAGS]
    assert places == sorted(places)
    assert b"> <" not in body
    assert b"\n" not in body
    assert b'AdmDivCode="320682" StYear="2026" VtCode="5001" VoucherNo="' in body


@pytest.mark.parametrize("length", [20, 21, 23, 32])
async def test_long_ids_are_accepted_with_a_warning_and_echoed(inside: Inside, length: int) -> None:
    """The documents' own sample has 23 characters where its table says 20."""
    who = inside.identity()
    for tag in ("MsgID", "MsgRef"):
        fields = {**head_fields(who), tag: "1" * length}
        answer = await inside.line.ask(signed(who, plain_document(fields, one_voucher())))
        assert_fine(answer, who)
        assert answer.head.msg_ref == fields["MsgRef"]
        assert len(answer.head.msg_id) <= 20
    said = warnings(inside)
    assert len(said) == (2 if length > 20 else 0)
    for tag, text in zip(("MsgID", "MsgRef"), said, strict=False):
        assert tag in text
        assert str(length) in text


async def test_ids_that_repeat_identify_nothing(inside: Inside) -> None:
    """Observed: the time in whole seconds. Two messages with one MsgID are two messages."""
    who = inside.identity()
    for number in range(3):
        notice = GreenChannel(Subject=f"题{number}", Content="文", Urgency="0")
        assert_fine(await inside.line.ask(request(who, notice, msg_id="1", msg_ref="1")), who)
    kept = await inside.gateway.store.scan(lambda tx: archive.page(tx, number="2000"))
    assert len(kept) == 3


# -- the number in the frame ---------------------------------------------------------------


async def test_a_number_that_differs_is_refused_unless_the_peer_is_trusted_with_it(
    site: Installation,
) -> None:
    """Observed: a bank's test tool writes 2001 into every header."""
    site.configure(peers={BANK: {"trust_head_number": True}})
    async with opened(site, ManualClock(START_MS)) as inside:
        trusted, strict = inside.identity(BANK), inside.identity(OTHER)
        for who in (trusted, strict):
            data = request(who)
            answer = await inside.line.ask(data[:19] + b"2001" + data[23:])
            assert answer.under(who, who.token)
            assert answer.about == "2002"
            if who is trusted:
                assert answer.result == "00000"
            else:
                assert answer.result == "10002"
                assert "MsgNo" in answer.information
        data = frame(trusted, LINK.write(), "2699")
        answer = await inside.line.ask(data[:19] + b"2002" + data[23:])
        assert (answer.result, answer.about) == ("10002", "2699")


# -- the document --------------------------------------------------------------------------


def _prolog(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>'


@pytest.mark.parametrize(
    ("prolog", "codec"),
    [
        (_prolog("GBK"), "gbk"),
        (_prolog("gbk"), "gbk"),
        (_prolog("GB2312"), "gbk"),
        (_prolog("GB18030"), "gb18030"),
        (_prolog("UTF-8"), "utf-8"),
        (_prolog("utf-8"), "utf-8"),
        ("<?xml version='1.0' encoding='UTF-8' standalone='yes'?>", "utf-8"),
        ('<?xml version="1.0"?>', "gbk"),
        ("", "gbk"),
        ("\ufeff" + _prolog("UTF-8"), "utf-8"),
        ("\ufeff", "utf-8"),
    ],
)
async def test_the_declared_encoding_of_the_document_is_honoured(
    inside: Inside, prolog: str, codec: str
) -> None:
    """With Chinese text in it; the voucher inside is GBK all the same."""
    who = inside.identity()
    notice = GreenChannel(Subject="对账", Content="请核对昨日明细", Urgency="0")
    fields = {**head_fields(who, "2000"), "Reserve": "预留字段"}
    text = plain_document(fields, one_voucher(notice)).decode().partition("?>")[2]
    answer = await inside.line.ask(signed(who, (prolog + text).encode(codec), "2000"))
    assert_fine(answer, who)
    [kept] = await inside.gateway.store.scan(lambda tx: archive.page(tx, number="2000"))
    assert kept.voucher == notice.write()


@pytest.mark.parametrize(
    ("prolog", "codec", "text"),
    [
        (_prolog("UTF-8"), "gbk", "预留"),
        (_prolog("GBK"), "utf-8", "预"),
        (_prolog("UTF-16"), "ascii", ""),
        (_prolog("ISO-8859-1"), "latin-1", "\xfc"),
    ],
)
async def test_text_in_another_encoding_than_declared_is_unreadable(
    inside: Inside, prolog: str, codec: str, text: str
) -> None:
    who = inside.identity()
    fields = {**head_fields(who), "Reserve": text}
    document = plain_document(fields, one_voucher()).decode().partition("?>")[2]
    answer = await inside.line.ask(signed(who, (prolog + document).encode(codec)))
    assert (answer.result, answer.head.des, answer.blank) == ("10002", "UNKNOWN", True)


@pytest.mark.parametrize("codec", ["gbk", "utf-8", "gb18030"])
async def test_a_voucher_may_declare_its_own_encoding(inside: Inside, codec: str) -> None:
    who = inside.identity()
    notice = GreenChannel(Subject="对账通知", Content="文", Urgency="0")
    voucher = (_prolog(codec.upper()) + notice.write()).encode(codec)
    text = base64.b64encode(voucher).decode()
    inner = one_voucher().partition("<Voucher>")
    document = f"{inner[0]}<Voucher>{text}{inner[2][inner[2].index('</Voucher>') :]}"
    body = plain_document(head_fields(who, "2000"), document)
    assert_fine(await inside.line.ask(signed(who, body, "2000")), who)
    finished = await inside.installation.must("message", "show", "1", "--json")
    # Masked, but with as many characters as were sent: nothing was read in another encoding.
    assert finished.json()["voucher"]["Subject"] == "<4 characters>"


async def test_the_four_attributes_may_be_missing_empty_or_wrong(inside: Inside) -> None:
    """Accepted; what differs is a warning. Ours always have them."""
    who = inside.identity()
    message = one_voucher()
    cases: dict[str, int] = {
        "": 0,
        ' AdmDivCode="320682" StYear="2026" VtCode="2002" VoucherNo="1"': 0,
        " VtCode='2002'": 0,
        ' VtCode="2612"': 1,
        ' AdmDivCode="" StYear=""': 1,
        ' AdmDivCode="江苏" StYear="26" VtCode="x" VoucherNo="&lt;"': 3,
        ' Another="1"': 0,
    }
    for attributes, count in cases.items():
        before = len(warnings(inside))
        changed = message.replace("<VoucherBody>", f"<VoucherBody{attributes}>")
        body = plain_document(head_fields(who), changed).decode().encode("gbk")
        assert_fine(await inside.line.ask(signed(who, body)), who)
        assert (attributes, len(warnings(inside)) - before) == (attributes, count)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("><", ">\r\n  <"),
        lambda text: text.replace("<MsgNo>", "<MsgNo>\n\t ").replace("</DES>", "  </DES>"),
        lambda text: text.replace("<Reserve></Reserve>", "<Reserve/>"),
        lambda text: text.replace("<Reserve></Reserve>", ""),
        lambda text: text.replace("<MsgNo>2002<", "<MsgNo><![CDATA[2002]]><"),
        lambda text: text.replace("<MsgNo>2002<", "<MsgNo>&#50;002<"),
        lambda text: text.replace("</HEAD>", "<More>x</More></HEAD><Extra><a/></Extra>"),
        lambda text: text.replace("<CFX>", '<CFX xmlns:x="urn:x" x:y="z">'),
    ],
)
async def test_other_spellings_of_the_same_document(
    inside: Inside, change: Callable[[str], str]
) -> None:
    who = inside.identity()
    text = change(plain_document(head_fields(who), one_voucher()).decode())
    assert_fine(await inside.line.ask(signed(who, text.encode())), who)


async def test_unknown_elements_are_ignored_and_counted(inside: Inside) -> None:
    who = inside.identity()
    voucher = LINK.write().replace("<TestTime>", "<Neu>x</Neu><Neu><a>1</a></Neu><TestTime>")
    text = base64.b64encode(voucher.encode()).decode()
    message = one_voucher().partition("<Voucher>")[0] + f"<Voucher>{text}</Voucher><Other/>"
    body = plain_document(
        {**head_fields(who), "More": "x"}, message + "</VoucherBody></MOF></MSG><Extra/>"
    )
    assert_fine(await inside.line.ask(signed(who, body)), who)
    assert inside.gateway.metrics.value("unknown_elements", "2002") == 5
    assert_fine(await inside.line.ask(request(who)), who)
    assert inside.gateway.metrics.value("unknown_elements", "2002") == 5


@pytest.mark.parametrize("justify", ["left", "right", "zeros"])
async def test_the_length_is_read_in_three_forms_and_written_in_one(
    inside: Inside, justify: str
) -> None:
    who = inside.identity()
    data = request(who)
    digits = data[:8].rstrip(b" ")
    field = {"left": digits.ljust(8), "right": digits.rjust(8), "zeros": digits.zfill(8)}[justify]
    answer = await inside.line.ask(field + data[8:])
    assert_fine(answer, who)
    assert answer.raw[:8] == str(len(answer.raw)).encode().ljust(8)


# -- charsets ------------------------------------------------------------------------------


@pytest.fixture
async def wide(site: Installation) -> AsyncIterator[Inside]:
    """D3206820105 and the unit write GB18030, D3206820301 writes GBK."""
    site.configure(peers={BANK: {"charset": "GB18030"}, UNIT: {"charset": "GB18030"}})
    async with opened(site, ManualClock(START_MS)) as inside:
        yield inside


def unit_bill(inside: Inside, payer: str) -> UnitBill:
    node = Node(inside.identity(UNIT))
    node.identity.clock = inside.clock.civil
    system = UnitSystem(node, "0104901", "示例市自然资源局")
    return system.make(payer, [Charge("103043211", "不动产登记费", 8000)], notify=False)


async def test_a_wide_peer_sends_text_outside_gbk(wide: Inside) -> None:
    who = wide.identity(BANK)
    assert who.charset == "GB18030"
    notice = GreenChannel(Subject=f"查询{RARE}", Content="文", Urgency="0")
    assert_fine(await wide.line.ask(request(who, notice)), who)
    [kept] = await wide.gateway.store.scan(lambda tx: archive.page(tx, number="2000"))
    assert kept.voucher == notice.write()
    assert RARE in kept.voucher


async def test_the_same_bytes_from_a_gbk_peer_are_refused(wide: Inside) -> None:
    who = wide.identity(OTHER)
    assert who.charset == "GBK"
    notice = GreenChannel(Subject=f"查询{RARE}", Content="文", Urgency="0")
    answer = await wide.line.ask(request(replace(who, charset="GB18030"), notice))
    assert (answer.result, answer.under(who, who.token)) == ("10002", True)
    assert not await wide.gateway.store.scan(lambda tx: archive.page(tx, number="2000"))


async def test_a_bill_with_text_outside_gbk_is_refused_at_the_door(wide: Inside) -> None:
    """Others, who write GBK, would ask for it; the field is named, the payer is not."""
    who = wide.identity(UNIT)
    answer = await wide.line.ask(request(who, unit_bill(wide, f"王{RARE}明")))
    assert (answer.result, answer.under(who, who.token)) == ("10002", True)
    assert "PayerName" in answer.field("Information", "GB18030")
    assert "王" not in answer.field("Information", "GB18030")


async def test_what_a_peer_s_charset_cannot_carry_is_said_clearly(wide: Inside) -> None:
    """However it came into the books: never a `?`, and each peer has what its charset can carry."""
    bill = unit_bill(wide, "王某明")
    unit = wide.identity(UNIT)
    assert_fine(await wide.line.ask(request(unit, bill)), unit)

    async def convert(tx: Transaction) -> None:
        """As a site's own conversion of older books could have done it."""
        sql = "UPDATE bills SET payer_name = ?1 WHERE pay_code = ?2"
        await tx.run(sql, f"王{RARE}明", bill.PayCode)

    await wide.gateway.store.transact(convert)
    query: Voucher = BillQuery(PayCode=bill.PayCode, PayMode="11")
    able, unable = wide.identity(BANK), wide.identity(OTHER)
    answer = await wide.line.ask(request(able, query))
    assert (answer.number, answer.under(able, able.token)) == ("5603", True)
    assert answer.field("PayerName", "GB18030") == f"王{RARE}明"
    assert b'encoding="GB18030"' in answer.body
    refused = await wide.line.ask(request(unable, query))
    assert (refused.number, refused.result) == ("5001", "99999")
    assert refused.under(unable, unable.token)
    assert "字符集" in refused.information
    [said] = wide.events("unwritable_answer")
    assert said["peer"] == OTHER
    assert "PayerName" in str(said["reason"])
    assert "王" not in str(said["reason"])


# -- large documents -----------------------------------------------------------------------


def large_bill(who: Identity, elements: int) -> bytes:
    """An 8994 whose voucher has so many elements that nobody knows; it cannot be accepted."""
    return frame(who, "<Voucher>" + "<Unknown>x</Unknown>" * elements + "</Voucher>", "8994")


def large_envelope(who: Identity) -> bytes:
    """A document of 12 MB with nearly as many elements as an envelope may have."""
    extra = f"<Extra>{'x' * 800}</Extra>" * 15_000
    body = plain_document(head_fields(who), extra + one_voucher())
    return signed(who, body)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """What has been done for frames, and whether the loop's own thread did it; only observed."""
    done: dict[str, bool] = {}

    def observed(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: object) -> object:
            done[name] = threading.current_thread() is threading.main_thread()
            return original(*arguments)

        return step

    verify = observed("MAC", Access._verify)
    monkeypatch.setattr(Access, "_verify", staticmethod(verify))
    for name, function in (("envelope", "open_envelope"), ("voucher", "_read_voucher")):
        monkeypatch.setattr(exchange, function, observed(name, getattr(exchange, function)))
    return done


@pytest.mark.parametrize("case", ["voucher", "envelope", "guessed"])
async def test_others_are_served_while_a_large_document_is_read(
    inside: Inside, case: str, steps: dict[str, bool]
) -> None:
    """Exchanges over sockets begin and end on the loop that is answering the large one."""
    unit, bank = inside.identity(UNIT), inside.identity(BANK)
    data = {
        "voucher": lambda: large_bill(unit, 300_000),
        "envelope": lambda: large_envelope(unit),
        "guessed": lambda: large_envelope(replace(unit, token=bank.token)),
    }[case]()
    # Whole already, so that nothing but reading and answering it is under way.
    answer = await inside.judge(data, Origin("127.0.0.1"))
    if case == "guessed":
        assert (answer.result, answer.blank) == ("10004", True)
        assert steps == {"MAC": False, "envelope": False}
    else:
        assert answer.under(unit, unit.token)
        assert steps == {"MAC": False, "envelope": False, "voucher": case == "envelope"}
    served = 0
    answering = asyncio.create_task(inside.judge(data, Origin("127.0.0.1")))
    while not answering.done():
        assert await inside.line.link_test(bank) == "00000"
        served += 1
    await answering
    assert served > 1
    assert await inside.line.link_test(bank) == "00000"
    assert steps == {"MAC": True, "envelope": True, "voucher": True}  # small ones need no thread


async def test_a_large_document_is_answered_like_a_small_one(inside: Inside) -> None:
    """On either side of the limit above which a thread reads it."""
    who = inside.identity()
    limit = inside.installation.config().listen.thread_parse_bytes
    assert limit == 65536
    empty = len(plain_document(head_fields(who), one_voucher()))
    for extra in (limit - empty - 100, limit - empty, limit - empty + 1, 3 * limit):
        body = plain_document(head_fields(who), one_voucher() + "\n" * extra)
        assert_fine(await inside.line.ask(signed(who, body)), who)
        wrong = plain_document({**head_fields(who), "DES": "F320699"}, one_voucher() + " " * extra)
        assert (await inside.line.ask(signed(who, wrong))).result == "10007"


async def test_large_documents_of_several_peers_do_not_mix(inside: Inside) -> None:
    """Each in its thread; every answer is the sender's own."""
    nodes = [inside.identity(code) for code in (BANK, OTHER, UNIT)]
    filling = "<Unknown>x</Unknown>" * 5000

    def data(who: Identity) -> bytes:
        return frame(who, LINK.write().replace("<TestTime>", filling + "<TestTime>"), "2002")

    cases = list(itertools.islice(itertools.cycle(nodes), 30))
    answers = await asyncio.gather(*(inside.line.ask(data(who)) for who in cases))
    for who, answer in zip(cases, answers, strict=True):
        assert_fine(answer, who)
        assert answer.head.des == who.code


# -- the simulated software of the others --------------------------------------------------


async def test_a_bank_whose_software_has_every_observed_habit(site: Installation) -> None:
    """Lower-case MAC, whole seconds, APP first, no attributes, UTF-8 declared, CRLF behind."""
    async with GatewayProcess(site) as gateway:
        identity = site.identity(BANK)
        identity.habits = replace(
            site.identity(UNIT).habits, declared="UTF-8", trailing=b"\r\n", lower_case_mac=True
        )
        bank = Bank(Node(identity, gateway=gateway.address))
        assert await bank.link_test() == "00000"
        assert (await bank.query("32068226000000000019")).result == "11001"
        assert await bank.notice("题", "文") == "00000"


def test_encode_frame_is_what_the_test_peers_use() -> None:
    """The frames above are built by the codec under test; its header is pinned here by hand."""
    assert encode_frame("2002", b"<CFX></CFX>", "AB", width=64) == (
        b"98      CNNONTAX1.02002<CFX></CFX>AB" + b" " * 62
    )
