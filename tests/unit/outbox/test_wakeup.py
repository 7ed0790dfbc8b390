"""Waking: nothing is lost, several wakes are one."""

from __future__ import annotations

import asyncio

from nontax.gateway.wakeup import Wakeup


async def test_a_wake_ends_the_wait_and_names_the_peers() -> None:
    wakeup = Wakeup()
    waiting = asyncio.create_task(wakeup.wait(60))
    await asyncio.sleep(0)
    wakeup.wake(("A",))
    wakeup.wake(["B", "A"])
    assert await waiting == {"A", "B"}


async def test_a_wake_before_the_wait_is_not_lost_and_heard_once() -> None:
    wakeup = Wakeup()
    assert await wakeup.wait(0) == frozenset()
    wakeup.wake(("A",))
    assert await wakeup.wait(60) == {"A"}
    assert await wakeup.wait(0) == frozenset()


async def test_every_listener_hears_it() -> None:
    wakeup = Wakeup()
    one, other = wakeup.listen(), wakeup.listen()
    wakeup.wake(("A",))
    assert await one.wait(60) == await other.wait(60) == {"A"}
    wakeup.forget(other)
    wakeup.forget(other)
    wakeup.wake(("B",))
    assert await one.wait(60) == {"B"}
    assert await other.wait(0) == frozenset()


async def test_a_notification_of_oneself_names_nobody() -> None:
    listener = Wakeup().listen()
    listener.notify()
    assert await listener.wait(60) == frozenset()
