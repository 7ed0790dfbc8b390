"""An agent bank (代理银行): tellers, token changes, link tests, school bills, base data."""

from __future__ import annotations

from ..mac import Secret, encrypt_token
from ..messages import Voucher
from ..messages.basedata import (
    FiscalAccountReceipt,
    FiscalAccounts,
    FiscalAccountsReceipt,
    ServedRegions,
    SupervisedAccounts,
)
from ..messages.common import FinanceGreenChannel, GreenChannel, LinkTest, SetToken
from ..messages.education import (
    SchoolBill,
    SchoolBillQuery,
    SchoolBillQuery2697,
    SchoolBills,
)
from .collector import SUCCESS, Collector
from .identity import Received
from .link import NoAnswerError
from .peer import Node

_ACCEPTED = ("5002", "5000", "5953", "5981")


class Bank(Collector):
    """A bank's front end. `outlet` and `operator` are those of its one counter."""

    serial_prefix = "T"

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.notices: list[FinanceGreenChannel] = []
        self.accounts: dict[str, FiscalAccounts] = {}
        self.regions: list[ServedRegions] = []
        self.supervised: list[SupervisedAccounts] = []
        self._receipts: list[FiscalAccountsReceipt] = []
        for number in _ACCEPTED:
            node.handlers[number] = self._accept
        node.handlers["5952"] = self._accounts_changed

    # -- calls -----------------------------------------------------------------------------

    async def link_test(self) -> str:
        """Test the line (2002); return the result code. Raises NoAnswerError."""
        now = self.node.identity.clock().strftime("%Y%m%d%H%M%S")
        return (await self.node.ask(LinkTest(TestTime=now))).result

    async def notice(self, subject: str, content: str, *, urgent: bool = False) -> str:
        """Tell the bureau's operators something (2000); return the result code."""
        urgency = "1" if urgent else "0"
        message = GreenChannel(Subject=subject, Content=content, Urgency=urgency)
        return (await self.node.ask(message)).result

    async def change_token(self, new: Secret) -> str:
        """Set a new token (2003); return the result code. Raises NoAnswerError.

        The request is MACed with the present token and its success answer with the new one. When
        no answer came, calling again with the same token is the way to find out: the present token
        stays in use until the change was confirmed.
        """
        identity = self.node.identity
        message = SetToken(Token=encrypt_token(identity.algorithm, new.expose()))
        answer = await self.node.ask(message, expect=new)
        if answer.result == SUCCESS:
            if answer.token != new:
                raise NoAnswerError("the success answer is not MACed with the new token", sent=True)
            identity.previous, identity.token = identity.token, new
        return answer.result

    async def school_bills(
        self, *, mobile: str = "", identity_number: str = "", number: str = "2698"
    ) -> tuple[SchoolBill, ...]:
        """Unpaid school bills of a payer (2698 or 2697). Raises NoAnswerError.

        Empty when there are none, or when the gateway refuses the query.
        """
        model = SchoolBillQuery2697 if number == "2697" else SchoolBillQuery
        answer = await self.node.ask(model(MobilePhone=mobile, PayerCreditCode=identity_number))
        bills = answer.message
        return bills.BillList if isinstance(bills, SchoolBills) else ()

    async def send_receipts(self) -> int:
        """Send the receipts (2952) for fiscal accounts that came in; return how many were taken."""
        taken = 0
        while self._receipts:
            answer = await self.node.ask(self._receipts[0])
            if answer.result != SUCCESS:
                raise NoAnswerError(f"receipt 2952 was refused: {answer.result}", sent=True)
            self._receipts.pop(0)
            taken += 1
        return taken

    # -- what the gateway sends ------------------------------------------------------------

    def _accept(self, request: Received) -> Voucher:
        message = request.message
        if isinstance(message, FinanceGreenChannel):
            self.notices.append(message)
        elif isinstance(message, ServedRegions):
            self.regions.append(message)
        elif isinstance(message, SupervisedAccounts):
            self.supervised.append(message)
        return self._general(request.head.msg_no, SUCCESS)

    def _accounts_changed(self, request: Received) -> Voucher:
        """5952: taken at once, its receipt 2952 follows."""
        accounts = request.message
        assert isinstance(accounts, FiscalAccounts)  # noqa: S101 - registered for 5952 only
        if accounts.BatchNo not in self.accounts:
            self.accounts[accounts.BatchNo] = accounts
            details = tuple(
                FiscalAccountReceipt(AcctNo=detail.AcctNo, Code=SUCCESS)
                for detail in accounts.DetailList
            )
            self._receipts.append(
                FiscalAccountsReceipt(
                    BatchNo=accounts.BatchNo,
                    SuccCount=len(details),
                    FailCount=0,
                    DetailList=details,
                )
            )
        return self._general("5952", SUCCESS)


__all__ = ["Bank"]
