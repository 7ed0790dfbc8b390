"""`python -m benchmarks [--full]`: print the table, write out/bench.json, exit 1 below "must"."""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    einvoice,
    exchange,
    reconciliation,
    splitting,
    startup,
    statement,
    tight,
)
from benchmarks.rows import report


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="more and longer rounds")
    full = parser.parse_args().full
    rounds, exchanges = (15, 4000) if full else (9, 1500)
    print("tight loops …", flush=True)
    figures = tight.measure() | splitting.measure()
    print("exchanges against an echo (rows 1, 2, 4) …", flush=True)
    rows = exchange.measure(rounds=rounds, exchanges=exchanges)
    print("a statement from the wire and back (row 7) …", flush=True)
    rows += statement.measure(rounds=rounds)
    print("a day's lists (rows 8, 9) …", flush=True)
    rows += reconciliation.measure(rounds=5 if full else 2, rows=1_000_000)
    print("an e-invoice (row 10) …", flush=True)
    rows += einvoice.measure(rounds=25 if full else 15)
    print("start (row 12) …", flush=True)
    rows.append(startup.start(rounds=5))
    print("import of bills (row 13) …", flush=True)
    rows.append(startup.imports(rounds=3 if full else 1, bills=100_000))
    return report(rows, figures)


if __name__ == "__main__":
    sys.exit(main())
