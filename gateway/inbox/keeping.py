"""Keeping what was malformed, behind the answer: no peer waits for it, nothing fails by it.

The task of each message ends in the books or in the log. So many messages, or bytes, that the store
does not keep up with are not waited for: they were refused, and their senders know it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, NamedTuple

from ...codecs import Head
from ..observe.log import Log, innermost
from ..observe.metrics import Metrics
from ..store import inbox
from ..store.inbox import InboxForm, InboxMessage
from ..store.protocol import Store, StoreError, Transaction
from ..tokens import Sealer
from .contents import digest_of, identity_of, seal, seen_information

LARGEST_KEPT: Final = 256 * 1024
"""Bytes; of a larger voucher only the digest and the size are kept."""
NEVER_KEPT: Final = frozenset(("2003", "2601", "8981", "8997", "8999"))
"""A token is a secret; a query (查询) and a number (票据号码) are of their moment, and asked for
again; what was signed can be corrected by its signer alone."""
_MOST_WAITING: Final = 64
_MOST_BYTES: Final = 32 * 1024 * 1024
_THREAD_BYTES: Final = 65_536


class Malformed(NamedTuple):
    """A message whose MAC was good, and why it was refused. `at` in milliseconds UTC."""

    peer: str
    head: Head
    at: int
    result: str
    information: str
    form: InboxForm
    content: bytes
    charset: str = "GBK"

    def __repr__(self) -> str:
        return f"Malformed({self.peer}, {self.head.msg_no})"  # the rest may be personal


class InboxKeeper:
    """Keeps malformed messages of this process."""

    def __init__(
        self,
        *,
        store: Store,
        sealer: Sealer,
        log: Log,
        metrics: Metrics,
        limit: int,
    ) -> None:
        """`limit`: so many of one peer may wait for a person."""
        self._store = store
        self._sealer = sealer
        self._log = log
        self._metrics = metrics
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0

    def keep(self, malformed: Malformed) -> None:
        """Keep a message soon; returns at once and raises nothing."""
        size = len(malformed.content)
        if len(self._tasks) >= _MOST_WAITING or self._bytes + size > _MOST_BYTES:
            self._lost(malformed, "too many wait")
            return
        self._bytes += size
        task = asyncio.get_running_loop().create_task(self._keep(malformed), name="inbox")
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, size))

    async def settle(self) -> None:
        """Wait until every message that came before is kept, or is given up."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, size: int, task: asyncio.Task[None]) -> None:
        self._bytes -= size
        self._tasks.discard(task)

    async def _keep(self, malformed: Malformed) -> None:
        try:
            if len(malformed.content) > _THREAD_BYTES:
                row = await asyncio.to_thread(self._row, malformed)
            else:
                row = self._row(malformed)

            async def work(tx: Transaction) -> inbox.Kept:
                return await inbox.keep(tx, row, self._limit)

            kept = await self._store.transact(work)
        except StoreError as error:
            self._lost(malformed, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - nobody waits for it; its text may be personal
            self._lost(malformed, f"{type(error).__name__} at {innermost(error)}")
        else:
            self._told(malformed, kept)

    def _row(self, malformed: Malformed) -> InboxMessage:
        head, content = malformed.head, malformed.content
        small = len(content) <= LARGEST_KEPT
        read = content[:LARGEST_KEPT]
        identity = identity_of(read, malformed.form, head.msg_no, malformed.charset)
        return InboxMessage(
            id=0,
            peer=malformed.peer,
            number=head.msg_no,
            msg_id=head.msg_id,
            msg_ref=head.msg_ref,
            work_date=head.work_date,
            received_at=malformed.at,
            last_at=malformed.at,
            result=malformed.result,
            information=seen_information(malformed.information),
            form=malformed.form,
            size=len(content),
            digest=digest_of(content),
            content=seal(self._sealer, content, malformed.peer) if small else "",
            changed_at=malformed.at,
            cfm_date=identity.cfm_date,
            tra_no=identity.tra_no,
            pay_code=identity.pay_code,
        )

    def _told(self, malformed: Malformed, kept: inbox.Kept) -> None:
        number = malformed.head.msg_no
        if kept == "again":
            self._metrics.count("inbox_again", number)
        elif kept == "full":
            self._metrics.count("inbox_full", number)
            self._log.event("warning", "inbox_full", peer=malformed.peer, number=number)
        else:
            self._metrics.count("inbox_kept", number)
            self._log.event(
                "warning",
                "inbox_kept",
                peer=malformed.peer,
                number=number,
                msg_id=malformed.head.msg_id,
            )

    def _lost(self, malformed: Malformed, reason: str) -> None:
        number = malformed.head.msg_no
        self._metrics.count("inbox_not_kept", number)
        self._log.event(
            "warning", "inbox_not_kept", peer=malformed.peer, number=number, reason=reason
        )
