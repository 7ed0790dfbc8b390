"""Balances of supervised unit accounts (单位监管账户): 2581 (spec: messages).

A day of an account is kept as its bank told it first. The same again is a success, also beside
accounts that are new; another content for a day that is known is refused and changes nothing.
"""

from __future__ import annotations

from ...messages import Result
from ...messages.statements import SupervisedBalance, SupervisedBalances
from ..peers import Peer
from ..store import MAX_FEN, catalogue, journal, supervised
from ..store.protocol import Transaction
from ..store.supervised import Balance, Movement
from .transfers import Fault
from .verdict import Verdict

_IN, _OUT = "1", "2"
_COMPARED = (
    ("ChgAgenCode", "unit_code"),
    ("BeginBal", "begin_bal"),
    ("InAmt", "in_amt"),
    ("OutAmt", "out_amt"),
    ("EndBal", "end_bal"),
)
_COMPARED_LINES = (
    ("TraNo", "tra_no"),
    ("DcFlag", "dc_flag"),
    ("Amt", "amt"),
    ("OppName", "opp_name"),
    ("AddWord", "add_word"),
)


def check(message: SupervisedBalances) -> Fault | None:
    """What the message alone shows to be wrong: sums, accounts told twice."""
    seen: dict[str, int] = {}
    for number, detail in enumerate(message.DetailList, 1):
        first = seen.setdefault(detail.AcctNo, number)
        if first != number:
            return _wrong(number, "AcctNo", f"与第{first}条明细重复")
        amounts = (detail.BeginBal, detail.InAmt, detail.OutAmt, detail.EndBal)
        if max(amounts) > MAX_FEN:
            return _wrong(number, "EndBal", "金额超过10万亿元")
        if detail.BeginBal + detail.InAmt - detail.OutAmt != detail.EndBal:
            return _wrong(number, "EndBal", "期初余额+收入-支出与余额不一致")
        if not detail.LineList:
            continue  # the movements may be left out
        for tag, flag, total in (("InAmt", _IN, detail.InAmt), ("OutAmt", _OUT, detail.OutAmt)):
            if sum(line.Amt for line in detail.LineList if line.DcFlag == flag) != total:
                return _wrong(number, tag, "与流水合计不一致")
    return None


async def receive(tx: Transaction, peer: Peer, message: SupervisedBalances, at: int) -> Verdict:
    """Take the balances that `check` has passed: all of them, or none."""
    day, region = message.CheckDate, message.AdmDivCode
    if region not in peer.regions:
        return Verdict(Result.BAD_PARAMETER, "AdmDivCode: 该节点不服务此区划")
    new: list[tuple[int, SupervisedBalance]] = []
    for number, detail in enumerate(message.DetailList, 1):
        stored = await supervised.get(tx, peer.code, detail.AcctNo, day)
        if stored is None:
            new.append((number, detail))
            continue
        tag = await _difference(tx, detail, stored)
        if tag:
            return await _contradicts(tx, peer, stored, f"{_place(number)}/{tag}", at)
    notes: list[str] = []
    for number, detail in new:
        if not await _is_supervised(tx, peer, detail, region, day):
            text = f"{_place(number)}/AcctNo: 不是该单位在本行的监管账户"
            return Verdict(Result.NO_UNIT_ACCOUNT, text, region=region)
    for _, detail in new:
        notes += await _gap(tx, peer, detail, day)
        await _keep(tx, peer, detail, message, at)
    return Verdict(
        Result.SUCCESS,
        changed=bool(new),
        replayed=not new,
        subject=f"{peer.code}:{day}",
        notes=tuple(notes),
        region=region,
    )


async def _is_supervised(
    tx: Transaction, peer: Peer, detail: SupervisedBalance, region: str, day: str
) -> bool:
    """Whether the catalogue has the account as the unit's at the sending bank on that day."""
    entries = await catalogue.account(tx, detail.AcctNo, day)
    wanted = ("supervised", region, detail.ChgAgenCode, peer.bank_code)
    return any(
        (entry.purpose, entry.region, entry.unit_code, entry.bank_code) == wanted
        for entry in entries
    )


async def _gap(tx: Transaction, peer: Peer, detail: SupervisedBalance, day: str) -> list[str]:
    """A remark when the day does not begin with the end of the last one that is known."""
    last = await supervised.before(tx, peer.code, detail.AcctNo, day)
    if last is None or last.end_bal == detail.BeginBal:
        return []
    return [f"unit {detail.ChgAgenCode}: does not begin with the balance of {last.check_date}"]


async def _keep(
    tx: Transaction, peer: Peer, detail: SupervisedBalance, message: SupervisedBalances, at: int
) -> None:
    balance = Balance(
        id=0,
        src=peer.code,
        check_date=message.CheckDate,
        acct_no=detail.AcctNo,
        region=message.AdmDivCode,
        unit_code=detail.ChgAgenCode,
        begin_bal=detail.BeginBal,
        in_amt=detail.InAmt,
        out_amt=detail.OutAmt,
        end_bal=detail.EndBal,
        received_at=at,
    )
    balance_id = await supervised.insert(tx, balance)
    await supervised.insert_movements(tx, _movements(balance_id, detail))
    await _journal(tx, "supervised.received", balance, at)


def _movements(balance_id: int, detail: SupervisedBalance) -> list[Movement]:
    return [
        Movement(balance_id, n, line.TraNo, line.DcFlag, line.Amt, line.OppName, line.AddWord)
        for n, line in enumerate(detail.LineList, 1)
    ]


async def _difference(tx: Transaction, detail: SupervisedBalance, stored: Balance) -> str:
    """The tag in which a repeated day differs, '' for the same content."""
    for tag, name in _COMPARED:
        if getattr(detail, tag) != getattr(stored, name):
            return tag
    known = await supervised.movements(tx, stored.id)
    told = _movements(stored.id, detail)
    for one, other in zip(told, known, strict=False):
        for tag, name in _COMPARED_LINES:
            if getattr(one, name) != getattr(other, name):
                return f"LineList/Line[{one.line}]/{tag}"
    return "" if len(told) == len(known) else "LineList"


async def _contradicts(tx: Transaction, peer: Peer, stored: Balance, path: str, at: int) -> Verdict:
    await _journal(tx, "supervised.contradicted", stored, at)
    return Verdict(
        Result.CONFLICT,
        f"{path}: 与已登记的收支余不一致",
        changed=True,
        subject=f"{peer.code}:{stored.check_date}",
        region=stored.region,
    )


async def _journal(tx: Transaction, kind: str, balance: Balance, at: int) -> None:
    await journal.append(
        tx,
        at=at,
        kind=kind,
        subject=f"supervised:{balance.unit_code}:{balance.check_date}",
        actor=balance.src,
        facts={
            "BeginBal": balance.begin_bal,
            "InAmt": balance.in_amt,
            "OutAmt": balance.out_amt,
            "EndBal": balance.end_bal,
        },
    )


def _place(number: int) -> str:
    return f"DetailList/Detail[{number}]"


def _wrong(number: int, tag: str, text: str) -> Fault:
    return Fault(f"{_place(number)}/{tag}", Result.BAD_PARAMETER, text)
