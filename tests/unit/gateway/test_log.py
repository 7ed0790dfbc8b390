"""The service's log: one JSON object a line, nothing lost silently, nobody held up."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nontax.gateway.observe import log as log_module
from nontax.gateway.observe.log import MOST_WAITING, Log, quoted
from nontax.gateway.process import log_loop_error

# 2026-03-02 09:30:00.007 +08:00
NOW = 1_772_415_000_007
Flush = Callable[[], None]


def now() -> int:
    return NOW


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


class Later:
    """A schedule that flushes when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Flush] = []

    def __call__(self, flush: Flush) -> None:
        self.asked.append(flush)

    def run(self) -> None:
        asked, self.asked = self.asked, []
        for flush in asked:
            flush()


def test_a_line_is_one_json_object_with_civil_time() -> None:
    stream = io.StringIO()
    Log(stream, now).event("warning", "silent_peer", address="10.1.2.3", count=0, gone=None, x="")
    assert stream.getvalue().endswith("}\n")
    assert lines(stream) == [
        {
            "ts": "2026-03-02T09:30:00.007+08:00",
            "level": "warning",
            "event": "silent_peer",
            "address": "10.1.2.3",
            "count": 0,
        }
    ]


@pytest.mark.parametrize(
    "text",
    [
        '"',
        "\\",
        "\n",
        "\r",
        "\x00\x1b[2J",
        '","level":"error',
        "张三\u2028",
        "\ud800",
        "\x7f",
        "}\n{",
    ],
)
def test_no_text_breaks_out_of_its_field_or_line(text: str) -> None:
    """What a peer wrote (HEAD/SRC, MsgID) cannot forge a line of the log."""
    stream = io.StringIO()
    log = Log(stream, now)
    log.event("info", "a", field=text)
    log.line("info", "b", f'"field":{quoted(text)}')
    assert stream.getvalue().count("\n") == 2
    assert [(line["event"], line["field"]) for line in lines(stream)] == [("a", text), ("b", text)]


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_decides_what_is_written(level: str, written: list[str]) -> None:
    stream = io.StringIO()
    log = Log(stream, now, level=level)
    for each in ("debug", "info", "warning", "error"):
        log.event(each, "said")
        assert log.enabled(each) == (each in written)
    assert [line["level"] for line in lines(stream)] == written


def test_lines_wait_for_one_flush_and_keep_their_order() -> None:
    stream, later = io.StringIO(), Later()
    log = Log(stream, now, schedule=later)
    for number in range(5):
        log.event("info", "said", number=number)
    assert stream.getvalue() == ""
    assert len(later.asked) == 1
    later.run()
    assert [line["number"] for line in lines(stream)] == [0, 1, 2, 3, 4]
    log.event("info", "said", number=5)
    assert len(later.asked) == 1  # the first line behind a flush asks for the next one
    later.run()
    assert len(lines(stream)) == 6


def test_a_flush_while_a_line_is_made_does_not_lose_the_line() -> None:
    """The flush runs in a thread of its own and may come between any two steps of `line`."""
    stream, later = io.StringIO(), Later()
    flushing = False

    def clock() -> int:
        if flushing:
            thread = threading.Thread(target=log.flush)
            thread.start()
            thread.join()
        return NOW

    log = Log(stream, clock, schedule=later)
    log.event("info", "first")
    flushing = True
    log.event("info", "second")
    flushing = False
    later.run()
    assert [line["event"] for line in lines(stream)] == ["first", "second"]


def test_many_threads_lose_nothing_and_never_leave_lines_unscheduled() -> None:
    """Every time lines begin to wait somebody is told to flush, and exactly once."""
    stream, later = io.StringIO(), Later()
    log = Log(stream, now, schedule=later)
    threads, each = 8, 300
    barrier = threading.Barrier(threads)

    def talk(who: int) -> None:
        barrier.wait()
        for number in range(each):
            log.event("info", "said", who=who, number=number)
            if number % 7 == who % 7:
                log.flush()

    talkers = [threading.Thread(target=talk, args=(who,)) for who in range(threads)]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    later.run()
    said = [(line["who"], line["number"]) for line in lines(stream)]
    assert sorted(said) == [(who, number) for who in range(threads) for number in range(each)]
    for who in range(threads):
        assert [number for teller, number in said if teller == who] == list(range(each))


class SlowReader(io.StringIO):
    """A stream whose write waits, as a full pipe does."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        assert self.go_on.wait(20)
        return super().write(text)


def test_a_slow_reader_holds_nobody_who_logs() -> None:
    stream, later = SlowReader(), Later()
    log = Log(stream, now, schedule=later)
    log.event("info", "first")
    flusher = threading.Thread(target=log.flush)
    flusher.start()
    assert stream.entered.wait(20)
    done = threading.Event()

    def talk() -> None:
        log.event("info", "second")
        done.set()

    talker = threading.Thread(target=talk)
    talker.start()
    held = not done.wait(20)
    stream.go_on.set()
    talker.join()
    flusher.join()
    assert not held
    log.flush()
    assert [line["event"] for line in lines(stream)] == ["first", "second"]


def test_what_nobody_reads_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood costs bounded memory, and the log says that lines are missing."""
    assert MOST_WAITING >= 1000
    monkeypatch.setattr(log_module, "MOST_WAITING", 10)
    stream, later = io.StringIO(), Later()
    log = Log(stream, now, schedule=later)
    for number in range(25):
        log.event("warning", "flood", number=number)
    assert len(later.asked) == 1
    later.run()
    *kept, dropped = lines(stream)
    assert [line["number"] for line in kept] == list(range(10))
    assert (dropped["event"], dropped["count"]) == ("log_lines_dropped", 15)
    log.event("info", "after")
    later.run()
    assert [line["event"] for line in lines(stream)][-1] == "after"
    assert len(lines(stream)) == 12


class Broken(io.StringIO):
    """A pipe whose reader is gone, until it is mended."""

    broken = True

    def write(self, text: str) -> int:
        if self.broken:
            raise BrokenPipeError
        return super().write(text)


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_reader_that_is_gone_is_no_error_of_the_service(scheduled: bool) -> None:
    stream, later = Broken(), Later()
    log = Log(stream, now, schedule=later if scheduled else None)
    log.event("info", "one")
    log.event("info", "two")
    later.run()
    log.flush()
    stream.broken = False
    log.event("info", "three")
    log.flush()
    *rest, last = lines(stream)
    assert [line["event"] for line in (*rest, last)] == ["three", "log_lines_dropped"]
    assert last["count"] == 2


def test_what_the_loop_could_not_hand_over_is_logged_without_its_text() -> None:
    """A fault in a callback: asyncio would write a traceback with the values of the moment."""
    stream = io.StringIO()
    log = Log(stream, now)
    try:
        raise ValueError("张三 6217000000000000018")  # noqa: TRY301 - it needs a traceback
    except ValueError as error:
        log_loop_error(log, None, {"message": "Exception in callback f(张三)", "exception": error})
    log_loop_error(log, None, {"message": "张三"})
    assert "张三" not in stream.getvalue()
    first, second = lines(stream)
    assert (first["event"], first["error"]) == ("internal_error", "ValueError")
    assert first["where"].startswith("test_log.py:")
    assert second["event"] == "internal_error"
