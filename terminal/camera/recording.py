"""What the camera process keeps of its pictures: the last seconds for clips, and the footage.

Bounded memory: small JPEGs of the newest seconds of one camera. A disk that fails ends the
footage, says so once, and leaves the reading of plates alone.
"""

from __future__ import annotations

import io
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_MS, ClockQuality, Fault, FaultCode, MonotonicNs
from terminal.anpr.types import Pixels
from terminal.camera import video
from terminal.camera.footage import Footage
from terminal.camera.video import Film

PICTURES_MAX: Final = 600
"""Most pictures kept for a clip: 60 s at 10 a second, about 9 MB."""
STEP_MS_MIN: Final = 180
OVERLAP_MS: Final = 1_000
"""How far a film after the latch reaches back, so that it and the one before show one moment."""
FILM_BYTES_MAX: Final = 3_500_000
"""A film ends here: the ledger takes no file above 4 MB."""
DEVICE: Final = "footage"


@dataclass(slots=True)
class _After:
    """A film being made picture by picture, so that its end costs no more than its middle."""

    shots: list[tuple[int, bytes]]
    memory: io.BytesIO = field(default_factory=io.BytesIO)
    film: Film | None = None
    pictures: int = 0

    @property
    def full(self) -> bool:
        return self.memory.tell() >= FILM_BYTES_MAX

    def add(self, at_ms: int, picture: Pixels) -> None:
        if self.film is None:
            size = (picture.shape[1], picture.shape[0])
            self.film = Film(self.memory, size, growing=False)
            for shot_ms, jpeg in self.shots:
                self.film.add(shot_ms, jpeg)
                self.pictures += 1
        if not self.full:
            self.film.add_pixels(at_ms, picture)
            self.pictures += 1


class Recording:
    """Clip buffer and footage of one lane."""

    def __init__(
        self,
        footage: Footage | None,
        *,
        clip_ms: int,
        clip_role: str,
        clock: Clock,
        after_ms: int = 0,
    ) -> None:
        """footage: None records nothing; clip_ms 0 or missing video support makes no clips.

        after_ms: longest film made by follow(), 0 for none.
        """
        self._footage = footage
        self._clip_ms = clip_ms if video.available() else 0
        self.after_ms = after_ms if video.available() else 0
        self._clip_role = clip_role
        self._clock = clock
        self._ring: deque[tuple[int, bytes]] = deque(maxlen=PICTURES_MAX)
        self._size = (0, 0)
        self._newest_ms: dict[str, int] = {}
        self._after: _After | None = None
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
        if role == self._clip_role and self._after is not None:
            try:
                self._after.add(now_ms, picture)
            except OSError as error:
                self._give_up(error, now_ns)
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

    def follow(self, now_ns: MonotonicNs) -> None:
        """Begin a film from OVERLAP_MS ago on; one that was being made is dropped."""
        now_ms = now_ns // NS_PER_MS
        if self.after_ms > 0:
            self._after = _After([shot for shot in self._ring if now_ms - shot[0] <= OVERLAP_MS])

    @property
    def follow_full(self) -> bool:
        """Whether the film being made has reached FILM_BYTES_MAX."""
        return self._after is not None and self._after.full

    def followed(self, now_ns: MonotonicNs) -> bytes:
        """End that film and give it; empty when there is none of two pictures."""
        after, self._after = self._after, None
        if after is None or after.film is None or after.pictures < 2:
            return b""
        try:
            after.film.close()
        except OSError as error:
            self._give_up(error, now_ns)
            return b""
        return after.memory.getvalue()

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
        self._clip_ms = self.after_ms = 0
        self._after = None
        self._ring.clear()
        self.fault = Fault(FaultCode.BUS, DEVICE, now_ns, f"recording has ended: {error}")
