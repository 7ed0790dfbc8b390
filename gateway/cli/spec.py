"""`nontax spec`: the message catalogue as implemented."""

from __future__ import annotations

import argparse

from ...messages import CATALOGUE, Group, MessageSpec, Record, Scalar, catalogue_json
from ...messages.record import declarations
from .common import FINE, CommandError, Json, Subparsers, add_command, print_json, wants_json


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "spec",
        run,
        "print the message catalogue as implemented",
        config=False,
        reads=True,
        description=(
            "Print every message of the interface with its fields, made from the tables that read "
            "and write them. With --json in the shape of the published catalogue."
        ),
    )
    parser.add_argument(
        "number", nargs="?", metavar="NUMBER", help="only messages with this number, such as 2612"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the catalogue, or one number's messages."""
    number: str | None = arguments.number
    chosen = [spec for spec in CATALOGUE if number in {None, spec.number}]
    if not chosen:
        raise CommandError(
            f"there is no message {number}", where="NUMBER", do="`nontax spec` prints all of them"
        )
    if wants_json(arguments):
        print_json(_selected(number))
        return FINE
    for position, spec in enumerate(chosen):
        if position:
            print()
        _print_message(spec)
    return FINE


def _selected(number: str | None) -> Json:
    """The catalogue, or the part of it with one number's messages."""
    whole = catalogue_json()
    if number is None or not isinstance(whole, dict):
        return whole
    messages = whole["messages"]
    if not isinstance(messages, list):
        return whole
    pairs = zip(messages, CATALOGUE, strict=True)
    return {**whole, "messages": [message for message, spec in pairs if spec.number == number]}


def _print_message(spec: MessageSpec) -> None:
    answer = f" · answer {spec.answer}" if spec.answer else ""
    print(f"{spec.number} {spec.name} - {spec.title}")
    print(f"  {spec.interface} interface · {spec.sender} → {spec.receiver}{answer}")
    if spec.note:
        print(f"  {spec.note}")
    _print_fields(spec.model, "  ")


def _print_fields(model: type[Record], indent: str) -> None:
    for tag, declared in declarations(model).items():
        if isinstance(declared, Scalar):
            kind = f"{declared.wire} {declared.length}".strip()
            print(f"{indent}{tag:<18}{kind:<18}{declared.need:<3}{declared.meaning}")
            continue
        item = f"/{declared.item} (repeated)" if isinstance(declared, Group) else ""
        print(f"{indent}{tag}{item}")
        _print_fields(model.nested_model(tag), indent + "  ")
