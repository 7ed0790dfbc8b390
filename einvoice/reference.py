"""The document's table as Markdown, for the reference pages."""

from __future__ import annotations

from collections.abc import Iterator

from ..codecs.types import WireType
from .envelope import FINANCE_REFERENCE, UNIT_REFERENCE
from .fields import EInvoice, SignatureFields
from .numbering import CLASSES
from .table import MOST_ENTRIES, Open, Part, Record, Row, declarations

_HEAD = """# Fiscal e-invoices

The document as `nontax.einvoice` declares it. Times: 1 mandatory, 0..1 optional. Lengths are \
**characters**: the document is UTF-8. Amounts are yuan in the document and `int` of fen in the \
models, negative in a red invoice (红字). A masked row is never shown in logs, errors and reports.

## What is read

- Elements without attributes and namespaces, text, XML's own references. Comments, CDATA, DOCTYPE \
and processing instructions are refused, as is whatever else two readers could see differently.
- Within its parent an element may stand anywhere; white space may stand between elements. The \
bytes are kept as they came: nothing is normalised before it is verified and archived.
- An element that the table does not name is refused, because finance signs for the content. \
Extensions have their place: inside MainExt, ItemExt and AuxItem any element is kept.
- A blank optional element is taken as missing. An element that stands twice is refused.
"""
_DOCUMENT = f"""## The document

`<?xml version="1.0" encoding="UTF-8"?>`, then `<EInvoice>` with Header, EInvoiceData and \
EInvoiceSignature, without a byte between them. The unit signs `<Header>…</Header>\
<EInvoiceData>…</EInvoiceData>` as it stands; finance signs the lower-case hex of its own \
algorithm's digest over these bytes, followed by the unit's `<Signature>` element. Finance's \
element must have the one canonical form, for nothing signs it. Reference is `{UNIT_REFERENCE}` \
for the unit and `{FINANCE_REFERENCE}` for finance.
"""
_COLUMNS = "| tag | type | length | times | meaning | rule |\n|---|---|---|---|---|---|\n"


def einvoice_markdown() -> str:
    """What is read, the signed part, the signatures, and the classes of codes."""
    return "\n".join(
        [
            _HEAD,
            _DOCUMENT,
            f"## What the unit signs\n\n{_COLUMNS}{_table(_signed())}\n",
            f"## Signature\n\n{_COLUMNS}{_table(_rows(SignatureFields, 0))}\n",
            "## Codes\n\nA code (票据代码) is region 2, class 2, kind 2, year 2; a number has 10"
            " digits.\n\n| class | name |\n|---|---|\n"
            + "".join(f"| {code} | {name} |\n" for code, name in CLASSES.items()),
        ]
    )


def _table(rows: Iterator[str]) -> str:
    return "\n".join(rows)


def _signed() -> Iterator[str]:
    """The rows of Header, and those of EInvoiceData one level deeper."""
    rows = _rows(EInvoice, 0)
    for row in rows:
        if row.startswith("| **Main**"):
            yield "| **EInvoiceData** | group | | 1 | 票面信息 | |"
            yield row.replace("| ", "| · ", 1)
            break
        yield row
    for row in rows:
        yield row.replace("| ", "| · ", 1)


def _rows(record: type[Record], depth: int) -> Iterator[str]:
    indent = "· " * depth
    for tag, declared in declarations(record).items():
        if isinstance(declared, Row):
            times = "0..1" if declared.optional else "1"
            yield (
                f"| {indent}{tag} | {declared.wire} | {declared.length} | {times} "
                f"| {declared.meaning} | {_rule(declared)} |"
            )
        elif isinstance(declared, Open):
            name = f"**{declared.tag}**" if declared.tag else "…"
            yield f"| {indent}{name} | any | | 0..1 | {declared.meaning} | kept |"
        elif isinstance(declared, Part):
            times = "0..1" if declared.optional else "1"
            yield f"| {indent}**{declared.tag}** | group | | {times} | {declared.meaning} | |"
            yield from _rows(declared.record, depth + 1)
        else:
            name, most = f"**{declared.tag}/{declared.item}**", f"1..{MOST_ENTRIES}"
            times = f"0 or {most}" if declared.optional else most
            yield f"| {indent}{name} | group | | {times} | {declared.meaning} | |"
            yield from _rows(declared.record, depth + 1)


def _rule(row: Row) -> str:
    rules = []
    if "form" in row.traits:
        rules.append(row.traits["form"][1])
    if "codes" in row.traits:
        rules.append("one of " + " ".join(row.traits["codes"]))
    if "note" in row.traits:
        rules.append(row.traits["note"])
    if row.wire is WireType.CURRENCY:
        rules.append("two decimals written, none to two read")
    if row.sensitive:
        rules.append(f"masked as {row.sensitive}")
    return "; ".join(rules).replace("|", "\\|")
