"""The golden vectors of the county interface: bytes in, code and receipt out.

Made from one fixed key and fixed values, so they are the same bytes for ever: the package holds
them as vectors.json and a test compares. `python -m tests.conformance.vectors` writes it anew.
The records say simulated: they are for receivers in their test mode.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cbor2

from hal.contract.types import ClockQuality
from terminal.core.types import PhotoRef
from terminal.records import (
    GENESIS_HASH,
    Ed25519Signer,
    Happening,
    Record,
    Weigh,
    record_hash,
    sign_record,
)
from tests.unit.county.samples import origin, weigh

FILE = Path(__file__).parents[2] / "terminal" / "county" / "vectors.json"
SEED = hashlib.sha256(b"weigh-terminal conformance vectors").digest()
WALL_NS = 1_767_225_600 * 1_000_000_000

FORMAT_TEXT, FORMAT_COSE, FORMAT_JPEG, FORMAT_OCTETS = 0, 18, 22, 42
CHUNK_BYTES = 1_024
ABOUT_SEQ, EVIDENCE = 63, 64
FUTURE_NS = 4_102_444_800 * 1_000_000_000
STORED = ("2.01", "4.12")
"""First time and again: the vectors may be run any number of times."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One exchange. codes: any of these is right. receipt: (id, digest) the answer must echo.

    block: (number, more) of a raw Block1 option. group: records, refusals or photos.
    clock_ahead: the receipt must say that the record's clock is ahead; else it must not.
    """

    group: str
    name: str
    zh: str
    en: str
    method: str
    path: tuple[str, ...]
    payload: bytes
    codes: tuple[str, ...]
    content_format: int | None = FORMAT_COSE
    if_none_match: bool = True
    receipt: tuple[str, bytes] | None = None
    clock_ahead: bool = False
    block: tuple[int, bool] | None = None


@dataclass
class Sampler:
    """A chain that can be bent: other key, other start."""

    terminal_id: str = "CONFORMANCE-1"
    ledger_id: bytes = b"vectors1"
    seed: bytes = SEED
    head: bytes = GENESIS_HASH
    seq: int = 0
    wall_ns: int = WALL_NS
    clock: ClockQuality = ClockQuality.SYNCED
    items: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def key_line(self) -> str:
        raw = Ed25519Signer(self.seed).public_key.raw
        return f"ed25519 {raw.hex()} {self.terminal_id}"

    def add(self, content: Weigh | Happening) -> tuple[str, bytes]:
        """(id, signed bytes) of the next record."""
        self.seq += 1
        record = Record(
            origin=origin(self.terminal_id, self.ledger_id),
            seq=self.seq,
            prev_hash=self.head,
            wall_ns=self.wall_ns,
            clock_quality=self.clock,
            recorded_ns=3,
            simulated=True,
            content=content,
        )
        signed = sign_record(record, Ed25519Signer(self.seed))
        self.head = record_hash(signed)
        self.items.append((record.record_id, signed))
        return self.items[-1]


def sample_weigh(visit_id: int, **changes: object) -> Weigh:
    """One weighing."""
    return weigh(visit_id=visit_id, **changes)


def happening(event: str, detail: str) -> Happening:
    """One event."""
    return Happening(event=event, detail=detail, at_ns=4)


def following(about_seq: int, film: bytes = b"", plate: str | None = None) -> Happening:
    """What came after the weighing `about_seq`: the film of the leaving, the plate that left."""
    return Happening(
        event="exit_mismatch" if plate else "follow_up",
        detail="another plate left" if plate else "film after the latch",
        at_ns=5,
        about_seq=about_seq,
        evidence=(_ref("clip_after", film),) if film else None,
        exit_plate=plate,
    )


def _ref(role: str, content: bytes) -> PhotoRef:
    return PhotoRef(role, hashlib.sha256(content).digest(), len(content))


def vectors() -> list[Vector]:
    """All of them, in the order in which they must be run."""
    return [*_records(), *_follow_ups(), *_refusals(), *_misled(), *_photos(), *_films()]


PHOTO_A = hashlib.sha256(b"photo a").digest() * 40
PHOTO_B = hashlib.sha256(b"photo b").digest() * 50
FILM = b"\0\0\0\x18ftypisom" + hashlib.sha256(b"film").digest() * 60
REFUSED_FILM = b"\0\0\0\x18ftypisom and a record that was refused"


def _chain() -> Sampler:
    chain = Sampler()
    chain.add(sample_weigh(1))
    chain.add(sample_weigh(2, plate="", axles=None, limit_kg=None, over_permille=None))
    chain.add(sample_weigh(3))
    chain.add(sample_weigh(4))
    chain.add(happening("estop", "the emergency stop was pressed"))
    chain.add(sample_weigh(6, photos=(_ref("front", PHOTO_A), _ref("rear", PHOTO_B))))
    chain.wall_ns, chain.clock = 60 * 1_000_000_000, ClockQuality.UNKNOWN
    chain.add(sample_weigh(7))
    return chain


def _put(
    name: str, zh: str, en: str, item: tuple[str, bytes], codes: tuple[str, ...] = STORED
) -> Vector:
    record_id, signed = item
    receipt = (record_id, hashlib.sha256(signed).digest()[:16])
    path = ("v1", "records", record_id)
    return Vector("records", name, zh, en, "PUT", path, signed, codes, receipt=receipt)


def _get(name: str, zh: str, en: str, *path: str) -> Vector:
    return Vector("records", name, zh, en, "GET", path, b"", ("2.05",), None, False)


def _records() -> Iterator[Vector]:
    items = _chain().items
    yield _get("time", "取接收端时间", "time of the receiver", "v1", "time")
    yield _put("first", "首条记录", "first record", items[0])
    yield _put("repeat", "重复同一记录", "the same record again", items[0], ("4.12",))
    again = _put("repeat-plain", "无条件重复", "again without condition", items[0], ("2.04",))
    yield replace(again, if_none_match=False)
    yield _put("no-limit", "车牌轴数未知", "plate and axles unknown", items[1])
    yield _put("ahead", "乱序到达", "out of order", items[3])
    yield _put("fill", "补上缺号", "the gap is filled", items[2])
    alarm = _put("alarm", "报警记录", "an alarm", items[4])
    yield replace(alarm, path=("v1", "alarms", items[4][0]))
    yield _put("photos", "带照片摘要的记录", "record naming photos", items[5])
    yield _put("no-clock", "时钟未知(1970)", "terminal without time (1970)", items[6])
    early = Sampler(ledger_id=b"tomorrow", wall_ns=FUTURE_NS).add(sample_weigh(1))
    ahead = _put(
        "clock-ahead", "时间超前(2100)仍收下并标记", "dated 2100: stored and marked", early
    )
    yield replace(ahead, clock_ahead=True)
    yield _get(
        "cursor", "查询游标", "cursor of the terminal", "v1", "cursor", Sampler().terminal_id
    )


def _following() -> Sampler:
    """A chain of its own: a weighing, what followed it, and a number that is never sent."""
    chain = Sampler(ledger_id=b"follows1")
    chain.add(sample_weigh(1))
    chain.add(following(1, FILM))
    chain.add(following(1, plate="晋L12346"))
    chain.add(sample_weigh(2))
    chain.add(following(4))
    return chain


def _follow_ups() -> Iterator[Vector]:
    items = _following().items
    yield _put(
        "follow-up-before", "补充记录先到", "follow-up arrives before its weighing", items[1]
    )
    yield _put("followed", "被补充的过磅记录", "the weighing it is about", items[0])
    again = "follow-up-again"
    yield _put(again, "重复补充记录", "the follow-up again", items[1], ("4.12",))
    mismatch = _put(
        "exit-plate", "离场车牌不符(报警)", "another plate left: an alarm about the same weighing",
        items[2],
    )  # fmt: skip
    yield replace(mismatch, path=("v1", "alarms", items[2][0]))
    yield _put(
        "follow-up-unknown", "所补记录从未到达", "about a weighing that has not come", items[4]
    )
    elsewhere = Sampler(ledger_id=b"follows2")
    elsewhere.add(sample_weigh(1))
    yield _put(
        "follow-up-own-chain", "序号只指本链",
        "its number counts in its own chain, where that one has not come",
        elsewhere.add(following(1)),
    )  # fmt: skip


def _bent(item: tuple[str, bytes], key: int, value: object) -> tuple[str, bytes]:
    """The record with another value under this key of its body, truly signed."""
    parts = list(cbor2.loads(item[1]).value)
    body = cbor2.loads(parts[2]) | {key: value}
    parts[2] = cbor2.dumps(body, canonical=True)
    to_be_signed = cbor2.dumps(["Signature1", parts[0], b"", parts[2]], canonical=True)
    parts[3] = Ed25519Signer(SEED).sign(to_be_signed)
    return item[0], cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True)


def _misled() -> Iterator[Vector]:
    """Follow-ups that cannot be true."""
    chain = _following()
    item = chain.add(following(1, REFUSED_FILM))
    yield _bad("about-itself", "补充记录指向自身", "follow-up about itself",
               _bent(item, ABOUT_SEQ, 6), "4.00")  # fmt: skip
    yield _bad("about-later", "补充记录指向后来的记录", "follow-up about a later record",
               _bent(item, ABOUT_SEQ, 7), "4.00")  # fmt: skip
    yield _bad("about-nothing", "补充记录指向第0条", "follow-up about record 0",
               _bent(item, ABOUT_SEQ, 0), "4.00")  # fmt: skip
    short = [["clip_after", bytes(31), 9]]
    yield _bad("evidence-short", "证据摘要长度错误", "evidence with a digest of 31 bytes",
               _bent(item, EVIDENCE, short), "4.00")  # fmt: skip
    yield _bad("evidence-no-list", "证据不是列表", "evidence that is no list",
               _bent(item, EVIDENCE, 9), "4.00")  # fmt: skip
    bare = [["clip_after", bytes(32)]]
    yield _bad("evidence-no-size", "证据缺大小", "evidence without its size",
               _bent(item, EVIDENCE, bare), "4.00")  # fmt: skip
    other = _bent(item, ABOUT_SEQ, 4)
    bent = other[1][:-1] + bytes([other[1][-1] ^ 1])
    yield _bad("follow-up-forged", "补充记录签名被改", "follow-up with an altered signature",
               (other[0], bent), "4.01")  # fmt: skip


def _bad(name: str, zh: str, en: str, item: tuple[str, bytes], code: str) -> Vector:
    path = ("v1", "records", item[0])
    return Vector("refusals", name, zh, en, "PUT", path, item[1], (code,))


def _refusals() -> Iterator[Vector]:
    chain = _chain()
    record_id, signed = chain.add(sample_weigh(8))
    yield _bad("empty", "空内容", "empty body", (record_id, b""), "4.00")
    yield _bad("truncated", "内容截断", "truncated body", (record_id, signed[:-9]), "4.00")
    yield _bad("no-cbor", "非CBOR", "not CBOR", (record_id, b"\xff\xfe\xfd"), "4.00")
    yield _bad("trailing", "尾部多余", "bytes behind the end", (record_id, signed + b"\0"), "4.00")
    loose = b"\xd8\x12" + signed[1:]
    yield _bad("loose", "非规范编码", "not canonical", (record_id, loose), "4.00")
    yield _bad("array", "非COSE", "not a COSE_Sign1", (record_id, cbor2.dumps([1, 2])), "4.00")
    yield _bad(
        "wrong-id", "路径编号不符", "id in the path differs", (f"{record_id}0", signed), "4.00"
    )
    stranger = Sampler(terminal_id="CONFORMANCE-0", seed=b"x" * 32)
    yield _bad("stranger", "未登记终端", "unknown terminal", stranger.add(sample_weigh(1)), "4.01")
    bent = signed[:-1] + bytes([signed[-1] ^ 1])
    yield _bad("bent-signature", "签名被改", "signature altered", (record_id, bent), "4.01")
    thief = Sampler(seed=b"t" * 32)
    yield _bad("other-key", "他人密钥", "signed by another key", thief.add(sample_weigh(1)), "4.01")
    other = Sampler()
    conflict = other.add(sample_weigh(1, plate="晋L99999"))
    held = (conflict[0], hashlib.sha256(chain.items[0][1]).digest()[:16])
    yield replace(
        _bad("conflict", "同号不同内容", "other bytes under a taken id", conflict, "4.12"),
        receipt=held,
    )
    fork = Sampler(head=hashlib.sha256(b"elsewhere").digest(), seq=7)
    yield _bad(
        "fork", "链不衔接", "does not follow its neighbour", fork.add(sample_weigh(8)), "4.09"
    )
    rootless = Sampler(ledger_id=b"rootless", head=b"r" * 32)
    yield _bad("rootless", "首条链头错误", "first record not at the root",
               rootless.add(sample_weigh(1)), "4.09")  # fmt: skip
    yield _bad("too-large", "内容过大", "body of 20,000 bytes", (record_id, bytes(20_000)), "4.13")
    text = _bad("format", "内容格式错误", "content format text/plain", (record_id, signed), "4.15")
    yield replace(text, content_format=FORMAT_TEXT)
    path = ("v1", "records", record_id)
    for method in ("GET", "POST", "DELETE"):
        zh, en = f"不支持{method}", f"{method} on a record"
        yield Vector("refusals", method.lower(), zh, en, method, path, b"", ("4.05",), None, False)
    nowhere = ("v1", "nowhere")
    yield Vector("refusals", "nowhere", "无此资源", "no such resource", "GET", nowhere, b"",
                 ("4.04",), None, False)  # fmt: skip
    keys = ("v1", "keys", Sampler().terminal_id)
    yield Vector("refusals", "not-yours", "未受保护地索取新密钥", "new keys asked for unprotected",
                 "GET", keys, b"", ("4.03",), None, False)  # fmt: skip
    gap = _bad(
        "block-gap", "分块缺失", "third block without the first two", (record_id, signed), "4.08"
    )
    yield replace(gap, payload=signed[:100], block=(2, False))


def _photo(name: str, zh: str, en: str, digest: str, body: bytes, *codes: str) -> Vector:
    path = ("v1", "photos", digest)
    return Vector("photos", name, zh, en, "PUT", path, body, codes, FORMAT_JPEG)


def _chunk(name: str, zh: str, en: str, digest: str, at: int, body: bytes, *codes: str) -> Vector:
    path = ("v1", "photos", digest, str(at))
    return Vector("photos", name, zh, en, "PUT", path, body, codes, FORMAT_OCTETS, False)


def _photos() -> Iterator[Vector]:
    first, second = hashlib.sha256(PHOTO_A), hashlib.sha256(PHOTO_B)
    a, b = first.hexdigest(), second.hexdigest()
    proof_a, proof_b = (a, first.digest()[:16]), (b, second.digest()[:16])
    strange = hashlib.sha256(b"strange").hexdigest()
    yield _photo("unreferenced", "无记录的照片", "photo no record names", strange, b"x", "4.04")
    yield _photo("wrong-name", "照片名非法", "name is not a digest", "photo1", b"x", "4.00")
    wrong = PHOTO_B[:-1] + b"!"
    yield _photo("wrong-bytes", "照片摘要不符", "other bytes than named", b, wrong, "4.09", "4.12")
    yield replace(_photo("photo", "照片", "photo", a, PHOTO_A, *STORED), receipt=proof_a)
    again = _photo("photo-again", "重复照片", "the photo again", a, PHOTO_A, "4.12")
    yield replace(again, receipt=proof_a)
    missing = ("v1", "photos", b, "missing")
    yield Vector("photos", "missing", "查询缺块", "what is still missing", "GET", missing, b"",
                 ("2.05",), None, False)  # fmt: skip
    yield _chunk("off-grid", "块偏移错误", "chunk off the grid", b, 7, b"x" * 10, "4.00", "2.04")
    tail = PHOTO_B[CHUNK_BYTES:]
    yield _chunk("chunk-last", "先发末块", "last chunk first", b, CHUNK_BYTES, tail, "2.04")
    head = PHOTO_B[:CHUNK_BYTES]
    whole = _chunk("chunk-first", "补首块即完整", "first chunk makes it whole", b, 0, head,
                   "2.01", "2.04")  # fmt: skip
    yield replace(whole, receipt=proof_b)
    stored = Vector("photos", "stored", "完整后查询", "asked when it is whole", "GET", missing, b"",
                    ("2.05",), None, False)  # fmt: skip
    yield replace(stored, receipt=proof_b)


def _films() -> Iterator[Vector]:
    """Evidence of a follow-up is taken like a photo; a film has content format 42."""
    film = hashlib.sha256(FILM)
    name = film.hexdigest()
    refused = hashlib.sha256(REFUSED_FILM).hexdigest()
    unnamed = _photo(
        "film-refused", "补充记录被拒的证据", "evidence only a refused follow-up names", refused,
        REFUSED_FILM, "4.04",
    )  # fmt: skip
    yield replace(unnamed, content_format=FORMAT_OCTETS)
    wrong = FILM[:-1] + bytes([FILM[-1] ^ 1])
    changed = _photo(
        "film-wrong-bytes", "证据摘要不符", "other bytes than the follow-up names", name, wrong,
        "4.09", "4.12",
    )  # fmt: skip
    yield replace(changed, content_format=FORMAT_OCTETS)
    good = _photo("film", "补充记录的证据", "evidence of the follow-up", name, FILM, *STORED)
    yield replace(good, content_format=FORMAT_OCTETS, receipt=(name, film.digest()[:16]))


def as_json() -> str:
    """The file's text."""
    rows = [
        {
            "group": vector.group,
            "name": vector.name,
            "zh": vector.zh,
            "en": vector.en,
            "method": vector.method,
            "path": "/".join(vector.path),
            "content_format": vector.content_format,
            "if_none_match": vector.if_none_match,
            "block": vector.block,
            "payload": vector.payload.hex(),
            "codes": vector.codes,
            "receipt": [vector.receipt[0], vector.receipt[1].hex()] if vector.receipt else None,
            "clock_ahead": vector.clock_ahead,
        }
        for vector in vectors()
    ]
    body = {"key": Sampler().key_line, "vectors": rows}
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_json())
