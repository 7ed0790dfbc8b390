"""Operators: who they are, what they may do, how they prove it (spec: business, section 12)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from ..clock import Clock, civil_from_ms
from ..store import journal, operators
from ..store.protocol import Store, Transaction
from ..store.records import Operator
from .passwords import SALT_BYTES, make_hash, verify, weakness

ROLES: Final = ("maker", "checker", "auditor")
"""制单, 复核, 审计: who asks for a change, who approves it, who only looks."""
MAKER, CHECKER, AUDITOR = ROLES

_MINUTE_MS: Final = 60_000
_NAME_CHARACTERS: Final = 30


class OperatorRefused(Exception):
    """An operator may not do this; the text says why and what to do."""

    def __init__(self, what: str, do: str) -> None:
        super().__init__(what)
        self.what = what
        self.do = do


@dataclass(frozen=True, slots=True)
class LockRules:
    """After so many wrong passwords in a row an operator is locked for so many minutes."""

    failures: int = 5
    minutes: int = 15


@dataclass(frozen=True, slots=True)
class Operators:
    """Operators in the books; `random` gives N random bytes."""

    store: Store
    clock: Clock
    random: Callable[[int], bytes]
    lock: LockRules = LockRules()

    async def authenticate(self, name: str, password: str, *, may_be_new: bool = False) -> Operator:
        """The operator of a name and password. Raises OperatorRefused.

        may_be_new: also one who must change the password first. Wrong passwords are counted, and
        too many lock the name for a while, whatever comes then.
        """

        async def look(tx: Transaction) -> Operator | None:
            return await operators.get(tx, name)

        found = await self.store.read(look)
        now = self.clock.now_ms()
        if found is not None and found.locked_until > now:
            until = civil_from_ms(found.locked_until).strftime("%H:%M:%S")
            raise OperatorRefused(
                f"{name} is locked until {until} after wrong passwords", "wait, then try again"
            )
        # An unknown name costs as much time as a wrong password.
        kept = found.password_hash if found else make_hash("nobody", bytes(SALT_BYTES))
        if not verify(password, kept) or found is None:
            if found is not None:
                await self._failed(name, now)
            raise OperatorRefused("name or password is wrong", "check both")
        if not found.enabled:
            raise OperatorRefused(f"{name} is disabled", "ask a checker")
        if found.failed_attempts:
            await self.store.transact(lambda tx: operators.attempt_passed(tx, name))
        if found.must_change and not may_be_new:
            raise OperatorRefused(
                f"{name} must change the password first", f"run `nontax operator password {name}`"
            )
        return found

    async def _failed(self, name: str, now: int) -> None:
        async def work(tx: Transaction) -> None:
            failed = await operators.attempt_failed(
                tx,
                name,
                now=now,
                limit=self.lock.failures,
                lock_ms=self.lock.minutes * _MINUTE_MS,
            )
            if failed and failed % self.lock.failures == 0:
                await journal.append(
                    tx,
                    at=now,
                    kind="operator.locked",
                    subject=name,
                    actor=name,
                    facts={"failures": failed},
                )

        await self.store.transact(work)

    async def add(
        self,
        name: str,
        password: str,
        roles: Collection[str],
        units: Collection[str],
        *,
        actor: str,
        must_change: bool = True,
    ) -> None:
        """Add an operator. Raises OperatorRefused: bad name, role or password, taken name."""
        _check_name(name)
        _check_roles(roles)
        _check_password(password, name)
        now = self.clock.now_ms()
        operator = Operator(
            name=name,
            roles=",".join(role for role in ROLES if role in roles),
            units=",".join(sorted(units)),
            password_hash=make_hash(password, self.random(SALT_BYTES)),
            created_at=now,
            changed_at=now,
            must_change=int(must_change),
        )

        async def work(tx: Transaction) -> bool:
            if not await operators.insert(tx, operator):
                return False
            facts: dict[str, journal.Fact] = {"roles": operator.roles, "units": operator.units}
            await journal.append(
                tx, at=now, kind="operator.added", subject=name, actor=actor, facts=facts
            )
            return True

        if not await self.store.transact(work):
            raise OperatorRefused(f"there is an operator {name} already", "take another name")

    async def disable(self, name: str, *, actor: str) -> None:
        """Disable an operator for good. Raises OperatorRefused, also for oneself."""
        if name == actor:
            raise OperatorRefused("nobody disables himself", "ask another checker")
        now = self.clock.now_ms()

        async def work(tx: Transaction) -> bool:
            if not await operators.set_enabled(tx, name, 0, now):
                return False
            await journal.append(
                tx, at=now, kind="operator.disabled", subject=name, actor=actor, facts={}
            )
            return True

        if not await self.store.transact(work):
            raise _unknown(name)

    async def change_password(self, name: str, password: str, *, actor: str) -> None:
        """Set a password; one that somebody else set must be changed at first use."""
        _check_password(password, name)
        now = self.clock.now_ms()
        kept = make_hash(password, self.random(SALT_BYTES))

        async def work(tx: Transaction) -> None:
            await operators.set_password(tx, name, kept, must_change=int(actor != name), at=now)
            await journal.append(
                tx, at=now, kind="operator.password", subject=name, actor=actor, facts={}
            )

        async def look(tx: Transaction) -> Operator | None:
            return await operators.get(tx, name)

        before = await self.store.read(look)
        if before is None:
            raise _unknown(name)
        if verify(password, before.password_hash):
            raise OperatorRefused("the new password is the old one", "take another")
        await self.store.transact(work)

    async def all(self) -> list[Operator]:
        """All operators by name."""
        return await self.store.scan(operators.all_operators)


def require_role(operator: Operator, role: str, unit_code: str = "") -> None:
    """Raise OperatorRefused unless the operator has a role (for a unit, where one is named)."""
    if role not in operator.roles.split(","):
        raise OperatorRefused(f"{operator.name} is no {role}", f"name an operator who is {role}")
    if unit_code and operator.units and unit_code not in operator.units.split(","):
        raise OperatorRefused(
            f"{operator.name} may not act for unit {unit_code}", "name an operator of that unit"
        )


def require_other(first: str, second: str) -> None:
    """Raise OperatorRefused when the two operators of a two-operator rule are the same person."""
    if first.casefold() == second.casefold():
        raise OperatorRefused(
            f"{second} cannot approve what {first} asked for", "name another operator"
        )


def _unknown(name: str) -> OperatorRefused:
    return OperatorRefused(f"there is no operator {name}", "see `nontax operator list`")


def _check_name(name: str) -> None:
    plain = name.isascii() and name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    if not plain or not 1 <= len(name) <= _NAME_CHARACTERS:
        raise OperatorRefused(
            f"a name has 1 to {_NAME_CHARACTERS} letters, digits, - _ or .", "take another name"
        )


def _check_roles(roles: Collection[str]) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise OperatorRefused(
            f"{unknown[0]} is no role" if unknown else "an operator has at least one role",
            f"choose of {', '.join(ROLES)}",
        )


def _check_password(password: str, name: str) -> None:
    weak = weakness(password, name)
    if weak is not None:
        raise OperatorRefused(
            f"the password is too weak: {weak}",
            "take 8 or more characters with upper case, lower case, digit and symbol",
        )
