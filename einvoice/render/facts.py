"""What stands in the block 其他信息 of the face: every value that has no place of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ...messages.codes import PayMode
from ..fields import EInvoice, Seal
from ..table import Extension
from .values import Standing

_MODES: Final = {mode.value: mode.meaning for mode in PayMode}
_LONG: Final = 400


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; `span` of six columns."""

    label: str
    text: str
    span: int = 2


def is_listed(fact: Fact) -> bool:
    """Whether a value is so long that it stands in the list alone."""
    return len(fact.text) > _LONG


def facts_of(invoice: EInvoice, standing: Standing) -> list[Fact]:
    """All values that are not on the face already, those without a value left out."""
    main, ext = invoice.main, invoice.main.ext
    party, payer = main.invoicing_party, main.payer_party
    found: list[Fact] = []
    if any(invoice.related):
        code, number = invoice.related
        found.append(Fact("冲红的原票据", f"代码 {code} 号码 {number}", 3))
    if standing.reversed_by is not None:
        code, number = standing.reversed_by
        found.append(Fact("已被红字票据冲红", f"代码 {code} 号码 {number}", 3))
    mode = main.PayMode
    rate = "" if main.ExchangeRate is None else f"汇率 {main.ExchangeRate:f}"
    form = (
        f"监管机构 {main.SupervisorAreaCode}",
        f"模板 {main.EInvoiceSpecimenCode}",
        f"版本 {invoice.header.Version}",
        f"标签 {invoice.header.EInvoiceTag}",
        f"标识 {invoice.header.EInvoiceID}",
    )
    found += [
        Fact("缴款码", ext.PayCode),
        Fact("交款方式", f"{mode} {_MODES.get(mode, '')}".strip()),
        Fact("业务流水号", main.BizCode),
        Fact("收款账户", _joined(party.RecName, party.RecAcct, party.RecOpBk), 6),
        Fact("交款账户", _joined(payer.PayerAcct, payer.PayerOpBk), 3),
        Fact("币种", _joined(main.CurrencyType, rate), 3),
        Fact("备注", main.Remark, 6),
        Fact("财政部门备注", main.SupervisorRemark, 6),
    ]
    found += [Fact(label, text, 3) for label, text in flat(ext.more)]
    found.append(Fact("票样", _joined(*form), 6))
    found += _seal("监制章", main.supervisor_seal)
    found += _seal("单位印章", main.invoicing_seal)
    return [fact for fact in found if fact.text]


def _joined(*texts: str) -> str:
    return " ".join(filter(None, texts))


def _seal(label: str, seal: Seal | None) -> Iterator[Fact]:
    if seal is not None:
        yield Fact(label, f"{seal.SealName} 编号 {seal.SealId} 摘要 {seal.SealHash}", 6)


def flat(extensions: Iterable[Extension], above: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts of elements that the table does not name, nested ones as ``a/b``."""
    for one in extensions:
        name = f"{above}/{one.name}" if above else one.name
        if one.children:
            yield from flat(one.children, name)
        else:
            yield name, one.text


def plain_extensions(extensions: Sequence[Extension]) -> str:
    """Extensions of an item in one text, without the quantity that has a column of its own."""
    parts = [f"{name}:{text}" for name, text in flat(extensions) if name != "ItemQuantity"]
    return ";".join(parts)
