"""Which answers count: read from real frames, no socket."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nontax.codecs import FrameDecoder, Head, RawFrame, encode_frame, write_envelope
from nontax.gateway.outbox.answers import Asked, Unusable, read_answer
from nontax.gateway.peers import Peer
from nontax.mac import Secret, make_algorithm
from nontax.messages.common import BankAnswer, UnitAnswer

TOKEN = "Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
OTHER = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"
ALGORITHM = make_algorithm("sha256-token")
ASKED = Asked(node="F320682", number="5996", msg_id="M1")
VECTORS = Path(__file__).parents[2] / "vectors"


def peer(**changes: Any) -> Peer:
    facts: dict[str, Any] = {
        "code": "K3206820002",
        "mac_width": 64,
        "algorithm": ALGORITHM,
        "charset": "GBK",
        "lenient_msgref": False,
        "trust_head_number": False,
    }
    return cast("Peer", SimpleNamespace(**(facts | changes)))


def frame(
    *,
    token: str = TOKEN,
    number: str = "8001",
    header: str = "",
    ori: str = "5996",
    result: str = "00000",
    charset: str = "GBK",
    width: int = 64,
    vouchers: int = 1,
    **head: str,
) -> RawFrame:
    facts = {
        "src": "K3206820002",
        "des": "F320682",
        "msg_no": number,
        "msg_id": "A1",
        "msg_ref": "M1",
        "work_date": "20261122",
    }
    answer = UnitAnswer(OriMsgNo=ori, Result=result, Information="张三")
    body = write_envelope(
        Head(**(facts | head)),
        answer.write(),
        charset=charset,
        adm_div_code="320682",
        st_year="2026",
    )
    if vouchers == 2:
        start, end = body.index(b"<VoucherBody"), body.index(b"</MOF>")
        body = body[:end] + body[start:end] + body[end:]
        body = body.replace(b"<VoucherCount>1<", b"<VoucherCount>2<")
    mac = ALGORITHM.compute(token.encode(), body)
    return decoded(encode_frame(header or number, body, mac, width=width))


def decoded(data: bytes) -> RawFrame:
    decoder = FrameDecoder()
    decoder.receive_data(data)
    event = decoder.next_event()
    assert isinstance(event, RawFrame)
    return event


def read(raw: RawFrame, **changes: Any) -> Any:
    return read_answer(raw, ASKED, peer(**changes), (Secret(TOKEN),))


def test_a_good_answer() -> None:
    answer = read(frame(result="10006"))
    assert (answer.result, answer.information, answer.remarks) == ("10006", "张三", ())
    assert answer.token == Secret(TOKEN)


@pytest.mark.parametrize("number", ["2001", "4001", "8001"])
def test_every_general_answer_counts(number: str) -> None:
    assert read(frame(number=number)).result == "00000"


@pytest.mark.parametrize("number", ["5001", "5996", "2617", "5603"])
def test_other_messages_are_no_answer(number: str) -> None:
    with pytest.raises(Unusable, match="no general answer"):
        read(frame(number=number))


LENIENT = [
    ({"msg_ref": "A1"}, "MsgRef"),
    ({"src": "K3206820001"}, "SRC"),
    ({"des": "F000000"}, "DES"),
    ({"ori": "5617"}, "OriMsgNo"),
]


@pytest.mark.parametrize(("changes", "name"), LENIENT)
def test_what_does_not_fit_is_refused_or_forgiven(changes: dict[str, str], name: str) -> None:
    with pytest.raises(Unusable, match=name):
        read(frame(**changes))
    (remark,) = read(frame(**changes), lenient_msgref=True).remarks
    assert name in remark


def test_header_and_head_must_agree_unless_trusted() -> None:
    raw = frame(header="2001")
    with pytest.raises(Unusable, match="different message numbers"):
        read(raw)
    assert read(raw, trust_head_number=True).result == "00000"


def test_a_wrong_token_is_a_bad_mac() -> None:
    with pytest.raises(Unusable) as caught:
        read(frame(token=OTHER))
    assert caught.value.bad_mac
    answer = read_answer(frame(token=OTHER), ASKED, peer(), (Secret(TOKEN), Secret(OTHER)))
    assert answer.token == Secret(OTHER)


def test_a_blank_mac_and_another_width_are_bad_macs() -> None:
    good = frame()
    blank = good._replace(payload=good.payload[:-64] + b" " * 64)
    with pytest.raises(Unusable, match="has no MAC") as caught:
        read(blank)
    assert caught.value.bad_mac
    with pytest.raises(Unusable, match="128 bytes wide") as caught:
        read(good, mac_width=128)
    assert caught.value.bad_mac


def test_every_flipped_bit_is_noticed() -> None:
    good = frame()
    for place in range(len(good.payload)):
        for bit in (0x01, 0x20, 0x80):
            payload = bytearray(good.payload)
            payload[place] ^= bit
            if bytes(payload[-64:]).upper() == good.payload[-64:]:
                continue  # hex in either case is the same MAC
            with pytest.raises(Unusable):
                read(good._replace(payload=bytes(payload)))


def test_two_vouchers_are_no_answer() -> None:
    with pytest.raises(Unusable, match="2 vouchers"):
        read(frame(vouchers=2))


def test_the_reason_never_quotes_values() -> None:
    with pytest.raises(Unusable) as caught:
        read(frame(msg_ref="13000000000"))
    assert "13000000000" not in str(caught.value)


def test_a_captured_answer_of_finance_reads_like_ours() -> None:
    # The observed 5001 has the layout of every general answer; it answers 8994.
    raw = decoded((VECTORS / "finance-5001-payment-url.frame").read_bytes())
    with pytest.raises(Unusable, match="message 5001 is no general answer"):
        read(raw, code="F320682", lenient_msgref=True)


def test_banks_and_units_answer_alike() -> None:
    one, other = BankAnswer.plan.field_names, UnitAnswer.plan.field_names
    assert one == other
