"""An agent bank (代理银行): tellers, token changes, link tests, school bills, base data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
from .accounts import Interbank
from .collector import Collector
from .duties import ClearingDuty, DebitDuty, RemittanceDuty
from .executing import CONFLICT, FAILURE, SUCCESS, Duty, by
from .identity import Received
from .ledger import Ledger
from .link import NoAnswerError
from .moving import Receiver
from .peer import Node
from .scenario import Behaviour
from .statements import Statement, account_statements, funds_statements

_ACCEPTED = ("5002", "5000", "5953", "5981")


class Bank(Collector):
    """A bank's front end. `outlet` and `operator` are those of its one counter."""

    serial_prefix = "T"

    def __init__(self, node: Node, banks: Interbank | None = None) -> None:
        super().__init__(node, banks)
        self.notices: list[FinanceGreenChannel] = []
        self._packs: dict[str, dict[int, FiscalAccounts]] = {}
        self.regions: list[ServedRegions] = []
        self.supervised: list[SupervisedAccounts] = []
        self.receiver = Receiver(node, self.till, self.counter)
        for number in _ACCEPTED:
            node.handlers[number] = self._accept
        node.handlers["5952"] = self._accounts_changed
        for duty in (
            ClearingDuty(self.till, self.counter).duty(),
            RemittanceDuty(self.till, self.counter).duty(),
            DebitDuty(self.ledger, self.counter).duty(),
            Duty("5952", by("BatchNo"), lambda _: "", self._receipt),
        ):
            self.executor.take_on(duty)

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

    def statements(self, date: str, others: Iterable[Ledger] = ()) -> list[Statement]:
        """2555, 2557 and 2556 of a day."""
        payments = super().statements(date, others)
        return payments + funds_statements(self.till, date) + account_statements(self.till, date)

    @property
    def accounts(self) -> Mapping[str, Voucher]:
        """Fiscal accounts (5952) that came whole, by BatchNo."""
        return self.executor.orders("5952")

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
        """5952: every pack is taken at once; when all are here, the receipt 2952 follows."""
        pack = request.message
        assert isinstance(pack, FiscalAccounts)  # noqa: S101 - registered for 5952 only
        packs = self._packs.setdefault(pack.BatchNo, {})
        if packs.setdefault(pack.PackNo, pack) != pack:
            return self._general("5952", CONFLICT, "与原报文不一致")
        if len(packs) == pack.PackCount and pack.BatchNo not in self.accounts:
            details = tuple(d for number in sorted(packs) for d in packs[number].DetailList)
            whole = pack.model_copy(update={"DetailList": details, "PackNo": 1, "PackCount": 1})
            self.executor.owe("5952", pack.BatchNo, whole)
        return self._general("5952", SUCCESS)

    def _receipt(self, accounts: FiscalAccounts, behaviour: Behaviour) -> Voucher:
        """2952: which accounts were taken over."""
        bad = behaviour.result not in (None, SUCCESS)
        details = tuple(
            FiscalAccountReceipt(
                AcctNo=detail.AcctNo,
                Code=behaviour.result or FAILURE,
                Msg=behaviour.information or "账户不符",
            )
            if bad and (not behaviour.lines or number in behaviour.lines)
            else FiscalAccountReceipt(AcctNo=detail.AcctNo, Code=SUCCESS)
            for number, detail in enumerate(accounts.DetailList, 1)
        )
        failed = sum(detail.Code != SUCCESS for detail in details)
        return FiscalAccountsReceipt(
            BatchNo=accounts.BatchNo,
            SuccCount=len(details) - failed,
            FailCount=failed,
            DetailList=details,
        )


__all__ = ["Bank"]
