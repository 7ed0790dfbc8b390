"""Operators: proof, locks, roles, scope, two persons."""

from __future__ import annotations

from typing import Any

import pytest

from nontax.gateway.collection.operators import (
    LockRules,
    OperatorRefused,
    Operators,
    require_other,
    require_role,
)
from nontax.gateway.store import journal

GOOD = "Zebra-9-crossing"
OTHER = "Camel-8-crossing"


@pytest.fixture
async def people(books: Any) -> Operators:
    operators = Operators(books.store, books.clock, bytes, LockRules(3, 15))
    await operators.add("anna", GOOD, ["maker"], ["0104901"], actor="test", must_change=False)
    return operators


async def test_the_right_password_proves_who_it_is(people: Operators) -> None:
    found = await people.authenticate("anna", GOOD)
    assert (found.name, found.roles, found.units) == ("anna", "maker", "0104901")
    assert GOOD not in repr(found)


@pytest.mark.parametrize(("name", "password"), [("anna", OTHER), ("anna", ""), ("nobody", GOOD)])
async def test_name_and_password_are_refused_alike(
    people: Operators, name: str, password: str
) -> None:
    with pytest.raises(OperatorRefused, match="name or password is wrong"):
        await people.authenticate(name, password)


async def test_wrong_passwords_lock_for_a_while(people: Operators, books: Any) -> None:
    for _ in range(3):
        with pytest.raises(OperatorRefused, match="wrong"):
            await people.authenticate("anna", OTHER)
    with pytest.raises(OperatorRefused, match="locked until 09:15:00"):
        await people.authenticate("anna", GOOD)
    books.clock.advance(seconds=15 * 60)
    await people.authenticate("anna", GOOD)
    with pytest.raises(OperatorRefused, match="wrong"):
        await people.authenticate("anna", OTHER)
    await people.authenticate("anna", GOOD)  # counted anew after a right one
    rows = await books.store.scan(lambda tx: journal.of_subject(tx, "anna"))
    assert [row.kind for row in rows] == ["operator.added", "operator.locked"]
    assert not any("scrypt" in row.facts for row in rows)


async def test_a_new_password_must_be_changed_first(people: Operators) -> None:
    await people.add("ben", GOOD, ["checker", "auditor"], [], actor="anna")
    with pytest.raises(OperatorRefused, match="must change the password"):
        await people.authenticate("ben", GOOD)
    await people.authenticate("ben", GOOD, may_be_new=True)
    with pytest.raises(OperatorRefused, match="is the old one"):
        await people.change_password("ben", GOOD, actor="ben")
    await people.change_password("ben", OTHER, actor="ben")
    assert (await people.authenticate("ben", OTHER)).roles == "checker,auditor"
    await people.change_password("ben", GOOD, actor="anna")
    with pytest.raises(OperatorRefused, match="must change the password"):
        await people.authenticate("ben", GOOD)


async def test_a_disabled_operator_is_refused(people: Operators) -> None:
    with pytest.raises(OperatorRefused, match="nobody disables himself"):
        await people.disable("anna", actor="anna")
    await people.disable("anna", actor="ben")
    with pytest.raises(OperatorRefused, match="disabled"):
        await people.authenticate("anna", GOOD)


@pytest.mark.parametrize(
    ("name", "password", "roles", "text"),
    [
        ("anna", OTHER, ["maker"], "already"),
        ("张三", OTHER, ["maker"], "letters, digits"),
        ("", OTHER, ["maker"], "letters, digits"),
        ("a" * 31, OTHER, ["maker"], "letters, digits"),
        ("carl", OTHER, [], "at least one role"),
        ("carl", OTHER, ["king"], "king is no role"),
        ("carl", "short", ["maker"], "too weak"),
        ("carl", "Carl-9-crossing", ["maker"], "too weak"),
    ],
)
async def test_who_cannot_be_added(
    people: Operators, name: str, password: str, roles: list[str], text: str
) -> None:
    with pytest.raises(OperatorRefused, match=text):
        await people.add(name, password, roles, [], actor="test")
    assert [operator.name for operator in await people.all()] == ["anna"]


async def test_nobody_unknown_is_changed(people: Operators) -> None:
    with pytest.raises(OperatorRefused, match="no operator carl"):
        await people.disable("carl", actor="anna")
    with pytest.raises(OperatorRefused, match="no operator carl"):
        await people.change_password("carl", OTHER, actor="anna")


async def test_roles_scope_and_two_persons(people: Operators) -> None:
    anna = await people.authenticate("anna", GOOD)
    require_role(anna, "maker")
    require_role(anna, "maker", "0104901")
    with pytest.raises(OperatorRefused, match="anna is no checker"):
        require_role(anna, "checker")
    with pytest.raises(OperatorRefused, match="unit 0105204"):
        require_role(anna, "maker", "0105204")
    require_other("anna", "ben")
    with pytest.raises(OperatorRefused, match="cannot approve"):
        require_other("anna", "Anna")
