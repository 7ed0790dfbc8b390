"""`nontax operator`: who may run commands, in which roles."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..collection.operators import CHECKER, ROLES
from ..store.records import Operator
from .common import (
    FINE,
    CommandError,
    Subparsers,
    add_actions,
    add_command,
    print_json,
    print_table,
    wants_json,
)
from .opening import Opened, act_as, find_password, open_gateway, operator_password

NEW_PASSWORD_VARIABLE = "NONTAX_NEW_PASSWORD"  # noqa: S105 - the variable's name
FIRST = "set-up"
"""Actor of the journal where there is no operator yet."""


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(subparsers, "operator", None, "who may run commands, in which roles")
    actions = add_actions(parser)
    add = add_command(
        actions,
        "add",
        _add,
        "add an operator",
        operator=True,
        description=(
            "Add an operator, named by an operator who is checker; the very first one is added "
            "without, and must be a checker. The password is changed at first use."
        ),
    )
    _add_name(add)
    add.add_argument(
        "--role",
        action="append",
        choices=ROLES,
        required=True,
        help="maker asks for changes, checker approves, auditor looks; may be given again",
    )
    add.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="CODE",
        help="unit that it may act for; may be given again (default: all)",
    )
    _add_new_password(add)
    add_command(actions, "list", _list, "list the operators", reads=True)
    disable = add_command(actions, "disable", _disable, "disable an operator", operator=True)
    _add_name(disable)
    password = add_command(
        actions,
        "password",
        _password,
        "change a password",
        operator=True,
        description=(
            "Change one's own password, proved by the old one; or, with --operator CHECKER, "
            "set one that must be changed at first use."
        ),
    )
    _add_name(password)
    _add_new_password(password)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the operator's name")


def _add_new_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--new-password-file",
        type=Path,
        metavar="FILE",
        help=f"file with the new password (default: {NEW_PASSWORD_VARIABLE}, or a prompt)",
    )


def _new_password(arguments: argparse.Namespace) -> str:
    return find_password(
        arguments.new_password_file,
        NEW_PASSWORD_VARIABLE,
        f"new password of {arguments.name}: ",
        "--new-password-file",
    )


async def _add(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await _checker(opened, arguments)
        await opened.operators.add(
            arguments.name, _new_password(arguments), arguments.role, arguments.unit, actor=actor
        )
    print(f"operator {arguments.name} added ({', '.join(arguments.role)})")
    return FINE


async def _checker(opened: Opened, arguments: argparse.Namespace) -> str:
    """The checker who adds an operator; nobody can be asked for where there is none yet."""
    if await opened.operators.all():
        return (await act_as(opened, arguments, CHECKER)).name
    if CHECKER not in arguments.role:
        raise CommandError(
            "the first operator must be a checker", where="--role", do="add --role checker"
        )
    return FIRST


async def _list(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.operators.all()
        now = opened.clock.now_ms()
    if wants_json(arguments):
        print_json(
            {
                "operators": [
                    {
                        "name": operator.name,
                        "roles": operator.roles.split(","),
                        "units": [code for code in operator.units.split(",") if code],
                        "state": _state(operator, now),
                    }
                    for operator in found
                ]
            }
        )
        return FINE
    rows = [(o.name, o.roles, o.units or "all", _state(o, now)) for o in found]
    print_table(("name", "roles", "units", "state"), rows)
    return FINE


def _state(operator: Operator, now: int) -> str:
    if not operator.enabled:
        return "disabled"
    if operator.locked_until > now:
        return "locked"
    return "must change password" if operator.must_change else "active"


async def _disable(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments, CHECKER)
        await opened.operators.disable(arguments.name, actor=actor.name)
    print(f"operator {arguments.name} disabled")
    return FINE


async def _password(arguments: argparse.Namespace) -> int:
    name: str = arguments.name
    async with open_gateway(arguments) as opened:
        if getattr(arguments, "operator", name) == name:
            old = operator_password(arguments, name)
            await opened.operators.authenticate(name, old, may_be_new=True)
            actor = name
        else:
            actor = (await act_as(opened, arguments, CHECKER)).name
        await opened.operators.change_password(name, _new_password(arguments), actor=actor)
    changed = "" if actor == name else "; it must be changed at first use"
    print(f"password of {name} changed{changed}")
    return FINE
