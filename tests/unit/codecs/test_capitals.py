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
        (-10, "负壹角整"),
        (101, "壹元零壹分"),
        (110, "壹元壹角整"),
        (1010, "壹拾元零壹角整"),
        (1001, "壹拾元零壹分"),
        (10050, "壹佰元零伍角整"),
        (10000000, "壹拾万元整"),
        (10005000, "壹拾万零伍拾元整"),
        (10000500000, "壹亿零伍仟元整"),
        (100050000000, "壹拾亿零伍拾万元整"),
        (10**12 * 5 + 1, "伍佰亿元零壹分"),
        (10**14, "壹万亿元整"),
        (10**14 + 500000000000, "壹万零伍拾亿元整"),
        (10**14 + 10**10 + 100, "壹万零壹亿零壹元整"),
        (10**16 + 100, "壹佰万亿零壹元整"),
        (
            99999999999999999,
            "玖佰玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分",
        ),
        (
            -10101010101010101,
            "负壹佰零壹万零壹佰零壹亿零壹佰零壹万零壹佰零壹元零壹分",
        ),
    ],
)
def test_examples(fen: int, text: str) -> None:
    assert capitals(fen) == text


def test_a_larger_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="15 integer digits"):
        capitals(10**17)
    with pytest.raises(ValueError, match="15 integer digits"):
        capitals(-(10**17))


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


def spelt(fen: int) -> str:
    """The same by another way: every digit with its place, then the zeros taken together."""
    yuan, rest = divmod(fen, 100)
    digits = f"{yuan:016d}"
    text = ""
    for index in range(4):
        part = digits[4 * index : 4 * index + 4]
        names = [
            f"{'零壹贰叁肆伍陆柒捌玖'[int(d)]}{p}" for d, p in zip(part, "仟佰拾 ", strict=True)
        ]
        text += "".join(names).replace(" ", "") + "万亿万元"[index]
    text = re.sub("零[仟佰拾]", "零", text)
    text = re.sub("零+", "零", text)
    text = re.sub("零([万亿元])", r"\1", text)
    text = text.removeprefix("万").replace("亿万", "亿零").replace("零零", "零")
    text = re.sub("^零?亿?零?", "", text).removeprefix("万")
    text = text.replace("零元", "元").removeprefix("元")
    jiao, cents = divmod(rest, 10)
    if not rest:
        return (text or "零元") + "整"
    if text and (not jiao or not yuan % 10):
        text += "零"
    text += f"{'零壹贰叁肆伍陆柒捌玖'[jiao]}角" if jiao else ""
    return text + (f"{'零壹贰叁肆伍陆柒捌玖'[cents]}分" if cents else "整")


SPARSE = st.lists(st.sampled_from("0000015"), min_size=1, max_size=17).map("".join).map(int)


@given(SPARSE | st.integers(0, 10**17 - 1) | st.integers(0, 10**7))
def test_zeros_stand_where_another_way_puts_them(fen: int) -> None:
    assert capitals(fen) == spelt(fen)


def test_every_small_amount_and_every_power_of_ten() -> None:
    powers = [10**place + extra for place in range(17) for extra in (-1, 0, 1)]
    for fen in [*range(12_000), *powers]:
        assert capitals(fen) == spelt(fen)
        assert read_back(capitals(fen)) == fen


@given(SPARSE | st.integers(1, 10**17 - 1))
def test_a_negative_amount_is_the_same_behind_its_sign(fen: int) -> None:
    if fen:
        assert capitals(-fen) == "负" + capitals(fen)


@given(SPARSE | st.integers(0, 10**17 - 1) | st.integers(0, 10**9))
def test_reads_back_as_the_same_amount(fen: int) -> None:
    text = capitals(fen)
    assert read_back(text) == fen
    assert "零零" not in text
    assert text.endswith(("整", "分"))
