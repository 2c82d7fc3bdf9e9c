"""An indicator's view of a simulated passage: filtered, rounded, ten displays a second.

Takes a passage as cells saw it and gives the same passage as an approved instrument would show
it on its serial line. The instrument's own filter hides the ringing, as real ones do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hal.sim.passage import Passage

DISPLAYS_PER_S = 10
FILTER_S = 0.8


def shown_by_indicator(passage: Passage, division_kg: int = 20) -> Passage:
    """The passage with counts (N, 1) holding displayed kg at 10 Hz."""
    spans = np.asarray(passage.meta["kg_per_count"], dtype=float)
    zeros = np.asarray(passage.meta["zero_counts"], dtype=float)
    total = (passage.counts - zeros) @ spans
    width = max(1, round(FILTER_S * float(str(passage.meta["fs_nominal"]))))
    smooth = np.convolve(np.pad(total, (width - 1, 0), mode="edge"), np.ones(width) / width)
    smooth = smooth[width - 1 : width - 1 + len(total)]
    smooth -= float(np.median(smooth[passage.t < 2.0])) if (passage.t < 2.0).any() else 0.0
    t = np.arange(float(passage.t[0]), float(passage.t[-1]), 1.0 / DISPLAYS_PER_S)
    row = np.minimum(np.searchsorted(passage.t, t), len(passage.t) - 1)
    shown = np.round(smooth[row] / division_kg).astype(np.int32) * division_kg
    meta: dict[str, object] = {
        "kind": "indicator",
        "fs_nominal": DISPLAYS_PER_S,
        "adc": "indicator",
        "full_scale": 0x7FFFFFFF,
        "deck_len_m": passage.meta["deck_len_m"],
        "max_kg": passage.meta["max_kg"],
        "e_kg": division_kg,
        "division_kg": division_kg,
        "beams": passage.meta["beams"],
    }
    return replace(
        passage,
        kind="indicator",
        t=t,
        counts=shown[:, None].astype(np.int32),
        beam_entry=passage.beam_entry[row],
        beam_exit=passage.beam_exit[row],
        meta=meta,
    )
