"""The speaker: short tones or recorded words as WAV, played by a program beside us.

The player is a child process that reads its standard input (aplay by default), which is a file in
memory, so that feeding it cannot block. One sound at a time, a new one replaces the old. No sound
ever matters for safety.
"""

from __future__ import annotations

import io
import math
import os
import struct
import subprocess
import wave
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from hal.contract.types import Fault, FaultCode, MonotonicNs

RATE_HZ: Final = 16_000
AMPLITUDE: Final = 12_000
FADE_SAMPLES: Final = 160
"""Ten milliseconds up and down, or every tone begins with a click."""
WAV_BYTES_MAX: Final = 2_000_000
PLAYER: Final = ("/usr/bin/aplay", "-q", "-")
CHECK: Final = "check that alsa-utils is installed and that this user is in the group audio"


class Player(Protocol):
    """A running player, as subprocess.Popen has it."""

    def poll(self) -> int | None:
        """Its exit code, None while it plays."""

    def kill(self) -> None:
        """End it now."""

    def wait(self) -> int:
        """Collect it."""


def tone(notes: Sequence[tuple[int, int]]) -> bytes:
    """A WAV of (hertz, milliseconds) notes; 0 hertz is silence. Mono, 16 bit, 16 kHz."""
    samples: list[int] = []
    for hertz, length_ms in notes:
        count = RATE_HZ * length_ms // 1_000
        for at in range(count):
            fade = min(1.0, at / FADE_SAMPLES, (count - at) / FADE_SAMPLES)
            samples.append(round(AMPLITUDE * fade * math.sin(math.tau * hertz * at / RATE_HZ)))
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return target.getvalue()


def _start(sound_fd: int) -> Player:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(PLAYER, stdin=sound_fd, stdout=quiet, stderr=quiet)  # noqa: S603 - our own constant


class Speaker:
    """One loudspeaker. played counts the sounds that were begun. Never raises."""

    def __init__(self, name: str, start: Callable[[int], Player] = _start) -> None:
        self._name, self._start = name, start
        self._player: Player | None = None
        self.played = 0

    def play(self, wav: bytes, now_ns: MonotonicNs) -> Fault | None:
        """Begin a sound, ending the one before it."""
        assert len(wav) <= WAV_BYTES_MAX
        self._stop()
        fd = os.memfd_create("sound")
        os.write(fd, wav)
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            self._player = self._start(fd)
        except OSError as error:
            why = f"the player does not start ({error.strerror or error}); {CHECK}"
            return Fault(FaultCode.ABSENT, self._name, now_ns, why)
        finally:
            os.close(fd)
        self.played += 1
        return None

    def poll(self, now_ns: MonotonicNs) -> Fault | None:
        """Collect a player that has ended; one that failed says so."""
        player = self._player
        if player is None or (code := player.poll()) is None:
            return None
        self._player = None
        if code == 0:
            return None
        why = f"the player ended with {code}; {CHECK}"
        return Fault(FaultCode.BUS, self._name, now_ns, why)

    def close(self) -> None:
        """Silence."""
        self._stop()

    def _stop(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            with suppress(OSError):  # it may have ended by itself
                player.kill()
            player.wait()
