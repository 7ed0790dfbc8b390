"""Why an e-invoice is not issued: for the wire in Chinese, for operators in English."""

from __future__ import annotations

from ...einvoice.errors import DocumentError
from ...messages.codes import Result
from ..store.einvoice_records import Invoice


class IssueRefused(Exception):
    """An invoice cannot be issued; `result` is the code for the wire, `information` its Chinese.

    what, do: the same for operators, in English. wrong_input: what was asked for is wrong in
    itself, whatever the books say.
    """

    def __init__(
        self,
        what: str,
        *,
        result: Result = Result.FAILURE,
        information: str = "",
        do: str = "",
        wrong_input: bool = False,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.result = result
        self.information = information or result.meaning
        self.do = do
        self.wrong_input = wrong_input


class IssueDelayed(Exception):
    """The invoice is on its way and will be finished later; the same request tells more then."""

    def __init__(self, invoice: Invoice, what: str) -> None:
        super().__init__(what)
        self.invoice = invoice
        self.what = what


def bad_document(error: DocumentError) -> IssueRefused:
    """A document that breaks a rule, or that differs from the books."""
    return IssueRefused(
        f"the invoice's {error}", result=Result.BAD_PARAMETER, information=error.information
    )
