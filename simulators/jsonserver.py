"""A service that speaks JSON over HTTP/1.1, for the simulators of signing service and centre.

It misbehaves as a script says: a result of a rule is an answer that says no (10006: 503, later it
may go well; anything else: 422), delays and endings are those of connections, and a corrupted MAC
is a signature that was changed on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Self

from ..mac import Secret
from .link import Address
from .scenario import Behaviour, Script

BUSY: Final = "10006"
_MOST_BYTES: Final = 16 * 1024 * 1024
_PHRASES: Final = {200: "OK", 202: "Accepted", 404: "Not Found", 422: "Unprocessable Entity"}


class Asked(NamedTuple):
    """One request; `content` is the object in its body."""

    method: str
    path: str
    content: Mapping[str, Any]
    behaviour: Behaviour


class Told(NamedTuple):
    """An answer: HTTP status and object."""

    status: int
    content: Mapping[str, Any]


Handle = Callable[[Asked], Awaitable[Told]]


class JsonServer:
    """Accepts connections; each carries one request. token: what callers must know."""

    def __init__(
        self,
        handle: Handle,
        *,
        token: Secret | None = None,
        tls: ssl.SSLContext | None = None,
        script: Script | None = None,
    ) -> None:
        self._handle = handle
        self._token = token
        self._tls = tls
        self.script = script or Script()
        self.asked: list[tuple[str, str, int]] = []
        """Method, path and status of every request that was judged, in order."""
        self.judged = asyncio.Event()
        """Set with each of them; the answer may not have left yet."""
        self.address = Address("", 0)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Accept connections; port 0 takes a free one. Raises OSError."""
        self._server = await asyncio.start_server(
            self._accept, host, port, ssl=self._tls, limit=_MOST_BYTES
        )
        name = self._server.sockets[0].getsockname()
        self.address = Address(str(name[0]), int(name[1]))
        return self.address

    async def stop(self) -> None:
        """Accept no more and end what is open."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports that were aborted close in the loop's next turn
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

        def ended(_: object) -> None:
            self._tasks.discard(task)
            writer.transport.abort()

        task.add_done_callback(ended)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            behaviour = self.script.choose("answer", "", None)
            told = await self._answer(reader, behaviour)
            await self.script.wait(behaviour)
            if behaviour.ending in ("close", "reset"):
                return
            if behaviour.late or behaviour.ending == "drop":
                await reader.read()
                return
            body = json.dumps(told.content).encode()
            phrase = _PHRASES.get(told.status, "Status")
            head = f"HTTP/1.1 {told.status} {phrase}\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            for piece in behaviour.pieces(head.encode() + body):
                writer.write(piece)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, behaviour: Behaviour) -> Told:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await reader.readexactly(min(int(headers.get("content-length", "0")), _MOST_BYTES))
        told = await self._judged(method, path, headers, body, behaviour)
        self.asked.append((method, path, told.status))
        self.judged.set()
        return told

    async def _judged(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        behaviour: Behaviour,
    ) -> Told:
        if self._token is not None:
            given = headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.expose().encode()):
                return Told(401, {"error": "unknown caller"})
        if behaviour.result is not None:
            status = 503 if behaviour.result == BUSY else 422
            return Told(status, {"error": "as the script says", "message": behaviour.information})
        try:
            content = json.loads(body) if body else {}
        except ValueError:
            return Told(400, {"error": "the body is no JSON"})
        if not isinstance(content, dict):
            return Told(400, {"error": "the body is no JSON object"})
        return await self._handle(Asked(method, path, content, behaviour))


__all__ = ["Asked", "Handle", "JsonServer", "Told"]
