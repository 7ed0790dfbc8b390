"""The floors of the house: imports point down only, and the lower floors do no I/O.

5 simulators    4 gateway    3 reconcile, einvoice    2 messages    1 codecs, mac
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOOR = {
    "codecs": 1,
    "mac": 1,
    "messages": 2,
    "reconcile": 3,
    "einvoice": 3,
    "gateway": 4,
    "simulators": 5,
}
# What needs a socket, a clock, a file, a database or chance: handed in from the gateway.
IMPURE = {
    "asyncio", "datetime.datetime.now", "logging", "multiprocessing", "os", "pathlib", "random",
    "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib", "uvloop",
}  # fmt: skip
ALLOWED_LIBRARIES = {"lxml", "Crypto", "cryptography", "pydantic", "pydantic_core", "uvloop"}
# A parser per thread, a lock around a cipher, the name of the library that ssl links: nothing is
# started or waited for elsewhere.
EXCEPTIONS = {
    ("codecs/xml.py", "threading"),
    ("einvoice/keys/libcrypto.py", "ssl"),
    ("mac/tripledes.py", "threading"),
}


def sources(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every import, relative ones resolved to nontax.*."""
    package = ["nontax", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")]
            for alias in node.names:
                yield node.lineno, ".".join(part for part in [*module, alias.name] if part)


@pytest.mark.parametrize("folder", FLOOR)
def test_imports_point_down_only(folder: str) -> None:
    wrong = []
    for path in sources(folder):
        for line, name in imported(path):
            parts = name.split(".")
            if parts[0] != "nontax" or len(parts) < 2:
                continue
            target = parts[1]
            assert target in FLOOR, f"{path}:{line} imports nontax.{target}, which is no folder"
            if target != folder and FLOOR[target] >= FLOOR[folder]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", [name for name, floor in FLOOR.items() if floor <= 3])
def test_the_lower_floors_do_no_input_or_output(folder: str) -> None:
    wrong = []
    for path in sources(folder):
        for line, name in imported(path):
            here = str(path.relative_to(ROOT))
            top = name.split(".")[0]
            if top in IMPURE and (here, top) not in EXCEPTIONS:
                wrong.append(f"{here}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_only_the_allowed_libraries_are_imported() -> None:
    import sys

    known = set(sys.stdlib_module_names) | ALLOWED_LIBRARIES | {"nontax", "__future__"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for folder in FLOOR
        for path in sources(folder)
        for line, name in imported(path)
        if name.split(".")[0] not in known
    ]
    assert not wrong, "\n".join(wrong)


def test_the_walk_sees_relative_imports() -> None:
    """The test above would be worth nothing if it missed them."""
    names = {name for _, name in imported(ROOT / "gateway" / "exchange.py")}
    assert "nontax.messages.codes.Result" in names
    assert "nontax.gateway.access.Access" in names
