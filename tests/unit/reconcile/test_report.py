"""The report of a reconciled day: complete, its numbers add up, nothing in it is taken for code."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from lxml import html

from nontax.reconcile.csvcells import plain_cell
from nontax.reconcile.kinds import Kind, State
from nontax.reconcile.report import (
    CSV_COLUMNS,
    Hour,
    InTransit,
    LastAction,
    NodeHead,
    RunReport,
    as_json,
    csv_text,
    html_page,
    json_text,
    summary,
)
from nontax.reconcile.report.chart import day_chart, scale
from nontax.reconcile.report.model import AGES, age_group, summed
from nontax.reconcile.report.words import ACTIONS, REFUND_STATES, STATEMENTS, STATES, yuan
from nontax.reconcile.sides import FieldDifference, Totals

from . import reports

HERE = Path(__file__).parent
EVIL = '</style><script src="http://x/">alert(1)</script><img src=y onerror=z>'


def parsed(report: RunReport, **options: Any) -> Any:
    return html.document_fromstring(html_page(report, **options))


def section(page: Any, title: str) -> Any:
    """The first table that follows a heading."""
    found = page.xpath("//h2[starts-with(., $title)]/following::table[1]", title=title)
    assert found, title
    return found[0]


def cells(table: Any) -> list[list[str]]:
    return [[td.text_content() for td in tr.xpath("./td|./th")] for tr in table.xpath("./tbody/tr")]


# -- the page -------------------------------------------------------------------------------------


def test_the_page_says_everything() -> None:
    said = parsed(reports.sample()).body.text_content()
    for expected in (
        "示例市财政局非税收入对账报告", "2026年11月22日", "全部节点", "2026-11-23 08:06:10",
        "F320682",
        "账未对平:待处理差异 3 笔", "未送达对账单:统一公共支付平台(51 支付宝)", "以前日期另有 1 笔",
        "第 2 次对账完成于 2026-11-23 08:05:02", "金额:80.00 / 81.00", "收款渠道:11 / 12", "15001",
        "银行明细金额与财政登记不一致", "曾被拒绝(12004)", "核销 checker1", "银行已冲正",
        "缴款 907",
        "退付 TF2026112300000001", "****0026", "P20261120001", "技术性差错", "待退付", "1,409.50",
        "另有 1 笔 314.15 元没有缴款时间",
    ):  # fmt: skip
        assert expected in said, expected


def test_nothing_is_fetched_and_no_script_runs() -> None:
    page = parsed(reports.sample())
    assert not page.xpath("//script|//link|//img|//iframe|//object|//embed|//base|//form|//a")
    assert not page.xpath("//@src|//@href|//@onclick|//@onload")
    style = "".join(page.xpath("//style/text()"))
    assert "url(" not in style
    assert "@import" not in style
    assert "size: A4 landscape" in style
    assert page.xpath("//meta[@charset='utf-8']")


def test_what_somebody_wrote_cannot_become_markup() -> None:
    sample = reports.sample()
    last = LastAction("accept", EVIL, EVIL, EVIL, EVIL)
    node = NodeHead(EVIL, EVIL, "done", 1, EVIL, (EVIL,))
    row = reports.row(
        1, node=EVIL, scope=EVIL, pay_code=EVIL, tra_no=EVIL, reason=EVIL, last=last,
        fields=(FieldDifference(EVIL, EVIL, EVIL),),
    )  # fmt: skip
    report = replace(
        sample,
        header=replace(sample.header, finance_name=EVIL, node=EVIL, nodes=(node,)),
        scopes=tuple(replace(line, node=EVIL, label=EVIL) for line in sample.scopes),
        rows=[row],
        carried=[row],
        transit=(InTransit(EVIL, EVIL, EVIL, EVIL, "20261122", 1, 1),),
        names={EVIL: EVIL},
    )
    page = parsed(report)
    assert not page.xpath("//script|//img|//@src|//@onerror")
    assert len(page.xpath("//style")) == 1
    assert page.body.text_content().count("alert(1)") > 10


def test_characters_that_steer_a_line_are_gone() -> None:
    report = replace(reports.sample(), rows=[reports.row(1, reason="甲\u202e乙\x1b[31m\x00丙")])
    for written in (html_page(report), summary(report)):
        assert not re.search("[\u202e\x00\x1b]", written)
    assert "甲 乙 [31m 丙" in html_page(report)


def test_equal_reports_are_written_equally() -> None:
    one, other = reports.sample(), reports.sample()
    for write in (html_page, csv_text, json_text, summary):
        assert write(one) == write(other)


def test_table_heads_are_repeated_and_numbers_set_to_the_right() -> None:
    page = parsed(reports.sample())
    tables = page.xpath("//table")
    assert len(tables) == 8
    for table in tables:
        (heads,) = table.xpath("./thead/tr[last()]")
        numbers = [at for at, th in enumerate(heads) if th.get("class") == "n"]
        assert numbers
        for tr in table.xpath("./tbody/tr[count(td) = $n]", n=len(heads)):
            assert all("n" in (tr[at].get("class") or "").split() for at in numbers)


@pytest.mark.parametrize("open_count", [0, 1])
def test_the_verdict(open_count: int) -> None:
    sample = reports.sample()
    nodes = tuple(replace(node, missing=()) for node in sample.header.nodes)
    rows = [reports.row(1, state="open" if open_count else "resolved")]
    report = replace(sample, header=replace(sample.header, nodes=nodes), rows=rows, carried=[])
    verdict = parsed(report).xpath("//div[starts-with(@class, 'verdict')]")[0]
    expected = ("verdict bad", "账未对平:待处理差异 1 笔") if open_count else (
        "verdict good", "账已对平,无待处理差异",
    )  # fmt: skip
    assert (verdict.get("class"), verdict.text_content()) == expected
    assert report.closed == (not open_count)


def test_a_day_that_was_not_run_is_never_called_closed() -> None:
    sample = reports.sample()
    never = NodeHead(reports.CCB, "示例建行")
    report = RunReport(replace(sample.header, nodes=(never,)))
    said = parsed(report).body.text_content()
    assert not report.closed
    assert "本日尚未对账" in said
    assert "账已对平" not in said
    for expected in (
        "当日没有缴款",
        "当日没有差异",
        "没有在途资金",
        "没有未了事项",
        "当日没有退付",
    ):
        assert expected in said
    running = replace(never, state="running", revision=1)
    half = RunReport(replace(sample.header, nodes=(running,)))
    assert not half.closed
    assert "对账尚未完成" in parsed(half).body.text_content()


# -- numbers --------------------------------------------------------------------------------------


def test_the_totals_add_up() -> None:
    report = reports.sample()
    rows = cells(section(parsed(report), "各节点、各渠道合计"))
    lines = [row for row in rows if len(row) == 10]
    banks = [row for row in lines if row[0] == "缴款明细" and row[1] != "合计"]
    whole = lines[-1]
    for at in range(2, 10):
        values = [int(re.sub(r"[^0-9-]", "", row[at])) for row in banks]
        assert sum(values) == int(re.sub(r"[^0-9-]", "", whole[at]))
    assert whole[2:4] == ["523", "166,840.50"]
    assert whole[8:] == ["-3", "-239.00"]


def test_differences_are_counted_by_kind_and_state() -> None:
    report = reports.sample()
    rows = cells(section(parsed(report), "当日差异分类"))
    assert [row[0] for row in rows] == [line.kind.text for line in report.kinds()] + ["合计"]
    for row in rows:
        numbers = [0 if cell == "-" else int(cell) for cell in row[2:8]]
        assert sum(numbers[:5]) == numbers[5]
    assert rows[-1][2:8] == ["3", "2", "1", "-", "1", "7"]
    assert sum(report.states().values()) == len(report.rows)


@pytest.mark.parametrize(
    ("age", "group"),
    [(-1, 0), (0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (7, 2), (8, 3), (30, 3), (31, 4), (9999, 4)],
)
def test_ages_fall_into_their_groups(age: int, group: int) -> None:
    assert age_group(age) == group
    first, last = AGES[group]
    assert age < 0 or (first <= age and (last is None or age <= last))


def test_open_rows_of_all_days_stand_under_their_age() -> None:
    report = reports.sample()
    rows = cells(section(parsed(report), "未了事项账龄"))
    assert rows[0][0] == "示例建行"
    assert rows[0][1].startswith("2 笔")
    assert rows[0][5].startswith("1 笔")
    assert sum(line.total.count for line in report.ages()) == len(report.open_rows) == 4
    assert sum(line.total.amt for line in report.ages()) == sum(r.amt for r in report.open_rows)


@pytest.mark.parametrize(
    ("ours", "theirs", "amt"),
    [(100, 120, 20), (120, 100, 20), (100, 100, 100), (100, None, 100), (None, 7, 7),
     (None, None, 0)],
)  # fmt: skip
def test_the_money_of_a_row(ours: int | None, theirs: int | None, amt: int) -> None:
    assert reports.row(1, ours_amt=ours, theirs_amt=theirs).amt == amt


def test_a_sum_of_scopes_is_delivered_when_all_are() -> None:
    lines = reports.sample().scopes
    assert not summed(lines).delivered
    assert summed(lines[:3]).delivered
    assert summed(lines[:2]).ours == Totals(430, 3_440_050)


# -- limits ---------------------------------------------------------------------------------------


def test_long_lists_are_cut_and_say_so() -> None:
    many = [reports.row(number, state="noted") for number in range(1, 31)]
    many.append(reports.row(31))
    report = replace(reports.sample(), rows=many, carried=[])
    page = parsed(report, rows_shown=10)
    shown = cells(section(page, "差异明细"))
    assert len(shown) == 10
    assert shown[0][0] == "31"  # what waits for a person comes first
    assert "本页仅列出前 10 笔,共 31 笔;全部明细见同名 CSV 文件。" in page.body.text_content()
    assert len(csv_text(report).splitlines()) == 32
    assert len(as_json(report)["differences"]) == 31
    assert "本页仅列出" not in html_page(report, rows_shown=31)


def test_money_in_transit_is_cut_after_the_oldest() -> None:
    many = tuple(
        InTransit("D1", "funds", str(age), "****0018", "20261122", age, 1) for age in range(501)
    )
    report = replace(reports.sample(), transit=many)
    page = parsed(report)
    rows = cells(section(page, "在途资金"))
    assert len(rows) == 500
    assert rows[0][5] == "500"
    assert "共 501 项" in page.body.text_content()
    assert len(as_json(report)["in_transit"]) == 501


# -- the chart ------------------------------------------------------------------------------------


def test_the_chart_has_a_bar_for_every_hour_with_payments() -> None:
    drawing = html.fragment_fromstring(day_chart(reports.sample().hours))
    bars = drawing.xpath(".//rect")
    assert len(bars) == 2 * 13
    titles = [title.text for title in drawing.xpath(".//rect/title")]
    assert "10时 97笔 30,472.55元" in titles
    heights = {title: float(bar.get("height")) for title, bar in zip(titles, bars, strict=True)}
    tallest = max(heights, key=lambda title: heights[title])
    assert tallest.startswith("10时")
    assert all(float(bar.get("y")) + float(bar.get("height")) <= 172 for bar in bars)


@pytest.mark.parametrize(
    ("most", "step", "top"),
    [(0, 1, 1), (1, 1, 1), (4, 1, 4), (6, 2, 6), (97, 20, 100), (101, 50, 150),
     (10**15, 2 * 10**14, 10**15)],
)  # fmt: skip
def test_the_axis_holds_what_it_shows(most: int, step: int, top: int) -> None:
    assert scale(most) == (step, top)


def test_great_sums_are_drawn_in_ten_thousands() -> None:
    assert "金额(万元)" in day_chart([Hour(9, 1, 10**15)])
    assert "金额(元)" in day_chart([Hour(9, 1, 100)])


# -- CSV and JSON ---------------------------------------------------------------------------------


def test_the_csv_has_every_difference() -> None:
    report = reports.sample()
    rows = list(csv.DictReader(io.StringIO(csv_text(report))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [int(row["id"]) for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    first, repaired, carried = rows[0], rows[2], rows[7]
    assert first["fields"] == "Amt: 80.00 / 81.00; PayMode: 11 / 12"
    assert (first["ours"], first["theirs"], first["code"]) == ("80.00", "81.00", "15001")
    assert (repaired["ours"], repaired["last_actor"]) == ("", "gateway")
    assert (carried["check_date"], carried["age_days"]) == ("20261015", "39")


@pytest.mark.parametrize("evil", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "＝1"])
def test_no_cell_is_a_formula(evil: str) -> None:
    last = LastAction("accept", evil, evil, evil, evil)
    fields = (FieldDifference(evil, evil, evil),)
    row = reports.row(
        1, node=evil, scope=evil, pay_code=evil, tra_no=evil, reason=evil, last=last, fields=fields
    )
    report = replace(reports.sample(), rows=[row], carried=[])
    (written,) = csv.reader(io.StringIO(csv_text(report).splitlines()[1]))
    assert not [cell for cell in written if cell[:1] in tuple("=+-@＝")]
    assert [plain_cell(cell) for cell in written].count(evil) == 10


def test_the_json_adds_up() -> None:
    content = json.loads(json_text(reports.sample()))
    assert content["closed"] is False
    assert content["states"] == {
        "open": 3, "repaired": 2, "resolved": 1, "settled": 0, "noted": 1,
    }  # fmt: skip
    assert [row["id"] for row in content["differences"]] == [1, 2, 3, 4, 5, 6, 7]
    assert content["differences"][1]["theirs"] is None
    assert content["nodes"][2]["not_delivered"] == ["51 支付宝"]
    assert content["totals"][0]["difference"] == {"count": 0, "Amt": "1.00"}
    assert content["hours"][-1] == {"hour": None, "count": 1, "Amt": "314.15"}
    assert sum(kind["count"] for kind in content["kinds"]) == 7
    assert content["in_transit"][1]["Amt"] == "9900.00"
    assert content["ages"][0]["total"] == {"count": 3, "Amt": "162.00"}


# -- the terminal ---------------------------------------------------------------------------------


def test_the_text_is_the_one_that_was_looked_at() -> None:
    assert summary(reports.sample()) == (HERE / "report.txt").read_text("utf-8")


def test_the_text_lists_twenty_open_rows() -> None:
    report = replace(reports.sample(), rows=[reports.row(n) for n in range(1, 31)], carried=[])
    written = summary(report)
    assert "T20261122000020" in written
    assert "T20261122000021" not in written
    assert "... and 10 more" in written


# -- words ----------------------------------------------------------------------------------------


def test_every_code_has_its_word() -> None:
    assert set(STATES) == set(get_args(State))
    assert set(STATEMENTS) == {"2555", "2557", "2556"}
    from nontax.gateway.store.reconciliation import ActionName
    from nontax.gateway.store.records import RefundState

    assert set(get_args(ActionName)) <= set(ACTIONS)
    assert set(REFUND_STATES) == set(get_args(RefundState))
    assert len({kind.text for kind in Kind}) == len(Kind)


@pytest.mark.parametrize(
    ("fen", "shown"), [(0, "0.00"), (-5, "-0.05"), (123456789, "1,234,567.89"), (None, "")]
)
def test_amounts_for_reading(fen: int | None, shown: str) -> None:
    assert yuan(fen) == shown
