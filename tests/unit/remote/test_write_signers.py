"""Requests of remote write to clouds: the endpoint checks the signature, or gets the token that it would trust."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
import pytest
from aiohttp import web

from narthex.config.remote import RemoteWriteConfig
from narthex.remote.write_client import Answer, Fate, WriteClient
from support.clock import FakeClock
from unit.net.servers import serve
from unit.net.test_cloud_tokens import ID, TENANT, TokenServer, private_key, token_server, verified

BODY = bytes(range(256))
AWS = {"region": "eu-west-1", "access_key": "AKID", "secret_key": "secret"}


async def send(port: int, **config: Any) -> Answer:
    url = {"url": f"http://127.0.0.1:{port}/api/v1/remote_write?a=b%20c"}
    client = WriteClient(RemoteWriteConfig.model_validate(url | config), FakeClock(1_700_000_000.0))
    try:
        return await client.send(BODY, 0)
    finally:
        await client.close()


def signed(request: web.BaseRequest, body: bytes, secret: str) -> bool:
    """Whether the request's signature is right (https://docs.aws.amazon.com/IAM/latest/UserGuide/
    reference_sigv-create-signed-request.html), and covers host, time and content.
    """
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    names = parts["SignedHeaders"].split(";")
    scope = parts["Credential"].partition("/")[2]
    covered = {"host", "x-amz-date", "content-type"} <= set(names)
    payload = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(
        (
            request.method,
            request.rel_url.raw_path,
            urlencode(sorted(parse_qsl(request.rel_url.raw_query_string)), quote_via=quote),
            *(f"{name}:{request.headers[name].strip()}" for name in names),
            "",
            parts["SignedHeaders"],
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((scheme, request.headers["X-Amz-Date"], scope, digest))
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return covered and hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), parts["Signature"])


@pytest.mark.parametrize(("secret", "fate"), [("secret", Fate.TAKEN), ("another", Fate.REFUSED)])
async def test_an_endpoint_at_aws_can_check_the_signature(secret: str, fate: Fate) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        assert body == BODY
        return web.Response(status=204 if signed(request, body, secret) else 403)

    async with serve(handler) as port:
        assert (await send(port, sigv4=AWS)).fate is fate


async def bearer(server: TokenServer, **config: Any) -> None:
    """The endpoint takes what bears the server's first token."""

    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(status=204 if request.headers.get("Authorization") == "Bearer t1" else 401)

    async with serve(handler) as port:
        answer = await send(port, **config)
        assert (answer.fate, answer.status) == (Fate.TAKEN, 204), answer
        assert (await send(port)).fate is Fate.REFUSED
    assert len(server.asked) == 1


async def test_an_endpoint_at_azure_gets_the_token_of_a_client_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async with token_server() as server:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{server.url}/")
        await bearer(server, azuread={"oauth": {"client_id": ID, "client_secret": "s", "tenant_id": TENANT}})
    assert server.asked[0]["path"] == f"/{TENANT}/oauth2/v2.0/token"
    assert server.asked[0]["form"]["client_secret"] == "s"


async def test_an_endpoint_at_google_gets_the_token_of_a_service_account(tmp_path: Path) -> None:
    key, pem = private_key()
    file = tmp_path / "account.json"
    async with token_server() as server:
        account = {"type": "service_account", "client_email": "me@project", "private_key": pem, "private_key_id": "k"}
        file.write_bytes(orjson.dumps(account | {"token_uri": f"{server.url}/token"}))
        await bearer(server, google_iam={"credentials_file": str(file)})
    _, claims = verified(server.asked[0]["form"]["assertion"], key.public_key())
    assert claims["iss"] == "me@project"


async def test_a_token_that_is_not_to_be_had_is_tried_again() -> None:
    answer = await send(1, google_iam={"credentials_file": "/does/not/exist"})
    assert answer.fate is Fate.AGAIN and "/does/not/exist" in answer.problem
