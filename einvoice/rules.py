"""The rules that documents of e-invoices can break, with an English and a Chinese text each.

A value's own rules (amounts, dates, digits) are those of the wire's data types; these are the ones
that a document has besides. The Chinese text is what a unit is answered with.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..codecs.errors import RuleError
from ..codecs.masking import mask, shown
from .errors import DocumentError


class DocumentRule(Enum):
    """A rule of the document: its English and its Chinese text."""

    # bytes and markup
    SIZE = "has more than {limit} bytes", "超过{limit}字节"
    ENCODING = "byte {offset} is not UTF-8", "第{offset}字节不是有效的UTF-8编码"
    CONTROL = (
        "byte {offset} is a character that XML does not allow",
        "第{offset}字节含有不允许的字符",
    )
    CHARACTER = "refers to a character that is not allowed", "含有不允许的字符引用"
    MARKUP = (
        "byte {offset} begins a comment, CDATA, DOCTYPE or processing instruction",
        "第{offset}字节起含有不允许的注释、CDATA、DOCTYPE或处理指令",
    )
    TAG = (
        "byte {offset} begins no plain tag (attributes and namespaces are not allowed)",
        "第{offset}字节起不是有效的元素标签(不允许属性和命名空间)",
    )
    STRAY = "byte {offset} begins text between elements", "第{offset}字节起元素之间有多余文本"
    UNCLOSED = "ends before it is closed", "元素未结束"
    UNOPENED = "is closed where it was not opened", "结束标签与开始标签不匹配"
    REFERENCE = "has a reference that is none of XML's own", "含有不允许的实体引用"
    DEPTH = "is nested deeper than {limit} elements", "元素嵌套超过{limit}层"
    ELEMENTS = "has more than {limit} elements", "元素个数超过{limit}"
    # structure
    PARTS = "does not consist of {expected} alone", "应仅由{expected}组成"
    PROLOGUE = "does not begin with {expected}", "应以{expected}开头"
    BETWEEN = "has bytes between or around its parts", "各部分之间或前后有多余内容"
    UNKNOWN = "is not known here", "此处不允许该元素"
    DUPLICATE = "occurs more than once", "重复出现"
    MISSING = "is missing", "缺少该元素"
    EMPTY = "is empty", "不能为空"
    NESTED = "has elements inside, a value is expected", "应为值,不应包含子元素"
    VALUE = "has a value, elements are expected", "应包含子元素"
    COUNT = "has {actual} entries, 1 to {limit} are allowed", "个数为{actual},应为1至{limit}"
    # values
    LENGTH = (
        "must have {expected} characters, has {actual}",
        "长度应为{expected}个字符,实际为{actual}",
    )
    FORM = "is not of the form {expected}", "格式应为{expected}"
    CODE = "is not one of the codes {expected}", "取值应为{expected}"
    CLOCK = "is not a time HH:MM:SS or HHMMSS", "不是有效时间,格式应为HH:MM:SS或HHMMSS"
    BASE64 = "is not base64 in its canonical form", "不是规范的BASE64编码"
    TYPE = "must be {expected}", "值类型应为{expected}"
    NAME = "is no name of an element", "不是有效的元素名称"
    # agreement of fields
    REGION = (
        "does not name the region of EInvoiceCode, {expected}",
        "与票据代码的区划不一致,应为{expected}",
    )
    IDENTITY = (
        "is not the reverse of EInvoiceCode-EInvoiceNumber",
        "不是“票据代码-票据号码”的倒序",
    )
    SUM = "differs from the sum of the items, {expected}", "与项目金额合计{expected}不一致"
    RED = (
        "must be there, for the amount is negative (a red invoice names the original)",
        "红字票据必须填写原票据",
    )
    BLUE = "must not be there, for the amount is not negative", "非红字票据不应填写原票据"
    ITSELF = "names the invoice itself", "不能是本票据"
    # signatures
    MOMENT = "is not a date and time of the calendar", "不是有效的日期时间"
    CANONICAL = "is not in its canonical written form", "不是规范的书写形式"

    def __init__(self, english: str, chinese: str) -> None:
        self.english = english
        self.chinese = chinese


_CHINESE: Final = {
    "6 digits": "6位数字",
    "8 digits": "8位数字",
    "10 digits": "10位数字",
    "6 characters without spaces": "6个ASCII字符(不含空格)",
    "Header and EInvoiceData": "Header和EInvoiceData",
    "Header, EInvoiceData and EInvoiceSignature": "Header、EInvoiceData和EInvoiceSignature",
    "two Signature": "两个Signature",
}
"""What of the expectations is no sign, but words."""


def broken(
    tag: str, rule: DocumentRule, *, value: str = "", kind: str | None = None, **params: object
) -> DocumentError:
    """The error to raise: `value` is masked as `kind` says, or shown when it is nobody's."""
    known = {name: _CHINESE.get(str(said), said) for name, said in params.items()}
    return _error(tag, rule.english.format_map(params), rule.chinese.format_map(known), value, kind)


def broken_value(tag: str, error: RuleError, value: str, kind: str | None) -> DocumentError:
    """The error to raise for a value that breaks a rule of the data types."""
    return _error(tag, error.english, error.chinese, value, kind)


def _error(tag: str, english: str, chinese: str, value: str, kind: str | None) -> DocumentError:
    if value:
        safe = shown(value) if kind is None else mask(kind, value)
        english, chinese = f"{english} (value {safe!r})", f"{chinese}(值 {safe})"
    return DocumentError(tag, english, chinese)
