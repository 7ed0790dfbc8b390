"""Common messages (公共报文): general answers, link test, communication token, green channel."""

from typing import Annotated

from ..codecs.masking import Sensitive
from .fields import HOLD, INFORMATION, RESULT, Choice, DateTime, GBString, M, NString, String
from .record import Voucher, message


@message(
    "2001",
    "common",
    sender="bank,platform",
    receiver="finance",
    name="通用应答报文",
    title="general answer",
    origin="observed",
)
class BankAnswer(Voucher):
    """2001 通用应答报文: general answer."""

    OriMsgNo: Annotated[str, NString(4, 4, M, "原报文编号")]
    Result: Annotated[str, RESULT]
    Information: Annotated[str, INFORMATION] = ""


@message(
    "5001",
    "common",
    sender="finance",
    receiver="any",
    name="通用应答报文",
    title="general answer",
    origin="observed",
)
class FinanceAnswer(BankAnswer):
    """5001 通用应答报文: general answer."""


@message(
    "8001",
    "common",
    sender="unit",
    receiver="finance",
    name="通用应答报文",
    title="general answer",
    origin="observed",
)
class UnitAnswer(BankAnswer):
    """8001 通用应答报文: general answer."""


@message(
    "2002",
    "common",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="联网测试报文",
    title="link test",
    origin="ours",
)
class LinkTest(Voucher):
    """2002 联网测试报文: link test."""

    TestTime: Annotated[str, DateTime(M, "发送时间")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "5002",
    "common",
    sender="finance",
    receiver="bank",
    answer="2001",
    name="联网测试报文",
    title="link test",
    origin="ours",
)
class FinanceLinkTest(LinkTest):
    """5002 联网测试报文: link test."""


@message(
    "2003",
    "common",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="设置通讯token报文",
    title="set communication token",
    origin="ours",
    note="request MAC uses the old token, the answer's MAC uses the new one",
)
class SetToken(Voucher):
    """2003 设置通讯token报文: set communication token."""

    Token: Annotated[
        str,
        String(
            32,
            64,
            M,
            "新token: MAC算法为3des的节点为hex(3DES-ECB不填充)64位,其余为32位明文(TLS或本机地址)",
            sensitive=Sensitive.SECRET,
        ),
    ]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "2000",
    "common",
    sender="bank",
    receiver="finance",
    answer="5001",
    name="绿色通道报文",
    title="green channel: free-text notice between operators",
    origin="ours",
)
class GreenChannel(Voucher):
    """2000 绿色通道报文: green channel: free-text notice between operators."""

    Subject: Annotated[str, GBString(1, 100, M, "主题", sensitive=Sensitive.TEXT)]
    Content: Annotated[str, GBString(1, 1024, M, "内容", sensitive=Sensitive.TEXT)]
    Urgency: Annotated[str, Choice(M, "紧急程度 0一般 1紧急")]
    Hold1: Annotated[str, HOLD] = ""
    Hold2: Annotated[str, HOLD] = ""


@message(
    "5000",
    "common",
    sender="finance",
    receiver="bank",
    answer="2001",
    name="绿色通道报文",
    title="green channel: free-text notice between operators",
    origin="ours",
)
class FinanceGreenChannel(GreenChannel):
    """5000 绿色通道报文: green channel: free-text notice between operators."""
