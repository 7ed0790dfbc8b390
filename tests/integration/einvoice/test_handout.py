"""What is handed out, to whom, and that a refusal tells nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nontax.gateway.einvoicing.handout import (
    Asker,
    Form,
    HandOut,
    Showing,
    Wanted,
    find,
    form_of,
    hand_out,
    split_name,
)

from ...unit.einvoice import signing
from .archive_desk import CODE, PAY_CODE, RANDOM, Desk, desk_at

UNIT = Asker(regions=("320682",), units=("0104901",), only_units=True)
OTHER_UNIT = Asker(regions=("320682",), units=("0105204",), only_units=True)
BANK = Asker(regions=("320682",))
WANTED = Wanted("0101", "0000000017", "320682", RANDOM)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path / "nontax.db") as desk:
        await desk.bill()
        yield desk


async def handed(desk: Desk, wanted: Wanted, asker: Asker) -> HandOut | None:
    return await desk.store.read(lambda tx: hand_out(tx, wanted, asker))


async def found(desk: Desk, name: str) -> HandOut | None:
    return await desk.store.read(lambda tx: find(tx, name))


@pytest.mark.parametrize(
    "name", [PAY_CODE, f"{CODE}-0000000017", f"{CODE}0000000017"], ids=["pay code", "-", "18"]
)
async def test_the_very_bytes_are_found_by_any_name(desk: Desk, name: str) -> None:
    data = await desk.invoice()
    given = await found(desk, name)
    assert given is not None
    assert given.document == data
    assert given.reversed_by is None


@pytest.mark.parametrize("name", ["", "1", "x" * 18, f"{CODE}-0000000018", "32068226000000000027"])
async def test_other_names_find_nothing(desk: Desk, name: str) -> None:
    await desk.invoice()
    assert await found(desk, name) is None


def test_a_hyphen_in_the_wrong_place_is_no_name() -> None:
    assert split_name("3201012-60000000017") == ("", "")
    assert split_name("32010126-0000000017") == ("32010126", "0000000017")


async def test_what_is_on_its_way_is_not_handed_out(desk: Desk) -> None:
    await desk.invoice(archive=False)
    assert await found(desk, PAY_CODE) is None
    assert await found(desk, f"{CODE}-0000000017") is None
    assert await handed(desk, WANTED, BANK) is None


@pytest.mark.parametrize("kind", ["0101", "320101", "32010126"])
@pytest.mark.parametrize("number", ["0000000017", "320101260000000017"])
async def test_kinds_and_numbers_in_all_their_lengths(desk: Desk, kind: str, number: str) -> None:
    data = await desk.invoice()
    given = await handed(desk, replace(WANTED, bill_type=kind, bill_no=number), BANK)
    assert given is not None
    assert given.document == data


@pytest.mark.parametrize(
    "change",
    [
        {"crc": "a1B2c4"},
        {"crc": "A1B2C3"},
        {"crc": ""},
        {"crc": "a1B2"},
        {"crc": "校验码校验码"},
        {"bill_no": "0000000018"},
        {"bill_no": "990101260000000017"},
        {"bill_no": "seventeen"},
        {"bill_type": "0102"},
        {"bill_type": "not a type"},
        {"region": "320600"},
    ],
    ids=str,
)
async def test_whatever_is_wrong_the_answer_is_one(desk: Desk, change: dict[str, str]) -> None:
    await desk.invoice()
    assert await handed(desk, replace(WANTED, **change), BANK) is None
    assert await handed(desk, WANTED, BANK) is not None


async def test_a_unit_gets_its_own_without_the_check_code_and_never_with_a_wrong_one(
    desk: Desk,
) -> None:
    await desk.invoice()
    assert await handed(desk, replace(WANTED, crc=""), UNIT) is not None
    assert await handed(desk, WANTED, UNIT) is not None
    assert await handed(desk, replace(WANTED, crc="a1B2c4"), UNIT) is None
    assert await handed(desk, WANTED, OTHER_UNIT) is None
    assert await handed(desk, WANTED, Asker(regions=("320600",))) is None


async def test_the_check_code_chooses_between_years(desk: Desk) -> None:
    await desk.bill("32068226000000000027")
    await desk.invoice()
    newer = await desk.invoice(code="32010127", pay_code="32068226000000000027", random="zzzzzz")
    given = await handed(desk, WANTED, BANK)
    assert given is not None
    assert given.invoice.code == CODE
    given = await handed(desk, replace(WANTED, crc="zzzzzz"), BANK)
    assert given is not None
    assert given.document == newer


async def test_a_reversed_invoice_names_its_red_one(desk: Desk) -> None:
    blue = await desk.invoice()
    red = await desk.red(18, 17)
    given = await found(desk, f"{CODE}-0000000017")
    assert given is not None
    assert given.document == blue
    assert given.reversed_by == (CODE, "0000000018")
    assert await found(desk, PAY_CODE) is None
    again = await desk.invoice(19)
    assert (await found(desk, PAY_CODE) or given).document == again
    page = showing().page(given)
    assert "已冲红" in page
    assert "0000000018" in page
    given = await found(desk, f"{CODE}-0000000018")
    assert given is not None
    assert given.document == red
    assert "(红字)" in showing().page(given)


def showing() -> Showing:
    world = signing.world()
    return Showing(world.certificates, world.policy, "https://e.example/{number}?r={random}")


async def test_both_forms(desk: Desk) -> None:
    data = await desk.invoice()
    given = await handed(desk, WANTED, BANK)
    assert given is not None
    assert showing().content(given, Form.XML) == data
    page = showing().content(given, Form.HTML).decode()
    assert "✓完整" in page
    assert "✓可信" in page
    assert "仅供测试" in page
    assert f"https://e.example/0000000017?r={RANDOM}" in page


@pytest.mark.parametrize(
    ("hold", "form"),
    [("HTML", "HTML"), (" html ", "HTML"), ("", "XML"), ("XML", "XML"), ("x", "XML")],
)
def test_hold1_asks_for_the_page(hold: str, form: str) -> None:
    assert form_of(hold) == form
