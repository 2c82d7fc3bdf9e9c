"""One place that turns the errno of a device node into the typed error people can act on.

Kernels disagree about which errno means "not there" (ENOENT, ENODEV, ENXIO, EREMOTEIO), so the
reason is looked up for its words only and every errno ends in the same type.
"""

from __future__ import annotations

import errno
from typing import Final

from hal.contract.types import DeviceAbsentError

REASONS: Final = {
    errno.ENOENT: "does not exist",
    errno.ENODEV: "exists but no driver answers",
    errno.ENXIO: "exists but nobody answers",
    errno.EREMOTEIO: "exists but nobody answers",
    errno.EACCES: "may not be opened by this user",
    errno.EPERM: "may not be opened by this user",
    errno.EBUSY: "is in use by another program",
}


def absent(device: str, path: str, error: Exception, check: str) -> DeviceAbsentError:
    """The error for `device` of the configuration, whose node `path` failed with `error`."""
    code = error.errno if isinstance(error, OSError) else None
    reason = REASONS.get(code) if code is not None else None
    return DeviceAbsentError(device, f"{path} {reason or f'cannot be opened ({error})'}", check)
