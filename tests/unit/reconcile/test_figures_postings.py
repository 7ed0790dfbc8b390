"""Posting templates and what they make."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from nontax.reconcile.figures.model import Category, Cause, Correction, Key, Measure, Names, Row
from nontax.reconcile.figures.postings import (
    Looked,
    Postable,
    TemplateError,
    post,
    postables,
    posting_document,
    posting_sheet,
    read_templates,
    totals,
)

DAY = "20260302"
KEY = Key("settling", "320682", "U1", "I1", "一般公共预算", "A1")
NAMES = Names("单位", "项目", "账户")
SIMPLE: dict[str, Any] = {
    "name": "one",
    "templates": [
        {
            "measure": "collected",
            "debit": {"account": "1005.{bank}", "auxiliary": ["bank", "account"]},
            "credit": {"account": "2181", "auxiliary": ["unit", "item", "budget_subject"]},
            "summary": "{date}{measure}{unit_name} {correction}",
        }
    ],
}


def changed(**changes: Any) -> dict[str, Any]:
    return {"name": "one", "templates": [SIMPLE["templates"][0] | changes]}


def money(amt: int = 500, correction: int = 0, measure: Measure = Measure.COLLECTED) -> Postable:
    return Postable(DAY, KEY, NAMES, measure, amt, correction)


def test_an_entry_is_what_its_template_says() -> None:
    looked = Looked({"A1": "0105"}, {"I1": ("1030", "1031")})
    first, second = post(read_templates(SIMPLE), [money(), money(7, 3)], looked)
    assert (first.debit, first.debit_auxiliary) == (
        "1005.0105",
        {"bank": "0105", "account": "A1"},
    )
    assert first.credit_auxiliary == {"unit": "U1", "item": "I1", "budget_subject": "1031"}
    assert (first.summary, second.summary) == (f"{DAY}收缴单位", f"{DAY}收缴单位 更正3号")
    control = totals([first, second])
    assert (control.lines, control.debit, control.credit) == (4, 507, 507)
    assert control.digest != totals([second, first]).digest


def test_the_first_template_that_fits_is_taken() -> None:
    plain = SIMPLE["templates"][0]
    for narrowed in (
        {"units": ["U1"]},
        {"items": ["I1"]},
        {"fund_natures": ["一般公共预算"]},
        {"categories": ["settling"]},
    ):
        own = plain | narrowed | {"credit": {"account": "OWN"}}
        [entry] = post(
            read_templates({"name": "x", "templates": [own, plain]}), [money()], Looked()
        )
        assert entry.credit == "OWN"
        other = own | {key: ["other"] for key in narrowed if key != "categories"}
        other |= {key: ["returning"] for key in narrowed if key == "categories"}
        [entry] = post(
            read_templates({"name": "x", "templates": [other, plain]}), [money()], Looked()
        )
        assert entry.credit == "2181"


def test_money_that_nothing_fits_is_refused() -> None:
    with pytest.raises(TemplateError, match="no template fits confirmed of settling money"):
        post(read_templates(SIMPLE), [money(measure=Measure.CONFIRMED)], Looked())


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"name": "one"}, "no \\[\\[templates\\]\\]"),
        ({"name": "", "templates": []}, "name must be"),
        ({"name": "a/b", "templates": []}, "name must be"),
        ({"name": "one", "templates": [], "x": 1}, "x is no key"),
        ({"name": "one", "templates": ["x"]}, "template 1 is no table"),
        (changed(extra=1), "template 1: extra is no key"),
        (changed(measure="paid"), "measure must be one of collected"),
        (changed(categories=["x"]), "x is no category"),
        (changed(categories="settling"), "must be a list of texts"),
        (changed(units=[1]), "units must be a list of texts"),
        (changed(summary=" "), "summary must be a text"),
        (changed(summary="{payer}"), "payer is unknown"),
        (changed(summary="{date"), "a single brace is unknown"),
        (changed(debit="1005"), "debit must be"),
        (changed(debit={"account": ""}), "debit names no account"),
        (changed(debit={"account": "1", "side": 1}), "debit must be"),
        (changed(credit={"account": "{x}"}), "credit.account: x is unknown"),
        (changed(credit={"account": "1", "auxiliary": ["payer"]}), "payer is no auxiliary"),
    ],
)
def test_wrong_templates_are_refused_with_their_place(document: dict[str, Any], rule: str) -> None:
    with pytest.raises(TemplateError, match=rule):
        read_templates(document)


def test_the_sample_fits_whatever_the_figures_have() -> None:
    text = files("nontax.gateway.sample").joinpath("postings.toml").read_text("utf-8")
    sample = read_templates(tomllib.loads(text))
    possible = {
        Measure.COLLECTED: tuple(Category),
        Measure.CONFIRMED: (Category.SETTLING,),
        Measure.REFUNDED: tuple(Category),
        Measure.CLAIMED: (Category.UNIDENTIFIED,),
        Measure.INCOME_REFUNDED: (Category.SETTLING,),
    }
    for measure, categories in possible.items():
        for category in categories:
            for nature in ("一般公共预算", "财政专户管理资金", ""):
                key = KEY._replace(category=category.value, fund_nature=nature)
                one = Postable(DAY, key, NAMES, measure, 1)
                assert len(post(sample, [one], Looked())) == 1


def test_a_days_rows_and_corrections_are_posted() -> None:
    row = Row(DAY, *KEY, *NAMES, opening=9, collected=5, confirmed=3, income_refunded=-1)
    late = Correction(
        4, "20260301", *KEY, *NAMES, Measure.REFUNDED, 2, Cause.REFUND, "R", DAY, 1, "maker1"
    )
    found = postables([row], [late])
    assert [(one.day, one.measure, one.amt, one.correction) for one in found] == [
        (DAY, Measure.COLLECTED, 5, 0),
        (DAY, Measure.CONFIRMED, 3, 0),
        (DAY, Measure.INCOME_REFUNDED, -1, 0),
        ("20260301", Measure.REFUNDED, 2, 4),
    ]


def test_no_cell_of_the_sheet_is_a_formula() -> None:
    entries = post(read_templates(changed(summary="{unit_name}")),
                   [money()._replace(names=Names("=1+1", "", ""))], Looked())  # fmt: skip
    sheet = posting_sheet(entries, no=7, day=DAY)
    assert ",'=1+1\r\n" in sheet
    document = json.loads(
        posting_document(entries, no=7, day=DAY, template_set="one", node_name="局")
    )
    assert (document["No"], document["Entries"][0]["Summary"]) == (7, "=1+1")
    assert document["Control"]["Debit"] == document["Control"]["Credit"] == "5.00"
