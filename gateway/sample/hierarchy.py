"""The sample's certificates: a test hierarchy (测试) in DIR/einvoice, with keys of its own.

Everything in it is worth nothing outside: whoever has the folder can make certificates. A real site
gets its certificates from a licensed authority and puts them in the place of these.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import wrap
from typing import Final

from ...einvoice.algorithms import SignatureAlgorithm
from ...einvoice.hierarchy import Holder, make_hierarchy, make_revocation_list
from ...einvoice.keys import sm2_available

Random = Callable[[int], bytes]

FOLDER: Final = "einvoice"
UNIT: Final = "0104901"
"""The unit whose key the gateway keeps (托管)."""
UNIT_NAME: Final = "测试自然资源局"
OWN: Final = f"{UNIT}-own"
"""Names the key that the unit's own system has, for trying 8981."""

_BEFORE: Final = timedelta(days=366)
_AFTER: Final = timedelta(days=3660)
_README: Final = """\
测试 - a TEST hierarchy of certificates, made by `nontax init --sample`. Never use it in earnest.

root.pem              the root (测试根CA); its key was thrown away
test.crl              revocation list of the intermediate authority, empty
certificates/         intermediate.pem, finance.pem, and two of unit 0104901
keys/finance.key      finance's key
keys/0104901.key      the unit's key that the gateway keeps (托管)
keys/0104901-own.key  the unit's key that its own system would keep, for trying message 8981
keys/test-ca.key      the intermediate authority's key, for making further test certificates
"""


@dataclass(frozen=True, slots=True)
class WrittenHierarchy:
    """The sections of the configuration, and the algorithm of all keys."""

    algorithm: SignatureAlgorithm
    sections: Mapping[str, Mapping[str, object]]


def write_hierarchy(directory: Path, *, random: Random, today: str) -> WrittenHierarchy:
    """Write the hierarchy below `directory`; valid from a year before `today` to ten after.

    Its keys are SM2 ones, or ECDSA ones where this system has no SM2.
    """
    midnight = datetime.strptime(today, "%Y%m%d").replace(tzinfo=UTC)
    first, last = midnight - _BEFORE, midnight + _AFTER
    wanted = SignatureAlgorithm.SM3_WITH_SM2
    algorithm = wanted if sm2_available() else SignatureAlgorithm.SHA256_WITH_ECDSA
    made = make_hierarchy(
        algorithm,
        {UNIT: (UNIT_NAME, UNIT), OWN: (f"{UNIT_NAME}收费系统", UNIT)},
        random=random,
        not_before=first,
        not_after=last,
    )
    revoked = make_revocation_list(
        made.intermediate, (), number=1, this_update=first, next_update=last
    )
    folder = directory / FOLDER
    certificates, keys = folder / "certificates", folder / "keys"
    certificates.mkdir(parents=True)
    keys.mkdir(mode=0o700)
    _write(folder / "README.txt", _README)
    _write(folder / "root.pem", _pem("CERTIFICATE", made.root.certificate.der))
    _write(folder / "test.crl", _pem("X509 CRL", revoked))
    _write(certificates / "intermediate.pem", _certificate(made.intermediate))
    write_key(keys / "test-ca.key", made.intermediate.key.pkcs8())
    for name, holder in (("finance", made.finance), *made.units.items()):
        _write(certificates / f"{name}.pem", _certificate(holder))
        write_key(keys / f"{name}.key", holder.key.pkcs8())
    return WrittenHierarchy(algorithm, _sections())


def _sections() -> Mapping[str, Mapping[str, object]]:
    return {
        "einvoice": {
            "certificates": [f"{FOLDER}/certificates"],
            "roots": [f"{FOLDER}/root.pem"],
            "revocation_list": [f"{FOLDER}/test.crl"],
        },
        "einvoice.finance": _holder("finance"),
        f'einvoice.units."{UNIT}"': _holder(UNIT),
    }


def _holder(name: str) -> Mapping[str, object]:
    return {
        "certificate": f"{FOLDER}/certificates/{name}.pem",
        "key": f"file:{FOLDER}/keys/{name}.key",
    }


def _certificate(holder: Holder) -> str:
    return _pem("CERTIFICATE", holder.certificate.der)


def _pem(label: str, der: bytes) -> str:
    lines = "\n".join(wrap(b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def write_key(path: Path, pem: bytes) -> None:
    """Write a new file that nobody else could ever read, not even while it is made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
