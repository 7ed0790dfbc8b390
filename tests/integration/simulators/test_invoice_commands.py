"""`nontax-sim unit --key`, `signer` and `centre`: e-invoices between processes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from nontax.simulators.county import County

from .test_cli import run, sim

FINANCE = "[einvoice.finance]"


async def served_by(town: County, stack: AsyncExitStack, kind: str) -> None:
    """Finance's key goes to a process of its own, which the gateway is told of."""
    folder = town.installation.directory / "einvoice"
    key = str(folder / "keys" / "finance.key")
    certificate = str(folder / "certificates" / "finance.pem")
    words = [kind, "--listen", "127.0.0.1:0", "--key", key]
    words += ["--certificate", certificate, "--waits", "2"] if kind == "centre" else []
    address = (await (await stack.enter_async_context(sim(*words))).line())["address"]
    path = town.installation.config_file
    lines = path.read_text("utf-8").splitlines()
    begin = lines.index(FINANCE)
    end = next(i for i in range(begin + 1, len(lines)) if lines[i].startswith(("[", "# [")))
    named = f'certificate = "{certificate}"'
    if kind == "signer":
        service = f'{{ address = "{address}", key_name = "finance", tls = false }}'
        lines[begin:end] = [FINANCE, named, f"service = {service}"]
    else:
        lines[begin:end] = [
            "[einvoice.centre]",
            f'address = "{address}"',
            "tls = false",
            "poll_seconds = 0.1",
            f'certificates = ["{certificate}"]',
        ]
        lines.insert(lines.index("[einvoice]") + 1, 'countersigner = "centre"')
    path.write_text("\n".join(lines) + "\n", "utf-8")


@pytest.mark.parametrize("kind", ["local", "signer", "centre"])
async def test_a_session_of_a_unit(town: County, tmp_path: Path, kind: str) -> None:
    installation = town.installation
    folder = installation.directory / "einvoice"
    own = ("keys/0104901-own.key", "certificates/0104901-own.pem")
    key, certificate = (str(folder / name) for name in own)
    async with AsyncExitStack() as stack:
        if kind != "local":
            await served_by(town, stack, kind)
        where = ("-c", str(installation.config_file), "--to", str(await town.open()))
        bank = await stack.enter_async_context(sim("bank", *where))
        words = ("unit", *where, "--key", key, "--certificate", certificate)
        unit = await stack.enter_async_context(sim(*words))
        pay_code = (await unit.order("bill 张三 103043211 不动产登记费 80"))["PayCode"]
        refused = await unit.order(f"invoice {pay_code}")
        assert (refused["result"], refused["url"]) == ("99999", "")
        assert (await bank.order(f"pay {pay_code}"))["money"] == "booked"
        issued = await unit.order(f"invoice {pay_code}")
        assert issued["result"] == "00000", issued
        assert issued["trade"].startswith("ZX") == (kind == "centre")
        file = tmp_path / "invoice.xml"
        fetched = await unit.order(f"fetch {pay_code} {file}")
        assert fetched["bytes"] == file.stat().st_size
        await installation.must("einvoice", "verify", str(file))
        nothing = await unit.order(f"fetch {pay_code} {tmp_path / 'none'} zzzzzz")
        assert (nothing["bytes"], (tmp_path / "none").exists()) == (0, False)
        assert (await unit.order(f"reverse {pay_code} 开票有误"))["result"] == "00000"
        assert "was not invoiced here" in (await unit.order("reverse 1 x"))["error"]


async def test_keys_that_cannot_be_used_are_input(town: County) -> None:
    folder = town.installation.directory / "einvoice"
    key = str(folder / "keys" / "finance.key")
    other = str(folder / "certificates" / "0104901.pem")
    listen = ("--listen", "127.0.0.1:0")
    for words, text in (
        (("signer", *listen, "--key", other), "PEM"),
        (("signer", *listen, "--key", key, "--token", "secret"), "file:PATH or env:NAME"),
        (("centre", *listen, "--key", key, "--certificate", other), "do not go together"),
        (("signer", "--listen", "nowhere", "--key", key), "HOST:PORT"),
    ):
        code, _, error = await run(*words)
        assert (code, text in error) == (2, True), error
