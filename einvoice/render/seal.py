"""Seals (印章) drawn in SVG: an ellipse with its name around it. A drawing, and nothing more."""

from __future__ import annotations

from html import escape
from math import atan2, cos, degrees, hypot, pi, sin
from typing import Final

_RED: Final = "#c8161d"
_STEPS: Final = 720
_MOST_AROUND: Final = 30
_GAP: Final = 0.46


def seal_svg(name: str, below: str, css: str, *, width: float, height: float) -> str:
    """A seal of `width` × `height` millimetres: the name along the ellipse, `below` in its middle.

    Both are escaped. A name that is too long for the ellipse is cut with an ellipsis; the page says
    it in full elsewhere.
    """
    around = name if len(name) <= _MOST_AROUND else f"{name[: _MOST_AROUND - 1]}…"
    size = min(3.9, height * 0.155, 46.0 * width / 45 / max(len(around), 10))
    return (
        f'<svg class="seal {css}" viewBox="0 0 {width:g} {height:g}" role="img"'
        f' aria-label="{escape(name)}" style="width:{width:g}mm;height:{height:g}mm">'
        f'<g fill="none" stroke="{_RED}">'
        f"{_ellipse(width, height, 0.5, 0.75)}{_ellipse(width, height, 1.35, 0.2)}</g>"
        f'<g fill="{_RED}" text-anchor="middle" font-size="{size:.2f}">'
        f"{_around(around, width, height, size)}"
        f"{_middle(below, width, height, size)}</g></svg>"
    )


def _ellipse(width: float, height: float, inset: float, stroke: float) -> str:
    return (
        f'<ellipse cx="{width / 2:g}" cy="{height / 2:g}" rx="{width / 2 - inset:g}"'
        f' ry="{height / 2 - inset:g}" stroke-width="{stroke:g}"/>'
    )


def _around(text: str, width: float, height: float, size: float) -> str:
    """Each character by itself, at equal distances along an inner ellipse, upright outwards."""
    radius_x, radius_y = width / 2 - 1.9 - size * 0.62, height / 2 - 1.9 - size * 0.62
    points = _points(radius_x, radius_y)
    whole = points[-1][2]
    count = max(len(text), 2)
    share = min(1 - _GAP / 2, count * size * 1.22 / whole) if count > 2 else 0.25
    first = whole * (1 - share) / 2
    step = whole * share / (count - 1)
    placed = []
    for index, character in enumerate(text):
        x, y, angle = _at(points, first + index * step, radius_x, radius_y)
        placed.append(
            f'<text transform="translate({width / 2 + x:.2f} {height / 2 + y:.2f})'
            f' rotate({angle:.1f})" dy=".36em">{escape(character)}</text>'
        )
    return "".join(placed)


def _points(radius_x: float, radius_y: float) -> list[tuple[float, float, float]]:
    """Points of an ellipse clockwise from its lowest one, with the way to each."""
    found: list[tuple[float, float, float]] = []
    way = 0.0
    for step in range(_STEPS + 1):
        turn = pi / 2 + 2 * pi * step / _STEPS
        x, y = radius_x * cos(turn), radius_y * sin(turn)
        if found:
            way += hypot(x - found[-1][0], y - found[-1][1])
        found.append((x, y, way))
    return found


def _at(
    points: list[tuple[float, float, float]], way: float, radius_x: float, radius_y: float
) -> tuple[float, float, float]:
    """Place and turn (degrees) of what stands so far along the ellipse."""
    x, y, _ = min(points, key=lambda point: abs(point[2] - way))
    return x, y, degrees(atan2(y / radius_y**2, x / radius_x**2)) + 90


def _middle(text: str, width: float, height: float, size: float) -> str:
    if not text:
        return ""
    shown = min(size * 0.92, width * 0.62 / len(text))
    return (
        f'<text x="{width / 2:g}" y="{height * 0.64:g}" font-size="{shown:.2f}"'
        f' letter-spacing=".1">{escape(text)}</text>'
    )
