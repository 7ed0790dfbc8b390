"""Row 7: a statement of ten thousand lines from the wire and back, against a bare XML parser."""

from __future__ import annotations

import gc
import io

from lxml import etree

from benchmarks.rows import Row, row, seconds_of
from nontax.codecs import (
    FrameDecoder,
    Head,
    RawFrame,
    encode_frame,
    open_envelope,
    split_mac,
    write_envelope,
)
from nontax.messages.statements import FundsLine, FundsStatement

LINES = 10_000
WIDTH = 64
MAC = "0" * WIDTH  # what a MAC costs is row 4
HEAD = Head(
    src="D3206820105",
    des="F320682",
    msg_no="2557",
    msg_id="20261123010000000001",
    msg_ref="20261123010000000001",
    work_date="20261123",
)


def statement(lines: int = LINES) -> FundsStatement:
    """A day's arrived funds, as a bank lists them."""
    details = tuple(
        FundsLine(
            TraNo=f"20261122{n:012d}",
            PayMode=("11", "13", "52")[n % 3],
            PayCode=f"320682260000{n:08d}" if n % 3 else "",
            BatchNo="" if n % 3 else f"HJ20261122{n:06d}",
            RecSubAcct=f"3200100000{n:010d}" if n % 5 == 0 else "",
            Amt=8000 + n,
            AddWord=f"张三{n}" + "缴纳不动产登记费及滞纳金 " * 4
            if n % 2
            else f"跨行划转{n} " + "明细见附件 " * 6,
        )
        for n in range(lines)
    )
    return FundsStatement(
        BatchNo="DZ20261122001",
        CheckDate="20261122",
        PackCount=1,
        PackNo=1,
        RecAcctType="1",
        RecAcct="32001000000000000018",
        TotalCount=lines,
        TotalAmt=sum(line.Amt for line in details),
        DetailList=details,
    )


def decode(frame: bytes) -> FundsStatement:
    """From the bytes of a connection to the checked message."""
    decoder = FrameDecoder()
    decoder.receive_data(frame)
    raw = decoder.next_event()
    assert isinstance(raw, RawFrame)
    body, _ = split_mac(raw.payload, WIDTH)
    return FundsStatement.read_bytes(open_envelope(body).vouchers[0].decode())


def encode(message: FundsStatement) -> bytes:
    """From the message to the bytes of a connection."""
    body = write_envelope(HEAD, message.write(), adm_div_code="320682", st_year="2026")
    return encode_frame("2557", body, MAC, width=WIDTH)


def _walk(voucher: bytes) -> int:
    """Every element of a voucher, looked at by nobody."""
    return sum(1 for _ in etree.iterparse(io.BytesIO(voucher), encoding="GBK"))


def measure(*, rounds: int) -> list[Row]:
    """Row 7."""
    frame = encode(statement())
    voucher = statement().write().encode("gbk")
    assert encode(decode(frame)) == frame
    reading: list[float] = []
    writing: list[float] = []
    walking: list[float] = []
    for _ in range(rounds):
        gc.collect()
        walking.append(seconds_of(lambda: _walk(voucher)))
        read: list[FundsStatement] = []
        reading.append(seconds_of(lambda: read.append(decode(frame))))  # noqa: B023 - called at once
        writing.append(seconds_of(lambda: encode(read[0])))  # noqa: B023 - called at once
    ratios = [(r + w) / x for r, w, x in zip(reading, writing, walking, strict=True)]
    details = {
        "lines": float(LINES),
        "frame MB": len(frame) / 1e6,
        "decode ms": min(reading) * 1e3,
        "encode ms": min(writing) * 1e3,
        "iterparse ms": min(walking) * 1e3,
    }
    return [
        row(7, "10,000 lines of 2557, decoded and encoded, per iterparse", ratios,
            must=3.0, aim=2.0, details=details)
    ]  # fmt: skip
