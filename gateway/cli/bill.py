"""`nontax bill`: importing, making, showing, voiding and printing bills (缴款书)."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..collection.billfiles import FileRefused
from ..collection.billrules import BillRules
from ..collection.bills import Making
from ..collection.importing import ImportRefused, import_bills
from ..collection.voiding import void
from .billconfirm import register_confirm
from .billmaking import add_bill, add_options
from .billshowing import list_bills, list_options, print_notice, show_bill
from .common import (
    FINE,
    INPUT,
    NOT_FINE,
    CommandError,
    Progress,
    Subparsers,
    add_actions,
    add_command,
    print_json,
    wants_json,
)
from .opening import act_as, open_gateway

_REASON_CHARACTERS = 200


def register(subparsers: Subparsers) -> None:
    """Add the command and its actions."""
    parser = add_command(
        subparsers, "bill", None, "import, make, show, void and print bills (缴款书)"
    )
    actions = add_actions(parser)
    importing = add_command(
        actions,
        "import",
        _import,
        "import a file of bills, all or nothing",
        reads=True,
        operator=True,
        description=(
            "Import the bills of a .jsonl or .csv file, all of them or none. Every fault is "
            "reported with its line. Prints the pay codes, in the order of the file."
        ),
    )
    importing.add_argument("file", type=Path, metavar="FILE", help=".jsonl or .csv file")
    add_options(add_command(actions, "add", add_bill, "make one bill", reads=True, operator=True))
    show = add_command(
        actions, "show", show_bill, "show a bill with its payments and refunds", reads=True
    )
    _pay_code(show)
    list_options(add_command(actions, "list", list_bills, "list bills", reads=True))
    voiding = add_command(actions, "void", _void, "void an unpaid bill", reads=True, operator=True)
    _pay_code(voiding)
    voiding.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the journal")
    register_confirm(actions)
    notice = add_command(
        actions,
        "notice",
        print_notice,
        "print a bill for its payer",
        description=(
            "Print a bill (缴款通知) as one self-contained HTML page of half an A4 sheet, to "
            "stdout or to a file. It holds the payer's name in full."
        ),
    )
    _pay_code(notice)
    notice.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: stdout)")


def _pay_code(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pay_code", metavar="PAYCODE", help="pay code (缴款识别码)")


async def _import(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        making = Making("import", actor.name, opened.clock.now_ms(), opened.clock.today())
        scope = frozenset(filter(None, actor.units.split(",")))
        progress = Progress("bills read")
        try:
            done = await import_bills(
                opened.store, path, BillRules(opened.config, scope), making, progress.at
            )
        except FileRefused as refused:
            place = f"{path}:{refused.line}" if refused.line else str(path)
            raise CommandError(refused.what, where=place, do=refused.do) from None
        except ImportRefused as refused:
            raise _refused(path, refused) from None
        finally:
            progress.done()
    if wants_json(arguments):
        print_json({"imported": len(done.pay_codes), "pay_codes": done.pay_codes})
    else:
        print("\n".join(done.pay_codes))
    return FINE


def _refused(path: Path, refused: ImportRefused) -> CommandError:
    """Every fault as `file:line: tag: rule (value)`."""
    first, *others = [f"{path}:{line}: {fault}" for line, fault in refused.shown]
    return CommandError(
        first,
        do="correct the file; nothing was imported",
        more=others,
        total=refused.total,
        details={
            "total": refused.total,
            "faults": [
                {
                    "line": line,
                    "tag": fault.tag,
                    "code": fault.result.value,
                    "problem": fault.english,
                    "value": fault.value,
                }
                for line, fault in refused.shown
            ],
        },
    )


async def _void(arguments: argparse.Namespace) -> int:
    reason: str = arguments.reason
    if len(reason) > _REASON_CHARACTERS or not (reason.isprintable()):
        raise CommandError(
            f"the reason has at most {_REASON_CHARACTERS} printable characters", where="--reason"
        )
    code: str = arguments.pay_code
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        clock = opened.clock
        rules = BillRules(opened.config, frozenset(filter(None, actor.units.split(","))))
        at, today = clock.now_ms(), clock.today()
        done = await opened.store.transact(
            lambda tx: void(tx, code, rules, actor=actor.name, at=at, today=today, reason=reason)
        )
    if not done.found:
        raise CommandError("there is no such bill", where=code, do="check the pay code", code=INPUT)
    if done.refusal:
        raise CommandError(done.refusal, where=code, do="see `nontax bill show`", code=NOT_FINE)
    if wants_json(arguments):
        print_json({"PayCode": code, "PayStats": "2", "changed": done.changed})
    else:
        print(f"bill {code} is void" + ("" if done.changed else ", as it was before"))
    return FINE
