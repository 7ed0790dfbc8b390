"""Building blocks of the settings: the base of all sections, types with their rules.

Values are strict: a number in quotes is a fault, not a number. Rules raise `ValueError` with a text
for the operator; the loader adds file, line and key.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticUndefined

from ...mac import MasterKey, Secret, check_token, parse_des_key
from ..secrets import resolve_secret
from ..workdays import Workdays, WorkdaysError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Reading:
    """What validators need to know and what they report beside errors.

    `directory` is where relative names start. `warnings` collects (key, text). `noted` holds the
    fields that were valid even though their section has faults, so that contradictions between
    sections are found in the same run.
    """

    directory: Path
    warnings: list[tuple[str, str]] = field(default_factory=list)
    noted: dict[tuple[type, str], object] = field(default_factory=dict)


def reading(info: ValidationInfo) -> Reading:
    """Return the reading that a validator belongs to; the working directory's without one."""
    context = info.context
    return context if isinstance(context, Reading) else Reading(Path.cwd())


class Section(BaseModel):
    """A section of the file: frozen, unknown keys refused, values strict, nothing quoted."""

    # defer_build: validators are made when a section is first read, which makes starting quicker
    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    @field_validator("*", mode="after")
    @classmethod
    def _note(cls, value: object, info: ValidationInfo) -> object:
        if info.field_name is not None:
            reading(info).noted[cls, info.field_name] = value
        return value


def setting(
    description: str,
    default: Any = PydanticUndefined,
    *,
    shown: bool = False,
    example: object = None,
    **rules: Any,
) -> Any:
    """Describe one key: what it means with its unit, default, rules.

    `shown` keys stand in the file that `nontax init` writes; the others stand there as comments,
    with `example` where there is no default.
    """
    extra: dict[str, Any] = {"shown": shown, "example": example}
    return Field(default, description=description, json_schema_extra=extra, **rules)


def _matching(pattern: str, rule: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"must be {rule}")
        return value

    return check


def _is_gbk(limit: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        try:
            length = len(value.encode("gbk"))
        except UnicodeEncodeError as error:
            character = value[error.start]
            raise ValueError(f"has a character that GBK does not know: {character!r}") from None
        if not 1 <= length <= limit or not value.strip():
            raise ValueError(f"must be 1 to {limit} bytes of GBK")
        return value

    return check


NodeCode = Annotated[
    str,
    AfterValidator(
        _matching(
            r"F\d{6}|G\d{6}|[DQK]\d{10}",
            "a node code: F or G and 6 digits; D, Q or K and region (6 digits) and 4 digits",
        )
    ),
]
Region = Annotated[str, AfterValidator(_matching(r"\d{6}", "an administrative region of 6 digits"))]
Assigner = Annotated[str, AfterValidator(_matching(r"\d{3}", "3 digits"))]
Digest = Annotated[
    str,
    AfterValidator(lambda value: value.replace(":", "").lower()),
    AfterValidator(_matching(r"[0-9a-f]{64}", "a SHA-256 fingerprint of 64 hex digits")),
]
Outlet = Annotated[
    str, AfterValidator(_matching(r"[0-9A-Za-z]{1,20}", "1 to 20 letters or digits"))
]
Name = Annotated[str, AfterValidator(_is_gbk(100))]
OperatorName = Annotated[str, AfterValidator(_is_gbk(20))]
TimeOfDay = Annotated[
    str, AfterValidator(_matching(r"([01]\d|2[0-3]):[0-5]\d", "a time of day, HH:MM"))
]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value} stands twice")
        seen.add(value)
    return values


Texts = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...], Strict(strict=False), AfterValidator(_unique)
]
Regions = Annotated[tuple[Region, ...], Strict(strict=False), AfterValidator(_unique)]
Digests = Annotated[tuple[Digest, ...], Strict(strict=False), AfterValidator(_unique)]


def _address(value: str) -> str:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(\d{1,5})", value)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise ValueError("must be HOST:PORT, such as 10.1.2.3:9301 or [fd00::1]:9301")
    return value


Address = Annotated[str, AfterValidator(_address)]


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of an `Address`; the brackets of an IPv6 host are taken off."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise ValueError("must be a network such as 10.1.0.0/16")  # noqa: TRY004 - pydantic's way
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{error} (write a network such as 10.1.0.0/16)") from None


Networks = Annotated[tuple[Annotated[Network, PlainValidator(_network)], ...], Strict(strict=False)]


def _reference(value: object, info: ValidationInfo) -> Secret:
    if not isinstance(value, str):
        raise ValueError("must be a reference: file:PATH or env:NAME")  # noqa: TRY004
    context = reading(info)
    secret, warning = resolve_secret(value, directory=context.directory)
    if warning is not None:
        context.warnings.append((info.field_name or "", warning))
    return secret


def _token(value: object, info: ValidationInfo) -> Secret:
    secret = _reference(value, info)
    check_token(secret.expose())
    return secret


def _des_key(value: object, info: ValidationInfo) -> Secret:
    secret = _reference(value, info)
    parse_des_key(secret.expose())
    return secret


def _master_key(value: object, info: ValidationInfo) -> MasterKey:
    return MasterKey.from_hex(_reference(value, info).expose())


SecretText = Annotated[Secret, PlainValidator(_reference)]
TokenSecret = Annotated[Secret, PlainValidator(_token)]
DesKeySecret = Annotated[Secret, PlainValidator(_des_key)]
MasterKeySecret = Annotated[MasterKey, PlainValidator(_master_key)]


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("must be the name of a file")
    return reading(info).directory / value


def _readable(value: object, info: ValidationInfo) -> Path:
    path = _path(value, info)
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"{value} cannot be read: {error.strerror}") from None
    return path


FolderName = Annotated[Path, PlainValidator(_path)]
ReadableFile = Annotated[Path, PlainValidator(_readable)]


def _workdays(value: object, info: ValidationInfo) -> Workdays:
    path = _readable(value, info)
    try:
        return Workdays.parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{value} is not UTF-8 text") from None
    except WorkdaysError as error:
        raise ValueError(f"{value}: {error}") from None


WorkdaysFile = Annotated[Workdays, PlainValidator(_workdays)]
