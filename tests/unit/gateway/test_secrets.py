"""Secrets by reference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nontax.gateway.secrets import SecretError, resolve_secret
from nontax.mac import Secret


def test_a_file_is_relative_to_the_given_folder_and_trimmed(tmp_path: Path) -> None:
    file = tmp_path / "a.token"
    file.write_text("  value\r\n")
    file.chmod(0o600)
    assert resolve_secret("file:a.token", directory=tmp_path) == (Secret("value"), None)
    elsewhere = tmp_path / "other"
    assert resolve_secret(f"file:{file}", directory=elsewhere) == (Secret("value"), None)


def test_a_value_of_the_environment(tmp_path: Path) -> None:
    found = resolve_secret("env:NAME", directory=tmp_path, environment={"NAME": "value\n"})
    assert found == (Secret("value"), None)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True)])
def test_a_file_that_others_can_read_is_warned_about(
    tmp_path: Path, mode: int, warned: bool
) -> None:
    file = tmp_path / "a.token"
    file.write_text("hunter2")
    file.chmod(mode)
    secret, warning = resolve_secret("file:a.token", directory=tmp_path)
    assert secret.expose() == "hunter2"
    assert (warning is not None) is warned
    assert warning is None or "hunter2" not in warning


@pytest.mark.parametrize(
    "reference", ["", "hunter2hunter2", "file:", "env:", "env:NONE", "file:none", "file:.", "x:y"]
)
def test_what_leads_to_no_secret_is_refused_without_quoting_a_value(
    tmp_path: Path, reference: str
) -> None:
    with pytest.raises(SecretError) as caught:
        resolve_secret(reference, directory=tmp_path, environment={})
    assert "hunter2" not in str(caught.value)


def test_files_that_hold_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"hunter2\xff")
    (tmp_path / "huge").write_bytes(b"h" * 70_000)
    for name, reason in (("empty", "is empty"), ("bytes", "not UTF-8"), ("huge", "larger than")):
        with pytest.raises(SecretError, match=reason) as caught:
            resolve_secret(f"file:{name}", directory=tmp_path)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
