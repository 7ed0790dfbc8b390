"""A process that issues e-invoices, and may be killed at a point: CONFIG POINT PAYCODE…

POINT names where it kills itself with SIGKILL: while the unit's signature is made (`signing`), or
finance's (`countersigning`), when the document is there and not yet archived (`signed`),
when it is archived and nobody was told (`archived`); `never` issues all, four at a time. With
`remote:` before it, the countersigner is one that the books wait for.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from nontax.einvoice.certificates import Certificate
from nontax.einvoice.pipeline import LocalCountersigner
from nontax.einvoice.ports import Countersigned, Countersigner, Countersigning, Signer
from nontax.gateway.clock import ManualClock
from nontax.gateway.config import load_config
from nontax.gateway.einvoicing.issue import IssueDelayed, IssueRefused
from nontax.gateway.einvoicing.keys import load_keys
from nontax.gateway.einvoicing.serving import make_issuing
from nontax.gateway.settlement.acting import Acting
from nontax.gateway.store import open_store


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class KilledSigner:
    """Dies when it is asked to sign."""

    def __init__(self, signer: Signer) -> None:
        self.certificate: Certificate = signer.certificate
        self.algorithm = signer.algorithm

    async def sign(self, data: bytes) -> bytes:
        die()
        return data


class KilledCountersigner:
    """Dies before or after it has signed, or does not die at all."""

    def __init__(self, countersigner: Countersigner, point: str, *, is_remote: bool) -> None:
        self._countersigner = countersigner
        self._point = point
        self.is_remote = is_remote

    async def countersign(self, wanted: Countersigning) -> Countersigned:
        if self._point == "countersigning":
            die()
        answer = await self._countersigner.countersign(wanted)
        if self._point == "signed":
            die()
        return answer


async def main() -> None:
    file, named, now, *pay_codes = sys.argv[1:]
    config = load_config(Path(file))
    store = await open_store(config.store.url, config.directory)
    clock = ManualClock(int(now))
    keys = load_keys(config)
    assert keys.finance is not None
    remote, _, point = named.rpartition(":")
    countersigner = KilledCountersigner(
        LocalCountersigner(keys.finance), point, is_remote=remote == "remote"
    )
    if point == "signing":
        units = {code: KilledSigner(signer) for code, signer in keys.units.items()}
        keys = replace(keys, units=MappingProxyType(units))
    issuing = make_issuing(
        config, store, clock, secrets.token_bytes, keys=keys, countersigner=countersigner
    )
    os.write(1, b"ready\n")
    sys.stdin.readline()
    waiting = iter(pay_codes)

    async def issuer() -> None:
        for pay_code in waiting:
            acting = Acting("maker1", frozenset(), clock.now_ms(), clock.today())
            try:
                done = await issuing.issue(pay_code, acting)
            except (IssueRefused, IssueDelayed) as error:
                os.write(1, f"{pay_code} {type(error).__name__} {error}\n".encode())
                continue
            if point == "archived":
                die()
            os.write(1, f"{pay_code} {done.invoice.number}\n".encode())

    await asyncio.gather(*(issuer() for _ in range(4)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
