"""Waiting for an event no longer than a clock says."""

from __future__ import annotations

import asyncio

from narthex.clock import Clock


async def wait_for(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Whether the event is set, at the latest after `seconds`."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    waiting = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
    return event.is_set()
