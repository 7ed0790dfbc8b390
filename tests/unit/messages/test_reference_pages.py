"""The reference pages are what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from nontax.messages import CATALOGUE, Result
from nontax.messages.document import codes_markdown, messages_markdown

DOCS = Path(__file__).parents[3] / "docs"


def generator() -> ModuleType:
    """The script docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_up_to_date() -> None:
    stale = [str(path.relative_to(DOCS)) for path, _ in generator().outdated()]
    assert stale == [], "run `make docs`"


def test_every_message_has_its_section() -> None:
    text = messages_markdown()
    for spec in CATALOGUE:
        assert f"## {spec.number} {spec.name} — {spec.title}\n" in text
        assert f"{spec.model.__module__}.{spec.model.__name__}`" in text


def test_every_code_is_listed() -> None:
    text = codes_markdown()
    for code in Result:
        assert f"| {code} | {code.name} | {code.meaning} |" in text
