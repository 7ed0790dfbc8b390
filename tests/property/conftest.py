"""How hard the property tests try: a fixed hundred examples, or thousands with NONTAX_FUZZ=1."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_QUIET = [HealthCheck.too_slow]  # shared machines are slow at times

settings.register_profile(
    "default", max_examples=100, derandomize=True, deadline=None, suppress_health_check=_QUIET
)
settings.register_profile(
    "fuzz", max_examples=5000, derandomize=False, deadline=None, suppress_health_check=_QUIET
)
settings.load_profile("fuzz" if os.environ.get("NONTAX_FUZZ") == "1" else "default")
