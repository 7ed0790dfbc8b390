"""The province's e-invoice centre (电子票据中心) signs for finance: submit, poll, fetch.

Protocol (docs/guides/einvoice.md), JSON over HTTP/1.1::

    POST /invoices                        code, number, signed, signature (both base64), sha256
    GET  /invoices/CODE-NUMBER            state: accepted | signing | signed | refused
    GET  /invoices/CODE-NUMBER/signature  element (base64 of finance's Signature), trade

The same invoice may be submitted again at any time and is the same job; the books here say that one
is under way, those of the centre what became of it. So nothing has to be remembered in between: a
process that was killed submits again and fetches what was signed meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final

from ...einvoice.ports import (
    Countersigned,
    Countersigning,
    CountersignRefused,
    SigningUnavailable,
)
from ..config import CentreConfig
from ..net.jsonservice import JsonService, ServiceAnswer, ServiceError, Sleep

INVOICES: Final = "/invoices"
_FIRST_POLL_SECONDS: Final = 0.2
_MOST_INFORMATION: Final = 300
_TRADE = re.compile(r"[0-9A-Za-z-]{1,20}")
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_UNPROCESSABLE: Final = 422


class CentreCountersigner:
    """The centre as a countersigner; one call waits until it has signed, but not for ever."""

    is_remote = True

    def __init__(
        self,
        config: CentreConfig,
        *,
        most_seconds: float = math.inf,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """most_seconds: one call waits no longer, whatever the configuration says.

        Raises OSError for an unusable CA file.
        """
        self._service = JsonService(config, sleep=sleep)
        self._longest_pause = config.poll_seconds
        self._wait_seconds = min(config.wait_seconds, most_seconds)
        self._sleep = sleep

    async def countersign(self, wanted: Countersigning) -> Countersigned:
        """Have it signed, or fetch what was signed before.

        Raises CountersignRefused, and SigningUnavailable while there is no signature yet.
        """
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._countersign(wanted)
        except ServiceError as error:
            raise SigningUnavailable(f"the e-invoice centre: {error}") from None
        except TimeoutError:
            raise SigningUnavailable("the e-invoice centre has not signed yet") from None

    async def _countersign(self, wanted: Countersigning) -> Countersigned:
        place = f"{INVOICES}/{wanted.code}-{wanted.number}"
        pause = min(_FIRST_POLL_SECONDS, self._longest_pause)
        answer = await self._submit(wanted)
        while True:
            state = answer.text("state")
            if state == "signed":
                return await self._fetch(place)
            if state == "refused":
                raise _refused(answer)
            if state not in ("accepted", "signing"):
                raise SigningUnavailable(f"the e-invoice centre says an unknown state {state!r}")
            await self._sleep(pause)
            pause = min(pause * 2, self._longest_pause)
            answer = await self._service.call("GET", place)
            if answer.status == _NOT_FOUND:  # its books were set back
                answer = await self._submit(wanted)
            _check(answer)

    async def _submit(self, wanted: Countersigning) -> ServiceAnswer:
        answer = await self._service.call(
            "POST",
            INVOICES,
            {
                "code": wanted.code,
                "number": wanted.number,
                "signed": b64encode(wanted.signed).decode(),
                "signature": b64encode(wanted.unit_element).decode(),
                "sha256": hashlib.sha256(wanted.signed + wanted.unit_element).hexdigest(),
            },
        )
        if answer.status == _CONFLICT:
            raise CountersignRefused(
                f"the e-invoice centre has another invoice of this number: {answer.reason}",
                "电子票据中心已有该号码的其他票据",
            )
        if answer.status == _UNPROCESSABLE:
            raise _refused(answer)
        _check(answer)
        return answer

    async def _fetch(self, place: str) -> Countersigned:
        answer = await self._service.call("GET", f"{place}/signature")
        _check(answer)
        text = answer.text("element")
        try:
            element = b64decode(text, validate=True)
        except (Base64Error, ValueError):
            element = b""
        if not element:
            raise SigningUnavailable("the e-invoice centre gave no signature that can be read")
        trade = answer.text("trade")
        return Countersigned(element, trade if _TRADE.fullmatch(trade) else "")


def _check(answer: ServiceAnswer) -> None:
    if not answer.ok:
        raise SigningUnavailable(f"the e-invoice centre refuses the request: {answer.reason}")


def _refused(answer: ServiceAnswer) -> CountersignRefused:
    text = answer.text("message")[:_MOST_INFORMATION]
    information = "".join(c for c in text if c.isprintable())
    return CountersignRefused(
        f"the e-invoice centre refuses the invoice: {answer.reason}",
        f"电子票据中心拒绝: {information}" if information else "电子票据中心拒绝该票据",
    )
