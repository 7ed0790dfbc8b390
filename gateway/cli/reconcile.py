"""`nontax reconcile`: what the banks' lists and the books disagree on (对账)."""

from __future__ import annotations

from importlib import import_module
from typing import Final, Protocol, cast

from .common import Subparsers, add_actions, add_command

MODULES: Final = (
    "reconcileimport",
    "reconcilerun",
    "reconcileresolving",
    "reconcileexport",
    "reconcilehistory",
    "reconcilereport",
)
"""Where the actions are, in the order of the help; each has `register(actions)`."""


class _Actions(Protocol):
    """A module with actions of `nontax reconcile`."""

    def register(self, actions: Subparsers) -> None:
        """Add its actions."""


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "reconcile", None, "compare the banks' lists with the books (对账)"
    )
    actions = add_actions(parser)
    for name in MODULES:
        cast("_Actions", import_module(f"{__package__}.{name}")).register(actions)
