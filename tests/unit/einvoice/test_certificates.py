"""Certificates are read exactly, and found as documents and other programs name them."""

from __future__ import annotations

from base64 import encodebytes

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import (
    CertificateSet,
    is_signed_by,
    parse_certificates,
    read_certificate,
)
from nontax.einvoice.der import (
    INTEGER,
    bit_string,
    element,
    elements,
    inside,
    integer,
    object_id,
    sequence,
)
from nontax.einvoice.errors import CertificateError
from nontax.einvoice.hierarchy import random_serial
from nontax.einvoice.names import attributes_in, serial_candidates, serial_text

from .signing import holder, world


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % encodebytes(der)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_a_certificate_is_read(algorithm: SignatureAlgorithm) -> None:
    made = world(algorithm).hierarchy
    certificate = read_certificate(made.units["0104901"].certificate.der)
    assert certificate.subject == "CN=测试单位一,OU=0104901,O=测试,C=CN"
    assert certificate.issuer == "CN=测试电子票据CA,O=测试,C=CN"
    assert (certificate.not_before, certificate.not_after) == ("20260101080000", "20300101080000")
    assert (certificate.is_authority, certificate.path_length) == (False, None)
    assert certificate.usages == {"digitalSignature", "nonRepudiation"}
    assert certificate.unit_codes == {"0104901"}
    assert certificate.signed_by is algorithm
    assert certificate.obstacle == ""
    assert certificate.key.spki == made.units["0104901"].key.public.spki
    assert is_signed_by(certificate, made.intermediate.certificate)
    assert not is_signed_by(certificate, made.root.certificate)
    assert made.root.certificate.is_self_issued
    assert made.root.certificate.path_length == 1


def test_pem_files_hold_several_with_text_between() -> None:
    made = world().hierarchy
    first, second = made.finance.certificate, made.root.certificate
    data = "测试 Subject: …\n".encode() + pem(first.der) + b"\r\n# next\n" + pem(second.der)
    assert parse_certificates(data) == (first, second)
    assert parse_certificates(first.der) == (first,)


def test_what_is_no_certificate_is_refused() -> None:
    der = world().hierarchy.finance.certificate.der
    algorithm = sequence(object_id("1.2.840.10045.4.3.2"))
    assert der.count(algorithm) == 2
    other = sequence(object_id("1.2.840.10045.4.3.3"))
    swapped = der[: der.rindex(algorithm)] + other + der[der.rindex(algorithm) + len(other) :]
    for bad in (b"", b"\x30\x00", der[:-1], der + b"\x00", swapped, b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(CertificateError):
            parse_certificates(bad)
    broken = pem(der).replace(b"\n", b"\n!", 1)
    with pytest.raises(CertificateError):
        parse_certificates(broken)


def test_unknown_critical_extensions_and_algorithms_are_obstacles() -> None:
    der = world().hierarchy.finance.certificate.der
    constraints, unknown = object_id("2.5.29.19"), object_id("2.5.29.99")
    assert "2.5.29.99" in read_certificate(der.replace(constraints, unknown)).obstacle
    sha384 = der.replace(object_id("1.2.840.10045.4.3.2"), object_id("1.2.840.10045.4.3.3"))
    certificate = read_certificate(sha384)
    assert certificate.signed_by is None
    assert "1.2.840.10045.4.3.3" in certificate.obstacle
    assert not is_signed_by(certificate, world().hierarchy.intermediate.certificate)


def test_every_bit_of_a_certificate_counts() -> None:
    """A certificate with one bit changed is no longer one that its issuer signed."""
    made = world().hierarchy
    der, issuer = made.finance.certificate.der, made.intermediate.certificate
    for position in range(len(der)):
        changed = bytearray(der)
        changed[position] ^= 1
        try:
            found = read_certificate(bytes(changed))
        except CertificateError:
            continue
        assert not is_signed_by(found, issuer), position


# -- finding ---------------------------------------------------------------------------------------


def test_documents_name_certificates_exactly() -> None:
    known = world()
    certificate = known.unit.certificate
    found = known.certificates
    assert found.find(certificate.serial, certificate.issuer) is certificate
    assert found.find("0" + certificate.serial, certificate.issuer) is None
    assert found.find(certificate.serial.lower() + " ", certificate.issuer) is None
    assert found.find(certificate.serial, "C=CN,O=测试,CN=测试电子票据CA") is None
    assert found.find(certificate.serial, "") is None


@pytest.mark.parametrize(
    "issuer",
    [
        "CN=测试电子票据CA,O=测试,C=CN",
        "C=CN, O=测试, CN=测试电子票据CA",
        "C = CN, O = 测试, CN = 测试电子票据CA",
        "/C=CN/O=测试/CN=测试电子票据CA",
        'cn=测试电子票据ca;o="测试";c=cn',
        "CN=\\E6\\B5\\8B\\E8\\AF\\95电子票据CA,O=测试,2.5.4.6=CN",
        "",
    ],
)
def test_units_name_certificates_as_their_programs_do(issuer: str) -> None:
    known = world()
    certificate = known.unit.certificate
    number = int(certificate.serial, 16)
    colons = ":".join(f"{byte:02x}" for byte in number.to_bytes(20, "big"))
    for serial in (certificate.serial, f"00{number:x}", f"0x{number:X}", colons, str(number)):
        assert known.certificates.find(serial, issuer, exact=False) is certificate


def test_what_could_be_two_is_none() -> None:
    root = world().hierarchy.root
    one = holder(root, "测试", serial=0x77)
    two = holder(
        world(SignatureAlgorithm.SHA256_WITH_RSA).hierarchy.intermediate, "测试", serial=0x77
    )
    both = CertificateSet([one.certificate, two.certificate, one.certificate])
    assert len(both) == 2
    assert both.find("77", "", exact=False) is None
    assert both.find("77", root.certificate.subject, exact=False) is one.certificate
    assert both.find("77", "CN=测试", exact=False) is None
    assert both.find("77", "no name at all", exact=False) is None
    assert both.find("no number", "", exact=False) is None
    again = holder(root, "测试二", serial=0x77)
    with pytest.raises(CertificateError, match="two certificates have serial number 77"):
        CertificateSet([one.certificate, again.certificate])


def test_hex_is_likelier_than_decimal() -> None:
    assert serial_candidates("16") == ("16", "10")
    assert serial_candidates("0a:0B") == ("A0B",)
    assert serial_candidates("0") == ("0",)
    assert serial_candidates("-1 ") == ("1",)
    assert serial_candidates("g") == serial_candidates("") == ()
    assert serial_text(0) == "0"


def test_escaped_and_quoted_names_are_read() -> None:
    wanted = attributes_in('CN="甲, 乙+丙",O=丁')
    assert wanted == attributes_in("O=丁,CN=甲\\, 乙\\+丙")
    assert wanted == attributes_in("CN=甲\\2C\\20乙\\2B丙 , O=丁")
    assert attributes_in("甲") == ()


# -- DER -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "020100"),
        (127, "02017f"),
        (128, "02020080"),
        (256, "02020100"),
        (2**64, "0209010000000000000000"),
    ],
)
def test_integers_are_written_in_their_shortest_form(value: int, written: str) -> None:
    assert integer(value).hex() == written


def test_long_lengths_and_object_ids() -> None:
    assert element(INTEGER, b"\1" * 128)[:3].hex() == "028180"
    assert element(INTEGER, b"\1" * 256)[:4].hex() == "02820100"
    assert object_id("1.2.156.10197.1.501").hex() == "06082a811ccf55018375"
    assert bit_string(b"\x80", 7).hex() == "03020780"


@pytest.mark.parametrize(
    "wrong",
    [
        "30",
        "3001",
        "308100",
        "30810100",
        "3082000100",
        "1f8101",
        "30ff",
        "3080",
        "30850000000001aa",
    ],
)
def test_what_is_not_der_is_refused(wrong: str) -> None:
    with pytest.raises(CertificateError):
        list(elements(bytes.fromhex(wrong)))


def test_nothing_may_stand_behind() -> None:
    assert inside(b"\x30\x00") == b""
    for wrong in (b"\x30\x00\x30\x00", b"\x31\x00", b""):
        with pytest.raises(CertificateError):
            inside(wrong)


def test_serial_numbers_are_positive_and_of_many_bits() -> None:
    assert random_serial(lambda size: b"\x00" * size) == 1
    assert random_serial(lambda size: b"\xff" * size) == 2**127 - 1
