"""Telling people that their e-invoice is there (通知): files for the site's SMS or mail sender.

A notice waits in the books from the moment its invoice is archived. A process takes it, writes a
file for each recipient into the spool folder, and notes that. A process that dies in between leaves
files whose names say which notice they are: they are written again under the same names, with the
same contents, and `id` lets a sender know what it has sent.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

from ..clock import Clock, civil_from_ms
from ..observe.log import Log
from ..settlement.spool import put
from ..store import Store, StoreClosed, StoreError, einvoicenotices
from ..store.einvoicenotices import DueNotice
from .links import invoice_url

Channel = Literal["sms", "email"]

_AT_ONCE: Final = 100
_LEASE_MS: Final = 300_000
_PHONE = re.compile(r"\+?[0-9](?:[0-9-]{3,18})[0-9]")
_EMAIL = re.compile(r"[0-9A-Za-z._%+-]{1,40}@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+")


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for one recipient."""

    id: str
    channel: Channel
    to: str = field(repr=False)
    event: Literal["einvoice_ready", "einvoice_reversed"]
    subject: str
    text: str = field(repr=False)
    url: str = field(repr=False)
    code: str
    number: str
    random: str = field(repr=False)
    made_at: str

    def as_json(self) -> str:
        """The file's contents: what a sender needs, and nothing else of the invoice."""
        names = ("id", "event", "channel", "to", "subject", "text", "url", "code", "number")
        facts = {name: getattr(self, name) for name in (*names, "random", "made_at")}
        return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class InvoiceTexts:
    """What notices are made with: the node's name and ``[einvoice] url``."""

    finance: str
    url: str

    def notices(self, due: DueNotice) -> list[Notice]:
        """A notice for each recipient, none for an invoice without an address that can be used."""
        link = invoice_url(self.url, due.code, due.number, due.random)
        red = due.kind == "red"
        subject = "财政电子票据(红字)开具通知" if red else "财政电子票据开具通知"
        did = "您的一张财政电子票据已冲红,红字票据" if red else "您的财政电子票据已开具,票据"
        date = f"{due.issue_date[:4]}年{int(due.issue_date[4:6])}月{int(due.issue_date[6:])}日"
        text = (
            f"【{self.finance}】{did}代码{due.code},号码{due.number},校验码{due.random},"
            f"开票日期{date},开票单位{due.unit_name}。"
        )
        if link:
            text += f"查看:{link}"
        return [
            Notice(
                id=f"einvoice-{due.code}-{due.number}-{channel}-{place}",
                channel=channel,
                to=to,
                event="einvoice_reversed" if red else "einvoice_ready",
                subject=subject,
                text=text,
                url=link,
                code=due.code,
                number=due.number,
                random=due.random,
                made_at=f"{civil_from_ms(due.archived_at):%Y-%m-%dT%H:%M:%S}+08:00",
            )
            for channel, place, to in recipients(due)
        ]


def recipients(due: DueNotice) -> Iterator[tuple[Channel, int, str]]:
    """Channel, number within the channel and address: what 8981 named first, then the bill's.

    Addresses that are none are left out: a line break in one would reach the sender's headers.
    """
    phones = [text.strip() for text in (due.telephone, due.mobile)]
    known = dict.fromkeys(phone for phone in phones if _PHONE.fullmatch(phone))
    for place, phone in enumerate(known, start=1):
        yield "sms", place, phone
    email = due.email.strip()
    if _EMAIL.fullmatch(email):
        yield "email", 1, email


class Notifier:
    """Writes the files of waiting notices."""

    def __init__(
        self, store: Store, texts: InvoiceTexts, folder: Path, *, owner: str, clock: Clock
    ) -> None:
        """`owner` names this process among all that may write notices; `folder` is the spool."""
        self._store = store
        self._texts = texts
        self._folder = folder
        self._owner = owner
        self._clock = clock

    async def write_waiting(self) -> int:
        """Write all that waits and is not in another process's hands; the number of files.

        Raises OSError, StoreError; what was written before it is noted.
        """
        files = 0
        while True:
            now = self._clock.now_ms()
            due = await self._store.transact(
                partial(
                    einvoicenotices.claim,
                    owner=self._owner,
                    at=now,
                    before=now - _LEASE_MS,
                    limit=_AT_ONCE,
                )
            )
            if not due:
                return files
            written: list[tuple[int, int]] = []
            try:
                await asyncio.to_thread(self._write, due, written)
            finally:
                if written:
                    at = self._clock.now_ms()
                    await self._store.transact(
                        partial(einvoicenotices.done, owner=self._owner, written=written, at=at)
                    )
            files += sum(count for _, count in written)

    def _write(self, due: Sequence[DueNotice], written: list[tuple[int, int]]) -> None:
        for one in due:
            notices = self._texts.notices(one)
            for notice in notices:
                put(self._folder, f"{notice.id}.json", notice.as_json())
            written.append((one.seq, len(notices)))


class NoticeKeeper:
    """Writes notices every so many seconds until `stop`; several processes may do so."""

    def __init__(
        self,
        notifier: Notifier,
        *,
        every_seconds: float,
        log: Log,
        after: Callable[[int], None] = lambda files: None,
    ) -> None:
        """`after` hears how many files each round wrote."""
        self._notifier = notifier
        self._every = every_seconds
        self._log = log
        self._after = after
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Write, wait, and so on until `stop`."""
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(self._every):
                    await self._stopping.wait()
            except TimeoutError:
                if not await self._round():
                    return

    async def _round(self) -> bool:
        """One round; False when the store is closed."""
        try:
            files = await self._notifier.write_waiting()
        except StoreClosed:
            return False
        except StoreError as error:
            self._log.event("error", "notice_store", reason=str(error))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._log.event("error", "notice_spool", reason=reason)
        else:
            if files:
                self._log.event("info", "notices_written", files=files)
            self._after(files)
        return True

    async def stop(self) -> None:
        """Begin nothing new."""
        self._stopping.set()
