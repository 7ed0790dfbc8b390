"""One model per message of the interface (报文), the registry, and the code tables.

A model's attributes are the wire tags; amounts are ``int`` of fen, text is ``str``. Reading and
constructing apply the same declared rules, showing always masks.
"""

from .codes import CodeTable, PayMode, PayStats, RecAcctType, Result
from .fields import Declaration, Group, Need, Scalar, Single
from .payinfo import PAY_INFO_BYTES, PayInfoEntry, format_pay_info, parse_pay_info
from .record import Masked, MessageSpec, Record, Voucher, masked, spec_of
from .registry import (
    CATALOGUE,
    GENERAL_ANSWERS,
    answer_to,
    catalogue_json,
    find,
    incoming,
    mask_value,
    read,
    write,
)

__all__ = [
    "CATALOGUE",
    "GENERAL_ANSWERS",
    "PAY_INFO_BYTES",
    "CodeTable",
    "Declaration",
    "Group",
    "Masked",
    "MessageSpec",
    "Need",
    "PayInfoEntry",
    "PayMode",
    "PayStats",
    "RecAcctType",
    "Record",
    "Result",
    "Scalar",
    "Single",
    "Voucher",
    "answer_to",
    "catalogue_json",
    "find",
    "format_pay_info",
    "incoming",
    "mask_value",
    "masked",
    "parse_pay_info",
    "read",
    "spec_of",
    "write",
]
