"""`nontax init`: what the folder holds, who may read it, and that it is a valid configuration."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from nontax.codecs import parse_yuan
from nontax.gateway.config import check, load_config
from nontax.gateway.sample import InitError, init_directory
from nontax.gateway.sample.secrets import des_key, password, token
from nontax.mac import make_algorithm, parse_des_key, verify

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
TODAY = "20261122"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("init") / "sample"
    init_directory(folder, sample=True, random=os.urandom, today=TODAY)
    return folder


def test_the_sample_is_valid_and_as_the_contract_says(sample: Path) -> None:
    config = load_config(sample / "nontax.toml")
    assert config.warnings == ()
    assert check(config) == []
    assert (config.node.code, config.node.regions) == ("F320682", ("320682",))
    assert [
        (peer.code, peer.kind, peer.mac.algorithm, peer.mac.width) for peer in config.peers
    ] == [
        ("D3206820105", "bank", "sha256-token", 64),
        ("D3206820301", "bank", "3des-digest", 128),
        ("G000001", "platform", "hmac-sm3", 128),
        ("Q3200000105", "clearing", "3des-token", 64),
        ("K3206820002", "unit", "sha256-token", 64),
    ]
    assert [peer.code for peer in config.peers if peer.accept_replayable_mac] == ["Q3200000105"]
    assert config.peers[4].units == ("0104901", "0105204")
    assert config.collection.default_validity_days is None


def test_secrets_are_random_and_for_the_owner_alone(sample: Path, tmp_path: Path) -> None:
    secret = sample / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700
    names = {file.name for file in secret.iterdir()}
    codes = ("D3206820105", "D3206820301", "G000001", "Q3200000105", "K3206820002")
    assert names == {
        "master.key",
        *(f"{code}.token" for code in codes),
        "D3206820301.des",
        "Q3200000105.des",
        *(f"{name}.password" for name in ("maker1", "checker1", "auditor1")),
    }
    other = tmp_path / "other"
    init_directory(other, sample=True, random=os.urandom, today=TODAY)
    for file in secret.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        same = file.read_text() == (other / "secret" / file.name).read_text()
        assert same is (file.name == "K3206820002.token")
    assert re.fullmatch(r"[0-9a-f]{48}\n", (secret / "Q3200000105.des").read_text())


def test_the_units_token_verifies_the_captured_frame(sample: Path) -> None:
    unit_token = (sample / "secret" / "K3206820002.token").read_bytes().strip()
    assert unit_token.decode() == json.loads((VECTORS / "vectors.json").read_text())["token"]
    frame = (VECTORS / "unit-8994.frame").read_bytes()
    assert verify(make_algorithm("sha256-token"), 64, unit_token, frame[23:-64], frame[-64:])


def test_the_operators_are_named_with_their_roles_and_passwords(tmp_path: Path) -> None:
    done = init_directory(tmp_path, sample=True, random=os.urandom, today=TODAY)
    assert [(one.name, one.role) for one in done.operators] == [
        ("maker1", "maker"),
        ("checker1", "checker"),
        ("auditor1", "auditor"),
    ]
    assert all(len(one.password_file.read_text().strip()) == 16 for one in done.operators)


def test_the_catalogue_is_consistent_in_itself(sample: Path) -> None:
    catalogue = tomllib.loads((sample / "catalogue.toml").read_text(encoding="utf-8"))
    banks = {bank["code"] for bank in catalogue["banks"]}
    items = {item["code"] for item in catalogue["items"]}
    units = {unit["code"]: unit for unit in catalogue["units"]}
    targets = {target["code"] for target in catalogue["targets"]}
    collection = [one for one in catalogue["accounts"] if one["purpose"] == "collection"]
    assert [(one["number"], one["bank"], one.get("default", False)) for one in collection] == [
        ("32001000000000000018", "0105", True),
        ("32003000000000000026", "0301", False),
    ]
    assert {one["bank"] for one in catalogue["accounts"]} <= banks
    held: dict[str, list[str]] = {}
    for right in catalogue["rights"]:
        held.setdefault(right["unit"], []).extend(right["items"])
    assert held["0104901"] == ["103043211", "320600000001"]
    assert "0105204" in units
    assert "0105204" not in held
    assert held.keys() <= units.keys()
    assert {code for codes in held.values() for code in codes} <= items
    assert units["0104901"]["name"] == "示例市自然资源局"
    for rule in catalogue["sharing_rules"]:
        assert rule["item"] in items
        assert sum(share["share"] for share in rule["shares"]) == 10_000
        assert {share["target"] for share in rule["shares"]} <= targets
    levels = {target["level"] for target in catalogue["targets"]}
    assert len(levels) == 3
    for pool in catalogue["virtual_accounts"]:
        assert len(pool["first"]) == len(pool["last"])
        assert pool["first"] <= pool["last"]


def test_the_bills_fit_the_catalogue(sample: Path) -> None:
    catalogue = tomllib.loads((sample / "catalogue.toml").read_text(encoding="utf-8"))
    held = {right["unit"]: set(right["items"]) for right in catalogue["rights"]}
    names = {item["code"]: item["name"] for item in catalogue["items"]}
    lines = (sample / "bills.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 5
    for line in lines:
        bill = json.loads(line)
        assert bill["BillDate"] == TODAY
        assert "PayCode" not in bill
        assert {item["ItemCode"] for item in bill["Items"]} <= held[bill["ChgAgenCode"]]
        assert all(names[item["ItemCode"]] == item["ItemName"] for item in bill["Items"])
        total = sum(parse_yuan(item["Amt"]) for item in bill["Items"])
        assert total == parse_yuan(bill["OriAmt"])


def test_without_a_sample_there_is_a_configuration_and_a_master_key(tmp_path: Path) -> None:
    done = init_directory(tmp_path / "new", sample=False, random=os.urandom, today=TODAY)
    assert (done.catalogue, done.bills, done.operators) == (None, None, ())
    names = {file.name for file in (tmp_path / "new").rglob("*") if file.is_file()}
    assert names == {"nontax.toml", "master.key"}
    assert load_config(done.config).peers == ()


def test_an_empty_folder_is_used_and_any_other_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    init_directory(empty, sample=False, random=os.urandom, today=TODAY)
    before = (empty / "secret" / "master.key").read_text()
    with pytest.raises(InitError, match="is not empty"):
        init_directory(empty, sample=True, random=os.urandom, today=TODAY)
    assert (empty / "secret" / "master.key").read_text() == before
    with pytest.raises(InitError, match="is no folder"):
        init_directory(empty / "nontax.toml", sample=True, random=os.urandom, today=TODAY)


def test_a_degenerate_key_is_drawn_again() -> None:
    good = bytes(range(24))
    draws = [bytes(24), bytes(8) + bytes(8) + bytes(range(8)), good]
    assert des_key(lambda _: draws.pop(0)) == good.hex()
    assert parse_des_key(good.hex()) == good


def test_made_passwords_have_every_kind_of_character() -> None:
    for _ in range(200):
        text = password(os.urandom)
        assert len(text) == 16
        for kind in (str.islower, str.isupper, str.isdigit, lambda one: not one.isalnum()):
            assert any(kind(character) for character in text)


def test_tokens_are_drawn_evenly_from_letters_and_digits() -> None:
    counts: dict[str, int] = {}
    for _ in range(2_000):
        for character in token(os.urandom):
            counts[character] = counts.get(character, 0) + 1
    assert len(counts) == 62
    expected = 2_000 * 32 / 62
    assert all(0.8 < count / expected < 1.2 for count in counts.values())
