"""Control listens to the uplink's link and to nothing that comes over it."""

from __future__ import annotations

import pytest

from hal.contract.types import Key, KeyPress, MonotonicNs
from terminal.control.mailbox import Mailbox
from terminal.link import Received
from terminal.messages import KeyPressed, Message, Wake


@pytest.mark.parametrize("message", [KeyPressed(KeyPress(Key.D1, MonotonicNs(1))), Wake()])
def test_whatever_the_uplink_says_is_ignored_and_counted(message: Message) -> None:
    mailbox = Mailbox()
    mailbox.start_tick([Received("uplink", message)], MonotonicNs(0))
    assert mailbox.ignored == 1
    assert (mailbox.keys, mailbox.zero, mailbox.status) == ([], None, None)
