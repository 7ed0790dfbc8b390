"""[listen.tls] over real sockets: certificates of both sides, pinning, and how connections end."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nontax.gateway.clock import ManualClock
from nontax.mac import Secret, encrypt_token
from nontax.simulators.process import GatewayProcess, Installation

from .conftest import (
    BANK,
    CLEARING,
    DEADLINE,
    OTHER,
    START_MS,
    Answer,
    Line,
    change_token,
    events,
    frame,
    opened,
    read_frame,
    request,
    take_apart,
)

GUESS = Secret("g" * 32)
NEW = "N" * 32


# -- certificates --------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files; `digest` as a site pins it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    file: Path
    key_file: Path

    @property
    def digest(self) -> str:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return hashlib.sha256(der).hexdigest()


def make_certificate(
    folder: Path, name: str, issuer: Certificate | None = None, *, ca: bool = False
) -> Certificate:
    """A certificate signed by `issuer`, by itself without one; for clients and servers alike."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not ca:
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    else:
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True,
                content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )  # fmt: skip
    made = Certificate(
        builder.sign(signer, hashes.SHA256()), key, folder / f"{name}.pem", folder / f"{name}.key"
    )
    made.file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


@dataclass(frozen=True)
class Pki:
    """Two authorities: ours, which the gateway trusts, and another one that anybody could run."""

    ca: Certificate
    server: Certificate
    bank: Certificate
    other: Certificate
    strange_ca: Certificate
    stranger: Certificate

    def client(self, own: Certificate | None = None) -> ssl.SSLContext:
        """How a peer connects: it trusts our CA and may show a certificate of its own."""
        context = ssl.create_default_context(cafile=self.ca.file)
        if own is not None:
            context.load_cert_chain(own.file, own.key_file)
        return context


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates made for this run."""
    folder = tmp_path_factory.mktemp("pki")
    make = partial(make_certificate, folder)
    ca, strange_ca = make("ca", ca=True), make("strange-ca", ca=True)
    return Pki(
        ca,
        make("server", ca),
        make("bank", ca),
        make("other", ca),
        strange_ca,
        make("stranger", strange_ca),
    )


def secure(site: Installation, pki: Pki, *, client_ca: bool = False, **listen: float) -> None:
    """Configure [listen.tls]."""
    files = {"certificate": str(pki.server.file), "key": str(pki.server.key_file)}
    if client_ca:
        files["client_ca"] = str(pki.ca.file)
    site.configure({"listen": listen})
    site.configure({"listen.tls": files})


# -- our certificate -----------------------------------------------------------------------


async def test_a_peer_talks_over_tls(site: Installation, pki: Pki) -> None:
    secure(site, pki)
    async with GatewayProcess(site) as gateway:
        for code in (BANK, OTHER):
            line = Line(gateway.address, tls=pki.client())
            assert await line.link_test(site.identity(code)) == "00000"
        assert await gateway.stop() == 0
        # One JSON object a line, also where TLS is concerned.
        assert events(gateway.log_file.read_text("utf-8"))


async def test_the_certificate_is_the_configured_one(site: Installation, pki: Pki) -> None:
    secure(site, pki)
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address, tls=ssl.create_default_context(cafile=pki.strange_ca.file))
        with pytest.raises(ssl.SSLCertVerificationError):
            await line.send(request(site.identity(BANK)))
        async with Line(gateway.address, tls=pki.client()).connected() as (_, writer):
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert hashlib.sha256(shown).hexdigest() == pki.server.digest


async def test_old_versions_of_tls_are_not_spoken(site: Installation, pki: Pki) -> None:
    secure(site, pki)
    async with GatewayProcess(site) as gateway:
        old = pki.client()
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Line(gateway.address, tls=old).send(request(site.identity(BANK)))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            new = pki.client()
            new.minimum_version = new.maximum_version = version
            line = Line(gateway.address, tls=new)
            assert await line.link_test(site.identity(BANK)) == "00000"


async def test_plain_text_on_a_tls_port_is_ended_and_harms_nobody(
    site: Installation, pki: Pki
) -> None:
    secure(site, pki)
    async with GatewayProcess(site) as gateway:
        for data in (request(site.identity(BANK)), b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff"):
            with suppress(ConnectionResetError):
                assert b"CNNONTAX" not in await send_and_end(gateway, data)
        line = Line(gateway.address, tls=pki.client())
        assert await line.link_test(site.identity(BANK)) == "00000"
        assert await gateway.stop() == 0
        assert events(gateway.log_file.read_text("utf-8"))


async def send_and_end(gateway: GatewayProcess, data: bytes) -> bytes:
    """Plain bytes, then the end of our side; what comes back."""
    async with Line(gateway.address).connected() as (reader, writer):
        async with asyncio.timeout(DEADLINE):
            writer.write(data)
            writer.write_eof()
            return await reader.read()


async def test_a_handshake_that_never_comes_is_not_waited_for(site: Installation, pki: Pki) -> None:
    secure(site, pki, first_frame_timeout_seconds=0.2)
    async with (
        GatewayProcess(site) as gateway,
        Line(gateway.address).connected() as (reader, _),
        asyncio.timeout(DEADLINE),
    ):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        # And one that shakes hands and then says nothing.
        async with Line(gateway.address, tls=pki.client()).connected() as (silent, _):
            assert await silent.read() == b""


# -- the client's certificate --------------------------------------------------------------


async def test_with_a_client_ca_only_its_certificates_come_in(site: Installation, pki: Pki) -> None:
    secure(site, pki, client_ca=True)
    async with GatewayProcess(site) as gateway:
        who = site.identity(BANK)
        for own in (None, pki.stranger):
            with pytest.raises((ssl.SSLError, ConnectionError, ValueError)):
                # TLS 1.3 tells the client only after its own handshake is over: no answer comes.
                await Line(gateway.address, tls=pki.client(own)).ask(request(who))
        for own in (pki.bank, pki.other):
            assert await Line(gateway.address, tls=pki.client(own)).link_test(who) == "00000"
        assert await gateway.stop() == 0
        log = gateway.log_file.read_text("utf-8")
        assert len(events(log, "exchange")) == 2
        assert not events(log, "not_authenticated")


async def test_a_pinned_peer_is_believed_with_its_own_certificate_only(
    site: Installation, pki: Pki
) -> None:
    """The answer to another one is that to a wrong MAC, byte for byte."""
    secure(site, pki, client_ca=True)
    upper = ":".join(pki.bank.digest[at : at + 2].upper() for at in range(0, 64, 2))
    site.configure(peers={BANK: {"client_certificate_sha256": [upper]}})
    async with opened(site, ManualClock(START_MS)) as inside:
        who, other = inside.identity(BANK), inside.identity(OTHER)
        mine = replace(inside.line, tls=pki.client(pki.bank))
        theirs = replace(inside.line, tls=pki.client(pki.other))
        assert await mine.link_test(who) == "00000"
        refused = await theirs.ask(request(who))
        guessed = await mine.ask(request(replace(who, token=GUESS)))
        assert (refused.result, refused.blank, len(refused.mac)) == ("10004", True, 64)
        assert refused.stripped() == guessed.stripped()
        assert [line["reason"] for line in inside.events("not_authenticated")] == [
            "client certificate not the pinned one",
            "MAC does not verify",
        ]
        # A certificate of the CA is enough for who has none pinned; it is no MAC for anybody.
        assert await theirs.link_test(other) == "00000"
        assert await mine.link_test(other) == "00000"
        assert (await mine.ask(request(replace(other, token=GUESS)))).result == "10004"


async def test_certificates_may_overlap_while_they_change(site: Installation, pki: Pki) -> None:
    secure(site, pki, client_ca=True)
    pins = [pki.bank.digest, pki.other.digest]
    site.configure(peers={BANK: {"client_certificate_sha256": pins}})
    async with opened(site, ManualClock(START_MS)) as inside:
        for own in (pki.bank, pki.other):
            line = replace(inside.line, tls=pki.client(own))
            assert await line.link_test(inside.identity(BANK)) == "00000"


async def test_a_token_is_changed_over_tls_by_nodes_of_every_kind(
    site: Installation, pki: Pki, outside_address: str
) -> None:
    """Plain text from elsewhere, and a node whose MAC can be replayed: both need TLS."""
    everybody = {"allow_from": ["0.0.0.0/0"]}
    site.configure(
        {"listen": {"host": "0.0.0.0"}},  # noqa: S104 - it comes from this machine's other address
        {BANK: everybody, CLEARING: everybody},
    )
    secure(site, pki)
    async with opened(site, ManualClock(START_MS)) as inside:
        address = type(inside.line.address)(outside_address, inside.line.address.port)
        line = Line(address, local=outside_address, tls=pki.client())
        for code in (BANK, CLEARING):
            who = inside.identity(code)
            text = encrypt_token(who.algorithm, NEW)
            answer = await line.ask(change_token(who, text))
            assert (answer.result, answer.under(who, NEW)) == ("00000", True)
            assert await line.link_test(replace(who, token=Secret(NEW))) == "00000"


# -- how connections end -------------------------------------------------------------------


class Blocking:
    """A peer with blocking sockets, who notices every way in which a connection can end."""

    def __init__(self, gateway: GatewayProcess, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(gateway.address, timeout=DEADLINE)
        self.socket = context.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        )

    def read_to_the_end(self) -> bytes:
        """Everything up to the other side's close_notify; a bare end of TCP is an error."""
        data = b""
        while piece := self.socket.recv(4096):
            data += piece
        return data


def talk(
    gateway: GatewayProcess, context: ssl.SSLContext, how: Callable[[Blocking], bytes]
) -> bytes:
    peer = Blocking(gateway, context)
    with peer.socket:
        return how(peer)


def _ask(data: bytes) -> Callable[[Blocking], bytes]:
    def how(peer: Blocking) -> bytes:
        peer.socket.sendall(data)
        return peer.read_to_the_end()

    return how


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b" " * 5000])
async def test_the_answer_arrives_and_then_an_orderly_end(
    site: Installation, pki: Pki, tail: bytes
) -> None:
    """There is no half-close in TLS as we speak it: the answer, close_notify, the end."""
    secure(site, pki)
    who = site.identity(BANK)
    async with GatewayProcess(site) as gateway:
        data = await asyncio.to_thread(talk, gateway, pki.client(), _ask(request(who) + tail))
        [answer] = take_apart(data)
        assert (answer.result, answer.under(who, who.token)) == ("00000", True)


async def test_refusals_arrive_over_tls_too(site: Installation, pki: Pki) -> None:
    """With bytes behind them that nobody reads: no reset may destroy the answer."""
    secure(site, pki)
    who = site.identity(BANK)
    async with GatewayProcess(site) as gateway:
        cases = {
            "10004": request(replace(who, token=GUESS)) + request(who) * 50,
            "10002": b"garbage " * 20_000,
        }
        for result, data in cases.items():
            [answer] = take_apart(await asyncio.to_thread(talk, gateway, pki.client(), _ask(data)))
            assert (answer.result, answer.blank) == (result, True)


async def test_a_large_request_is_answered_over_tls(site: Installation, pki: Pki) -> None:
    secure(site, pki)
    who = site.identity(BANK)
    voucher = "<Voucher><TestTime>20260302120000</TestTime>" + "<X>y</X>" * 100_000 + "</Voucher>"
    async with GatewayProcess(site) as gateway:
        line = Line(gateway.address, tls=pki.client())
        answer = await line.ask(frame(who, voucher, "2002"))
        assert (answer.result, answer.under(who, who.token)) == ("00000", True)


async def test_several_frames_on_one_tls_connection(site: Installation, pki: Pki) -> None:
    secure(site, pki)
    site.configure(peers={BANK: {"keep_alive": True}})
    who = site.identity(BANK)
    async with (
        GatewayProcess(site) as gateway,
        Line(gateway.address, tls=pki.client()).connected() as (reader, writer),
    ):
        for _ in range(3):
            writer.write(request(who) + b"\r\n")
            answer = await read_frame(reader)
            assert (answer.result, answer.under(who, who.token)) == ("00000", True)
        writer.write(request(who) * 3)
        answers: list[Answer] = [await read_frame(reader) for _ in range(3)]
        assert [answer.result for answer in answers] == ["00000"] * 3
        stopping = asyncio.create_task(gateway.stop())
        assert await reader.read() == b""
        assert await stopping == 0


async def test_a_request_in_single_bytes_over_tls(site: Installation, pki: Pki) -> None:
    """Each byte a record of its own."""
    secure(site, pki)
    who = site.identity(BANK)

    def how(peer: Blocking) -> bytes:
        for byte in request(who):
            peer.socket.sendall(bytes([byte]))
        return peer.read_to_the_end()

    async with GatewayProcess(site) as gateway:
        [answer] = take_apart(await asyncio.to_thread(talk, gateway, pki.client(), how))
        assert answer.result == "00000"


async def test_a_peer_that_vanishes_harms_nobody(site: Installation, pki: Pki) -> None:
    """It ends TCP without a word, before, within and behind its request."""
    secure(site, pki)
    who = site.identity(BANK)
    good = request(who)
    async with GatewayProcess(site) as gateway:
        for cut in (0, 10, 200, len(good)):
            async with Line(gateway.address, tls=pki.client()).connected() as (_, writer):
                writer.write(good[:cut])
                writer.transport.abort()
        assert await Line(gateway.address, tls=pki.client()).link_test(who) == "00000"
        assert await gateway.stop() == 0
        assert events(gateway.log_file.read_text("utf-8"))
