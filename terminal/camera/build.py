"""The camera node of a checked configuration: thresholds, vehicle list, recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hal.contract.devices import Camera, Clock
from hal.contract.types import Fault, FaultCode
from terminal.anpr.vote import VoteSettings
from terminal.camera import spool, video
from terminal.camera.footage import Footage
from terminal.camera.known import plates_of
from terminal.camera.node import CameraNode, Reader
from terminal.camera.recording import Recording
from terminal.config import Loaded


def build(
    loaded: Loaded,
    cameras: Mapping[str, Camera],
    reader: Reader,
    clock: Clock,
    *,
    runtime_dir: Path,
) -> CameraNode:
    """The camera node of a checked configuration. cameras: by role, in reading order."""
    section, listed = loaded.config.camera, loaded.config.weighing.vehicle_list
    return CameraNode(
        cameras,
        reader,
        clock,
        runtime_dir / spool.FOLDER,
        vote=VoteSettings(
            margin=section.accept_margin_mn / 1_000,
            frames=section.accept_frames,
            score=section.accept_score_mn / 1_000,
        ),
        jpeg_quality=section.jpeg_quality,
        recording=_recording(loaded, next(iter(cameras), ""), clock),
        known=plates_of(loaded.path(listed)) if listed else frozenset(),
    )


def _recording(loaded: Loaded, clip_role: str, clock: Clock) -> Recording:
    """The recording as configured; a folder that cannot be used is a fault and no recording."""
    section = loaded.config.camera
    footage: Footage | None = None
    fault: Fault | None = None
    films = section.record_days > 0 or section.clip_before_s + section.clip_after_s > 0
    if films and video.load() and section.record_days > 0:
        try:
            footage = Footage(
                loaded.path(section.record_folder),
                days=section.record_days,
                quota_bytes=section.record_quota_mb * 1_000_000,
            )
        except OSError as error:
            fault = Fault(FaultCode.BUS, "footage", clock.monotonic_ns(), str(error))
    recording = Recording(
        footage,
        clip_ms=section.clip_before_s * 1_000,
        after_ms=section.clip_after_s * 1_000,
        clip_role=clip_role,
        clock=clock,
    )
    recording.fault = fault
    return recording
