"""The public payment platform (统一公共支付平台, G000001): Alipay and WeChat payers."""

from __future__ import annotations

from ..messages import Voucher
from ..messages.basedata import BaseDataSync, BillSync, SyncedBill
from ..messages.query import DueBill
from .accounts import Interbank
from .collector import Collector, Payer
from .executing import SUCCESS
from .identity import Received
from .ledger import Entry
from .peer import Node

ALIPAY = "51"
WECHAT = "52"


class Platform(Collector):
    """The platform's node. What third-party channels do not tell stays empty, as observed."""

    outlet = "00000"
    operator = "G000001"
    pay_mode = ALIPAY
    serial_prefix = "P"

    def __init__(self, node: Node, banks: Interbank | None = None) -> None:
        super().__init__(node, banks)
        self.bills: dict[str, SyncedBill] = {}
        """Bills as last told by 5954, by pay code."""
        self.base_data: list[BaseDataSync] = []
        node.handlers["5954"] = self._bills_told
        node.handlers["5955"] = self._base_data_told

    async def alipay(self, due: DueBill, name: str = "") -> Entry:
        """Pay by Alipay (PayMode 51)."""
        return await self.pay(due, Payer(name or due.PayerName), pay_mode=ALIPAY)

    async def wechat(self, due: DueBill, name: str = "") -> Entry:
        """Pay by WeChat (PayMode 52)."""
        return await self.pay(due, Payer(name or due.PayerName), pay_mode=WECHAT)

    def _bills_told(self, request: Received) -> Voucher:
        sync = request.message
        assert isinstance(sync, BillSync)  # noqa: S101 - registered for 5954 only
        self.bills.update({bill.PayCode: bill for bill in sync.BillList})
        return self._general("5954", SUCCESS)

    def _base_data_told(self, request: Received) -> Voucher:
        sync = request.message
        assert isinstance(sync, BaseDataSync)  # noqa: S101 - registered for 5955 only
        self.base_data.append(sync)
        return self._general("5955", SUCCESS)


__all__ = ["ALIPAY", "WECHAT", "Platform"]
