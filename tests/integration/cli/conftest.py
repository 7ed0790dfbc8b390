"""The real command on real installations: copies of one sample."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.cli import main


@dataclass(frozen=True)
class Done:
    """What a command did: exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)


Nontax = Callable[..., Done]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample that is only copied."""
    directory = tmp_path_factory.mktemp("cli") / "sample"
    assert main(["init", str(directory), "--sample"]) == 0
    return directory


@pytest.fixture
def site(sample: Path, tmp_path: Path) -> Path:
    """A sample of one's own."""
    directory = tmp_path / "site"
    shutil.copytree(sample, directory)
    return directory


@pytest.fixture
def nontax(
    site: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Nontax:
    """Runs a command on the site, named by the environment."""
    for name in ("NONTAX_PASSWORD", "NONTAX_NEW_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NONTAX_CONFIG", str(site / "nontax.toml"))

    def run(*words: object) -> Done:
        capfd.readouterr()
        code = main([str(word) for word in words])
        captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    return run
