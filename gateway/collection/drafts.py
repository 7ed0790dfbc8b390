"""A bill before it is one: what 8994, 8995, an import or the command line bring, and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...messages import PayInfoEntry, Result


@dataclass(slots=True)
class BillDraft:
    """A bill that was asked for. Amounts are fen, dates yyyymmdd, what is not known is ''.

    `pay_code` '' asks for one; `virtual_acct` "auto" asks for a virtual account. `pay_info` is the
    text as it came, '' where it is to be made from the items. `unit_name`, `rec_*`: '' is filled in
    from the catalogue.
    """

    region: str
    bill_date: str
    unit_code: str
    payer_name: str = field(repr=False)
    amt: int
    ori_amt: int
    delay_amt: int
    items: tuple[PayInfoEntry, ...]
    pay_code: str = ""
    unit_name: str = ""
    payer_type: str = ""
    payer_acct: str = field(default="", repr=False)
    payer_op_bk: str = field(default="", repr=False)
    rec_acct_type: str = ""
    rec_name: str = field(default="", repr=False)
    rec_acct: str = field(default="", repr=False)
    rec_acct_real: str = field(default="", repr=False)
    rec_op_bk: str = ""
    rec_bank_no: str = ""
    is_inter_bank: str = ""
    pay_info: str = field(default="", repr=False)
    memo: str = field(default="", repr=False)
    crc_code: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)
    payer_credit_code: str = field(default="", repr=False)
    rec_credit_code: str = field(default="", repr=False)
    operator_code: str = field(default="", repr=False)
    operator_name: str = field(default="", repr=False)
    expiry_date: str = ""
    virtual_acct: str = field(default="", repr=False)
    face_to_face: int = 0
    notify: int = 0
    bill_type_code: str = ""
    bill_ver_code: str = ""
    bill_no: str = ""
    education: int = 0
    student: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)
    school: str = ""
    class_name: str = ""
    hold1: str = field(default="", repr=False)
    hold2: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that a draft breaks: the field, the code and text of the wire, the text for people.

    `value` is masked already.
    """

    tag: str
    result: Result
    chinese: str
    english: str
    value: str = ""

    @property
    def information(self) -> str:
        """The text of the general answer (Information)."""
        shown = f"(值 {self.value})" if self.value else ""
        return f"{self.tag}: {self.chinese}{shown}"

    def __str__(self) -> str:
        shown = f" (value {self.value!r})" if self.value else ""
        return f"{self.tag}: {self.english}{shown}"


def wrong(tag: str, chinese: str, english: str, value: str = "") -> Fault:
    """A fault of form: 10002."""
    return Fault(tag, Result.BAD_PARAMETER, chinese, english, value)


class BillRefused(Exception):
    """Drafts that cannot become bills: position of the draft and its faults, in order."""

    def __init__(self, faults: list[tuple[int, Fault]]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


TAGS = {
    "region": "AdmDivCode",
    "pay_code": "PayCode",
    "unit_name": "ChgAgenName",
    "payer_name": "PayerName",
    "payer_acct": "PayerAcct",
    "payer_op_bk": "PayerOpBk",
    "rec_name": "RecName",
    "rec_acct": "RecAcct",
    "rec_acct_real": "RecAcctReal",
    "rec_op_bk": "RecOpBk",
    "pay_info": "PayInfo",
    "memo": "Memo",
    "operator_name": "OperatorName",
    "student": "Student",
    "school": "School",
    "class_name": "Class",
    "hold1": "Hold1",
    "hold2": "Hold2",
}
"""Wire tags of the attributes that may hold GBK text."""
