"""Rows 1, 2 and 4: whole exchanges against a bare uvloop echo of the same bytes."""

from __future__ import annotations

import statistics
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bureau import Bureau
from benchmarks.load import cpu_per_exchange, echo_server
from benchmarks.rows import Row, row

Where = tuple[int, str, int]
# What an accepted confirmation is answered with, as its voucher begins in base64.
_ACCEPTED = b64encode(b"<Voucher><OriMsgNo>2612</OriMsgNo><Result>00000"[:45])
ALGORITHMS = ("sha256-token", "3des-token", "3des-digest")


def measure(*, rounds: int, exchanges: int) -> list[Row]:
    """Measure the rows; every round measures echo and gateway in turn."""
    with tempfile.TemporaryDirectory(prefix="nontax-bench-") as folder:
        bureau = Bureau.make(Path(folder) / "bureau")
        bills = bureau.bills((rounds + 1) * exchanges * len(ALGORITHMS))
        with echo_server() as echo, bureau.serving() as gateway:
            return [
                _queries(bureau, bills[:exchanges], echo, gateway, rounds),
                *_confirmations(bureau, bills, echo, gateway, rounds, exchanges),
            ]


def _echo(echo: Where, frames: Sequence[bytes]) -> float:
    return cpu_per_exchange(*echo, frames, b"CNNONTAX")


def _queries(bureau: Bureau, bills: Sequence[str], echo: Where, gateway: Where, rounds: int) -> Row:
    frames = bureau.queries(bills, "sha256-token")
    cpu_per_exchange(*gateway, frames, b"CNNONTAX1.05603")  # warm
    ratios, micro = [], []
    for _ in range(rounds):
        unit = _echo(echo, frames)
        ours = cpu_per_exchange(*gateway, frames, b"CNNONTAX1.05603")
        ratios.append(ours / unit)
        micro.append(ours * 1e6)
    details = {"µs": statistics.median(micro)}
    return row(1, "2601 -> 5603 / echo", ratios, must=5.0, aim=3.5, details=details)


def _confirmations(
    bureau: Bureau,
    bills: Sequence[str],
    echo: Where,
    gateway: Where,
    rounds: int,
    exchanges: int,
) -> list[Row]:
    source = iter(bills)
    cost: dict[str, list[float]] = {name: [] for name in ALGORITHMS}
    units = []
    for number in range(rounds + 1):
        for name in ALGORITHMS:
            codes = [next(source) for _ in range(exchanges)]
            frames = bureau.confirmations(codes, name)
            if name == "sha256-token":
                units.append(_echo(echo, frames))
            ours = cpu_per_exchange(*gateway, frames, _ACCEPTED)
            if number:  # the first round warms
                cost[name].append(ours)
    ratios = [ours / unit for ours, unit in zip(cost["sha256-token"], units[1:], strict=True)]
    details = {"µs": statistics.median(cost["sha256-token"]) * 1e6}
    rows = [row(2, "2612 -> 5001 durable / echo", ratios, must=8.0, aim=5.5, details=details)]
    for name in ALGORITHMS[1:]:
        against = [
            other / plain for other, plain in zip(cost[name], cost["sha256-token"], strict=True)
        ]
        title = f"2612 with {name} / with sha256-token"
        rows.append(row(4, title, against, must=1.15, aim=None))
    return rows
