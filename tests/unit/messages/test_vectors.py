"""Captured frames carry the fields that are written down beside them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nontax.messages import CATALOGUE, Scalar, write
from nontax.messages.record import declarations

VECTORS = Path(__file__).parents[2] / "vectors"
FRAMES = json.loads((VECTORS / "vectors.json").read_text(encoding="utf-8"))["vectors"]
_VOUCHER = re.compile(rb"<Voucher>([A-Za-z0-9+/=\s]+)</Voucher>")


@pytest.mark.parametrize("frame", FRAMES, ids=lambda f: f["file"])
def test_fields(frame: dict[str, Any]) -> None:
    found = _VOUCHER.search((VECTORS / frame["file"]).read_bytes())
    assert found is not None
    data = base64.b64decode(found[1])
    model = next(spec.model for spec in CATALOGUE if spec.number == frame["message"])
    unknown: list[str] = []
    message = model.read(data, unknown=unknown)
    assert unknown == []
    assert set(frame["fields"]) == set(declarations(model))
    for tag, expected in frame["fields"].items():
        declared = declarations(model)[tag]
        assert isinstance(declared, Scalar)
        value = getattr(message, tag)
        if declared.is_text:
            assert value == expected, tag
        else:
            assert value == round(float(expected) * 100), tag
    if frame["file"].startswith("finance"):
        assert write(message).encode("gbk") == data
