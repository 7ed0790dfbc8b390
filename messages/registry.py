"""The catalogue: every message of the interface, keyed by interface and number.

A number alone does not name a message: 5981 is base data on the bank side and the answer to 8981
on the unit side (wire.md 6).
"""

from __future__ import annotations

import re
from typing import Final, TypeVar, overload

from lxml import etree

from . import (
    basedata,
    clearing,
    common,
    confirm,
    debit,
    education,
    invoice,
    query,
    refund,
    remittance,
    statements,
    transfer,
    unit,
)
from .codes import TABLES
from .fields import Declaration, Group, Scalar
from .record import MessageSpec, Record, Voucher, declarations, visible_text

Json = dict[str, "Json"] | list["Json"] | str | int

CATALOGUE: Final[tuple[MessageSpec, ...]] = tuple(
    model.SPEC
    for model in (
        common.BankAnswer,
        common.FinanceAnswer,
        common.UnitAnswer,
        common.LinkTest,
        common.FinanceLinkTest,
        common.SetToken,
        common.GreenChannel,
        common.FinanceGreenChannel,
        basedata.FiscalAccounts,
        basedata.FiscalAccountsReceipt,
        basedata.ServedRegions,
        basedata.SupervisedAccounts,
        basedata.BillSync,
        basedata.BaseDataSync,
        query.BillQuery,
        query.BillDue,
        confirm.Confirmation,
        transfer.InterbankTransfer,
        clearing.ClearingInstruction,
        clearing.ClearingResult,
        transfer.FundsArrival,
        debit.DebitRequest,
        debit.DebitResult,
        transfer.VirtualAccountArrival,
        refund.RefundOrder,
        refund.RefundResult,
        remittance.Remittance,
        remittance.RemittanceResult,
        transfer.InTransitArrival,
        statements.PaymentStatement,
        statements.PaymentStatementResult,
        statements.FundsStatement,
        statements.FundsStatementResult,
        statements.AccountStatement,
        statements.AccountStatementResult,
        statements.SupervisedBalances,
        unit.UnitBill,
        unit.UnitPaperBill,
        confirm.PaymentNotice,
        query.UnitBillQuery,
        query.UnitBillDue,
        unit.PaperReceiptRequest,
        invoice.InvoiceNumberRequest,
        invoice.InvoiceRequest,
        invoice.InvoiceAnswer,
        invoice.InvoiceFileRequest,
        invoice.InvoiceFileAnswer,
        education.SchoolBillQuery,
        education.SchoolBills,
        education.SchoolBillQuery2697,
        education.SchoolBills2697,
    )
)
"""All messages in the order of messages.json."""

COMMON: Final = "common"
GENERAL_ANSWERS: Final = ("2001", "5001", "8001")
"""通用应答报文 from a bank or the platform, from finance, from a unit."""

_HEAD: Final = {"VER", "SRC", "DES", "APP", "MsgNo", "MsgID", "MsgRef", "WorkDate"}
_ENVELOPE: Final = _HEAD | {"StYear", "VtCode", "VoucherNo"}
_CODE: Final = re.compile(r"[0-9A-Za-z._-]{1,32}")
_BY_KEY: Final = {spec.key: spec for spec in CATALOGUE}
_INCOMING: Final = {
    spec.number: spec
    for spec in CATALOGUE
    if "finance" in spec.receivers and spec.number not in GENERAL_ANSWERS
}

V = TypeVar("V", bound=Voucher)


def find(interface: str, number: str) -> MessageSpec | None:
    """The message ``number`` of ``interface`` (common, bank, unit), None if there is none.

    Common messages are found under every interface.
    """
    return _BY_KEY.get((interface, number)) or _BY_KEY.get((COMMON, number))


def incoming(number: str) -> MessageSpec | None:
    """The request ``number`` that comes to finance; None for answers and unknown numbers."""
    return _INCOMING.get(number)


def answer_to(spec: MessageSpec, number: str) -> MessageSpec | None:
    """The message ``number`` as an answer to ``spec``: one that its row names, or a general one.

    None when ``number`` answers something else. The row's later results (2614 for 5614) are found
    too; they come as requests of their own.
    """
    if number in spec.answers:
        return find(spec.interface, number)
    if number in GENERAL_ANSWERS:
        return _BY_KEY[COMMON, number] if _may_answer(spec, number) else None
    return None


def _may_answer(spec: MessageSpec, number: str) -> bool:
    """Whether a receiver of ``spec`` sends the general answer ``number``."""
    senders = {"2001": ("bank", "platform", "clearing"), "5001": ("finance",), "8001": ("unit",)}
    return any(kind in senders[number] for kind in spec.receivers)


@overload
def read(
    kind: type[V],
    source: etree._Element | bytes,
    *,
    unknown: list[str] | None = None,
    strict: bool = False,
) -> V: ...


@overload
def read(
    kind: MessageSpec,
    source: etree._Element | bytes,
    *,
    unknown: list[str] | None = None,
    strict: bool = False,
) -> Voucher: ...


def read(
    kind: MessageSpec | type[Voucher],
    source: etree._Element | bytes,
    *,
    unknown: list[str] | None = None,
    strict: bool = False,
) -> Voucher:
    """Read one voucher; see `Voucher.read`. Raises RemoteProtocolError 10002."""
    model = kind.model if isinstance(kind, MessageSpec) else kind
    return model.read(source, unknown=unknown, strict=strict)


def write(voucher: Voucher) -> str:
    """The voucher's XML text, ``<Voucher>…</Voucher>``."""
    return voucher.write()


def mask_value(number: str, tag: str, value: str) -> str:
    """``value`` of ``tag`` in message ``number`` as anybody may see it.

    A field of no known table is masked like free text: it may hold anything. HEAD and the
    attributes of VoucherBody are shown where they hold what they should: codes and numbers.
    """
    declared = _MASKS.get((number, tag)) or _TAGS.get(tag)
    if declared is None and tag in _ENVELOPE and _CODE.fullmatch(value):
        return value
    return visible_text(declared, value)


def scalars(model: type[Record]) -> dict[str, Scalar]:
    """Tag to declaration of all values of a table, those of nested groups included."""
    found: dict[str, Scalar] = {}
    for tag, declared in declarations(model).items():
        if isinstance(declared, Scalar):
            found[tag] = declared
        else:
            for inner, field in scalars(model.nested_model(tag)).items():
                if inner not in found or field.sensitive:
                    found[inner] = field
    return found


def _masks() -> tuple[dict[tuple[str, str], Scalar], dict[str, Scalar]]:
    """Declarations by number and tag, and by tag alone for messages that nobody knows."""
    by_number: dict[tuple[str, str], Scalar] = {}
    by_tag: dict[str, Scalar] = {}
    for spec in CATALOGUE:
        for tag, field in scalars(spec.model).items():
            if (spec.number, tag) not in by_number or field.sensitive:
                by_number[spec.number, tag] = field
            if tag not in by_tag or field.sensitive:
                by_tag[tag] = field
    return by_number, by_tag


_MASKS, _TAGS = _masks()


def catalogue_json() -> Json:
    """The catalogue as implemented, in the shape of messages.json."""
    return {
        "messages": [_message_json(spec) for spec in CATALOGUE],
        "codes": {
            name: [{"code": str(code), "meaning": code.meaning} for code in table]
            for name, table in TABLES.items()
        },
    }


def _message_json(spec: MessageSpec) -> Json:
    return {
        "number": spec.number,
        "interface": spec.interface,
        "sender": spec.sender,
        "receiver": spec.receiver,
        "answer": spec.answer,
        "name": spec.name,
        "title": spec.title,
        "origin": spec.origin,
        "note": spec.note,
        "fields": _fields_json(spec.model),
    }


def _fields_json(model: type[Record]) -> list[Json]:
    return [_field_json(model, tag, field) for tag, field in declarations(model).items()]


def _field_json(model: type[Record], tag: str, field: Declaration) -> Json:
    if isinstance(field, Scalar):
        return {
            "tag": tag,
            "type": str(field.wire),
            "min": field.minimum,
            "max": field.maximum,
            "need": str(field.need),
            "meaning": field.meaning,
        }
    inner: Json = _fields_json(model.nested_model(tag))
    if isinstance(field, Group):
        return {"tag": tag, "item": field.item, "need": str(field.need), "fields": inner}
    return {"tag": tag, "need": str(field.need), "fields": inner}
