"""What came, and what is proposed instead: sealed in the books, masked for people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, NamedTuple

from ...codecs import Mask, RuleError, Sensitive, describe, describe_voucher
from ...codecs import mask as masked_as
from ...mac.sealing import NONCE_BYTES
from ...messages.registry import incoming, mask_value, scalars
from ...messages.rows import parser
from ..store.inbox import InboxEntry, InboxForm, InboxMessage
from ..tokens import Sealer

# Long enough for `describe` to take a document for a frame's body and MAC field.
_BLANK_MAC: Final = b" " * 64
_NUMERIC = re.compile(r"[-+]?[0-9.,:/ -]{1,10}")
_MOST_DIGITS: Final = 10  # a phone number has more
_MASKED = re.compile(r"[-+*0-9.,:/ ]{1,20}")
_QUOTED_VALUE = re.compile(r"\(值 (.*)\)", re.DOTALL)
MOST_DIFFERENCES: Final = 200
"""Fields that a comparison shows; the rest is counted."""


class Identity(NamedTuple):
    """What names a payment (2612), as far as it can be read; '' where it cannot."""

    cfm_date: str = ""
    tra_no: str = ""
    pay_code: str = ""


class Difference(NamedTuple):
    """One field in which a proposal differs from what came; both masked, '' where it is not."""

    field: str
    received: str
    proposed: str


def digest_of(content: bytes) -> str:
    """SHA-256 in hex: names a content without showing it."""
    return hashlib.sha256(content).hexdigest()


def seal(sealer: Sealer, content: bytes, peer: str) -> str:
    """A content as the books keep it: it opens for this node and as this content only."""
    context = _context(peer, digest_of(content))
    return sealer.key.seal(content, context=context, nonce=sealer.random(NONCE_BYTES))


def received(sealer: Sealer, row: InboxMessage) -> bytes | None:
    """What came; None where it was too large to be kept. Raises SealError."""
    if not row.content:
        return None
    return sealer.key.open_sealed(row.content, context=_context(row.peer, row.digest))


def proposed(sealer: Sealer, row: InboxMessage, entry: InboxEntry) -> bytes:
    """The voucher of a proposal. Raises SealError."""
    return sealer.key.open_sealed(entry.voucher, context=_context(row.peer, entry.digest))


def _context(peer: str, digest: str) -> str:
    return f"inbox/{peer}/{digest}"


def identity_of(content: bytes, form: InboxForm, number: str, charset: str) -> Identity:
    """The identity of a malformed 2612: values that their fields can hold; never raises."""
    if number != "2612":
        return Identity()
    found: dict[str, str] = {}
    for tag, value in _fields(content, form, number, charset, lambda *told: told[-1]):
        if _holds(number, tag, value):
            found.setdefault(tag, value)
    return Identity(*(found.get(tag, "") for tag in ("CfmDate", "TraNoBus", "PayCode")))


# -- for people -----------------------------------------------------------------------------------


def masked_fields(
    content: bytes, form: InboxForm, number: str, charset: str
) -> list[tuple[str, str]]:
    """(path, masked value) as far as a content can be read; never raises."""
    mask = _seen_of_broken if form == "base64" else _seen
    return _fields(content, form, number, charset, mask)


def seen_information(text: str) -> str:
    """What a peer was answered, without a value of its own that may be another field's."""
    return _QUOTED_VALUE.sub(_seen_quotation, text)


def _seen_quotation(found: re.Match[str]) -> str:
    value = found[1]
    if _MASKED.fullmatch(value) and sum(map(str.isdigit, value)) <= _MOST_DIGITS:
        return found[0]
    return f"(值 {masked_as(Sensitive.TEXT, value)})"


def differences(
    content: bytes, form: InboxForm, voucher: bytes, *, number: str, charset: str
) -> list[Difference]:
    """The fields in which a proposed voucher differs from what came, in the order of the voucher.

    Fields are equal when their values are, not when their masks are.
    """
    ours = masked_fields(voucher, "voucher", number, charset)
    theirs = dict(masked_fields(content, form, number, charset))
    our_prints = dict(_fields(voucher, "voucher", number, charset, _fingerprint))
    their_prints = dict(_fields(content, form, number, charset, _fingerprint))
    found = [
        Difference(path, theirs.get(path, ""), value)
        for path, value in ours
        if our_prints[path] != their_prints.get(path, "")
    ]
    found += [
        Difference(path, value, "")
        for path, value in theirs.items()
        if value and path not in our_prints
    ]
    return found


def _seen(number: str, tag: str, value: str) -> str:
    """A value as anybody may see it: one that its field cannot hold may be another field's.

    Of such a one only numbers shorter than a phone number are shown, for they are what was wrong.
    """
    masked = mask_value(number, tag, value)
    if masked != value or _NUMERIC.fullmatch(value) or _holds(number, tag, value):
        return masked
    return masked_as(Sensitive.TEXT, value)


def _seen_of_broken(number: str, tag: str, value: str) -> str:
    """The same in what was not even base64: a text may be anything but what its tag says."""
    masked = _seen(number, tag, value)
    return masked if masked != value or value.isascii() else masked_as(Sensitive.TEXT, value)


def _holds(number: str, tag: str, value: str) -> bool:
    """Whether a field may hold a value; False for one that is in no table."""
    read = _readers(number).get(tag)
    if read is None:
        return False
    try:
        read(value)
    except RuleError:
        return False
    return True


@cache
def _readers(number: str) -> Mapping[str, Callable[[str], object]]:
    spec = incoming(number)
    if spec is None:
        return {}
    return {tag: parser(field) for tag, field in scalars(spec.model).items()}


def _fingerprint(number: str, tag: str, value: str) -> str:
    del number, tag
    return hashlib.sha256(value.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _fields(
    content: bytes,
    form: InboxForm,
    number: str,
    charset: str,
    mask: Mask,
) -> list[tuple[str, str]]:
    if form != "document":
        return list(describe_voucher(content, number, mask=mask, encoding=charset))
    described = describe(content + _BLANK_MAC, mask=mask, encoding=charset)
    return [pair for voucher in described.vouchers for pair in voucher.fields]
