"""As much of DER (X.690) as certificates need: elements written, and elements cut out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from .errors import CertificateError

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_ID: Final = 0x06
UTF8_STRING: Final = 0x0C
PRINTABLE_STRING: Final = 0x13
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

NULL: Final = b"\x05\x00"
TRUE: Final = b"\x01\x01\xff"

_LONG_TAG: Final = 0x1F
_MOST_LENGTH_BYTES: Final = 4
_FIRST_YEAR_OF_GENERALIZED_TIME: Final = 2050


def context(number: int, *, constructed: bool = True) -> int:
    """The tag ``[number]`` of a context."""
    return (0xA0 if constructed else 0x80) | number


def element(tag: int, *parts: bytes) -> bytes:
    """One element with the parts as its content."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of elements."""
    return element(SEQUENCE, *parts)


def integer(value: int) -> bytes:
    """INTEGER of a number that is not negative, in its shortest form."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bit_string(content: bytes, unused: int = 0) -> bytes:
    """BIT STRING; `unused` bits at the end do not count."""
    return element(BIT_STRING, bytes([unused]), content)


def object_id(dotted: str) -> bytes:
    """OBJECT IDENTIFIER written with dots."""
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return element(OBJECT_ID, content)


def moment(at: datetime) -> bytes:
    """Time of a certificate from a UTC datetime: UTCTime to 2049, GeneralizedTime after."""
    if at.year < _FIRST_YEAR_OF_GENERALIZED_TIME:
        return element(UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return element(GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def elements(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content and the whole of each element that follow each other in `content`.

    Raises CertificateError for what is no DER.
    """
    start = 0
    while start < len(content):
        body, end = _bounds(content, start)
        yield content[start], content[body:end], content[start:end]
        start = end


def inside(data: bytes, tag: int = SEQUENCE) -> bytes:
    """The content of `data`, which must be one element with this tag and nothing behind it.

    Raises CertificateError.
    """
    found = list(elements(data))
    if len(found) != 1 or found[0][0] != tag:
        raise CertificateError(f"is no DER element of tag {tag:#04x} alone")
    return found[0][1]


def _bounds(content: bytes, start: int) -> tuple[int, int]:
    """Where an element's content begins and ends."""
    if len(content) < start + 2 or content[start] & _LONG_TAG == _LONG_TAG:
        raise CertificateError("is no DER: an element is cut off or has a long tag")
    size, body = content[start + 1], start + 2
    if size >= 0x80:
        count = size & 0x7F
        length = content[body : body + count]
        body += count
        size = int.from_bytes(length, "big")
        shortest = bool(length) and length[0] != 0 and size >= 0x80
        if not shortest or len(length) != count or count > _MOST_LENGTH_BYTES:
            raise CertificateError("is no DER: a length is not written in its shortest form")
    if body + size > len(content):
        raise CertificateError("is no DER: an element is cut off")
    return body, body + size
