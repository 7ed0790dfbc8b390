"""`nontax einvoice`: the parent of the actions on e-invoices, a module for each kind of work."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from .common import RegisteredModule, Subparsers, add_actions, add_command

MODULES: Final = ("einvoicestock", "einvoiceissue", "einvoiceverify", "einvoicehandout")
"""Siblings whose `register` adds actions, in the order of the help."""


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "einvoice", None, "fiscal e-invoices: issue, verify, hand out (财政电子票据)"
    )
    actions = add_actions(parser)
    for name in MODULES:
        module = cast("RegisteredModule", import_module(f"{__package__}.{name}"))
        module.register(actions)
