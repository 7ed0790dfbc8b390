"""The unit of comparison: a bare uvloop server that sends back what it was sent, then ends.

The same connection pattern as the gateway's: one read, one write, its side closed, the rest read to
the peer's end.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop


class Echo(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]  # uvloop's TCP transport
        self.transport.write_eof()  # type: ignore[attr-defined]

    def eof_received(self) -> bool:
        return False


async def main() -> None:
    """Listen on any free port until killed."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1024)
    host, port = listening.sockets[0].getsockname()
    sys.stdout.write(f"listening {host}:{port}\n")
    sys.stdout.flush()
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
