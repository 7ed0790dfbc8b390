"""`nontax einvoice verify`, and what `nontax check` says of keys and certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import read_certificate
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import (
    FINANCE_REFERENCE,
    UNIT_REFERENCE,
    Signature,
    assemble,
    countersign_input,
    signature_element,
)
from nontax.einvoice.fields import EInvoice
from nontax.einvoice.hierarchy import Holder, Request, make_certificate, make_revocation_list
from nontax.einvoice.keys import load_private_key, sm2_available
from nontax.einvoice.ports import Signer
from nontax.gateway.clock import SystemClock
from nontax.gateway.config import load_config
from nontax.gateway.einvoicing.checking import check_keys
from nontax.gateway.einvoicing.keys import EInvoiceKeys, load_keys

from ...unit.einvoice.documents import FULL, INVOICE, edited, with_main

AUTHORITY_NAME = (("C", "CN"), ("O", "测试"), ("CN", "测试电子票据CA"))
Edit = Callable[[str, str], None]


@pytest.fixture
def keys(site: Path) -> EInvoiceKeys:
    return load_keys(load_config(site / "nontax.toml"))


@pytest.fixture
def edit(site: Path) -> Edit:
    def change(old: str, new: str) -> None:
        file = site / "nontax.toml"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")

    return change


async def signature(signer: Signer, data: bytes, reference: str, at: str) -> Signature:
    return Signature(
        reference=reference,
        algorithm=signer.algorithm,
        time=at,
        value=await signer.sign(data),
        serial=signer.certificate.serial,
        issuer=signer.certificate.issuer,
    )


async def document(keys: EInvoiceKeys, invoice: EInvoice = INVOICE) -> bytes:
    """What the sample's unit and finance sign now."""
    now = SystemClock().civil()
    at = f"{now:%Y%m%d%H%M%S}"
    signed = signed_bytes(with_main(invoice, IssueDate=at[:8], IssueTime=f"{now:%H:%M:%S}"))
    unit = signature_element(await signature(keys.units["0104901"], signed, UNIT_REFERENCE, at))
    assert keys.finance is not None
    covered = countersign_input(keys.finance.algorithm, signed, unit)
    finance = await signature(keys.finance, covered, FINANCE_REFERENCE, at)
    return assemble(signed, unit, signature_element(finance))


@pytest.fixture
def file(keys: EInvoiceKeys, tmp_path: Path) -> Path:
    path = tmp_path / "invoice.xml"
    path.write_bytes(asyncio.run(document(keys)))
    return path


def authority(site: Path) -> Holder:
    """The sample's test authority, which can give and revoke certificates."""
    folder = site / "einvoice"
    (pem,) = load_keys(load_config(site / "nontax.toml")).policy.intermediates
    key = load_private_key((folder / "keys" / "test-ca.key").read_bytes())
    return Holder(pem, key, AUTHORITY_NAME)


def revoke(site: Path, serial: str, **dates: datetime) -> None:
    at = datetime(2026, 1, 1)  # noqa: DTZ001 - UTC
    dates = {"this_update": at, "next_update": at + timedelta(days=3650)} | dates
    der = make_revocation_list(authority(site), [(int(serial, 16), at)], number=2, **dates)
    (site / "einvoice" / "test.crl").write_bytes(der)


# -- verify ----------------------------------------------------------------------------------------


def test_the_samples_keys_are_sm2_ones_where_there_is_sm2(keys: EInvoiceKeys) -> None:
    assert keys.finance is not None
    wanted = SignatureAlgorithm.SM3_WITH_SM2
    other = SignatureAlgorithm.SHA256_WITH_ECDSA
    assert keys.finance.algorithm is (wanted if sm2_available() else other)
    assert list(keys.units) == ["0104901"]
    assert {one.subject for one in keys.unit_certificates("0104901")} == {
        "CN=测试自然资源局,OU=0104901,O=测试,C=CN",
        "CN=测试自然资源局收费系统,OU=0104901,O=测试,C=CN",
    }
    assert keys.unit_certificates("0105204") == ()


def test_a_document_of_ours_is_fine(nontax: Any, file: Path) -> None:
    done = nontax("einvoice", "verify", file)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("intact   yes\nvalid    yes\ntrusted  yes\n")
    for text in ("signature of unit", "signature of finance", "测试根CA", "what was signed", "张*"):
        assert text in done.out
    for secret in ("张三", "李四", "王五", "a1B2c3"):
        assert secret not in done.out


def test_verification_as_json(nontax: Any, keys: EInvoiceKeys, tmp_path: Path) -> None:
    path = tmp_path / "full.xml"
    path.write_bytes(asyncio.run(document(keys, FULL)))
    done = nontax("einvoice", "verify", "--json", path)
    assert done.code == 0
    told = done.json
    assert (told["intact"], told["valid"], told["trusted"]) == (True, True, True)
    assert (told["reasons"], told["notes"]) == ([], [])
    assert told["content"]["Main"]["TotalAmount"] == "-80.01"
    assert told["content"]["Details"][0]["ItemName"] == "不动产登记费"
    assert [one["subject"] for one in told["finance"]["certificates"]] == [
        "CN=测试财政部门,O=测试,C=CN",
        "CN=测试电子票据CA,O=测试,C=CN",
        "CN=测试根CA,O=测试,C=CN",
    ]
    for secret in ("张三", "6222000000000000018", "a1B2c3", "原票有误", "床位费"):
        assert secret not in done.out


def test_a_changed_document_is_not(nontax: Any, file: Path) -> None:
    file.write_bytes(edited(file.read_bytes(), "李四", "李五"))
    done = nontax("einvoice", "verify", file)
    assert done.code == 1
    assert "intact   no" in done.out
    assert "not intact: unit's signature: SignatureValue" in done.out
    assert "what it says" in done.out
    assert "李五" not in done.out


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"<html/>", b"\xff" * 5_000_000])
def test_any_readable_file_gets_an_answer(nontax: Any, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(data)
    done = nontax("einvoice", "verify", path, "--json")
    assert (done.code, done.err) == (1, "")
    assert done.json["intact"] is False
    assert done.json["content"] is None


def test_what_cannot_be_read_is_wrong_input(nontax: Any, tmp_path: Path, file: Path) -> None:
    assert nontax("einvoice", "verify", tmp_path / "none").code == 2
    assert nontax("einvoice", "verify", tmp_path).code == 2
    assert nontax("einvoice", "verify").code == 2
    missing = nontax("einvoice", "verify", file, "-c", tmp_path / "none.toml")
    assert missing.code == 2
    assert "cannot be read" in missing.err


def test_another_root_is_not_trusted(nontax: Any, site: Path, file: Path, edit: Edit) -> None:
    edit('roots = ["einvoice/root.pem"]', 'roots = ["einvoice/certificates/intermediate.pem"]')
    assert nontax("einvoice", "verify", file).code == 0  # named itself, it needs no other
    edit('roots = ["einvoice/certificates/intermediate.pem"]', "roots = []")
    done = nontax("einvoice", "verify", file, "--json")
    assert done.code == 1
    assert (done.json["intact"], done.json["valid"], done.json["trusted"]) == (True, True, False)
    assert {one["rule"] for one in done.json["reasons"]} == {"chain"}


def test_a_revoked_certificate_is_not_trusted(
    nontax: Any, site: Path, file: Path, keys: EInvoiceKeys
) -> None:
    revoke(site, keys.units["0104901"].certificate.serial)
    done = nontax("einvoice", "verify", file, "--json")
    assert done.code == 1
    assert [(one["signature"], one["rule"]) for one in done.json["reasons"]] == [
        ("unit", "revocation")
    ]
    assert nontax("check").code == 1


def test_lists_that_cannot_be_believed_are_faults(nontax: Any, site: Path, file: Path) -> None:
    listed = site / "einvoice" / "test.crl"
    der = make_revocation_list(
        replace(authority(site), name=(("CN", "测试"),)),
        (),
        number=3,
        this_update=datetime(2026, 1, 1),  # noqa: DTZ001
        next_update=datetime(2027, 1, 1),  # noqa: DTZ001
    )
    for data in (b"", b"no list", der):
        listed.write_bytes(data)
        done = nontax("einvoice", "verify", file)
        assert done.code == 2
        assert "einvoice.revocation_list" in done.err


# -- check -----------------------------------------------------------------------------------------


def test_check_names_every_fault_of_keys_and_certificates(
    nontax: Any, site: Path, edit: Edit
) -> None:
    folder = site / "einvoice"
    (folder / "root.pem").write_text("no certificate")
    (folder / "keys" / "finance.key").write_text("no key")
    key = (folder / "keys" / "0104901-own.key").read_bytes()
    (folder / "keys" / "0104901.key").write_bytes(key)
    (folder / "test.crl").write_text("no list")
    done = nontax("check", "--json")
    assert done.code == 1
    assert [(one["key"], one["problem"].rpartition(": ")[2]) for one in done.json["faults"]] == [
        ("einvoice.roots", done.json["faults"][0]["problem"].rpartition(": ")[2]),
        ("einvoice.finance.key", "the file is no PEM"),
        ("einvoice.units.0104901.key", "key and certificate do not go together"),
        ("einvoice.revocation_list", done.json["faults"][3]["problem"].rpartition(": ")[2]),
    ]
    assert all(one["line"] for one in done.json["faults"])


def test_check_refuses_one_key_for_two(nontax: Any, site: Path, edit: Edit) -> None:
    edit('key = "file:einvoice/keys/0104901.key"', 'key = "file:einvoice/keys/finance.key"')
    done = nontax("check")
    assert done.code == 1
    assert "units.0104901 has the same key as finance: each could sign as the other" in done.out


def test_check_refuses_one_public_key_for_two(nontax: Any, site: Path, edit: Edit) -> None:
    """The same key in another file, under another certificate."""
    issuer, folder = authority(site), site / "einvoice"
    key = load_private_key((folder / "keys" / "finance.key").read_bytes())
    now = datetime(2026, 1, 1)  # noqa: DTZ001
    request = Request(AUTHORITY_NAME, key.public.spki, 99, now, now + timedelta(days=3650))
    der = make_certificate(request, issuer.name, issuer.key)
    (folder / "certificates" / "0104901.pem").write_bytes(der)
    (folder / "keys" / "0104901.key").write_bytes(key.pkcs8(b"a password"))
    (folder / "password").write_text("a password")
    edit(
        'key = "file:einvoice/keys/0104901.key"',
        'key = "file:einvoice/keys/0104901.key"\npassword = "file:einvoice/password"',
    )
    done = nontax("check")
    assert done.code == 1
    assert "has the key of finance, too" in done.out


def test_check_warns_before_certificates_and_lists_end(site: Path) -> None:
    config = load_config(site / "nontax.toml")
    now = SystemClock().civil()
    assert check_keys(config, now) == ([], [])
    ends = read_certificate(load_keys(config).policy.roots[0].der).not_after
    day = datetime.strptime(ends, "%Y%m%d%H%M%S")  # noqa: DTZ007
    faults, warnings = check_keys(config, day - timedelta(days=29))
    assert faults == []
    shown = f"{ends[:4]}-{ends[4:6]}-{ends[6:8]}"
    assert {(one.key, one.problem.endswith(f"expires on {shown}")) for one in warnings} == {
        ("einvoice.finance.certificate", True),
        ("einvoice.units.0104901.certificate", True),
        ("einvoice.roots", True),
    }
    faults, warnings = check_keys(config, day + timedelta(days=1))
    assert {one.key for one in faults} == {
        "einvoice.finance.certificate",
        "einvoice.units.0104901.certificate",
    }
    assert {one.key for one in warnings} == {"einvoice.roots", "einvoice.revocation_list"}


def test_check_warns_when_nobody_countersigns(nontax: Any, edit: Edit) -> None:
    edit('key = "file:einvoice/keys/finance.key"', "")
    done = nontax("check", "--json")
    assert done.code == 0
    assert [one["key"] for one in done.json["warnings"]] == ["einvoice.finance"]
