"""The catalogue as Markdown, for the reference pages and ``nontax spec``."""

from __future__ import annotations

from collections.abc import Iterator

from .codes import TABLES
from .fields import Case, Group, Scalar, Single
from .record import MessageSpec, Record, declarations
from .registry import CATALOGUE

_NEED = {"M": "M", "O": "O", "C": "*M"}
_HEAD = """# Messages

Need: M mandatory, O optional, \\*M mandatory in the case that the row gives (on receipt it may be \
empty, we always fill it). Lengths are bytes of GBK. Amounts are yuan on the wire and `int` of fen \
in the models. A masked row is never shown in logs, errors and reports.
"""


def messages_markdown() -> str:
    """One section per message, in the order of the catalogue."""
    return "\n".join([_HEAD, *(message_markdown(spec) for spec in CATALOGUE)])


def message_markdown(spec: MessageSpec) -> str:
    """The section of one message: who sends it, what answers it, its table."""
    facts = [
        f"{spec.interface} interface",
        f"{spec.sender} → {spec.receiver}",
        f"answer: {spec.answer or '—'}",
        f"table: {spec.origin}",
        f"model: `nontax.{spec.model.__module__.removeprefix('nontax.')}.{spec.model.__name__}`",
    ]
    if spec.note:
        facts.append(spec.note)
    rows = "\n".join(_rows(spec.model, 0))
    return (
        f"## {spec.number} {spec.name} — {spec.title}\n\n{' · '.join(facts)}\n\n"
        f"| tag | type | length | need | meaning | rule |\n|---|---|---|---|---|---|\n{rows}\n"
    )


def codes_markdown() -> str:
    """The code tables."""
    parts = ["# Codes\n"]
    for name, table in TABLES.items():
        rows = "\n".join(f"| {code} | {code.name} | {code.meaning} |" for code in table)
        parts.append(f"## {name}\n\n| code | name | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _rows(model: type[Record], depth: int) -> Iterator[str]:
    indent = "· " * depth
    for tag, declared in declarations(model).items():
        if isinstance(declared, Scalar):
            meaning = declared.meaning.replace("|", "\\|")
            yield (
                f"| {indent}{tag} | {declared.wire} | {declared.length} | {_NEED[declared.need]} "
                f"| {meaning} | {_rule(declared)} |"
            )
        else:
            yield f"| {indent}{_group(tag, declared)} | group | | {declared.need} | | |"
            yield from _rows(model.nested_model(tag), depth + 1)


def _group(tag: str, declared: Group | Single) -> str:
    if isinstance(declared, Single):
        return f"**{tag}**"
    empty = ", may be empty" if declared.may_be_empty else ""
    return f"**{tag}/{declared.item} (repeated{empty})**"


def _rule(field: Scalar) -> str:
    """What the row says beyond the specification's columns."""
    rules = []
    if field.codes:
        rules.append("one of " + " ".join(field.codes))
    if field.case:
        rules.append(_case(field.case))
    if field.traits.get("blank_is_zero"):
        rules.append("empty is zero")
    if field.allows_gbk:
        rules.append("GBK text accepted")
    if field.sensitive:
        rules.append(f"masked as {field.sensitive}")
    return "; ".join(rules)


def _case(case: Case) -> str:
    values = " or ".join(value or "empty" for value in sorted(case.values))
    where = " of the voucher" if case.in_parent else ""
    text = f"{'filled if' if case.holds else 'empty only if'} {case.tag}{where} is {values}"
    return f"{text}, or {_case(case.further)}" if case.further else text
