"""The hardened parser: what it reads and everything it refuses (spec: wire, section 4)."""

from __future__ import annotations

import threading

import pytest
from lxml import etree

from nontax.codecs import (
    VOUCHER_LIMITS,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Rule,
    escape_xml,
    parse_xml,
)


def refused(
    data: bytes, limits: Limits = VOUCHER_LIMITS, encoding: str = "GBK"
) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_xml(data, default_encoding=encoding, limits=limits)
    assert caught.value.code == "10002"
    assert caught.value.tag is None
    return caught.value


DECLARED = '<?xml version="1.0" encoding="{}"?><a>中文</a>'


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("GBK", "gbk"),
        ("gbk", "gbk"),
        ("GB2312", "gbk"),
        ("GB18030", "gb18030"),
        ("UTF-8", "utf-8"),
        ("utf-8", "utf-8"),
    ],
)
def test_the_declared_encoding_is_honoured(declared: str, codec: str) -> None:
    data = DECLARED.format(declared).encode(codec)
    assert parse_xml(data, default_encoding="GB18030").text == "中文"
    assert parse_xml(data, default_encoding="UTF-8").text == "中文"


def test_gb2312_documents_may_hold_gbk_text() -> None:
    data = '<?xml version="1.0" encoding="GB2312"?><a>朱镕基</a>'.encode("gbk")
    assert parse_xml(data).text == "朱镕基"


def test_the_default_encoding_holds_without_a_declaration() -> None:
    assert parse_xml("<a>中文</a>".encode("gbk")).text == "中文"
    assert parse_xml("<a>𠮷</a>".encode("gb18030"), default_encoding="GB18030").text == "𠮷"
    assert parse_xml("<a>中文</a>".encode(), default_encoding="UTF-8").text == "中文"
    without = b'<?xml version="1.0"?><a>\xd6\xd0</a>'
    assert parse_xml(without).text == "中"


def test_a_byte_order_mark_means_utf_8() -> None:
    assert parse_xml(b"\xef\xbb\xbf<a>\xe4\xb8\xad</a>").text == "中"
    declared = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><a>\xe4\xb8\xad</a>'
    assert parse_xml(declared).text == "中"
    other = b'\xef\xbb\xbf<?xml version="1.0" encoding="GBK"?><a/>'
    assert refused(other).rule is Rule.ENCODING_NAME


@pytest.mark.parametrize(
    "name", ["UTF-16", "ISO-8859-1", "BIG5", "UTF-7", "US-ASCII", "HZ", "GB-2312", "x" * 60]
)
def test_other_encodings_are_refused(name: str) -> None:
    data = f'<?xml version="1.0" encoding="{name}"?><a/>'.encode()
    assert refused(data).rule is Rule.ENCODING_NAME
    assert refused(b"<a/>", encoding=name).rule is Rule.ENCODING_NAME


@pytest.mark.parametrize(
    "declaration",
    [
        "<?xml?>",
        "<?xml version='1.0'",
        "<?xml encoding='GBK'?>",
        "<?xml version='2.0'?>",
        "<?xml version='1.0' encoding='GBK' encoding='UTF-8'?>",
        "<?xml version='1.0' encoding=GBK?>",
        "<?xml version='1.0\" encoding='GBK'?>",
        "<?xml version='1.0' encoding='GBK' other='x'?>",
        "<?xml-stylesheet href='x'?>",
        "<?xml version='1.0' encoding=''?>",
    ],
)
def test_malformed_declarations_are_refused(declaration: str) -> None:
    assert refused(declaration.encode() + b"<a/>").rule is Rule.DECLARATION


@pytest.mark.parametrize(
    "declaration",
    [
        "<?xml version='1.0' encoding='GBK' standalone='yes' ?>",
        "<?xml\tversion = \"1.0\"\n encoding = 'GBK'?>",
        "<?xml version='1.1' standalone='no'?>",
    ],
)
def test_declarations_that_xml_allows(declaration: str) -> None:
    assert parse_xml(declaration.encode() + b"\n<a>1</a>").text == "1"


def test_a_byte_that_cannot_be_decoded_is_named_by_its_offset() -> None:
    error = refused(b'<?xml version="1.0" encoding="GBK"?><a>\xd6\xd0\xff</a>')
    assert error.rule is Rule.ENCODING
    assert "byte 41 " in str(error)
    assert "GBK" in error.information
    assert "byte 3 " in str(refused(b"<a>\x80</a>", encoding="UTF-8"))
    assert refused(b'<?xml version="1.0" encoding="UTF-8"?><a>\xd6\xd0</a>').rule is Rule.ENCODING
    assert refused(b"<a>\xd6</a>").rule is Rule.ENCODING  # half a character


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a><!-- comment --></a>",
        b"<!-- comment --><a/>",
        b"<a/><!-- comment -->",
        b"<a><![CDATA[x]]><!-- comment --></a>",
        b"<a><!ELEMENT></a>",
        b"<a><![cdata[x]]></a>",
        b"<a><![CDATA[x]]><![IGNORE[y]]></a>",
    ],
)
def test_doctype_entities_and_comments_are_refused(data: bytes) -> None:
    assert refused(data).rule is Rule.MARKUP


@pytest.mark.parametrize(
    "data",
    [b"<a><?php x ?></a>", b"<?x y?><a/>", b"<a/><?x y?>", b" <?xml version='1.0'?><a/>",
     b"<a><![CDATA[x]]><?y z?></a>", b"<?xml version='1.0'?><?xml version='1.0'?><a/>"],
)  # fmt: skip
def test_processing_instructions_are_refused(data: bytes) -> None:
    assert refused(data).rule is Rule.INSTRUCTION


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"<a><![CDATA[<!-- <?x <!DOCTYPE & ]]>y</a>", "<!-- <?x <!DOCTYPE & y"),
        (b"<a><![CDATA[]]></a>", ""),
        (b"<a>1<![CDATA[2]]>3<![CDATA[4]]></a>", "1234"),
        (b"<a>&lt;&#x4E2D;&amp;&#13;</a>", "<中&\r"),
        (b"\n\t<a>1</a>\r\n ", "1"),
    ],
)
def test_cdata_references_and_white_space_are_read(data: bytes, text: str) -> None:
    root = parse_xml(data)
    assert (root.text or "") == text
    assert len(root) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>text",
        b"<a/>\x00",
        b"<a/>\x80\x00\x00" + b"<a/>",
        b"text<a/>",
        b"<a>&undefined;</a>",
        b"<a>&#0;</a>",
        b"<a>&#xFFFE;</a>",
        b"<a>&#xD800;</a>",
        b"<a>\x01</a>",
        b"<a>\x00</a>",
        b"<a>a < b</a>",
        b"<a>&</a>",
        b"<a b='1' b='2'/>",
        b"<a b=1/>",
        b"<a b='<'/>",
        b"<a>]]></a>",
        b"<a><![CDATA[x</a>",
        b"<x:a/>",
        b"<a",
        b"<",
        b"<1a/>",
    ],
)
def test_nothing_is_recovered(data: bytes) -> None:
    assert refused(data).rule in {Rule.MALFORMED, Rule.ENCODING}


def test_errors_do_not_quote_the_document() -> None:
    error = refused(b"<a><PayerName>Zhang San</Payer></a>")
    assert "ERR_TAG_NAME_MISMATCH at line 1" in str(error)
    assert "Zhang" not in str(error) + error.information
    assert error.__cause__ is None
    assert error.__context__ is None


def test_limits() -> None:
    assert refused(b"<a>12345</a>", Limits(max_bytes=11)).rule is Rule.TOO_BIG
    assert parse_xml(b"<a>12345</a>", limits=Limits(max_bytes=12)).text == "12345"
    three = b"<a><b/><b></b></a>"
    assert refused(three, Limits(max_elements=2)).rule is Rule.TOO_MANY_ELEMENTS
    assert len(parse_xml(three, limits=Limits(max_elements=3))) == 2
    assert refused(b"<a><b><c/></b></a>", Limits(max_depth=2)).rule is Rule.TOO_DEEP
    assert parse_xml(b"<a><b><c/></b></a>", limits=Limits(max_depth=3)).tag == "a"
    assert refused(b"<a>" * 7 + b"</a>" * 7).rule is Rule.TOO_DEEP
    assert refused(b"<a>" * 100_000 + b"</a>" * 100_000).rule in {Rule.TOO_DEEP, Rule.MALFORMED}


def test_a_text_beyond_libxml2s_own_limit_is_read() -> None:
    text = b"0123456789abcdef" * 700_000
    assert parse_xml(b"<a>" + text + b"</a>").text == text.decode()


def test_threads_have_their_own_parser() -> None:
    data = ("<a>" + "<b>中文</b>" * 2000 + "</a>").encode("gbk")
    counts: list[int] = []

    def work() -> None:
        counts.extend(len(parse_xml(data)) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2000] * 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("李四 80.00", "李四 80.00"),
        ("a<b>&c", "a&lt;b&gt;&amp;c"),
        ("]]>", "]]&gt;"),
        ("a\r\nb\tc", "a&#13;\nb\tc"),
        ("\u3000𠮷\ue000", "\u3000𠮷\ue000"),
        ("'\"", "'\""),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape_xml(text) == expected
    root = etree.fromstring(f"<a>{expected}</a>")
    assert (root.text or "") == text


@pytest.mark.parametrize(
    "character", ["\x00", "\x01", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"]
)
def test_characters_that_xml_cannot_carry(character: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        escape_xml(f"a{character}b")
    assert caught.value.character == character
    assert f"U+{ord(character):04X}" in str(caught.value)
