"""What each message does: one small class per message number, all under the contract of `base`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..collection.booking import Booking, NoticeTexts
from ..collection.lookups import Lookups
from ..collection.rules import ConfirmRules
from ..config import Config
from ..einvoicing.service import EInvoiceService
from ..outbox import Enqueuer
from ..peers import PeerDirectory
from ..tokens import Sealer
from .arrivals import (
    ReceiveBalances,
    ReceiveFunds,
    ReceiveInTransit,
    ReceiveTransfer,
    ReceiveVirtual,
)
from .base import Flow
from .basedata import ReceiveAccountsReceipt
from .clearing import ReceiveClearingResult
from .confirm import ConfirmPayment
from .debits import ReceiveDebitResult
from .education import QuerySchoolBills, QuerySchoolBills2697
from .invoice import HandOutInvoice, IssueInvoice, ReserveNumber
from .link import AnswerLinkTest, ReceiveNotice
from .paper import ChangeIntoPaper
from .query import QueryDue, UnitQueryDue
from .remittance import ReceiveRemittanceResult
from .results import ReceiveRefundResult
from .statements import ReceiveAccount, ReceiveArrivedFunds, ReceivePayments
from .token import ChangeToken
from .unitbill import ReceivePaperBill, ReceiveUnitBill


@dataclass(frozen=True, slots=True)
class FlowParts:
    """What flows are made of."""

    config: Config
    peers: PeerDirectory
    sealer: Sealer
    booking: Booking
    rules: ConfirmRules
    einvoices: EInvoiceService | None = None


def flow_parts(
    config: Config,
    peers: PeerDirectory,
    sealer: Sealer,
    outbox: Enqueuer,
    einvoices: EInvoiceService | None = None,
) -> FlowParts:
    """The parts as a configuration says; without `einvoices` there are no 8981 and 8982."""
    collection = config.collection
    texts = NoticeTexts(collection.notify_outlet, collection.notify_operator)
    return FlowParts(
        config=config,
        peers=peers,
        sealer=sealer,
        booking=Booking(outbox, texts, peers.told_of_bills),
        rules=ConfirmRules(
            auto_refund_paymodes=frozenset(collection.auto_refund_paymodes),
            must_be_queried=collection.check_query_before_confirm,
            must_be_queried_that_day=collection.check_query_date,
        ),
        einvoices=einvoices,
    )


def make_flows(parts: FlowParts) -> dict[str, Flow[Any]]:
    """Every flow by the number of its message."""
    lookups = Lookups()
    flows: tuple[Flow[Any], ...] = (
        AnswerLinkTest(),
        ReceiveNotice(),
        ChangeToken(parts.sealer),
        QueryDue(parts.rules, lookups),
        UnitQueryDue(parts.rules, lookups),
        QuerySchoolBills(lookups),
        QuerySchoolBills2697(lookups),
        ConfirmPayment(parts.rules, parts.booking, lookups),
        ReceiveUnitBill(parts.config),
        ReceivePaperBill(parts.config),
        ChangeIntoPaper(),
        ReceiveBalances(),
        ReceiveDebitResult(parts.booking),
        ReceiveTransfer(),
        ReceiveFunds(),
        ReceiveVirtual(parts.booking),
        ReceiveInTransit(),
        ReceiveClearingResult(),
        ReceiveRefundResult(),
        ReceiveRemittanceResult(parts.config.node.name),
        ReceiveAccountsReceipt(),
        ReceivePayments(),
        ReceiveArrivedFunds(),
        ReceiveAccount(),
        ReserveNumber(),
    )
    if parts.einvoices is not None:
        flows += (IssueInvoice(parts.einvoices), HandOutInvoice(parts.einvoices))
    return {flow.number: flow for flow in flows}
