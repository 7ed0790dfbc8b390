"""Clearing instructions (清分指令, 5614) and their lines."""

# ruff: noqa: S608 - statements are put together from constants of this module only

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from .clearing_records import Instruction, InstructionLine, InstructionState, LineResult
from .protocol import Transaction
from .sql import Conditions, insert_into, select_from, values

Ending = Literal["succeeded", "failed", "partly"]

_INSERT: Final = insert_into(Instruction, "clearing_instructions")
_VALUES: Final = values(Instruction)
_INSERT_LINE: Final = insert_into(InstructionLine, "clearing_lines")
_LINE_VALUES: Final = values(InstructionLine)
_GET: Final = select_from(Instruction, "clearing_instructions", "WHERE instr_no = ?1")
_LINES: Final = select_from(
    InstructionLine, "clearing_lines", "WHERE instr_no = ?1 ORDER BY line_no"
)


async def insert(
    tx: Transaction, instruction: Instruction, lines: Sequence[InstructionLine]
) -> None:
    """Write an instruction with its lines.

    ConstraintViolated when the number exists, when a line was sent again already or did not fail.
    """
    await tx.run(_INSERT, *_VALUES(instruction))
    await tx.many(_INSERT_LINE, map(_LINE_VALUES, lines))


async def get(tx: Transaction, instr_no: str, *, lock: bool = False) -> Instruction | None:
    """An instruction by its number."""
    row = await tx.one(_GET + tx.for_update if lock else _GET, instr_no)
    return Instruction(*row) if row else None


async def lines(tx: Transaction, instr_no: str) -> list[InstructionLine]:
    """The lines of an instruction in order."""
    return [InstructionLine(*row) for row in await tx.all(_LINES, instr_no)]


async def sent_again(tx: Transaction, instr_no: str) -> dict[int, str]:
    """Which lines of an instruction were sent again: line number to the new instruction."""
    rows = await tx.all(
        "SELECT origin_line, instr_no FROM clearing_lines"
        " WHERE origin_instr = ?1 AND origin_instr <> '' ORDER BY origin_line",
        instr_no,
    )
    return {int(row[0]): row[1] for row in rows}


async def move(
    tx: Transaction,
    instr_no: str,
    *,
    expected: Sequence[InstructionState],
    state: InstructionState,
    at: int,
    information: str = "",
) -> bool:
    """Move an instruction, and those of its lines that have no result; False: in another state."""
    marks = Conditions()
    states = ", ".join(marks.mark(name) for name in expected)
    sql = (
        f"UPDATE clearing_instructions SET state = {marks.mark(state)},"
        f" changed_at = {marks.mark(at)}, information = {marks.mark(information)}"
        f" WHERE instr_no = {marks.mark(instr_no)} AND state IN ({states})"
    )
    if await tx.run(sql, *marks.args) != 1:
        return False
    if state != "partly":
        await tx.run(
            "UPDATE clearing_lines SET state = ?2 WHERE instr_no = ?1 AND result = ''",
            instr_no,
            state,
        )
    return True


async def set_line(tx: Transaction, instr_no: str, line_no: int, told: LineResult) -> None:
    """Write what 2614 told of a line."""
    await tx.run(
        "UPDATE clearing_lines SET state = ?3, result = ?4, information = ?5, tra_no = ?6,"
        " tra_date = ?7, tra_time = ?8 WHERE instr_no = ?1 AND line_no = ?2",
        instr_no,
        line_no,
        told.state,
        told.result,
        told.information,
        told.tra_no,
        told.tra_date,
        told.tra_time,
    )


async def close(tx: Transaction, instr_no: str, *, at: int) -> Ending | None:
    """End an instruction all of whose lines have ended, and say how; None while a line is open."""
    states = {line.state for line in await lines(tx, instr_no)}
    if states - {"succeeded", "failed"}:
        return None
    state: Ending = "partly"
    if "failed" not in states:
        state = "succeeded"
    elif "succeeded" not in states:
        state = "failed"
    await tx.run(
        "UPDATE clearing_instructions SET state = ?2, changed_at = ?3, information = ''"
        " WHERE instr_no = ?1",
        instr_no,
        state,
        at,
    )
    return state


async def settle(
    tx: Transaction,
    instr_no: str,
    state: Literal["succeeded", "failed"],
    *,
    at: int,
    information: str,
) -> None:
    """End the lines of an unknown instruction that have no result, on what a person found out."""
    if not await move(tx, instr_no, expected=("unknown",), state=state, at=at):
        return
    await close(tx, instr_no, at=at)
    await tx.run(
        "UPDATE clearing_instructions SET information = ?2 WHERE instr_no = ?1",
        instr_no,
        information[:200],
    )


async def page(
    tx: Transaction,
    *,
    node: str = "",
    peer: str = "",
    run_date: str = "",
    states: Sequence[InstructionState] = (),
    overdue_at: int | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Instruction]:
    """Instructions by number, following the last one already seen.

    ``overdue_at``: only those whose result was due by this instant.
    """
    conditions = Conditions()
    conditions.add("instr_no > {}", after)
    conditions.equal("node", node)
    conditions.equal("peer", peer)
    conditions.equal("run_date", run_date)
    if states:
        conditions.one_of("state", states)
    if overdue_at is not None:
        conditions.add(
            "instr_no IN (SELECT subject FROM outbox WHERE state = 'acknowledged'"
            " AND number = '5614' AND result_deadline <= {})",
            overdue_at,
        )
    order = "ORDER BY instr_no LIMIT " + conditions.mark(limit)
    sql = select_from(Instruction, "clearing_instructions", f"{conditions.where()} {order}")
    return [Instruction(*row) for row in await tx.all(sql, *conditions.args)]


async def due_results(tx: Transaction, instr_nos: Sequence[str]) -> dict[str, int]:
    """By when the results of acknowledged instructions are due: number to instant."""
    if not instr_nos:
        return {}
    conditions = Conditions()
    conditions.equal("number", "5614")
    conditions.equal("state", "acknowledged")
    conditions.one_of("subject", list(instr_nos))
    rows = await tx.all(
        f"SELECT subject, result_deadline FROM outbox {conditions.where()}", *conditions.args
    )
    return {row[0]: int(row[1]) for row in rows if row[1] is not None}
