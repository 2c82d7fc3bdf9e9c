"""What the camera process keeps of its pictures: the last seconds for clips, and the footage.

Bounded memory: small JPEGs of the newest seconds of one camera. A disk that fails ends the
footage, says so once, and leaves the reading of plates alone.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_MS, ClockQuality, Fault, FaultCode, MonotonicNs
from terminal.anpr.types import Pixels
from terminal.camera import video
from terminal.camera.footage import Footage

PICTURES_MAX: Final = 600
"""Most pictures kept for a clip: 60 s at 10 a second, about 9 MB."""
STEP_MS_MIN: Final = 180
DEVICE: Final = "footage"


class Recording:
    """Clip buffer and footage of one lane."""

    def __init__(self, footage: Footage | None, *, clip_ms: int, clip_role: str, clock: Clock):
        """footage: None records nothing; clip_ms 0 or missing video support makes no clips."""
        self._footage = footage
        self._clip_ms = clip_ms if video.available() else 0
        self._clip_role = clip_role
        self._clock = clock
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=PICTURES_MAX)
        self._size = (0, 0)
        self._newest_ms: dict[str, int] = {}
        self.fault: Fault | None = None

    @property
    def wanted(self) -> bool:
        """Whether pictures are wanted even while nobody watches."""
        return self._footage is not None or self._clip_ms > 0

    def see(self, role: str, picture: Pixels, jpeg: bytes, now_ns: MonotonicNs) -> None:
        """Take one small picture in; more often than every STEP_MS_MIN they are left out."""
        now_ms = now_ns // NS_PER_MS
        if now_ms - self._newest_ms.get(role, -STEP_MS_MIN) < STEP_MS_MIN:
            return
        self._newest_ms[role] = now_ms
        if role == self._clip_role and self._clip_ms > 0 and jpeg:
            self._ring.append((now_ms, jpeg))
            self._size = (picture.shape[1], picture.shape[0])
            while self._ring and now_ms - self._ring[0][0] > self._clip_ms:
                self._ring.popleft()
        if self._footage is not None:
            try:
                known = self._clock.quality() is not ClockQuality.UNKNOWN
                self._footage.add(role, self._wall_ms(), picture, clock_known=known)
            except OSError as error:
                self._give_up(error, now_ns)

    def clip(self, now_ns: MonotonicNs) -> bytes:
        """The last seconds as one MP4, empty when there are none or video cannot be made."""
        now_ms = now_ns // NS_PER_MS
        recent = [shot for shot in self._ring if now_ms - shot[0] <= self._clip_ms]
        if self._clip_ms == 0 or len(recent) < 2:
            return b""
        try:
            return video.clip(recent, self._size)
        except OSError as error:
            self._give_up(error, now_ns)
            return b""

    def note(self, visit_id: int, plate: str, now_ns: MonotonicNs) -> None:
        """Make the footage searchable by this plate."""
        if self._footage is None or not plate:
            return
        try:
            self._footage.note(self._wall_ms(), visit_id, plate)
        except OSError as error:
            self._give_up(error, now_ns)

    def close(self) -> None:
        """Finish the films."""
        if self._footage is not None:
            self._footage.close()

    def _wall_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    def _give_up(self, error: OSError, now_ns: MonotonicNs) -> None:
        self._footage = None
        self._clip_ms = 0
        self._ring.clear()
        self.fault = Fault(FaultCode.BUS, DEVICE, now_ns, f"recording has ended: {error}")
