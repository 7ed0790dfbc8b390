"""What `nontax check` says of keys, certificates, roots and revocation lists of e-invoices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ...einvoice.certificates import Certificate
from ...einvoice.trust import judge
from ..config import Config, ConfigError, Fault
from .keys import FINANCE, EInvoiceKeys, KeyPath, load_keys

_SOON: Final = timedelta(days=30)
_MOMENT: Final = "%Y%m%d%H%M%S"


def check_keys(config: Config, now: datetime) -> tuple[list[Fault], list[Fault]]:
    """Faults and warnings at a civil time."""
    try:
        keys = load_keys(config)
    except ConfigError as error:
        return list(error.faults), []
    at, soon = now.strftime(_MOMENT), (now + _SOON).strftime(_MOMENT)
    faults = [config.fault(path, text) for path, text in _signers(config, keys, at)]
    warnings = [config.fault(path, text) for path, text in _endings(config, keys, at, soon)]
    warnings += [config.fault(path, text) for path, text in _lists(keys, at)]
    if keys.units and config.einvoice.countersigner == "local" and keys.finance is None:
        finance = config.einvoice.finance
        if finance is None or finance.service is None:
            problem = "units' keys are here, but nobody countersigns: there is no key of finance"
            warnings.append(config.fault(("einvoice", "finance"), problem))
    return faults, warnings


def _signers(config: Config, keys: EInvoiceKeys, at: str) -> Iterator[tuple[KeyPath, str]]:
    """Certificates that sign today and would not be believed today."""
    for path, certificate in _signing(config, keys):
        for rule, text in judge(certificate, at, keys.policy).problems:
            yield path, f"{certificate.subject} would not be believed today: {rule}: {text}"


def _endings(
    config: Config, keys: EInvoiceKeys, at: str, soon: str
) -> Iterator[tuple[KeyPath, str]]:
    for path, certificate in _signing(config, keys):
        chain = judge(certificate, at, keys.policy).chain
        for one in chain[:-1]:  # its root is named below
            if at <= one.not_after < soon:
                yield path, f"{one.subject} expires on {_day(one.not_after)}"
    for root in keys.policy.roots:
        if root.not_after < soon:
            word = "expired" if root.not_after < at else "expires"
            yield ("einvoice", "roots"), f"{root.subject} {word} on {_day(root.not_after)}"


def _lists(keys: EInvoiceKeys, at: str) -> Iterator[tuple[KeyPath, str]]:
    newest: dict[str, str] = {}
    for one in keys.policy.revocations:
        if one.next_update:
            newest[one.issuer] = max(one.next_update, newest.get(one.issuer, ""))
    for issuer, ending in newest.items():
        if ending < at:
            path: KeyPath = ("einvoice", "revocation_list")
            yield path, f"the list of {issuer} is out of date since {_day(ending)}: get a new one"


def _signing(config: Config, keys: EInvoiceKeys) -> Iterator[tuple[KeyPath, Certificate]]:
    """The certificates of keys that sign, here or at a signing service."""
    section = config.einvoice
    named = [(FINANCE, section.finance), *section.units.items()]
    for name, signer in named:
        if signer is not None and signer.signs:
            where = (FINANCE,) if signer is section.finance else ("units", name)
            yield ("einvoice", *where, "certificate"), keys.current[name]


def _day(moment: str) -> str:
    return f"{moment[:4]}-{moment[4:6]}-{moment[6:8]}"
