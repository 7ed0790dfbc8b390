"""What `nontax inbox` prints: rows, masked fields, differences, what was done."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Final, get_args

from ...codecs import shown
from ...mac import SealError
from ..clock import civil_from_ms
from ..inbox import contents
from ..inbox.contents import MOST_DIFFERENCES, Difference, differences, masked_fields
from ..inbox.correcting import look
from ..settlement.acting import SettlementRefused
from ..store import inbox
from ..store.inbox import InboxEntry, InboxForm, InboxMessage, InboxState
from ..store.protocol import Transaction
from ..tokens import Sealer
from .common import Json, print_facts, print_table
from .opening import Opened

STATES: Final[tuple[InboxState, ...]] = get_args(InboxState)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_SEALED: Final = "it was sealed under another master key"


@dataclass(frozen=True, slots=True)
class Shown:
    """One message for people: its fields, the differences of its proposal, its trace.

    fields are None where nothing was kept to be read; `why` says so. differences are None where
    there is no proposal, or nothing to compare it with.
    """

    row: InboxMessage
    fields: list[tuple[str, str]] | None
    why: str
    differences: list[Difference] | None
    trace: list[InboxEntry]

    def as_json(self) -> dict[str, Json]:
        """The same for programs."""
        fields: Json = None if self.fields is None else [list(pair) for pair in self.fields]
        found: Json = None
        if self.differences is not None:
            found = [difference_json(each) for each in self.differences]
        return {
            **as_json(self.row),
            "fields": fields,
            "differences": found,
            "actions": [_entry_json(entry) for entry in self.trace],
        }


async def show(tx: Transaction, message_id: int, opened: Opened) -> Shown:
    """Look one message up. Raises SettlementRefused: there is none."""
    row = await look(tx, message_id)
    peer = opened.config.peer(row.peer)
    charset = "GBK" if peer is None else peer.charset
    trace = await inbox.actions(tx, row.id)
    try:
        content = contents.received(opened.sealer, row)
        if content is None:
            return Shown(row, None, "it was too large to be kept", None, trace)
        fields = masked_fields(content, row.form, row.number, charset)
        found = None
        for entry in trace:
            if entry.id == row.proposal:
                voucher = contents.proposed(opened.sealer, row, entry)
                found = differences(content, row.form, voucher, number=row.number, charset=charset)
    except SealError:
        return Shown(row, None, _SEALED, None, trace)
    return Shown(row, fields, "", found, trace)


def compared(
    row: InboxMessage, voucher: bytes, sealer: Sealer, charset: str
) -> list[Difference] | None:
    """Where a proposed voucher differs from what came; None where that cannot be read."""
    try:
        content = contents.received(sealer, row)
    except SealError:
        return None
    if content is None:
        return None
    return differences(content, row.form, voucher, number=row.number, charset=charset)


async def readable(tx: Transaction, row: InboxMessage, sealer: Sealer, *, proposed: bool) -> bytes:
    """What came, or what is proposed, unmasked. Raises SettlementRefused: it is not there."""
    try:
        if proposed:
            entry = await inbox.action(tx, row.proposal)
            if entry is None:
                raise SettlementRefused("nothing is proposed", "propose a correction")
            return contents.proposed(sealer, row, entry)
        content = contents.received(sealer, row)
    except SealError:
        raise SettlementRefused(_SEALED, "see [secrets] master_key") from None
    if content is None:
        raise SettlementRefused(
            f"of its {row.size} bytes only the digest was kept", "let its node send it again"
        )
    return content


def in_utf8(content: bytes, form: InboxForm, charset: str) -> bytes:
    """A voucher as editors like it: UTF-8 and declared so; as it came where it cannot be read."""
    if form == "base64":
        content = _decoded(content) or content
    if form == "document" or content.lstrip().startswith((b"<?xml", b"\xef\xbb\xbf")):
        return content
    try:
        text = content.decode(charset)
    except UnicodeDecodeError:
        return content
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _decoded(text: bytes) -> bytes | None:
    """What base64 says with everything left out that is none; None where that is no XML."""
    digits = _NOT_BASE64.sub(b"", text)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    content = b64decode(digits + b"=" * (-len(digits) % 4))
    return content if content.lstrip().startswith(b"<") else None


# -- for people -----------------------------------------------------------------------------------


def cells(row: InboxMessage) -> tuple[str, ...]:
    """A row of the list."""
    return (
        str(row.id),
        _time(row.received_at)[:19],
        row.peer,
        row.number,
        shown(row.msg_id),
        str(row.copies),
        row.state,
        row.result,
        shown(row.information),
    )


def print_shown(one: Shown) -> None:
    """Print one message."""
    row = one.row
    print_facts(
        [
            ("id", str(row.id)),
            ("received", _time(row.received_at)),
            ("last", _time(row.last_at) if row.copies > 1 else ""),
            ("copies", str(row.copies)),
            ("peer", row.peer),
            ("number", row.number),
            ("MsgID", row.msg_id),
            ("MsgRef", row.msg_ref),
            ("WorkDate", row.work_date),
            ("answered", f"{row.result} {row.information}"),
            ("kept", f"{row.form}, {row.size} bytes"),
            ("SHA-256", row.digest),
            ("state", row.state),
            ("proposal", f"{row.proposal} by {row.proposer}" if row.proposal else ""),
            ("reason", row.reason),
            ("processed", f"{row.outcome} {row.outcome_text}" if row.outcome else ""),
            ("accepted by", row.accepter),
            ("replayed", "it had been done before" if row.replayed else ""),
        ]
    )
    print()
    if one.fields is None:
        print(f"no fields: {one.why}")
    elif not one.fields:
        print("no field can be read")
    else:
        print_facts([(path, value or "(empty)") for path, value in one.fields])
    if row.proposal:
        print()
        print_differences(one.differences)
    if one.trace:
        print()
        headings = ("time", "who", "did", "reason or result")
        print_table(headings, [_entry_cells(entry) for entry in one.trace])


def print_differences(found: list[Difference] | None) -> None:
    """Print where a proposal differs from what came."""
    if found is None:
        print("what came cannot be compared with")
    elif not found:
        print("no field that can be read differs")
    else:
        rows = [(each.field, each.received, each.proposed) for each in found[:MOST_DIFFERENCES]]
        print_table(("field", "received", "proposed"), rows)
        if len(found) > MOST_DIFFERENCES:
            print(f"… {len(found) - MOST_DIFFERENCES} more fields")


def _entry_cells(entry: InboxEntry) -> tuple[str, ...]:
    said = f"{entry.result} {entry.information}" if entry.result else entry.reason
    did = f"{entry.action} {entry.id}" if entry.action == "propose" else entry.action
    return _time(entry.at)[:19], entry.actor, did, said


def _time(ms: int) -> str:
    return civil_from_ms(ms).isoformat(sep=" ", timespec="milliseconds")[:23]


# -- for programs ---------------------------------------------------------------------------------


def as_json(row: InboxMessage) -> dict[str, Json]:
    """A message without what it says."""
    return {
        "id": row.id,
        "received_at": _iso(row.received_at),
        "last_at": _iso(row.last_at),
        "copies": row.copies,
        "peer": row.peer,
        "number": row.number,
        "MsgID": row.msg_id,
        "MsgRef": row.msg_ref,
        "WorkDate": row.work_date,
        "Result": row.result,
        "Information": row.information,
        "form": row.form,
        "size": row.size,
        "digest": row.digest,
        "kept": bool(row.content),
        "state": row.state,
        "proposal": row.proposal,
        "proposer": row.proposer,
        "reason": row.reason,
        "accepter": row.accepter,
        "outcome": {
            "Result": row.outcome,
            "Information": row.outcome_text,
            "replayed": bool(row.replayed),
        },
    }


def difference_json(each: Difference) -> dict[str, Json]:
    """One difference."""
    return {"field": each.field, "received": each.received, "proposed": each.proposed}


def _entry_json(entry: InboxEntry) -> dict[str, Json]:
    return {
        "id": entry.id,
        "at": _iso(entry.at),
        "action": entry.action,
        "actor": entry.actor,
        "reason": entry.reason,
        "digest": entry.digest,
        "Result": entry.result,
        "Information": entry.information,
    }


def _iso(ms: int) -> str:
    return civil_from_ms(ms).isoformat(timespec="milliseconds")
