"""国库退库凭证: refunds of money that lies in the treasury, which no bank can pay back.

The voucher goes into the spool for the treasury; an operator enters what the treasury did.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ...codecs import format_yuan
from ...codecs.capitals import capitals
from ..clock import date_from_ms
from ..store import bills, catalogue, refunds
from ..store.entries import Target, Treasury
from ..store.protocol import Transaction
from ..store.records import Item, Refund
from .refunds import Whole
from .remittance import treasury_of
from .sharing import WHOLE, Line, refund, settled

LEVELS: Final = {"0": "共享", "1": "中央", "2": "省级", "3": "市级", "4": "县级", "5": "乡级"}
_DEAD: Final = frozenset({"failed", "rejected"})


@dataclass(frozen=True, slots=True)
class TreasuryLine:
    """What one treasury pays back of one item; '' where the catalogue does not know it. Fen."""

    item_code: str
    item_name: str
    income_subject: str
    level: str
    treasury_code: str
    treasury_name: str
    amt: int

    @property
    def level_name(self) -> str:
        """The budget level (预算级次) for people."""
        return LEVELS.get(self.level, "")


@dataclass(frozen=True, slots=True)
class TreasuryVoucher:
    """A refund with its lines, which add up to its amount."""

    whole: Whole
    lines: tuple[TreasuryLine, ...]

    @property
    def name(self) -> str:
        """The name of its files, without an ending."""
        return f"treasury-refund-{self.whole.refund.refund_no}"


async def treasury_voucher(tx: Transaction, whole: Whole) -> TreasuryVoucher:
    """The voucher of an approved refund: its amount by item and budget level.

    Shared as the payment was, by the rules of its CfmDate; what earlier refunds took is taken from
    the shares first, so that all refunds of a payment take back exactly what it gave.
    """
    payment, bill = whole.payment, whole.bill
    items = [(item.code, item.amt) for item in await bills.items(tx, bill.pay_code)]
    owed = settled(items, bill.delay_amt, await catalogue.delay_item(tx))
    rules = [await catalogue.sharing_rule(tx, code, payment.cfm_date) for code, _ in owed]
    lines = [
        Line(amt, tuple(part.parts for part in rule) or (WHOLE,))
        for (_, amt), rule in zip(owed, rules, strict=True)
    ]
    of_payment = await refunds.of_payment(tx, payment.id)
    shares = refund(lines, _before(whole.refund, of_payment), whole.refund.amt)
    known = await catalogue.entries(tx, Treasury)
    parts = await refunds.remitted(tx, payment.id)
    date = date_from_ms(whole.refund.decided_at)
    remitted = {(part.item_code, part.level): part for part in parts}
    found = []
    for (code, _), rule, amounts in zip(owed, rules, shares, strict=True):
        item = await catalogue.item(tx, code)
        for index, amt in enumerate(amounts):
            if amt:
                target = rule[index].target if rule else None
                went = remitted.get((code, target.level if target else ""))
                place = _treasury(target, known, bill.region, date)
                if went is not None:
                    place = (went.treasury_code, went.treasury_name)
                found.append(_line(code, item, target, place, amt))
    return TreasuryVoucher(whole, tuple(found))


def _before(mine: Refund, others: Sequence[Refund]) -> int:
    """What refunds of the payment that were decided earlier have taken or may take."""
    key = (mine.decided_at, mine.refund_no)
    return sum(
        other.amt
        for other in others
        if other.state not in _DEAD
        and (other.decided_at or other.created_at, other.refund_no) < key
        and other.state != "requested"
    )


def _treasury(
    target: Target | None, known: list[Treasury], region: str, date: str
) -> tuple[str, str]:
    """Code and name of the region's treasury of the level that a share went to."""
    if target is None:
        return "", ""
    place = treasury_of(known, region, target.level, date)
    return (place.code, place.name) if place else ("", target.name)


def _line(
    code: str, item: Item | None, target: Target | None, place: tuple[str, str], amt: int
) -> TreasuryLine:
    return TreasuryLine(
        item_code=code,
        item_name=item.name if item else "",
        income_subject=item.income_subject if item else "",
        level=target.level if target else "",
        treasury_code=place[0],
        treasury_name=place[1],
        amt=amt,
    )


def treasury_json(voucher: TreasuryVoucher, node: str) -> str:
    """The voucher for the treasury's own system, as JSON; amounts are yuan as text."""
    entry, bill = voucher.whole.refund, voucher.whole.bill
    content = {
        "voucher": "国库退库凭证",
        "version": 1,
        "FinOrgCode": node,
        "AdmDivCode": bill.region,
        "RefundNo": entry.refund_no,
        "RefundDate": date_from_ms(entry.decided_at),
        "RefundType": str(entry.kind),
        "PayCode": entry.pay_code,
        "OriCfmDate": entry.ori_cfm_date,
        "OriTraNoBus": entry.ori_tra_no_bus,
        "OriAmt": format_yuan(entry.ori_amt),
        "Amt": format_yuan(entry.amt),
        "AmtInWords": capitals(entry.amt),
        "ChgAgenCode": bill.unit_code,
        "ChgAgenName": bill.unit_name,
        "RecName": entry.rec_name,
        "RecAcct": entry.rec_acct,
        "RecOpBk": entry.rec_op_bk,
        "RecOpBkNo": entry.rec_op_bk_no,
        "Reason": entry.reason,
        "RequestedBy": entry.requested_by,
        "ApprovedBy": entry.approved_by,
        "Details": [
            {
                "LineNo": number,
                "ItemCode": line.item_code,
                "ItemName": line.item_name,
                "IncomeSortCode": line.income_subject,
                "BgtLevel": line.level,
                "TreCode": line.treasury_code,
                "TreName": line.treasury_name,
                "Amt": format_yuan(line.amt),
            }
            for number, line in enumerate(voucher.lines, 1)
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
