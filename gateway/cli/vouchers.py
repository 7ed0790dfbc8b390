"""Vouchers of a command line: from `tag=value` words, JSON or XML; and answers as plain values.

Nothing is judged here: a joint test must be able to send what is wrong. Only tags that a message
does not have are refused, because they are slips of the pen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...codecs import LocalProtocolError, Sensitive, escape_xml
from ...messages.fields import Group, Scalar, Single
from ...messages.record import MessageSpec, Record, declarations
from ...messages.registry import find
from .common import CommandError, Json

if TYPE_CHECKING:
    from lxml import etree

HIDDEN = "***"
_DECLARATION_END = "?>"


def spec_for(number: str, src: str, des: str) -> MessageSpec:
    """The message NUMBER between two nodes; units' messages first where a unit takes part."""
    sides = ("unit", "bank") if "K" in {src[:1], des[:1]} else ("bank", "unit")
    for interface in sides:
        spec = find(interface, number)
        if spec is not None:
            return spec
    raise CommandError("is no message of the catalogue", where=number, do="see `nontax spec`")


def from_words(spec: MessageSpec, words: Sequence[str]) -> str:
    """The voucher of `tag=value` words; a group's value is JSON."""
    values: dict[str, Json] = {}
    for word in words:
        tag, separator, value = word.partition("=")
        if not separator or not tag:
            raise CommandError("is not TAG=VALUE", where=word[:40], do="write PayCode=3206…")
        if tag in values:
            raise CommandError("is given twice", where=tag, do="leave one out")
        declared = declarations(spec.model).get(tag)
        values[tag] = (
            value if declared is None or isinstance(declared, Scalar) else _json(tag, value)
        )
    return _voucher(spec, values)


def from_file(spec: MessageSpec, file: Path) -> str:
    """The voucher of a file: a JSON object by tags, or XML, which is sent as it is."""
    data = file.read_bytes()
    text = _decoded(data, file).strip()
    if not text.startswith("<"):
        values = _json(str(file), text)
        if not isinstance(values, dict):
            raise CommandError("is no JSON object", where=str(file), do='write {"Tag": "value"}')
        return _voucher(spec, values)
    if text.startswith("<?xml"):
        # The document around the voucher declares the encoding that is really sent.
        text = text.partition(_DECLARATION_END)[2].lstrip()
    return text


def _decoded(data: bytes, file: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CommandError("is neither UTF-8 nor GB18030 text", where=str(file), do="convert it")


def _json(where: str, text: str) -> Json:
    try:
        # Numbers stay as they are written: 80.00 is not 80.0.
        value: Json = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        raise CommandError("is no JSON", where=where, do='write [{"Tag": "value"}]') from None
    return value


def _voucher(spec: MessageSpec, values: Mapping[str, Json]) -> str:
    try:
        return f"<Voucher>{_fields(spec.model, values, spec.number)}</Voucher>"
    except LocalProtocolError as error:
        raise CommandError(str(error), where=spec.number, do="XML cannot carry it") from None


def _fields(model: type[Record], values: Mapping[str, Json], where: str) -> str:
    """The elements of a table in its order; what is not given is an empty element."""
    declared = declarations(model)
    unknown = [tag for tag in values if tag not in declared]
    if unknown:
        raise CommandError(
            f"has no field {unknown[0]}", where=where, do=f"it has {', '.join(declared)}"
        )
    written = []
    for tag, field in declared.items():
        value = values.get(tag, "")
        if isinstance(field, Scalar):
            text = escape_xml(_text(tag, value))
        elif isinstance(field, Single):
            text = _group(model.nested_model(tag), [value] if value else [], tag)
        else:
            text = _items(field, model.nested_model(tag), value, tag)
        written.append(f"<{tag}>{text}</{tag}>" if text else f"<{tag}/>")
    return "".join(written)


def _text(tag: str, value: Json) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CommandError("takes one value", where=tag, do='write it as text: "…"')
    return value


def _items(field: Group, model: type[Record], value: Json, tag: str) -> str:
    items = value if isinstance(value, list) else [value] if value else []
    return "".join(f"<{field.item}>{_group(model, [item], tag)}</{field.item}>" for item in items)


def _group(model: type[Record], items: Sequence[Json], tag: str) -> str:
    found = []
    for item in items:
        if not isinstance(item, dict):
            raise CommandError("takes JSON objects", where=tag, do='write {"Tag": "value"}')
        found.append(_fields(model, item, tag))
    return "".join(found)


def plain(element: etree._Element, spec: MessageSpec | None) -> dict[str, Json]:
    """A received voucher by its tags, as it is; tokens are hidden."""
    return _plain(element, spec.model if spec is not None else None)


def _plain(element: etree._Element, model: type[Record] | None) -> dict[str, Json]:
    declared = declarations(model) if model is not None else {}
    shown: dict[str, Json] = {}
    for child in element:
        tag = str(child.tag)
        field = declared.get(tag)
        inner = (
            None
            if model is None or field is None or isinstance(field, Scalar)
            else (model.nested_model(tag))
        )
        if not len(child):
            secret = tag == "Token" or (
                isinstance(field, Scalar) and field.sensitive is Sensitive.SECRET
            )
            text = (child.text or "").strip()
            shown[tag] = [] if isinstance(field, Group) else HIDDEN if secret and text else text
        elif isinstance(field, Single):
            shown[tag] = _plain(child, inner)
        else:
            shown[tag] = [_plain(item, inner) for item in child]
    return shown
