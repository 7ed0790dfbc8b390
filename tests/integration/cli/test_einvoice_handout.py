"""`nontax einvoice export`, `page`, `inspect`, `stats`, `notify` on a sample with one invoice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest

from nontax.einvoice.fields import EInvoice
from nontax.einvoice.hierarchy import Holder, marked_name
from nontax.gateway.config import load_config
from nontax.gateway.einvoicing.keys import ThreadSigner, load_keys

from ...unit.einvoice import signing
from ..einvoice.archive_desk import CODE, PAY_CODE, RANDOM, Sign, desk_at
from .conftest import Nontax

NAME = f"{CODE}-0000000017"
DETAILS = (CODE, "0000000017", RANDOM, "--date", "2026-11-22", "--amount", "80.00")


def sample_keys(site: Path) -> Sign:
    """Signs documents with the sample's own keys."""
    keys = load_keys(load_config(site / "nontax.toml"))
    unit = cast("ThreadSigner", keys.units["0104901"])
    finance = cast("ThreadSigner", keys.finance)

    def sign(invoice: EInvoice) -> bytes:
        holders = [Holder(one.certificate, one._key, marked_name("x")) for one in (unit, finance)]
        return signing.signed_document(
            signing.world(), invoice, unit=holders[0], finance=holders[1]
        )

    return sign


@pytest.fixture
def document(site: Path) -> bytes:
    """The document of the one invoice of `site`."""
    sign = sample_keys(site)

    async def write() -> bytes:
        async with desk_at(site / "nontax.db", sign, create=False) as desk:
            await desk.bill()
            return await desk.invoice(email="payer@example.cn")

    return asyncio.run(write())


def reverse(site: Path) -> None:
    async def write() -> None:
        async with desk_at(site / "nontax.db", create=False) as desk:
            await desk.red(18, 17)

    asyncio.run(write())


@pytest.mark.parametrize("name", [PAY_CODE, NAME, f"{CODE}0000000017"])
def test_export_writes_the_very_bytes(nontax: Nontax, document: bytes, name: str) -> None:
    done = nontax("einvoice", "export", name)
    assert done.code == 0
    assert done.out.encode() == document
    assert done.err == ""


def test_what_was_exported_verifies(nontax: Nontax, document: bytes, tmp_path: Path) -> None:
    file = tmp_path / "invoice.xml"
    done = nontax("einvoice", "export", PAY_CODE, "--out", file)
    assert (done.code, file.read_bytes()) == (0, document)
    assert file.stat().st_mode & 0o077 == 0
    assert nontax("einvoice", "verify", file).code == 0
    again = nontax("einvoice", "export", PAY_CODE, "--out", tmp_path / "none" / "x.xml")
    assert again.code == 2
    assert "make it" in again.err


@pytest.mark.usefixtures("document")
@pytest.mark.parametrize("words", [("page", PAY_CODE), ("export", NAME, "--page")])
def test_the_page_shows_the_verdict(nontax: Nontax, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = nontax("einvoice", *words)
    assert done.code == 0
    assert done.out.startswith("<!DOCTYPE html>")
    for text in ("✓完整", "✓有效", "✓可信", "仅供测试", "张三", "捌拾元整", RANDOM):
        assert text in done.out
    file = tmp_path / "page.html"
    assert nontax("einvoice", *words, "--out", file).code == 0
    assert file.read_text("utf-8") == done.out


@pytest.mark.usefixtures("document")
def test_unknown_names_say_what_to_do(nontax: Nontax, site: Path) -> None:
    done = nontax("einvoice", "export", f"{CODE}-0000000099")
    assert done.code == 2
    assert done.out == ""
    assert "no such archived invoice" in done.err
    reverse(site)
    done = nontax("einvoice", "export", PAY_CODE)
    assert done.code == 2
    assert f"{CODE}-0000000017 (reversed)" in done.err
    assert nontax("einvoice", "export", NAME).code == 0


@pytest.mark.usefixtures("document")
def test_inspect(nontax: Nontax, site: Path) -> None:
    done = nontax("einvoice", "inspect", *DETAILS)
    assert done.code == 0
    assert "valid (有效)" in done.out
    told = nontax("einvoice", "inspect", *DETAILS, "--json").json
    assert told["state"] == "valid"
    assert "张三" not in json.dumps(told, ensure_ascii=False)
    for wrong in (
        (CODE, "0000000018", *DETAILS[2:]),
        (*DETAILS[:2], "zzzzzz", *DETAILS[3:]),
        (*DETAILS[:4], "2026-11-23", *DETAILS[5:]),
        (*DETAILS[:6], "80.01"),
    ):
        done = nontax("einvoice", "inspect", *wrong, "--json")
        assert (done.code, done.json) == (1, {"found": False})
    reverse(site)
    done = nontax("einvoice", "inspect", *DETAILS)
    assert done.code == 1
    assert f"{CODE}-0000000018" in done.out
    red = (CODE, "0000000018", RANDOM, "--date", "2026-11-22", "--amount=-80.00")
    assert nontax("einvoice", "inspect", *red).code == 0
    assert nontax("einvoice", "inspect", *DETAILS[:6], "eighty").code == 2


@pytest.mark.usefixtures("document")
def test_stats(nontax: Nontax, site: Path) -> None:
    reverse(site)
    told = nontax("einvoice", "stats", "--json").json
    assert told["by"] == ["unit", "code"]
    assert told["groups"] == [
        {
            "unit": "0104901",
            "code": CODE,
            "blue": 1,
            "blue_amount": "80.00",
            "red": 1,
            "red_amount": "-80.00",
            "net_amount": "0.00",
            "reversed": 1,
            "reversed_amount": "80.00",
            "voided": 0,
        }
    ]
    done = nontax("einvoice", "stats", "--by", "day,kind", "--from", "2026-11-01")
    assert done.code == 0
    assert done.out.splitlines()[1].split()[:2] == ["0101", "2026-11-22"]
    assert nontax("einvoice", "stats", "--by", "month").code == 2


@pytest.mark.usefixtures("document")
def test_notify_writes_what_waits_once(nontax: Nontax, site: Path) -> None:
    done = nontax("einvoice", "notify", "--json")
    assert done.json["files"] == 2
    assert done.json["waiting"] == 0
    spool = site / "spool" / "notices"
    names = sorted(path.name for path in spool.iterdir())
    assert names == [f"einvoice-{NAME}-email-1.json", f"einvoice-{NAME}-sms-1.json"]
    told = json.loads((spool / names[1]).read_text("utf-8"))
    assert told["url"] == f"https://invoice.example.cn/{CODE}/0000000017/{RANDOM}"
    assert nontax("einvoice", "notify", "--json").json["files"] == 0
