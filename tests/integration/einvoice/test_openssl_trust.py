"""Certificates, lists and documents of the openssl command, and ours judged by it."""

from __future__ import annotations

import shutil
import subprocess
from base64 import encodebytes
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import Certificate, CertificateSet, parse_certificates
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.envelope import (
    FINANCE_REFERENCE,
    UNIT_REFERENCE,
    Signature,
    assemble,
    countersign_input,
    signature_element,
)
from nontax.einvoice.hierarchy import make_revocation_list
from nontax.einvoice.keys import sm2_available
from nontax.einvoice.revocation import parse_revocation_lists
from nontax.einvoice.trust import TrustPolicy, judge
from nontax.einvoice.verify import verify

from ...unit.einvoice.documents import INVOICE, with_main
from ...unit.einvoice.signing import FIRST, LAST, world

OPENSSL = shutil.which("openssl")
SM2 = SignatureAlgorithm.SM3_WITH_SM2
IDENTITY = "distid:1234567812345678"
GENERATE = {
    SM2: ("-algorithm", "SM2"),
    SignatureAlgorithm.SHA256_WITH_RSA: ("-algorithm", "RSA"),
    SignatureAlgorithm.SHA256_WITH_ECDSA: ("-algorithm", "EC", "-pkeyopt", "group:P-256"),
}
AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
SIGNER = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
AT = "20261122093000"

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="no openssl command: NOT TRIED")


def openssl(*arguments: str | Path, code: int = 0) -> bytes:
    done = subprocess.run(
        [str(OPENSSL), *map(str, arguments)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout


def needed(algorithm: SignatureAlgorithm) -> None:
    if algorithm is SM2 and not sm2_available():
        pytest.skip("this libcrypto has no SM2")


def pem(path: Path, label: str, der: bytes) -> Path:
    text = f"-----BEGIN {label}-----\n{encodebytes(der).decode()}-----END {label}-----\n"
    path.write_text(text)
    return path


# -- ours by openssl -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_openssl_believes_our_hierarchy(algorithm: SignatureAlgorithm, tmp_path: Path) -> None:
    made = world(algorithm).hierarchy
    root, middle, finance = (
        pem(tmp_path / f"{index}.pem", "CERTIFICATE", one.certificate.der)
        for index, one in enumerate((made.root, made.intermediate, made.finance))
    )
    strict = ("verify", "-x509_strict", "-attime", "1795311000")
    if algorithm is SM2:
        # The identity reaches the last certificate alone, so each link is looked at by itself.
        strict += ("-vfyopt", IDENTITY)
        openssl(*strict, "-partial_chain", "-trusted", middle, finance)
        openssl(*strict, "-trusted", root, middle)
    else:
        openssl(*strict, "-CAfile", root, "-untrusted", middle, finance)
    openssl(*strict, "-CAfile", root, finance, code=2)  # its issuer is missing
    text = openssl("x509", "-in", finance, "-noout", "-text").decode()
    assert "Digital Signature, Non Repudiation" in text
    assert "CA:FALSE" in text


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_openssl_reads_our_revocation_lists(algorithm: SignatureAlgorithm, tmp_path: Path) -> None:
    made = world(algorithm).hierarchy
    entries = [(0xABCDEF, FIRST)]
    der = make_revocation_list(
        made.intermediate, entries, number=7, this_update=FIRST, next_update=LAST
    )
    listed = pem(tmp_path / "list.crl", "X509 CRL", der)
    text = openssl("crl", "-in", listed, "-noout", "-text").decode()
    assert "Serial Number: ABCDEF" in text
    assert "Jan  1 00:00:00 2026 GMT" in text
    if algorithm is not SM2:  # the command cannot be told the identity for lists
        issuer = pem(tmp_path / "issuer.pem", "CERTIFICATE", made.intermediate.certificate.der)
        openssl("crl", "-in", listed, "-noout", "-verify", "-CAfile", issuer)


# -- openssl's by us -------------------------------------------------------------------------------


class Office:
    """An authority, finance and a unit that know nothing but the openssl command."""

    def __init__(self, folder: Path, algorithm: SignatureAlgorithm) -> None:
        needed(algorithm)
        self.folder, self.algorithm = folder, algorithm
        self.hash = "-sm3" if algorithm is SM2 else "-sha256"
        self.identity: tuple[str, ...] = ("-sigopt", IDENTITY) if algorithm is SM2 else ()
        self.request("root", "/C=CN/O=测试/CN=测试根")
        self.sign("root", AUTHORITY, "-signkey", self.path("root.key"))
        for name, issuer, extensions, subject in (
            ("middle", "root", AUTHORITY, "/C=CN/O=测试/CN=测试中级"),
            ("finance", "middle", SIGNER, "/C=CN/O=测试/CN=测试财政"),
            ("unit", "middle", SIGNER, "/C=CN/O=测试/OU=0104901/CN=测试单位"),
        ):
            self.request(name, subject)
            issued = ("-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key"))
            self.sign(name, extensions, *issued, "-CAcreateserial")

    def path(self, name: str) -> Path:
        return self.folder / name

    def request(self, name: str, subject: str) -> None:
        key = self.path(f"{name}.key")
        openssl("genpkey", *GENERATE[self.algorithm], "-out", key)
        openssl(
            "req", "-new", "-utf8", "-key", key, "-subj", subject, self.hash, *self.identity,
            "-out", self.path(f"{name}.csr"),
        )  # fmt: skip

    def sign(self, name: str, extensions: str, *issuer: str | Path) -> None:
        written = self.path(f"{name}.ext")
        written.write_text(extensions)
        checked = ("-vfyopt", IDENTITY) if self.algorithm is SM2 else ()
        openssl(
            "x509", "-req", "-in", self.path(f"{name}.csr"), *checked, *issuer, self.hash,
            *self.identity, "-days", "30", "-extfile", written, "-out", self.path(f"{name}.pem"),
        )  # fmt: skip

    def certificate(self, name: str) -> Certificate:
        (found,) = parse_certificates(self.path(f"{name}.pem").read_bytes())
        return found

    @property
    def at(self) -> str:
        """A moment at which everything here is valid."""
        return max(self.certificate(name).not_before for name in ("root", "middle", "unit"))

    @property
    def policy(self) -> TrustPolicy:
        return TrustPolicy(
            roots=(self.certificate("root"),),
            intermediates=(self.certificate("middle"),),
            finance=frozenset({self.certificate("finance").fingerprint}),
        )

    def signature(self, name: str, data: bytes, identity: str = IDENTITY) -> bytes:
        """What the command signs with the key of `name`."""
        document = self.path("document")
        document.write_bytes(data)
        options = ("-sigopt", identity) if self.algorithm is SM2 else ()
        return openssl("dgst", self.hash, "-sign", self.path(f"{name}.key"), *options, document)

    def document(self, identity: str = IDENTITY) -> bytes:
        day, time = self.at[:8], self.at[8:]
        signed = signed_bytes(with_main(INVOICE, IssueDate=day, IssueTime=time))
        unit = signature_element(self.element("unit", signed, UNIT_REFERENCE, identity))
        covered = countersign_input(self.algorithm, signed, unit)
        finance = self.element("finance", covered, FINANCE_REFERENCE, IDENTITY)
        return assemble(signed, unit, signature_element(finance))

    def element(self, name: str, data: bytes, reference: str, identity: str) -> Signature:
        certificate = self.certificate(name)
        return Signature(
            reference=reference,
            algorithm=self.algorithm,
            time=self.at,
            value=self.signature(name, data, identity),
            serial=certificate.serial,
            issuer=certificate.issuer,
        )


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_a_document_of_the_openssl_command_is_fine(
    algorithm: SignatureAlgorithm, tmp_path: Path
) -> None:
    office = Office(tmp_path, algorithm)
    known = CertificateSet(office.certificate(name) for name in ("middle", "finance", "unit"))
    found = verify(office.document(), known, office.policy)
    assert found.reasons == ()
    assert found.unit is not None
    assert [one.subject for one in found.unit.chain] == [
        "CN=测试单位,OU=0104901,O=测试,C=CN",
        "CN=测试中级,O=测试,C=CN",
        "CN=测试根,O=测试,C=CN",
    ]
    # What openssl prints of the certificate finds it again.
    serial = openssl("x509", "-in", office.path("unit.pem"), "-noout", "-serial").decode()
    for style in ("RFC2253", "oneline", "compat"):
        issuer = openssl(
            "x509", "-in", office.path("unit.pem"), "-noout", "-issuer", "-nameopt",
            f"{style},utf8,-esc_msb",
        ).decode()  # fmt: skip
        named = known.find(
            serial.partition("=")[2].strip(), issuer.partition("=")[2].strip(), exact=False
        )
        assert named == office.certificate("unit"), issuer


def test_another_identity_of_sm2_is_refused(tmp_path: Path) -> None:
    office = Office(tmp_path, SM2)
    known = CertificateSet(office.certificate(name) for name in ("middle", "finance", "unit"))
    for wrong in ("distid:8765432187654321", "distid:ALICE123@YAHOO.COM"):
        found = verify(office.document(wrong), known, office.policy)
        assert (found.intact, found.valid, found.trusted) == (False, False, False)
        assert [(str(one.party), one.rule) for one in found.reasons] == [("unit", "SignatureValue")]


def test_a_certificate_signed_under_another_identity_has_no_chain(tmp_path: Path) -> None:
    office = Office(tmp_path, SM2)
    office.identity = ()  # the command's default is an empty one
    office.request("other", "/C=CN/O=测试/OU=0104901/CN=测试单位")
    written = office.path("other.ext")
    written.write_text(SIGNER)
    openssl(
        "x509", "-req", "-in", office.path("other.csr"), "-sm3", "-CA", office.path("middle.pem"),
        "-CAkey", office.path("middle.key"), "-CAcreateserial", "-days", "30",
        "-extfile", written, "-out", office.path("other.pem"),
    )  # fmt: skip
    found = judge(office.certificate("other"), office.at, office.policy)
    assert [rule for rule, _ in found.problems] == ["chain"]


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_a_self_signed_certificate_of_openssl_is_read(
    algorithm: SignatureAlgorithm, tmp_path: Path
) -> None:
    needed(algorithm)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.der"
    openssl("genpkey", *GENERATE[algorithm], "-out", key)
    sm2 = algorithm is SM2
    openssl(
        "req", "-x509", "-new", "-key", key, "-subj", "/CN=test/serialNumber=0105204",
        "-sm3" if sm2 else "-sha256", *(("-sigopt", IDENTITY) if sm2 else ()),
        "-outform", "DER", "-out", certificate,
    )  # fmt: skip
    (found,) = parse_certificates(certificate.read_bytes())
    assert found.signed_by is algorithm
    assert found.is_authority
    assert found.is_self_issued
    assert found.unit_codes == {"0105204"}
    assert found.usages is None


def test_an_authority_with_a_weak_key_signs_nothing(tmp_path: Path) -> None:
    key, pem_file = tmp_path / "key.pem", tmp_path / "weak.pem"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", key)
    made = world(SignatureAlgorithm.SHA256_WITH_ECDSA).hierarchy
    openssl(
        "req", "-x509", "-new", "-utf8", "-key", key, "-subj", "/C=CN/O=测试/CN=测试电子票据CA",
        "-sha256", "-out", pem_file,
    )  # fmt: skip
    (weak,) = parse_certificates(pem_file.read_bytes())
    assert weak.subject == made.intermediate.certificate.subject
    policy = TrustPolicy(roots=(weak,))
    assert "chain" in [rule for rule, _ in judge(made.finance.certificate, AT, policy).problems]
    beside = TrustPolicy(
        roots=(made.root.certificate,), intermediates=(made.intermediate.certificate, weak)
    )
    assert judge(made.finance.certificate, AT, beside).problems == ()


def test_weaker_hashes_are_not_accepted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl("genpkey", "-algorithm", "RSA", "-out", key)
    for wrong in ("-sha1", "-sha384"):
        openssl(
            "req", "-x509", "-new", "-key", key, "-subj", "/CN=test", wrong, "-out", certificate
        )
        (found,) = parse_certificates(certificate.read_bytes())
        assert found.signed_by is None
        policy = TrustPolicy(roots=(found,))
        assert "certificate" in [rule for rule, _ in judge(found, AT, policy).problems]


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_a_revocation_list_of_openssl_revokes(
    algorithm: SignatureAlgorithm, tmp_path: Path
) -> None:
    office = Office(tmp_path, algorithm)
    (tmp_path / "index.txt").touch()
    (tmp_path / "crlnumber").write_text("01\n")
    hashing = "sm3" if algorithm is SM2 else "sha256"
    settings = tmp_path / "ca.cnf"
    settings.write_text(
        f"[ca]\ndefault_ca=c\n[c]\ndatabase={tmp_path}/index.txt\ncrlnumber={tmp_path}/crlnumber\n"
        f"default_md={hashing}\ndefault_crl_days=1\n"
    )
    common = (
        "ca", "-config", settings, "-cert", office.path("middle.pem"),
        "-keyfile", office.path("middle.key"), *office.identity,
    )  # fmt: skip
    openssl(*common, "-revoke", office.path("unit.pem"), "-crl_reason", "keyCompromise")
    openssl(*common, "-gencrl", "-out", office.path("list.crl"))
    lists = parse_revocation_lists(office.path("list.crl").read_bytes())
    assert list(lists[0].revoked) == [office.certificate("unit").serial]
    policy = replace(office.policy, revocations=lists)
    later = lists[0].this_update
    problems = judge(office.certificate("unit"), later, policy).problems
    assert [rule for rule, _ in problems] == ["revocation"]
    assert judge(office.certificate("finance"), later, policy).problems == ()
