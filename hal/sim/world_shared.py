"""SharedWorld: the simulated wires in a memory-mapped file, shared by separate processes.

One writer a region, fixed layout, a sequence count and a checksum around each region: readers
never wait, and a torn read (also one seen by a weakly ordered processor) is retried and then
answered with the previous copy. A coil falls when its driving process dies, as GPIO lines do
under a kernel that gives lines back: the kernel drops the process's file lock, we look at it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from hal.contract.types import DeviceAbsentError, MonotonicNs, Side
from hal.sim.world import (
    ALIVE_NS,
    CELLS_MAX,
    PROMPT_BYTES_MAX,
    RELAYS,
    SIGN_BYTES_MAX,
    TRUCKS_MAX,
    PlantState,
    Scene,
    TruckPose,
)

MAGIC = b"WTWORLD1"
READ_TRIES_MAX = 8

_HEAD = struct.Struct("<QI")
"""Sequence count (odd while writing) and CRC-32 of the payload."""
_WIRES = struct.Struct(f"<Q{CELLS_MAX}qiHiiHBI")
_TRUCK = struct.Struct("<ii32s16s32s32sB")
_SCENE = struct.Struct("<iiB")
_COILS = struct.Struct("<H")
_SIGN = struct.Struct(f"<HHH{SIGN_BYTES_MAX}s")
_PROMPT = struct.Struct(f"<{PROMPT_BYTES_MAX}s")
_FLOCK = struct.Struct("hhqqi4x")
"""struct flock of 64-bit Linux: type, whence, start, length, pid."""


@dataclass(frozen=True, slots=True)
class _Region:
    offset: int
    size: int


def _layout() -> tuple[dict[str, _Region], int]:
    sizes = {
        "wires": _WIRES.size,
        "scene": _SCENE.size + TRUCKS_MAX * _TRUCK.size,
        "control": _COILS.size,
        "sign": _SIGN.size,
        "prompt": _PROMPT.size,
    }
    regions: dict[str, _Region] = {}
    offset = 64
    for name, size in sizes.items():
        regions[name] = _Region(offset, size)
        offset += -(-(_HEAD.size + size) // 64) * 64
    return regions, offset


REGIONS, FILE_BYTES = _layout()


def _create(path: Path) -> None:
    """Make the file whole under another name, then move it in, so nobody opens half of it."""
    if path.exists() and path.stat().st_size == FILE_BYTES and path.read_bytes()[:8] == MAGIC:
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as fresh:
        fresh.write(MAGIC + bytes(FILE_BYTES - len(MAGIC)))
    Path(fresh.name).replace(path)


class SharedWorld:
    """World on a mapped file; with create=True the plant's end of it."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the wires. Raises DeviceAbsentError when no plant has made them."""
        if create:
            _create(path)
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceAbsentError(
                "simulated world",
                f"{path} cannot be opened ({error.strerror})",
                "Start the plant process first; it makes this file.",
            ) from error
        if os.fstat(self._fd).st_size != FILE_BYTES or os.pread(self._fd, 8, 0) != MAGIC:
            os.close(self._fd)
            raise DeviceAbsentError(
                "simulated world",
                f"{path} is not a world file of this version",
                "Remove it and start the plant again.",
            )
        self._map = mmap.mmap(self._fd, FILE_BYTES)
        self._last = {name: bytes(region.size) for name, region in REGIONS.items()}
        self._drives = False
        self._scene_put: Scene | None = None

    # -- regions ------------------------------------------------------------------------------

    def _write(self, name: str, payload: bytes) -> None:
        region = REGIONS[name]
        at, body = region.offset, region.offset + _HEAD.size
        count = int.from_bytes(self._map[at : at + 8], "little") | 1
        _HEAD.pack_into(self._map, at, count, 0)
        self._map[body : body + len(payload)] = payload
        crc = zlib.crc32(self._map[body : body + region.size])
        _HEAD.pack_into(self._map, at, (count + 1) & 0xFFFF_FFFF_FFFF_FFFF, crc)

    def _read(self, name: str) -> bytes:
        region = REGIONS[name]
        at, body = region.offset, region.offset + _HEAD.size
        for _ in range(READ_TRIES_MAX):
            before, crc = _HEAD.unpack_from(self._map, at)
            payload = self._map[body : body + region.size]
            after, _crc = _HEAD.unpack_from(self._map, at)
            if before == 0:
                break
            if before == after and not before & 1 and zlib.crc32(payload) == crc:
                self._last[name] = payload
                break
        return self._last[name]

    # -- the plant's end ----------------------------------------------------------------------

    def put(self, state: PlantState) -> None:
        """Replace everything the plant drives. The heartbeat is part of it."""
        cells = (*state.cell_nv, *(0,) * CELLS_MAX)[:CELLS_MAX]
        wires = _WIRES.pack(
            state.heartbeat_ns,
            *cells,
            state.temperature_mc,
            state.inputs,
            *state.arms_mdeg,
            state.keys,
            state.network_up,
            state.struck & 0xFFFF_FFFF,
        )
        if state.scene != self._scene_put:
            self._write("scene", _pack_scene(state.scene))
            self._scene_put = state.scene
        self._write("wires", wires)

    def _wires(self) -> tuple[int, ...]:
        return _WIRES.unpack(self._read("wires"))

    # -- the devices' end ---------------------------------------------------------------------

    def alive(self, now_ns: MonotonicNs) -> bool:
        """Whether the plant's heartbeat is younger than ALIVE_NS.

        One from the future is left over from before the machine's last start.
        """
        heartbeat_ns = self._wires()[0]
        return heartbeat_ns > 0 and abs(now_ns - heartbeat_ns) < ALIVE_NS

    def cell_nv(self, cell: int) -> int:
        """Bridge signal, nanovolts."""
        assert 0 <= cell < CELLS_MAX, f"there is no load cell {cell}"
        return self._wires()[1 + cell]

    def temperature_mc(self) -> int:
        """Thousandths of a degree Celsius."""
        return self._wires()[1 + CELLS_MAX]

    def inputs(self) -> int:
        """Bit InputName n set: blocked, occupied, pressed."""
        return self._wires()[2 + CELLS_MAX]

    def arm_mdeg(self, side: Side) -> int:
        """0 closed to 90,000 open."""
        return self._wires()[3 + CELLS_MAX + side]

    def keys(self) -> int:
        """Closed contacts, bit row * 4 + column."""
        return self._wires()[5 + CELLS_MAX]

    def network_up(self) -> bool:
        """Whether the cable to the county is in."""
        return bool(self._wires()[6 + CELLS_MAX])

    def struck(self) -> int:
        """Times an arm met a truck."""
        return self._wires()[7 + CELLS_MAX]

    def scene(self) -> Scene:
        """What the cameras see."""
        return _unpack_scene(self._read("scene"))

    def set_relay(self, name: str, energised: bool) -> None:
        """Drive one coil; the first call makes this process the coils' driver.

        Taking the lines over releases every coil first, as requesting GPIO lines anew does.
        Raises KeyError for a coil that does not exist.
        """
        bit = 1 << _coil(name)
        if not self._drives and self._lock():
            self._drives = True
            self._write("control", _COILS.pack(0))
        bits = _COILS.unpack(self._read("control"))[0]
        changed = bits | bit if energised else bits & ~bit
        if changed != bits:
            self._write("control", _COILS.pack(changed))

    def relay(self, name: str) -> bool:
        """Whether that coil is energised: its bit is set and its driving process lives."""
        bits = _COILS.unpack(self._read("control"))[0]
        return bool(bits >> _coil(name) & 1) and (self._drives or self._driven_by_another())

    def set_sign(self, width_px: int, height_px: int, rows: bytes) -> None:
        """Light the sign; like its chips it keeps the last frame when its driver dies."""
        assert len(rows) <= SIGN_BYTES_MAX, f"a sign of {len(rows)} bytes does not exist"
        self._write("sign", _SIGN.pack(width_px, height_px, len(rows), bytes(rows)))

    def sign(self) -> tuple[int, int, bytes]:
        """The sign as lit."""
        width_px, height_px, length, rows = _SIGN.unpack(self._read("sign"))
        return width_px, height_px, rows[:length]

    def set_prompt(self, name: str) -> None:
        """What the sign says, by name."""
        assert len(name.encode()) <= PROMPT_BYTES_MAX, f"prompt name {name!r} is too long"
        self._write("prompt", _PROMPT.pack(name.encode()))

    def prompt(self) -> str:
        """What the sign says, by name."""
        return _text(_PROMPT.unpack(self._read("prompt"))[0])

    def close(self) -> None:
        """Unmap; coils driven through this object fall."""
        self._map.close()
        os.close(self._fd)

    # -- who drives the coils -----------------------------------------------------------------

    def _lock(self) -> bool:
        region = REGIONS["control"]
        wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, region.offset, region.size, 0)
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, wanted)
        except OSError:
            return False
        return True

    def _driven_by_another(self) -> bool:
        region = REGIONS["control"]
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, region.offset, region.size, 0)
        answer = fcntl.fcntl(self._fd, fcntl.F_OFD_GETLK, asked)
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


def _coil(name: str) -> int:
    if name not in RELAYS:
        raise KeyError(f"no relay coil is called {name!r}; there are {', '.join(RELAYS)}")
    return RELAYS.index(name)


def _pack_scene(scene: Scene) -> bytes:
    assert len(scene.trucks) <= TRUCKS_MAX, f"{len(scene.trucks)} trucks do not fit the scene"
    parts = [_SCENE.pack(scene.light_pct, scene.deck_length_mm, len(scene.trucks))]
    parts += [
        _TRUCK.pack(
            truck.front_mm,
            truck.length_mm,
            truck.plate.encode(),
            truck.plate_colour.encode(),
            truck.plate_kind.encode(),
            truck.rear_plate.encode(),
            truck.dirt_pct,
        )
        for truck in scene.trucks
    ]
    return b"".join(parts).ljust(REGIONS["scene"].size, b"\0")


def _unpack_scene(payload: bytes) -> Scene:
    light_pct, deck_length_mm, count = _SCENE.unpack_from(payload)
    trucks = []
    for index in range(count):
        front_mm, length_mm, plate, colour, kind, rear, dirt_pct = _TRUCK.unpack_from(
            payload, _SCENE.size + index * _TRUCK.size
        )
        trucks.append(
            TruckPose(
                front_mm, length_mm, _text(plate), _text(colour), _text(kind), _text(rear), dirt_pct
            )
        )
    return Scene(tuple(trucks), light_pct, deck_length_mm)


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode()
