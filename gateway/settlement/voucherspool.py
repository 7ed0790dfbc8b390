"""Writing decided vouchers into the spool folder of the voucher library (电子凭证库).

A voucher is in the books before it is in the folder. Its files are written whole, then it is noted
as written: a stop in between writes the same files again, and loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from ..store import Store, vouchers
from ..store.vouchers import SpoolVoucher
from . import spool
from .voucherpages import voucher_page

_AT_ONCE: Final = 100


async def spool_vouchers(
    store: Store,
    folder: Path,
    now_ms: Callable[[], int],
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Write the files of every waiting voucher; how many.

    Raises OSError; what was written before it is noted.
    """
    done = 0
    while True:
        waiting = await store.scan(partial(vouchers.waiting, limit=_AT_ONCE))
        if not waiting:
            return done
        written: list[int] = []
        try:
            await asyncio.to_thread(_write, folder, waiting, written)
        finally:
            if written:
                at = now_ms()
                await store.transact(partial(vouchers.spooled, ids=written, at=at))
        done += len(written)
        progress(done)


def _write(folder: Path, waiting: Sequence[SpoolVoucher], written: list[int]) -> None:
    for voucher in waiting:
        name = f"{voucher.kind}-{voucher.number}"
        # The page first: who waits for the JSON finds both.
        spool.put(folder, f"{name}.html", voucher_page(voucher.kind, voucher.document))
        spool.put(folder, f"{name}.json", voucher.document)
        written.append(voucher.id)
