"""`nontax reconcile resolve` and `reopen`: what people decide about differences (对账)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from ...codecs import RuleError, parse_yuan, shown
from ...reconcile.kinds import Statement
from ..collection.billfiles import FileRefused
from ..collection.lookups import Lookups
from ..collection.operators import CHECKER, MAKER, OperatorRefused, require_role
from ..peers import PeerDirectory
from ..reconciliation.closing import Closings
from ..reconciliation.decisionfile import MOST_ROWS, FileDecision, read_decisions
from ..reconciliation.decisions import NAMES, Decision, check_form, decision_name
from ..reconciliation.entries import Entries
from ..reconciliation.reopening import Closed, Step, reopen
from ..reconciliation.repair import Repairs
from ..reconciliation.resolving import Done, Resolving, role_for
from ..reconciliation.results import Results
from ..settlement.acting import Acting, SettlementRefused
from ..settlement.feedbackfile import MOST_FAULTS, RowsRefused
from ..settlement.refunds import Refunds
from ..store.protocol import Transaction
from ..store.records import Operator
from ..store.statements import StatementBatch
from .common import (
    FINE,
    CommandError,
    Subparsers,
    add_command,
    count_argument,
    date_argument,
    print_json,
    wants_json,
)
from .issuing import acting_as, make_booking, make_enqueuer, refused
from .opening import Opened, act_as, open_gateway

STATEMENTS: Final = ("2555", "2557", "2556")


def register(actions: Subparsers) -> None:
    """Add the actions."""
    _register_resolve(actions)
    _register_reopen(actions)


def _register_resolve(actions: Subparsers) -> None:
    resolving = add_command(
        actions,
        "resolve",
        _resolve,
        "decide about a difference, or about many by a file",
        reads=True,
        operator=True,
        description=(
            "Decide about an open difference; who, when, why, before and after are kept for good. "
            "accept: the books stay, the money counts as seen. link: the bank's line is a payment "
            "or an arrival of ours, of the same amount. comment: a remark, nothing else changes. "
            "rerun: judge the line again, after a bill or an account was corrected. Proposed by "
            "one operator and done when another one (checker) approves: write-off (the money will "
            "not come), force (a payment is made of the bank's line, 补单), refund (the payment is "
            "paid back). approve and reject decide about such a proposal. When the last open row "
            "of a list is closed the final result goes to its node."
        ),
    )
    resolving.add_argument(
        "id", nargs="?", type=count_argument, metavar="ID", help="number of the difference"
    )
    resolving.add_argument("--action", choices=NAMES, help="what is decided")
    resolving.add_argument(
        "--reason", default="", metavar="TEXT", help="why; may be left out to approve only"
    )
    resolving.add_argument(
        "--payment", type=count_argument, metavar="ID", help="link: number of our payment"
    )
    resolving.add_argument(
        "--arrival", type=count_argument, metavar="ID", help="link: number of the arrival"
    )
    resolving.add_argument(
        "--row", type=count_argument, metavar="ID", help="link: number of the other difference"
    )
    resolving.add_argument(
        "--amount", default="", metavar="YUAN", help="refund: how much (default: all that is left)"
    )
    resolving.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help=f"CSV with the columns id, action, why, at most {MOST_ROWS} rows: all or nothing",
    )


def _register_reopen(actions: Subparsers) -> None:
    reopening = add_command(
        actions,
        "reopen",
        _reopen,
        "free a closed list, so that its node may send it again",
        reads=True,
        operator=True,
        description=(
            "Propose that a reconciled list is reopened; done when another operator (checker) "
            "gives the same with --approve. The old list, its run and its result stay; the next "
            "list that the node sends takes its place."
        ),
    )
    reopening.add_argument(
        "--date", type=date_argument, required=True, metavar="D", help="CheckDate, YYYY-MM-DD"
    )
    reopening.add_argument("--node", required=True, metavar="CODE", help="the node that sent it")
    reopening.add_argument("--kind", choices=STATEMENTS, required=True, help="message of the list")
    reopening.add_argument(
        "--scope", metavar="TEXT", help="PayMode (2555) or account (2557, 2556); default: all"
    )
    reopening.add_argument(
        "--reason", default="", metavar="TEXT", help="why; may be left out with --approve only"
    )
    step = reopening.add_mutually_exclusive_group()
    step.add_argument("--approve", action="store_true", help="approve what another one proposed")
    step.add_argument("--reject", action="store_true", help="reject what another one proposed")


# -- resolve --------------------------------------------------------------------------------------


async def _resolve(arguments: argparse.Namespace) -> int:
    decided = _asked(arguments)
    async with open_gateway(arguments) as opened:
        roles = {role_for(one.decision.name) for one in decided}
        acting = acting_as(opened, await _operator(opened, arguments, roles))
        resolving = make_resolving(opened)
        if arguments.file is None:
            done = [await _one(opened, resolving, decided[0].decision, acting)]
        else:
            done = await _many(opened, resolving, decided, acting, arguments.file)
    if wants_json(arguments):
        rows = [
            {
                "id": one.row.id,
                "state": one.row.state,
                "kind": one.row.kind,
                "what": one.what,
                "reference": one.reference,
            }
            for one in done
        ]
        print_json(rows[0] if arguments.file is None else {"decided": len(rows), "rows": rows})
        return FINE
    for one in done:
        reference = f" ({one.reference})" if one.reference and one.reference not in one.what else ""
        print(f"row {one.row.id}: {one.what}{reference}")
    return FINE


def _asked(arguments: argparse.Namespace) -> list[FileDecision]:
    """What the command line, or its file, decides. Raises CommandError, OSError."""
    named = (arguments.id, arguments.action)
    if arguments.file is None:
        if None in named:
            raise CommandError("needs ID and --action, or --file FILE", where="reconcile resolve")
        amount = _amount(arguments.amount) if arguments.amount else None
        decision = Decision(
            row=arguments.id,
            name=decision_name(arguments.action),
            reason=arguments.reason.strip(),
            payment=arguments.payment,
            arrival=arguments.arrival,
            other=arguments.row,
            amt=amount,
        )
        try:
            check_form(decision)
        except SettlementRefused as error:
            raise refused(error, "reconcile resolve") from None
        return [FileDecision(0, decision)]
    if named != (None, None):
        raise CommandError("either ID and --action, or --file", where="reconcile resolve")
    try:
        return read_decisions(arguments.file)
    except FileRefused as error:
        line = f":{error.line}" if error.line is not None else ""
        raise CommandError(error.what, where=f"{arguments.file}{line}", do=error.do) from None
    except RowsRefused as error:
        raise _refused_rows(arguments.file, error) from None


async def _operator(opened: Opened, arguments: argparse.Namespace, roles: set[str]) -> Operator:
    """The operator, who has every role that the decisions need."""
    _by_name(arguments)
    operator = await act_as(opened, arguments, CHECKER if CHECKER in roles else MAKER)
    for role in roles:
        require_role(operator, role)
    return operator


def _by_name(arguments: argparse.Namespace) -> None:
    """A person decides: unattended work has no say, or one person could propose and approve."""
    if getattr(arguments, "operator", None) is None:
        raise CommandError(
            "a person has to decide this", do="give --operator NAME and its password"
        )


async def _one(opened: Opened, resolving: Resolving, decision: Decision, acting: Acting) -> Done:
    try:
        return await opened.store.transact(lambda tx: resolving.decide(tx, decision, acting))
    except SettlementRefused as error:
        raise refused(error, f"row {decision.row}") from None


async def _many(
    opened: Opened,
    resolving: Resolving,
    decided: Sequence[FileDecision],
    acting: Acting,
    path: Path,
) -> list[Done]:
    """All decisions of a file in one transaction, or none and what is wrong with each line."""

    async def work(tx: Transaction) -> list[Done]:
        done: list[Done] = []
        faults: list[tuple[int, str]] = []
        for line, decision in decided:
            try:
                done.append(await resolving.decide(tx, decision, acting))
            except (SettlementRefused, OperatorRefused) as error:
                faults.append((line, f"row {decision.row}: {error.what}"))
        if faults:
            raise RowsRefused(faults[:MOST_FAULTS], len(faults))
        return done

    try:
        return await opened.store.transact(work)
    except RowsRefused as error:
        raise _refused_rows(path, error) from None


def _refused_rows(path: Path, error: RowsRefused) -> CommandError:
    first, *others = [f"{path}:{line}: {fault}" for line, fault in error.faults]
    return CommandError(
        first,
        do="correct the file; nothing was decided",
        more=others,
        total=error.total,
        details={
            "total": error.total,
            "faults": [{"line": line, "problem": fault} for line, fault in error.faults],
        },
    )


def make_resolving(opened: Opened) -> Resolving:
    """What does the decisions, with the parts that the service has."""
    peers = PeerDirectory.from_config(opened.config)
    rules = opened.config.reconciliation
    enqueuer = make_enqueuer(opened, peers)
    repairs = Repairs(make_booking(opened), Lookups(), peers, rules)
    closings = Closings(Results(enqueuer, peers, rules.result_pack_size))
    return Resolving(Entries(repairs, peers), Refunds(enqueuer, peers), closings)


def _amount(text: str) -> int:
    try:
        return parse_yuan(text)
    except RuleError as error:
        raise CommandError(
            f"{shown(text)!r}: the amount {error.english}", where="--amount", do="write 80.00"
        ) from None


# -- reopen ---------------------------------------------------------------------------------------


async def _reopen(arguments: argparse.Namespace) -> int:
    step: Step = "approve" if arguments.approve else "reject" if arguments.reject else "propose"
    kind = cast("Statement", arguments.kind)
    closed = Closed(arguments.node, arguments.date, kind, arguments.scope)
    reason = arguments.reason.strip()
    async with open_gateway(arguments) as opened:
        _by_name(arguments)
        role = MAKER if step == "propose" else CHECKER
        acting = acting_as(opened, await act_as(opened, arguments, role))

        async def work(tx: Transaction) -> list[StatementBatch]:
            return await reopen(tx, closed, step, reason, acting)

        try:
            done = await opened.store.transact(work)
        except SettlementRefused as error:
            raise refused(error, f"{kind} of {closed.node}") from None
    state = {"propose": "proposed", "approve": "reopened", "reject": "rejected"}[step]
    if wants_json(arguments):
        lists = [{"kind": one.kind, "scope": one.scope, "BatchNo": one.batch_no} for one in done]
        print_json({"state": state, "lists": lists})
        return FINE
    end = {
        "proposed": "is to be reopened; another operator (checker) gives the same with --approve",
        "reopened": "is reopened: its node may send it again",
        "rejected": "stays closed",
    }[state]
    for one in done:
        print(f"{one.kind} {one.scope} of {one.src} {end}")
    return FINE
