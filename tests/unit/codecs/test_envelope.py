"""The CFX document, read leniently where the specification says so and written in one form."""

from __future__ import annotations

import base64
import hashlib

import pytest

from nontax.codecs import (
    Head,
    LocalProtocolError,
    RemoteProtocolError,
    Rule,
    decode_voucher,
    open_envelope,
    split_mac,
    write_envelope,
)

HEAD = Head("K3206820002", "F320682", "8994", "20261122093015", "20261122093015", "20261122")
VOUCHER = "<Voucher><PayerName>李四</PayerName></Voucher>"
FIELDS = {
    "APP": "CNNONTAX",
    "VER": "1.0",
    "SRC": "K3206820002",
    "DES": "F320682",
    "MsgNo": "8994",
    "MsgID": "20261122093015",
    "MsgRef": "20261122093015",
    "WorkDate": "20261122",
    "Reserve": "",
}
BODY_XML = "<VoucherBody><Voucher>PFZvdWNoZXIvPg==</Voucher></VoucherBody>"


def head_xml(**changes: str | None) -> str:
    fields = {**FIELDS, **changes}
    return "".join(f"<{tag}>{value}</{tag}>" for tag, value in fields.items() if value is not None)


def document(
    head: str | None = None, *, count: str = "1", bodies: str = BODY_XML, msg: str | None = None
) -> bytes:
    if msg is None:
        msg = f"<MSG><MOF><VoucherCount>{count}</VoucherCount>{bodies}</MOF></MSG>"
    head = f"<HEAD>{head_xml() if head is None else head}</HEAD>"
    return f'<?xml version="1.0" encoding="GBK"?><CFX>{head}{msg}</CFX>'.encode("gbk")


def refused(body: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        open_envelope(body)
    assert caught.value.code == "10002"
    return caught.value


# ------------------------------------------------------------------ writing


def test_the_written_form() -> None:
    body = write_envelope(HEAD, VOUCHER, adm_div_code="320682", st_year="2026")
    text = base64.b64encode(VOUCHER.encode("gbk")).decode()
    assert body.decode("ascii") == (
        '<?xml version="1.0" encoding="GBK"?><CFX><HEAD><APP>CNNONTAX</APP><VER>1.0</VER>'
        "<SRC>K3206820002</SRC><DES>F320682</DES><MsgNo>8994</MsgNo>"
        "<MsgID>20261122093015</MsgID><MsgRef>20261122093015</MsgRef>"
        "<WorkDate>20261122</WorkDate><Reserve/></HEAD><MSG><MOF><VoucherCount>1</VoucherCount>"
        '<VoucherBody AdmDivCode="320682" StYear="2026" VtCode="8994" '
        f'VoucherNo="20261122093015"><Voucher>{text}</Voucher></VoucherBody></MOF></MSG></CFX>'
    )


@pytest.mark.parametrize(
    "head",
    [
        HEAD,
        HEAD._replace(reserve="备用<&>"),
        HEAD._replace(msg_id="a\"b'c&d"),
        HEAD._replace(src="A B", des="<>"),
        HEAD._replace(msg_ref="x" * 32),
    ],
)
@pytest.mark.parametrize("charset", ["GBK", "GB18030"])
def test_what_is_written_is_read_again(head: Head, charset: str) -> None:
    body = write_envelope(head, VOUCHER, adm_div_code="320682", st_year="2026", charset=charset)
    assert f'encoding="{charset}"'.encode() in body
    opened = open_envelope(body)
    assert opened.head == head
    assert opened.unknown_elements == 0
    (part,) = opened.vouchers
    assert part[:4] == ("320682", "2026", "8994", head.msg_id)
    assert part.decode() == VOUCHER.encode("gbk")


def test_both_ways_of_writing_give_the_same_bytes() -> None:
    one = write_envelope(HEAD, VOUCHER, adm_div_code="320682", st_year="2026")
    two = write_envelope(HEAD, VOUCHER, VOUCHER, adm_div_code="320682", st_year="2026")
    part = one[one.index(b"<VoucherBody") : one.index(b"</MOF>")]
    assert two == one.replace(b"Count>1<", b"Count>2<").replace(part, part + part)
    assert len(open_envelope(two).vouchers) == 2


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"src": ""}, "SRC"),
        ({"src": "K320682000299"}, "SRC"),
        ({"src": "中"}, "SRC"),
        ({"des": ""}, "DES"),
        ({"msg_no": "899"}, "MsgNo"),
        ({"msg_no": "899x"}, "MsgNo"),
        ({"msg_id": "x" * 21}, "MsgID"),
        ({"msg_ref": "x" * 33}, "MsgRef"),
        ({"msg_ref": ""}, "MsgRef"),
        ({"work_date": "20260230"}, "WorkDate"),
        ({"work_date": "2026"}, "WorkDate"),
        ({"reserve": "备" * 11}, "Reserve"),
        ({"reserve": "𠮷"}, "Reserve"),
        ({"ver": "1"}, "VER"),
        ({"app": "OTHER"}, "APP"),
    ],
)
def test_a_head_that_is_not_allowed_is_not_written(changes: dict[str, str], tag: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        write_envelope(HEAD._replace(**changes), VOUCHER, adm_div_code="320682", st_year="2026")
    assert caught.value.tag == tag


@pytest.mark.parametrize(
    ("region", "year", "tag"), [("32068", "2026", "AdmDivCode"), ("320682", "26", "StYear")]
)
def test_attributes_are_checked_on_writing(region: str, year: str, tag: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        write_envelope(HEAD, VOUCHER, adm_div_code=region, st_year=year)
    assert caught.value.tag == tag


@pytest.mark.parametrize(
    ("xml", "tag"),
    [
        ("<Voucher><A/><PayerName>张𠮷</PayerName></Voucher>", "PayerName"),
        ("<Voucher><L><D><Memo>1</Memo></D><D><Memo>😀</Memo></D></L></Voucher>", "Memo"),
        ("<Voucher><A>1</A>€</Voucher>", "Voucher"),
    ],
)
def test_characters_outside_the_charset_name_their_field(xml: str, tag: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        write_envelope(HEAD, xml, adm_div_code="320682", st_year="2026")
    assert caught.value.tag == tag
    assert caught.value.character is not None
    assert caught.value.character in "𠮷😀€"
    assert "U+" in str(caught.value)
    body = write_envelope(HEAD, xml, adm_div_code="320682", st_year="2026", charset="GB18030")
    assert open_envelope(body).vouchers[0].decode().decode("gb18030") == xml


def test_only_the_two_charsets_are_written() -> None:
    with pytest.raises(LocalProtocolError):
        write_envelope(HEAD, VOUCHER, adm_div_code="320682", st_year="2026", charset="UTF-8")


# ------------------------------------------------------------------ reading HEAD


def test_head_children_may_come_in_any_order_and_with_white_space() -> None:
    tags = reversed(FIELDS.items())
    head = "\n  ".join(f"<{tag}>\r\n {value}\t</{tag}>" for tag, value in tags)
    opened = open_envelope(document(f"\n{head}\n"))
    assert opened.head == HEAD
    assert opened.warnings == ()


def test_a_missing_reserve_is_empty() -> None:
    assert open_envelope(document(head_xml(Reserve=None))).head == HEAD


@pytest.mark.parametrize(
    ("tag", "value", "rule"),
    [
        *[(tag, None, Rule.MISSING) for tag in FIELDS if tag != "Reserve"],
        *[(tag, "", Rule.EMPTY) for tag in FIELDS if tag != "Reserve"],
        *[(tag, "<x>1</x>", Rule.NESTED) for tag in FIELDS],
        ("APP", "CNTAX", Rule.APPLICATION),
        ("VER", "1.00", Rule.LENGTH),
        ("SRC", "K320682000299", Rule.LENGTH_RANGE),
        ("SRC", "示例", Rule.CHARACTERS),
        ("DES", "F" * 13, Rule.LENGTH_RANGE),
        ("MsgNo", "899", Rule.LENGTH),
        ("MsgNo", "89x4", Rule.DIGITS),
        ("MsgID", "x" * 33, Rule.LENGTH_RANGE),
        ("MsgRef", "x" * 33, Rule.LENGTH_RANGE),
        ("WorkDate", "20260230", Rule.DATE),
        ("Reserve", "备" * 11, Rule.LENGTH_RANGE),
    ],
)
def test_head_errors_name_the_field_and_keep_the_rest(
    tag: str, value: str | None, rule: Rule
) -> None:
    error = refused(document(head_xml(**{tag: value})))
    assert (error.tag, error.rule) == (tag, rule)
    assert error.head is not None
    special = {"MsgNo": "msg_no", "MsgID": "msg_id", "MsgRef": "msg_ref", "WorkDate": "work_date"}
    name = special.get(tag, tag.lower())
    expected = HEAD._replace(**{name: "CNTAX" if value == "CNTAX" else ""})
    assert error.head == expected


def test_the_first_of_several_head_errors_is_named() -> None:
    error = refused(document(head_xml(SRC=None, WorkDate="x", MsgID="")))
    assert error.tag == "SRC"
    assert error.head == HEAD._replace(src="", work_date="", msg_id="")


@pytest.mark.parametrize("length", [21, 23, 32])
def test_a_long_msg_id_is_accepted_with_a_warning(length: int) -> None:
    opened = open_envelope(document(head_xml(MsgID="7" * length, MsgRef="7" * length)))
    assert opened.head.msg_id == "7" * length
    assert opened.warnings == (
        f"MsgID has {length} characters instead of at most 20",
        f"MsgRef has {length} characters instead of at most 20",
    )


def test_unknown_elements_are_ignored_and_counted() -> None:
    bodies = '<Extra/><VoucherBody Other="1"><Note>x</Note><Voucher>AAAA</Voucher></VoucherBody>'
    msg = f"<MSG><X/><MOF><VoucherCount>1</VoucherCount>{bodies}</MOF></MSG><Sign>x</Sign>"
    opened = open_envelope(document(head_xml() + "<Ext>1</Ext><Ext>2</Ext>", msg=msg))
    assert opened.unknown_elements == 6
    assert opened.head == HEAD
    assert opened.vouchers[0].text == "AAAA"


# ------------------------------------------------------------------ structure


@pytest.mark.parametrize(
    ("body", "tag", "rule"),
    [
        (b"<Other/>", None, Rule.ROOT),
        (b"<CFX/>", "HEAD", Rule.MISSING),
        (b"<CFX><MSG/></CFX>", "HEAD", Rule.MISSING),
        (document(msg=""), "MSG", Rule.MISSING),
        (document(msg="<MSG/>"), "MOF", Rule.MISSING),
        (document(msg="<MSG><MOF/></MSG>"), "VoucherCount", Rule.MISSING),
        (document(count="0", bodies=""), "VoucherCount", Rule.COUNT_DIFFERS),
        (document(count="0"), "VoucherCount", Rule.COUNT_DIFFERS),
        (document(count="2"), "VoucherCount", Rule.COUNT_DIFFERS),
        (document(count="1", bodies=BODY_XML * 2), "VoucherCount", Rule.COUNT_DIFFERS),
        (document(count=""), "VoucherCount", Rule.INTEGER),
        (document(count="one"), "VoucherCount", Rule.INTEGER),
        (document(count="-1"), "VoucherCount", Rule.INTEGER),
        (document(count="<x/>"), "VoucherCount", Rule.NESTED),
        (document(bodies="<VoucherBody/>"), "Voucher", Rule.MISSING),
        (document(bodies="<VoucherBody><Voucher/></VoucherBody>"), "Voucher", Rule.EMPTY),
        (document(bodies="<VoucherBody><Voucher> </Voucher></VoucherBody>"), "Voucher", Rule.EMPTY),
        (
            document(bodies="<VoucherBody><Voucher>A</Voucher><Voucher>B</Voucher></VoucherBody>"),
            "Voucher",
            Rule.DUPLICATE,
        ),
        (document(msg="<MSG><MOF/><MOF/></MSG>"), "MOF", Rule.DUPLICATE),
        (document(msg="<MSG/><MSG/>"), "MSG", Rule.DUPLICATE),
        (document(msg="<MSG/><HEAD/>"), "HEAD", Rule.DUPLICATE),
        (document(head_xml() + "<SRC>G000001</SRC>"), "SRC", Rule.DUPLICATE),
        (document(head_xml() + "<Reserve/>"), "Reserve", Rule.DUPLICATE),
        (document(head_xml() + "text"), "HEAD", Rule.STRAY_TEXT),
        (document("text" + head_xml()), "HEAD", Rule.STRAY_TEXT),
        (document(bodies=BODY_XML + "text"), "MOF", Rule.STRAY_TEXT),
        (document(bodies="<VoucherBody>text<Voucher>A</Voucher></VoucherBody>"), "VoucherBody",
         Rule.STRAY_TEXT),
        (document(msg="text<MSG/>"), "CFX", Rule.STRAY_TEXT),
        (document(bodies="<VoucherBody><Voucher><x/></Voucher></VoucherBody>"), None,
         Rule.TOO_DEEP),
        (document(bodies="<VoucherBody><a><b/></a></VoucherBody>"), None, Rule.TOO_DEEP),
        (document(head_xml() + "<a><b><c><d/></c></b></a>"), None, Rule.TOO_DEEP),
        (document() + b"<CFX/>", None, Rule.MALFORMED),
        (document() + b"x", None, Rule.MALFORMED),
        (b"<!DOCTYPE CFX><CFX/>", None, Rule.MARKUP),
        (document(bodies=BODY_XML + "<a/>" * 50_000), None, Rule.TOO_MANY_ELEMENTS),
    ],
)  # fmt: skip
def test_other_structures_are_refused(body: bytes, tag: str | None, rule: Rule) -> None:
    error = refused(body)
    assert (error.tag, error.rule) == (tag, rule)


def test_errors_behind_head_carry_it() -> None:
    assert refused(document(count="2")).head == HEAD
    assert refused(document(msg="")).head == HEAD
    assert refused(b"<CFX/>").head is None


# ------------------------------------------------------------------ vouchers


def test_attributes_that_are_left_out_have_defaults() -> None:
    (part,) = open_envelope(document(), default_year="2026").vouchers
    assert part[:4] == ("000000", "2026", "8994", "")
    assert open_envelope(document()).vouchers[0].st_year == ""


def test_odd_attributes_are_warnings() -> None:
    attributes = 'AdmDivCode="x" StYear="26" VtCode=" 2001 " VoucherNo=" 7 "'
    bodies = BODY_XML.replace("<VoucherBody", f"<VoucherBody {attributes}")
    opened = open_envelope(document(bodies=bodies), default_year="2026")
    assert opened.vouchers[0][:4] == ("000000", "2026", "2001", "7")
    assert opened.warnings == (
        "AdmDivCode 'x' is not six digits",
        "StYear '26' is not four digits",
        "VtCode '2001' differs from MsgNo 8994",
    )


def test_several_vouchers_are_read() -> None:
    opened = open_envelope(document(count=" 3 ", bodies=BODY_XML * 3))
    assert [part.decode() for part in opened.vouchers] == [b"<Voucher/>"] * 3


def test_bad_base64_is_found_only_when_the_voucher_is_decoded() -> None:
    body = document(bodies="<VoucherBody><Voucher>not base64!</Voucher></VoucherBody>")
    (part,) = open_envelope(body).vouchers
    with pytest.raises(RemoteProtocolError) as caught:
        part.decode()
    assert (caught.value.tag, caught.value.rule) == ("Voucher", Rule.BASE64)
    assert "not base64!" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["PFZvdWNoZXIvPg==", "PFZvdW\r\nNoZXIv\n\tPg= =", " PFZvdWNoZXIvPg=="]
)
def test_base64_may_hold_white_space(text: str) -> None:
    assert decode_voucher(text) == b"<Voucher/>"


@pytest.mark.parametrize(
    "text",
    ["PFZvdWNoZXIvPg", "PFZvdWNoZXIvPg=", "PFZvdWNoZXIvPg===", "PFZv==dWNo", "PFZvdWNoZXIvPg==A",
     "PFZv-_==", "PFZv\u3000", "中文", "====", "A", "PFZv\x0bdWNo", "PFZv\xa0"],
)  # fmt: skip
def test_other_base64_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_voucher(text)
    assert caught.value.tag == "Voucher"


def test_reprs_do_not_show_the_voucher() -> None:
    opened = open_envelope(document())
    assert "PFZv" not in repr(opened)
    assert "16 characters" in repr(opened.vouchers[0])


def test_utf_8_documents_and_undeclared_ones() -> None:
    text = document(head_xml(Reserve="备用")).decode("gbk")
    utf8 = text.replace("GBK", "UTF-8").encode()
    assert open_envelope(utf8).head.reserve == "备用"
    bare = text.partition("?>")[2]
    assert open_envelope(bare.encode("gbk")).head.reserve == "备用"
    assert open_envelope(bare.encode(), default_encoding="UTF-8").head.reserve == "备用"


def _sha256_padding(length: int) -> bytes:
    """What SHA-256 appends to a message of `length` bytes."""
    return b"\x80" + b"\x00" * ((55 - length) % 64) + (length * 8).to_bytes(8, "big")


def test_a_forged_length_extension_is_refused() -> None:
    # SHA-256(token || body) lets anybody who saw one MAC compute that of body || padding || more.
    token = b"Nj7wQ2xVb0RkT5yLc8HsP3mZd6FgA1uE"
    body = document()
    padding = _sha256_padding(len(token + body))
    assert (len(token + body) + len(padding)) % 64 == 0
    for more in (b"</CFX>", document(), b"<!--</CFX>", b" </CFX>\r\n"):
        forged = body + padding + more
        mac = hashlib.sha256(token + forged).hexdigest().encode()
        opened_body, _ = split_mac(forged + mac, 64)
        assert opened_body == forged  # the MAC would be right
        refused(opened_body)
