"""Builds the way to one target from its configuration and the keys that are in use for it.

The keys may be newer than those the configuration names (terminal.enrol.key_ring). A target
whose key may not be used is blocked with its reason; the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from hal.contract.devices import Clock
from hal.contract.types import NS_PER_S
from terminal.config import Loaded, Target
from terminal.enrol.context_files import ContextLostError
from terminal.enrol.key_ring import InUse, KeyRing
from terminal.enrol.papers import PaperError
from terminal.enrol.terminal_side import context_name, psk_name
from terminal.uplink.adapters import ADAPTERS
from terminal.uplink.coap import CoapTransport, DtlsKey
from terminal.uplink.exchange import Transport
from terminal.uplink.ladder import Ladder
from terminal.uplink.renewal import LOST, Renewal
from terminal.uplink.resources import Resources
from terminal.uplink.way import Blocked, Way


class TargetWay:
    """The way to one target. renewal: of its keys, where its county may command that."""

    def __init__(
        self,
        loaded: Loaded,
        target: Target,
        clock: Clock,
        link_is_up: Callable[[], bool] | None,
        site: Resources | None = None,
    ) -> None:
        """link_is_up: simulated runs only; site: what the other end may read of us."""
        self._loaded, self._target, self._clock = loaded, target, clock
        self._link_is_up, self._site = link_is_up, site
        folder = loaded.path(target.oscore) if target.oscore else None
        self._ring = KeyRing(folder.parent, folder.name) if folder else None
        self.transport: Transport = self._first()
        self.renewal = None
        if self._ring is not None and self._ring.rotates:
            self.transport = way = Way(self.transport)
            self.renewal = Renewal(
                self._ring,
                way,
                self._make,
                ADAPTERS[target.adapter](),
                loaded.config.site.terminal_id,
                lambda: clock.wall_ns() // NS_PER_S,
            )

    def _first(self) -> Ladder | Blocked:
        if self._ring is None:
            return self._ladder(None)
        try:
            return self._ladder(self._ring.in_use())
        except (PaperError, ContextLostError, OSError) as error:
            logging.getLogger("uplink").error("%s", error)
            return Blocked(f"{LOST}: {error}")

    def _make(self, number: int) -> Ladder:
        """The way with the keys of a rotation that is not in use yet."""
        assert self._ring is not None, "only a ring has rotations"
        before = self._ring.in_use().psk
        return self._ladder(InUse(context_name(number), number, psk_name(number), before))

    def _ladder(self, keys: InUse | None) -> Ladder:
        """Raises ContextLostError when the OSCORE key may not be used."""
        context = None
        if keys is not None and self._ring is not None:
            from terminal.uplink.oscore import open_context  # 9 MB that others do without

            context = open_context(self._ring.into / keys.oscore)
        dtls = self._dtls(keys)
        uris = (self._target.uri, *self._target.fallback_uris)
        rungs = [CoapTransport(uri, self._link_is_up, context, self._site, dtls) for uri in uris]
        released = context.release if context is not None else lambda: None
        return Ladder(rungs, self._clock.monotonic_ns, released)

    def _dtls(self, keys: InUse | None) -> DtlsKey | None:
        """The key of the file; None, said aloud, when it cannot be read: other ways go on."""
        if not self._target.dtls_psk:
            return None
        path, before = self._loaded.path(self._target.dtls_psk), None
        if keys is not None and self._ring is not None and path.parent == self._ring.into:
            before = self._ring.into / keys.psk_before if keys.psk_before else None
            path = self._ring.into / keys.psk if keys.number else path
        psk = _psk(path)
        if psk is None:
            return None
        identity = self._loaded.config.site.terminal_id.encode()
        return DtlsKey(identity, psk, (_psk(before) or b"") if before else b"")


def _psk(path: Path) -> bytes | None:
    try:
        return bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        logging.getLogger("uplink").error(
            "%s is not a DTLS key (%s): enrol this terminal again.", path, error
        )
        return None
