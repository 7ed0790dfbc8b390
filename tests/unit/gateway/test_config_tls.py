"""[listen.tls]: files that cannot be used are faults when the configuration is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nontax.gateway.config import Config, ConfigError, check, parse_config

TEXT = """\
[node]
code = "F320682"
name = "示例市财政局"
regions = ["320682"]
[listen.tls]
certificate = "server.pem"
key = "server.key"
client_ca = "ca.pem"
[[peers]]
code = "D3206820105"
kind = "bank"
name = "示例建行"
regions = ["320682"]
mac = { algorithm = "3des-token", width = 64 }
token = "file:secret/a.token"
des_key = "file:secret/a.des"
client_certificate_sha256 = "DIGEST"
"""
PIN = '["' + "AB:" * 31 + 'AB"]'


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _write_key(
    path: Path,
    key: ec.EllipticCurvePrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> None:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            encryption or serialization.NoEncryption(),
        )
    )


def _write_certificate(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway.example")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    for name, value in (
        ("master.key", "ab" * 32),
        ("a.token", "A" * 32),
        ("a.des", "0123456789abcdef23456789abcdef01"),
    ):
        (tmp_path / "secret" / name).write_text(value)
        (tmp_path / "secret" / name).chmod(0o600)
    key = _key()
    _write_key(tmp_path / "server.key", key)
    _write_certificate(tmp_path / "server.pem", key)
    _write_certificate(tmp_path / "ca.pem", _key())
    return tmp_path


def _parse(folder: Path, text: str = TEXT) -> Config:
    return parse_config(text.replace('"DIGEST"', PIN), folder / "nontax.toml")


def _faults(folder: Path, text: str = TEXT) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _parse(folder, text)
    return [fault.key for fault in caught.value.faults]


def test_a_pinned_client_certificate_over_tls_guards_a_replayable_mac(folder: Path) -> None:
    config = _parse(folder)
    assert check(config) == []
    assert config.warnings == ()
    assert config.peers[0].client_certificate_sha256 == ("ab" * 32,)
    assert config.listen.tls is not None
    assert config.listen.tls.client_ca == folder / "ca.pem"


def test_without_a_client_ca_nobody_asks_for_the_pinned_certificate(folder: Path) -> None:
    text = TEXT.replace('client_ca = "ca.pem"\n', "")
    assert _faults(folder, text) == ["peers[0].client_certificate_sha256"]


def test_a_key_of_another_certificate_is_refused(folder: Path) -> None:
    _write_key(folder / "server.key", _key())
    assert _faults(folder) == ["listen.tls.certificate"]


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(folder: Path) -> None:
    key = _key()
    _write_certificate(folder / "server.pem", key)
    _write_key(folder / "server.key", key, serialization.BestAvailableEncryption(b"secret"))
    assert _faults(folder) == ["listen.tls.certificate"]


def test_files_that_are_no_pem_are_refused_together(folder: Path) -> None:
    (folder / "server.pem").write_text("nothing")
    (folder / "ca.pem").write_text("nothing")
    assert _faults(folder) == ["listen.tls.certificate", "listen.tls.client_ca"]


def test_files_that_are_missing_are_refused_together(folder: Path) -> None:
    for name in ("server.pem", "server.key", "ca.pem"):
        (folder / name).unlink()
    assert {*_faults(folder)} >= {
        "listen.tls.certificate",
        "listen.tls.key",
        "listen.tls.client_ca",
    }
