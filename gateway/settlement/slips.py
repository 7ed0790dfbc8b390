"""Detail slips (集中汇缴明细单): what units collected themselves, and its summary bills (汇总单).

The unit records each receipt as a slip; a summary makes one bill of its open slips, one line an
item. That bill is paid, confirmed and remitted like any other, consolidated. Void, it gives its
slips back.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from ...codecs import gbk_length
from ...messages import PayInfoEntry
from ..collection.billrules import BillRules, judge, learn
from ..collection.bills import Making, write
from ..collection.drafts import BillDraft, BillRefused
from ..collection.standards import RANGE, outside
from ..store import MAX_FEN, catalogue, journal, serials, slips
from ..store.entries import Item, Unit
from ..store.protocol import Transaction
from ..store.records import Bill
from ..store.slips import Slip
from .acting import Acting, SettlementRefused

_NAME_BYTES: Final = 100
_REFERENCE_CHARACTERS: Final = 30
_PAYER: Final = "集中汇缴"


@dataclass(frozen=True, slots=True)
class SlipDraft:
    """A slip that is to be recorded; fen."""

    unit_code: str
    item_code: str
    amt: int
    slip_date: str
    payer_name: str = field(default="", repr=False)
    reference: str = ""


async def record(tx: Transaction, draft: SlipDraft, acting: Acting) -> Slip:
    """Record a slip of a unit's own collection. Raises SettlementRefused."""
    unit = await _unit(tx, draft.unit_code, acting)
    await _check(tx, draft, acting)
    number = await serials.next_number(tx, f"slip:{acting.today}")
    slip = Slip(
        slip_no=f"MX{acting.today}{number:08d}",
        region=unit.region,
        unit_code=unit.code,
        item_code=draft.item_code,
        slip_date=draft.slip_date,
        payer_name=draft.payer_name,
        amt=draft.amt,
        reference=draft.reference,
        state="recorded",
        pay_code="",
        recorded_by=acting.name,
        recorded_at=acting.at,
        changed_at=acting.at,
    )
    if not await slips.insert(tx, slip):
        raise SettlementRefused(
            f"the unit has recorded receipt {draft.reference} already",
            "see `nontax remit slip list`",
        )
    facts: dict[str, journal.Fact] = {
        "ChgAgenCode": slip.unit_code,
        "ItemCode": slip.item_code,
        "Amt": slip.amt,
    }
    await _journal(tx, slip.slip_no, "slip.recorded", acting, facts)
    return slip


async def _unit(tx: Transaction, code: str, acting: Acting) -> Unit:
    unit = await catalogue.unit(tx, code)
    if unit is None or not catalogue.holds(unit, acting.today):
        raise SettlementRefused(
            f"{code} is no unit of the catalogue today", "check the code", wrong_input=True
        )
    if not acting.may_act_for(code):
        raise SettlementRefused(
            f"{acting.name} may not act for unit {code}",
            "name an operator of that unit",
            wrong_input=True,
        )
    return unit


async def _check(tx: Transaction, draft: SlipDraft, acting: Acting) -> None:
    def wrong(what: str) -> SettlementRefused:
        return SettlementRefused(what, "correct it", wrong_input=True)

    if not 0 < draft.amt <= MAX_FEN:
        raise wrong("the amount must be above 0 and at most 10,000,000,000,000 yuan")
    if draft.slip_date > acting.today:
        raise wrong("the date lies ahead")
    item = await catalogue.item(tx, draft.item_code)
    held = await catalogue.unit_holds(tx, draft.unit_code, draft.item_code, draft.slip_date)
    if item is None or not held or not catalogue.holds(item, draft.slip_date):
        raise wrong(f"the unit may not charge item {draft.item_code} on that date")
    if item.remit_mode != "consolidated":
        raise wrong(f"item {draft.item_code} is not remitted in consolidation (集中汇缴)")
    if item.standard_type == RANGE:
        _check_standard(item, draft.amt)
    try:
        draft.payer_name.encode("gbk")
    except UnicodeEncodeError as error:
        character = draft.payer_name[error.start]
        raise wrong(f"the payer's name has {character!r}, which is not in GBK") from None
    if gbk_length(draft.payer_name) > _NAME_BYTES or not draft.payer_name.isprintable():
        raise wrong(f"the payer's name has more than {_NAME_BYTES} bytes, or is not printable")
    plain = draft.reference.isascii() and draft.reference.isalnum()
    if draft.reference and (not plain or len(draft.reference) > _REFERENCE_CHARACTERS):
        raise wrong(f"the receipt's number has at most {_REFERENCE_CHARACTERS} letters or digits")


def _check_standard(item: Item, amt: int) -> None:
    low, high = item.standard_low or 0, item.standard_high
    if amt < low or (high is not None and amt > high):
        raise SettlementRefused(str(outside(1, low, high)), "correct it", wrong_input=True)


async def drop(tx: Transaction, slip_no: str, reason: str, acting: Acting) -> Slip:
    """Take a slip out that was recorded in error. Raises SettlementRefused."""
    slip = await slips.get(tx, slip_no, lock=True)
    if slip is None:
        raise SettlementRefused(
            "there is no such slip", "see `nontax remit slip list`", wrong_input=True
        )
    await _unit(tx, slip.unit_code, acting)
    if not await slips.drop(tx, slip_no, at=acting.at):
        what = f"bill {slip.pay_code} sums it up" if slip.pay_code else "it is dropped already"
        raise SettlementRefused(what, "only open slips can be dropped")
    facts: dict[str, journal.Fact] = {"Amt": slip.amt, "reason": reason}
    await _journal(tx, slip_no, "slip.dropped", acting, facts)
    return slip


async def summarise(
    tx: Transaction, unit_code: str, until: str, rules: BillRules, acting: Acting
) -> tuple[Bill, list[Slip]]:
    """Make the summary bill (汇总单) of a unit's open slips up to a date.

    Raises SettlementRefused, BillRefused.
    """
    unit = await _unit(tx, unit_code, acting)
    found = await slips.page(tx, units=[unit_code], only_open=True, until=until)
    if not found:
        raise SettlementRefused(
            f"unit {unit_code} has no open slip up to {until}", "see `nontax remit slip list`"
        )
    draft = await _summary(tx, unit, found, acting)
    known = await learn(tx, [draft], rules, acting.today)
    # Each slip was held against the standard by itself, and a summary is what ends a unit's being
    # blocked for its slips.
    known.items = {
        code: replace(item, standard_type="", standard_low=None, standard_high=None)
        for code, item in known.items.items()
    }
    known.over_limit.clear()
    known.late_slips.clear()
    known.void_paper.clear()
    faults = [(0, fault) for fault in judge(draft, known, rules)]
    if faults:
        raise BillRefused(faults)
    making = Making("cli", acting.name, acting.at, acting.today)
    [bill] = await write(tx, [draft], rules, making, known)
    await slips.sum_up(tx, [slip.slip_no for slip in found], bill.pay_code, at=acting.at)
    facts: dict[str, journal.Fact] = {
        "ChgAgenCode": unit_code,
        "slips": len(found),
        "first": found[0].slip_no,
        "last": found[-1].slip_no,
        "Amt": bill.amt,
    }
    await _journal(tx, bill.pay_code, "slip.summed", acting, facts)
    return bill, found


async def _summary(tx: Transaction, unit: Unit, found: list[Slip], acting: Acting) -> BillDraft:
    entries = []
    for code in sorted({slip.item_code for slip in found}):
        item = await catalogue.item(tx, code)
        own = [slip for slip in found if slip.item_code == code]
        entries.append(
            PayInfoEntry(
                code,
                item.name if item else code,
                sum(slip.amt for slip in own),
                item.unit_of_measure if item else "",
                Decimal(len(own)),
            )
        )
    whole = sum(entry.amount for entry in entries)
    return BillDraft(
        region=unit.region,
        bill_date=acting.today,
        unit_code=unit.code,
        payer_name=unit.name,
        amt=whole,
        ori_amt=whole,
        delay_amt=0,
        items=tuple(entries),
        memo=f"{_PAYER}汇总单,明细单{len(found)}份",
    )


async def _journal(
    tx: Transaction, subject: str, kind: str, acting: Acting, facts: dict[str, journal.Fact]
) -> None:
    await journal.append(
        tx, at=acting.at, kind=kind, subject=subject, actor=acting.name, facts=facts
    )
