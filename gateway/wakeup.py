"""Waking those who wait for work in the books, within this process.

The books are the truth: whoever is not woken (another process, a lost moment) finds the work when
it looks again. A wake between two waits is not lost, and several wakes are one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Listener:
    """One waiting place; each task that waits has its own."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._peers: set[str] = set()

    def notify(self, peers: Iterable[str] = ()) -> None:
        """Let the next, or the present, wait return."""
        self._peers.update(peers)
        self._event.set()

    async def wait(self, seconds: float) -> frozenset[str]:
        """Wait for a wake, at most so long; the peers that were named since the last wait."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        named, self._peers = frozenset(self._peers), set()
        return named


class Wakeup:
    """Tells every listener that peers have something new in their outbox.

    Call it on the event loop's own thread, after the commit.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._own: Listener | None = None

    def listen(self) -> Listener:
        """A new listener, which hears every wake from now on."""
        listener = Listener()
        self._listeners.append(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        """The listener waits no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def wake(self, peers: Iterable[str]) -> None:
        """Wake everybody who waits."""
        named = tuple(peers)
        for listener in self._listeners:
            listener.notify(named)

    async def wait(self, seconds: float) -> frozenset[str]:
        """Wait as the one listener of a program that has a single waiter."""
        if self._own is None:
            self._own = self.listen()
        return await self._own.wait(seconds)
