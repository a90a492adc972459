"""Answers of an endpoint and what they mean."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiohttp import web

from narthex.config.remote import MESSAGES, RemoteWriteConfig
from narthex.remote.write_client import Answer, Fate, WriteClient, Written
from support.clock import FakeClock
from unit.net.servers import serve


async def ask(response: web.Response, attempt: int = 0, **config: Any) -> tuple[Answer, dict[str, str]]:
    seen: dict[str, str] = {}

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.update(request.headers)
        assert await request.read() == b"body"
        return response

    async with serve(handler) as port:
        made = RemoteWriteConfig.model_validate({"url": f"http://127.0.0.1:{port}/", **config})
        client = WriteClient(made, FakeClock(1_700_000_000.0))
        try:
            return await client.send(b"body", attempt), seen
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("status", "on_429", "fate"),
    [
        (200, False, Fate.TAKEN), (204, False, Fate.TAKEN), (400, False, Fate.REFUSED), (404, False, Fate.REFUSED),
        (429, False, Fate.REFUSED), (429, True, Fate.AGAIN), (500, False, Fate.AGAIN), (503, False, Fate.AGAIN),
    ],
)  # fmt: skip
async def test_the_status_says_whether_another_attempt_makes_sense(status: int, on_429: bool, fate: Fate) -> None:
    answer, _ = await ask(web.Response(status=status), queue_config={"retry_on_http_429": on_429})
    assert (answer.fate, answer.status) == (fate, status)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("Tue, 14 Nov 2023 22:13:40 GMT", 20.0), ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0), ("soon", 0.0),
     ("inf", 0.0), ("-3", 0.0), ("", 0.0)],
)  # fmt: skip
async def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    answer, _ = await ask(web.Response(status=503, headers={"Retry-After": text}))
    assert answer.wait_seconds == seconds


async def test_the_headers_are_those_of_the_version() -> None:
    _, first = await ask(web.Response(), headers={"X-Scope": "me"})
    assert first["Content-Encoding"] == "snappy" and first["X-Scope"] == "me"
    assert first["Content-Type"] == "application/x-protobuf"
    assert first["X-Prometheus-Remote-Write-Version"] == "0.1.0" and "Retry-Attempt" not in first
    _, second = await ask(web.Response(), 2, protobuf_message=MESSAGES[1])
    assert second["Content-Type"] == "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    assert second["X-Prometheus-Remote-Write-Version"] == "2.0.0" and second["Retry-Attempt"] == "2"


async def test_the_second_version_says_how_much_was_stored() -> None:
    headers = {"X-Prometheus-Remote-Write-Samples-Written": "12", "X-Prometheus-Remote-Write-Exemplars-Written": "x"}
    answer, _ = await ask(web.Response(headers=headers), protobuf_message=MESSAGES[1])
    assert answer.written == Written(12, 0, 0)
    answer, _ = await ask(web.Response(headers=headers))
    assert answer.written is None


async def test_an_endpoint_that_is_away_is_worth_another_attempt() -> None:
    async with serve(lambda _: None) as port:  # type: ignore[arg-type,return-value]  # never called
        pass
    client = WriteClient(RemoteWriteConfig.model_validate({"url": f"http://127.0.0.1:{port}/"}), FakeClock())
    answer = await client.send(b"", 0)
    await client.close()
    assert answer.fate is Fate.AGAIN and "connection refused" in answer.problem


async def test_connections_go_to_all_addresses_of_a_host_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        seen.add(request.transport.get_extra_info("sockname")[0])
        return web.Response(headers={"Connection": "close"})

    async with serve(handler, host="127.0.0.1") as port:
        runner = web.ServerRunner(web.Server(handler))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.2", port).start()
            found = [
                (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (f"127.0.0.{k}", port)) for k in (1, 2)
            ]
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", AsyncMock(return_value=found))
            config = {"url": f"http://many.example:{port}/", "round_robin_dns": True}
            client = WriteClient(RemoteWriteConfig.model_validate(config), FakeClock())
            answers = [await client.send(b"body", 0) for _ in range(40)]
            await client.close()
        finally:
            await runner.cleanup()
    assert all(answer.fate is Fate.TAKEN for answer in answers)
    assert seen == {"127.0.0.1", "127.0.0.2"}
