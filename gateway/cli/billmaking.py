"""`nontax bill add`: one bill from options."""

from __future__ import annotations

import argparse
from typing import Final

from ...codecs import RuleError, Sensitive, mask, parse_yuan, shown
from ...messages import PayInfoEntry
from ..collection.billrules import BillRules
from ..collection.bills import Making, create
from ..collection.drafts import BillDraft, BillRefused
from ..collection.importfields import BILL_FIELDS, Faults, make_draft, make_entry, read_fields
from ..collection.standards import total
from ..store import catalogue
from ..store.entries import Item
from ..store.protocol import Transaction
from .common import FINE, CommandError, date_argument, print_json, wants_json
from .opening import act_as, open_gateway

_OPTIONS: Final = (
    ("--payer", "PayerName", "NAME", "payer's name (缴款人)"),
    ("--payer-account", "PayerAcct", "ACCOUNT", "payer's account"),
    ("--payer-bank", "PayerOpBk", "NAME", "bank of the payer's account"),
    ("--payer-credit-code", "PayerCreditCode", "CODE", "payer's credit or identity code"),
    ("--phone", "MobilePhone", "NUMBER", "payer's mobile phone"),
    ("--delay", "DelayAmt", "YUAN", "late fee (滞纳金), such as 1.50"),
    ("--check-code", "CrcCode", "CODE", "check code (校验码) that queries must give"),
    ("--memo", "Memo", "TEXT", "remark (备注)"),
    ("--account", "RecAcct", "ACCOUNT", "the bill's own receiving account (default: the region's)"),
    ("--virtual-account", "VirtualAcct", "NUMBER", "virtual account, `auto` for any free one"),
    ("--pay-code", "PayCode", "CODE", "pay code given by others (default: the next one)"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `bill add`."""
    parser.add_argument("--unit", required=True, metavar="CODE", help="unit (执收单位)")
    parser.add_argument(
        "--item",
        action="append",
        required=True,
        metavar="CODE=YUAN[xQUANTITY]",
        help="item and amount, such as 103043211=80.00 or 103043211=80.00x2; may be given again",
    )
    for option, tag, metavar, text in _OPTIONS:
        parser.add_argument(
            option, dest=tag, metavar=metavar, help=text, required=option == "--payer"
        )
    parser.add_argument(
        "--region", metavar="CODE", help="region (行政区划; default: the unit's own)"
    )
    parser.add_argument(
        "--date", type=date_argument, metavar="YYYY-MM-DD", help="bill date (default: today)"
    )
    parser.add_argument(
        "--expires",
        type=date_argument,
        metavar="YYYY-MM-DD",
        help="last day of validity (default: as configured)",
    )
    parser.add_argument(
        "--notify", action="store_true", help="tell the unit's system when it is paid (5996)"
    )


async def add_bill(arguments: argparse.Namespace) -> int:
    """Make one bill and print its pay code."""
    named = [_named_item(text) for text in arguments.item]
    async with open_gateway(arguments) as opened:
        actor = await act_as(opened, arguments)
        clock = opened.clock
        making = Making("cli", actor.name, clock.now_ms(), clock.today())
        rules = BillRules(opened.config, frozenset(filter(None, actor.units.split(","))))

        async def look(tx: Transaction) -> tuple[str, dict[str, Item]]:
            unit = await catalogue.unit(tx, arguments.unit)
            items = [await catalogue.item(tx, code) for code, _, _ in named]
            return unit.region if unit else "", {item.code: item for item in items if item}

        region, items = await opened.store.read(look)
        draft = _draft(arguments, named, items, region, making.today)
        try:
            made = await opened.store.transact(lambda tx: create(tx, [draft], rules, making))
        except BillRefused as refused:
            first, *others = [fault for _, fault in refused.faults]
            raise CommandError(
                str(first), do="correct the options; nothing was made", more=list(map(str, others))
            ) from None
    if wants_json(arguments):
        print_json({"PayCode": made[0].pay_code, "ExpiryDate": made[0].expiry_date})
    else:
        print(made[0].pay_code)
    return FINE


def _named_item(text: str) -> tuple[str, str, str]:
    """Code, amount and quantity of CODE=YUAN[xQUANTITY]."""
    code, sign, rest = text.partition("=")
    amount, _, quantity = rest.partition("x")
    try:
        parse_yuan(amount.strip())
    except RuleError as error:
        problem = f"the amount {error.english}" if sign else "there is no ="
        raise CommandError(
            f"{shown(text)!r}: {problem}", where="--item", do="write CODE=YUAN[xQUANTITY]"
        ) from None
    return code.strip(), amount.strip(), quantity.strip()


def _draft(
    arguments: argparse.Namespace,
    named: list[tuple[str, str, str]],
    items: dict[str, Item],
    region: str,
    today: str,
) -> BillDraft:
    """The draft that the options describe. Raises CommandError."""
    faults = Faults()
    entries: list[PayInfoEntry] = []
    for code, amount, quantity in named:
        item = items.get(code)
        name = item.name if item else code  # an unknown item is refused by the rules
        raw = {"ItemCode": code, "ItemName": name, "Amt": amount, "Quantity": quantity or "1"}
        entry = make_entry(raw, faults, "--item ")
        if entry is not None:
            entries.append(entry)
    raw = {tag: getattr(arguments, tag) or "" for _, tag, _, _ in _OPTIONS}
    values = read_fields(raw, BILL_FIELDS, faults)
    values.setdefault("delay_amt", 0)
    values |= {
        "region": arguments.region or region,
        "unit_code": arguments.unit,
        "bill_date": arguments.date or today,
        "expiry_date": arguments.expires or "",
        "ori_amt": total(entries),
    }
    if arguments.notify:
        values["hold1"] = "Y"
    if "payer_name" not in values and not faults:
        faults.add("PayerName", "不能为空", "is empty", mask(Sensitive.NAME, ""))
    draft = make_draft(values, tuple(entries), None, None, faults)
    if draft is None:
        first, *others = map(str, faults)
        raise CommandError(first, do="correct the options; nothing was made", more=others)
    return draft
