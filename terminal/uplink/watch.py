"""Observes a resource of a terminal and goes on hearing of it: what a plain observation does not.

An address that changes on the way (a NAT that forgets) ends an observation without a word. The
server repeats itself within Max-Age, so whoever hears nothing for that long asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import aiocoap
from aiocoap.error import Error as CoapError

MAX_AGE_S_DEFAULT = 60.0
"""What an answer without the option means (RFC 7252 5.10.5)."""
ANSWER_S_MAX = 15.0
PAUSE_S = 2.0
"""Between two tries that nobody answers."""


async def watch(context: aiocoap.Context, message: Any) -> AsyncGenerator[bytes, None]:
    """Payloads of a GET as they come, for ever; nothing is yielded twice in a row.

    message: the request, made by the caller: with a URI, or with the remote of an association
    that the terminal has opened. Raises nothing for the network's sake.
    """
    last: bytes | None = None
    while True:
        request = context.request(message.copy(observe=0), handle_blockwise=False)
        heard = aiter(request.observation)
        try:
            answer = await asyncio.wait_for(request.response, ANSWER_S_MAX)
            while answer.code.is_successful():
                if answer.payload != last:
                    last = answer.payload
                    yield last
                age_s = answer.opt.max_age or MAX_AGE_S_DEFAULT
                answer = await asyncio.wait_for(anext(heard), age_s)
        except (TimeoutError, CoapError, OSError, StopAsyncIteration):
            pass
        finally:
            with suppress(CoapError):
                request.observation.cancel()
        if last is None:
            await asyncio.sleep(PAUSE_S)
