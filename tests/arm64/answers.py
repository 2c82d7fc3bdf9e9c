"""What one machine makes of the same inputs: masses, decisions, a plate. For x86-64 and aarch64.

    python -m tests.arm64.answers FOLDER OUT.json

FOLDER holds traces (*.npz) and pictures (*.png) made once, on one machine: whatever is random or
rounded in making them cannot tell the two apart.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import platform
import random
import sys
import time
from pathlib import Path

WHEELS = (
    *("aiocoap", "apsw", "av", "cbor2", "cryptography.hazmat.primitives.asymmetric.ed25519"),
    *("cv2", "gpiozero", "lgpio", "luma.led_matrix.device", "msgspec", "numpy", "onnxruntime"),
    *("PIL.Image", "serial", "smbus2"),
)
VISITS = 6
SIGNED = b"the same bytes"


def imports() -> list[str]:
    """Import everything that is compiled; the names that came in."""
    return [importlib.import_module(name).__name__ for name in WHEELS]


def masses(folder: Path) -> dict[str, object]:
    """The live weighing pipeline over every trace; its clock time is left out."""
    from terminal.weighing.trace import weigh_trace

    found: dict[str, object] = {}
    for path in sorted(folder.glob("*.npz")):
        result = dict(weigh_trace(path))
        result.pop("cpu_s")
        found[path.stem] = result
    return found


def decisions(seed: int) -> dict[str, object]:
    """The decision core through random facts, one digest over every state and output."""
    from hal.contract.types import InputName
    from tests.unit.core.lane import LaneRig

    rng, rig, digest = random.Random(seed), LaneRig().ready(), hashlib.sha256()
    phases: set[str] = set()
    trouble = (
        lambda: None,
        lambda: None,
        lambda: rig.set(rng.choice(list(InputName)[:4]), True).run(700),
        lambda: rig.press("A4711#" + rng.choice("123") + "#"),
        lambda: rig.run(rng.randrange(100, 9_000)),
    )
    for _ in range(VISITS):
        kg = rng.randrange(3_000, 60_000, 20)
        steps = (
            rig.arrive,
            lambda kg=kg: rig.drive_on(kg),
            lambda kg=kg: rig.settle(kg),
            lambda: rig.run(800),
            rng.choice((rig.take_exit, rig.take_exit, rig.back_out)),
            lambda: rig.run(4_000),
        )
        for step in steps:
            step()
            rng.choice(trouble)()
            phases.add(rig.phase.name)
            digest.update(repr((rig.state, rig.out)).encode())
        for name in list(InputName)[:4]:
            rig.set(name, False)
        rig.load(0).run(6_000)
    return {"sha256": digest.hexdigest(), "phases": sorted(phases), "drafts": len(rig.drafts)}


def signature() -> str:
    """Ed25519 over fixed bytes with a fixed key: the same everywhere or records do not verify."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes(range(32))).sign(SIGNED).hex()


def plates(folder: Path) -> dict[str, str]:
    """The best reading of each picture."""
    import cv2

    from terminal.anpr.reader import PlateReader

    reader = PlateReader()
    found = {}
    for path in sorted(folder.glob("*.png")):
        read = reader.read(cv2.imread(str(path)))
        found[path.stem] = read[0].plate if read else ""
    return found


def main(folder: Path, out: Path) -> None:
    begun_s = time.monotonic()
    spans = {}

    def timed(name, answer):
        spans[name] = round(time.monotonic() - begun_s - sum(spans.values()), 1)
        print(f"{name}: {spans[name]} s", file=sys.stderr, flush=True)
        return answer

    answers = {
        "machine": platform.machine(),
        "imports": timed("imports", imports()),
        "masses": timed("masses", masses(folder)),
        "decisions": timed("decisions", [decisions(seed) for seed in (1,)]),
        "signature": timed("signature", signature()),
        "plates": timed("plates", plates(folder)),
    }
    out.write_text(json.dumps({**answers, "seconds": spans}, ensure_ascii=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
