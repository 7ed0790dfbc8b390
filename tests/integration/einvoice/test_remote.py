"""Keys at a signing service, and the province's centre as the countersigner; both over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import Certificate, parse_certificates
from nontax.einvoice.keys import load_private_key, sm2_available
from nontax.einvoice.ports import SigningUnavailable
from nontax.gateway.config import ServiceConfig
from nontax.gateway.einvoicing.issue import IssueDelayed, IssueRefused
from nontax.gateway.einvoicing.remote import RemoteSigner
from nontax.gateway.net.jsonservice import JsonService, ServiceError
from nontax.mac import Secret
from nontax.simulators.centre import Centre
from nontax.simulators.jsonserver import JsonServer
from nontax.simulators.scenario import Behaviour, Rule, Script
from nontax.simulators.signing import SigningService

from ...unit.einvoice.signing import world
from ..flows.conftest import Office, Offices
from .issuing import document, issuing_at, judged, paid, who

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
pauses: list[float] = []


async def at_once(seconds: float) -> None:
    """A pause that is remembered and takes no time."""
    pauses.append(seconds)
    await asyncio.sleep(0)


def settings(server: JsonServer, **more: Any) -> ServiceConfig:
    return ServiceConfig(address=str(server.address), key_name="finance", tls=False, **more)


def needed(algorithm: SignatureAlgorithm) -> None:
    if algorithm is SignatureAlgorithm.SM3_WITH_SM2 and not sm2_available():
        pytest.skip("this libcrypto has no SM2")


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
async def test_a_service_signs(algorithm: SignatureAlgorithm) -> None:
    needed(algorithm)
    finance = world(algorithm).hierarchy.finance
    async with JsonServer(SigningService({"finance": finance.key}).handle) as server:
        signer = RemoteSigner(settings(server), finance.certificate)
        for data in (b"", "票据".encode(), bytes(100_000)):
            assert finance.certificate.key.verify(data, await signer.sign(data))
    assert server.asked == [("POST", "/sign", 200)] * 3


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (Behaviour(corrupt_mac=True), "does not verify"),
        (Behaviour(result="99999"), "refuses: 422"),
    ],
)
async def test_a_signature_is_never_taken_unverified(behaviour: Behaviour, text: str) -> None:
    finance = world(SignatureAlgorithm.SHA256_WITH_ECDSA).hierarchy.finance
    script = Script(Rule(do=behaviour))
    service = SigningService({"finance": finance.key})
    async with JsonServer(service.handle, script=script) as server:
        signer = RemoteSigner(settings(server, retries=3), finance.certificate, sleep=at_once)
        with pytest.raises(SigningUnavailable, match=text):
            await signer.sign(b"data")
    assert len(server.asked) == 1, "asked again it would say the same"


async def test_another_key_is_noticed() -> None:
    made = world(SignatureAlgorithm.SHA256_WITH_ECDSA).hierarchy
    service = SigningService({"finance": made.root.key})
    async with JsonServer(service.handle) as server:
        with pytest.raises(SigningUnavailable, match="does not verify"):
            await RemoteSigner(settings(server), made.finance.certificate).sign(b"data")


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(result="10006"), Behaviour(ending="close"), Behaviour(ending="reset")],
    ids=["busy", "closed", "reset"],
)
async def test_what_fails_on_the_way_is_tried_again(behaviour: Behaviour) -> None:
    finance = world(SignatureAlgorithm.SHA256_WITH_ECDSA).hierarchy.finance
    script = Script(Rule(do=behaviour, nth=(1, 2)))
    service = SigningService({"finance": finance.key})
    pauses.clear()
    async with JsonServer(service.handle, script=script) as server:
        signer = RemoteSigner(settings(server, retries=2), finance.certificate, sleep=at_once)
        assert finance.certificate.key.verify(b"data", await signer.sign(b"data"))
        assert pauses == [0.2, 0.4]
        script.add(Rule(do=behaviour))
        with pytest.raises(SigningUnavailable):
            await signer.sign(b"data")
    with pytest.raises(SigningUnavailable, match="the signing service: 127"):
        await signer.sign(b"data")


async def test_a_silent_service_is_not_waited_for() -> None:
    finance = world(SignatureAlgorithm.SHA256_WITH_ECDSA).hierarchy.finance
    script = Script(Rule(do=Behaviour(ending="drop")))
    service = SigningService({"finance": finance.key})
    async with JsonServer(service.handle, script=script) as server:
        few = settings(server, retries=1, timeout_seconds=0.05)
        with pytest.raises(SigningUnavailable, match="no answer in time"):
            await RemoteSigner(few, finance.certificate, sleep=at_once).sign(b"data")


async def test_a_service_wants_to_know_who_asks() -> None:
    finance = world(SignatureAlgorithm.SHA256_WITH_ECDSA).hierarchy.finance
    service = SigningService({"finance": finance.key})
    async with JsonServer(service.handle, token=Secret("right")) as server:
        for token, good in ((Secret("right"), True), (Secret("wrong"), False), (None, False)):
            config = settings(server).model_copy(update={"token": token})
            signer = RemoteSigner(config, finance.certificate)
            if good:
                await signer.sign(b"data")
            else:
                with pytest.raises(SigningUnavailable, match="401 unknown caller"):
                    await signer.sign(b"data")


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (CHUNKED + b'5;x=1\r\n{"err\r\n9\r\nor":"ab"}\r\n0\r\n\r\n', True),
        (b'HTTP/1.0 200 OK\r\n\r\n{"error":"ab"}', True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>", True),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", False),
        (CHUNKED + b"-1\r\n", False),
        (CHUNKED + b"xyz\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\n[1]", False),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, False),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n{}", False),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"", False),
    ],
)  # fmt: skip
async def test_answers_are_read_or_refused(answer: bytes, good: bool) -> None:
    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    config = ServiceConfig(address=f"{host}:{port}", key_name="x", tls=False, retries=0)
    async with server:
        call = JsonService(config).call("GET", "/")
        if good:
            assert (await call).text("error") in ("ab", "")
        else:
            with pytest.raises(ServiceError):
                await call


# -- the centre ------------------------------------------------------------------------------------


def key_and_certificate(office: Office, name: str) -> tuple[Any, Certificate]:
    folder = office.installation.directory / "einvoice"
    key = load_private_key((folder / "keys" / f"{name}.key").read_bytes())
    [certificate] = parse_certificates((folder / "certificates" / f"{name}.pem").read_bytes())
    return key, certificate


@contextlib.asynccontextmanager
async def centre_for(
    office: Office, script: Script | None = None, **more: Any
) -> AsyncIterator[tuple[Centre, JsonServer]]:
    """A centre with what is finance's key in the sample; the office signs no more by itself."""
    centre = Centre(*key_and_certificate(office, "finance"), clock=office.clock.civil, **more)
    async with JsonServer(centre.handle, script=script) as server:
        path = office.installation.config_file
        lines = path.read_text("utf-8").splitlines()
        begin = lines.index("[einvoice.finance]")
        lines[begin : begin + 3] = [
            "[einvoice.centre]",
            f'address = "{server.address}"',
            "tls = false",
            "poll_seconds = 0.01",
            "wait_seconds = 5",
            "retries = 0",
            'certificates = ["einvoice/certificates/finance.pem"]',
        ]
        begin = lines.index("[einvoice]")
        lines.insert(begin + 1, 'countersigner = "centre"')
        path.write_text("\n".join(lines) + "\n", "utf-8")
        office.config = office.installation.config()
        yield centre, server


async def test_the_centre_countersigns(office: Office) -> None:
    async with centre_for(office, waits=3) as (centre, server):
        pay_code = await paid(office)
        done = await issuing_at(office).issue(pay_code, who(office))
        again = await issuing_at(office).issue(pay_code, who(office))
    assert again.repeated
    name = f"{done.invoice.code}-{done.invoice.number}"
    assert done.invoice.trade_id == centre.jobs[name].trade == "ZX0000000001"
    place = ("GET", f"/invoices/{name}", 200)
    signature = ("GET", f"/invoices/{name}/signature", 200)
    assert server.asked == [("POST", "/invoices", 202), *[place] * 3, signature]
    found = judged(office, await document(office, done.invoice.code, done.invoice.number))
    assert (found.intact, found.valid, found.trusted) == (True, True, True)


async def test_a_late_centre_is_asked_again(office: Office) -> None:
    script = Script()
    async with centre_for(office, script, waits=1) as (centre, _):
        script.add(Rule(do=Behaviour(ending="close"), nth=2))
        pay_code = await paid(office)
        with pytest.raises(IssueDelayed):
            await issuing_at(office).issue(pay_code, who(office))
        row = office.books.one("einvoices", pay_code=pay_code)
        assert row["state"] == "countersigning"
        # A process that begins now knows nothing but the books.
        done = await issuing_at(office).issue(pay_code, who(office))
    assert (done.invoice.code, done.invoice.number) == (row["code"], row["number"])
    assert len(centre.jobs) == 1


async def test_what_the_centre_forgot_is_submitted_again(office: Office) -> None:
    script = Script()
    async with centre_for(office, script, waits=2) as (centre, server):
        script.add(Rule(do=Behaviour(ending="close"), nth=3))
        pay_code = await paid(office)
        with pytest.raises(IssueDelayed):
            await issuing_at(office).issue(pay_code, who(office))
        centre.jobs.clear()
        await issuing_at(office).issue(pay_code, who(office))
        assert [status for method, _, status in server.asked if method == "POST"] == [202, 202]


async def test_what_the_centre_refuses_is_given_up(office: Office) -> None:
    async with centre_for(office, judge=lambda signed: "单位已停用"):
        pay_code = await paid(office)
        with pytest.raises(IssueRefused, match="given up") as refused:
            await issuing_at(office).issue(pay_code, who(office))
    assert refused.value.information == "电子票据中心拒绝: 单位已停用"
    row = office.books.one("einvoices", pay_code=pay_code)
    assert row["state"] == "abandoned"
    assert office.books.one("einvoice_numbers", number=row["number"])["state"] == "voided"


async def test_a_signature_that_was_changed_is_not_archived(office: Office) -> None:
    script = Script(Rule(do=Behaviour(corrupt_mac=True), nth=(1, 2, 3)))
    async with centre_for(office, script, waits=1):
        pay_code = await paid(office)
        with pytest.raises(IssueDelayed):
            await issuing_at(office).issue(pay_code, who(office))
        assert office.books.rows("einvoice_archive") == []
        await issuing_at(office).issue(pay_code, who(office))
    assert len(office.books.rows("einvoice_archive")) == 1


async def test_another_invoice_under_the_number_is_final(office: Office) -> None:
    async with centre_for(office) as (centre, _):
        done = await issuing_at(office).issue(await paid(office), who(office))
        number = int(done.invoice.number) + 1
        job = centre.jobs[f"{done.invoice.code}-{done.invoice.number}"]
        centre.jobs[f"{done.invoice.code}-{number:010d}"] = job
        pay_code = await paid(office)
        with pytest.raises(IssueRefused) as refused:
            await issuing_at(office).issue(pay_code, who(office))
        assert refused.value.information == "电子票据中心已有该号码的其他票据"
        assert (await issuing_at(office).issue(pay_code, who(office))).invoice.amt == 8000


async def test_one_request_does_not_wait_for_ever(office: Office) -> None:
    async with centre_for(office, waits=1_000_000):
        began = time.monotonic()
        with pytest.raises(IssueDelayed, match="not signed yet"):
            await issuing_at(office, most_seconds=0.1).issue(await paid(office), who(office))
        assert time.monotonic() - began < 5  # not the configured seconds: it came back


async def test_files_that_cannot_be_used_are_faults(offices: Offices, tmp_path: Path) -> None:
    office = await offices()
    (office.installation.directory / "empty.pem").write_text("")
    async with centre_for(office):
        path = office.installation.config_file
        text = path.read_text("utf-8").replace("tls = false\npoll", 'tls_ca = "empty.pem"\npoll')
        path.write_text(text, "utf-8")
        office.config = office.installation.config()
        with pytest.raises(Exception, match=r"einvoice\.centre\.tls_ca.*empty\.pem"):
            issuing_at(office)
