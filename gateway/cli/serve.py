"""`nontax serve`: run the gateway."""

from __future__ import annotations

import argparse

from ..config import find_config, load_config
from ..process import Supervisor, serve
from ..store import StoreError
from .common import FINE, CommandError, Subparsers, add_command


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "serve",
        run,
        "run the gateway",
        description=(
            "Run the gateway until SIGTERM. The first and only line on stdout is `listening "
            "HOST:PORT`; the log goes to stderr, one JSON object a line."
        ),
    )
    # How a supervisor of several workers hands its socket to each of them.
    hidden = argparse.SUPPRESS
    parser.add_argument("--inherited-socket", type=int, metavar="FD", help=hidden)
    parser.add_argument("--ready", type=int, metavar="FD", help=hidden)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    path = find_config(getattr(arguments, "config", None))
    config = load_config(path)
    try:
        if arguments.inherited_socket is None and config.listen.workers > 1:
            return Supervisor(config, path).run()
        serve(config, inherited=arguments.inherited_socket, ready=arguments.ready)
    except StoreError as error:
        raise CommandError(str(error), where=config.store.url, do="see `nontax check`") from error
    except OSError as error:
        where = f"{config.listen.host}:{config.listen.port}"
        reason = error.strerror or str(error)
        raise CommandError(reason, where=where, do="choose another address in [listen]") from error
    return FINE
