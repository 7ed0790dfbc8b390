"""Rows 1, 2 and 4: whole exchanges against a bare uvloop echo of the same bytes."""

from __future__ import annotations

import statistics
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bureau import Bureau
from benchmarks.load import cpu_per_exchange, echo_server
from benchmarks.rows import Row, row

Where = tuple[int, str, int]
_DUE = b"CNNONTAX1.05603"
# What an accepted confirmation is answered with, as its voucher begins in base64.
_ACCEPTED = b64encode(b"<Voucher><OriMsgNo>2612</OriMsgNo><Result>00000"[:45])
ALGORITHMS = ("sha256-token", "3des-token", "3des-digest")


@dataclass(frozen=True, slots=True)
class _Running:
    """What is compared, and how often."""

    bureau: Bureau
    echo: Where
    gateway: Where
    rounds: int
    exchanges: int

    def unit(self, frames: Sequence[bytes]) -> float:
        return cpu_per_exchange(*self.echo, frames, b"CNNONTAX")

    def ours(self, frames: Sequence[bytes], accept: bytes) -> float:
        return cpu_per_exchange(*self.gateway, frames, accept)


def measure(*, rounds: int, exchanges: int) -> list[Row]:
    """Measure the rows; every round measures echo and gateway in turn."""
    with tempfile.TemporaryDirectory(prefix="nontax-bench-") as folder:
        bureau = Bureau.make(Path(folder) / "bureau")
        bills = bureau.bills((rounds + 1) * exchanges * len(ALGORITHMS))
        with echo_server() as echo, bureau.serving() as gateway:
            running = _Running(bureau, echo, gateway, rounds, exchanges)
            return [_queries(running, bills[:exchanges]), *_confirmations(running, bills)]


def _queries(running: _Running, bills: Sequence[str]) -> Row:
    frames = running.bureau.queries(bills, "sha256-token")
    running.ours(frames, _DUE)  # warm
    ratios, micro = [], []
    for _ in range(running.rounds):
        unit = running.unit(frames)
        ours = running.ours(frames, _DUE)
        ratios.append(ours / unit)
        micro.append(ours * 1e6)
    details = {"µs": statistics.median(micro)}
    return row(1, "2601 -> 5603 / echo", ratios, must=5.0, aim=3.5, details=details)


def _confirmations(running: _Running, bills: Sequence[str]) -> list[Row]:
    source = iter(bills)
    cost: dict[str, list[float]] = {name: [] for name in ALGORITHMS}
    units = []
    for number in range(running.rounds + 1):
        # Each algorithm takes each place in the round: the books grow, and checkpoints fall.
        turn = number % len(ALGORITHMS)
        for name in ALGORITHMS[turn:] + ALGORITHMS[:turn]:
            codes = [next(source) for _ in range(running.exchanges)]
            frames = running.bureau.confirmations(codes, name)
            if name == "sha256-token":
                units.append(running.unit(frames))
            cost[name].append(running.ours(frames, _ACCEPTED))
    cost = {name: measured[1:] for name, measured in cost.items()}  # the first round warms
    plain = cost["sha256-token"]
    ratios = [ours / unit for ours, unit in zip(plain, units[1:], strict=True)]
    details = {"µs": statistics.median(plain) * 1e6}
    rows = [row(2, "2612 -> 5001 durable / echo", ratios, must=8.0, aim=5.5, details=details)]
    for name in ALGORITHMS[1:]:
        against = [other / base for other, base in zip(cost[name], plain, strict=True)]
        rows.append(row(4, f"2612 with {name} / with sha256-token", against, must=1.15, aim=None))
    return rows
