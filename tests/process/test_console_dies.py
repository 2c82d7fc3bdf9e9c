"""The real console killed, stopped and starved at the states of a visit: the lane does not notice.

Nothing of the lane rests on the console, so this looks at the lane from elsewhere: at the sign and
the relays on the wires, and at the file on disk. Afterwards the page is served again by itself.
"""

from __future__ import annotations

import json
import resource
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from terminal import cli
from terminal.core.types import Verdict
from tests.process.lane import RunningLane, free_port
from tests.process.test_kills import BACK_S_MAX, BOARD_S_MAX, START_S_MAX, STEP_S_MAX, Witness
from tests.process.test_limits import NONE_MORE, feed, mapped_bytes, starve, weighings

pytestmark = pytest.mark.process
ASK_S_MAX = 1.0
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Page:
    """The console as a machine sees it."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/health"

    def state(self) -> str:
        """State of the lane that a fresh answer names; empty: no answer, or an old one."""
        try:
            with NO_PROXY.open(self._url, timeout=ASK_S_MAX) as answer:
                return str(json.load(answer).get("state", ""))
        except (OSError, ValueError):  # an HTTPError is an OSError: 503 says that it is old
            return ""


def starve_of_both(pid: int) -> None:
    starve(pid, resource.RLIMIT_NOFILE, NONE_MORE)
    starve(pid, resource.RLIMIT_AS, mapped_bytes(pid))


def feed_both(pid: int) -> None:
    feed(pid, resource.RLIMIT_NOFILE)
    feed(pid, resource.RLIMIT_AS)


def test_the_lane_does_not_notice_a_console_that_dies(tmp_path: Path) -> None:
    port = free_port()
    with RunningLane(tmp_path, "--port", str(port), console=True) as lane:
        page, witness = Page(port), Witness(lane)

        def until(what: str, seen: Callable[[], bool], seconds: float) -> None:
            lane.until(what, lambda: witness.look() or seen(), seconds)

        def at(*states: str) -> None:
            until(f"the page says {states}", lambda: page.state() in states, BOARD_S_MAX)

        lane.until("the page is there", lambda: bool(page.state()), START_S_MAX)
        at("idle", "entering")
        first = lane.kill("console")
        until("the page is back", lambda: bool(page.state()), START_S_MAX)
        assert lane.pid("console") not in (0, first)

        at("weighing", "deciding", "committing", "releasing")
        lane.kill("console", signal.SIGSTOP)
        until("the exit opens", lambda: bool(witness.openings), BOARD_S_MAX)
        assert not page.state(), "it is stopped"
        pid = lane.pid("console")
        starve_of_both(pid)
        lane.kill("console", signal.SIGCONT)
        until("the exit shuts", lambda: not lane.world().relay("exit_open"), BACK_S_MAX)
        feed_both(pid)
        until("the page goes on", lambda: bool(page.state()), STEP_S_MAX)

        at("entering")
        pid = lane.pid("console")
        starve_of_both(pid)
        page.state()
        until("the second is judged", lambda: len(weighings(witness)) == 2, BACK_S_MAX)
        feed_both(pid)
        until("the page serves again", lambda: bool(page.state()), START_S_MAX)
        verdicts = weighings(witness)
    assert verdicts == [Verdict.PASS, Verdict.OVER]
    assert len(witness.openings) == 1
    log = (tmp_path / "log.txt").read_text()
    for name in ("control", "ledger", "panel", "camera", "uplink"):
        assert f"{name}: ended" not in log, "only the console died"
    assert cli.main(["verify", str(tmp_path / "demo" / "ledger")]) == 0
