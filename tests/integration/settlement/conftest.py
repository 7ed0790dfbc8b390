"""The office of the flows' tests: a gateway with a clock in our hands, real sockets, real books."""

from __future__ import annotations

from ..flows.conftest import office, offices

__all__ = ["office", "offices"]
