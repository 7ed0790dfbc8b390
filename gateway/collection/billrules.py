"""The rules of a bill (spec: business, section 1), in one place for 8994, 8995, import and CLI.

`judge` is a function of a draft, of what the books know (`Knowledge`) and of what the site decides
(`BillRules`); the first fault is the one that is answered on the wire, imports show all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from ...codecs import RemoteProtocolError, Sensitive, format_yuan, is_date, mask, shown
from ...codecs.paycode import Policy
from ...codecs.paycode import check as check_pay_code
from ...messages import Result
from ..clock import add_days
from ..config import Config
from ..store import MAX_FEN, bills, catalogue, slips, stockuses
from ..store.entries import Account, Item, Unit, UnitItem
from ..store.protocol import Transaction
from ..workdays import Workdays
from .drafts import TAGS, BillDraft, Fault, wrong
from .standards import RANGE, EntryError, check, outside, total

SUBJECT: Final = "3"
"""RecAcctType 科目: there is no account."""


_draft_texts: Final[Callable[[BillDraft], tuple[str, ...]]] = attrgetter(*TAGS)


@dataclass(frozen=True, slots=True)
class BillRules:
    """What a site decides about bills (configuration).

    `scope` are the units that whoever makes bills may act for; empty: all.
    """

    config: Config
    scope: frozenset[str] = frozenset()

    @property
    def workdays(self) -> Workdays:
        """The site's working days."""
        return self.config.collection.workdays()

    @property
    def validity_days(self) -> int | None:
        """Validity of a bill without ExpiryDate; None: no end."""
        return self.config.collection.default_validity_days

    @property
    def assigner(self) -> str:
        """Assigning part of the pay codes that we make."""
        return self.config.collection.assigning_unit

    def policy(self, assigner: str) -> Policy:
        """How strictly the check digit of a code with this assigning part is taken."""
        return Policy(self.config.collection.check_digit_policy(assigner))

    def told_of(self, region: str) -> tuple[str, ...]:
        """The peers that are told of a region's bills (5954)."""
        return tuple(
            peer.code
            for peer in self.config.peers
            if peer.sync_bills and peer.enabled and region in peer.regions
        )

    def notify_node(self, draft: BillDraft) -> str:
        """The node that may bill for the draft's unit, '' when there is none."""
        for peer in self.config.peers:
            if draft.unit_code in peer.units and peer.kind == "unit" and peer.enabled:
                return peer.code
        return ""


@dataclass(slots=True)
class Knowledge:
    """What the books know about the units, items and accounts that drafts name."""

    units: dict[str, Unit] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    rights: dict[tuple[str, str], list[UnitItem]] = field(default_factory=dict)
    accounts: dict[str, list[Account]] = field(default_factory=dict)
    over_limit: dict[str, int] = field(default_factory=dict)
    """Units with unpaid bills older than so many days (16006)."""
    late_slips: dict[str, int] = field(default_factory=dict)
    """Units with detail slips (集中汇缴明细单) that are not remitted after so many days (16006)."""
    void_paper: dict[str, int] = field(default_factory=dict)
    """Units with void paper bills that are not returned (缴回) after so many days (16006)."""


async def learn(
    tx: Transaction, drafts: Iterable[BillDraft], rules: BillRules, today: str
) -> Knowledge:
    """What the books know about all that the drafts name, read once for all of them."""
    units: set[str] = set()
    items: set[str] = set()
    accounts: set[str] = set()
    for draft in drafts:
        units.add(draft.unit_code)
        items.update(entry.code for entry in draft.items)
        accounts.update((draft.rec_acct, draft.rec_acct_real))
    known = Knowledge()
    for code in sorted(units):
        unit = await catalogue.unit(tx, code)
        if unit is None:
            continue
        known.units[code] = unit
        for right in await catalogue.rights_of(tx, code):
            known.rights.setdefault((code, right.item_code), []).append(right)
        days = rules.config.controls.limits(code).unpaid_bill_days
        if days is not None and await bills.unpaid_before(tx, code, add_days(today, -days)):
            known.over_limit[code] = days
        days = rules.config.controls.limits(code).unremitted_slip_days
        if days is not None and await slips.unpaid_before(tx, code, add_days(today, -days)):
            known.late_slips[code] = days
        days = rules.config.controls.limits(code).void_paper_bill_days
        if days is not None and await stockuses.void_before(tx, code, add_days(today, -days)):
            known.void_paper[code] = days
    for code in sorted(items):
        item = await catalogue.item(tx, code)
        if item is not None:
            known.items[code] = item
    for number in sorted(accounts - {""}):
        known.accounts[number] = await catalogue.account(tx, number, today)
    return known


def judge(draft: BillDraft, known: Knowledge, rules: BillRules) -> Iterator[Fault]:
    """The faults of a draft, in the order in which the wire answers them."""
    yield from _form(draft, rules)
    if rules.scope and draft.unit_code not in rules.scope:
        yield Fault(
            "ChgAgenCode",
            Result.NO_UNIT_RIGHT,
            Result.NO_UNIT_RIGHT.meaning,
            "the operator may not act for this unit",
            shown(draft.unit_code),
        )
    yield from _unit(draft, known)
    yield from _items(draft, known)
    yield from _account(draft, known)
    yield from _sums(draft)
    yield from _limits(draft, known)


def _limits(draft: BillDraft, known: Knowledge) -> Iterator[Fault]:
    """What blocks the unit (16006)."""
    if draft.unit_code in known.over_limit:
        days = known.over_limit[draft.unit_code]
        yield Fault(
            "ChgAgenCode",
            Result.UNIT_BLOCKED,
            f"有{days}天以上未缴款的缴款书,暂停开票",
            f"the unit has bills that are unpaid for more than {days} days: no new bills",
            draft.unit_code,
        )
    if draft.unit_code in known.late_slips:
        days = known.late_slips[draft.unit_code]
        yield Fault(
            "ChgAgenCode",
            Result.UNIT_BLOCKED,
            f"有{days}天以上未汇缴的明细单,暂停开票",
            f"the unit has slips that are not remitted for more than {days} days: no new bills",
            draft.unit_code,
        )
    if draft.unit_code in known.void_paper:
        days = known.void_paper[draft.unit_code]
        yield Fault(
            "ChgAgenCode",
            Result.UNIT_BLOCKED,
            f"有{days}天以上未缴回的作废票据,暂停开票",
            f"the unit has void paper bills not returned for more than {days} days: no new bills",
            draft.unit_code,
        )


def _form(draft: BillDraft, rules: BillRules) -> Iterator[Fault]:
    """What needs no look into the books."""
    if draft.pay_code:
        try:
            check_pay_code(draft.pay_code, rules.policy)
        except RemoteProtocolError:
            yield wrong(
                "PayCode", "缴款识别码校验位错误", "has a wrong check digit", draft.pay_code
            )
    if draft.region not in rules.config.node.regions:
        yield wrong("AdmDivCode", "不是本节点的行政区划", "is no region of this node", draft.region)
    if not is_date(draft.bill_date):
        yield wrong("BillDate", "不是有效日期", "is no date", shown(draft.bill_date))
    if draft.expiry_date and draft.expiry_date < draft.bill_date:
        yield wrong("ExpiryDate", "早于填制日期", "is earlier than BillDate", draft.expiry_date)
    for tag, amount in (("OriAmt", draft.ori_amt), ("Amt", draft.amt)):
        if not 0 < amount <= MAX_FEN:
            yield wrong(
                tag,
                "金额应大于0且不超过10万亿元",
                "must be above 0 and at most 10,000,000,000,000 yuan",
                format_yuan(amount),
            )
    if not 0 <= draft.delay_amt <= MAX_FEN:
        yield wrong("DelayAmt", "金额不能为负数", "must not be negative")
    yield from _texts(draft)


def _texts(draft: BillDraft) -> Iterator[Fault]:
    """Every text must be writable in GBK; the character is named, the text is not."""
    texts = list(_draft_texts(draft))
    for item in draft.items:
        texts += (item.name, item.unit, item.standard)
    joined = "".join(texts)
    try:
        joined.encode("gbk")
    except UnicodeEncodeError:
        names = [*TAGS.values(), *("PayInfo" for _ in texts[len(TAGS) :])]
        for tag, text in zip(names, texts, strict=True):
            try:
                text.encode("gbk")
            except UnicodeEncodeError as error:
                character = text[error.start]
                code = f"U+{ord(character):04X}"
                yield wrong(
                    tag,
                    f"第{error.start + 1}个字符({code})不在GBK字符集内",
                    f"character {error.start + 1} ({character!r}, {code}) is not in GBK",
                )


def _unit(draft: BillDraft, known: Knowledge) -> Iterator[Fault]:
    unit = known.units.get(draft.unit_code)
    if unit is None or not catalogue.holds(unit, draft.bill_date):
        yield Fault(
            "ChgAgenCode",
            Result.NO_UNIT_RIGHT,
            "执收单位不存在或不在有效期内",
            "is no unit of the catalogue on BillDate",
            shown(draft.unit_code),
        )
    elif unit.region != draft.region:
        yield wrong(
            "AdmDivCode", "与执收单位的区划不一致", "is not the unit's region", draft.region
        )


def _items(draft: BillDraft, known: Knowledge) -> Iterator[Fault]:
    if not draft.items:
        yield wrong("PayInfo", "没有收入项目", "names no item")
    for number, entry in enumerate(draft.items, 1):
        try:
            check(entry, number)
        except EntryError as contradiction:
            yield wrong("PayInfo", contradiction.chinese, contradiction.english)
            continue
        item = known.items.get(entry.code)
        rights = known.rights.get((draft.unit_code, entry.code), ())
        day = draft.bill_date
        if (
            item is None
            or not catalogue.holds(item, day)
            or not any(catalogue.holds(right, day) for right in rights)
        ):
            yield Fault(
                "PayInfo",
                Result.NO_ITEM_RIGHT,
                f"第{number}项: {Result.NO_ITEM_RIGHT.meaning}",
                f"entry {number}: the unit may not charge this item on BillDate",
                shown(entry.code),
            )
        elif item.standard_type == RANGE:
            low, high = item.standard_low or 0, item.standard_high
            if entry.amount < low or (high is not None and entry.amount > high):
                error = outside(number, low, high)
                yield wrong("PayInfo", error.chinese, error.english, format_yuan(entry.amount))


def _account(draft: BillDraft, known: Knowledge) -> Iterator[Fault]:
    named = [number for number in (draft.rec_acct, draft.rec_acct_real) if number]
    if not named and (draft.rec_acct_type == SUBJECT or not draft.rec_acct_type):
        return
    if not any(account_of(draft, number, known) for number in named):
        yield Fault(
            "RecAcct",
            Result.WRONG_ACCOUNT,
            "不是该区划的收款账户",
            "is no account of the region",
            mask(Sensitive.ACCOUNT, named[0]) if named else "",
        )


def account_of(draft: BillDraft, number: str, known: Knowledge) -> Account | None:
    """The account of the draft's region (or of its unit) that has a number."""
    for account in known.accounts.get(number, ()):
        if account.region == draft.region and account.unit_code in {"", draft.unit_code}:
            return account
    return None


def _sums(draft: BillDraft) -> Iterator[Fault]:
    whole = draft.ori_amt + draft.delay_amt
    if draft.amt != whole:
        yield Fault(
            "Amt",
            Result.ITEMS_SUM,
            f"缴款金额不等于缴款书金额加滞纳金{format_yuan(whole)}",
            f"is not OriAmt + DelayAmt, which is {format_yuan(whole)}",
            format_yuan(draft.amt),
        )
    items = total(draft.items)
    if draft.items and items != draft.ori_amt:
        yield Fault(
            "OriAmt",
            Result.ITEMS_SUM,
            f"与项目金额合计{format_yuan(items)}不符",
            f"differs from the sum of the items, which is {format_yuan(items)}",
            format_yuan(draft.ori_amt),
        )
