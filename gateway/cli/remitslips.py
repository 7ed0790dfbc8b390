"""`nontax remit slip`: detail slips (集中汇缴明细单) and their summary bills (汇总单)."""

from __future__ import annotations

import argparse
from functools import partial

from ...codecs import RuleError, Sensitive, format_yuan, mask, parse_yuan, shown
from ..collection.billrules import BillRules
from ..collection.drafts import BillRefused
from ..settlement.acting import SettlementRefused
from ..settlement.slips import SlipDraft, drop, record, summarise
from ..store import slips
from .common import (
    FINE,
    CommandError,
    Subparsers,
    add_actions,
    add_command,
    add_limit,
    date_argument,
    print_json,
    print_table,
    show_date,
    wants_json,
)
from .issuing import acting_as, refused
from .opening import act_as, open_gateway

_REASON_CHARACTERS = 200


def register_slips(actions: Subparsers) -> None:
    """Add the group to the actions of `nontax remit`."""
    group = add_command(
        actions, "slip", None, "detail slips of units (集中汇缴明细单) and their summary bills"
    )
    own = add_actions(group)
    adding = add_command(
        own,
        "add",
        _add,
        "record what a unit collected itself",
        reads=True,
        operator=True,
        description=(
            "Record what a unit collected itself, as a detail slip; needs a maker of the unit, and "
            "an item that is remitted in consolidation (集中汇缴). Prints the slip's number."
        ),
    )
    adding.add_argument("--unit", required=True, metavar="CODE", help="unit (执收单位)")
    adding.add_argument("--item", required=True, metavar="CODE", help="item (项目识别码)")
    adding.add_argument("--amount", required=True, metavar="YUAN", help="amount, such as 80.00")
    adding.add_argument("--date", type=date_argument, metavar="D", help="date (default: today)")
    adding.add_argument("--payer", default="", metavar="NAME", help="payer's name")
    adding.add_argument(
        "--receipt", default="", metavar="NUMBER", help="number of the paper receipt, once a unit"
    )
    listing = add_command(own, "list", _list, "list slips by number", reads=True)
    listing.add_argument("--unit", default="", metavar="CODE", help="only this unit's")
    listing.add_argument("--open", action="store_true", help="only those without a summary bill")
    add_limit(listing)
    dropping = add_command(
        own, "drop", _drop, "take out a slip recorded in error", reads=True, operator=True
    )
    dropping.add_argument("slip_no", metavar="SLIPNO", help="number of the slip")
    dropping.add_argument("--reason", required=True, metavar="TEXT", help="why; kept for ever")
    summing = add_command(
        own,
        "summary",
        _summary,
        "make one bill of a unit's open slips",
        reads=True,
        operator=True,
        description=(
            "Make one bill (汇总单) of a unit's open slips, a line for each item; the unit pays it "
            "at a bank, and it is remitted in consolidation. Prints its pay code. Voiding the bill "
            "gives the slips back."
        ),
    )
    summing.add_argument("--unit", required=True, metavar="CODE", help="unit (执收单位)")
    summing.add_argument(
        "--until",
        type=date_argument,
        metavar="D",
        help="only slips up to this date (default: today)",
    )


async def _add(arguments: argparse.Namespace) -> int:
    try:
        amt = parse_yuan(arguments.amount)
    except RuleError as error:
        raise CommandError(
            f"{shown(arguments.amount)!r} {error.english}", where="--amount", do="write it as 80.00"
        ) from None
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        draft = SlipDraft(
            arguments.unit,
            arguments.item,
            amt,
            arguments.date or acting.today,
            arguments.payer,
            arguments.receipt,
        )
        try:
            slip = await opened.store.transact(partial(record, draft=draft, acting=acting))
        except SettlementRefused as error:
            raise refused(error, "slip") from None
    if wants_json(arguments):
        print_json({"SlipNo": slip.slip_no, "Amt": format_yuan(slip.amt)})
    else:
        print(slip.slip_no)
    return FINE


async def _list(arguments: argparse.Namespace) -> int:
    async with open_gateway(arguments) as opened:
        found = await opened.store.scan(
            partial(
                slips.page,
                units=[arguments.unit] if arguments.unit else [],
                only_open=arguments.open,
                limit=arguments.limit,
            )
        )
    if wants_json(arguments):
        print_json(
            {
                "slips": [
                    {
                        "SlipNo": slip.slip_no,
                        "ChgAgenCode": slip.unit_code,
                        "ItemCode": slip.item_code,
                        "Date": slip.slip_date,
                        "PayerName": mask(Sensitive.NAME, slip.payer_name),
                        "Amt": format_yuan(slip.amt),
                        "receipt": slip.reference,
                        "state": slip.state,
                        "PayCode": slip.pay_code,
                    }
                    for slip in found
                ]
            }
        )
        return FINE
    print_table(
        ("slip", "date", "unit", "item", "payer", "receipt", "amount", "state", "summary bill"),
        [
            (
                slip.slip_no,
                show_date(slip.slip_date),
                slip.unit_code,
                slip.item_code,
                mask(Sensitive.NAME, slip.payer_name),
                slip.reference,
                format_yuan(slip.amt),
                slip.state,
                slip.pay_code,
            )
            for slip in found
        ],
        right="amount",
    )
    return FINE


async def _drop(arguments: argparse.Namespace) -> int:
    reason: str = arguments.reason.strip()
    if not 0 < len(reason) <= _REASON_CHARACTERS or not reason.isprintable():
        raise CommandError(
            f"the reason must have 1 to {_REASON_CHARACTERS} printable characters", where="--reason"
        )
    number: str = arguments.slip_no
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        try:
            await opened.store.transact(partial(drop, slip_no=number, reason=reason, acting=acting))
        except SettlementRefused as error:
            raise refused(error, number) from None
    if wants_json(arguments):
        print_json({"SlipNo": number, "state": "dropped"})
    else:
        print(f"slip {number} is dropped")
    return FINE


async def _summary(arguments: argparse.Namespace) -> int:
    unit: str = arguments.unit
    async with open_gateway(arguments) as opened:
        acting = acting_as(opened, await act_as(opened, arguments))
        rules = BillRules(opened.config, acting.units)
        work = partial(
            summarise,
            unit_code=unit,
            until=arguments.until or acting.today,
            rules=rules,
            acting=acting,
        )
        try:
            bill, found = await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, unit) from None
        except BillRefused as error:
            first, *others = [str(fault) for _, fault in error.faults]
            raise CommandError(
                first, where=unit, do="correct it; nothing was made", more=others
            ) from None
    if wants_json(arguments):
        print_json({"PayCode": bill.pay_code, "Amt": format_yuan(bill.amt), "slips": len(found)})
    else:
        print(bill.pay_code)
    return FINE
