"""A real gateway as a subprocess: make a sample, change its configuration, serve, kill, restart.

Used by the demo and by the integration tests. Everything goes through the operator's contract: the
command `nontax`, its first line of output, its signals and its configuration file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ..gateway.config import Config, load_config
from ..mac import parse_des_key
from .identity import Clock, Identity, civil_now, make_identity
from .link import Address, parse_address

Value = str | int | float | bool | Sequence[str]

_SERVE_SECONDS: Final = 30.0
_KEY = re.compile(r"^#?\s*([a-z0-9_]+)\s*=")
_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\"]+)\s*\]\]?\s*$")
_CODE = re.compile(r"^code\s*=\s*\"([^\"]+)\"")


class CommandFailedError(Exception):
    """A `nontax` command ended otherwise than it should; the text has its output."""

    def __init__(self, arguments: Sequence[str], code: int, output: str) -> None:
        self.code = code
        self.output = output
        words = " ".join(arguments)
        super().__init__(f"nontax {words} ended with {code}: {output.strip()}")


def nontax_command() -> list[str]:
    """The command `nontax` of this interpreter's environment."""
    script = Path(sys.executable).with_name("nontax")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-P", "-m", "nontax.gateway.cli"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.stdout)


async def run_nontax(*arguments: str) -> Finished:
    """Run one `nontax` command to its end; its exit code is the caller's to judge."""
    process = await asyncio.create_subprocess_exec(
        *nontax_command(),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None  # noqa: S101 - communicate waits for the end
    return Finished(process.returncode, out.decode(), err.decode())


async def must_run(*arguments: str) -> Finished:
    """Run one command that has to end with 0. Raises CommandFailedError."""
    finished = await run_nontax(*arguments)
    if finished.code != 0:
        raise CommandFailedError(arguments, finished.code, finished.stderr or finished.stdout)
    return finished


# -- configuration -------------------------------------------------------------------------


def edited(
    text: str,
    sections: Mapping[str, Mapping[str, Value]],
    peers: Mapping[str, Mapping[str, Value]],
) -> str:
    """A configuration file's text with keys of sections and of peers (by code) set.

    The file has one key a line, so that this needs no TOML writer and keeps every comment. Raises
    KeyError for a peer that is not in the file.
    """
    blocks = _blocks(text.splitlines())
    for name, values in sections.items():
        found = [block for block in blocks if block.name == name and not block.peer]
        if not found:
            blocks.append(_Block(name, ["", f"[{name}]"]))
            found = blocks[-1:]
        found[0].put(values)
    for code, values in peers.items():
        block = next((block for block in blocks if block.peer == code), None)
        if block is None:
            raise KeyError(code)
        block.put(values)
    return "\n".join(line for block in blocks for line in block.lines) + "\n"


@dataclass(slots=True)
class _Block:
    """The lines of one table, its header first; peer: the code of a [[peers]] table."""

    name: str
    lines: list[str]
    peer: str = ""

    def put(self, values: Mapping[str, Value]) -> None:
        for key, value in values.items():
            line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
            places = [
                index
                for index, text in enumerate(self.lines)
                if (match := _KEY.match(text)) and match[1] == key
            ]
            # A key that is set goes before one that is only shown in a comment.
            places.sort(key=lambda index: self.lines[index].startswith("#"))
            if places:
                self.lines[places[0]] = line
            else:
                header = next(i for i, text in enumerate(self.lines) if _HEADER.match(text))
                self.lines.insert(header + 1, line)


def _blocks(lines: Sequence[str]) -> list[_Block]:
    blocks = [_Block("", [])]
    for line in lines:
        header = _HEADER.match(line)
        if header:
            blocks.append(_Block(header[1], []))
        block = blocks[-1]
        block.lines.append(line)
        if block.name == "peers" and (code := _CODE.match(line)):
            block.peer = code[1]
    return blocks


class Installation:
    """A directory with `nontax.toml`, secrets and a store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config_file = directory / "nontax.toml"

    @classmethod
    async def sample(cls, directory: Path) -> Self:
        """Make one with `nontax init DIR --sample`. Raises CommandFailedError."""
        await must_run("init", str(directory), "--sample")
        return cls(directory)

    @classmethod
    def copied(cls, template: Path, directory: Path) -> Self:
        """Copy one that nobody has started yet. Raises OSError."""
        shutil.copytree(template, directory)
        return cls(directory)

    @property
    def store_file(self) -> Path:
        """The embedded store."""
        return self.directory / "nontax.db"

    def configure(
        self,
        sections: Mapping[str, Mapping[str, Value]] | None = None,
        peers: Mapping[str, Mapping[str, Value]] | None = None,
    ) -> None:
        """Set keys of sections, and of peers by their code."""
        text = self.config_file.read_text("utf-8")
        self.config_file.write_text(edited(text, sections or {}, peers or {}), "utf-8")

    def config(self) -> Config:
        """The configuration as the gateway reads it."""
        return load_config(self.config_file)

    def identity(self, code: str, *, clock: Clock = civil_now) -> Identity:
        """The identity of a peer, with its first token. Raises KeyError."""
        return identity_from(self.config(), code, clock=clock)

    def command(self, *arguments: str, operator: str = "") -> tuple[str, ...]:
        """The words of a `nontax` command on this installation.

        operator: one of the sample's, whose password lies in a file of its own.
        """
        words = (*arguments, "-c", str(self.config_file))
        if operator:
            password = self.directory / "secret" / f"{operator}.password"
            words += ("--operator", operator, "--password-file", str(password))
        return words

    async def run(self, *arguments: str, operator: str = "") -> Finished:
        """Run a `nontax` command on this installation."""
        return await run_nontax(*self.command(*arguments, operator=operator))

    async def must(self, *arguments: str, operator: str = "") -> Finished:
        """Run a command that has to end with 0. Raises CommandFailedError."""
        return await must_run(*self.command(*arguments, operator=operator))


def identity_from(config: Config, code: str, *, clock: Clock = civil_now) -> Identity:
    """A peer's identity from the gateway's configuration: code, MAC, first token, charset.

    Raises KeyError for a code that is not configured.
    """
    for peer in config.peers:
        if peer.code == code:
            return make_identity(
                peer.code,
                peer.kind,
                peer.token,
                peer.mac.algorithm,
                peer.mac.width,
                des_key=None if peer.des_key is None else parse_des_key(peer.des_key.expose()),
                charset=peer.charset,
                region=peer.regions[0],
                clock=clock,
            )
    raise KeyError(code)


class GatewayProcess:
    """`nontax serve` on an installation. Its log goes to DIR/NAME.log."""

    def __init__(self, installation: Installation, name: str = "serve") -> None:
        self.installation = installation
        self.log_file = installation.directory / f"{name}.log"
        self.address = Address("", 0)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Address:
        """Start and wait for `listening HOST:PORT`. Raises CommandFailedError."""
        arguments = ("serve", "-c", str(self.installation.config_file))
        with self.log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *nontax_command(),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        self._process = process
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            async with asyncio.timeout(_SERVE_SECONDS):
                line = (await process.stdout.readline()).decode().strip()
        except TimeoutError:
            line = ""
        word, _, address = line.partition(" ")
        if word != "listening":
            await self.kill()
            tail = self.log_file.read_text("utf-8", "replace")[-2000:]
            raise CommandFailedError(arguments, process.returncode or 0, line or tail)
        self.address = parse_address(address)
        return self.address

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process's id. Raises RuntimeError when it was never started."""
        if self._process is None:
            raise RuntimeError("the gateway was never started")
        return self._process.pid

    async def kill(self) -> None:
        """End it at once (SIGKILL), as a power failure would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.returncode is None:
            # Not process.send_signal: it would reap a process that has just ended, and asyncio
            # could not tell its exit code any more.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        await process.stdout.read()  # to its end, or the pipe would outlive the process
        return await process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.running:
            await self.kill()


__all__ = [
    "CommandFailedError",
    "Finished",
    "GatewayProcess",
    "Installation",
    "edited",
    "identity_from",
    "must_run",
    "nontax_command",
    "run_nontax",
]
