"""What issuing needs from outside: something that signs, and something that countersigns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .algorithms import SignatureAlgorithm
from .certificates import Certificate
from .errors import EInvoiceError


class Signer(Protocol):
    """Signs with one private key: a file's, or a signing service's. Never blocks the loop."""

    @property
    def certificate(self) -> Certificate:
        """The certificate of the key."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What its signatures are called."""

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`. Raises SigningUnavailable when it cannot be had now."""


class SigningUnavailable(EInvoiceError):
    """A signature or countersignature cannot be had now; the same may go well later."""


class CountersignRefused(EInvoiceError):
    """The countersigner refuses this invoice for good.

    information: its own words in Chinese, for the unit.
    """

    def __init__(self, what: str, information: str = "") -> None:
        super().__init__(what)
        self.information = information


@dataclass(frozen=True, slots=True)
class Countersigning:
    """What finance is to sign. `moment`: now, ``yyyymmddHHMMSS``, civil time.

    Asked again after a crash, it is the same invoice with the same bytes: code and number say
    which, so a countersigner that keeps books (a centre) answers with what it made before.
    """

    code: str
    number: str
    signed: bytes = field(repr=False)
    unit_element: bytes = field(repr=False)
    moment: str


@dataclass(frozen=True, slots=True)
class Countersigned:
    """Finance's Signature element, and what the countersigner calls the invoice ('' nothing)."""

    element: bytes = field(repr=False)
    trade_id: str = ""


class Countersigner(Protocol):
    """Makes finance's signature: with a key of its own (`local`), or by the province (`centre`)."""

    @property
    def is_remote(self) -> bool:
        """Whether it takes so long that the books say that it is under way."""

    async def countersign(self, wanted: Countersigning) -> Countersigned:
        """Sign. Raises CountersignRefused, SigningUnavailable."""
