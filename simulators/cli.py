"""The command `nontax-sim`: counterparties that listen and can be scripted, and the demo day.

Exit codes: 0 fine; 1 checked and not fine; 2 wrong input, usage or configuration; 3 the other side
did not answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ..gateway.config import Config, ConfigError, load_config
from .demo import run_demo
from .identity import Identity, make_identity
from .invoicing import InvoiceDesk
from .link import Address, NoAnswerError, parse_address
from .operate import Actor, OrderError, make_actor
from .peer import Node, Patience
from .process import CommandFailedError, identity_from
from .report import render
from .scenario import Script, ScriptError, load_script
from .services import ServiceUsageError, read_key, read_one, register_services
from .unit import UnitSystem

FINE: Final = 0
NOT_FINE: Final = 1
INPUT: Final = 2
NO_ANSWER: Final = 3

_DEFAULT_CODES: Final = {
    "bank": "D3206820105",
    "platform": "G000001",
    "clearing": "Q3200000105",
    "unit": "K3206820002",
}
_FINANCE: Final = "F320682"


class UsageError(Exception):
    """What is wrong with the command line or a file that it names, in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except NoAnswerError as error:
        return _failed(str(error), NO_ANSWER)
    except (UsageError, ServiceUsageError, ScriptError, ConfigError, OrderError) as error:
        return _failed(" ".join(str(error).split()), INPUT)
    except CommandFailedError as error:
        return _failed(" ".join(str(error).split()), NOT_FINE)
    except OSError as error:
        return _failed(f"{error.filename or ''} {error.strerror or error}".strip(), INPUT)
    except KeyboardInterrupt:
        return FINE


def _failed(text: str, code: int) -> int:
    sys.stderr.write(f"nontax-sim: {text}\n")
    return code


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="nontax-sim",
        description=(
            "Counterparties of a gateway: banks, clearing banks, the platform, units, a signing "
            "service, the e-invoice centre; a demo day."
        ),
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for kind, text in (
        ("bank", "an agent bank: tellers, refunds, remittances, token changes"),
        ("platform", "the public payment platform: Alipay and WeChat"),
        ("clearing", "a clearing bank: shares collected money out as it is instructed"),
        ("unit", "a unit's own billing system"),
    ):
        _counterparty(commands, kind, text)
    register_services(commands)
    demo = commands.add_parser(
        "demo",
        help="play a bureau's day against a real gateway",
        description=(
            "Plays a county bureau's day: a real gateway, two banks, a clearing bank, the platform "
            "and a unit over real sockets, with a kill -9 in the middle. Exit 0 only if the day's "
            "books close."
        ),
    )
    demo.add_argument("--seed", type=int, default=1, help="which day (default 1)")
    demo.add_argument("--out", type=Path, metavar="DIR", help="write report.json and report.txt")
    demo.set_defaults(run=_demo)
    return parser


def _counterparty(commands: Any, kind: str, text: str) -> None:
    parser = commands.add_parser(
        kind,
        help=text,
        description=(
            f"Be {text}. Listens with --listen and answers as --script says; calls the gateway at "
            "--to with the orders that come on stdin, one a line (`help` lists them). Without -c "
            "the node is described by --mac, --width and --token."
        ),
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="listen there; port 0: any free one")
    parser.add_argument("--to", metavar="HOST:PORT", help="call the gateway there")
    parser.add_argument("--script", type=Path, metavar="FILE", help="rules (.toml or .json)")
    parser.add_argument("--code", default=_DEFAULT_CODES[kind], help="node code (%(default)s)")
    parser.add_argument(
        "-c", "--config", type=Path, metavar="FILE", help="the gateway's nontax.toml"
    )
    parser.add_argument("--finance", metavar="CODE", help=f"the finance node ({_FINANCE})")
    parser.add_argument("--mac", default="sha256-token", metavar="ALG", help="MAC algorithm")
    parser.add_argument("--width", type=int, default=64, help="bytes of the MAC field: 64 or 128")
    parser.add_argument("--token", metavar="REF", help="file:PATH or env:NAME")
    parser.add_argument("--des-key", metavar="REF", help="file:PATH or env:NAME, 3des algorithms")
    parser.add_argument("--charset", default="GBK", choices=("GBK", "GB18030"))
    if kind == "unit":
        parser.add_argument("--key", type=Path, metavar="FILE", help="signs e-invoices (PEM)")
        parser.add_argument("--certificate", type=Path, metavar="FILE", help="certificate of --key")
        parser.add_argument("--unit", default="0104901", metavar="CODE", help="执收单位编码")
        parser.add_argument("--unit-name", default="示例市自然资源局", metavar="NAME")
    parser.set_defaults(run=_play, kind=kind)


# -- counterparties ------------------------------------------------------------------------


def _play(arguments: argparse.Namespace) -> int:
    if not arguments.listen and not arguments.to:
        raise UsageError("nothing to do: give --listen HOST:PORT, --to HOST:PORT or both")
    identity, finance = _identity(arguments)
    script = load_script(arguments.script) if arguments.script else Script()
    return asyncio.run(_run_node(arguments, identity, finance, script))


def _identity(arguments: argparse.Namespace) -> tuple[Identity, str]:
    """The node's identity and the finance node's code."""
    path: Path | None = arguments.config
    if path is None and arguments.token is None and "NONTAX_CONFIG" in os.environ:
        path = Path(os.environ["NONTAX_CONFIG"])
    if path is not None:
        config: Config = load_config(path)
        try:
            identity = identity_from(config, arguments.code)
        except KeyError:
            raise UsageError(f"{path}: no peer {arguments.code}") from None
        if identity.kind != arguments.kind:
            raise UsageError(f"{arguments.code} is a {identity.kind}, no {arguments.kind}")
        return identity, arguments.finance or config.node.code
    if arguments.token is None:
        raise UsageError("who is this? give -c nontax.toml, or --token and --mac")
    des_key = _secret(arguments.des_key)
    try:
        identity = make_identity(
            arguments.code,
            arguments.kind,
            _secret(arguments.token) or "",
            arguments.mac,
            arguments.width,
            des_key=bytes.fromhex(des_key) if des_key else None,
            charset=arguments.charset,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    return identity, arguments.finance or _FINANCE


def _secret(reference: str | None) -> str | None:
    """A secret by reference: never on the command line, where everybody can read it."""
    if reference is None:
        return None
    where, _, name = reference.partition(":")
    if where == "env" and name in os.environ:
        return os.environ[name].strip()
    if where == "file":
        return Path(name).read_text("utf-8").strip()
    raise UsageError(f"{where}:{name} is no secret: write file:PATH or env:NAME (that is set)")


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


async def _run_node(
    arguments: argparse.Namespace, identity: Identity, finance: str, script: Script
) -> int:
    node = Node(
        identity,
        finance=finance,
        gateway=_address(arguments.to) if arguments.to else None,
        script=script,
        patience=Patience(),
        log=_print_json,
    )
    actor = make_actor(node, arguments.kind, vars(arguments) | {"desk": _desk_of(arguments)})
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if arguments.listen:
        listening = await node.listen(*_address(arguments.listen))
        _print_json({"event": "listening", "node": node.code, "address": str(listening)})
    tasks = [asyncio.create_task(actor.background())] if arguments.to else []
    try:
        if not arguments.to:
            await stopping.wait()
            return FINE
        return await _take_orders(actor, stopping, keep_on=bool(arguments.listen))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await node.stop()


def _desk_of(arguments: argparse.Namespace) -> Callable[[UnitSystem], InvoiceDesk | None]:
    """Makes the desk of a unit that signs e-invoices by itself."""
    key: Path | None = getattr(arguments, "key", None)
    certificate: Path | None = getattr(arguments, "certificate", None)
    if key is None and certificate is None:
        return lambda _: None
    if key is None or certificate is None:
        raise UsageError("--key and --certificate go together")
    return lambda unit: InvoiceDesk(unit, read_key(key), read_one(certificate))


async def _take_orders(actor: Actor, stopping: asyncio.Event, *, keep_on: bool) -> int:
    """Carry out the orders on stdin; at its end go on listening, or leave with the worst code."""
    worst = FINE
    lines = _stdin_lines()
    stopped = asyncio.create_task(stopping.wait())
    while not stopping.is_set():
        line = asyncio.create_task(lines.get())
        await asyncio.wait({line, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            break
        if not line.result():
            break
        try:
            outcome = await actor.obey(line.result())
        except NoAnswerError as error:
            worst = NO_ANSWER
            outcome = {"error": str(error), "sent": error.sent}
        except OrderError as error:
            worst = INPUT
            outcome = {"error": str(error)}
        if outcome is not None:
            _print_json({"event": "order", "node": actor.node.code, **outcome})
    if keep_on:
        await stopping.wait()
    stopped.cancel()
    return worst


def _stdin_lines() -> asyncio.Queue[str]:
    """The lines of stdin, an empty text at its end.

    Read in a daemon thread: a file cannot be awaited, and a terminal must not delay the end.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _print_json(event: dict[str, Any]) -> None:
    print(json.dumps(event, ensure_ascii=False), flush=True)


# -- demo ----------------------------------------------------------------------------------


def _demo(arguments: argparse.Namespace) -> int:
    report = run_demo(arguments.seed, arguments.out, lambda text: print(text, flush=True))
    print()
    print(render(report), end="", flush=True)
    if arguments.out is not None:
        print(f"report: {arguments.out / 'report.txt'}, {arguments.out / 'report.json'}")
    return FINE if report.closed else NOT_FINE
