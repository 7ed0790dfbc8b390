"""`nontax send`: one message as any node, for joint tests (联调)."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...codecs import (
    Head,
    LocalProtocolError,
    RawFrame,
    RemoteProtocolError,
    encode_frame,
    open_envelope,
    parse_xml,
    probe_mac_width,
    split_mac,
    write_envelope,
)
from ...mac import (
    ALGORITHM_NAMES,
    Algorithm,
    KeyMaterialError,
    Secret,
    TokenError,
    check_token,
    check_width,
    encrypt_token,
    make_algorithm,
    parse_des_key,
    verify,
)
from ...messages.codes import Result
from ..clock import SystemClock
from ..config import split_address
from ..identifiers import PROCESS_BITS, MessageIds
from ..net.client import CallLimits, Delivery, Outcome, call
from ..secrets import SecretError, resolve_secret
from .common import (
    FINE,
    NO_ANSWER,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_command,
    print_facts,
    print_json,
    wants_json,
)
from .vouchers import from_file, from_words, plain, spec_for

CHANGE_TOKEN = "2003"  # noqa: S105 - the message's number
_SECRET_BYTES = 256
_HEAD_TAGS = {
    "APP": "app",
    "VER": "ver",
    "SRC": "src",
    "DES": "des",
    "MsgNo": "msg_no",
    "MsgID": "msg_id",
    "MsgRef": "msg_ref",
    "WorkDate": "work_date",
    "Reserve": "reserve",
}


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "send",
        run,
        "send one message as any node, print the answer",
        config=False,
        reads=True,
        description=(
            "Send one message as any node and print the answer, for joint tests. The voucher is "
            'given as TAG=VALUE words (a group as JSON: DetailList=\'[{"PayCode": "…"}]\') or as a '
            "file; what is not given is sent empty, and nothing is checked but the tags. Exit code "
            "0: answered 00000; 1: answered otherwise, or not authentically; 3: no answer."
        ),
    )
    parser.add_argument("number", nargs="?", metavar="NUMBER", help="message number")
    parser.add_argument("fields", nargs="*", metavar="TAG=VALUE", help="fields of the voucher")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="where to send it")
    parser.add_argument("--src", metavar="CODE", help="node that we are (HEAD/SRC)")
    parser.add_argument("--des", metavar="CODE", help="node that it is for (HEAD/DES)")
    parser.add_argument("--mac", choices=ALGORITHM_NAMES, help="MAC algorithm")
    parser.add_argument(
        "--width", type=int, choices=(64, 128), default=64, help="bytes of the MAC field (64)"
    )
    references = "file:PATH, env:NAME, or - for standard input"
    parser.add_argument("--token", metavar="REF", help=f"token: {references}")
    parser.add_argument("--des-key", metavar="REF", help=f"DES key in hex: {references}")
    parser.add_argument("--charset", choices=("GBK", "GB18030"), default="GBK", help="(GBK)")
    parser.add_argument("--voucher", type=Path, metavar="FILE", help="voucher as JSON or XML")
    parser.add_argument(
        "--raw", type=Path, metavar="FILE", help="send the bytes of FILE as they are"
    )
    parser.add_argument("--region", metavar="CODE", help="AdmDivCode (default: of the sender)")
    parser.add_argument("--msg-id", metavar="ID", help="MsgID (default: a new one)")
    parser.add_argument("--msg-ref", metavar="REF", help="MsgRef (default: the MsgID)")
    parser.add_argument("--work-date", metavar="yyyymmdd", help="WorkDate (default: today)")
    parser.add_argument("--tls", action="store_true", help="connect with TLS")
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="CA of the receiver (PEM)")
    parser.add_argument("--tls-server-name", metavar="NAME", help="name in its certificate")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="our certificate")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="for the answer (30)"
    )


@dataclass(frozen=True, slots=True)
class _Sender:
    """How we prove who we are; and the tokens under which an answer may come."""

    algorithm: Algorithm
    width: int
    token: Secret
    accepted: tuple[Secret, ...]


async def run(arguments: argparse.Namespace) -> int:
    """Send, print the answer."""
    host, port = _address(arguments.to)
    sender = _sender(arguments)
    if arguments.raw is not None:
        if arguments.number is not None or arguments.voucher is not None:
            raise CommandError("a raw frame has its own number and voucher", where="--raw")
        frame = arguments.raw.read_bytes()
    else:
        frame = _frame(arguments, _required(sender, "--mac and --token"))
    outcome = await call(
        host,
        port,
        frame,
        limits=CallLimits(answer_timeout_seconds=arguments.timeout),
        tls=_tls(arguments),
        server_name=arguments.tls_server_name,
    )
    return _show(arguments, outcome, sender)


def _required(sender: _Sender | None, what: str) -> _Sender:
    if sender is None:
        raise CommandError("missing", where=what, do="give them")
    return sender


def _address(text: str) -> tuple[str, int]:
    try:
        return split_address(text)
    except ValueError:
        raise CommandError("is no address", where=text, do="write HOST:PORT") from None


# -- secrets --------------------------------------------------------------------------------------


def _secret(reference: str, what: str) -> Secret:
    """A secret by reference; given literally it would stand in the process list and the history."""
    if reference == "-":
        text = sys.stdin.read(_SECRET_BYTES).strip()
        if not text:
            raise CommandError("standard input is empty", where=what)
        return Secret(text)
    try:
        return resolve_secret(reference, directory=Path())[0]
    except SecretError as error:
        raise CommandError(str(error), where=what, do="give file:PATH, env:NAME or -") from None


def _sender(arguments: argparse.Namespace) -> _Sender | None:
    if arguments.mac is None and arguments.token is None:
        return None
    if arguments.mac is None or arguments.token is None:
        raise CommandError("belong together", where="--mac and --token", do="give both")
    token = _secret(arguments.token, "--token")
    key = None if arguments.des_key is None else _secret(arguments.des_key, "--des-key")
    try:
        check_token(token.expose())
        check_width(arguments.mac, arguments.width)
        des_key = None if key is None else parse_des_key(key.expose())
        algorithm = make_algorithm(arguments.mac, des_key)
    except TokenError as error:
        raise CommandError(str(error), where="--token") from None
    except KeyMaterialError as error:
        raise CommandError(str(error), where="--des-key") from None
    except ValueError as error:
        raise CommandError(str(error), where="--mac") from None
    return _Sender(algorithm, arguments.width, token, (token,))


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if not arguments.tls:
        return None
    context = ssl.create_default_context(cafile=arguments.tls_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if arguments.tls_certificate is not None:
        context.load_cert_chain(arguments.tls_certificate, arguments.tls_key)
    return context


# -- the frame ------------------------------------------------------------------------------------


def _frame(arguments: argparse.Namespace, sender: _Sender) -> bytes:
    for name in ("number", "src", "des"):
        if not getattr(arguments, name):
            where = name.upper() if name == "number" else f"--{name}"
            raise CommandError("is missing", where=where, do="see `nontax send --help`")
    clock = SystemClock()
    spec = spec_for(arguments.number, arguments.src, arguments.des)
    if arguments.voucher is not None:
        if arguments.fields:
            raise CommandError("fields are given twice", where="--voucher", do="leave one out")
        voucher = from_file(spec, arguments.voucher)
    else:
        voucher = from_words(spec, _with_token(arguments, sender))
    msg_id = arguments.msg_id or MessageIds(clock, secrets.randbits(PROCESS_BITS)).next()
    head = Head(
        src=arguments.src,
        des=arguments.des,
        msg_no=arguments.number,
        msg_id=msg_id,
        msg_ref=arguments.msg_ref or msg_id,
        work_date=arguments.work_date or clock.today(),
    )
    try:
        body = write_envelope(
            head,
            voucher,
            charset=arguments.charset,
            adm_div_code=arguments.region or _region_of(arguments.src),
            st_year=head.work_date[:4],
        )
        mac = sender.algorithm.compute(sender.token.expose().encode(), body)
        return encode_frame(arguments.number, body, mac, width=sender.width)
    except LocalProtocolError as error:
        raise CommandError(str(error), where="message", do="write it otherwise") from None


def _region_of(code: str) -> str:
    return code[1:7] if code[1:7].isdigit() and len(code) >= 7 else "000000"


def _with_token(arguments: argparse.Namespace, sender: _Sender) -> Sequence[str]:
    """2003: the new token by reference, encrypted where the algorithm wants it so."""
    fields: list[str] = arguments.fields
    if arguments.number != CHANGE_TOKEN:
        return fields
    given = [field.partition("=")[2] for field in fields if field.startswith("Token=")]
    if not given or not given[0].startswith(("file:", "env:")):
        return fields
    token = _secret(given[0], "Token").expose()
    try:
        text = encrypt_token(sender.algorithm, token)
    except TokenError as error:
        raise CommandError(str(error), where="Token") from None
    return [f"Token={text}" if field.startswith("Token=") else field for field in fields]


# -- the answer -----------------------------------------------------------------------------------


def _show(arguments: argparse.Namespace, outcome: Outcome, sender: _Sender | None) -> int:
    if outcome.delivery is not Delivery.ANSWERED or outcome.frame is None:
        raise CommandError(
            outcome.error or outcome.delivery.value,
            where=arguments.to,
            do="check that it listens there"
            if outcome.delivery is Delivery.NEVER_SENT
            else "the message may have arrived",
            code=NO_ANSWER,
            details={"delivery": outcome.delivery.value},
        )
    mac_ok = _mac_ok(arguments, outcome.frame, sender)
    try:
        head, voucher = _opened(outcome.frame, arguments.charset)
    except RemoteProtocolError as error:
        raise CommandError(
            f"the answer cannot be read: {error}",
            where=arguments.to,
            code=NOT_FINE,
            details={"mac_ok": mac_ok},
        ) from None
    if wants_json(arguments):
        print_json({"head": head, "voucher": voucher, "mac_ok": mac_ok})
    else:
        print_facts((tag, str(value)) for tag, value in head.items())
        print_facts([("MAC", {True: "good", False: "wrong", None: "not checked"}[mac_ok])])
        print_facts((tag, _line(value)) for tag, value in voucher.items())
    success = voucher.get("Result", Result.SUCCESS.value) == Result.SUCCESS
    return FINE if success and mac_ok is not False else NOT_FINE


def _line(value: Json) -> str:
    if isinstance(value, list):
        return "; ".join(_line(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{tag}={_line(inner)}" for tag, inner in value.items() if inner)
    return str(value)


def _opened(frame: RawFrame, charset: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """HEAD and voucher of an answer by their tags. Raises RemoteProtocolError."""
    body, _ = split_mac(frame.payload, probe_mac_width(frame.payload) or 64)
    envelope = open_envelope(body, default_encoding=charset)
    head = envelope.head
    spec = None
    with contextlib.suppress(CommandError):  # what nobody knows is shown as it is
        spec = spec_for(head.msg_no, head.src, head.des)
    element = parse_xml(envelope.vouchers[0].decode(), default_encoding=charset)
    shown: dict[str, Json] = {tag: getattr(head, name) for tag, name in _HEAD_TAGS.items()}
    return shown, plain(element, spec)


def _mac_ok(arguments: argparse.Namespace, frame: RawFrame, sender: _Sender | None) -> bool | None:
    """Whether the answer's MAC verifies; None without a token to check it with."""
    if sender is None:
        return None
    try:
        body, field = split_mac(frame.payload, sender.width)
    except RemoteProtocolError:
        return False
    return any(
        verify(sender.algorithm, sender.width, token.expose().encode(), body, field)
        for token in (*sender.accepted, *_new_token(arguments))
    )


def _new_token(arguments: argparse.Namespace) -> tuple[Secret, ...]:
    """The success answer to 2003 is MACed with the new token."""
    for word in arguments.fields if arguments.number == CHANGE_TOKEN else ():
        tag, _, value = word.partition("=")
        if tag == "Token":
            if value.startswith(("file:", "env:")):
                return (_secret(value, "Token"),)
            return (Secret(value),) if len(value) == 32 else ()
    return ()
