"""Amounts in capitals (大写金额) as printed on 缴款书, receipts and invoices.

The rules are those of 《支付结算办法》附一 (how banks require bills to be filled in): digits
零壹贰叁肆伍陆柒捌玖; one 零 for any run of zeros between digits, also where the yuan end with zero
and 角 follow (the rules allow to leave that one out); 整 after an amount that ends with 元 or 角.
1409.50 is 壹仟肆佰零玖元伍角整, 325.04 is 叁佰贰拾伍元零肆分.
"""

from __future__ import annotations

from typing import Final

from .money import MAX_FEN

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿", "万亿")


def capitals(fen: int) -> str:
    """Return an amount of `fen` in capitals; a negative one begins with 负.

    Raises ValueError beyond 15 integer digits of yuan.
    """
    if abs(fen) > MAX_FEN:
        raise ValueError("the amount has more than 15 integer digits")
    yuan, rest = divmod(abs(fen), 100)
    jiao, cents = divmod(rest, 10)
    text = "负" if fen < 0 else ""
    if yuan:
        text += _integer(yuan) + "元"
    if jiao:
        text += ("零" if yuan and not yuan % 10 else "") + _DIGITS[jiao] + "角"
    elif yuan and cents:
        text += "零"
    if cents:
        return text + _DIGITS[cents] + "分"
    return (text or "零元") + "整"


def _integer(number: int) -> str:
    """The capitals of a number above zero, in groups of four digits."""
    groups: list[int] = []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    text = ""
    gap = False  # a zero stands between what is written and what follows
    for index in range(len(groups) - 1, -1, -1):
        group = groups[index]
        if not group:
            gap = bool(text)
            continue
        if text and (gap or group < 1000):
            text += "零"
        text += _group(group) + _place(index, groups)
        gap = False
    return text


def _place(index: int, groups: list[int]) -> str:
    """The name of a group; 万亿 is written 万 when 亿 follows with its own digits."""
    if index == 3 and groups[2]:
        return "万"
    return _GROUPS[index]


def _group(number: int) -> str:
    """The capitals of 1 to 9999, without a leading zero."""
    text = ""
    gap = False
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + _DIGITS[digit] + _PLACES[place]
            gap = False
        else:
            gap = True
    return text
