"""`nontax describe`: a captured frame for people, masked, as far as it can be read."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...codecs import MAX_FRAME_BYTES
from ...codecs.describe import describe
from ...messages import mask_value
from .common import FINE, NOT_FINE, CommandError, Subparsers, add_command, print_json, wants_json

STANDARD_INPUT = "-"


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "describe",
        run,
        "print a captured frame, masked",
        config=False,
        reads=True,
        description=(
            "Print header, HEAD and voucher of one captured frame with personal data masked, and "
            "what is wrong with it. No key is needed: the MAC is shown, not verified. Exit code 1 "
            "when something is wrong with the frame."
        ),
    )
    parser.add_argument(
        "file",
        nargs="?",
        default=STANDARD_INPUT,
        metavar="FILE",
        help="file with the frame's bytes; standard input where it is left out or -",
    )
    parser.add_argument(
        "--charset",
        default="GBK",
        choices=("GBK", "GB18030", "UTF-8"),
        help="encoding of a voucher that declares none (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Describe one frame."""
    data = _read(arguments.file)
    if not data.strip():
        raise CommandError("there are no bytes", where=arguments.file, do="give a captured frame")
    description = describe(data, mask=mask_value, encoding=arguments.charset)
    if wants_json(arguments):
        print_json(description.as_dict())
    else:
        print("\n".join(description.lines()))
    return NOT_FINE if description.problems else FINE


def _read(name: str) -> bytes:
    """At most one frame's bytes and a little more, so that a huge file cannot fill the memory."""
    most = MAX_FRAME_BYTES + 1024
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read(most)
    with Path(name).open("rb") as file:
        return file.read(most)
