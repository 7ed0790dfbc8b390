"""Frames that must not be believed: strangers, wrong MACs, and one that was forged for real.

Sent over real sockets to `nontax serve` (wire, sections 3 and 7); the fixture `line` sees that they
leave nothing in the books.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from nontax.codecs import encode_frame, open_envelope
from nontax.mac import verify
from nontax.messages import Result
from nontax.messages.common import FinanceAnswer
from nontax.simulators.forge import (
    QUERY,
    GeneralAnswer,
    RawLine,
    document,
    frame,
    head,
    read_answers,
)
from nontax.simulators.identity import make_identity

pytestmark = pytest.mark.asyncio(loop_scope="module")

BANK, OTHER, PLATFORM, CLEARING = "D3206820105", "D3206820301", "G000001", "Q3200000105"


def assert_unreadable(answer: GeneralAnswer, number: str = "2601") -> None:
    """Wire, section 7: 10002, DES UNKNOWN, OriMsgNo from the header or 0000, blank MAC."""
    assert answer.voucher.Result == Result.BAD_PARAMETER
    assert answer.voucher.OriMsgNo == number
    assert answer.head.des == "UNKNOWN"
    assert answer.voucher.Information
    assert answer.blank
    assert len(answer.mac) == 64


# -- strangers -----------------------------------------------------------------------------


def _stranger(line: RawLine, case: str) -> tuple[bytes, int]:
    """A frame that must not be believed, and the width of the answer's MAC field."""
    bank, other = line.identity(BANK), line.identity(OTHER)
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
async def test_a_stranger_learns_nothing(line: RawLine, case: str) -> None:
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


async def test_a_stranger_is_answered_once_whatever_follows(line: RawLine) -> None:
    """Wire, section 7: answered once, connection ended."""
    wrong = replace(line.identity(BANK), token=make_identity(BANK, "bank", "x" * 32).token)
    good = frame(line.identity(BANK))
    [answer] = read_answers(await line.send(frame(wrong) + good))
    assert answer.voucher.Result == Result.NOT_AUTHENTICATED
    [answer] = read_answers(await line.send(b"garbage" * 10 + good))
    assert_unreadable(answer, "0000")


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
async def test_a_forged_frame_whose_mac_verifies(line: RawLine, with_second_document: bool) -> None:
    """sha256-token alone could be extended by whoever overhears a frame; strict parsing refuses it.

    The attacker knows a good frame and that tokens have 32 characters, not the token.
    """
    who = line.identity(BANK)
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
async def test_glue_between_document_and_mac(line: RawLine, glue: bytes) -> None:
    """Even when the sender itself sealed it."""
    who = line.identity(BANK)
    body = document(head(who), QUERY.encode()) + glue
    mac = who.algorithm.compute(who.token.expose().encode(), body)
    header = b"%-8dCNNONTAX1.02601" % (23 + len(body) + 64)
    answers = read_answers(await line.send(header + body + mac.encode()))
    assert_unreadable(answers[0])
