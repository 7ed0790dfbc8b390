"""`nontax peer`: the nodes around this one; link test, notice, agreed token."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
import time
from functools import partial
from pathlib import Path

from ...codecs import LocalProtocolError
from ...mac import TokenError, TokenState, check_token
from ...messages.common import FinanceGreenChannel
from ..clock import civil_from_ms
from ..framing import FrameWriter
from ..identifiers import PROCESS_BITS, MessageIds
from ..net.client import CallLimits
from ..outbox import Enqueuer
from ..outbox.answers import MOST_ANSWER_BYTES
from ..outbox.lines import Lines
from ..outbox.ping import ping
from ..peers import Peer, PeerDirectory
from ..store import journal, outbox, tokens
from ..store.protocol import Transaction
from ..store.records import TokenRow
from ..tokens import TokenKeeper
from .common import (
    FINE,
    NO_ANSWER,
    NOT_FINE,
    CommandError,
    Json,
    Subparsers,
    add_actions,
    add_command,
    print_facts,
    print_json,
    print_table,
    wants_json,
)
from .opening import Opened, open_gateway, read_config
from .outbox import act_as_either

_TOKEN_BYTES = 256


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(subparsers, "peer", None, "the nodes around this one")
    actions = add_actions(parser)
    add_command(actions, "list", _list, "list the peers", reads=True)
    show = add_command(actions, "show", _show, "show one peer", reads=True)
    ping_ = add_command(
        actions,
        "ping",
        _ping,
        "link test 5002 (联网测试), at once",
        reads=True,
        description=(
            "Send the link test 5002 and print how long the answer took. Exit code 1: answered, "
            "but not 00000 or not authentic; 3: no answer."
        ),
    )
    notice = add_command(
        actions,
        "notice",
        _notice,
        "send a notice 5000 (绿色通道) through the outbox",
        reads=True,
        operator=True,
    )
    set_token = add_command(
        actions,
        "set-token",
        _set_token,
        "set a token that was agreed offline",
        reads=True,
        operator=True,
        description=(
            "Set the communication token (通讯token) that was agreed with the peer offline; the "
            "one before it is no longer accepted. It is read from a file, standard input or a "
            "prompt, never from the command line."
        ),
    )
    for action in (show, ping_, notice, set_token):
        action.add_argument("code", metavar="CODE", help="node code of the peer")
    notice.add_argument("--subject", required=True, metavar="TEXT", help="subject (主题)")
    notice.add_argument("--content", required=True, metavar="TEXT", help="content (内容)")
    notice.add_argument("--urgent", action="store_true", help="urgent (紧急)")
    set_token.add_argument(
        "--token-file",
        metavar="FILE",
        help="file with the 32 letters or digits; - for standard input (default: a prompt)",
    )


def _peer(directory: PeerDirectory, code: str) -> Peer:
    peer = directory.get(code)
    if peer is None:
        raise CommandError("is no peer of this node", where=code, do="see `nontax peer list`")
    return peer


# -- list, show -----------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> int:
    peers = list(PeerDirectory.from_config(read_config(arguments)))
    if wants_json(arguments):
        print_json({"peers": [_as_json(peer) for peer in peers]})
        return FINE
    rows = (
        (
            peer.code,
            peer.kind,
            _address(peer),
            f"{peer.algorithm.name}/{peer.mac_width}",
            "yes" if peer.enabled else "no",
            peer.name,
        )
        for peer in peers
    )
    print_table(("code", "kind", "address", "mac", "enabled", "name"), rows)
    return FINE


def _address(peer: Peer) -> str:
    return "" if peer.address is None else f"{peer.address[0]}:{peer.address[1]}"


def _as_json(peer: Peer) -> dict[str, Json]:
    return {
        "code": peer.code,
        "kind": peer.kind,
        "name": peer.name,
        "regions": sorted(peer.regions),
        "units": sorted(peer.units),
        "address": _address(peer),
        "mac": {"algorithm": peer.algorithm.name, "width": peer.mac_width},
        "charset": peer.charset,
        "enabled": peer.enabled,
        "keep_alive": peer.keep_alive,
        "tls": peer.tls,
        "lenient_msgref": peer.lenient_msgref,
        "trust_head_number": peer.trust_head_number,
        "collects": peer.collects,
        "sync_bills": peer.sync_bills,
        "sync_catalogue": peer.sync_catalogue,
        "allow_from": [str(network) for network in peer.networks],
    }


async def _show(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        peer = _peer(PeerDirectory.from_config(opened.config), arguments.code)
        row = await opened.store.read(partial(tokens.get, peer=peer.code))
        lanes = [lane for lane in await opened.store.scan(outbox.lanes) if lane.peer == peer.code]
    facts = _as_json(peer) | {
        "token": _token_facts(row),
        "waiting": sum(lane.depth for lane in lanes),
        "oldest_waiting": _time(min((lane.oldest_at for lane in lanes), default=None)),
    }
    if wants_json(arguments):
        print_json(facts)
    else:
        print_facts((name.replace("_", " "), _plain(value)) for name, value in facts.items())
    return FINE


def _token_facts(row: TokenRow | None) -> dict[str, Json]:
    """Where the token in force comes from; never the token."""
    if row is None:
        return {"from": "configuration"}
    return {
        "from": "store",
        "changed_at": _time(row.changed_at),
        "confirmed_at": _time(row.confirmed_at),
        "version": row.version,
    }


def _time(ms: int | None) -> str:
    return civil_from_ms(ms).isoformat(sep=" ", timespec="seconds")[:19] if ms else ""


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items() if inner)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


# -- ping, notice ---------------------------------------------------------------------------------


async def _ping(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        config = opened.config
        directory = PeerDirectory.from_config(config)
        peer = _peer(directory, arguments.code)
        if peer.address is None:
            raise CommandError("has no address", where=peer.code, do="set address in [[peers]]")
        limits = CallLimits(
            config.outbox.connect_timeout_seconds,
            config.outbox.answer_timeout_seconds,
            MOST_ANSWER_BYTES,
        )
        keeper = TokenKeeper(
            opened.store,
            opened.sealer,
            directory,
            confirm_seconds=config.collection.token_confirm_seconds,
            grace_seconds=config.collection.token_grace_seconds,
        )
        done = await ping(
            peer,
            node=config.node.code,
            lines=Lines(limits),
            frames=_frames(opened),
            tokens=keeper,
            clock=opened.clock,
            monotonic=time.perf_counter,
        )
    if wants_json(arguments):
        print_json(
            {
                "peer": done.peer,
                "answered": done.answered,
                "ms": done.milliseconds,
                "Result": done.result,
                "Information": done.information,
                "problem": done.problem,
            }
        )
    elif done.result:
        print(f"{done.peer}: {done.result} {done.information} in {done.milliseconds} ms")
    else:
        print(f"{done.peer}: {done.problem} after {done.milliseconds} ms")
    if not done.answered:
        return NO_ANSWER
    return FINE if done.good else NOT_FINE


def _frames(opened: Opened) -> FrameWriter:
    node = opened.config.node
    ids = MessageIds(opened.clock, secrets.randbits(PROCESS_BITS))
    return FrameWriter(node.code, node.regions[0], ids, opened.clock)


async def _notice(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        directory = PeerDirectory.from_config(opened.config)
        peer = _peer(directory, arguments.code)
        enqueuer = Enqueuer(opened.config.outbox, directory, _frames(opened).next_id)
        try:
            message = FinanceGreenChannel(
                Subject=arguments.subject,
                Content=arguments.content,
                Urgency="1" if arguments.urgent else "0",
            )
            enqueuer.check(message, peer.code)
        except LocalProtocolError as error:
            raise CommandError(str(error), where="notice", do="write it otherwise") from None
        actor = await act_as_either(opened, arguments)
        now = opened.clock.now_ms()

        async def work(tx: Transaction) -> int:
            row_id = await enqueuer.enqueue(
                tx, message, peer=peer.code, subject=f"notice by {actor.name}", at=now
            )
            await journal.append(
                tx,
                at=now,
                kind="notice.queued",
                subject=f"outbox:{row_id}",
                actor=actor.name,
                facts={"peer": peer.code, "urgent": bool(arguments.urgent)},
            )
            return row_id

        row_id = await opened.store.transact(work)
    if wants_json(arguments):
        print_json({"id": row_id, "peer": peer.code, "state": "queued"})
    else:
        print(f"notice to {peer.code} queued as message {row_id}")
    return FINE


# -- set-token ------------------------------------------------------------------------------------


async def _set_token(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        peer = _peer(PeerDirectory.from_config(opened.config), arguments.code)
        actor = await act_as_either(opened, arguments)
        token = _read_token(arguments.token_file, peer.code)
        now = opened.clock.now_ms()

        async def work(tx: Transaction) -> int:
            row = await tokens.get(tx, peer.code, lock=True)
            version = row.version + 1 if row else 1
            # Agreed by both sides: nothing is left to confirm, and the old one is of no use.
            state = TokenState(token, changed_at=now, confirmed_at=now)
            sealed = opened.sealer.token_row(peer.code, state, version)
            await tokens.put(tx, sealed)
            await journal.append(
                tx,
                at=now,
                kind="token.set",
                subject=peer.code,
                actor=actor.name,
                facts={"token": sealed.sealed_current, "version": version},
            )
            return version

        version = await opened.store.transact(work)
    if wants_json(arguments):
        print_json({"peer": peer.code, "version": version})
    else:
        print(f"token of {peer.code} set; a running gateway uses it within a second")
    return FINE


def _read_token(source: str | None, peer: str) -> str:
    if source is not None and source != "-":
        with Path(source).open("rb") as file:
            text = file.read(_TOKEN_BYTES).decode("ascii", "replace")
    elif source == "-" or not sys.stdin.isatty():
        text = sys.stdin.read(_TOKEN_BYTES)
    else:
        text = getpass.getpass(f"token of {peer}: ", stream=sys.stderr)
    try:
        return check_token(text.strip())
    except TokenError as error:
        raise CommandError(str(error), where="token", do="give 32 letters or digits") from None
