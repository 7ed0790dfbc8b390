"""Reading files of bills: JSON lines and CSV, as a stream; what is wrong is said with its line.

CSV has one row per item under the tags of the JSON form; rows of one bill are adjacent. Two rows
belong to the same bill when the columns of the bill are equal in both (a further row may also leave
all of them empty) and the bill's items do not add up to OriAmt yet. The column `BillRef`, any text
that is kept nowhere, tells bills apart where a file wants to be explicit.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from ...codecs import RuleError, parse_yuan, shown
from ...messages import PayInfoEntry
from .drafts import BillDraft, Fault
from .importfields import (
    BILL_FIELDS,
    ITEM_FIELDS,
    REQUIRED,
    SCHOOL_FIELDS,
    Faults,
    make_draft,
    make_entry,
    printable_name,
    read_fields,
    require,
)
from .standards import total

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
MAX_LINE_BYTES: Final = 256 * 1024
BILL_REFERENCE: Final = "BillRef"

_BOM: Final = b"\xef\xbb\xbf"
_NESTED: Final = ("Amt", "Items", "Education")


class FileRefused(Exception):
    """A file that cannot be read as bills at all: what, and the line where there is one."""

    def __init__(self, what: str, line: int | None = None, do: str = "correct the file") -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.do = do


@dataclass(slots=True)
class ReadBill:
    """One bill of a file: the line where it begins, and its draft or what is wrong with it."""

    line: int
    draft: BillDraft | None
    faults: list[Fault]


def read_bills(path: Path) -> Iterator[ReadBill]:
    """The bills of a file in order. Raises FileRefused, OSError."""
    kind = path.suffix.lower()
    readers: dict[str, Callable[[BinaryIO], Iterator[ReadBill]]] = {
        ".jsonl": read_json_lines,
        ".csv": read_csv,
    }
    if kind not in readers:
        raise FileRefused(
            f"{kind or 'a name without ending'} is no kind of file that can be imported",
            do="give a .jsonl or .csv file",
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FileRefused(f"the file has more than {MAX_FILE_BYTES} bytes", do="split it")
    with path.open("rb") as file:
        yield from readers[kind](file)


# -- JSON lines ---------------------------------------------------------------------------------


class _Repeated(ValueError):
    """A key stands twice in a JSON object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Repeated
    return found


def read_json_lines(file: BinaryIO) -> Iterator[ReadBill]:
    """The bills of a file with one JSON object a line, UTF-8; empty lines are skipped."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) >= MAX_LINE_BYTES:
            raise FileRefused(f"the line has more than {MAX_LINE_BYTES} bytes", number)
        if number == 1:
            line = line.removeprefix(_BOM)
        if not line.strip():
            continue
        faults = Faults()
        draft: BillDraft | None = None
        try:
            raw = decoder.decode(line.decode("utf-8").strip())
        except UnicodeDecodeError as error:
            faults.add("JSON", "不是UTF-8编码", f"byte {error.start + 1} of the line is not UTF-8")
        except _Repeated:
            faults.add("JSON", "字段重复", "a key stands twice in one object")
        except json.JSONDecodeError as error:
            faults.add("JSON", "格式错误", f"not JSON at column {error.colno}: {error.msg}")
        except (RecursionError, ValueError):
            faults.add("JSON", "格式错误", "nested too deeply, or a number of too many digits")
        else:
            draft = _from_json(raw, faults)
        yield ReadBill(number, draft, faults)


def _from_json(raw: object, faults: Faults) -> BillDraft | None:
    if not isinstance(raw, dict):
        faults.add("JSON", "应为对象", "must be one object in braces")
        return None
    nested = {tag: raw.pop(tag) for tag in _NESTED if tag in raw}
    values = read_fields(raw, BILL_FIELDS, faults)
    require(values, REQUIRED, BILL_FIELDS, faults)
    items = _items(nested.get("Items"), faults)
    school = _school(nested.get("Education"), faults)
    return make_draft(values, items, school, _amount(nested.get("Amt"), faults), faults)


def _amount(raw: object, faults: Faults) -> int | None:
    if raw is None or raw == "":
        return None
    try:
        if isinstance(raw, str):
            return parse_yuan(raw.strip())
        faults.add("Amt", "应为文本", "must be a text in quotes")
    except RuleError as error:
        faults.add("Amt", error.chinese, error.english, shown(str(raw)))
    return None


def _items(raw: object, faults: Faults) -> tuple[PayInfoEntry, ...]:
    if not isinstance(raw, list) or not raw:
        faults.add("Items", "不能为空", "must be a list with at least one item")
        return ()
    found = []
    for number, item in enumerate(raw, 1):
        if not isinstance(item, dict):
            faults.add(f"Items[{number}]", "应为对象", "must be an object in braces")
            continue
        entry = make_entry(item, faults, f"Items[{number}].")
        if entry is not None:
            found.append(entry)
    return tuple(found)


def _school(raw: object, faults: Faults) -> dict[str, Any] | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        faults.add("Education", "应为对象", "must be an object in braces")
        return None
    return read_fields(raw, SCHOOL_FIELDS, faults, "Education.")


# -- CSV ----------------------------------------------------------------------------------------


def read_csv(file: BinaryIO) -> Iterator[ReadBill]:
    """The bills of a CSV file, UTF-8 (with or without BOM) or GBK, whichever the bytes are."""
    encoding = detect_encoding(file)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    rows = csv.reader(text, strict=True)
    try:
        columns = _header(rows)
        yield from _grouped(rows, columns)
    except csv.Error as error:
        raise FileRefused(f"not CSV: {error}", rows.line_num) from None
    finally:
        text.detach()


def detect_encoding(file: BinaryIO) -> str:
    """`utf-8-sig` or `gbk`, decided by decoding every byte. Raises FileRefused for neither.

    In both, the byte of a line's end is never part of another character.
    """
    last = 0
    for encoding, name in (("utf-8", "utf-8-sig"), ("gbk", "gbk")):
        file.seek(0)
        number = 0
        try:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) >= MAX_LINE_BYTES:
                    raise FileRefused(f"the line has more than {MAX_LINE_BYTES} bytes", number)
                line.decode(encoding)
        except UnicodeDecodeError:
            last = max(last, number)
        else:
            return name
    raise FileRefused("the text is neither UTF-8 nor GBK", last)


def _header(rows: Any) -> list[str]:
    columns = [name.strip() for name in next(rows, [])]
    if not columns:
        raise FileRefused("the file is empty", 1)
    known = {*BILL_FIELDS, *ITEM_FIELDS, *SCHOOL_FIELDS, BILL_REFERENCE}
    for name in columns:
        if name not in known:
            raise FileRefused(f"{printable_name(name)!r} is no column of bills", 1)
        if columns.count(name) > 1:
            raise FileRefused(f"column {name} stands twice", 1)
    missing = [name for name in (*REQUIRED, "ItemCode", "ItemName", "Amt") if name not in columns]
    if missing:
        raise FileRefused(f"columns are missing: {', '.join(missing)}", 1)
    return columns


class _Group:
    """The rows of one bill, as they are read."""

    def __init__(self, line: int, bill: dict[str, str], school: dict[str, str]) -> None:
        self.line = line
        self.key = (bill, school)
        self.faults = Faults()
        self.entries: list[PayInfoEntry] = []
        plain = {tag: value for tag, value in bill.items() if tag != BILL_REFERENCE}
        self.values = read_fields(plain, BILL_FIELDS, self.faults)
        require(self.values, REQUIRED, BILL_FIELDS, self.faults)
        self.school = (
            read_fields(school, SCHOOL_FIELDS, self.faults) if any(school.values()) else None
        )

    def takes(self, bill: dict[str, str], school: dict[str, str], item: dict[str, str]) -> bool:
        """Whether a further row belongs to this bill."""
        continued = not any(bill.values()) and not any(school.values())
        if not continued and (bill, school) != self.key:
            return False
        complete = total(self.entries) == self.values.get("ori_amt")
        return continued or not complete or item["Amt"].strip() in {"0", "0.0", "0.00"}

    def add(self, item: dict[str, str], line: int) -> None:
        """Add the row's item; a fault of a further row says its line."""
        before = len(self.faults)
        entry = make_entry(item, self.faults, "")
        if entry is not None:
            self.entries.append(entry)
        if line != self.line:
            for index in range(before, len(self.faults)):
                fault = self.faults[index]
                self.faults[index] = Fault(
                    fault.tag,
                    fault.result,
                    f"{fault.chinese}(第{line}行)",
                    f"{fault.english}, in line {line}",
                    fault.value,
                )

    def done(self) -> ReadBill:
        """The bill."""
        draft = make_draft(self.values, tuple(self.entries), self.school, None, self.faults)
        return ReadBill(self.line, draft, self.faults)


def _grouped(rows: Any, columns: list[str]) -> Iterator[ReadBill]:
    is_item = [name in ITEM_FIELDS for name in columns]
    is_school = [name in SCHOOL_FIELDS for name in columns]
    group: _Group | None = None
    before = rows.line_num
    for row in rows:
        line, before = before + 1, rows.line_num
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            raise FileRefused(f"{len(row)} cells under {len(columns)} columns", line)
        bill: dict[str, str] = {}
        item: dict[str, str] = {}
        school: dict[str, str] = {}
        for name, cell, of_item, of_school in zip(columns, row, is_item, is_school, strict=True):
            (item if of_item else school if of_school else bill)[name] = cell
        if group is None or not group.takes(bill, school, item):
            if group is not None:
                yield group.done()
            group = _Group(line, bill, school)
        group.add(item, line)
    if group is not None:
        yield group.done()
