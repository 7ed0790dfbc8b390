"""What came, and what is proposed instead: sealed in the books, masked for people."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from ...codecs import Mask, describe, describe_voucher
from ...mac.sealing import NONCE_BYTES
from ...messages.registry import mask_value
from ..store.inbox import InboxEntry, InboxForm, InboxMessage
from ..tokens import Sealer

# Long enough for `describe` to take a document for a frame's body and MAC field.
_BLANK_MAC: Final = b" " * 64
MOST_DIFFERENCES: Final = 200
"""Fields that a comparison shows; the rest is counted."""


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


# -- for people -----------------------------------------------------------------------------------


def masked_fields(
    content: bytes, form: InboxForm, number: str, charset: str
) -> list[tuple[str, str]]:
    """(path, masked value) as far as a content can be read; never raises."""
    return _fields(content, form, number, charset, mask_value)


def differences(
    content: bytes, form: InboxForm, voucher: bytes, *, number: str, charset: str
) -> list[Difference]:
    """The fields in which a proposed voucher differs from what came, in the order of the voucher.

    Fields are equal when their values are, not when their masks are.
    """
    ours = _fields(voucher, "voucher", number, charset, mask_value)
    theirs = dict(_fields(content, form, number, charset, mask_value))
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
