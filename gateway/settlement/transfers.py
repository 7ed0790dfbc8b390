"""Batches of collected payments that were moved to another bank: 2613 (spec: business, 5).

A batch names payments that the books have, of its sender, each in one living batch only. It is
idempotent by its BatchNo and by its TraNo; what contradicts the batch that stands is refused.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ...messages import RecAcctType, Result
from ...messages.transfer import InterbankTransfer, TransferDetail
from ..peers import Peer
from ..store import MAX_FEN, arrivals, bills, journal, transfers
from ..store.arrivals import Arrival
from ..store.protocol import Transaction
from ..store.records import Payment
from ..store.transfers import Transfer
from .acting import Acting, SettlementRefused
from .reporters import may_report_to
from .verdict import Verdict

GATEWAY: Final = "gateway"

# What a repeated batch must say again, by its tags.
_COMPARED: Final = (
    ("BatchNo", "batch_no"),
    ("TraNo", "tra_no"),
    ("TraDate", "tra_date"),
    ("Amt", "amt"),
    ("Count", "count"),
    ("RecAcctType", "rec_acct_type"),
    ("RecAcct", "rec_acct"),
    ("RecName", "rec_name"),
    ("RecOpBk", "rec_op_bk"),
    ("RecOpBkNo", "rec_op_bk_no"),
    ("PayerName", "payer_name"),
    ("PayerAcct", "payer_acct"),
)


class Fault(NamedTuple):
    """What is wrong with a message: the tag's path, the code, the text for the peer."""

    path: str
    result: Result
    text: str

    @property
    def information(self) -> str:
        """The text of the answer."""
        return f"{self.path}: {self.text}"


def check(message: InterbankTransfer) -> Fault | None:
    """What the message alone shows to be wrong: amounts, sums, repeated details."""
    if not 0 < message.Amt <= MAX_FEN:
        return Fault("Amt", Result.BAD_PARAMETER, "划转金额应大于0且不超过10万亿元")
    if not message.RecAcct and message.RecAcctType != RecAcctType.SUBJECT:
        return Fault("RecAcct", Result.BAD_PARAMETER, "收款人账号不能为空")
    seen: dict[tuple[str, str], int] = {}
    for line, detail in enumerate(message.DetailList, 1):
        if detail.Amt <= 0:
            return Fault(_path(line, "Amt"), Result.BAD_PARAMETER, "金额应大于0")
        first = seen.setdefault((detail.PayCode, detail.TraNoBus), line)
        if first != line:
            text = f"与第{first}条明细重复"
            return Fault(_path(line, "TraNoBus"), Result.BAD_PARAMETER, text)
    if message.Count != len(message.DetailList):
        return Fault("Count", Result.BAD_PARAMETER, f"与明细条数{len(message.DetailList)}不一致")
    if message.Amt != sum(detail.Amt for detail in message.DetailList):
        return Fault("Amt", Result.BAD_PARAMETER, "与明细金额合计不一致")
    return None


async def receive(tx: Transaction, peer: Peer, message: InterbankTransfer, at: int) -> Verdict:
    """Take a batch that `check` has passed, or say what is wrong with it."""
    known = await transfers.named(tx, peer.code, message.BatchNo, message.TraNo)
    if known:
        return await _again(tx, known[0], message, at)
    if not await may_report_to(tx, peer, message.RecAcctType, message.RecAcct, message.TraDate):
        return Verdict(Result.ACCOUNT_DIFFERS, "RecAcct: 收款账户不是财政已知的账户")
    found: list[Payment] = []
    region = ""
    for line, detail in enumerate(message.DetailList, 1):
        payment, fault = await _payment(tx, peer, detail, line)
        if payment is None or fault is not None:
            assert fault is not None  # noqa: S101 - one of the two is always there
            return Verdict(fault.result, fault.information)
        found.append(payment)
        if not region:
            bill = await bills.face(tx, detail.PayCode)
            region = bill.region if bill else ""
    transfer = _transfer(peer, message, at)
    transfer_id = await transfers.insert(tx, transfer, [payment.id for payment in found])
    await _journal(tx, "transfer.received", transfer, peer.code, at)
    notes = await _early(tx, transfer_id, at)
    return Verdict(
        Result.SUCCESS, changed=True, subject=message.BatchNo, notes=notes, region=region
    )


async def _payment(
    tx: Transaction, peer: Peer, detail: TransferDetail, line: int
) -> tuple[Payment | None, Fault | None]:
    """The payment that a detail names, or what is wrong with it."""
    bill = await bills.face(tx, detail.PayCode)
    if bill is None or bill.region not in peer.regions:
        return None, Fault(_path(line, "PayCode"), Result.NO_SUCH_BILL, "缴款码不存在")
    found = await transfers.confirmed(tx, detail.PayCode, peer.code, detail.TraNoBus)
    if not found:
        # No code of the tables says it. The confirmation may be on its way: ask again later.
        text = "没有该流水号的缴款确认"
        return None, Fault(_path(line, "TraNoBus"), Result.FAILURE, text)
    payment = found[0]
    if payment.duplicate:
        text = "重复缴款待退付,不能划转"
        return None, Fault(_path(line, "PayCode"), Result.DUPLICATE_PAYMENT, text)
    if payment.amt != detail.Amt:
        text = "金额与缴款确认不一致"
        return None, Fault(_path(line, "Amt"), Result.AMOUNT_DIFFERS, text)
    batch = await transfers.batch_of(tx, payment.id)
    if batch is not None:
        text = f"该笔缴款已在划转批次{batch}中"
        return None, Fault(_path(line, "TraNoBus"), Result.CONFLICT, text)
    return payment, None


async def _again(tx: Transaction, stored: Transfer, message: InterbankTransfer, at: int) -> Verdict:
    """A number that the books have: the same batch, or one that contradicts it."""
    tag = next(
        (tag for tag, name in _COMPARED if getattr(message, tag) != getattr(stored, name)), ""
    )
    if not tag:
        tag = _other_detail(message, await transfers.payments_of(tx, stored.id))
    if not tag:
        return Verdict(Result.SUCCESS, replayed=True, subject=stored.batch_no)
    await _journal(tx, "transfer.contradicted", stored, stored.src, at)
    return Verdict(
        Result.CONFLICT,
        f"{tag}: 与已登记的划转不一致",
        changed=True,
        subject=stored.batch_no,
        notes=(f"contradicts batch {stored.batch_no} in {tag}",),
    )


def _other_detail(message: InterbankTransfer, stored: list[Payment]) -> str:
    """The first detail that the stored batch does not have, in whatever order."""
    known = {(payment.pay_code, payment.tra_no_bus): payment.amt for payment in stored}
    for line, detail in enumerate(message.DetailList, 1):
        amt = known.get((detail.PayCode, detail.TraNoBus))
        if amt is None:
            return _path(line, "PayCode")
        if amt != detail.Amt:
            return _path(line, "Amt")
    return ""


# -- arrival ------------------------------------------------------------------------------------


async def batch_of_arrival(tx: Transaction, arrival: Arrival) -> tuple[Transfer | None, str]:
    """The batch whose money an arrival is, or why it is none.

    BatchNo is the sender's number, and several nodes may use one: account and amount decide. Money
    of a batch arrives in one sum equal to its Amt.
    """
    named = await transfers.under_way(tx, arrival.batch_no)
    if not named:
        return None, "no such batch is under way"
    on_account = [transfer for transfer in named if _same_account(transfer, arrival)]
    if not on_account:
        return None, "the batch went to another account"
    fitting = [transfer for transfer in on_account if transfer.amt == arrival.amt]
    if not fitting:
        return None, "the batch has another amount"
    if len(fitting) > 1:
        return None, "several batches have the number and amount"
    return fitting[0], ""


def _same_account(transfer: Transfer, arrival: Arrival) -> bool:
    if transfer.rec_acct:
        return transfer.rec_acct == arrival.rec_acct
    return transfer.rec_acct_type == arrival.rec_acct_type  # 科目


async def batch_arrived(
    tx: Transaction, transfer: Transfer, arrival_id: int, date: str, at: int
) -> tuple[str, ...]:
    """The money of a batch has arrived: so has that of its payments. Returns remarks."""
    marked = await transfers.arrived(tx, transfer, date, arrival_id, at=at)
    await journal.append(
        tx,
        at=at,
        kind="transfer.arrived",
        subject=transfer.batch_no,
        actor=GATEWAY,
        facts={
            "SRC": transfer.src,
            "Amt": transfer.amt,
            "Count": transfer.count,
            "ArrDate": date,
            "arrival": arrival_id,
            "arrived_before": transfer.count - marked,
        },
    )
    if marked == transfer.count:
        return ()
    return (f"money of {transfer.count - marked} payments had arrived before",)


async def _early(tx: Transaction, transfer_id: int, at: int) -> tuple[str, ...]:
    """The money of a new batch may have been reported before the batch was."""
    transfer = await transfers.get(tx, transfer_id)
    assert transfer is not None  # noqa: S101 - it was written a moment ago
    for arrival in await arrivals.unidentified_of_batch(tx, transfer.batch_no):
        if (await batch_of_arrival(tx, arrival))[0] != transfer:
            continue
        await arrivals.end(
            tx,
            arrival.id,
            "identified",
            actor=GATEWAY,
            reason="the batch was reported after its money",
            at=at,
            transfer_id=transfer.id,
        )
        notes = await batch_arrived(tx, transfer, arrival.id, arrival.arr_date, at)
        return ("its money had been reported before", *notes)
    return ()


# -- cancelling -----------------------------------------------------------------------------------


async def cancel(tx: Transaction, src: str, batch_no: str, reason: str, acting: Acting) -> Transfer:
    """The money of a batch came back to its sender: its payments may be in another batch.

    Raises SettlementRefused.
    """
    known = [
        transfer
        for transfer in await transfers.named(tx, src, batch_no, "")
        if transfer.batch_no == batch_no
    ]
    if not known:
        raise SettlementRefused(
            f"there is no batch {batch_no} of {src}",
            "see `nontax arrival transfers`",
            wrong_input=True,
        )
    transfer = known[0]
    if acting.units:
        raise SettlementRefused(
            f"{acting.name} may act for some units only, a batch is nobody's",
            "name an operator without units",
        )
    if not await transfers.cancel(tx, transfer.id, at=acting.at):
        raise SettlementRefused(f"the batch is {transfer.state}: nothing is under way")
    await journal.append(
        tx,
        at=acting.at,
        kind="transfer.cancelled",
        subject=batch_no,
        actor=acting.name,
        facts={"SRC": src, "Amt": transfer.amt, "Count": transfer.count, "reason": reason},
    )
    return transfer


def _transfer(peer: Peer, message: InterbankTransfer, at: int) -> Transfer:
    return Transfer(
        id=0,
        src=peer.code,
        batch_no=message.BatchNo,
        tra_date=message.TraDate,
        tra_no=message.TraNo,
        payer_name=message.PayerName,
        payer_acct=message.PayerAcct,
        rec_acct_type=message.RecAcctType,
        rec_name=message.RecName,
        rec_acct=message.RecAcct,
        rec_op_bk=message.RecOpBk,
        rec_op_bk_no=message.RecOpBkNo,
        amt=message.Amt,
        count=message.Count,
        state="sent",
        received_at=at,
        changed_at=at,
    )


async def _journal(tx: Transaction, kind: str, transfer: Transfer, actor: str, at: int) -> None:
    await journal.append(
        tx,
        at=at,
        kind=kind,
        subject=transfer.batch_no,
        actor=actor,
        facts={
            "TraNo": transfer.tra_no,
            "TraDate": transfer.tra_date,
            "Amt": transfer.amt,
            "Count": transfer.count,
        },
    )


def _path(line: int, tag: str) -> str:
    return f"DetailList/Detail[{line}]/{tag}"
