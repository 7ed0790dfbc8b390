"""What commands need to start something at peers: the outbox and booking, as the service has them.

A command only writes into the outbox; the running service finds it there and delivers it.
"""

from __future__ import annotations

import secrets

from ..collection.booking import Booking, NoticeTexts
from ..identifiers import PROCESS_BITS, MessageIds
from ..outbox import Enqueuer
from ..peers import PeerDirectory
from ..settlement.acting import Acting, SettlementRefused
from ..store.records import Operator
from .common import INPUT, NOT_FINE, CommandError
from .opening import Opened


def make_enqueuer(opened: Opened, peers: PeerDirectory | None = None) -> Enqueuer:
    """The outbox of a command; its MsgIDs meet nobody else's."""
    known = peers or PeerDirectory.from_config(opened.config)
    ids = MessageIds(opened.clock, secrets.randbits(PROCESS_BITS))
    return Enqueuer(opened.config.outbox, known, ids.next)


def make_booking(opened: Opened) -> Booking:
    """Booking of payments, for what a person enters by hand."""
    peers = PeerDirectory.from_config(opened.config)
    texts = opened.config.collection
    return Booking(
        make_enqueuer(opened, peers),
        NoticeTexts(texts.notify_outlet, texts.notify_operator),
        peers.told_of_bills,
    )


def acting_as(opened: Opened, operator: Operator) -> Acting:
    """The operator at work now, within its units."""
    units = frozenset(filter(None, operator.units.split(",")))
    return Acting(operator.name, units, opened.clock.now_ms(), opened.clock.today())


def refused(error: SettlementRefused, where: str) -> CommandError:
    """What cannot be done as a command says it."""
    code = INPUT if error.wrong_input else NOT_FINE
    return CommandError(error.what, where=where, do=error.do, code=code)
