"""The chart of the day: payments by hour, number and amount, as one inline SVG.

Whole numbers only: tenths of a unit of the drawing, so that the same day gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from .model import UNKNOWN_HOUR, Hour
from .words import yuan

_WIDTH: Final = 1080
_HEIGHT: Final = 196
_LEFT: Final = 62
_PANEL: Final = 470
_GAP: Final = 1080 - 2 * 470 - 62
_TOP: Final = 24
_BASE: Final = 172
_HOURS: Final = 24
_TENTHS: Final = 10
_TICKS: Final = 5
_WAN: Final = 1_000_000
"""10,000 yuan (万元) in fen."""


def day_chart(hours: Sequence[Hour]) -> str:
    """An SVG of the hours' payments; hours that are missing have none. Amounts in fen."""
    by_hour = {one.hour: one for one in hours if one.hour != UNKNOWN_HOUR}
    full = [by_hour.get(hour, Hour(hour, 0, 0)) for hour in range(_HOURS)]
    said = "各小时缴款:" + ",".join(
        f"{one.hour}时{one.count}笔{yuan(one.amt)}元" for one in full if one.count
    )
    counts = _panel(_LEFT, "笔数(笔)", full, lambda one: one.count, _count_label)
    unit = "万元" if max(one.amt for one in full) >= 5 * _WAN else "元"
    amounts = _panel(
        _LEFT + _PANEL + _GAP, f"金额({unit})", full, lambda one: one.amt, _amount_label(unit)
    )
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(said)}">{counts}{amounts}</svg>'
    )


def _panel(
    left: int,
    title: str,
    hours: Sequence[Hour],
    value: Callable[[Hour], int],
    label: Callable[[int], str],
) -> str:
    step, top = scale(max(value(one) for one in hours))
    right = left + _PANEL - 8
    parts = [f'<text class="t" x="{left}" y="12">{title}</text>']
    for tick in range(0, top + 1, step):
        y = _BASE * _TENTHS - tick * (_BASE - _TOP) * _TENTHS // top
        css = "axis" if tick == 0 else "grid"
        parts.append(
            f'<line class="{css}" x1="{left}" x2="{right}" y1="{_tenth(y)}" y2="{_tenth(y)}"/>'
            f'<text class="y" x="{left - 6}" y="{_tenth(y + 35)}">{label(tick)}</text>'
        )
    slot = (right - left) * _TENTHS // _HOURS
    for one in hours:
        x = left * _TENTHS + one.hour * slot
        height = value(one) * (_BASE - _TOP) * _TENTHS // top
        if value(one):
            parts.append(
                f'<rect class="bar" x="{_tenth(x + slot // 6)}"'
                f' y="{_tenth(_BASE * _TENTHS - max(height, 8))}"'
                f' width="{_tenth(slot - slot // 3)}" height="{_tenth(max(height, 8))}">'
                f"<title>{one.hour}时 {one.count:,}笔 {yuan(one.amt)}元</title></rect>"
            )
        parts.append(
            f'<text class="x" x="{_tenth(x + slot // 2)}" y="{_BASE + 14}">{one.hour}</text>'
        )
    return "<g>" + "".join(parts) + "</g>"


def scale(most: int) -> tuple[int, int]:
    """Step and end of an axis from 0 that holds MOST in at most five steps of 1, 2 or 5 · 10^n."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * _TICKS >= most:
                tick = step * factor
                return tick, max(-(-most // tick), 1) * tick
        step *= 10


def _count_label(value: int) -> str:
    return f"{value:,}"


def _amount_label(unit: str) -> Callable[[int], str]:
    def label(fen: int) -> str:
        one = _WAN if unit == "万元" else 100
        whole, rest = divmod(fen, one)
        return (
            f"{whole:,}.{rest * 100 // one:02d}".rstrip("0").rstrip(".") if rest else f"{whole:,}"
        )

    return label


def _tenth(tenths: int) -> str:
    whole, rest = divmod(tenths, _TENTHS)
    return f"{whole}.{rest}" if rest else str(whole)
