"""The rows of the table: what is compared, where it must be, where it should be."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

OUT = Path(__file__).parent / "out" / "bench.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured comparison; `ratio` must be at most `must` and should be at most `aim`."""

    row: int
    name: str
    ratio: float
    must: float
    aim: float | None
    ok: bool
    details: dict[str, float] = field(default_factory=dict)


def row(
    number: int,
    name: str,
    ratios: Sequence[float],
    *,
    must: float,
    aim: float | None,
    details: dict[str, float] | None = None,
) -> Row:
    """A row from the ratios of several rounds: their median counts."""
    ratio = statistics.median(ratios)
    spread = {"rounds": float(len(ratios)), "lowest": min(ratios), "highest": max(ratios)}
    return Row(
        number, name, round(ratio, 3), must, aim, ratio <= must, {**spread, **(details or {})}
    )


def seconds_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process for one call."""
    before = time.process_time()
    work()
    return time.process_time() - before


def report(rows: Sequence[Row], notes: dict[str, float]) -> int:
    """Print the table, write the JSON, return 1 when a row is below "must", else 0."""
    print(f"\n{'row':>3}  {'what':<58} {'ratio':>7} {'must':>6} {'aim':>6}")
    for one in sorted(rows, key=lambda r: r.row):
        aim = f"{one.aim:.2f}" if one.aim is not None else "-"
        mark = "ok" if one.ok else "BELOW MUST"
        print(f"{one.row:>3}  {one.name:<58} {one.ratio:>7.2f} {one.must:>6.2f} {aim:>6}  {mark}")
        known = {k: v for k, v in one.details.items() if k != "rounds"}
        print("     " + ", ".join(f"{name} {value:,.4g}" for name, value in known.items()))
    if notes:
        print("\nmicroseconds of one core, tight loops:")
        for name, value in notes.items():
            print(f"     {name:<58} {value:>9.2f}")
    OUT.parent.mkdir(exist_ok=True)
    document = {"machine": machine(), "rows": [asdict(r) for r in rows], "microseconds": notes}
    OUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {OUT}")
    return 0 if all(one.ok for one in rows) else 1


def machine() -> dict[str, str | int]:
    """What this was measured on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 0,
    }
