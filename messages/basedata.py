"""Base data (基础数据): accounts, regions, bills and catalogues that finance pushes."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import (
    AccountType,
    Choice,
    Date,
    GBString,
    Group,
    Integer,
    M,
    NString,
    O,
    String,
)
from .query import DueBill, Located
from .record import Record, Voucher, message


class FiscalAccount(Record):
    """Detail of 5952."""

    AcctType: Annotated[str, AccountType(M, "账户类型")]
    AcctNo: Annotated[str, String(1, 50, M, "账号")]
    AcctName: Annotated[str, GBString(1, 100, M, "户名")]
    BankCode: Annotated[str, NString(4, 4, M, "银行代码")]
    BankNo: Annotated[str, NString(0, 20, O, "开户行行号")] = ""
    BankName: Annotated[str, GBString(1, 100, M, "开户行名称")]
    StartDate: Annotated[str, Date(M, "启用日期")]
    StopDate: Annotated[str, Date(O, "停用日期")] = ""


@message(
    "5952",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001,2952",
    name="财政账户信息变更报文",
    title="fiscal accounts, full update",
    origin="ours",
)
class FiscalAccounts(Voucher):
    """5952 财政账户信息变更报文: fiscal accounts, full update."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    PackCount: Annotated[int, Integer(M, "子包总数")]
    PackNo: Annotated[int, Integer(M, "子包序号")]
    TotalCount: Annotated[int, Integer(M, "总笔数")]
    DetailList: Annotated[tuple[FiscalAccount, ...], Group("Detail", M)]


class FiscalAccountReceipt(Record):
    """Detail of 2952."""

    AcctNo: Annotated[str, String(1, 50, M, "账号")]
    Code: Annotated[str, NString(5, 5, M, "结果代码")]
    Msg: Annotated[str, GBString(0, 200, O, "错误原因")] = ""


@message(
    "2952",
    "bank",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="财政账户信息变更确认回执报文",
    title="receipt for 5952",
    origin="ours",
)
class FiscalAccountsReceipt(Voucher):
    """2952 财政账户信息变更确认回执报文: receipt for 5952."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    SuccCount: Annotated[int, Integer(M, "成功数")]
    FailCount: Annotated[int, Integer(M, "失败数")]
    DetailList: Annotated[tuple[FiscalAccountReceipt, ...], Group("Detail", M, may_be_empty=True)]


class ServedRegion(Record):
    """Detail of 5953."""

    AdmDivCode: Annotated[str, String(6, 6, M, "行政区划")]
    AdmDivName: Annotated[str, GBString(1, 100, M, "区划名称")]
    StartDate: Annotated[str, Date(M, "启用日期")]
    StopDate: Annotated[str, Date(O, "停用日期")] = ""


@message(
    "5953",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001",
    name="非税节点对应区划配置信息报文",
    title="regions served by a finance node",
    origin="ours",
)
class ServedRegions(Voucher):
    """5953 非税节点对应区划配置信息报文: regions served by a finance node."""

    NodeCode: Annotated[str, String(1, 12, M, "非税节点编号")]
    NodeName: Annotated[str, GBString(1, 100, M, "节点名称")]
    DetailList: Annotated[tuple[ServedRegion, ...], Group("Detail", M)]


class SupervisedAccount(Record):
    """Detail of 5981."""

    ChgAgenCode: Annotated[str, String(1, 30, M, "执收单位编码")]
    ChgAgenName: Annotated[str, GBString(1, 100, M, "执收单位名称")]
    AcctNo: Annotated[str, String(1, 50, M, "账号")]
    AcctName: Annotated[str, GBString(1, 100, M, "户名")]
    BankName: Annotated[str, GBString(1, 100, M, "开户行")]
    StartDate: Annotated[str, Date(M, "启用日期")]
    StopDate: Annotated[str, Date(O, "停用日期")] = ""


@message(
    "5981",
    "bank",
    sender="finance",
    receiver="bank",
    answer="2001",
    name="单位监管账户信息报文",
    title="supervised unit accounts, full update",
    origin="ours",
)
class SupervisedAccounts(Voucher):
    """5981 单位监管账户信息报文: supervised unit accounts, full update."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    DetailList: Annotated[tuple[SupervisedAccount, ...], Group("Detail", M)]


class SyncedBill(DueBill, Located):
    """Bill of 5954: what 5603 says, and how the payer may pay."""

    CrcCode: Annotated[str, String(0, 4, O, "校验码", sensitive=Sensitive.SECRET)] = ""
    FaceToFace: Annotated[str, Choice(M, "当面付 0否 1是")]
    ExpiryDate: Annotated[str, Date(O, "有效期止")] = ""
    MobilePhone: Annotated[str, String(0, 20, O, "手机号", sensitive=Sensitive.PHONE)] = ""


@message(
    "5954",
    "bank",
    sender="finance",
    receiver="platform",
    answer="2001",
    name="开票信息同步报文",
    title="new, changed and voided bills to the platform",
    origin="ours",
    note=(
        "number and table are ours; the seeds say that billing information is "
        "synchronised to the platform"
    ),
)
class BillSync(Voucher):
    """5954 开票信息同步报文: new, changed and voided bills to the platform."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    SyncMode: Annotated[str, Choice(M, "1全量 2增量")]
    PackCount: Annotated[int, Integer(M, "子包总数")]
    PackNo: Annotated[int, Integer(M, "子包序号")]
    BillList: Annotated[tuple[SyncedBill, ...], Group("Bill", M)]


class BaseDatum(Record):
    """Detail of 5955."""

    Code: Annotated[str, String(1, 30, M, "编码")]
    Name: Annotated[str, GBString(1, 100, M, "名称")]
    ParentCode: Annotated[str, String(0, 30, O, "上级或所属编码")] = ""
    BankName: Annotated[str, GBString(0, 100, O, "开户行")] = ""
    Extra: Annotated[str, GBString(0, 500, O, "其他属性,名=值以|分隔")] = ""
    StartDate: Annotated[str, Date(M, "启用日期")]
    StopDate: Annotated[str, Date(O, "停用日期")] = ""


@message(
    "5955",
    "bank",
    sender="finance",
    receiver="platform",
    answer="2001",
    name="基础信息同步报文",
    title="units, items, accounts, clearing banks to the platform",
    origin="ours",
    note="number and table are ours",
)
class BaseDataSync(Voucher):
    """5955 基础信息同步报文: units, items, accounts, clearing banks to the platform."""

    BatchNo: Annotated[str, String(1, 30, M, "批次号")]
    SyncMode: Annotated[str, Choice(M, "1全量 2增量")]
    Kind: Annotated[str, Choice(M, "1执收单位 2执收项目 3财政账户 4清分银行")]
    PackCount: Annotated[int, Integer(M, "子包总数")]
    PackNo: Annotated[int, Integer(M, "子包序号")]
    DetailList: Annotated[tuple[BaseDatum, ...], Group("Detail", M)]
