# ruff: noqa: INP001 (a script, not a package)
"""Write the reference pages that follow from the code: ``python docs/generate.py [--check]``.

A page is a path below ``docs/`` and a function that returns its text. ``--check`` writes nothing
and fails when a page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from nontax.messages.document import codes_markdown, messages_markdown

DOCS = Path(__file__).resolve().parent
NOTICE = "<!-- Written by docs/generate.py: change the code, then run `make docs`. -->\n"

PAGES: list[tuple[str, Callable[[], str]]] = [
    ("reference/messages.md", messages_markdown),
    ("reference/codes.md", codes_markdown),
]


def outdated() -> Iterator[tuple[Path, str]]:
    """Pages whose file is not what the code says, with the text that they should have."""
    for name, render in PAGES:
        path = DOCS / name
        text = NOTICE + render()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path, text


def main(arguments: list[str]) -> int:
    """Write what is out of date, or only say so."""
    check = "--check" in arguments
    found = False
    for path, text in outdated():
        found = True
        sys.stdout.write(f"{'out of date' if check else 'wrote'}: {path.relative_to(DOCS)}\n")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
