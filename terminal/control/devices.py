"""The devices that the control process owns, opened by wiring, driven here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from hal.contract.devices import Barrier, FieldInputs, Indicator, Lamp, LoadCell, Siren


@dataclass(frozen=True, slots=True)
class LaneDevices:
    """One of load_cell and indicator is there. barriers and lamps are indexed by Side."""

    inputs: FieldInputs
    barriers: tuple[Barrier | None, Barrier]
    lamps: tuple[Lamp, Lamp]
    load_cell: LoadCell | None = None
    indicator: Indicator | None = None
    siren: Siren | None = None

    def simulated(self) -> bool:
        """Whether any of them is simulated; every record then says so."""
        infos = [self.inputs.describe(), *(lamp.describe() for lamp in self.lamps)]
        infos += [barrier.describe() for barrier in self.barriers if barrier is not None]
        if self.load_cell is not None:
            infos.append(self.load_cell.describe().device)
        if self.indicator is not None:
            infos.append(self.indicator.describe())
        if self.siren is not None:
            infos.append(self.siren.describe())
        return any(info.simulated for info in infos)

    def close(self) -> None:
        """De-energise everything, relays first."""
        for barrier in self.barriers:
            if barrier is not None:
                barrier.close()
        for lamp in self.lamps:
            lamp.close()
        if self.siren is not None:
            self.siren.close()
        for device in (self.inputs, self.load_cell, self.indicator):
            if device is not None:
                device.close()
