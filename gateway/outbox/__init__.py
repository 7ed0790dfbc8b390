"""Store and forward: what this node starts is written first, then delivered (spec: business, 4).

`Enqueuer` writes a message in the transaction that decides it; `Deliverer` sends what is due, in
order per peer and lane, until it is answered or expires; `operate` is what operators may do.
"""

from .deliverer import Deliverer
from .enqueue import Enqueuer, Written
from .followers import end_awaited
from .policy import LATER_RESULTS, MONEY, Backoff, Meaning, Terms, meaning

__all__ = [
    "LATER_RESULTS",
    "MONEY",
    "Backoff",
    "Deliverer",
    "Enqueuer",
    "Meaning",
    "Terms",
    "Written",
    "end_awaited",
    "meaning",
]
