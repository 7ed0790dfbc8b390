"""Issuing as the configuration has it: whose keys are here, and who signs for finance."""

from __future__ import annotations

from ...einvoice.pipeline import LocalCountersigner
from ...einvoice.ports import Countersigner
from ..clock import Clock
from ..config import Config
from ..store import Store
from .issue import Issuing
from .keys import EInvoiceKeys, ServiceSigner, load_keys
from .steps import IssueParts, Random


def make_issuing(
    config: Config,
    store: Store,
    clock: Clock,
    random: Random,
    *,
    keys: EInvoiceKeys | None = None,
    service: ServiceSigner | None = None,
    centre: Countersigner | None = None,
) -> Issuing:
    """Issuing with the keys of the configuration, which are read here unless they are given.

    service: makes signers of keys at a signing service. centre: the province's centre, which signs
    where the configuration says so. Raises ConfigError for keys that cannot be used.
    """
    found = keys if keys is not None else load_keys(config, service=service)
    section = config.einvoice
    countersigner = centre
    if section.countersigner == "local":
        countersigner = None if found.finance is None else LocalCountersigner(found.finance)
    return Issuing(
        IssueParts(
            store=store,
            clock=clock,
            random=random,
            held=found.units.get,
            countersigner=countersigner,
            certificates=found.certificates,
            policy=found.policy,
            handling=section.handling_person,
            checker=section.checker,
        )
    )
