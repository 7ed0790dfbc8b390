"""Notices of e-invoices: each once, for whom it is meant, and with nothing more than needed."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.clock import ManualClock
from nontax.gateway.einvoicing import notify
from nontax.gateway.einvoicing.notify import InvoiceTexts, NoticeKeeper, Notifier
from nontax.gateway.observe.log import Log
from nontax.gateway.store import einvoicenotices

from .archive_desk import AT, CODE, PAY_CODE, RANDOM, Desk, desk_at

TEXTS = InvoiceTexts("示例市财政局", "https://e.example/{code}/{number}/{random}")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path / "nontax.db") as desk:
        await desk.bill()
        yield desk


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT + 5000)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def notifier(desk: Desk, clock: ManualClock, folder: Path, owner: str = "one") -> Notifier:
    return Notifier(desk.store, TEXTS, folder, owner=owner, clock=clock)


def files(folder: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*"))}


def raw(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def take_all(folder: Path) -> None:
    """What the site's sender does."""
    for file in folder.iterdir():
        file.unlink()


def put_in_the_way(folder: Path) -> None:
    folder.write_text("in the way")


def clear_the_way(folder: Path) -> None:
    folder.unlink()


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


async def test_each_channel_and_recipient_gets_one(
    desk: Desk, clock: ManualClock, spool: Path
) -> None:
    await desk.invoice(telephone="051300000000", email="payer@example.cn")
    assert await notifier(desk, clock, spool).write_waiting() == 3
    found = files(spool)
    name = f"einvoice-{CODE}-0000000017"
    assert list(found) == [f"{name}-email-1.json", f"{name}-sms-1.json", f"{name}-sms-2.json"]
    assert found[f"{name}-sms-1.json"]["to"] == "051300000000"
    assert found[f"{name}-sms-2.json"]["to"] == "13000000000"
    mail = found[f"{name}-email-1.json"]
    link = f"https://e.example/{CODE}/0000000017/{RANDOM}"
    assert mail == {
        "id": f"{name}-email-1",
        "event": "einvoice_ready",
        "channel": "email",
        "to": "payer@example.cn",
        "subject": "财政电子票据开具通知",
        "text": f"【示例市财政局】您的财政电子票据已开具,票据代码{CODE},号码0000000017,校验码"
        f"{RANDOM},开票日期2026年11月22日,开票单位示例市自然资源局。查看:{link}",
        "url": link,
        "code": CODE,
        "number": "0000000017",
        "random": RANDOM,
        "made_at": "2026-11-22T09:30:00+08:00",
    }


async def test_nothing_of_the_payer_but_the_address(
    desk: Desk, clock: ManualClock, spool: Path
) -> None:
    await desk.invoice()
    await notifier(desk, clock, spool).write_waiting()
    file = only(spool)
    text = file.read_text("utf-8")
    for personal in ("张三", PAY_CODE, "80.00"):
        assert personal not in text
    assert file.stat().st_mode & 0o077 == 0


async def test_once_for_ever(desk: Desk, clock: ManualClock, spool: Path) -> None:
    await desk.invoice()
    assert await notifier(desk, clock, spool).write_waiting() == 1
    take_all(spool)
    clock.advance(seconds=86_400)
    assert await notifier(desk, clock, spool).write_waiting() == 0
    assert await notifier(desk, clock, spool, "two").write_waiting() == 0
    assert files(spool) == {}


async def test_a_red_one_is_told_too(desk: Desk, clock: ManualClock, spool: Path) -> None:
    await desk.invoice()
    await desk.red(18, 17)
    await notifier(desk, clock, spool).write_waiting()
    told = files(spool)[f"einvoice-{CODE}-0000000018-sms-1.json"]
    assert told["event"] == "einvoice_reversed"
    assert "冲红" in told["text"]


async def test_only_what_is_archived(desk: Desk, clock: ManualClock, spool: Path) -> None:
    await desk.invoice(archive=False)
    assert await notifier(desk, clock, spool).write_waiting() == 0
    assert await desk.store.scan(einvoicenotices.waiting) == 0


@pytest.mark.parametrize(
    ("telephone", "email"),
    [
        ("13000000000", "no address"),
        (" 13000000000 ", "a@b"),
        ("x\n13911111111", "a@example.cn\nBcc: all@example.cn"),
        ("", ""),
    ],
)
async def test_addresses_that_are_none_or_the_same_get_nothing(
    desk: Desk, clock: ManualClock, spool: Path, telephone: str, email: str
) -> None:
    await desk.invoice(telephone=telephone, email=email)
    assert await notifier(desk, clock, spool).write_waiting() == 1
    (told,) = files(spool).values()
    assert told["to"] == "13000000000"


async def test_an_invoice_without_addresses_is_done(
    desk: Desk, clock: ManualClock, spool: Path
) -> None:
    await desk.bill("32068226000000000027", mobile="")
    await desk.invoice(pay_code="32068226000000000027")
    assert await notifier(desk, clock, spool).write_waiting() == 0
    assert await desk.store.scan(einvoicenotices.waiting) == 0


async def test_a_process_that_died_leaves_its_notices_to_others(
    desk: Desk, clock: ManualClock, spool: Path
) -> None:
    await desk.invoice()

    async def take(tx: Any) -> Any:
        now = clock.now_ms()
        return await einvoicenotices.claim(tx, "dead", at=now, before=now - 1, limit=10)

    assert len(await desk.store.transact(take)) == 1
    other = notifier(desk, clock, spool, "two")
    assert await other.write_waiting() == 0, "somebody may be writing them"
    clock.advance(seconds=301)
    assert await other.write_waiting() == 1
    assert len(files(spool)) == 1


async def test_a_crash_between_file_and_note_gives_the_same_file(
    desk: Desk, clock: ManualClock, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.invoice()

    async def dies(*_args: object, **_named: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(notify.einvoicenotices, "done", dies)
        with pytest.raises(asyncio.CancelledError):
            await notifier(desk, clock, spool).write_waiting()
    before = raw(spool)
    assert len(before) == 1
    clock.advance(seconds=1000)
    assert await notifier(desk, clock, spool, "two").write_waiting() == 1
    assert raw(spool) == before


async def test_a_spool_that_cannot_be_written_loses_nothing(
    desk: Desk, clock: ManualClock, spool: Path
) -> None:
    await desk.invoice()
    put_in_the_way(spool)
    with pytest.raises(OSError, match="exists"):
        await notifier(desk, clock, spool).write_waiting()
    assert await desk.store.scan(einvoicenotices.waiting) == 1
    clear_the_way(spool)
    assert await notifier(desk, clock, spool).write_waiting() == 1


async def test_two_at_once_write_each_once(desk: Desk, clock: ManualClock, spool: Path) -> None:
    for number in range(1, 241):
        pay_code = f"{32068226000000000000 + number}"
        await desk.bill(pay_code)
        await desk.invoice(number, pay_code=pay_code)
    counts = await asyncio.gather(
        notifier(desk, clock, spool, "one").write_waiting(),
        notifier(desk, clock, spool, "two").write_waiting(),
    )
    assert sum(counts) == 240
    assert len(files(spool)) == 240
    assert await desk.store.scan(einvoicenotices.waiting) == 0


async def test_the_keeper_works_until_it_is_stopped(
    desk: Desk, clock: ManualClock, spool: Path
) -> None:
    await desk.invoice()
    log = io.StringIO()
    rounds: asyncio.Queue[int] = asyncio.Queue()
    keeper = NoticeKeeper(
        notifier(desk, clock, spool),
        every_seconds=0.001,
        log=Log(log, clock.now_ms),
        after=rounds.put_nowait,
    )
    running = asyncio.create_task(keeper.run())
    assert await rounds.get() == 1
    assert await rounds.get() == 0
    await keeper.stop()
    await running
    assert log.getvalue().count("notices_written") == 1
    assert "13000000000" not in log.getvalue()
    assert RANDOM not in log.getvalue()
