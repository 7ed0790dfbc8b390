"""The configuration file: what is accepted, and that all faults come at once with their place."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from nontax.gateway.config import (
    Config,
    ConfigError,
    check,
    find_config,
    load_config,
    parse_config,
)
from nontax.mac import Secret

TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
DES_KEY = "0123456789abcdef23456789abcdef01456789abcdef0123"
MASTER_KEY = "00112233445566778899aabbccddeeff" * 2

NODE = '[node]\ncode = "F320682"\nname = "示例市财政局"\nregions = ["320682"]\n'
BANK = """[[peers]]
code = "D3206820105"
kind = "bank"
name = "示例建行"
regions = ["320682"]
mac = { algorithm = "sha256-token", width = 64 }
token = "file:secret/a.token"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secret = tmp_path / "secret"
    secret.mkdir()
    for name, value in (("master.key", MASTER_KEY), ("a.token", TOKEN), ("a.des", DES_KEY)):
        (secret / name).write_text(value + "\n")
        (secret / name).chmod(0o600)
    return tmp_path


def _parse(folder: Path, text: str) -> Config:
    return parse_config(text, folder / "nontax.toml")


def _faults(folder: Path, text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigError) as caught:
        _parse(folder, text)
    return [(fault.line, fault.key, fault.problem) for fault in caught.value.faults]


def test_the_smallest_file_has_a_default_for_everything_else(folder: Path) -> None:
    config = _parse(folder, NODE)
    assert config.node.code == "F320682"
    assert config.store_file == folder / "nontax.db"
    assert (config.listen.host, config.listen.port) == ("127.0.0.1", 9201)
    assert config.listen.max_frame_bytes == 16 * 1024 * 1024
    assert config.collection.auto_refund_paymodes == ("5", "13", "51", "52")
    assert config.collection.token_confirm_seconds == 3600
    assert config.outbox.max_retry_seconds == 600
    assert config.spool.notices == folder / "spool" / "notices"
    assert config.peers == ()
    assert check(config) == []
    assert config.warnings == ()


def test_the_contracts_example_is_read(folder: Path) -> None:
    config = _parse(
        folder,
        NODE
        + """
[store]
url = "sqlite:///nontax.db"          # relative to this file; or postgresql://…
[listen]
host = "127.0.0.1"
port = 0                             # 0: any free port
workers = 1
max_frame_bytes = 16777216
max_connections = 2000
first_frame_timeout_seconds = 10
idle_timeout_seconds = 60
handler_timeout_seconds = 30
shutdown_grace_seconds = 15
[secrets]
master_key = "file:secret/master.key"
[collection]
auto_refund_paymodes = ["*"]
payment_url = "https://pay.example.cn/qr?billId={pay_code}"
token_grace_seconds = 0
[[peers]]
code = "D3206820105"
kind = "bank"
name = "示例建行"
regions = ["320682"]
units = []
address = "127.0.0.1:9301"
mac = { algorithm = "sha256-token", width = 64 }
token = "file:secret/a.token"
charset = "GBK"
keep_alive = false
allow_from = ["127.0.0.0/8"]
enabled = true
""",
    )
    peer = config.peer("D3206820105")
    assert peer is not None
    assert peer.token == Secret(TOKEN)
    assert peer.bank_code == "0105"
    assert config.peer("D3206820301") is None
    assert config.collection.token_grace_seconds == 0


def test_a_configuration_is_frozen(folder: Path) -> None:
    config = _parse(folder, NODE + BANK)
    with pytest.raises(ValidationError):
        config.listen.port = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.peers[0].enabled = False  # type: ignore[misc]


def test_all_faults_are_reported_at_once_each_with_its_place(folder: Path) -> None:
    text = """\
[node]
code = "D3206820105"
name = "示例市财政局"
regions = ["320682", "3206"]

[listne]
port = 1

[listen]
prot = 9201
workers = "two"
max_frame_bytes = 100_000_000

[collection]
payment_url = "https://pay.example.cn/"

[[peers]]
code = "D3206820105"
kind = "unit"
name = "示例建行"
regions = ["320682"]
mac = { algorithm = "3des-digest", width = 64 }
token = "file:secret/missing.token"

[[peers]]
code = "D3206820105"
kind = "bank"
name = "again"
regions = ["320600"]
token = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"

[peers.mac]
algorithm = "3des-token"
width = 64
wdith = 64
"""
    faults = _faults(folder, text)
    found = {(line, key) for line, key, _ in faults}
    assert found == {
        (2, "node.code"),
        (4, "node.regions[1]"),
        (6, "listne"),
        (10, "listen.prot"),
        (11, "listen.workers"),
        (12, "listen.max_frame_bytes"),
        (15, "collection.payment_url"),
        (19, "peers[0].kind"),
        (22, "peers[0].mac.width"),
        (23, "peers[0].token"),
        (26, "peers[1].code"),
        (30, "peers[1].token"),
        (35, "peers[1].mac.wdith"),
    }
    problems = {key: problem for _, key, problem in faults}
    assert problems["listne"] == "unknown section (did you mean listen?)"
    assert problems["listen.prot"] == "unknown key (did you mean port?)"
    assert problems["peers[1].mac.wdith"] == "unknown key (did you mean width?)"
    assert "secret/missing.token cannot be read" in problems["peers[0].token"]
    assert problems["peers[1].code"] == "D3206820105 is also the code of peers[0]"
    assert "128" in problems["peers[0].mac.width"]
    lines = [line for line, _, _ in faults]
    assert lines == sorted(lines)


def test_contradictions_are_found_beside_other_faults_of_the_same_peer(folder: Path) -> None:
    text = NODE + BANK.replace('"320682"', '"320600"').replace("sha256-token", "3des-token")
    problems = {key: problem for _, key, problem in _faults(folder, text + "zzz = 1\n")}
    assert set(problems) == {
        "peers[0].zzz",
        "peers[0].des_key",
        "peers[0].regions",
        "peers[0].mac.algorithm",
    }
    assert "320600 is not among the node's regions" in problems["peers[0].regions"]


def test_a_secret_is_quoted_in_no_error_and_no_repr(folder: Path) -> None:
    (folder / "secret" / "short.token").write_text(TOKEN[:-1])
    (folder / "secret" / "bad.des").write_text("0123456789abcdef" * 2)
    (folder / "secret" / "bytes.token").write_bytes(b"\xff" + TOKEN.encode())
    broken = [
        BANK.replace("file:secret/a.token", TOKEN),
        BANK.replace("a.token", "short.token"),
        BANK.replace("a.token", "bytes.token"),
        BANK.replace("sha256-token", "3des-token") + 'des_key = "file:secret/bad.des"\n',
        BANK.replace('"file:secret/a.token"', f'{{ token = "{TOKEN}" }}'),
    ]
    for text in broken:
        with pytest.raises(ConfigError) as caught:
            _parse(folder, NODE + text)
        shown = str(caught.value) + repr(caught.value) + repr(caught.value.faults)
        assert TOKEN[:8] not in shown
        assert "0123456789abcdef" not in shown
    config = _parse(folder, NODE + BANK)
    assert TOKEN not in repr(config)
    assert MASTER_KEY not in repr(config)
    with pytest.raises(TypeError):
        pickle.dumps(config)


def test_what_a_peers_mac_needs(folder: Path) -> None:
    def with_mac(algorithm: str, width: int, more: str = "") -> str:
        mac = f'mac = {{ algorithm = "{algorithm}", width = {width} }}'
        plain = 'mac = { algorithm = "sha256-token", width = 64 }'
        return NODE + BANK.replace(plain, mac) + more

    key = 'des_key = "file:secret/a.des"\n'
    assert _parse(folder, with_mac("3des-digest", 128, key)).peers[0].mac.width == 128
    assert _parse(folder, with_mac("hmac-sm3", 128)).peers[0].mac.algorithm == "hmac-sm3"
    keys = [key for _, key, _ in _faults(folder, with_mac("3des-digest", 128))]
    assert keys == ["peers[0].des_key"]
    keys = [key for _, key, _ in _faults(folder, with_mac("hmac-sm3", 128, key))]
    assert keys == ["peers[0].des_key"]
    keys = [key for _, key, _ in _faults(folder, with_mac("md5", 32))]
    assert keys == ["peers[0].mac.algorithm", "peers[0].mac.width"]


@pytest.mark.parametrize(
    ("more", "accepted"),
    [
        ("", False),
        ('allow_from = ["10.0.0.0/24"]\n', False),
        ('allow_from = ["10.0.0.0/25", "10.1.0.0/16"]\n', False),
        ("allow_from = []\n", False),
        ('allow_from = ["10.0.0.0/25", "10.1.0.7/32"]\n', True),
        ("accept_replayable_mac = true\n", True),
        ("enabled = false\n", True),
    ],
)
def test_a_replayable_mac_needs_a_reason(folder: Path, more: str, accepted: bool) -> None:
    text = NODE + BANK.replace("sha256-token", "3des-token") + 'des_key = "file:secret/a.des"\n'
    if accepted:
        assert check(_parse(folder, text + more)) == []
    else:
        ((line, key, problem),) = _faults(folder, text + more)
        assert (line, key) == (10, "peers[0].mac.algorithm")
        assert "accept_replayable_mac = true" in problem


def test_a_pinned_certificate_guards_a_replayable_mac_but_needs_tls(folder: Path) -> None:
    text = NODE + BANK.replace("sha256-token", "3des-token") + 'des_key = "file:secret/a.des"\n'
    pin = f'client_certificate_sha256 = ["{"AB:" * 31}AB"]\n'
    ((_, key, problem),) = _faults(folder, text + pin)
    assert key == "peers[0].client_certificate_sha256"
    assert "[listen.tls]" in problem


@pytest.mark.parametrize(
    "code", ["F320682", "D320682010", "X3206820105", "G0000011", "d3206820105"]
)
def test_node_codes_follow_the_specifications_table(folder: Path, code: str) -> None:
    keys = [key for _, key, _ in _faults(folder, NODE + BANK.replace("D3206820105", code))]
    assert keys == ["peers[0].code"]


def test_a_peers_kind_goes_with_its_code(folder: Path) -> None:
    ((line, key, problem),) = _faults(folder, NODE + BANK.replace('"bank"', '"clearing"'))
    assert (line, key) == (7, "peers[0].kind")
    assert 'must be "bank"' in problem


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ("[listen]\nport = true", "listen.port"),
        ('[listen]\nport = "9201"', "listen.port"),
        ("[listen]\nport = 65536", "listen.port"),
        ("[listen]\nworkers = 0", "listen.workers"),
        ("[listen]\nidle_timeout_seconds = 0", "listen.idle_timeout_seconds"),
        ("[listen]\nidle_timeout_seconds = nan", "listen.idle_timeout_seconds"),
        ("[listen]\nidle_timeout_seconds = inf", "listen.idle_timeout_seconds"),
        ("[collection]\nauto_refund_paymodes = [5]", "collection.auto_refund_paymodes[0]"),
        ('[collection]\nauto_refund_paymodes = ["5", "5"]', "collection.auto_refund_paymodes"),
        ('[collection]\nauto_refund_paymodes = ["five"]', "collection.auto_refund_paymodes"),
        ("[collection]\ntoken_grace_seconds = -1", "collection.token_grace_seconds"),
        ('[collection]\npayment_url = "https://a/{bill}"', "collection.payment_url"),
        ('[collection]\npayment_url = "ftp://a/{pay_code}"', "collection.payment_url"),
        ('[collection]\ncheck_digit = { "30" = "off" }', "collection.check_digit"),
        ('[collection]\ncheck_digit = { default = "maybe" }', "collection.check_digit.default"),
        ('[collection]\nassigning_unit = "0"', "collection.assigning_unit"),
        ('[collection]\nnotify_operator = "一二三四五六七八九十十"', "collection.notify_operator"),
        ('[collection]\nnotify_operator = "😀"', "collection.notify_operator"),
        ('[collection]\nholidays = "none.txt"', "collection.holidays"),
        ("[outbox]\nmax_retry_seconds = 1", "outbox.max_retry_seconds"),
        ("[outbox]\nlease_seconds = 35", "outbox.lease_seconds"),
        ("[outbox]\njitter = 2", "outbox.jitter"),
        ('[store]\nurl = "mysql://host/db"', "store.url"),
        ('[store]\nurl = "sqlite:///:memory:"', "store.url"),
        ('[secrets]\nmaster_key = "file:secret/a.token"', "secrets.master_key"),
        ('[secrets]\nmaster_key = "env:NONTAX_NO_SUCH_NAME"', "secrets.master_key"),
        ("[controls]\nunpaid_bill_days = 0", "controls.unpaid_bill_days"),
        ('[controls.units."0104901"]\ndays = 3', "controls.units.0104901.days"),
        ('[spool]\nnotices = "a"\nvouchers = "a"', "spool"),
        ('[listen.tls]\ncertificate = "none.pem"\nkey = "none.key"', "listen.tls.certificate"),
    ],
)
def test_wrong_values_are_faults_of_their_key(folder: Path, wrong: str, key: str) -> None:
    faults = _faults(folder, NODE + wrong + "\n")
    assert key in [fault[1] for fault in faults]
    assert all(line is not None and line > 4 for line, _, _ in faults)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ('address = "nowhere"', "address"),
        ('address = "host:0"', "address"),
        ('address = "host:70000"', "address"),
        ('allow_from = ["10.0.0.1/8"]', "allow_from[0]"),
        ("allow_from = [10]", "allow_from[0]"),
        ('charset = "UTF-8"', "charset"),
        ('keep_alive = "yes"', "keep_alive"),
        ('client_certificate_sha256 = ["abc"]', "client_certificate_sha256[0]"),
        ('tls_server_name = "a"', "tls_server_name"),
        ('clears = "nobody"', "clears"),
        ('units = [""]', "units[0]"),
    ],
)
def test_wrong_values_of_a_peer_are_faults_of_their_key(folder: Path, wrong: str, key: str) -> None:
    ((line, found, _),) = _faults(folder, NODE + BANK + wrong + "\n")
    assert (line, found) == (12, f"peers[0].{key}")


def test_missing_sections_and_keys_are_named(folder: Path) -> None:
    ((_, key, problem),) = _faults(folder, "")
    assert key == "node"
    assert problem == "the section is missing (it needs code, name, regions)"
    faults = _faults(folder, NODE + "[[peers]]\n")
    assert {(line, key) for line, key, _ in faults} == {
        (5, f"peers[0].{name}") for name in ("code", "kind", "name", "regions", "mac", "token")
    }
    assert {problem for _, _, problem in faults} == {"is missing"}


def test_what_is_no_table_is_said(folder: Path) -> None:
    assert _faults(folder, "listen = 3\n" + NODE)[0][1] == "listen"
    assert _faults(folder, "peers = 3\n" + NODE)[0][1] == "peers"
    assert _faults(folder, "peers = [3]\n" + NODE)[0][1] == "peers[0]"


def test_what_is_no_toml_is_said_with_its_line(folder: Path) -> None:
    ((line, key, problem),) = _faults(folder, NODE + "port == 3\n")
    assert (line, key) == (5, "")
    assert problem.startswith("is no TOML:")
    ((line, _, _),) = _faults(folder, NODE + NODE)
    assert line == 5


def test_a_file_that_cannot_be_read_is_said(folder: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(folder / "none.toml")
    file = folder / "gbk.toml"
    file.write_bytes(b"[node]\n" + '名称 = "x"\n'.encode("gbk"))
    with pytest.raises(ConfigError, match=r"gbk.toml:2: is not UTF-8"):
        load_config(file)


def test_a_secret_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_TOKEN", TOKEN)
    config = _parse(folder, NODE + BANK.replace("file:secret/a.token", "env:BANK_TOKEN"))
    assert config.peers[0].token.expose() == TOKEN


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_secret_that_others_can_read_is_a_warning(folder: Path) -> None:
    (folder / "secret" / "a.token").chmod(0o644)
    (warning,) = _parse(folder, NODE + BANK).warnings
    assert (warning.severity, warning.line, warning.key) == ("warning", 11, "peers[0].token")
    assert "mode 0644" in warning.problem


def test_unwise_settings_are_warnings(folder: Path) -> None:
    unit = BANK.replace("D3206820105", "K3206820002").replace('"bank"', '"unit"')
    address = 'address = "127.0.0.1:9301"\n'
    store = '[store]\nurl = "postgresql://user:hunter2@db/nontax"\n'
    config = _parse(folder, NODE + store + BANK + address + unit + address)
    keys = {warning.key for warning in config.warnings}
    assert keys == {"store.url", "peers[1].address", "peers[1].units", "peers[1].token"}
    assert "hunter2" not in repr(config) + "".join(map(str, config.warnings))
    assert config.store_file is None
    assert check(config) == []


def test_the_file_is_named_by_argument_environment_or_custom() -> None:
    assert find_config("a.toml", {"NONTAX_CONFIG": "b.toml"}) == Path("a.toml")
    assert find_config(None, {"NONTAX_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_config(None, {}) == Path("nontax.toml")


def test_check_digit_policies_by_assigning_part(folder: Path) -> None:
    collection = _parse(folder, NODE).collection
    assert collection.check_digit_policy("000") == "require"
    assert collection.check_digit_policy("301") == "warn"
    text = NODE + '[collection]\ncheck_digit = { "301" = "off" }\n'
    collection = _parse(folder, text).collection
    assert collection.check_digit_policy("301") == "off"
    assert collection.check_digit_policy("302") == "warn"


def test_limits_of_one_unit_stand_over_those_of_all(folder: Path) -> None:
    controls = _parse(
        folder,
        NODE
        + "[controls]\nunpaid_bill_days = 90\nvoid_paper_bill_days = 30\n"
        + '[controls.units."0104901"]\nunpaid_bill_days = 10\n',
    ).controls
    assert controls.limits("0104901").unpaid_bill_days == 10
    assert controls.limits("0104901").void_paper_bill_days == 30
    assert controls.limits("0105204").unpaid_bill_days == 90
    assert controls.limits("0105204").unremitted_slip_days is None


def test_a_holiday_file_is_read_with_the_configuration(folder: Path) -> None:
    (folder / "holidays.txt").write_text("2026-10-01 # 国庆\n+2026-10-10\n", encoding="utf-8")
    collection = _parse(folder, NODE + '[collection]\nholidays = "holidays.txt"\n').collection
    assert not collection.workdays().is_working("20261001")
    assert collection.workdays().is_working("20261010")
    (folder / "holidays.txt").write_text("2026-10-32\n")
    ((_, key, problem),) = _faults(folder, NODE + '[collection]\nholidays = "holidays.txt"\n')
    assert key == "collection.holidays"
    assert "line 1" in problem
