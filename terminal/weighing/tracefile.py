"""A recorded trace from its NPZ file, checked array by array.

Single bad stamps are left to the pipeline, which mends and counts them; what is wrong as a whole is
refused with one line. This is the only module of the package that opens a file.
"""

from __future__ import annotations

import json
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hal.contract.types import SampleFlag
from terminal.core.types import WeightSource
from terminal.raw_samples import NO_FRAME, SAID
from terminal.weighing.params import WeighParams
from terminal.weighing.stamps import GAP_S_MAX
from terminal.weighing.tracemeta import (
    COUNTS_MAX,
    TraceError,
    calm_of_meta,
    params_of_meta,
    zero_of_meta,
)
from terminal.weighing.zero import ZeroState

UNREADABLE = (
    ValueError, OSError, EOFError, RuntimeError, LookupError, MemoryError, OverflowError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What numpy and zipfile raise on a damaged archive: also "encrypted" and "patched data"."""
NEEDED = ("t", "counts", "beam_entry", "beam_exit", "meta")
OPTIONAL = ("flags",)
ROWS_MAX = 4_000_000
ARRAY_BYTES_MAX = 512 * 2**20
"""What one array may take when unpacked: a few kilobytes of archive can say they are terabytes."""
FLAGS_MAX = sum(SampleFlag)
FLAGS_SET = (range(FLAGS_MAX + 1), (*SAID, NO_FRAME))
"""What converters set, and indicators."""
PACE_TIMES_MAX = 50
"""Rows further apart or closer than this against fs_nominal are in another unit than seconds."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A checked trace. t in s; counts (N, C) with NaN where a sample is missing.

    flags: (N, C) SampleFlag bits of the driver, or of an indicator what raw_samples.SAID reads and
    NO_FRAME; or None. zero: that was in force, or None; with it calm_kg: what the empty deck read
    before, in means.
    """

    t: np.ndarray
    counts: np.ndarray
    beam_entry: np.ndarray
    beam_exit: np.ndarray
    params: WeighParams
    bad_stamps: int = 0
    flags: np.ndarray | None = None
    zero: ZeroState | None = None
    calm_kg: tuple[float, ...] = ()


def load_trace(path: Path) -> Trace:
    """Read and check one NPZ trace."""
    arrays = _read(path)
    t = _array(path, arrays, "t", 1)
    counts = _array(path, arrays, "counts", 2)
    entry = _array(path, arrays, "beam_entry", 1)
    leave = _array(path, arrays, "beam_exit", 1)
    for name, array in (("counts", counts), ("beam_entry", entry), ("beam_exit", leave)):
        if len(array) != len(t):
            raise TraceError(f"{path}: {name}: has {len(array)} rows, but t has {len(t)}")
    if not 2 <= len(t) <= ROWS_MAX:
        raise TraceError(f"{path}: t: has {len(t)} rows; 2 to {ROWS_MAX} are allowed")
    finite = np.isfinite(t)
    if finite.sum() < 2:
        raise TraceError(f"{path}: t: fewer than 2 time stamps are numbers")
    if float(np.abs(t[finite]).max()) > 1e11:
        raise TraceError(f"{path}: t: stamps must be seconds below 1e11")
    if bool(np.isnan(counts).all()):
        raise TraceError(f"{path}: counts: holds not one number")
    if bool((np.abs(counts) >= COUNTS_MAX).any()):
        raise TraceError(f"{path}: counts: has values beyond 32 bits")
    for name, beam in (("beam_entry", entry), ("beam_exit", leave)):
        odd = np.flatnonzero((beam != 0) & (beam != 1))
        if len(odd):
            raise TraceError(
                f"{path}: {name}: is {beam[odd[0]]:g} in row {odd[0]}; 0 or 1 (blocked) is expected"
            )
    meta = _meta(path, arrays)
    params = params_of_meta(path, meta, counts.shape[1])
    flags = _flags(path, arrays, counts.shape, params.source is WeightSource.INDICATOR)
    _check_pace(path, t[finite], params.rate_hz)
    filled, kept = _stamped(t, round(GAP_S_MAX * params.rate_hz))
    return Trace(
        t=filled[kept],
        counts=counts[kept],
        beam_entry=entry[kept].astype(bool),
        beam_exit=leave[kept].astype(bool),
        params=params,
        bad_stamps=int((~finite).sum()),
        flags=None if flags is None else flags[kept],
        zero=zero_of_meta(path, meta, counts.shape[1]),
        calm_kg=calm_of_meta(path, meta),
    )


def _check_pace(path: Path, t: np.ndarray, rate_hz: float) -> None:
    """Single bad stamps are mended; a time axis that is wrong as a whole is refused."""
    steps_s = np.diff(t)
    ahead, back = int((steps_s > 0).sum()), int((steps_s < 0).sum())
    if not ahead and not back:
        raise TraceError(f"{path}: t: all stamps are the same")
    if back >= ahead:
        raise TraceError(f"{path}: t: goes back in {back} of {len(steps_s)} steps")
    usual_s, mean_s = float(np.median(steps_s)), float(t.max() - t.min()) / len(t)
    if usual_s > PACE_TIMES_MAX / rate_hz or mean_s < 1 / (PACE_TIMES_MAX * rate_hz):
        wrong_s = max(usual_s, mean_s)
        raise TraceError(
            f"{path}: t: goes on by {wrong_s:.3g} s a row, but {rate_hz:g} samples a second"
            " (fs_nominal) are said; stamps must be seconds"
        )


def _stamped(t: np.ndarray, rows_max: int) -> tuple[np.ndarray, np.ndarray]:
    """Stamps with up to rows_max lost ones in a row taken from the row before, as a converter's
    clock goes on by itself, and which rows have one.
    """
    finite = np.isfinite(t)
    rows = np.arange(len(t))
    source = np.maximum.accumulate(np.where(finite, rows, -1))
    kept = (source >= 0) & (rows - source <= rows_max)
    return t[np.maximum(source, 0)], kept


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            # a pipe would be waited for without end
            raise TraceError(f"{path}: file: is no regular file")
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise TraceError(
                    f"{path}: file: is not a readable NPZ archive (no zip, or its end is missing)"
                )
            with zipfile.ZipFile(file) as archive:
                return _members(path, archive)
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.strerror:
            raise TraceError(f"{path}: file: cannot be read ({error.strerror})") from None
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TraceError(f"{path}: file: is not a readable NPZ archive ({first})") from None


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """The arrays we know; whatever else is in the archive is not looked at."""
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    found = {}
    for name in (*NEEDED, *OPTIONAL):
        size = sizes.get(f"{name}.npy")
        if size is None:
            if name in OPTIONAL:
                continue
            raise TraceError(f"{path}: {name}: is missing from the archive")
        if size > ARRAY_BYTES_MAX:
            raise TraceError(
                f"{path}: {name}: is {size} bytes, at most {ARRAY_BYTES_MAX} are allowed"
            )
        try:
            with archive.open(f"{name}.npy") as member:
                found[name] = np.lib.format.read_array(member, allow_pickle=False)
        except UNREADABLE as error:
            raise TraceError(f"{path}: {name}: cannot be read ({error})") from None
    return found


def _array(path: Path, arrays: dict[str, np.ndarray], name: str, dimensions: int) -> np.ndarray:
    array = arrays[name]
    if array.ndim != dimensions:
        raise TraceError(f"{path}: {name}: has {array.ndim} dimensions, {dimensions} are expected")
    if array.dtype.kind not in "biuf":
        raise TraceError(f"{path}: {name}: holds {array.dtype}, numbers are expected")
    return array if name.startswith("beam") else array.astype(float)


def _flags(
    path: Path, arrays: dict[str, np.ndarray], shape: tuple[int, ...], indicator: bool
) -> np.ndarray | None:
    if "flags" not in arrays:
        return None
    flags = arrays["flags"]
    if flags.shape != shape or flags.dtype.kind not in "iu":
        raise TraceError(f"{path}: flags: must be whole numbers in the shape of counts {shape}")
    if not bool(np.isin(flags, FLAGS_SET[indicator]).all()):
        raise TraceError(f"{path}: flags: has bits that no driver sets")
    return flags


def _meta(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, object]:
    raw = arrays["meta"]
    try:
        value = raw.item() if raw.size == 1 else None
        text = value.decode() if isinstance(value, bytes) else value
        meta = json.loads(text, parse_constant=_no_constant) if isinstance(text, str) else None
    except RecursionError:
        raise TraceError(f"{path}: meta: is nested too deep") from None
    except ValueError as error:
        raise TraceError(f"{path}: meta: is not JSON ({error})") from None
    if not isinstance(meta, dict):
        raise TraceError(f"{path}: meta: is not one JSON object in one string")
    return meta


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
