"""`nontax init` and `nontax check`."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NONTAX = Path(sys.executable).parent / "nontax"


def edit(site: Path, old: str, new: str) -> None:
    file = site / "nontax.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_the_installed_command_makes_a_sample(tmp_path: Path) -> None:
    done = subprocess.run(
        [NONTAX, "init", "s", "--sample"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert done.stdout.startswith("made s:")
    assert "nontax serve -c s/nontax.toml" in done.stdout
    assert done.stderr == ""
    site = tmp_path / "s"
    for name in ("maker1", "checker1", "auditor1"):
        secret = site / "secret" / f"{name}.password"
        assert secret.stat().st_mode & 0o777 == 0o600
    assert (site / "nontax.db").stat().st_mode & 0o077 == 0
    checked = subprocess.run(
        [NONTAX, "check", "-c", "s/nontax.toml", "--json"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0
    assert json.loads(checked.stdout) == {"ok": True, "faults": [], "warnings": []}


def test_init_without_sample(nontax: Any, tmp_path: Path) -> None:
    done = nontax("init", tmp_path / "plain")
    assert done.code == 0
    assert "nontax operator add" in done.out
    checked = nontax("check", "-c", tmp_path / "plain" / "nontax.toml")
    assert checked.code == 0
    assert "has no default collection account" in checked.out
    assert "no operator is checker" in checked.out


def test_init_refuses_what_is_not_empty(nontax: Any, site: Path) -> None:
    done = nontax("init", site, "--json")
    assert done.code == 2
    assert "is not empty" in done.error["error"]
    assert nontax("init", site / "nontax.toml").code == 2


def test_init_as_json(nontax: Any, tmp_path: Path) -> None:
    done = nontax("init", tmp_path / "s", "--sample", "--json")
    assert done.json["operators"] == ["maker1", "checker1", "auditor1"]
    assert all(len(code) == 20 for code in done.json["pay_codes"])
    listed = nontax("bill", "list", "-c", tmp_path / "s" / "nontax.toml", "--json")
    assert [bill["PayCode"] for bill in listed.json["bills"]] == done.json["pay_codes"]


def test_check_shows_all_faults_with_their_places(nontax: Any, site: Path) -> None:
    edit(site, 'code = "F320682"', 'code = "X"\ncolour = 1')
    (site / "secret" / "G000001.token").unlink()
    done = nontax("check")
    assert done.code == 1
    lines = done.out.splitlines()
    assert len([line for line in lines if line.startswith("fault: ")]) == 3
    assert any("node.colour: unknown key" in line for line in lines)
    assert any("cannot be read" in line for line in lines)
    assert nontax("check", "--json").json["ok"] is False
    other = nontax("bill", "list")
    assert other.code == 2
    assert "(and 2 more)" in other.err
    assert other.err.count("\n") == 1


def test_check_of_a_missing_file(nontax: Any, tmp_path: Path) -> None:
    done = nontax("check", "-c", tmp_path / "none.toml")
    assert (done.code, done.out) == (2, "")
    assert "there is no such file" in done.err


def test_check_finds_a_changed_journal(nontax: Any, site: Path) -> None:
    connection = sqlite3.connect(site / "nontax.db")
    connection.execute("DROP TRIGGER journal_keeps_rows")
    connection.execute("UPDATE journal SET actor = 'nobody' WHERE seq = 3")
    connection.commit()
    connection.close()
    done = nontax("check")
    assert done.code == 1
    assert "the journal is not intact: row 3 was changed" in done.out
    assert nontax("check", "--quick").code == 0


def test_check_finds_a_newer_store(nontax: Any, site: Path) -> None:
    connection = sqlite3.connect(site / "nontax.db")
    connection.execute("PRAGMA user_version")
    connection.execute("UPDATE schema_version SET version = version + 1000")
    connection.commit()
    connection.close()
    assert nontax("check").code == 1


def test_check_finds_a_store_that_is_none(nontax: Any, site: Path) -> None:
    (site / "nontax.db").write_text("this is no database, and it is long enough to tell\n" * 40)
    done = nontax("check")
    assert done.code == 1
    assert "store.url" in done.out
    (site / "nontax.db").unlink()
    assert nontax("check").code == 1


def test_check_finds_a_missing_unattended_operator(nontax: Any, site: Path) -> None:
    edit(site, 'unattended = "maker1"', 'unattended = "maker2"')
    done = nontax("check")
    assert done.code == 1
    assert "there is no enabled operator maker2" in done.out


def certificate(path: Path, start: datetime, end: datetime) -> None:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    (path / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (path / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@pytest.mark.parametrize(
    ("start", "end", "code", "text"),
    [
        (-10, 300, 0, "everything is in order"),
        (-10, 20, 0, "warning: "),
        (-10, -1, 1, "a certificate expired on"),
        (1, 300, 1, "a certificate is valid from"),
    ],
)
def test_check_reads_the_dates_of_certificates(
    nontax: Any, site: Path, start: int, end: int, code: int, text: str
) -> None:
    now = datetime.now(UTC)
    certificate(site, now + timedelta(days=start), now + timedelta(days=end))
    lines = '[listen.tls]\ncertificate = "tls.pem"\nkey = "tls.key"\n\n[secrets]'
    edit(site, "[secrets]", lines)
    done = nontax("check")
    assert done.code == code
    assert text in done.out


def test_a_secret_that_others_can_read_is_a_warning(nontax: Any, site: Path) -> None:
    os.chmod(site / "secret" / "master.key", 0o644)  # noqa: PTH101 - the mode is the point
    done = nontax("check")
    assert done.code == 0
    assert "can be read by others" in done.out


def test_no_configuration_at_all(
    nontax: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NONTAX_CONFIG")
    monkeypatch.chdir(tmp_path)
    done = nontax("bill", "list")
    assert done.code == 2
    assert "NONTAX_CONFIG" in done.err
