"""What the page of an invoice is told beside the invoice itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """Who signed, as verification found it.

    role: ``unit`` (开票单位) or ``finance`` (财政部门); signer: the subject of the certificate, ''
    where there is none; time: ``yyyymmddHHMMSS`` civil time.
    """

    role: Literal["unit", "finance"]
    signer: str
    algorithm: str
    time: str
    serial: str
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result of verification (验签): each judged by itself, and why not.

    reasons: texts for people, in Chinese; test: whether a certificate of a test hierarchy
    (测试证书) is among those that signed, so that the page is worth nothing.
    """

    intact: bool
    valid: bool
    trusted: bool
    reasons: tuple[str, ...] = ()
    signatures: tuple[SignedBy, ...] = ()
    test: bool = False

    @property
    def good(self) -> bool:
        """Intact, valid and trusted."""
        return self.intact and self.valid and self.trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What became of the invoice since: a blue one may be reversed (冲红) by a red one."""

    reversed_by: tuple[str, str] | None = None
    """Code and number of the red invoice."""
    inspect_url: str = ""
    """Where the invoice can be looked at, '' where nothing is configured."""
