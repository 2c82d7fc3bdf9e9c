"""weigh-terminal conformance coap://HOST: does a receiver take real terminals?"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from terminal import exits
from terminal.county.conformance import FILE, GROUPS, load_vectors, run_vectors

NAME = "conformance"
HELP = "check a county receiver against the golden vectors"
TEXTS = {
    "zh-CN": ("通过", "不通过", "{good}/{all} 项通过", "请先在接收端登记此密钥："),
    "en": ("pass", "FAIL", "{good} of {all} pass", "Enrol this key at the receiver first:"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("uri", nargs="?", default="", help="such as coap://192.0.2.7")
    parser.add_argument("--lang", choices=sorted(TEXTS), default="zh-CN")
    parser.add_argument(
        "--without-photos", action="store_true", help="a receiver that takes records only"
    )
    parser.add_argument(
        "--export", type=Path, metavar="FOLDER", help="write vectors.json and the key file, and end"
    )


def run(args: argparse.Namespace) -> int:
    """0 when every answer was right, 65 otherwise."""
    key, _vectors = load_vectors()
    if args.export is not None:
        args.export.mkdir(parents=True, exist_ok=True)
        (args.export / "vectors.json").write_bytes(FILE.read_bytes())
        (args.export / "conformance.pub").write_text(key + "\n")
        print(f"{args.export}: vectors.json, conformance.pub")
        return exits.OK
    if not args.uri:
        print(f"{TEXTS[args.lang][3]}\n{key}")
        return exits.OK
    groups = GROUPS[:2] if args.without_photos else GROUPS
    return asyncio.run(_check(args.uri, args.lang, groups))


async def _check(uri: str, lang: str, groups: tuple[str, ...]) -> int:
    passed, failed, summary, _enrol = TEXTS[lang]
    good = count = 0
    async for result in run_vectors(uri, groups):
        count += 1
        good += not result.why
        vector = result.vector
        title = vector.zh if lang == "zh-CN" else vector.en
        mark = failed if result.why else passed
        tail = f"  {result.why}" if result.why else ""
        print(f"{count:3} {mark:4} {vector.group}/{vector.name}  {title}{tail}", flush=True)
    print(summary.format(good=good, all=count))
    return exits.OK if good == count else exits.BAD_INPUT
