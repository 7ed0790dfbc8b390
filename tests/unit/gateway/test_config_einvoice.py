"""[einvoice]: a section for each holder of a key, and every fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from nontax.gateway.config import Config, ConfigError, parse_config

NODE = '[node]\ncode = "F320682"\nname = "示例市财政局"\nregions = ["320682"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "master.key").write_text("ab" * 32)
    for name in ("a.key", "b.key", "a.pem", "b.pem", "c.p12", "password"):
        (tmp_path / name).write_text(f"content of {name}")
    (tmp_path / "same.key").write_text("content of a.key\n")
    for file in (*tmp_path.glob("*"), *tmp_path.glob("secret/*")):
        if file.is_file():
            file.chmod(0o600)
    return tmp_path


def parse(folder: Path, text: str) -> Config:
    return parse_config(NODE + text, folder / "nontax.toml")


def faults(folder: Path, text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(folder, text)
    return [(fault.key, fault.problem) for fault in caught.value.faults]


FINANCE = '[einvoice.finance]\ncertificate = "a.pem"\nkey = "file:a.key"\n'
UNIT = '[einvoice.units.0104901]\ncertificate = "b.pem"\nkey = "file:b.key"\n'


def test_everything_may_be_left_out(folder: Path) -> None:
    section = parse(folder, "").einvoice
    assert (section.certificates, section.roots, section.revocation_list) == ((), (), ())
    assert (section.finance, section.units, section.centre) == (None, {}, None)
    assert (section.countersigner, section.reserve_days) == ("local", 30)
    assert section.issue_automatically is False


def test_holders_have_sections_of_their_own(folder: Path) -> None:
    config = parse(folder, '[einvoice]\nroots = "a.pem"\ncertificates = ["."]\n' + FINANCE + UNIT)
    section = config.einvoice
    assert section.roots == (folder / "a.pem",)
    assert section.certificates == (folder / ".",)
    assert section.finance is not None
    assert section.finance.signs
    assert section.units["0104901"].key is not None
    assert "content of" not in repr(config)


@pytest.mark.parametrize(
    ("unit", "what"),
    [
        ('certificate = "b.pem"\nkey = "file:a.key"', "key"),
        ('certificate = "b.pem"\nkey = "file:same.key"', "key"),
        ('certificate = "a.pem"\nkey = "file:b.key"', "certificate"),
        ('certificate = "./a.pem"', "certificate"),
    ],
)
def test_a_key_belongs_to_one_holder(folder: Path, unit: str, what: str) -> None:
    found = faults(folder, FINANCE + f"[einvoice.units.0104901]\n{unit}\n")
    problem = f"units.0104901 has the same {what} as finance: each could sign as the other"
    assert found == [("einvoice.units", problem)]


def test_two_units_do_not_share_a_key_either(folder: Path) -> None:
    p12 = 'pkcs12 = "c.p12"\npassword = "file:password"\n'
    found = faults(folder, f"[einvoice.units.1]\n{p12}[einvoice.units.2]\n{p12}")
    assert found == [
        ("einvoice.units", "units.2 has the same key as units.1: each could sign as the other")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty: name the signer's certificate, and its key to sign with it"),
        ('key = "file:a.key"', "key needs its certificate"),
        (
            'pkcs12 = "c.p12"\nkey = "file:a.key"\ncertificate = "a.pem"',
            "key and pkcs12 exclude each other",
        ),
        ('pkcs12 = "c.p12"', "pkcs12 needs its password, and brings its certificate itself"),
        ('certificate = "a.pem"\npassword = "file:password"', "password belongs to key or pkcs12"),
        ('service = { address = "10.0.0.1:1", key_name = "k" }', "service needs its certificate"),
    ],
)
def test_a_signer_has_one_key_and_its_certificate(folder: Path, text: str, problem: str) -> None:
    assert faults(folder, f"[einvoice.finance]\n{text}\n") == [("einvoice.finance", problem)]


def test_every_fault_at_once(folder: Path) -> None:
    found = faults(
        folder,
        '[einvoice]\nroots = "none.pem"\nurl = "https://x/{code}"\nreserve_days = 0\ncolour = 1\n'
        '[einvoice.finance]\ncertificate = "none.pem"\nkey = "a.key"\n'
        '[einvoice.units."a b"]\ncertificate = "b.pem"\n'
        '[einvoice.centre]\naddress = "nowhere"\ncertificates = []\n',
    )
    assert sorted(key for key, _ in found) == [
        "einvoice.centre.address",
        "einvoice.centre.certificates",
        "einvoice.colour",
        "einvoice.finance.certificate",
        "einvoice.finance.key",
        "einvoice.reserve_days",
        "einvoice.roots[0]",
        "einvoice.units",
        "einvoice.url",
    ]


def test_the_centre_is_named_where_it_signs(folder: Path) -> None:
    assert faults(folder, '[einvoice]\ncountersigner = "centre"\n') == [
        ("einvoice", 'countersigner = "centre" needs [einvoice.centre]')
    ]
    plain = '[einvoice.centre]\naddress = "10.1.2.3:1"\ncertificates = "a.pem"\ntls = false\n'
    assert faults(folder, plain) == [
        ("einvoice.centre", "tls = false is for a centre on this machine only")
    ]
    assert parse(folder, plain.replace("10.1.2.3", "[::1]")).einvoice.centre is not None


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://x.cn/{code}/{number}/{random}", True),
        ("http://x.cn/?no={number}", True),
        ("https://x.cn/{number}/{name}", False),
        ("https://x.cn/{number}}", False),
        ("ftp://x.cn/{number}", False),
        ("https://例.cn/{number}", False),
    ],
)
def test_the_address_names_the_invoice(folder: Path, url: str, good: bool) -> None:
    text = f'[einvoice]\nurl = "{url}"\n'
    if good:
        assert parse(folder, text).einvoice.url == url
    else:
        assert [key for key, _ in faults(folder, text)] == ["einvoice.url"]
