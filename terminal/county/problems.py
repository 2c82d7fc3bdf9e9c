"""Refusals as RFC 9290 concise problem details: machine-readable, and one sentence for a person.

Every refusal is a row of REFUSALS: its CoAP code, its short name (counted and shown on the
page) and its title. A refusal never stores anything and never ends the receiver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import cbor2

FORMAT_PROBLEM = 257
TITLE, DETAIL, INSTANCE, RESPONSE_CODE = -1, -2, -3, -4
FIELD = "tag:weigh-terminal,2026:field"
"""Custom entry of the problem details: {0: name of the offending field or option}."""
DETAIL_CHARS_MAX = 300
TERMINAL_CHARS_MAX = 80


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """One way of being refused. code: CoAP, "4.00" style. for_good: repeating will not help.

    retry_after_s: told as Max-Age, 0 for not told: how long the terminal should stay away.
    """

    name: str
    code: str
    title: str
    for_good: bool
    retry_after_s: int = 0


REFUSALS: tuple[RefusalKind, ...] = (
    RefusalKind("malformed", "4.00", "The body is not a signed weigh record", True),
    RefusalKind("wrong-id", "4.00", "The id in the path is not the record's own", True),
    RefusalKind("unknown-terminal", "4.01", "This terminal is not enrolled here", False),
    RefusalKind("revoked", "4.01", "The key of this terminal has been revoked", False),
    RefusalKind("signature", "4.01", "The signature does not hold under the enrolled key", False),
    RefusalKind("simulated", "4.03", "Records of simulated devices are not taken here", True),
    RefusalKind("not-yours", "4.03", "New keys go to their own terminal only", True),
    RefusalKind("unreferenced", "4.04", "No stored record names this photo", False),
    RefusalKind("no-resource", "4.04", "There is no such resource", False),
    RefusalKind("method", "4.05", "The resource does not take this method", False),
    RefusalKind("incomplete", "4.08", "A block of this body is missing: start it again", False),
    RefusalKind("chain", "4.09", "The record does not fit between its neighbours", True),
    RefusalKind("digest", "4.09", "The bytes do not have the digest in the path", True),
    RefusalKind("too-large", "4.13", "The body is larger than this receiver takes", True),
    RefusalKind("format", "4.15", "The content format is not the one of this resource", True),
    RefusalKind("busy", "4.29", "Too much is under way: come again later", False, 5),
    RefusalKind("storage", "5.03", "The record cannot be stored now", False, 30),
)
_BY_NAME = {kind.name: kind for kind in REFUSALS}


class RefusedError(Exception):
    """A request is refused. kind: the row; field: what is wrong with what; detail: a sentence."""

    def __init__(self, name: str, detail: str, field: str = "", terminal: str = "") -> None:
        """name: of a row of REFUSALS. terminal: who is refused, where that can be said."""
        super().__init__(f"{name}: {detail}")
        self.kind = _BY_NAME[name]
        self.detail = detail[:DETAIL_CHARS_MAX]
        self.field = field
        self.terminal = terminal[:TERMINAL_CHARS_MAX]

    def payload(self) -> bytes:
        """The problem details."""
        code_class, code_detail = self.kind.code.split(".")
        body: dict[int | str, object] = {
            TITLE: self.kind.title,
            DETAIL: self.detail,
            RESPONSE_CODE: int(code_class) << 5 | int(code_detail),
        }
        if self.field:
            body[FIELD] = {0: self.field}
        return bytes(cbor2.dumps(body, canonical=True))


@contextlib.contextmanager
def refusing(terminal_id: str) -> Iterator[None]:
    """Whatever is refused while the block runs is refused to this terminal."""
    try:
        yield
    except RefusedError as refusal:
        refusal.terminal = terminal_id[:TERMINAL_CHARS_MAX]
        raise


IN_CHINESE = {
    "malformed": "不是有效的签名记录",
    "wrong-id": "路径与记录编号不符",
    "unknown-terminal": "终端未登记",
    "revoked": "终端密钥已吊销",
    "signature": "签名不符",
    "simulated": "模拟设备的记录",
    "not-yours": "索取别的终端的新密钥",
    "unreferenced": "没有记录提到这张照片",
    "no-resource": "没有这个资源",
    "method": "不支持的方法",
    "incomplete": "分块不完整",
    "chain": "与前后记录不衔接",
    "digest": "内容与摘要不符",
    "too-large": "内容过大",
    "format": "内容格式不符",
    "busy": "接收端忙",
    "storage": "暂时无法存储",
    "clock-ahead": "终端时钟超前（已收）",
    "key-unknown": "传输密钥未登记",
    "key-retired": "旧传输密钥，已被更换",
    "key-wrong": "传输密钥不对",
    "key-replay": "重放的报文",
    "key-broken": "本机的密钥文件夹已损坏",
}
"""What the page calls each kind."""
