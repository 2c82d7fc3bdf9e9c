"""The bars of the weighing on fresh seeds of the passage simulator, beside three peer filters.

One run, one table: B1 normal, B2 hard, B3 without beams, B4 axles, B5 faults, B6 indicator,
B7 causal, and the CPU share at 8 cells x 80 SPS. Prints figures, asserts none.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from hal.contract.types import NS_PER_S, Counts, MonotonicNs, RawSample, Tri
from hal.sim.passage import FAULTS, HARD, Passage, make
from hal.sim.passage_indicator import shown_by_indicator
from terminal.weighing.params import mpe_kg
from terminal.weighing.pipeline import Pipeline
from terminal.weighing.trace import replay
from tests.bench.weigh_score import Score, as_trace, score

SEED = 9_000
NORMAL_COUNT = 24
HARD_EACH = 3
FAULT_EACH = 2
INDICATOR_COUNT = 36
CAUSAL_COUNT = 6
E_KG = 20
Row = tuple[str, ...]


def table(seed: int = SEED) -> list[Row]:
    """Rows of text: name, measured, bar."""
    normal = [make("normal", seed + i) for i in range(NORMAL_COUNT)]
    hard = [make(kind, seed + i) for kind in HARD for i in range(HARD_EACH)]
    rows: list[Row] = [("weighing", "measured", "bar")]
    ours = [_ours(p, seed) for p in normal]
    tough = [_ours(p, seed) for p in hard]
    rows += [
        ("B1 normal", _gross(ours), "100 % rel, 98.5 % in MPE, 0 false, t50 1.6, t95 3.2"),
        ("B2 hard", _gross(tough), "97 % rel, 95 % in MPE, <= 1 of 70 false, t95 3.5"),
        ("B3 no beams", _gross([_ours(_without_beams(p), seed) for p in normal[:12]]), "0 false"),
        ("B4 axles", _axles(ours + tough), "count 97 %, single 3.7 %, group 1.9 %, 0.28 m"),
    ]
    wrong = [_ours(make(kind, seed + i), seed) for kind in FAULTS for i in range(FAULT_EACH)]
    rows.append(("B5 faults", _faults(wrong), "hit 80 %, silent wrong 6 %"))
    calm, rough = _share(bool(s.flags) for s in ours), _share(bool(s.flags) for s in tough)
    rows.append(("B5 false alarms", f"normal {calm}, hard {rough}", "3 %, 7 %"))
    more = [make("normal", seed + i) for i in range(NORMAL_COUNT, INDICATOR_COUNT)]
    shown = [_ours(shown_by_indicator(p), seed) for p in normal + more]
    rows.append(("B6 indicator", _gross(shown), "92 % rel, 0 false, t95 5"))
    rows.append(("B7 causal", _causal(normal[:CAUSAL_COUNT]), "all"))
    for name, peer in PEERS.items():
        rows.append((f"peer {name}", _gross([_peer(p, peer) for p in normal]), "-"))
        rows.append((f"peer {name}, hard", _gross([_peer(p, peer) for p in hard]), "-"))
    rows.append(("CPU, 8 cells x 80 SPS", _cpu(ours, normal), "<= 5 % of one core"))
    rows.append(("200 traces, two cores", _two_hundred(ours + tough + wrong), "60 s"))
    rows.append(("worst tick, CPU", _ticks(normal), "-"))
    return rows


def _ours(passage: Passage, seed: int) -> Score:
    from resource import RUSAGE_SELF, getrusage

    before = getrusage(RUSAGE_SELF).ru_utime
    result = replay(as_trace(passage))
    result["cpu_s"] = getrusage(RUSAGE_SELF).ru_utime - before
    return score(passage, seed, result)


def _without_beams(passage: Passage) -> Passage:
    clear = np.zeros_like(passage.beam_entry)
    meta = {**passage.meta, "beams": False}
    return dataclasses.replace(passage, beam_entry=clear, beam_exit=clear, meta=meta)


def _share(values: Iterable[bool]) -> str:
    found = list(values)
    return f"{100 * sum(found) / max(1, len(found)):.1f} %"


def _gross(scores: Sequence[Score]) -> str:
    done = [s for s in scores if s.released]
    if not done:
        return "none released"
    late = [s.late_s for s in done]
    return (
        f"rel {_share(s.released for s in scores)}, "
        f"in MPE {_share(s.error_mpe <= 1 for s in done)}, "
        f"false {sum(s.wrong for s in done)} of {len(scores)}, t50 {np.median(late):.2f} s, "
        f"t95 {np.percentile(late, 95):.2f} s, "
        f"p95 {np.percentile([abs(s.error_kg) for s in done], 95) / E_KG:.2f} e"
    )


def _axles(scores: Sequence[Score]) -> str:
    def p95(lists: Sequence[list[float]]) -> float:
        return float(np.percentile([v for part in lists for v in part] or [np.nan], 95))

    return (
        f"count {_share(bool(s.axles_right) for s in scores)}, "
        f"single p95 {100 * p95([s.single for s in scores]):.1f} %, "
        f"group p95 {100 * p95([s.group for s in scores]):.1f} %, "
        f"spacing p95 {p95([s.spacing for s in scores]):.2f} m"
    )


def _faults(scores: Sequence[Score]) -> str:
    silent = _share(s.wrong and not s.flags for s in scores)
    missed = sorted({s.kind for s in scores if not s.hit})
    return f"hit {_share(s.hit for s in scores)}, silent wrong {silent}, missed: {' '.join(missed)}"


def _causal(passages: Sequence[Passage]) -> str:
    same = total = 0
    for passage in passages:
        trace = as_trace(passage)
        releases = replay(trace)["releases"]
        if not releases:
            continue
        first = releases[0]
        keep = trace.t <= first["t"]
        cut = dataclasses.replace(
            trace,
            t=trace.t[keep],
            counts=trace.counts[keep],
            beam_entry=trace.beam_entry[keep],
            beam_exit=trace.beam_exit[keep],
        )
        again = replay(cut)["releases"]
        total += 1
        same += bool(again) and again[0]["mass_kg"] == first["mass_kg"]
    return f"{same} of {total} reproduced on the cut trace"


def _cpu(scores: Sequence[Score], passages: Sequence[Passage]) -> str:
    shares = [
        s.cpu_s / (p.t[-1] - p.t[0])
        for s, p in zip(scores, passages, strict=True)
        if p.meta["fs_nominal"] == 80 and p.counts.shape[1] == 8
    ]
    return f"{100 * float(np.mean(shares)):.1f} % of one core" if shares else "no such trace"


def _two_hundred(scores: Sequence[Score]) -> str:
    """weigh-trace shares traces between two workers; reading the files is not in it."""
    each_s = float(np.mean([s.cpu_s for s in scores]))
    return f"{each_s:.2f} s of CPU a trace, so {100 * each_s:.0f} s"


def _ticks(passages: Sequence[Passage]) -> str:
    """CPU time of feed() for single rows of the first trace of 8 cells x 80 SPS."""
    fit = [p for p in passages if p.meta["fs_nominal"] == 80 and p.counts.shape[1] == 8]
    if not fit:
        return "no such trace"
    trace = as_trace(fit[0])
    pipe = Pipeline(trace.params)
    spent: list[float] = []
    for i, t in enumerate(trace.t.tolist()):
        at = MonotonicNs(round((10.0 + t) * NS_PER_S))
        samples = [RawSample(at, c, Counts(int(v))) for c, v in enumerate(trace.counts[i])]
        entry = Tri.YES if trace.beam_entry[i] else Tri.NO
        leave = Tri.YES if trace.beam_exit[i] else Tri.NO
        before_s = time.thread_time()
        pipe.feed(samples, entry, leave, True, at)
        spent.append(1e3 * (time.thread_time() - before_s))
    p50, p99, p999 = np.percentile(spent, [50, 99, 99.9])
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms, worst {max(spent):.2f} ms"


def _mean_range(total: np.ndarray, fs: float) -> np.ndarray:
    return _boxcar(total, max(1, round(0.5 * fs)))


def _median_ema(total: np.ndarray, fs: float) -> np.ndarray:
    window = np.lib.stride_tricks.sliding_window_view(np.pad(total, (4, 0), mode="edge"), 5)
    return _ema(np.median(window, axis=1), 1.0 - np.exp(-1.0 / (0.5 * fs)))


def _low_pass(total: np.ndarray, fs: float) -> np.ndarray:
    gain = 1.0 - np.exp(-2 * np.pi / fs)
    return _ema(_ema(total, gain), gain)


def _boxcar(values: np.ndarray, width: int) -> np.ndarray:
    padded = np.pad(values, (width - 1, 0), mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def _ema(values: np.ndarray, gain: float) -> np.ndarray:
    out, state = np.empty(len(values)), float(values[0])
    for i, value in enumerate(values.tolist()):
        state += gain * (value - state)
        out[i] = state
    return out


Peer = tuple[Callable[[np.ndarray, float], np.ndarray], float, float]
PEERS: dict[str, Peer] = {
    "moving average + range window": (_mean_range, 1.0, 1.0),
    "median + EMA": (_median_ema, 0.5, 1.0),
    "1 Hz low-pass": (_low_pass, 1.0, 0.7),
}
"""Filter, range in e, time in s that the filtered total must stay inside it. Beams gate all."""


def _peer(passage: Passage, peer: Peer) -> Score:
    """First release of a peer while it stays on the deck with both beams clear."""
    smooth_of, range_e, hold_s = peer
    fs = float(str(passage.meta["fs_nominal"]))
    total = (passage.counts - np.asarray(passage.meta["zero_counts"])) @ np.asarray(
        passage.meta["kg_per_count"]
    )
    total = total - float(np.median(total[passage.t < 2.0]))
    smooth = smooth_of(total, fs)
    width = max(2, round(hold_s * fs))
    window = np.lib.stride_tricks.sliding_window_view(smooth, width)
    still = np.ptp(window, axis=1) <= range_e * E_KG
    blocked = (passage.beam_entry | passage.beam_exit)[width - 1 :]
    ready = np.nonzero(still & ~blocked & (smooth[width - 1 :] > 800))[0]
    ready = ready[passage.t[ready + width - 1] < passage.leave_s]
    made = Score(passage.kind, 0, len(ready) > 0, np.nan, np.nan, np.nan, (), passage.expected)
    if len(ready):
        at = int(ready[0]) + width - 1
        made.error_kg = float(smooth[at]) - passage.mass_kg
        made.error_mpe = abs(made.error_kg) / mpe_kg(passage.mass_kg, E_KG)
        made.late_s = float(passage.t[at]) - passage.stop_s
    return made


def main() -> int:
    """Print the table for a seed given on the command line, or the usual one."""
    for row in table(int(sys.argv[1]) if len(sys.argv) > 1 else SEED):
        print(f"{row[0]:36} {row[1]}" + (f"   [bar: {row[2]}]" if row[2] != "-" else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
