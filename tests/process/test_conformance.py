"""The golden vectors: the file is what the generator makes, and our receiver answers it right."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest

from terminal.county.conformance import GROUPS, Result, judge, load_vectors, run_vectors
from terminal.county.server import running_county
from tests.conformance.vectors import FILE, as_json
from tests.process.test_uplink_loopback import options

pytestmark = pytest.mark.process


def test_the_file_is_what_the_generator_makes() -> None:
    assert FILE.read_text() == as_json()
    assert len(json.loads(FILE.read_text())["vectors"]) >= 30


@pytest.mark.parametrize("scheme", ["coap", "coap+tcp"])
def test_our_receiver_answers_every_vector_right_twice(tmp_path: Path, scheme: str) -> None:
    key, vectors = load_vectors()
    opts = replace(options(tmp_path), accept_simulated=True)
    (opts.keys / "conformance.pub").write_text(key + "\n")

    async def scenario() -> list[Result]:
        async with running_county(opts):
            uri = f"{scheme}://{opts.host}:{opts.port}"
            return [result for _ in range(2) async for result in run_vectors(uri)]

    results = asyncio.run(scenario())
    assert len(results) == 2 * len(vectors)
    wrong = [f"{r.vector.group}/{r.vector.name}: {r.why}" for r in results if r.why]
    assert wrong == []


def test_the_judgement_sees_wrong_codes_and_receipts() -> None:
    vector = next(v for v in load_vectors()[1] if v.receipt and not v.clock_ahead)
    assert vector.receipt is not None
    right = {1: vector.receipt[0], 2: vector.receipt[1]}
    assert judge(vector, vector.codes[0], cbor2.dumps(right)) == ""
    assert judge(vector, "2.04", cbor2.dumps(right)) != ""
    for wrong in (b"", b"ok", cbor2.dumps([1]), cbor2.dumps({**right, 2: bytes(16)})):
        assert judge(vector, vector.codes[0], wrong) != ""
    assert judge(vector, vector.codes[0], cbor2.dumps({**right, 5: 700})) != ""
    assert judge(replace(vector, clock_ahead=True), vector.codes[0], cbor2.dumps(right)) != ""
    assert {v.group for v in load_vectors()[1]} == set(GROUPS)
