"""Errors of the wire, each with the result code and the Chinese text that it is answered with.

Two families: `RemoteProtocolError` (the peer sent something wrong) and `LocalProtocolError` (we
cannot write this). Nothing else ever leaves a parser of this package. A single value that breaks a
rule raises `RuleError`; whoever knows the field turns it into one of the two with the tag and the
masked value. All rules stand in one table, `RULES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .envelope import Head

INFORMATION_BYTES: Final = 1024
"""Longest Information (处理结果描述) on the wire, in bytes of GBK."""
FORMAT_ERROR: Final = "10002"
"""Result 参数错误,不符合报文规范."""
VERSION_ERROR: Final = "10003"
"""Result 版本号错误或不支持本版本号."""


class Rule(StrEnum):
    """Key of a rule that a received or written value can break."""

    # frame
    LENGTH_DIGITS = "length-digits"
    LENGTH_TOO_LONG = "length-too-long"
    LENGTH_TOO_SHORT = "length-too-short"
    APPLICATION = "application"
    HEADER_VERSION = "header-version"
    HEADER_NUMBER = "header-number"
    TRUNCATED = "truncated"
    BODY_END = "body-end"
    NUMBER_DIFFERS = "number-differs"
    VERSION = "version"
    # XML
    ENCODING_NAME = "encoding-name"
    ENCODING = "encoding"
    DECLARATION = "declaration"
    MARKUP = "markup"
    INSTRUCTION = "instruction"
    MALFORMED = "malformed"
    TOO_BIG = "too-big"
    TOO_DEEP = "too-deep"
    TOO_MANY_ELEMENTS = "too-many-elements"
    # structure
    ROOT = "root"
    MISSING = "missing"
    EMPTY = "empty"
    DUPLICATE = "duplicate"
    NESTED = "nested"
    STRAY_TEXT = "stray-text"
    COUNT_DIFFERS = "count-differs"
    COUNT_RANGE = "count-range"
    BASE64 = "base64"
    # values
    CHARACTERS = "characters"
    CONTROL = "control"
    DIGITS = "digits"
    LENGTH = "length"
    LENGTH_RANGE = "length-range"
    AMOUNT = "amount"
    AMOUNT_SIZE = "amount-size"
    NEGATIVE = "negative"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    UTC_DATETIME = "utc-datetime"
    CODE = "code"
    VALUE_TYPE = "value-type"
    PAY_CODE = "pay-code"


RULES: Final[Mapping[Rule, tuple[str, str]]] = MappingProxyType(
    {
        Rule.LENGTH_DIGITS: ("the length field is not a number", "报文长度不是数字"),
        Rule.LENGTH_TOO_LONG: (
            "the declared length {declared} is above the limit of {limit} bytes",
            "报文长度{declared}超过上限{limit}字节",
        ),
        Rule.LENGTH_TOO_SHORT: (
            "the declared length {declared} is below the shortest frame of {limit} bytes",
            "报文长度{declared}小于最短报文{limit}字节",
        ),
        Rule.APPLICATION: ("the application name is not CNNONTAX", "应用程序名称不是CNNONTAX"),
        Rule.HEADER_VERSION: ("the version in the header is unreadable", "报文头版本号无法识别"),
        Rule.HEADER_NUMBER: (
            "the message number in the header is not four digits",
            "报文头报文编号不是4位数字",
        ),
        Rule.TRUNCATED: (
            "the frame ends after {received} bytes, before it is complete",
            "报文不完整,仅收到{received}字节",
        ),
        Rule.BODY_END: (
            "the body does not end with </CFX> right before the MAC",
            "报文体未以</CFX>结束或MAC长度不符",
        ),
        Rule.NUMBER_DIFFERS: (
            "the header's message number differs from HEAD/MsgNo",
            "报文头报文编号与MsgNo不一致",
        ),
        Rule.VERSION: ("the version is not supported", "不支持的版本号"),
        Rule.ENCODING_NAME: (
            "the declared encoding is not one of GBK, GB2312, GB18030, UTF-8",
            "声明的字符集不是GBK、GB2312、GB18030或UTF-8",
        ),
        Rule.ENCODING: (
            "byte {offset} cannot be decoded as {encoding}",
            "第{offset}字节不是有效的{encoding}编码",
        ),
        Rule.DECLARATION: ("the XML declaration is malformed", "XML声明格式错误"),
        Rule.MARKUP: (
            "a DOCTYPE, an entity declaration or a comment is not allowed",
            "不允许DOCTYPE、实体声明或注释",
        ),
        Rule.INSTRUCTION: ("a processing instruction is not allowed", "不允许处理指令"),
        Rule.MALFORMED: (
            "not well-formed XML: {reason} at line {line}, column {column}",
            "XML格式错误,第{line}行第{column}列",
        ),
        Rule.TOO_BIG: ("the document has more than {limit} bytes", "XML文档超过{limit}字节"),
        Rule.TOO_DEEP: ("elements are nested deeper than {limit}", "元素嵌套超过{limit}层"),
        Rule.TOO_MANY_ELEMENTS: (
            "the document has more than {limit} elements",
            "元素个数超过{limit}",
        ),
        Rule.ROOT: ("the root element is not {expected}", "根元素不是{expected}"),
        Rule.MISSING: ("is missing", "缺少该字段"),
        Rule.EMPTY: ("is empty", "不能为空"),
        Rule.DUPLICATE: ("occurs more than once", "重复出现"),
        Rule.NESTED: ("has elements inside, a value is expected", "应为值,不应包含子元素"),
        Rule.STRAY_TEXT: ("has text between its elements", "子元素之间有多余文本"),
        Rule.COUNT_DIFFERS: (
            "says {declared}, there are {counted}",
            "为{declared},实际个数为{counted}",
        ),
        Rule.COUNT_RANGE: (
            "the number of entries must be {minimum} to {maximum}",
            "个数应为{minimum}至{maximum}",
        ),
        Rule.BASE64: ("is not valid base64", "不是有效的BASE64编码"),
        Rule.CHARACTERS: (
            "has characters outside printable ASCII at position {position}",
            "第{position}位含有不允许的字符",
        ),
        Rule.CONTROL: (
            "has a control character at position {position}",
            "第{position}位含有控制字符",
        ),
        Rule.DIGITS: ("is not digits only", "应全部为数字"),
        Rule.LENGTH: (
            "must have {expected} {unit}, has {actual}",
            "长度应为{expected},实际为{actual}",
        ),
        Rule.LENGTH_RANGE: (
            "must have {minimum} to {maximum} {unit}, has {actual}",
            "长度应为{minimum}至{maximum},实际为{actual}",
        ),
        Rule.AMOUNT: (
            "is not an amount in yuan with at most two decimals",
            "金额格式错误,应为最多两位小数的元",
        ),
        Rule.AMOUNT_SIZE: (
            "is an amount of more than 15 integer digits",
            "金额整数部分超过15位",
        ),
        Rule.NEGATIVE: ("must not be negative", "不能为负数"),
        Rule.INTEGER: ("is not an integer of at most 8 digits", "应为最多8位的整数"),
        Rule.DECIMAL: ("is not a decimal number", "应为数值"),
        Rule.DATE: ("is not a calendar date yyyymmdd", "不是有效日期,格式应为yyyymmdd"),
        Rule.TIME: ("is not a time HHMMSS", "不是有效时间,格式应为HHMMSS"),
        Rule.DATETIME: (
            "is not a date and time yyyymmddHHMMSS",
            "不是有效日期时间,格式应为yyyymmddHHMMSS",
        ),
        Rule.UTC_DATETIME: (
            "is not a date and time yyyymmddHHMMSS with an optional offset ±hhmm",
            "不是有效日期时间,格式应为yyyymmddHHMMSS±hhmm",
        ),
        Rule.CODE: ("is not one of the codes {expected}", "取值应为{expected}"),
        Rule.VALUE_TYPE: ("must be {expected}", "值类型应为{expected}"),
        Rule.PAY_CODE: (
            "has a wrong check digit for pay codes (缴款识别码)",
            "缴款识别码校验位错误",
        ),
    }
)

_NUMBER = re.compile(r"[0-9]{4}")


def fit_gbk(text: str, limit: int = INFORMATION_BYTES) -> str:
    r"""Return `text` cut to `limit` bytes of GBK.

    What GBK lacks is written as an escape such as ``\u3402``, what XML lacks as a space.
    """
    data = text.encode("gbk", "backslashreplace")
    safe = data[:limit].decode("gbk", "ignore")
    if safe.isprintable():
        return safe
    return "".join(c if c.isprintable() else " " for c in safe)


class ProtocolError(Exception):
    """Root of the two families."""


class RuleError(ValueError):
    """One value breaks one rule; the field is not known here.

    `rule` is the key, `english` and `chinese` the texts without field and value.
    """

    def __init__(self, rule: Rule, **params: object) -> None:
        english, chinese = RULES[rule]
        self.rule = rule
        self.english = english.format_map(params)
        self.chinese = chinese.format_map(params)
        super().__init__(self.english)


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the specification does not allow.

    code: result code of the answer (五位处理结果代码), 10002 unless said otherwise.
    tag: field that is wrong, or None when the frame or document as a whole is.
    information: Chinese text for the answer, at most 1024 bytes of GBK; `value` must be masked.
    number: message number from the frame's header when it is four digits, else None.
    head: HEAD as far as it could be read (missing fields are ""), else None.
    """

    def __init__(
        self,
        rule: Rule | RuleError,
        *,
        tag: str | None = None,
        value: str | None = None,
        code: str = FORMAT_ERROR,
        number: str | None = None,
        head: Head | None = None,
        **params: object,
    ) -> None:
        broken = rule if isinstance(rule, RuleError) else RuleError(rule, **params)
        self.rule = broken.rule
        self.code = code
        self.tag = tag
        self.value = value
        self.number = number if number is not None and _NUMBER.fullmatch(number) else None
        self.head = head
        shown = "" if value is None else f" (value {value!r})"
        place = "message" if tag is None else tag
        super().__init__(f"{place}: {broken.english}{shown}")
        shown = "" if value is None else f"(值 {value})"
        place = "报文" if tag is None else f"报文字段 {tag}"
        self.information = fit_gbk(f"{place}: {broken.chinese}{shown}")


class LocalProtocolError(ProtocolError):
    """We were asked to write something that the wire cannot carry.

    tag: the field as far as it is known; character: the one that the charset cannot carry.
    """

    def __init__(
        self, message: str, *, tag: str | None = None, character: str | None = None
    ) -> None:
        self.tag = tag
        self.character = character
        super().__init__(message if tag is None else f"{tag}: {message}")
