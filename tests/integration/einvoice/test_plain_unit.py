"""A unit that has the openssl command and a few lines of script issues e-invoices by itself.

Keys, certificates, the document, the signature and the frame come from elsewhere; the gateway is a
process, reached by a socket; finance's signature is verified by the openssl command alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from base64 import b64decode
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.keys import load_private_key
from nontax.simulators.collector import Payer
from nontax.simulators.county import UNIT, County
from nontax.simulators.identity import CIVIL
from nontax.simulators.jsonserver import JsonServer
from nontax.simulators.scenario import Behaviour, Rule, Script
from nontax.simulators.signing import SigningService
from nontax.simulators.unit import Charge

from .test_openssl_trust import IDENTITY, SIGNER, SM2, openssl
from .test_openssl_trust import Office as Authority

SCRIPT = Path(__file__).with_name("plain_unit.py")
ITEM = ("103043211", "不动产登记费")

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: NOT TRIED")


def now() -> datetime:
    return datetime.now(CIVIL)


def document(pay_code: str, number: str, **changes: str) -> str:
    """The signed part, as a script writes it."""
    moment = now()
    values = {
        "code": f"320101{moment:%y}", "number": number, "pay_code": pay_code, "amount": "80.00",
        "date": f"{moment:%Y%m%d}", "time": f"{moment:%H:%M:%S}", "unit": "0104901",
    } | changes  # fmt: skip
    identity = f"{values['code']}-{number}"[::-1]
    return (
        f"<Header><EInvoiceTag>CZ-EI-32</EInvoiceTag><EInvoiceID>{identity}</EInvoiceID>"
        "<Version>1.1.0</Version></Header><EInvoiceData><Main><EInvoiceName>非税收入通用票据"
        "</EInvoiceName><EInvoiceCode>{code}</EInvoiceCode><EInvoiceNumber>{number}"
        "</EInvoiceNumber><RandomNumber>a1b2c3</RandomNumber><EInvoiceSpecimenCode>{code}01"
        "</EInvoiceSpecimenCode><SupervisorAreaCode>320682</SupervisorAreaCode><TotalAmount>"
        "{amount}</TotalAmount><IssueDate>{date}</IssueDate><IssueTime>{time}</IssueTime>"
        "<InvoicingParty><InvoicingPartyCode>{unit}</InvoicingPartyCode><InvoicingPartyName>"
        "示例市自然资源局</InvoicingPartyName></InvoicingParty><PayerParty><PayerPartyType>1"
        "</PayerPartyType><PayerPartyName>张三</PayerPartyName></PayerParty><HandlingPerson>op1"
        "</HandlingPerson><Checker>op2</Checker><MainExt><PayCode>{pay_code}</PayCode></MainExt>"
        f"</Main><Details><Item><ItemCode>{ITEM[0]}</ItemCode><ItemName>{ITEM[1]}</ItemName>"
        "<ItemAmount>{amount}</ItemAmount></Item></Details></EInvoiceData>"
    ).format(**values)


class PlainUnit:
    """The script, the authority that gave it its certificate, and a county around it."""

    def __init__(self, town: County, folder: Path, algorithm: SignatureAlgorithm) -> None:
        self.town, self.folder, self.algorithm = town, folder, algorithm
        self.authority = Authority(folder, algorithm)
        self.books = town.installation.store_file
        self.token = town.installation.identity(UNIT).token.expose()

    def configure(self, *certificates: str, service: str = "") -> None:
        """Finance's key and the authority become the gateway's."""
        path = self.authority.path
        listed = [str(path(f"{name}.pem")) for name in ("middle", "unit", *certificates)]
        self.town.installation.configure(
            {
                "einvoice": {
                    "roots": ["einvoice/root.pem", str(path("root.pem"))],
                    "certificates": ["einvoice/certificates", *listed],
                },
                "einvoice.finance": {
                    "certificate": str(path("finance.pem")),
                    "key": f"file:{path('finance.key')}",
                },
            }
        )
        if service:
            file = self.town.installation.config_file
            text = file.read_text("utf-8")
            key = "key = " + json.dumps(f"file:{path('finance.key')}")
            assert key in text
            file.write_text(text.replace(key, service), "utf-8")

    async def paid(self, *, pay: bool = True) -> str:
        """A bill of the unit, paid at a counter."""
        bill = self.town.unit.make("张三", [Charge(*ITEM, 8000)])
        assert (await self.town.unit.send(bill)).result == "00000"
        if pay:
            quote = await self.town.banks[0].query(bill.PayCode)
            assert quote.due is not None
            entry = await self.town.banks[0].pay(quote.due, Payer("张三", "62", "行"))
            assert entry.result == "00000"
        return bill.PayCode

    async def run(self, *arguments: str | Path) -> dict[str, str]:
        """Run the script; the fields of the answer's voucher."""
        host, port = self.town.gateway.address
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", str(SCRIPT), str(self.folder), host, str(port), self.token,
            *map(str, arguments), stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        return dict(re.findall(r"<(\w+)>([^<]*)</\1>", out.decode()))

    def prepare(self, pay_code: str, number: str, signer: str = "unit", **more: str) -> None:
        """What the script is to send; the key that it signs with becomes `signer`'s."""
        path = self.authority.path
        certificate = path(f"{signer}.pem")
        names = ("-noout", "-serial", "-issuer", "-nameopt", "RFC2253,utf8,-esc_msb")
        said = openssl("x509", "-in", certificate, *names).decode()
        found = dict(line.split("=", 1) for line in said.splitlines())
        if signer != "unit":
            shutil.copy(path(f"{signer}.key"), path("unit.key"))
        asked = {
            "pay_code": pay_code, "number": number, "digest": self.authority.hash,
            "algorithm": self.algorithm.value.replace("SM3withSM2", "SM2"),
            "serial": found["serial"], "issuer": found["issuer"],
        }  # fmt: skip
        (self.folder / "request.json").write_text(json.dumps(asked | more))

    async def send(self, data: str) -> dict[str, str]:
        file = self.folder / "invoice-data"
        file.write_text(data, "utf-8")
        return await self.run(file)

    async def number(self) -> str:
        (self.folder / "request.json").write_text("{}")
        answer = await self.run()
        assert answer["Result"] == "00000"
        return answer["Information"]

    def rows(self, sql: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.books}?mode=ro", uri=True)) as books:
            return books.execute(sql).fetchall()

    def verified_by_openssl(self, whole: bytes) -> None:
        """Finance's signature over hash and unit's element, and the unit's over its bytes."""
        parts = re.fullmatch(
            rb"<\?xml [^>]*\?><EInvoice>(.*)<EInvoiceSignature>(<Signature>.*</Signature>)"
            rb"(<Signature>.*</Signature>)</EInvoiceSignature></EInvoice>",
            whole,
            re.DOTALL,
        )
        assert parts is not None
        signed, unit, finance = parts.groups()
        file = self.folder / "checked"
        file.write_bytes(signed)
        digest = openssl("dgst", self.authority.hash, "-r", file).split()[0]
        for name, element, covered in (("unit", unit, signed), ("finance", finance, digest + unit)):
            value = re.search(rb"<SignatureValue>(.*)</SignatureValue>", element)
            assert value is not None
            signature, public = self.folder / "signature", self.folder / "public.pem"
            signature.write_bytes(b64decode(value[1]))
            certificate = self.authority.path(f"{name}.pem")
            public.write_bytes(openssl("x509", "-in", certificate, "-noout", "-pubkey"))
            file.write_bytes(covered)
            options = ("-sigopt", IDENTITY) if self.algorithm is SM2 else ()
            told = openssl(
                "dgst", self.authority.hash, "-verify", public, "-signature", signature, *options,
                file,
            )  # fmt: skip
            assert told == b"Verified OK\n", name


@pytest.fixture
async def plain(town: County, tmp_path: Path, request: pytest.FixtureRequest) -> PlainUnit:
    folder = tmp_path / "unit"
    folder.mkdir()
    return PlainUnit(town, folder, getattr(request, "param", SM2))


@pytest.mark.parametrize("plain", SignatureAlgorithm, indirect=True)
async def test_it_is_accepted_and_openssl_verifies_the_countersignature(plain: PlainUnit) -> None:
    plain.configure()
    await plain.town.open()
    pay_code, number = await plain.paid(), await plain.number()
    plain.prepare(pay_code, number)
    data = document(pay_code, number)
    answer = await plain.send(data)
    assert answer["Result"] == answer["Svr_Code"] == "00000", answer
    assert answer["Issue_Date"] == f"{now():%Y%m%d}"
    again = await plain.send(data)  # signed anew: the document is the same
    assert again == answer
    [(whole,)] = plain.rows("SELECT document FROM einvoice_archive")
    assert data.encode() in whole
    plain.verified_by_openssl(whole)


async def test_what_is_wrong_is_refused_and_leaves_nothing(plain: PlainUnit) -> None:
    authority, path = plain.authority, plain.authority.path
    shutil.copy(path("unit.key"), path("right.key"))
    issued = ("-CA", path("middle.pem"), "-CAkey", path("middle.key"), "-CAcreateserial")
    for name in ("ended", "unknown", "foreign"):
        authority.request(name, "/C=CN/O=测试/OU=0104901/CN=测试单位")
    authority.request("other", "/C=CN/O=测试/OU=0206301/CN=测试学校")
    authority.sign("other", SIGNER, *issued)
    authority.sign("unknown", SIGNER, *issued)
    authority.sign("foreign", SIGNER, "-signkey", path("foreign.key"))
    openssl(
        "x509", "-req", "-in", path("ended.csr"), "-vfyopt", IDENTITY, *issued, "-sm3", "-sigopt",
        IDENTITY, "-days", "-1", "-extfile", path("other.ext"), "-out", path("ended.pem"),
    )  # fmt: skip
    plain.configure("other", "foreign", "ended")
    await plain.town.open()
    pay_code, number, unpaid = (
        await plain.paid(),
        await plain.number(),
        await plain.paid(pay=False),
    )
    good = document(pay_code, number)
    day_before = f"{now() - timedelta(days=1):%Y%m%d}"
    for data, more, result, text in (
        (good, {"value": "MEUCIR=="}, "10002", "Value: 不是规范的base64"),
        (good, {"value": "AAAA"}, "99999", "单位签名验证未通过"),
        (good, {"signer": "unknown"}, "99999", "签名证书未在财政登记"),
        (good, {"signer": "foreign"}, "99999", "单位签名证书不可信"),
        (good, {"signer": "ended"}, "99999", "单位签名证书不可信"),
        (good, {"signer": "other"}, "99999", "证书"),
        (document(pay_code, number, date=day_before), {}, "99999", "单位签名证书不可信"),
        (document(pay_code, number, amount="80.01"), {}, "16005", "TotalAmount"),
        (good.replace("<TotalAmount>80", "<TotalAmount>81"), {}, "10002", "TotalAmount"),
        (good.replace("张三", "张三<!-- -->"), {}, "10002", "电子票据"),
        (document(pay_code, number, unit="0105204"), {}, "99999", "证书"),
        (document(pay_code, "0000000099"), {"number": "0000000099"}, "99999", "号码"),
        (document(unpaid, number), {"pay_code": unpaid}, "99999", "未缴款"),
        (document("32068226300000099991", number), {"pay_code": "32068226300000099991"}, "11001",
         "缴款码不存在"),
    ):  # fmt: skip
        asked = {"pay_code": pay_code, "number": number} | more
        shutil.copy(path("right.key"), path("unit.key"))
        plain.prepare(**asked)
        answer = await plain.send(data)
        assert (answer["Result"], text in answer.get("Msg", "")) == (result, True), (more, answer)
        assert plain.rows("SELECT * FROM einvoices") == []
        states = plain.rows("SELECT number, state, pay_code FROM einvoice_numbers")
        assert states == [(number, "reserved", "")]
    shutil.copy(path("right.key"), path("unit.key"))
    plain.prepare(pay_code, number)
    assert (await plain.send(good))["Result"] == "00000"
    [(whole,)] = plain.rows("SELECT document FROM einvoice_archive")
    plain.verified_by_openssl(whole)


async def test_killed_while_it_is_countersigned(plain: PlainUnit) -> None:
    """Finance's key is at a service that takes its time; the gateway dies meanwhile."""
    script = Script(Rule(do=Behaviour(late=True), nth=1))
    service = SigningService(
        {"finance": load_private_key(plain.authority.path("finance.key").read_bytes())}
    )
    async with JsonServer(service.handle, script=script) as server:
        where = f'address = "{server.address}", key_name = "finance", tls = false'
        plain.configure(service=f"service = {{ {where}, timeout_seconds = 20 }}")
        await plain.town.open()
        pay_code, number = await plain.paid(), await plain.number()
        plain.prepare(pay_code, number)
        data = document(pay_code, number)
        waiting = asyncio.create_task(plain.send(data))
        async with asyncio.timeout(20):
            await server.judged.wait()
        await plain.town.gateway.kill()
        assert await waiting == {}
        assert plain.rows("SELECT state FROM einvoices") == [("unit_signed",)]
        await plain.town.open()
        answer = await plain.send(data)
        assert answer["Result"] == "00000", answer
        await plain.town.gateway.kill()
        await plain.town.open()
        assert await plain.send(data) == answer
    [(state, found)] = plain.rows("SELECT state, number FROM einvoices")
    assert (state, found) == ("archived", number)
    [(whole,)] = plain.rows("SELECT document FROM einvoice_archive")
    plain.verified_by_openssl(whole)
    assert plain.rows("SELECT state FROM einvoice_numbers") == [("issued",)]
