"""Names, numbers and charges of a county, drawn from a seeded generator. Nobody of them exists."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

_SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘蒋蔡余"
)
_GIVEN: Final = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国志强晓东海燕春梅文博雨欣子涵"
)
_FIRMS: Final = ("宏达", "恒通", "江海", "东方", "金桥", "华盛", "永兴", "新城", "长江", "苏润")
_TRADES: Final = (
    "建筑工程",
    "纺织",
    "机械制造",
    "房地产开发",
    "物流",
    "水产养殖",
    "食品",
    "环保科技",
)
_ROADS: Final = ("人民路", "解放路", "中山路", "滨江大道", "文化路", "建设路")


@dataclass(frozen=True, slots=True)
class Item:
    """What a unit charges: code, name, measure and the usual prices in fen."""

    code: str
    name: str
    measure: str
    prices: tuple[int, ...]
    most: int = 1
    """Largest usual quantity."""


@dataclass(frozen=True, slots=True)
class Office:
    """An executing unit (执收单位) with its items; firms: whether firms pay it, too."""

    code: str
    name: str
    items: tuple[Item, ...]
    firms: bool = False


LAND: Final = Office(
    "0104901",
    "示例市自然资源局",
    (
        Item("103043211", "不动产登记费", "次", (8000, 55000), 2),
        Item("320600000001", "土地复垦费", "平方米", (1000, 1500), 400),
    ),
    firms=True,
)
SCHOOL: Final = Office(
    "0206301",
    "示例市第一高级中学",
    (Item("103042750", "普通高中学费", "学期", (85000, 120000, 170000)),),
)
OFFICES: Final = (
    LAND,
    Office(
        "0302101",
        "示例市公安局交通警察大队",
        (Item("103050101", "交通违法罚款", "次", (5000, 10000, 15000, 20000, 50000)),),
    ),
    Office(
        "0401201",
        "示例市城市管理局",
        (
            Item("103070601", "机动车停放服务费", "月", (15000, 30000), 12),
            Item("103044609", "城市道路占用挖掘修复费", "平方米", (12000, 26000), 30),
        ),
        firms=True,
    ),
    Office(
        "0501301",
        "示例市水利局",
        (
            Item("103044701", "水资源费", "立方米", (13, 20), 60000),
            Item("103044801", "水土保持补偿费", "平方米", (100, 120), 8000),
        ),
        firms=True,
    ),
    Office(
        "0601101",
        "示例市人民法院",
        (Item("103040101", "诉讼费", "件", (5000, 10000, 230000, 880000)),),
        firms=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Charged:
    """One line of a bill; amt in fen."""

    item: Item
    quantity: int
    amt: int


def person(random: Random) -> str:
    """A person's name."""
    given = "".join(random.choice(_GIVEN) for _ in range(random.choice((1, 2, 2))))
    return random.choice(_SURNAMES) + given


def payer(random: Random, office: Office) -> str:
    """Who pays an office: a person, or a firm where firms do."""
    if office.firms and random.random() < 0.35:
        return f"示例市{random.choice(_FIRMS)}{random.choice(_TRADES)}有限公司"
    return person(random)


def charges(random: Random, office: Office) -> tuple[Charged, ...]:
    """One or two lines of a bill."""
    count = 2 if len(office.items) > 1 and random.random() < 0.2 else 1
    lines = []
    for item in random.sample(office.items, count):
        quantity = random.randint(1, item.most)
        lines.append(Charged(item, quantity, random.choice(item.prices) * quantity))
    return tuple(lines)


def mobile(random: Random) -> str:
    """A mobile number of a prefix that is given to nobody."""
    return f"1300000{random.randrange(10000):04d}"


def identity_number(random: Random) -> str:
    """An identity number with a birthday in 1900: nobody has it. The check digit is right."""
    first = f"3206821900{random.randint(1, 12):02d}{random.randint(1, 28):02d}"
    first += f"{random.randrange(1000):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(first, weights, strict=True))
    return first + "10X98765432"[total % 11]


def check_code(random: Random) -> str:
    """The check code (校验码) of a bill."""
    return f"{random.randrange(10000):04d}"


def bank_account(random: Random) -> tuple[str, str, str]:
    """A payer's account, its bank and the bank's line number."""
    number = f"62170000{random.randrange(10**8):08d}"
    return number, f"中国建设银行示例{random.choice(_ROADS)}支行", "105306500018"
