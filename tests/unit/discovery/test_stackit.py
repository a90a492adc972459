from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from narthex.config.sd.hosters import StackitSDConfig
from narthex.config.strict import load
from narthex.discovery.stackit import StackitProvider
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api, live

SERVER: dict[str, Any] = {
    "id": "b4176700",
    "name": "runcommandtest",
    "availabilityZone": "eu01-3",
    "machineType": "g1.1",
    "status": "INACTIVE",
    "powerStatus": "STOPPED",
    "labels": {"provision.agent": "true", "number": 5},
    "nics": [{"networkName": "test net", "ipv4": "10.0.0.153", "publicIp": "192.0.2.1"}],
}
LABELS = {
    "__address__": "192.0.2.1:80",
    "__meta_stackit_project": "p-1",
    "__meta_stackit_id": "b4176700",
    "__meta_stackit_name": "runcommandtest",
    "__meta_stackit_availability_zone": "eu01-3",
    "__meta_stackit_type": "g1.1",
    "__meta_stackit_status": "INACTIVE",
    "__meta_stackit_power_status": "STOPPED",
    "__meta_stackit_public_ipv4": "192.0.2.1",
    "__meta_stackit_private_ipv4_test_net": "10.0.0.153",
    "__meta_stackit_label_provision_agent": "true",
    "__meta_stackit_labelpresent_provision_agent": "true",
}
SERVERS = "/v1/projects/p-1/servers"


def make(text: str, api: FakeApi) -> MakeProvider:
    section = load(StackitSDConfig, f"{{project: p-1, endpoint: '{api.url}/', {text}}}", "f.yml")
    return lambda metrics, clock: StackitProvider(section, "job", metrics, clock, token_url=f"{api.url}/token")


async def test_servers_live_and_those_without_an_address_are_left_out() -> None:
    private = {**SERVER, "nics": [{"networkName": "test net", "ipv4": "10.0.0.153", "publicIp": None}]}
    changed = {k: v for k, v in LABELS.items() if k != "__meta_stackit_public_ipv4"}
    changed["__address__"] = "10.0.0.153:80"
    async with fake_api() as api:
        api.routes = {SERVERS: {"items": [SERVER, {"id": "none", "nics": []}]}}
        await live(
            make("authorization: {credentials: tok}", api),
            api,
            lambda: api.routes.update({SERVERS: {"items": [private]}}),
            [LABELS],
            [changed],
        )
        assert api.asked()[0] == f"{SERVERS}?details=true"
        assert api.requests[0][0].headers["Authorization"] == "Bearer tok"


@pytest.mark.parametrize("place", ["key", "beside", "credentials"])
async def test_a_service_account_key_is_exchanged_for_tokens(place: str, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    credentials = {"kid": "k", "iss": "me@sa", "sub": "subject", "aud": "https://stackit"}
    account, private = tmp_path / "account.json", tmp_path / "key.pem"
    private.write_text(pem)
    text = f"service_account_key_path: {account}"
    if place == "key":
        credentials["privateKey"] = pem
    elif place == "beside":
        text += f", private_key_path: {private}"
    else:
        (tmp_path / "credentials.json").write_bytes(orjson.dumps({"STACKIT_PRIVATE_KEY_PATH": str(private)}))
        text += f", credentials_file_path: {tmp_path / 'credentials.json'}"
    account.write_bytes(orjson.dumps({"credentials": credentials}))

    async def servers(request: web.BaseRequest) -> Any:
        return {"items": [SERVER]} if request.headers["Authorization"] == "Bearer t1" else web.Response(status=401)

    async with fake_api() as api:
        api.routes = {SERVERS: servers, "/token": {"access_token": "t1", "expires_in": 3600}}
        async with Life(make(text, api)) as life:
            await life.next()
            assert (life.published, life.targets()) == (2, [LABELS])
        forms = [dict(parse_qsl(body.decode())) for request, body in api.requests if request.path == "/token"]
    assert len(forms) == 1
    head, claims, signature = forms[0]["assertion"].split(".")
    key.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA512())
    assert orjson.loads(decoded(head)) == {"alg": "RS512", "typ": "JWT", "kid": "k"}
    said = orjson.loads(decoded(claims))
    assert (said["iss"], said["sub"], said["aud"]) == ("me@sa", "subject", "https://stackit")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
