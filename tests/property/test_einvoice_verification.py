"""No byte of a signed e-invoice can be changed unseen, wherever it stands."""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.einvoice.algorithms import SignatureAlgorithm
from nontax.einvoice.envelope import Opened, open_document
from nontax.einvoice.keys import sm2_available
from nontax.einvoice.verify import verify

from ..unit.einvoice.documents import FULL, INVOICE
from ..unit.einvoice.signing import ECDSA, signed_document, world

USABLE = [one for one in SignatureAlgorithm if one is not SignatureAlgorithm.SM3_WITH_SM2]
USABLE += [SignatureAlgorithm.SM3_WITH_SM2] if sm2_available() else []


@cache
def sample(algorithm: SignatureAlgorithm, *, red: bool = False) -> bytes:
    return signed_document(world(algorithm), FULL if red else INVOICE)


def is_fine(algorithm: SignatureAlgorithm, data: bytes) -> bool:
    known = world(algorithm)
    return verify(data, known.certificates, known.policy).is_fine


def unprotected(data: bytes) -> range:
    """Where finance's SignatureTime stands: within its week nothing but the archive keeps it."""
    end = data.rindex(b"</SignatureTime>")
    return range(data.rindex(b"<SignatureTime>") + len(b"<SignatureTime>"), end)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_every_byte_is_protected(algorithm: SignatureAlgorithm) -> None:
    """Each position of the whole document, its frame included, with three bits changed."""
    data = sample(algorithm)
    assert is_fine(algorithm, data)
    free = unprotected(data)
    for position in range(len(data)):
        for bit in (1, 4, 32) if position not in free else ():
            changed = bytearray(data)
            changed[position] ^= bit
            assert not is_fine(algorithm, bytes(changed)), (position, bit)


@given(st.sampled_from(USABLE), st.booleans(), st.data())
def test_no_other_byte_does_either(
    algorithm: SignatureAlgorithm, red: bool, data: st.DataObject
) -> None:
    document = sample(algorithm, red=red)
    free = unprotected(document)
    position = data.draw(st.integers(0, len(document) - 1).filter(lambda at: at not in free))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != document[position]))
    assert not is_fine(algorithm, document[:position] + bytes([byte]) + document[position + 1 :])


@given(st.sampled_from(USABLE), st.data())
def test_nothing_can_be_put_in_or_taken_out(
    algorithm: SignatureAlgorithm, data: st.DataObject
) -> None:
    document = sample(algorithm)
    free = unprotected(document)
    start = data.draw(st.integers(0, len(document)).filter(lambda at: at not in free))
    if data.draw(st.booleans()):
        put = data.draw(st.sampled_from([b" ", b"\n", b"0", b"=", b"A", b"<!-- -->", b"&#65;"]))
        changed = document[:start] + put + document[start:]
    else:
        end = data.draw(st.integers(start + 1, start + 40))
        changed = document[:start] + document[end:]
        if start < free.start < end:
            return  # the cut may leave another time, or nothing but a form that is refused anyway
    if changed != document:
        assert not is_fine(algorithm, changed)


@given(st.data())
def test_what_time_is_left_free_is_still_within_the_week(data: st.DataObject) -> None:
    document = sample(ECDSA)
    free = unprotected(document)
    digits = data.draw(st.text("0123456789+-", min_size=14, max_size=19)).encode()
    changed = document[: free.start] + digits + document[free.stop :]
    known = world(ECDSA)
    found = verify(changed, known.certificates, known.policy)
    if found.is_fine:
        assert found.finance is not None
        assert "20261122093000" <= found.finance.signature.moment <= "20261129093000"


# -- signatures that say the same in other bytes ---------------------------------------------------


def parts(algorithm: SignatureAlgorithm) -> tuple[bytes, Opened, bytes]:
    document = sample(algorithm)
    opened = open_document(document)
    return document, opened, b64encode(opened.finance.value)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_base64_is_canonical(algorithm: SignatureAlgorithm) -> None:
    document, opened, value = parts(algorithm)
    others = [value[:20] + b"\n" + value[20:], value + b"=", value.rstrip(b"="), b" " + value]
    if value.endswith(b"="):  # the unused bits of the last character
        last = len(value.rstrip(b"="))
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        other = value[: last - 1] + bytes([alphabet[alphabet.index(value[last - 1]) + 1]])
        others.append(other + value[last:])
        assert b64decode(others[-1]) == opened.finance.value
    for changed in others:
        if changed != value:
            assert not is_fine(algorithm, document.replace(value, changed))


@pytest.mark.parametrize("algorithm", [one for one in USABLE if not one.value.endswith("RSA")])
def test_der_is_strict(algorithm: SignatureAlgorithm) -> None:
    document, opened, value = parts(algorithm)
    der = opened.finance.value
    length = der[3]
    padded = bytes([0x30, der[1] + 1, 2, length + 1, 0]) + der[4:]
    long_form = bytes([0x30, 0x81]) + der[1:]
    for changed in (der + b"\0", padded, long_form, b"\x31" + der[1:]):
        assert not is_fine(algorithm, document.replace(value, b64encode(changed)))


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_other_names_of_algorithms_are_not_taken(algorithm: SignatureAlgorithm) -> None:
    document = sample(algorithm)
    name = f"<SignatureAlgorithm>{algorithm}</SignatureAlgorithm>".encode()
    head, unit, rest = document.split(name)
    for other in (*SignatureAlgorithm, "SM2", "SHA1withRSA", algorithm.lower(), ""):
        if other == algorithm:
            continue
        renamed = f"<SignatureAlgorithm>{other}</SignatureAlgorithm>".encode()
        assert not is_fine(algorithm, head + renamed + unit + name + rest)
        assert not is_fine(algorithm, head + name + unit + renamed + rest)
        assert not is_fine(algorithm, head + renamed + unit + renamed + rest)


@pytest.mark.parametrize("algorithm", SignatureAlgorithm)
def test_signatures_of_another_document_are_not_taken(algorithm: SignatureAlgorithm) -> None:
    blue, red = open_document(sample(algorithm)), open_document(sample(algorithm, red=True))
    document = sample(algorithm)
    for mine, other in (
        (blue.unit_element, red.unit_element),
        (blue.finance_element, red.finance_element),
        (blue.signed, red.signed),
    ):
        assert not is_fine(algorithm, document.replace(mine, other))
