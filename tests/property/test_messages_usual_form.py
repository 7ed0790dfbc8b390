"""A voucher in the form that we write is read without a parser: exactly as the parser reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.codecs import RemoteProtocolError, parse_xml
from nontax.messages.confirm import Confirmation
from nontax.messages.query import BillQuery
from nontax.messages.record import Voucher
from nontax.messages.statements import (
    AccountStatement,
    ChannelTotal,
    FundsLine,
    FundsStatement,
    Movement,
    PaymentLine,
    PaymentStatement,
)
from nontax.messages.transfer import InterbankTransfer, TransferDetail

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
BATCH = {"BatchNo": "B1", "CheckDate": "20261122", "PackCount": 1, "PackNo": 1}
TOTAL = {"TotalCount": 9, "TotalAmt": 100}
FUNDS = FundsStatement(
    **BATCH,
    **TOTAL,
    RecAcctType="1",
    RecAcct="32001000000000000018",
    DetailList=tuple(
        FundsLine(
            TraNo=f"Z{n}",
            PayMode=("11", "52")[n % 2],
            BatchNo="HJ1" if n % 2 else "",
            Amt=8000 + n,
            AddWord=("", "跨行划转", "a & b < c")[n % 3],
        )
        for n in range(9)
    ),
)
PAYMENTS = PaymentStatement(
    **BATCH,
    **TOTAL,
    PayMode="11",
    DetailList=[
        PaymentLine(
            PayCode="32068226000000000019",
            CfmDate="20261122",
            CfmTime="101530",
            Amt=8000,
            TraNoBus="T1",
            PayerName="张三",
            RecAcctType="1",
            RecAcct="32001000000000000018",
        )
    ],
)
ACCOUNT = AccountStatement(
    **BATCH,
    **TOTAL,
    AcctType="1",
    Acct="32001000000000000018",
    BeginBal=0,
    InAmt=100,
    OutAmt=0,
    EndBal=100,
    ChannelList=[ChannelTotal(PayMode="11", InAmt=100, OutAmt=0)],
    DetailList=[Movement(TraNo="Z1", DcFlag="1", Amt=100, OppName="李四")] * 2,
)
TRANSFER = InterbankTransfer(
    BatchNo="B1",
    TraDate="20261122",
    TraNo="Z1",
    PayerName="张三",
    PayerAcct="32001000000000000018",
    RecAcctType="3",
    RecName="示例市财政局",
    RecOpBk="示例银行",
    RecOpBkNo="105306500018",
    Amt=100,
    Count=1,
    DetailList=[TransferDetail(PayCode="1", TraNoBus="T1", Amt=100)],
)
LISTS: list[Voucher] = [FUNDS, PAYMENTS, ACCOUNT, TRANSFER]
# Pieces that XML, GBK or the tables treat in some way of their own.
PIECES = [
    "", " ", "  1", "\n", "\r\n", "\t", "&amp;", "&#49;", "&", "<", ">", "]]>", "<![CDATA[1]]>",
    "<!-- -->", "<?x?>", "<X/>", "<X>1</X>", "</PayCode>", "<PayCode/>", "<PayCode></PayCode>",
    "<PayMode>12</PayMode>", "<Detail/>", "</Detail>", "<DetailList/>", "<Amt>1.5</Amt>",
    "01", "3", "張", "\u3000", "\x00", "\x7f", "\ue000", "x" * 60,
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


def test_what_we_write_with_lists_is_of_the_usual_form() -> None:
    for message in (PAYMENTS, ACCOUNT, TRANSFER):
        assert message.plan.read_usual(message.write()) == message
    assert FUNDS.plan.read_usual(FUNDS.write()) is None  # references need a parser
    plain = FUNDS.write().replace("a &amp; b &lt; c", "a b c")
    assert FUNDS.plan.read_usual(plain) == FundsStatement.read(parse_xml(plain.encode("gbk")))
    # Others break lines, indent, and leave out what is empty.
    spaced = plain.replace("><", ">\r\n  <").replace("<PayCode/>", "").replace("<AddWord/>", "")
    assert FUNDS.plan.read_usual(spaced) == FUNDS.plan.read_usual(plain)


def test_long_lists_are_written_as_short_ones() -> None:
    one_by_one = "".join(f"<Detail>{d.plan.write(vars(d))}</Detail>" for d in FUNDS.DetailList)
    assert f"<DetailList>{one_by_one}</DetailList>" in FUNDS.write()
    assert FundsStatement.read_bytes(FUNDS.write().encode("gbk")) == FUNDS


@given(
    st.sampled_from(LISTS),
    st.booleans(),
    st.lists(
        st.tuples(
            st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES) | st.text(max_size=3)
        ),
        max_size=3,
    ),
)
def test_both_ways_of_reading_lists_agree(
    message: Voucher, spaced: bool, edits: list[tuple[float, int, str]]
) -> None:
    text = message.write().replace("&amp;", "").replace("&lt;", "")
    if spaced:
        text = text.replace("><", ">\n <")
    for place, removed, inserted in edits:
        at = int(place * len(text))
        text = text[:at] + inserted + text[at + removed :]
    data = text.encode("gb18030", "replace")
    model = type(message)
    assert outcome(model, data, usual=True) == outcome(model, data, usual=False)


@given(
    st.sampled_from(LISTS),
    st.data(),
    st.sampled_from(PIECES) | st.text(max_size=110) | st.from_regex(r"[0-9.+-]{1,20}"),
)
def test_both_ways_agree_on_every_value_of_a_list(
    message: Voucher, data: st.DataObject, piece: str
) -> None:
    text = message.write().replace("&amp;", "").replace("&lt;", "")
    for tag in (*type(message).model_fields, *message.plan.nested[-1].model.model_fields):
        text = text.replace(f"<{tag}/>", f"<{tag}></{tag}>")
    places = [at for at in range(len(text)) if text.startswith("></", at)]
    places += [text.index(">", at) for at in range(len(text)) if text.startswith("<Amt>", at)]
    at = data.draw(st.sampled_from(places)) + 1
    end = text.index("<", at)
    written = (text[:at] + piece + text[end:]).encode("gb18030", "replace")
    model = type(message)
    assert outcome(model, written, usual=True) == outcome(model, written, usual=False)
