"""Every reader of foreign bytes: any bytes are read or refused in its own words, never worse.

Three sources: random bytes by hypothesis, valid inputs bent from a fixed seed, and a small corpus
of inputs that once were trouble. Coverage-guided fuzzing for longer: tests/fuzz/guided.py.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.bend import bend
from tests.fuzz.guided import main
from tests.fuzz.readers import READERS, attempt

BENT = 120
CORPUS = Path(__file__).with_name("corpus")
each_reader = pytest.mark.parametrize("name", sorted(READERS))


@each_reader
@settings(max_examples=60, deadline=None, derandomize=True)
@given(wire=st.binary(max_size=600))
def test_any_bytes(name: str, wire: bytes) -> None:
    attempt(name, wire)


@each_reader
def test_bent_inputs(name: str) -> None:
    random = Random(f"bend/{name}")
    for seed in READERS[name].seeds:
        attempt(name, seed)
        for _ in range(BENT // len(READERS[name].seeds)):
            wire = bend(seed, random)
            try:
                attempt(name, wire)
            except Exception as error:
                raise AssertionError(f"{name} on {wire!r}") from error


@each_reader
def test_the_corpus(name: str) -> None:
    """Each file is given to every reader: what troubled one may trouble another."""
    for path in sorted(CORPUS.glob("*.bin")):
        attempt(name, path.read_bytes())


def test_a_reader_that_breaks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test."""
    broken = READERS["plates"]._replace(read=lambda wire: wire[0])
    monkeypatch.setitem(READERS, "plates", broken)
    with pytest.raises(IndexError):
        attempt("plates", b"")


def test_the_guided_fuzzer_says_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        import atheris  # noqa: F401
    except ImportError:
        assert main(["plates"]) == 0
        assert "skipped" in capsys.readouterr().out
    assert main(["no such reader"]) == 2
