"""AWS' services on one loopback port: answers by action, and a check that every request is signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from narthex.config.discovery import DiscoveryConfigs
from narthex.config.strict import load
from narthex.discovery.aws.provider import provider_of
from unit.discovery.api import FakeApi, MakeProvider

Answer = Callable[[dict[str, Any]], Any]


def aws(api: FakeApi, actions: dict[str, Answer | Any]) -> None:
    """Lets the API answer POSTs to / by their action with a document, XML, or what a function makes of it."""

    async def handle(request: web.BaseRequest) -> Any:
        body = await request.read()
        assert "AWS4-HMAC-SHA256 Credential=AK/20231114/eu-west-1/" in request.headers["Authorization"]
        target = request.headers.get("X-Amz-Target", "")
        call = orjson.loads(body) if target else dict(parse_qsl(body.decode()))
        answer = actions.get(target.rpartition(".")[2] or call["Action"])
        if callable(answer):
            answer = answer(call)
        if answer is None:
            return web.Response(
                status=400, text="<Response><Errors><Error><Code>Unknown</Code></Error></Errors></Response>"
            )
        return answer.encode() if isinstance(answer, str) else answer

    api.routes["/"] = handle


def make(text: str, api: FakeApi) -> MakeProvider:
    """The provider of the one section in `text`, which finds all services at the fake."""
    (section,) = load(DiscoveryConfigs, text, "f.yml").each()
    environment = {
        "AWS_ENDPOINT_URL": api.url,
        "AWS_ACCESS_KEY_ID": "AK",
        "AWS_SECRET_ACCESS_KEY": "sk",
        "AWS_REGION": "eu-west-1",
        "HOME": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return lambda metrics, clock: provider_of(section, "job", metrics, clock, environment=environment)
