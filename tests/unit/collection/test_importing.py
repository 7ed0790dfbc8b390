"""Files of bills: every kind of wrong input, with its line; all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nontax.gateway.collection import importing
from nontax.gateway.collection.billfiles import FileRefused, read_bills
from nontax.gateway.collection.importing import Imported, ImportRefused, import_bills
from nontax.gateway.store import bills, catalogue, journal
from nontax.gateway.store.entries import UnitItem
from nontax.gateway.store.protocol import Transaction

TODAY = "20261122"
CONTRACT = (
    '{"AdmDivCode":"320682","BillDate":"20261122","ChgAgenCode":"0104901","PayerName":"张三",'
    '"OriAmt":"80.00","DelayAmt":"0.00","Items":[{"ItemCode":"103043211","ItemName":'
    '"不动产登记费","Amt":"80.00","Unit":"次","Quantity":"1"}],"CrcCode":"1234","MobilePhone":'
    '"13000000000","ExpiryDate":"20261222","Hold1":"Y"}'
)
COLUMNS = "AdmDivCode,BillDate,ChgAgenCode,PayerName,OriAmt,ItemCode,ItemName,Amt,Unit,Quantity"


def line(**changes: Any) -> str:
    """A line like the contract's; None takes a key away."""
    whole = json.loads(CONTRACT) | changes
    return json.dumps({k: v for k, v in whole.items() if v is not None}, ensure_ascii=False)


def item(amount: str = "80.00", **changes: Any) -> dict[str, Any]:
    return {"ItemCode": "103043211", "ItemName": "费", "Amt": amount} | changes


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(content: str | bytes, name: str = "bills.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


async def load(books: Any, path: Path, rules: Any = None) -> Imported:
    return await import_bills(books.store, path, rules or books.rules, books.making, lambda _: None)


async def faults(books: Any, path: Path) -> list[tuple[int, str, str]]:
    """Line, tag and English text of the faults; nothing was kept."""
    with pytest.raises(ImportRefused) as caught:
        await load(books, path)
    assert not await books.store.scan(lambda tx: bills.page(tx, bills.BillFilter()))
    return [(at, fault.tag, str(fault)) for at, fault in caught.value.shown]


async def test_the_contracts_line(books: Any, write: Any) -> None:
    done = await load(books, write("\ufeff" + CONTRACT + "\n\n"))
    assert done.pay_codes == ["32068226000000000013"]
    bill = await books.store.read(lambda tx: bills.get(tx, done.pay_codes[0]))
    assert (bill.amt, bill.crc_code, bill.expiry_date) == (8000, "1234", "20261222")
    assert (bill.notify, bill.notify_node) == (1, "K3206820002")
    assert bill.unit_name == "示例市自然资源局"
    assert bill.pay_info == "103043211|不动产登记费|80.00|次|1|不限制|0.00-0.00#"


async def test_optional_keys(books: Any, write: Any) -> None:
    school = line(
        ChgAgenCode="0206301",
        OriAmt="850.00",
        DelayAmt="1.5",
        Amt="851.50",
        Items=[
            {"ItemCode": "103042750", "ItemName": "普通高中学费", "Amt": "850"},
        ],
        PayerType="1",
        VirtualAcct="auto",
        FaceToFace="1",
        Education={
            "Student": "李小明",
            "IdNumber": "320682201001010011",
            "School": "一中",
            "Class": "高一(2)班",
        },
        Memo="第一学期",
    )
    done = await load(books, write(school))
    bill = await books.store.read(lambda tx: bills.get(tx, done.pay_codes[0]))
    assert (bill.amt, bill.delay_amt, bill.education, bill.face_to_face) == (85150, 150, 1, 1)
    assert (bill.student, bill.school, bill.class_name) == ("李小明", "一中", "高一(2)班")
    assert bill.virtual_acct == "6217000000100000"
    found = await books.store.read(
        lambda tx: bills.school_bills(tx, id_number="320682201001010011")
    )
    assert [one.pay_code for one in found] == done.pay_codes


@pytest.mark.parametrize(
    ("bad", "tag", "text"),
    [
        ("{", "JSON", "not JSON at column"),
        ("[]", "JSON", "one object"),
        ('"text"', "JSON", "one object"),
        ('{"Memo":"a","Memo":"b"}', "JSON", "twice"),
        ("[" * 100_000, "JSON", "nested too deeply"),
        ("1" * 5000, "JSON", "too many digits"),
        (line(PayerName=None), "PayerName", "is missing"),
        (line(PayerName="  "), "PayerName", "is missing"),
        (line(Payer="x"), "Payer", "no field"),
        (line(OriAmt=80), "OriAmt", "text in quotes"),
        (line(OriAmt=80.0), "OriAmt", "text in quotes"),
        (line(OriAmt="80.001"), "OriAmt", "at most two decimals"),
        (line(OriAmt="-80.00"), "OriAmt", "must not be negative"),
        (line(OriAmt="1e3"), "OriAmt", "at most two decimals"),
        (line(Amt="81.00"), "Amt", "not OriAmt + DelayAmt"),
        (line(Amt=81), "Amt", "text in quotes"),
        (line(Amt="x"), "Amt", "at most two decimals"),
        (line(BillDate="2026-11-22"), "BillDate", "yyyymmdd"),
        (line(BillDate="20260230"), "BillDate", "yyyymmdd"),
        (line(PayerName="张" * 51), "PayerName", "1 to 100 bytes"),
        (line(PayerName="张\u0007三"), "PayerName", "control character"),
        (line(PayerName="X!").replace("X!", "\\ud800"), "PayerName", "control character"),
        (line(PayerName="𠮷"), "PayerName", "U+20BB7"),
        (line(CrcCode="12345"), "CrcCode", "1 to 4"),
        (line(FaceToFace="2"), "FaceToFace", "0 or 1"),
        (line(IsInterBank="2"), "IsInterBank", "0, 1"),
        (line(RecAcctType="7"), "RecAcctType", "must be one of"),
        (line(RecAcct="中"), "RecAcct", "printable ASCII"),
        (line(Items=None), "Items", "at least one"),
        (line(Items=[]), "Items", "at least one"),
        (line(Items="x"), "Items", "at least one"),
        (line(Items=[1]), "Items[1]", "object"),
        (line(Items=[item(), {"Amt": "1"}]), "Items[2].ItemCode", "is missing"),
        (line(Items=[item(Colour="red")]), "Items[1].Colour", "no field"),
        (line(Items=[item(Quantity="many")]), "Items[1].Quantity", "decimal"),
        (line(Items=[item(Unit="次|")]), "PayInfo", "| or #"),
        (line(Items=[item("79.99")]), "OriAmt", "sum of the items, which is 79.99"),
        (line(Items=[item(StandardType="别的")]), "PayInfo", "unknown"),
        (line(Education=[]), "Education", "object"),
        (line(Education={}), "Education.Student", "is missing"),
        (
            line(Education={"Student": "小明"}, MobilePhone=None),
            "Education.IdNumber",
            "nobody could find",
        ),
        (line(Education={"Student": "小明", "Age": "9"}), "Education.Age", "no field"),
        (line(ChgAgenCode="0105204"), "PayInfo", "may not charge"),
        (line(ChgAgenCode="77"), "ChgAgenCode", "no unit"),
    ],
)
async def test_wrong_lines(books: Any, write: Any, bad: str, tag: str, text: str) -> None:
    found = await faults(books, write(CONTRACT + "\n" + bad + "\n"))
    assert found[0][0] == 2
    assert found[0][1] == tag
    assert text in found[0][2]


async def test_a_value_in_a_fault_is_masked(books: Any, write: Any) -> None:
    bad = line(PayerAcct="62280000" * 8, MobilePhone="1391234567" * 3, PayerName="欧阳" * 30)
    found = await faults(books, write(bad))
    text = " ".join(fault for _, _, fault in found)
    assert len(found) == 3
    for secret in ("62280000", "1391234567", "欧阳"):
        assert secret not in text


async def test_bytes_that_are_not_utf8(books: Any, write: Any) -> None:
    found = await faults(books, write(CONTRACT.encode() + b"\n" + CONTRACT.encode("gbk")))
    assert found[0][:2] == (2, "JSON")
    assert "not UTF-8" in found[0][2]


async def test_every_fault_is_counted_and_the_first_are_shown(
    books: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MAX_SHOWN", 7)
    lines = [line(PayerName=None, BillDate="x") for _ in range(10)]
    with pytest.raises(ImportRefused) as caught:
        await load(books, write("\n".join(lines)))
    assert caught.value.total == 20
    assert [at for at, _ in caught.value.shown] == [1, 1, 2, 2, 3, 3, 4]


async def test_faults_of_form_and_of_rules_are_shown_together(books: Any, write: Any) -> None:
    content = "\n".join([line(ChgAgenCode="77"), "{", line(PayCode="A-1"), line(PayCode="A-1")])
    found = await faults(books, write(content))
    assert [(at, tag) for at, tag, _ in found] == [
        (1, "ChgAgenCode"),
        (1, "PayInfo"),
        (2, "JSON"),
        (3, "PayCode"),
        (4, "PayCode"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("bills.txt", CONTRACT, ".jsonl or .csv"),
        ("bills", CONTRACT, ".jsonl or .csv"),
        ("bills.csv", "", "empty"),
        ("bills.csv", "Colour\nred", "'Colour' is no column"),
        ("bills.csv", COLUMNS + ",Amt\n", "Amt stands twice"),
        ("bills.csv", "AdmDivCode,BillDate\n", "columns are missing"),
        ("bills.csv", COLUMNS + "\na,b\n", "2 cells under 10 columns"),
        ("bills.csv", COLUMNS + '\n"a\n', "not CSV"),
        ("bills.csv", COLUMNS.encode() + b"\n\xff\xff\n", "neither UTF-8 nor GBK"),
    ],
)
async def test_files_that_cannot_be_read(
    books: Any, write: Any, name: str, content: str | bytes, text: str
) -> None:
    with pytest.raises(FileRefused) as caught:
        await load(books, write(content, name))
    assert text in caught.value.what + caught.value.do


@pytest.mark.parametrize(("name", "content"), [("a.jsonl", "\n"), ("a.csv", COLUMNS + "\n")])
async def test_a_file_without_bills(books: Any, write: Any, name: str, content: str) -> None:
    found = await faults(books, write(content, name))
    assert "holds no bill" in found[0][2]


def test_a_line_without_end_is_refused(write: Any) -> None:
    with pytest.raises(FileRefused, match="262144 bytes"):
        list(read_bills(write(b"x" * 300_000)))


ROW = "320682,20261122,0104901,张三,80.00,103043211,不动产登记费"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
async def test_csv_in_every_encoding(books: Any, write: Any, encoding: str) -> None:
    text = f"{COLUMNS}\r\n{ROW},80.00,次,1\r\n"
    done = await load(books, write(text.encode(encoding), "bills.csv"))
    bill = await books.store.read(lambda tx: bills.get(tx, done.pay_codes[0]))
    assert (bill.payer_name, bill.amt) == ("张三", 8000)


async def test_rows_of_one_bill_are_adjacent(books: Any, write: Any) -> None:
    rows = [
        f"{ROW},30.00,次,1",
        f"{ROW},50.00,次,1",  # the same bill: 80.00 is reached
        f"{ROW},80.00,次,1",  # equal columns, but the bill above is complete
        f"{ROW},20.00,次,1",
        ",,,,,103043211,不动产登记费,60.00,次,1",  # the bill's columns left empty
        "",
        f"{ROW.replace('张三', '李四')},80.00,次,1",
    ]
    done = await load(books, write("\n".join([COLUMNS, *rows]), "bills.csv"))
    shapes = []
    for code in done.pay_codes:
        found = await books.store.read(lambda tx, code=code: bills.items(tx, code))
        shapes.append([one.amt for one in found])
    assert shapes == [[3000, 5000], [8000], [2000, 6000], [8000]]


async def test_a_reference_tells_bills_apart(books: Any, write: Any) -> None:
    columns = "BillRef," + COLUMNS
    rows = [f"a,{ROW},80.00,次,1", f"b,{ROW},40.00,次,1", f"b,{ROW},40.00,次,1"]
    done = await load(books, write("\n".join([columns, *rows]), "bills.csv"))
    assert len(done.pay_codes) == 2


async def test_csv_faults_have_the_line_of_their_row(books: Any, write: Any) -> None:
    rows = [
        f"{ROW},30.00,次,1",
        f"{ROW},x,次,1",
        f"{ROW.replace('张三', chr(34) + '李' + chr(10) + '四' + chr(34))},80.00,次,1",
        f"{ROW},80.00,次,1",
        f"{ROW.replace('20261122', '20261132')},80.00,次,1",
    ]
    found = await faults(books, write("\n".join([COLUMNS, *rows]), "bills.csv"))
    assert [(at, tag) for at, tag, _ in found] == [(2, "Amt"), (7, "BillDate")]
    assert "in line 3" in found[0][2]


async def test_school_columns_of_csv(books: Any, write: Any) -> None:
    columns = COLUMNS + ",Student,IdNumber,School,Class"
    row = "320682,20261122,0206301,李大,850.00,103042750,普通高中学费,850.00,学期,1"
    rows = [f"{row},李小明,320682201001010011,一中,二班", f"{row},,,,"]
    done = await load(books, write("\n".join([columns, *rows]), "bills.csv"))
    flags = []
    for code in done.pay_codes:
        bill = await books.store.read(lambda tx, code=code: bills.get(tx, code))
        flags.append((bill.education, bill.student))
    assert flags == [(1, "李小明"), (0, "")]


async def test_a_file_has_a_limited_number_of_school_bills(books: Any, write: Any) -> None:
    rules = books.configured("[collection]\neducation_batch_limit = 2")
    school = line(Education={"Student": "小明"})
    with pytest.raises(ImportRefused) as caught:
        await load(books, write("\n".join([school] * 3)), rules)
    assert [(at, fault.tag) for at, fault in caught.value.shown] == [(3, "Education")]
    assert len((await load(books, write("\n".join([school] * 2)), rules)).pay_codes) == 2


async def test_a_change_of_the_catalogue_meanwhile_is_noticed(
    books: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right that ends between judging and writing refuses the import."""
    store = books.store

    class Meanwhile:
        """The store, where somebody ends the right before the writing transaction."""

        scan = staticmethod(store.scan)

        @staticmethod
        async def transact(work: Any) -> Any:
            async def end(tx: Transaction) -> None:
                right = UnitItem("0104901", "103043211", "20200101", "20260101")
                await catalogue.put(tx, right, actor="other", at=1)

            await store.transact(end)
            return await store.transact(work)

    with pytest.raises(ImportRefused) as caught:
        await import_bills(Meanwhile(), write(CONTRACT), books.rules, books.making, lambda _: None)
    assert caught.value.shown[0][1].result.value == "16003"


async def test_an_import_has_one_row_in_the_journal(books: Any, write: Any) -> None:
    done = await load(books, write("\n".join([CONTRACT] * 3)))
    rows = await books.store.scan(lambda tx: journal.page(tx, limit=1000))
    row = rows[-1]
    facts = json.loads(row.facts)
    assert (row.kind, row.actor, facts["count"]) == ("bill.imported", "maker1", 3)
    assert (facts["first"], facts["last"]) == (done.pay_codes[0], done.pay_codes[-1])
    assert facts["Amt"] == done.amt == 24000


async def test_an_operators_scope_is_held(books: Any, write: Any) -> None:
    rules = type(books.rules)(books.config, frozenset({"0206301"}))
    with pytest.raises(ImportRefused) as caught:
        await load(books, write(CONTRACT), rules)
    assert caught.value.shown[0][1].result.value == "18012"
