"""Devices of third parties: kind = "plugin" finds them by their entry point.

A plugin is a callable open(options, clock, name) that an installed package declares in the group
weigh_terminal.devices; what it returns must offer the Protocol of its section, which is checked
here before anything uses it. See hal/README.md, "Adding a device".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import metadata

from hal.contract.devices import Clock
from hal.contract.types import DeviceAbsentError

GROUP = "weigh_terminal.devices"
Options = Mapping[str, str | int | bool]


def installed(group: str = GROUP) -> tuple[metadata.EntryPoint, ...]:
    """Every plugin of the group, in the order of their names."""
    found: Iterable[metadata.EntryPoint] = metadata.entry_points(group=group)
    return tuple(sorted(found, key=lambda point: point.name))


def open_plugin(
    contract: type,
    plugin: str,
    options: Options,
    clock: Clock,
    name: str,
    *,
    find: Callable[[], Iterable[metadata.EntryPoint]] = installed,
) -> object:
    """The plugin's device. Raises DeviceAbsentError when it is missing, fails or is no `contract`.

    contract: a runtime-checkable Protocol of hal.contract.devices. name: of the device.
    """
    points = {point.name: point for point in find()}
    if plugin not in points:
        known = ", ".join(points) or "none"
        found = f"no installed package offers the device {plugin!r} (installed: {known})"
        raise DeviceAbsentError(name, found, f"Install the package whose entry point is in {GROUP}")
    check = f"Ask whoever supplies the package {points[plugin].value.split(':')[0]}"
    try:
        opener = points[plugin].load()
        device: object = opener(options, clock, name)
    except DeviceAbsentError:
        raise
    except Exception as error:  # foreign code: whatever it raises, the device is not there
        found = f"the plugin {plugin!r} failed ({type(error).__name__}: {error})"
        raise DeviceAbsentError(name, found, check) from error
    if not isinstance(device, contract):
        found = f"the plugin {plugin!r} gave no {contract.__name__}"
        raise DeviceAbsentError(name, found, check)
    return device
