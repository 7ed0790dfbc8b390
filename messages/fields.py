"""How a message's table is declared: one object per row, with the row's own words.

A model's attribute is the wire tag and its annotation is the row of the specification::

    PayCode: Annotated[str, String(1, 20, M, "缴款码")]
    Amt: Annotated[int, Currency(M, "缴款金额合计(含滞纳金)")]
    DetailList: Annotated[tuple[TransferDetail, ...], Group("Detail", M)]

Lengths are bytes of GBK (messages.md, wire.md 5). What a row says beyond type, length and need is
declared beside it once: who may see it (``sensitive``), which codes it may hold (``codes``), the
case that makes a ``*M`` row mandatory (``required_when``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Final, TypedDict, Unpack

from ..codecs.masking import Sensitive
from ..codecs.types import WireType
from .codes import PayMode, RecAcctType, meanings


class Need(StrEnum):
    """Whether a field must be there; the value is what messages.json writes."""

    M = "M"
    O = "O"  # noqa: E741 - the specification's own letter
    C = "C"


M: Final = Need.M
O: Final = Need.O  # noqa: E741 - the specification's own letter
C: Final = Need.C


@dataclass(frozen=True, slots=True)
class Case:
    """The case in which a ``*M`` field is mandatory, told from another field of the record."""

    tag: str
    values: frozenset[str]
    holds: bool = True
    in_parent: bool = False
    further: Case | None = None

    def applies(self, values: Mapping[str, object]) -> bool:
        """Whether ``values`` (tag to value) is such a case."""
        if (values.get(self.tag) in self.values) is not self.holds:
            return False
        return self.further is None or self.further.applies(values)

    def __and__(self, other: Case) -> Case:
        """The case in which both hold."""
        return replace(self, further=self.further & other if self.further else other)


def when(tag: str, *values: str) -> Case:
    """Mandatory when ``tag`` of the same record is one of ``values``."""
    return Case(tag, frozenset(values))


def unless(tag: str, *values: str) -> Case:
    """Mandatory unless ``tag`` of the same record is one of ``values``."""
    return Case(tag, frozenset(values), holds=False)


def when_parent(tag: str, *values: str) -> Case:
    """Mandatory when ``tag`` of the voucher that holds this group is one of ``values``."""
    return Case(tag, frozenset(values), in_parent=True)


SUCCEEDED: Final = when("Result", "00000")
"""成功时必填."""

NOT_AN_ACCOUNT: Final = "3"
"""RecAcctType of money that lies on a subject (科目): its account fields may be empty."""


class Traits(TypedDict, total=False):
    """What a row may say beyond type, length, need and meaning."""

    sensitive: Sensitive
    """How the value is masked wherever it is shown; absent: nobody's personal data."""
    codes: Mapping[str, str]
    """The only values allowed, with their meaning; a table of `codes` or the row's own list."""
    required_when: Case
    """The case of a ``*M`` row."""
    account_type: bool
    """An account type: the table's length is 2, traffic has 1, so a leading zero is dropped."""
    blank_is_zero: bool
    """A mandatory amount that is zero may come as an empty element."""
    any_text: bool
    """A String that holds a person's name: GBK text is accepted."""


class Scalar:
    """One row of a table that holds a value."""

    __slots__ = ("maximum", "meaning", "minimum", "need", "traits", "wire")

    def __init__(
        self,
        wire: WireType,
        lengths: tuple[int, int],
        need: Need,
        meaning: str,
        traits: Traits,
    ) -> None:
        self.wire = wire
        self.minimum, self.maximum = lengths
        self.need = need
        self.meaning = meaning
        self.traits: Traits = traits

    @property
    def sensitive(self) -> Sensitive | None:
        """How the value is masked, None where the value is nobody's personal data."""
        return self.traits.get("sensitive")

    @property
    def codes(self) -> Mapping[str, str]:
        """The codes that the field is limited to; empty: not limited."""
        return self.traits.get("codes", {})

    @property
    def case(self) -> Case | None:
        """The case in which the field may not be empty, where it depends on another field.

        A mandatory field with a minimum of 0 is an account field: empty only on a 科目.
        """
        declared = self.traits.get("required_when")
        if declared is None and self.need is M and self.minimum == 0 and self.is_text:
            return unless("RecAcctType", NOT_AN_ACCOUNT)
        return declared

    @property
    def allows_gbk(self) -> bool:
        """Whether a String may hold GBK text."""
        return self.traits.get("any_text", False)

    @property
    def is_text(self) -> bool:
        """Whether the value is a ``str`` in the model."""
        return self.wire not in NUMBERS

    @property
    def length(self) -> str:
        """The length as the specification writes it: ``8``, ``[1,20]`` or nothing."""
        if self.wire in NUMBERS:
            return ""
        if self.minimum == self.maximum:
            return str(self.minimum)
        return f"[{self.minimum},{self.maximum}]"

    def __repr__(self) -> str:
        return f"{self.wire}({self.length or ''}, {self.need}, {self.meaning})"


NUMBERS: Final = frozenset({WireType.CURRENCY, WireType.INTEGER, WireType.DECIMAL})


class _Text(Scalar):
    """A row whose length the table gives."""

    __slots__ = ()
    _type: ClassVar[WireType]

    def __init__(
        self, minimum: int, maximum: int, need: Need, meaning: str, **traits: Unpack[Traits]
    ) -> None:
        super().__init__(self._type, (minimum, maximum), need, meaning, traits)


class _Fixed(Scalar):
    """A row whose length is the type's own; an optional one may be empty."""

    __slots__ = ()
    _type: ClassVar[WireType]
    _length: ClassVar[int]

    def __init__(self, need: Need, meaning: str, **traits: Unpack[Traits]) -> None:
        minimum = self._length if need is M else 0
        super().__init__(self._type, (minimum, self._length), need, meaning, traits)


class _Number(Scalar):
    """A row with a number; the lengths are the digits of the type."""

    __slots__ = ()
    _type: ClassVar[WireType]
    _digits: ClassVar[int]

    def __init__(self, need: Need, meaning: str, **traits: Unpack[Traits]) -> None:
        super().__init__(self._type, (0, self._digits), need, meaning, traits)


class String(_Text):
    """Printable ASCII; ``str``."""

    __slots__ = ()
    _type = WireType.STRING


class NString(_Text):
    """Digits; ``str``."""

    __slots__ = ()
    _type = WireType.NSTRING


class GBString(_Text):
    """GBK text, lengths in bytes of GBK; ``str``."""

    __slots__ = ()
    _type = WireType.GBSTRING


class UTCDateTime(_Text):
    """``yyyymmddHHMMSS±hhmm``; ``str``."""

    __slots__ = ()
    _type = WireType.UTCDATETIME


class Date(_Fixed):
    """``yyyymmdd``, a day of the calendar; ``str``."""

    __slots__ = ()
    _type = WireType.DATE
    _length = 8


class Time(_Fixed):
    """``HHMMSS``; ``str``."""

    __slots__ = ()
    _type = WireType.TIME
    _length = 6


class DateTime(_Fixed):
    """``yyyymmddHHMMSS``; ``str``."""

    __slots__ = ()
    _type = WireType.DATETIME
    _length = 14


class Currency(_Number):
    """Yuan on the wire, ``int`` of fen in the model; never negative (no table says so)."""

    __slots__ = ()
    _type = WireType.CURRENCY
    _digits = 18


class Integer(_Number):
    """``int``."""

    __slots__ = ()
    _type = WireType.INTEGER
    _digits = 9


_CHOICES = re.compile(r"(\d)([^\W\d_]+)")


class Choice(_Fixed):
    """One digit; the codes stand in the meaning itself: ``是否跨行 0本行 1跨行``."""

    __slots__ = ()
    _type = WireType.NSTRING
    _length = 1

    def __init__(self, need: Need, meaning: str) -> None:
        super().__init__(need, meaning, codes=dict(_CHOICES.findall(meaning)))


class Channel(Scalar):
    """A PayMode of the code table; ``str``."""

    __slots__ = ()

    def __init__(self, need: Need, meaning: str) -> None:
        lengths = (1 if need is M else 0, 2)
        super().__init__(WireType.NSTRING, lengths, need, meaning, {"codes": PAY_MODES})


class AccountType(Scalar):
    """An account type; a leading zero is dropped, the table's length is 2 and traffic has 1."""

    __slots__ = ()

    def __init__(self, need: Need, meaning: str, *, codes: Mapping[str, str] | None = None) -> None:
        traits: Traits = {"account_type": True, "codes": codes or {}}
        super().__init__(WireType.NSTRING, (1, 2), need, meaning, traits)


PAY_MODES: Final = meanings(PayMode)
ACCOUNT_TYPES: Final = meanings(RecAcctType)

# Rows that many tables repeat word for word.
RESULT: Final = NString(5, 5, M, "处理结果代码")
INFORMATION: Final = GBString(0, 1024, O, "处理结果描述")
TRA_NO: Final = String(0, 50, C, "银行交易流水号,成功时必填", required_when=SUCCEEDED)
TRA_DATE: Final = Date(C, "交易日期", required_when=SUCCEEDED)
TRA_TIME: Final = Time(C, "交易时间", required_when=SUCCEEDED)
HOLD: Final = GBString(0, 100, O, "预留字段")
REC_ACCT_TYPE: Final = AccountType(
    M, "收款人账户类型,见代码表(种子长度2;实际报文1位)", codes=ACCOUNT_TYPES
)


@dataclass(frozen=True, slots=True)
class Group:
    """A list of records, ``<DetailList><Detail>…</Detail></DetailList>``; ``tuple[Model, ...]``."""

    item: str
    need: Need
    may_be_empty: bool = False
    """A mandatory list that may hold nothing: an empty day, a result without differences."""


@dataclass(frozen=True, slots=True)
class Single:
    """One nested record; ``Model``, optional ones ``Model | None``."""

    need: Need


Declaration = Scalar | Group | Single
