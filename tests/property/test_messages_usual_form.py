"""A voucher in the form that we write is read without a parser: exactly as the parser reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.codecs import RemoteProtocolError, parse_xml
from nontax.messages.confirm import Confirmation
from nontax.messages.query import BillQuery
from nontax.messages.record import Voucher

CONFIRMATION = Confirmation(
    PayCode="32068226000000000019",
    CfmDate="20261122",
    CfmTime="101530",
    Amt=8000,
    BankOutlet="320682001",
    Operator="柜员01",
    PayMode="11",
    TraNoBus="2026112200000001",
    PayerName="张三",
    RecAcctType="1",
    RecAcct="32001000000000000018",
)
QUERY = BillQuery(PayCode="32068226000000000019", PayMode="11", Hold1="1234")
# Pieces that XML, GBK or the tables treat in some way of their own.
PIECES = [
    "", " ", "  1", "\n", "\r\n", "\t", "&amp;", "&#49;", "&", "<", ">", "]]>", "<![CDATA[1]]>",
    "<!-- -->", "<?x?>", "<X/>", "<X>1</X>", "</PayCode>", "<PayCode/>", "<PayCode></PayCode>",
    "<PayMode>12</PayMode>", "01", "3", "張", "\u3000", "\x00", "\x7f", "\ue000", "x" * 60,
    '<?xml version="1.0" encoding="UTF-8"?>', "<Voucher>", "</Voucher>", " a='1'",
]  # fmt: skip


def outcome(model: type[Voucher], data: bytes, *, usual: bool) -> object:
    try:
        if usual:
            return model.read_bytes(data)
        return model.read(parse_xml(data))
    except RemoteProtocolError as error:
        return str(error), error.information, error.tag, error.code


@pytest.mark.parametrize("message", [CONFIRMATION, QUERY], ids=["2612", "2601"])
def test_what_we_write_is_of_the_usual_form(message: Voucher) -> None:
    assert message.plan.read_usual(message.write()) == message


@given(
    st.sampled_from([CONFIRMATION, QUERY]),
    st.lists(
        st.tuples(
            st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES) | st.text(max_size=3)
        ),
        max_size=3,
    ),
)
def test_both_ways_of_reading_agree(message: Voucher, edits: list[tuple[float, int, str]]) -> None:
    text = message.write()
    for place, removed, inserted in edits:
        at = int(place * len(text))
        text = text[:at] + inserted + text[at + removed :]
    data = text.encode("gb18030", "replace")
    model = type(message)
    assert outcome(model, data, usual=True) == outcome(model, data, usual=False)


@given(st.sampled_from(list(Confirmation.model_fields)), st.sampled_from(PIECES))
def test_both_ways_agree_on_every_value(tag: str, piece: str) -> None:
    start, end = f"<{tag}>", f"</{tag}>"
    text = CONFIRMATION.write().replace(f"<{tag}/>", start + end)
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    data = (before + start + piece + end + after).encode("gb18030", "replace")
    assert outcome(Confirmation, data, usual=True) == outcome(Confirmation, data, usual=False)
