from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from yarl import URL

from narthex.config.sd.hosters import OutscaleSDConfig
from narthex.config.strict import load
from narthex.discovery.outscale import OutscaleProvider
from narthex.net.aws_keys import AwsKeys
from narthex.net.sigv4 import Scope, sign
from unit.discovery.api import FakeApi, Life, MakeProvider, fake_api, live

VM = {
    "VmId": "i-1",
    "State": "running",
    "PrivateIp": "10.1.2.3",
    "PublicIp": "1.2.3.4",
    "Placement": {"SubregionName": "eu-west-2a", "Tenancy": "default"},
    "Tags": [{"Key": "my key", "Value": "v"}, {"Key": "", "Value": "x"}, {"Key": "empty", "Value": ""}],
}
LABELS = {
    "__address__": "10.1.2.3:9090",
    "__meta_outscale_vm_instance_id": "i-1",
    "__meta_outscale_vm_region": "eu-west-2",
    "__meta_outscale_vm_state": "running",
    "__meta_outscale_vm_subregion": "eu-west-2a",
    "__meta_outscale_vm_private_ip": "10.1.2.3",
    "__meta_outscale_vm_public_ip": "1.2.3.4",
    "__meta_outscale_vm_tag_my_key": "v",
}
PUBLIC = {
    "__address__": "203.0.113.10:9090",
    "__meta_outscale_vm_instance_id": "i-pub",
    "__meta_outscale_vm_region": "eu-west-2",
    "__meta_outscale_vm_state": "",
    "__meta_outscale_vm_public_ip": "203.0.113.10",
}


def make(text: str, api: FakeApi) -> MakeProvider:
    section = load(OutscaleSDConfig, f"{{endpoint: '{api.url}/api/v1', port: 9090, {text}}}", "f.yml")
    return lambda metrics, clock: OutscaleProvider(section, "job", metrics, clock)


async def test_machines_live_and_calls_are_signed_with_the_key_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("sk\n")
    async with fake_api() as api:
        api.routes = {"/api/v1/ReadVms": {"Vms": [VM, {"VmId": "i-pub", "PublicIp": "203.0.113.10"}, {"VmId": "none"}]}}
        change = {"Vms": [VM]}
        await live(
            make(f"access_key: AK, secret_key_file: {file}", api),
            api,
            lambda: api.routes.update({"/api/v1/ReadVms": change}),
            [LABELS, PUBLIC],
            [LABELS],
        )
        request, body = api.requests[0]
        headers = {"Content-Type": "application/json"}
        url, keys = URL(f"{api.url}/api/v1/ReadVms"), AwsKeys("AK", "sk")
        expected = sign("POST", url, headers, b"{}", keys, Scope("eu-west-2", "oapi"), 1_700_000_000)
        assert body == b"{}"
        assert {name: request.headers[name] for name in expected} == expected


async def test_all_pages_are_read() -> None:
    asked: list[Any] = []

    async def read(request: web.BaseRequest) -> Any:
        asked.append(orjson.loads(await request.read()))
        more = {} if len(asked) == 3 else {"NextPageToken": f"t{len(asked)}"}
        return {"Vms": [{"VmId": f"i-{len(asked)}", "PrivateIp": f"10.0.0.{len(asked)}"}], **more}

    async with fake_api() as api:
        api.routes = {"/api/v1/ReadVms": read}
        async with Life(make("access_key: AK, secret_key: sk", api)) as life:
            assert len(life.targets()) == 3
    assert asked == [{}, {"NextPageToken": "t1"}, {"NextPageToken": "t2"}]
