"""Several commands on one store at once, and one that is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs.paycode import parse

NONTAX = Path(sys.executable).parent / "nontax"


def bills(path: Path, count: int) -> Path:
    line = json.dumps(
        {
            "AdmDivCode": "320682",
            "BillDate": "20261122",
            "ChgAgenCode": "0104901",
            "PayerName": "张三",
            "OriAmt": "80.00",
            "Items": [{"ItemCode": "103043211", "ItemName": "费", "Amt": "80.00"}],
        }
    )
    path.write_text(f"{line}\n" * count, "utf-8")
    return path


def start(site: Path, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [NONTAX, "bill", "import", file, "--json", "-c", site / "nontax.toml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


def test_imports_at_once_leave_no_gap_and_take_no_code_twice(
    nontax: Any, site: Path, tmp_path: Path
) -> None:
    before = len(nontax("bill", "list", "--json").json["bills"])
    file = bills(tmp_path / "bills.jsonl", 300)
    codes: list[str] = []
    running = [start(site, file) for _ in range(3)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        codes += json.loads(out)["pay_codes"]
    serials = sorted(part.serial for part in map(parse, codes) if part)
    assert serials == list(range(before + 1, before + 901))
    assert nontax("journal", "verify").code == 0


@pytest.mark.crash
def test_a_killed_import_leaves_all_or_nothing(nontax: Any, site: Path, tmp_path: Path) -> None:
    before = nontax("bill", "list", "--json").json["totals"]["unpaid"]["count"]
    file = bills(tmp_path / "bills.jsonl", 20_000)
    wal = site / "nontax.db-wal"
    killed = start(site, file)
    # Killed as soon as its transaction writes, which is long before it can be done.
    while killed.poll() is None and not (wal.exists() and wal.stat().st_size > 1_000_000):
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    count = nontax("bill", "list", "--json").json["totals"]["unpaid"]["count"]
    assert count in {before, before + 20_000}
    done = nontax("bill", "import", bills(tmp_path / "more.jsonl", 1), "--json")
    part = parse(done.json["pay_codes"][0])
    assert part is not None
    assert part.serial == count + 1
    assert nontax("check").code == 0
