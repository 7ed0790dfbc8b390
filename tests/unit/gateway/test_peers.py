"""Peers as the running gateway sees them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nontax.gateway.config import load_config
from nontax.gateway.peers import PeerDirectory
from nontax.gateway.sample import VECTOR_TOKEN, init_directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> PeerDirectory:
    folder = tmp_path_factory.mktemp("peers") / "sample"
    init_directory(folder, sample=True, random=os.urandom, today="20261122")
    return PeerDirectory.from_config(load_config(folder / "nontax.toml"))


def _with(tmp_path: Path, old: str, new: str) -> PeerDirectory:
    folder = tmp_path / "sample"
    init_directory(folder, sample=True, random=os.urandom, today="20261122")
    file = folder / "nontax.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return PeerDirectory.from_config(load_config(file))


def test_peers_are_found_by_their_code(directory: PeerDirectory) -> None:
    assert len(directory) == 5
    assert directory.get("X") is None
    bank = directory.get("D3206820301")
    assert bank is not None
    assert (bank.kind, bank.bank_code, bank.address) == ("bank", "0301", ("127.0.0.1", 9302))
    assert (bank.algorithm.name, bank.mac_width) == ("3des-digest", 128)
    assert directory.first_token("K3206820002").current == VECTOR_TOKEN
    with pytest.raises(KeyError):
        directory.first_token("X")


def test_unset_settings_follow_the_kind(directory: PeerDirectory) -> None:
    kinds = {peer.kind: peer for peer in directory}
    assert {kind: peer.lenient_msgref for kind, peer in kinds.items()} == {
        "bank": False,
        "platform": False,
        "clearing": False,
        "unit": True,
    }
    assert [kind for kind, peer in kinds.items() if peer.collects] == ["bank", "platform"]
    assert [kind for kind, peer in kinds.items() if peer.clears == "platform"] == ["platform"]
    assert [kind for kind, peer in kinds.items() if peer.owes_2555] == ["bank"]
    assert kinds["clearing"].bank_code == "0105"
    assert kinds["unit"].bank_code is None
    assert [kind for kind, peer in kinds.items() if peer.interface == "unit"] == ["unit"]


def test_what_is_set_stands_over_the_kinds_default(tmp_path: Path) -> None:
    directory = _with(
        tmp_path,
        'name = "示例建行"\n',
        'name = "示例建行"\nlenient_msgref = true\ncollects = false\nowes_2555 = false\n',
    )
    bank = directory.get("D3206820105")
    assert bank is not None
    assert (bank.lenient_msgref, bank.collects, bank.owes_2555) == (True, False, False)


def test_addresses_within_the_networks_are_allowed(tmp_path: Path) -> None:
    networks = '["10.1.0.0/16", "192.0.2.7/32", "fd00::/8"]'
    directory = _with(tmp_path, '["127.0.0.0/8"]', networks)
    bank = directory.get("D3206820105")
    assert bank is not None
    for address in ("10.1.2.3", "192.0.2.7", "fd00::1", "::ffff:10.1.2.3", "fd00::1%eth0"):
        assert bank.allows(address), address
        assert bank.allows(address), "asked again"
    for address in ("10.2.0.1", "192.0.2.8", "127.0.0.1", "::1", "fe80::1", "", "unix", "10.1.2"):
        assert not bank.allows(address), address


def test_many_addresses_do_not_fill_the_memory(directory: PeerDirectory) -> None:
    bank = directory.get("D3206820105")
    assert bank is not None
    for number in range(10_000):
        assert not bank.allows(f"10.0.{number // 256}.{number % 256}")
    assert bank.allows("127.0.0.1")
    assert len(bank._allowed) <= 4096


def test_a_disabled_peer_is_known_but_not_allowed(tmp_path: Path) -> None:
    directory = _with(tmp_path, "enabled = true", "enabled = false")
    assert directory.get("D3206820105") is not None
    assert not directory.allows("D3206820105", "127.0.0.1")


def test_the_directory_allows_known_enabled_peers(directory: PeerDirectory) -> None:
    assert directory.allows("D3206820105", "127.0.0.1")
    assert not directory.allows("D3206820105", "10.0.0.1")
    assert not directory.allows("D9999999999", "127.0.0.1")


def test_no_token_is_shown(directory: PeerDirectory) -> None:
    shown = "".join(repr(peer) for peer in directory)
    for secret in directory.secrets():
        assert secret.expose() not in shown
