"""Changing a configuration file key by key."""

from __future__ import annotations

import tomllib

import pytest

from nontax.simulators.process import edited

TEXT = """\
# who we are
[node]
code = "F320682"

[listen]
host = "127.0.0.1"   # where
# workers = 1        # processes
port = 9201          # 0: any free port

[[peers]]
code = "D3206820105"
address = "127.0.0.1:9301"

[[peers]]
code = "G000001"
# enabled = true
"""


def test_keys_are_set_in_their_place() -> None:
    text = edited(
        TEXT,
        {"listen": {"port": 0, "workers": 2}, "outbox": {"first_retry_seconds": 0.5}},
        {"G000001": {"address": "127.0.0.1:1", "enabled": False}},
    )
    data = tomllib.loads(text)
    assert data["listen"] == {"host": "127.0.0.1", "workers": 2, "port": 0}
    assert data["outbox"] == {"first_retry_seconds": 0.5}
    assert data["peers"][0]["address"] == "127.0.0.1:9301"
    assert data["peers"][1] == {"code": "G000001", "address": "127.0.0.1:1", "enabled": False}
    assert "# who we are" in text


def test_a_peer_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        edited(TEXT, {}, {"D3206820999": {"enabled": False}})
