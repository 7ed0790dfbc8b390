"""`nontax-sim signer` and `nontax-sim centre`: who signs e-invoices elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
from pathlib import Path
from typing import Any

from ..einvoice.certificates import Certificate, CertificateSet, parse_certificates
from ..einvoice.errors import EInvoiceError
from ..einvoice.keys import PrivateKey, load_private_key
from ..mac import Secret
from .centre import Centre
from .jsonserver import Handle, JsonServer
from .link import parse_address
from .scenario import Script, load_script
from .signing import SigningService


class ServiceUsageError(Exception):
    """What is wrong with the command line or a file that it names, in one line."""


def register_services(commands: Any) -> None:
    """Add the two commands."""
    signer = commands.add_parser(
        "signer",
        help="be a signing service: digest in, signature out",
        description=(
            "Be a signing service ([einvoice.finance] service): keeps one key, answers POST /sign. "
            "Ends with SIGTERM."
        ),
    )
    signer.add_argument("--name", default="finance", help="what callers call the key (%(default)s)")
    centre = commands.add_parser(
        "centre",
        help="be the province's e-invoice centre: countersigns what is submitted",
        description=(
            "Be the province's e-invoice centre ([einvoice.centre]): takes invoices, signs them "
            "after --waits questions for their state. Its books last as long as it runs. Ends with "
            "SIGTERM."
        ),
    )
    centre.add_argument("--certificate", type=Path, required=True, metavar="FILE", help="of --key")
    centre.add_argument(
        "--unit-certificate",
        type=Path,
        action="append",
        metavar="FILE",
        help="a unit that it knows (repeatable; default: it takes everybody's invoices)",
    )
    centre.add_argument("--waits", type=int, default=1, metavar="N", help="default: %(default)s")
    for parser, play in ((signer, _signer), (centre, _centre)):
        parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="PEM")
        parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="listen there")
        parser.add_argument("--token", metavar="REF", help="file:PATH or env:NAME: who may ask")
        parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="speak TLS")
        parser.add_argument("--tls-key", type=Path, metavar="FILE", help="of --tls-certificate")
        parser.add_argument("--script", type=Path, metavar="FILE", help="rules (.toml or .json)")
        parser.set_defaults(run=play)


def read_key(file: Path) -> PrivateKey:
    """The key in a file. Raises ServiceUsageError, OSError."""
    try:
        return load_private_key(file.read_bytes())
    except EInvoiceError as error:
        raise ServiceUsageError(f"{file}: {error}") from None


def read_one(file: Path) -> Certificate:
    """The first certificate in a file. Raises ServiceUsageError, OSError."""
    try:
        return parse_certificates(file.read_bytes())[0]
    except EInvoiceError as error:
        raise ServiceUsageError(f"{file}: {error}") from None


def _signer(arguments: argparse.Namespace) -> int:
    service = SigningService({arguments.name: read_key(arguments.key)})
    return asyncio.run(_serve(arguments, service.handle))


def _centre(arguments: argparse.Namespace) -> int:
    files: list[Path] = arguments.unit_certificate or []
    units = CertificateSet([read_one(file) for file in files]) if files else None
    key, certificate = read_key(arguments.key), read_one(arguments.certificate)
    if certificate.spki != key.public.spki:
        raise ServiceUsageError("--key and --certificate do not go together")
    centre = Centre(key, certificate, units=units, waits=arguments.waits)
    return asyncio.run(_serve(arguments, centre.handle))


async def _serve(arguments: argparse.Namespace, handle: Handle) -> int:
    try:
        host, port = parse_address(arguments.listen)
    except ValueError as error:
        raise ServiceUsageError(str(error)) from None
    script = load_script(arguments.script) if arguments.script else Script()
    server = JsonServer(handle, token=_token(arguments.token), tls=_tls(arguments), script=script)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    address = await server.listen(host, port)
    print(json.dumps({"event": "listening", "address": str(address)}), flush=True)
    await stopping.wait()
    await server.stop()
    return 0


def _token(reference: str | None) -> Secret | None:
    if reference is None:
        return None
    where, _, name = reference.partition(":")
    if where == "env" and name in os.environ:
        return Secret(os.environ[name].strip())
    if where == "file":
        return Secret(Path(name).read_text("utf-8").strip())
    raise ServiceUsageError("--token: write file:PATH or env:NAME (that is set)")


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if arguments.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.tls_certificate, arguments.tls_key)
    return context


__all__ = ["ServiceUsageError", "read_key", "read_one", "register_services"]
