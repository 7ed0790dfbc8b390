"""The commented file and the reference page say what the models say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from nontax.gateway.config import parse_config
from nontax.gateway.config.einvoice import (
    CentreConfig,
    EInvoiceFinanceConfig,
    EInvoiceUnitConfig,
    ServiceConfig,
)
from nontax.gateway.config.fields import Section
from nontax.gateway.config.peer import MacConfig, PeerConfig
from nontax.gateway.config.render import reference, render_config, toml_value
from nontax.gateway.config.sections import SECTIONS, ControlLimits, ListenTlsConfig

NODE = {"code": "F320682", "name": "示例市财政局", "regions": ["320682"]}
MODELS: list[type[Section]] = [
    *SECTIONS.values(), PeerConfig, MacConfig, ListenTlsConfig, ControlLimits,
    EInvoiceFinanceConfig, EInvoiceUnitConfig, CentreConfig, ServiceConfig,
]  # fmt: skip
TABLES = {"tls", "units", "finance", "centre"}


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_described(model: type[Section]) -> None:
    assert (model.__doc__ or "").strip()
    for name, info in model.model_fields.items():
        assert info.description, name


def test_the_written_file_is_read_back_and_has_every_key_once(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "master.key").write_text("ab" * 32)
    text = render_config({"node": NODE, "listen": {"port": 0}}, (), {})
    config = parse_config(text, tmp_path / "nontax.toml")
    assert config.listen.port == 0
    assert config.node.name == "示例市财政局"
    for title, model in SECTIONS.items():
        for name in set(model.model_fields) - TABLES:
            assert len(re.findall(rf"^(?:# )?{name} = ", text, re.MULTILINE)) >= 1, (title, name)
    for name in PeerConfig.model_fields:
        assert re.search(rf"^#   {name}\b", text, re.MULTILINE), name


def test_listen_is_the_first_section_with_a_port() -> None:
    text = render_config({"node": NODE}, (), {})
    first = re.search(r"port = ", text)
    assert first is not None
    assert text.rfind("\n[", 0, first.start()) == text.find("\n[listen]")


def test_what_stands_behind_the_comment_sign_is_valid_when_it_is_taken_away(tmp_path: Path) -> None:
    """Uncomment everything: the examples must be TOML and known keys."""
    text = render_config({"node": NODE}, (), {})
    text = text[: text.index("# Peers:")]
    uncommented = re.sub(r"^# (?=\[|[a-z_0-9]+ = )", "", text, flags=re.MULTILINE)
    raw = tomllib.loads(uncommented)
    assert raw["listen"]["tls"].keys() == ListenTlsConfig.model_fields.keys()
    for title, model in SECTIONS.items():
        assert raw[title].keys() == model.model_fields.keys(), title


def test_the_reference_page_lists_every_key() -> None:
    page = reference()
    for model in MODELS:
        for name in set(model.model_fields) - TABLES:
            assert f"| `{name}` |" in page, name
    for name in PeerConfig.model_fields:
        assert f"| `{name}` |" in page, name
    assert page.count("`[listen]`") >= 1


@pytest.mark.parametrize(
    "value",
    ["", 'quote " and \\', "缴款", "line\nbreak", True, 3, 0.5, ["a", 1], {"a-b": 1, "000": "x"}],
)
def test_values_are_written_so_that_toml_reads_them_back(value: object) -> None:
    assert tomllib.loads(f"key = {toml_value(value)}") == {"key": value}
