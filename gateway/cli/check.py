"""`nontax check`: configuration, store, keys and certificates, before they are needed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from ...mac import SealError
from ..clock import SystemClock, civil_from_ms
from ..collection.operators import CHECKER, MAKER
from ..config import Config, ConfigError, Fault
from ..einvoicing.checking import check_keys
from ..einvoicing.numbers import unexplained
from ..figures.postings import load_templates
from ..figures.verifying import altered_days
from ..settlement.acting import SettlementRefused
from ..store import StoreError, catalogue, einvoices, journal, operators, tokens
from ..store.einvoiceagreement import disagreements
from ..store.protocol import Transaction
from .common import (
    FINE,
    NOT_FINE,
    CommandError,
    Subparsers,
    add_command,
    config_path,
    print_json,
    show_date,
    wants_json,
)
from .opening import Opened, open_gateway, read_config

_SOON: Final = timedelta(days=30)


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "check",
        run,
        "validate configuration, store, keys and certificates",
        reads=True,
        description=(
            "Validate the configuration with all its files, the store's schema and consistency, "
            "the keys, and the certificates. Exit code 1 with the list of faults; warnings alone "
            "are exit code 0."
        ),
    )
    parser.add_argument(
        "--quick", action="store_true", help="leave out reading the whole store and journal"
    )


async def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked without talking to anybody."""
    path = config_path(arguments)
    if not path.is_file():
        raise CommandError(
            "there is no such file", where=str(path), do="give -c FILE; `nontax init DIR` makes one"
        )
    faults: list[Fault] = []
    warnings: list[Fault] = []
    try:
        config = read_config(arguments)
    except ConfigError as error:
        faults += error.faults
    else:
        warnings += config.warnings
        _certificates(config, faults, warnings)
        _templates(config, faults)
        key_faults, key_warnings = check_keys(config, SystemClock().civil())
        faults += key_faults
        warnings += key_warnings
        try:
            async with open_gateway(arguments, config=config) as opened:
                await _store(opened, faults, warnings, quick=arguments.quick)
        except StoreError as error:
            faults.append(config.fault(("store", "url"), str(error)))
    _print(arguments, faults, warnings)
    return NOT_FINE if faults else FINE


def _print(arguments: argparse.Namespace, faults: list[Fault], warnings: list[Fault]) -> None:
    if wants_json(arguments):
        print_json(
            {
                "ok": not faults,
                "faults": [_as_json(fault) for fault in faults],
                "warnings": [_as_json(fault) for fault in warnings],
            }
        )
        return
    for fault in faults:
        print(f"fault: {fault}")
    for warning in warnings:
        print(f"warning: {warning}")
    count = f"{len(faults)} faults, {len(warnings)} warnings"
    print(count if faults or warnings else "everything is in order")


def _as_json(fault: Fault) -> dict[str, str | int | None]:
    return {"file": fault.file, "line": fault.line, "key": fault.key, "problem": fault.problem}


# -- certificates ---------------------------------------------------------------------------------


def _certificates(config: Config, faults: list[Fault], warnings: list[Fault]) -> None:
    """Whether certificates hold today and for some time."""
    named: list[tuple[tuple[str | int, ...], Path]] = []
    tls = config.listen.tls
    if tls is not None:
        named.append((("listen", "tls", "certificate"), Path(tls.certificate)))
        if tls.client_ca is not None:
            named.append((("listen", "tls", "client_ca"), Path(tls.client_ca)))
    named += [
        (("peers", index, "tls_ca"), Path(peer.tls_ca))
        for index, peer in enumerate(config.peers)
        if peer.tls_ca is not None
    ]
    now = datetime.now(UTC)
    for key, path in named:
        try:
            found = x509.load_pem_x509_certificates(path.read_bytes())
        except (ValueError, OSError):
            faults.append(config.fault(key, f"{path} holds no readable certificate"))
            continue
        for certificate in found:
            end = certificate.not_valid_after_utc
            day = f"{end:%Y-%m-%d}"
            if now < certificate.not_valid_before_utc:
                start = f"{certificate.not_valid_before_utc:%Y-%m-%d}"
                faults.append(
                    config.fault(key, f"{path}: a certificate is valid from {start} only")
                )
            elif now > end:
                faults.append(config.fault(key, f"{path}: a certificate expired on {day}"))
            elif now + _SOON > end:
                warnings.append(config.fault(key, f"{path}: a certificate expires on {day}"))


def _templates(config: Config, faults: list[Fault]) -> None:
    """Whether posting templates can be read."""
    try:
        load_templates(config.figures.posting_templates)
    except SettlementRefused as refused:
        faults.append(config.fault(("figures", "posting_templates"), refused.what))


# -- store ----------------------------------------------------------------------------------------


async def _store(
    opened: Opened, faults: list[Fault], warnings: list[Fault], *, quick: bool
) -> None:
    config, store = opened.config, opened.store
    url = ("store", "url")
    if not quick:
        faults += [config.fault(url, text) for text in await store.verify()]
        report = await store.scan(journal.verify)
        if not report.ok:
            faults.append(config.fault(url, f"the journal is not intact: {report.fault}"))
        archive = await store.scan(einvoices.verify_archive)
        if not archive.ok:
            text = f"the archive of e-invoices is not intact: {archive.fault}"
            faults.append(config.fault(url, text))
        faults += [config.fault(url, text) for text in await store.scan(disagreements)]
        for lost in await store.scan(unexplained):
            text = f"e-invoice numbers {lost.code} {lost.first} to {lost.last} were taken, why?"
            faults.append(config.fault(url, f"{text} (`nontax einvoice numbers`)"))
        for day in await store.scan(altered_days):
            problem = f"the figures of the closed day {show_date(day)} are not what was closed"
            faults.append(config.fault(url, problem))
    await _tokens(opened, faults)
    await _operators(opened, faults, warnings)
    today = opened.clock.today()

    async def defaults(tx: Transaction) -> list[str]:
        missing = []
        for region in config.node.regions:
            accounts = await catalogue.collection_accounts(tx, region, today)
            if not any(account.is_default for account in accounts):
                missing.append(region)
        return missing

    for region in await store.scan(defaults):
        problem = f"region {region} has no default collection account: import a catalogue"
        warnings.append(config.fault(("node", "regions"), problem))


async def _tokens(opened: Opened, faults: list[Fault]) -> None:
    """Whether the master key opens the tokens that peers have set."""
    for row in await opened.store.scan(tokens.all_tokens):
        try:
            opened.sealer.token_state(row)
        except SealError:
            problem = f"does not open the token of {row.peer}: it is not the key it was sealed with"
            faults.append(opened.config.fault(("secrets", "master_key"), problem))


async def _operators(opened: Opened, faults: list[Fault], warnings: list[Fault]) -> None:
    config = opened.config
    found = {o.name: o for o in await opened.store.scan(operators.all_operators) if o.enabled}
    roles = {role for operator in found.values() for role in operator.roles.split(",")}
    problems = [f"no operator is {role}" for role in (MAKER, CHECKER) if role not in roles]
    warnings += [config.fault(("operators",), problem) for problem in problems]
    name = config.operators.unattended
    if name is not None and name not in found:
        problem = f"there is no enabled operator {name}"
        faults.append(config.fault(("operators", "unattended"), problem))
    now = opened.clock.now_ms()
    for operator in found.values():
        if operator.locked_until > now:
            until = f"{civil_from_ms(operator.locked_until):%F %T}"
            problem = f"{operator.name} is locked until {until}"
            warnings.append(config.fault(("operators",), problem))
