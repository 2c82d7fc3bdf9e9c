"""Hands OSCORE requests to the worker that owns their context, over CoAP on loopback.

Replay window and sequence numbers must be kept by one process only, and the kernel knows
nothing of terminals. The request stays protected on its way; a worker that does not answer
costs one "busy", and the terminal comes again.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiocoap
from aiocoap import interfaces
from aiocoap.error import Error as CoapError
from aiocoap.oscore import COSE_KID, NotAProtectedMessage, verify_start

from terminal.county.gate import refused_message
from terminal.county.problems import RefusedError
from terminal.county.sharding import Place
from terminal.streams.context import stream_context

ANSWER_S_MAX = 15.0
RELAYED_MAX = 1_024
"""Requests under way to other workers."""


class RelaySite(interfaces.Resource):  # type: ignore[misc]  # the library has no types
    """Stands before the site that knows this worker's own contexts."""

    def __init__(self, own: Any, place: Place) -> None:
        """own: aiocoap's OSCORE wrapper around the gate."""
        super().__init__()
        self._own = own
        self._place = place
        self._context: Any = None
        self._under_way = 0

    async def open(self, log_name: str) -> None:
        """Get ready to ask other workers: one connection to each, however many ask at once."""
        self._context = await stream_context("coap+tcp", [], log_name)

    async def close(self) -> None:
        """Close the connections to other workers."""
        if self._context is not None:
            await self._context.shutdown()

    async def needs_blockwise_assembly(self, request: Any) -> bool:
        """Never by the library."""
        return False

    async def render(self, request: Any) -> Any:
        """Not used: the library enters by render_to_pipe."""
        raise AssertionError("render_to_pipe is overridden")

    async def render_to_pipe(self, pipe: Any) -> None:
        """The library's entry."""
        owner = self._owner(pipe.request)
        if owner == self._place.index:
            await self._own.render_to_pipe(pipe)
            return
        try:
            response = await self._relayed(pipe.request, owner)
        except RefusedError as refusal:
            response = refused_message(refusal)
        pipe.add_response(response, is_last=True)

    def _owner(self, request: Any) -> int:
        try:
            key_id = verify_start(request).get(COSE_KID)
        except (NotAProtectedMessage, CoapError, ValueError, LookupError, TypeError):
            return self._place.index
        return self._place.owner_of(key_id) if isinstance(key_id, bytes) else self._place.index

    async def _relayed(self, request: Any, owner: int) -> Any:
        if self._under_way >= RELAYED_MAX:
            raise RefusedError("busy", f"{RELAYED_MAX} requests are with other workers already")
        port = self._place.relay_ports[owner]
        asked = aiocoap.Message(
            code=request.code, payload=request.payload, uri=f"coap+tcp://127.0.0.1:{port}"
        )
        asked.opt.oscore = request.opt.oscore
        self._under_way += 1
        try:
            answer = await asyncio.wait_for(
                self._context.request(asked, handle_blockwise=False).response, ANSWER_S_MAX
            )
        except (CoapError, OSError, TimeoutError) as error:
            detail = f"worker {owner} does not answer: {type(error).__name__}"
            raise RefusedError("busy", detail) from error
        finally:
            self._under_way -= 1
        response = aiocoap.Message(code=answer.code, payload=answer.payload)
        for option in answer.opt.option_list():
            response.opt.add_option(option)
        return response
