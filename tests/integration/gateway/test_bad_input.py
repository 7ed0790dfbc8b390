"""What the gateway must refuse, sent over real sockets to `nontax serve` (wire, sections 1 to 7).

Every case gets the answer that the specification names, or a clean end of the connection, and
leaves nothing in the books.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from nontax.codecs import (
    FrameDecoder,
    Head,
    RawFrame,
    encode_frame,
    open_envelope,
    parse_xml,
)
from nontax.mac import verify
from nontax.messages import Result
from nontax.messages.common import FinanceAnswer
from nontax.simulators.books import count_rows
from nontax.simulators.identity import Identity, make_identity
from nontax.simulators.process import GatewayProcess, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

BANK, OTHER, PLATFORM, CLEARING = "D3206820105", "D3206820301", "G000001", "Q3200000105"
QUERY = "<Voucher><PayCode>32068226000000000019</PayCode><PayMode>11</PayMode></Voucher>"
CONFIRMATION = {
    "PayCode": "32068226000000000019", "CfmDate": "20260302", "CfmTime": "093000",
    "Amt": "80.00", "BankOutlet": "320682001", "Operator": "柜员01", "PayMode": "11",
    "TraNoBus": "T0000000001", "PayerName": "张三", "PayerAcct": "", "PayerOpBk": "",
    "PayerOpBkNo": "", "RecAcctType": "1", "RecAcct": "32001000000000000018",
    "Hold1": "", "Hold2": "",
}  # fmt: skip


# -- the other side ------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A general answer as it came: header number, HEAD, voucher, MAC field."""

    number: str
    head: Head
    voucher: FinanceAnswer
    body: bytes
    mac: bytes

    @property
    def blank(self) -> bool:
        return not self.mac.strip(b" ")


def read_answers(data: bytes) -> list[Answer]:
    """All frames of a stream, each a well-formed 5001; nothing may stand between or behind them."""
    decoder = FrameDecoder()
    decoder.receive_data(data)
    decoder.receive_eof()
    answers = []
    while isinstance(frame := decoder.next_event(), RawFrame):
        # Not by the width of the MAC field: a blank one of 128 could be one of 64 as well.
        end = frame.payload.rindex(b"</CFX>") + len(b"</CFX>")
        body, mac = frame.payload[:end], frame.payload[end:]
        envelope = open_envelope(body)
        voucher = FinanceAnswer.read(parse_xml(envelope.vouchers[0].decode()))
        assert envelope.head.msg_no == frame.number == "5001"
        assert envelope.head.src == "F320682"
        answers.append(Answer(frame.number, envelope.head, voucher, body, mac))
    assert sum(23 + len(a.body) + len(a.mac) for a in answers) == len(data)
    return answers


@dataclass
class Line:
    """The gateway under test, and how to talk to it badly."""

    gateway: GatewayProcess
    installation: Installation

    def identity(self, code: str = BANK) -> Identity:
        return self.installation.identity(code)

    async def send(self, data: bytes, *, eof: bool = False) -> bytes:
        """Send bytes on a connection of their own and read to the end of the stream."""
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection(*self.gateway.address)
            try:
                writer.write(data)
                if eof:
                    writer.write_eof()
                return await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()

    async def one(self, data: bytes, *, eof: bool = False) -> Answer:
        [answer] = read_answers(await self.send(data, eof=eof))
        return answer

    async def counts(self) -> dict[str, int]:
        url = self.installation.config().store.url
        return await count_rows(url, self.installation.directory)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    sample_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """One gateway for all cases: a disabled peer, one from elsewhere, short time-outs."""
    directory = tmp_path_factory.mktemp("bad-input") / "gateway"
    installation = Installation.copied(sample_template, directory)
    installation.configure(
        {
            "listen": {
                "port": 0,
                "first_frame_timeout_seconds": 1,
                "max_frame_bytes": 2_000_000,
                "auth_failures_per_minute": 1000,
            }
        },
        {
            CLEARING: {"enabled": False},
            PLATFORM: {"allow_from": ["10.0.0.0/8"], "sync_bills": False},
        },
    )
    async with GatewayProcess(installation) as gateway:
        yield Line(gateway, installation)


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def no_trace(line: Line) -> AsyncIterator[None]:
    """After every case the gateway still serves, and its books are what they were."""
    before = await line.counts()
    yield
    answer = await line.one(frame(line.identity()))
    assert answer.voucher.Result == Result.NO_SUCH_BILL
    assert line.gateway.running
    assert await line.counts() == before


# -- making bad frames ---------------------------------------------------------------------


def document(head: Head, *vouchers: bytes, count: str = "", prolog: str = "") -> bytes:
    """A CFX document from its parts; `prolog` replaces the XML declaration."""
    bodies = b"".join(
        b"<VoucherBody><Voucher>%b</Voucher></VoucherBody>" % base64.b64encode(voucher)
        for voucher in vouchers
    )
    return (
        (
            (prolog or '<?xml version="1.0" encoding="GBK"?>')
            + f"<CFX><HEAD><APP>{head.app}</APP><VER>{head.ver}</VER><SRC>{head.src}</SRC>"
            f"<DES>{head.des}</DES><MsgNo>{head.msg_no}</MsgNo><MsgID>{head.msg_id}</MsgID>"
            f"<MsgRef>{head.msg_ref}</MsgRef><WorkDate>{head.work_date}</WorkDate><Reserve/></HEAD>"
            f"<MSG><MOF><VoucherCount>{count or len(vouchers)}</VoucherCount>"
        ).encode("gbk")
        + bodies
        + b"</MOF></MSG></CFX>"
    )


def head(who: Identity, number: str = "2601", **changes: str) -> Head:
    return who.head(number, "F320682")._replace(**changes)


def sealed(who: Identity, body: bytes, number: str = "2601") -> bytes:
    return who.sealed(number, body)


def frame(who: Identity, voucher: str = QUERY, number: str = "2601", **changes: str) -> bytes:
    """A good frame but for what changes in HEAD or the voucher."""
    return sealed(who, document(head(who, number, **changes), voucher.encode("gbk")), number)


def confirmation(who: Identity, **changes: str | None) -> bytes:
    """A 2612; a field whose value is None is left out."""
    values: dict[str, str | None] = {**CONFIRMATION, **changes}
    fields = "".join(f"<{tag}>{text}</{tag}>" for tag, text in values.items() if text is not None)
    return frame(who, f"<Voucher>{fields}</Voucher>", "2612")


def assert_unreadable(answer: Answer, number: str = "2601") -> None:
    """Wire, section 7: 10002, DES UNKNOWN, OriMsgNo from the header or 0000, blank MAC."""
    assert answer.voucher.Result == Result.BAD_PARAMETER
    assert answer.voucher.OriMsgNo == number
    assert answer.head.des == "UNKNOWN"
    assert answer.voucher.Information
    assert answer.blank
    assert len(answer.mac) == 64


def assert_refused(answer: Answer, who: Identity, result: Result, *named: str) -> None:
    """An answer to an authenticated peer: sealed, addressed, echoing, naming the tag."""
    assert answer.voucher.Result == result, answer.voucher
    assert answer.head.des == who.code
    assert len(answer.mac) == who.width
    token = who.token.expose().encode()
    assert verify(who.algorithm, who.width, token, answer.body, answer.mac)
    for tag in named:
        assert tag in answer.voucher.Information, answer.voucher


# -- bytes that are no frame ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda f: b"ABCDEFGH" + f[8:], "2601"),
        (lambda f: b"-100    " + f[8:], "2601"),
        (lambda f: b"00000010" + f[8:], "2601"),
        (lambda f: b"2000001 " + f[8:23], "2601"),
        (lambda f: b"99999999" + f[8:23], "2601"),
        (lambda f: f[:8] + b"CNNONTAZ" + f[16:], "2601"),
        (lambda f: f[:16] + b"\x00.0" + f[19:], "2601"),
        (lambda f: f[:19] + b"26O1" + f[23:], "0000"),
        (lambda _: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "0000"),
        (lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), "0000"),
        (lambda _: bytes(64), "0000"),
        (lambda f: f[:-64].replace(b"</CFX>", b"</CFY>") + f[-64:], "2601"),
    ],
)
async def test_no_frame(line: Line, change: Callable[[bytes], bytes], number: str) -> None:
    assert_unreadable(await line.one(change(frame(line.identity()))), number)


@pytest.mark.parametrize("cut", [1, 8, 16, 22, 23, 24, 300, -1])
async def test_a_frame_that_ends_early(line: Line, cut: int) -> None:
    data = frame(line.identity())[:cut]
    answer = await line.one(data, eof=True)
    assert_unreadable(answer, "2601" if len(data) >= 23 else "0000")


async def test_a_length_that_is_too_large_by_one(line: Line) -> None:
    data = frame(line.identity())
    answer = await line.one(b"%-8d" % (len(data) + 1) + data[8:], eof=True)
    assert_unreadable(answer)


async def test_a_length_that_is_too_small_by_one(line: Line) -> None:
    """The document does not end where the MAC begins; what is left over is no frame either."""
    data = frame(line.identity())
    answers = read_answers(await line.send(b"%-8d" % (len(data) - 1) + data[8:]))
    assert_unreadable(answers[0])


# -- documents that are none ---------------------------------------------------------------

_ENTITY = '<!DOCTYPE CFX [<!ENTITY x "lol">]>'
_LAUGHS = "<!DOCTYPE CFX [" + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(9)
) + "]>"  # fmt: skip
_OUTSIDE = '<!DOCTYPE CFX SYSTEM "file:///etc/passwd">'
_GBK = '<?xml version="1.0" encoding="GBK"?>'


@pytest.mark.parametrize("prolog", [
    _GBK + _ENTITY,
    _GBK + _LAUGHS,
    _GBK + _OUTSIDE,
    _GBK + '<?xml-stylesheet href="x"?>',
    _GBK + "<!-- a comment -->",
    "<?php x?>",
    '<?xml version="1.0" encoding="Big5"?>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<?xml version="1.0" encoding="UTF-7"?>',
    " " + _GBK,
    _GBK + "x",
    _GBK + "<a/>",
])  # fmt: skip
async def test_a_prolog_that_is_not_allowed(line: Line, prolog: str) -> None:
    who = line.identity()
    body = document(head(who), QUERY.encode(), prolog=prolog)
    assert_unreadable(await line.one(sealed(who, body)))


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.replace(b"</HEAD>", b"</HEAD"),
        lambda b: b.replace(b"</MSG>", b""),
        lambda b: b.replace(b"<MSG>", b"<MSG a=1>"),
        lambda b: b.replace(b"<MSG>", b"<MSG>&x;"),
        lambda b: b.replace(b"<MSG>", b"<MSG>&#0;"),
        lambda b: b.replace(b"<MSG>", b"<MSG><![CDATA["),
        lambda b: b.replace(b"<Reserve/>", b"<Reserve>\xff\xff</Reserve>"),
        lambda b: b.replace(b"<Reserve/>", b"<Reserve>\x01</Reserve>"),
        lambda b: b.replace(b"<Reserve/>", b"<!-- x --><Reserve/>"),
        lambda b: b.replace(b"<Reserve/>", b"<?x y?><Reserve/>"),
        lambda b: b.replace(b"<Reserve/>", b"<a>" * 5000 + b"</a>" * 5000),
        lambda b: b.replace(b"<Reserve/>", b"<a/>" * 200_000),
        lambda b: b.replace(b"CFX>", b"CFY>").replace(b"</CFY>", b"</CFY><CFX></CFX>"),
        lambda b: b.replace(b"<CFX>", b"<X><CFX>").replace(b"</CFX>", b"</CFX></X></CFX>"),
        lambda b: b + b"<CFX></CFX>",
        lambda b: b + b"garbage</CFX>",
        lambda b: b + b"\x00</CFX>",
        lambda b: b"\xff\xfe" + b.decode().encode("utf-16-le") + b"</CFX>",
        lambda b: b.replace(b"HEAD>", b"KOPF>"),
    ],
)
async def test_a_document_that_cannot_be_read(line: Line, change: Callable[[bytes], bytes]) -> None:
    who = line.identity()
    assert_unreadable(await line.one(sealed(who, change(document(head(who), QUERY.encode())))))


# -- length extension ----------------------------------------------------------------------


def sha256_padding(length: int) -> bytes:
    """What SHA-256 appends to a message of so many bytes."""
    return b"\x80" + bytes((55 - length) % 64) + struct.pack(">Q", length * 8)


def _rotated(word: int, count: int) -> int:
    return (word >> count | word << (32 - count)) & 0xFFFFFFFF


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _root_bits(prime: int) -> int:
    """The first 32 bits of the fraction of a prime's cube root, in integers."""
    low, high = 0, prime << 32
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= prime << 96 else (low, middle - 1)
    return low & 0xFFFFFFFF


_ROUND = [_root_bits(prime) for prime in _primes(64)]


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """One round of SHA-256 (FIPS 180-4, 6.2.2)."""
    words = list(struct.unpack(">16I", block))
    for i in range(16, 64):
        one, two = words[i - 15], words[i - 2]
        s0 = _rotated(one, 7) ^ _rotated(one, 18) ^ one >> 3
        s1 = _rotated(two, 17) ^ _rotated(two, 19) ^ two >> 10
        words.append((words[i - 16] + s0 + words[i - 7] + s1) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = state
    for i in range(64):
        s1 = _rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)
        t1 = h + s1 + (e & f ^ ~e & g) + _ROUND[i] + words[i]
        s0 = _rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)
        t2 = s0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (
            (t1 + t2) & 0xFFFFFFFF, a, b, c, (d + t1) & 0xFFFFFFFF, e, f, g,
        )  # fmt: skip
    mixed = (a, b, c, d, e, f, g, h)
    return tuple((x + y) & 0xFFFFFFFF for x, y in zip(state, mixed, strict=True))


def extended(digest: str, hashed: int, suffix: bytes) -> str:
    """The digest of a secret message ‖ its padding ‖ suffix, from the message's digest alone.

    hashed: bytes of the message and its padding together.
    """
    state = struct.unpack(">8I", bytes.fromhex(digest))
    data = suffix + sha256_padding(hashed + len(suffix))
    for at in range(0, len(data), 64):
        state = _compress(state, data[at : at + 64])
    return struct.pack(">8I", *state).hex().upper()


async def test_the_length_extension_is_a_real_one() -> None:
    secret, suffix = b"k" * 32 + b"message", b"</CFX>"
    glued = secret + sha256_padding(len(secret)) + suffix
    forged = extended(hashlib.sha256(secret).hexdigest(), len(glued) - len(suffix), suffix)
    assert forged.lower() == hashlib.sha256(glued).hexdigest()


@pytest.mark.parametrize("with_second_document", [False, True])
async def test_a_forged_frame_whose_mac_verifies(line: Line, with_second_document: bool) -> None:
    """sha256-token alone could be extended by whoever overhears a frame; strict parsing refuses it.

    The attacker knows a good frame and that tokens have 32 characters, not the token.
    """
    who = line.identity()
    good = frame(who)
    body, mac = good[23:-64], good[-64:].decode()
    padding = sha256_padding(32 + len(body))
    suffix = document(head(who, "2612"), b"<Voucher/>") if with_second_document else b"</CFX>"
    forged_body = body + padding + suffix
    forged_mac = extended(mac, 32 + len(body) + len(padding), suffix)
    token = who.token.expose().encode()
    assert verify(who.algorithm, 64, token, forged_body, forged_mac.encode())
    forged = encode_frame("2601", forged_body, forged_mac, width=64)
    assert_unreadable(await line.one(forged))


@pytest.mark.parametrize("glue", [b"x", b"<CFX></CFX>", b"</CFX>", b"\x80", b"\x00"])
async def test_glue_between_document_and_mac(line: Line, glue: bytes) -> None:
    """Even when the sender itself sealed it."""
    who = line.identity()
    body = document(head(who), QUERY.encode()) + glue
    mac = who.algorithm.compute(who.token.expose().encode(), body)
    header = b"%-8dCNNONTAX1.02601" % (23 + len(body) + 64)
    answers = read_answers(await line.send(header + body + mac.encode()))
    assert_unreadable(answers[0])


# -- strangers -----------------------------------------------------------------------------


def _stranger(line: Line, case: str) -> tuple[bytes, int]:
    """A frame that must not be believed, and the width of the answer's MAC field."""
    bank, other = line.identity(), line.identity(OTHER)
    ghost = make_identity("D3206829999", "bank", "x" * 32)
    wrong = replace(bank, token=ghost.token)
    cases: dict[str, Callable[[], tuple[bytes, int]]] = {
        "unknown sender": lambda: (frame(ghost), 64),
        "wrong token": lambda: (frame(wrong), 64),
        "wrong token, 128": lambda: (frame(replace(other, token=ghost.token)), 128),
        "other node's MAC": lambda: (frame(bank, src=OTHER), 128),
        "other node's width": lambda: (frame(replace(bank, width=128)), 64),
        "blank MAC": lambda: (frame(bank)[:-64] + b" " * 64, 64),
        "short MAC": lambda: (frame(bank)[:-1] + b" ", 64),
        "MAC of zeros": lambda: (frame(bank)[:-64] + b"0" * 64, 64),
        "MAC of bytes": lambda: (frame(bank)[:-64] + b"\xff" * 64, 64),
        "changed body": lambda: (frame(bank).replace(b"<MsgRef>2", b"<MsgRef>3"), 64),
        "disabled": lambda: (frame(line.identity(CLEARING)), 64),
        "from elsewhere": lambda: (frame(line.identity(PLATFORM)), 128),
        "bad voucher and MAC": lambda: (frame(wrong, "<Voucher>"), 64),
        "wrong receiver and MAC": lambda: (frame(wrong, des="F320699"), 64),
        "unknown number and MAC": lambda: (frame(wrong, number="2699"), 64),
        "the finance node itself": lambda: (frame(bank, src="F320682"), 64),
    }
    return cases[case]()


@pytest.mark.parametrize("case", [
    "unknown sender", "wrong token", "wrong token, 128", "other node's MAC", "other node's width",
    "blank MAC", "short MAC", "MAC of zeros", "MAC of bytes", "changed body", "disabled",
    "from elsewhere", "bad voucher and MAC", "wrong receiver and MAC", "unknown number and MAC",
    "the finance node itself",
])  # fmt: skip
async def test_a_stranger_learns_nothing(line: Line, case: str) -> None:
    """One answer for all of them: 10004, the same text, no MAC (wire, section 7)."""
    data, width = _stranger(line, case)
    answer = await line.one(data)
    assert answer.voucher == FinanceAnswer(
        OriMsgNo=data[19:23].decode(), Result="10004", Information="身份认证失败"
    )
    assert answer.blank
    assert len(answer.mac) == width
    envelope = open_envelope(data[23 : data.rindex(b"</CFX>") + 6])
    assert answer.head.msg_ref == envelope.head.msg_ref
    assert answer.head.des == envelope.head.src


# -- peers that make mistakes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "result", "named"),
    [
        ({"des": "F320699"}, Result.WRONG_RECEIVER, ""),
        ({"des": "f320682"}, Result.WRONG_RECEIVER, ""),
        ({"ver": "2.0"}, Result.BAD_VERSION, ""),
        ({"msg_no": "2612"}, Result.BAD_PARAMETER, "MsgNo"),
        ({"app": "CNTAX"}, Result.BAD_PARAMETER, "APP"),
        ({"msg_id": ""}, Result.BAD_PARAMETER, "MsgID"),
        ({"msg_id": "1" * 33}, Result.BAD_PARAMETER, "MsgID"),
        ({"msg_ref": ""}, Result.BAD_PARAMETER, "MsgRef"),
        ({"work_date": "20260230"}, Result.BAD_PARAMETER, "WorkDate"),
        ({"work_date": "2026-3-2"}, Result.BAD_PARAMETER, "WorkDate"),
        ({"msg_no": "26"}, Result.BAD_PARAMETER, "MsgNo"),
    ],
)
async def test_a_wrong_head(
    line: Line, changes: dict[str, str], result: Result, named: str
) -> None:
    who = line.identity()
    assert_refused(await line.one(frame(who, **changes)), who, result, named)


async def test_an_unsupported_version_in_the_frame(line: Line) -> None:
    who = line.identity()
    data = frame(who)
    answer = await line.one(data[:16] + b"1.1" + data[19:])
    assert_refused(answer, who, Result.BAD_VERSION)


@pytest.mark.parametrize("number", ["2699", "0000", "9999", "2001", "5001", "5603", "5617", "8994"])
async def test_a_number_that_a_bank_cannot_send(line: Line, number: str) -> None:
    """Unknown, an answer, or finance's own; 8994 may come from banks, but not like this."""
    who = line.identity()
    answer = await line.one(frame(who, number=number))
    assert_refused(answer, who, Result.BAD_PARAMETER)
    assert answer.voucher.OriMsgNo == number


async def test_a_unit_cannot_confirm(line: Line) -> None:
    who = line.identity("K3206820002")
    assert_refused(await line.one(confirmation(who)), who, Result.BAD_PARAMETER, "MsgNo")


@pytest.mark.parametrize(
    ("vouchers", "count"),
    [(2, ""), (1, "2"), (2, "1"), (1, "0"), (0, "0"), (1, "-1"), (1, "one"), (1, "9" * 30)],
)
async def test_the_number_of_vouchers(line: Line, vouchers: int, count: str) -> None:
    who = line.identity()
    body = document(head(who), *[QUERY.encode()] * vouchers, count=count)
    assert_refused(await line.one(sealed(who, body)), who, Result.BAD_PARAMETER, "VoucherCount")


@pytest.mark.parametrize(
    "text", [b"", b"***", b"PFZv", b"PFZvdWNoZXI+=", b"PFZ=dWNoZXI+", b"\xd6\xd0\xce\xc4"]
)
async def test_broken_base64(line: Line, text: bytes) -> None:
    who = line.identity()
    body = document(head(who), b"@@")
    body = body.replace(base64.b64encode(b"@@"), text)
    assert_refused(await line.one(sealed(who, body)), who, Result.BAD_PARAMETER)


_DEEP = b"<Voucher>" + b"<a>" * 3000 + b"</a>" * 3000 + b"</Voucher>"


@pytest.mark.parametrize(
    "voucher",
    [
        b"",
        b"text",
        b"<Voucher>",
        b"<Voucher></Voucher><Voucher></Voucher>",
        b"<Beleg></Beleg>",
        QUERY.encode().replace(b"11", b"\xff\xff"),
        QUERY.encode().replace(b"11", b"\x81"),
        QUERY.encode().replace(b"11", b"&lol;"),
        b'<?xml version="1.0" encoding="EBCDIC-CP-US"?>' + QUERY.encode(),
        b'<?xml version="1.0"?><!DOCTYPE Voucher [<!ENTITY x "y">]>' + QUERY.encode(),
        b'<!DOCTYPE Voucher SYSTEM "http://127.0.0.1:1/x">' + QUERY.encode(),
        b"<?xml-stylesheet?>" + QUERY.encode(),
        b"<!-- x -->" + QUERY.encode(),
        QUERY.encode() + b"x",
        _DEEP,
        QUERY.encode().replace(b"<PayMode>", b"<PayMode><x>").replace(b"</Pay", b"</x></Pay", 2),
    ],
)
async def test_a_voucher_that_cannot_be_read(line: Line, voucher: bytes) -> None:
    who = line.identity()
    body = document(head(who), voucher)
    assert_refused(await line.one(sealed(who, body)), who, Result.BAD_PARAMETER)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("PayCode", None),
        ("PayCode", ""),
        ("PayCode", "3" * 21),
        ("PayCode", "3206中"),
        ("CfmDate", None),
        ("CfmDate", "20260230"),
        ("CfmDate", "260302"),
        ("CfmTime", "250000"),
        ("CfmTime", "9300"),
        ("Amt", None),
        ("Amt", ""),
        ("Amt", "abc"),
        ("Amt", "-80.00"),
        ("Amt", "80.001"),
        ("Amt", "8e1"),
        ("Amt", "1,000.00"),
        ("Amt", "0x10"),
        ("Amt", "NaN"),
        ("Amt", "9" * 16),
        ("BankOutlet", "3" * 21),
        ("Operator", ""),
        ("Operator", "柜员" * 6),
        ("PayMode", "77"),
        ("PayMode", "x"),
        ("TraNoBus", None),
        ("TraNoBus", "T" * 51),
        ("PayerName", ""),
        ("PayerName", "长" * 51),
        ("PayerAcct", "6" * 51),
        ("PayerOpBkNo", "12a"),
        ("RecAcctType", ""),
        ("RecAcctType", "8"),
        ("RecAcct", "3" * 51),
        ("Hold1", "x" * 101),
    ],
)
async def test_a_wrong_field(line: Line, tag: str, value: str | None) -> None:
    """10002 that names the field (wire, section 5); what a payer wrote is not quoted in full."""
    who = line.identity()
    answer = await line.one(confirmation(who, **{tag: value}))
    assert_refused(answer, who, Result.BAD_PARAMETER, tag)
    assert answer.voucher.OriMsgNo == "2612"
    if tag in ("PayerName", "PayerAcct", "Operator") and value:
        assert value not in answer.voucher.Information


async def test_a_field_that_is_there_twice(line: Line) -> None:
    who = line.identity()
    voucher = QUERY.replace("<PayMode>", "<PayCode>1</PayCode><PayMode>")
    assert_refused(await line.one(frame(who, voucher)), who, Result.BAD_PARAMETER, "PayCode")


@pytest.mark.parametrize("token", ["x" * 31, "x" * 33, "x" * 31 + "!", "密" * 16, ""])
async def test_a_token_that_is_none(line: Line, token: str) -> None:
    who = line.identity()
    voucher = f"<Voucher><Token>{token}</Token></Voucher>"
    answer = await line.one(frame(who, voucher, "2003"))
    assert_refused(answer, who, Result.BAD_PARAMETER, "Token")
    assert not token or token not in answer.voucher.Information


# -- slow, silent and impatient peers ------------------------------------------------------


async def test_a_silent_peer_is_left_without_an_answer(line: Line) -> None:
    assert await line.send(b"") == b""


async def test_a_peer_that_stops_in_the_middle(line: Line) -> None:
    """The time to the first whole frame is up: the connection ends, and nothing was done."""
    data = frame(line.identity())
    assert await line.send(data[:100]) == b""


async def test_a_peer_that_sends_one_byte_at_a_time(line: Line) -> None:
    who = line.identity()
    data = frame(who)
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*line.gateway.address)
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        answers = read_answers(await reader.read())
        writer.close()
        await writer.wait_closed()
    assert_refused(answers[0], who, Result.NO_SUCH_BILL)


async def test_a_peer_that_closes_its_side_still_gets_the_answer(line: Line) -> None:
    who = line.identity()
    answer = await line.one(frame(who), eof=True)
    assert_refused(answer, who, Result.NO_SUCH_BILL)
    assert answer.voucher.OriMsgNo == "2601"


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b" " * 1000])
async def test_a_peer_that_closes_without_a_frame(line: Line, data: bytes) -> None:
    assert await line.send(data, eof=True) == b""


@pytest.mark.parametrize("at", [0, 10, 100, -1])
async def test_a_peer_that_resets(line: Line, at: int) -> None:
    _, writer = await asyncio.open_connection(*line.gateway.address)
    writer.write(frame(line.identity())[:at])
    sock = writer.get_extra_info("socket")
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: reset at the end
    writer.transport.abort()


async def test_white_space_behind_a_frame_is_tolerated(line: Line) -> None:
    who = line.identity()
    for trailing in (b"\n", b"\r\n", b" \t\r\n"):
        assert_refused(await line.one(frame(who) + trailing), who, Result.NO_SUCH_BILL)


async def test_garbage_behind_a_frame_does_not_spoil_its_answer(line: Line) -> None:
    who = line.identity()
    first, *others = read_answers(await line.send(frame(who) + b"GARBAGE" * 10))
    assert_refused(first, who, Result.NO_SUCH_BILL)
    for answer in others:
        assert_unreadable(answer, "0000")


async def test_a_stranger_is_answered_once_whatever_follows(line: Line) -> None:
    """Wire, section 7: answered once, connection ended."""
    wrong = replace(line.identity(), token=make_identity(BANK, "bank", "x" * 32).token)
    good = frame(line.identity())
    [answer] = read_answers(await line.send(frame(wrong) + good))
    assert answer.voucher.Result == Result.NOT_AUTHENTICATED
    [answer] = read_answers(await line.send(b"garbage" * 10 + good))
    assert_unreadable(answer, "0000")
