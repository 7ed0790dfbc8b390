"""Message 2003 and the life of a token (wire, section 3), over real sockets and a real store."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace

import pytest

from nontax.gateway.clock import ManualClock
from nontax.gateway.net.server import Origin
from nontax.gateway.store import open_store, tokens
from nontax.gateway.tokens import Sealer
from nontax.mac import Secret, TokenState, encrypt_token
from nontax.simulators.bank import Bank
from nontax.simulators.county import County
from nontax.simulators.identity import Identity
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
    opened,
    request,
    rows,
    take_apart,
)

NEW, NEWER = "N" * 32, "z9" * 16
CONFIRM, GRACE = 3600, 60
EVERYBODY = {"allow_from": ["0.0.0.0/0", "::/0"]}
ELSEWHERE = Origin("192.0.2.77")


def under(who: Identity, token: str) -> Identity:
    """The same node with another token."""
    return replace(who, token=Secret(token))


def token_of(who: Identity) -> str:
    return who.token.expose()


def sent_form(who: Identity, token: str) -> str:
    """2003/Token as this node has to send it."""
    return encrypt_token(who.algorithm, token)


async def change(line: Line, who: Identity, new: str) -> Answer:
    return await line.ask(change_token(who, sent_form(who, new)))


async def accepted(line: Line, who: Identity) -> bool:
    """Whether a link test under the node's token is answered, and under the same token."""
    answer = await line.ask(request(who))
    if answer.result == "00000":
        assert answer.under(who, who.token)
        return True
    assert (answer.result, answer.blank) == ("10004", True)
    return False


async def stored(installation: Installation, code: str) -> tuple[TokenState, int] | None:
    """The token state of the books and its version; None while the configured one is in force."""
    config = installation.config()
    store = await open_store(config.store.url, config.directory)
    try:
        row = await store.read(lambda tx: tokens.get(tx, code))
    finally:
        await store.close()
    if row is None:
        return None
    return Sealer(config.master_key, bytes).token_state(row), row.version


# -- changing ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [BANK, OTHER, PLATFORM, UNIT])
async def test_the_success_answer_is_macked_with_the_new_token(inside: Inside, code: str) -> None:
    who = inside.identity(code)
    answer = await change(inside.line, who, NEW)
    assert (answer.result, answer.about, answer.head.des) == ("00000", "2003", code)
    assert answer.under(who, NEW)
    assert not answer.under(who, who.token)
    assert await stored(inside.installation, code) == (
        TokenState(NEW, token_of(who), START_MS, None),
        1,
    )
    [kept] = inside.events("exchange")
    assert (kept["number"], kept["result"], kept["subject"]) == ("2003", "00000", code)


async def test_it_is_in_the_books_before_its_answer(site: Installation) -> None:
    """SIGKILL right behind the answer: the new token is in force, the old one not yet refused."""
    who = site.identity(BANK)
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address)
        async with line.connected() as (reader, writer):
            writer.write(change_token(who, NEW))
            [answer] = take_apart(await reader.read())
            await gateway.kill()
        assert answer.under(who, NEW)
    found = await stored(site, BANK)
    assert found is not None
    assert (found[0].current, found[0].previous) == (NEW, token_of(who))
    async with GatewayProcess(site, "again") as gateway:
        line = Line(gateway.address)
        assert await accepted(line, who)
        assert await accepted(line, under(who, NEW))
        assert (await change(line, under(who, NEW), NEWER)).under(who, NEWER)
        assert not await accepted(line, who)


async def test_the_previous_one_is_good_until_the_first_frame_with_the_new_one(
    inside: Inside,
) -> None:
    who, line, clock = inside.identity(), inside.line, inside.clock
    await change(line, who, NEW)
    for _ in range(3):  # frames under the old one start nothing
        clock.advance(seconds=1000)
        assert await accepted(line, who)
    assert await accepted(line, under(who, NEW))
    clock.advance(seconds=GRACE, ms=-1)
    assert await accepted(line, under(who, NEW))  # a second one prolongs nothing
    assert await accepted(line, who)
    clock.advance(ms=1)
    assert not await accepted(line, who)
    assert await accepted(line, under(who, NEW))


async def test_without_such_a_frame_it_is_good_for_the_confirmation_time_and_the_grace(
    inside: Inside,
) -> None:
    who, line, clock = inside.identity(), inside.line, inside.clock
    await change(line, who, NEW)
    clock.advance(seconds=CONFIRM + GRACE, ms=-1)
    assert await accepted(line, who)
    clock.advance(ms=1)
    assert not await accepted(line, who)
    # What was refused once stays refused: the first frame with the new one comes too late.
    assert await accepted(line, under(who, NEW))
    assert not await accepted(line, who)


async def test_no_grace_at_all(site: Installation) -> None:
    site.configure({"collection": {"token_grace_seconds": 0, "token_confirm_seconds": 10}})
    async with opened(site, ManualClock(START_MS)) as inside:
        line, bank, other = inside.line, inside.identity(BANK), inside.identity(OTHER)
        await change(line, bank, NEW)
        assert await accepted(line, bank)
        assert await accepted(line, under(bank, NEW))
        assert not await accepted(line, bank)
        await change(line, other, NEW)
        inside.clock.advance(ms=9_999)
        assert await accepted(line, other)
        inside.clock.advance(ms=1)
        assert not await accepted(line, other)


async def test_a_second_change_ends_the_first_token_at_once(inside: Inside) -> None:
    who, line = inside.identity(), inside.line
    await change(line, who, NEW)
    assert (await change(line, under(who, NEW), NEWER)).under(who, NEWER)
    assert not await accepted(line, who)
    assert await accepted(line, under(who, NEW))
    assert await accepted(line, under(who, NEWER))


async def test_a_node_may_go_back_to_its_former_token(inside: Inside) -> None:
    who, line = inside.identity(), inside.line
    await change(line, who, NEW)
    answer = await change(line, under(who, NEW), token_of(who))
    assert (answer.result, answer.under(who, who.token)) == ("00000", True)
    found = await stored(inside.installation, BANK)
    assert found is not None
    assert (found[0].current, found[0].previous, found[1]) == (token_of(who), NEW, 3)


async def test_a_clock_that_is_set_back_does_not_keep_an_old_state_alive(inside: Inside) -> None:
    """The books are looked at again although less than a second seems to have passed."""
    who, line = inside.identity(), inside.line
    inside.clock.advance(seconds=10_000)
    assert await accepted(line, who)
    inside.clock.advance(seconds=-9_000)
    row = Sealer(inside.installation.config().master_key, bytes).token_row(
        BANK, TokenState(NEW, changed_at=1, confirmed_at=1), 1
    )
    await inside.gateway.store.transact(lambda tx: tokens.put(tx, row))
    assert not await accepted(line, who)


# -- repeating -----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [BANK, OTHER])
async def test_repeated_under_the_previous_token_it_has_its_success_again(
    inside: Inside, code: str
) -> None:
    """The answer was lost. Repeating changes nothing and prolongs nothing."""
    who, line = inside.identity(code), inside.line
    await change(line, who, NEW)
    before, counts = await stored(inside.installation, code), await inside.rows()
    inside.clock.advance(seconds=3000)
    for _ in range(3):
        answer = await change(line, who, NEW)
        assert (answer.result, answer.under(who, NEW)) == ("00000", True)
    assert await stored(inside.installation, code) == before
    assert await inside.rows() == counts
    inside.clock.advance(seconds=CONFIRM + GRACE - 3000)
    assert not await accepted(line, who)


async def test_repeated_under_the_new_token_it_is_its_first_frame(inside: Inside) -> None:
    who, line = inside.identity(), inside.line
    await change(line, who, NEW)
    answer = await change(line, under(who, NEW), NEW)
    assert (answer.result, answer.under(who, NEW)) == ("00000", True)
    assert await stored(inside.installation, BANK) == (
        TokenState(NEW, token_of(who), START_MS, START_MS),
        2,
    )


@pytest.mark.parametrize("again", [NEWER, "the former"])
async def test_under_the_previous_token_nothing_else_may_be_set(inside: Inside, again: str) -> None:
    """Or whoever learns a former token could take the node over within the grace."""
    who, line = inside.identity(), inside.line
    await change(line, who, NEW)
    before, counts = await stored(inside.installation, BANK), await inside.rows()
    answer = await change(line, who, token_of(who) if again == "the former" else again)
    assert (answer.result, answer.under(who, who.token)) == ("10004", True)
    assert await stored(inside.installation, BANK) == before
    assert await inside.rows() == counts
    assert await accepted(line, under(who, NEW))
    assert not await accepted(line, under(who, NEWER))


async def test_of_two_changes_at_once_one_wins(inside: Inside) -> None:
    who, line = inside.identity(), inside.line
    both = (NEW, NEWER)
    answers = await asyncio.gather(*(change(line, who, token) for token in both))
    assert sorted(answer.result for answer in answers) == ["00000", "10004"]
    for token, answer in zip(both, answers, strict=True):
        won = answer.result == "00000"
        assert answer.under(who, token if won else who.token)
        assert await accepted(line, under(who, token)) == won


# -- every other answer --------------------------------------------------------------------


async def test_every_answer_comes_under_the_token_of_its_request(inside: Inside) -> None:
    """Successes and refusals alike, before and after the first frame with the new one."""
    who, line = inside.identity(), inside.line
    await change(line, who, NEW)
    query = "<Voucher><PayCode>32068226000000000019</PayCode><PayMode>11</PayMode></Voucher>"
    for _ in range(2):
        for token in (token_of(who), NEW):
            node = under(who, token)
            cases = {
                "00000": request(node),
                "11001": frame(node, query, "2601"),
                "10002": frame(node, "<Voucher>", "2601"),
                "10003": request(node, ver="2.0"),
                "10007": request(node, des="F320699"),
            }
            for result, data in cases.items():
                answer = await line.ask(data)
                assert (answer.result, answer.under(who, token)) == (result, True)
            unknown = await line.ask(frame(node, query, "2699"))
            assert (unknown.result, unknown.under(who, token)) == ("10002", True)


async def test_a_busy_store_is_told_under_the_token_of_the_request(site: Installation) -> None:
    site.configure({"listen": {"max_pending_writes": 1, "handler_timeout_seconds": 0.5}})
    who = site.identity(BANK)
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address)
        with closing(sqlite3.connect(site.store_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = await asyncio.gather(*(change(line, who, NEW) for _ in range(6)))
            other.execute("ROLLBACK")
        # Some were turned away at once, some when their time was up.
        assert {a.result for a in answers} == {"10006"}
        assert all(a.under(who, who.token) and a.head.des == BANK for a in answers)
        assert {a.about for a in answers} == {"2003"}
        # What was begun may have been kept: the same message again, until it is answered.
        async with asyncio.timeout(20):
            while (answer := await change(line, who, NEW)).result == "10006":
                assert answer.under(who, who.token)
        assert (answer.result, answer.under(who, NEW)) == ("00000", True)
        assert await gateway.stop() == 0
    busy = events(gateway.log_file.read_text("utf-8"), "busy")
    assert {line["reason"] for line in busy} >= {"store queue is full", "handler timeout"}


@pytest.mark.parametrize("confirmed", [False, True])
async def test_what_we_start_uses_the_newest(
    town: County, bank: Bank, other_bank: Bank, confirmed: bool
) -> None:
    """Also before the peer has sent anything under it; the peer's answer under it confirms it."""
    await town.open()
    for node in (bank, other_bank):
        code, former = node.node.code, node.node.identity.token
        assert await node.change_token(Secret(NEW)) == "00000"
        if confirmed:
            assert await node.link_test() == "00000"
        await town.installation.must("peer", "notice", code, "--subject", "x", "--content", "y",
                                     operator="maker1")  # fmt: skip
        [sent] = await node.node.wait_for("5000")
        assert sent.token == Secret(NEW)
        assert sent.token != former


# -- how the token travels -----------------------------------------------------------------


@pytest.mark.parametrize("lower", [False, True])
async def test_a_3des_node_sends_it_encrypted_in_either_case(inside: Inside, lower: bool) -> None:
    who = inside.identity(OTHER)
    text = sent_form(who, NEW)
    answer = await inside.line.ask(change_token(who, text.lower() if lower else text))
    assert (answer.result, answer.under(who, NEW)) == ("00000", True)


_WRONG = "Zz0" * 10 + "Zz"


@pytest.mark.parametrize("case", [
    "plain", "another key", "no token", "31 and a space", "short", "long", "no hex", "empty",
])  # fmt: skip
async def test_what_a_3des_node_sends_otherwise_is_refused(inside: Inside, case: str) -> None:
    who, other_key = inside.identity(OTHER), inside.identity(CLEARING)
    cipher = who.algorithm.cipher
    assert cipher is not None
    text = {
        "plain": _WRONG,
        "another key": sent_form(other_key, _WRONG),
        "no token": cipher.encrypt(("!" * 32).encode()).hex(),
        "31 and a space": cipher.encrypt((_WRONG[:31] + " ").encode()).hex(),
        "short": sent_form(who, _WRONG)[:48],
        "long": sent_form(who, _WRONG) + "00",
        "no hex": "g" * 64,
        "empty": "",
    }[case]
    counts = await inside.rows()
    answer = await inside.line.ask(change_token(who, text))
    assert (answer.result, answer.under(who, who.token)) == ("10002", True)
    assert "Token" in answer.information
    assert _WRONG not in answer.information
    assert not text or text not in answer.information
    assert await inside.rows() == counts
    assert await accepted(inside.line, who)


@pytest.fixture
async def open_to_all(site: Installation) -> AsyncIterator[Inside]:
    """A gateway whose peers may come from anywhere."""
    site.configure(
        {"listen": {"host": "0.0.0.0"}},  # noqa: S104 - its peers come from elsewhere
        dict.fromkeys((BANK, OTHER, CLEARING), EVERYBODY),
    )
    async with opened(site, ManualClock(START_MS)) as inside:
        yield inside


@pytest.mark.parametrize(
    ("code", "origin", "result"),
    [
        (BANK, ELSEWHERE, "10002"),
        (BANK, Origin("::ffff:192.0.2.77"), "10002"),
        (BANK, Origin("2001:db8::1"), "10002"),
        (BANK, Origin("192.0.2.77", tls=True), "00000"),
        (BANK, Origin("127.0.0.1"), "00000"),
        (BANK, Origin("127.8.9.10"), "00000"),
        (BANK, Origin("::1"), "00000"),
        (BANK, Origin("::ffff:127.0.0.1"), "00000"),
        (OTHER, ELSEWHERE, "00000"),
        (CLEARING, ELSEWHERE, "10002"),
        (CLEARING, Origin("127.0.0.1"), "10002"),
        (CLEARING, Origin("192.0.2.77", tls=True), "00000"),
    ],
)
async def test_plain_text_needs_tls_or_loopback_and_a_replayable_mac_needs_tls(
    open_to_all: Inside, code: str, origin: Origin, result: str
) -> None:
    who = open_to_all.identity(code)
    counts = await open_to_all.rows()
    answer = await open_to_all.judge(change_token(who, sent_form(who, NEW)), origin)
    assert answer.result == result
    assert answer.under(who, NEW if result == "00000" else who.token)
    if result != "00000":
        assert "Token" in answer.information
        assert NEW not in answer.information
        assert await open_to_all.rows() == counts
        assert await stored(open_to_all.installation, code) is None


async def test_plain_text_from_another_machine_s_address(
    open_to_all: Inside, outside_address: str
) -> None:
    """The same over a real socket that does not come from loopback."""
    who = open_to_all.identity()
    port = open_to_all.line.address.port
    line = Line(type(open_to_all.line.address)(outside_address, port), local=outside_address)
    answer = await change(line, who, NEW)
    assert (answer.result, answer.under(who, who.token)) == ("10002", True)
    assert await accepted(line, who)


# -- at rest -------------------------------------------------------------------------------


def spellings(token: str) -> list[bytes]:
    """How a token could stand somewhere: plain, hex in both cases, inside base64 at any offset."""
    plain = token.encode()
    found = [plain, plain.hex().encode(), plain.hex().upper().encode()]
    for shift in range(3):
        # Only the groups that belong to the token alone: its neighbours are not known.
        text = base64.b64encode(bytes(shift) + plain + bytes(3))
        found.append(text[4 if shift else 0 : (shift + len(plain)) // 3 * 4])
    return found


@pytest.mark.parametrize("code", [BANK, OTHER])
async def test_it_is_sealed_in_store_journal_archive_and_log(inside: Inside, code: str) -> None:
    """No byte of it in any spelling: what was set, what it replaced, what was refused."""
    who, line, site = inside.identity(code), inside.line, inside.installation
    former, wrong = token_of(who), "R4" * 15 + "R"
    await change(line, who, NEW)
    assert await accepted(line, under(who, NEW))
    await change(line, under(who, NEW), NEWER)
    await change(line, under(who, NEW), "Q7" * 16)
    await line.ask(change_token(under(who, NEWER), wrong))
    await line.ask(change_token(under(who, "W5" * 16), sent_form(who, "W6" * 16)))
    files = {
        path.name: path.read_bytes()
        for path in site.directory.iterdir()
        if path.name.startswith("nontax.db")
    }
    assert sum(map(len, files.values())) > 10_000
    texts = {**files, "log": inside.stream.getvalue().encode()}
    for command in (
        ("journal", "export"),
        ("message", "list", "--json"),
        ("message", "show", "1", "--json"),
        ("message", "show", "1"),
        ("peer", "show", code, "--json"),
    ):
        finished = await site.must(*command)
        assert finished.stdout
        texts[" ".join(command)] = (finished.stdout + finished.stderr).encode()
    for token in (former, NEW, NEWER, "Q7" * 16, wrong, "W5" * 16, "W6" * 16):
        needles = spellings(token)
        if len(token) == 32:
            needles += spellings(sent_form(who, token)) + spellings(sent_form(who, token).lower())
        for place, text in texts.items():
            assert not [needle for needle in needles if needle in text], place
    archived = texts["message show 1 --json"].decode()
    assert '"2003"' in archived
    assert "***" in archived


def test_the_search_finds_what_it_looks_for() -> None:
    for needle in spellings(NEWER):
        assert len(needle) >= 32
    for shift in range(3):
        hidden = base64.b64encode(b"x" * shift + b"<Token>" + NEWER.encode() + b"</Token>")
        assert any(needle in hidden for needle in spellings(NEWER))


# -- several processes ---------------------------------------------------------------------


async def test_another_process_knows_the_new_token_at_once_and_refuses_the_old_after_the_grace(
    site: Installation,
) -> None:
    site.configure({"collection": {"token_grace_seconds": 0}})
    who = site.identity(BANK)
    async with GatewayProcess(site, "a") as a, GatewayProcess(site, "b") as b:
        one, other = Line(a.address), Line(b.address)
        for line in (one, other):  # both hold the old state now
            assert await accepted(line, who)
        assert (await change(one, who, NEW)).under(who, NEW)
        assert await accepted(other, who)
        assert await accepted(other, under(who, NEW))
        for line in (other, one):
            assert not await accepted(line, who)
            assert await accepted(line, under(who, NEW))
        # The other process decides about 2003 by the books, not by what it holds.
        answer = await change(other, under(who, NEW), NEWER)
        assert answer.under(who, NEWER)
        assert (await change(one, under(who, NEW), NEWER)).under(who, NEWER)
        assert (await change(one, under(who, NEW), "M" * 32)).result == "10004"


async def test_a_grace_that_another_process_started_holds_here(site: Installation) -> None:
    """Two gateways on one store, one clock each, as two machines have them."""
    here, there = ManualClock(START_MS), ManualClock(START_MS)
    who = site.identity(BANK)
    async with opened(site, here) as a, opened(site, there) as b:
        await change(a.line, who, NEW)
        assert await accepted(b.line, under(who, NEW))
        for clock in (here, there):
            clock.advance(seconds=GRACE, ms=-1)
        assert await accepted(a.line, who)
        for clock in (here, there):
            clock.advance(ms=1)
        assert not await accepted(a.line, who)
        assert not await accepted(b.line, who)
    assert (await rows(site))["journal"] > 0


async def test_a_token_set_by_an_operator_ends_the_old_one_everywhere(site: Installation) -> None:
    """`nontax peer set-token`: agreed offline, so nothing is left of the one before."""
    who, clock = site.identity(BANK), ManualClock(START_MS)
    file = site.directory / "agreed"
    file.write_text(NEW + "\n", "ascii")
    async with opened(site, clock) as inside:
        assert await accepted(inside.line, who)
        await site.must("peer", "set-token", BANK, "--token-file", str(file), operator="maker1")
        assert await accepted(inside.line, under(who, NEW))  # looked up before it is refused
        assert not await accepted(inside.line, who)
        clock.advance(seconds=2)
        assert not await accepted(inside.line, who)
