# ruff: noqa: A005 (imported as nontax.codecs only)
"""Bytes <-> values of the CNNONTAX wire: frame, CFX document, data types.

Pure functions and a sans-io frame decoder: no I/O, no clock, no randomness. Only `ProtocolError`
and `RuleError` ever leave.
"""

from .describe import DescribedVoucher, Description, Mask, describe, describe_voucher
from .envelope import (
    ENVELOPE_LIMITS,
    Envelope,
    Head,
    VoucherPart,
    decode_voucher,
    open_envelope,
)
from .envelope_writer import write_envelope
from .errors import (
    FORMAT_ERROR,
    RULES,
    VERSION_ERROR,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    Rule,
    RuleError,
    fit_gbk,
)
from .frame import (
    APPLICATION,
    DEFAULT_MAX_FRAME_BYTES,
    EOF,
    HEADER_BYTES,
    MAC_WIDTHS,
    MAX_FRAME_BYTES,
    NEED_DATA,
    VERSION,
    Frame,
    FrameDecoder,
    RawFrame,
    Signal,
    encode_frame,
    probe_mac_width,
    split_mac,
)
from .masking import Sensitive, mask, shown
from .money import MAX_FEN, format_yuan, parse_yuan
from .paycode import MAX_SERIAL, PayCode
from .paycode import Policy as PayCodePolicy
from .paycode import check as check_pay_code
from .paycode import check_digit as pay_code_digit
from .paycode import make as make_pay_code
from .paycode import parse as parse_pay_code
from .types import Value, WireType, gbk_length, is_date, is_time, reader, text_reader, writer
from .xml import VOUCHER_LIMITS, Limits
from .xml import escape as escape_xml
from .xml import parse as parse_xml

__all__ = [
    "APPLICATION",
    "DEFAULT_MAX_FRAME_BYTES",
    "ENVELOPE_LIMITS",
    "EOF",
    "FORMAT_ERROR",
    "HEADER_BYTES",
    "MAC_WIDTHS",
    "MAX_FEN",
    "MAX_FRAME_BYTES",
    "MAX_SERIAL",
    "NEED_DATA",
    "RULES",
    "VERSION",
    "VERSION_ERROR",
    "VOUCHER_LIMITS",
    "DescribedVoucher",
    "Description",
    "Envelope",
    "Frame",
    "FrameDecoder",
    "Head",
    "Limits",
    "LocalProtocolError",
    "Mask",
    "PayCode",
    "PayCodePolicy",
    "ProtocolError",
    "RawFrame",
    "RemoteProtocolError",
    "Rule",
    "RuleError",
    "Sensitive",
    "Signal",
    "Value",
    "VoucherPart",
    "WireType",
    "check_pay_code",
    "decode_voucher",
    "describe",
    "describe_voucher",
    "encode_frame",
    "escape_xml",
    "fit_gbk",
    "format_yuan",
    "gbk_length",
    "is_date",
    "is_time",
    "make_pay_code",
    "mask",
    "open_envelope",
    "parse_pay_code",
    "parse_xml",
    "parse_yuan",
    "pay_code_digit",
    "probe_mac_width",
    "reader",
    "shown",
    "split_mac",
    "text_reader",
    "write_envelope",
    "writer",
]
