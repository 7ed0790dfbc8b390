"""A service that speaks JSON over HTTP/1.1: one connection, one request, one answer.

What comes back is either an answer of the service (2xx, or 4xx: it says no) or a ServiceError: it
could not be reached, or what it said cannot be used, in spite of every attempt.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from ...mac import Secret
from ..config.fields import split_address

Sleep = Callable[[float], Awaitable[None]]

_MOST_BYTES: Final = 1024 * 1024
_MOST_HEADER_LINES: Final = 100
_FIRST_PAUSE_SECONDS: Final = 0.2
_AGAIN: Final = frozenset({408, 425, 429})
"""What a server answers when the same request may go well later; and everything from 500."""


class ServiceError(Exception):
    """The service gave no usable answer; the text names neither token nor content."""


class ServiceSettings(Protocol):
    """What the configuration says of such a service."""

    @property
    def address(self) -> str:
        """HOST:PORT."""

    @property
    def token(self) -> Secret | None:
        """What it knows us by."""

    @property
    def tls(self) -> bool:
        """Whether it is called over TLS."""

    @property
    def tls_ca(self) -> Path | None:
        """The authority of its certificate; None: the system's."""

    @property
    def timeout_seconds(self) -> float:
        """Of one attempt, from connecting to the last byte."""

    @property
    def retries(self) -> int:
        """Attempts after the first one."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """An answer: the HTTP status, and the object in its body (empty where there is none)."""

    status: int
    content: Mapping[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the service did what it was asked for."""
        return 200 <= self.status < 300

    def text(self, name: str) -> str:
        """A text of the object, '' where it is missing or something else."""
        value = self.content.get(name)
        return value if isinstance(value, str) else ""

    @property
    def reason(self) -> str:
        """Why it says no, in one short line that a log can show."""
        text = "".join(c if c.isprintable() else " " for c in self.text("error"))[:200]
        return f"{self.status} {text}".strip()


class JsonService:
    """The calling side. Tries again what failed on the way, with growing pauses."""

    def __init__(self, settings: ServiceSettings, *, sleep: Sleep = asyncio.sleep) -> None:
        """Raises OSError for a certificate file that cannot be used."""
        self._host, self._port = split_address(settings.address)
        self._address = settings.address
        self._settings = settings
        self._sleep = sleep
        self._tls: ssl.SSLContext | None = None
        if settings.tls:
            ca = settings.tls_ca
            self._tls = ssl.create_default_context(cafile=None if ca is None else str(ca))
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def __repr__(self) -> str:
        return f"JsonService({self._address})"

    async def call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None
    ) -> ServiceAnswer:
        """Ask; the same request may arrive more than once. Raises ServiceError."""
        request = self._request(method, path, content)
        reason = ""
        for attempt in range(self._settings.retries + 1):
            if attempt:
                await self._sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                async with asyncio.timeout(self._settings.timeout_seconds):
                    answer = await self._exchange(request)
            except TimeoutError:
                reason = "no answer in time"
            except (OSError, asyncio.IncompleteReadError) as error:
                reason = _short(error)
            except (_Unreadable, asyncio.LimitOverrunError, ValueError) as error:
                reason = f"unreadable answer: {error}"
            else:
                if answer.status < 500 and answer.status not in _AGAIN:
                    return answer
                reason = f"answered {answer.reason}"
        raise ServiceError(f"{self._address}: {reason}")

    def _request(self, method: str, path: str, content: Mapping[str, Any] | None) -> bytes:
        body = b"" if content is None else json.dumps(content).encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._address}",
            "Accept: application/json",
            "Connection: close",
        ]
        if self._settings.token is not None:
            lines.append(f"Authorization: Bearer {self._settings.token.expose()}")
        if content is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    async def _exchange(self, request: bytes) -> ServiceAnswer:
        reader, writer = await asyncio.open_connection(
            self._host, self._port, ssl=self._tls, limit=_MOST_BYTES
        )
        try:
            writer.write(request)
            await writer.drain()
            return await _read_answer(reader)
        finally:
            # A goodbye would let a server that never closes hold us.
            writer.transport.abort()


class _Unreadable(Exception):
    """What came back is no answer in JSON over HTTP."""


async def _read_answer(reader: asyncio.StreamReader) -> ServiceAnswer:
    while True:
        status = _status(await reader.readuntil(b"\r\n"))
        headers = await _headers(reader)
        if status >= 200:
            break
    if 300 <= status < 400:
        raise _Unreadable(f"{status} points elsewhere, which is not followed")
    body = await _body(reader, headers)
    if not body.strip():
        return ServiceAnswer(status, {})
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        # A proxy says why it cannot reach the service in HTML.
        if status >= 400:
            return ServiceAnswer(status, {})
        raise _Unreadable("the body is no JSON") from None
    if not isinstance(content, dict):
        raise _Unreadable("the body is no JSON object")
    return ServiceAnswer(status, content)


def _status(line: bytes) -> int:
    version, _, rest = line.decode("latin-1").partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdigit():
        raise _Unreadable("that is no HTTP/1.1")
    return int(code)


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    """Header lines by their names in lower case."""
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADER_LINES):
        line = (await reader.readuntil(b"\r\n")).decode("latin-1").strip()
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise _Unreadable("too many header lines")


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    length = headers.get("content-length")
    if length is None:
        body = await reader.read(_MOST_BYTES + 1)
        while len(body) <= _MOST_BYTES and (more := await reader.read(_MOST_BYTES)):
            body += more
        _check_size(len(body))
        return body
    if not (length.isascii() and length.isdigit()):
        raise _Unreadable("the length of the body is no number")
    _check_size(int(length))
    return await reader.readexactly(int(length))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """The body of a chunked answer; what may follow it is not read."""
    body = b""
    while True:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size < 0:
            raise _Unreadable("a chunk of less than nothing")
        if size == 0:
            return body
        _check_size(len(body) + size)
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise _Unreadable("a chunk is longer than it says")


def _check_size(size: int) -> None:
    if size > _MOST_BYTES:
        raise _Unreadable(f"the body is longer than {_MOST_BYTES} bytes")


def _short(error: OSError | asyncio.IncompleteReadError) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "it closed before the end of its answer"
    return error.strerror or type(error).__name__
