"""The face (票面) of an invoice: what stands on the half sheet, and what goes on to the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from ...codecs import format_yuan
from ...codecs.capitals import capitals
from ...codecs.money import MAX_FEN
from ..fields import PAYER_TYPES, EInvoice, Item
from .facts import Fact, facts_of, is_listed, plain_extensions
from .measure import ems, lines, most_lines
from .seal import seal_svg
from .style import FACE_HEIGHT, FACE_WIDTH
from .values import Checked, Standing

ITEM_POINTS: Final = 9.0
ITEM_LINE: Final = ITEM_POINTS * 1.32 * 25.4 / 72
_ROW_PADDING: Final = 0.75
_META_LINE: Final = 9.0 * 1.42 * 25.4 / 72
FACT_POINTS: Final = 7.6
_FACT_LINE: Final = FACT_POINTS * 1.36 * 25.4 / 72
_CHECK_POINTS: Final = 6.8
_CHECK_LINE: Final = _CHECK_POINTS * 1.38 * 25.4 / 72
_FACTS_WIDTH: Final = FACE_WIDTH - 7 - 3.5
_MOST_REASONS: Final = 3
_MOST_FACTS_MM: Final = 34.0
_LEAST_ITEMS_MM: Final = 21.0
_NOTE: Final = (
    "本页是电子票据的可视化打印件{seals};真伪与效力以数字签名为准,"
    "可凭票据代码、票据号码、校验码、开票日期和金额查验"
)
_SEALS_NOTE: Final = ",印章为示意图样"
_MOST_ROWS: Final = 40

COLUMNS: Final = (
    ("项目编码", 25.0),
    ("项目名称", 62.0),
    ("单位", 15.0),
    ("数量", 18.0),
    ("标准(元)", 24.0),
    ("金额(元)", 26.0),
    ("备注", 20.0),
)
"""Headings of the items' table, widths in millimetres."""


@dataclass(slots=True)
class Face:
    """HTML of the face, and what it has no room for."""

    html: str = ""
    items_shown: int = 0
    left_facts: list[Fact] = field(default_factory=list)
    signatures_cut: bool = False


def face(invoice: EInvoice, checked: Checked | None, standing: Standing) -> Face:
    """Lay out the face; what does not fit is left to the list (清单)."""
    found = Face()
    head, head_mm = _head(invoice)
    total, total_mm = _total(invoice.main.TotalAmount)
    sign, sign_mm = _sign(invoice)
    seals = _seals(invoice)
    check, check_mm = _check(checked, standing, found, seals_drawn=bool(seals))
    left = FACE_HEIGHT - head_mm - total_mm - sign_mm - check_mm - 1.5
    facts = facts_of(invoice, standing)
    wanted = min(_items_mm(invoice.items), max(_LEAST_ITEMS_MM, left - _MOST_FACTS_MM))
    other, other_mm = _other(facts, left - max(_LEAST_ITEMS_MM, wanted), found)
    items = _items(invoice.items, left - other_mm, found)
    marks = _marks(checked, standing)
    css = "face red" if invoice.is_red else "face"
    found.html = (
        f'<section class="{css}">{head}<div class="form">{items}{total}{other}</div>'
        f"{sign}{check}{seals}{marks}</section>"
    )
    return found


def _head(invoice: EInvoice) -> tuple[str, float]:
    main, payer = invoice.main, invoice.main.payer_party
    name = main.EInvoiceName
    wide = ems(name) + (4 if invoice.is_red else 0)
    css, points, most = ("", 17.0, 17.0) if wide <= 17 else ("long", 12.5, 25.0)
    if wide > 50:
        css, points, most = "longer", 9.5, 33.0
    rows = max(1, -int(-wide * 1.08 // most))
    title_mm = max(11.5, 1.5 + rows * points * 1.2 * 25.4 / 72)
    kind = PAYER_TYPES.get(payer.PayerPartyType, payer.PayerPartyType)
    code_name = "交款人统一社会信用代码" if payer.PayerPartyType == "2" else "交款人证件号"
    left = (
        ("票据代码", main.EInvoiceCode, "n"),
        (code_name, payer.PayerPartyCode, "n"),
        (f"交款人({kind})", payer.PayerPartyName, ""),
    )
    right = (
        ("票据号码", main.EInvoiceNumber, "n"),
        ("校验码", main.RandomNumber, "n"),
        ("开票日期", f"{long_date(main.IssueDate)} {main.IssueTime}", ""),
    )
    used = max(
        sum(lines(f"{label}: {text}", width, 9.0) for label, text, _ in side)
        for side, width in ((left, 110.0), (right, 68.0))
    )
    sides = "".join(
        "<div>" + "".join(_labelled(label, text, css) for label, text, css in side) + "</div>"
        for side in (left, right)
    )
    mark = " <b>(红字)</b>" if invoice.is_red else ""
    title = (
        f'<h1 class="{css}">{escape(name)}{mark}</h1>' if css else f"<h1>{escape(name)}{mark}</h1>"
    )
    html = (
        f'<header class="head">{title}<div class="rule"></div>'
        f'<div class="sides">{sides}</div></header>'
    )
    return html, max(28.0, title_mm + 1.9 + used * _META_LINE + 1.0)


def _labelled(label: str, text: str, css: str = "") -> str:
    shown = f'<span class="n">{escape(text)}</span>' if css == "n" else escape(text)
    return f'<p><span class="k">{label}:</span>{shown}</p>'


def item_cells(item: Item) -> tuple[str, ...]:
    """The texts of an item in the order of COLUMNS; '' of more than the table can show."""
    quantity = item.quantity
    remark = plain_extensions(item.ext)
    return (
        item.ItemCode,
        item.ItemName,
        item.ItemUnit,
        "" if quantity is None else format(quantity, "f"),
        "" if item.ItemStd is None else format_yuan(item.ItemStd),
        format_yuan(item.ItemAmount),
        remark,
    )


def item_row(cells: Sequence[str], before: str = "") -> str:
    """One row of the items' table."""
    code, name, unit, quantity, standard, amount, remark = map(escape, cells)
    return (
        f'<tr>{before}<td>{code}</td><td>{name}</td><td class="middle">{unit}</td>'
        f'<td class="middle">{quantity}</td><td class="amount">{standard}</td>'
        f'<td class="amount">{amount}</td><td>{remark}</td></tr>'
    )


def _row_mm(cells: Sequence[str]) -> float:
    widths = [width - 2.2 for _, width in COLUMNS]
    used = most_lines(zip(cells, widths, strict=True), ITEM_POINTS)
    return used * ITEM_LINE + _ROW_PADDING


def _items_mm(items: Sequence[Item]) -> float:
    """Height of the table with all items."""
    if len(items) > _MOST_ROWS:
        return FACE_HEIGHT
    return sum(_row_mm(item_cells(item)) for item in items) + ITEM_LINE + _ROW_PADDING


def _items(items: Sequence[Item], room: float, found: Face) -> str:
    """The table with as many items as there is room for; a last row names the rest."""
    room -= ITEM_LINE + _ROW_PADDING  # the headings
    one_line = ITEM_LINE + _ROW_PADDING
    heights = [_row_mm(item_cells(item)) for item in items[:_MOST_ROWS]]
    complete = len(items) <= len(heights) and sum(heights) <= room
    shown = len(items)
    if not complete:
        shown, used = 0, one_line
        for height in heights:
            if used + height > room:
                break
            used += height
            shown += 1
        shown = min(shown, len(items) - 1)
    rows = [item_row(item_cells(item)) for item in items[:shown]]
    if not complete:
        rest = sum(item.ItemAmount for item in items[shown:])
        text = f"共 {len(items)} 项,其余 {len(items) - shown} 项 {yuan(rest)} 元见清单"
        rows.append(f'<tr class="more"><td colspan="{len(COLUMNS)}">{text}</td></tr>')
    found.items_shown = shown
    columns = "".join(f'<col style="width:{width:g}mm">' for _, width in COLUMNS)
    heads = "".join(f"<th>{name}</th>" for name, _ in COLUMNS)
    fill = '<tr class="fill">' + "<td></td>" * len(COLUMNS) + "</tr>"
    return (
        f'<div class="items"><table><colgroup>{columns}</colgroup><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}{fill}</tbody></table></div>"
    )


def _total(fen: int) -> tuple[str, float]:
    words = capitals(fen) if abs(fen) <= MAX_FEN else ""
    html = (
        f'<div class="total"><p><span class="k">金额合计(大写)</span> <b>{words}</b></p>'
        f'<p><span class="k">(小写)</span> <b>¥{yuan(fen)}</b></p></div>'
    )
    used = lines(f"金额合计(大写) {words}", FACE_WIDTH - 66, 10.0)
    return html, used * 10 * 1.5 * 25.4 / 72 + 1.6


def _other(facts: Sequence[Fact], room: float, found: Face) -> tuple[str, float]:
    """The block 其他信息: facts while there is room, two or three beside each other."""
    shown: list[str] = []
    used, row_mm, columns = 1.6, 0.0, 6
    full = False
    for fact in facts:
        width = _FACTS_WIDTH * fact.span / 6 - 3
        height = lines(f"{fact.label}: {fact.text}", width, FACT_POINTS) * _FACT_LINE
        new_row = columns + fact.span > 6
        grown = used + row_mm + height if new_row else used + max(row_mm, height)
        if full or is_listed(fact) or grown > room:
            found.left_facts.append(fact)
            full = full or grown > room
            continue
        if new_row:
            used, row_mm, columns = used + row_mm, height, fact.span
        else:
            row_mm, columns = max(row_mm, height), columns + fact.span
        shown.append(fact_html(fact))
    if found.left_facts:
        used += _FACT_LINE
        shown.append("<p>(其余信息见清单)</p>")
    html = f'<div class="other"><h2>其他信息</h2><div class="facts">{"".join(shown)}</div></div>'
    return html, max(used + row_mm, 4 * 9 * 1.2 * 25.4 / 72)


def fact_html(fact: Fact) -> str:
    """A labelled value."""
    css = {2: ' class="w2"', 3: ' class="w3"'}.get(fact.span, "")
    return f'<p{css}><span class="k">{escape(fact.label)}:</span>{escape(fact.text)}</p>'


def _sign(invoice: EInvoice) -> tuple[str, float]:
    main, party = invoice.main, invoice.main.invoicing_party
    cells = (
        ("开票单位(章)", f"{party.InvoicingPartyName}({party.InvoicingPartyCode})"),
        ("复核人", main.Checker),
        ("开票人", main.HandlingPerson),
    )
    widths = (FACE_WIDTH - 90, 41.0, 41.0)
    used = max(
        lines(f"{label}: {text}", width, 9.0)
        for (label, text), width in zip(cells, widths, strict=True)
    )
    html = "".join(_labelled(label, text) for label, text in cells)
    return f'<div class="sign">{html}</div>', used * ITEM_LINE + 1.9


def _check(
    checked: Checked | None, standing: Standing, found: Face, *, seals_drawn: bool
) -> tuple[str, float]:
    texts = check_lines(checked)
    used = 0
    shown: list[str] = []
    reasons = 0
    for kind, text, html in texts:
        needed = lines(text, FACE_WIDTH, _CHECK_POINTS)
        if kind == "reason":
            reasons += 1
        if needed > 2 or reasons > _MOST_REASONS:
            found.signatures_cut = True
            continue
        used += needed
        shown.append(f"<p>{html}</p>")
    if found.signatures_cut:
        used += 1
        shown.append("<p>(其余验签信息见清单)</p>")
    note = _NOTE.format(seals=_SEALS_NOTE if seals_drawn else "")
    note += f":{standing.inspect_url}" if standing.inspect_url else "。"
    used += lines(note, FACE_WIDTH, _CHECK_POINTS)
    shown.append(f"<p>{escape(note)}</p>")
    return f'<footer class="check">{"".join(shown)}</footer>', used * _CHECK_LINE + 1.2


def check_lines(checked: Checked | None) -> list[tuple[str, str, str]]:
    """Kind, text and HTML of what verification found, line by line."""
    if checked is None:
        return [("result", "验签结果: 未验签", '验签结果:<b class="bad">未验签</b>')]
    words = (
        ("完整", "不完整", checked.intact),
        ("有效", "无效", checked.valid),
        ("可信", "不可信", checked.trusted),
    )
    result = "".join(
        f" <b>✓{yes}</b>" if is_so else f' <b class="bad">✗{no}</b>' for yes, no, is_so in words
    )
    test = ' <b class="bad">测试证书签发,仅供测试,无效</b>' if checked.test else ""
    found = [("result", "验签结果" + " ✓不完整" * 3 + "测试证书" * 4, f"验签结果:{result}{test}")]
    found += [
        ("reason", reason, f'<span class="bad">{escape(reason)}</span>')
        for reason in checked.reasons
    ]
    for one in checked.signatures:
        role = "开票单位签名" if one.role == "unit" else "财政部门签名"
        text = (
            f"{role}: {one.signer or '未找到证书'} · {one.algorithm} · {long_moment(one.time)}"
            f" · 证书编号 {one.serial} · 颁发者 {one.issuer}"
        )
        found.append(("signature", text, escape(text)))
    return found


def _marks(checked: Checked | None, standing: Standing) -> str:
    words = []
    if checked is not None and not checked.good:
        words.append("验签未通过")
    if checked is not None and checked.test:
        words.append("测试")
    if standing.reversed_by is not None:
        words.append("已冲红")
    if not words:
        return ""
    first, *others = words
    second = f'<div class="mark second">{" ".join(others)}</div>' if others else ""
    return f'<div class="mark">{first}</div>{second}'


def _seals(invoice: EInvoice) -> str:
    drawn = ""
    if invoice.main.supervisor_seal is not None:
        name = invoice.main.supervisor_seal.SealName
        drawn += seal_svg(name, "印章图样", "finance", width=38, height=25)
    if invoice.main.invoicing_seal is not None:
        name = invoice.main.invoicing_seal.SealName
        drawn += seal_svg(name, "印章图样", "unit", width=40, height=27)
    return drawn


def yuan(fen: int) -> str:
    """Yuan with two decimals, whatever the size: sums may be longer than a field."""
    sign, whole = "-" if fen < 0 else "", abs(fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def long_date(day: str) -> str:
    """``yyyymmdd`` as people write it."""
    return f"{day[:4]}年{int(day[4:6])}月{int(day[6:8])}日"


def long_moment(moment: str) -> str:
    """``yyyymmddHHMMSS`` as people write it."""
    return (
        f"{moment[:4]}-{moment[4:6]}-{moment[6:8]} {moment[8:10]}:{moment[10:12]}:{moment[12:14]}"
    )
