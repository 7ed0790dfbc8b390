"""Posting files (机制凭证) for the general ledger, from templates.

A template says what a kind of movement is booked as: an account to debit and one to credit, each
with auxiliary items (辅助核算), and a summary (摘要). The first template that fits is taken; money
that no template fits is refused, so that nothing is left out unseen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ...codecs import format_yuan
from ..csvcells import write_csv
from .model import Category, Correction, Key, Measure, Names, Row, digest

AUXILIARIES: Final = {
    "region": "行政区划",
    "unit": "执收单位",
    "item": "执收项目",
    "fund_nature": "资金性质",
    "account": "银行账户",
    "bank": "银行",
    "income_subject": "收入分类科目",
    "budget_subject": "预算科目",
}
"""Auxiliary items that a template may ask for, with their Chinese names."""

_WORDS: Final = (
    *("date", "measure", "category", "correction", "unit_name", "item_name", "account_name"),
    *AUXILIARIES,
)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_SIDE_KEYS: Final = frozenset({"account", "auxiliary"})
_TEMPLATE_KEYS: Final = frozenset(
    {"measure", "categories", "fund_natures", "items", "units", "debit", "credit", "summary"}
)
_MEASURES: Final = tuple(Measure)


class TemplateError(ValueError):
    """A template that cannot be used, or money that no template fits; the text says which."""


@dataclass(frozen=True, slots=True)
class Side:
    """An account of the ledger with the auxiliary items that it wants."""

    account: str
    auxiliary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """How movements of one measure are booked; an empty list of conditions fits all."""

    measure: Measure
    debit: Side
    credit: Side
    summary: str
    categories: tuple[str, ...] = ()
    fund_natures: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def fits(self, one: Postable) -> bool:
        """Whether it is for this money."""
        return one.measure == self.measure and all(
            not wanted or value in wanted
            for wanted, value in (
                (self.categories, one.key.category),
                (self.fund_natures, one.key.fund_nature),
                (self.items, one.key.item_code),
                (self.units, one.key.unit_code),
            )
        )


@dataclass(frozen=True, slots=True)
class TemplateSet:
    """Templates in their order, under a name."""

    name: str
    templates: tuple[Template, ...]


class Postable(NamedTuple):
    """Money to be booked: a figure of the day, or a correction (`correction` its number)."""

    day: str
    key: Key
    names: Names
    measure: Measure
    amt: int
    correction: int = 0


@dataclass(frozen=True, slots=True)
class Looked:
    """What the catalogue adds: bank by account, income and budget subject by item."""

    banks: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A balanced booking (分录): one amount (fen), debited and credited."""

    number: int
    what: Postable
    debit: str
    debit_auxiliary: Mapping[str, str]
    credit: str
    credit_auxiliary: Mapping[str, str]
    summary: str

    @property
    def amt(self) -> int:
        """Fen; negative for a reversal (红字)."""
        return self.what.amt


@dataclass(frozen=True, slots=True)
class PostingTotals:
    """Control totals of a posting file: lines, fen on either side, SHA-256 over the entries."""

    lines: int
    debit: int
    credit: int
    digest: str


# -- templates ------------------------------------------------------------------------------------


def read_templates(document: Mapping[str, Any]) -> TemplateSet:
    """The templates of a parsed TOML document. Raises TemplateError."""
    unknown = sorted(set(document) - {"name", "templates"})
    if unknown:
        raise TemplateError(f"{unknown[0]} is no key of a set of templates")
    name = document.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[0-9A-Za-z_-]{1,40}", name):
        raise TemplateError("name must be 1 to 40 letters, digits, - and _")
    templates = document.get("templates")
    if not isinstance(templates, list) or not templates:
        raise TemplateError("there is no [[templates]]")
    return TemplateSet(
        name, tuple(_template(number, one) for number, one in enumerate(templates, 1))
    )


def _template(number: int, one: object) -> Template:
    where = f"template {number}"
    if not isinstance(one, dict):
        raise TemplateError(f"{where} is no table")
    unknown = sorted(set(one) - _TEMPLATE_KEYS)
    if unknown:
        raise TemplateError(f"{where}: {unknown[0]} is no key of a template")
    measure = one.get("measure")
    if measure not in _MEASURES:
        raise TemplateError(f"{where}: measure must be one of {', '.join(_MEASURES)}")
    categories = _texts(where, "categories", one)
    wrong = sorted(set(categories) - set(Category))
    if wrong:
        raise TemplateError(f"{where}: {wrong[0]} is no category: {', '.join(Category)}")
    summary = one.get("summary")
    if not isinstance(summary, str) or not summary.strip():
        raise TemplateError(f"{where}: summary must be a text")
    _check_words(where, "summary", summary)
    return Template(
        Measure(measure),
        _side(where, "debit", one),
        _side(where, "credit", one),
        summary,
        categories,
        _texts(where, "fund_natures", one),
        _texts(where, "items", one),
        _texts(where, "units", one),
    )


def _texts(where: str, key: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    found = one.get(key, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise TemplateError(f"{where}: {key} must be a list of texts")
    return tuple(found)


def _side(where: str, key: str, one: Mapping[str, Any]) -> Side:
    found = one.get(key)
    if not isinstance(found, dict) or set(found) - _SIDE_KEYS:
        raise TemplateError(f'{where}: {key} must be {{ account = "…", auxiliary = ["…"] }}')
    account = found.get("account")
    if not isinstance(account, str) or not account.strip():
        raise TemplateError(f"{where}: {key} names no account")
    _check_words(where, f"{key}.account", account)
    auxiliary = _texts(f"{where}: {key}", "auxiliary", found)
    for name in auxiliary:
        if name not in AUXILIARIES:
            raise TemplateError(
                f"{where}: {key}: {name} is no auxiliary item: {', '.join(AUXILIARIES)}"
            )
    return Side(account, auxiliary)


def _check_words(where: str, key: str, text: str) -> None:
    left = _PLACEHOLDER.sub("", text)
    unknown = [word for word in _PLACEHOLDER.findall(text) if word not in _WORDS]
    if unknown or "{" in left or "}" in left:
        wrong = unknown[0] if unknown else "a single brace"
        raise TemplateError(f"{where}: {key}: {wrong} is unknown; known are {', '.join(_WORDS)}")


# -- entries --------------------------------------------------------------------------------------


def postables(rows: Iterable[Row], corrections: Iterable[Correction]) -> list[Postable]:
    """What is to be booked of a day: its movements, and the corrections that it carries."""
    found = [
        Postable(row.day, row.key, row.names, measure, amt)
        for row in rows
        for measure in Measure
        if (amt := int(getattr(row, measure.value)))
    ]
    found += [
        Postable(one.day, one.key, one.names, one.measure, one.amt, one.no) for one in corrections
    ]
    return found


def post(templates: TemplateSet, money: Sequence[Postable], looked: Looked) -> list[Entry]:
    """The entries of money in its order. Raises TemplateError for what no template fits."""
    found = []
    for number, one in enumerate(money, 1):
        template = next((each for each in templates.templates if each.fits(one)), None)
        if template is None:
            raise TemplateError(
                f"no template fits {one.measure} of {one.key.category} money, item"
                f" {one.key.item_code or '-'}, fund nature {one.key.fund_nature or '-'}"
            )
        words = _words(one, looked)
        found.append(
            Entry(
                number,
                one,
                _filled(template.debit.account, words),
                {name: words[name] for name in template.debit.auxiliary},
                _filled(template.credit.account, words),
                {name: words[name] for name in template.credit.auxiliary},
                _filled(template.summary, words),
            )
        )
    return found


def _words(one: Postable, looked: Looked) -> dict[str, str]:
    income, budget = looked.subjects.get(one.key.item_code, ("", ""))
    return {
        "date": one.day,
        "measure": one.measure.text,
        "category": Category(one.key.category).text,
        "correction": f"更正{one.correction}号" if one.correction else "",
        "region": one.key.region,
        "unit": one.key.unit_code,
        "item": one.key.item_code,
        "fund_nature": one.key.fund_nature,
        "account": one.key.account,
        "bank": looked.banks.get(one.key.account, ""),
        "income_subject": income,
        "budget_subject": budget,
        "unit_name": one.names.unit,
        "item_name": one.names.item,
        "account_name": one.names.account,
    }


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: words[found[1]], text).strip()


def totals(entries: Sequence[Entry]) -> PostingTotals:
    """The control totals of a file."""
    lines: list[tuple[str | int, ...]] = []
    for entry in entries:
        for side, account, auxiliary in (
            ("debit", entry.debit, entry.debit_auxiliary),
            ("credit", entry.credit, entry.credit_auxiliary),
        ):
            pairs = [text for pair in auxiliary.items() for text in pair]
            what = (entry.number, entry.what.day, entry.what.correction, side, account)
            lines.append((*what, *pairs, entry.amt, entry.summary))
    whole = sum(entry.amt for entry in entries)
    return PostingTotals(len(lines), whole, whole, digest(lines))


# -- documents ------------------------------------------------------------------------------------


def posting_document(
    entries: Sequence[Entry], *, no: int, day: str, template_set: str, node_name: str
) -> str:
    """A posting file as JSON; amounts are yuan as text."""
    control = totals(entries)
    document = {
        "voucher": "机制凭证",
        "version": 1,
        "No": no,
        "Date": day,
        "TemplateSet": template_set,
        "FinanceName": node_name,
        "Control": {
            "Lines": control.lines,
            "Debit": format_yuan(control.debit),
            "Credit": format_yuan(control.credit),
            "Digest": control.digest,
        },
        "Entries": [
            {
                "EntryNo": entry.number,
                "Date": entry.what.day,
                "Correction": entry.what.correction,
                "Measure": entry.what.measure.value,
                "Amt": format_yuan(entry.amt),
                "Summary": entry.summary,
                "Debit": {"Account": entry.debit, "Auxiliary": dict(entry.debit_auxiliary)},
                "Credit": {"Account": entry.credit, "Auxiliary": dict(entry.credit_auxiliary)},
            }
            for entry in entries
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


_SHEET: Final = (
    *("凭证号", "凭证日期", "分录号", "业务日期", "更正号", "科目", "借方金额", "贷方金额"),
    *AUXILIARIES.values(),
    "摘要",
)


def posting_sheet(entries: Sequence[Entry], *, no: int, day: str) -> str:
    """The same as CSV, a line for each side of an entry; the last line has the control totals."""
    rows: list[tuple[str, ...]] = []
    for entry in entries:
        facts = (str(no), day, str(entry.number), entry.what.day, str(entry.what.correction or ""))
        amt = format_yuan(entry.amt)
        for account, auxiliary, debit, credit in (
            (entry.debit, entry.debit_auxiliary, amt, ""),
            (entry.credit, entry.credit_auxiliary, "", amt),
        ):
            extra = (auxiliary.get(name, "") for name in AUXILIARIES)
            rows.append((*facts, account, debit, credit, *extra, entry.summary))
    control = totals(entries)
    sums = (format_yuan(control.debit), format_yuan(control.credit))
    blank = ("",) * len(AUXILIARIES)
    last = (str(no), day, "合计", "", "", f"{control.lines}行", *sums, *blank, control.digest)
    return write_csv(_SHEET, [*rows, last])
