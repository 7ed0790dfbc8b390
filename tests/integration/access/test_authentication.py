"""Failed authentication (wire, section 7): one answer for all, nothing learnt, nothing kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from nontax.gateway.clock import ManualClock
from nontax.gateway.net.server import Origin
from nontax.mac import Secret
from nontax.messages.common import GreenChannel, LinkTest
from nontax.simulators.identity import Identity, make_identity
from nontax.simulators.process import GatewayProcess, Installation

from .conftest import (
    BANK,
    CLEARING,
    OTHER,
    PLATFORM,
    START_MS,
    UNIT,
    Answer,
    Inside,
    Line,
    change_token,
    events,
    frame,
    head_fields,
    one_voucher,
    opened,
    plain_document,
    read_frame,
    request,
    rows,
    signed,
    take_apart,
)

GUESS = Secret("g" * 32)
SETTINGS = {
    CLEARING: {"enabled": False},
    PLATFORM: {"allow_from": ["127.0.0.3/32"]},
}


def guessing(who: Identity) -> Identity:
    """The same node as somebody who does not know its token."""
    return replace(who, token=GUESS)


def settle(site: Installation, per_minute: int = 1000) -> None:
    site.configure({"listen": {"auth_failures_per_minute": per_minute}}, SETTINGS)


async def failures(inside: Inside) -> dict[str, bytes]:
    """A frame for every reason for which a sender is not believed."""
    bank, other = inside.identity(BANK), inside.identity(OTHER)
    stranger = make_identity("D3206829999", "bank", GUESS)
    late = inside.identity(UNIT)
    await inside.line.ask(change_token(late, "N" * 32))
    inside.clock.advance(seconds=3660)
    return {
        "unknown node": request(stranger),
        "disabled": request(inside.identity(CLEARING)),
        "disabled, bad MAC": request(guessing(inside.identity(CLEARING))),
        "address": request(inside.identity(PLATFORM)),
        "address, bad MAC": request(guessing(inside.identity(PLATFORM))),
        "width 128 for 64": request(replace(bank, width=128)),
        "width 64 for 128": signed(replace(other, width=64, algorithm=bank.algorithm),
                                   other.document(other.head("2002", "F320682"), LINK)),
        "bad MAC": request(guessing(bank)),
        "bad MAC, 128": request(guessing(other)),
        "blank MAC": request(bank)[:-64] + b" " * 64,
        "expired token": request(late),
        "our own code": request(bank, src="F320682"),
    }  # fmt: skip


LINK = LinkTest(TestTime="20260302120000").write()


async def test_all_failures_have_the_same_answer(site: Installation) -> None:
    """Byte for byte, but for ids, the echoed code and the width of the MAC field."""
    settle(site)
    async with opened(site, ManualClock(START_MS)) as inside:
        cases = await failures(inside)
        answers = {name: await inside.line.ask(data) for name, data in cases.items()}
        assert len({answer.stripped() for answer in answers.values()}) == 1
        for name, answer in answers.items():
            wide = name in {"width 64 for 128", "bad MAC, 128"} or name.startswith("address")
            assert (name, len(answer.mac)) == (name, 128 if wide else 64)
            assert answer.blank
            assert (answer.number, answer.result) == ("5001", "10004")
            assert (answer.about, answer.information) == ("2002", "身份认证失败")
        reasons = {line["reason"] for line in inside.events("not_authenticated")}
        assert reasons == {
            "unknown node",
            "peer disabled",
            "address not allowed",
            "MAC field not of the node's width",
            "MAC does not verify",
        }


async def test_nothing_of_a_failure_is_kept(site: Installation) -> None:
    settle(site)
    async with opened(site, ManualClock(START_MS)) as inside:
        bank = inside.identity()
        cases = [
            *(await failures(inside)).values(),
            request(guessing(bank), GreenChannel(Subject="题", Content="文", Urgency="1")),
            change_token(guessing(bank), "S" * 32),
        ]
        before = await inside.rows()
        for data in cases:
            assert (await inside.line.ask(data)).result == "10004"
        assert await inside.rows() == before
        assert await inside.line.link_test(bank) == "00000"


# -- no oracle -----------------------------------------------------------------------------


def _without(tag: str) -> Callable[[Identity], bytes]:
    def make(who: Identity) -> bytes:
        fields = head_fields(who)
        del fields[tag]
        return plain_document(fields, one_voucher())

    return make


def _with(tag: str, text: str) -> Callable[[Identity], bytes]:
    return lambda who: plain_document({**head_fields(who), tag: text}, one_voucher())


def _inside(change: Callable[[str], str]) -> Callable[[Identity], bytes]:
    return lambda who: plain_document(head_fields(who), change(one_voucher()))


MALFORMED: dict[str, Callable[[Identity], bytes]] = {
    **{f"no {tag}": _without(tag) for tag in ("APP", "VER", "DES", "MsgNo", "MsgID", "MsgRef")},
    "no WorkDate": _without("WorkDate"),
    "another application": _with("APP", "CNTAX"),
    "another version": _with("VER", "9.9"),
    "another receiver": _with("DES", "F320699"),
    "no such receiver": _with("DES", "x" * 13),
    "unknown number": _with("MsgNo", "2699"),
    "an answer's number": _with("MsgNo", "5001"),
    "a number that is none": _with("MsgNo", "20O2"),
    "a unit's number": _with("MsgNo", "8994"),
    "a long MsgID": _with("MsgID", "1" * 33),
    "no date": _with("WorkDate", "20260230"),
    "no MSG": _inside(lambda _: ""),
    "no MOF": _inside(lambda _: "<MSG></MSG>"),
    "no voucher": _inside(lambda _: "<MSG><MOF><VoucherCount>0</VoucherCount></MOF></MSG>"),
    "two announced": _inside(lambda m: m.replace("Count>1<", "Count>2<")),
    "a count that is none": _inside(lambda m: m.replace("Count>1<", "Count>x<")),
    "an empty voucher": _inside(
        lambda _: (
            "<MSG><MOF><VoucherCount>1</VoucherCount><VoucherBody><Voucher/></VoucherBody>"
            "</MOF></MSG>"
        )
    ),
    "broken base64": _inside(lambda m: m.replace("<Voucher>", "<Voucher>*")),
    "stray text": _inside(lambda m: m.replace("<MOF>", "<MOF>stray")),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_message_is_judged_only_behind_a_good_mac(
    inside: Inside, case: str
) -> None:
    """Whoever cannot seal a frame sees 10004 for it, whatever else is wrong with it."""
    who = inside.identity()
    body = MALFORMED[case](who)
    plain = await inside.line.ask(request(guessing(who)))
    refused = await inside.line.ask(signed(guessing(who), body))
    assert refused.stripped() == plain.stripped()
    assert (refused.result, refused.blank) == ("10004", True)
    owned = await inside.line.ask(signed(who, body))
    assert owned.result in {"10002", "10003", "10007"}
    assert owned.under(who, who.token)
    assert owned.head.des == who.code
    assert not inside.events("internal_error")


@pytest.mark.parametrize("case", ["missing", "empty", "13 characters", "Chinese"])
async def test_a_head_without_a_sender_is_unreadable(inside: Inside, case: str) -> None:
    """Nobody is named whom it could be answered to; a good MAC makes no difference."""
    who = inside.identity()
    fields = head_fields(who)
    if case == "missing":
        del fields["SRC"]
    else:
        fields["SRC"] = {"empty": "", "13 characters": "D" * 13, "Chinese": "&#24314;&#34892;"}[
            case
        ]
    body = plain_document(fields, one_voucher())
    answers = [await inside.line.ask(signed(w, body)) for w in (who, guessing(who))]
    for answer in answers:
        assert (answer.result, answer.head.des, answer.blank) == ("10002", "UNKNOWN", True)
        assert (answer.about, len(answer.mac)) == ("2002", 64)
        assert "SRC" in answer.information
    assert answers[0].stripped() == answers[1].stripped()
    assert not inside.events("internal_error")
    assert len(inside.events("unreadable")) == 2


async def test_a_sender_whose_code_needs_escaping_is_answered(inside: Inside) -> None:
    who = inside.identity()
    body = plain_document({**head_fields(who), "SRC": "A&lt;&amp;&gt;\"'"}, one_voucher())
    answer = await inside.line.ask(signed(who, body))
    assert (answer.result, answer.head.des) == ("10004", "A<&>\"'")


async def test_a_frame_number_that_differs_is_no_oracle(inside: Inside) -> None:
    """Nor is a version of the frame that nobody speaks; the answer names the header's number."""
    who = inside.identity()
    for change in (
        lambda data: data[:19] + b"2612" + data[23:],
        lambda data: data[:16] + b"7.7" + data[19:],
    ):
        refused = await inside.line.ask(change(request(guessing(who))))
        assert (refused.result, refused.blank) == ("10004", True)
        owned = await inside.line.ask(change(request(who)))
        assert owned.result in {"10002", "10003"}
        assert owned.under(who, who.token)


async def test_a_single_changed_byte_is_noticed(site: Installation) -> None:
    """Anywhere in body or MAC: never processed, never anything but the two known answers."""
    settle(site)
    async with opened(site, ManualClock(START_MS)) as inside:
        who = inside.identity()
        good = request(who)
        before = await inside.rows()
        for at in range(23, len(good), 11):
            flipped = good[at] ^ 1 << at % 7
            if at >= len(good) - 64 and good[at : at + 1].isalpha():
                flipped = ord("0")  # another case is the same MAC
            answer = await inside.line.ask(good[:at] + bytes([flipped]) + good[at + 1 :])
            assert (answer.result, answer.blank) in {("10004", True), ("10002", True)}, at
        assert await inside.rows() == before
        assert not inside.events("exchange")
        assert inside.events("not_authenticated")


# -- the MAC field -------------------------------------------------------------------------


@pytest.mark.parametrize("code", [BANK, OTHER, PLATFORM, CLEARING, UNIT])
@pytest.mark.parametrize("lower", [False, True])
async def test_hex_is_read_in_either_case_and_written_in_upper_case(
    inside: Inside, code: str, lower: bool
) -> None:
    who = inside.identity(code)
    who.habits = replace(who.habits, lower_case_mac=lower)
    answer = await inside.line.ask(request(who))
    assert (answer.result, len(answer.mac)) == ("00000", who.width)
    value = answer.mac.rstrip(b" ")
    assert value == value.upper()
    assert len(value) == who.algorithm.length
    assert answer.under(who, who.token)


async def test_a_short_value_is_padded_on_the_right_only(inside: Inside) -> None:
    """hmac-sm3 in a field of 128: 64 digits and 64 blanks."""
    who = inside.identity(PLATFORM)
    good = request(who)
    value = good[-128:].rstrip(b" ")
    assert len(value) == 64
    for field in (
        b" " * 64 + value,
        b" " + value + b" " * 63,
        value + b"\0" * 64,
        value + b"\n" + b" " * 63,
        value + value,
        value[:-1] + b" " * 65,
    ):
        answer = await inside.line.ask(good[:-128] + field)
        assert answer.result == "10004"
    assert await inside.line.link_test(who) == "00000"


# -- addresses -----------------------------------------------------------------------------


async def test_a_peer_is_believed_from_its_own_networks_only(site: Installation) -> None:
    settle(site)
    async with opened(site, ManualClock(START_MS)) as inside:
        who = inside.identity(PLATFORM)
        home = replace(inside.line, local="127.0.0.3")
        away = replace(inside.line, local="127.0.0.4")
        assert await home.link_test(who) == "00000"
        answer = await away.ask(request(who))
        assert (answer.result, answer.blank) == ("10004", True)
        assert await away.link_test(inside.identity()) == "00000"


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.1.3.3", False),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("", False),
        ("unix", False),
    ],
)
async def test_networks_of_both_families(site: Installation, address: str, allowed: bool) -> None:
    site.configure(peers={BANK: {"allow_from": ["10.1.2.0/24", "2001:db8::/32"]}})
    async with opened(site, ManualClock(START_MS)) as inside:
        answer = await inside.judge(request(inside.identity()), Origin(address))
        assert answer.result == ("00000" if allowed else "10004")


# -- the rate ------------------------------------------------------------------------------


async def test_the_owner_is_answered_while_somebody_guesses(site: Installation) -> None:
    """From the same address with the same code; the guesser soon hears nothing."""
    settle(site, per_minute=3)
    async with opened(site, ManualClock(START_MS)) as inside:
        who, line = inside.identity(), inside.line
        guess = request(guessing(who))
        heard = []
        for _ in range(20):
            heard.append(len(take_apart(await line.send(guess))))
            assert await line.link_test(who) == "00000"
        assert heard == [1, 1, 1] + [0] * 17
        # Counted apart: another address, another code.
        assert len(take_apart(await replace(line, local="127.0.0.9").send(guess))) == 1
        assert len(take_apart(await line.send(request(guessing(inside.identity(OTHER)))))) == 1
        inside.clock.advance(seconds=20)
        assert len(take_apart(await line.send(guess))) == 1
        assert len(take_apart(await line.send(guess))) == 0
        # What is not answered is not logged either, but counted.
        assert len(inside.events("not_authenticated")) == 6
        counts = inside.gateway.metrics.snapshot()
        assert counts["not_authenticated{}"] == 24
        assert counts["not_authenticated_unanswered{}"] == 18


async def test_silence_is_the_same_for_every_reason(site: Installation) -> None:
    """Over the rate nobody is answered: neither known codes nor invented ones."""
    settle(site, per_minute=1)
    async with opened(site, ManualClock(START_MS)) as inside:
        cases = await failures(inside)
        seen: set[str] = set()
        for data in cases.values():
            source = take_apart(await inside.line.send(data))
            seen |= {answer.head.des for answer in source}
            assert await inside.line.send(data) == b""
        assert len(seen) == 7


async def test_a_flood_of_guesses_is_a_few_lines_of_the_log(site: Installation) -> None:
    settle(site, per_minute=5)
    who = site.identity(BANK)
    guess, good = request(guessing(who)), request(who)
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address)
        gate = asyncio.Semaphore(32)

        async def send(data: bytes) -> list[Answer]:
            async with gate:
                return take_apart(await line.send(data))

        answers = await asyncio.gather(*(send(good if n % 50 == 0 else guess) for n in range(500)))
        results = [answer.result for found in answers for answer in found]
        assert sorted(results) == ["00000"] * 10 + ["10004"] * 5
        assert await gateway.stop() == 0
    log = gateway.log_file.read_text("utf-8")
    assert len(events(log, "not_authenticated")) == 5
    [end] = events(log, "stopped")
    assert end["counts"]["not_authenticated{}"] == 490
    assert len(events(log)) < 30


# -- the connection ------------------------------------------------------------------------


async def test_a_failure_ends_the_connection_also_of_a_peer_that_keeps_its_own(
    site: Installation,
) -> None:
    """Answered once: what was sent behind it is not looked at."""
    site.configure(peers={BANK: {"keep_alive": True}})
    async with opened(site, ManualClock(START_MS)) as inside:
        who = inside.identity()
        good, bad = request(who), request(guessing(who))
        async with inside.line.connected() as (reader, writer):
            writer.write(good)
            assert (await read_frame(reader)).result == "00000"
            writer.write(bad + good + good)
            assert [a.result for a in take_apart(await reader.read())] == ["10004"]
        unreadable = bad.replace(b"</HEAD>", b"</HAED>")
        assert [a.result for a in take_apart(await inside.line.send(unreadable + good))] == [
            "10002"
        ]


async def test_a_failure_over_the_rate_ends_the_connection_too(site: Installation) -> None:
    settle(site, per_minute=1)
    async with opened(site, ManualClock(START_MS)) as inside:
        bad = request(guessing(inside.identity()))
        assert len(take_apart(await inside.line.send(bad))) == 1
        assert await inside.line.send(bad + request(inside.identity())) == b""


async def test_strangers_hold_no_memory(site: Installation) -> None:
    """Nothing is remembered of codes that somebody invents but a bounded number of counters."""
    settle(site, per_minute=1)
    async with opened(site, ManualClock(START_MS)) as inside:
        keeper = inside.gateway.tokens
        for number in range(50):
            stranger = make_identity(f"D{number:010d}", "bank", GUESS)
            assert (await inside.line.ask(request(stranger))).result == "10004"
        assert not keeper._states
        assert set(inside.gateway.metrics.snapshot()) == {"not_authenticated{}"}
        assert (await rows(site))["archive"] == 0
        odd = frame(make_identity("D9", "bank", GUESS), "<Voucher/>", "9999")
        assert (await inside.line.ask(odd)).result == "10004"
        assert set(inside.gateway.metrics.snapshot()) == {"not_authenticated{}"}
