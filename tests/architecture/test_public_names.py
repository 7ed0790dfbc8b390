"""The public names of the lower floors: what `__all__` promises is there, and is all there is."""

from __future__ import annotations

import importlib
import types

import pytest

PACKAGES = ["nontax.codecs", "nontax.mac", "nontax.messages"]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_can_be_imported(name: str) -> None:
    package = importlib.import_module(name)
    public = {
        attribute
        for attribute, value in vars(package).items()
        if not attribute.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public - {"annotations"} == set(package.__all__)
    assert len(package.__all__) == len(set(package.__all__))


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_are_documented(name: str) -> None:
    package = importlib.import_module(name)
    without = [
        attribute
        for attribute in package.__all__
        if isinstance(getattr(package, attribute), type | types.FunctionType)
        and not getattr(package, attribute).__doc__
    ]
    assert not without
