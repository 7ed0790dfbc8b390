"""Issuing as the configuration has it: whose keys are here, and who signs for finance."""

from __future__ import annotations

import math

from ...einvoice.pipeline import LocalCountersigner
from ...einvoice.ports import Countersigner
from ..clock import Clock
from ..config import Config, ConfigError
from ..store import Store
from .centre import CentreCountersigner
from .issue import Issuing
from .keys import EInvoiceKeys, load_keys
from .remote import remote_signer
from .steps import IssueParts, Random


def make_issuing(
    config: Config,
    store: Store,
    clock: Clock,
    random: Random,
    *,
    keys: EInvoiceKeys | None = None,
    countersigner: Countersigner | None = None,
    most_seconds: float = math.inf,
) -> Issuing:
    """Issuing with the keys of the configuration, which are read here unless they are given.

    countersigner: another one than the configuration names. most_seconds: so long an invoice waits
    for the centre at a time. Raises ConfigError for keys that cannot be used.
    """
    found = keys if keys is not None else load_keys(config, service=remote_signer)
    section = config.einvoice
    if countersigner is None:
        countersigner = _countersigner(config, found, most_seconds)
    local = countersigner is not None and not countersigner.is_remote
    return Issuing(
        IssueParts(
            store=store,
            clock=clock,
            random=random,
            held=found.units.get,
            countersigner=countersigner,
            finance=found.finance.certificate if local and found.finance is not None else None,
            certificates=found.certificates,
            policy=found.policy,
            handling=section.handling_person,
            checker=section.checker,
        )
    )


def _countersigner(config: Config, keys: EInvoiceKeys, most_seconds: float) -> Countersigner | None:
    """Who signs for finance; None where there is neither a key nor a centre."""
    centre = config.einvoice.centre
    if config.einvoice.countersigner == "centre" and centre is not None:
        try:
            return CentreCountersigner(centre, most_seconds=most_seconds)
        except OSError as error:
            problem = f"{centre.tls_ca}: {error.strerror or error}"
            fault = config.fault(("einvoice", "centre", "tls_ca"), problem)
            raise ConfigError((fault,)) from None
    return None if keys.finance is None else LocalCountersigner(keys.finance)
