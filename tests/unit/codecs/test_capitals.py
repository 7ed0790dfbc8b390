"""大写: the examples of 《支付结算办法》附一 and what lies between them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nontax.codecs.capitals import capitals

VALUES = dict(zip("零壹贰叁肆伍陆柒捌玖", range(10), strict=True))
PLACES = {"拾": 10, "佰": 100, "仟": 1000}


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        # The four examples of the rules.
        (140950, "壹仟肆佰零玖元伍角整"),
        (600714, "陆仟零柒元壹角肆分"),
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (32504, "叁佰贰拾伍元零肆分"),
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (8000, "捌拾元整"),
        (1000, "壹拾元整"),
        (100010000, "壹佰万零壹佰元整"),
        (10700053, "壹拾万柒仟元零伍角叁分"),  # an example of the rules, as the next one
        (168032, "壹仟陆佰捌拾元零叁角贰分"),
        (1000000000000, "壹佰亿元整"),
        (100000001000000, "壹万亿零壹万元整"),
        (10**15, "壹拾万亿元整"),
        (12345678901234500, "壹佰贰拾叁万肆仟伍佰陆拾柒亿捌仟玖佰零壹万贰仟叁佰肆拾伍元整"),
        (-5, "负伍分"),
        (-8000, "负捌拾元整"),
    ],
)
def test_examples(fen: int, text: str) -> None:
    assert capitals(fen) == text


def test_a_larger_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="15 integer digits"):
        capitals(10**17)


def group(text: str) -> int:
    """The number that up to four digits and their places say."""
    number = digit = 0
    for character in text:
        if character in PLACES:
            number += digit * PLACES[character]
            digit = 0
        else:
            digit = VALUES[character]
    return number + digit


def read_back(text: str) -> int:
    """Fen of an amount in capitals, by a reader that knows nothing of how it was written."""
    yuan, _, rest = text.rpartition("元") if "元" in text else ("", "", text)
    whole = 0
    if yuan:
        high, mark, low = yuan.rpartition("亿")
        for part, scale in ((high if mark else "", 10**8), (low, 1)):
            tens, wan, ones = part.rpartition("万")
            whole += ((group(tens) if wan else 0) * 10**4 + group(ones)) * scale
    jiao = re.search(r"(.)角", rest)
    fen = re.search(r"(.)分", rest)
    cents = (VALUES[jiao[1]] * 10 if jiao else 0) + (VALUES[fen[1]] if fen else 0)
    return whole * 100 + cents


@given(st.integers(0, 10**17 - 1) | st.integers(0, 10**9))
def test_reads_back_as_the_same_amount(fen: int) -> None:
    text = capitals(fen)
    assert read_back(text) == fen
    assert "零零" not in text
    assert text.endswith(("整", "分"))
