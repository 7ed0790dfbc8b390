"""How the table of the e-invoice document is declared: one object per row, with its own words.

An attribute that holds a value has the name of its element, and its annotation is the row::

    RandomNumber: Annotated[str, String(6, 6, "校验码", sensitive=Sensitive.SECRET)]

Parsing, writing, validation, masking and the reference page all come from these rows. Lengths are
characters: the document is UTF-8 and its names are Chinese though their type is String, so a length
in bytes of GBK would count bytes that nobody ever sees, and names with rare characters are as long
as they look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict, Unpack, get_type_hints

from ..codecs.errors import RuleError
from ..codecs.masking import Sensitive, mask
from ..codecs.types import Value, WireType, is_time, reader, writer
from .rules import DocumentRule, broken, broken_value

MOST_ENTRIES: Final = 999
"""Items and auxiliary items, each."""

# Control characters but tab, CR and LF; what is no character at all.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What no text of a document may have."""


class Traits(TypedDict, total=False):
    """What a row may say beyond type, length and meaning."""

    optional: bool
    """0..1 instead of 1."""
    blank_is_read: bool
    """The element must be there, yet units leave it empty; we never write it so."""
    note: str
    sensitive: Sensitive
    """How the value is masked wherever it is shown; absent: nobody's personal data."""
    form: tuple[str, str]
    """A regular expression that the whole value matches, and how the form is called."""
    codes: Mapping[str, str]
    """The only values allowed, with their meaning."""


class Row:
    """One row that holds a value; `read` and `write` turn text into the value and back.

    Both raise DocumentError with the tag and the masked value. optional: 0..1 instead of 1;
    sensitive: how the value is masked, None where it is nobody's personal data.
    """

    __slots__ = (
        "_codes",
        "_form",
        "_read",
        "_write",
        "maximum",
        "meaning",
        "minimum",
        "optional",
        "sensitive",
        "traits",
        "wire",
    )

    def __init__(
        self, wire: WireType, lengths: tuple[int, int], meaning: str, traits: Traits
    ) -> None:
        self.wire = wire
        self.minimum, self.maximum = lengths
        self.meaning = meaning
        self.traits: Traits = traits
        self.optional = traits.get("optional", False)
        self.sensitive = traits.get("sensitive")
        self._form = re.compile(traits["form"][0]) if "form" in traits else None
        self._codes = traits.get("codes")
        self._read: Callable[[str], Value]
        self._write: Callable[[Value], str]
        if wire is WireType.STRING:
            self._read = self._text
            self._write = self._write_text
        elif wire is WireType.TIME:
            self._read = _read_clock
            self._write = self._write_text
        else:
            bounds = lengths if wire is WireType.NSTRING else (None, None)
            self._read = reader(wire, *bounds, negative=True)
            self._write = writer(wire, *bounds, negative=True)

    @property
    def is_number(self) -> bool:
        """Whether the value is an int or Decimal; a missing one is None, a missing text ''."""
        return self.wire in {WireType.CURRENCY, WireType.INTEGER, WireType.DECIMAL}

    @property
    def is_plain(self) -> bool:
        """Whether it is any text of its length."""
        return self.wire is WireType.STRING and not self.traits.keys() & {"form", "codes"}

    @property
    def length(self) -> str:
        """The length as the specification writes it: ``8``, ``[1,20]`` or nothing."""
        if self.wire not in {WireType.STRING, WireType.NSTRING}:
            return ""
        if self.minimum == self.maximum:
            return str(self.minimum)
        return f"[{self.minimum},{self.maximum}]"

    def read(self, tag: str, text: str) -> Value:
        """The value of a text that is not blank."""
        try:
            return self._read(text)
        except RuleError as error:
            raise broken_value(tag, error, text, self.sensitive) from None
        except _Broken as error:
            raise broken(tag, error.rule, value=text, kind=self.sensitive, **error.params) from None

    def write(self, tag: str, value: Value) -> str:
        """The text of a value, not yet escaped; what is written can be read back."""
        try:
            return self._write(value)
        except RuleError as error:
            raise broken_value(tag, error, str(value), self.sensitive) from None
        except _Broken as error:
            raise broken(
                tag, error.rule, value=str(value), kind=self.sensitive, **error.params
            ) from None

    def shown(self, value: object) -> object:
        """The value as a repr may show it."""
        kind = self.sensitive
        return value if kind is None or value in {"", None} else mask(kind, str(value))

    def _text(self, text: str) -> str:
        if not text.isprintable() and CONTROL.search(text) is not None:
            raise _Broken(DocumentRule.CHARACTER)
        if not self.minimum <= len(text) <= self.maximum:
            raise _Broken(DocumentRule.LENGTH, expected=self.length, actual=len(text))
        if self._form is not None and self._form.fullmatch(text) is None:
            raise _Broken(DocumentRule.FORM, expected=self.traits["form"][1])
        if self._codes is not None and text not in self._codes:
            raise _Broken(DocumentRule.CODE, expected=" ".join(self._codes))
        return text

    def _write_text(self, value: Value) -> str:
        if not isinstance(value, str):
            raise _Broken(DocumentRule.TYPE, expected="str")
        text = self._read(value)
        assert isinstance(text, str)  # noqa: S101 - a text's reader gives text
        return text


class _Broken(Exception):
    """A rule that a value breaks, before its tag is known."""

    def __init__(self, rule: DocumentRule, **params: object) -> None:
        self.rule = rule
        self.params = params
        super().__init__(rule)


def _read_clock(text: str) -> str:
    """``HH:MM:SS`` of that or of ``HHMMSS``."""
    digits = text.replace(":", "")
    if is_time(digits):
        clock = f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"
        if text in (clock, digits):
            return clock
    raise _Broken(DocumentRule.CLOCK)


def String(  # noqa: N802 - declared like a type
    minimum: int, maximum: int, meaning: str, **traits: Unpack[Traits]
) -> Row:
    """Text without control characters, Chinese or not; lengths in characters; ``str``."""
    return Row(WireType.STRING, (minimum, maximum), meaning, traits)


def NString(  # noqa: N802 - declared like a type
    length: int, meaning: str, **traits: Unpack[Traits]
) -> Row:
    """Exactly so many digits; ``str``."""
    return Row(WireType.NSTRING, (length, length), meaning, traits)


def Fixed(wire: WireType, meaning: str, **traits: Unpack[Traits]) -> Row:  # noqa: N802
    """A type with a length of its own: ``int`` of fen, ``int``, ``Decimal``, or ``str``."""
    return Row(wire, (0, 0), meaning, traits)


@dataclass(frozen=True, slots=True)
class Extension:
    """An element inside MainExt, ItemExt or AuxItem that the table does not name.

    Either `text` or `children`; the texts may be anybody's data and are never shown.
    """

    name: str
    text: str = field(default="", repr=False)
    children: tuple[Extension, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A nested record under its own element."""

    tag: str
    record: type[Record]
    meaning: str
    optional: bool = False
    absent: Record | None = None
    """What the attribute is where an optional part is missing or has nothing inside."""


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of records: ``<Details><Item>…</Item></Details>``, at most 999."""

    tag: str
    item: str
    record: type[Record]
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """Elements of the region's and the kind's own; `tag` '' means among the record's rows."""

    tag: str
    meaning: str


Declaration = Row | Part | Entries | Open


class Record:
    """A dataclass whose annotations are rows. Its repr masks personal data."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = [
            f"{name}={declared.shown(value)!r}"
            if isinstance(declared, Row)
            else f"{name}={value!r}"
            for name, declared in declarations(type(self)).items()
            if (value := getattr(self, name)) not in ("", None, ())
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


_DECLARATIONS: Final[dict[type[Record], Mapping[str, Declaration]]] = {}


def declarations(record: type[Record]) -> Mapping[str, Declaration]:
    """Attribute to declaration, in the order of the table."""
    known = _DECLARATIONS.get(record)
    if known is not None:
        return known
    hints: dict[str, Any] = get_type_hints(record, include_extras=True)
    found = _DECLARATIONS[record] = {
        name: declared
        for name, hint in hints.items()
        for declared in getattr(hint, "__metadata__", ())
        if isinstance(declared, Row | Part | Entries | Open)
    }
    return found


def declared_row(record: type[Record], name: str) -> Row:
    """The row of one attribute."""
    declared = declarations(record)[name]
    assert isinstance(declared, Row)  # noqa: S101 - named by this package
    return declared
