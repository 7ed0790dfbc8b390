"""The sections of the configuration file but the peers: each key with its meaning and default."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ..workdays import Workdays
from .einvoice import EInvoiceConfig
from .fields import (
    Assigner,
    FolderName,
    MasterKeySecret,
    Name,
    NodeCode,
    OperatorName,
    Outlet,
    Port,
    ReadableFile,
    Regions,
    Seconds,
    SecretText,
    Section,
    Texts,
    TimeOfDay,
    WorkdaysFile,
    setting,
)
from .figures import FiguresConfig

HARD_FRAME_CEILING = 99_999_999
"""What the 8 digits of a frame's length can say."""

CheckDigitPolicy = Literal["require", "warn", "off"]
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class NodeConfig(Section):
    """This finance node (财政非税节点)."""

    code: NodeCode = setting("node code: F and 6 digits of region", shown=True)
    name: Name = setting("name as peers see it", shown=True)
    regions: Regions = setting("regions (行政区划) that this node serves", shown=True, min_length=1)

    @field_validator("code")
    @classmethod
    def _is_finance(cls, value: str) -> str:
        if not value.startswith("F"):
            raise ValueError("must be a finance node: F and 6 digits of region")
        return value


class StoreConfig(Section):
    """Where the books are kept."""

    url: str = setting(
        "sqlite:///FILE (relative to this file; sqlite:////FILE absolute) or postgresql://…",
        "sqlite:///nontax.db",
        shown=True,
        repr=False,
    )
    password: SecretText | None = setting(
        "password of a PostgreSQL store, by reference",
        None,
        example="file:secret/postgres.password",
    )

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value.startswith("sqlite:///") and len(value) > len("sqlite:///"):
            if ":memory:" in value:
                raise ValueError("must be a file: what is in memory does not survive")
            return value
        if urlsplit(value).scheme in {"postgresql", "postgres"}:
            return value
        raise ValueError("must be sqlite:///FILE or postgresql://…")

    @property
    def sqlite_file(self) -> str | None:
        """File of an SQLite store as written, None for PostgreSQL."""
        prefix = "sqlite:///"
        return self.url.removeprefix(prefix) if self.url.startswith(prefix) else None


class ListenTlsConfig(Section):
    """TLS for peers that connect to us; with this section the port speaks TLS only. PEM files."""

    certificate: ReadableFile = setting("our certificate and its chain", example="tls/server.pem")
    key: ReadableFile = setting("the certificate's private key", example="tls/server.key")
    client_ca: ReadableFile | None = setting(
        "CA of the peers' certificates; set: every client must show one",
        None,
        example="tls/client-ca.pem",
    )


class ListenConfig(Section):
    """The listening service and its limits; every limit is finite."""

    host: str = setting("address to listen on", "127.0.0.1", shown=True, min_length=1)
    port: Port = setting("0: any free port", 9201, shown=True)
    workers: int = setting("processes that share the port", 1, shown=True, ge=1, le=64)
    max_frame_bytes: int = setting(
        "largest frame, header and MAC included",
        16 * 1024 * 1024,
        shown=True,
        ge=4096,
        le=HARD_FRAME_CEILING,
    )
    max_connections: int = setting(
        "open connections of one process; above it 10006", 2000, shown=True, ge=1, le=100_000
    )
    first_frame_timeout_seconds: Seconds = setting(
        "from connecting to the first whole frame", 10, shown=True
    )
    idle_timeout_seconds: Seconds = setting(
        "wait for the next frame of a keep_alive peer", 60, shown=True
    )
    handler_timeout_seconds: Seconds = setting("work on one frame", 30, shown=True)
    write_timeout_seconds: Seconds = setting("until a peer has taken its answer", 10)
    shutdown_grace_seconds: Seconds = setting(
        "after SIGTERM, for frames that are being answered", 15, shown=True
    )
    linger_seconds: Seconds = setting("after an answer, wait for the peer to close", 1)
    linger_bytes: int = setting("what is read and thrown away meanwhile", 65536, ge=0)
    auth_failures_per_minute: int = setting(
        "answered failures per address and code; frames with a good MAC are never limited",
        30,
        ge=1,
        le=1_000_000,
    )
    thread_parse_bytes: int = setting("larger documents are parsed in a thread", 65536, ge=1024)
    max_pending_writes: int = setting(
        "messages waiting for the store in one process; above it 10006", 5000, ge=1
    )
    tls: ListenTlsConfig | None = setting("see [listen.tls]", None)


class LogConfig(Section):
    """The service's log on stderr, one JSON object a line."""

    level: Literal["debug", "info", "warning", "error"] = setting("least level written", "info")


class SecretsConfig(Section):
    """Secrets of the installation, by reference: file:PATH (relative to this file) or env:NAME."""

    master_key: MasterKeySecret = setting(
        "64 hex digits; seals tokens and keys in the store", "file:secret/master.key", shown=True
    )


class CollectionConfig(Section):
    """Bills, queries and confirmations."""

    auto_refund_paymodes: Texts = setting(
        'PayModes whose second payment of a bill is accepted and refunded; ["*"]: all',
        ("5", "13", "51", "52"),
        shown=True,
    )
    payment_url: str = setting(
        "payment page given to units; {pay_code} is the bill's",
        "https://pay.example.cn/qr?billId={pay_code}",
        shown=True,
        max_length=900,
    )
    token_grace_seconds: int = setting(
        "the previous token after the first frame with the new one", 60, shown=True, ge=0, le=86_400
    )
    token_confirm_seconds: int = setting(
        "longest wait for that first frame", 3600, ge=0, le=2_592_000
    )
    default_validity_days: int | None = setting(
        "validity of a bill without ExpiryDate, from BillDate; unset: no end",
        None,
        example=10,
        ge=1,
        le=3660,
    )
    holidays: WorkdaysFile | None = setting(
        "days of rest YYYY-MM-DD and worked weekend days +YYYY-MM-DD, one a line",
        None,
        example="holidays.txt",
    )
    check_query_before_confirm: bool = setting(
        "12005: a confirmation needs a query before it", default=False
    )
    check_query_date: bool = setting(
        "12006: CfmDate lies between the first query and today", default=False
    )
    assigning_unit: Assigner = setting("assigning part (3 digits) of the codes we make", "000")
    check_digit: dict[str, CheckDigitPolicy] = setting(
        "check digit of pay codes: require, warn or off; per assigning part, else default",
        {"default": "warn", "000": "require"},
    )
    notify_outlet: Outlet = setting("BankOutlet in 5996 where the payment names none", "00000")
    notify_operator: OperatorName = setting("Operator in 5996 where the payment names none", "系统")
    education_batch_limit: int = setting("school bills in one file", 500, ge=1, le=1_000_000)

    @field_validator("auto_refund_paymodes")
    @classmethod
    def _are_modes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for mode in value:
            if mode != "*" and re.fullmatch(r"\d{1,2}", mode) is None:
                raise ValueError(f"{mode!r} is no PayMode: 1 or 2 digits, or *")
        return value

    @field_validator("payment_url")
    @classmethod
    def _names_only_the_pay_code(cls, value: str) -> str:
        if re.match(r"https?://[^/\s]+", value) is None or not value.isascii() or " " in value:
            raise ValueError("must be an http or https address in ASCII")
        left = _PLACEHOLDER.sub("", value)
        names = set(_PLACEHOLDER.findall(value))
        if names != {"pay_code"} or "{" in left or "}" in left:
            raise ValueError("must contain {pay_code} and no other braces")
        return value

    @field_validator("check_digit")
    @classmethod
    def _are_assigners(cls, value: dict[str, CheckDigitPolicy]) -> dict[str, CheckDigitPolicy]:
        for part in value:
            if part != "default" and re.fullmatch(r"[0-9]{3}", part) is None:
                raise ValueError(f"{part!r} is no assigning part: 3 digits, or default")
        return value

    def check_digit_policy(self, assigning_part: str) -> CheckDigitPolicy:
        """Return what to do about the check digit of a code with this assigning part."""
        return self.check_digit.get(assigning_part, self.check_digit.get("default", "warn"))

    def workdays(self) -> Workdays:
        """Return the working days; weekends only when no holiday file is set."""
        return self.holidays if self.holidays is not None else Workdays()


class OutboxConfig(Section):
    """Delivery of what this node starts: back-off between attempts, time-outs, expiry."""

    first_retry_seconds: Seconds = setting("wait after the first failure", 5)
    backoff_factor: Annotated[float, Field(ge=1, le=10)] = setting("each wait is so much longer", 2)
    max_retry_seconds: Seconds = setting("longest wait", 600)
    jitter: Annotated[float, Field(ge=0, le=1)] = setting("part of each wait that is random", 0.2)
    expiry_hours: Annotated[float, Field(gt=0, le=8784)] = setting("then to the dead letters", 72)
    connect_timeout_seconds: Seconds = setting("to connect to a peer", 5)
    answer_timeout_seconds: Seconds = setting("from sending to the whole answer", 30)
    lease_seconds: Seconds = setting("a process holds a message so long without a sign", 60)
    poll_seconds: Seconds = setting("how often other processes' messages are looked for", 1)
    result_deadline_hours: Annotated[float, Field(gt=0, le=8784)] = setting(
        "a later result (2614, 2617, 2618, 2607, 2952) is overdue after this", 48
    )

    @field_validator("max_retry_seconds")
    @classmethod
    def _not_below_the_first(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("first_retry_seconds", 0):
            raise ValueError("must not be less than first_retry_seconds")
        return value

    @field_validator("lease_seconds")
    @classmethod
    def _outlives_an_attempt(cls, value: float, info: ValidationInfo) -> float:
        attempt = info.data.get("connect_timeout_seconds", 0) + info.data.get(
            "answer_timeout_seconds", 0
        )
        if value <= attempt:
            raise ValueError(
                "must be longer than connect_timeout_seconds and answer_timeout_seconds together,"
                " or two processes could send one message"
            )
        return value


class ControlLimits(Section):
    """Limits in days; a unit that is over one gets no new bills (16006). Unset: no limit."""

    unpaid_bill_days: int | None = setting("age of unpaid bills", None, example=90, ge=1)
    unremitted_slip_days: int | None = setting(
        "age of unremitted detail slips (集中汇缴明细单)", None, example=30, ge=1
    )
    void_paper_bill_days: int | None = setting(
        "age of void paper bills that were not returned", None, example=30, ge=1
    )


class ControlsConfig(ControlLimits):
    """Controls on units: the limits of all, and [controls.units.CODE] for one unit."""

    units: dict[str, ControlLimits] = setting("limits of one unit, by its code", {})

    def limits(self, unit: str) -> ControlLimits:
        """Return the limits that hold for a unit: its own, else those of all."""
        own = self.units.get(unit)
        if own is None:
            return self
        values = {name: getattr(self, name) for name in ControlLimits.model_fields}
        return ControlLimits.model_validate(values | own.model_dump(exclude_unset=True))


class OperatorsConfig(Section):
    """Operators of the command line; they are kept in the books, see `nontax operator`."""

    unattended: str | None = setting(
        "operator of commands that name none, for scheduled work; only what one maker may do alone",
        None,
        example="maker1",
        min_length=1,
    )
    unattended_password: SecretText | None = setting(
        "that operator's password, by reference", None, example="file:secret/maker1.password"
    )
    failures_before_lock: int = setting("wrong passwords in a row", 5, ge=1, le=100)
    lock_minutes: int = setting("an operator is locked so long after them", 15, ge=1, le=10_080)

    @model_validator(mode="after")
    def _belong_together(self) -> OperatorsConfig:
        if (self.unattended is None) != (self.unattended_password is None):
            raise ValueError("unattended and unattended_password belong together")
        return self


class SettlementConfig(Section):
    """Clearing and remittance: when collected money may go on."""

    wait_for: Literal["reconciliation", "arrival", "confirmation"] = setting(
        "collected money goes on when the day is reconciled, when it has arrived, or at once",
        "reconciliation",
        shown=True,
    )
    fin_org_code: str | None = setting(
        "finance organisation (财政机关代码) in 5618; unset: this node's code",
        None,
        example="320682000",
        pattern=r"^[0-9A-Za-z]{1,12}$",
    )
    keep_seconds: Seconds = setting(
        "how often the service confirms income that is ready and writes vouchers", 60
    )


class BaseDataConfig(Section):
    """Base data (基础数据) that banks and the platform are told."""

    pack_size: int = setting("entries in one message of 5952 and 5955", 50, ge=1, le=1000)


class ReconciliationConfig(Section):
    """What reconciliation may repair by itself; everything else waits for a person."""

    repair_missing_payment: bool = setting(
        "a bank-only line of an unpaid bill becomes a payment (补单)", default=True
    )
    repair_duplicate_payment: bool = setting(
        "a bank-only line of a paid bill becomes a duplicate with technical refund", default=True
    )
    carry_dates: bool = setting(
        "a payment that the neighbouring day's list has counts as listed", default=True
    )
    window_days: int = setting(
        "how many days before and after count as neighbouring", 1, ge=0, le=7
    )
    max_differences: int = setting(
        "a run with more differences is given up: a list is missing or another's", 100_000, ge=1
    )
    result_pack_size: int = setting(
        "differences in one message of 5555, 5557 and 5556", 500, ge=1, le=5000
    )
    schedule: TimeOfDay | None = setting(
        "the service reconciles after this civil time of every working day; unset: by command only",
        None,
        example="06:30",
    )
    catch_up_days: int = setting(
        "how many days back the service catches up with what was missed", 7, ge=1, le=92
    )
    reports: FolderName = setting(
        "folder of the reports of reconciled days (HTML, CSV, JSON)", "reports"
    )
    inbox_limit_per_peer: int = setting(
        "malformed messages of one node that may wait for a person", 1000, ge=1, le=1_000_000
    )


class SpoolConfig(Section):
    """Folders in which other programs pick up files; made when first needed."""

    notices: FolderName = setting("notices for the SMS or mail sender", "spool/notices")
    vouchers: FolderName = setting(
        "receipts and remittance vouchers (电子凭证库)", "spool/vouchers"
    )

    @model_validator(mode="after")
    def _differ(self) -> SpoolConfig:
        if self.notices == self.vouchers:
            raise ValueError("notices and vouchers must be two folders")
        return self


SECTIONS: Final[dict[str, type[Section]]] = {
    "node": NodeConfig,
    "store": StoreConfig,
    "listen": ListenConfig,
    "log": LogConfig,
    "secrets": SecretsConfig,
    "collection": CollectionConfig,
    "outbox": OutboxConfig,
    "controls": ControlsConfig,
    "operators": OperatorsConfig,
    "settlement": SettlementConfig,
    "base_data": BaseDataConfig,
    "reconciliation": ReconciliationConfig,
    "figures": FiguresConfig,
    "einvoice": EInvoiceConfig,
    "spool": SpoolConfig,
}
"""The sections in the order of the file; [[peers]] come last."""
