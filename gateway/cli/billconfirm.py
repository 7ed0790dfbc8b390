"""`nontax bill confirm`: the unit's operator confirms the income of paid bills (收入确认)."""

from __future__ import annotations

import argparse
from functools import partial

from ..settlement.acting import SettlementRefused
from ..settlement.income import Confirmed, IncomeRules, confirm
from ..store.protocol import Transaction
from .common import FINE, CommandError, Progress, Subparsers, add_command, print_json, wants_json
from .issuing import acting_as, refused
from .opening import act_as, open_gateway
from .remit import spool


def register_confirm(actions: Subparsers) -> None:
    """Add the action to those of `nontax bill`."""
    parser = add_command(
        actions,
        "confirm",
        _confirm,
        "confirm the income of paid bills, all of them or none",
        reads=True,
        operator=True,
        description=(
            "Confirm the income (收入确认) of paid bills whose funds are ready, all or none; needs "
            "a maker of their unit. Only confirmed income is remitted. Each bill gets an "
            "electronic receipt (电子收据) in the voucher spool. Bills that are confirmed already "
            "stay as they are."
        ),
    )
    parser.add_argument("pay_codes", nargs="+", metavar="PAYCODE", help="pay code (缴款识别码)")


class _Refused(Exception):
    """A bill that cannot be confirmed, and why."""

    def __init__(self, pay_code: str, why: SettlementRefused) -> None:
        super().__init__(pay_code)
        self.error: CommandError = refused(why, pay_code)


async def _confirm(arguments: argparse.Namespace) -> int:
    codes: list[str] = list(dict.fromkeys(arguments.pay_codes))
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        rules = IncomeRules(opened.config.settlement.wait_for, opened.config.node.name)

        async def work(tx: Transaction, pay_codes: list[str]) -> list[Confirmed]:
            done = []
            for code in pay_codes:
                try:
                    done.append(await confirm(tx, code, rules, acting))
                except SettlementRefused as why:
                    raise _Refused(code, why) from None
            return done

        try:
            done = await opened.store.transact(partial(work, pay_codes=codes))
        except _Refused as error:
            raise error.error from None
        await spool(opened, Progress("vouchers"))
    if wants_json(arguments):
        print_json(
            {
                "confirmed": [
                    {"PayCode": one.pay_code, "ReceiptNo": one.receipt_no, "changed": one.changed}
                    for one in done
                ]
            }
        )
        return FINE
    for one in done:
        remark = "" if one.changed else ", as it was before"
        print(f"bill {one.pay_code} is confirmed{remark}, receipt {one.receipt_no}")
    return FINE
