"""Delivery and `nontax send` over TLS: the peer's certificate is checked before anything leaves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nontax.gateway.cli import main

from .conftest import NODE, TOKEN, UNIT, ScriptedPeer, World, make_notice

SERVER_NAME = "unit.example.cn"


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for NAME and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.fixture
async def tls_unit(tmp_path: Path) -> tuple[ScriptedPeer, Path]:
    certificate, key = make_certificate(tmp_path, SERVER_NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    peer = ScriptedPeer(code=UNIT, answer_number="8001")
    await peer.start(context)
    return peer, certificate


def tls_settings(ca: Path, name: str) -> str:
    return f'tls = true\ntls_ca = "{ca}"\ntls_server_name = "{name}"'


async def test_delivery_over_tls(
    worlds: Callable[..., Awaitable[World]], tls_unit: tuple[ScriptedPeer, Path]
) -> None:
    peer, ca = tls_unit
    world = await worlds({UNIT: peer.port}, more=tls_settings(ca, SERVER_NAME))
    row_id = await world.queue(make_notice(), UNIT)
    await world.deliverer().deliver_due()
    assert (await world.row(row_id)).state == "succeeded"
    await peer.stop()


@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_nothing_leaves_to_a_peer_whose_certificate_is_wrong(
    worlds: Callable[..., Awaitable[World]],
    tls_unit: tuple[ScriptedPeer, Path],
    tmp_path: Path,
    wrong: str,
) -> None:
    peer, ca = tls_unit
    if wrong == "authority":
        ca, _ = make_certificate(tmp_path, "other.example.cn")
    name = SERVER_NAME if wrong == "authority" else "other.example.cn"
    world = await worlds({UNIT: peer.port}, more=tls_settings(ca, name))
    row_id = await world.queue(make_notice(), UNIT)
    await world.deliverer().deliver_due()
    row = await world.row(row_id)
    assert (row.state, row.ever_sent) == ("queued", 0)
    assert row.last_error
    assert peer.received == []
    await peer.stop()


async def test_send_over_tls(
    tls_unit: tuple[ScriptedPeer, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peer, ca = tls_unit
    token = tmp_path / "token"
    token.write_text(TOKEN)
    words = [
        *("send", "--to", f"127.0.0.1:{peer.port}", "--src", NODE, "--des", UNIT),
        *("--mac", "sha256-token", "--width", "64", "--token", f"file:{token}"),
        *("--tls", "--tls-ca", str(ca)),
    ]
    named = [*words, "--tls-server-name", SERVER_NAME, "5996", "PayCode=1"]
    assert await asyncio.to_thread(main, named) == 0
    # Without the name, the certificate is not that of 127.0.0.1.
    assert await asyncio.to_thread(main, [*words, "5996", "PayCode=1"]) == 3
    assert "certificate" in capsys.readouterr().err
    assert len(peer.received) == 1
    await peer.stop()
