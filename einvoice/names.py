"""Names and serial numbers of certificates, as documents carry them and as others write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cryptography import x509

# How programs call the types of attributes; without one the dotted number stands for itself.
_TYPES: Final[dict[str, str]] = {
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "S": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97",
    "OID.2.5.4.97": "2.5.4.97",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
    "E": "1.2.840.113549.1.9.1",
    "EMAIL": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
}
_HEX = re.compile(r"[0-9A-F]+")
_TYPE = re.compile(r"\s*([A-Za-z][A-Za-z0-9.]*|[0-9]+(?:\.[0-9]+)+)\s*=")
# The next attribute begins behind one of these; OpenSSL's old form has slashes.
_SEPARATED = re.compile(r"\s*[,;+/]\s*(?=(?:[A-Za-z][A-Za-z0-9.]*|[0-9]+(?:\.[0-9]+)+)\s*=)")
_ESCAPED = re.compile(r"\\(?:((?:[0-9A-Fa-f]{2}(?:\\(?=[0-9A-Fa-f]{2}))?)+)|(.))", re.DOTALL)

Attributes = tuple[tuple[str, str], ...]
"""Types and values of a name in no order, for comparing what is written in different ways."""


def serial_text(serial: int) -> str:
    """A serial number as documents carry it: upper-case hex without leading zeros."""
    return f"{serial:X}"


def serial_candidates(text: str) -> tuple[str, ...]:
    """The serial numbers that a text may mean, the likelier first.

    Understood are hex in either case with colons, blanks, ``0x`` and leading zeros, and decimal;
    digits alone may be both. Empty for anything else.
    """
    plain = re.sub(r"[\s:\-]", "", text).upper().removeprefix("0X")
    if not plain.isascii() or _HEX.fullmatch(plain) is None:
        return ()
    found = [plain.lstrip("0") or "0"]
    if plain.isdigit():
        decimal = serial_text(int(plain))
        found += [decimal] if decimal not in found else []
    return tuple(found)


def name_text(name: x509.Name) -> str:
    """A name as documents carry it: the text of RFC 4514, the most particular part first."""
    return name.rfc4514_string()


def attributes_of(name: x509.Name) -> Attributes:
    """The attributes of a certificate's name for comparing."""
    return _comparable(
        (attribute.oid.dotted_string, _as_text(attribute.value)) for attribute in name
    )


def attributes_in(text: str) -> Attributes:
    """The attributes of a written name, in RFC 4514's or OpenSSL's forms; () for none.

    Order, spacing and case do not count: the text only helps to find a certificate, and whose it
    is the signature shows.
    """
    found: list[tuple[str, str]] = []
    for part in _split(text.strip().removeprefix("/")):
        match = _TYPE.match(part)
        if match is None:
            return ()
        kind = match[1].upper()
        value = part[match.end() :].strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        found.append((_TYPES.get(kind, match[1]), _ESCAPED.sub(_unescaped, value)))
    return _comparable(found)


def _split(text: str) -> list[str]:
    parts, start = [], 0
    for separator in _SEPARATED.finditer(text):
        before = text[start : separator.start()]
        backslashes = len(before) - len(before.rstrip("\\"))
        if backslashes % 2 or before.count('"') % 2:
            continue  # escaped or quoted: part of the value
        parts.append(before)
        start = separator.end()
    return [*parts, text[start:]] if text else []


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", "replace")


def _comparable(pairs: Iterable[tuple[str, str]]) -> Attributes:
    return tuple(sorted((kind, " ".join(value.split()).casefold()) for kind, value in pairs))


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()
