"""One receiving platform a file, found by the name that a target's configuration gives."""

from __future__ import annotations

from terminal.uplink.adapters.coap_v1 import CoapV1
from terminal.uplink.exchange import Adapter

ADAPTERS: dict[str, type[Adapter]] = {CoapV1.name: CoapV1}
"""Adapter by the `adapter` key of a [[targets]] section."""
