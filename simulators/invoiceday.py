"""The demo's e-invoices: issued by the unit with its own key and by the bureau with the key that it
keeps (托管), downloaded, verified by command, reversed (冲红).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from ..einvoice.certificates import parse_certificates
from ..einvoice.keys import load_private_key
from ..messages import parse_pay_info
from ..messages.invoice import InvoiceAnswer
from .county import County
from .identity import Received
from .invoicing import InvoiceDesk, Made, PaidBill
from .link import NoAnswerError
from .process import CommandFailedError
from .stories import OK, Teller, UnexpectedError
from .unit import Charge

OWN: Final = 3
"""Bills that the unit invoices by itself."""
KEPT: Final = 3
"""Bills that the bureau invoices with the unit's key that it keeps."""
_UNRELATED: Final = "0206301"


@dataclass(frozen=True, slots=True)
class Invoiced:
    """What became of it: blue and red invoices, those that were verified."""

    own: int = 0
    kept: int = 0
    red: int = 0
    verified: int = 0


class InvoiceDay:
    """Plays it. `imported` are pay codes of the unit's paid bills that the bureau made."""

    def __init__(
        self,
        county: County,
        teller: Teller,
        seed: int,
        *,
        imported: Sequence[str],
        say: Callable[[str], None],
    ) -> None:
        self._county = county
        self._teller = teller
        self._imported = imported
        self._say = say
        self._folder = county.installation.directory
        self._desk = desk_of(county, draw=Random(f"invoices/{seed}").randrange)
        self._verified = 0

    async def play(self) -> Invoiced:
        """All of it. Raises UnexpectedError, CommandFailedError, NoAnswerError."""
        own, red = await self._own_key()
        kept = await self._kept_key()
        await self._count(own + red + kept)
        return Invoiced(own, kept, red, self._verified)

    # -- the unit's own key ----------------------------------------------------------------

    async def _own_key(self) -> tuple[int, int]:
        """8999, 8981, 8982 for some bills; one of them reversed and made anew."""
        teller, unit = self._teller, self._county.unit
        foreign = await self._desk.reserve(_UNRELATED)
        teller.expect("8999", foreign.result, "18012")
        paid = sorted(code for code in unit.bills if teller.final.get(code) == "1")[:OWN]
        for pay_code in paid:
            entries = parse_pay_info(unit.bills[pay_code].PayInfo)
            charges = [Charge(one.code, one.name, one.amount, one.unit) for one in entries]
            bill = PaidBill(pay_code, unit.bills[pay_code].PayerName, charges)
            made = self._desk.make(bill, await self._number())
            if pay_code == paid[0]:
                await self._refused(made)
            self._told(await self._desk.send(made))
            self._told(await self._desk.send(made), "8981 again")
        self._say(f"{len(paid)} e-invoices were issued with the unit's own key (8999, 8981)")
        if not paid:
            return 0, 0
        first = self._desk.issued[paid[0]]
        await self._download(first)
        red = self._desk.red(first, await self._number(), "开票有误")
        self._told(await self._desk.send(red))
        anew = self._desk.signed(self._desk.numbered(first.invoice, await self._number()))
        self._told(await self._desk.send(anew))
        self._say(f"{first.name} is reversed by {red.name} (冲红), and issued anew")
        return len(paid) + 1, 1

    async def _refused(self, made: Made) -> None:
        """A signature over something else is refused, and the number stays good."""
        changed = self._desk.signed(self._desk.reworded(made.invoice))
        request = made.request.model_copy(update={"Sign_Info": changed.request.Sign_Info})
        answer = await self._desk.send(Made(made.invoice, request))
        self._teller.expect("8981", answer.result, "99999")

    async def _number(self) -> str:
        answer = await self._desk.reserve()
        self._teller.expect("8999", answer.result, OK)
        return answer.information

    def _told(self, answer: Received, what: str = "8981") -> None:
        message = answer.message
        self._teller.expect(what, answer.result, OK)
        if not isinstance(message, InvoiceAnswer) or not message.Invoice_Url:
            raise UnexpectedError("8981 was answered without an address of the invoice")

    async def _download(self, made: Made) -> None:
        code = made.invoice.main.RandomNumber
        document = await self._desk.download(made, check_code=code)
        self._teller.expect("8982", OK if document else "99999", OK)
        nothing = await self._desk.download(made, check_code="------")
        self._teller.expect("8982", OK if nothing else "99999", "99999")
        file = self._folder / f"{made.name}.xml"
        file.write_bytes(document)
        await self._verify(file)

    # -- the key that the bureau keeps -----------------------------------------------------

    async def _kept_key(self) -> int:
        """An operator issues some invoices by command, and exports one."""
        installation = self._county.installation
        codes = self._imported[:KEPT]
        if not codes:
            return 0
        await installation.must("einvoice", "issue", *codes, operator="maker1")
        file = self._folder / f"{codes[0]}.xml"
        await installation.must("einvoice", "export", codes[0], "--out", str(file))
        await self._verify(file)
        self._say(f"{len(codes)} e-invoices were issued with the key that is kept here (托管)")
        return len(codes)

    async def _verify(self, file: Path) -> None:
        await self._county.installation.must("einvoice", "verify", str(file))
        self._verified += 1

    async def _count(self, expected: int) -> None:
        listed = await self._county.installation.must("einvoice", "list", "--json")
        found = len(listed.json())
        if found < expected:  # the evening's refund has one of its own
            raise UnexpectedError(f"{found} e-invoices are listed, not {expected}")


async def invoiced(day: InvoiceDay) -> tuple[Invoiced, str]:
    """Play it; what became of it, and what went wrong ('' for nothing)."""
    try:
        return await day.play(), ""
    except (UnexpectedError, CommandFailedError, NoAnswerError) as error:
        return Invoiced(), f"e-invoices: {type(error).__name__}: {error}"


def desk_of(county: County, *, draw: Callable[[int], int]) -> InvoiceDesk:
    """The unit's desk with the sample's key for the unit's own system."""
    folder = county.installation.directory / "einvoice"
    name = f"{county.unit.unit_code}-own"
    [certificate] = parse_certificates((folder / "certificates" / f"{name}.pem").read_bytes())
    key = load_private_key((folder / "keys" / f"{name}.key").read_bytes())
    return InvoiceDesk(county.unit, key, certificate, draw=draw)


__all__ = ["InvoiceDay", "Invoiced", "desk_of", "invoiced"]
