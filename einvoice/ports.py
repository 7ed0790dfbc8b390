"""What the pipeline needs from outside: somebody who signs, and somebody who countersigns."""

from __future__ import annotations

from typing import Protocol

from .algorithms import SignatureAlgorithm
from .certificates import Certificate
from .envelope import Signature


class Signer(Protocol):
    """Signs with a key that it keeps to itself: in a file, or at a signing service."""

    @property
    def certificate(self) -> Certificate:
        """The certificate of the key."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What its signatures are called."""

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`, off the event loop.

        Raises EInvoiceError when it cannot sign now.
        """


class Countersigner(Protocol):
    """Signs for finance: with its own key, or by the province's centre."""

    async def countersign(self, signed: bytes, unit_element: bytes, at: str) -> Signature:
        """Finance's signature over the unit's.

        at: SignatureTime, ``yyyymmddHHMMSS``; a centre may choose its own. Raises EInvoiceError.
        """
