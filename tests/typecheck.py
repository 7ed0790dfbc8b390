"""Run mypy over the packages as ``nontax.*``.

The folders stand at the top level and are mapped to ``nontax.*`` by the build; a type checker needs
a tree that has those names. This makes one of symbolic links under ``build/`` and checks it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("codecs", "mac", "messages", "einvoice", "reconcile", "gateway", "simulators")


def main() -> int:
    """Return mypy's exit status."""
    tree = ROOT / "build" / "typecheck" / "nontax"
    tree.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        link = tree / name
        if not link.is_symlink():
            link.symlink_to(ROOT / name, target_is_directory=True)
    environment = {**os.environ, "MYPYPATH": str(tree.parent)}
    command = [sys.executable, "-m", "mypy", "--explicit-package-bases", "--config-file"]
    command += [str(ROOT / "pyproject.toml"), *sys.argv[1:]]
    command += [argument for name in PACKAGES for argument in ("-p", f"nontax.{name}")]
    return subprocess.run(command, env=environment, check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
