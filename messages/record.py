"""Records and vouchers: what every message model can do.

A model may be made in two ways with the same guarantees: by `read` from what a peer sent
(RemoteProtocolError) and by its constructor from Python values (LocalProtocolError). Both apply
the declared rules of every field, so a model that exists can be written. One rule differs, as
messages.md says: a ``*M`` field whose case holds may be empty on receipt (`Record.unfilled` names
it, ``strict=True`` refuses it), and the constructor insists on it.
"""

# No `from __future__ import annotations` here: pydantic would compile the class variables' text
# again for each of the ninety tables.

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar, get_args

from lxml import etree
from pydantic import BaseModel, ConfigDict

from ..codecs.errors import RemoteProtocolError, Rule
from ..codecs.masking import Sensitive, mask
from ..codecs.money import format_yuan
from ..codecs.types import WireType
from ..codecs.xml import parse
from .fields import Declaration, Group, Scalar, Single
from .lists import Values, trusted
from .plan import Plan
from .refusals import FieldError

Masked = str | dict[str, "Masked"] | list["Masked"]

ROOT: Final = "Voucher"
SHOWN_ITEMS: Final = 3
"""A repr shows this many items of a group."""


def declarations(model: "type[Record]") -> dict[str, Declaration]:
    """Tag to declaration of a record class, in the order of the table."""
    found: dict[str, Declaration] = {}
    for tag, info in model.model_fields.items():
        declared = [d for d in info.metadata if isinstance(d, (Scalar, Group, Single))]
        if len(declared) != 1:
            raise TypeError(f"{model.__name__}.{tag} needs exactly one declaration")
        found[tag] = declared[0]
    return found


class Record(BaseModel):
    """A table: fields in the order of the wire, frozen, masked whenever it is shown.

    Fields of base classes come first; with several bases, those of the rightmost first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    plan: ClassVar[Plan]

    def __init__(self, **values: Any) -> None:
        """Check the values as a voucher that is read is checked.

        Text is ``str`` (trimmed), amounts ``int`` of fen, groups tuples of records; what is left
        out is empty. Raises LocalProtocolError naming the field, its masked value and the rule;
        TypeError for a name that is no field.
        """
        try:
            checked = type(self).plan.check(values)
        except FieldError as refusal:
            raise refusal.local() from None
        _fill(self, checked, type(self).plan.field_names)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Compile the table when its class is made."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.plan = Plan(cls, declarations(cls))

    @classmethod
    def read_texts(cls, texts: Sequence[str | None]) -> Self:
        """A record without groups from the texts of its rows, in the order of the table.

        Raises RemoteProtocolError that names the field, its masked value and the rule.
        """
        try:
            values = cls.plan.read_texts(texts)
        except FieldError as refusal:
            raise refusal.remote() from None
        record = trusted(cls, values, cls.plan.field_names)
        assert isinstance(record, cls)  # noqa: S101 - it was made of this class
        return record

    @classmethod
    def nested_model(cls, tag: str) -> "type[Record]":
        """The class of the items of group ``tag``."""
        for argument in (cls.model_fields[tag].annotation, *_arguments(cls, tag)):
            if isinstance(argument, type) and issubclass(argument, Record):
                return argument
        raise TypeError(f"{cls.__name__}.{tag} declares no record class")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed, checked like a new one (``deep`` makes no difference:
        records are frozen all the way down)."""
        del deep
        return type(self)(**{**vars(self), **(update or {})})

    def unfilled(self) -> tuple[str, ...]:
        """Tags of ``*M`` fields that are empty although their case holds.

        On receipt such a field may be empty (messages.md); on sending the constructor insists.
        """
        return self.plan.unfilled(vars(self))

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Filled fields, masked; this is what repr, str and rich printers show."""
        for tag, value in vars(self).items():
            if value in ("", None, ()):
                continue
            field = self.plan.scalars.get(tag)
            if field is not None:
                yield tag, masked_text(field, value)
            elif isinstance(value, tuple) and len(value) > SHOWN_ITEMS:
                yield tag, [*value[:SHOWN_ITEMS], f"… {len(value)}"]
            else:
                yield tag, value


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """What the catalogue says about one message. Parties as messages.json lists them."""

    number: str
    interface: str
    sender: str
    receiver: str
    answer: str
    name: str
    title: str
    origin: str
    note: str
    model: "type[Voucher]"

    @property
    def key(self) -> tuple[str, str]:
        """Interface and number: 5981 is two messages."""
        return self.interface, self.number

    @property
    def senders(self) -> tuple[str, ...]:
        """Kinds of node that send it."""
        return tuple(self.sender.split(","))

    @property
    def receivers(self) -> tuple[str, ...]:
        """Kinds of node that receive it; ``any`` stands for all."""
        return tuple(self.receiver.split(","))

    @property
    def answers(self) -> tuple[str, ...]:
        """Numbers that answer it: the answer on the connection first, then the later result."""
        return tuple(self.answer.split(",")) if self.answer else ()

    @property
    def fields(self) -> dict[str, Declaration]:
        """Tag to declaration, in the order of the table."""
        return declarations(self.model)


class Voucher(Record):
    """A record that is a message: the content of one voucher."""

    SPEC: ClassVar[MessageSpec]

    @classmethod
    def read(
        cls,
        source: etree._Element | bytes,
        *,
        unknown: list[str] | None = None,
        strict: bool = False,
    ) -> Self:
        """Read a voucher from its root element (`nontax.codecs.xml.parse`) or its bytes (GBK).

        ``unknown`` takes the tags of elements that the table does not have (they are ignored);
        ``strict`` also insists on ``*M`` fields whose case holds. Raises RemoteProtocolError
        10002 that names the field, its masked value and the rule.
        """
        element = parse(source) if isinstance(source, bytes) else source
        if element.tag != ROOT:
            raise RemoteProtocolError(Rule.ROOT, tag=ROOT, expected=ROOT)
        try:
            record = cls.plan.read(element, [] if unknown is None else unknown, strict)
        except FieldError as refusal:
            raise refusal.remote() from None
        assert isinstance(record, cls)  # noqa: S101 - the plan is this class's own
        return record

    @classmethod
    def read_bytes(
        cls, data: bytes, *, default_encoding: str = "GBK", unknown: list[str] | None = None
    ) -> Self:
        """Read a voucher from the bytes of its document; `default_encoding` where it says none.

        ``unknown`` as in `read`. Raises RemoteProtocolError 10002 as `read` does.
        """
        try:
            record = cls.plan.read_usual(data.decode(default_encoding))
        except UnicodeDecodeError:
            record = None  # the parser says where
        except FieldError as refusal:
            raise refusal.remote() from None
        if record is None:
            return cls.read(parse(data, default_encoding=default_encoding), unknown=unknown)
        assert isinstance(record, cls)  # noqa: S101 - the plan is this class's own
        return record

    def write(self) -> str:
        """The voucher's XML text: fields in the order of the table, ``<X/>`` for empty."""
        return f"<Voucher>{self.plan.write(vars(self))}</Voucher>"


V = TypeVar("V", bound=Voucher)


def message(
    number: str,
    interface: str,
    *,
    sender: str,
    receiver: str,
    answer: str = "",
    name: str,
    title: str,
    origin: str,
    note: str = "",
) -> Callable[[type[V]], type[V]]:
    """Declare that a voucher class is message ``number`` of ``interface``."""

    def declare(model: type[V]) -> type[V]:
        model.SPEC = MessageSpec(
            number, interface, sender, receiver, answer, name, title, origin, note, model
        )
        return model

    return declare


def masked_text(field: Scalar, value: object) -> str:
    """A value as text that anybody may see; amounts in yuan."""
    if value is None:
        return ""
    if field.wire is WireType.CURRENCY and isinstance(value, int):
        text = format_yuan(value)
    else:
        text = str(value)
    return visible_text(field, text)


def visible_text(field: Scalar | None, text: str) -> str:
    """Wire text as anybody may see it; of an unknown field (None) only its length."""
    kind = Sensitive.TEXT if field is None else field.sensitive
    return mask(kind, text) if kind else text


def masked(record: Record) -> dict[str, Masked]:
    """The whole record as text that anybody may see: tag to text, dictionary or list."""
    shown: dict[str, Masked] = {}
    for tag, value in vars(record).items():
        if isinstance(value, Record):
            shown[tag] = masked(value)
        elif isinstance(value, tuple):
            shown[tag] = [masked(item) for item in value]
        elif tag in record.plan.scalars:
            shown[tag] = masked_text(record.plan.scalars[tag], value)
        else:
            shown[tag] = {}
    return shown


def _arguments(model: type[Record], tag: str) -> tuple[Any, ...]:
    return get_args(model.model_fields[tag].annotation)


def _fill(record: Record, values: Values, names: set[str]) -> None:
    """Set what a pydantic model consists of, past its frozen ``__setattr__``."""
    put = object.__setattr__
    put(record, "__dict__", values)
    put(record, "__pydantic_fields_set__", names)
    put(record, "__pydantic_extra__", None)
    put(record, "__pydantic_private__", None)


def spec_of(voucher: Voucher | type[Voucher]) -> MessageSpec:
    """What the catalogue says about a voucher or its class."""
    return voucher.SPEC
