"""The page of an e-invoice in a real browser: half a sheet, drawn, quiet, and all of it printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.einvoice.fields import AuxItem, EInvoice, Extension
from nontax.einvoice.render import Standing, checked_of, page
from nontax.einvoice.verify import verify

from ...unit.einvoice import documents, signing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="NO CHROMIUM: the page of e-invoices is not looked at in a browser"
)
A5_LANDSCAPE = (595, 420)
SEALS = {
    "invoicing_seal": replace(
        documents.SEAL, SealName="示例市自然资源局财政票据专用章", SealHash="0f" * 32
    ),
    "supervisor_seal": replace(documents.SEAL, SealName="江苏省财政票据监制章", SealHash="1e" * 32),
}


def invoice(count: int, **main: object) -> EInvoice:
    items = tuple(
        replace(documents.ITEM, ItemCode=f"1030432{n:03d}", ItemName=f"不动产登记费第{n}项")
        for n in range(1, count + 1)
    )
    party = documents.MAIN.payer_party
    whole = replace(
        documents.MAIN,
        TotalAmount=8000 * count,
        PayMode="11",
        BizCode="20261122000001",
        Remark="不动产权第0001234号",
        invoicing_party=replace(
            documents.MAIN.invoicing_party,
            RecName="示例市财政局非税收入专户",
            RecAcct="32001000000000000018",
            RecOpBk="示例银行营业部",
        ),
        payer_party=replace(party, PayerPartyCode="320682199001010000"),
        **SEALS,
    )
    return replace(documents.INVOICE, main=replace(whole, **main), items=items)


def stuffed() -> EInvoice:
    """Everything as long as it may be."""
    base = documents.MAIN
    return replace(
        invoice(
            1,
            EInvoiceName="关于名称" * 25,
            Remark="备注内容" * 250,
            SupervisorRemark="W" * 1000,
            invoicing_party=replace(
                base.invoicing_party,
                InvoicingPartyName="单位" * 50,
                RecName="收款" * 50,
                RecOpBk="银行" * 50,
            ),
            payer_party=replace(
                base.payer_party, PayerPartyCode="W" * 30, PayerPartyName="示例" * 50
            ),
            HandlingPerson="开票人姓名" * 4,
            Checker="复核人姓名" * 4,
            TotalAmount=8000 * 999,
        ),
        items=tuple(
            replace(documents.ITEM, ItemName="很长的名称" * 20, ItemUnit="W" * 30)
            for _ in range(999)
        ),
        aux_items=tuple(
            AuxItem(fields=(Extension("Name", "明细" * 20), Extension("Amount", "1.00")))
            for _ in range(50)
        ),
    )


def written(folder: Path, shown: EInvoice) -> Path:
    world = signing.world()
    checked = checked_of(
        verify(signing.signed_document(world, shown), world.certificates, world.policy)
    )
    assert checked.good
    standing = Standing(inspect_url="https://invoice.example.cn/32010126/0000000017/a1B2c3")
    file = folder / "page.html"
    file.write_text(page(shown, checked=checked, standing=standing), "utf-8")
    return file


def browse(file: Path, home: Path, *options: str) -> tuple[bytes, list[str]]:
    """What Chromium prints on stdout for a page, and what its console was told."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--enable-logging=stderr", f"--user-data-dir={home / 'profile'}", *options]
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(
        [*command, file.as_uri()], check=True, capture_output=True, timeout=100, env=environment
    )
    told = [
        line for line in done.stderr.decode("utf-8", "replace").splitlines() if ":CONSOLE" in line
    ]
    return done.stdout, told


def printed(file: Path, home: Path) -> list[tuple[int, int]]:
    """Width and height in points of every printed page."""
    pdf = home / "page.pdf"
    _, told = browse(file, home, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    assert told == []
    found = re.findall(rb"/MediaBox *\[ *0 0 ([0-9.]+) ([0-9.]+) *\]", pdf.read_bytes())
    return [(round(float(wide)), round(float(high))) for wide, high in found]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_few_items_print_on_half_a_sheet(count: int, tmp_path: Path) -> None:
    assert printed(written(tmp_path, invoice(count)), tmp_path) == [A5_LANDSCAPE]


@pytest.mark.parametrize(("count", "least", "most"), [(30, 2, 3), (100, 4, 7)])
def test_many_items_go_on_to_lists(count: int, least: int, most: int, tmp_path: Path) -> None:
    pages = printed(written(tmp_path, invoice(count)), tmp_path)
    assert set(pages) == {A5_LANDSCAPE}
    assert least <= len(pages) <= most


def test_the_longest_invoice_keeps_its_face_on_one_half_sheet(tmp_path: Path) -> None:
    file = written(tmp_path, stuffed())
    assert set(printed(file, tmp_path)) == {A5_LANDSCAPE}
    # Without its lists the same face is one page: nothing of it has run over.
    shown = file.read_text("utf-8")
    front = re.sub(r'<section class="list.*</section>', "", shown, flags=re.DOTALL)
    assert front != shown
    file.write_text(front, "utf-8")
    assert printed(file, tmp_path) == [A5_LANDSCAPE]


def test_it_is_drawn_without_complaint(tmp_path: Path) -> None:
    file, picture = written(tmp_path, invoice(2)), tmp_path / "page.png"
    seen, told = browse(file, tmp_path, "--dump-dom")
    assert told == []
    assert "江苏省非税收入统一票据" in seen.decode("utf-8")
    _, told = browse(
        file, tmp_path, "--hide-scrollbars", "--window-size=900,640", f"--screenshot={picture}"
    )
    assert told == []
    png = picture.read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (900, 640)
    assert colours(png) > 50


def colours(png: bytes) -> int:
    """How many different bytes the picture's data have: 1 or 2 of a blank page."""
    data, at = b"", 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return len(set(zlib.decompress(data)))
