"""What verification found, in the words of the page."""

from __future__ import annotations

from typing import Final, Literal

from ..verify import Examined, Party, Reason, Verification
from .values import Checked, SignedBy

TEST_MARK: Final = "测试"
"""What the names of a test hierarchy's certificates contain."""

_WHERE: Final = {Party.UNIT: "开票单位签名", Party.FINANCE: "财政部门签名", None: "票据"}
_ROLES: Final[dict[Party, Literal["unit", "finance"]]] = {
    Party.UNIT: "unit",
    Party.FINANCE: "finance",
}
_RULES: Final = {
    "form": "格式不符合规范",
    "algorithm": "签名算法不被支持",
    "SignatureTime": "签名时间不在开票后7日内",
    "SignatureAlgorithm": "所称签名算法与证书密钥不符",
    "SignatureValue": "签名值与票据内容不符",
    "certificate": "证书未配置或不可用,签名无法验证",
    "key": "证书密钥无法用于验签",
    "party": "证书不属于该签名方",
    "chain": "证书链不能通向受信任的根证书",
    "basic constraints": "证书基本约束不符合要求",
    "key usage": "证书密钥用途不允许签名",
    "path length": "证书链过长",
    "validity": "开票时证书不在有效期内",
    "revocation": "开票时证书已被吊销",
}


def checked_of(found: Verification) -> Checked:
    """What the page says of a verification."""
    examined = [one for one in (found.unit, found.finance) if one is not None]
    return Checked(
        intact=found.intact,
        valid=found.valid,
        trusted=found.trusted,
        reasons=tuple(dict.fromkeys(map(_reason, found.reasons))),
        signatures=tuple(map(_signed_by, examined)),
        test=any(map(_is_test, examined)),
    )


def _reason(reason: Reason) -> str:
    return f"{_WHERE[reason.party]}:{_RULES.get(reason.rule, '未通过验证')}"


def _signed_by(one: Examined) -> SignedBy:
    return SignedBy(
        role=_ROLES[one.party],
        signer="" if one.certificate is None else one.certificate.subject,
        algorithm=one.signature.algorithm.value,
        time=one.signature.moment,
        serial=one.signature.serial,
        issuer=one.signature.issuer,
    )


def _is_test(one: Examined) -> bool:
    names = [one.signature.issuer]
    if one.certificate is not None:
        names.append(one.certificate.subject)
    for certificate in one.chain:
        names += [certificate.subject, certificate.issuer]
    return any(TEST_MARK in name for name in names)
