"""The report as one self-contained Chinese page that reads on a screen and prints on A4."""

from __future__ import annotations

from typing import Final

from ..sides import Totals
from .chart import day_chart
from .listing import carried_section, rows_section
from .model import AGES, UNKNOWN_HOUR, NodeHead, RunReport, ScopeLine, added, summed
from .page import Cell, Column, heading, none, number, page, row, table, text
from .words import (
    REFUND_KINDS,
    REFUND_STATES,
    SCOPES,
    SOURCES,
    STATEMENTS,
    STATES,
    age_label,
    long_date,
    short_date,
    yuan,
)

ROWS_SHOWN: Final = 2000
"""Differences that the page lists at most; CSV and JSON have all."""

_TRANSIT_SHOWN: Final = 500


def render(report: RunReport, *, rows_shown: int = ROWS_SHOWN) -> str:
    """The whole page. Everything in it that somebody wrote is escaped."""
    header = report.header
    whose = report.name(header.node) if header.node else "全部节点"
    title = f"{header.finance_name}非税收入对账报告"
    day = short_date(header.check_date)
    return page(
        f"对账报告 {day} {whose}",
        (f"{title} {day} {whose}", f"生成时间 {header.generated_at}"),
        [
            _top(report, title, whose),
            _verdict(report),
            _tiles(report),
            _scopes(report),
            _chart(report),
            _kinds_and_ages(report),
            _transit(report),
            f'<div class="pair"><div>{_repairs(report)}</div><div>{_refunds(report)}</div></div>',
            rows_section(report, rows_shown),
            carried_section(report, rows_shown),
            _footer(report),
        ],
    )


def _top(report: RunReport, title: str, whose: str) -> str:
    header = report.header
    revisions = {node.revision for node in header.nodes if node.revision}
    last = f"<br>第 {revisions.pop()} 次结果" if len(revisions) == 1 else ""
    return (
        f'<div class="top"><div><h1>{text(title)}</h1><p class="sub">对账日期 '
        f"{long_date(header.check_date)} · {text(whose)}"
        f"{f'({text(header.node)})' if header.node else ''}</p></div>"
        f"<p>财政节点 {text(header.finance_code)}<br>生成时间 {text(header.generated_at)}{last}</p>"
        "</div>"
    )


def _verdict(report: RunReport) -> str:
    waiting = report.states()["open"]
    late = report.undelivered
    said = []
    if late:
        who = "、".join(f"{node.name}({'、'.join(node.missing)})" for node in late)
        said.append(f"未送达对账单:{who}")
    silent = "、".join(node.name for node in report.header.nodes if node.silent)
    if silent:
        said.append(f"未送达对账单,当日也没有登记缴款:{silent}")
    if not any(node.state for node in report.header.nodes):
        said.append("本日尚未对账")
    elif any(node.state == "running" for node in report.header.nodes):
        said.append("对账尚未完成,以下为已有结果")
    old = sum(1 for one in report.carried if one.state == "open")
    if old:
        said.append(f"以前日期另有 {old:,} 笔未了差异结转")
    more = "".join(f"<span>{text(line)}</span>" for line in said)
    if waiting:
        return f'<div class="verdict bad">账未对平:待处理差异 {waiting:,} 笔{more}</div>'
    if not report.closed:
        return f'<div class="verdict bad">账未对平{more}</div>'
    return f'<div class="verdict good">账已对平,无待处理差异{more}</div>'


def _tiles(report: RunReport) -> str:
    payments = report.totals("2555")
    waiting = [one for one in report.rows if one.state == "open"]
    money = Totals(len(waiting), sum(one.amt for one in waiting))
    under_way = added(Totals(one.count, one.amt) for one in report.transit)
    tiles = [
        ("", "财政登记缴款", payments.ours if payments else Totals()),
        ("", "对账单缴款", payments.theirs if payments else Totals()),
        ("", "核对相符", payments.matched if payments else Totals()),
        ("bad" if money.count else "", "待处理差异(全部对账单)", money),
        ("wait" if under_way.count else "", "在途资金(未到账)", under_way),
    ]
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile {css}"><span>{name}</span><b>{sums.count:,} <small>笔</small></b>'
            f"<span>¥{yuan(sums.amt)}</span></div>"
            for css, name, sums in tiles
        )
        + "</div>"
    )


# -- totals ---------------------------------------------------------------------------------------

_SCOPE_COLUMNS: Final = (
    Column("对账单", "w", 10),
    Column("渠道、账户", "", 15),
    Column("笔数", "n", 7),
    Column("金额(元)", "n", 12),
    Column("笔数", "n", 7),
    Column("金额(元)", "n", 12),
    Column("笔数", "n", 7),
    Column("金额(元)", "n", 12),
    Column("笔数", "n", 6),
    Column("金额(元)", "n", 12),
)
_SCOPE_OVER: Final = (
    '<tr><th colspan="2"></th><th class="over" colspan="2">财政登记</th>'
    '<th class="over" colspan="2">对账单</th><th class="over" colspan="2">核对相符</th>'
    '<th class="over" colspan="2">差额(对账单-财政)</th></tr>'
)


def _scopes(report: RunReport) -> str:
    rows: list[str] = []
    for node in report.header.nodes:
        lines = [line for line in report.scopes if line.node == node.code]
        rows.append(_group(node))
        if not lines:
            said = "并入银行对账单核对" if node.merged else "当日没有登记缴款,没有对账单"
            rows.append(f'<tr><td colspan="10" class="soft">{said}</td></tr>')
        for statement in STATEMENTS:
            same = [line for line in lines if line.statement == statement]
            rows += [_scope(line) for line in same]
            if len(same) > 1:
                rows.append(_scope(summed(same), "sum"))
    whole = report.totals("2555")
    if whole is not None and len({line.node for line in report.scopes}) > 1:
        rows.append('<tr class="group"><th colspan="10">全部节点</th></tr>')
        rows.append(_scope(whole, "sum"))
    title = heading("各节点、各渠道合计", "对账时的数字,不含其后的补单和人工处理")
    if not rows:
        return title + none("没有应当对账的节点。")
    return title + table(_SCOPE_COLUMNS, rows, over=_SCOPE_OVER)


def _group(node: NodeHead) -> str:
    facts = [node.code]
    if node.state == "done":
        facts.append(f"第 {node.revision} 次对账完成于 {node.finished_at}")
    elif node.state:
        facts.append("对账未完成")
    else:
        facts.append("不单独对账" if node.merged else "尚未对账")
    late = (
        f' <span class="off">未送达:{text("、".join(node.missing))}</span>' if node.missing else ""
    )
    if node.silent:
        late = " <small>(未送达对账单)</small>"
    return (
        f'<tr class="group"><th colspan="10">{text(node.name)} '
        f"<small>{text(' · '.join(facts))}</small>{late}</th></tr>"
    )


def _scope(line: ScopeLine, css: str = "") -> str:
    off = line.difference
    # A total of several channels says nothing of what was delivered.
    label = text(line.label) + ("" if line.delivered or css else ' <span class="off">未送达</span>')
    return row(
        [
            Cell(STATEMENTS[line.statement], "w"),
            Cell(label),
            *_sums(line.ours),
            *_sums(line.theirs),
            *_sums(line.matched),
            Cell(f"{off.count:+,}" if off.count else "0", "n off" if off.count else "n"),
            Cell(_signed(off.amt), "n off" if off.amt else "n"),
        ],
        css,
    )


def _sums(totals: Totals) -> tuple[Cell, Cell]:
    return number(totals.count), Cell(yuan(totals.amt), "n")


def _signed(fen: int) -> str:
    return f"+{yuan(fen)}" if fen > 0 else yuan(fen)


# -- the day --------------------------------------------------------------------------------------


def _chart(report: RunReport) -> str:
    count = sum(one.count for one in report.hours)
    amt = sum(one.amt for one in report.hours)
    title = heading("当日缴款走势", f"按缴款时间(小时),共 {count:,} 笔 {yuan(amt)} 元")
    if not count:
        return title + none("当日没有缴款。")
    unknown = [one for one in report.hours if one.hour == UNKNOWN_HOUR]
    note = "".join(
        f'<p class="note">另有 {one.count:,} 笔 {yuan(one.amt)} 元没有缴款时间,未在图中。</p>'
        for one in unknown
    )
    return f'<div class="keep">{title}{day_chart(report.hours)}{note}</div>'


def _kinds_and_ages(report: RunReport) -> str:
    return f'<div class="pair"><div>{_kinds(report)}</div><div>{_ages(report)}</div></div>'


def _kinds(report: RunReport) -> str:
    title = heading("当日差异分类")
    lines = report.kinds()
    if not lines:
        return title + none("当日没有差异。")
    columns = (
        Column("差异类别"),
        Column("代码", "w"),
        *(Column(name, "n") for name in STATES.values()),
        Column("合计", "n"),
        Column("金额(元)", "n"),
    )
    rows = [
        row(
            [
                line.kind.text,
                Cell(line.kind.code or "-", "w"),
                *(_state_count(line.states[state], state) for state in STATES),
                number(line.count),
                Cell(yuan(line.amt), "n"),
            ]
        )
        for line in lines
    ]
    states = report.states()
    rows.append(
        row(
            [
                Cell("合计"),
                Cell(""),
                *(_state_count(states[state], state) for state in STATES),
                number(len(report.rows)),
                Cell(yuan(sum(line.amt for line in lines)), "n"),
            ],
            "sum",
        )
    )
    return title + table(columns, rows)


def _state_count(count: int, state: str) -> Cell:
    if not count:
        return Cell('<span class="soft">-</span>', "n")
    return Cell(f"{count:,}", "n off" if state == "open" else "n")


def _ages(report: RunReport) -> str:
    title = heading("未了事项账龄", f"截至 {short_date(report.header.as_of)},含以前日期")
    lines = report.ages()
    if not lines:
        return title + none("没有未了事项。")
    columns = (
        Column("节点"),
        *(Column(age_label(first, last), "n") for first, last in AGES),
        Column("合计", "n"),
    )
    rows = [
        row([report.name(line.node), *map(_count_over_amt, line.ages), _count_over_amt(line.total)])
        for line in lines
    ]
    if len(lines) > 1:
        sums = [added(line.ages[at] for line in lines) for at in range(len(AGES))]
        cells = [*map(_count_over_amt, sums), _count_over_amt(added(sums))]
        rows.append(row([Cell("合计"), *cells], "sum"))
    return title + table(columns, rows)


def _count_over_amt(totals: Totals) -> Cell:
    if not totals.count:
        return Cell('<span class="soft">-</span>', "n")
    return Cell(f'{totals.count:,} 笔<br><span class="soft">{yuan(totals.amt)}</span>', "n")


# -- money ----------------------------------------------------------------------------------------


def _transit(report: RunReport) -> str:
    whole = added(Totals(one.count, one.amt) for one in report.transit)
    if not whole.count:
        return heading("在途资金") + none("没有在途资金。")
    title = heading("在途资金", f"已收缴尚未到账,共 {whole.count:,} 笔 {yuan(whole.amt)} 元")
    columns = (
        Column("节点", "", 18),
        Column("来源", "", 16),
        Column("缴款码、批次号", "", 24),
        Column("渠道、账户", "", 16),
        Column("发生日期", "w", 10),
        Column("在途天数", "n", 6),
        Column("笔数", "n", 5),
        Column("金额(元)", "n", 11),
    )
    shown = sorted(report.transit, key=lambda one: (-one.age, one.node, one.source, one.number))
    rows = [
        row(
            [
                report.name(one.node),
                SOURCES.get(one.source, one.source),
                Cell(text(one.number), "c"),
                one.scope,
                Cell(short_date(one.since), "w"),
                Cell(f"{one.age:,}", "n off" if one.age > 3 else "n"),
                number(one.count),
                Cell(yuan(one.amt), "n"),
            ]
        )
        for one in shown[:_TRANSIT_SHOWN]
    ]
    note = ""
    if len(shown) > _TRANSIT_SHOWN:
        note = (
            f'<p class="note">仅列出在途最久的 {_TRANSIT_SHOWN} 项,共 {len(shown):,} 项;'
            "全部见同名 JSON 文件。</p>"
        )
    return title + table(columns, rows) + note


def _repairs(report: RunReport) -> str:
    title = heading("自动补正", "按策略补单、转退付等,逐笔见差异明细")
    lines = report.kinds(report.repaired)
    if not lines:
        return title + none("当日没有自动补正。")
    columns = (Column("差异类别", "", 50), Column("笔数", "n", 20), Column("金额(元)", "n", 30))
    rows = [row([line.kind.text, *_sums(Totals(line.count, line.amt))]) for line in lines]
    whole = added(Totals(line.count, line.amt) for line in lines)
    rows.append(row([Cell("合计"), *_sums(whole)], "sum"))
    return f'<div class="keep">{title}{table(columns, rows)}</div>'


def _refunds(report: RunReport) -> str:
    title = heading("当日退付", "当日发起或当日退付成功的")
    if not report.refunds:
        return title + none("当日没有退付。")
    columns = (
        Column("退付类型", "", 30),
        Column("状态", "", 30),
        Column("笔数", "n", 15),
        Column("金额(元)", "n", 25),
    )
    rows = [
        row(
            [
                REFUND_KINDS.get(one.kind, str(one.kind)),
                REFUND_STATES.get(one.state, one.state),
                *_sums(Totals(one.count, one.amt)),
            ]
        )
        for one in report.refunds
    ]
    whole = added(Totals(one.count, one.amt) for one in report.refunds)
    rows.append(row([Cell("合计"), Cell(""), *_sums(whole)], "sum"))
    return f'<div class="keep">{title}{table(columns, rows)}</div>'


def _footer(report: RunReport) -> str:
    accounts = "、".join(f"{STATEMENTS[one]}按{SCOPES[one]}" for one in STATEMENTS)
    return (
        f"<footer>{accounts}核对。金额单位:元。账号、姓名已作脱敏处理。"
        "差异金额为双方金额之差,仅一方有记录的为该方金额。"
        f"账龄自对账日期起计算至 {short_date(report.header.as_of)}。"
        f"{text(report.header.finance_name)}制。</footer>"
    )
