"""Counters of the running process, labelled by small closed sets only."""

from __future__ import annotations

from collections import Counter


class Metrics:
    """Counts by name and labels; labels come from the catalogue and the configuration."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Add to the counter NAME with these label values."""
        self._counts[(name, *labels)] += by

    def value(self, name: str, *labels: str) -> int:
        """The counter's value; 0 when it never counted."""
        return self._counts[(name, *labels)]

    def snapshot(self) -> dict[str, int]:
        """Every counter as ``name{label,label}`` → value."""
        return {
            f"{key[0]}{{{','.join(key[1:])}}}": value for key, value in sorted(self._counts.items())
        }
