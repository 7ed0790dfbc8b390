"""`nontax einvoice verify`: whether a document is intact, valid and trusted, and what it says."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...einvoice.certificates import Certificate
from ...einvoice.scan import MAX_DOCUMENT_BYTES
from ...einvoice.showing import masked
from ...einvoice.verify import Examined, Verification, verify
from ..einvoicing.keys import load_keys
from .common import (
    FINE,
    NOT_FINE,
    Json,
    Subparsers,
    add_command,
    print_facts,
    print_json,
    wants_json,
)
from .opening import read_config


def register(actions: Subparsers) -> None:
    """Add the action."""
    parser = add_command(
        actions,
        "verify",
        run,
        "verify the signatures of a document",
        reads=True,
        description=(
            "Verify an e-invoice as a file: whether it is intact (both signatures match its "
            "bytes), valid (their algorithms and times are right) and trusted (their certificates "
            "lead to a root of [einvoice], held when it was issued, and are the unit's and "
            "finance's). Shows who signed and what was signed, personal data masked. Exit code 1 "
            "for any file that is not all three."
        ),
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the document")


def run(arguments: argparse.Namespace) -> int:
    """Verify and tell."""
    keys = load_keys(read_config(arguments))
    with arguments.file.open("rb") as file:
        data = file.read(MAX_DOCUMENT_BYTES + 1)
    found = verify(data, keys.certificates, keys.policy)
    if wants_json(arguments):
        print_json(verification_json(found))
    else:
        _print(found)
    return FINE if found.is_fine else NOT_FINE


def verification_json(found: Verification) -> dict[str, Json]:
    """A verification for programs; personal data is masked."""
    return {
        "intact": found.intact,
        "valid": found.valid,
        "trusted": found.trusted,
        "reasons": [
            {
                "signature": None if reason.party is None else reason.party.value,
                "against": reason.aspect.value,
                "rule": reason.rule,
                "text": reason.text,
            }
            for reason in found.reasons
        ],
        "notes": list(found.notes),
        "unit": _signature_json(found.unit),
        "finance": _signature_json(found.finance),
        "content": None if found.invoice is None else masked(found.invoice),
    }


def _signature_json(examined: Examined | None) -> Json:
    if examined is None:
        return None
    signature = examined.signature
    return {
        "algorithm": signature.algorithm.value,
        "time": signature.moment,
        "serial": signature.serial,
        "issuer": signature.issuer,
        "certificates": [_certificate_json(one) for one in _path_of(examined)],
    }


def _certificate_json(certificate: Certificate) -> Json:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "sha256": certificate.fingerprint,
    }


def _path_of(examined: Examined) -> tuple[Certificate, ...]:
    """The chain as far as there is one; the signer's certificate alone without."""
    if examined.chain or examined.certificate is None:
        return examined.chain
    return (examined.certificate,)


def _print(found: Verification) -> None:
    answers = (("intact", found.intact), ("valid", found.valid), ("trusted", found.trusted))
    print_facts((name, "yes" if good else "no") for name, good in answers)
    for reason in found.reasons:
        print(f"not {reason.aspect.value}: {' '.join(str(reason).split())}")
    for note in found.notes:
        print(f"note: {' '.join(note.split())}")
    for examined in (found.unit, found.finance):
        if examined is not None:
            _print_signature(examined)
    if found.invoice is not None:
        print("\nwhat it says:" if not found.is_fine else "\nwhat was signed:")
        _print_content(masked(found.invoice), "  ")


def _print_signature(examined: Examined) -> None:
    signature = examined.signature
    print(f"\nsignature of {examined.party.value}:")
    facts = [
        ("  algorithm", signature.algorithm.value),
        ("  time", signature.moment),
        ("  certificate", f"{signature.serial} of {signature.issuer}"),
    ]
    for certificate in _path_of(examined):
        span = f"{certificate.not_before} to {certificate.not_after}"
        facts.append((f"  {'<- ' if len(facts) > 3 else ''}", f"{certificate.subject} ({span})"))
    print_facts(facts)


def _print_content(content: Json, indent: str) -> None:
    if isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, dict | list):
                print(f"{indent}{name}")
                _print_content(value, indent + "  ")
            else:
                print(f"{indent}{name}  {' '.join(str(value).split())}")
    elif isinstance(content, list):
        for number, value in enumerate(content, start=1):
            print(f"{indent}{number}.")
            _print_content(value, indent + "   ")
