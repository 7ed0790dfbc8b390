"""A unit's system of a few lines: openssl command, sockets, text. Nothing of this project in it.

usage: plain_unit.py FOLDER HOST PORT TOKEN NUMBER [SIGNED-FILE]

Asks for a number (8999) where no file is given, else sends FILE in 8981. The answer's voucher goes
to stdout. What is sent is in FOLDER/request.json; the key in FOLDER/unit.key.
"""

import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path


def voucher(fields: dict) -> str:
    text = ""
    for tag, value in fields.items():
        inner = voucher(value) if isinstance(value, dict) else value
        text += f"<{tag}>{inner}</{tag}>"
    return text


def frame(number: str, fields: dict, token: str) -> bytes:
    msg_id = time.strftime("%Y%m%d%H%M%S")
    inner = f"<Voucher>{voucher(fields)}</Voucher>".encode("gbk")
    body = (
        '<?xml version="1.0" encoding="GBK"?><CFX><HEAD><APP>CNNONTAX</APP><VER>1.0</VER>'
        f"<SRC>K3206820002</SRC><DES>F320682</DES><MsgNo>{number}</MsgNo><MsgID>{msg_id}</MsgID>"
        f"<MsgRef>{msg_id}</MsgRef><WorkDate>{msg_id[:8]}</WorkDate><Reserve/></HEAD><MSG><MOF>"
        f"<VoucherCount>1</VoucherCount><VoucherBody><Voucher>{base64.b64encode(inner).decode()}"
        "</Voucher></VoucherBody></MOF></MSG></CFX>"
    ).encode()
    mac = hashlib.sha256(token.encode() + body).hexdigest()
    length = 23 + len(body) + 64
    return f"{length:<8}CNNONTAX1.0{number}".encode() + body + mac.encode()


def exchange(host: str, port: int, data: bytes) -> str:
    with socket.create_connection((host, port), timeout=30) as line:
        line.sendall(data)
        answer = b""
        while more := line.recv(65536):
            answer += more
    inner = re.search(rb"<Voucher>([A-Za-z0-9+/=]+)</Voucher>", answer)
    return base64.b64decode(inner[1]).decode("gbk") if inner else ""


def sign(folder: Path, digest: str, data: bytes) -> bytes:
    file = folder / "to-sign"
    file.write_bytes(data)
    options = ["-sigopt", "distid:1234567812345678"] if digest == "-sm3" else []
    command = ["openssl", "dgst", digest, "-sign", str(folder / "unit.key"), *options, str(file)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def main() -> None:
    folder, host, port, token = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    request = json.loads((folder / "request.json").read_text())
    kind = {
        "BillTypeCode": "0101", "BillTypeName": "非税收入一般缴款书", "BillVerCode": "2020",
        "BillVerName": "2020版",
    }  # fmt: skip
    if len(sys.argv) == 5:
        fields = {**kind, "ChgAgenCode": "0104901"}
        sys.stdout.write(exchange(host, port, frame("8999", fields, token)))
        return
    data = Path(sys.argv[5]).read_bytes()
    value = request.get("value") or base64.b64encode(sign(folder, request["digest"], data)).decode()
    fields = {
        "PayCode": request["pay_code"], "BillNo": request["number"], "AdmDivCode": "320682", **kind,
        "Version": "1.0", "Invoice_Data": base64.b64encode(data).decode(),
        "Sign_Info": {
            "Value": value, "Format": "DETACH", "Algorithm": request["algorithm"],
            "Time": time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 8 * 3600)),
            "Key_Info": {"Number": request["serial"], "Issuer": request["issuer"]},
        },
    }  # fmt: skip
    sys.stdout.write(exchange(host, port, frame("8981", fields, token)))


main()
