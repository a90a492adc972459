from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiohttp import web

from narthex.config.http_client import HTTPClientConfig
from narthex.net import HTTPClient
from narthex.net.dial import Dialled, dial
from unit.net.servers import serve


def keepalive(transport: Any) -> tuple[int, ...]:
    """On or off, then idle seconds, seconds between probes, probes: as the kernel has them."""
    found = transport.get_extra_info("socket")
    options = ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    on = int(found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0)
    return (on, *(found.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options))


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_all_outgoing_connections_notice_a_peer_that_has_vanished(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def found() -> list[tuple[int, ...]]:
        async def hello(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text="x" * 1_000_000)  # so long that the connection is still there

        async with serve(hello) as port, HTTPClient(HTTPClientConfig()) as http:
            kept = await dial(Dialled("127.0.0.1", port), None, None)
            of_kept = keepalive(kept._transport)
            kept.close()
            async with await http.get(f"http://127.0.0.1:{port}/", timeout_seconds=10) as response:
                assert response.connection is not None
                return [of_kept, keepalive(response.connection.transport)]

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(found()) == [(1, 15, 15, 9)] * 2
