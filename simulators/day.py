"""The demo's business day as a plan: bills, and a story for each. A function of the seed alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

from ..codecs import format_yuan
from . import people
from .people import LAND, OFFICES, SCHOOL, Charged, Office

REGION: Final = "320682"


class Source(StrEnum):
    """How a bill comes into the books."""

    IMPORT = "import"
    UNIT = "8994"


class Story(StrEnum):
    """What happens to a bill during the day; the text is what the report says."""

    COUNTER = "paid at a bank's counter (柜台)"
    TERMINAL = "paid at a terminal (自助终端)"
    ONLINE = "paid in a bank's online banking (网上缴款)"
    ALIPAY = "paid by Alipay (支付宝)"
    WECHAT = "paid by WeChat (微信支付)"
    SCHOOL_BY_MOBILE = "school bill found by mobile number (2698), paid"
    SCHOOL_BY_IDENTITY = "school bill found by identity number (2697), paid"
    WRONG_CHECK_CODE = "wrong check code (校验码) first, then paid"
    WRONG_AMOUNT = "wrong amount refused, money returned, then paid"
    WRONG_ACCOUNT = "wrong account refused, money returned, then paid"
    TWICE_AT_COUNTERS = "paid twice at counters: second refused, money returned"
    TWICE_AT_ONE_INSTANT = "paid at two counters at the same instant: one wins"
    TWICE_BY_ALIPAY = "paid twice by Alipay: refunded (技术性退付)"
    TWICE_BY_PHONE_AT_ONCE = "paid by two phones at the same instant: one refunded"
    COUNTER_THEN_WECHAT = "paid at the counter, then by WeChat: refunded"
    LOST_ANSWER = "answer lost on the line, confirmed again: booked once"
    LATE_COPY = "confirmation sent again later: same answer, booked once"
    CONFLICT = "repetition with another amount: refused (10005)"
    BEFORE_ITS_BILL = "paid before its bill was made: refused for ever, then paid"
    VOIDED = "voided (作废) while the payer was at the counter"
    EXPIRED = "expired (超期限)"
    PAID_AFTER_EXPIRY = "expired, but paid by phone: accepted and flagged"
    NOT_PAID = "not paid today"
    ONLY_ASKED = "asked about, not paid today"


_SPECIAL: Final = (
    Story.WRONG_CHECK_CODE, Story.WRONG_AMOUNT, Story.WRONG_ACCOUNT, Story.TWICE_AT_COUNTERS,
    Story.TWICE_AT_ONE_INSTANT, Story.TWICE_BY_ALIPAY, Story.TWICE_BY_PHONE_AT_ONCE,
    Story.COUNTER_THEN_WECHAT, Story.LOST_ANSWER, Story.LATE_COPY, Story.CONFLICT,
    Story.BEFORE_ITS_BILL, Story.VOIDED, Story.EXPIRED, Story.PAID_AFTER_EXPIRY,
)  # fmt: skip
_USUAL: Final = (
    Story.COUNTER, Story.COUNTER, Story.TERMINAL, Story.ONLINE, Story.ALIPAY, Story.ALIPAY,
    Story.WECHAT, Story.WECHAT, Story.NOT_PAID, Story.ONLY_ASKED,
)  # fmt: skip
_BY_UNIT_ONLY: Final = frozenset({Story.VOIDED, Story.BEFORE_ITS_BILL})
_BY_IMPORT_ONLY: Final = frozenset({Story.EXPIRED, Story.PAID_AFTER_EXPIRY})
_WITH_CHECK_CODE: Final = frozenset({Story.WRONG_CHECK_CODE})
_SCHOOL: Final = frozenset({Story.SCHOOL_BY_MOBILE, Story.SCHOOL_BY_IDENTITY})


@dataclass(frozen=True, slots=True)
class BillPlan:
    """One bill and its story. bank: which of the two banks the payer goes to."""

    index: int
    source: Source
    story: Story
    office: Office
    payer: str
    lines: tuple[Charged, ...]
    mobile: str
    identity: str
    check_code: str
    notify: bool
    bank: int

    @property
    def amt(self) -> int:
        """Fen."""
        return sum(line.amt for line in self.lines)

    @property
    def expired(self) -> bool:
        """Whether its validity ended before today."""
        return self.story in _BY_IMPORT_ONLY

    @property
    def school(self) -> bool:
        """Whether it is an education bill."""
        return self.story in _SCHOOL

    def as_line(self, today: date) -> str:
        """The bill as a line of an import file."""
        made = today - timedelta(days=20 if self.expired else 0)
        bill: dict[str, Any] = {
            "AdmDivCode": REGION,
            "BillDate": made.strftime("%Y%m%d"),
            "ChgAgenCode": self.office.code,
            "PayerName": self.payer,
            "OriAmt": format_yuan(self.amt),
            "DelayAmt": "0.00",
            "Items": [
                {
                    "ItemCode": line.item.code,
                    "ItemName": line.item.name,
                    "Amt": format_yuan(line.amt),
                    "Unit": line.item.measure,
                    "Quantity": str(line.quantity),
                }
                for line in self.lines
            ],
            "CrcCode": self.check_code,
            "MobilePhone": self.mobile,
        }
        if self.expired:
            bill["ExpiryDate"] = (today - timedelta(days=1)).strftime("%Y%m%d")
        if self.school:
            bill["Education"] = {
                "Student": self.payer,
                "IdNumber": self.identity,
                "School": self.office.name,
                "Class": "高一(3)班",
            }
        return json.dumps(bill, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A whole day: its bills in the order in which the payers come."""

    seed: int
    bills: tuple[BillPlan, ...]

    def of(self, source: Source) -> tuple[BillPlan, ...]:
        """The bills of one source."""
        return tuple(bill for bill in self.bills if bill.source is source)

    def stories(self) -> Counter[Story]:
        """How many bills have which story."""
        return Counter(bill.story for bill in self.bills)


def plan_day(seed: int) -> DayPlan:
    """Every special story once to three times, and enough usual ones to fill a day of 60 to 120."""
    random = Random(seed)
    stories = [story for story in _SPECIAL for _ in range(random.randint(1, 2))]
    stories += [Story.SCHOOL_BY_MOBILE] * random.randint(3, 6)
    stories += [Story.SCHOOL_BY_IDENTITY] * random.randint(2, 5)
    total = random.randint(max(60, len(stories) + 25), 120)
    stories += [random.choice(_USUAL) for _ in range(total - len(stories))]
    random.shuffle(stories)
    return DayPlan(seed, tuple(_bill(random, index, story) for index, story in enumerate(stories)))


def _bill(random: Random, index: int, story: Story) -> BillPlan:
    source = Source.IMPORT
    if story in _BY_UNIT_ONLY or (
        story not in _BY_IMPORT_ONLY | _SCHOOL and random.random() < 0.35
    ):
        source = Source.UNIT
    if story in _SCHOOL:
        office = SCHOOL
    else:
        office = LAND if source is Source.UNIT else random.choice(OFFICES)
    coded = story in _WITH_CHECK_CODE or random.random() < 0.6
    return BillPlan(
        index=index,
        source=source,
        story=story,
        office=office,
        payer=people.payer(random, office),
        lines=people.charges(random, office),
        mobile=people.mobile(random) if story not in _SCHOOL else f"1300001{index:04d}",
        identity=people.identity_number(random),
        check_code=people.check_code(random) if coded else "",
        notify=source is Source.UNIT and random.random() < 0.85,
        bank=random.randrange(2),
    )


def import_file(bills: Iterable[BillPlan], today: date) -> str:
    """The import file (JSON lines) of bills."""
    return "".join(bill.as_line(today) + "\n" for bill in bills)
