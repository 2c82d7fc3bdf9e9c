"""What every hand-made lane of the core's tests is about: one vehicle and what is known of it."""

from __future__ import annotations

from typing import Final

from hal.contract.types import Tri
from terminal.core.types import PhotoRef, VehicleFacts

NO, YES, UNKNOWN = Tri.NO, Tri.YES, Tri.UNKNOWN
PLATE: Final = "晋LA1234"
VEHICLE: Final = VehicleFacts("articulated", 2, False, 0, None, "159")
PHOTOS: Final = (PhotoRef("front", bytes(32), 1_000),)
HASH: Final = bytes(range(32))
REFUSE, SEND_BACK = "A0#2#", "A0#3#"
"""The keys of the two orders, where a PIN is asked for and confirmed."""
