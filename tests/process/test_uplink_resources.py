"""The terminal's own resources: read-only, observed on change, fresh or said not to be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any

import aiocoap
import msgspec
import pytest
from aiocoap import interfaces

from hal.contract.types import NS_PER_S, MonotonicNs
from terminal.config import ResourcesSection
from terminal.messages import Snapshot
from terminal.uplink.coap import CoapTransport
from terminal.uplink.exchange import WireRequest
from terminal.uplink.resources import (
    FRESH_NS,
    MAX_AGE_S,
    NOTIFY_NS_MIN,
    OBSERVERS_MAX,
    Resources,
    serving,
)
from terminal.uplink.watch import watch
from tests.ports import free_port
from tests.tools.console_feeder import idle, over, weighed

pytestmark = pytest.mark.process
START_NS = 1_000 * 1_000_000_000
WAIT_S = 10


def at(snapshot: Snapshot, now_ns: int) -> Snapshot:
    return msgspec.structs.replace(snapshot, now_ns=MonotonicNs(now_ns))


def udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def site() -> Resources:
    return Resources({"terminal_id": "T-1", "version": "9"})


async def ask(context: aiocoap.Context, **message: Any) -> Any:
    return await asyncio.wait_for(context.request(aiocoap.Message(**message)).response, WAIT_S)


def test_reads_answer_and_every_write_is_refused() -> None:
    ours, port = site(), udp_port()
    uri = f"coap://127.0.0.1:{port}"

    async def scenario() -> None:
        async with serving(ResourcesSection(port=port), ours) as why:
            assert why == ""
            client = await aiocoap.Context.create_client_context(transports=["udp6"])
            stale = await ask(client, code=aiocoap.GET, uri=f"{uri}/weight")
            assert json.loads(stale.payload)["fresh"] is False
            ours.keep(at(over(), START_NS))
            ours.tick(START_NS + FRESH_NS)
            weight = json.loads((await ask(client, code=aiocoap.GET, uri=f"{uri}/weight")).payload)
            assert weight["gross_kg"] == 50_200
            queue = json.loads((await ask(client, code=aiocoap.GET, uri=f"{uri}/queue")).payload)
            assert (queue["unsent"], queue["targets"][0][0]) == (2, "county")
            software = await ask(client, code=aiocoap.GET, uri=f"{uri}/software")
            assert json.loads(software.payload)["version"] == "9"
            status = await ask(client, code=aiocoap.GET, uri=f"{uri}/status")
            assert json.loads(status.payload)["state"] == "held"
            assert "12345" not in status.payload.decode(), "no plate leaves here"
            links = await ask(client, code=aiocoap.GET, uri=f"{uri}/.well-known/core")
            assert b'</weight>;rt="weigh.weight";ct=50;obs' in links.payload
            other = await ask(client, code=aiocoap.GET, uri=f"{uri}/open")
            assert other.code == aiocoap.NOT_FOUND
            ours.tick(START_NS + FRESH_NS + 1)
            gone = json.loads((await ask(client, code=aiocoap.GET, uri=f"{uri}/weight")).payload)
            assert (gone["fresh"], gone["gross_kg"]) == (False, None)
            for code in (aiocoap.PUT, aiocoap.POST, aiocoap.DELETE, aiocoap.PATCH, aiocoap.FETCH):
                for path in ("weight", "status", "queue", "software", ".well-known/core", "x"):
                    payload = b"" if code is aiocoap.DELETE else b"1"
                    answer = await ask(client, code=code, uri=f"{uri}/{path}", payload=payload)
                    assert answer.code == aiocoap.METHOD_NOT_ALLOWED, (code, path)
            await client.shutdown()

    asyncio.run(scenario())


def test_observers_hear_changes_only_and_not_too_often() -> None:
    ours, port = site(), udp_port()

    async def scenario() -> None:
        async with serving(ResourcesSection(port=port), ours):
            ours.keep(at(idle(), START_NS))
            ours.tick(START_NS)
            client = await aiocoap.Context.create_client_context(transports=["udp6"])
            message = aiocoap.Message(
                code=aiocoap.GET, uri=f"coap://127.0.0.1:{port}/weight", observe=0
            )
            request = client.request(message)
            first = await asyncio.wait_for(request.response, WAIT_S)
            assert json.loads(first.payload)["gross_kg"] == 0
            heard = aiter(request.observation)
            ours.tick(START_NS + 1)  # the first tick with an observer says what it knows
            step_ns = START_NS + 1
            for kg in (100, 200, 300):  # quicker than NOTIFY_NS_MIN: nobody hears of 100 and 200
                changed = msgspec.structs.replace(idle(), weighed=weighed(kg))
                step_ns += NOTIFY_NS_MIN // 3
                ours.keep(at(changed, step_ns))
                ours.tick(step_ns)
            ours.tick(START_NS + 1 + NOTIFY_NS_MIN)
            seen = []
            while not seen or seen[-1] != 300:
                notice = await asyncio.wait_for(anext(heard), WAIT_S)
                seen.append(json.loads(notice.payload)["gross_kg"])
            assert set(seen) <= {0, 300}
            request.observation.cancel()
            await client.shutdown()

    asyncio.run(scenario())


def test_observers_are_bounded() -> None:
    class Observation:
        accepted = 0

        def accept(self, _cancel: object) -> None:
            Observation.accepted += 1

    async def scenario() -> None:
        ours = site()
        message = aiocoap.Message(code=aiocoap.GET, uri_path=("weight",))
        for _ in range(OBSERVERS_MAX + 3):
            await ours.add_observation(message, Observation())

    asyncio.run(scenario())
    assert Observation.accepted == OBSERVERS_MAX


def test_a_taken_address_is_told_and_costs_nothing_else() -> None:
    async def scenario() -> str:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            async with serving(ResourcesSection(port=taken.getsockname()[1]), site()) as why:
                return why

    assert "[resources]" in asyncio.run(scenario())


class Platform(interfaces.Resource):  # type: ignore[misc]
    """A county behind whose port a terminal has dialled in."""

    def __init__(self) -> None:
        self.remote: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def needs_blockwise_assembly(self, _request: Any) -> bool:
        return False

    async def render(self, request: Any) -> Any:
        if not self.remote.done():
            self.remote.set_result(request.remote)
        return aiocoap.Message(code=aiocoap.CONTENT, payload=b"\x00")

    async def render_to_pipe(self, pipe: Any) -> None:
        pipe.add_response(await self.render(pipe.request), is_last=True)


@pytest.mark.parametrize("shown", [True, False])
def test_a_platform_reads_over_the_connection_the_terminal_opened(shown: bool) -> None:
    ours, port = site(), free_port()

    async def scenario() -> None:
        ours.keep(at(over(), START_NS))
        ours.tick(START_NS)
        platform = Platform()
        county = await aiocoap.Context.create_server_context(
            platform, bind=("127.0.0.1", port), transports=["tcpserver"]
        )
        way = CoapTransport(f"coap+tcp://127.0.0.1:{port}", None, None, ours if shown else None)
        assert (await way.ask(WireRequest("GET", ("v1", "time"), 0, b"", False))).code == "2.05"
        remote = await asyncio.wait_for(platform.remote, WAIT_S)

        def back(code: Any, observe: int | None = None) -> Any:
            message = aiocoap.Message(code=code, uri_path=("weight",), observe=observe)
            message.remote = remote
            return county.request(message, handle_blockwise=False)

        read = back(aiocoap.GET, 0)
        answer = await asyncio.wait_for(read.response, WAIT_S)
        if shown:
            assert json.loads(answer.payload)["gross_kg"] == 50_200
            heard = aiter(read.observation)
            ours.keep(at(idle(), START_NS + NOTIFY_NS_MIN))
            ours.tick(START_NS + NOTIFY_NS_MIN)
            notice = await asyncio.wait_for(anext(heard), WAIT_S)
            assert json.loads(notice.payload)["gross_kg"] == 0
            refused = await asyncio.wait_for(back(aiocoap.PUT).response, WAIT_S)
            assert refused.code == aiocoap.METHOD_NOT_ALLOWED
            read.observation.cancel()
        else:
            assert not answer.code.is_successful()
        await way.close()
        await county.shutdown()

    asyncio.run(scenario())


def test_an_observer_whose_observation_was_lost_hears_again() -> None:
    """The server forgets it, as behind a NAT that forgets: the watcher asks anew at Max-Age."""
    ours, port = site(), free_port()
    section = ResourcesSection(port=port)

    async def scenario() -> list[int]:
        ours.keep(at(over(), START_NS))
        ours.tick(START_NS)
        context = await aiocoap.Context.create_client_context()
        uri = f"coap://127.0.0.1:{port}/weight"
        heard = []
        async with serving(section, ours) as why:
            assert not why
            async with contextlib.aclosing(
                watch(context, aiocoap.Message(code=aiocoap.GET, uri=uri))
            ) as words:
                heard.append(json.loads(await asyncio.wait_for(anext(words), WAIT_S))["gross_kg"])
                ours._observers["weight"].clear()
                ours.keep(at(idle(), START_NS + NS_PER_S))
                ours.tick(START_NS + NS_PER_S)
                heard.append(json.loads(await asyncio.wait_for(anext(words), WAIT_S))["gross_kg"])
        await context.shutdown()
        return heard

    ours._max_age_s = 1
    assert asyncio.run(scenario()) == [50_200, 0]


def test_what_does_not_change_is_repeated_within_its_max_age() -> None:
    ours, told = site(), []

    class Observer:
        def trigger(self) -> None:
            told.append(ours._now_ns)

    ours._observers["status"].add(Observer())
    ours.keep(at(idle(), START_NS))
    for step in range(2 * MAX_AGE_S * 10 + 1):
        now_ns = START_NS + step * NS_PER_S // 10
        ours.keep(at(idle(), now_ns))
        ours.tick(now_ns)
    assert [(ns - START_NS) // NS_PER_S for ns in told] == [0, 15, 30, 45, 60]


def test_a_platform_watches_over_the_connection_the_terminal_opened() -> None:
    """Role reversal and a lost observation: the watcher registers anew on the same association."""
    ours, port = site(), free_port()
    ours._max_age_s = 1

    async def scenario() -> list[int]:
        ours.keep(at(over(), START_NS))
        ours.tick(START_NS)
        platform = Platform()
        county = await aiocoap.Context.create_server_context(
            platform, bind=("127.0.0.1", port), transports=["tcpserver"]
        )
        way = CoapTransport(f"coap+tcp://127.0.0.1:{port}", None, None, ours)
        await way.ask(WireRequest("GET", ("v1", "time"), 0, b"", False))
        message = aiocoap.Message(code=aiocoap.GET, uri_path=("weight",))
        message.remote = await asyncio.wait_for(platform.remote, WAIT_S)
        heard = []
        async with contextlib.aclosing(watch(county, message)) as words:
            heard.append(json.loads(await asyncio.wait_for(anext(words), WAIT_S))["gross_kg"])
            ours._observers["weight"].clear()
            ours.keep(at(idle(), START_NS + NS_PER_S))
            ours.tick(START_NS + NS_PER_S)
            heard.append(json.loads(await asyncio.wait_for(anext(words), WAIT_S))["gross_kg"])
        await way.close()
        await county.shutdown()
        return heard

    assert asyncio.run(scenario()) == [50_200, 0]
