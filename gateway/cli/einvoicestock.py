"""`nontax einvoice stock`: the stock of e-invoice numbers (电子票据库存)."""

from __future__ import annotations

from .common import Subparsers, add_actions, add_command
from .stockacts import register_steps
from .stockshowing import register_authorisations, register_showing


def register(actions: Subparsers) -> None:
    """Add the group to the actions of `nontax einvoice`."""
    group = add_command(
        actions, "stock", None, "stock of e-invoice numbers: apply, receive, distribute, return"
    )
    own = add_actions(group)
    register_showing(own, "electronic")
    register_steps(own, "electronic")
    register_authorisations(own)
