"""The fields of an imported bill: tag, rule of its value, attribute of the draft.

Tags and rules are those of 8994 where it has the field. All values are texts, amounts, too: a JSON
number would lose cents on its way through other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from ...codecs import (
    RuleError,
    Sensitive,
    WireType,
    mask,
    parse_yuan,
    reader,
    shown,
    text_reader,
)
from ...messages import PayInfoEntry, RecAcctType
from .drafts import BillDraft, Fault, wrong

Reader = Callable[[str], Any]


class Field(NamedTuple):
    """One field: attribute of the draft, its reader, how its value is masked in errors."""

    attribute: str
    read: Reader
    sensitive: Sensitive | None = None


class Malformed(Exception):
    """A value that breaks a rule; both texts are without tag and value."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese
        self.english = english


def _string(low: int, high: int) -> Reader:
    return text_reader(WireType.STRING, low, high)


def _gbk(low: int, high: int) -> Reader:
    return text_reader(WireType.GBSTRING, low, high)


def _one_of(*codes: str) -> Reader:
    allowed = frozenset(codes)

    def read(text: str) -> str:
        if text in allowed:
            return text
        listed = ", ".join(codes)
        raise Malformed(f"取值应为{listed}", f"must be one of {listed}")

    return read


def _flag(text: str) -> int:
    if text in {"0", "1"}:
        return int(text)
    raise Malformed("取值应为0或1", "must be 0 or 1")


_DATE: Final = text_reader(WireType.DATE)

BILL_FIELDS: Final[Mapping[str, Field]] = {
    "PayCode": Field("pay_code", _string(1, 20)),
    "AdmDivCode": Field("region", _string(1, 6)),
    "BillDate": Field("bill_date", _DATE),
    "ChgAgenCode": Field("unit_code", _string(1, 30)),
    "ChgAgenName": Field("unit_name", _gbk(1, 100)),
    "PayerName": Field("payer_name", _gbk(1, 100), Sensitive.NAME),
    "PayerType": Field("payer_type", _string(1, 2)),
    "PayerAcct": Field("payer_acct", _string(1, 50), Sensitive.ACCOUNT),
    "PayerOpBk": Field("payer_op_bk", _gbk(1, 100)),
    "PayerCreditCode": Field("payer_credit_code", _string(1, 30), Sensitive.IDENTITY),
    "OriAmt": Field("ori_amt", parse_yuan),
    "DelayAmt": Field("delay_amt", parse_yuan),
    "RecAcctType": Field("rec_acct_type", _one_of(*map(str, RecAcctType))),
    "RecName": Field("rec_name", _gbk(1, 100)),
    "RecAcct": Field("rec_acct", _string(1, 50), Sensitive.ACCOUNT),
    "RecAcctReal": Field("rec_acct_real", _string(1, 50), Sensitive.ACCOUNT),
    "RecOpBk": Field("rec_op_bk", _gbk(1, 100)),
    "RecBankNo": Field("rec_bank_no", text_reader(WireType.NSTRING, 1, 20)),
    "RecCreditCode": Field("rec_credit_code", _string(1, 30)),
    "IsInterBank": Field("is_inter_bank", _one_of("0", "1")),
    "Memo": Field("memo", _gbk(1, 200), Sensitive.TEXT),
    "CrcCode": Field("crc_code", _string(1, 4), Sensitive.SECRET),
    "MobilePhone": Field("mobile", _string(1, 20), Sensitive.PHONE),
    "ExpiryDate": Field("expiry_date", _DATE),
    "VirtualAcct": Field("virtual_acct", _string(1, 50), Sensitive.ACCOUNT),
    "FaceToFace": Field("face_to_face", _flag),
    "Hold1": Field("hold1", _gbk(1, 100), Sensitive.TEXT),
    "Hold2": Field("hold2", _gbk(1, 100), Sensitive.TEXT),
}
"""Fields of a bill; `Amt`, `Items` and `Education` are read apart."""

ITEM_FIELDS: Final[Mapping[str, Field]] = {
    "ItemCode": Field("code", _string(1, 30)),
    "ItemName": Field("name", _gbk(1, 100)),
    "Amt": Field("amount", parse_yuan),
    "Unit": Field("unit", _gbk(1, 20)),
    "Quantity": Field("quantity", reader(WireType.DECIMAL)),
    "StandardType": Field("standard_type", _gbk(1, 20)),
    "Standard": Field("standard", _string(1, 40)),
}
SCHOOL_FIELDS: Final[Mapping[str, Field]] = {
    "Student": Field("student", _gbk(1, 100), Sensitive.NAME),
    "IdNumber": Field("id_number", _string(1, 30), Sensitive.IDENTITY),
    "School": Field("school", _gbk(1, 100)),
    "Class": Field("class_name", _gbk(1, 60)),
}

REQUIRED: Final = ("AdmDivCode", "BillDate", "ChgAgenCode", "PayerName", "OriAmt")
REQUIRED_OF_ITEM: Final = ("ItemCode", "ItemName", "Amt")
NOTIFY: Final = "Y"


class Faults(list[Fault]):
    """The faults of one bill, collected while it is read."""

    def add(self, tag: str, chinese: str, english: str, value: str = "") -> None:
        """Add a fault of form (10002)."""
        self.append(wrong(tag, chinese, english, value))


def printable_name(tag: str) -> str:
    """A field's name as it may be printed: in a file without headings they are somebody's data."""
    return shown(tag, 40) if tag.isascii() and tag.isidentifier() else mask(Sensitive.TEXT, tag)


def read_fields(
    raw: Mapping[str, object], fields: Mapping[str, Field], faults: Faults, prefix: str = ""
) -> dict[str, Any]:
    """Attribute → value of all filled fields; unknown keys and broken rules become faults."""
    found: dict[str, Any] = {}
    for tag, value in raw.items():
        field = fields.get(tag)
        if field is None:
            faults.add(prefix + printable_name(tag), "未知字段", "is no field of an imported bill")
        elif not isinstance(value, str):
            faults.add(prefix + tag, "应为文本", "must be a text in quotes")
        else:
            text = value.strip()
            if not text:
                continue
            try:
                found[field.attribute] = field.read(text)
            except (RuleError, Malformed) as error:
                safe = mask(field.sensitive, text) if field.sensitive else shown(text)
                faults.add(prefix + tag, error.chinese, error.english, safe)
    return found


def require(
    found: Mapping[str, object],
    tags: tuple[str, ...],
    fields: Mapping[str, Field],
    faults: Faults,
    prefix: str = "",
) -> None:
    """Add a fault for each field that is missing and has not been refused already."""
    missing = [tag for tag in tags if fields[tag].attribute not in found]
    if not missing:
        return
    refused = {fault.tag for fault in faults}
    for tag in missing:
        if prefix + tag not in refused:
            faults.add(prefix + tag, "不能为空", "is missing")


def make_draft(
    values: dict[str, Any],
    items: tuple[PayInfoEntry, ...],
    school: Mapping[str, Any] | None,
    amount: int | None,
    faults: Faults,
) -> BillDraft | None:
    """A draft of what was read; None when there are faults."""
    if school is not None:
        if "student" not in school:
            faults.add("Education.Student", "不能为空", "is missing")
        if "id_number" not in school and "mobile" not in values:
            faults.add(
                "Education.IdNumber",
                "身份证号与手机号不能同时为空",
                "is missing, and so is MobilePhone: nobody could find the bill",
            )
    if faults:
        return None
    values.setdefault("delay_amt", 0)
    whole = values["ori_amt"] + values["delay_amt"]
    if school is not None:
        values.update(school, education=1)
    if values.get("hold1") == NOTIFY:
        values["notify"] = 1
    return BillDraft(amt=whole if amount is None else amount, items=items, **values)


def make_entry(raw: Mapping[str, object], faults: Faults, prefix: str) -> PayInfoEntry | None:
    """An item of what was read; None when it has faults."""
    before = len(faults)
    found = read_fields(raw, ITEM_FIELDS, faults, prefix)
    require(found, REQUIRED_OF_ITEM, ITEM_FIELDS, faults, prefix)
    return PayInfoEntry(**found) if len(faults) == before else None
