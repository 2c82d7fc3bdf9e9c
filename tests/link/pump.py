"""One turn of an uplink whose ledger answers in the same process: a test or a bench turns it."""

from __future__ import annotations

from typing import Protocol

from terminal.link import Received
from terminal.messages import Message
from terminal.node import Tick
from terminal.uplink.node import UplinkNode
from terminal.uplink.shell import Carrier


class Clock(Protocol):
    def monotonic_ns(self) -> int: ...


class Answering(Protocol):
    answers: list[Message]


def turn(node: UplinkNode, carrier: Carrier, ledger: Answering, clock: Clock) -> None:
    """What the ledger answered goes to the node, time goes on, and what is due is sent."""
    answers, ledger.answers = ledger.answers, []
    for answer in answers:
        carrier.send(node.on_event(Received("ledger", answer), clock.monotonic_ns()))
    carrier.send(node.on_event(Tick(), clock.monotonic_ns()))
    carrier.launch()
