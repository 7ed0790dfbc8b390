"""Making bills (缴款书), whoever asks for it; the rules stand in `billrules`.

Everything happens in the caller's transaction: pay codes (gap-free), bill and items, virtual
account, the note for the platform (5954), the journal row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from operator import attrgetter
from typing import Final

from ...codecs import format_yuan
from ...codecs.paycode import make as make_pay_code
from ...messages import PAY_INFO_BYTES, PayInfoEntry, Result, format_pay_info
from ..clock import add_days
from ..store import bill_sync, bills, catalogue, journal, serials, virtual_accounts
from ..store.entries import Item, VirtualPool
from ..store.protocol import Transaction
from ..store.records import Bill, BillItem, BillSource
from .billrules import BillRules, Knowledge, account_of, judge, learn
from .drafts import TAGS, BillDraft, BillRefused, Fault, wrong
from .standards import RANGE
from .validity import expiry

_ENDLESS: Final = "9900"
"""The year in which the validity of a bill is meant to have no end."""

AUTO: Final = "auto"
"""VirtualAcct of a draft that asks for any free virtual account."""

CONTENT: Final = {
    "region": "AdmDivCode",
    "bill_date": "BillDate",
    "unit_code": "ChgAgenCode",
    **{name: tag for name, tag in TAGS.items() if name not in {"region", "pay_code"}},
    "amt": "Amt",
    "ori_amt": "OriAmt",
    "delay_amt": "DelayAmt",
    "rec_acct_type": "RecAcctType",
    "rec_bank_no": "RecBankNo",
    "is_inter_bank": "IsInterBank",
    "crc_code": "CrcCode",
    "mobile": "MobilePhone",
    "payer_credit_code": "PayerCreditCode",
    "rec_credit_code": "RecCreditCode",
    "operator_code": "OperatorCode",
    "bill_type_code": "BillTypeCode",
    "bill_ver_code": "BillVerCode",
    "bill_no": "BillNo",
}
"""What makes the content of a bill: attribute (of draft and bill alike) and wire tag."""
_content: Final[Callable[[BillDraft], tuple[object, ...]]] = attrgetter(
    *CONTENT, "expiry_date", "virtual_acct", "notify", "education", "student", "id_number"
)
_entry_content: Final[Callable[[PayInfoEntry], tuple[object, ...]]] = attrgetter(
    "code", "name", "amount", "unit", "quantity", "standard_type", "standard"
)


@dataclass(frozen=True, slots=True)
class Making:
    """Who makes bills, when, and how: 8994, 8995, import or cli.

    `notify_node` gets the 5996 of bills that ask for it; '' is the node of the bill's unit.
    """

    source: BillSource
    maker: str
    at: int
    today: str
    notify_node: str = ""


# -- making ---------------------------------------------------------------------------------------


async def create(
    tx: Transaction, drafts: Sequence[BillDraft], rules: BillRules, making: Making
) -> list[Bill]:
    """Make bills of drafts, all or none. Raises BillRefused with every fault of every draft."""
    known = await learn(tx, drafts, rules, making.today)
    faults = [
        (position, fault)
        for position, draft in enumerate(drafts)
        for fault in judge(draft, known, rules)
    ]
    faults += await clashes(tx, drafts)
    if faults:
        raise BillRefused(sorted(faults, key=lambda found: found[0]))
    return await write(tx, drafts, rules, making, known)


async def clashes(tx: Transaction, drafts: Sequence[BillDraft]) -> list[tuple[int, Fault]]:
    """Drafts whose pay code is in the books already, or in the drafts more than once."""
    given = Counter(draft.pay_code for draft in drafts if draft.pay_code)
    if not given:
        return []
    there = await bills.existing(tx, list(given))
    faults = []
    for position, draft in enumerate(drafts):
        code = draft.pay_code
        if code in there:
            text = ("缴款码已存在", "is in the books already")
        elif given[code] > 1:
            text = ("缴款码重复", "stands more than once in what is to be made")
        else:
            continue
        faults.append((position, Fault("PayCode", Result.CONFLICT, *text, code)))
    return faults


async def write(
    tx: Transaction,
    drafts: Sequence[BillDraft],
    rules: BillRules,
    making: Making,
    known: Knowledge,
) -> list[Bill]:
    """Write judged drafts as bills. Raises BillRefused when a virtual account cannot be had."""
    codes = await _codes(tx, drafts, rules, making.today)
    virtual = await _virtual(tx, drafts, codes, rules, making)
    made: list[Bill] = []
    items: list[BillItem] = []
    filled: dict[PayInfoEntry, PayInfoEntry] = {}  # most bills of a file have the same few items
    for draft, code in zip(drafts, codes, strict=True):
        entries = []
        for entry in draft.items:
            if entry not in filled:
                filled[entry] = _filled(entry, known.items[entry.code])
            entries.append(filled[entry])
        made.append(
            _bill(
                draft,
                code,
                entries,
                virtual=virtual.get(code, ""),
                rules=rules,
                making=making,
                known=known,
            )
        )
        items += [_item(code, line, entry) for line, entry in enumerate(entries, 1)]
    await bills.insert_many(tx, made, items)
    for region in sorted({bill.region for bill in made}):
        told = [bill.pay_code for bill in made if bill.region == region]
        await bill_sync.note(tx, rules.told_of(region), told, making.at)
    await _journal(tx, made, making)
    return made


async def _codes(
    tx: Transaction, drafts: Sequence[BillDraft], rules: BillRules, today: str
) -> list[str]:
    """The drafts' pay codes: their own, else the next serials of their regions."""
    wanted = Counter(draft.region for draft in drafts if not draft.pay_code)
    fresh = {
        region: iter(await _assign(tx, region, today[2:4], rules.assigner, count))
        for region, count in sorted(wanted.items())
    }
    return [draft.pay_code or next(fresh[draft.region]) for draft in drafts]


async def _assign(tx: Transaction, region: str, year: str, assigner: str, count: int) -> list[str]:
    """COUNT new codes. A serial whose code came from outside before is that bill's, no gap."""
    codes: list[str] = []
    while len(codes) < count:
        scope = f"paycode:{region}:{year}:{assigner}"
        block = await serials.next_block(tx, scope, count - len(codes))
        made = [make_pay_code(region, year, assigner, serial) for serial in block]
        there = await bills.existing(tx, made)
        codes += [code for code in made if code not in there]
    return codes


def _filled(entry: PayInfoEntry, item: Item) -> PayInfoEntry:
    """An entry with what the catalogue knows where nothing is said."""
    if entry.standard_type and entry.unit:
        return entry
    standard = entry.standard
    if not entry.standard_type:
        standard = _standard(item)
    return replace(
        entry,
        unit=entry.unit or item.unit_of_measure,
        standard_type=entry.standard_type or item.standard_type or "不限制",
        standard=standard,
    )


def _standard(item: Item) -> str:
    """The standard as units were seen to write it: LOW-HIGH, 0.00-0.00 where nothing is limited."""
    if item.standard_type != RANGE:
        return "0.00-0.00"
    return f"{format_yuan(item.standard_low or 0)}-{format_yuan(item.standard_high or 0)}"


def _item(pay_code: str, line: int, entry: PayInfoEntry) -> BillItem:
    quantity = "" if entry.quantity is None else format(entry.quantity, "f")
    return BillItem(
        pay_code,
        line,
        entry.code,
        entry.name,
        entry.amount,
        entry.unit,
        quantity,
        entry.standard_type,
        entry.standard,
    )


def _bill(
    draft: BillDraft,
    code: str,
    entries: Sequence[PayInfoEntry],
    *,
    virtual: str,
    rules: BillRules,
    making: Making,
    known: Knowledge,
) -> Bill:
    number = draft.rec_acct or draft.rec_acct_real
    account = account_of(draft, number, known) if number and not draft.rec_name else None
    days = rules.validity_days
    return Bill(
        pay_code=code,
        region=draft.region,
        bill_date=draft.bill_date,
        unit_code=draft.unit_code,
        unit_name=draft.unit_name or known.units[draft.unit_code].name,
        payer_name=draft.payer_name,
        amt=draft.amt,
        ori_amt=draft.ori_amt,
        delay_amt=draft.delay_amt,
        source=making.source,
        maker=making.maker,
        created_at=making.at,
        changed_at=making.at,
        payer_type=draft.payer_type,
        payer_acct=draft.payer_acct,
        payer_op_bk=draft.payer_op_bk,
        rec_acct_type=draft.rec_acct_type or (account.acct_type if account else ""),
        rec_name=draft.rec_name or (account.name if account else ""),
        rec_acct=draft.rec_acct,
        rec_acct_real=draft.rec_acct_real,
        rec_op_bk=draft.rec_op_bk or (account.bank_name if account else ""),
        rec_bank_no=draft.rec_bank_no or (account.bank_no if account else ""),
        is_inter_bank=draft.is_inter_bank or ("0" if number else ""),
        pay_info=draft.pay_info or format_pay_info(entries, PAY_INFO_BYTES),
        memo=draft.memo,
        crc_code=draft.crc_code,
        mobile=draft.mobile,
        payer_credit_code=draft.payer_credit_code,
        rec_credit_code=draft.rec_credit_code,
        operator_code=draft.operator_code,
        operator_name=draft.operator_name,
        expiry_date=expiry(draft.bill_date, draft.expiry_date, days, rules.workdays),
        virtual_acct=virtual,
        face_to_face=draft.face_to_face,
        notify=draft.notify,
        notify_node=making.notify_node or rules.notify_node(draft) if draft.notify else "",
        content_digest=digest(draft),
        bill_type_code=draft.bill_type_code,
        bill_ver_code=draft.bill_ver_code,
        bill_no=draft.bill_no,
        education=draft.education,
        student=draft.student,
        id_number=draft.id_number,
        school=draft.school,
        class_name=draft.class_name,
        hold1=draft.hold1,
        hold2=draft.hold2,
    )


async def _virtual(
    tx: Transaction,
    drafts: Sequence[BillDraft],
    codes: Sequence[str],
    rules: BillRules,
    making: Making,
) -> dict[str, str]:
    """Virtual accounts by pay code, for the drafts that ask for one or whose pool gives always.

    Numbers whose time is over are freed first: only here does anybody want a free one.
    """
    pools = await catalogue.entries(tx, VirtualPool)
    always = any(pool.allocate == "always" for pool in pools)
    given: dict[str, str] = {}
    for position, (draft, code) in enumerate(zip(drafts, codes, strict=True)):
        own_account = draft.rec_acct or draft.rec_acct_real
        if not draft.virtual_acct and (own_account or not always):
            continue
        if not given:
            await virtual_accounts.free_ended(tx, making.today)
        number = await _take(tx, draft, code, pools, rules=rules, making=making)
        if number:
            given[code] = number
        elif draft.virtual_acct:
            fault = wrong("VirtualAcct", "没有可用的虚拟账号", "no such virtual account is free")
            raise BillRefused([(position, fault)])
    return given


async def _take(
    tx: Transaction,
    draft: BillDraft,
    code: str,
    pools: Sequence[VirtualPool],
    *,
    rules: BillRules,
    making: Making,
) -> str:
    """A virtual account for a bill, '' when none is free."""
    last = expiry(draft.bill_date, draft.expiry_date, rules.validity_days, rules.workdays)

    def free_after(pool: VirtualPool | None) -> str:
        if pool is None or not last or last >= _ENDLESS:
            return ""
        return add_days(max(last, making.today), pool.release_days)

    if draft.virtual_acct and draft.virtual_acct != AUTO:
        number = draft.virtual_acct
        after = free_after(await virtual_accounts.pool_of(tx, number))
        taken = await virtual_accounts.take(tx, number, code, at=making.at, free_after=after)
        return number if taken else ""
    accounts = await catalogue.collection_accounts(tx, draft.region, making.today)
    order = {account.acct_no: (not account.is_default, account.acct_no) for account in accounts}
    fitting = [
        pool
        for pool in pools
        if pool.acct_no in order and (draft.virtual_acct or pool.allocate == "always")
    ]
    for pool in sorted(fitting, key=lambda pool: order[pool.acct_no]):
        taken_number = await virtual_accounts.allocate(
            tx, pool.bank_code, code, at=making.at, free_after=free_after(pool)
        )
        if taken_number:
            return taken_number
    return ""


async def _journal(tx: Transaction, made: Sequence[Bill], making: Making) -> None:
    """A row for one bill; one for a whole import, with a digest over all of its bills."""
    if len(made) == 1:
        bill = made[0]
        facts: dict[str, journal.Fact] = {
            "ChgAgenCode": bill.unit_code,
            "BillDate": bill.bill_date,
            "Amt": bill.amt,
            "source": bill.source,
            "digest": bill.content_digest,
        }
        kind, subject = "bill.made", bill.pay_code
    else:
        whole = sha256()
        for bill in made:
            whole.update(f"{bill.pay_code}:{bill.content_digest};".encode())
        facts = {
            "count": len(made),
            "Amt": sum(bill.amt for bill in made),
            "first": made[0].pay_code,
            "last": made[-1].pay_code,
            "digest": whole.hexdigest(),
        }
        kind, subject = "bill.imported", f"import:{whole.hexdigest()[:16]}"
    await journal.append(
        tx, at=making.at, kind=kind, subject=subject, actor=making.maker, facts=facts
    )


# -- the same bill again ------------------------------------------------------------------------


def digest(draft: BillDraft) -> str:
    """SHA-256 over the content of a bill that was asked for, in hex."""
    parts: list[object] = [*_content(draft)]
    for entry in draft.items:
        parts += _entry_content(entry)
    return sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()


def difference(draft: BillDraft, bill: Bill) -> str:
    """The wire tag of the first field in which a repeated bill differs; '' for the same content."""
    if digest(draft) == bill.content_digest:
        return ""
    for name, tag in CONTENT.items():
        if getattr(draft, name) != getattr(bill, name):
            return tag
    return "PayInfo"
