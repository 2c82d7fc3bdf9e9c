"""The pin factory for real GPIO: gpiozero's lgpio factory, with outputs claimed at their level.

Importing lgpio starts one reader thread and creates a fifo in the working directory, so it is
imported inside the call: start the process in a folder of its own that it may write (systemd:
RuntimeDirectory and WorkingDirectory). Nobody here asks for edges, so the thread sleeps.
"""

from __future__ import annotations

from hal.linux.absent import absent

CHECK = (
    "Check that this is a Raspberry Pi with /dev/gpiochip0, that this user is in the group "
    "gpio and that the working directory can be written"
)


def pin_factory(name: str, chip: int | None = None) -> object:
    """A gpiozero pin factory on a kernel GPIO chip. Raises DeviceAbsentError.

    chip: number of /dev/gpiochipN, or None for the one that carries the header.
    """
    path = "GPIO" if chip is None else f"/dev/gpiochip{chip}"
    try:
        import lgpio
        from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin

        class AtomicPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
            """Claims an output together with its level.

            The library's own pin claims it low and then writes: an active-low relay board
            would click at every start.
            """

            def output_with_state(self, state: int) -> None:
                """Make the pin an output that is at `state` from its first moment."""
                lgpio.gpio_claim_output(self.factory._handle, self._number, bool(state))  # noqa: SLF001

        factory = LGPIOFactory(chip=chip)
    except Exception as error:  # lgpio.error and gpiozero's errors share no base but this
        raise absent(name, path, error, CHECK) from error
    factory.pin_class = AtomicPin
    found: object = factory
    return found
