"""Limits of a running gateway: connections, guesses at a MAC, the life of an old token."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from nontax.codecs import FrameDecoder, RawFrame
from nontax.mac import Secret
from nontax.messages.common import LinkTest
from nontax.simulators.bank import Bank
from nontax.simulators.county import County
from nontax.simulators.identity import Received
from nontax.simulators.link import NoAnswerError
from nontax.simulators.peer import Node, Patience

LINK_TEST = LinkTest(TestTime="20260302120000")


async def test_more_connections_than_allowed_are_told_to_come_again(
    town: County, bank: Bank
) -> None:
    town.installation.configure({"listen": {"max_connections": 4}})
    address = await town.open()
    held = [await asyncio.open_connection(*address) for _ in range(4)]
    # Only when the gateway has answered on the last one has it counted all of them.
    _, writer = held[-1]
    writer.write(bank.node.identity.request(LINK_TEST, "F320682")[:50])
    await writer.drain()
    reader, extra = await asyncio.open_connection(*address)
    decoder = FrameDecoder()
    decoder.receive_data(await reader.read())
    frame = decoder.next_event()
    assert isinstance(frame, RawFrame)
    answer = bank.node.identity.open(frame, answers=LinkTest.SPEC)
    assert (answer.result, answer.blank_mac, answer.head.des) == ("10006", True, "UNKNOWN")
    assert getattr(answer.message, "OriMsgNo", "") == "0000"
    for _, open_writer in (*held, (reader, extra)):
        open_writer.close()
        await open_writer.wait_closed()
    bank.node.patience = Patience(attempts=100, pause_seconds=0.02)
    assert await bank.link_test() == "00000"


async def test_a_guesser_is_answered_no_more_and_the_owner_still_is(
    town: County, bank: Bank
) -> None:
    town.installation.configure({"listen": {"auth_failures_per_minute": 3}})
    await town.open()
    guesser = Node(replace(bank.node.identity, token=Secret("g" * 32)), gateway=bank.node.gateway)
    answers: list[Received] = []
    unanswered = 0
    for _ in range(6):
        try:
            answers.append(await guesser.call(LINK_TEST))
        except NoAnswerError:
            unanswered += 1
    assert [answer.result for answer in answers] == ["10004"] * 3
    assert unanswered == 3
    assert await bank.link_test() == "00000"


async def test_an_old_token_ends_with_the_first_frame_of_the_new_one(
    town: County, bank: Bank, other_bank: Bank
) -> None:
    """token_grace_seconds 0: what is answered from then on is answered under the new token."""
    town.installation.configure({"collection": {"token_grace_seconds": 0}})
    await town.open()
    for who in (bank, other_bank):
        stale = Node(replace(who.node.identity), gateway=who.node.gateway)
        assert await who.change_token(Secret("N" * 32)) == "00000"
        # Not confirmed yet: both are good, each answer comes under its request's token.
        early = await stale.call(LINK_TEST)
        assert (early.result, early.token) == ("00000", stale.identity.token)
        assert await who.link_test() == "00000"
        late = await stale.call(LINK_TEST)
        assert (late.result, late.blank_mac) == ("10004", True)
        await town.gateway.kill()
        await town.open()
        stale.gateway = who.node.gateway or town.gateway.address
        assert await who.link_test() == "00000"
        assert (await stale.call(LINK_TEST)).result == "10004"


async def test_a_lost_answer_to_a_token_change_is_found_out_by_repeating(
    town: County, bank: Bank
) -> None:
    await town.open()
    identity = bank.node.identity
    old = replace(identity)
    assert await bank.change_token(Secret("N" * 32)) == "00000"
    # The bank's software missed the answer and still uses the old token.
    forgetful = Bank(Node(old, gateway=bank.node.gateway))
    assert await forgetful.change_token(Secret("M" * 32)) == "10004"
    assert await forgetful.change_token(Secret("N" * 32)) == "00000"
    assert await forgetful.link_test() == "00000"
