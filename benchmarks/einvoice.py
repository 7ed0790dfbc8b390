"""Row 10: one e-invoice, issued and countersigned, against two bare SM2 signatures.

All that is between the books and the books: contents from the bill, the bytes that are signed, the
unit's signature, finance's checks and countersignature, the document and its hash. Both sides run
in one thread and sign the same bytes with the same keys.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta

from benchmarks.rows import Row, row, seconds_of
from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.certificates import Certificate
from nontax.einvoice.document import signed_bytes
from nontax.einvoice.hierarchy import Holder, make_hierarchy
from nontax.einvoice.keys import PrivateKey, sm2_available
from nontax.einvoice.pipeline import HeldKeys, LocalCountersigner, finished, unit_element
from nontax.einvoice.ports import Countersigning
from nontax.einvoice.trust import TrustPolicy
from nontax.gateway.einvoicing.basis import Basis
from nontax.gateway.einvoicing.content import Draft, blue_invoice, random_number
from nontax.gateway.store.records import Bill, BillItem, Payment

UNIT = "0104901"
CODE = "32010126"
_EACH = 200


class InlineSigner:
    """Signs in this thread, so that only signing is measured and not waiting."""

    def __init__(self, holder: Holder) -> None:
        self._key: PrivateKey = holder.key
        self.certificate: Certificate = holder.certificate
        self.algorithm = holder.key.algorithm

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        return self._key.sign(data)


def measure(*, rounds: int) -> list[Row]:
    """The row; none where OpenSSL's libcrypto, which signs, was not found."""
    if not sm2_available():
        print("     no libcrypto with SM2: row 10 is left out")
        return []
    now = datetime.now(UTC)
    hierarchy = make_hierarchy(
        SignatureAlgorithm.SM3_WITH_SM2,
        {UNIT: ("测试单位", UNIT)},
        random=os.urandom,
        not_before=now - timedelta(days=366),
        not_after=now + timedelta(days=366),
    )
    policy = TrustPolicy(
        roots=(hierarchy.root.certificate,),
        intermediates=(hierarchy.intermediate.certificate,),
        finance=frozenset({hierarchy.finance.certificate.fingerprint}),
    )
    held = HeldKeys(policy)
    unit = InlineSigner(hierarchy.units[UNIT])
    countersigner = LocalCountersigner(InlineSigner(hierarchy.finance))
    basis, moment = _basis(), now.strftime("%Y%m%d%H%M%S")
    unit_key, finance_key = hierarchy.units[UNIT].key, hierarchy.finance.key
    draft = Draft(0, moment, random_number(os.urandom), "maker1", "系统", "系统")
    message = signed_bytes(blue_invoice(basis, CODE, "0000000001", draft))
    covered = message[:1000]  # a digest and the unit's Signature element are about so long

    async def issue() -> None:
        for serial in range(1, _EACH + 1):
            draft = Draft(0, moment, random_number(os.urandom), "maker1", "系统", "系统")
            number = f"{serial:010d}"
            signed = signed_bytes(blue_invoice(basis, CODE, number, draft))
            held.check(unit.certificate, UNIT, moment)
            element = await unit_element(signed, unit, moment)
            answer = await countersigner.countersign(
                Countersigning(CODE, number, signed, element, moment)
            )
            finished(signed, element, answer.element)

    def bare() -> None:
        for _ in range(_EACH):
            unit_key.sign(message)
            finance_key.sign(covered)

    asyncio.run(issue())
    bare()
    ratios, costs, bases = [], [], []
    for _ in range(rounds):
        cost, base = seconds_of(lambda: asyncio.run(issue())), seconds_of(bare)
        ratios.append(cost / base)
        costs.append(cost / _EACH * 1e6)
        bases.append(base / _EACH * 1e6)
    details = {"µs an invoice": min(costs), "µs two signatures": min(bases)}
    name = "issue and countersign an e-invoice (two SM2)"
    return [row(10, name, ratios, must=1.3, aim=1.15, details=details)]


def _basis() -> Basis:
    """A paid bill of three items."""
    pay_code = "32068226000000000013"
    bill = Bill(
        pay_code=pay_code,
        region="320682",
        bill_date="20261122",
        unit_code=UNIT,
        unit_name="示例市自然资源局",
        payer_name="张三",
        amt=24_000,
        ori_amt=24_000,
        delay_amt=0,
        source="import",
        maker="maker1",
        created_at=0,
        changed_at=0,
        state="paid",
        payer_type="1",
        rec_name="示例市财政局",
        rec_acct="32001000000000000018",
        rec_op_bk="中国建设银行示例支行",
    )
    payment = Payment(
        id=1,
        src="D3206820105",
        cfm_date="20261122",
        tra_no_bus="2026112200000001",
        pay_code=pay_code,
        amt=24_000,
        pay_mode="11",
        rec_acct_type="1",
        rec_acct="32001000000000000018",
        channel="2612",
        received_at=0,
    )
    lines = tuple(
        BillItem(pay_code, line, f"10304321{line}", "不动产登记费", 8_000, "次", "1", "", "80.00")
        for line in (1, 2, 3)
    )
    return Basis(bill, payment, 24_000, lines, exact=True)


if __name__ == "__main__":
    for one in measure(rounds=9):
        print(one)
