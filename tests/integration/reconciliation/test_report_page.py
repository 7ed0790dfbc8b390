"""The report in a real browser: it draws, complains of nothing, fetches nothing, prints on A4."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.reconcile.report import RunReport, html_page

from ...unit.reconcile import reports

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="NO CHROMIUM: the report is not looked at in a browser"
)
A4_LANDSCAPE = (842, 595)


def browse(file: Path, home: Path, *options: str) -> tuple[bytes, list[str]]:
    """What Chromium prints on stdout for a page, and what its console was told."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--enable-logging=stderr", f"--user-data-dir={home / 'profile'}", *options]
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(
        [*command, file.as_uri()], check=True, capture_output=True, timeout=90, env=environment
    )
    told = [
        line for line in done.stderr.decode("utf-8", "replace").splitlines() if ":CONSOLE" in line
    ]
    return done.stdout, told


def written(report: RunReport, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(html_page(report), "utf-8")
    return file


def boxes(pdf: bytes) -> list[tuple[int, int]]:
    """Width and height in points of every page of a PDF."""
    found = re.findall(rb"/MediaBox *\[ *0 0 ([0-9.]+) ([0-9.]+) *\]", pdf)
    return [(round(float(wide)), round(float(high))) for wide, high in found]


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def colours(png: bytes) -> int:
    """How many different bytes the picture's data have: 1 or 2 of a blank page."""
    data, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return len(set(zlib.decompress(data)))


@needs_chromium
def test_a_console_that_complains_is_heard(tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<!DOCTYPE html><script>throw new Error('boom')</script>", "utf-8")
    _, told = browse(file, tmp_path, "--dump-dom")
    assert len(told) == 1
    assert "boom" in told[0]


@needs_chromium
def test_the_report_is_drawn_without_complaint(tmp_path: Path) -> None:
    file, picture = written(reports.sample(), tmp_path), tmp_path / "page.png"
    seen, told = browse(file, tmp_path, "--dump-dom")
    assert told == []
    assert "账未对平" in seen.decode("utf-8")
    _, told = browse(
        file, tmp_path, "--hide-scrollbars", "--window-size=1240,1700", f"--screenshot={picture}"
    )
    assert told == []
    png = picture.read_bytes()
    assert size_of(png) == (1240, 1700)
    assert colours(png) > 50


@needs_chromium
@pytest.mark.parametrize("rows", [7, 400])
def test_it_prints_on_a4(rows: int, tmp_path: Path) -> None:
    report = reports.sample()
    if rows > len(report.rows):
        long = "银行明细金额与财政登记不一致,请与网点核实后处理。" * 3
        report = replace(report, rows=[reports.row(n % 90, reason=long) for n in range(rows)])
    pdf = tmp_path / "page.pdf"
    _, told = browse(
        written(report, tmp_path), tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}"
    )
    assert told == []
    pages = boxes(pdf.read_bytes())
    assert set(pages) == {A4_LANDSCAPE}
    assert len(pages) >= (20 if rows > 100 else 2)
    assert b"/Count %d" % len(pages) in pdf.read_bytes()
