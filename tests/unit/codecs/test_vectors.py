"""The captured frames: decoded field by field, their MACs' bodies, and our own written form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from nontax.codecs import (
    EOF,
    FrameDecoder,
    RawFrame,
    encode_frame,
    open_envelope,
    parse_xml,
    probe_mac_width,
    split_mac,
    write_envelope,
)

FOLDER = Path(__file__).parents[2] / "vectors"
INDEX = json.loads((FOLDER / "vectors.json").read_text("utf-8"))
VECTORS = [pytest.param(vector, id=vector["file"]) for vector in INDEX["vectors"]]


def read(vector: dict[str, Any]) -> tuple[bytes, RawFrame]:
    data = (FOLDER / vector["file"]).read_bytes()
    decoder = FrameDecoder()
    decoder.receive_data(data)
    decoder.receive_eof()
    frame = decoder.next_event()
    assert isinstance(frame, RawFrame)
    assert decoder.next_event() is EOF
    return data, frame


@pytest.mark.parametrize("vector", VECTORS)
def test_captured_frames_are_read(vector: dict[str, Any]) -> None:
    data, frame = read(vector)
    assert len(data) == vector["length"]
    assert (frame.number, frame.version) == (vector["message"], "1.0")
    assert probe_mac_width(frame.payload) == vector["mac_width"]
    body, mac = split_mac(frame.payload, vector["mac_width"])
    expected = hashlib.sha256(INDEX["token"].encode() + body).hexdigest()
    assert mac.decode("ascii").lower() == expected
    opened = open_envelope(body)
    assert opened.head.msg_no == vector["message"]
    assert opened.unknown_elements == 0
    assert opened.warnings == ()
    voucher = parse_xml(opened.vouchers[0].decode())
    assert {field.tag: field.text or "" for field in voucher} == vector["fields"]


@pytest.mark.parametrize("vector", VECTORS)
def test_written_again_they_differ_only_where_our_form_does(vector: dict[str, Any]) -> None:
    data, frame = read(vector)
    body, mac = split_mac(frame.payload, 64)
    opened = open_envelope(body)
    head = opened.head
    (part,) = opened.vouchers
    ours = write_envelope(
        head, part.decode().decode("gbk"), adm_div_code="320682", st_year=head.work_date[:4]
    )
    attributes = (
        f'<VoucherBody AdmDivCode="320682" StYear="{head.work_date[:4]}" '
        f'VtCode="{head.msg_no}" VoucherNo="{head.msg_id}">'
    )
    # They leave the four attributes out; the unit's system writes <Reserve></Reserve>.
    theirs = ours.replace(attributes.encode(), b"<VoucherBody>")
    if b"<Reserve></Reserve>" in body:
        theirs = theirs.replace(b"<Reserve/>", b"<Reserve></Reserve>")
    assert theirs == body
    assert encode_frame(frame.number, theirs, mac.decode("ascii"), width=64) == data
